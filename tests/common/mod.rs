//! What the tests over TCP share: a server on a free port, and a client that speaks in literal
//! bytes and never waits longer than [`DEADLINE`].

#![allow(dead_code)] // each test file uses its own part of it

use rawchat::handler::{Handler, Places};
use rawchat::server::{self, Limits};
use rawchat::techniques::{Chat, TECHNIQUES, Timing};
use rawchat::tools::site;
use rawchat::wire::frame::{self, Opcode, Side};
use rawchat::wire::json::quoted;
use serde_json::Value;
use socket2::{Domain, Socket, Type};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};
use std::{iter, mem, thread};

/// What must happen happens within this, or the test fails. It ends a test that would hang for ever, and
/// says nothing of how fast this machine is. (The exercises hang on purpose, and need not do so for long.)
pub const DEADLINE: Duration =
    Duration::from_secs(if option_env!("HANGS_SOON").is_some() { 15 } else { 300 });
/// "Never", for a test.
pub const AGES: Duration = Duration::from_secs(3600);
/// A client's masking key, as good as any.
pub const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Nothing times out by itself.
pub fn patient() -> Limits {
    Limits { idle: AGES, head: AGES, body: AGES, linger: AGES, ..Limits::default() }
}

/// The waits of a test in which nothing but a message ends a wait.
pub fn calm() -> Timing {
    Timing { hold: AGES, glance: Duration::from_millis(20), heartbeat: AGES, stall: AGES }
}

/// Looks again and again until `condition` holds. What it is about rings no bell when it changes:
/// counts of threads, of places, of who waits, and what another process says of itself.
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !condition() {
        assert!(Instant::now() < deadline, "not within {DEADLINE:?}: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// A port that nobody else can have as long as the socket is kept, and at which nobody listens. 0
/// takes a free one.
pub fn held_port(port: u16) -> (Socket, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], port)).into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, address)
}

/// A server in this process.
pub struct Server {
    pub address: SocketAddr,
    pub chat: Arc<Chat>,
}

impl Server {
    pub fn start(part: usize) -> Server {
        Server::with(part, patient(), calm())
    }

    pub fn with(part: usize, limits: Limits, timing: Timing) -> Server {
        Server::of(Chat::new(&TECHNIQUES[part - 1], timing), limits)
    }

    /// Another part over the room of this one.
    pub fn beside(&self, part: usize) -> Server {
        Server::of(self.chat.beside(&TECHNIQUES[part - 1]), patient())
    }

    fn of(chat: Arc<Chat>, limits: Limits) -> Server {
        let handler = (chat.technique.handler)(chat.clone()).unwrap();
        let handler = site::chat(handler);
        let (listener, address) = listen();
        let served = chat.clone();
        thread::spawn(move || server::serve(listener, limits, &served.places, handler));
        Server { address, chat }
    }

    pub fn client(&self) -> Client {
        Client::connect(self.address)
    }

    /// One request on a connection of its own.
    pub fn ask(&self, request: impl AsRef<[u8]>) -> Response {
        self.client().ask(request)
    }

    pub fn get(&self, target: &str) -> Response {
        self.ask(get(target))
    }

    pub fn post(&self, user: &str, text: &str) -> Response {
        self.ask(post(user, text))
    }

    /// A WebSocket in the chat; its greeting is not read yet.
    pub fn join(&self, user: &str) -> Client {
        Client::open(self.address, &format!("/?user={user}"))
    }
}

fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// More than is on its way to the client of a [`pair`] at any time.
pub const PAIR_BYTES_MAX: usize = 128 * 1024;

/// Both ends of one connection, without a server: its own, and the client's. Their sizes are set, so
/// they do not grow: with [`PAIR_BYTES_MAX`] they are full, and remain so.
pub fn pair() -> (TcpStream, Client) {
    let (listener, address) = listen();
    let client = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    client.set_recv_buffer_size(16 * 1024).unwrap();
    client.connect(&address.into()).unwrap();
    let socket = listener.accept().unwrap().0;
    socket2::SockRef::from(&socket).set_send_buffer_size(16 * 1024).unwrap();
    (socket, Client::over(client.into()))
}

/// Serves with a handler of the test's own.
pub fn serve(limits: Limits, places: Places, handler: Arc<Handler>) -> SocketAddr {
    let (listener, address) = listen();
    thread::spawn(move || server::serve(listener, limits, &places, handler));
    address
}

pub fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: rawchat\r\n\r\n")
}

pub fn post(user: &str, text: &str) -> String {
    post_json(&format!(r#"{{"user":{},"text":{}}}"#, quoted(user), quoted(text)))
}

pub fn post_json(body: &str) -> String {
    format!(
        "POST /messages HTTP/1.1\r\nHost: rawchat\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// RFC 6455 §1.3: the key, and so the accept key, of the RFC's own example.
pub fn handshake(target: &str) -> String {
    format!(
        "GET {target} HTTP/1.1\r\nHost: rawchat\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
}

/// A client's frame: whole, and masked.
pub fn masked(opcode: Opcode, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame::encode(&mut bytes, opcode, payload.as_ref(), Some(KEY));
    bytes
}

/// `{"type":"message","text":…}` as a client's frame.
pub fn said(text: &str) -> Vec<u8> {
    masked(Opcode::Text, format!(r#"{{"type":"message","text":{}}}"#, quoted(text)))
}

/// Whether a letter of `text` is Cyrillic.
pub fn cyrillic(text: &str) -> bool {
    text.chars().any(|c| ('\u{400}'..='\u{52f}').contains(&c))
}

#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Response {
    pub fn fields<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let fields = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        fields.filter(move |(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub fn field<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.fields(name).next()
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(self.text()).unwrap()
    }

    /// The ids of `[{"id":1,…},…]`.
    pub fn ids(&self) -> Vec<u64> {
        let Value::Array(messages) = self.json() else { panic!("no array: {self:?}") };
        messages.iter().map(|message| number(message, "id")).collect()
    }
}

pub fn number(value: &Value, name: &str) -> u64 {
    value[name].as_u64().unwrap_or_else(|| panic!("{name:?} is no number in {value}"))
}

pub fn string<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{name:?} is no string in {value}"))
}

/// One connection, and what has come over it and is not looked at yet.
pub struct Client {
    pub socket: TcpStream,
    buf: Vec<u8>,
    start: usize,
}

impl Client {
    pub fn connect(address: SocketAddr) -> Client {
        let socket = TcpStream::connect_timeout(&address, DEADLINE).unwrap();
        Client::over(socket)
    }

    pub fn over(socket: TcpStream) -> Client {
        socket.set_nodelay(true).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        socket.set_write_timeout(Some(DEADLINE)).unwrap();
        Client { socket, buf: Vec::new(), start: 0 }
    }

    /// Opens a WebSocket.
    pub fn open(address: SocketAddr, target: &str) -> Client {
        let mut client = Client::connect(address);
        let response = client.ask(handshake(target));
        assert_eq!(response.status, 101, "{response:?}");
        client
    }

    /// Says `first` to a server that soon closes what is idle, and waits until an answer comes. A test
    /// that is not run for a while comes too late with it: then it begins again.
    pub fn before_idle(address: SocketAddr, first: &str) -> Client {
        let mut begun = None;
        eventually("what is said first comes in time", || {
            let client = begun.insert(Client::connect(address));
            let _ = client.socket.write_all(first.as_bytes());
            matches!(client.fill(), Ok(1..))
        });
        begun.unwrap()
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.socket.write_all(bytes.as_ref()).unwrap();
    }

    pub fn half_close(&self) {
        self.socket.shutdown(Shutdown::Write).unwrap();
    }

    /// Goes with RST instead of FIN, as a killed process behind a full socket does.
    pub fn reset(self) {
        socket2::SockRef::from(&self.socket).set_linger(Some(Duration::ZERO)).unwrap();
    }

    pub fn unread(&self) -> &[u8] {
        &self.buf[self.start..]
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        let taken = self.buf[self.start..self.start + count].to_vec();
        self.start += count;
        taken
    }

    /// Reads once; 0 is the end of the stream.
    pub fn fill(&mut self) -> io::Result<usize> {
        self.buf.drain(..self.start);
        self.start = 0;
        let mut chunk = [0; 64 * 1024];
        let count = loop {
            match self.socket.read(&mut chunk) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        self.buf.extend_from_slice(&chunk[..count]);
        Ok(count)
    }

    fn more(&mut self, expected: &str) {
        let came = self.fill();
        if !matches!(came, Ok(1..)) {
            let before = String::from_utf8_lossy(self.unread());
            panic!("expected {expected}, came {came:?} after {before:?}");
        }
    }

    /// What comes up to `pattern`, and `pattern`.
    pub fn read_until(&mut self, pattern: &str) -> String {
        loop {
            let found = self.unread().windows(pattern.len()).position(|w| w == pattern.as_bytes());
            match found {
                Some(at) => return String::from_utf8(self.take(at + pattern.len())).unwrap(),
                None => self.more(&format!("{pattern:?}")),
            }
        }
    }

    pub fn read_exactly(&mut self, count: usize) -> Vec<u8> {
        while self.unread().len() < count {
            self.more(&format!("{count} bytes"));
        }
        self.take(count)
    }

    /// What comes until FIN; an RST fails the test.
    pub fn read_to_end(&mut self) -> Vec<u8> {
        while self.fill().unwrap() > 0 {}
        self.take(self.unread().len())
    }

    /// Nothing more comes, and then FIN.
    pub fn ends(&mut self) {
        let rest = self.read_to_end();
        assert!(rest.is_empty(), "expected the end, came {:?}", String::from_utf8_lossy(&rest));
    }

    pub fn ask(&mut self, request: impl AsRef<[u8]>) -> Response {
        self.send(request);
        self.response()
    }

    pub fn response(&mut self) -> Response {
        let mut response = self.response_head();
        let length = response.field("Content-Length").map_or(0, |length| length.parse().unwrap());
        response.body = self.read_exactly(length);
        response
    }

    /// The answer to HEAD; and, for every answer there is, what each of them must have.
    pub fn response_head(&mut self) -> Response {
        let head = self.read_until("\r\n\r\n");
        let status = head.strip_prefix("HTTP/1.1 ").expect("a status line")[..3].parse().unwrap();
        let response = Response { status, head, body: Vec::new() };
        let has = |name| response.fields(name).count();
        // RFC 9110 §8.6: none where there is no content.
        let lengths = usize::from(!matches!(status, 100..=199 | 204 | 304));
        assert_eq!(has("Content-Length"), lengths, "{response:?}");
        if status != 100 {
            assert_eq!((has("Date"), has("Cache-Control")), (1, 1), "{response:?}");
            assert_eq!(response.field("X-Content-Type-Options"), Some("nosniff"), "{response:?}");
            let shared_with = response.field("Cross-Origin-Resource-Policy");
            assert_eq!(shared_with, Some("same-origin"), "{response:?}");
        }
        response
    }

    /// The next frame, whole.
    pub fn frame(&mut self) -> (Opcode, Vec<u8>) {
        loop {
            let decoded = frame::decode(self.unread(), Side::Server, u64::MAX).unwrap();
            match decoded.map(|(header, used)| (header, used, used + header.length as usize)) {
                Some((header, used, end)) if self.unread().len() >= end => {
                    return (header.opcode, self.take(end).split_off(used));
                }
                _ => self.more("a frame"),
            }
        }
    }

    /// The next text, as JSON; everything else on the way is answered or passed over.
    pub fn hear(&mut self) -> Value {
        loop {
            match self.frame() {
                (Opcode::Text, text) => return serde_json::from_slice(&text).unwrap(),
                (Opcode::Ping, payload) => self.send(masked(Opcode::Pong, payload)),
                (Opcode::Close, payload) => panic!("closed: {}", String::from_utf8_lossy(&payload)),
                _ => {}
            }
        }
    }

    /// The next text of the type `kind`; others are passed over.
    pub fn hear_of(&mut self, kind: &str) -> Value {
        let began = Instant::now();
        loop {
            let value = self.hear();
            if string(&value, "type") == kind {
                return value;
            }
            assert!(began.elapsed() < DEADLINE, "no {kind} within {DEADLINE:?}, but {value:?}");
        }
    }

    /// The next message of the chat: its id and its text.
    pub fn message(&mut self) -> (u64, String) {
        let value = self.hear_of("message");
        let message = value.get("message").unwrap();
        (number(message, "id"), string(message, "text").to_string())
    }

    /// Takes the greeting of the chat.
    pub fn greeted(mut self) -> Client {
        assert_eq!(string(&self.hear(), "type"), "welcome");
        assert_eq!(string(&self.hear(), "type"), "user_list");
        self
    }

    /// The close code and reason with which the server ends the conversation, and TCP after it.
    pub fn closed(&mut self) -> (u16, String) {
        let began = Instant::now();
        loop {
            assert!(began.elapsed() < DEADLINE, "no close frame within {DEADLINE:?}");
            if let (Opcode::Close, payload) = self.frame() {
                self.ends();
                let [high, low, reason @ ..] = &payload[..] else { return (1005, String::new()) };
                let reason = std::str::from_utf8(reason).unwrap().to_string();
                return (u16::from_be_bytes([*high, *low]), reason);
            }
        }
    }
}

/// Random enough to find what order matters, and the same in every run (xorshift).
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % end
    }
}

/// The real binary. Ends with the test.
pub struct Process {
    pub child: Child,
    pub url: String,
    pub address: SocketAddr,
    pub stdout: Option<BufReader<ChildStdout>>,
    pub stderr: Option<BufReader<ChildStderr>>,
}

/// Cargo names it to the tests of its own package; `tests/bench` finds it where it was built.
pub fn binary() -> PathBuf {
    let beside = || std::env::current_exe().unwrap().ancestors().nth(2).unwrap().join("rawchat");
    option_env!("CARGO_BIN_EXE_rawchat").map_or_else(beside, PathBuf::from)
}

pub fn rawchat(arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(arguments).env_remove("PORT").env_remove("HOST").env_remove("NO_COLOR");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// What a program says, line by line as it comes, each within the deadline; nothing is read before
/// this is called.
pub fn lines(mut said: impl BufRead + Send + 'static) -> impl Iterator<Item = String> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        let mut line = String::new();
        while said.read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
            let _ = sender.send(mem::take(&mut line));
        }
    });
    iter::from_fn(move || Some(lines.recv_timeout(DEADLINE).expect("one more line")))
}

impl Process {
    /// On a free port, saying nothing on stderr.
    pub fn quiet(part: usize) -> Process {
        Process::start(&mut rawchat(&[&part.to_string(), "--port=0", "--quiet"]))
    }

    /// Waits for the first line, which is the URL.
    pub fn start(command: &mut Command) -> Process {
        Process::start_if_it_can(command).expect("a URL")
    }

    /// `None`: it has ended without a word on stdout, as where its port is taken.
    pub fn start_if_it_can(command: &mut Command) -> Option<Process> {
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let stderr = child.stderr.take().map(BufReader::new);
        let mut url = String::new();
        if stdout.read_line(&mut url).unwrap() == 0 {
            child.wait().unwrap();
            return None;
        }
        let url = url.trim_end().to_string();
        let address = url.strip_prefix("http://").unwrap_or_else(|| panic!("no URL: {url:?}"));
        let (address, stdout) = (address.parse().unwrap(), Some(stdout));
        Some(Process { address, child, url, stdout, stderr })
    }

    pub fn client(&self) -> Client {
        Client::connect(self.address)
    }

    pub fn get(&self, target: &str) -> Response {
        self.client().ask(get(target))
    }

    /// How many entries `/proc/PID/task` (threads) or `/proc/PID/fd` (descriptors) has.
    pub fn count(&self, what: &str) -> usize {
        std::fs::read_dir(format!("/proc/{}/{what}", self.child.id())).unwrap().count()
    }

    pub fn rss_mib(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        let kib: usize = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        kib / 1024
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
