//! The room, without a socket: ids, waiting, forgetting.

mod common;

use common::{AGES, DEADLINE, Dice, eventually};
use rawchat::room::{LIST_BYTES_MAX, LOG_BYTES_MAX, MESSAGES_MAX, Message, Room};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// A message is its own text, so that sizes are easy to count.
fn room() -> Room {
    Room::new(|_, _, text, _| match text {
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

fn ids(messages: &[Arc<Message>]) -> Vec<u64> {
    messages.iter().map(|message| message.id).collect()
}

/// What is kept after `id`, as a reader gets it who asks until there is no more.
fn since(room: &Room, mut id: u64) -> Vec<u64> {
    let mut all = Vec::new();
    loop {
        let next = ids(&room.since(Some(id)));
        let Some(last) = next.last() else { return all };
        id = *last;
        all.extend(next);
    }
}

/// Waits, and what comes must come because somebody rang.
fn wait(room: &Room, id: u64, patience: Duration) -> Vec<u64> {
    let began = Instant::now();
    let news = ids(&room.wait_since(Some(id), patience));
    let late = !patience.is_zero() && began.elapsed() >= patience;
    assert!(news.is_empty() || !late, "found when the patience was over, not woken for it");
    news
}

/// The same wait for a message after `id`, counted in `asleep` while it finds none. It is counted
/// with the lock held: who can take the lock after that finds it asleep.
fn sleep(room: &Room, id: u64, asleep: &AtomicU64) -> Vec<u64> {
    let (began, counted) = (Instant::now(), AtomicBool::new(false));
    room.wait_while(DEADLINE, |newest, _| {
        if newest == id && !counted.swap(true, Ordering::SeqCst) {
            asleep.fetch_add(1, Ordering::SeqCst);
        }
        newest == id
    });
    assert!(began.elapsed() < DEADLINE, "not woken");
    since(room, id)
}

fn all_sleep(asleep: &AtomicU64, count: u64) {
    eventually("all sleep", || asleep.load(Ordering::SeqCst) == count);
}

#[test]
fn two_waiting_readers_both_wake() {
    let (room, asleep) = (room(), AtomicU64::new(0));
    thread::scope(|scope| {
        let readers = [(); 2].map(|()| scope.spawn(|| sleep(&room, 0, &asleep)));
        all_sleep(&asleep, 2);
        say(&room, "hi");
        assert!(readers.into_iter().all(|reader| reader.join().unwrap() == [1]));
    });
}

#[test]
fn a_thousand_wait_and_one_message_reaches_each_once() {
    const READERS: u64 = 1_000;
    let (room, first, second) = (room(), AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..READERS {
            let reader = || {
                assert_eq!(sleep(&room, 0, &first), [1]);
                assert_eq!(sleep(&room, 1, &second), [2]);
            };
            thread::Builder::new().stack_size(64 * 1024).spawn_scoped(scope, reader).unwrap();
        }
        all_sleep(&first, READERS);
        say(&room, "hi");
        all_sleep(&second, READERS);
        say(&room, "bye");
    });
}

#[test]
fn a_ring_without_a_message_wakes_whoever_waits_for_something_else_and_nobody_else() {
    let (room, asleep, other) = (room(), AtomicU64::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        let reader = scope.spawn(|| sleep(&room, 0, &asleep));
        let other_reader = scope.spawn(|| {
            room.wait_while(AGES, |_, _| !other.load(Ordering::SeqCst));
        });
        all_sleep(&asleep, 1);
        other.store(true, Ordering::SeqCst);
        room.ring();
        other_reader.join().unwrap();
        assert!(!reader.is_finished());
        say(&room, "hi");
        assert_eq!(reader.join().unwrap(), [1]);
    });
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
}

#[test]
fn a_last_id_from_before_a_restart_counts_as_0() {
    let room = room();
    thread::scope(|scope| {
        let early = scope.spawn(|| wait(&room, 500, AGES));
        say(&room, "a");
        assert_eq!(early.join().unwrap(), [1], "nothing had been said yet");
    });
    say(&room, "b");
    assert_eq!(since(&room, 3), [1, 2]);
    assert_eq!(since(&room, u64::MAX), [1, 2]);
    assert_eq!(wait(&room, u64::MAX, AGES), [1, 2]);
}

#[test]
fn the_last_5000_messages_are_kept() {
    let room = room();
    talk(&room, MESSAGES_MAX as u64 + 1, "x");
    assert_eq!((MESSAGES_MAX, room.counts().1), (5_000, 5_000));
    assert_eq!(room.counts().0, 5_001);
    assert_eq!((since(&room, 0)[0], since(&room, 0).len()), (2, 5_000));
    assert_eq!(since(&room, 4_999).len(), 2);
}

#[test]
fn at_most_128_kib_are_given_out_at_once() {
    assert_eq!(LIST_BYTES_MAX, 128 * 1024);
    for (second, fit) in [("yy", vec![1, 2]), ("yyy", vec![1])] {
        let room = room();
        say(&room, &"x".repeat(LIST_BYTES_MAX - "[,yy]".len()));
        say(&room, second);
        assert_eq!(ids(&room.since(Some(0))), fit);
    }
    let room = room();
    talk(&room, 10, &"x".repeat(LIST_BYTES_MAX / 7 - 2));
    let given = |id| ids(&room.since(id));
    assert_eq!(given(Some(0)), (1..=7).collect::<Vec<_>>(), "the next ones");
    assert_eq!(given(Some(2)), (3..=9).collect::<Vec<_>>());
    assert_eq!(given(Some(3)), (4..=10).collect::<Vec<_>>());
    assert_eq!(given(Some(7)), [8, 9, 10]);
    assert_eq!(given(Some(10)), [0u64; 0]);
    assert_eq!(given(None), (4..=10).collect::<Vec<_>>(), "the newest");
    say(&room, "y");
    assert_eq!(given(None), (4..=11).collect::<Vec<_>>());
    let waited = room.wait_since(Some(1), Duration::ZERO);
    assert_eq!(ids(&waited), (2..=8).collect::<Vec<_>>(), "a wait gives no more");
    say(&room, &"x".repeat(LIST_BYTES_MAX + 1));
    say(&room, "z");
    assert_eq!(given(Some(11)), [12], "but one, at least");
    assert_eq!(given(Some(12)), [13]);
}

#[test]
fn at_most_16_mib_of_messages_are_kept() {
    let (room, text) = (room(), "x".repeat(1024 * 1024));
    talk(&room, 16, &text);
    assert_eq!((LOG_BYTES_MAX, room.counts().1), (16 << 20, 16));
    say(&room, "y");
    assert_eq!((room.counts().1, since(&room, 0)[0]), (16, 2), "one byte more, one less");
    talk(&room, 16, &text);
    assert_eq!((room.counts().1, since(&room, 0)[0]), (16, 18));
}

#[test]
fn a_thread_that_panics_with_the_lock_held_does_not_end_the_room() {
    let (room, asleep) = (room(), AtomicU64::new(0));
    say(&room, "before");
    thread::scope(|scope| {
        let reader = scope.spawn(|| sleep(&room, 1, &asleep));
        all_sleep(&asleep, 1);
        // `to_json` is called with the lock held.
        assert!(catch_unwind(AssertUnwindSafe(|| say(&room, "panic"))).is_err());
        assert_eq!(say(&room, "after"), 2, "the id was not used up");
        assert_eq!(reader.join().unwrap(), [2]);
    });
    assert_eq!(since(&room, 0), [1, 2]);
}
