//! Bytes that have arrived and are not understood yet.

use std::io::{self, Read};

/// What an idle connection keeps: thousands of them are mostly silent.
const BUFFER_BYTES_MIN: usize = 512;
/// What one read may take at the most.
pub const BUFFER_BYTES_MAX: usize = 64 * 1024;

/// A queue of bytes: filled at the back by a reader, consumed at the front by a parser.
#[derive(Default)]
pub struct Buffer {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Buffer {
    /// The bytes nobody has consumed yet.
    pub fn data(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// The memory it takes.
    pub fn held(&self) -> usize {
        self.bytes.capacity()
    }

    pub fn consume(&mut self, count: usize) {
        self.start += count;
    }

    /// Reads once; `Ok(0)` is the end of the stream. If that fills it, it doubles at once, so that the
    /// caller can count it before it reads again. (There is always space: a parser takes away or
    /// refuses what has come before [`BUFFER_BYTES_MAX`] are full.)
    pub fn fill(&mut self, reader: &mut impl Read) -> io::Result<usize> {
        // The last read needed little of it, or brought nothing.
        if self.end < BUFFER_BYTES_MIN {
            self.shrink();
        }
        self.bytes.resize(self.bytes.len().max(BUFFER_BYTES_MIN), 0);
        // What is left moves to the front. While a head drips in nothing is consumed, nor moved.
        if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        let count = reader.read(&mut self.bytes[self.end..])?;
        self.end += count;
        if self.end == self.bytes.len() {
            self.bytes.resize((2 * self.end).min(BUFFER_BYTES_MAX), 0);
        }
        Ok(count)
    }

    /// Gives memory back, if there is nothing in it and it is large.
    pub fn shrink(&mut self) {
        if self.start == self.end && self.bytes.len() > BUFFER_BYTES_MIN {
            *self = Buffer::default();
        }
    }
}

/// Whether a read or a write only ran out of time (the first kind is Unix, the second Windows), or was
/// interrupted (Ctrl-Z and `fg` do so): it may be tried again.
pub fn timed_out(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), WouldBlock | TimedOut | Interrupted)
}
