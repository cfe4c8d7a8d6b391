//! What the race is: its knobs, what its readers have cost, and what its page is told.

use super::readers::{self, id_of, newest, now_ms};
use crate::tools::client::{Connection, Line};
use crate::tools::crowd::Technique;
use crate::tools::feed::{Feed, Patience};
use crate::tools::invitation::descriptors;
use crate::wire::http::{Request, Response};
use crate::wire::json::{self, Value};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

pub const RTT_MAX: Duration = Duration::from_secs(2);
/// Less would be no pause, and the server closes a connection that rests for a minute.
pub const PAUSE_MIN: Duration = Duration::from_millis(100);
pub const PAUSE_MAX: Duration = Duration::from_secs(30);
pub const CROWD_MAX: usize = 100;

/// Whoever says something is answered within this.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Before another try.
pub const AFTER_TROUBLE: Duration = Duration::from_secs(1);
/// Between two rows of counts.
const COUNT_PAUSE: Duration = Duration::from_millis(500);
const STACK_BYTES: usize = 128 * 1024;
/// A reader has a descriptor at each end, of each technique; some are for the race itself.
const DESCRIPTORS_A_READER: usize = 2 * TECHNIQUES;
const OWN_DESCRIPTORS: usize = 64;
/// Of a text, for the page.
const TEXT_CHARS_SHOWN: usize = 60;
const TECHNIQUES: usize = Technique::ALL.len();

/// What may be turned while the race goes on.
#[derive(Debug, Clone, Copy)]
pub struct Knobs {
    pub rtt: Duration,
    /// Of short polling, between an answer and the next request.
    pub pause: Duration,
    /// Readers of each technique.
    pub crowd: usize,
}

impl Default for Knobs {
    fn default() -> Knobs {
        Knobs { rtt: Duration::from_millis(50), pause: Duration::from_secs(3), crowd: 1 }
    }
}

impl Knobs {
    /// `Err` says what is beyond its limits.
    pub fn check(&self) -> Result<(), String> {
        let Knobs { rtt, pause, crowd } = self;
        if *rtt > RTT_MAX {
            return Err(format!("a round trip of {rtt:?}: {RTT_MAX:?} at the most"));
        }
        if !(PAUSE_MIN..=PAUSE_MAX).contains(pause) {
            return Err(format!("a pause of {pause:?}: from {PAUSE_MIN:?} to {PAUSE_MAX:?}"));
        }
        if !(1..=CROWD_MAX).contains(crowd) {
            return Err(format!("a crowd of {crowd}: from 1 to {CROWD_MAX}"));
        }
        let allowed = descriptors().map_or(usize::MAX, |[now, _]| now);
        let most = allowed.saturating_sub(OWN_DESCRIPTORS) / DESCRIPTORS_A_READER;
        if *crowd > most {
            return Err(format!(
                "a crowd of {crowd}: {most} at the most, as ulimit -n is {allowed}"
            ));
        }
        Ok(())
    }
}

/// What all readers of a technique have done.
#[derive(Default)]
pub struct Counts {
    pub requests: AtomicU64,
    /// Up and down, as they are at the socket.
    pub bytes: AtomicU64,
}

pub struct Race {
    pub feed: Feed,
    /// Of the four parts.
    pub addresses: Vec<SocketAddr>,
    /// Of the readers of each technique.
    pub counts: [Counts; TECHNIQUES],
    state: Mutex<State>,
    /// Rung when a knob was turned or F5 was pressed.
    pub turned: Condvar,
}

pub struct State {
    pub knobs: Knobs,
    /// How often F5 was pressed.
    pub reloads: u64,
    /// How many of each technique there are.
    pub readers: [usize; TECHNIQUES],
}

impl Race {
    pub fn new(addresses: Vec<SocketAddr>, knobs: Knobs) -> Arc<Race> {
        let state = Mutex::new(State { knobs, reloads: 0, readers: [0; TECHNIQUES] });
        let (feed, counts) = (Feed::new(Patience::default()), Default::default());
        Arc::new(Race { feed, addresses, counts, state, turned: Condvar::new() })
    }

    /// The first of each technique, and the crowd.
    pub fn begin(self: &Arc<Race>) -> io::Result<()> {
        let race = self.clone();
        spawn(move || race.witness())?;
        self.turn(self.knobs())
    }

    pub fn knobs(&self) -> Knobs {
        self.lock().knobs
    }

    /// Those that are missing in the crowd come; those that are too many go by themselves.
    pub fn turn(self: &Arc<Race>, knobs: Knobs) -> io::Result<()> {
        let mut state = self.lock();
        state.knobs = knobs;
        self.turned.notify_all();
        let (rtt, pause) = (knobs.rtt.as_millis(), knobs.pause.as_millis());
        self.feed.tell(format!(r#"{{"rtt":{rtt},"pause":{pause},"crowd":{}}}"#, knobs.crowd));
        for lane in 0..TECHNIQUES {
            while state.readers[lane] < knobs.crowd {
                let (race, is_first, reloads) =
                    (self.clone(), state.readers[lane] == 0, state.reloads);
                spawn(move || readers::read(race, lane, is_first, reloads))?;
                state.readers[lane] += 1;
            }
        }
        Ok(())
    }

    /// F5: whoever reads part 1 asks for the page again.
    pub fn reload(&self) {
        self.lock().reloads += 1;
        self.turned.notify_all();
    }

    /// Posts to part 4 what was posted here, and gives its answer back. There is no way between: the race
    /// begins when the server has the message.
    pub fn say(&self, request: &Request) -> io::Result<Response> {
        let (address, length) =
            (self.addresses[Technique::WebSocket as usize - 1], request.body.len());
        let kind = request.field("Content-Type").unwrap_or_default();
        let head = format!(
            "POST /messages HTTP/1.1\r\nHost: {address}\r\nContent-Type: {kind}\r\n\
             Content-Length: {length}\r\n\r\n"
        );
        let mut connection = Connection::open(address, ANSWER_MAX)?;
        let answer = connection.ask("POST", &[head.as_bytes(), &request.body].concat())?;
        Ok(Response::json(answer.status, answer.body))
    }

    /// Tells what the readers have cost so far, for ever.
    pub fn count(&self) -> ! {
        let mut told = String::new();
        loop {
            let counts = self.counts.each_ref().map(|Counts { requests, bytes }| {
                format!("[{},{}]", requests.load(Ordering::Relaxed), bytes.load(Ordering::Relaxed))
            });
            let counts = counts.join(",");
            if counts != told {
                self.feed.tell(format!(r#"{{"counts":[{counts}],"at":{}}}"#, now_ms()));
                told = counts;
            }
            thread::sleep(COUNT_PAUSE);
        }
    }

    /// A long poll that is beside the servers: it hears at once what is said, on this page and on the
    /// real ones, and tells when the server had it.
    fn witness(&self) {
        let address = self.addresses[Technique::LongPolling as usize - 1];
        let (mut line, mut last_id) = (Line::new(address, &address.to_string()), 0);
        loop {
            let target = format!("/subscribe?lastId={last_id}");
            let Ok(Some(answer)) = line.get(&target, "", || Duration::ZERO, || false) else {
                thread::sleep(AFTER_TROUBLE);
                continue;
            };
            if let Some((id, row)) = newest(&answer.body).and_then(said) {
                last_id = id;
                self.feed.tell(row);
            }
        }
    }

    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn spawn(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().stack_size(STACK_BYTES).spawn(work).map(drop)
}

/// The id of a message, and the row that tells of it.
fn said(message: &str) -> Option<(u64, String)> {
    let id = id_of(message)?;
    let [Value::String(user), Value::String(text), Value::String(at)] =
        json::members(message, ["user", "text", "timestamp"]).ok()?
    else {
        return None;
    };
    let shown: String = text.chars().take(TEXT_CHARS_SHOWN).collect();
    let [user, text, at] = [user, shown, at].map(|text| json::quoted(&text));
    Some((id, format!(r#"{{"said":{id},"at":{at},"user":{user},"text":{text}}}"#)))
}
