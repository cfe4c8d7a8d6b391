//! The writing half of the chat: one broadcaster writes to everybody, and waits for nobody.

use super::Chat;
use super::t4_member::{Member, Membership, Pace, lock};
use crate::wire::buffer::timed_out;
use crate::{event, log};
use std::io;
use std::net::TcpStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// A socket that was full is tried again after this.
const RETRY: Duration = Duration::from_millis(10);
/// After a panic, so that one that repeats does not keep a processor busy.
const PANIC_PAUSE: Duration = Duration::from_secs(1);

/// Everybody in the chat.
pub struct Hub {
    pub chat: Arc<Chat>,
    members: Mutex<Vec<Arc<Member>>>,
    /// There is something to do for the broadcaster that is no message.
    stirred: AtomicBool,
}

impl Hub {
    /// Opens the chat and starts its broadcaster. `Err`: there is no thread for it.
    pub fn start(chat: Arc<Chat>) -> io::Result<Arc<Hub>> {
        let hub =
            Arc::new(Hub { chat, members: Mutex::default(), stirred: AtomicBool::new(false) });
        // From here on a speaker waits for the broadcaster, though its thread may not run yet.
        hub.chat.timeline.set_delivered(0, 0);
        let broadcaster = Broadcaster::new(hub.clone());
        thread::Builder::new().name("broadcaster".into()).spawn(move || broadcaster.run())?;
        Ok(hub)
    }

    /// Wakes the broadcaster for something that is no message: first the flag, then the bell, so
    /// that whoever wakes finds the flag set.
    pub fn stir(&self) {
        self.stirred.store(true, Ordering::SeqCst);
        self.chat.room.ring();
    }

    /// Takes a newcomer in. Its own thread greets it and gives it what it has missed since
    /// `last_id`, as far as that is kept (without a `last_id` nothing). What happens after it has
    /// joined it gets as every member does. `Err`: it took nothing for too long, or has gone.
    pub fn admit(
        self: &Arc<Self>,
        socket: Arc<TcpStream>,
        user: String,
        last_id: Option<u64>,
    ) -> io::Result<Membership> {
        // Whenever its own thread writes and waits.
        socket.set_write_timeout(Some(self.chat.timing.stall))?;
        let joined = self.chat.timeline.join(&self.chat.room, &user);
        let member = Membership(Member::new(self.clone(), socket, user, joined.next));
        // The others are told that it has joined.
        self.stir();
        let connections = joined.presence.connections;
        event!("§4.10", &member.0.user, "joins, connections: {connections}");
        member.0.catch_up(&joined, last_id)?;
        // From here on the broadcaster writes to it, too.
        lock(&self.members).push(member.0.clone());
        self.stir();
        Ok(member)
    }

    /// Nothing is written to `member` any more.
    pub fn forget(&self, member: &Arc<Member>) {
        lock(&self.members).retain(|other| !Arc::ptr_eq(other, member));
    }
}

/// The one thread that waits for news and writes them to everybody.
struct Broadcaster {
    hub: Arc<Hub>,
    /// The place of all who keep up.
    place: u64,
    heartbeat: Instant,
    /// How long there is nothing to do, if nothing happens.
    patience: Duration,
    serving: Option<Arc<Member>>,
}

impl Broadcaster {
    fn new(hub: Arc<Hub>) -> Broadcaster {
        let heartbeat = Instant::now() + hub.chat.timing.heartbeat;
        Broadcaster { hub, place: 0, heartbeat, patience: Duration::ZERO, serving: None }
    }

    fn run(mut self) {
        loop {
            // A panic is printed. The member that was being served when it came is cut off. The others lose
            // nothing: each outbox knows its own next event, and the next round waits for no news.
            let round = catch_unwind(AssertUnwindSafe(|| self.round()));
            if round.is_err() {
                if let Some(member) = self.serving.take() {
                    member.cut_off("something went wrong here");
                }
                thread::sleep(PANIC_PAUSE);
                self.patience = Duration::ZERO;
            }
        }
    }

    /// §4.7 Waits for news and gives each member all of it in one write. A write costs some five
    /// microseconds whether it carries one frame or twenty, so under load, when news gathers while
    /// the last round is under way, a round costs no more and carries more.
    fn round(&mut self) {
        let Chat { room, timeline, timing, .. } = &*self.hub.chat;
        let (last_id, stirred) = (timeline.last_id(), &self.hub.stirred);
        room.wait_while(self.patience, |newest| {
            newest == last_id && !stirred.load(Ordering::SeqCst)
        });
        // A stir just before this line is not lost: what it stirs for was done before, and
        // this round looks at all of it.
        stirred.store(false, Ordering::SeqCst);
        let now = Instant::now();
        if now >= self.heartbeat {
            timeline.push_heartbeat();
            self.heartbeat = now + timing.heartbeat;
        }
        timeline.follow(room);
        let Some(news) = timeline.piece(self.place) else {
            // BEHIND_EVENTS_MAX keeps this from happening. If it did, those who keep up would be
            // told in the next round that they have missed something.
            (self.place, self.patience) = (timeline.next(), Duration::ZERO);
            return;
        };
        self.place = news.to();
        self.patience = match news.more {
            true => Duration::ZERO,
            false => self.heartbeat.saturating_duration_since(now),
        };
        let mut slowest = self.place;
        let members = lock(&self.hub.members).clone();
        for member in members {
            let member = self.serving.insert(member);
            match member.deliver(&news) {
                Ok(Pace::Done) => {}
                Ok(Pace::Behind(place)) => {
                    slowest = slowest.min(place);
                    self.patience = Duration::ZERO;
                }
                Ok(Pace::Full(place)) => {
                    slowest = slowest.min(place);
                    self.patience = self.patience.min(RETRY);
                }
                Ok(Pace::Stalled) => self.patience = self.patience.min(RETRY),
                Err(error) if timed_out(&error) => member.cut_off("took nothing for too long"),
                Err(error) => member.cut_off(&log::why(error)),
            }
        }
        self.serving = None;
        timeline.set_delivered(self.place, slowest);
    }
}
