//! The readers of the race: some of each technique, all behind a line with the same round trip. The
//! first of each technique tells the feed what it does; the others only make a crowd.

use super::engine::{AFTER_TROUBLE, Race, State};
use crate::tools::client::{GLANCE, Line, Response, random};
use crate::tools::crowd::{Technique, browser};
use crate::tools::json::elements;
use crate::wire::json::{self, Value};
use crate::wire::message::Received;
use std::io::{self, ErrorKind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::{Instant, SystemTime};

const USER: &str = "race";

/// Reads until there are too many readers; the first one stays. `reloads` is how often F5 was
/// pressed before it came.
pub fn read(race: Arc<Race>, lane: usize, is_first: bool, reloads: u64) {
    let line = line(&race, lane);
    Reader { race, lane, is_first, has_left: false, reloads, last_id: 0, line }.run();
}

fn line(race: &Race, lane: usize) -> Line {
    let address = race.addresses[lane];
    Line::new(address, &address.to_string())
}

/// One reader of one technique, and how far it has read.
struct Reader {
    race: Arc<Race>,
    lane: usize,
    /// The page draws this one, and it never leaves.
    is_first: bool,
    has_left: bool,
    reloads: u64,
    last_id: u64,
    line: Line,
}

impl Reader {
    fn run(mut self) {
        let technique = Technique::ALL[self.lane];
        if technique == Technique::ShortPolling && !self.is_first {
            // So that a crowd does not poll in step.
            self.rest(random() as u8);
        }
        while !self.leaves() {
            let done = match technique {
                Technique::Refresh => self.refresh(),
                Technique::ShortPolling => {
                    self.ask_for_news("/messages").map(|()| self.rest(u8::MAX))
                }
                Technique::LongPolling => self.ask_for_news("/subscribe"),
                Technique::WebSocket => self.listen(),
            };
            if let Err(error) = done {
                self.tell(&format!(r#""trouble":{}"#, json::quoted(&error.to_string())));
                thread::sleep(AFTER_TROUBLE);
            }
        }
    }

    /// Loads the page, and waits until somebody presses F5.
    fn refresh(&mut self) -> io::Result<()> {
        let Some(page) = self.ask(&format!("/?user={USER}"), browser::PAGE)? else { return Ok(()) };
        // An idle connection would be closed before somebody presses F5 again.
        self.line.hang_up();
        let newest = page.text()?.rsplit_once("data-id=\"").and_then(|(_, id)| id.split_once('"'));
        self.answered(now_ms(), newest.and_then(|(id, _)| id.parse().ok()));
        let race = self.race.clone();
        let mut state = race.lock();
        while state.reloads == self.reloads && !self.leaves_from(&mut state) {
            state = race.turned.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        self.reloads = state.reloads;
        Ok(())
    }

    /// Asks for what is new, and waits as long as the server does.
    fn ask_for_news(&mut self, path: &str) -> io::Result<()> {
        let target = format!("{path}?lastId={}", self.last_id);
        if let Some(answer) = self.ask(&target, browser::FETCH)? {
            self.answered(now_ms(), newest(&answer.body).and_then(id_of));
        }
        Ok(())
    }

    fn listen(&mut self) -> io::Result<()> {
        self.asks();
        let target = format!("/?user={USER}&lastId={}", self.last_id);
        let rtt = self.race.knobs().rtt;
        let mut socket = self.line.open(&target, browser::UPGRADE, rtt)?;
        self.count(1, 0);
        self.answered(now_ms(), None);
        let mut counted = 0;
        while !self.leaves() {
            let received = socket.receive_within(GLANCE);
            let at = now_ms() + self.race.knobs().rtt.as_millis() as u64 / 2;
            let bytes = socket.connection.sent + socket.connection.received;
            self.count(0, bytes - std::mem::replace(&mut counted, bytes));
            match received? {
                Some(Received::Text(payload)) => {
                    if let Some(id) = message_of(&payload.text()).and_then(id_of) {
                        self.answered(at, Some(id));
                    }
                }
                Some(Received::Close(..)) => return Err(ErrorKind::ConnectionAborted.into()),
                _ => {}
            }
        }
        Ok(())
    }

    /// `None`: there are too many readers.
    fn ask(&mut self, target: &str, fields: &str) -> io::Result<Option<Response>> {
        self.asks();
        let race = self.race.clone();
        let mut own = std::mem::replace(&mut self.line, line(&race, self.lane));
        let before = own.sent + own.received;
        let answer = own.get(target, fields, || race.knobs().rtt, || self.leaves());
        if let Ok(Some(_)) = &answer {
            self.count(1, own.sent + own.received - before);
        }
        self.line = own;
        answer
    }

    fn asks(&self) {
        self.tell(&format!(r#""asks":{}"#, now_ms()));
    }

    /// An answer is here at `at`, and `newest` is the last message in it, if there is one.
    fn answered(&mut self, at: u64, newest: Option<u64>) {
        self.last_id = newest.unwrap_or(self.last_id);
        let newest = newest.map_or("null".into(), |id| id.to_string());
        self.tell(&format!(r#""answered":{at},"newest":{newest}"#));
    }

    fn tell(&self, what: &str) {
        if self.is_first {
            self.race.feed.tell(format!(r#"{{"lane":{},{what}}}"#, self.lane + 1));
        }
    }

    fn count(&self, requests: u64, bytes: u64) {
        let counts = &self.race.counts[self.lane];
        counts.requests.fetch_add(requests, Ordering::Relaxed);
        counts.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Rests for so many 255ths of the pause; it may be turned meanwhile.
    fn rest(&mut self, share: u8) {
        let (race, began) = (self.race.clone(), Instant::now());
        let mut state = race.lock();
        loop {
            let end = began + state.knobs.pause * share.into() / u8::MAX.into();
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() || self.leaves_from(&mut state) {
                return;
            }
            let waited = race.turned.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn leaves(&mut self) -> bool {
        let race = self.race.clone();
        self.leaves_from(&mut race.lock())
    }

    /// Leaves, if there are too many of us.
    fn leaves_from(&mut self, state: &mut State) -> bool {
        let readers = &mut state.readers[self.lane];
        if !self.has_left && !self.is_first && *readers > state.knobs.crowd {
            *readers -= 1;
            self.has_left = true;
        }
        self.has_left
    }
}

/// The last message of `[{"id":7,…},…]`, as it is written.
pub fn newest(messages: &[u8]) -> Option<&str> {
    match elements(std::str::from_utf8(messages).ok()?).ok()?.pop()? {
        Value::Other(message) => Some(message),
        _ => None,
    }
}

/// The message of `{"type":"message","message":{"id":7,…}}`, as it is written.
fn message_of(text: &str) -> Option<&str> {
    match json::members(text, ["message"]).ok()? {
        [Value::Other(message)] => Some(message),
        _ => None,
    }
}

pub fn id_of(message: &str) -> Option<u64> {
    match json::members(message, ["id"]).ok()? {
        [Value::Other(id)] => id.parse().ok(),
        _ => None,
    }
}

/// Milliseconds since 1970-01-01T00:00:00Z.
pub fn now_ms() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since_1970| since_1970.as_millis() as u64)
}
