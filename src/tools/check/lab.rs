//! What a check works with: connections of which every byte is remembered.

use super::fault::{
    Done, Fault, Message, Words, accepted, in_field, listed, message_of, no_json, not,
};
use super::fault::{of_io, posted, short, status, wrong};
use super::run::{Plan, Subject};
use crate::tools::client::{Connection, NO_END, Response, handshake, masked, random_key};
use crate::tools::crowd::timetable::Random;
use crate::tools::dissect::{Kind, Side};
use crate::tools::tap::Chunk;
use crate::wire::frame::{self, Header, Opcode};
use crate::wire::json::{self, Value};
use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A request that must wait is watched for this long.
pub const FLOOR: Duration = Duration::from_millis(1500);
/// What must come at once comes within this; later it is advice, until patience ends.
pub const CEILING: Duration = Duration::from_secs(1);
/// Of what passes in one attempt, so much is remembered.
const TRACE_BYTES_MAX: usize = 1024 * 1024;
/// Twenty at once may wait for the answer to a message: a longer one is not read.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// Nobody has said so much: a server that tells more makes it up.
const LIST_MAX: usize = 50_000;
/// A longer frame or message of a server is not read.
const FRAME_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// One attempt of one check, besides the hold.
const ATTEMPT: Duration = Duration::from_secs(20);

/// One attempt of one check.
pub struct Lab<'a> {
    pub plan: &'a Plan,
    pub subject: &'a Subject,
    address: SocketAddr,
    began: Instant,
    dice: Mutex<Random>,
    trace: Mutex<Trace>,
}

/// What has happened.
#[derive(Default)]
pub struct Trace {
    pub chunks: Vec<Chunk>,
    /// No failure, but worth saying; `true`: it should be otherwise, by an RFC or by the API.
    pub advice: Vec<(bool, Words)>,
    /// The connection of which something was expected last.
    pub connection: u64,
    connections: u64,
    bytes: usize,
}

impl Trace {
    /// What was asked last on the connection in question: `GET /messages`.
    pub fn asked(&self) -> String {
        let sent = self
            .chunks
            .iter()
            .rfind(|chunk| chunk.connection == self.connection && chunk.from == Side::Client);
        let sent = String::from_utf8_lossy(sent.map_or(&[], |chunk| &chunk.bytes));
        let upgrade = if sent.contains("\r\nUpgrade: ") { "WebSocket " } else { "" };
        let line = sent.split(['?', '\r']).next().unwrap_or_default();
        format!("{upgrade}{}", line.trim_end_matches(" HTTP/1.1"))
    }
}

impl<'a> Lab<'a> {
    /// `number`: of the check and of the attempt, for names that no other one has.
    pub fn new(plan: &'a Plan, subject: &'a Subject, number: u64) -> Lab<'a> {
        let dice = Mutex::new(Random(plan.seed ^ number.rotate_left(32)));
        let trace = Mutex::default();
        Lab { plan, subject, address: subject.address(), began: Instant::now(), dice, trace }
    }

    pub fn trace(&self) -> MutexGuard<'_, Trace> {
        self.trace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It should be otherwise, and is no failure.
    pub fn advise(&self, uk: &str, en: &str) {
        self.trace().advice.push((true, [uk.into(), en.into()]));
    }

    /// It is right, but took long: nothing that anybody could demand.
    pub fn came_late(&self, uk: &str, en: &str, took: Duration) {
        let s = took.as_secs_f64();
        let words = [format!("{uk} {s:.1} с"), format!("{en} {s:.1} s")];
        self.trace().advice.push((false, words));
    }

    /// The next of the numbers that begin with the seed.
    pub fn random(&self) -> u64 {
        self.dice.lock().unwrap_or_else(PoisonError::into_inner).number()
    }

    /// A name or a text that nobody has said before.
    pub fn word(&self) -> String {
        format!("w{:08x}", self.random() as u32)
    }

    // ---- HTTP

    /// `fields` are whole lines, each with its CR LF.
    pub fn request(&self, line: &str, fields: &str, body: &str) -> String {
        format!("{line} HTTP/1.1\r\nHost: {}\r\n{fields}\r\n{body}", self.address)
    }

    pub fn get(&self, target: &str) -> String {
        self.request(&format!("GET {target}"), "", "")
    }

    pub fn post_of(&self, kind: &str, body: &str) -> String {
        let length = body.len();
        let fields = format!("Content-Type: {kind}\r\nContent-Length: {length}\r\n");
        self.request("POST /messages", &fields, body)
    }

    pub fn post(&self, text: &str) -> String {
        let (user, text) = (self.word(), json::quoted(text));
        self.post_of("application/json", &format!("{{\"user\":\"{user}\",\"text\":{text}}}"))
    }

    pub fn peer(&self) -> Result<Peer<'_>, Fault> {
        let number = {
            let mut trace = self.trace();
            trace.connections += 1;
            trace.connection = trace.connections;
            trace.connections
        };
        let connection = Connection::open(self.address, self.plan.patience);
        let mut connection = connection.map_err(|error| of_io(&error))?;
        connection.copy = Some(Vec::new());
        Ok(Peer { lab: self, number, connection, part: None })
    }

    /// A request on a connection of its own, and the status that its response must have.
    pub fn ask(&self, request: impl AsRef<[u8]>, expected: u16) -> Result<Response, Fault> {
        self.peer()?.ask(request, expected)
    }

    /// Says something by POST; the message as the server tells it.
    pub fn say(&self, text: &str) -> Result<Message, Fault> {
        let mut peer = self.peer()?;
        peer.connection.body_bytes_max = ANSWER_BYTES_MAX;
        peer.send(self.post(text))?;
        posted(&peer.response()?)
    }

    /// The same, if it matters to nobody what is said.
    pub fn say_something(&self) -> Result<u64, Fault> {
        Ok(self.say(&self.word())?.id)
    }

    /// The messages after `last_id`, however many answers it takes; without it, the newest ones.
    pub fn list(&self, last_id: Option<u64>) -> Result<Vec<Message>, Fault> {
        let Some(mut last) = last_id else { return listed(&self.ask(self.get("/messages"), 200)?) };
        let mut all = Vec::new();
        loop {
            let news = match self.after(last) {
                Ok(news) => news.into_iter().filter(|message| message.id > last),
                // How a poll without news is answered is asked elsewhere.
                Err(_) if !all.is_empty() => return Ok(all),
                Err(fault) => return Err(fault),
            };
            let before = all.len();
            all.extend(news);
            match all.last() {
                Some(newest) if all.len() > before => last = newest.id,
                _ => return Ok(all),
            }
            if all.len() > LIST_MAX {
                return wrong("список, який не закінчується", "a list that does not end");
            }
        }
    }

    /// One answer to a poll.
    pub fn after(&self, last_id: u64) -> Result<Vec<Message>, Fault> {
        listed(&self.ask(self.get(&format!("/messages?lastId={last_id}")), 200)?)
    }

    /// Asks for what comes after `last_id`, and does not wait for it.
    pub fn poll(&self, last_id: u64) -> Result<Peer<'_>, Fault> {
        let mut peer = self.peer()?;
        peer.send(self.get(&format!("/subscribe?lastId={last_id}")))?;
        Ok(peer)
    }

    // ---- WebSocket

    pub fn handshake(&self, target: &str, fields: &str, key: &str) -> String {
        handshake(&self.address.to_string(), target, fields, key)
    }

    pub fn open(&self, target: &str) -> Result<Peer<'_>, Fault> {
        let key = random_key();
        let mut peer = self.peer()?;
        accepted(&peer.ask(self.handshake(target, "", &key), 101)?, &key)?;
        Ok(peer)
    }

    /// A WebSocket of the chat; from its welcome on it is told everything.
    pub fn join(&self, last_id: Option<u64>) -> Result<Peer<'_>, Fault> {
        let last = last_id.map_or(String::new(), |id| format!("&lastId={id}"));
        let mut peer = self.open(&format!("/?user={}{last}", self.word()))?;
        while peer.told()?.0 != "welcome" {}
        Ok(peer)
    }

    fn note(&self, time: Instant, connection: u64, from: Side, bytes: &[u8]) {
        let time = time.saturating_duration_since(self.began);
        let mut trace = self.trace();
        trace.connection = connection;
        trace.bytes += bytes.len();
        let (bytes, unseen) = match trace.bytes <= TRACE_BYTES_MAX {
            true => (bytes.to_vec(), 0),
            false => (Vec::new(), bytes.len()),
        };
        // That it was too much is said once.
        if unseen == 0 || trace.chunks.last().is_none_or(|chunk| chunk.unseen == 0) {
            trace.chunks.push(Chunk { time, connection, from, bytes, unseen, swallowed: false });
        }
    }
}

/// One connection.
pub struct Peer<'a> {
    pub lab: &'a Lab<'a>,
    number: u64,
    pub connection: Connection,
    /// A message of which not all fragments have come.
    part: Option<(Opcode, Vec<u8>)>,
}

impl Peer<'_> {
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> Done {
        self.lab.note(Instant::now(), self.number, Side::Client, bytes.as_ref());
        self.connection.deadline = Instant::now() + self.lab.plan.patience;
        self.connection.send(bytes.as_ref()).map_err(|error| of_io(&error))
    }

    /// What `wait` waits for must come at once; later than [`CEILING`] is advice.
    pub fn within<T>(
        &mut self,
        patience: Duration,
        wait: impl FnOnce(&mut Connection) -> io::Result<T>,
    ) -> Result<T, Fault> {
        let began = Instant::now();
        self.lab.trace().connection = self.number;
        let plan = self.lab.plan;
        let ends = (self.lab.began + ATTEMPT + plan.hold).min(plan.ends_for_sure + ATTEMPT);
        self.connection.deadline = (began + patience).min(ends);
        let came = wait(&mut self.connection);
        let bytes = self.connection.copy.replace(Vec::new()).unwrap_or_default();
        if !bytes.is_empty() {
            self.lab.note(self.connection.copy_began, self.number, Side::Server, &bytes);
        }
        let took = began.elapsed();
        if came.is_ok() && patience <= plan.patience && took > CEILING {
            self.lab.came_late("прийшло аж через", "came after", took);
        }
        // A body leaves the buffer before it is whole.
        let http = if bytes.starts_with(b"HTTP/") { bytes.len() } else { 0 };
        let part = http.max(self.connection.unread().len());
        came.map_err(|error| {
            let mut fault = of_io(&error);
            let unfinished = fault.is_end() || fault.is_late() && error.to_string() != NO_END;
            if part > 0 && unfinished {
                fault.words[0] += &format!(": прийшло {part} Б, і це ще не вся відповідь");
                fault.words[1] += &format!(": {part} B came, and they are not a whole answer yet");
            }
            fault
        })
    }

    pub fn response_to(&mut self, method: &str, patience: Duration) -> Result<Response, Fault> {
        self.within(patience, |connection| connection.response(method))
    }

    pub fn response(&mut self) -> Result<Response, Fault> {
        self.response_to("GET", self.lab.plan.patience)
    }

    pub fn ask(&mut self, request: impl AsRef<[u8]>, expected: u16) -> Result<Response, Fault> {
        self.send(request)?;
        let response = self.response()?;
        status(&response, expected)?;
        Ok(response)
    }

    /// Nothing may come until `deadline`.
    pub fn silent(&mut self, deadline: Instant) -> Done {
        // Once time is up it is only looked whether something has come.
        let patience = deadline.saturating_duration_since(Instant::now());
        match self.within(patience.max(Duration::from_millis(1)), Connection::fill) {
            Err(fault) if fault.is_late() => Ok(()),
            Err(fault) => Err(fault),
            Ok(()) => wrong("відповідь прийшла, а мала чекати", "an answer came, and should wait"),
        }
    }

    /// The other side ends TCP, and nothing comes before that. RST is an end, too.
    pub fn ends(&mut self) -> Done {
        let unread = !self.connection.unread().is_empty();
        match if unread { Ok(()) } else { self.within(self.lab.plan.patience, Connection::fill) } {
            Err(fault) if fault.is_end() => Ok(()),
            Err(fault) => {
                Err(fault.told("з’єднання лишилося відкритим", "the connection stayed open"))
            }
            Ok(()) => wrong("після кінця прийшли ще байти", "more bytes came after the end"),
        }
    }

    // ---- Frames

    pub fn send_frame(&mut self, opcode: Opcode, payload: impl AsRef<[u8]>) -> Done {
        self.send(masked(true, opcode, payload.as_ref()))
    }

    /// Says something in the chat.
    pub fn say(&mut self, text: &str) -> Done {
        let text = json::quoted(text);
        self.send_frame(Opcode::Text, format!("{{\"type\":\"message\",\"text\":{text}}}"))
    }

    /// The next frame, whatever it is.
    fn frame(&mut self) -> Result<(Header, Vec<u8>), Fault> {
        let came = self.within(self.lab.plan.patience, |connection| {
            let header = loop {
                match frame::decode(connection.unread(), Side::Server, FRAME_BYTES_MAX) {
                    Ok(Some((header, used))) => {
                        connection.consume(used);
                        break header;
                    }
                    Ok(None) => connection.fill()?,
                    Err(violation) => return Err(io::Error::other(violation.reason)),
                }
            };
            let mut payload = Vec::new();
            while payload.len() < header.length as usize {
                if connection.unread().is_empty() {
                    connection.fill()?;
                }
                let count = connection.unread().len().min(header.length as usize - payload.len());
                payload.extend_from_slice(&connection.unread()[..count]);
                connection.consume(count);
            }
            Ok((header, payload))
        });
        in_field(Kind::Mask, came)
    }

    /// The next message, or a pong or a close. A ping is answered.
    pub fn hear(&mut self) -> Result<(Opcode, Vec<u8>), Fault> {
        loop {
            let (header, payload) = self.frame()?;
            match header.opcode {
                Opcode::Ping => self.send_frame(Opcode::Pong, payload)?,
                Opcode::Continuation | Opcode::Text | Opcode::Binary => {
                    let (opcode, mut whole) = self.part.take().unwrap_or((header.opcode, vec![]));
                    whole.extend(payload);
                    if whole.len() as u64 > FRAME_BYTES_MAX {
                        return wrong(
                            "повідомлення, яке не закінчується",
                            "a message without an end",
                        );
                    }
                    if header.fin {
                        return Ok((opcode, whole));
                    }
                    self.part = Some((opcode, whole));
                }
                opcode => return Ok((opcode, payload)),
            }
        }
    }

    /// What the chat tells next: of which type, and the message that is in it.
    fn told(&mut self) -> Result<(String, Option<Message>), Fault> {
        let (opcode, payload) = self.hear()?;
        let text = String::from_utf8_lossy(&payload);
        match opcode {
            Opcode::Close => return wrong("чат закрито", "the chat was closed"),
            Opcode::Text => {}
            _ => return Ok((String::new(), None)),
        }
        match json::members(&text, ["type", "message", "error"]).or_else(no_json)? {
            [Value::String(kind), Value::Other(message), _] => {
                Ok((kind, Some(message_of(message)?)))
            }
            [Value::String(kind), _, Value::String(problem)] if kind == "error" => {
                let problem = short(&problem);
                wrong(format!("сервер каже: {problem}"), format!("the server says: {problem}"))
            }
            [Value::String(kind), ..] => Ok((kind, None)),
            _ => wrong("JSON без \"type\"", "JSON without a \"type\""),
        }
    }

    /// The next message of the chat; what else it tells is passed over.
    pub fn message(&mut self) -> Result<Message, Fault> {
        loop {
            if let (_, Some(message)) = self.told()? {
                return Ok(message);
            }
        }
    }

    /// A Close frame comes, with one of these codes, and TCP ends; 1005 is no code.
    pub fn closed(&mut self, codes: &[u16]) -> Done {
        loop {
            let (opcode, payload) = self.hear()?;
            if opcode != Opcode::Close {
                continue;
            }
            let code = payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code));
            return match codes.contains(&code) {
                true => self.ends(),
                false => in_field(Kind::CloseCode, not(code, codes[0])),
            };
        }
    }

    /// The same, but a server may also end TCP without a word. RFC 6455 §7.1.7
    pub fn failed(&mut self, code: u16) -> Done {
        match self.closed(&[code]) {
            Err(fault) if fault.is_end() => {
                self.lab.advise("TCP скінчилося без Close", "TCP has ended without Close");
                Ok(())
            }
            done => done,
        }
    }
}
