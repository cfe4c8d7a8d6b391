//! A request's body: so many bytes, or chunks.

use super::request::{HEAD_BYTES_MAX, field_line, is_number, next_line};
use super::{Refusal, Request, refuse};
use crate::wire::buffer::Buffer;

/// A longer body is 413.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// A longer line before a chunk (its size and extensions) is 400.
pub const CHUNK_LINE_BYTES_MAX: usize = 256;

/// §1.4 How long is the body? Only the head can say (RFC 9112 §6), and two answers are an attack.
/// Takes the body from the bytes that follow the head.
#[derive(Debug)]
pub struct Body {
    next: Part,
    bytes: Vec<u8>,
}

impl Body {
    /// A size is judged here, when it is announced, before a byte of it is stored.
    pub fn of(request: &Request) -> Result<Body, Refusal> {
        let lengths: Vec<&str> = request.values("Content-Length").collect();
        let codings: Vec<&str> = request.list("Transfer-Encoding").collect();
        let chunked = |coding: &&str| coding.eq_ignore_ascii_case("chunked");
        let next = match (&lengths[..], request.field("Transfer-Encoding"), &codings[..]) {
            ([], None, _) => Part::Rest(0),
            ([one], None, _) if is_number(one) => {
                Part::Rest(within_limit(0, one.parse().unwrap_or(usize::MAX))?)
            }
            // RFC 9112 §6.1, §6.3: with two answers requests are smuggled past a proxy.
            ([_, ..], ..) => {
                let came = format!("Content-Length: {lengths:?}, Transfer-Encoding: {codings:?}");
                return refuse(400, came + ", expected one number or chunked", "Content-Length: 5");
            }
            (_, _, [one]) if chunked(one) && request.minor > 0 => Part::ChunkSize,
            (_, _, [before @ .., _]) if !before.iter().any(chunked) && request.minor > 0 => {
                return refuse(501, format!("transfer codings {codings:?}"), "chunked");
            }
            _ => return refuse(400, "expected chunked, once and last, in HTTP/1.1", "chunked"),
        };
        Ok(Body { next, bytes: Vec::new() })
    }

    /// Consumes what has arrived. `Some(body)` when it is whole, `None`: more bytes, please.
    pub fn take(&mut self, buf: &mut Buffer) -> Result<Option<Vec<u8>>, Refusal> {
        loop {
            let data = buf.data();
            let used = match &mut self.next {
                Part::Rest(0) => return Ok(Some(std::mem::take(&mut self.bytes))),
                Part::Rest(left) | Part::Chunk(left @ 1..) => {
                    let used = data.len().min(*left);
                    self.bytes.extend_from_slice(&data[..used]);
                    *left -= used;
                    used
                }
                _ => self.line(data)?,
            };
            match used {
                0 => return Ok(None),
                used => buf.consume(used),
            }
        }
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
#[derive(Debug, Clone, Copy)]
enum Part {
    /// So many more bytes, and that is all.
    Rest(usize),
    ChunkSize,
    /// So many more bytes, and CR LF.
    Chunk(usize),
    /// Trailers; so many bytes of them have come.
    Trailers(usize),
}

impl Body {
    /// A line between the data, and what must come behind it.
    fn line(&mut self, data: &[u8]) -> Result<usize, Refusal> {
        let (bytes_max, status) = match self.next {
            Part::Trailers(seen) => (HEAD_BYTES_MAX.saturating_sub(seen), 431),
            _ => (CHUNK_LINE_BYTES_MAX, 400),
        };
        if matches!(self.next, Part::Chunk(0)) && data.first().is_some_and(|b| *b != b'\r') {
            return refuse(400, "a chunk longer than its size says", "5 CR LF hello CR LF");
        }
        let mut used = 0;
        let Some(line) = next_line(data, &mut used, bytes_max, status)? else { return Ok(0) };
        self.next = match self.next {
            Part::Trailers(_) if line.is_empty() => Part::Rest(0),
            Part::Trailers(seen) => field_line(line).map(|_| Part::Trailers(seen + used))?,
            Part::Chunk(_) => Part::ChunkSize,
            _ => match within_limit(self.bytes.len(), chunk_size(line)?)? {
                0 => Part::Trailers(0),
                size => Part::Chunk(size),
            },
        };
        Ok(used)
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
