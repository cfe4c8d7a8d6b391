//! Chunks become exchanges: requests, answers and frames, each whole; and sums of a connection.

use super::Chunk;
use crate::tools::dissect::block::content;
use crate::tools::dissect::stream::Stream;
use crate::tools::dissect::verdict::{Judge, Verdict};
use crate::tools::dissect::{Context, Field, Kind, Side, dissect, is_leaf};
use std::collections::BTreeMap;
use std::time::Duration;

/// What there is to tell of.
pub enum Seen<'a> {
    Exchange(&'a Exchange),
    /// More of what the last exchange of this side began, since it was too long to wait for.
    More {
        connection: u64,
        from: Side,
        bytes: &'a [u8],
    },
    /// So many bytes passed while nobody had time to look.
    Unseen {
        connection: u64,
        time: Duration,
        bytes: usize,
    },
    /// Both sides of a connection have ended.
    End {
        connection: u64,
        time: Duration,
        sum: &'a Sum,
    },
}

/// A request, an answer, a frame, or what stands in the place of one.
pub struct Exchange {
    pub connection: u64,
    pub from: Side,
    /// When its first byte came.
    pub began: Duration,
    /// What stands before its first byte.
    pub context: Context,
    pub bytes: Vec<u8>,
    pub fields: Vec<Field>,
    /// Its last bytes were not passed on.
    pub swallowed: bool,
    /// What it says: its body or payload as text.
    pub said: String,
    /// What the core would do, if somebody wants to know.
    pub verdict: Option<Verdict>,
    /// Of its connection, up to here.
    pub sum: Sum,
}

/// Of one connection; of two numbers the first is the client's.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sum {
    pub requests: usize,
    pub empty_answers: usize,
    pub head_bytes: [usize; 2],
    pub body_bytes: [usize; 2],
    pub frames: usize,
    pub frame_head_bytes: usize,
    pub payload_bytes: usize,
    pub messages: usize,
    pub unseen_bytes: usize,
}

/// Looks at chunks, in the order in which they came.
pub struct Watcher {
    /// Whether the core is asked about each exchange.
    judges: bool,
    connections: BTreeMap<u64, Connection>,
}

struct Connection {
    client: Way,
    server: Way,
    /// The server has said 101.
    switched: bool,
    sum: Sum,
}

/// One direction.
struct Way {
    stream: Stream,
    /// When what is not whole yet began.
    began: Duration,
    judge: Judge,
    ended: bool,
}

impl Watcher {
    pub fn new(judges: bool) -> Watcher {
        Watcher { judges, connections: BTreeMap::new() }
    }

    /// Tells what can be told, now that this chunk has come.
    pub fn chunk(&mut self, chunk: &Chunk, tell: &mut dyn FnMut(Seen)) {
        let connection = self.connections.entry(chunk.connection).or_insert_with(Connection::new);
        connection.take(chunk, self.judges, tell);
        if connection.client.ended && connection.server.ended {
            let (connection, sum) = (chunk.connection, &connection.sum);
            tell(Seen::End { connection, time: chunk.time, sum });
            self.connections.remove(&chunk.connection);
        }
    }
}

impl Connection {
    fn new() -> Connection {
        let way = |from| Way {
            stream: Stream::of_whole_messages(Context::http(from)),
            began: Duration::ZERO,
            judge: Judge::new(from, false),
            ended: false,
        };
        let (client, server) = (way(Side::Client), way(Side::Server));
        Connection { client, server, switched: false, sum: Sum::default() }
    }

    fn take(&mut self, chunk: &Chunk, judges: bool, tell: &mut dyn FnMut(Seen)) {
        let way = match chunk.from {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        };
        if chunk.unseen > 0 {
            // What is missing would have said where the next exchange begins.
            way.stream = Stream::of_whole_messages(Context::http(chunk.from));
            way.stream.context.give_up();
            self.sum.unseen_bytes += chunk.unseen;
            let Chunk { connection, time, unseen: bytes, .. } = *chunk;
            tell(Seen::Unseen { connection, time, bytes });
        }
        if way.stream.is_empty() {
            way.began = chunk.time;
        }
        way.ended = chunk.bytes.is_empty();
        let mut context = way.stream.context.clone();
        let (fields, bytes) = match way.ended {
            true => way.stream.rest(),
            false => way.stream.take(&chunk.bytes),
        };
        for first in (0..fields.len()).filter(|&index| fields[index].parent.is_none()) {
            let own = &bytes[fields[first].bytes()];
            let before = context.clone();
            let (fields, _) = dissect(own, &mut context);
            let said = content(&fields, 0, own);
            self.sum.count(&fields, own, chunk.from, &said);
            let kind = fields[0].kind;
            let (connection, from) = (chunk.connection, chunk.from);
            if !is_exchange(kind) {
                tell(Seen::More { connection, from, bytes: own });
                continue;
            }
            // Each is judged, shown or not: what is said of a frame depends on those before it.
            let verdict = judges.then(|| way.judge.judge(own, kind == Kind::Frame));
            tell(Seen::Exchange(&Exchange {
                connection,
                from,
                began: way.began,
                context: before,
                bytes: own.to_vec(),
                fields,
                swallowed: chunk.swallowed,
                said,
                verdict,
                sum: self.sum,
            }));
        }
        way.began = chunk.time;
        let (client, server) = (&mut self.client.stream.context, &mut self.server.stream.context);
        server.asked.append(&mut client.asked);
        if server.in_frames() && !std::mem::replace(&mut self.switched, true) {
            client.deflate = server.deflate;
            client.switch_to_frames();
        }
    }
}

/// Whether it is the beginning of something, and not a piece of a body.
fn is_exchange(kind: Kind) -> bool {
    kind.is_message() || matches!(kind, Kind::TlsRecord | Kind::Unknown | Kind::Unfinished)
}

impl Exchange {
    pub fn find(&self, kind: Kind) -> Option<&Field> {
        self.fields.iter().find(|field| field.kind == kind)
    }

    /// The three digits of an answer, or nothing.
    pub fn status(&self) -> &[u8] {
        self.find(Kind::Status).map(|field| &self.bytes[field.bytes()]).unwrap_or_default()
    }

    /// One of [`WORDS`].
    pub fn word(&self) -> &'static str {
        let opcode = self.find(Kind::Opcode).map(|field| field.number(&self.bytes));
        let word = match (self.fields[0].kind, opcode) {
            (Kind::Request, _) => 0,
            (Kind::Response, _) => 1,
            (Kind::TlsRecord, _) => 8,
            (Kind::Frame, Some(opcode @ 0..=2)) => 2 + opcode,
            (Kind::Frame, Some(opcode @ 8..=10)) => opcode - 3,
            _ => 9,
        };
        WORDS[word as usize]
    }
}

/// What an exchange is, for filters.
pub const WORDS: [&str; 10] = [
    "request",
    "response",
    "continuation",
    "text",
    "binary",
    "close",
    "ping",
    "pong",
    "tls",
    "unknown",
];

impl Sum {
    fn count(&mut self, fields: &[Field], bytes: &[u8], from: Side, said: &str) {
        let side = if from == Side::Client { 0 } else { 1 };
        for (index, field) in fields.iter().enumerate() {
            match field.kind {
                Kind::Request => self.requests += 1,
                Kind::Frame => self.frames += 1,
                _ => {}
            }
            if !is_leaf(fields, index) {
                continue;
            }
            let size = field.bytes().len();
            let in_frame = field.parent.is_some_and(|parent| fields[parent].kind == Kind::Frame);
            match field.kind {
                Kind::TextPayload | Kind::BinaryPayload | Kind::ContinuedPayload => {
                    self.payload_bytes += size;
                }
                kind if kind.is_content() && in_frame => self.payload_bytes += size,
                kind if kind.is_content() => self.body_bytes[side] += size,
                // Of a byte that has several fields, the last one counts it.
                _ if in_frame => {
                    self.frame_head_bytes += usize::from(field.bits.end % 8 == 0) * size
                }
                _ => self.head_bytes[side] += size,
            }
        }
        let status = fields.iter().find(|field| field.kind == Kind::Status);
        let status = status.map(|field| &bytes[field.bytes()]);
        let empty = status == Some(b"204") || (status.is_some() && said == "[]");
        self.empty_answers += usize::from(empty && from == Side::Server);
        self.messages += match fields[0].kind {
            Kind::Frame if from == Side::Server => {
                usize::from(said.starts_with("{\"type\":\"message\""))
            }
            Kind::Response if said.starts_with('[') => said.matches("{\"id\":").count(),
            _ => 0,
        };
    }
}
