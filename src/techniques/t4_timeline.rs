//! §4.10 The timeline: what the members of the chat are told, in one order, and who they are.
//!
//! An event is kept as it travels, as a frame or two: a server does not mask, so the bytes are the
//! same for everybody. All events together are one stream of bytes, and a place in it is the number of
//! bytes before it. The place of a member is where its next event begins.

use super::t4_events::{self as events, Here, Joined};
use super::t4_member::Member;
use crate::room::{Message, Room, lock};
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex};

/// Older events are forgotten, and a member that has not had them yet is closed.
pub const TIMELINE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// What a member is given at once: less than a socket's buffer holds.
pub const PIECE_BYTES_MAX: usize = 128 * 1024;

/// Its lock is taken before the room's, never the other way.
#[derive(Default)]
pub struct Timeline {
    pub(super) state: Mutex<State>,
    /// Rung when the broadcaster has done a round.
    pub(super) round_done: Condvar,
    /// Whom the broadcaster writes to.
    pub members: Mutex<Vec<Arc<Member>>>,
}

/// forgotten | oldest …… `slowest` …… `delivered` …… `end` | what has not happened yet
#[derive(Default)]
pub(super) struct State {
    /// Each with its place.
    events: VecDeque<(u64, Box<[u8]>)>,
    pub(super) end: u64,
    here: Here,
    /// Where the broadcaster's last round ended: all who keep up have had the events before it.
    pub(super) delivered: u64,
    /// The place of the slowest member, of those that still take what they are given.
    pub(super) slowest: u64,
}

/// Events that follow one another, from `place` on.
pub struct Piece {
    pub place: u64,
    pub bytes: Vec<u8>,
    /// Where each of them ends in `bytes`.
    ends: Vec<usize>,
}

impl Piece {
    /// Where the event ends that a write of `written` bytes stops in: of events that end at 10 and 20
    /// it is 20 for 13. It is 20 for 10, too, because something must be left of a write that was cut
    /// short: by that we know a full socket.
    pub fn end_of_event(&self, written: usize) -> usize {
        self.ends.iter().copied().find(|end| *end > written).unwrap_or(written)
    }
}

impl Timeline {
    /// A connection comes in. One lock for all of it, so nothing falls between the list of names,
    /// the messages in the room and the events to come (which begin after its own `user_joined`).
    pub fn join(&self, room: &Room, user: &str) -> Joined {
        let mut state = self.when_delivered();
        if let Some(event) = state.here.join(user) {
            state.push(event);
            room.ring();
        }
        Joined { here: state.here.clone(), newest: room.counts().0, place: state.end }
    }

    pub fn leave(&self, room: &Room, user: &str) {
        let mut state = self.when_delivered();
        if let Some(event) = state.here.leave(user) {
            state.push(event);
            room.ring();
        }
    }

    pub fn here(&self) -> Here {
        lock(&self.state).here.clone()
    }

    /// Says something in the room, when the members can follow, and tells them.
    pub fn announce(&self, room: &Room, user: String, text: String) -> Arc<Message> {
        let mut state = self.when_followed();
        // The lock is ours now: messages stand here in the order of the room, and the broadcaster,
        // whom `room.say` wakes, gets no `end` from us before the message is here.
        let message = room.say(user, text);
        // Nobody is here unless part 4 runs over this room.
        if !state.here.0.is_empty() {
            state.push(events::message(&message));
        }
        message
    }

    /// Every now and then, so that nobody on the way takes the connection for dead. The broadcaster
    /// itself does it, so it must not wait for a round.
    pub fn push_heartbeat(&self) {
        lock(&self.state).push(events::heartbeat());
    }

    /// The place of what has not happened yet.
    pub fn end(&self) -> u64 {
        lock(&self.state).end
    }

    /// What comes next between `place` and `end`; `None` if some of it is forgotten already.
    pub fn piece(&self, place: u64, end: u64) -> Option<Piece> {
        let state = lock(&self.state);
        if place < state.oldest() {
            return None;
        }
        let mut piece = Piece { place, bytes: Vec::new(), ends: Vec::new() };
        let next = state.events.partition_point(|(begin, _)| *begin < place); // binary search
        for (_, event) in state.events.range(next..).take_while(|(begin, _)| *begin < end) {
            if !piece.bytes.is_empty() && piece.bytes.len() + event.len() > PIECE_BYTES_MAX {
                break;
            }
            piece.bytes.extend_from_slice(event);
            piece.ends.push(piece.bytes.len());
        }
        Some(piece)
    }
}

impl State {
    fn push(&mut self, event: Vec<u8>) {
        let place = self.end;
        self.end += event.len() as u64;
        self.events.push_back((place, event.into()));
        while self.end - self.oldest() > TIMELINE_BYTES_MAX as u64 {
            self.events.pop_front();
        }
    }

    /// The place of the oldest event that is kept.
    fn oldest(&self) -> u64 {
        self.events.front().map_or(self.end, |(place, _)| *place)
    }
}
