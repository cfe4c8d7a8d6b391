//! What all connections of the process share: a thousand messages of a megabyte each, none of them
//! whole, are a gigabyte, and so are eight thousand answers that nobody reads.

use std::sync::atomic::{AtomicUsize, Ordering};

/// For what comes in, bodies and messages that are not dealt with: no more of it is taken while this
/// much is taken, by slow readers too. Then a request is 503, and a WebSocket is closed with 1013.
pub const UNFINISHED_BYTES_MAX: usize = 256 * 1024 * 1024;
/// For what goes out to slow readers: 128 MiB more, which those who send cannot use up. Beyond it a
/// long answer is 503, a newcomer to the chat is closed with 1013, a member is cut off.
pub const TAKEN_BYTES_MAX: usize = UNFINISHED_BYTES_MAX + 128 * 1024 * 1024;
/// What each connection may have beside that, a member of the chat in each direction (12,000 of them
/// 562 MiB): the longest text as UTF-8 (not in escapes), and its buffer. So who chats is served.
pub const FREE_BYTES: usize = 24 * 1024;

/// How much is taken, in both directions.
static TAKEN: AtomicUsize = AtomicUsize::new(0);

/// So many bytes one connection takes of it. They are given back when this is dropped.
#[derive(Default)]
pub struct Share(usize);

pub fn taken() -> usize {
    TAKEN.load(Ordering::Relaxed)
}

impl Share {
    /// Takes more, or gives back, for something of which `held` bytes are here; `false` if all
    /// together were more than `bytes_max`.
    #[must_use]
    pub fn resize(&mut self, held: usize, bytes_max: usize) -> bool {
        let bytes = held.saturating_sub(FREE_BYTES);
        if bytes <= self.0 {
            TAKEN.fetch_sub(self.0 - bytes, Ordering::Relaxed);
        } else {
            let more = bytes - self.0;
            if TAKEN.fetch_add(more, Ordering::Relaxed) + more > bytes_max {
                TAKEN.fetch_sub(more, Ordering::Relaxed);
                return false;
            }
        }
        self.0 = bytes;
        true
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        TAKEN.fetch_sub(self.0, Ordering::Relaxed);
    }
}
