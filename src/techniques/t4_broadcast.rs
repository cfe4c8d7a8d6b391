//! The writing half of the chat: one broadcaster writes to everybody, and waits for nobody.

use super::Chat;
use super::t4_member::Member;
use crate::room::lock;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// A socket that was full is tried again after this.
pub const RETRY: Duration = Duration::from_millis(10);

/// Everybody in the chat.
pub struct Hub {
    pub chat: Arc<Chat>,
    pub members: Mutex<Vec<Arc<Member>>>,
    /// There is something to do for the broadcaster that is no message.
    stirred: AtomicBool,
}

impl Hub {
    /// Opens the chat and starts its broadcaster. `Err`: there is no thread for it.
    pub fn start(chat: Arc<Chat>) -> io::Result<Arc<Hub>> {
        let hub = Arc::new(Hub { chat, members: Mutex::default(), stirred: AtomicBool::default() });
        let broadcaster = hub.clone();
        thread::Builder::new().name("broadcaster".into()).spawn(move || broadcaster.broadcast())?;
        Ok(hub)
    }

    /// Wakes the broadcaster for something that is no message: first the flag, then the bell, so
    /// that whoever wakes finds the flag set.
    pub fn stir(&self) {
        self.stirred.store(true, Ordering::SeqCst);
        self.chat.room.ring();
    }

    /// §4.7 Waits for news and gives each member all of it in one write. A write costs some five
    /// microseconds whether it carries one frame or twenty, so under load, when news gathers while
    /// the last round is under way, a round costs no more and carries more.
    fn broadcast(&self) {
        let Chat { room, timeline, timing, .. } = &*self.chat;
        let mut heartbeat = Instant::now();
        let (mut newest, mut patience) = (0, Duration::ZERO);
        loop {
            // The flag is taken down where it is seen: the round that follows looks at everything. Where
            // a message came, too, it may stay up, and costs one round more.
            let nothing_yet = |id| id == newest && !self.stirred.swap(false, Ordering::SeqCst);
            newest = room.wait_while(patience, nothing_yet);
            if heartbeat.elapsed() >= timing.heartbeat {
                timeline.push_heartbeat();
                heartbeat = Instant::now();
            }
            patience = timing.heartbeat.saturating_sub(heartbeat.elapsed());
            let (end, mut piece) = (timeline.end(), None);
            let mut slowest = end;
            let members = lock(&self.members).clone();
            for member in members {
                // A panic is printed, and costs only the member that was being served.
                match catch_unwind(AssertUnwindSafe(|| member.deliver(&mut piece, end))) {
                    Ok(Ok(None)) => {}
                    Ok(Ok(Some(place))) => {
                        slowest = slowest.min(place);
                        patience = patience.min(RETRY);
                    }
                    Ok(Err(error)) => member.cut_off(error),
                    Err(_) => member.cut_off(io::Error::other("something went wrong here")),
                }
            }
            timeline.set_delivered(end, slowest);
        }
    }
}
