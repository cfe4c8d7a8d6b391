//! §4.10 The timeline: what the members of the chat are told, in one order, and who they are.
//!
//! An event is kept as it travels, as a frame or two: a server does not mask, so the bytes are the
//! same for everybody. All events together are one stream of bytes, and an offset is the number of
//! bytes before it. The offset of a member is where its next event begins.

use super::t4_events::{self as events, Here, Joined};
use super::t4_member::Member;
use crate::room::{Message, Room, lock};
use crate::wire::budget::FREE_BYTES;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex};

/// Older events are forgotten, and a member that has not had them yet is closed.
pub const TIMELINE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The most a member is given at once, and so the most of events that a full socket leaves over: it is
/// free of charge in the memory for all.
pub const PIECE_BYTES_MAX: usize = FREE_BYTES;

/// Its lock is taken before the room's, never the other way.
#[derive(Default)]
pub struct Timeline {
    pub(super) state: Mutex<State>,
    /// Rung when the broadcaster has done a round.
    pub(super) round_done: Condvar,
}

/// forgotten | oldest …… `round_end` …… `end` | what has not happened yet
#[derive(Default)]
pub(super) struct State {
    /// Whole events, as many as fit, behind the offset of the first of them.
    pieces: VecDeque<(u64, Vec<u8>)>,
    pub(super) end: u64,
    /// Who is in the chat: each name, with its connections.
    members: BTreeMap<Arc<str>, Vec<Arc<Member>>>,
    /// Where the broadcaster's last round ended: all who keep up have had the events before it.
    pub(super) round_end: u64,
    /// How many bytes the slowest member lacked then; one that takes nothing any more is not waited for.
    pub(super) behind: u64,
}

impl Timeline {
    /// A connection comes in; the others are told if it is the first of that name. One lock for all
    /// of it, so nothing falls between the list of names, the messages in the room and the events
    /// to come (which begin after its own `user_joined`).
    pub fn join(&self, room: &Room, member: &Arc<Member>) -> Joined {
        let mut state = self.lock_with_space();
        let same_name = state.members.entry(member.user.clone()).or_default();
        same_name.push(member.clone());
        let is_first = same_name.len() == 1;
        let here = state.here();
        if is_first {
            state.push(events::presence("user_joined", &member.user, here.connections()));
            room.ring();
        }
        Joined { here, newest: room.counts().0, offset: state.end }
    }

    /// A connection goes; the others are told if it was the last of that name.
    pub fn leave(&self, room: &Room, member: &Arc<Member>) {
        let mut state = self.lock_with_space();
        let Some(same_name) = state.members.get_mut(&member.user) else { return };
        same_name.retain(|other| !Arc::ptr_eq(other, member));
        if same_name.is_empty() {
            state.members.remove(&member.user);
            let connections = state.members.values().map(Vec::len).sum();
            state.push(events::presence("user_left", &member.user, connections));
            room.ring();
        }
    }

    pub fn here(&self) -> Here {
        lock(&self.state).here()
    }

    /// Whom the broadcaster writes to.
    pub fn members(&self) -> Vec<Arc<Member>> {
        lock(&self.state).members.values().flatten().cloned().collect()
    }

    /// Says something in the room, when the members can follow, and tells them.
    pub fn announce(&self, room: &Room, user: String, text: String) -> Arc<Message> {
        let mut state = self.lock_to_speak();
        // One lock for both lists, so one order. The broadcaster, whom `room.say` wakes, waits for
        // this lock in `end`.
        let message = room.say(user, text);
        // Where part 4 does not run nobody is here, and there is no broadcaster to make space again.
        if !state.members.is_empty() {
            state.push(events::message(&message));
        }
        message
    }

    /// Every now and then, so that nobody on the way takes the connection for dead. The broadcaster
    /// itself does it, so it must not wait for a round.
    pub fn push_heartbeat(&self) {
        lock(&self.state).push(events::heartbeat());
    }

    /// The offset of what has not happened yet.
    pub fn end(&self) -> u64 {
        lock(&self.state).end
    }

    /// The events from `offset` on, as many as are in one piece; `None` if some are forgotten already.
    pub fn piece(&self, offset: u64) -> Option<Vec<u8>> {
        let state = lock(&self.state);
        // From the back, where all who keep up find theirs.
        let mut pieces = state.pieces.iter().rev();
        let (begin, bytes) = pieces.find(|(begin, _)| *begin <= offset)?;
        Some(bytes[(offset - begin) as usize..].to_vec())
    }
}

impl State {
    fn push(&mut self, event: Vec<u8>) {
        let begin = self.end;
        self.end += event.len() as u64;
        match self.pieces.back_mut() {
            Some((_, last)) if last.len() + event.len() <= PIECE_BYTES_MAX => last.extend(event),
            _ => self.pieces.push_back((begin, event)),
        }
        let oldest_kept = self.end.saturating_sub(TIMELINE_BYTES_MAX as u64);
        while self.pieces.front().is_some_and(|(begin, _)| *begin < oldest_kept) {
            self.pieces.pop_front();
        }
    }

    fn here(&self) -> Here {
        let counts = self.members.iter().map(|(user, same_name)| (user.clone(), same_name.len()));
        Here(counts.collect())
    }
}
