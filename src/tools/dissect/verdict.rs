//! What the core would do with bytes: it is asked, on a copy, and learns nothing of it.

use super::{Language, Side};
use crate::wire::buffer::Buffer;
use crate::wire::handshake;
use crate::wire::http::{Refusal, Request, Source, read_body, read_head, refuse};
use crate::wire::message::Assembler;
use crate::wire::shown;
use crate::wire::violation::Violation;

/// The longest message that is judged; the longest that `/echo` takes.
const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What becomes of one request or of one frame.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// So many bytes are read and understood.
    Taken(usize),
    /// It waits for more bytes.
    Waits,
    /// A request is refused: the status, what was wrong, and the line of the source that says so.
    Refused(u16, String, String),
    /// A WebSocket is closed: the code, the reason and the line of the source.
    Closed(u16, &'static str, String),
    /// It has refused something before, and does not listen any more.
    Deaf,
    /// It writes responses and reads none.
    NotRead,
}

/// The core at the other end of a connection. It is given one exchange after another.
pub struct Judge {
    from: Side,
    state: State,
}

enum State {
    Http,
    Frames(Box<Assembler>),
    Ended,
}

impl Judge {
    /// `in_frames`: the handshake has been before.
    pub fn new(from: Side, in_frames: bool) -> Judge {
        let state = match in_frames {
            true => frames(from),
            false => State::Http,
        };
        Judge { from, state }
    }

    /// What becomes of the next exchange: `bytes` are all of it, or what there is of it.
    pub fn judge(&mut self, bytes: &[u8], is_frame: bool) -> Verdict {
        if self.from == Side::Server && !is_frame {
            return Verdict::NotRead;
        }
        // A server's handshake is not judged, and frames may be all there is to explain.
        if is_frame && matches!(self.state, State::Http) {
            self.state = frames(self.from);
        }
        let verdict = match &mut self.state {
            State::Http => self.request(bytes),
            State::Frames(assembler) => frame(assembler, bytes),
            State::Ended => Verdict::Deaf,
        };
        if matches!(verdict, Verdict::Refused(..) | Verdict::Closed(..)) {
            self.state = State::Ended;
        }
        verdict
    }

    fn request(&mut self, bytes: &[u8]) -> Verdict {
        let (request, used) = match read_request(bytes) {
            Ok(Some(found)) => found,
            Ok(None) => return Verdict::Waits,
            Err(refusal) => return refused(&refusal),
        };
        if handshake::wanted(&request) {
            if let Err(response) = handshake::answer(&request) {
                // `: what came (src/….rs:42)`
                let why = response.why.trim_start_matches(": ").trim_end_matches(')');
                let (problem, place) = why.rsplit_once(" (").unwrap_or((why, ""));
                return Verdict::Refused(response.status, problem.into(), place.into());
            }
            self.state = frames(self.from);
        }
        Verdict::Taken(used)
    }
}

/// The request at the front of `bytes`, and its length; `Ok(None)`: the core would wait for more.
pub fn read_request(bytes: &[u8]) -> Result<Option<(Request, usize)>, Refusal> {
    let mut came = Came { buf: Buffer::default(), rest: bytes, all_read: false };
    let request = read_head(&mut came).and_then(|request| {
        let body = read_body(&mut came, &request)?;
        Ok(Request { body, ..request })
    });
    match request {
        Err(_) if came.all_read => Ok(None),
        request => Ok(Some((request?, bytes.len() - came.rest.len() - came.buf.data().len()))),
    }
}

/// Bytes behind which no more will come.
struct Came<'a> {
    buf: Buffer,
    rest: &'a [u8],
    all_read: bool,
}

impl Source for Came<'_> {
    fn buf(&mut self) -> &mut Buffer {
        &mut self.buf
    }

    fn wait(&mut self) -> Result<(), Refusal> {
        match self.buf.fill(&mut self.rest) {
            Ok(1..) => Ok(()),
            _ => {
                self.all_read = true;
                refuse(400, "no more has come", "the rest")
            }
        }
    }

    fn body_takes(&mut self, _bytes: usize) {}
}

fn frames(from: Side) -> State {
    State::Frames(Box::new(Assembler::new(from, MESSAGE_BYTES_MAX)))
}

fn frame(assembler: &mut Assembler, mut bytes: &[u8]) -> Verdict {
    let (mut buf, length) = (Buffer::default(), bytes.len());
    loop {
        match assembler.take(&mut buf) {
            Ok(Some(_)) => return Verdict::Taken(length - bytes.len() - buf.data().len()),
            Ok(None) if bytes.is_empty() => return Verdict::Waits,
            Ok(None) => drop(buf.fill(&mut bytes)),
            Err(Violation { code, reason, location }) => {
                return Verdict::Closed(code, reason, shown(location));
            }
        }
    }
}

fn refused(refusal: &Refusal) -> Verdict {
    let problem = refusal.problem.lines().next().unwrap_or_default().into();
    Verdict::Refused(refusal.status, problem, shown(refusal.location))
}

impl Verdict {
    /// In one sentence, and with the line of the source.
    pub fn sentence(&self, language: Language) -> String {
        language.of(match self {
            Verdict::Taken(count) => [
                format!("rawchat це прийняв би, байтів: {count}."),
                format!("rawchat would take it, bytes: {count}."),
            ],
            Verdict::Waits => {
                ["rawchat чекав би решти.".into(), "rawchat would wait for the rest.".into()]
            }
            Verdict::Refused(status, problem, place) => [
                format!("rawchat відповів би {status}: {problem} ({place})"),
                format!("rawchat would answer {status}: {problem} ({place})"),
            ],
            Verdict::Closed(code, reason, place) => [
                format!("rawchat закрив би з’єднання, код {code}: {reason} ({place})"),
                format!("rawchat would close the connection with {code}: {reason} ({place})"),
            ],
            Verdict::Deaf => [
                "rawchat цього вже не прочитав би.".into(),
                "rawchat would not read this any more.".into(),
            ],
            Verdict::NotRead => [
                "rawchat таке пише (§1.6), але не читає.".into(),
                "rawchat writes such (§1.6), and does not read it.".into(),
            ],
        })
    }
}
