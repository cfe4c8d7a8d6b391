//! What bytes are: one direction of a connection, field by field, whatever was sent.
//!
//! The core refuses early and reads one dialect, so it cannot show what it refuses. This reads on:
//! a bare LF, a reserved bit, a server's answers, bytes that are not understood. Tests hold the two
//! together (`tests/dissect.rs`): what the core takes is read the same here and ends at the same
//! byte, and what it refuses it refuses in the code under the mark that is named here.
//! Leaves out: HTTP/2, what is inside TLS, decompression.

pub mod block;
mod frames;
mod http;
pub mod kinds;
pub mod stream;
pub mod verdict;

pub use crate::wire::frame::Side;
pub use kinds::{Kind, Language};
use std::borrow::Cow;
use std::collections::VecDeque;
use std::ops::Range;

/// Some bits, and what they are. The fields come in order, each before its parts; those without
/// parts are the leaves, and the leaves cover every bit once.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    pub kind: Kind,
    /// Counted from the first byte that was given, the top bit of a byte first.
    pub bits: Range<usize>,
    /// The index of the field that this one is a part of.
    pub parent: Option<usize>,
    /// The masking key, if these bytes are masked, turned so that it begins with theirs.
    pub key: Option<[u8; 4]>,
}

impl Field {
    pub fn bytes(&self) -> Range<usize> {
        self.bits.start / 8..self.bits.end.div_ceil(8)
    }

    /// Its bytes as they were meant: without the mask.
    pub fn plain<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let mut plain = Cow::from(&bytes[self.bytes()]);
        if let Some(key) = self.key {
            crate::wire::frame::mask(plain.to_mut(), key);
        }
        plain
    }

    /// Its bits as a number: the last 64 of them.
    pub fn number(&self, bytes: &[u8]) -> u64 {
        let plain = self.plain(bytes);
        let whole = plain.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        let shifted = whole >> (self.bytes().end * 8 - self.bits.end);
        shifted & (u64::MAX >> 64_usize.saturating_sub(self.bits.len()))
    }
}

/// Whether nothing is a part of `fields[index]`.
pub fn is_leaf(fields: &[Field], index: usize) -> bool {
    fields.get(index + 1).is_none_or(|next| next.parent != Some(index))
}

/// What the bytes of one direction depend on: what came before, and the other direction.
#[derive(Debug, Clone)]
pub struct Context {
    pub from: Side,
    /// Requests without an answer, the oldest first. A client's bytes add to it; whoever sees both
    /// directions carries them over, since an answer to HEAD has no body.
    pub asked: VecDeque<Asked>,
    /// Whether compression was agreed (RFC 7692): RSV1 has a meaning then.
    pub deflate: bool,
    next: Next,
    /// Whether the message being read is compressed.
    compressed: bool,
}

/// What an answer depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    Head,
    Connect,
    Other,
}

/// What must come next.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Next {
    /// Anything: HTTP, TLS or a frame; the first byte tells.
    Guess,
    Http,
    /// So many more bytes of a body.
    Body(u64),
    BodyUntilClose,
    ChunkSize,
    ChunkData(u64),
    ChunkEnd,
    Trailers,
    Frame,
    /// So many more bytes of a frame, with the key turned to the next of them.
    Payload(u64, Kind, Option<[u8; 4]>),
    Tls,
    Unknown,
}

impl Context {
    /// Bytes of which nothing is known but who sent them.
    pub fn guess(from: Side) -> Context {
        let asked = VecDeque::new();
        Context { from, asked, deflate: false, next: Next::Guess, compressed: false }
    }

    /// The beginning of a connection that should speak HTTP.
    pub fn http(from: Side) -> Context {
        Context { next: Next::Http, ..Context::guess(from) }
    }

    /// Frames from now on; a server's answer 101 has said so.
    pub fn switch_to_frames(&mut self) {
        self.next = Next::Frame;
    }

    /// Nothing of what follows can be understood, since something before it is missing.
    pub fn give_up(&mut self) {
        self.next = Next::Unknown;
    }

    /// Whether frames come next, or the rest of one.
    pub fn in_frames(&self) -> bool {
        self.next == Next::Frame || self.in_payload()
    }

    /// Whether what comes next begins something new.
    pub fn at_rest(&self) -> bool {
        use Next::*;
        matches!(self.next, Guess | Http | Frame | Tls | Unknown)
    }

    /// Stands behind `count` more bytes that nobody has looked at: within a body or a payload it is
    /// known what they were.
    pub fn skip(&mut self, count: u64) {
        match &mut self.next {
            Next::Body(left) | Next::ChunkData(left) if *left > count => *left -= count,
            Next::BodyUntilClose => {}
            Next::Payload(left, _, key) if *left > count => {
                *left -= count;
                *key = key.map(|key| frames::turned(key, (count % 4) as usize));
            }
            _ => self.give_up(),
        }
    }

    /// Whether a body has begun whose length is known.
    pub fn in_body(&self) -> bool {
        matches!(self.next, Next::Body(_))
    }

    /// Whether a frame has begun, and more of its payload is to come.
    pub fn in_payload(&self) -> bool {
        matches!(self.next, Next::Payload(..))
    }
}

/// Takes `bytes` apart. The count: so many of them are settled, and `context` stands behind them.
/// What follows is a line or a frame's header that has not come whole; it is explained as far as it
/// goes, and is to be given again when there is more.
pub fn dissect(bytes: &[u8], context: &mut Context) -> (Vec<Field>, usize) {
    let mut tape = Tape { bytes, at: 0, fields: Vec::new(), open: Vec::new() };
    let mut settled = 0;
    while !tape.rest().is_empty() {
        let whole = match context.next {
            Next::Guess | Next::Http => message(&mut tape, context),
            Next::Frame => frames::header(&mut tape, context),
            Next::Payload(left, kind, key) => frames::payload(&mut tape, context, left, kind, key),
            Next::Tls => tls_record(&mut tape),
            Next::Unknown => unknown(&mut tape, context),
            _ => http::body(&mut tape, context),
        };
        if !whole {
            let rest = tape.rest().len();
            tape.leaf(Kind::Unfinished, 8 * rest);
            break;
        }
        settled = tape.at / 8;
    }
    tape.close(0);
    (tape.fields, settled)
}

/// The start of a message of HTTP, or what stands in its place.
fn message(tape: &mut Tape, context: &mut Context) -> bool {
    tape.close(0);
    let guessing = context.next == Next::Guess;
    match tape.rest() {
        // RFC 8446 §5.1: a record of a handshake or an alert, and the version of TLS 1.0 to 1.2.
        [0x15 | 0x16, 3, ..] => {
            context.next = Next::Tls;
            true
        }
        [b'\r', b'\n', ..] | [b'\n', ..] => {
            tape.open(Kind::EarlyLine);
            http::line_end(tape);
            true
        }
        [b'\r' | 0x15 | 0x16] => false,
        rest if http::begins_like_text(rest, context.from) => http::head(tape, context),
        // Printable text is no frame: it would have a reserved bit, and no FIN.
        [first, ..] => {
            let frame = guessing && !(b' '..0x80).contains(first);
            context.next = if frame { Next::Frame } else { Next::Unknown };
            true
        }
        [] => true,
    }
}

/// Everything from here on, since nobody knows where anything would begin.
fn unknown(tape: &mut Tape, context: &mut Context) -> bool {
    context.next = Next::Unknown;
    let rest = tape.rest().len();
    tape.leaf(Kind::Unknown, 8 * rest);
    true
}

fn tls_record(tape: &mut Tape) -> bool {
    tape.close(0);
    tape.open(Kind::TlsRecord);
    let &[_, _, _, high, low, ..] = tape.rest() else { return false };
    let length = usize::from(u16::from_be_bytes([high, low]));
    tape.leaf(Kind::TlsType, 8);
    tape.leaf(Kind::TlsVersion, 16);
    tape.leaf(Kind::TlsLength, 16);
    let whole = tape.rest().len() >= length;
    tape.leaf(Kind::TlsFragment, if whole { 8 * length } else { 0 });
    whole
}

/// The bytes, how far they are understood, and the fields so far.
struct Tape<'a> {
    bytes: &'a [u8],
    /// In bits.
    at: usize,
    fields: Vec<Field>,
    /// The fields whose parts are being read, the outermost first.
    open: Vec<usize>,
}

impl<'a> Tape<'a> {
    fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at.div_ceil(8)..]
    }

    /// What follows is a part of a `kind`, until [`Tape::close`].
    fn open(&mut self, kind: Kind) {
        let parent = self.open.last().copied();
        self.open.push(self.fields.len());
        self.fields.push(Field { kind, bits: self.at..self.at, parent, key: None });
    }

    /// Ends the open fields but the `keep` outermost.
    fn close(&mut self, keep: usize) {
        for index in self.open.drain(keep.min(self.open.len())..) {
            self.fields[index].bits.end = self.at;
        }
    }

    /// The next `bits` are a `kind`. None of them: no field.
    fn leaf(&mut self, kind: Kind, bits: usize) {
        self.masked_leaf(kind, bits, None);
    }

    fn masked_leaf(&mut self, kind: Kind, bits: usize, key: Option<[u8; 4]>) {
        if bits > 0 {
            let parent = self.open.last().copied();
            self.fields.push(Field { kind, bits: self.at..self.at + bits, parent, key });
            self.at += bits;
        }
    }

    /// The next `bytes` are a `kind`, but for the control characters among them.
    fn text(&mut self, kind: Kind, bytes: usize) {
        let text = &self.rest()[..bytes];
        for run in text.chunk_by(|a, b| is_control(*a) == is_control(*b)) {
            let kind = if is_control(run[0]) { Kind::Control } else { kind };
            self.leaf(kind, 8 * run.len());
        }
    }
}

fn is_control(byte: u8) -> bool {
    byte.is_ascii_control() && byte != b'\t'
}
