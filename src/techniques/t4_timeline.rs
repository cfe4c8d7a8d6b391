//! §4.10 The timeline: what the members of the chat are told, in one order, and who is here.
//!
//! An event is kept as it travels, as a frame or two: a server does not mask, so the bytes are the
//! same for everybody. All events together are one stream of bytes, and a place in it is the number of
//! bytes before it. The place of a member is where its next event begins.

use super::t4_events as events;
use crate::room::{Message, Room, lock};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Older events are forgotten, and a member that has not had them yet is closed.
pub const TIMELINE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// What a member is given at once: less than a socket's buffer holds.
pub const PIECE_BYTES_MAX: usize = 128 * 1024;
/// Anyone who speaks, comes or goes waits while the broadcaster has more than this to deliver.
/// So nothing is forgotten that it has not delivered yet. Less than a piece: one round is enough.
pub const UNDELIVERED_BYTES_MAX: usize = 64 * 1024;
/// Anyone who speaks waits so long at the most for a reader that takes what comes, but slowly.
pub const PAUSE: Duration = Duration::from_millis(5);
const FAR_BEHIND_BYTES: u64 = TIMELINE_BYTES_MAX as u64 / 2;

/// Its lock is taken before the room's, never the other way.
#[derive(Default)]
pub struct Timeline {
    state: Mutex<State>,
    /// Rung when the broadcaster has done a round.
    round_done: Condvar,
}

/// ```text
/// forgotten | the first event …… slowest …………… delivered …… end
///             oldest             a slow member   a quick one   has not happened yet
/// ```
#[derive(Default)]
struct State {
    /// Each with its place.
    events: VecDeque<(u64, Box<[u8]>)>,
    end: u64,
    /// Who is in the chat: the names, and how many connections each has.
    here: BTreeMap<Arc<str>, usize>,
    /// Where the broadcaster's last round ended: all who keep up have had the events before it.
    delivered: u64,
    /// The place of the slowest member, of those that still take what they are given.
    slowest: u64,
}

/// What a newcomer finds: the messages up to `last_id` are in the room for it to read, as far as
/// they are kept, and all that happens later is in the timeline from `place` on.
pub struct Joined {
    pub connections: usize,
    pub users: Vec<Arc<str>>,
    pub last_id: u64,
    pub place: u64,
}

/// Events that follow one another, from `place` on.
pub struct Piece {
    pub place: u64,
    pub bytes: Vec<u8>,
    /// Where each of them ends in `bytes`.
    ends: Vec<usize>,
}

impl Piece {
    /// Where the event ends that a write of `written` bytes stops in. If it stops between two, the
    /// next one counts as begun, so that something is left: that says that the socket is full. Of
    /// events that end at 10 and 20 it is 20 for 13, and for 10.
    pub fn end_of_event(&self, written: usize) -> usize {
        self.ends.iter().copied().find(|end| *end > written).unwrap_or(written)
    }
}

impl Timeline {
    /// A connection comes in; its name joins with the first. One lock for all of it, so nothing
    /// falls between the list of names, the messages in the room and the events to come.
    pub fn join(&self, room: &Room, user: &str) -> Joined {
        let mut state = self.when_delivered(lock(&self.state));
        let count = state.here.entry(user.into()).or_default();
        *count += 1;
        if *count == 1 {
            state.push_presence("user_joined", user);
        }
        let (users, connections) =
            (state.here.keys().cloned().collect(), state.here.values().sum());
        Joined { connections, users, last_id: room.counts().0, place: state.end }
    }

    /// A connection goes; the name goes with its last one.
    pub fn leave(&self, user: &str) {
        let mut state = self.when_delivered(lock(&self.state));
        match state.here.get_mut(user) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                state.here.remove(user);
                state.push_presence("user_left", user);
            }
        }
    }

    /// Who is in the chat: the names, and how many connections each has.
    pub fn presence(&self) -> BTreeMap<Arc<str>, usize> {
        lock(&self.state).here.clone()
    }

    /// §4.11 Says something in the room, when the members can follow. This is flow control: the
    /// thread of a speaker that is too fast waits, its socket fills, and TCP slows the other side down.
    pub fn say(&self, room: &Room, user: String, text: String) -> Arc<Message> {
        // 1. For a slow reader it waits a little, and not for ever.
        let far_behind = |state: &mut State| state.end - state.slowest > FAR_BEHIND_BYTES;
        let waited = self.round_done.wait_timeout_while(lock(&self.state), PAUSE, far_behind);
        // 2. For the broadcaster it waits as long as it must. This ends: that one waits for nobody.
        let mut state = self.when_delivered(waited.unwrap_or_else(PoisonError::into_inner).0);
        // The lock is still ours: messages stand here in the order of the room, and the broadcaster,
        // whom `room.say` wakes, gets no `end` from us before the message is here.
        let message = room.say(user, text);
        // Nobody is here unless part 4 runs over this room.
        if !state.here.is_empty() {
            state.push(events::message(&message));
        }
        message
    }

    /// Waits until there is space for one event more. The caller keeps the lock until the event is
    /// there, because thousands may wake here at once.
    fn when_delivered<'a>(&'a self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let too_much = |s: &mut State| s.end - s.delivered > UNDELIVERED_BYTES_MAX as u64;
        self.round_done.wait_while(state, too_much).unwrap_or_else(PoisonError::into_inner)
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
        let next = state.events.partition_point(|(begin, _)| *begin < place);
        for (_, event) in state.events.range(next..).take_while(|(begin, _)| *begin < end) {
            if !piece.bytes.is_empty() && piece.bytes.len() + event.len() > PIECE_BYTES_MAX {
                break;
            }
            piece.bytes.extend_from_slice(event);
            piece.ends.push(piece.bytes.len());
        }
        Some(piece)
    }

    /// The broadcaster tells where it is, and where the slowest reader is, and those that wait for
    /// them check again.
    pub fn set_delivered(&self, delivered: u64, slowest: u64) {
        let mut state = lock(&self.state);
        (state.delivered, state.slowest) = (delivered, slowest);
        drop(state);
        self.round_done.notify_all();
    }
}

impl State {
    fn push_presence(&mut self, kind: &str, user: &str) {
        self.push(events::presence(kind, user, self.here.values().sum()));
    }

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
