//! Carrying: two threads a connection copy bytes, one each way, and give copies to whoever looks.
//!
//! A thread for all of them ends those that have been silent for too long, if a limit was asked for.

use super::Chunk;
use super::trouble::{Switchboard, Trouble};
use crate::handler::Places;
use crate::tools::dissect::block::print;
use crate::tools::dissect::stream::Stream;
use crate::tools::dissect::{Context, Side};
use crate::wire::budget::{Share, TAKEN_BYTES_MAX};
use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

/// Each has two threads, a buffer each way, and what is not whole yet of what it says.
const CONNECTIONS_MAX: usize = 2_000;
/// What waits to be looked at, with what it takes to keep it. More than this passes unseen.
const QUEUE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// What is read at a time: as much as comes. A connection keeps a buffer each way for as long as it
/// lasts, and most of them carry little.
const CHUNK_BYTES: usize = 4 * 1024;
const CHUNK_BYTES_MAX: usize = 64 * 1024;
/// Of a request, before it is decided that it has no Upgrade.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// What is held back of an answer at the most, whatever was asked for.
const ANSWER_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// What a slow line holds, in chunks of [`CHUNK_BYTES`]; then its sender waits, as for any slow line.
const LINE_CHUNKS_MAX: usize = 256;
/// How often it is looked who has been silent for too long: so many times in that time.
const LOOKS: u32 = 8;

/// Copies of what passes, for whoever looks at them.
#[derive(Clone)]
pub struct Queue {
    chunks: Sender<Chunk>,
    bytes_waiting: Arc<AtomicUsize>,
    pub began: Instant,
}

impl Queue {
    /// The queue, what comes out of it, and how many bytes wait in it: whoever takes a chunk out
    /// subtracts what it held.
    pub fn new() -> (Queue, Receiver<Chunk>, Arc<AtomicUsize>) {
        let (chunks, receiver) = channel();
        let bytes_waiting = Arc::<AtomicUsize>::default();
        let queue = Queue { chunks, bytes_waiting: bytes_waiting.clone(), began: Instant::now() };
        (queue, receiver, bytes_waiting)
    }

    /// Never waits. `unseen` counts what found no room.
    fn offer(&self, pair: &Pair, from: Side, bytes: &[u8], swallowed: bool, unseen: &mut usize) {
        // That a side has ended is always told, or its connection would never be forgotten.
        let full = self.bytes_waiting.load(Ordering::Relaxed) > QUEUE_BYTES_MAX;
        if full && !bytes.is_empty() {
            *unseen += bytes.len();
            return;
        }
        let (time, bytes, connection) = (self.began.elapsed(), bytes.to_vec(), pair.number);
        let unseen = std::mem::take(unseen);
        let chunk = Chunk { time, connection, from, bytes, unseen, swallowed };
        self.bytes_waiting.fetch_add(chunk.held(), Ordering::Relaxed);
        let _ = self.chunks.send(chunk);
    }
}

/// What all connections share.
struct Shared {
    queue: Queue,
    switches: Arc<Switchboard>,
    living: Mutex<BTreeMap<u64, Arc<Pair>>>,
}

/// A connection: both sockets, and when something was last heard on either, in milliseconds.
struct Pair {
    number: u64,
    client: TcpStream,
    server: TcpStream,
    heard_ms: AtomicU64,
}

/// Forwards what comes to `listener`, for ever.
pub fn serve(listener: &TcpListener, to: &str, queue: Queue, switches: Arc<Switchboard>) {
    let shared = Arc::new(Shared { queue, switches, living: Mutex::default() });
    let patience = shared.clone();
    thread::spawn(move || patience.end_the_silent());
    let connections = listener.incoming().filter_map(Result::ok);
    let places = Places::default();
    for (number, client) in (1..).zip(connections) {
        let (to, shared, place) = (to.to_string(), shared.clone(), places.take());
        // Without a place or a thread the connection is closed: there are too many.
        if places.taken() <= CONNECTIONS_MAX {
            let _ = thread::Builder::new().spawn(move || {
                let _place = place;
                connect(number, client, &to, &shared);
            });
        }
    }
}

/// One connection: this thread carries the client's bytes, another one the server's.
fn connect(number: u64, client: TcpStream, to: &str, shared: &Arc<Shared>) {
    let server = match TcpStream::connect(to) {
        Ok(server) => server,
        Err(error) => {
            print(&format!("{number}: {to}: {error}"));
            return;
        }
    };
    if client.set_nodelay(true).and_then(|()| server.set_nodelay(true)).is_err() {
        return;
    }
    let heard_ms = AtomicU64::new(shared.now_ms());
    let pair = Arc::new(Pair { number, client, server, heard_ms });
    shared.living().insert(number, pair.clone());
    let way = |from| Way { pair: pair.clone(), from, shared: shared.clone() };
    let (there, back) = (way(Side::Client), way(Side::Server));
    // Without a second thread both sockets are closed: there are too many.
    if let Ok(back) = thread::Builder::new().spawn(move || back.carry()) {
        there.carry();
        let _ = back.join();
    }
    shared.living().remove(&number);
}

impl Shared {
    fn living(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Pair>>> {
        self.living.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_ms(&self) -> u64 {
        self.queue.began.elapsed().as_millis() as u64
    }

    /// As a proxy that has no patience with silence.
    fn end_the_silent(&self) {
        loop {
            let idle = self.switches.idle();
            for pair in self.living().values() {
                let silent_ms = self.now_ms() - pair.heard_ms.load(Ordering::Relaxed);
                if u128::from(silent_ms) >= idle.as_millis() {
                    let _ = pair.client.shutdown(Shutdown::Both);
                    let _ = pair.server.shutdown(Shutdown::Both);
                }
            }
            thread::sleep(idle / LOOKS);
        }
    }
}

/// One direction of a connection.
struct Way {
    pair: Arc<Pair>,
    from: Side,
    shared: Arc<Shared>,
}

impl Way {
    fn input(&self) -> &TcpStream {
        if self.from == Side::Client { &self.pair.client } else { &self.pair.server }
    }

    fn output(&self) -> &TcpStream {
        if self.from == Side::Client { &self.pair.server } else { &self.pair.client }
    }

    fn offer(&self, bytes: &[u8], swallowed: bool, unseen: &mut usize) {
        self.shared.queue.offer(&self.pair, self.from, bytes, swallowed, unseen);
    }

    fn carry(&self) {
        let (mut unseen, mut gate) = (0, Gate::new(self.from, self.shared.switches.now()));
        // Ends when a slow line has carried all: what is under way arrives before the end does.
        thread::scope(|scope| self.carry_all(scope, &mut gate, &mut unseen));
        let _ = self.output().write_all(&gate.rest());
        let _ = self.output().shutdown(Shutdown::Write);
        self.offer(&[], false, &mut unseen);
    }

    fn carry_all<'s>(&'s self, scope: &'s Scope<'s, '_>, gate: &mut Gate, unseen: &mut usize) {
        let mut seen = 0_u64;
        let mut buf = vec![0; CHUNK_BYTES];
        let mut line: Option<SyncSender<(Instant, Vec<u8>)>> = None;
        loop {
            let count = match self.input().read(&mut buf) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => {
                    let _ = self.output().shutdown(Shutdown::Both);
                    break;
                }
            };
            self.pair.heard_ms.store(self.shared.now_ms(), Ordering::Relaxed);
            let trouble = self.shared.switches.thawed();
            // Offered before it is passed on, and never waiting: so an answer is never seen before
            // what it answers.
            self.offer(&buf[..count], trouble.swallow, unseen);
            let is_new = seen == 0;
            seen += count as u64;
            if trouble.swallow {
                continue;
            }
            let gathered;
            let bytes = match &mut *gate {
                Gate::Open => &buf[..count],
                gate => {
                    gathered = gate.take(&buf[..count]);
                    &gathered[..]
                }
            };
            if line.is_none() && (trouble.rtt.is_some() || trouble.bytes_per_s.is_some()) {
                let (sender, receiver) = sync_channel(LINE_CHUNKS_MAX);
                scope.spawn(move || self.carry_slowly(receiver, is_new));
                line = Some(sender);
            }
            let passes = match &line {
                _ if bytes.is_empty() => true,
                Some(line) => {
                    let came = Instant::now();
                    let mut chunks = bytes.chunks(CHUNK_BYTES);
                    chunks.all(|chunk| line.send((came, chunk.to_vec())).is_ok())
                }
                None => self.output().write_all(bytes).is_ok(),
            };
            if count == buf.len() && count < CHUNK_BYTES_MAX {
                buf.resize(4 * count, 0);
            }
            let cut = trouble.cut_after_bytes.is_some_and(|max| seen >= max);
            if !passes || (cut && self.from == Side::Server) {
                break;
            }
        }
    }

    /// A slow line: bytes come out of it later than they went in, and not faster than it can carry.
    /// `is_new`: nothing has gone this way before, so the connection has just been opened.
    fn carry_slowly(&self, line: Receiver<(Instant, Vec<u8>)>, is_new: bool) {
        // The SYN cannot be delayed: the first bytes of a client are, instead.
        let mut handshakes = u32::from(is_new && self.from == Side::Client);
        for (came, bytes) in line {
            let trouble = self.shared.switches.now();
            let rtt = trouble.rtt.unwrap_or_default();
            let due = came + rtt / 2 + std::mem::take(&mut handshakes) * rtt;
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if let Some(rate) = trouble.bytes_per_s {
                thread::sleep(Duration::from_secs_f64(bytes.len() as f64 / rate as f64));
            }
            if self.output().write_all(&bytes).is_err() {
                return;
            }
        }
    }
}

/// Where a proxy that understands what it carries may hold bytes back.
enum Gate {
    Open,
    /// A request's head, until it is whole and can lose its Upgrade.
    Head(Vec<u8>),
    /// Answers, each until it is whole or there is so much of it.
    Answers {
        held: Vec<u8>,
        stream: Box<Stream>,
        bytes_max: u64,
        /// Of the memory for all of them.
        share: Share,
    },
}

impl Gate {
    fn new(from: Side, trouble: Trouble) -> Gate {
        match (from, trouble.buffer_bytes) {
            (Side::Client, _) if trouble.strip_upgrade => Gate::Head(Vec::new()),
            (Side::Server, Some(bytes_max)) => {
                let stream = Box::new(Stream::new(Context::http(Side::Server)));
                let bytes_max = bytes_max.min(ANSWER_BYTES_MAX);
                let (held, share) = Default::default();
                Gate::Answers { held, stream, bytes_max, share }
            }
            _ => Gate::Open,
        }
    }

    /// What may go on, now that `more` has come.
    fn take(&mut self, more: &[u8]) -> Vec<u8> {
        match self {
            Gate::Open => more.to_vec(),
            Gate::Head(begun) => {
                begun.extend_from_slice(more);
                let Some(whole) = without_upgrade(begun) else { return Vec::new() };
                *self = Gate::Open;
                whole
            }
            Gate::Answers { held, stream, bytes_max, share } => {
                held.extend_from_slice(more);
                stream.take(more);
                let full = held.len() as u64 >= *bytes_max;
                if stream.is_amid() && !full && share.resize(held.capacity(), TAKEN_BYTES_MAX) {
                    return Vec::new();
                }
                *share = Share::default();
                std::mem::take(held)
            }
        }
    }

    /// What is still held when nothing more comes.
    fn rest(self) -> Vec<u8> {
        match self {
            Gate::Open => Vec::new(),
            Gate::Head(held) | Gate::Answers { held, .. } => held,
        }
    }
}

/// What has come of a request, without the fields of its head that are for the next hop only.
/// `None`: the head has not ended. RFC 9110 §7.6.1
fn without_upgrade(begun: &[u8]) -> Option<Vec<u8>> {
    let end = begun.windows(4).position(|end| end == b"\r\n\r\n").map(|at| at + 4);
    if end.is_none() && begun.len() < HEAD_BYTES_MAX {
        return None;
    }
    let (head, rest) = begun.split_at(end.unwrap_or(0));
    let lines = head.split_inclusive(|byte| *byte == b'\n').filter(|line| {
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
        !name.eq_ignore_ascii_case(b"Upgrade") && !name.eq_ignore_ascii_case(b"Connection")
    });
    Some([&lines.collect::<Vec<_>>().concat(), rest].concat())
}
