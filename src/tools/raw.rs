//! `rawchat raw HOST:PORT`: the lecture's telnet, on every system, with nothing to install.
//!
//! A line that is typed goes out with CR LF, and what comes back is shown as text; frames, and what
//! is no text, are explained. `--ws URL` does the handshake, and then a line is a text frame.
//! Leaves out: TLS, redirects, line editing.

use super::Problem;
use super::arguments::Arguments;
use super::client::{Place, handshake, masked, random_key};
use super::dissect::block::{Style, block, clipped, content, exchange, headline, payload};
use super::dissect::kinds::{printable, value};
use super::dissect::stream::Stream;
use super::dissect::{Context, Field, Kind, Side, is_leaf};
use super::explain::unescape;
use crate::wire::control::close_payload;
use crate::wire::frame::Opcode;
use crate::wire::handshake::accept_key;
use std::io::{self, BufRead, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::{Sender, channel};
use std::thread;

/// Of a payload, in the line about its frame.
const PAYLOAD_CHARS_SHOWN: usize = 60;

/// Connects, and talks until the other side has closed.
pub fn run(mut arguments: Arguments) -> Result<(), Problem> {
    let (mut style, mut web_socket, mut places) = (Style::here(), false, Vec::new());
    while let Some(flag) = arguments.next() {
        match flag {
            "--lang" => style.language = arguments.language()?,
            "--ws" => web_socket = true,
            "-v" | "-vv" => style.everything = true,
            flag if flag.starts_with('-') => return Err(arguments.unknown()),
            place => places.push(place),
        }
    }
    let example = if web_socket { "ws://127.0.0.1:3000/echo" } else { "127.0.0.1:3000" };
    let place = Place::of(&places, example).map_err(|what| arguments.problem(what))?;
    let Place { host, target } = place;
    let failed = |error| Problem::Failed(format!("{host}: {error}"));
    let socket = TcpStream::connect(&host).map_err(failed)?;
    talk(socket, &host, web_socket.then_some(&*target), style).map_err(failed)?
}

/// What happens on either side.
enum Event {
    Typed(Vec<u8>),
    /// Nothing more will be typed.
    TypedAll,
    Came(Vec<u8>),
    /// The other side has closed, or is gone.
    Closed(Option<io::Error>),
}

/// Talks until the other side has closed. Two threads only read, the keyboard and the socket; this
/// one does everything else.
fn talk(
    socket: TcpStream,
    host: &str,
    target: Option<&str>,
    style: Style,
) -> io::Result<Result<(), Problem>> {
    let (events, happens) = channel();
    let (reader, socket_events) = (socket.try_clone()?, events.clone());
    thread::spawn(move || read_socket(reader, &socket_events));
    let mut session = Session {
        socket,
        style,
        key: target.map(|_| random_key()),
        sent: Stream::new(Context::http(Side::Client)),
        came: Stream::new(Context::http(Side::Server)),
        undecoded: Vec::new(),
        mid_line: false,
        said_close: false,
        refused: None,
    };
    session.notice(&format!("{} {host}", style.pick("З’єднано:", "Connected:")));
    if let (Some(target), Some(key)) = (target, session.key.clone()) {
        session.send(handshake(host, target, "", &key).as_bytes());
    }
    // RFC 6455 §4.1: a client sends no frame before the server's answer.
    let mut keyboard = Some(events);
    loop {
        if let Some(events) = keyboard.take_if(|_| session.is_open()) {
            thread::spawn(move || read_keyboard(&events));
        }
        match happens.recv() {
            Ok(Event::Typed(line)) => session.typed(&line),
            Ok(Event::TypedAll) => session.typed_all(),
            Ok(Event::Came(bytes)) => session.came(&bytes),
            Ok(Event::Closed(error)) => {
                session.closed(error);
                return Ok(session.refused.map_or(Ok(()), |text| Err(Problem::Failed(text))));
            }
            Err(_) => return Ok(Ok(())),
        }
    }
}

fn read_socket(mut socket: TcpStream, events: &Sender<Event>) {
    let mut buf = vec![0; 64 * 1024];
    loop {
        let event = match socket.read(&mut buf) {
            Ok(0) => Event::Closed(None),
            Ok(count) => Event::Came(buf[..count].to_vec()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Event::Closed(Some(error)),
        };
        let last = matches!(event, Event::Closed(_));
        if events.send(event).is_err() || last {
            return;
        }
    }
}

fn read_keyboard(events: &Sender<Event>) {
    let mut stdin = io::stdin().lock();
    let mut line = Vec::new();
    while stdin.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
        let typed = line.strip_suffix(b"\n").unwrap_or(&line);
        let typed = typed.strip_suffix(b"\r").unwrap_or(typed).to_vec();
        if events.send(Event::Typed(typed)).is_err() {
            return;
        }
        line.clear();
    }
    let _ = events.send(Event::TypedAll);
}

struct Session {
    socket: TcpStream,
    style: Style,
    /// With `--ws`: the key of the handshake.
    key: Option<String>,
    sent: Stream,
    came: Stream,
    /// The first bytes of a character whose others have not come.
    undecoded: Vec<u8>,
    /// What was printed last did not end its line.
    mid_line: bool,
    /// We have sent a Close frame.
    said_close: bool,
    /// Why there is no WebSocket.
    refused: Option<String>,
}

impl Session {
    /// Whether something may be typed.
    fn is_open(&self) -> bool {
        self.key.is_none() || self.came.context.in_frames()
    }

    // ---- Out

    fn typed(&mut self, line: &[u8]) {
        let Ok(line) = std::str::from_utf8(line) else {
            let not_text =
                self.style.pick("Це не текст у UTF-8: :file PATH", "No UTF-8: :file PATH");
            return self.notice(not_text);
        };
        let done = match line.strip_prefix(':') {
            Some(command) => self.command(command),
            None if self.key.is_some() => {
                self.send_frame(true, Opcode::Text, line.as_bytes());
                Ok(())
            }
            None => unescape(line).map(|bytes| self.send(&[&bytes[..], b"\r\n"].concat())),
        };
        if let Err(problem) = done {
            self.notice(&problem);
        }
    }

    fn command(&mut self, command: &str) -> Result<(), String> {
        let (name, rest) = command.split_once(' ').unwrap_or((command, ""));
        match name {
            "bytes" => self.send(&unescape(rest)?),
            "file" => {
                self.send(&std::fs::read(rest).map_err(|error| format!("{rest}: {error}"))?);
            }
            _ if self.key.is_none() => return Err(format!(":{name}? rawchat raw --help")),
            "ping" => self.send_frame(true, Opcode::Ping, &unescape(rest)?),
            "pong" => self.send_frame(true, Opcode::Pong, &unescape(rest)?),
            "binary" => self.send_frame(true, Opcode::Binary, &unescape(rest)?),
            "part" => self.send_frame(false, Opcode::Text, &unescape(rest)?),
            "more" => self.send_frame(false, Opcode::Continuation, &unescape(rest)?),
            "last" => self.send_frame(true, Opcode::Continuation, &unescape(rest)?),
            "close" => {
                let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
                let no_code = |_| format!("{code:?} is no close code: :close 1000 reason");
                let code = if code.is_empty() { 1005 } else { code.parse().map_err(no_code)? };
                self.say_close(code, reason);
            }
            _ => return Err(format!(":{name}? rawchat raw --help")),
        }
        Ok(())
    }

    /// Nothing more will be typed: a WebSocket is closed as it should be, and TCP is told FIN.
    fn typed_all(&mut self) {
        match self.key.is_some() {
            true => self.say_close(1000, ""),
            false => drop(self.socket.shutdown(Shutdown::Write)),
        }
    }

    fn say_close(&mut self, code: u16, reason: &str) {
        if !std::mem::replace(&mut self.said_close, true) {
            self.send_frame(true, Opcode::Close, &close_payload(code, reason));
        }
    }

    fn send_frame(&mut self, fin: bool, opcode: Opcode, payload: &[u8]) {
        self.send(&masked(fin, opcode, payload));
    }

    fn send(&mut self, bytes: &[u8]) {
        // Whoever has gone is heard of from the thread that reads, behind what came before.
        let _ = self.socket.write_all(bytes);
        let (fields, bytes) = self.sent.take(bytes);
        self.came.context.asked.append(&mut self.sent.context.asked);
        // It may have been typed byte by byte, too.
        self.said_close |= fields.iter().any(|field| opcode_of(field, &bytes) == Some(8));
        if self.key.is_some() {
            self.show("-> ", &fields, &bytes);
        }
    }

    // ---- In

    fn came(&mut self, bytes: &[u8]) {
        let (fields, bytes) = self.came.take(bytes);
        let arrow = if self.key.is_some() { "<- " } else { "" };
        self.show(arrow, &fields, &bytes);
        if let Some(key) = self.key.clone() {
            self.check_handshake(&key, &fields, &bytes);
            self.answer(&fields, &bytes);
        }
    }

    /// The server must have read the key. RFC 6455 §4.1
    fn check_handshake(&mut self, key: &str, fields: &[Field], bytes: &[u8]) {
        let value_of =
            |kind| fields.iter().find(|field| field.kind == kind).map(|f| value(f, bytes));
        let Some(status) = value_of(Kind::Status).filter(|_| self.refused.is_none()) else {
            return;
        };
        let expected = accept_key(key);
        let problem = match value_of(Kind::WsAccept) {
            _ if status != "101" => Some(format!("no WebSocket: the answer is {status}")),
            Some(accept) if accept == expected => None,
            _ => Some(format!("no WebSocket: Sec-WebSocket-Accept should be {expected}")),
        };
        match problem {
            None => self.sent.context.switch_to_frames(),
            Some(_) => drop(self.socket.shutdown(Shutdown::Write)),
        }
        self.refused = problem;
    }

    /// A ping gets its pong, and a close its close. RFC 6455 §5.5
    fn answer(&mut self, fields: &[Field], bytes: &[u8]) {
        for first in (0..fields.len()).filter(|&index| fields[index].kind == Kind::Frame) {
            let own = &fields[exchange(fields, first)];
            match own.iter().find_map(|field| opcode_of(field, bytes)) {
                Some(9) => {
                    let payload = own.iter().find(|field| field.kind == Kind::PingPayload);
                    let payload = payload.map(|field| field.plain(bytes).into_owned());
                    self.send_frame(true, Opcode::Pong, &payload.unwrap_or_default());
                }
                Some(8) => {
                    let code = own.iter().find(|field| field.kind == Kind::CloseCode);
                    self.say_close(code.map_or(1005, |field| field.number(bytes) as u16), "");
                }
                _ => {}
            }
        }
    }

    fn closed(&mut self, error: Option<io::Error>) {
        let (fields, bytes) = self.came.rest();
        self.show("", &fields, &bytes);
        let why = error.map_or(String::new(), |error| format!(": {error}"));
        self.notice(&format!("{}{why}", self.style.pick("З’єднання закрито", "Connection closed")));
    }

    // ---- What is shown

    /// Frames, a line each, or field by field; text as text, and the rest explained.
    fn show(&mut self, arrow: &str, fields: &[Field], bytes: &[u8]) {
        for first in (0..fields.len()).filter(|&index| fields[index].parent.is_none()) {
            if fields[first].kind == Kind::Frame {
                self.show_frame(arrow, fields, first, bytes);
                continue;
            }
            for index in exchange(fields, first).filter(|&index| is_leaf(fields, index)) {
                let field = &fields[index];
                let range = field.bytes();
                match self.readable(&bytes[range]) {
                    Some(text) => self.show_text(arrow, &text),
                    None => {
                        let mut rows = String::new();
                        payload(&mut rows, field, bytes, &self.style);
                        self.end_line();
                        self.show_text("", &rows);
                    }
                }
            }
        }
    }

    fn show_frame(&mut self, arrow: &str, fields: &[Field], first: usize, bytes: &[u8]) {
        self.end_line();
        let content = clipped(&content(fields, first, bytes), PAYLOAD_CHARS_SHOWN);
        let line = format!("{arrow}{}   {content}", headline(fields, first, bytes, &self.style));
        self.show_text("", &format!("{}\n", line.trim_end()));
        if self.style.everything {
            self.show_text("", &block(fields, first, bytes, &self.style));
        }
    }

    /// Bytes as text, as far as they are text: a character may still be without its end.
    fn readable(&mut self, bytes: &[u8]) -> Option<String> {
        let bytes = [std::mem::take(&mut self.undecoded), bytes.to_vec()].concat();
        let known = match std::str::from_utf8(&bytes) {
            Ok(text) => text.len(),
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(_) => return None,
        };
        self.undecoded = bytes[known..].to_vec();
        let text = String::from_utf8_lossy(&bytes[..known]).replace("\r\n", "\n");
        text.chars().all(|c| printable(c) || matches!(c, '\n' | '\r' | '\t')).then_some(text)
    }

    fn show_text(&mut self, arrow: &str, text: &str) {
        let mut out = String::new();
        for line in text.split_inclusive('\n') {
            if !std::mem::replace(&mut self.mid_line, !line.ends_with('\n')) {
                out += if line == "\n" { arrow.trim_end() } else { arrow };
            }
            out += line;
        }
        let mut stdout = io::stdout().lock();
        let _ = stdout.write_all(out.as_bytes()).and_then(|()| stdout.flush());
    }

    fn end_line(&mut self) {
        if self.mid_line {
            self.show_text("", "\n");
        }
    }

    /// What the tool itself has to say is kept apart from what came.
    fn notice(&mut self, text: &str) {
        self.end_line();
        let _ = writeln!(io::stderr(), "{text}");
    }
}

fn opcode_of(field: &Field, bytes: &[u8]) -> Option<u64> {
    (field.kind == Kind::Opcode).then(|| field.number(bytes))
}
