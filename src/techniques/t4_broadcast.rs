//! The writing half of the chat: one broadcaster writes to everybody, and waits for nobody.

use super::Chat;
use super::t4_timeline::{Joined, Piece, message_frame, text_frame};
use crate::wire::frame::{self, Opcode};
use crate::wire::{buffer::timed_out, json, message::close_payload};
use crate::{event, log};
use std::io::{self, ErrorKind, Write};
use std::net::{Shutdown, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// What a slow reader may make us answer (pongs, errors) before it is cut off.
pub const PENDING_BYTES_MAX: usize = 256 * 1024;
/// A socket that was full is tried again after this.
const RETRY: Duration = Duration::from_millis(10);
/// Who has taken nothing for so long is not waited for by those who speak.
const TAKING: Duration = Duration::from_secs(5);
/// After a panic, so that one that repeats does not keep a processor busy.
const PANIC_PAUSE: Duration = Duration::from_secs(1);
const TOO_SLOW: &str = "too slow: some of what you missed is forgotten, come back with lastId";

/// Everybody in the chat.
pub struct Hub {
    pub chat: Arc<Chat>,
    members: Mutex<Vec<Arc<Member>>>,
    /// There is something to do for the broadcaster that is no message.
    stirred: AtomicBool,
}

/// A connection of the chat.
pub struct Member {
    hub: Arc<Hub>,
    socket: Arc<TcpStream>,
    pub user: String,
    outbox: Mutex<Outbox>,
}

/// What is still to be written to a member: `pending`, then the events from `next` on. Once the
/// member is in the hub's list, whoever holds this lock may write to its socket.
#[derive(Default)]
struct Outbox {
    /// The rest of a frame, and what its reader has answered. Not empty: the socket was full.
    pending: Vec<u8>,
    next: u64,
    /// Nothing may follow what is pending: it ends with a close (RFC 6455 §5.5.1), or the member
    /// was cut off, or its reader has left.
    closed: bool,
    /// Since when the socket has taken nothing at all.
    full_since: Option<Instant>,
}

/// How far a member came in a round. A number is the event that it needs next.
enum Pace {
    /// It has everything, or needs nothing more.
    Done,
    /// It took all that it was given, and there is more.
    Behind(u64),
    /// Its socket is full.
    Full(u64),
    /// Its socket is full, and was for a while.
    Stalled,
}

impl Hub {
    /// Opens the chat and starts its broadcaster. `Err`: there is no thread for it.
    pub fn start(chat: Arc<Chat>) -> io::Result<Arc<Hub>> {
        let hub =
            Arc::new(Hub { chat, members: Mutex::default(), stirred: AtomicBool::new(false) });
        // From here on who speaks waits for the broadcaster, though its thread may not run yet.
        hub.chat.timeline.set_delivered(0, 0);
        let broadcaster = Broadcaster::new(hub.clone());
        thread::Builder::new().name("broadcaster".into()).spawn(move || broadcaster.run())?;
        Ok(hub)
    }

    /// Wakes the broadcaster for something that is no message: first the flag, then the bell, so
    /// that whoever wakes finds the flag set.
    fn stir(&self) {
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
        let outbox = Mutex::new(Outbox { next: joined.next, ..Outbox::default() });
        let member = Membership(Arc::new(Member { hub: self.clone(), socket, user, outbox }));
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
            // A panic is printed. Whoever was being served when it came is cut off. The others lose
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
        // Whoever stirs just before this line is not missed: what it stirs for was done before, and
        // this round looks at all of it.
        stirred.store(false, Ordering::SeqCst);
        let now = Instant::now();
        if now >= self.heartbeat {
            timeline.push_heartbeat();
            self.heartbeat = now + timing.heartbeat;
        }
        timeline.follow(room);
        let news = timeline.piece(self.place).expect("see BEHIND_EVENTS_MAX");
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

impl Member {
    /// Writes the greeting and what was missed after `last_id`. This thread may wait: nobody else
    /// writes to this member yet.
    fn catch_up(&self, joined: &Joined, last_id: Option<u64>) -> io::Result<()> {
        let mut socket = &*self.socket;
        socket.write_all(&greeting(joined, self.hub.chat.room.epoch))?;
        let mut last_id = last_id.unwrap_or(joined.last_id);
        if last_id > joined.last_id {
            last_id = 0; // of a log before this one
        }
        loop {
            let missed = self.hub.chat.room.since(Some(last_id)).messages;
            let missed = missed.iter().take_while(|message| message.id <= joined.last_id);
            let mut bytes = Vec::new();
            for message in missed {
                bytes.extend(message_frame(message));
                last_id = message.id;
            }
            if bytes.is_empty() {
                return Ok(());
            }
            socket.write_all(&bytes)?;
        }
    }

    /// Gives a member what it has not had. One that keeps up needs what is in `news`. A slow one
    /// needs events before them, and one that joined after `news` was cut needs those behind them:
    /// these two get a piece of their own.
    fn deliver(&self, news: &Piece) -> io::Result<Pace> {
        let mut outbox = lock(&self.outbox);
        if !outbox.pending.is_empty() {
            self.flush(&mut outbox)?;
            if !outbox.pending.is_empty() {
                let stalled = outbox.full_since.is_some_and(|since| since.elapsed() > TAKING);
                return Ok(if stalled { Pace::Stalled } else { Pace::Full(outbox.next) });
            }
            if outbox.closed {
                self.socket.shutdown(Shutdown::Write)?;
            }
        }
        if outbox.closed {
            return Ok(Pace::Done);
        }
        if news.start_of(outbox.next).is_some() {
            return self.write_piece(&mut outbox, news);
        }
        match self.hub.chat.timeline.piece(outbox.next) {
            Some(piece) => self.write_piece(&mut outbox, &piece),
            None => {
                // It goes out in the next round.
                outbox.push(Opcode::Close, &close_payload(1008, TOO_SLOW));
                Ok(Pace::Stalled)
            }
        }
    }

    fn write_piece(&self, outbox: &mut Outbox, piece: &Piece) -> io::Result<Pace> {
        let start = piece.start_of(outbox.next).unwrap_or_default();
        let bytes = &piece.bytes[start..];
        if bytes.is_empty() {
            return Ok(Pace::Done);
        }
        let (next, rest) = piece.place(start + self.write_at_once(bytes)?);
        outbox.next = next;
        outbox.pending.extend_from_slice(rest);
        Ok(match rest {
            [] if piece.more => Pace::Behind(next),
            [] => Pace::Done,
            _ => Pace::Full(next),
        })
    }

    /// Sends a frame of the reader's: a pong, an answer, a close. `Err`: the member was told to go
    /// before this, or cut off.
    pub fn send(&self, opcode: Opcode, payload: &[u8]) -> io::Result<()> {
        let mut outbox = self.open_outbox()?;
        outbox.push(opcode, payload);
        self.flush(&mut outbox)?;
        let left = outbox.pending.len();
        drop(outbox);
        if left > PENDING_BYTES_MAX {
            self.cut_off("takes nothing and asks for more");
        } else if left > 0 {
            self.hub.stir();
        }
        Ok(())
    }

    /// `Err` for a member that has been told to go: it is not listened to any more.
    pub fn check_open(&self) -> io::Result<()> {
        self.open_outbox().map(drop)
    }

    fn open_outbox(&self) -> io::Result<MutexGuard<'_, Outbox>> {
        let outbox = lock(&self.outbox);
        if outbox.closed { Err(ErrorKind::BrokenPipe.into()) } else { Ok(outbox) }
    }

    /// §4.8 Writes as much of what is pending as the socket takes.
    fn flush(&self, outbox: &mut Outbox) -> io::Result<()> {
        let count = self.write_at_once(&outbox.pending)?;
        outbox.pending.drain(..count);
        if count > 0 {
            outbox.full_since = None;
        } else if outbox.full_since.get_or_insert_with(Instant::now).elapsed()
            >= self.hub.chat.timing.stall
        {
            return Err(ErrorKind::TimedOut.into());
        }
        if outbox.pending.is_empty() {
            outbox.pending = Vec::new();
        }
        Ok(())
    }

    /// Never waits for a reader who takes nothing: a thousand others come after it.
    fn write_at_once(&self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.set_nonblocking(true)?;
        let written = (&*self.socket).write(bytes);
        self.socket.set_nonblocking(false)?;
        match written {
            Err(error) if timed_out(&error) || error.kind() == ErrorKind::Interrupted => Ok(0),
            written => written,
        }
    }

    /// Ends a connection that cannot be written to: its reader finds the end of the stream.
    fn cut_off(&self, why: &str) {
        lock(&self.outbox).closed = true;
        let _ = self.socket.shutdown(Shutdown::Both);
        event!("§4.8", &self.user, "cut off: {why}");
    }
}

impl Outbox {
    fn push(&mut self, opcode: Opcode, payload: &[u8]) {
        frame::encode(&mut self.pending, opcode, payload, None);
        if opcode == Opcode::Close {
            self.closed = true;
        }
    }
}

/// A member as its reader holds it: out of the chat when the reader ends, however it ends.
pub struct Membership(pub Arc<Member>);

impl Drop for Membership {
    fn drop(&mut self) {
        let Membership(member) = self;
        let Chat { room, timeline, .. } = &*member.hub.chat;
        let mut outbox = lock(&member.outbox);
        // Who has left is told no more news.
        outbox.closed = true;
        let rest = std::mem::take(&mut outbox.pending);
        drop(outbox);
        lock(&member.hub.members).retain(|other| !Arc::ptr_eq(other, member));
        timeline.leave(room, &member.user);
        member.hub.stir();
        event!("§4.10", &member.user, "leaves");
        // What is on the way to a slow reader, the close frame behind it too, comes before FIN.
        let _ = (&*member.socket).write(&rest);
    }
}

/// The first two messages of each connection: where it is, and who else is there.
fn greeting(joined: &Joined, epoch: u64) -> Vec<u8> {
    let Joined { presence, last_id, .. } = joined;
    let users: Vec<String> = presence.here.iter().map(|(user, _)| json::quoted(user)).collect();
    let (count, users) = (presence.connections, users.join(","));
    let hello = r#""message":"rawchat, part 4: WebSocket""#;
    let place = format!(r#""connectedClients":{count},"lastId":{last_id},"epoch":{epoch}"#);
    let welcome = text_frame(&format!(r#"{{"type":"welcome",{hello},{place}}}"#));
    [welcome, text_frame(&format!(r#"{{"type":"user_list","users":[{users}]}}"#))].concat()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
