//! The lines of a head, and of a body in chunks.

use super::refusal::control_character;
use super::{CHUNK_LINE_BYTES_MAX, HEAD_BYTES_MAX, REQUEST_LINE_BYTES_MAX, Refusal, refuse};

/// The bytes that end a line.
pub(super) const CR_LF: usize = 2;

/// A kind of line: what has a limit, the limit in bytes, and the status beyond it.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Line(&'static str, usize, u16);

pub(super) const REQUEST_LINE: Line = Line("a request line", REQUEST_LINE_BYTES_MAX, 414);
pub(super) const FIELD: Line = Line("a head", HEAD_BYTES_MAX, 431);
pub(super) const CHUNK_LINE: Line = Line("the line before a chunk", CHUNK_LINE_BYTES_MAX, 400);
pub(super) const TRAILER: Line = Line("trailers", HEAD_BYTES_MAX, 431);

/// Finds one line after another in bytes that arrive in pieces.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// The bytes of the lines so far: all lines of a head share one limit.
    pub(super) used: usize,
    /// So many bytes of the next line have been looked at, and its end was not among them.
    searched: usize,
}

impl Lines {
    /// §1.3 A line ends in CR LF, both of them. Two programs that disagree about where a line ends
    /// disagree about where a request ends: that gap is called request smuggling. RFC 9112 §2.2
    pub(super) fn next<'a>(
        &mut self,
        bytes: &'a [u8],
        line: Line,
    ) -> Result<Option<&'a [u8]>, Refusal> {
        let is_control = |byte: &u8| byte.is_ascii_control() && *byte != b'\t';
        let found = bytes[self.searched..].iter().position(is_control);
        let end = found.map_or(bytes.len(), |at| self.searched + at);
        let Line(what, bytes_max, status) = line;
        if end > bytes_max.saturating_sub(self.used) {
            return refuse(status, format!("{what} of over {bytes_max} bytes"), "a shorter one");
        }
        self.searched = end;
        match &bytes[end..] {
            [] | [b'\r'] => Ok(None),
            [b'\r', b'\n', ..] => {
                *self = Lines { used: self.used + end + CR_LF, searched: 0 };
                Ok(Some(&bytes[..end]))
            }
            [b'\r' | b'\n', ..] => refuse(
                400,
                "a line ends in a bare CR or a bare LF, expected CR LF",
                "telnet, or nc -C (nc -c on macOS): they send CR LF when you press Enter",
            ),
            [byte, ..] => Err(control_character(*byte, end == 0 && line == REQUEST_LINE)),
        }
    }
}
