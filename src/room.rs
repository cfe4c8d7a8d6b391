//! §3.1 The room: what was said, and waiting for what comes next. Leaves out: a second room.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// Older messages are forgotten.
pub const MESSAGES_MAX: usize = 5_000;
/// And those that are kept are no more than this as JSON, and as much again as users and texts.
pub const LOG_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The most in one answer, as a JSON array: each slow reader keeps a copy of it in memory.
pub const LIST_BYTES_MAX: usize = 128 * 1024;

#[derive(Debug)]
pub struct Message {
    /// 1, 2, 3, …
    pub id: u64,
    pub user: String,
    pub text: String,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub timestamp: u64,
    /// All of it as it travels: written once here, copied by everyone who sends it.
    pub json: Box<str>,
}

/// The one chat of the server.
pub struct Room {
    /// When the log began: ids are of this log. Milliseconds since 1970-01-01T00:00:00Z.
    pub epoch: u64,
    state: Mutex<State>,
    /// Rung after every push, and by [`Room::ring`].
    arrived: Condvar,
    to_json: fn(u64, &str, &str, u64) -> String,
}

/// Ids are 1, 2, 3, … up to `newest`, without gaps: "everything after 7" is a slice, not a search.
#[derive(Default)]
struct State {
    messages: VecDeque<Arc<Message>>,
    bytes: usize,
    newest: u64,
    /// How often it was rung without a message.
    rings: u64,
}

impl Room {
    /// `to_json`: of id, user, text and timestamp. A parameter, so that this file needs std alone.
    pub fn new(to_json: fn(u64, &str, &str, u64) -> String) -> Room {
        Room { epoch: now_ms(), state: Mutex::default(), arrived: Condvar::new(), to_json }
    }

    /// §3.2 Says something: give it the next id, push it, ring.
    pub fn say(&self, user: String, text: String) -> Arc<Message> {
        let mut state = lock(&self.state);
        let (id, timestamp) = (state.newest + 1, now_ms());
        let json = (self.to_json)(id, &user, &text, timestamp).into();
        let message = Arc::new(Message { id, user, text, timestamp, json });
        state.newest = id;
        state.bytes += message.json.len();
        state.messages.push_back(message.clone());
        while state.messages.len() > MESSAGES_MAX || state.bytes > LOG_BYTES_MAX {
            let Some(oldest) = state.messages.pop_front() else { break };
            state.bytes -= oldest.json.len();
        }
        drop(state);
        // Everybody: `notify_one` would wake one reader, and the others would sleep through it.
        self.arrived.notify_all();
        message
    }

    /// §2.1 What is kept after `id`, and without an `id` the newest; as much as fits.
    pub fn since(&self, id: Option<u64>) -> Vec<Arc<Message>> {
        let state = lock(&self.state);
        let kept = state.messages.len();
        let forgotten = state.newest - kept as u64; // the messages up to this id
        // The index of the first message to be given.
        let begin = match id {
            Some(id) => known_or_0(id, state.newest).saturating_sub(forgotten) as usize,
            None => kept - how_many_fit(state.messages.iter().rev()),
        };
        let end = begin + how_many_fit(state.messages.range(begin..));
        state.messages.range(begin..end).cloned().collect()
    }

    /// §3.3 The wait that part 3 is about: what comes after `id` as soon as there is something, or
    /// nothing when `patience` has run out. With no `id`, or with one above the newest, it waits only in
    /// an empty log. (A message that comes after the wait, before `since`, is in the answer, too.)
    pub fn wait_since(&self, id: Option<u64>, patience: Duration) -> Vec<Arc<Message>> {
        let after = id.unwrap_or(0);
        self.wait_while(patience, |newest, _| newest == known_or_0(after, newest));
        self.since(id)
    }

    /// §3.4 Sleeps while `nothing_yet` says so of the newest id and of the other rings. Both are
    /// returned in the end. Checking and falling asleep are one step: the lock is ours from the check
    /// on, and the Condvar gives it back only when this thread is in its queue. Else a message could
    /// come between and ring for nobody.
    pub fn wait_while(
        &self,
        patience: Duration,
        nothing_yet: impl Fn(u64, u64) -> bool,
    ) -> (u64, u64) {
        let deadline = Instant::now() + patience;
        let mut state = lock(&self.state);
        // `while`, not `if`: a Condvar may wake us for nothing, or for another's news.
        while nothing_yet(state.newest, state.rings) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.arrived.wait_timeout(state, left);
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
        (state.newest, state.rings)
    }

    /// Wakes all who wait, for a reason that is no message. It is counted under the lock, as a
    /// message is: anyone who has checked already is in the queue and hears it.
    pub fn ring(&self) {
        lock(&self.state).rings += 1;
        self.arrived.notify_all();
    }

    /// The id of the newest message, 0 before the first, and how many are kept.
    pub fn counts(&self) -> (u64, usize) {
        let state = lock(&self.state);
        (state.newest, state.messages.len())
    }
}

/// An id above the newest is from before a restart, and counts as 0; a smaller one passes (§2.3).
pub fn known_or_0(id: u64, newest: u64) -> u64 {
    if id > newest { 0 } else { id }
}

/// How many of these, the first in any case, are within [`LIST_BYTES_MAX`] as a JSON array.
fn how_many_fit<'a>(messages: impl Iterator<Item = &'a Arc<Message>>) -> usize {
    let (mut count, mut bytes) = (0, "[".len());
    for message in messages {
        bytes += message.json.len() + ",".len(); // or the bracket
        if count > 0 && bytes > LIST_BYTES_MAX {
            break;
        }
        count += 1;
    }
    count
}

/// A panic with a lock held does not end the chat: between steps that belong together there is none.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Milliseconds since 1970-01-01T00:00:00Z.
pub fn now_ms() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since_1970| since_1970.as_millis() as u64)
}
