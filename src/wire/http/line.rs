//! The bytes of a request as they come: a line, or so many.

use super::refusal::{control_character, with_longest};
use super::{CHUNK_LINE_BYTES_MAX, HEAD_BYTES_MAX, REQUEST_LINE_BYTES_MAX, Refusal, refuse};
use crate::wire::buffer::Buffer;

/// Where a request comes from: a socket, or bytes that are all here.
pub trait Source {
    /// What has come and is not consumed.
    fn buf(&mut self) -> &mut Buffer;
    /// Waits until more has come. `Err`: nothing more will, or not in time.
    fn wait(&mut self) -> Result<(), Refusal>;
    /// Is told how many bytes of memory an unfinished body takes outside of the buffer.
    fn hold(&mut self, bytes: usize);
}

/// A kind of line: what has a limit, the limit in bytes, and the status beyond it.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Line(&'static str, usize, u16);

pub(super) const REQUEST_LINE: Line = Line("a request line", REQUEST_LINE_BYTES_MAX, 414);
pub(super) const FIELD: Line = Line("a head", HEAD_BYTES_MAX, 431);
pub(super) const CHUNK_LINE: Line = Line("the line before a chunk", CHUNK_LINE_BYTES_MAX, 400);
pub(super) const TRAILER: Line = Line("trailers", HEAD_BYTES_MAX, 431);

/// §1.3 A line ends in CR LF, both of them. Two programs that disagree about where a line ends
/// disagree about where a request ends: that gap is called request smuggling. RFC 9112 §2.2
///
/// Waits for the line behind the first `used` bytes, which are the lines before it. They stay in the
/// buffer, and share one limit; only a last CR LF may stand beyond it.
pub(super) fn next_line<'a>(
    source: &'a mut impl Source,
    used: &mut usize,
    line: Line,
) -> Result<&'a [u8], Refusal> {
    let Line(what, bytes_max, status) = line;
    let (start, mut end) = (*used, *used);
    loop {
        let data = source.buf().data();
        // However the line drips, no byte of it is looked at twice, but a CR at its end.
        let is_control = |byte: &u8| byte.is_ascii_control() && *byte != b'\t';
        let found = data[end..].iter().position(is_control);
        end = found.map_or(data.len(), |at| end + at);
        if end > bytes_max.max(start) {
            let long =
                Refusal::new(status, format!("{what} of over {bytes_max} bytes"), "a shorter one");
            return Err(if line == FIELD { with_longest(long, data) } else { long });
        }
        match &data[end..] {
            [] | [b'\r'] => source.wait()?,
            [b'\r', b'\n', ..] => break,
            [b'\r' | b'\n', ..] => {
                return refuse(
                    400,
                    "a line ends in a bare CR or a bare LF, expected CR LF",
                    "telnet, or nc -C (nc -c on macOS): they send CR LF when you press Enter",
                );
            }
            [byte, ..] => return Err(control_character(*byte, end == 0 && line == REQUEST_LINE)),
        }
    }
    *used = end + b"\r\n".len();
    Ok(&source.buf().data()[start..end])
}

/// Waits for so many bytes; they stay in the buffer.
pub(super) fn bytes(source: &mut impl Source, count: usize) -> Result<&[u8], Refusal> {
    while source.buf().data().len() < count {
        source.wait()?;
    }
    Ok(&source.buf().data()[..count])
}
