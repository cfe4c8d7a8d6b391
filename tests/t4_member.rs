//! Part 4's member, with a socket and without a server: what the broadcaster may still do to it
//! when it has gone, or was told to go.

mod common;

use common::{Client, calm};
use rawchat::techniques::t4_broadcast::Hub;
use rawchat::techniques::t4_member::{Membership, Pace};
use rawchat::techniques::{Chat, TECHNIQUES};
use rawchat::wire::frame::Opcode;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

fn member() -> (Membership, Client) {
    let hub = Hub::start(Chat::new(&TECHNIQUES[3], calm())).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let socket = Arc::new(listener.accept().unwrap().0);
    let membership = Membership::new(&hub, socket, "Bob".into(), None).unwrap();
    (membership, Client::over(client).greeted())
}

/// The broadcaster goes through the members as they were when its round began.
#[test]
fn who_has_left_is_told_nothing_by_the_round_under_way() {
    let (membership, mut client) = member();
    let member = membership.0.clone();
    drop(membership);
    // In the timeline there is something new: that it has left.
    assert!(matches!(member.deliver(&mut None), Ok(Pace::Done)));
    drop(member);
    client.ends();
}

#[test]
fn who_is_cut_off_is_not_written_to_any_more() {
    let (membership, _client) = member();
    let member = &membership.0;
    while !matches!(member.deliver(&mut None).unwrap(), Pace::Behind(_)) {
        member.send(Opcode::Text, &[b'x'; 64 * 1024]).unwrap();
    }
    member.cut_off("by a test");
    assert!(matches!(member.deliver(&mut None), Ok(Pace::Done)));
    assert!(member.send(Opcode::Text, b"x").is_err());
}
