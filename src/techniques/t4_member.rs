//! A member of the chat: what is still to be written to it, and how its socket takes that.

use super::Chat;
use super::t4_broadcast::Hub;
use super::t4_timeline::{Joined, Piece, message_frame, text_frame};
use crate::event;
use crate::wire::frame::{self, Opcode};
use crate::wire::{buffer::timed_out, json, message::close_payload};
use std::io::{self, ErrorKind, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What a slow reader may make us answer (pongs, errors) before it is cut off.
pub const PENDING_BYTES_MAX: usize = 256 * 1024;
/// Speakers do not wait for a reader that has taken nothing for so long.
const TAKING: Duration = Duration::from_secs(5);
const TOO_SLOW: &str = "too slow: some of what you missed is forgotten, come back with lastId";

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
pub enum Pace {
    /// It has everything, or needs nothing more.
    Done,
    /// It took all that it was given, and there is more.
    Behind(u64),
    /// Its socket is full.
    Full(u64),
    /// Its socket is full, and was for a while.
    Stalled,
}

impl Member {
    /// Somebody who has just joined and has had nothing yet.
    pub fn new(hub: Arc<Hub>, socket: Arc<TcpStream>, user: String, next: u64) -> Arc<Member> {
        let outbox = Mutex::new(Outbox { next, ..Outbox::default() });
        Arc::new(Member { hub, socket, user, outbox })
    }

    /// Writes the greeting and what was missed after `last_id`. This thread may wait: nobody else
    /// writes to this member yet.
    pub fn catch_up(&self, joined: &Joined, last_id: Option<u64>) -> io::Result<()> {
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
    pub fn deliver(&self, news: &Piece) -> io::Result<Pace> {
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

    /// Never waits for a reader that takes nothing: a thousand others come after it.
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
    pub fn cut_off(&self, why: &str) {
        lock(&self.outbox).closed = true;
        // First: once the socket is shut down, its reader says in the log that it leaves.
        event!("§4.8", &self.user, "cut off: {why}");
        let _ = self.socket.shutdown(Shutdown::Both);
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
        // A member that has left is told no more news.
        outbox.closed = true;
        let rest = std::mem::take(&mut outbox.pending);
        drop(outbox);
        member.hub.forget(member);
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

pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
