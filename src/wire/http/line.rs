//! The bytes of a request as they come: a line, or so many.

use super::refusal::{control_character, with_longest};
use super::{CHUNK_LINE_BYTES_MAX, HEAD_BYTES_MAX, REQUEST_LINE_BYTES_MAX, Refusal, refuse};
use crate::wire::buffer::Buffer;

/// Where a request comes from: a socket, or bytes that are all here.
pub trait Source {
    /// What has come and is not consumed.
    fn buf(&mut self) -> &mut Buffer;
    /// Waits for more, and may return before it has come. `Err`: it never will, or not in time.
    fn wait(&mut self) -> Result<(), Refusal>;
    /// Is told how many bytes of memory an unfinished body takes outside of the buffer.
    fn body_takes(&mut self, bytes: usize);
}

/// What has a limit, the limit in bytes, and the status beyond it.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Limit(&'static str, usize, u16);

pub(super) const REQUEST_LINE: Limit = Limit("a request line", REQUEST_LINE_BYTES_MAX, 414);
pub(super) const WHOLE_HEAD: Limit = Limit("a head", HEAD_BYTES_MAX, 431);
pub(super) const CHUNK_LINE: Limit = Limit("the line before a chunk", CHUNK_LINE_BYTES_MAX, 400);
pub(super) const TRAILERS: Limit = Limit("trailers", HEAD_BYTES_MAX, 431);

/// §1.3 A line ends in CR LF, both of them. Two programs that disagree about where a line ends
/// disagree about where a request ends: that gap is called request smuggling. RFC 9112 §2.2
///
/// Waits for the line behind the first `used` bytes, which are the lines before it. They stay in the
/// buffer and share one limit, in which the last CR LF, and an empty line after it, need not fit.
pub(super) fn next_line<'a>(
    source: &'a mut impl Source,
    used: &mut usize,
    limit: Limit,
) -> Result<&'a [u8], Refusal> {
    let Limit(what, bytes_max, status) = limit;
    let (start, mut end) = (*used, *used);
    loop {
        let data = source.buf().data();
        // However the line drips, no byte of it is looked at twice, but a CR at its end.
        let is_control = |byte: &u8| byte.is_ascii_control() && *byte != b'\t';
        let found = data[end..].iter().position(is_control);
        end = found.map_or(data.len(), |at| end + at);
        if end > bytes_max && end > start {
            let long =
                Refusal::new(status, format!("{what} of over {bytes_max} bytes"), "a shorter one");
            return Err(if limit == WHOLE_HEAD { with_longest(long, data) } else { long });
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
            [byte, ..] => return Err(control_character(*byte, end == 0 && limit == REQUEST_LINE)),
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
