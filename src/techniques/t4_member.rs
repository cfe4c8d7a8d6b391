//! A member of the chat: how it comes, what is still to be written to it, how its socket takes
//! that, and how it goes.

use super::Chat;
use super::t4_broadcast::Hub;
use super::t4_events as events;
use super::t4_timeline::{Joined, Piece};
use crate::event;
use crate::handler::write_whole;
use crate::room::{known, lock};
use crate::wire::budget::{Share, TAKEN_BYTES_MAX};
use crate::wire::frame::{self, Opcode};
use crate::wire::{buffer::timed_out, message::close_payload};
use std::io::{self, ErrorKind, IoSlice, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// What a slow reader may make us answer (pongs, errors) before it is cut off.
pub const PENDING_BYTES_MAX: usize = 256 * 1024;
/// Speakers do not wait for a reader that has taken nothing for so long.
const TAKING: Duration = Duration::from_secs(5);
const TOO_SLOW: &str = "too slow: some of what you missed is forgotten, come back with lastId";
const TOO_MANY: &str = "too many slow readers at the moment, try again later";

/// A connection of the chat.
pub struct Member {
    hub: Arc<Hub>,
    socket: Arc<TcpStream>,
    pub user: String,
    outbox: Mutex<Outbox>,
}

/// What is still to be written to a member: `pending`, then the events from `place` on. Once the
/// member is in the hub's list, whoever holds this lock may write to its socket.
#[derive(Default)]
struct Outbox {
    /// The rest of an event, and what its own thread has answered. Not empty: the socket was full.
    pending: Vec<u8>,
    place: u64,
    /// Nothing may follow what is pending: it ends with a close (RFC 6455 §5.5.1), or the member
    /// was cut off, or its thread has ended.
    closed: bool,
    /// Since when the socket has taken nothing at all.
    full_since: Option<Instant>,
    /// Of the memory for what is pending.
    share: Share,
}

/// How far a member came in a round.
pub enum Pace {
    /// It has everything, or needs nothing more.
    Done,
    /// There is more for it, from this place on.
    Behind(u64),
    /// There is more for it, but its socket has been full for a while.
    Stalled,
}

/// A member as its own thread holds it: out of the chat when that ends, however it ends.
pub struct Membership(pub Arc<Member>);

impl Membership {
    /// A newcomer joins. Its own thread greets it and gives it what it has missed since `last_id`,
    /// as far as that is kept (without a `last_id` nothing). What happens after it has joined it
    /// gets as every member does. `Err`: it took nothing for too long, or has gone.
    pub fn new(
        hub: &Arc<Hub>,
        socket: Arc<TcpStream>,
        user: String,
        last_id: Option<u64>,
    ) -> io::Result<Membership> {
        let Chat { room, timeline, timing, .. } = &*hub.chat;
        // Whenever its own thread writes and waits.
        socket.set_write_timeout(Some(timing.stall))?;
        let joined = timeline.join(room, &user);
        let outbox = Mutex::new(Outbox { place: joined.place, ..Outbox::default() });
        let member = Arc::new(Member { hub: hub.clone(), socket, user, outbox });
        let membership = Membership(member.clone());
        event!("§4.10", &member.user, "joins, connections: {}", joined.connections);
        // The others are told that it has joined.
        hub.stir();
        member.catch_up(joined, last_id)?;
        // From here on the broadcaster writes to it, too.
        lock(&hub.members).push(member);
        hub.stir();
        Ok(membership)
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        let Membership(member) = self;
        let hub = &member.hub;
        let mut outbox = lock(&member.outbox);
        // A member that has left is told no more news.
        outbox.closed = true;
        let rest = std::mem::take(&mut outbox.pending);
        drop(outbox);
        lock(&hub.members).retain(|other| !Arc::ptr_eq(other, member));
        // First: once it has left, the others may be told.
        event!("§4.10", &member.user, "leaves");
        hub.chat.timeline.leave(&member.user);
        hub.stir();
        // The rest for a slow reader, its close frame too, before FIN. The outbox is closed: no other writes.
        let _ = (&*member.socket).write(&rest);
    }
}

impl Member {
    /// Writes the greeting and what was missed after `last_id`. This thread may wait: nobody else
    /// writes to this member yet.
    fn catch_up(&self, joined: Joined, last_id: Option<u64>) -> io::Result<()> {
        let (room, newest) = (&self.hub.chat.room, joined.last_id);
        self.write_patiently(&events::greeting(joined, room.epoch))?;
        let mut last_id = known(last_id.unwrap_or(newest), newest);
        while last_id < newest {
            let mut bytes = Vec::new();
            for message in room.since(Some(last_id)).messages {
                last_id = message.id;
                // A later one is in the timeline.
                if last_id <= newest {
                    bytes.extend(events::message(&message));
                }
            }
            self.write_patiently(&bytes)?;
        }
        Ok(())
    }

    /// Thousands of newcomers may wait here at once.
    fn write_patiently(&self, bytes: &[u8]) -> io::Result<()> {
        let mut share = Share::default();
        if !share.resize(bytes.len(), TAKEN_BYTES_MAX) {
            self.send(Opcode::Close, &close_payload(1013, TOO_MANY))?;
            return self.check_open(); // which it is not any more
        }
        write_whole(&self.socket, &mut [IoSlice::new(bytes)])
    }

    /// Gives a member what it has not had: what is in `piece`, if that begins at its place, as it
    /// does for all who keep up. For a member that is elsewhere, and after it, it is made anew.
    pub fn deliver(&self, piece: &mut Option<Piece>) -> io::Result<Pace> {
        let mut outbox = lock(&self.outbox);
        self.flush(&mut outbox)?;
        let mut more = false;
        if outbox.pending.is_empty() && !outbox.closed {
            if piece.as_ref().is_none_or(|piece| piece.place != outbox.place) {
                *piece = self.hub.chat.timeline.piece(outbox.place);
            }
            match piece {
                Some(piece) => {
                    more = piece.more;
                    self.write_piece(&mut outbox, piece)?;
                }
                None => {
                    outbox.push(Opcode::Close, &close_payload(1008, TOO_SLOW));
                    self.flush(&mut outbox)?;
                }
            }
        }
        if !outbox.fits() {
            return Err(io::Error::other("takes too little, and there is no memory for the rest"));
        }
        Ok(match outbox.full_since {
            Some(since) if since.elapsed() > TAKING => Pace::Stalled,
            _ if more || !outbox.pending.is_empty() => Pace::Behind(outbox.place),
            _ => Pace::Done,
        })
    }

    /// Writes what the socket takes of it. The rest of the event that it stops in is pending.
    fn write_piece(&self, outbox: &mut Outbox, piece: &Piece) -> io::Result<()> {
        if piece.bytes.is_empty() {
            return Ok(());
        }
        let written = self.write_at_once(&piece.bytes)?;
        let end = piece.end_of_event(written);
        outbox.pending.extend_from_slice(&piece.bytes[written..end]);
        outbox.place += end as u64;
        Ok(())
    }

    /// Sends a frame of its own thread's: a pong, an answer, a close. `Err`: the member was told to go
    /// before this, or cut off.
    pub fn send(&self, opcode: Opcode, payload: &[u8]) -> io::Result<()> {
        let mut outbox = self.open_outbox()?;
        outbox.push(opcode, payload);
        self.flush(&mut outbox)?;
        let (fits, left) = (outbox.fits(), outbox.pending.len());
        drop(outbox);
        if !fits {
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
        if outbox.pending.is_empty() {
            return Ok(());
        }
        let written = self.write_at_once(&outbox.pending)?;
        outbox.pending.drain(..written);
        if written > 0 {
            outbox.full_since = None;
        } else {
            let since = outbox.full_since.get_or_insert_with(Instant::now);
            if since.elapsed() >= self.hub.chat.timing.stall {
                return Err(io::Error::new(ErrorKind::TimedOut, "took nothing for too long"));
            }
        }
        if outbox.pending.is_empty() {
            outbox.pending = Vec::new();
            if outbox.closed {
                self.socket.shutdown(Shutdown::Write)?;
            }
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

    /// Ends a connection that cannot be written to: its thread finds the end of the stream.
    pub fn cut_off(&self, why: &str) {
        let mut outbox = lock(&self.outbox);
        *outbox = Outbox { closed: true, ..Outbox::default() };
        drop(outbox);
        // First: once the socket is shut down, its thread says in the log that it leaves.
        event!("§4.8", &self.user, "cut off: {why}");
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}

impl Outbox {
    /// Whether there is memory for what is pending.
    fn fits(&mut self) -> bool {
        let held = self.pending.capacity();
        self.pending.len() <= PENDING_BYTES_MAX && self.share.resize(held, TAKEN_BYTES_MAX)
    }

    fn push(&mut self, opcode: Opcode, payload: &[u8]) {
        frame::encode(&mut self.pending, opcode, payload, None);
        if opcode == Opcode::Close {
            self.closed = true;
        }
    }
}
