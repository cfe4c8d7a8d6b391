//! Part 4's timeline, without a socket: one order for all, presence, forgetting, and who waits for
//! the broadcaster.

mod common;

use common::eventually;
use rawchat::room::Room;
use rawchat::techniques::t4_timeline::{
    BEHIND_EVENTS_MAX, PAUSE, PIECE_BYTES_MAX, Piece, TIMELINE_BYTES_MAX, Timeline,
};
use rawchat::wire::frame::{self, Opcode, Side};
use serde_json::Value;
use std::thread;
use std::time::Instant;

struct Chat {
    room: Room,
    timeline: Timeline,
}

/// It lasts: a thread that a broken timeline would not let go does not keep a test from failing.
fn chat() -> &'static Chat {
    let room = Room::new(|m| format!(r#"{{"id":{},"text":"{}"}}"#, m.id, m.text));
    Box::leak(Box::new(Chat { room, timeline: Timeline::default() }))
}

impl Chat {
    fn say(&self, text: &str) -> u64 {
        self.timeline.say(&self.room, "Alice".into(), text.into()).id
    }

    fn talk(&self, times: u64, text: &str) {
        for _ in 0..times {
            self.say(text);
        }
    }

    fn join(&self, user: &str) -> u64 {
        self.timeline.join(&self.room, user).next
    }

    fn leave(&self, user: &str) {
        self.timeline.leave(&self.room, user);
    }

    /// What the broadcaster takes.
    fn piece(&self, from: u64) -> Option<Piece> {
        self.timeline.follow(&self.room);
        self.timeline.piece(from)
    }

    fn story(&self, from: u64) -> Vec<String> {
        story(&self.piece(from).unwrap().bytes)
    }
}

/// What happened, in a form that a test can write down: `+Bob`, `-Bob`, `7`, `heartbeat`, `Ping`.
fn story(mut bytes: &[u8]) -> Vec<String> {
    let mut story = Vec::new();
    while let Some((header, used)) = frame::decode(bytes, Side::Server, u64::MAX).unwrap() {
        let (payload, rest) = bytes[used..].split_at(header.length as usize);
        bytes = rest;
        if header.opcode != Opcode::Text {
            story.push(format!("{:?}", header.opcode));
            continue;
        }
        let value: Value = serde_json::from_slice(payload).unwrap();
        story.push(match common::string(&value, "type") {
            "message" => common::number(&value["message"], "id").to_string(),
            "user_joined" => format!("+{}", common::string(&value, "username")),
            "user_left" => format!("-{}", common::string(&value, "username")),
            other => other.to_string(),
        });
    }
    story
}

#[test]
fn presence_counts_connections_and_speaks_of_names() {
    let chat = chat();
    let joined = chat.timeline.join(&chat.room, "Bob");
    assert_eq!((joined.presence.connections, joined.last_id, joined.next), (1, 0, 1));
    assert_eq!(chat.timeline.join(&chat.room, "Bob").presence.connections, 2);
    let joined = chat.timeline.join(&chat.room, "Alice");
    assert_eq!(joined.presence.here, [("Alice".into(), 1), ("Bob".into(), 2)]);
    chat.say("hi");
    chat.leave("Bob");
    chat.leave("Bob");
    let presence = chat.timeline.presence();
    assert_eq!((presence.connections, presence.here), (1, vec![("Alice".into(), 1)]));
    assert_eq!(chat.story(0), ["+Bob", "+Alice", "1", "-Bob"]);
    chat.timeline.push_heartbeat();
    assert_eq!(chat.story(4), ["heartbeat", "Ping"]);
}

/// What is said before a coming is the room's to tell, what is said after it the timeline's,
/// whether the broadcaster has looked since or not; and nobody is told of its own coming.
#[test]
fn a_newcomer_s_events_begin_where_its_welcome_ends() {
    let chat = chat();
    chat.say("old");
    let joined = chat.timeline.join(&chat.room, "Bob");
    assert_eq!(joined.last_id, 1);
    chat.say("new");
    chat.join("Carol");
    chat.say("newer");
    chat.leave("Carol");
    assert_eq!(chat.story(joined.next), ["2", "+Carol", "3", "-Carol"]);
}

#[test]
fn pieces_fit_a_socket_s_buffer_and_follow_one_another() {
    let chat = chat();
    chat.talk(500, &"x".repeat(2_000));
    let (mut at, mut pieces) = (0, 0);
    while at < 500 {
        let piece = chat.piece(at).unwrap();
        assert!(piece.bytes.len() <= PIECE_BYTES_MAX);
        let ids: Vec<String> = (at + 1..=piece.to()).map(|id| id.to_string()).collect();
        assert_eq!(story(&piece.bytes), ids);
        assert_eq!(piece.more, piece.to() < 500);
        (at, pieces) = (piece.to(), pieces + 1);
    }
    assert_eq!(pieces, 500_usize.div_ceil(PIECE_BYTES_MAX / 2_060));
    chat.say(&"x".repeat(PIECE_BYTES_MAX));
    assert_eq!(chat.story(500), ["501"], "one event, at least");
    assert!(chat.piece(501).unwrap().bytes.is_empty(), "nothing new");
}

/// A short write stops anywhere: what is left of the frame there comes first, then the next event.
#[test]
fn a_write_that_stops_anywhere_is_taken_up_where_it_stopped() {
    let chat = chat();
    chat.talk(5, "hello");
    let whole = chat.piece(0).unwrap();
    for from in 0..=5 {
        let start = whole.start_of(from).unwrap();
        for taken in start..=whole.bytes.len() {
            let (next, rest) = whole.place(taken);
            let after = whole.start_of(next).unwrap();
            assert_eq!([&whole.bytes[..taken], rest].concat(), whole.bytes[..after]);
            assert_eq!(rest.is_empty(), taken == whole.bytes.len(), "a full socket is remembered");
        }
    }
    assert_eq!((whole.start_of(6), chat.piece(2).unwrap().start_of(1)), (None, None));
}

#[test]
fn at_most_16_mib_of_events_are_kept_and_who_needs_older_ones_is_told_so() {
    let (chat, text) = (chat(), "x".repeat(1024 * 1024));
    assert_eq!(TIMELINE_BYTES_MAX, 16 << 20);
    chat.talk(15, &text);
    assert_eq!(chat.story(0), ["1"]);
    chat.say(&text);
    assert!(chat.piece(0).is_none(), "16 MiB and a few bytes");
    assert_eq!(chat.story(1), ["2"]);
}

#[test]
fn comings_and_goings_are_forgotten_too() {
    let chat = chat();
    let name = "\u{1}".repeat(64); // six bytes each, in JSON
    let mut said = 0;
    while chat.timeline.piece(0).is_some() {
        chat.join(&name);
        chat.leave(&name);
        said += 2;
        assert!(said * 100 < TIMELINE_BYTES_MAX, "{said} events are kept");
    }
}

#[test]
fn who_speaks_or_comes_faster_than_all_can_be_told_is_made_to_wait() {
    let chat = chat();
    // Without a broadcaster nobody waits.
    chat.talk(2 * BEHIND_EVENTS_MAX, "x");
    chat.timeline.follow(&chat.room);
    let at = 2 * BEHIND_EVENTS_MAX;
    chat.timeline.set_delivered(at, at);
    let speaker = thread::spawn(|| chat.talk(BEHIND_EVENTS_MAX + 1, "x"));
    eventually("so many are said", || chat.room.counts().0 == 3 * BEHIND_EVENTS_MAX);
    let newcomer = thread::spawn(|| chat.join("Bob"));
    // Taken is not delivered.
    chat.timeline.follow(&chat.room);
    chat.timeline.set_delivered(at, at);
    assert!(!speaker.is_finished() && !newcomer.is_finished());
    assert_eq!(chat.room.counts().0, 3 * BEHIND_EVENTS_MAX);
    chat.timeline.set_delivered(at + 2, at + 2);
    eventually("they go on", || speaker.is_finished() && newcomer.is_finished());
    assert_eq!(chat.room.counts().0, 3 * BEHIND_EVENTS_MAX + 1);
}

/// A thousand speakers may wake at once, and still only as many speak as there is space for.
#[test]
fn of_many_who_wait_only_as_many_speak_as_may() {
    const SPEAKERS: u64 = 200;
    let chat = chat();
    chat.timeline.set_delivered(0, 0);
    chat.talk(BEHIND_EVENTS_MAX, "x");
    for _ in 0..SPEAKERS {
        thread::spawn(|| chat.say("x"));
    }
    for delivered in (10..=SPEAKERS).step_by(10) {
        chat.timeline.follow(&chat.room);
        chat.timeline.set_delivered(delivered, delivered);
        eventually("ten more", || chat.room.counts().0 >= BEHIND_EVENTS_MAX + delivered);
        assert_eq!(chat.room.counts().0, BEHIND_EVENTS_MAX + delivered);
    }
}

#[test]
fn who_leaves_never_waits_for_the_broadcaster() {
    let chat = chat();
    chat.join("Bob");
    chat.timeline.set_delivered(1, 1);
    chat.talk(BEHIND_EVENTS_MAX, "x");
    chat.leave("Bob");
    assert_eq!(chat.timeline.presence().connections, 0);
}

#[test]
fn a_reader_that_is_far_behind_slows_a_speaker_down_and_does_not_stop_it() {
    const SAID: u32 = 10;
    let chat = chat();
    chat.talk(9, &"x".repeat(1024 * 1024));
    let pace = |slowest| {
        chat.timeline.follow(&chat.room);
        chat.timeline.set_delivered(chat.room.counts().0, slowest);
        let began = Instant::now();
        chat.talk(SAID.into(), "x");
        began.elapsed()
    };
    // Over 8 MiB behind, it is waited for before each message; the wait is bounded, so this ends.
    assert!(pace(0) >= PAUSE * SAID);
    // When it has come nearer, it is not: of so many rounds one at least takes no pauses.
    let paced = (0..50).map(|_| pace(2)).min().unwrap();
    assert!(paced < PAUSE * SAID, "{paced:?}");
}

#[test]
fn all_that_is_said_by_speakers_who_are_made_to_wait_is_told_once_and_in_order() {
    const EACH: u64 = 2_000;
    let chat = chat();
    chat.timeline.set_delivered(0, 0);
    let speakers = [(); 4].map(|()| thread::spawn(|| chat.talk(EACH, "x")));
    let mut at = 0;
    while at < 4 * EACH {
        let piece = chat.piece(at).unwrap();
        let ids: Vec<String> = (at + 1..=piece.to()).map(|id| id.to_string()).collect();
        assert_eq!(story(&piece.bytes), ids);
        at = piece.to();
        chat.timeline.set_delivered(at, at);
    }
    speakers.into_iter().for_each(|speaker| speaker.join().unwrap());
}
