//! Part 4's member, with a socket and without a server: what the broadcaster may still do to it
//! when it has gone, or was told to go.

mod common;

use common::{Client, calm};
use rawchat::techniques::t4_member::{Member, Membership};
use rawchat::techniques::{Chat, TECHNIQUES, t4_broadcast};
use rawchat::wire::frame::Opcode;
use std::io;
use std::sync::Arc;
use std::time::Duration;

fn member() -> (Arc<Chat>, Membership, Client) {
    let chat = Chat::new(&TECHNIQUES[3], calm());
    t4_broadcast::start(chat.clone()).unwrap();
    let (socket, client) = common::pair();
    let membership = Membership::new(&chat, Arc::new(socket), "Bob".into(), None).unwrap();
    (chat, membership, client.greeted())
}

/// The broadcaster goes through the members as they were when its round began.
#[test]
fn who_has_left_is_told_nothing_by_the_round_under_way() {
    let (chat, membership, mut client) = member();
    let member = membership.0.clone();
    drop(membership);
    // In the timeline there is something new: that it has left.
    assert!(matches!(member.deliver(chat.timeline.end()), Ok(0)));
    drop(member);
    client.ends();
}

static ANSWER: [u8; 64 * 1024] = [b'x'; 64 * 1024];

/// Answers until more is unsent than the sockets might take later, on a busy machine: so many times.
fn fill(member: &Member) -> usize {
    let mut count = 0;
    while member.deliver(0).unwrap() <= common::PAIR_BYTES_MAX as u64 {
        member.send(Opcode::Text, &ANSWER).unwrap();
        count += 1;
    }
    count
}

/// Nobody speaks, and the next heartbeat is far away.
#[test]
fn what_a_full_socket_did_not_take_of_an_answer_follows_without_any_news() {
    let (chat, membership, mut client) = member();
    for id in 1..=3 {
        chat.say("Alice".into(), "x".into());
        assert_eq!(client.message().0, id);
    }
    // Now the broadcaster has had its round, and sleeps.
    for _ in 0..fill(&membership.0) {
        assert!(client.frame() == (Opcode::Text, ANSWER.to_vec()));
    }
}

/// Whoever makes us answer without end, and reads nothing, makes no rounds without end.
#[test]
fn an_answer_behind_others_that_are_tried_again_does_not_wake_the_broadcaster() {
    let (chat, membership, _client) = member();
    let rings = || chat.room.wait_while(Duration::ZERO, |_, _| false).1;
    fill(&membership.0);
    let before = rings();
    (0..100).for_each(|_| membership.0.send(Opcode::Pong, b"").unwrap());
    assert_eq!(rings(), before);
}

#[test]
fn who_is_cut_off_is_not_written_to_any_more() {
    let (chat, membership, _client) = member();
    let member = &membership.0;
    fill(member);
    member.cut_off(io::Error::other("by a test"));
    assert!(matches!(member.deliver(chat.timeline.end()), Ok(0)));
    assert!(member.send(Opcode::Text, b"x").is_err());
}
