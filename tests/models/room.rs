//! The room's waiting, in the orders in which its threads can run: shuttle takes the place of the
//! operating system's scheduler, and a wake-up that is lost shows as a deadlock.
//!
//! `src/room.rs` is compiled here a second time and says `std::sync`, as ever; but in this crate
//! the name `std` means the crate itself, and its `sync` is shuttle's.

extern crate self as std;
extern crate std as real;

#[path = "model.rs"]
mod model;
#[path = "../../src/room.rs"]
#[allow(dead_code)] // the pages' part of it
mod room;

use model::{FOREVER, collections, sync, time};
use real::prelude::rust_2024::*;
use room::Room;
use shuttle::thread;
use sync::Arc;

fn room() -> Arc<Room> {
    Arc::new(Room::new(|_, _, text, _| text.into()))
}

fn explore(model: fn(Arc<Room>)) {
    model::explore(move || model(room()));
}

fn wait(room: &Room, id: u64) -> Vec<u64> {
    let news = room.wait_since(Some(id), FOREVER);
    news.iter().map(|message| message.id).collect()
}

fn say(room: &Room) {
    room.say("Alice".into(), "x".into());
}

#[test]
fn no_wake_up_is_lost_between_the_check_and_the_wait() {
    explore(|room| {
        let speaker = room.clone();
        let speaker = thread::spawn(move || say(&speaker));
        assert_eq!(wait(&room, 0), [1]);
        speaker.join().unwrap();
    });
}

#[test]
fn two_waiting_readers_both_wake() {
    explore(|room| {
        let readers = [(); 2].map(|()| {
            let room = room.clone();
            thread::spawn(move || assert_eq!(wait(&room, 0), [1]))
        });
        say(&room);
        readers.into_iter().for_each(|reader| reader.join().unwrap());
    });
}

#[test]
fn who_asks_again_sees_each_message_once_and_in_order() {
    explore(|room| {
        let readers = [(); 2].map(|()| {
            let room = room.clone();
            thread::spawn(move || {
                let mut seen = 0;
                while seen < 4 {
                    for id in wait(&room, seen) {
                        assert_eq!(id, seen + 1);
                        seen = id;
                    }
                }
            })
        });
        let speaker = room.clone();
        let speaker = thread::spawn(move || (0..2).for_each(|_| say(&speaker)));
        (0..2).for_each(|_| say(&room));
        speaker.join().unwrap();
        readers.into_iter().for_each(|reader| reader.join().unwrap());
    });
}

/// A reader of part 3 and the broadcaster of part 4 wait on one Condvar, for different things.
#[test]
fn who_waits_for_something_else_than_a_message_is_woken_by_a_ring() {
    explore(|room| {
        let guest = room.clone();
        let guest = thread::spawn(move || guest.ring());
        let reader = room.clone();
        let reader = thread::spawn(move || assert_eq!(wait(&reader, 0), [1]));
        room.wait_while(FOREVER, |_, rings| rings == 0);
        say(&room);
        guest.join().unwrap();
        reader.join().unwrap();
    });
}
