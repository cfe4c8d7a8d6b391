//! The readers of the race: some of each technique, all behind a line with the same round trip. The
//! first of each technique tells the feed what it does; the others only make a crowd.
//!
//! The line is simulated where it is felt: a reader waits half a round trip before its request goes
//! out, and takes for the time of an answer when it came and half a round trip more. A new
//! connection costs one round trip before that, for the handshake of TCP.

use crate::tools::client::{Connection, Response as Answer, WebSocket, random};
use crate::tools::crowd::browser;
use crate::tools::crowd::user::get;
use crate::tools::feed::{Feed, Patience};
use crate::tools::invitation::descriptors;
use crate::wire::http::{Request, Response};
use crate::wire::json::{self, Value};
use crate::wire::message::Received;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

pub const RTT_MAX: Duration = Duration::from_secs(2);
/// Less would be no pause, and the server closes a connection that rests for a minute.
pub const PAUSE_MIN: Duration = Duration::from_millis(100);
pub const PAUSE_MAX: Duration = Duration::from_secs(30);
pub const CROWD_MAX: usize = 100;

/// More than a server holds a long poll.
const ANSWER_MAX: Duration = Duration::from_secs(45);
/// Whoever waits for an answer looks this often whether it is still wanted.
const GLANCE: Duration = Duration::from_secs(1);
/// Before another try.
const AFTER_TROUBLE: Duration = Duration::from_secs(1);
/// Between two rows of counts.
const COUNT_PAUSE: Duration = Duration::from_millis(500);
const STACK_BYTES: usize = 128 * 1024;
/// A reader has a descriptor at each end, of each technique; some are for the race itself.
const DESCRIPTORS_A_READER: usize = 2 * 4;
const OWN_DESCRIPTORS: usize = 64;
/// Of a text, for the page.
const TEXT_CHARS_SHOWN: usize = 60;

const TECHNIQUES: usize = 4;
const USER: &str = "race";
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
        let allowed = descriptors().map_or(usize::MAX, |[now, _]| now);
        let most = allowed.saturating_sub(OWN_DESCRIPTORS) / DESCRIPTORS_A_READER;
        if *rtt > RTT_MAX {
            return Err(format!("a round trip of {rtt:?}: {RTT_MAX:?} at the most"));
        }
        if !(PAUSE_MIN..=PAUSE_MAX).contains(pause) {
            return Err(format!("a pause of {pause:?}: from {PAUSE_MIN:?} to {PAUSE_MAX:?}"));
        }
        if !(1..=CROWD_MAX).contains(crowd) {
            return Err(format!("a crowd of {crowd}: from 1 to {CROWD_MAX}"));
        }
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
struct Counts {
    requests: AtomicU64,
    /// Up and down, as they are at the socket.
    bytes: AtomicU64,
}

pub struct Race {
    pub feed: Feed,
    /// Of the four parts.
    pub addresses: Vec<SocketAddr>,
    counts: [Counts; TECHNIQUES],
    state: Mutex<State>,
    /// Rung when a knob or a page is to be looked at.
    turned: Condvar,
}

struct State {
    knobs: Knobs,
    /// How often F5 was pressed.
    reloads: u64,
    /// How many of each technique there are.
    readers: [usize; TECHNIQUES],
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
                let tells = state.readers[lane] == 0;
                let (race, reloads) = (self.clone(), state.reloads);
                let reader =
                    Reader { race, lane, tells, has_left: false, reloads, last_id: 0, line: None };
                spawn(move || reader.run())?;
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

    /// Posts to part 4 what was posted here, and gives its answer back. There is no line: the race
    /// begins when the server has the message.
    pub fn say(&self, request: &Request) -> io::Result<Response> {
        let (address, length) = (self.addresses[TECHNIQUES - 1], request.body.len());
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

    /// A long poll without a line: it hears at once what is said, on this page and on the real
    /// ones, and tells when the server had it.
    fn witness(&self) {
        let address = self.addresses[2];
        let (mut connection, mut last_id) = (None, 0);
        loop {
            let mut hear = || -> io::Result<()> {
                let mut open = match connection.take() {
                    Some(open) => open,
                    None => Connection::open(address, ANSWER_MAX)?,
                };
                open.deadline = Instant::now() + ANSWER_MAX;
                let request =
                    get(&address.to_string(), &format!("/subscribe?lastId={last_id}"), "");
                let answer = open.ask("GET", request.as_bytes())?;
                connection = answer.keeps_alive().then_some(open);
                if let Some((id, row)) = newest(&answer.body).and_then(said) {
                    last_id = id;
                    self.feed.tell(row);
                }
                Ok(())
            };
            if hear().is_err() {
                thread::sleep(AFTER_TROUBLE);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn spawn(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().stack_size(STACK_BYTES).spawn(work).map(drop)
}

/// One reader of one technique, and how far it has read.
struct Reader {
    race: Arc<Race>,
    lane: usize,
    /// The page draws this one, and it never leaves.
    tells: bool,
    has_left: bool,
    reloads: u64,
    last_id: u64,
    line: Option<Connection>,
}

impl Reader {
    fn run(mut self) {
        if self.lane == 1 && !self.tells {
            // So that a crowd does not poll in step.
            self.rest(random() as u8);
        }
        while !self.leaves() {
            let done = match self.lane {
                0 => self.refresh(),
                1 => self.poll(),
                2 => self.long_poll(),
                _ => self.listen(),
            };
            if let Err(error) = done {
                self.line = None;
                self.tell(&format!(r#""trouble":{}"#, json::quoted(&error.to_string())));
                thread::sleep(AFTER_TROUBLE);
            }
        }
    }

    /// Loads the page, and waits until somebody presses F5.
    fn refresh(&mut self) -> io::Result<()> {
        let (page, at) = self.ask(&format!("/?user={USER}"), browser::PAGE)?;
        // An idle connection would be closed before somebody presses F5 again.
        self.line = None;
        let newest = page.text()?.rsplit_once("data-id=\"").and_then(|(_, id)| id.split_once('"'));
        self.answered(at, newest.and_then(|(id, _)| id.parse().ok()));
        let race = self.race.clone();
        let mut state = race.lock();
        while state.reloads == self.reloads && !self.leaves_from(&mut state) {
            state = race.turned.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        self.reloads = state.reloads;
        Ok(())
    }

    fn poll(&mut self) -> io::Result<()> {
        let (answer, at) =
            self.ask(&format!("/messages?lastId={}", self.last_id), browser::FETCH)?;
        self.answered(at, newest(&answer.body).and_then(id_of));
        sleep_until(at);
        self.rest(u8::MAX);
        Ok(())
    }

    fn long_poll(&mut self) -> io::Result<()> {
        let (answer, at) =
            self.ask(&format!("/subscribe?lastId={}", self.last_id), browser::FETCH)?;
        self.answered(at, newest(&answer.body).and_then(id_of));
        sleep_until(at);
        Ok(())
    }

    fn listen(&mut self) -> io::Result<()> {
        let host = self.host();
        let connection = self.connect()?;
        self.asks();
        thread::sleep(self.race.knobs().rtt);
        let target = format!("/?user={USER}&lastId={}", self.last_id);
        let fields = browser::UPGRADE.replace("HOST", &host);
        let mut socket = WebSocket::open(connection, &host, &target, &fields)?;
        self.count(1, 0);
        self.answered(now_ms(), None);
        let mut counted = 0;
        while !self.leaves() {
            socket.connection.deadline = Instant::now() + GLANCE;
            let received = socket.receive();
            let at = now_ms() + self.half_ms();
            let bytes = socket.connection.sent + socket.connection.received;
            self.count(0, bytes - std::mem::replace(&mut counted, bytes));
            match received {
                Ok(Received::Text(payload)) => {
                    if let Some(id) = message_of(&payload.text()).and_then(id_of) {
                        self.answered(at, Some(id));
                    }
                }
                Ok(Received::Close(..)) => return Err(ErrorKind::ConnectionAborted.into()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::TimedOut => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Asks, waits for the answer, and says when it is at this end of the line.
    fn ask(&mut self, target: &str, fields: &str) -> io::Result<(Answer, u64)> {
        let mut line = match self.line.take() {
            Some(line) => line,
            None => self.connect()?,
        };
        self.asks();
        thread::sleep(self.race.knobs().rtt / 2);
        let before = line.sent + line.received;
        line.deadline = Instant::now() + ANSWER_MAX;
        line.send(get(&self.host(), target, fields).as_bytes())?;
        while line.unread().is_empty() {
            line.deadline = Instant::now() + GLANCE;
            match line.fill() {
                Err(error) if error.kind() == ErrorKind::TimedOut && !self.leaves() => {}
                filled => filled?,
            }
        }
        line.deadline = Instant::now() + ANSWER_MAX;
        let answer = line.response("GET")?;
        self.count(1, line.sent + line.received - before);
        self.line = answer.keeps_alive().then_some(line);
        Ok((answer, now_ms() + self.half_ms()))
    }

    fn connect(&self) -> io::Result<Connection> {
        let connection = Connection::open(self.race.addresses[self.lane], ANSWER_MAX)?;
        thread::sleep(self.race.knobs().rtt);
        Ok(connection)
    }

    /// As the field Host has it.
    fn host(&self) -> String {
        self.race.addresses[self.lane].to_string()
    }

    /// Half a round trip, in milliseconds.
    fn half_ms(&self) -> u64 {
        self.race.knobs().rtt.as_millis() as u64 / 2
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
        if self.tells {
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
        if !self.has_left && !self.tells && *readers > state.knobs.crowd {
            *readers -= 1;
            self.has_left = true;
        }
        self.has_left
    }
}

/// The last message of `[{"id":7,…},…]`, as it is written.
fn newest(messages: &[u8]) -> Option<&str> {
    match json::elements(std::str::from_utf8(messages).ok()?).ok()?.pop()? {
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

fn id_of(message: &str) -> Option<u64> {
    match json::members(message, ["id"]).ok()? {
        [Value::Other(id)] => id.parse().ok(),
        _ => None,
    }
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

/// Milliseconds since 1970-01-01T00:00:00Z.
fn now_ms() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since_1970| since_1970.as_millis() as u64)
}

fn sleep_until(at_ms: u64) {
    thread::sleep(Duration::from_millis(at_ms.saturating_sub(now_ms())));
}
