//! §4 WebSocket: the connection stays open, both ways, and the server brings the news.
//!
//! The long poll has moved inside: one thread, the broadcaster, waits on the room's Condvar and
//! writes to everybody. Leaves out: subprotocols, extensions (so no compression).
//!
//! A connection has one reader, the thread it came with. It has one writer at a time, who holds
//! its `outbox`: while it is `live`, the broadcaster, and the reader for a pong; while it is not,
//! a catch-up. Whoever fails to write shuts the socket down, which ends the reader, and the reader
//! takes the connection out of the room.

use super::{Chat, Handler, Reply, t1_refresh};
use crate::event;
use crate::room::{Event as News, Message, Position, Welcome};
use crate::wire::buffer::Buffer;
use crate::wire::date;
use crate::wire::frame::{self, Header, Opcode, Side, Violation};
use crate::wire::handshake;
use crate::wire::http::{Request, Response};
use crate::wire::json::{self, Value};
use crate::wire::message::{Assembler, Event, close_payload};
use std::io::{self, ErrorKind, IoSlice, Write};
use std::net::{Shutdown, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The longest message of a chat, in bytes; a longer one is closed with 1009.
pub const CHAT_BYTES_MAX: usize = 1024 * 1024;
/// The longest message of `/echo`, in bytes.
pub const ECHO_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Threads that catch up at one time; a slow reader that finds none is cut off.
pub const CATCH_UPS_MAX: usize = 1_000;
/// What a slow reader may make us answer (pongs, errors) before it is cut off.
pub const PENDING_BYTES_MAX: usize = 256 * 1024;
/// Turns a reader that takes nothing into a short write at once, instead of a wait.
const AT_ONCE: Duration = Duration::from_micros(1);
const TOO_SLOW: &str = "too slow: some of what you missed is forgotten, come back with lastId";
const STACK_BYTES: usize = 64 * 1024;

/// Part 1's server, and the WebSockets.
pub fn handler(chat: Arc<Chat>) -> Arc<Handler> {
    let hub = Arc::new(Hub { chat, live: Mutex::default(), catch_ups: Arc::default() });
    let broadcaster = hub.clone();
    // A panic is printed, and the next round begins where the last one was.
    thread::spawn(
        move || while catch_unwind(AssertUnwindSafe(|| broadcaster.broadcast())).is_err() {},
    );
    Arc::new(move |request, _socket| match request.path.as_str() {
        "/" if handshake::wanted(request) => hub.clone().enter(request).unwrap_or_else(Reply::Http),
        "/echo" => enter_echo(&hub.chat, request).unwrap_or_else(Reply::Http),
        _ => Reply::Http(t1_refresh::answer(&hub.chat, request)),
    })
}

fn enter_echo(chat: &Chat, request: &Request) -> Result<Reply, Response> {
    let period = chat.timing.heartbeat;
    let response = handshake::answer(request)?;
    Ok(Reply::Upgrade(response, Box::new(move |socket, early| echo(&socket, early, period))))
}

/// Returns every message as it came.
fn echo(socket: &TcpStream, early: Buffer, period: Duration) {
    let mut send = |opcode, payload: &[u8]| write_frame(socket, opcode, payload);
    let mut converse = Conversation::new(socket, early, ECHO_BYTES_MAX, period);
    while let Some((opcode, payload)) = converse.next(&mut send) {
        if send(opcode, &payload).is_err() {
            break;
        }
    }
}

/// Header and payload in one write, without a copy of the payload.
fn write_frame(mut socket: &TcpStream, opcode: Opcode, payload: &[u8]) -> io::Result<()> {
    let mut header = Vec::with_capacity(10);
    let length = payload.len() as u64;
    frame::encode_header(&mut header, Header { fin: true, opcode, key: None, length });
    let mut slices = &mut [IoSlice::new(&header), IoSlice::new(payload)][..];
    while slices.iter().any(|slice| !slice.is_empty()) {
        match socket.write_vectored(slices) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => IoSlice::advance_slices(&mut slices, count),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The reading half of a WebSocket: answers pings and closes by itself, hands out messages.
struct Conversation<'a> {
    socket: &'a TcpStream,
    buf: Buffer,
    assembler: Assembler,
    period: Duration,
    heard: Instant,
}

impl<'a> Conversation<'a> {
    fn new(socket: &'a TcpStream, buf: Buffer, bytes_max: usize, period: Duration) -> Self {
        // If this fails the socket is dead, and the first read says so.
        let _ = socket.set_read_timeout(Some(period));
        let assembler = Assembler::new(Side::Client, bytes_max);
        Conversation { socket, buf, assembler, period, heard: Instant::now() }
    }

    /// §4.5 The next message, or `None` when the conversation is over. RFC 6455 §5.5, §7
    fn next(
        &mut self,
        send: &mut impl FnMut(Opcode, &[u8]) -> io::Result<()>,
    ) -> Option<(Opcode, Vec<u8>)> {
        loop {
            match self.assembler.take(&mut self.buf) {
                Ok(None) => self.read(send)?,
                Ok(Some(event)) => {
                    self.heard = Instant::now();
                    match event {
                        Event::Text(text) => return Some((Opcode::Text, text.into_bytes())),
                        Event::Binary(bytes) => return Some((Opcode::Binary, bytes)),
                        Event::Ping(payload) => send(Opcode::Pong, &payload).ok()?,
                        Event::Close(code, reason) => {
                            event!("§4.5", "-", "closes: {code} {reason}");
                            let _ = send(Opcode::Close, &close_payload(code, ""));
                            return None;
                        }
                        Event::Fragment | Event::Pong => {}
                    }
                }
                Err(Violation { code, reason }) => {
                    event!("§4.5", "-", "broke a rule: {code} {reason}");
                    let _ = send(Opcode::Close, &close_payload(code, reason));
                    return None;
                }
            }
        }
    }

    /// §4.8 Reads once. Silence is answered with a ping, and a silence of two periods is the end:
    /// a peer whose cable was cut sends no FIN. Whole frames count, dripping bytes do not.
    fn read(&mut self, send: &mut impl FnMut(Opcode, &[u8]) -> io::Result<()>) -> Option<()> {
        if self.heard.elapsed() >= 2 * self.period {
            event!("§4.8", "-", "silent for two periods, dropped");
            let _ = send(Opcode::Close, &close_payload(1008, "no pong for two heartbeats"));
            return None;
        }
        match self.buf.fill(&mut &*self.socket) {
            Ok(0) => None,
            Ok(_) => Some(()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                self.buf.shrink();
                send(Opcode::Ping, b"").ok()
            }
            Err(_) => None,
        }
    }
}

/// Everybody in the chat.
struct Hub {
    chat: Arc<Chat>,
    live: Mutex<Live>,
    /// Each catch-up holds a clone, so the count of clones is theirs.
    catch_ups: Arc<()>,
}

/// Whom the broadcaster writes to: every one of `members` has seen everything up to `at`.
#[derive(Default)]
struct Live {
    at: Position,
    members: Vec<Arc<Member>>,
}

/// A connection of the chat.
struct Member {
    socket: Arc<TcpStream>,
    user: String,
    outbox: Mutex<Outbox>,
}

/// While `live`, `pending` is empty and everything up to `seen` has been written.
struct Outbox {
    live: bool,
    seen: Position,
    /// Written before anything else, by the catch-up.
    pending: Vec<u8>,
}

/// News as frames, each encoded once however many it is sent to.
struct Batch {
    bytes: Vec<u8>,
    /// Where each event begins in `bytes`, and where the last one ends.
    starts: Vec<usize>,
    from: Position,
    to: Position,
}

impl Hub {
    /// §4.6 Waits for news and gives each live member all of it in one write. A write costs some
    /// five microseconds whether it carries one frame or twenty, so under load, when news gathers
    /// while the last round is under way, a round costs no more and carries more.
    fn broadcast(self: &Arc<Hub>) {
        let period = self.chat.timing.heartbeat;
        let mut heartbeat = Instant::now() + period;
        loop {
            let from = lock(&self.live).at;
            let patience = heartbeat.saturating_duration_since(Instant::now());
            self.chat.room.wait_news(from, patience);
            // Who is about to speak may speak first, and travels in the same write.
            thread::yield_now();
            // Nothing is forgotten before it is taken: see BEHIND_EVENTS_MAX.
            let mut batch = Batch::of(from, &self.chat.room.news(from).unwrap_or_default());
            if Instant::now() >= heartbeat {
                text_frame(&mut batch.bytes, &[r#"{"type":"heartbeat"}"#]);
                frame::encode(&mut batch.bytes, Opcode::Ping, b"", None);
                heartbeat = Instant::now() + period;
            }
            let mut live = lock(&self.live);
            live.at = batch.to;
            live.members.retain(|member| self.deliver(member, &batch));
        }
    }

    /// Whether the member stays with the broadcaster.
    fn deliver(self: &Arc<Hub>, member: &Arc<Member>, batch: &Batch) -> bool {
        let mut outbox = lock(&member.outbox);
        if outbox.live {
            let bytes = batch.after(outbox.seen);
            if outbox.seen.events() < batch.to.events() {
                outbox.seen = batch.to;
            }
            self.write(member, &mut outbox, bytes);
        }
        outbox.live
    }

    /// Writes now if the member is live, and leaves to a catch-up what its socket does not take;
    /// otherwise a catch-up has the socket, and will find this.
    fn write(self: &Arc<Hub>, member: &Arc<Member>, outbox: &mut Outbox, bytes: &[u8]) {
        if outbox.live {
            let written = member.write_some(bytes);
            if written.as_ref().is_ok_and(|count| *count == bytes.len()) {
                return;
            }
            outbox.live = false;
            match written {
                Ok(count) => outbox.pending.extend_from_slice(&bytes[count..]),
                Err(_) => return member.end("-"),
            }
            self.clone().spawn_catch_up(member.clone());
        } else if outbox.pending.len() + bytes.len() <= PENDING_BYTES_MAX {
            outbox.pending.extend_from_slice(bytes);
        } else {
            member.end("takes nothing and asks for more");
        }
    }

    fn spawn_catch_up(self: Arc<Hub>, member: Arc<Member>) {
        let place = self.catch_ups.clone();
        if Arc::strong_count(&place) > CATCH_UPS_MAX {
            return member.end("too many slow readers");
        }
        event!("§4.7", &member.user, "is slow, catches up in a thread of its own");
        let slow = member.clone();
        let catch_up = move || {
            let _place = place;
            if let Err(error) = self.catch_up(&member) {
                member.end(&format!("could not catch up: {error}"));
            }
        };
        if thread::Builder::new().stack_size(STACK_BYTES).spawn(catch_up).is_err() {
            slow.end("no thread to catch up in");
        }
    }

    /// §4.7 Brings one member up to date in its own time, then gives it to the broadcaster.
    /// A newcomer is nothing else than a member who is very far behind.
    fn catch_up(&self, member: &Arc<Member>) -> io::Result<()> {
        let mut socket = &*member.socket;
        socket.set_write_timeout(Some(self.chat.timing.stall))?;
        loop {
            let mut outbox = lock(&member.outbox);
            let mut bytes = std::mem::take(&mut outbox.pending);
            if bytes.is_empty() {
                let Some(news) = self.chat.room.news(outbox.seen) else {
                    drop(outbox);
                    write_frame(socket, Opcode::Close, &close_payload(1008, TOO_SLOW))?;
                    return socket.shutdown(Shutdown::Write);
                };
                let batch = Batch::of(outbox.seen, &news);
                (outbox.seen, bytes) = (batch.to, batch.bytes);
            }
            drop(outbox);
            if bytes.is_empty() && self.rejoin(member)? {
                return Ok(());
            }
            socket.write_all(&bytes)?;
        }
    }

    /// Live again, if nothing has been taken by the broadcaster that this member has not seen.
    fn rejoin(&self, member: &Arc<Member>) -> io::Result<bool> {
        let mut live = lock(&self.live);
        let mut outbox = lock(&member.outbox);
        if !outbox.pending.is_empty() || outbox.seen.events() < live.at.events() {
            return Ok(false);
        }
        member.socket.set_write_timeout(Some(AT_ONCE))?;
        outbox.live = true;
        live.members.push(member.clone());
        Ok(true)
    }

    fn enter(self: Arc<Hub>, request: &Request) -> Result<Reply, Response> {
        let user = t1_refresh::name(request.query("user")).map_err(|refusal| refusal.json())?;
        let last_id = t1_refresh::last_id(request).map_err(|refusal| refusal.json())?;
        let response = handshake::answer(request)?;
        let take_over = move |socket, early| self.chat(socket, early, user, last_id);
        Ok(Reply::Upgrade(response, Box::new(take_over)))
    }

    /// One connection of the chat, from the handshake to the end.
    fn chat(
        self: Arc<Hub>,
        socket: Arc<TcpStream>,
        early: Buffer,
        user: String,
        last: Option<u64>,
    ) {
        let welcome = self.chat.room.join(&user, last);
        event!("§4.9", &user, "joins, {} connections", welcome.connections);
        let outbox = Outbox { live: false, seen: welcome.from, pending: greeting(&welcome) };
        let member = Arc::new(Member { socket, user, outbox: Mutex::new(outbox) });
        let _leave = Leave(&self, &member);
        if self.catch_up(&member).is_err() {
            return;
        }
        let mut send = |opcode, payload: &[u8]| {
            let mut frame = Vec::with_capacity(payload.len() + 10);
            frame::encode(&mut frame, opcode, payload, None);
            self.write(&member, &mut lock(&member.outbox), &frame);
            Ok(())
        };
        let period = self.chat.timing.heartbeat;
        let mut conversation = Conversation::new(&member.socket, early, CHAT_BYTES_MAX, period);
        while let Some((opcode, payload)) = conversation.next(&mut send) {
            if let Some(answer) = self.hear(&member.user, opcode, &payload) {
                let _ = send(Opcode::Text, answer.as_bytes());
            }
        }
    }

    /// What a client says. A bad message is answered, and the connection stays.
    fn hear(&self, user: &str, opcode: Opcode, payload: &[u8]) -> Option<String> {
        const PONG: &str = r#"{"type":"pong"}"#;
        const EXPECTED: &str = r#"expected {"type":"message","text":"…"} or {"type":"ping"}"#;
        let text = std::str::from_utf8(payload).ok().filter(|_| opcode == Opcode::Text);
        let value = match text.map(json::parse) {
            None => return Some(error_json(&format!("a binary message, {EXPECTED}"))),
            Some(Err(error)) => return Some(error_json(&format!("{error}, {EXPECTED}"))),
            Some(Ok(value)) => value,
        };
        match (value.get("type"), value.get("text")) {
            (Some(Value::String(kind)), _) if kind == "ping" => Some(PONG.into()),
            (Some(Value::String(kind)), Some(Value::String(text))) if kind == "message" => {
                match t1_refresh::text_of(text) {
                    Ok(text) => {
                        let message = self.chat.room.say(user.to_string(), text);
                        event!("§4.6", user, "says message {}", message.id);
                        None
                    }
                    Err(refusal) => Some(error_json(&refusal.problem)),
                }
            }
            _ => Some(error_json(EXPECTED)),
        }
    }
}

/// Takes a member out of the chat however its thread ends.
struct Leave<'a>(&'a Arc<Hub>, &'a Arc<Member>);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        let Leave(hub, member) = self;
        let mut live = lock(&hub.live);
        lock(&member.outbox).live = false;
        if let Some(at) = live.members.iter().position(|other| Arc::ptr_eq(other, member)) {
            live.members.swap_remove(at);
        }
        drop(live);
        hub.chat.room.leave(&member.user);
        event!("§4.9", &member.user, "leaves");
    }
}

impl Member {
    /// As much as the socket takes at once. RFC 6455 leaves slow readers to us; TCP tells of them
    /// by a full buffer.
    fn write_some(&self, bytes: &[u8]) -> io::Result<usize> {
        match (&*self.socket).write(bytes) {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Ok(0)
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(0),
            written => written,
        }
    }

    /// Ends the connection: its reader wakes up to an end of stream, and takes it out of the room.
    fn end(&self, why: &str) {
        event!("§4.7", &self.user, "cut off: {why}");
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}

impl Batch {
    fn of(from: Position, news: &[News]) -> Batch {
        let mut batch = Batch { bytes: Vec::new(), starts: vec![0], from, to: from };
        for event in news {
            match event {
                News::Said(message) => {
                    message_frame(&mut batch.bytes, message);
                    batch.to.id = message.id;
                }
                News::Changed(change) => {
                    let kind = if change.joined { "user_joined" } else { "user_left" };
                    let mut user = String::new();
                    json::quote(&mut user, &change.user);
                    let rest = format!(
                        ",\"connectedClients\":{},\"timestamp\":\"{}\"}}",
                        change.connections,
                        date::iso8601(change.timestamp)
                    );
                    let head = format!("{{\"type\":\"{kind}\",\"username\":");
                    text_frame(&mut batch.bytes, &[&head, &user, &rest]);
                    batch.to.changes += 1;
                }
            }
            batch.starts.push(batch.bytes.len());
        }
        batch
    }

    /// What is new to somebody who has seen everything up to `seen`.
    fn after(&self, seen: Position) -> &[u8] {
        let skip = seen.events().saturating_sub(self.from.events()) as usize;
        &self.bytes[self.starts[skip.min(self.starts.len() - 1)]..]
    }
}

fn message_frame(out: &mut Vec<u8>, message: &Message) {
    text_frame(out, &["{\"type\":\"message\",\"message\":", &message.json, "}"]);
}

/// A text frame of several pieces, as a server sends it: whole and unmasked.
fn text_frame(out: &mut Vec<u8>, pieces: &[&str]) {
    let length = pieces.iter().map(|piece| piece.len() as u64).sum();
    frame::encode_header(out, Header { fin: true, opcode: Opcode::Text, key: None, length });
    pieces.iter().for_each(|piece| out.extend_from_slice(piece.as_bytes()));
}

/// §4.9 The first two messages of each connection: where it is, and who else is there.
fn greeting(welcome: &Welcome) -> Vec<u8> {
    let Welcome { connections, newest, users, .. } = welcome;
    let mut names = String::from("{\"type\":\"user_list\",\"users\":[");
    for (index, user) in users.iter().enumerate() {
        names.push_str(if index > 0 { "," } else { "" });
        json::quote(&mut names, user);
    }
    let mut out = Vec::with_capacity(names.len() + 128);
    let hello = format!(
        "{{\"type\":\"welcome\",\"message\":\"rawchat, part 4: WebSocket\",\
         \"connectedClients\":{connections},\"lastId\":{newest}}}"
    );
    text_frame(&mut out, &[&hello]);
    text_frame(&mut out, &[&names, "]}"]);
    out
}

fn error_json(problem: &str) -> String {
    let mut out = String::from("{\"type\":\"error\",\"error\":");
    json::quote(&mut out, problem);
    out + "}"
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
