//! Part 4's timeline, without a socket: one order for all, presence, forgetting, and who waits for
//! the broadcaster. A place in the timeline is a count of bytes.

mod common;

use common::eventually;
use rawchat::room::Room;
use rawchat::techniques::t4_brake::{PAUSE, UNDELIVERED_BYTES_MAX};
use rawchat::techniques::t4_timeline::{PIECE_BYTES_MAX, Piece, TIMELINE_BYTES_MAX, Timeline};
use rawchat::wire::frame::{self, Opcode, Side};
use serde_json::Value;
use std::sync::LazyLock;
use std::thread;
use std::time::Instant;

struct Chat {
    room: Room,
    timeline: Timeline,
}

/// Somebody is here, and nothing has happened yet. It lasts: a thread that a broken timeline would
/// not let go does not keep a test from failing.
fn chat() -> (&'static Chat, u64) {
    let room = Room::new(|id, _, text, _| format!(r#"{{"id":{id},"text":"{text}"}}"#));
    let chat: &Chat = Box::leak(Box::new(Chat { room, timeline: Timeline::default() }));
    (chat, chat.join("Zoe"))
}

impl Chat {
    fn say(&self, text: &str) -> u64 {
        self.timeline.announce(&self.room, "Alice".into(), text.into()).id
    }

    /// Says it so many times, and each time it is delivered at once.
    fn talk(&self, times: u64, text: &str) {
        for _ in 0..times {
            self.say(text);
            self.deliver();
        }
    }

    fn join(&self, user: &str) -> u64 {
        self.timeline.join(&self.room, user).place
    }

    fn leave(&self, user: &str) {
        self.timeline.leave(&self.room, user);
    }

    /// All of it, to everybody.
    fn deliver(&self) {
        self.timeline.set_delivered(self.timeline.end(), self.timeline.end());
    }

    fn piece(&self, place: u64) -> Piece {
        self.timeline.piece(place, u64::MAX).expect("what is kept")
    }

    fn story(&self, place: u64) -> Vec<String> {
        story(&self.piece(place).bytes)
    }
}

/// The story of messages.
fn ids(from: u64, to: u64) -> Vec<String> {
    (from..=to).map(|id| id.to_string()).collect()
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
    let (chat, begin) = chat();
    let joined = chat.timeline.join(&chat.room, "Bob");
    assert_eq!((joined.here.connections(), joined.newest), (2, 0));
    assert_eq!(chat.story(begin), ["+Bob"]);
    assert_eq!(joined.place, chat.timeline.end(), "nobody is told of its own coming");
    assert_eq!(chat.timeline.join(&chat.room, "Bob").here.connections(), 3);
    let joined = chat.timeline.join(&chat.room, "Alice");
    let here = [("Alice".into(), 1), ("Bob".into(), 2), ("Zoe".into(), 1)];
    assert!(joined.here.0.into_iter().eq(here.clone()));
    assert!(chat.timeline.here().0.into_iter().eq(here));
    chat.say("hi");
    chat.leave("Bob");
    chat.leave("Bob");
    let here = chat.timeline.here();
    assert_eq!(here.connections(), 2);
    assert!(here.0.into_iter().eq([("Alice".into(), 1), ("Zoe".into(), 1)]));
    assert_eq!(chat.story(begin), ["+Bob", "+Alice", "1", "-Bob"]);
    let place = chat.timeline.end();
    chat.timeline.push_heartbeat();
    assert_eq!(chat.story(place), ["heartbeat", "Ping"]);
}

/// What is said before a coming is the room's to tell, what is said after it the timeline's.
#[test]
fn a_newcomer_s_events_begin_where_its_welcome_ends() {
    let (chat, _) = chat();
    chat.say("old");
    let joined = chat.timeline.join(&chat.room, "Bob");
    assert_eq!(joined.newest, 1);
    chat.say("new");
    chat.join("Carol");
    chat.say("newer");
    chat.leave("Carol");
    assert_eq!(chat.story(joined.place), ["2", "+Carol", "3", "-Carol"]);
}

/// As in parts 1 to 3: then the timeline takes no memory, and the room tells it all.
#[test]
fn what_is_said_while_nobody_is_here_is_the_room_s_to_tell() {
    let (chat, begin) = chat();
    chat.leave("Zoe");
    chat.talk(3, "x");
    assert_eq!(chat.story(begin), ["-Zoe"]);
    let joined = chat.timeline.join(&chat.room, "Bob");
    assert_eq!((joined.newest, joined.place), (3, chat.timeline.end()));
    chat.say("x");
    assert_eq!(chat.story(joined.place), ["4"]);
}

#[test]
fn pieces_fit_a_socket_s_buffer_and_follow_one_another() {
    let (chat, begin) = chat();
    chat.talk(500, &"x".repeat(2_000));
    let (mut place, mut told, mut pieces) = (begin, Vec::new(), 0);
    while place < chat.timeline.end() {
        let piece = chat.piece(place);
        assert!(piece.bytes.len() <= PIECE_BYTES_MAX);
        told.extend(story(&piece.bytes));
        place += piece.bytes.len() as u64;
        pieces += 1;
    }
    assert_eq!(told, ids(1, 500));
    assert_eq!(pieces, 500_usize.div_ceil(PIECE_BYTES_MAX / 2_060));
    chat.say(&"x".repeat(PIECE_BYTES_MAX));
    assert_eq!(chat.story(place), ["501"], "one event, at least");
    assert!(chat.piece(chat.timeline.end()).bytes.is_empty(), "nothing new");
    let until = chat.timeline.piece(begin, begin + 1).unwrap();
    assert_eq!(story(&until.bytes), ["1"], "what begins later is for a later round");
}

/// A short write stops anywhere: what is left of the event there comes first, then the next event.
#[test]
fn a_write_that_stops_anywhere_is_taken_up_where_it_stopped() {
    let (chat, begin) = chat();
    chat.talk(5, "hello");
    let Piece { bytes, .. } = chat.piece(begin);
    let ends: Vec<usize> = (1..=5).map(|events| events * bytes.len() / 5).collect();
    for written in 0..bytes.len() {
        let end = chat.piece(begin).end_of_event(written);
        let next = ends.iter().find(|end| **end > written);
        assert_eq!(Some(&end), next, "of {written}: a full socket is remembered");
        assert_eq!(chat.piece(begin + end as u64).bytes, bytes[end..]);
    }
    assert_eq!(chat.piece(begin).end_of_event(bytes.len()), bytes.len(), "nothing is left");
}

#[test]
fn at_most_16_mib_of_events_are_kept_and_who_needs_older_ones_is_told_so() {
    let (chat, begin) = chat();
    let text = "x".repeat(1024 * 1024);
    assert_eq!(TIMELINE_BYTES_MAX, 16 << 20);
    chat.talk(15, &text);
    assert_eq!(chat.story(begin), ["1"]);
    let second = begin + chat.piece(begin).bytes.len() as u64;
    chat.talk(1, &text);
    assert!(chat.timeline.piece(begin, u64::MAX).is_none(), "16 MiB and a few bytes");
    assert_eq!(chat.story(second), ["2"]);
}

#[test]
fn comings_and_goings_are_forgotten_too() {
    let (chat, begin) = chat();
    let name = "\u{1}".repeat(64); // six bytes each, in JSON
    let mut said = 0;
    while chat.timeline.piece(begin, u64::MAX).is_some() {
        chat.join(&name);
        chat.leave(&name);
        chat.deliver();
        said += 2;
        assert!(said * 100 < TIMELINE_BYTES_MAX, "{said} events are kept");
    }
}

/// Says so much that there is no space for one event more: the newest id.
fn fill(chat: &Chat) -> u64 {
    let begin = chat.timeline.end();
    chat.deliver();
    while chat.timeline.end() - begin <= UNDELIVERED_BYTES_MAX as u64 {
        chat.say(&TEXT);
    }
    chat.room.counts().0
}

static TEXT: LazyLock<String> = LazyLock::new(|| "x".repeat(1_000));

#[test]
fn who_speaks_or_comes_or_goes_faster_than_all_can_be_told_is_made_to_wait() {
    let (chat, begin) = chat();
    let said = fill(chat);
    let newcomer = thread::spawn(|| chat.join("Bob"));
    let leaver = thread::spawn(|| chat.leave("Zoe"));
    let speaker = thread::spawn(|| chat.say("x"));
    // They check again, and there is still no space.
    chat.timeline.set_delivered(begin, begin);
    assert!(!newcomer.is_finished() && !leaver.is_finished() && !speaker.is_finished());
    assert_eq!((chat.room.counts().0, chat.timeline.here().connections()), (said, 1));
    chat.deliver();
    let all = || newcomer.is_finished() && leaver.is_finished() && speaker.is_finished();
    eventually("they go on", all);
    assert_eq!((chat.room.counts().0, chat.timeline.here().connections()), (said + 1, 1));
}

/// A thousand speakers may wake at once, and still only as many speak as there is space for.
#[test]
fn of_many_who_wait_only_as_many_speak_as_may() {
    const SPEAKERS: u64 = 200;
    let (chat, _) = chat();
    // From here on each id has three digits, so all events are of one length.
    chat.talk(100, "x");
    let begin = chat.timeline.end();
    chat.talk(1, &TEXT);
    let length = chat.timeline.end() - begin;
    let said = fill(chat);
    for _ in 0..SPEAKERS {
        thread::spawn(|| chat.say(&TEXT));
    }
    for more in (10..=SPEAKERS).step_by(10) {
        let last_but_one = chat.timeline.end() + 9 * length;
        let delivered = last_but_one - UNDELIVERED_BYTES_MAX as u64;
        chat.timeline.set_delivered(delivered, delivered);
        eventually("ten more", || chat.room.counts().0 >= said + more);
        assert_eq!(chat.room.counts().0, said + more);
    }
}

#[test]
fn a_reader_that_is_far_behind_slows_a_speaker_down_and_does_not_stop_it() {
    const SAID: u32 = 10;
    let (chat, begin) = chat();
    let text = "x".repeat(1024 * 1024);
    chat.talk(1, &text);
    let near = chat.timeline.end();
    chat.talk(8, &text);
    let pace = |slowest| {
        chat.timeline.set_delivered(chat.timeline.end(), slowest);
        let began = Instant::now();
        for _ in 0..SAID {
            chat.say("x");
        }
        began.elapsed()
    };
    // Over 8 MiB behind, it is waited for before each message; the wait is bounded, so this ends.
    assert!(pace(begin) >= PAUSE * SAID);
    // When it has come nearer, it is not: of so many rounds one at least takes no pauses.
    let paced = (0..50).map(|_| pace(near + text.len() as u64)).min().unwrap();
    assert!(paced < PAUSE * SAID, "{paced:?}");
}

#[test]
fn all_that_is_said_by_speakers_who_are_made_to_wait_is_told_once_and_in_order() {
    const EACH: u64 = 2_000;
    let (chat, mut place) = chat();
    let speak = || (0..EACH).for_each(|_| assert!(chat.say("x") > 0));
    let speakers = [(); 4].map(|()| thread::spawn(speak));
    let mut told = Vec::new();
    while told.len() < 4 * EACH as usize {
        let piece = chat.piece(place);
        told.extend(story(&piece.bytes));
        place += piece.bytes.len() as u64;
        chat.timeline.set_delivered(place, place);
    }
    assert_eq!(told, ids(1, 4 * EACH));
    speakers.into_iter().for_each(|speaker| speaker.join().unwrap());
}
