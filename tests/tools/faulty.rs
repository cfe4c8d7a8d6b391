//! A small server of all four parts that keeps every rule of `rawchat check`, but for the one that
//! it is told to break. Seven more: it is wrong `once`, it is `slow`, it `crawls` and breaks 1.7, too, it `masks`, it takes the `query` for
//! a part of the path, and at broken JSON it `ends`, or `throws` and leaves the connection open.

use rawchat::wire::form;
use rawchat::wire::frame::{self, Opcode, Side};
use rawchat::wire::handshake::accept_key;
use serde_json::{Value, json};
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

pub struct Faulty {
    rule: &'static str,
    hold: Duration,
    log: Mutex<Vec<Value>>,
    arrived: Condvar,
    /// Polls that wait.
    waiting: AtomicUsize,
    /// The messages up to this id were given to a poll.
    given: AtomicUsize,
    /// For the rule of the reader that does not read.
    writing: Mutex<()>,
}

/// So often a poll that waits looks whether its client is still there.
const GLANCE: Duration = Duration::from_millis(100);

struct Request {
    method: String,
    target: String,
    head: String,
    body: Vec<u8>,
}

impl Faulty {
    pub fn start(rule: &'static str, hold: Duration) -> SocketAddr {
        Faulty::at(0, rule, hold)
    }

    pub fn at(port: u16, rule: &'static str, hold: Duration) -> SocketAddr {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let address = listener.local_addr().unwrap();
        let server = Arc::new(Faulty {
            rule,
            hold,
            log: Mutex::default(),
            arrived: Condvar::new(),
            waiting: AtomicUsize::new(0),
            given: AtomicUsize::new(0),
            writing: Mutex::default(),
        });
        thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                let server = server.clone();
                let serve = move || drop(server.serve(socket));
                if rule == "0.2" { serve() } else { drop(thread::spawn(serve)) }
            }
        });
        address
    }

    fn breaks(&self, rule: &str) -> bool {
        self.rule == rule
    }

    fn serve(&self, mut socket: TcpStream) -> io::Result<()> {
        socket.set_nodelay(!self.breaks("1.10"))?;
        let mut buf = Vec::new();
        loop {
            let Some(request) = self.request(&mut socket, &mut buf)? else { return Ok(()) };
            if request.field("upgrade").eq_ignore_ascii_case("websocket") {
                return self.web_socket(socket, &request, buf);
            }
            if request.target.starts_with("/events") {
                return self.events(socket, &request);
            }
            if self.breaks("1.4") {
                buf.clear();
            }
            let closes = request.field("connection") == "close";
            let response = self.respond(&request, &socket);
            let end = response.windows(4).position(|w| w == b"\r\n\r\n").unwrap_or(0);
            let (head, body) = response.split_at(if self.breaks("1.10") { end + 4 } else { 0 });
            // RFC 9293 §3.7.4: what is written second is held back.
            socket.write_all(head)?;
            socket.write_all(body)?;
            if response.starts_with(b"HTTP/1.1 413") {
                socket.shutdown(Shutdown::Write)?;
                while !self.breaks("2.10") && read(&mut socket, &mut Vec::new())? > 0 {}
                return Ok(());
            }
            let ends = self.breaks("1.1") || (self.breaks("1.3") && request.target == "/");
            if ends || (closes && !self.breaks("1.8")) {
                return Ok(());
            }
        }
    }

    fn request(&self, socket: &mut TcpStream, buf: &mut Vec<u8>) -> io::Result<Option<Request>> {
        let end = loop {
            if let Some(at) = buf.windows(4).position(|w| w == b"\r\n\r\n") {
                break at + 4;
            }
            let came = read(socket, buf)?;
            if came == 0 || (self.breaks("1.5") && !buf.windows(4).any(|w| w == b"\r\n\r\n")) {
                return Ok(None);
            }
        };
        let head = String::from_utf8_lossy(&buf[..end]).into_owned();
        buf.drain(..end);
        let mut words = head.split(' ').map(str::to_string);
        let (method, target) = (words.next().unwrap(), words.next().unwrap());
        let mut request = Request { method, target, head, body: Vec::new() };
        let length: usize = request.field("content-length").parse().unwrap_or(0);
        let too_long = length > 1_000_000 && !self.breaks("2.8");
        while buf.len() < length && !too_long && !self.breaks("2.3") {
            if read(socket, buf)? == 0 {
                return Ok(None);
            }
        }
        request.body = buf.drain(..length.min(buf.len())).collect();
        Ok(Some(request))
    }

    fn respond(&self, request: &Request, socket: &TcpStream) -> Vec<u8> {
        let path = request.target.split('?').next().unwrap();
        let json = "application/json";
        while self.breaks("4.7")
            && request.target == "/"
            && self.waiting.load(Ordering::SeqCst) > 50
        {
            thread::park_timeout(self.hold);
        }
        match self.rule {
            "slow" => thread::sleep(Duration::from_millis(1500)),
            "crawls" => thread::sleep(Duration::from_secs(3)),
            _ => {}
        }
        let (status, kind, body) = match (&*request.method, path) {
            _ if request.field("host").is_empty() && !["1.7", "crawls"].contains(&self.rule) => {
                (400, json, "{}".into())
            }
            ("POST", "/messages") => self.post(request),
            ("GET", "/")
                if self.breaks("once") && self.given.fetch_add(1, Ordering::SeqCst) == 0 =>
            {
                (500, json, "{}".into())
            }
            _ if self.breaks("query") && request.target == "/?user=Bob" => (404, json, "{}".into()),
            ("GET" | "HEAD", "/") => (200, "text/html; charset=utf-8", self.page()),
            ("GET", "/messages") => self.messages(request),
            ("GET", "/subscribe") => self.subscribe(request, socket),
            _ if self.breaks("1.6") => (200, "text/html", "here".into()),
            _ => (404, json, "{}".into()),
        };
        let length = if self.breaks("1.2") && request.target.contains('%') {
            body.chars().count()
        } else {
            body.len()
        };
        let length =
            if status == 204 { String::new() } else { format!("Content-Length: {length}\r\n") };
        let store = if self.breaks("3.3") { "" } else { "Cache-Control: no-store\r\n" };
        let place = if status == 303 { "Location: /\r\n" } else { "" };
        let mut head =
            format!("HTTP/1.1 {status} OK\r\nContent-Type: {kind}\r\n{length}{store}{place}\r\n");
        if self.breaks("1.1") {
            head = head.replace("\r\n", "\n");
        }
        let body =
            if request.method == "HEAD" && !self.breaks("1.9") { String::new() } else { body };
        (head + &body).into_bytes()
    }

    fn page(&self) -> String {
        let log = self.log.lock().unwrap();
        let texts =
            log.iter().rev().take(20).map(|message| message["text"].as_str().unwrap().to_string());
        let page = "<!doctype html><title>Чат</title>".to_string() + &texts.collect::<String>();
        if self.breaks("2.5") { page } else { page.replace("<b", "&lt;b") }
    }

    fn post(&self, request: &Request) -> (u16, &'static str, String) {
        let json = "application/json";
        if request.field("content-length").parse::<usize>().is_ok_and(|length| length > 1_000_000) {
            return (413, json, "{}".into());
        }
        let body = String::from_utf8_lossy(&request.body);
        if request.field("content-type") != json {
            self.say(&form::get(&body, "user").unwrap(), &form::get(&body, "text").unwrap());
            return (if self.breaks("2.6") { 200 } else { 303 }, json, "{}".into());
        }
        match serde_json::from_str::<Value>(&body) {
            Ok(said) => {
                let message =
                    self.say(said["user"].as_str().unwrap(), said["text"].as_str().unwrap());
                (201, json, json!({ "success": true, "message": message }).to_string())
            }
            Err(_) if self.breaks("2.3") && request.body.is_empty() => {
                (201, json, json!({ "success": true, "message": self.say("", "") }).to_string())
            }
            Err(_) if self.breaks("ends") => {
                println!("good bye");
                std::process::exit(7)
            }
            Err(_) if self.breaks("throws") => {
                println!("Traceback (most recent call last):\nValueError: no JSON");
                loop {
                    thread::park();
                }
            }
            Err(_) => (if self.breaks("2.7") { 500 } else { 400 }, json, "{}".into()),
        }
    }

    fn say(&self, user: &str, text: &str) -> Value {
        let mut id = self.log.lock().unwrap().len() + 1;
        if self.breaks("2.9") {
            thread::sleep(Duration::from_millis(1));
        }
        let mut log = self.log.lock().unwrap();
        if !self.breaks("2.9") {
            id = log.len() + 1;
        }
        let id = if self.breaks("2.1") { 2 * id } else { id };
        let message = json!({ "id": id, "user": user, "text": text, "timestamp": "" });
        log.push(message.clone());
        match self.rule {
            "4.3" => {}
            "4.4" => self.arrived.notify_one(),
            _ => self.arrived.notify_all(),
        }
        drop(log);
        // Who waits has it before anybody knows that it was said, and so has who has gone.
        while self.breaks("4.8") && self.waiting.load(Ordering::SeqCst) > 0 {
            thread::yield_now();
        }
        message
    }

    fn after(&self, log: &[Value], id: usize) -> String {
        let id = if id > log.len() && !self.breaks("3.4") { 0 } else { id };
        let text = Value::from(log.get(id..).unwrap_or_default()).to_string();
        if self.breaks("2.4") { text.replace("\\\\", "/") } else { text }
    }

    fn messages(&self, request: &Request) -> (u16, &'static str, String) {
        let log = self.log.lock().unwrap();
        let id = match request.query("lastId").map(|id| id.parse::<usize>()) {
            Some(Err(_)) if !self.breaks("3.5") => return (400, "application/json", "{}".into()),
            Some(Ok(id)) if !self.breaks("3.1") => id,
            _ => 0,
        };
        match self.after(&log, id) {
            list if self.breaks("2.2") && request.query("lastId").is_none() => {
                let last = log.last().map_or(String::new(), |message| format!(",{message}]"));
                (200, "application/json", list.trim_end_matches(']').to_string() + &last)
            }
            empty if empty == "[]" && self.breaks("3.2") => (404, "application/json", empty),
            list => (200, "application/json", list),
        }
    }

    fn subscribe(&self, request: &Request, socket: &TcpStream) -> (u16, &'static str, String) {
        let json = "application/json";
        let id: usize = request.query("lastId").unwrap().parse().unwrap();
        let began = Instant::now();
        self.waiting.fetch_add(1, Ordering::SeqCst);
        // What was given to somebody who has gone is given to nobody else.
        let given = self.given.load(Ordering::SeqCst);
        let id = if self.breaks("4.8") { id.max(given) } else { id };
        let mut looked = self.log.lock().unwrap().len() > id && !self.breaks("4.1");
        let mut answer = (if self.breaks("4.6") { 200 } else { 204 }, json, String::new());
        if self.breaks("4.5") {
            thread::sleep(Duration::from_millis(5));
        }
        let mut log = self.log.lock().unwrap();
        if !self.breaks("4.5") && !self.breaks("4.1") {
            looked = log.len() > id;
        }
        while !looked {
            let left = self.hold.saturating_sub(began.elapsed());
            if left.is_zero() || self.breaks("4.2") {
                break;
            }
            let (woken, timeout) = self.arrived.wait_timeout(log, left.min(GLANCE)).unwrap();
            log = woken;
            let sleeps_on = ["4.1", "4.3", "4.4", "4.5"].contains(&self.rule);
            looked = log.len() > id && !(sleeps_on && timeout.timed_out());
            if !self.breaks("4.9") && has_gone(socket) {
                break;
            }
        }
        if self.breaks("4.8") && has_gone(socket) {
            self.given.store(log.len() + usize::from(!looked), Ordering::SeqCst);
        }
        if looked {
            answer = (200, json, self.after(&log, id));
        }
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        answer
    }
}

// ---- Server-Sent Events

impl Faulty {
    /// In chunks, as many frameworks do it.
    fn events(&self, mut socket: TcpStream, request: &Request) -> io::Result<()> {
        let mut last = request.field("last-event-id");
        if last.is_empty() || self.breaks("8.4") {
            last = request.query("lastId").unwrap_or_default();
        }
        let mut next: usize = last.parse().unwrap_or(0);
        let retry = if self.breaks("8.6") { 3000 } else { socket.peer_addr()?.port() };
        let fields = "Content-Type: text/event-stream\r\nCache-Control: no-store";
        write!(socket, "HTTP/1.1 200 OK\r\n{fields}\r\nTransfer-Encoding: chunked\r\n\r\n")?;
        let mut text = format!("retry: {retry}\n\n");
        loop {
            if !text.is_empty() {
                write!(socket, "{:x}\r\n{text}\r\n", text.len())?;
            }
            if self.breaks("8.1") {
                return write!(socket, "0\r\n\r\n");
            }
            let mut log = self.log.lock().unwrap();
            if log.len() <= next {
                log = self.arrived.wait_timeout(log, Duration::from_millis(500)).unwrap().0;
            }
            text = if self.breaks("8.5") { String::new() } else { ":\r\n\r\n".into() };
            for message in log.get(next..).unwrap_or_default() {
                next += 1;
                let message = message.to_string();
                let data = if self.breaks("8.3") { message.replace("\\n", "\n") } else { message };
                let id = if self.breaks("8.2") { "".into() } else { format!("id: {next}\n") };
                text += &format!("{id}data: {data}\n\n");
            }
        }
    }
}

// ---- WebSocket

impl Faulty {
    fn web_socket(
        &self,
        mut socket: TcpStream,
        request: &Request,
        mut buf: Vec<u8>,
    ) -> io::Result<()> {
        let origin = request.field("origin");
        let refused = match request.field("connection") {
            _ if !origin.is_empty()
                && !origin.ends_with(&request.field("host"))
                && !self.breaks("5.5") =>
            {
                "403 No"
            }
            list if !list.contains("Upgrade") || (self.breaks("5.2") && list != "Upgrade") => {
                "400 No"
            }
            _ if request.field("sec-websocket-version") != "13" && !self.breaks("5.3") => "426 No",
            _ => "",
        };
        if !refused.is_empty() {
            return write!(
                socket,
                "HTTP/1.1 {refused}\r\nSec-WebSocket-Version: 13\r\nContent-Length: 0\r\n\r\n"
            );
        }
        let key = request.field("sec-websocket-key");
        let key = if self.breaks("5.1") { "dGhlIHNhbXBsZSBub25jZQ==" } else { &key };
        let upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept:";
        write!(socket, "HTTP/1.1 101 OK\r\n{upgrade} {}\r\n\r\n", accept_key(key))?;
        if self.breaks("5.4") {
            buf.clear();
        }
        let out = Mutex::new(socket.try_clone()?);
        let send = |opcode, payload: &[u8]| self.send(&out, opcode, payload);
        let (over, out) = (&AtomicUsize::new(0), &out);
        thread::scope(|scope| {
            if request.target.starts_with("/echo") {
                let _ = self.converse(&mut socket, &mut buf, send, |text| send(Opcode::Text, text));
            } else {
                let log = self.log.lock().unwrap();
                let last = request.query("lastId").and_then(|id| id.parse().ok());
                let next = last.filter(|_| !self.breaks("7.2")).unwrap_or(log.len());
                drop(log);
                scope.spawn(move || drop(self.tell(out, next, over)));
                let user = request.query("user").unwrap_or_default();
                let _ = self.converse(&mut socket, &mut buf, send, |text| {
                    let said: Value = serde_json::from_slice(text).unwrap();
                    self.say(&user, said["text"].as_str().unwrap());
                    Ok(())
                });
            }
            over.store(1, Ordering::SeqCst);
            let _ = socket.shutdown(Shutdown::Both);
            self.arrived.notify_all();
        });
        Ok(())
    }

    /// Tells a member of the chat everything from `next` on.
    fn tell(&self, out: &Mutex<TcpStream>, mut next: usize, over: &AtomicUsize) -> io::Result<()> {
        self.send(out, Opcode::Text, br#"{"type":"welcome"}"#)?;
        while over.load(Ordering::SeqCst) == 0 {
            let mut log = self.log.lock().unwrap();
            if log.len() <= next {
                log = self.arrived.wait_timeout(log, Duration::from_millis(100)).unwrap().0;
            }
            let news = log.get(next..).unwrap_or_default().to_vec();
            drop(log);
            let _lock = self.breaks("7.3").then(|| self.writing.lock());
            for message in news {
                next += 1;
                if !(self.breaks("7.1") && next.is_multiple_of(10)) {
                    let told = json!({ "type": "message", "message": message }).to_string();
                    self.send(out, Opcode::Text, told.as_bytes())?;
                }
            }
        }
        Ok(())
    }

    fn send(&self, out: &Mutex<TcpStream>, opcode: Opcode, payload: &[u8]) -> io::Result<()> {
        let mut bytes = Vec::new();
        frame::encode(&mut bytes, opcode, payload, self.breaks("masks").then_some([1, 2, 3, 4]));
        if self.breaks("6.1") && payload.len() > 125 && payload[0] != b'{' {
            bytes = [&[0x81, 127][..], &(payload.len() as u64).to_be_bytes(), payload].concat();
        }
        // A lock for each half keeps nothing together.
        let half = if self.breaks("7.6") { bytes.len() / 2 } else { 0 };
        out.lock().unwrap().write_all(&bytes[..half])?;
        if half > 1000 {
            thread::sleep(Duration::from_millis(1));
        }
        out.lock().unwrap().write_all(&bytes[half..])
    }

    fn converse(
        &self,
        socket: &mut TcpStream,
        buf: &mut Vec<u8>,
        send: impl Fn(Opcode, &[u8]) -> io::Result<()>,
        on_text: impl Fn(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let (mut message, mut pings, mut reads) = (Vec::new(), Vec::new(), 0);
        let close = |code: u16| send(Opcode::Close, &code.to_be_bytes());
        loop {
            let masked = buf.get(1).is_none_or(|second| second & 0x80 != 0);
            let from = if self.breaks("6.3") && !masked { Side::Server } else { Side::Client };
            let (header, used) = match frame::decode(buf, from, 1 << 24) {
                Ok(Some(found)) if buf.len() >= found.1 + found.0.length as usize => found,
                Err(violation) if !(self.breaks("7.4") && violation.code == 1009) => {
                    return close(violation.code);
                }
                _ if read(socket, buf)? > 0 => {
                    reads += 1;
                    continue;
                }
                _ => return Ok(()),
            };
            buf.drain(..used);
            let mut payload: Vec<u8> = buf.drain(..header.length as usize).collect();
            let slipped = if self.breaks("6.2") && reads > 10 { 1 } else { 0 };
            reads = 0;
            let mut key = header.key.unwrap_or_default();
            key.rotate_left(slipped);
            frame::mask(&mut payload, key);
            match header.opcode {
                Opcode::Ping if self.breaks("6.4") => pings.push(payload),
                Opcode::Ping => send(Opcode::Pong, &payload)?,
                Opcode::Close if self.breaks("6.6") => return Ok(()),
                Opcode::Close => return send(Opcode::Close, &payload),
                Opcode::Pong => {}
                _ => {
                    message.extend(payload);
                    if header.fin {
                        if std::str::from_utf8(&message).is_err() && !self.breaks("6.5") {
                            return close(1007);
                        }
                        on_text(&std::mem::take(&mut message))?;
                        pings.drain(..).try_for_each(|ping| send(Opcode::Pong, &ping))?;
                    }
                }
            }
        }
    }
}

impl Request {
    fn field(&self, name: &str) -> String {
        let fields = self.head.lines().filter_map(|line| line.split_once(": "));
        let mut values = fields.filter(|(key, _)| key.eq_ignore_ascii_case(name));
        values.next().map_or(String::new(), |(_, value)| value.to_string())
    }

    fn query(&self, name: &str) -> Option<String> {
        form::get(self.target.split_once('?')?.1, name)
    }
}

fn has_gone(socket: &TcpStream) -> bool {
    socket.set_nonblocking(true).unwrap();
    let gone = matches!(socket.peek(&mut [0]), Ok(0));
    socket.set_nonblocking(false).unwrap();
    gone
}

fn read(socket: &mut TcpStream, buf: &mut Vec<u8>) -> io::Result<usize> {
    let mut chunk = [0; 64 * 1024];
    let count = socket.read(&mut chunk)?;
    buf.extend_from_slice(&chunk[..count]);
    Ok(count)
}
