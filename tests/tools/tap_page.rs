//! The tap's page, as its script sees it: rows over Server-Sent Events, an exchange by GET, and
//! trouble by POST.

use super::common::{Client, Process, Server, get, handshake, masked, post, rawchat};
use super::tap::{Tap, accept, listener, session};
use rawchat::wire::frame::Opcode;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::{Child, Stdio};
use std::time::Duration;

/// The rows of a page, as they come.
struct Rows {
    client: Client,
    /// Those that have come and were not asked for yet, each with its number.
    ready: Vec<(u64, Value)>,
}

impl Rows {
    fn of(page: SocketAddr) -> Rows {
        let mut client = Client::connect(page);
        client.send(get("/feed"));
        client.read_until("\n\n");
        Rows { client, ready: Vec::new() }
    }

    fn next(&mut self) -> (u64, Value) {
        while self.ready.is_empty() {
            let event = self.client.read_until("\n\n");
            let Some((id, data)) = event.trim().split_once("\ndata: ") else { continue };
            let last: u64 = id.rsplit('-').next().unwrap().parse().unwrap();
            let Ok(Value::Array(rows)) = serde_json::from_str(data) else { panic!("{event}") };
            let first = last + 1 - rows.len() as u64;
            self.ready = (first..).zip(rows).collect();
        }
        self.ready.remove(0)
    }

    /// The next row of which this holds.
    fn find(&mut self, wanted: impl Fn(&Value) -> bool) -> (u64, Value) {
        loop {
            let row = self.next();
            if wanted(&row.1) {
                return row;
            }
        }
    }
}

fn ask(page: SocketAddr, target: &str) -> Value {
    let response = Client::connect(page).ask(get(target));
    assert_eq!(response.status, 200, "{target}: {}", response.text());
    response.json()
}

fn of_hex(value: &Value) -> Vec<u8> {
    let digits = value.as_str().unwrap().as_bytes();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

/// The fields that have no parts.
fn leaves(exchange: &Value) -> Vec<&Value> {
    let fields = exchange["fields"].as_array().unwrap();
    let parents: Vec<u64> = fields.iter().filter_map(|field| field["parent"].as_u64()).collect();
    let leaf = |(index, field): (u64, _)| (!parents.contains(&index)).then_some(field);
    (0..).zip(fields).filter_map(leaf).collect()
}

fn change(page: SocketAddr, body: &str, fields: &str) -> super::common::Response {
    Client::connect(page).ask(format!(
        "POST /trouble HTTP/1.1\r\nHost: 127.0.0.1\r\n{fields}Content-Length: {}\r\n\r\n{body}",
        body.len()
    ))
}

/// A recording with its page.
struct Recording {
    child: Child,
    page: SocketAddr,
}

impl Recording {
    fn open(part: usize) -> Recording {
        let mut command = rawchat(&["tap", "--page=0", "--lang=en", "--open"]);
        let mut child = command.arg(session(part)).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let url = lines.filter_map(|line| Some(line.strip_prefix("http://")?.to_string())).next();
        Recording { child, page: url.expect("an address").parse().unwrap() }
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn what_passes_is_listed_and_can_be_opened() {
    let server = Server::start(4);
    let tap = Tap::start(server.address, &[]);
    let mut rows = Rows::of(tap.page);
    let mut client = Client::over(tap.connect());
    let sent = post("Bob", "Hi");
    assert_eq!(client.ask(&sent).status, 201);
    let (asked, row) = rows.next();
    assert_eq!(
        (&row["kind"], &row["from"], &row["c"]),
        (&"request".into(), &"client".into(), &1.into())
    );
    assert_eq!((&row["what"][0], &row["size"]), (&"POST /messages".into(), &sent.len().into()));
    let (answer, row) = rows.next();
    assert_eq!((&row["status"], &row["pair"]), (&"201".into(), &asked.into()));
    let opened = ask(tap.page, &format!("/exchange?row={asked}&lang=en"));
    assert_eq!(of_hex(&opened["first"]), sent.as_bytes());
    assert_eq!(opened["pair"], answer);
    assert_eq!(opened["verdict"], format!("rawchat would take it, bytes: {}.", sent.len()));
    // The leaves leave no bit out.
    let mut at = 0;
    for leaf in leaves(&opened) {
        assert_eq!(leaf["start"], at, "{leaf}");
        at = leaf["end"].as_u64().unwrap();
        assert!(!leaf["sentence"].as_str().unwrap().is_empty() && leaf["rfc"] != "");
    }
    assert_eq!(at as usize, 8 * sent.len());
    let said =
        |lang| ask(tap.page, &format!("/exchange?row={asked}&lang={lang}"))["fields"][0].clone();
    assert!(said("uk")["sentence"].as_str().unwrap().starts_with("Запит"));
    assert!(said("en")["sentence"].as_str().unwrap().starts_with("A request"));
    drop(client);
    assert!(rows.next().1["note"][1].as_str().unwrap().starts_with("requests 1, empty answers 0"));
    for row in ["3", "0", "99", "x", ""] {
        let response = Client::connect(tap.page).ask(get(&format!("/exchange?row={row}")));
        assert_eq!(response.status, 404, "{row:?}");
    }
}

/// However long a message of the chat is, a filter finds a word at its end.
#[test]
fn a_row_has_the_whole_text_of_a_message() {
    let server = Server::start(4);
    let tap = Tap::start(server.address, &[]);
    let mut rows = Rows::of(tap.page);
    let text = "ї".repeat(1_990) + " the end";
    assert_eq!(Client::over(tap.connect()).ask(post("Bob", &text)).status, 201);
    assert!(rows.next().1["said"].as_str().unwrap().contains(&text));
}

/// A ping and its pong, too; and the handshake, worked out with this connection's key. RFC 6455 §4.2.2
#[test]
fn what_belongs_together_is_paired_and_the_handshake_is_worked_out() {
    let recording = Recording::open(4);
    let mut rows = Rows::of(recording.page);
    let (ping, _) = rows.find(|row| row["kind"] == "ping");
    assert_eq!(rows.find(|row| row["kind"] == "pong").1["pair"], ping);
    let (close, _) = rows.find(|row| row["kind"] == "close");
    assert_eq!(rows.find(|row| row["kind"] == "close").1["pair"], close);
    let [request, response] =
        [1, 2].map(|row| ask(recording.page, &format!("/exchange?row={row}")));
    assert_eq!(request["handshake"], response["handshake"]);
    let accept = response["handshake"]["accept"].as_str().unwrap();
    assert!(String::from_utf8(of_hex(&response["first"])).unwrap().contains(accept));
    assert_eq!(request["handshake"]["guid"], "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    assert!(ask(recording.page, "/exchange?row=3")["handshake"].is_null());
}

#[test]
fn of_a_long_message_both_ends_are_kept_and_explained() {
    const END: usize = 32 * 1024;
    let server = Server::start(4);
    let tap = Tap::start(server.address, &[]);
    let mut rows = Rows::of(tap.page);
    let mut client = Client::over(tap.connect());
    client.send(handshake("/echo"));
    assert_eq!(client.response_head().status, 101);
    let payload: Vec<u8> = (0..300_000_u32).map(|number| (number % 251) as u8).collect();
    client.send(masked(Opcode::Binary, &payload));
    assert!(client.frame().1 == payload);
    let (there, _) = rows.find(|row| row["kind"] == "binary" && row["from"] == "client");
    // All of it has been looked at, when its echo has.
    client.send(masked(Opcode::Ping, "x"));
    rows.find(|row| row["kind"] == "pong");
    let opened = ask(tap.page, &format!("/exchange?row={there}"));
    let (first, rest) = (of_hex(&opened["first"]), of_hex(&opened["rest"]));
    assert_eq!((first.len(), rest.len()), (END, END));
    assert_eq!(opened["gap"], payload.len() + 14 - 2 * END);
    let last = leaves(&opened).pop().unwrap().clone();
    assert_eq!(
        (&last["kind"], &last["end"]),
        (&"BinaryPayload".into(), &(8 * (payload.len() + 14)).into())
    );
    let key = of_hex(&last["key"]);
    let plain: Vec<u8> =
        rest.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
    assert!(plain == payload[payload.len() - END..]);
}

/// However fast they come: those that are listed and those that are counted are all of them.
#[test]
fn what_is_too_fast_to_look_at_is_counted() {
    const COUNT: usize = 20_000;
    let server = Server::start(4);
    let tap = Tap::start(server.address, &["--only=kind:tls"]);
    let mut rows = Rows::of(tap.page);
    let mut client = Client::over(tap.connect());
    client.send(handshake("/echo"));
    assert_eq!(client.response_head().status, 101);
    client.send(masked(Opcode::Pong, "").repeat(COUNT));
    drop(client);
    let (mut listed, mut counted) = (0, 0);
    loop {
        let (_, row) = rows.next();
        let note = row["note"][1].as_str().unwrap_or_default();
        match note.split_once(" more, counted, not listed") {
            Some((more, _)) => counted += more.parse::<usize>().unwrap(),
            None if row["kind"] == "pong" => listed += 1,
            None => {}
        }
        // The sum of the connection may come before what was not listed is told.
        if listed + counted >= COUNT {
            break;
        }
    }
    // A request, its answer and the server's Close may be among those that were counted.
    assert!(listed + counted <= COUNT + 3, "{listed} + {counted}");
    assert!(counted > 0 && listed >= 100, "{listed} + {counted}");
}

/// `rawchat 4 --tap`: the address that it prints first leads through the tap.
#[test]
fn a_part_can_have_a_tap_in_front_of_it() {
    let mut command = rawchat(&["4", "--tap", "--port=0", "--quiet"]);
    let mut process = Process::start(&mut command);
    let mut lines = process.stdout.take().unwrap().lines().map(Result::unwrap);
    let told = lines.find(|line| line.starts_with("every byte")).and_then(|_| lines.next());
    let page = told.unwrap().trim().strip_prefix("http://").unwrap().parse().unwrap();
    let mut rows = Rows::of(page);
    assert_eq!(process.client().ask(post("Bob", "Hi")).status, 201);
    assert_eq!(rows.next().1["what"][0], "POST /messages");
    let output = rawchat(&["4", "--tap", "--port=0", "--host=0.0.0.0"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("leave out --host"));
}

// ---- Trouble

#[test]
fn trouble_can_be_switched_while_a_connection_lives() {
    let (listener, to) = listener();
    let tap = Tap::start(to, &[]);
    let mut rows = Rows::of(tap.page);
    let mut client = tap.connect();
    let mut server = accept(&listener);
    let mut one = [0];
    client.write_all(b"a").unwrap();
    server.read_exact(&mut one).unwrap();
    let now = change(tap.page, "freeze=on&rtt=50ms", "").json();
    assert_eq!(
        (&now["freeze"], &now["rtt"], &now["swallow"]),
        (&"on".into(), &"50ms".into(), &"off".into())
    );
    assert_eq!(ask(tap.page, "/trouble"), now);
    assert_eq!(rows.find(|row| row["trouble"]["freeze"] == "on").1["note"][1], "freeze on");
    client.write_all(b"b").unwrap();
    server.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    assert!(server.read(&mut one).is_err(), "it is frozen");
    server.set_read_timeout(Some(super::common::DEADLINE)).unwrap();
    change(tap.page, "freeze=off&rtt=off", "");
    server.read_exact(&mut one).unwrap();
    assert_eq!(&one, b"b");
    change(tap.page, "swallow=on", "");
    client.write_all(b"c").unwrap();
    // It was read, and passed on to nobody.
    rows.find(|row| row["trouble"]["swallow"] == "on");
    change(tap.page, "idle-cut=10ms", "");
    assert_eq!(super::tap::to_the_end(&server), b"");
}

#[test]
fn only_the_page_itself_and_programs_switch_trouble() {
    let tap = Tap::start(listener().1, &[]);
    let status = |body: &str, fields: &str| change(tap.page, body, fields).status;
    assert_eq!(status("rtt=50ms", "Origin: http://evil.example\r\n"), 403);
    assert_eq!(status("rtt=fast", ""), 400);
    assert_eq!(ask(tap.page, "/trouble")["rtt"], "off");
    assert_eq!(status("rtt=50ms", "Origin: http://127.0.0.1:80\r\n"), 200);
    // RFC 9110 §15.5.20
    for target in ["/", "/feed", "/trouble", "/exchange?row=1"] {
        let request = get(target).replace("Host: rawchat", "Host: evil.example");
        assert_eq!(Client::connect(tap.page).ask(request).status, 421, "{target}");
    }
    let recording = Recording::open(1);
    assert_eq!(Client::connect(recording.page).ask(get("/trouble")).status, 404);
    for target in
        ["/", "/source", "/tap.js", "/tap-exchange.js", "/tap.css", "/chat.css", "/icon.svg"]
    {
        assert_eq!(Client::connect(recording.page).ask(get(target)).status, 200, "{target}");
    }
}

/// RFC 9110 §7.6.1 knows nothing of it, but nginx gathers an answer like that.
#[test]
fn a_proxy_that_gathers_answers_can_be_played() {
    let (listener, to) = listener();
    let tap = Tap::start(to, &["--buffer=end"]);
    let mut client = tap.connect();
    let mut server = accept(&listener);
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nab";
    server.write_all(answer.as_bytes()).unwrap();
    client.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    assert!(client.read(&mut [0]).is_err(), "it is not whole");
    client.set_read_timeout(Some(super::common::DEADLINE)).unwrap();
    server.write_all(b"cdef").unwrap();
    let mut came = vec![0; answer.len() + 4];
    client.read_exact(&mut came).unwrap();
    assert!(came.ends_with(b"\r\n\r\nabcdef"));
    // A body that ends with its connection; a limit opens the gate before that.
    let tap = Tap::start(to, &["--buffer=1kB"]);
    let client = tap.connect();
    let mut server = accept(&listener);
    server.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
    server.write_all(&[b'x'; 2000]).unwrap();
    let mut client = Client::over(client);
    assert_eq!(client.read_until("\r\n\r\n"), "HTTP/1.1 200 OK\r\n\r\n");
    assert_eq!(client.read_exactly(1000), vec![b'x'; 1000]);
}
