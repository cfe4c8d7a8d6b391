//! §4.10 The timeline: what the members of the chat are told, in one order, and who is here.
//!
//! An event is kept as it travels, as a frame: a server does not mask, so the bytes are the same
//! for everybody. Events are numbered 0, 1, 2, …, and the place of a member is the number of its
//! next one. Messages are taken over from the room; comings and goings are added here.

use super::api::{TEXT_CHARS_MAX, USER_CHARS_MAX};
use crate::room::{LOG_BYTES_MAX, Message, Room, now_ms};
use crate::wire::frame::{self, Opcode};
use crate::wire::{date, json};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Older events are forgotten, and a member that has not had them yet is closed.
pub const TIMELINE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// What a member is given at once: less than a socket's buffer holds.
pub const PIECE_BYTES_MAX: usize = 128 * 1024;
/// Anyone who speaks or joins waits while the broadcaster is so many events behind.
pub const BEHIND_EVENTS_MAX: u64 = 500;
/// Anyone who speaks waits so long at the most for a reader that takes what comes, but slowly.
pub const PAUSE: Duration = Duration::from_millis(5);
const FAR_BEHIND_BYTES: u64 = TIMELINE_BYTES_MAX as u64 / 2;

// So nothing is forgotten, here or in the room, that the broadcaster has not written yet:
/// The longest message, each of its characters written as `\u0000`.
const JSON_BYTES_MAX: usize = 6 * (USER_CHARS_MAX + TEXT_CHARS_MAX + 20);
const BEHIND_BYTES_MAX: usize = BEHIND_EVENTS_MAX as usize * (JSON_BYTES_MAX + 100);
/// Anyone who leaves does not wait: one `user_left` for each connection that there can be.
const LEAVING_BYTES_MAX: usize = 16_384 * (6 * USER_CHARS_MAX + 130);
const _: () = assert!(BEHIND_BYTES_MAX < LOG_BYTES_MAX);
const _: () = assert!(BEHIND_BYTES_MAX + LEAVING_BYTES_MAX < TIMELINE_BYTES_MAX);

/// Its lock is taken before the room's, never the other way.
#[derive(Default)]
pub struct Timeline {
    state: Mutex<State>,
    /// Rung when the broadcaster has done a round.
    round_done: Condvar,
}

/// `events` are those with the numbers from `first` to `next() - 1`:
///
/// ```text
/// forgotten | first …… slowest …………… delivered …… next()
///             oldest    a slow member   who keeps up   has not happened yet
/// ```
#[derive(Default)]
struct State {
    events: VecDeque<Event>,
    first: u64,
    /// The bytes of all events there ever were.
    bytes: u64,
    /// The newest message among the events.
    last_id: u64,
    /// The names, and how many connections each has.
    here: BTreeMap<Arc<str>, usize>,
    connections: usize,
    /// What the broadcaster writes next, if there is one: all who keep up have had the events
    /// before this one.
    delivered: Option<u64>,
    /// What the slowest member needs next, of those that still take what they are given.
    slowest: u64,
}

struct Event {
    frame: Box<[u8]>,
    /// The bytes of all events before this one.
    start: u64,
}

/// Who is in the chat.
#[derive(Debug, Default)]
pub struct Presence {
    pub connections: usize,
    /// The names, each once, in order, and the connections of each.
    pub here: Vec<(Arc<str>, usize)>,
}

/// What a newcomer finds: the messages up to `last_id` are in the room for it to read, as far as
/// they are kept, and all that happens later is in the timeline from `next` on.
pub struct Joined {
    pub presence: Presence,
    pub last_id: u64,
    pub next: u64,
}

impl Timeline {
    /// A connection comes in; its name joins with the first. One lock for all of it, so nothing
    /// falls between the list of names, the messages in the room and the events to come.
    pub fn join(&self, room: &Room, user: &str) -> Joined {
        let mut state = self.when_delivered(self.lock(), room);
        state.follow(room);
        *state.here.entry(user.into()).or_default() += 1;
        state.connections += 1;
        if state.here[user] == 1 {
            state.push_presence("user_joined", user);
        }
        Joined { presence: state.presence(), last_id: state.last_id, next: state.next() }
    }

    /// A connection goes; the name goes with its last one.
    pub fn leave(&self, room: &Room, user: &str) {
        let mut state = self.lock();
        state.follow(room);
        state.connections -= 1;
        match state.here.get_mut(user) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                state.here.remove(user);
                state.push_presence("user_left", user);
            }
        }
    }

    pub fn presence(&self) -> Presence {
        self.lock().presence()
    }

    /// §4.11 Says something in the room, when the members can follow. This is flow control: the
    /// thread of a speaker that is too fast waits, its socket fills, and TCP slows the other side down.
    pub fn say(&self, room: &Room, user: String, text: String) -> Arc<Message> {
        // 1. For a slow reader it waits a little, and not for ever.
        let far_behind = |state: &mut State| state.bytes_after(state.slowest) > FAR_BEHIND_BYTES;
        let waited = self.round_done.wait_timeout_while(self.lock(), PAUSE, far_behind);
        let state = waited.unwrap_or_else(PoisonError::into_inner).0;
        // 2. For the broadcaster it waits as long as it must. This ends: that one waits for nobody.
        // The lock is kept until it is said, because thousands of speakers may wake here at once.
        let _locked = self.when_delivered(state, room);
        room.say(user, text)
    }

    /// The lock, when the broadcaster is less than [`BEHIND_EVENTS_MAX`] behind.
    fn when_delivered<'a>(
        &'a self,
        state: MutexGuard<'a, State>,
        room: &Room,
    ) -> MutexGuard<'a, State> {
        let too_far = |state: &mut State| state.undelivered(room) >= BEHIND_EVENTS_MAX;
        self.round_done.wait_while(state, too_far).unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest message that was taken over from the room.
    pub fn last_id(&self) -> u64 {
        self.lock().last_id
    }

    /// The number of the next event to happen.
    pub fn next(&self) -> u64 {
        self.lock().next()
    }

    /// Takes over what was said in the room.
    pub fn follow(&self, room: &Room) {
        self.lock().follow(room);
    }

    /// A message for the page, and a ping for its browser.
    pub fn push_heartbeat(&self) {
        let mut frames = text_frame(r#"{"type":"heartbeat"}"#);
        frame::encode(&mut frames, Opcode::Ping, b"", None);
        self.lock().push(frames);
    }

    /// What comes next from event `from` on; `None` if some of it is forgotten already.
    pub fn piece(&self, from: u64) -> Option<Piece> {
        let state = self.lock();
        let skip = from.checked_sub(state.first)? as usize;
        let mut piece = Piece { from, bytes: Vec::new(), ends: Vec::new(), more: false };
        for event in state.events.range(skip..) {
            if !piece.bytes.is_empty() && piece.bytes.len() + event.frame.len() > PIECE_BYTES_MAX {
                piece.more = true;
                break;
            }
            piece.bytes.extend_from_slice(&event.frame);
            piece.ends.push(piece.bytes.len());
        }
        Some(piece)
    }

    /// The broadcaster tells where it is, and where the slowest reader is, and those that wait for
    /// them check again.
    pub fn set_delivered(&self, delivered: u64, slowest: u64) {
        let mut state = self.lock();
        (state.delivered, state.slowest) = (Some(delivered), slowest);
        drop(state);
        self.round_done.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn next(&self) -> u64 {
        self.first + self.events.len() as u64
    }

    /// What was said and is not an event yet becomes one.
    fn follow(&mut self, room: &Room) {
        loop {
            let excerpt = room.since(Some(self.last_id));
            for message in excerpt.messages {
                self.last_id = message.id;
                self.push(message_frame(&message));
            }
            if !excerpt.more {
                return;
            }
        }
    }

    fn push_presence(&mut self, kind: &str, user: &str) {
        let (user, count, time) = (json::quoted(user), self.connections, date::iso8601(now_ms()));
        let who = format!(r#""username":{user},"connectedClients":{count}"#);
        self.push(text_frame(&format!(r#"{{"type":"{kind}",{who},"timestamp":"{time}"}}"#)));
    }

    fn push(&mut self, frame: Vec<u8>) {
        let start = self.bytes;
        self.bytes += frame.len() as u64;
        self.events.push_back(Event { frame: frame.into(), start });
        while self.bytes_after(self.first) > TIMELINE_BYTES_MAX as u64 {
            self.events.pop_front();
            self.first += 1;
        }
    }

    /// The bytes of the events from `number` on that are kept.
    fn bytes_after(&self, number: u64) -> u64 {
        let event = self.events.get(number.saturating_sub(self.first) as usize);
        event.map_or(0, |event| self.bytes - event.start)
    }

    /// How far the broadcaster is behind; what it has not taken over from the room counts, too.
    fn undelivered(&self, room: &Room) -> u64 {
        match self.delivered {
            Some(delivered) => self.next() - delivered + room.counts().0 - self.last_id,
            None => 0,
        }
    }

    fn presence(&self) -> Presence {
        let here = self.here.iter().map(|(user, count)| (user.clone(), *count)).collect();
        Presence { connections: self.connections, here }
    }
}

/// Events that follow one another, from number `from` on.
pub struct Piece {
    pub from: u64,
    pub bytes: Vec<u8>,
    /// Where each event ends in `bytes`.
    ends: Vec<usize>,
    /// Whether there are newer ones, for which there was no space.
    pub more: bool,
}

impl Piece {
    /// The number of the event that comes after these.
    pub fn to(&self) -> u64 {
        self.from + self.ends.len() as u64
    }

    /// Where event `number` begins in `bytes`, or they end; `None` if it is not among these.
    pub fn start_of(&self, number: u64) -> Option<usize> {
        match number.checked_sub(self.from)? {
            0 => Some(0),
            before => self.ends.get(before as usize - 1).copied(),
        }
    }

    /// For a member that has taken `bytes` up to `taken`: the number of its next event, and the
    /// rest of the frame before it, of which it has had a part or nothing. With frames that end at
    /// 10 and 20, 13 bytes taken: the rest is `bytes[13..20]`, the next event is `from + 2`.
    pub fn place(&self, taken: usize) -> (u64, &[u8]) {
        let whole = self.ends.partition_point(|end| *end <= taken);
        match self.ends.get(whole) {
            Some(end) => (self.from + whole as u64 + 1, &self.bytes[taken..*end]),
            None => (self.to(), &[]),
        }
    }
}

pub fn message_frame(message: &Message) -> Vec<u8> {
    text_frame(&format!(r#"{{"type":"message","message":{}}}"#, message.json))
}

pub fn text_frame(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() + 10);
    frame::encode(&mut bytes, Opcode::Text, text.as_bytes(), None);
    bytes
}
