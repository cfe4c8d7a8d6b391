//! A member of the chat: how it joins, what is still to be sent to it, and how it leaves.

use super::Chat;
use super::t4_brake::IGNORED_AFTER;
use super::t4_events::{self as events, Joined};
use crate::handler::{write_at_once, write_whole};
use crate::room::{known_or_0, lock};
use crate::wire::budget::{Share, TAKEN_BYTES_MAX};
use crate::wire::control::close_payload;
use crate::wire::frame::{self, Opcode};
use crate::{event, log};
use std::io::{self, ErrorKind, IoSlice};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

/// What a slow reader may make us answer (pongs, errors) before it is cut off.
pub const UNSENT_BYTES_MAX: usize = 256 * 1024;
/// A member is given so many pieces in one round; if it is far behind, more of them in the next.
const PIECES_MAX: usize = 8;
const TOO_SLOW: &str = "too slow: some of what you missed is forgotten, come back with lastId";
const TOO_MANY: &str = "too many slow readers at the moment, try again later";

/// A connection of the chat.
pub struct Member {
    chat: Arc<Chat>,
    socket: Arc<TcpStream>,
    pub user: Arc<str>,
    unsent: Mutex<Unsent>,
}

/// What is still to be sent to a member: `bytes`, then the events from `offset` on. As soon as it has
/// an offset, one writes to its socket only under this lock, or after `seal`.
#[derive(Default)]
pub struct Unsent {
    /// Events, and what its own thread has answered. Not empty after a write: the socket is full.
    bytes: Vec<u8>,
    /// `None`: it is not given events yet, or not any more.
    offset: Option<u64>,
    /// Nothing may follow `bytes`: they end with a close (RFC 6455 §5.5.1), or the member was cut
    /// off, or its thread has ended.
    closed: bool,
    /// Since when the socket has taken nothing at all.
    full_since: Option<Instant>,
    /// What `bytes` takes of the memory for all.
    share: Share,
}

/// A member as its own thread holds it: out of the chat when that ends, however it ends.
pub struct Membership(pub Arc<Member>);

impl Membership {
    /// A newcomer joins. Its own thread greets it and gives it what it has missed since `last_id`,
    /// as far as that is kept (without a `last_id` nothing). What happens after it has joined it
    /// gets as every member does. `Err`: it took too little for too long, there was no memory for it,
    /// or it has gone.
    pub fn new(
        chat: &Arc<Chat>,
        socket: Arc<TcpStream>,
        user: String,
        last_id: Option<u64>,
    ) -> io::Result<Membership> {
        // Whenever its own thread writes and waits.
        socket.set_write_timeout(Some(chat.timing.stall))?;
        let member = Member::new(chat, socket, &user);
        let joined = chat.timeline.join(&chat.room, &member);
        let membership = Membership(member.clone());
        event!("§4.10", &member.user, "joins, connections: {}", joined.here.connections());
        let offset = joined.offset;
        member.catch_up(joined, last_id)?;
        // From here on the broadcaster writes to it, too, and is told so. (Nobody has waited for it
        // until now: if what comes next for it is forgotten already, it is closed as too slow.)
        lock(&member.unsent).offset = Some(offset);
        chat.room.ring();
        Ok(membership)
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        let Membership(member) = self;
        let unsent = member.seal();
        // The log says it first: once it has left, the others are told.
        event!("§4.10", &member.user, "leaves");
        member.chat.timeline.leave(&member.chat.room, member);
        // A slow reader gets the rest before FIN, its close too. This thread may wait: it has left.
        let _ = write_whole(&member.socket, &mut [IoSlice::new(&unsent.bytes)]);
    }
}

impl Member {
    pub fn new(chat: &Arc<Chat>, socket: Arc<TcpStream>, user: &str) -> Arc<Member> {
        let (chat, user, unsent) = (chat.clone(), user.into(), Mutex::default());
        Arc::new(Member { chat, socket, user, unsent })
    }

    /// Writes the greeting and what was missed after `last_id`. This thread may wait: nobody else
    /// writes to this member yet.
    fn catch_up(&self, joined: Joined, last_id: Option<u64>) -> io::Result<()> {
        let (room, newest) = (&self.chat.room, joined.newest);
        let mut last_id = known_or_0(last_id.unwrap_or(newest), newest);
        let mut bytes = events::greeting(joined, room.epoch);
        loop {
            // Thousands of newcomers may wait here at once.
            let mut share = Share::default();
            if !share.resize(bytes.capacity(), TAKEN_BYTES_MAX) {
                self.send(Opcode::Close, &close_payload(1013, TOO_MANY))?;
                return Err(io::Error::other(TOO_MANY));
            }
            write_whole(&self.socket, &mut [IoSlice::new(&bytes)])?;
            if last_id >= newest {
                return Ok(());
            }
            bytes = Vec::new(); // the list of who is here may have been long
            for message in room.since(Some(last_id)) {
                last_id = message.id;
                // A later one is in the timeline.
                if last_id <= newest {
                    bytes.extend(events::message(&message));
                }
            }
        }
    }

    /// Gives a member the events up to `end` or beyond, as many as its socket takes. Returns how many
    /// bytes it lacks: more than 0, and it is tried again soon; the most sets the brake (§4.11).
    pub fn deliver(&self, end: u64) -> io::Result<u64> {
        let mut unsent = lock(&self.unsent);
        self.flush(&mut unsent)?;
        for _ in 0..PIECES_MAX {
            let Some(offset) = unsent.offset else { break };
            if !unsent.bytes.is_empty() || offset >= end {
                break;
            }
            match self.chat.timeline.piece(offset) {
                Some(piece) => {
                    unsent.offset = Some(offset + piece.len() as u64);
                    unsent.bytes = piece;
                }
                None => unsent.push(Opcode::Close, &close_payload(1008, TOO_SLOW)),
            }
            self.flush(&mut unsent)?;
        }
        let bytes = unsent.bytes.len() as u64;
        let stalled = unsent.full_since.is_some_and(|since| since.elapsed() > IGNORED_AFTER);
        match unsent.offset {
            Some(offset) if !stalled => Ok(bytes + end.saturating_sub(offset)),
            _ => Ok(bytes), // a stalled one is tried again, but nobody waits for it
        }
    }

    /// Sends a frame of its own thread's: a pong, an answer, a close. `Err`: before this the member was
    /// told to go, or cut off.
    pub fn send(&self, opcode: Opcode, payload: &[u8]) -> io::Result<()> {
        let mut unsent = self.unsent_if_open()?;
        let is_tried_again = !unsent.bytes.is_empty(); // the broadcaster does it, every `RETRY`
        unsent.push(opcode, payload);
        let flushed = self.flush(&mut unsent);
        if !unsent.bytes.is_empty() && !is_tried_again {
            self.chat.room.ring(); // the broadcaster may be asleep
        }
        drop(unsent); // `cut_off` takes the lock, too
        if let Err(error) = flushed {
            self.cut_off(error);
        }
        Ok(())
    }

    /// What is unsent. `Err`: the member has been told to go, and is not listened to any more.
    pub fn unsent_if_open(&self) -> io::Result<MutexGuard<'_, Unsent>> {
        let unsent = lock(&self.unsent);
        if unsent.closed { Err(ErrorKind::BrokenPipe.into()) } else { Ok(unsent) }
    }

    /// §4.8 Writes as much of `bytes` as the socket takes. `Err`: it takes nothing, or too little.
    fn flush(&self, unsent: &mut Unsent) -> io::Result<()> {
        if unsent.bytes.is_empty() {
            return Ok(());
        }
        let stall = self.chat.timing.stall;
        let written = write_at_once(&self.socket, &unsent.bytes)?;
        unsent.bytes.drain(..written);
        if written > 0 {
            unsent.full_since = None;
        } else if unsent.full_since.get_or_insert_with(Instant::now).elapsed() >= stall {
            return Err(io::Error::other("took nothing for too long"));
        }
        if unsent.bytes.is_empty() {
            unsent.bytes = Vec::new();
            if unsent.closed {
                self.socket.shutdown(Shutdown::Write)?;
            }
        }
        let held = unsent.bytes.capacity();
        if unsent.bytes.len() > UNSENT_BYTES_MAX || !unsent.share.resize(held, TAKEN_BYTES_MAX) {
            return Err(io::Error::other("takes too little, and there is no room for the rest"));
        }
        Ok(())
    }

    /// Ends a connection that cannot be written to: its thread finds the end of the stream.
    pub fn cut_off(&self, error: io::Error) {
        let unsent = self.seal();
        if unsent.closed && unsent.bytes.is_empty() {
            return; // another thread was first, or there is nothing left to cut off
        }
        // First: once the socket is shut down, its thread says in the log that it leaves.
        event!("§4.8", &self.user, "cut off: {}", log::why(error));
        let _ = self.socket.shutdown(Shutdown::Both);
    }

    /// Takes what is unsent: from here on only the caller may write it.
    fn seal(&self) -> Unsent {
        let closed = Unsent { closed: true, ..Unsent::default() };
        std::mem::replace(&mut *lock(&self.unsent), closed)
    }
}

impl Unsent {
    fn push(&mut self, opcode: Opcode, payload: &[u8]) {
        frame::encode(&mut self.bytes, opcode, payload, None);
        if opcode == Opcode::Close {
            (self.closed, self.offset) = (true, None);
        }
    }
}
