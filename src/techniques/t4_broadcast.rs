//! The writing half of the chat: one broadcaster writes to everybody, and waits for nobody.

use super::Chat;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// A member that has not been given everything is tried again after this.
pub const RETRY: Duration = Duration::from_millis(10);

/// Starts the broadcaster. `Err`: there is no thread for it.
pub fn start(chat: Arc<Chat>) -> io::Result<()> {
    thread::Builder::new().name("broadcaster".into()).spawn(move || broadcast(&chat)).map(drop)
}

/// §4.7 Waits for news and gives each member all of it, mostly in one write. A write costs some five
/// microseconds whether it carries one frame or twenty, so under load, when news gathers while
/// the last round is under way, a round costs no more and carries more.
fn broadcast(chat: &Chat) {
    let Chat { room, timeline, timing, .. } = chat;
    let mut last_heartbeat = Instant::now();
    let (mut seen, mut patience) = ((0, 0), timing.heartbeat);
    loop {
        seen = room.wait_while(patience, |newest, rings| (newest, rings) == seen);
        if last_heartbeat.elapsed() >= timing.heartbeat {
            timeline.push_heartbeat();
            last_heartbeat = Instant::now();
        }
        let (end, mut behind) = (timeline.end(), 0);
        for member in timeline.members() {
            // A panic is printed, and costs only this member. (To the compiler we promise with
            // `AssertUnwindSafe` that nothing is left half done.)
            match catch_unwind(AssertUnwindSafe(|| member.deliver(end))) {
                Ok(Ok(lacks)) => behind = behind.max(lacks),
                Ok(Err(error)) => member.cut_off(error),
                Err(_) => member.cut_off(io::Error::other("something went wrong here")),
            }
        }
        let heartbeat_in = timing.heartbeat.saturating_sub(last_heartbeat.elapsed());
        patience = if behind > 0 { RETRY.min(heartbeat_in) } else { heartbeat_in };
        timeline.round_ended(end, behind);
    }
}
