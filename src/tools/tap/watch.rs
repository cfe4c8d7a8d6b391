//! What has passed, told: a line an exchange, and the sum of a connection at its end.

use super::Chunk;
use crate::tools::dissect::block::{
    self, COLUMNS, DIM, Style, block, clipped, content, exchange, summary, wrap,
};
use crate::tools::dissect::verdict::{Judge, Verdict};
use crate::tools::dissect::{Context, Field, Kind, Side, dissect, is_leaf};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

/// An exchange is held back until it is whole, and not longer than this.
const HELD_BYTES_MAX: usize = 64 * 1024;

/// Looks at chunks, in the order in which they came.
pub struct Watcher {
    pub style: Style,
    /// Each exchange field by field.
    pub blocks: bool,
    pub filter: Filter,
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
    context: Context,
    /// From the start of an exchange that is not whole yet, and when that came.
    held: Vec<u8>,
    began: Duration,
    judge: Judge,
    ended: bool,
}

/// Of one connection; of two numbers the first is the client's.
#[derive(Default)]
struct Sum {
    requests: usize,
    empty_answers: usize,
    head_bytes: [usize; 2],
    body_bytes: [usize; 2],
    frames: usize,
    frame_head_bytes: usize,
    payload_bytes: usize,
    messages: usize,
    unseen_bytes: usize,
}

impl Watcher {
    pub fn new(style: Style) -> Watcher {
        let (filter, connections) = (Filter::default(), BTreeMap::new());
        Watcher { style, blocks: false, filter, connections }
    }

    /// What is to be printed, now that this chunk has come.
    pub fn chunk(&mut self, chunk: &Chunk) -> String {
        let mut out = String::new();
        let connection = self.connections.entry(chunk.connection).or_insert_with(Connection::new);
        let view = View { style: self.style, blocks: self.blocks, filter: &self.filter };
        connection.take(chunk, &view, &mut out);
        if connection.client.ended && connection.server.ended {
            if self.filter.connection.is_none_or(|number| number == chunk.connection) {
                connection.sum.tell(chunk, &self.style, &mut out);
            }
            self.connections.remove(&chunk.connection);
        }
        out
    }
}

/// How it is to be told.
struct View<'a> {
    style: Style,
    blocks: bool,
    filter: &'a Filter,
}

impl Connection {
    fn new() -> Connection {
        let way = |from| Way {
            context: Context::http(from),
            held: Vec::new(),
            began: Duration::ZERO,
            judge: Judge::new(from, false),
            ended: false,
        };
        let (client, server) = (way(Side::Client), way(Side::Server));
        Connection { client, server, switched: false, sum: Sum::default() }
    }

    fn take(&mut self, chunk: &Chunk, view: &View, out: &mut String) {
        let way = match chunk.from {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        };
        if chunk.unseen > 0 {
            // What is missing would have said where the next exchange begins.
            way.context.give_up();
            way.held.clear();
            self.sum.unseen_bytes += chunk.unseen;
        }
        if way.held.is_empty() {
            way.began = chunk.time;
        }
        way.held.extend_from_slice(&chunk.bytes);
        way.ended = chunk.bytes.is_empty();
        let (fields, bytes) = way.settle();
        self.sum.count(&fields, &bytes, chunk.from);
        for first in (0..fields.len()).filter(|&index| fields[index].parent.is_none()) {
            let own = &bytes[fields[first].bytes()];
            way.tell(chunk, &block::alone(&fields, first), own, view, out);
        }
        way.began = chunk.time;
        self.server.context.asked.append(&mut self.client.context.asked);
        if self.server.context.in_frames() && !std::mem::replace(&mut self.switched, true) {
            self.client.context.deflate = self.server.context.deflate;
            self.client.context.switch_to_frames();
        }
    }
}

impl Way {
    /// The exchanges that are whole now, and pieces of those that nobody can wait for.
    fn settle(&mut self) -> (Vec<Field>, Vec<u8>) {
        let mut context = self.context.clone();
        let (fields, mut settled) = dissect(&self.held, &mut context);
        let full = self.held.len() > HELD_BYTES_MAX || self.ended;
        let begun = fields.iter().rev().find(|field| field.parent.is_none());
        if let Some(last) = begun.filter(|last| is_exchange(last.kind))
            && context.in_message()
            && !context.streams()
            && !full
        {
            settled = last.bytes().start;
        }
        let hopeless = full && settled == 0;
        if hopeless {
            context.give_up();
        }
        if settled == self.held.len() || hopeless || self.ended {
            self.context = context;
            return (fields, std::mem::take(&mut self.held));
        }
        let bytes: Vec<u8> = self.held.drain(..settled).collect();
        let (fields, _) = dissect(&bytes, &mut self.context);
        (fields, bytes)
    }

    /// One exchange, if it is to be told of.
    fn tell(
        &mut self,
        chunk: &Chunk,
        fields: &[Field],
        bytes: &[u8],
        view: &View,
        out: &mut String,
    ) {
        let kind = fields[0].kind;
        if !is_exchange(kind) {
            return;
        }
        // Each is judged, shown or not: what is said of a frame depends on those before it.
        let verdict = view.blocks.then(|| self.judge.judge(bytes, kind == Kind::Frame));
        let said = content(fields, 0, bytes);
        if !view.filter.lets(chunk, fields, bytes, &said) {
            return;
        }
        let (what, _) = summary(fields, 0, bytes, &view.style);
        let row = row(self.began, chunk, (&what, bytes.len(), &said), &view.style);
        let _ = writeln!(out, "{row}");
        if let Some(verdict) = verdict {
            let _ = writeln!(out, "{}", block::headline(fields, 0, bytes, &view.style));
            *out += &block(fields, 0, bytes, &view.style);
            if verdict != Verdict::NotRead {
                wrap(out, &verdict.sentence(view.style.language), 0);
            }
            out.push('\n');
        }
    }
}

/// Whether it is the beginning of something, and not a piece of a body.
fn is_exchange(kind: Kind) -> bool {
    use Kind::*;
    matches!(kind, Request | Response | Frame | TlsRecord | Unknown | Unfinished)
}

/// `   +8.310 s   2 ->  GET /subscribe?lastId=7   95 B`, and the beginning of what it says.
fn row(
    began: Duration,
    chunk: &Chunk,
    (what, size, said): (&str, usize, &str),
    style: &Style,
) -> String {
    let arrow = if chunk.from == Side::Client { "->" } else { "<-" };
    let start = format!("{:+9.3} s {:>3} ", began.as_secs_f64(), chunk.connection);
    let middle = format!("{arrow}  {:<24} {size:>6} B  ", clipped(what, 24));
    let left = COLUMNS.saturating_sub(start.chars().count() + middle.chars().count());
    let line = format!("{}{middle}{}", style.paint(DIM, &start), clipped(said, left.max(2)));
    line.trim_end().into()
}

impl Sum {
    fn count(&mut self, fields: &[Field], bytes: &[u8], from: Side) {
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
        for first in (0..fields.len()).filter(|&index| fields[index].parent.is_none()) {
            let said = content(fields, first, bytes);
            let own = &fields[exchange(fields, first)];
            let status = own.iter().find(|field| field.kind == Kind::Status);
            let status = status.map(|field| &bytes[field.bytes()]);
            let empty = status == Some(b"204") || (status.is_some() && said == "[]");
            self.empty_answers += usize::from(empty && from == Side::Server);
            self.messages += match fields[first].kind {
                Kind::Frame if from == Side::Server => {
                    usize::from(said.starts_with("{\"type\":\"message\""))
                }
                Kind::Response if said.starts_with('[') => said.matches("{\"id\":").count(),
                _ => 0,
            };
        }
    }

    fn tell(&self, chunk: &Chunk, style: &Style, out: &mut String) {
        let [heads, answered_heads] = self.head_bytes;
        let [bodies, answered_bodies] = self.body_bytes;
        let mut text = String::new();
        let mut part = |uk, en, number: String| {
            let separator = if text.is_empty() { "" } else { ", " };
            let _ = write!(text, "{separator}{} {number}", style.say(uk, en));
        };
        part("запитів", "requests", self.requests.to_string());
        part("порожніх відповідей", "empty answers", self.empty_answers.to_string());
        part("голови", "heads", format!("{heads} + {answered_heads} B"));
        part("тіла", "bodies", format!("{bodies} + {answered_bodies} B"));
        if self.frames > 0 {
            part("кадрів", "frames", self.frames.to_string());
            part("їхні заголовки", "their headers", format!("{} B", self.frame_head_bytes));
            part("вміст", "payload", format!("{} B", self.payload_bytes));
        }
        part("доставлено повідомлень", "messages delivered", self.messages.to_string());
        if self.unseen_bytes > 0 {
            part("не переглянуто", "not looked at", format!("{} B", self.unseen_bytes));
        }
        let start = format!("{:+9.3} s {:>3} == ", chunk.time.as_secs_f64(), chunk.connection);
        let mut lines = String::new();
        wrap(&mut lines, &text, start.chars().count() + 1);
        let _ = write!(out, "{start} {}", lines.trim_start());
    }
}

/// Which rows are shown: all that every word lets through.
#[derive(Default)]
pub struct Filter {
    connection: Option<u64>,
    from: Option<Side>,
    kinds: Vec<String>,
    status: Option<String>,
    text: Option<String>,
}

impl Filter {
    /// `conn:3 dir:-> kind:ping,close status:4xx text:Hello there`: a text goes to the end.
    pub fn of(words: &str) -> Result<Filter, String> {
        const KINDS: [&str; 10] = [
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
        let mut filter = Filter::default();
        let mut rest = words.trim();
        while let Some((name, after)) = rest.split_once(':') {
            let (value, others) = match name {
                "text" => (after, ""),
                _ => after.split_once(' ').unwrap_or((after, "")),
            };
            match name {
                "conn" => {
                    filter.connection = Some(value.parse().map_err(|_| format!("conn:{value}"))?)
                }
                "dir" if value == "->" => filter.from = Some(Side::Client),
                "dir" if value == "<-" => filter.from = Some(Side::Server),
                "kind" => filter.kinds = value.split(',').map(str::to_string).collect(),
                "status" if value.len() == 3 => filter.status = Some(value.to_string()),
                "text" => filter.text = Some(value.to_string()),
                _ => return Err(format!("{name}:{value}: what is that?")),
            }
            rest = others.trim();
        }
        if let Some(kind) = filter.kinds.iter().find(|kind| !KINDS.contains(&kind.as_str())) {
            return Err(format!("kind:{kind}: known are {}", KINDS.join(", ")));
        }
        match rest {
            "" => Ok(filter),
            other => Err(format!("{other:?}: conn: dir: kind: status: or text: is expected")),
        }
    }

    fn lets(&self, chunk: &Chunk, own: &[Field], bytes: &[u8], said: &str) -> bool {
        let of = |kind| own.iter().find(|field| field.kind == kind);
        let kind = match own[0].kind {
            Kind::Request => "request",
            Kind::Response => "response",
            Kind::TlsRecord => "tls",
            Kind::Frame => match of(Kind::Opcode).map(|field| field.number(bytes)) {
                Some(0) => "continuation",
                Some(1) => "text",
                Some(2) => "binary",
                Some(8) => "close",
                Some(9) => "ping",
                Some(10) => "pong",
                _ => "unknown",
            },
            _ => "unknown",
        };
        let status = of(Kind::Status).map(|field| &bytes[field.bytes()]).unwrap_or_default();
        let fits = |wanted: &String| {
            let digits = wanted.bytes().zip(status);
            !status.is_empty() && digits.into_iter().all(|(want, is)| want == b'x' || want == *is)
        };
        self.connection.is_none_or(|number| number == chunk.connection)
            && self.from.is_none_or(|from| from == chunk.from)
            && (self.kinds.is_empty() || self.kinds.iter().any(|wanted| wanted == kind))
            && self.status.as_ref().is_none_or(fits)
            && self.text.as_ref().is_none_or(|text| said.contains(text.as_str()))
    }
}
