//! A request's body: so many bytes, or chunks.

use super::head::field_line;
use super::line::{CHUNK_LINE, CR_LF, Lines, TRAILER};
use super::{Refusal, Request, is_number, refuse};
use crate::wire::buffer::Buffer;

/// A longer body is 413.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// A longer line before a chunk (its size and extensions) is 400.
pub const CHUNK_LINE_BYTES_MAX: usize = 256;

/// §1.4 How long is the body? Only the head can say (RFC 9112 §6), and two answers are an attack.
/// Takes the body from the bytes that follow the head.
#[derive(Debug)]
pub struct Body {
    next: Expected,
    bytes: Vec<u8>,
    lines: Lines,
}

impl Body {
    /// A size is judged here, when it is announced, before a byte of it is stored.
    pub fn of(request: &Request) -> Result<Body, Refusal> {
        let lengths: Vec<&str> = request.values("Content-Length").collect();
        let coded = request.field("Transfer-Encoding").is_some();
        let next = match lengths[..] {
            [] if coded => first_chunk(request)?,
            [] => Expected::Rest(0),
            [length] if !coded && is_number(length) => {
                Expected::Rest(within_limit(0, length.parse().unwrap_or(usize::MAX))?)
            }
            // RFC 9112 §6.1, §6.3: with two answers requests are smuggled past a proxy.
            _ => {
                let coding = if coded { " beside Transfer-Encoding" } else { "" };
                let problem = format!("Content-Length: {lengths:?}{coding}, expected one number");
                return refuse(400, problem, "Content-Length: 5, or chunked");
            }
        };
        Ok(Body { next, bytes: Vec::new(), lines: Lines::default() })
    }

    /// The memory that it takes as long as it is not whole.
    pub fn held(&self) -> usize {
        self.bytes.capacity()
    }

    /// Consumes what has arrived. `Some(body)` when it is whole, `None`: more bytes, please.
    pub fn take(&mut self, buf: &mut Buffer) -> Result<Option<Vec<u8>>, Refusal> {
        loop {
            let data = buf.data();
            let used = match &mut self.next {
                Expected::Rest(0) => return Ok(Some(std::mem::take(&mut self.bytes))),
                Expected::Rest(left) | Expected::Chunk(left) => {
                    let used = data.len().min(*left);
                    self.bytes.extend_from_slice(&data[..used]);
                    *left -= used;
                    if let Expected::Chunk(0) = self.next {
                        self.next = Expected::ChunkEnd;
                    }
                    used
                }
                Expected::ChunkSize | Expected::ChunkEnd | Expected::Trailers => self.line(data)?,
            };
            if used == 0 {
                return Ok(None);
            }
            buf.consume(used);
        }
    }
}

/// `chunked` is the only coding that is read here, and without it as the last one a body would end
/// where the connection does.
fn first_chunk(request: &Request) -> Result<Expected, Refusal> {
    let chunked = |coding: &&str| coding.eq_ignore_ascii_case("chunked");
    let codings: Vec<&str> = request.list("Transfer-Encoding").collect();
    match codings[..] {
        [one] if chunked(&one) && request.minor > 0 => Ok(Expected::ChunkSize),
        [ref before @ .., _] if !before.iter().any(chunked) && request.minor > 0 => {
            refuse(501, format!("transfer codings {codings:?}"), "chunked")
        }
        _ => refuse(400, "expected chunked, once and last, in HTTP/1.1", "chunked"),
    }
}

fn within_limit(have: usize, size: usize) -> Result<usize, Refusal> {
    match size <= BODY_BYTES_MAX - have {
        true => Ok(size),
        false => refuse(413, format!("a body of over {BODY_BYTES_MAX} bytes"), "a shorter one"),
    }
}

/// §1.5 Chunks (RFC 9112 §7.1): `5;extension CR LF hello CR LF … 0 CR LF trailers CR LF`.
/// The sender need not know the length of the whole when it begins. What must come next is:
#[derive(Debug, Clone, Copy, PartialEq)]
enum Expected {
    /// So many more bytes, and that is all.
    Rest(usize),
    ChunkSize,
    /// So many more bytes of this chunk.
    Chunk(usize),
    /// CR LF.
    ChunkEnd,
    Trailers,
}

impl Body {
    /// A line between the data, and what must come behind it.
    fn line(&mut self, data: &[u8]) -> Result<usize, Refusal> {
        let kind = if self.next == Expected::Trailers { TRAILER } else { CHUNK_LINE };
        if self.next == Expected::ChunkEnd && data.first().is_some_and(|b| *b != b'\r') {
            return refuse(400, "a chunk longer than its size says", "5 CR LF hello CR LF");
        }
        let Some(line) = self.lines.next(data, kind)? else { return Ok(0) };
        self.next = match self.next {
            Expected::ChunkEnd => Expected::ChunkSize,
            Expected::Trailers if line.is_empty() => Expected::Rest(0),
            Expected::Trailers => field_line(line).map(|_| Expected::Trailers)?,
            _ => match within_limit(self.bytes.len(), chunk_size(line)?)? {
                0 => Expected::Trailers,
                size => Expected::Chunk(size),
            },
        };
        if kind == CHUNK_LINE {
            self.lines = Lines::default(); // each of them has the whole limit
        }
        Ok(line.len() + CR_LF)
    }
}

/// Hexadecimal digits, and perhaps an extension behind a `;`. RFC 9112 §7.1.1
fn chunk_size(line: &[u8]) -> Result<usize, Refusal> {
    let line = String::from_utf8_lossy(line);
    let size = line.split_once(';').map_or(&*line, |(size, _)| size.trim_end_matches([' ', '\t']));
    if size.is_empty() || !size.bytes().all(|b| b.is_ascii_hexdigit()) {
        return refuse(400, "expected the size of a chunk in hexadecimal", "5 CR LF hello CR LF");
    }
    Ok(usize::from_str_radix(size, 16).unwrap_or(usize::MAX))
}
