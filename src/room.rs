//! §3.1 The room: what was said, who is here, and waiting for what comes next.
//!
//! One Mutex, one Condvar, for all four techniques. Leaves out: a disk, other rooms, accounts.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// Older messages are forgotten.
pub const MESSAGES_MAX: usize = 5_000;
/// The messages that are kept are no more than this, as JSON.
pub const LOG_BYTES_MAX: usize = 16 * 1024 * 1024;
/// What is given out at once, as a JSON array: a slow reader keeps no forgotten log alive.
pub const EXCERPT_BYTES_MAX: usize = 128 * 1024;
/// Comings and goings that are kept: more than there can be connections.
pub const CHANGES_MAX: usize = 16_384;
/// Who speaks or comes waits when the broadcaster is so many events behind.
pub const BEHIND_EVENTS_MAX: u64 = 1_000;
/// What the broadcaster takes at once, as JSON: less than a socket's buffer holds.
pub const NEWS_BYTES_MAX: usize = 128 * 1024;
const _: () = assert!(BEHIND_EVENTS_MAX < MESSAGES_MAX as u64 / 2, "nothing untaken is forgotten");

#[derive(Debug)]
pub struct Message {
    /// 1, 2, 3, …
    pub id: u64,
    pub user: String,
    pub text: String,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub timestamp: u64,
    /// All of it as it travels: written once here, copied by everyone who sends it.
    pub json: Arc<str>,
}

/// Some of the messages, in order.
#[derive(Debug)]
pub struct Excerpt {
    pub messages: Vec<Arc<Message>>,
    /// Whether there are newer ones, for which there was no space.
    pub more: bool,
}

/// Somebody came (the first connection of that name) or went (the last).
#[derive(Debug)]
pub struct Change {
    /// The newest message when it happened.
    after: u64,
    pub user: String,
    pub joined: bool,
    /// Connections in the room after it.
    pub connections: usize,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub timestamp: u64,
}

/// What happened in the room, in the order it happened.
#[derive(Debug, Clone)]
pub enum Event {
    Said(Arc<Message>),
    Changed(Arc<Change>),
}

/// How far somebody has followed. Events have one order, so their number says who is ahead.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// How many messages and changes it has had; of a newcomer, also those it will not be told.
    pub events: u64,
    /// The newest message that it has had.
    pub id: u64,
}

/// A picture of the room, for `GET /stats` and for a newcomer.
#[derive(Debug)]
pub struct Stats {
    pub newest: u64,
    pub kept: usize,
    pub waiting: usize,
    pub oldest_wait: Duration,
    pub connections: usize,
    /// The names, each once, in order, and the connections of each.
    pub here: Vec<(Arc<str>, usize)>,
}

/// Ids are 1, 2, 3, … without gaps, so "everything after 7" is a slice, not a search.
/// `log` holds the ids up to `newest`; `events` counts messages and changes, the forgotten ones too.
#[derive(Default)]
struct State {
    log: VecDeque<Arc<Message>>,
    log_bytes: usize,
    newest: u64,
    here: BTreeMap<Arc<str>, usize>,
    connections: usize,
    changes: VecDeque<Arc<Change>>,
    events: u64,
    /// Who waits in [`Room::wait_since`]: since when, and a ticket to tell two apart.
    waiting: BTreeSet<(Instant, u64)>,
    tickets: u64,
    /// How many events the broadcaster has delivered, once there is one.
    delivered: Option<u64>,
}

/// The one chat of the server.
pub struct Room {
    /// When the log began: ids are of this log. Milliseconds since 1970-01-01T00:00:00Z.
    pub epoch: u64,
    state: Mutex<State>,
    /// Rung after every change of `state` that somebody may be waiting for.
    news: Condvar,
    render: fn(&Message) -> String,
}

impl Room {
    /// An empty room. `render` gives a message the form in which it travels.
    pub fn new(render: fn(&Message) -> String) -> Room {
        Room { epoch: now_ms(), state: Mutex::default(), news: Condvar::new(), render }
    }

    /// A thread that panicked with the lock held does not end the chat: no step below leaves the
    /// state half changed.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// §3.2 Says something: give it the next id, push it, ring.
    pub fn say(&self, user: String, text: String) -> Arc<Message> {
        let mut state = self.lock_when_followed();
        let (id, json) = (state.newest + 1, Arc::from(""));
        let mut message = Message { id, user, text, timestamp: now_ms(), json };
        message.json = (self.render)(&message).into();
        let message = Arc::new(message);
        state.newest = id;
        state.events += 1;
        state.log_bytes += message.json.len();
        state.log.push_back(message.clone());
        while state.log.len() > MESSAGES_MAX || state.log_bytes > LOG_BYTES_MAX {
            let Some(oldest) = state.log.pop_front() else { break };
            state.log_bytes -= oldest.json.len();
        }
        drop(state);
        // Everybody: `notify_one` would wake one reader, and the others would sleep through it.
        self.news.notify_all();
        message
    }

    /// What comes next after `id`, and without an `id` the newest.
    pub fn since(&self, id: Option<u64>) -> Excerpt {
        self.lock().since(id)
    }

    /// §3.3 The wait that part 3 is about: what comes after `id` as soon as there is something,
    /// or nothing when `patience` has run out. `began` is when this reader began to wait.
    pub fn wait_since(&self, id: Option<u64>, began: Instant, patience: Duration) -> Excerpt {
        let mut state = self.lock();
        let seen = state.known(id.unwrap_or(0));
        state.tickets += 1;
        let ticket = (began, state.tickets);
        state.waiting.insert(ticket);
        state = self.wait(state, patience, |state| state.newest == seen);
        state.waiting.remove(&ticket);
        state.since(id.map(|_| seen))
    }

    /// §3.4 Sleeps while `nothing_yet`. The check and the falling asleep are one step: the lock is
    /// ours from the check on, and the Condvar gives it back only when this thread is in its
    /// queue. Looked at before the lock was taken, a message could come between and ring for nobody.
    fn wait<'a>(
        &self,
        mut state: MutexGuard<'a, State>,
        patience: Duration,
        nothing_yet: impl Fn(&State) -> bool,
    ) -> MutexGuard<'a, State> {
        let deadline = Instant::now() + patience;
        // `while`, not `if`: a Condvar may wake us for nothing, or for another's news.
        while nothing_yet(&state) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.news.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state
    }

    /// The same wait, for the broadcaster of part 4: until something has happened after `from`, or
    /// `patience` has run out. Coming here also says that everything up to `from` is delivered, and
    /// lets those go on who were too fast.
    pub fn wait_news(&self, from: Position, patience: Duration) {
        let mut state = self.lock();
        state.delivered = Some(from.events);
        self.news.notify_all();
        drop(self.wait(state, patience, |state| state.events == from.events));
    }

    /// What happened after `from`, about [`NEWS_BYTES_MAX`] of it at the most; `None` if some of
    /// that is forgotten already.
    pub fn news(&self, from: Position) -> Option<Vec<Event>> {
        self.lock().news(from)
    }

    /// §4.10 A connection comes in: the room that it finds, where its stream begins (after
    /// `last_id`, or now), and the first of that stream. One lock for all, so nothing falls between
    /// the list of names and the stream, and the oldest is not forgotten before it is taken.
    pub fn join(&self, user: &str, last_id: Option<u64>) -> (Stats, Position, Vec<Event>) {
        let mut state = self.lock_when_followed();
        *state.here.entry(user.into()).or_default() += 1;
        state.connections += 1;
        if state.here[user] == 1 {
            state.change(user, true);
        }
        let id = last_id.map_or(state.newest, |id| state.known(id).max(state.forgotten()));
        // The messages that it missed are still to come for it; the changes are not.
        let from = Position { events: state.events - (state.newest - id), id };
        let (stats, news) = (state.stats(), state.news(from).unwrap_or_default());
        drop(state);
        self.news.notify_all();
        (stats, from, news)
    }

    /// A connection goes; the name goes with its last one.
    pub fn leave(&self, user: &str) {
        let mut state = self.lock();
        state.connections -= 1;
        match state.here.get_mut(user) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                state.here.remove(user);
                state.change(user, false);
            }
        }
        drop(state);
        self.news.notify_all();
    }

    pub fn stats(&self) -> Stats {
        self.lock().stats()
    }

    /// §4.11 The lock, when the broadcaster is near enough. This is flow control: who speaks faster than
    /// all can be told is made to wait, its socket fills, and TCP slows it down.
    fn lock_when_followed(&self) -> MutexGuard<'_, State> {
        let waited = self.news.wait_while(self.lock(), |state| state.too_far());
        waited.unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// A `lastId` from before the server was restarted counts as 0.
    fn known(&self, id: u64) -> u64 {
        if id > self.newest { 0 } else { id }
    }

    /// The newest message that is no longer kept.
    fn forgotten(&self) -> u64 {
        self.newest - self.log.len() as u64
    }

    /// §2.1 What is kept after `id`, as much as fits: a poll, and a page, and the end of each wait.
    fn since(&self, id: Option<u64>) -> Excerpt {
        let kept = self.log.len();
        let (begin, end) = match id {
            None => (kept - how_many_fit(self.log.iter().rev()), kept),
            Some(id) => {
                let begin = self.known(id).saturating_sub(self.forgotten()) as usize;
                (begin, begin + how_many_fit(self.log.range(begin..)))
            }
        };
        Excerpt { messages: self.log.range(begin..end).cloned().collect(), more: end < kept }
    }

    /// Merges the two logs by `Change::after`.
    fn news(&self, from: Position) -> Option<Vec<Event>> {
        let forgotten_changes = self.events - self.newest - self.changes.len() as u64;
        let said = from.id.checked_sub(self.forgotten())? as usize;
        let changed = (from.events - from.id).checked_sub(forgotten_changes)? as usize;
        let mut said = self.log.range(said..).peekable();
        let mut changed = self.changes.range(changed..).peekable();
        let (mut news, mut bytes) = (Vec::new(), 0);
        while bytes < NEWS_BYTES_MAX {
            let next = said.peek().map_or(u64::MAX, |message| message.id);
            if let Some(change) = changed.next_if(|change| change.after < next) {
                bytes += change.user.len() + 128;
                news.push(Event::Changed(change.clone()));
            } else if let Some(message) = said.next() {
                bytes += message.json.len();
                news.push(Event::Said(message.clone()));
            } else {
                break;
            }
        }
        Some(news)
    }

    fn too_far(&self) -> bool {
        self.delivered.is_some_and(|delivered| self.events - delivered >= BEHIND_EVENTS_MAX)
    }

    fn change(&mut self, user: &str, joined: bool) {
        let (after, connections, timestamp) = (self.newest, self.connections, now_ms());
        let change = Change { after, user: user.to_string(), joined, connections, timestamp };
        self.changes.push_back(Arc::new(change));
        self.events += 1;
        if self.changes.len() > CHANGES_MAX {
            self.changes.pop_front();
        }
    }

    fn stats(&self) -> Stats {
        Stats {
            newest: self.newest,
            kept: self.log.len(),
            waiting: self.waiting.len(),
            oldest_wait: self.waiting.first().map_or(Duration::ZERO, |(began, _)| began.elapsed()),
            connections: self.connections,
            here: self.here.iter().map(|(user, count)| (user.clone(), *count)).collect(),
        }
    }
}

/// How many of these are no more than [`EXCERPT_BYTES_MAX`] as a JSON array; one, at least.
fn how_many_fit<'a>(messages: impl Iterator<Item = &'a Arc<Message>>) -> usize {
    let (mut count, mut bytes) = (0, "[".len());
    for message in messages {
        // Behind each stands a comma or the bracket.
        bytes += message.json.len() + 1;
        if count > 0 && bytes > EXCERPT_BYTES_MAX {
            break;
        }
        count += 1;
    }
    count
}

fn now_ms() -> u64 {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since_1970.map_or(0, |duration| duration.as_millis() as u64)
}
