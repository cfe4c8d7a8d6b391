//! The room, without a socket: ids, waiting, forgetting, presence, and who waits for whom.

mod common;

use common::{AGES, DEADLINE, Dice, eventually};
use rawchat::room::{
    BEHIND_EVENTS_MAX, CHANGES_MAX, EXCERPT_BYTES_MAX, Event, Excerpt, LOG_BYTES_MAX, MESSAGES_MAX,
    NEWS_BYTES_MAX, Position, Room,
};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// A message is its own text, so that sizes are easy to count.
fn room() -> Room {
    Room::new(|message| match message.text.as_str() {
        "panic" => panic!("as the test asked"),
        text => text.to_string(),
    })
}

/// For threads that a broken room would not let go: they do not keep a test from failing.
fn lasting_room() -> &'static Room {
    Box::leak(Box::new(room()))
}

fn say(room: &Room, text: &str) -> u64 {
    room.say("Alice".into(), text.into()).id
}

fn talk(room: &Room, times: u64, text: &str) {
    for _ in 0..times {
        say(room, text);
    }
}

fn ids(excerpt: &Excerpt) -> Vec<u64> {
    excerpt.messages.iter().map(|message| message.id).collect()
}

/// What is kept after `id`, as a reader gets it who asks until there is no more.
fn since(room: &Room, mut id: u64) -> Vec<u64> {
    let mut all = Vec::new();
    loop {
        let excerpt = room.since(Some(id));
        all.extend(ids(&excerpt));
        id = all.last().copied().unwrap_or_default();
        if !excerpt.more {
            return all;
        }
    }
}

/// Waits, and what comes must come because somebody rang.
fn wait(room: &Room, id: u64, patience: Duration) -> Vec<u64> {
    let began = Instant::now();
    let news = ids(&room.wait_since(Some(id), began, patience));
    let late = !patience.is_zero() && began.elapsed() >= patience;
    assert!(news.is_empty() || !late, "found when the patience was over, not woken for it");
    news
}

/// What the broadcaster does: waits for news, and takes them.
fn follow(room: &Room, at: Position, patience: Duration) -> Vec<Event> {
    let began = Instant::now();
    room.wait_news(at, patience);
    let news = room.news(at).unwrap();
    let late = !patience.is_zero() && began.elapsed() >= patience;
    assert!(news.is_empty() || !late, "found when the patience was over, not woken for it");
    news
}

/// What happened, in a form that a test can write down: `+Bob`, `-Bob`, `7`.
fn story(news: &[Event]) -> Vec<String> {
    let tell = |event: &Event| match event {
        Event::Said(message) => message.id.to_string(),
        Event::Changed(change) if change.joined => format!("+{}", change.user),
        Event::Changed(change) => format!("-{}", change.user),
    };
    news.iter().map(tell).collect()
}

#[test]
fn ids_have_no_gaps_whoever_speaks() {
    let room = room();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| talk(&room, 250, "x"));
        }
    });
    assert_eq!(since(&room, 0), (1..=2_000).collect::<Vec<u64>>());
    assert_eq!(since(&room, 1_998), [1_999, 2_000]);
}

#[test]
fn a_message_carries_the_moment_in_which_it_was_said() {
    let now = || SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis() as u64;
    let before = now();
    let said = room().say("Alice".into(), "hi".into());
    assert!((before..=now()).contains(&said.timestamp));
}

#[test]
fn two_waiting_readers_both_wake() {
    let room = room();
    thread::scope(|scope| {
        let readers = [(); 2].map(|()| scope.spawn(|| wait(&room, 0, DEADLINE)));
        eventually("both wait", || room.stats().waiting == 2);
        say(&room, "hi");
        assert!(readers.into_iter().all(|reader| reader.join().unwrap() == [1]));
    });
    assert_eq!(room.stats().waiting, 0);
}

#[test]
fn a_thousand_wait_and_one_message_reaches_each_once() {
    const READERS: usize = 1_000;
    let (room, woken) = (room(), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..READERS {
            let reader = || {
                assert_eq!(wait(&room, 0, DEADLINE), [1]);
                woken.fetch_add(1, Ordering::Relaxed);
                assert_eq!(wait(&room, 1, DEADLINE), [2]);
            };
            thread::Builder::new().stack_size(64 * 1024).spawn_scoped(scope, reader).unwrap();
        }
        eventually("all wait", || room.stats().waiting == READERS);
        say(&room, "hi");
        eventually("all wake, once", || {
            woken.load(Ordering::Relaxed) == READERS as u64 && room.stats().waiting == READERS
        });
        say(&room, "bye");
    });
}

/// Both set off at the same moment, in every order in which two threads can: a lost wake-up would
/// leave the reader asleep until its patience is over.
#[test]
fn a_message_between_the_check_and_the_wait_is_not_lost() {
    const ROUNDS: u64 = 20_000;
    let (room, start) = (lasting_room(), Arc::new(Barrier::new(2)));
    let begin = start.clone();
    thread::spawn(move || {
        let mut dice = Dice::new(1);
        for round in 1..=ROUNDS {
            begin.wait();
            (0..dice.below(400)).for_each(|_| std::hint::spin_loop());
            assert_eq!(say(room, "x"), round);
        }
    });
    let mut dice = Dice::new(2);
    for round in 1..=ROUNDS {
        start.wait();
        (0..dice.below(400)).for_each(|_| std::hint::spin_loop());
        assert_eq!(wait(room, round - 1, DEADLINE), [round]);
    }
}

#[test]
fn patience_that_runs_out_brings_nothing() {
    let room = room();
    say(&room, "x");
    let began = Instant::now();
    assert!(wait(&room, 1, Duration::from_millis(50)).is_empty());
    assert!(began.elapsed() >= Duration::from_millis(50));
    assert!(wait(&room, 1, Duration::ZERO).is_empty(), "no patience, no wait");
    assert_eq!(wait(&room, 0, Duration::ZERO), [1]);
    assert_eq!(room.stats().waiting, 0);
}

#[test]
fn comings_and_goings_do_not_end_a_wait_for_messages() {
    let room = room();
    thread::scope(|scope| {
        let reader = scope.spawn(|| wait(&room, 0, DEADLINE));
        eventually("it waits", || room.stats().waiting == 1);
        for _ in 0..100 {
            room.join("Bob", None);
            room.leave("Bob");
        }
        assert_eq!(room.stats().waiting, 1);
        say(&room, "hi");
        assert_eq!(reader.join().unwrap(), [1]);
    });
}

#[test]
fn a_last_id_from_before_a_restart_counts_as_0() {
    let room = room();
    thread::scope(|scope| {
        let early = scope.spawn(|| wait(&room, 500, AGES));
        eventually("it waits", || room.stats().waiting == 1);
        say(&room, "a");
        assert_eq!(early.join().unwrap(), [1], "nothing had been said yet");
    });
    say(&room, "b");
    assert_eq!(since(&room, 3), [1, 2]);
    assert_eq!(since(&room, u64::MAX), [1, 2]);
    assert_eq!(wait(&room, u64::MAX, AGES), [1, 2]);
    assert_eq!(room.join("Bob", Some(u64::MAX)).1.id, 0);
}

#[test]
fn the_last_5000_messages_are_kept() {
    let room = room();
    talk(&room, MESSAGES_MAX as u64 + 1, "x");
    assert_eq!((MESSAGES_MAX, room.stats().kept), (5_000, 5_000));
    assert_eq!(room.stats().newest, 5_001);
    assert_eq!((since(&room, 0)[0], since(&room, 0).len()), (2, 5_000));
    assert_eq!(since(&room, 4_999).len(), 2);
    assert_eq!(room.join("Bob", Some(0)).1.id, 1, "the stream begins with what is kept");
}

#[test]
fn at_most_128_kib_are_given_out_at_once_and_it_is_said_that_there_are_more() {
    assert_eq!(EXCERPT_BYTES_MAX, 128 * 1024);
    for (second, fit) in [("yy", vec![1, 2]), ("yyy", vec![1])] {
        let room = room();
        say(&room, &"x".repeat(EXCERPT_BYTES_MAX - "[,yy]".len()));
        say(&room, second);
        assert_eq!(ids(&room.since(Some(0))), fit);
    }
    let room = room();
    talk(&room, 10, &"x".repeat(EXCERPT_BYTES_MAX / 7 - 2));
    let given = |id| (ids(&room.since(id)), room.since(id).more);
    assert_eq!(given(Some(0)), ((1..=7).collect(), true), "the next ones");
    assert_eq!(given(Some(2)), ((3..=9).collect(), true));
    assert_eq!(given(Some(3)), ((4..=10).collect(), false));
    assert_eq!(given(Some(7)), (vec![8, 9, 10], false));
    assert_eq!(given(Some(10)), (vec![], false));
    assert_eq!(given(None), ((4..=10).collect(), false), "the newest");
    say(&room, "y");
    assert_eq!(given(None), ((4..=11).collect(), false));
    let waited = room.wait_since(Some(1), Instant::now(), Duration::ZERO);
    assert_eq!((ids(&waited), waited.more), ((2..=8).collect(), true), "a wait gives no more");
    say(&room, &"x".repeat(EXCERPT_BYTES_MAX + 1));
    say(&room, "z");
    assert_eq!(given(Some(11)), (vec![12], true), "but one, at least");
    assert_eq!(given(Some(12)), (vec![13], false));
}

#[test]
fn at_most_16_mib_of_messages_are_kept() {
    let (room, text) = (room(), "x".repeat(1024 * 1024));
    talk(&room, 16, &text);
    assert_eq!((LOG_BYTES_MAX, room.stats().kept), (16 << 20, 16));
    say(&room, "y");
    assert_eq!((room.stats().kept, since(&room, 0)[0]), (16, 2), "one byte more, one less");
    talk(&room, 16, &text);
    assert_eq!((room.stats().kept, since(&room, 0)[0]), (16, 18));
}

#[test]
fn presence_counts_connections_and_speaks_of_names() {
    let room = room();
    let from = Position::default();
    let (stats, ..) = room.join("Bob", None);
    assert_eq!((stats.connections, stats.newest, stats.here.len()), (1, 0, 1));
    assert_eq!(room.join("Bob", None).0.connections, 2);
    let (stats, ..) = room.join("Alice", None);
    assert_eq!(stats.here, [("Alice".into(), 1), ("Bob".into(), 2)]);
    say(&room, "hi");
    room.leave("Bob");
    room.leave("Bob");
    let stats = room.stats();
    assert_eq!((stats.connections, stats.here), (1, vec![("Alice".into(), 1)]));
    assert_eq!(story(&room.news(from).unwrap()), ["+Bob", "+Alice", "1", "-Bob"]);
}

#[test]
fn a_newcomer_s_stream_begins_where_its_welcome_ends() {
    let room = room();
    say(&room, "old");
    let (_, from, _) = room.join("Bob", None);
    say(&room, "new");
    room.join("Carol", None);
    assert_eq!(story(&room.news(from).unwrap()), ["2", "+Carol"], "not its own coming");
    let (_, from, _) = room.join("Bob", Some(0));
    assert_eq!(story(&room.news(from).unwrap()), ["1", "2"], "what it missed");
}

#[test]
fn a_newcomer_gets_the_oldest_that_is_kept_though_it_is_forgotten_next() {
    let room = room();
    talk(&room, MESSAGES_MAX as u64 + 1, "x");
    let (_, from, news) = room.join("Bob", Some(0));
    say(&room, "the second goes");
    assert!(room.news(from).is_none());
    let count = news.len() as u64;
    assert_eq!(story(&news)[0], "2");
    let then = Position { events: from.events + count, id: from.id + count };
    assert_eq!(story(&room.news(then).unwrap())[0], (count + 2).to_string());
}

#[test]
fn news_come_in_pieces_that_fit_a_socket_s_buffer() {
    let (room, text) = (room(), "x".repeat(2_000));
    talk(&room, 500, &text);
    let (mut at, mut pieces) = (Position::default(), 0);
    while at.id < 500 {
        let news = room.news(at).unwrap();
        assert!(news.len() * 2_000 < NEWS_BYTES_MAX + 2_000);
        assert_eq!(story(&news)[0], (at.id + 1).to_string());
        let id = at.id + news.len() as u64;
        (at, pieces) = (Position { events: id, id }, pieces + 1);
    }
    assert_eq!(pieces, 500 * 2_000 / NEWS_BYTES_MAX + 1);
    (0..2_000).for_each(|number| drop(room.join(&number.to_string(), None)));
    assert!(room.news(at).unwrap().len() < 1_100, "a coming is over 120 bytes");
}

#[test]
fn who_asks_for_news_that_are_forgotten_is_told_so() {
    let room = room();
    let from = Position::default();
    talk(&room, MESSAGES_MAX as u64 + 1, "x");
    assert!(room.news(from).is_none());
    assert!(room.news(Position { events: 1, id: 1 }).is_some());
    for _ in 0..=CHANGES_MAX / 2 {
        room.join("Bob", None);
        room.leave("Bob");
    }
    assert!(room.news(Position { events: 5_001, id: 5_001 }).is_none());
    assert!(room.news(Position { events: 5_003, id: 5_001 }).is_some());
}

#[test]
fn wait_news_wakes_for_a_message_for_a_coming_and_for_a_going() {
    let room = room();
    let mut at = Position::default();
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..100 {
                room.join("Bob", None);
                say(&room, "hi");
                room.leave("Bob");
            }
        });
        while at.events < 300 {
            let news = follow(&room, at, DEADLINE);
            assert!(!news.is_empty(), "woken at {at:?}");
            for event in &news {
                let expected = match at.events % 3 {
                    0 => "+Bob".to_string(),
                    1 => (at.events / 3 + 1).to_string(),
                    _ => "-Bob".to_string(),
                };
                assert_eq!(story(std::slice::from_ref(event)), [expected]);
                at.events += 1;
                at.id += u64::from(matches!(event, Event::Said(_)));
            }
        }
    });
    assert!(follow(&room, at, Duration::from_millis(10)).is_empty());
}

#[test]
fn who_speaks_faster_than_all_can_be_told_is_made_to_wait() {
    let room = lasting_room();
    // Without a broadcaster nobody waits.
    talk(room, BEHIND_EVENTS_MAX, "x");
    let at = Position { events: BEHIND_EVENTS_MAX, id: BEHIND_EVENTS_MAX };
    assert!(follow(room, at, Duration::ZERO).is_empty());
    let speaker = thread::spawn(|| talk(room, BEHIND_EVENTS_MAX + 1, "x"));
    eventually("so many are said", || room.stats().newest == 2 * BEHIND_EVENTS_MAX);
    assert!(!speaker.is_finished(), "and the next one waits");
    assert_eq!(follow(room, at, DEADLINE).len() as u64, BEHIND_EVENTS_MAX);
    assert_eq!(room.stats().newest, 2 * BEHIND_EVENTS_MAX, "taken is not delivered");
    let next = Position { events: at.events + 1, id: at.id + 1 };
    assert_eq!(id(&follow(room, next, DEADLINE)[0]), at.id + 2);
    eventually("it goes on", || speaker.is_finished());
}

fn id(event: &Event) -> u64 {
    match event {
        Event::Said(message) => message.id,
        Event::Changed(change) => panic!("{change:?}"),
    }
}

#[test]
fn who_leaves_never_waits_for_the_broadcaster() {
    let room = room();
    room.join("Bob", None);
    room.wait_news(Position { events: 1, id: 0 }, Duration::ZERO);
    talk(&room, BEHIND_EVENTS_MAX, "x");
    room.leave("Bob");
    assert_eq!(room.stats().connections, 0);
}

#[test]
fn a_broadcaster_that_keeps_up_is_told_everything_by_speakers_that_are_made_to_wait() {
    const EACH: u64 = 5_000;
    let room = lasting_room();
    let mut at = Position::default();
    room.wait_news(at, Duration::ZERO);
    let speakers = [(); 4].map(|()| thread::spawn(|| talk(room, EACH, "x")));
    while at.id < 4 * EACH {
        let news = follow(room, at, DEADLINE);
        assert!(!news.is_empty(), "after {at:?}");
        for event in news {
            assert_eq!(id(&event), at.id + 1);
            at = Position { events: at.events + 1, id: at.id + 1 };
        }
    }
    speakers.into_iter().for_each(|speaker| speaker.join().unwrap());
}

#[test]
fn a_thread_that_panics_with_the_lock_held_does_not_end_the_room() {
    let room = room();
    say(&room, "before");
    thread::scope(|scope| {
        let reader = scope.spawn(|| wait(&room, 1, DEADLINE));
        eventually("it waits", || room.stats().waiting == 1);
        // `render` is called with the lock held.
        assert!(catch_unwind(AssertUnwindSafe(|| say(&room, "panic"))).is_err());
        assert_eq!(say(&room, "after"), 2, "the id was not used up");
        assert_eq!(reader.join().unwrap(), [2]);
    });
    room.join("Bob", None);
    room.leave("Bob");
    assert_eq!(since(&room, 0), [1, 2]);
    assert_eq!(follow(&room, Position::default(), DEADLINE).len(), 4);
}

#[test]
fn the_oldest_wait_is_that_of_who_began_first() {
    let room = &room();
    thread::scope(|scope| {
        let began = Instant::now() - Duration::from_secs(7);
        scope.spawn(|| wait(room, 0, DEADLINE));
        // Two began at once: they are two.
        scope.spawn(move || room.wait_since(Some(0), began, DEADLINE));
        scope.spawn(move || room.wait_since(Some(0), began, DEADLINE));
        eventually("all wait", || room.stats().waiting == 3);
        assert!(room.stats().oldest_wait >= Duration::from_secs(7));
        say(room, "hi");
    });
    assert_eq!(room.stats().oldest_wait, Duration::ZERO);
}
