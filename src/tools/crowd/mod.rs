//! A crowd of virtual users: each asks as the page of its technique does, and checks that it gets
//! each message once and in order.
//!
//! Who waits for whom: every user has a thread that only reads; a few senders have others, and
//! follow a timetable, whatever the server does. The thread that called [`run`] waits until all
//! users know where they stand, gives the beginning, and ends everybody. Nothing is shared between
//! users but counters.

pub mod browser;
pub mod cases;
pub mod chart;
pub mod histogram;
pub mod html;
pub mod load;
pub mod measure;
pub mod model;
pub mod outcome;
pub mod process;
pub mod race;
pub mod report;
mod senders;
pub mod table;
pub mod timetable;
mod user;

use super::client::{Connection, Place, get, random};
use super::dissect::block::Style;
use crate::wire::json::quoted;
use histogram::Histogram;
pub use outcome::{Exchange, Outcome, Traffic};
use report::{Both, both};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use timetable::Timetable;

/// A thread each, and Linux ends a process near 16,350 of them.
pub const USERS_MAX: usize = 15_000;
const STACK_BYTES: usize = 192 * 1024;
/// So many users connect at one time: a server's queue of newcomers holds 128.
const NEWCOMERS_MAX: usize = 64;
/// Whoever is not in the room by then does not come.
const ENTRY: Duration = Duration::from_secs(30);
/// They have read who came in when all of them read less in this time than one piece of news each;
/// in a room where others talk all the time, it is not waited for longer than this.
const QUIET: Duration = Duration::from_millis(200);
const NEWS_BYTES_MIN: u64 = 40;
const QUIET_MAX: Duration = Duration::from_secs(60);
/// What a server may take for an answer that it should give at once.
const PATIENCE: Duration = Duration::from_secs(10);
/// What has not come in a pause between two questions, and this time, does not come.
const GRACE: Duration = Duration::from_secs(3);
/// How long after the last message a second copy of it would be noticed.
const ECHO: Duration = Duration::from_millis(200);
/// A glance at the clock by whoever waits.
const TICK: Duration = Duration::from_millis(100);
/// Users share so many histograms, so that two seldom want the same one.
const STRIPES: usize = 64;

/// How the news travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Technique {
    Refresh = 1,
    ShortPolling = 2,
    LongPolling = 3,
    WebSocket = 4,
}

impl Technique {
    pub const ALL: [Technique; 4] =
        [Technique::Refresh, Technique::ShortPolling, Technique::LongPolling, Technique::WebSocket];

    /// The number of its part, and its name.
    pub fn name(self) -> Both {
        match self {
            Technique::Refresh => both("1 оновлення", "1 refresh"),
            Technique::ShortPolling => both("2 коротке опитування", "2 short polling"),
            Technique::LongPolling => both("3 довге опитування", "3 long polling"),
            Technique::WebSocket => both("4 WebSocket", "4 WebSocket"),
        }
    }
}

/// What is done at the moments of the timetable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Errand {
    /// Somebody says something.
    Say,
    /// Somebody comes in, reads the `count` messages after `since`, and leaves.
    Visit { since: u64, count: u64 },
}

/// What a crowd does.
#[derive(Debug, Clone)]
pub struct Plan {
    pub errand: Errand,
    pub technique: Technique,
    pub place: Place,
    pub users: usize,
    /// Messages (or visits) a second in the whole room.
    pub rate: f64,
    /// The time in which bytes are counted; and before it, a time in which messages are sent already:
    /// the first polls find less than the others.
    pub length: Duration,
    pub warm_up: Duration,
    /// Between an answer and the next question, in parts 1 and 2.
    pub pause: Duration,
    /// How long a byte is under way to the server and back, more than on this network: each user
    /// waits one half before it sends, and the other before it looks at what has come. A new
    /// connection waits one more. The senders stand beside the server.
    pub rtt: Duration,
    pub seed: u64,
    /// A terminal sees it run.
    pub live: Option<Style>,
}

/// What users and senders share.
pub struct Crowd {
    pub plan: Plan,
    address: SocketAddr,
    timetable: Timetable,
    ways: Ways,
    /// The first message of the timetable that no sender has taken.
    next: AtomicUsize,
    began: OnceLock<Instant>,
    stopped: Mutex<bool>,
    stop: Condvar,
    /// Users that are in the room, and those that could not come in.
    entered: AtomicUsize,
    failed: AtomicUsize,
    delivered: AtomicU64,
    /// Of both directions, since the first connection.
    bytes: AtomicU64,
    /// The first reason.
    why_failed: Mutex<Option<String>>,
    ages: Vec<Mutex<Histogram>>,
}

/// What [`run`] tells the one who has called it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// All are in, and nobody has said anything.
    AllIn,
    CountingBegins,
    CountingEnds,
}

/// Runs a plan, and tells how far it is. `Err`: there is nobody to talk to, or somebody cannot come in.
pub fn run(plan: Plan, mut tell: impl FnMut(Moment)) -> Result<Outcome, String> {
    let crowd = Crowd::new(plan)?;
    thread::scope(|scope| {
        if let Some(style) = &crowd.plan.live {
            scope.spawn(|| load::show(&crowd, style));
        }
        let readers = crowd.enter(scope);
        crowd.wait_for_entry().inspect_err(|_| crowd.end())?;
        crowd.wait_for_quiet();
        tell(Moment::AllIn);
        let began = Instant::now();
        let _ = crowd.began.set(began);
        let senders = senders::start(scope, &crowd);
        crowd.rest(crowd.plan.warm_up);
        tell(Moment::CountingBegins);
        let end = began + crowd.plan.warm_up + crowd.plan.length;
        crowd.rest(end.saturating_duration_since(Instant::now()));
        tell(Moment::CountingEnds);
        let mut outcome = senders::finish(senders, &crowd);
        outcome.expected = outcome.messages * crowd.plan.users as u64;
        crowd.wait_for_the_rest(outcome.expected);
        crowd.end();
        for report in readers.into_iter().flat_map(|reader| reader.join()) {
            outcome.add(&report);
        }
        outcome.ages = crowd.ages();
        Ok(outcome)
    })
}

/// How this server is spoken to: it may be another one than ours.
#[derive(Debug, Clone, Copy)]
struct Ways {
    /// It takes messages over the WebSocket only.
    says_in_frames: bool,
    /// Its page has no messages in it; a script fetches them.
    page_is_bare: bool,
}

impl Ways {
    /// Tries it with a first message, of which nobody in the crowd will hear.
    fn find(plan: &Plan, connection: &mut Connection) -> Result<Ways, String> {
        let host = &plan.place.host;
        let text = format!("rawchat-{:08x} begins", random() as u32);
        let said = connection.ask("POST", post(host, "crowd", &text).as_bytes());
        let status = at("POST /messages", said)?.status;
        let says_in_frames = plan.technique == Technique::WebSocket && status >= 400;
        if !says_in_frames && !(200..=299).contains(&status) {
            return Err(format!("no chat of the lecture: POST /messages is answered {status}"));
        }
        let mut page_is_bare = false;
        if plan.technique == Technique::Refresh {
            let mut connection =
                at(host, Connection::open(at(host, connection.peer())?, PATIENCE))?;
            let request = get(host, "/?user=user-0", browser::PAGE);
            let page = at("GET /", connection.ask("GET", request.as_bytes()))?;
            page_is_bare = !String::from_utf8_lossy(&page.body).contains(&text);
        }
        Ok(Ways { says_in_frames, page_is_bare })
    }
}

type Readers<'scope> = Vec<thread::ScopedJoinHandle<'scope, Outcome>>;

impl Crowd {
    fn new(plan: Plan) -> Result<Crowd, String> {
        let host = &plan.place.host;
        let addresses = at(host, plan.place.addresses())?;
        let open =
            |address: &SocketAddr| Some((*address, Connection::open(*address, PATIENCE).ok()?));
        let found = addresses.iter().find_map(open);
        let (address, mut connection) =
            found.ok_or(format!("nobody answers at {host}; rawchat 4 starts a server"))?;
        let ways = Ways::find(&plan, &mut connection)?;
        let length = plan.warm_up + plan.length;
        let timetable = Timetable::poisson(random() as u32, plan.rate, length, plan.seed);
        Ok(Crowd {
            address,
            timetable,
            ways,
            next: AtomicUsize::new(0),
            began: OnceLock::new(),
            stopped: Mutex::new(false),
            stop: Condvar::new(),
            entered: AtomicUsize::new(0),
            failed: AtomicUsize::new(0),
            delivered: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            why_failed: Mutex::new(None),
            ages: (0..STRIPES).map(|_| Mutex::default()).collect(),
            plan,
        })
    }

    /// Starts the users, a few at a time.
    fn enter<'scope, 'env>(
        &'env self,
        scope: &'scope thread::Scope<'scope, 'env>,
    ) -> Readers<'scope> {
        let mut readers = Vec::new();
        let last = Instant::now() + ENTRY;
        for number in 0..self.plan.users {
            while number >= self.settled() + NEWCOMERS_MAX && Instant::now() < last {
                self.rest(Duration::from_millis(2));
            }
            let builder = thread::Builder::new().stack_size(STACK_BYTES);
            match builder.spawn_scoped(scope, move || user::live(self, number)) {
                Ok(reader) => readers.push(reader),
                Err(error) => self.fails(&format!("no thread for a user: {error}")),
            }
        }
        readers
    }

    /// Users that are in the room, or never will be.
    fn settled(&self) -> usize {
        self.entered.load(Ordering::Relaxed) + self.failed.load(Ordering::Relaxed)
    }

    /// Waits until all users are in. `Err`: why some are not.
    fn wait_for_entry(&self) -> Result<(), String> {
        let last = Instant::now() + ENTRY;
        while self.settled() < self.plan.users && Instant::now() < last {
            self.rest(TICK / 10);
        }
        let (entered, users) = (self.entered.load(Ordering::Relaxed), self.plan.users);
        if entered == users {
            return Ok(());
        }
        let why = lock(&self.why_failed).clone().unwrap_or("they were not answered in time".into());
        Err(format!("{entered} of {users} users came in: {why}"))
    }

    /// In part 4 everybody is told of everybody who comes in, and many users have much to read before
    /// they hear of anything else.
    fn wait_for_quiet(&self) {
        let last = Instant::now() + QUIET_MAX;
        let bytes = || self.bytes.load(Ordering::Relaxed);
        while self.plan.technique == Technique::WebSocket && Instant::now() < last {
            let before = bytes();
            self.rest(QUIET);
            if bytes() - before <= self.plan.users as u64 * NEWS_BYTES_MIN {
                return;
            }
        }
    }

    fn end(&self) {
        *lock(&self.stopped) = true;
        self.stop.notify_all();
    }

    /// What is under way may come, as long as something does. Then a moment more, for what comes twice.
    fn wait_for_the_rest(&self, expected: u64) {
        let patience = self.cycle() + GRACE;
        let (mut came, mut since) = (0, Instant::now());
        while came < expected && since.elapsed() < patience {
            self.rest(TICK);
            let now = self.delivered.load(Ordering::Relaxed);
            if now > came {
                (came, since) = (now, Instant::now());
            }
        }
        self.rest(ECHO);
    }

    /// Somebody could not come in.
    fn fails(&self, why: &str) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        lock(&self.why_failed).get_or_insert_with(|| why.to_string());
    }

    /// Sleeps, unless everything is over before; false if it is.
    fn rest(&self, time: Duration) -> bool {
        let stopped = lock(&self.stopped);
        let waited = self.stop.wait_timeout_while(stopped, time, |stopped| !*stopped);
        !*waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn is_over(&self) -> bool {
        *lock(&self.stopped)
    }

    /// From a question to the next one, at the most.
    fn cycle(&self) -> Duration {
        let Plan { technique, pause, rtt, .. } = self.plan;
        match technique {
            Technique::Refresh | Technique::ShortPolling => pause + 2 * rtt,
            Technique::LongPolling | Technique::WebSocket => 2 * rtt,
        }
    }

    /// What is due, or was: its place in time.
    fn due(&self, number: usize) -> Option<Instant> {
        Some(*self.began.get()? + self.timetable.due(number))
    }

    /// Whether bytes are counted now.
    fn counts(&self) -> bool {
        let Some(began) = self.began.get() else { return false };
        let counted = began.elapsed().checked_sub(self.plan.warm_up);
        counted.is_some_and(|counted| counted <= self.plan.length)
    }

    /// The ages so far.
    pub fn ages(&self) -> Histogram {
        let mut ages = Histogram::default();
        self.ages.iter().for_each(|stripe| ages.merge(&lock(stripe)));
        ages
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A POST of the lecture's API.
fn post(host: &str, user: &str, text: &str) -> String {
    let body = format!(r#"{{"user":{},"text":{}}}"#, quoted(user), quoted(text));
    format!(
        "POST /messages HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// An error that says to what it happened.
fn at<T>(what: &str, result: io::Result<T>) -> Result<T, String> {
    result.map_err(|error| format!("{what}: {error}"))
}
