//! `rawchat tap`: what passes is what was sent, and what is told is what has passed.

use super::common::{
    Client, DEADLINE, Dice, Process, Server, get, handshake, masked, post, rawchat,
};
use rawchat::wire::frame::Opcode;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Stdio};
use std::thread;
use std::time::{Duration, Instant};

pub struct Tap {
    child: Child,
    pub address: SocketAddr,
    /// Where its page is.
    pub page: SocketAddr,
    lines: BufReader<ChildStdout>,
}

impl Tap {
    pub fn start(to: SocketAddr, flags: &[&str]) -> Tap {
        let mut command = rawchat(&["tap", "--lang=en", "--port=0", "--to", &to.to_string()]);
        let mut child = command.args(flags).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut url = String::new();
        lines.read_line(&mut url).unwrap();
        let address = url.trim().strip_prefix("http://").expect("an address").parse().unwrap();
        let mut tap = Tap { child, address, page: address, lines };
        let said = tap.until("on a page: http://").pop().unwrap();
        tap.page = said.rsplit("http://").next().unwrap().parse().unwrap();
        tap
    }

    pub fn connect(&self) -> TcpStream {
        let socket = TcpStream::connect(self.address).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        socket
    }

    /// The lines up to one that has `pattern`.
    fn until(&mut self, pattern: &str) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            assert_ne!(self.lines.read_line(&mut line).unwrap(), 0, "no {pattern:?} in {lines:#?}");
            lines.push(line.trim_end().to_string());
            if line.contains(pattern) {
                return lines;
            }
        }
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

pub fn accept(listener: &TcpListener) -> TcpStream {
    let socket = listener.accept().unwrap().0;
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    socket
}

pub fn to_the_end(mut socket: &TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    socket.read_to_end(&mut bytes).unwrap();
    bytes
}

// ---- What passes

/// Whatever it is: most of this is no HTTP, and no frame.
#[test]
fn bytes_pass_unchanged_both_ways_and_each_end_is_passed_on_by_itself() {
    let (listener, to) = listener();
    let tap = Tap::start(to, &["--only=kind:ping"]);
    let mut dice = Dice::new(7);
    let mut bytes = || -> Vec<u8> { (0..6_000_000).map(|_| dice.below(256) as u8).collect() };
    let (there, back) = (bytes(), bytes());
    let mut client = tap.connect();
    let server = accept(&listener);
    thread::scope(|scope| {
        scope.spawn(|| assert!(to_the_end(&server) == there, "what the client said"));
        client.write_all(&there).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
    });
    // The client has ended, and still hears.
    thread::scope(|scope| {
        scope.spawn(|| assert!(to_the_end(&client) == back, "what the server said"));
        (&server).write_all(&back).unwrap();
        server.shutdown(Shutdown::Write).unwrap();
    });
}

#[test]
fn each_exchange_is_a_line_and_the_sum_comes_at_the_end() {
    let server = Server::start(4);
    let mut tap = Tap::start(server.address, &[]);
    let mut client = Client::over(tap.connect());
    assert_eq!(client.ask(post("Bob", "Hi")).status, 201);
    assert_eq!(client.ask(get("/messages?lastId=1")).text(), "[]");
    assert_eq!(client.ask(get("/messages")).status, 200);
    drop(client);
    let lines = tap.until("==");
    let rows: Vec<&str> = lines.iter().map(|line| line.get(16..).unwrap_or("")).collect();
    let begins =
        |at: usize, start: &str| assert!(rows[at].starts_with(start), "{start}: {lines:#?}");
    begins(0, "->  POST /messages ");
    begins(1, "<-  201 Created ");
    begins(2, "->  GET /messages?lastId=1 ");
    begins(3, "<-  200 OK ");
    begins(4, "->  GET /messages ");
    assert!(lines[3].ends_with(" B  []"), "{}", lines[3]);
    let sum = lines[6..].concat() + &tap.until("delivered").concat();
    assert!(sum.contains("requests 3, empty answers 1, heads "), "{sum}");
    let mut socket = Client::over(tap.connect());
    socket.send(handshake("/?user=Ann"));
    assert_eq!(socket.response_head().status, 101);
    socket.hear_of("user_list");
    socket.send(masked(Opcode::Ping, "x"));
    assert_eq!(socket.frame(), (Opcode::Pong, b"x".to_vec()));
    drop(socket);
    let lines = tap.until("pong frame");
    assert!(
        lines.iter().any(|line| line.contains("-> ping frame") || line.contains("->  ping frame"))
    );
    assert!(lines.last().unwrap().ends_with(" B  x"), "{lines:#?}");
}

#[test]
fn a_server_that_is_not_there_is_told_of_and_the_tap_lives() {
    let to = SocketAddr::from(([127, 0, 0, 1], 1)); // a port that is given to nobody
    let mut tap = Tap::start(to, &[]);
    for _ in 0..2 {
        assert_eq!(to_the_end(&tap.connect()), b"");
        tap.until(&format!(": {to}: "));
    }
}

// ---- Trouble

/// RFC 9110 §7.6.1
#[test]
fn a_proxy_that_knows_no_upgrade_can_be_played() {
    let server = Server::start(4);
    let tap = Tap::start(server.address, &["--strip-upgrade"]);
    let mut client = Client::over(tap.connect());
    client.send(handshake("/echo"));
    assert_eq!(client.response_head().status, 426);
    let (listener, to) = listener();
    let tap = Tap::start(to, &["--strip-upgrade"]);
    let mut client = tap.connect();
    // The head in two pieces, and what follows it.
    client.write_all(b"GET / HTTP/1.1\r\nupgrade: websocket\r\nHost: a\r\nCon").unwrap();
    let server = accept(&listener);
    client.write_all(b"nection: Upgrade\r\n\r\nUpgrade: kept\r\n").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(to_the_end(&server), b"GET / HTTP/1.1\r\nHost: a\r\n\r\nUpgrade: kept\r\n");
    let mut client = tap.connect();
    client.write_all(b"GET / HT").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(to_the_end(&accept(&listener)), b"GET / HT");
}

#[test]
fn a_slow_line_is_slow_and_loses_nothing() {
    let (listener, to) = listener();
    let tap = Tap::start(to, &["--rtt=100ms", "--rate", "100kB/s"]);
    let mut client = tap.connect();
    let server = accept(&listener);
    let began = Instant::now();
    let bytes: Vec<u8> = (0..20_000_u32).map(|number| number as u8).collect();
    client.write_all(&bytes).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(to_the_end(&server), bytes);
    // Half of 100 ms for the way, 100 for the handshake of TCP, and 200 for the bytes.
    assert!(began.elapsed() >= Duration::from_millis(350), "{:?}", began.elapsed());
    let began = Instant::now();
    (&server).write_all(b"x").unwrap();
    client.read_exact(&mut [0]).unwrap();
    assert!(began.elapsed() >= Duration::from_millis(50), "{:?}", began.elapsed());
}

/// Else whoever sends much over a slow line would fill the memory of the tap.
#[test]
fn a_slow_line_is_full_at_some_time_and_then_its_sender_waits() {
    const MORE_THAN_SOCKETS_HOLD: usize = 48 * 1024 * 1024;
    let (listener, address) = listener();
    let tap = Tap::start(address, &["--rate=1kB/s"]);
    let mut client = tap.connect();
    let _server = accept(&listener);
    // It is full when it has taken nothing for so long.
    client.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let mut sent = 0;
    while let Ok(count) = client.write(&[0; 64 * 1024]) {
        sent += count;
        assert!(sent < MORE_THAN_SOCKETS_HOLD, "{sent} bytes are in a line of 1 kB/s");
    }
}

#[test]
fn a_line_may_be_cut_swallow_or_have_no_patience() {
    let (listener, to) = listener();
    let tap = Tap::start(to, &["--cut-after=1kB"]);
    let client = tap.connect();
    let mut server = accept(&listener);
    server.write_all(&[7; 1000]).unwrap();
    assert_eq!(to_the_end(&client), [7; 1000], "and then the end, though the server has not ended");
    let tap = Tap::start(to, &["--swallow"]);
    let mut client = tap.connect();
    let server = accept(&listener);
    client.write_all(b"is anybody there?").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(to_the_end(&server), b"");
    let tap = Tap::start(to, &["--idle-cut=100ms"]);
    let client = tap.connect();
    let server = accept(&listener);
    assert_eq!((to_the_end(&client), to_the_end(&server)), (vec![], vec![]));
    let tap = Tap::start(to, &["--freeze"]);
    let client = tap.connect();
    let mut server = accept(&listener);
    client.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    server.write_all(b"x").unwrap();
    assert!((&client).read(&mut [0]).is_err(), "nothing comes, and no end either");
}

// ---- Recordings

/// A session of each part, as it was recorded.
pub fn session(part: usize) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/tools/sessions/{part}.jsonl"))
}

fn open(file: &Path, flags: &[&str]) -> String {
    let output = rawchat(&["tap", "--open"]).arg(file).args(flags).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What rawchat would say, and in which line of its source, is rawchat's to change.
fn without_verdicts(told: &str) -> String {
    let blocks = told.split("\n\n").map(|block| {
        let lines = block.lines().take_while(|line| !line.starts_with("rawchat "));
        lines.collect::<Vec<_>>().join("\n")
    });
    blocks.collect::<Vec<_>>().join("\n\n")
}

/// `BLESS=1 cargo test --test tools recorded` writes the texts anew; read them before you keep them.
#[test]
fn the_recorded_sessions_are_told_in_both_languages() {
    for part in 1..=4 {
        for language in ["uk", "en"] {
            let told = open(&session(part), &["--lang", language])
                + "\n\n"
                + &without_verdicts(&open(&session(part), &["-v", "--lang", language]));
            let golden = session(part).with_extension(format!("{language}.txt"));
            if std::env::var("BLESS").is_ok() {
                std::fs::write(&golden, &told).unwrap();
            }
            let golden = std::fs::read_to_string(golden).unwrap().replace('\r', "");
            assert_eq!(told, golden, "part {part}, {language}");
            assert!(told.lines().all(|line| line.chars().count() <= 80), "part {part}");
        }
    }
}

#[test]
fn what_was_saved_is_told_as_it_was_told_live() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tap");
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("session.jsonl");
    let server = Server::start(2);
    let mut tap = Tap::start(server.address, &["--save", file.to_str().unwrap()]);
    let mut client = Client::over(tap.connect());
    assert_eq!(client.ask("GARBAGE\r\n\r\n").status, 400);
    client.ends();
    drop(client);
    let live = tap.until("messages delivered");
    let live: Vec<&String> = live.iter().skip_while(|line| !line.contains("->")).collect();
    let told = open(&file, &["--lang=en"]);
    assert_eq!(told.lines().collect::<Vec<_>>(), live);
    assert!(told.contains("->  no HTTP") && told.contains("<-  400 Bad Request"), "{told}");
}

/// However TCP has cut them; and what is longer than 64 KiB is told when so much of it is there.
#[test]
fn exchanges_are_told_the_same_however_they_are_cut() {
    let frame = |size: usize| masked(Opcode::Text, "x".repeat(size));
    let upgrade = handshake("/echo").into_bytes();
    let frames = [frame(5), frame(70_000), frame(30_000), frame(300)].concat();
    let bytes = [upgrade, frames, b"\x89".to_vec()].concat();
    let told = |size: usize| {
        let (folder, mut lines) =
            (Path::new(env!("CARGO_TARGET_TMPDIR")).join("tap"), String::new());
        std::fs::create_dir_all(&folder).unwrap();
        for piece in bytes.chunks(size).chain([&b""[..]]) {
            let hex: String = piece.iter().map(|byte| format!("{byte:02x}")).collect();
            lines += &format!(
                "{{\"connection\":\"1\",\"from\":\"client\",\"ns\":\"5\",\"unseen\":\"0\",\"hex\":\"{hex}\"}}\n"
            );
        }
        let file = folder.join(format!("cut-{size}.jsonl"));
        std::fs::write(&file, lines).unwrap();
        let told = open(&file, &["--lang=en"]);
        let what = told.lines().map(|line| line[16..].split("  ").nth(1).unwrap().to_string());
        what.collect::<Vec<_>>()
    };
    let expected =
        ["GET /echo", "text frame", "text frame", "text frame", "text frame", "ping frame"];
    for size in [1000, 4096, 16_384, 40_000, 200_000] {
        assert_eq!(told(size), expected, "in pieces of {size}");
    }
}

#[test]
fn what_was_not_looked_at_is_said_and_nothing_is_made_up_behind_it() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tap");
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("unseen.jsonl");
    let mut lines = String::new();
    for (from, unseen, text) in [
        ("client", 0, "GET / HTTP/1.1\r\n\r\n"),
        ("client", 1_300_000, "GET / HTTP/1.1\r\n\r\n"),
        ("client", 0, ""),
        ("server", 0, ""),
    ] {
        let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
        lines += &format!(
            "{{\"connection\":\"1\",\"from\":\"{from}\",\"ns\":\"5\",\"unseen\":\"{unseen}\",\"hex\":\"{hex}\"}}\n"
        );
    }
    std::fs::write(&file, lines).unwrap();
    let told = open(&file, &["--lang=en"]);
    assert_eq!(told.matches("->  GET /").count(), 1, "{told}");
    assert!(told.contains("not understood") && told.contains("not looked at 1300000 B"), "{told}");
}

#[test]
fn what_was_not_passed_on_does_not_look_as_if_it_had_arrived() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("swallowed.jsonl");
    let line = |swallowed| {
        let hex = "474554202f20485454502f312e310d0a0d0a"; // GET / HTTP/1.1
        format!(
            "{{\"connection\":\"1\",\"from\":\"client\",\"ns\":\"5\",\"unseen\":\"0\",{swallowed}\"hex\":\"{hex}\"}}\n"
        )
    };
    std::fs::write(&file, line("") + &line("\"swallowed\":\"yes\",")).unwrap();
    for (language, mark) in [("--lang=en", "B  Not passed on."), ("--lang=uk", "B  Не передано.")]
    {
        let told = open(&file, &[language]);
        let marked: Vec<bool> = told.lines().map(|line| line.contains(mark)).collect();
        assert_eq!(marked, [false, true], "{told}");
    }
}

#[test]
fn rows_are_chosen_by_five_words() {
    let rows = |words: &str| {
        let told = open(&session(4), &["--lang=en", "--only", words]);
        told.lines().filter(|line| line.contains("->  ") || line.contains("<-  ")).count()
    };
    let all = rows("");
    assert!(all > 8);
    assert_eq!(rows("dir:->") + rows("dir:<-"), all);
    assert_eq!(rows("conn:99"), 0);
    assert_eq!(rows("kind:text,continuation,close,ping,pong") + rows("kind:request,response"), all);
    assert_eq!(rows("status:1xx"), 1);
    assert_eq!(rows("status:101 dir:->"), 0);
    assert_eq!(rows("dir:<- text:By hand"), 1);
    assert_eq!(rows("kind:response text:\"switching PROTO\""), 1);
}

#[test]
fn wrong_usage_is_exit_2() {
    for (arguments, hint) in [
        (&[][..], "--to HOST:PORT is needed"),
        (&["--to"], "--to needs a value"),
        (&["--to=a:1", "--port=x"], "\"x\""),
        (&["--to=a:1", "--rtt=5"], "50ms"),
        (&["--to=a:1", "--rate=fast"], "10kB/s"),
        (&["--to=a:1", "--only=kind:pang"], "known are request"),
        (&["--to=a:1", "--only=colour:red"], "colour:red"),
        (&["--to=a:1", "--only=ping"], "conn: dir: kind:"),
        (&["--frob"], "\"--frob\""),
        (&["--to=a:1", "--buffer=much"], "16kB"),
        (&["--to=a:1", "--reset-after=1kB"], "--cut-after"),
        (&["--to=a:1", "--page-host=here"], "an address"),
    ] {
        let output = rawchat(&["tap"]).args(arguments).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
        assert!(stderr.contains(hint), "{hint:?} is not in {stderr}");
    }
    for arguments in [["tap", "--open", "/no/such"], ["tap", "--open", env!("CARGO_MANIFEST_DIR")]]
    {
        assert_eq!(rawchat(&arguments).output().unwrap().status.code(), Some(1));
    }
    let free = listener().1.port().to_string();
    let itself = format!("127.0.0.1:{free}");
    let output = rawchat(&["tap", "--to", &itself, "--port", &free, "--page=0"]).output().unwrap();
    assert!(String::from_utf8(output.stderr).unwrap().contains("is this tap itself"));
    let taken = listener();
    let port = taken.1.port().to_string();
    let output = rawchat(&["tap", "--to=a:1", "--port", &port]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn where_the_next_port_is_taken_the_page_has_a_free_one_and_that_is_said() {
    // Nobody can be sure that a port stays free, so this is tried until it was.
    let told = |port: u16| {
        let mut command =
            rawchat(&["tap", "--lang=en", "--to=127.0.0.1:1", "--port", &port.to_string()]);
        let mut child = command.spawn().unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let page = said.find(|line| line.contains("on a page"));
        let _ = child.kill();
        child.wait().unwrap();
        page
    };
    let page = (0..100).find_map(|_| {
        let (_taken, next) = listener();
        told(next.port() - 1)
    });
    let page = page.expect("two ports beside each other");
    assert!(page.starts_with("the next port is taken, so on a page: http://127.0.0.1:"), "{page}");
}

#[test]
fn it_stands_in_front_of_each_part() {
    for part in 1..=4 {
        let process = Process::quiet(part);
        let tap = Tap::start(process.address, &[]);
        let mut client = Client::over(tap.connect());
        assert_eq!(client.ask(get("/")).status, 200, "part {part}");
        assert_eq!(client.ask(get("/messages")).text(), "[]");
    }
}
