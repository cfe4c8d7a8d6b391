//! `rawchat tap --to HOST:PORT`: stands between clients and any server, and shows what passes.
//!
//! Two threads a connection carry bytes, unchanged, and a third, one for all, looks at copies of
//! them from a queue that has an end: when it is full, bytes pass unseen and are counted, and
//! nobody waits. Leaves out: TLS, a page, totals when the tap itself is ended with Ctrl+C (std
//! knows no signals), RST and a cut cable (a proxy has TCP on both sides, and it stays alive).

mod record;
mod watch;

use super::Problem;
use super::arguments::Arguments;
use super::dissect::Side;
use super::dissect::block::{Style, say};
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use watch::{Filter, Watcher};

const USAGE: &str = "\
rawchat tap --to HOST:PORT: every byte that passes, explained

  rawchat tap --to 127.0.0.1:3000              then use http://127.0.0.1:3001 in place of it
  rawchat tap --open session.jsonl             what was saved, without a network

  --port 3001        where to listen; 0 takes a free port
  -v, -vv            each exchange field by field; with every byte
  --only WORDS       conn:3 dir:-> kind:ping,close status:4xx text:Hello
  --save FILE        keeps all that passes: cookies and other people's words, too
  --lang uk|en       the language; LANG, if it is not said

Trouble, from the first connection on:
  --rtt 50ms         half of it each way; a new connection waits one more, for the handshake of TCP
  --rate 10kB/s      so many bytes a second, each way
  --cut-after 64kB   the server's side ends (FIN) after so many bytes
  --idle-cut 60s     as a proxy that has no patience with silence
  --swallow          reads everything and passes nothing on: the sender sees no fault
  --freeze           stops reading: the sender feels it when the buffers are full
  --strip-upgrade    as a proxy that does not know Upgrade";

/// What waits to be looked at. More than this passes unseen.
const QUEUE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// What is read at a time; each connection keeps twice as much for as long as it lasts.
const CHUNK_BYTES_MAX: usize = 16 * 1024;
/// Of a request, before it is decided that it has no Upgrade.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// What was read, in one piece: the only truth. No bytes: this side has ended.
pub struct Chunk {
    /// Since the tap began.
    pub time: Duration,
    /// Counted from 1.
    pub connection: u64,
    pub from: Side,
    pub bytes: Vec<u8>,
    /// Bytes of this side that nobody looked at, before these.
    pub unseen: usize,
}

/// What is done to the bytes on their way.
#[derive(Debug, Clone, Copy, Default)]
struct Trouble {
    rtt: Option<Duration>,
    bytes_per_s: Option<u64>,
    cut_after_bytes: Option<u64>,
    idle: Option<Duration>,
    swallow: bool,
    freeze: bool,
    strip_upgrade: bool,
}

/// Listens and forwards, for ever; or shows a recording.
pub fn run(arguments: &[String]) -> Result<(), Problem> {
    let mut watcher = Watcher::new(Style::here());
    let (mut to, mut port, mut open, mut save) = (None, 3001, None, None);
    let mut trouble = Trouble::default();
    let mut arguments = Arguments::new(arguments, USAGE);
    while let Some(flag) = arguments.next() {
        match flag {
            "--help" | "-h" => {
                say(USAGE);
                return Ok(());
            }
            "--to" => {
                to = Some(arguments.value()?.trim_start_matches("http://").trim_end_matches('/'))
            }
            "--port" | "-p" => {
                let value = arguments.value()?;
                let wrong = |_| arguments.problem(format!("--port {value:?}: from 0 to 65535"));
                port = value.parse().map_err(wrong)?;
            }
            "--open" => open = Some(arguments.value()?),
            "--save" => save = Some(arguments.value()?),
            "--lang" => watcher.style.language = arguments.language()?,
            "-v" => watcher.blocks = true,
            "-vv" => (watcher.blocks, watcher.style.everything) = (true, true),
            "--only" => {
                let words = arguments.value()?;
                watcher.filter = Filter::of(words).map_err(|what| arguments.problem(what))?;
            }
            _ => trouble.learn(&mut arguments, flag)?,
        }
    }
    if let Some(path) = open {
        let file = File::open(path).map_err(|error| Problem::Failed(format!("{path}: {error}")))?;
        return record::show(file, &mut watcher)
            .map_err(|what| Problem::Failed(format!("{path}: {what}")));
    }
    let Some(to) = to else { return Err(arguments.problem("--to HOST:PORT is needed")) };
    let save = save.map(|path| File::create(path).map_err(|error| format!("{path}: {error}")));
    let save = save.transpose().map_err(Problem::Failed)?;
    let address = SocketAddr::from((IpAddr::from(Ipv4Addr::LOCALHOST), port));
    let taken = |error| Problem::Failed(format!("cannot listen on {address}: {error}"));
    let listener = TcpListener::bind(address).map_err(taken)?;
    let address = listener.local_addr().map_err(taken)?;
    let where_to = watcher.style.say("показано все, що йде до", "shows all that goes to");
    say(&format!("http://{address}\n\n{where_to} {to}"));
    if save.is_some() {
        say(watcher
            .style
            .say("записує й куки, і чужі слова", "keeps cookies and other people's words, too"));
    }
    let (queue, chunks) = Queue::new();
    let bytes_waiting = queue.bytes_waiting.clone();
    thread::spawn(move || look(&chunks, &bytes_waiting, &mut watcher, save));
    serve(&listener, to, &queue, trouble);
    Ok(())
}

impl Trouble {
    fn learn(&mut self, arguments: &mut Arguments, flag: &str) -> Result<(), Problem> {
        match flag {
            "--swallow" => self.swallow = true,
            "--freeze" => self.freeze = true,
            "--strip-upgrade" => self.strip_upgrade = true,
            "--rtt" => self.rtt = Some(duration(arguments)?),
            "--idle-cut" => self.idle = Some(duration(arguments)?),
            "--cut-after" => self.cut_after_bytes = Some(count(arguments, "64kB")?),
            "--rate" => self.bytes_per_s = Some(count(arguments, "10kB/s")?),
            _ => return Err(arguments.unknown()),
        }
        Ok(())
    }
}

/// `50ms`, `60s`.
fn duration(arguments: &mut Arguments) -> Result<Duration, Problem> {
    let value = arguments.value()?;
    let (number, unit_ms) = match value.strip_suffix("ms") {
        Some(number) => (number, 1),
        None => (value.strip_suffix('s').unwrap_or("?"), 1000),
    };
    match number.parse::<u32>() {
        Ok(number @ 1..) => Ok(Duration::from_millis(u64::from(number) * unit_ms)),
        _ => Err(arguments.problem(format!("{value:?} is no time like 50ms or 60s"))),
    }
}

/// `500B`, `64kB`, `1MB`; `/s` may follow.
fn count(arguments: &mut Arguments, example: &str) -> Result<u64, Problem> {
    let value = arguments.value()?;
    let digits = value.find(|c: char| !c.is_ascii_digit()).unwrap_or(value.len());
    let factor = match value[digits..].trim_end_matches("/s") {
        "" | "B" => Some(1),
        "kB" => Some(1000),
        "MB" => Some(1_000_000),
        _ => None,
    };
    let number = value[..digits].parse::<u32>().ok().filter(|number| *number > 0);
    let bytes = factor.zip(number).map(|(factor, number)| factor * u64::from(number));
    bytes
        .ok_or_else(|| arguments.problem(format!("{value:?} is no number of bytes like {example}")))
}

// ---- Looking

/// Copies of what passes, for whoever looks at them.
#[derive(Clone)]
struct Queue {
    chunks: Sender<Chunk>,
    bytes_waiting: Arc<AtomicUsize>,
    began: Instant,
}

impl Queue {
    fn new() -> (Queue, Receiver<Chunk>) {
        let (sender, receiver) = channel();
        let bytes_waiting = Arc::default();
        (Queue { chunks: sender, bytes_waiting, began: Instant::now() }, receiver)
    }

    /// Never waits. `unseen` counts what found no room.
    fn offer(&self, connection: u64, from: Side, bytes: &[u8], unseen: &mut usize) {
        if self.bytes_waiting.load(Ordering::Relaxed) + bytes.len() > QUEUE_BYTES_MAX {
            *unseen += bytes.len();
            return;
        }
        self.bytes_waiting.fetch_add(bytes.len(), Ordering::Relaxed);
        let (time, bytes) = (self.began.elapsed(), bytes.to_vec());
        let unseen = std::mem::take(unseen);
        let _ = self.chunks.send(Chunk { time, connection, from, bytes, unseen });
    }
}

fn look(
    chunks: &Receiver<Chunk>,
    bytes_waiting: &AtomicUsize,
    watcher: &mut Watcher,
    mut save: Option<File>,
) {
    for chunk in chunks {
        bytes_waiting.fetch_sub(chunk.bytes.len(), Ordering::Relaxed);
        if let Some(file) = &mut save
            && let Err(error) = record::write(file, &chunk)
        {
            say(&format!("--save: {error}"));
            save = None;
        }
        let rows = watcher.chunk(&chunk);
        let _ = io::stdout().lock().write_all(rows.as_bytes());
    }
}

// ---- Carrying

fn serve(listener: &TcpListener, to: &str, queue: &Queue, trouble: Trouble) {
    let connections = listener.incoming().filter_map(Result::ok);
    for (number, client) in (1..).zip(connections) {
        let (to, queue) = (to.to_string(), queue.clone());
        // Without a thread the connection is closed: there are too many.
        let _ = thread::Builder::new().spawn(move || carry(number, client, &to, &queue, trouble));
    }
}

/// One connection: this thread carries the client's bytes, another one the server's.
fn carry(number: u64, client: TcpStream, to: &str, queue: &Queue, trouble: Trouble) {
    let server = match TcpStream::connect(to) {
        Ok(server) => server,
        Err(error) => {
            say(&format!("{number}: {to}: {error}"));
            return;
        }
    };
    let heard = Arc::new(Mutex::new(Instant::now()));
    let prepare = |socket: &TcpStream| -> io::Result<TcpStream> {
        socket.set_nodelay(true)?;
        socket.set_read_timeout(trouble.idle)?;
        socket.try_clone()
    };
    let (Ok(client_out), Ok(server_out)) = (prepare(&client), prepare(&server)) else { return };
    let there = Way { number, from: Side::Client, input: client, output: server_out, trouble };
    let back = Way { number, from: Side::Server, input: server, output: client_out, trouble };
    let (other_queue, other_heard) = (queue.clone(), heard.clone());
    let spawned = thread::Builder::new().spawn(move || back.carry(&other_queue, &other_heard));
    // Without a second thread both sockets are closed: there are too many.
    if spawned.is_ok() {
        there.carry(queue, &heard);
    }
}

/// One direction of a connection.
struct Way {
    number: u64,
    from: Side,
    input: TcpStream,
    output: TcpStream,
    trouble: Trouble,
}

impl Way {
    fn carry(mut self, queue: &Queue, heard: &Mutex<Instant>) {
        let (mut unseen, mut seen) = (0, 0_u64);
        let mut buf = vec![0; CHUNK_BYTES_MAX];
        let mut line = self
            .output
            .try_clone()
            .ok()
            .and_then(|output| Line::new(output, self.from, self.trouble));
        let mut head = (self.trouble.strip_upgrade && self.from == Side::Client).then(Vec::new);
        while !self.trouble.freeze {
            let count = match self.input.read(&mut buf) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error)
                    if crate::wire::buffer::timed_out(&error) && !self.has_gone_idle(heard) =>
                {
                    continue;
                }
                Err(_) => {
                    let _ = self.output.shutdown(Shutdown::Both);
                    break;
                }
            };
            *heard.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Instant::now();
            // Offered before it is passed on, and never waiting: so an answer is never seen before
            // what it answers.
            queue.offer(self.number, self.from, &buf[..count], &mut unseen);
            seen += count as u64;
            let bytes = match &mut head {
                None => buf[..count].to_vec(),
                Some(begun) => {
                    begun.extend_from_slice(&buf[..count]);
                    let Some(whole) = without_upgrade(begun) else { continue };
                    head = None;
                    whole
                }
            };
            let passed = match &mut line {
                _ if self.trouble.swallow => Ok(()),
                Some(line) => line.send(bytes),
                None => self.output.write_all(&bytes),
            };
            let cut = self.trouble.cut_after_bytes.is_some_and(|max| seen >= max);
            if passed.is_err() || (cut && self.from == Side::Server) {
                break;
            }
        }
        if self.trouble.freeze {
            // Held open, and never read.
            thread::sleep(Duration::MAX);
        }
        if let Some(begun) = head {
            let _ = self.output.write_all(&begun); // a head that has ended in the middle
        }
        drop(line); // what is under way arrives before the end does
        let _ = self.output.shutdown(Shutdown::Write);
        queue.offer(self.number, self.from, &[], &mut unseen);
    }

    /// Neither side has said anything for as long as a proxy is patient.
    fn has_gone_idle(&self, heard: &Mutex<Instant>) -> bool {
        let heard = heard.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        self.trouble.idle.is_some_and(|idle| heard.elapsed() >= idle)
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

/// A slow line: bytes come out of it later than they went in, and not faster than it can carry.
struct Line {
    chunks: Option<Sender<(Instant, Vec<u8>)>>,
    carrier: Option<thread::JoinHandle<()>>,
}

impl Line {
    /// `None`: nothing is to be slow.
    fn new(mut output: TcpStream, from: Side, trouble: Trouble) -> Option<Line> {
        if trouble.rtt.is_none() && trouble.bytes_per_s.is_none() {
            return None;
        }
        let (sender, receiver) = channel::<(Instant, Vec<u8>)>();
        let rtt = trouble.rtt.unwrap_or_default();
        let carrier = thread::spawn(move || {
            // The SYN cannot be delayed: the first bytes of a client are, instead.
            let mut handshake = if from == Side::Client { rtt } else { Duration::ZERO };
            for (came, bytes) in receiver {
                let due = came + rtt / 2 + std::mem::take(&mut handshake);
                thread::sleep(due.saturating_duration_since(Instant::now()));
                if let Some(rate) = trouble.bytes_per_s {
                    thread::sleep(Duration::from_secs_f64(bytes.len() as f64 / rate as f64));
                }
                if output.write_all(&bytes).is_err() {
                    return;
                }
            }
        });
        Some(Line { chunks: Some(sender), carrier: Some(carrier) })
    }

    fn send(&self, bytes: Vec<u8>) -> io::Result<()> {
        let sent = self.chunks.as_ref().map(|chunks| chunks.send((Instant::now(), bytes)));
        match sent {
            Some(Ok(())) => Ok(()),
            _ => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.chunks = None;
        if let Some(carrier) = self.carrier.take() {
            let _ = carrier.join();
        }
    }
}
