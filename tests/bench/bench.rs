//! What bytes cost, what a thousand readers cost, what an idle connection and the log cost.
//!
//! `make bench`, or after it a part: `cargo bench -p benches -- unmask`. Whatever
//! else the machine does shifts every time, so what is worth quoting is a ratio within one run.

#[path = "../common/mod.rs"]
mod common;
mod log;
mod tap;

use common::{AGES, Client, KEY, Process, Server, eventually, get, masked, patient};
use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput};
use rawchat::room::Message;
use rawchat::techniques::{Chat, TECHNIQUES, Timing, api};
use rawchat::tools::dissect::verdict::read_request;
use rawchat::tools::dissect::{Context, dissect};
use rawchat::wire::buffer::Buffer;
use rawchat::wire::frame::{self, Opcode, Side};
use rawchat::wire::json;
use rawchat::wire::message::{Assembler, Received};
use rawchat::wire::payload::mask_fast;
use std::cell::LazyCell;
use std::fs::read_to_string;
use std::hint::black_box;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

const MIB: usize = 1024 * 1024;
const SIZES: [usize; 3] = [64, 1024, MIB];
/// Clients of the crowd, and idle connections, if the limit of descriptors allows.
const CROWD: usize = 1_000;
const IDLE: usize = 5_000;
/// Pairs of measurements behind a ratio, and passes over the payload in each of them.
const PAIRS: usize = 201;
const PASSES: usize = 20;

const TEXT: &str = "Привіт усім! \"Кадр\" is a frame, \\n is not a line.\nІ ще рядок 👋";
const WRK: &str = "GET /messages HTTP/1.1\r\nHost: 127.0.0.1:3000\r\n\r\n";
const CURL: &str = "GET /messages?lastId=41 HTTP/1.1\r\nHost: 127.0.0.1:3000\r\n\
    User-Agent: curl/8.14.1\r\nAccept: */*\r\n\r\n";
const CHROMIUM: &str = "GET /?user=Alice&lang=uk HTTP/1.1\r\n\
    Host: 127.0.0.1:3000\r\n\
    Connection: keep-alive\r\n\
    Cache-Control: max-age=0\r\n\
    sec-ch-ua: \"Chromium\";v=\"140\", \"Not=A?Brand\";v=\"24\"\r\n\
    sec-ch-ua-mobile: ?0\r\n\
    sec-ch-ua-platform: \"Linux\"\r\n\
    Upgrade-Insecure-Requests: 1\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
    Chrome/140.0.0.0 Safari/537.36\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,\
    image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7\r\n\
    Sec-Fetch-Site: same-origin\r\n\
    Sec-Fetch-Mode: navigate\r\n\
    Sec-Fetch-User: ?1\r\n\
    Sec-Fetch-Dest: document\r\n\
    Referer: http://127.0.0.1:3000/?user=Alice\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Accept-Language: uk-UA,uk;q=0.9,en-US;q=0.8,en;q=0.7\r\n\
    Cookie: lang=uk\r\n\r\n";

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800))
        .sample_size(30)
        .nresamples(5_000)
        .without_plots()
        .configure_from_args();
    unmask(&mut criterion);
    frames(&mut criterion);
    requests(&mut criterion);
    dissecting(&mut criterion);
    chat(&mut criterion);
    broadcast(&mut criterion);
    long_poll(&mut criterion);
    criterion.final_summary();
    figure("unmask ratio", unmask_ratio);
    figure("idle memory", idle_memory);
    figure("log", log::cost);
    figure("tap", tap::table);
}

/// Prints a figure that is no time, unless the command line asks for others.
fn figure(name: &str, measure: fn() -> String) {
    let mut arguments = std::env::args().skip(1);
    let asked = arguments.all(|argument| argument.starts_with('-') || name.contains(&argument));
    // Without --bench (cargo test --benches) everything runs once, to see that it runs.
    if asked && std::env::args().any(|argument| argument == "--bench") {
        println!("{name:<24}{}", measure());
    }
}

/// What memory allows: a loop that reads and writes each byte once.
fn plain_loop(payload: &mut [u8]) {
    for byte in payload {
        *byte = byte.wrapping_add(1);
    }
}

fn unmask(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("unmask");
    for size in SIZES {
        let mut payload = vec![b'a'; size];
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(BenchmarkId::new("mask", size), |b| {
            b.iter(|| mask_fast(black_box(&mut payload), black_box(KEY)))
        });
        group.bench_function(BenchmarkId::new("plain loop", size), |b| {
            b.iter(|| plain_loop(black_box(&mut payload)))
        });
    }
}

/// Both loops in turn, so that what disturbs one disturbs the other.
fn unmask_ratio() -> String {
    let mut payload = vec![b'a'; MIB];
    let mut time = |work: fn(&mut [u8])| {
        let begun = Instant::now();
        (0..PASSES).for_each(|_| work(black_box(&mut payload)));
        begun.elapsed().as_secs_f64()
    };
    let mask = |payload: &mut [u8]| mask_fast(payload, black_box(KEY));
    let mut ratios = [(); PAIRS].map(|()| time(plain_loop) / time(mask));
    ratios.sort_by(f64::total_cmp);
    let [low, median, high] = [1, 2, 3].map(|quarter| ratios[PAIRS * quarter / 4]);
    format!(
        "1 MiB at {median:.2} of the speed of a plain loop over memory \
         (median of {PAIRS} pairs, half of them between {low:.2} and {high:.2}; wanted: 0.80)"
    )
}

fn frames(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("frame");
    for size in SIZES {
        // Letters of two bytes, as most of Ukrainian is: UTF-8 that has to be looked at.
        let text = "ґ".repeat(size / 2);
        let header = masked(Opcode::Text, &text);
        group.throughput(Throughput::Elements(1));
        group.bench_function(BenchmarkId::new("decode header", size), |b| {
            b.iter(|| frame::decode(black_box(&header), Side::Client, u64::MAX))
        });
        group.throughput(Throughput::Bytes(size as u64));
        for (kind, opcode) in [("text message", Opcode::Text), ("binary message", Opcode::Binary)] {
            let bytes = masked(opcode, &text);
            let (mut assembler, mut buf) = (Assembler::new(Side::Client, MIB), Buffer::default());
            group.bench_function(BenchmarkId::new(kind, size), |b| {
                b.iter(|| next_message(&mut assembler, &mut buf, black_box(&bytes)))
            });
        }
    }
}

/// As a connection reads it: at most 64 KiB at a time.
fn next_message(assembler: &mut Assembler, buf: &mut Buffer, mut bytes: &[u8]) -> Received {
    loop {
        if let Some(event) = assembler.take(buf).unwrap() {
            return event;
        }
        assert!(buf.fill(&mut bytes).unwrap() > 0);
    }
}

fn requests(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("request");
    for (name, head) in [("wrk", WRK), ("curl", CURL), ("chromium", CHROMIUM)] {
        group.throughput(Throughput::Bytes(head.len() as u64));
        group.bench_function(BenchmarkId::new("decode head", name), |b| {
            b.iter(|| read_request(black_box(head.as_bytes())).unwrap().unwrap())
        });
    }
    let length = common::post("Аліса", TEXT);
    let (_, body) = length.split_once("\r\n\r\n").unwrap();
    let chunked = format!(
        "POST /messages HTTP/1.1\r\nHost: rawchat\r\nContent-Type: application/json\r\n\
         Transfer-Encoding: chunked\r\n\r\n7\r\n{}\r\n{:x};last\r\n{}\r\n0\r\n\r\n",
        &body[..7],
        body.len() - 7,
        &body[7..]
    );
    for (name, post) in [("content-length", &length), ("chunked", &chunked)] {
        group.throughput(Throughput::Bytes(post.len() as u64));
        group.bench_function(BenchmarkId::new("post", name), |b| {
            b.iter(|| read_request(black_box(post.as_bytes())).unwrap().unwrap())
        });
        assert_eq!(read_request(post.as_bytes()).unwrap().unwrap().0.body, body.as_bytes());
    }
}

/// What the tap does with a mebibyte of frames.
fn dissecting(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("dissect");
    for size in SIZES {
        let bytes = masked(Opcode::Text, "a".repeat(size)).repeat(MIB / size);
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(BenchmarkId::new("frames", size), |b| {
            b.iter(|| dissect(black_box(&bytes), &mut Context::guess(Side::Client)))
        });
    }
}

fn chat(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("chat");
    let message = format!(r#"{{"type":"message","text":{}}}"#, json::quoted(TEXT));
    group.throughput(Throughput::Bytes(message.len() as u64));
    group.bench_function("json members", |b| {
        b.iter(|| json::members(black_box(&message), ["type", "text"]).unwrap())
    });
    group.throughput(Throughput::Bytes(TEXT.len() as u64));
    group.bench_function("json quoted", |b| b.iter(|| json::quoted(black_box(TEXT))));
    let chat = Chat::new(&TECHNIQUES[0], Timing::default());
    let said = (0..50).map(|_| chat.say("Аліса".into(), TEXT.into()));
    let said = said.collect::<Vec<_>>();
    let (request, _) = read_request(CURL.as_bytes()).unwrap().unwrap();
    group.throughput(Throughput::Elements(50));
    group.bench_function("response of 50 messages", |b| {
        b.iter(|| {
            let response = api::list(&chat, &request, black_box(&said));
            response.encode(request.asked(), 1_700_000_000)
        })
    });
}

/// A server in this process and its clients, each of them two descriptors.
struct Crowd {
    server: Server,
    sockets: Vec<TcpStream>,
}

impl Crowd {
    fn new(part: usize, connect: fn(&Server) -> Client) -> Crowd {
        let calm = Timing { hold: AGES, heartbeat: AGES, ..Timing::default() };
        let server = Server::with(part, patient(), calm);
        let clients = (0..crowd()).map(|_| connect(&server));
        let sockets = clients.map(|client| client.socket).collect();
        Crowd { server, sockets }
    }

    fn say(&self) -> Arc<Message> {
        self.server.chat.say("Аліса".into(), TEXT.into())
    }

    /// Until the last one has so many bytes, and those that end so. One thread reads from each in
    /// turn: whoever is served late is waited for, whoever is served early waits in its socket.
    fn all_get(&self, bytes: usize, end: &[u8]) {
        let mut came = vec![0; bytes];
        for mut socket in &self.sockets {
            socket.read_exact(&mut came).unwrap();
            assert!(came.ends_with(end), "{}", String::from_utf8_lossy(&came));
        }
    }
}

fn crowd() -> usize {
    CROWD.min(descriptors() / 2)
}

/// How many this process may open, less some for itself.
fn descriptors() -> usize {
    let limits = read_to_string("/proc/self/limits").unwrap_or_default();
    let limit = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let limit = limit.and_then(|line| line.split_whitespace().next()?.parse().ok());
    // Where there is no /proc, expect little: macOS gives 256.
    limit.unwrap_or(256_usize).saturating_sub(56)
}

/// From the first word said until all have everything. Twenty said at once travel in fewer writes.
fn broadcast(criterion: &mut Criterion) {
    let crowd_of_4 = LazyCell::new(|| Crowd::new(4, |server| server.join("Reader").greeted()));
    let mut group = criterion.benchmark_group(format!("broadcast to {}", crowd()));
    group.sampling_mode(SamplingMode::Flat).measurement_time(Duration::from_secs(3));
    for at_once in [1, 20] {
        group.throughput(Throughput::Elements((crowd() * at_once) as u64));
        group.bench_function(BenchmarkId::new("said at once", at_once), |b| {
            b.iter(|| {
                let mut frames = Vec::new();
                for _ in 0..at_once {
                    let text =
                        format!(r#"{{"type":"message","message":{}}}"#, crowd_of_4.say().json);
                    frame::encode(&mut frames, Opcode::Text, text.as_bytes(), None);
                }
                crowd_of_4.all_get(frames.len(), &frames);
            })
        });
    }
}

/// From the word said until all have their answer; asking and falling asleep is not counted.
fn long_poll(criterion: &mut Criterion) {
    let crowd_of_3 = LazyCell::new(|| Crowd::new(3, Server::client));
    let mut group = criterion.benchmark_group(format!("long poll of {}", crowd()));
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    group.throughput(Throughput::Elements(crowd() as u64));
    group.bench_function("answer all", |b| {
        b.iter_custom(|rounds| (0..rounds).map(|_| long_poll_round(&crowd_of_3)).sum())
    });
}

fn long_poll_round(crowd: &Crowd) -> Duration {
    let room = &crowd.server.chat.room;
    let question = get(&format!("/subscribe?lastId={}", room.counts().0));
    for mut socket in &crowd.sockets {
        socket.write_all(question.as_bytes()).unwrap();
    }
    let waiting = &crowd.server.chat.waiting;
    eventually("all wait", || waiting.taken() == crowd.sockets.len());
    let begun = Instant::now();
    let news = vec![crowd.say()];
    let (request, _) = read_request(question.as_bytes()).unwrap().unwrap();
    let answer = api::list(&crowd.server.chat, &request, &news);
    let bytes = answer.encode(request.asked(), 0);
    let body = bytes.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
    crowd.all_get(bytes.len(), &bytes[body..]);
    begun.elapsed()
}

fn idle_memory() -> String {
    let idle = IDLE.min(descriptors());
    let [chat, echo] = ["/?user=Reader", "/echo"].map(|target| idle_kib(target, idle));
    let Some((chat, echo)) = chat.zip(echo) else {
        return "not measured: there is no /proc here".into();
    };
    format!(
        "RSS per idle connection: {chat:.1} KiB in the chat, {echo:.1} KiB on /echo, \
         over {idle} connections each (wanted: 12.0)"
    )
}

/// The server is a process of its own, so that the clients' memory is not counted.
fn idle_kib(target: &str, idle: usize) -> Option<f64> {
    let server = Process::quiet(4);
    let rss_kib = || {
        let status = read_to_string(format!("/proc/{}/status", server.child.id())).ok()?;
        let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        rss.split_whitespace().next()?.parse::<f64>().ok()
    };
    let connect = |_| Client::open(server.address, target).socket;
    let mut connections = vec![connect(0)];
    let before = rss_kib()?;
    connections.extend((1..idle).map(connect));
    Some((rss_kib()? - before) / (idle - 1) as f64)
}
