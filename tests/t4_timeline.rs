//! Part 4's timeline, without a broadcaster: one order for all, presence, forgetting, and who waits
//! for the broadcaster. A place in the timeline is a count of bytes.

mod common;

use common::{calm, eventually};
use rawchat::techniques::t4_brake::{PAUSE, UNDELIVERED_BYTES_MAX};
use rawchat::techniques::t4_events::Joined;
use rawchat::techniques::t4_member::Member;
use rawchat::techniques::t4_timeline::{PIECE_BYTES_MAX, TIMELINE_BYTES_MAX, Timeline};
use rawchat::techniques::{self, TECHNIQUES};
use rawchat::wire::frame::{self, Opcode, Side};
use serde_json::Value;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::Instant;

struct Chat {
    chat: Arc<techniques::Chat>,
    /// Nobody writes to it.
    socket: Arc<TcpStream>,
}

/// Somebody is here, and nothing has happened yet. It lasts: a thread that a broken timeline would
/// not let go does not keep a test from failing.
fn chat() -> (&'static Chat, u64, Arc<Member>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let socket = Arc::new(TcpStream::connect(listener.local_addr().unwrap()).unwrap());
    let chat = techniques::Chat::new(&TECHNIQUES[3], calm());
    let chat: &Chat = Box::leak(Box::new(Chat { chat, socket }));
    let (zoe, joined) = chat.join("Zoe");
    (chat, joined.offset, zoe)
}

impl Chat {
    fn timeline(&self) -> &Timeline {
        &self.chat.timeline
    }

    fn newest(&self) -> u64 {
        self.chat.room.counts().0
    }

    fn connections(&self) -> usize {
        self.timeline().here().connections()
    }

    fn end(&self) -> u64 {
        self.timeline().end()
    }

    fn say(&self, text: &str) -> u64 {
        self.chat.say("Alice".into(), text.into()).id
    }

    /// Says it so many times, and each time it is delivered at once.
    fn talk(&self, times: u64, text: &str) {
        for _ in 0..times {
            self.say(text);
            self.deliver();
        }
    }

    fn join(&self, user: &str) -> (Arc<Member>, Joined) {
        let member = Member::new(&self.chat, self.socket.clone(), user);
        let joined = self.timeline().join(&self.chat.room, &member);
        (member, joined)
    }

    fn leave(&self, member: &Arc<Member>) {
        self.timeline().leave(&self.chat.room, member);
    }

    /// All of it, to everybody.
    fn deliver(&self) {
        self.timeline().round_ended(self.end(), 0);
    }

    fn piece(&self, place: u64) -> Vec<u8> {
        self.timeline().piece(place).expect("what is kept")
    }

    /// All that has happened from `place` on.
    fn story(&self, mut place: u64) -> Vec<String> {
        let mut all = Vec::new();
        while place < self.end() {
            let piece = self.piece(place);
            all.extend(story(&piece));
            place += piece.len() as u64;
        }
        all
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
    let (chat, begin, _) = chat();
    let (bob, joined) = chat.join("Bob");
    assert_eq!((joined.here.connections(), joined.newest), (2, 0));
    assert_eq!(chat.story(begin), ["+Bob"]);
    assert_eq!(joined.offset, chat.end(), "nobody is told of its own coming");
    let (bob_again, joined) = chat.join("Bob");
    assert_eq!(joined.here.connections(), 3);
    let (_alice, joined) = chat.join("Alice");
    let here = [("Alice".into(), 1), ("Bob".into(), 2), ("Zoe".into(), 1)];
    assert_eq!(joined.here.0, here);
    assert_eq!(chat.timeline().here().0, here);
    assert_eq!(chat.timeline().members().len(), 4);
    chat.say("hi");
    chat.leave(&bob);
    assert!(!chat.timeline().members().iter().any(|member| Arc::ptr_eq(member, &bob)));
    chat.leave(&bob_again);
    chat.leave(&bob_again); // it has left already
    assert_eq!(chat.timeline().here().0, [("Alice".into(), 1), ("Zoe".into(), 1)]);
    assert_eq!(chat.story(begin), ["+Bob", "+Alice", "1", "-Bob"]);
    let place = chat.end();
    chat.timeline().push_heartbeat();
    assert_eq!(chat.story(place), ["heartbeat", "Ping"]);
}

/// What is said before a coming is the room's to tell, what is said after it the timeline's.
#[test]
fn a_newcomer_s_events_begin_where_its_welcome_ends() {
    let (chat, ..) = chat();
    chat.say("old");
    let (_bob, joined) = chat.join("Bob");
    assert_eq!(joined.newest, 1);
    chat.say("new");
    let (carol, _) = chat.join("Carol");
    chat.say("newer");
    chat.leave(&carol);
    assert_eq!(chat.story(joined.offset), ["2", "+Carol", "3", "-Carol"]);
}

/// As in parts 1 to 3: then the timeline takes no memory, and the room tells it all.
#[test]
fn what_is_said_while_nobody_is_here_is_the_room_s_to_tell() {
    let (chat, begin, zoe) = chat();
    chat.leave(&zoe);
    chat.talk(3, "x");
    assert_eq!(chat.story(begin), ["-Zoe"]);
    let (_bob, joined) = chat.join("Bob");
    assert_eq!((joined.newest, joined.offset), (3, chat.end()));
    chat.say("x");
    assert_eq!(chat.story(joined.offset), ["4"]);
}

/// A piece may be asked for from the middle on, and grows until there is no space in it.
#[test]
fn pieces_are_no_larger_than_they_may_be_and_follow_one_another() {
    let (chat, begin, _) = chat();
    let mut places = Vec::new();
    for _ in 0..500 {
        places.push(chat.end());
        chat.talk(1, &"x".repeat(2_000));
    }
    let (mut place, mut pieces, mut all) = (begin, 0, Vec::new());
    while place < chat.end() {
        let piece = chat.piece(place);
        assert!(piece.len() <= PIECE_BYTES_MAX);
        place += piece.len() as u64;
        pieces += 1;
        all.extend(piece);
    }
    assert_eq!(story(&all), ids(1, 500));
    assert_eq!(pieces, 500_usize.div_ceil(PIECE_BYTES_MAX / 2_120));
    for place in places {
        assert!(all[(place - begin) as usize..].starts_with(&chat.piece(place)));
    }
    chat.say(&"x".repeat(PIECE_BYTES_MAX));
    assert_eq!(chat.story(place), ["501"], "one event, at least");
}

#[test]
fn at_most_16_mib_of_events_are_kept_and_who_needs_older_ones_is_told_so() {
    let (chat, begin, _) = chat();
    let text = "x".repeat(1024 * 1024);
    assert_eq!(TIMELINE_BYTES_MAX, 16 << 20);
    chat.talk(15, &text);
    assert_eq!(story(&chat.piece(begin)), ["1"]);
    let second = begin + chat.piece(begin).len() as u64;
    chat.talk(1, &text);
    assert!(chat.timeline().piece(begin).is_none(), "16 MiB and a few bytes");
    assert_eq!(story(&chat.piece(second)), ["2"]);
}

#[test]
fn comings_and_goings_are_forgotten_too() {
    let (chat, begin, _) = chat();
    let name = "\u{1}".repeat(64); // six bytes each, in JSON
    let mut said = 0;
    while chat.timeline().piece(begin).is_some() {
        let (member, _) = chat.join(&name);
        chat.leave(&member);
        chat.deliver();
        said += 2;
        assert!(said * 100 < TIMELINE_BYTES_MAX, "{said} events are kept");
    }
}

/// Says so much that there is no space for one event more: the newest id.
fn fill(chat: &Chat) -> u64 {
    let begin = chat.end();
    chat.deliver();
    while chat.end() - begin <= UNDELIVERED_BYTES_MAX as u64 {
        chat.say(&TEXT);
    }
    chat.newest()
}

static TEXT: LazyLock<String> = LazyLock::new(|| "x".repeat(1_000));

#[test]
fn who_speaks_or_comes_or_goes_faster_than_all_can_be_told_is_made_to_wait() {
    let (chat, _, zoe) = chat();
    let said = fill(chat);
    let newcomer = thread::spawn(|| chat.join("Bob"));
    let leaver = thread::spawn(move || chat.leave(&zoe));
    let speaker = thread::spawn(|| chat.say("x"));
    // They check again, and there is still no space.
    chat.timeline().round_ended(0, 0);
    assert!(!newcomer.is_finished() && !leaver.is_finished() && !speaker.is_finished());
    assert_eq!((chat.newest(), chat.connections()), (said, 1));
    chat.deliver();
    let all = || newcomer.is_finished() && leaver.is_finished() && speaker.is_finished();
    eventually("they go on", all);
    assert_eq!((chat.newest(), chat.connections()), (said + 1, 1));
}

/// A thousand speakers may wake at once, and still only as many speak as there is space for.
#[test]
fn of_many_who_wait_only_as_many_speak_as_may() {
    const SPEAKERS: u64 = 200;
    let (chat, ..) = chat();
    // From here on each id has three digits, so all events are of one length.
    chat.talk(100, "x");
    let begin = chat.end();
    chat.talk(1, &TEXT);
    let length = chat.end() - begin;
    let said = fill(chat);
    for _ in 0..SPEAKERS {
        thread::spawn(|| chat.say(&TEXT));
    }
    for more in (10..=SPEAKERS).step_by(10) {
        let last_but_one = chat.end() + 9 * length;
        let delivered = last_but_one - UNDELIVERED_BYTES_MAX as u64;
        chat.timeline().round_ended(delivered, 0);
        eventually("ten more", || chat.newest() >= said + more);
        assert_eq!(chat.newest(), said + more);
    }
}

#[test]
fn a_reader_that_is_far_behind_slows_a_speaker_down_and_does_not_stop_it() {
    const SAID: u32 = 10;
    let (chat, ..) = chat();
    let half = TIMELINE_BYTES_MAX as u64 / 2;
    let pace = |behind| {
        chat.timeline().round_ended(chat.end(), behind);
        let began = Instant::now();
        for _ in 0..SAID {
            chat.say("x");
        }
        began.elapsed()
    };
    // Over 8 MiB behind, it is waited for before each message; the wait is bounded, so this ends.
    assert!(pace(half + 1) >= PAUSE * SAID);
    // When it has come nearer, it is not: of so many rounds one at least takes no pauses.
    let paced = (0..50).map(|_| pace(half)).min().unwrap();
    assert!(paced < PAUSE * SAID, "{paced:?}");
}

#[test]
fn all_that_is_said_by_speakers_who_are_made_to_wait_is_told_once_and_in_order() {
    const EACH: u64 = 2_000;
    let (chat, mut place, _) = chat();
    let speak = || (0..EACH).for_each(|_| assert!(chat.say("x") > 0));
    let speakers = [(); 4].map(|()| thread::spawn(speak));
    let mut told = Vec::new();
    while told.len() < 4 * EACH as usize {
        if place < chat.end() {
            let piece = chat.piece(place);
            told.extend(story(&piece));
            place += piece.len() as u64;
            chat.timeline().round_ended(place, 0);
        }
    }
    assert_eq!(told, ids(1, 4 * EACH));
    speakers.into_iter().for_each(|speaker| speaker.join().unwrap());
}
