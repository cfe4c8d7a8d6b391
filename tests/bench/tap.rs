//! What it costs to be watched: the same loads straight to part 4, through a tap, and through a tap
//! whose page is read along. Server and tap are processes of their own, and somebody reads the
//! tap's lines. It prints what it measures and demands nothing of it: that depends on the machine.

use super::common::{Client, Process, get, handshake, masked, rawchat, said};
use super::{MIB, descriptors};
use rawchat::tools::dissect::{Context, Side, dissect};
use rawchat::wire::frame::Opcode;
use std::hint::black_box;
use std::io::{BufRead, Read, Write, copy, sink};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::Instant;

const ECHOES: usize = 1_001;
const ECHO_BYTES: usize = 64;
/// Of each load, straight, watched and read along in turn: what disturbs one disturbs the others.
const ROUNDS: usize = 15;
const READERS: usize = 100;
/// Messages that are said at once, and how often: so they travel some sixteen in a write.
const AT_ONCE: usize = 32;
const TIMES: usize = 150;
const CONNECTIONS: usize = 1_000;
/// The text of the last message, and more bytes than its frame has.
const LAST: &str = "that was the last one";
const LAST_BYTES: usize = 256;
/// The smallest frame that says something.
const DISSECTED_BYTES: usize = 64;

/// The three ways to the same server.
struct Ways {
    server: Process,
    tap: Process,
    page: SocketAddr,
}

impl Ways {
    fn new() -> Ways {
        let server = Process::quiet(4);
        let to = server.address.to_string();
        let mut tap = Process::start(&mut rawchat(&["tap", "--lang=en", "--port=0", "--to", &to]));
        let mut lines = tap.stdout.take().unwrap();
        let mut line = String::new();
        while !line.contains("on a page: ") {
            line.clear();
            lines.read_line(&mut line).unwrap();
        }
        thread::spawn(move || copy(&mut lines, &mut sink()));
        let page = line.trim().rsplit("http://").next().unwrap().parse().unwrap();
        Ways { server, tap, page }
    }

    /// What `measure` says of each way: the medians of the rounds.
    fn each(&self, measure: fn(SocketAddr) -> f64) -> [f64; 3] {
        let mut all = [const { Vec::new() }; 3];
        for _ in 0..ROUNDS {
            all[0].push(measure(self.server.address));
            all[1].push(measure(self.tap.address));
            let reader = self.open_page();
            all[2].push(measure(self.tap.address));
            reader.shutdown(Shutdown::Both).unwrap();
        }
        all.map(median)
    }

    /// Reads the feed as a page does.
    fn open_page(&self) -> TcpStream {
        let mut client = Client::connect(self.page);
        client.send(get("/feed"));
        client.read_until("\n\n");
        let mut socket = client.socket.try_clone().unwrap();
        thread::spawn(move || copy(&mut socket, &mut sink()));
        client.socket
    }
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// The median of one small message there and back, on a connection where nothing else happens.
fn echo_us(address: SocketAddr) -> f64 {
    let mut client = Client::connect(address);
    client.send(handshake("/echo"));
    client.response_head();
    let sent = masked(Opcode::Text, "x".repeat(ECHO_BYTES));
    let echo = |_| {
        let began = Instant::now();
        client.send(&sent);
        client.frame();
        began.elapsed().as_secs_f64() * 1e6
    };
    median((0..ECHOES).map(echo).collect())
}

/// What one member says reaches all of them, and then it goes on: deliveries a second.
fn deliveries_per_s(address: SocketAddr) -> f64 {
    let mut readers = members(address, READERS);
    let messages = [said("Привіт усім!").repeat(AT_ONCE - 1), said(LAST)].concat();
    let began = Instant::now();
    for _ in 0..TIMES {
        readers[0].write_all(&messages).unwrap();
        for reader in &mut readers {
            assert!(read_to_the_last(reader) > messages.len(), "all of them");
        }
    }
    (TIMES * AT_ONCE * READERS) as f64 / began.elapsed().as_secs_f64()
}

fn members(address: SocketAddr, count: usize) -> Vec<TcpStream> {
    let join = |number| Client::open(address, &format!("/?user=Reader{number}")).greeted().socket;
    (0..count).map(join).collect()
}

/// How many bytes came. Whoever is read late is waited for; whoever was served early waits in its
/// socket.
fn read_to_the_last(socket: &mut TcpStream) -> usize {
    let (mut buf, mut end, mut bytes) = (vec![0; 64 * 1024], Vec::new(), 0);
    while !end.windows(LAST.len()).any(|text| text == LAST.as_bytes()) {
        let count = socket.read(&mut buf).unwrap();
        assert!(count > 0, "the connection has ended");
        bytes += count;
        end.extend_from_slice(&buf[count.saturating_sub(LAST_BYTES)..count]);
        end.drain(..end.len().saturating_sub(LAST_BYTES));
    }
    bytes
}

/// One message to a thousand members: until all have it, in ms.
fn thousand() -> String {
    let ways = Ways::new();
    let count = CONNECTIONS.min(descriptors());
    let reach_ms = |address| {
        let mut members = members(address, count);
        let began = Instant::now();
        members[0].write_all(&said(LAST)).unwrap();
        members.iter_mut().for_each(|member| assert!(read_to_the_last(member) > 0));
        began.elapsed().as_secs_f64() * 1e3
    };
    let straight = reach_ms(ways.server.address);
    let before = ways.tap.rss_mib();
    let through = reach_ms(ways.tap.address);
    let rss = ways.tap.rss_mib() - before;
    format!(
        "{count} members get a message within {straight:.0} ms | {through:.0} ms, RSS +{rss} MiB"
    )
}

fn dissected_mb_per_s() -> f64 {
    let frame = masked(Opcode::Text, "a".repeat(DISSECTED_BYTES));
    let bytes = frame.repeat(MIB / frame.len());
    let time = |_| {
        let began = Instant::now();
        black_box(dissect(black_box(&bytes), &mut Context::guess(Side::Client)));
        bytes.len() as f64 / began.elapsed().as_secs_f64() / 1e6
    };
    median((0..101).map(time).collect())
}

pub fn table() -> String {
    let ways = Ways::new();
    let echo = ways.each(echo_us);
    let fan_out = ways.each(deliveries_per_s);
    let row = |name: &str, unit: &str, all: [f64; 3], told: fn(f64, f64) -> String| {
        let [straight, watched @ ..] = all;
        let watched = watched.map(|watched| told(straight, watched));
        format!("  {name:<44}{straight:>12.0} {unit:<4}{:>12}{:>12}\n", watched[0], watched[1])
    };
    let head = format!("\n  {:<44}{:>17}{:>12}{:>12}\n", "", "straight", "tap", "its page");
    let added = |straight: f64, watched: f64| format!("+{:.0} us", watched - straight);
    let factor = |straight: f64, watched: f64| format!("1/{:.1}", straight / watched);
    head + &row("idle echo, median (wanted: under +1,000 us)", "us", echo, added)
        + &row("fan-out to 100 (wanted: 1/3 or better)", "/s", fan_out, factor)
        + &format!("  {}\n", thousand())
        + &format!(
            "  frames of {DISSECTED_BYTES} B taken apart: {:.0} MB/s (wanted: 100)",
            dissected_mb_per_s()
        )
}
