//! The writing half of the chat: one broadcaster for everybody who keeps up, a catch-up for each
//! who does not.
//!
//! A connection has one reader, the thread it came with. It has one writer at a time: while it is
//! `Live` whoever holds the lock of its `outbox` (the broadcaster, or the reader for a pong), else
//! its catch-up, which lets the lock go while it writes. Whoever fails to write shuts the socket
//! down, which ends the reader (on Windows when its next ping is due), and the reader takes the
//! connection out of the room.
//!
//! Locks: `crowd` before `outbox`, never the other way.

use super::{Chat, t4_conversation::write_frame};
use crate::room::{Event, Position, Stats};
use crate::wire::frame::{self, Opcode};
use crate::wire::{buffer::timed_out, date, json, message::close_payload};
use crate::{event, log};
use std::io::{self, ErrorKind, Write};
use std::net::{Shutdown, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Threads that catch up at one time; a slow reader that finds none is cut off.
pub const CATCH_UPS_MAX: usize = 1_000;
/// What a slow reader may make us answer (pongs, errors) before it is cut off.
pub const PENDING_BYTES_MAX: usize = 256 * 1024;
/// Turns a full socket into a short write, not quite at once: the system rounds up to a tick, 1 to
/// 10 ms. Affordable once a round; `write_at_once` costs a little each time and never waits.
const AT_ONCE: Duration = Duration::from_micros(1);
const TOO_SLOW: &str = "too slow: some of what you missed is forgotten, come back with lastId";
const STACK_BYTES: usize = 64 * 1024;

/// Everybody in the chat.
pub struct Hub {
    pub chat: Arc<Chat>,
    crowd: Mutex<Crowd>,
    /// Each catch-up holds a clone, so the count of clones is theirs, and one.
    catch_ups: Arc<()>,
}

/// Every one of `members` that is `Live` has seen everything up to `at`.
#[derive(Default)]
struct Crowd {
    at: Position,
    members: Vec<Arc<Member>>,
}

/// A connection of the chat.
pub struct Member {
    hub: Arc<Hub>,
    socket: Arc<TcpStream>,
    pub user: String,
    outbox: Mutex<Outbox>,
}

/// Everything up to `seen` is written or `pending`; a `Live` member has nothing pending.
#[derive(Default)]
pub struct Outbox {
    writer: Writer,
    seen: Position,
    pending: Vec<u8>,
    /// The last one.
    catch_up: Option<JoinHandle<()>>,
}

#[derive(Default, PartialEq)]
enum Writer {
    Live,
    /// Also of a newcomer.
    #[default]
    CatchUp,
    /// Nothing may follow: a close is written or pending (RFC 6455 §5.5.1), or it was cut off, or
    /// its reader has left.
    Closed,
}

impl Hub {
    /// Opens the chat and starts its broadcaster.
    pub fn start(chat: Arc<Chat>) -> io::Result<Arc<Hub>> {
        let hub = Arc::new(Hub { chat, crowd: Mutex::default(), catch_ups: Arc::default() });
        // From here on the room keeps what is not delivered, though no thread may have begun yet.
        hub.chat.room.wait_news(Position::default(), Duration::ZERO);
        let broadcaster = hub.clone();
        let round = AssertUnwindSafe(move || broadcaster.broadcast());
        // A panic is printed, and the next round begins where the last one was.
        thread::spawn(move || while catch_unwind(&*round).is_err() {});
        Ok(hub)
    }

    /// §4.7 Waits for news and gives each live member all of it in one write. A write costs some
    /// five microseconds whether it carries one frame or twenty, so under load, when news gathers
    /// while the last round is under way, a round costs no more and carries more.
    fn broadcast(&self) {
        let period = self.chat.timing.heartbeat;
        let mut heartbeat = Instant::now() + period;
        loop {
            let from = lock(&self.crowd).at;
            let patience = heartbeat.saturating_duration_since(Instant::now());
            self.chat.room.wait_news(from, patience);
            // Who is about to speak may speak first, and travels in the same write.
            thread::yield_now();
            // Nothing is forgotten before it is taken: see BEHIND_EVENTS_MAX.
            let mut batch = Batch::of(from, &self.chat.room.news(from).unwrap_or_default());
            if Instant::now() >= heartbeat {
                push_text(&mut batch.bytes, r#"{"type":"heartbeat"}"#);
                frame::encode(&mut batch.bytes, Opcode::Ping, b"", None);
                heartbeat = Instant::now() + period;
            }
            let mut crowd = lock(&self.crowd);
            // One slow member may cost a tick; after it nobody may, in this round. On Windows none
            // may: a write that has run out of time does not say there how much it has written.
            let mut hurry = cfg!(windows);
            for member in &crowd.members {
                hurry = member.deliver(&batch, hurry);
            }
            crowd.at = batch.to;
        }
    }

    /// Takes a newcomer in: a greeting, then everything after `last`. A newcomer is nothing else
    /// than a member who is very far behind.
    pub fn admit(
        self: &Arc<Self>,
        socket: Arc<TcpStream>,
        user: String,
        last: Option<u64>,
    ) -> Guest {
        let member = Arc::new(Member { hub: self.clone(), socket, user, outbox: Mutex::default() });
        // First, with empty hands: in a rush of newcomers each waits here for a round to end.
        lock(&self.crowd).members.push(member.clone());
        let (stats, from, news) = self.chat.room.join(&member.user, last);
        event!("§4.10", &member.user, "joins, connections: {}", stats.connections);
        let guest = Guest(member);
        let Batch { bytes, to, .. } = Batch::of(from, &news);
        *lock(&guest.0.outbox) =
            Outbox { seen: to, pending: [greeting(&stats), bytes].concat(), ..Outbox::default() };
        // Its own thread brings it up to date, and reads only then.
        guest.0.end_if_failed(guest.0.catch_up(), &mut lock(&guest.0.outbox));
        guest
    }
}

/// The first two messages of each connection: where it is, and who else is there.
fn greeting(stats: &Stats) -> Vec<u8> {
    let users = stats.here.iter().map(|(user, _)| json::quoted(user)).collect::<Vec<_>>().join(",");
    let counts = format!(r#""connectedClients":{},"lastId":{}"#, stats.connections, stats.newest);
    let hello = r#""message":"rawchat, part 4: WebSocket""#;
    let mut bytes = Vec::new();
    push_text(&mut bytes, &format!(r#"{{"type":"welcome",{hello},{counts}}}"#));
    push_text(&mut bytes, &format!(r#"{{"type":"user_list","users":[{users}]}}"#));
    bytes
}

impl Member {
    /// Sends a frame of the reader's: a pong, an answer, a close. `Err`: the member was told to go
    /// before this, or cut off.
    pub fn send(self: &Arc<Self>, opcode: Opcode, payload: &[u8]) -> io::Result<()> {
        let mut bytes = Vec::new();
        frame::encode(&mut bytes, opcode, payload, None);
        let mut outbox = self.still_open()?;
        self.end_if_failed(self.write(&mut outbox, &bytes, true), &mut outbox);
        if opcode == Opcode::Close {
            outbox.writer = Writer::Closed;
        }
        Ok(())
    }

    /// The outbox, or an error for a member that has been told to go: it is not heard any more.
    pub fn still_open(&self) -> io::Result<MutexGuard<'_, Outbox>> {
        let outbox = lock(&self.outbox);
        match outbox.writer {
            Writer::Closed => Err(ErrorKind::BrokenPipe.into()),
            _ => Ok(outbox),
        }
    }

    /// Gives a live member what is new to it, and says whether there is a `hurry` from here on.
    fn deliver(self: &Arc<Self>, batch: &Batch, hurry: bool) -> bool {
        let mut outbox = lock(&self.outbox);
        if outbox.writer != Writer::Live {
            return hurry;
        }
        let news = batch.after(outbox.seen);
        outbox.seen = outbox.seen.max(batch.to);
        self.end_if_failed(self.write(&mut outbox, news, hurry), &mut outbox);
        hurry || outbox.writer != Writer::Live
    }

    /// Writes what the socket takes at once and leaves the rest to a catch-up, or all of it if a
    /// catch-up has the socket already.
    fn write(self: &Arc<Self>, outbox: &mut Outbox, bytes: &[u8], hurry: bool) -> io::Result<()> {
        let live = outbox.writer == Writer::Live;
        let written = match (live, hurry) {
            (false, _) => Ok(0),
            (true, true) => self.write_at_once(bytes),
            (true, false) => (&*self.socket).write(bytes),
        };
        let written = match written {
            Ok(count) if count == bytes.len() => return Ok(()),
            Ok(count) => count,
            Err(error) if timed_out(&error) || error.kind() == ErrorKind::Interrupted => 0,
            Err(error) => return Err(error),
        };
        outbox.pending.extend_from_slice(&bytes[written..]);
        if live {
            outbox.writer = Writer::CatchUp;
            outbox.catch_up = Some(self.spawn_catch_up()?);
        } else if outbox.pending.len() > PENDING_BYTES_MAX {
            return Err(io::Error::other("takes nothing and asks for more"));
        }
        Ok(())
    }

    /// Never waits for a reader who takes nothing, while a thousand others wait behind it. (Should
    /// the reading thread come by at this moment, it finds nothing, and tries again.)
    fn write_at_once(&self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.set_nonblocking(true)?;
        let written = (&*self.socket).write(bytes);
        self.socket.set_nonblocking(false)?;
        written
    }

    fn spawn_catch_up(self: &Arc<Self>) -> io::Result<JoinHandle<()>> {
        let (member, place) = (self.clone(), self.hub.catch_ups.clone());
        if Arc::strong_count(&place) - 1 > CATCH_UPS_MAX {
            return Err(io::Error::other("too many slow readers"));
        }
        event!("§4.8", &self.user, "is slow, catches up in a thread of its own");
        let spawned = thread::Builder::new().stack_size(STACK_BYTES).spawn(move || {
            let _place = place;
            member.end_if_failed(member.catch_up(), &mut lock(&member.outbox));
        });
        spawned.map_err(|_| io::Error::other("no thread to catch up in"))
    }

    /// §4.8 Brings a member up to date in its own time, then gives it to the broadcaster.
    fn catch_up(self: &Arc<Self>) -> io::Result<()> {
        self.socket.set_write_timeout(Some(self.hub.chat.timing.stall))?;
        loop {
            let mut outbox = lock(&self.outbox);
            let mut bytes = std::mem::take(&mut outbox.pending);
            let closed = outbox.writer == Writer::Closed;
            if bytes.is_empty() && !closed {
                let Some(news) = self.hub.chat.room.news(outbox.seen) else {
                    outbox.writer = Writer::Closed;
                    drop(outbox);
                    write_frame(&self.socket, Opcode::Close, &close_payload(1008, TOO_SLOW))?;
                    return self.socket.shutdown(Shutdown::Write);
                };
                let batch = Batch::of(outbox.seen, &news);
                (outbox.seen, bytes) = (batch.to, batch.bytes);
            }
            drop(outbox);
            (&*self.socket).write_all(&bytes)?;
            if closed || (bytes.is_empty() && self.rejoin()?) {
                return Ok(());
            }
        }
    }

    /// Live again, if nothing has been taken by the broadcaster that this member has not seen.
    fn rejoin(self: &Arc<Self>) -> io::Result<bool> {
        let crowd = lock(&self.hub.crowd);
        let mut outbox = lock(&self.outbox);
        // While the lock was not ours, a pong may have come, or the end.
        if !outbox.pending.is_empty() || outbox.writer == Writer::Closed || outbox.seen < crowd.at {
            return Ok(false);
        }
        self.socket.set_write_timeout(Some(AT_ONCE))?;
        outbox.writer = Writer::Live;
        Ok(true)
    }

    /// Ends a connection that could not be written to: it is not heard any more, and its reader
    /// finds the end of the stream.
    fn end_if_failed(&self, written: io::Result<()>, outbox: &mut Outbox) {
        let why = match written {
            Ok(()) => return,
            Err(error) if timed_out(&error) => "took nothing for too long".to_string(),
            Err(error) => log::why(error),
        };
        event!("§4.8", &self.user, "cut off: {why}");
        outbox.writer = Writer::Closed;
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}

/// A member as its reader holds it: out of the chat when the reader ends, however it ends.
pub struct Guest(pub Arc<Member>);

impl Drop for Guest {
    fn drop(&mut self) {
        let Guest(member) = self;
        // Who has left is told no more news.
        lock(&member.outbox).writer = Writer::Closed;
        lock(&member.hub.crowd).members.retain(|other| !Arc::ptr_eq(other, member));
        member.hub.chat.room.leave(&member.user);
        event!("§4.10", &member.user, "leaves");
        // What is on the way to a slow reader, the close frame behind it too, comes before FIN.
        let catch_up = lock(&member.outbox).catch_up.take();
        let _ = catch_up.map(JoinHandle::join);
    }
}

/// News as frames, each encoded once however many it is sent to.
struct Batch {
    bytes: Vec<u8>,
    /// Where each event begins in `bytes`, and where the last one ends.
    starts: Vec<usize>,
    to: Position,
}

impl Batch {
    fn of(from: Position, news: &[Event]) -> Batch {
        let mut batch = Batch { bytes: Vec::new(), starts: vec![0], to: from };
        for event in news {
            batch.to.events += 1;
            let text = match event {
                Event::Said(message) => {
                    batch.to.id = message.id;
                    format!(r#"{{"type":"message","message":{}}}"#, message.json)
                }
                Event::Changed(change) => {
                    let kind = if change.joined { "user_joined" } else { "user_left" };
                    let (user, count) = (json::quoted(&change.user), change.connections);
                    let who = format!(r#""username":{user},"connectedClients":{count}"#);
                    let time = date::iso8601(change.timestamp);
                    format!(r#"{{"type":"{kind}",{who},"timestamp":"{time}"}}"#)
                }
            };
            push_text(&mut batch.bytes, &text);
            batch.starts.push(batch.bytes.len());
        }
        batch
    }

    /// What is new to a live member: it has `seen` all that came before these, and maybe some more.
    fn after(&self, seen: Position) -> &[u8] {
        let new = self.to.events.saturating_sub(seen.events) as usize;
        &self.bytes[self.starts[self.starts.len() - 1 - new]..]
    }
}

fn push_text(bytes: &mut Vec<u8>, text: &str) {
    frame::encode(bytes, Opcode::Text, text.as_bytes(), None);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
