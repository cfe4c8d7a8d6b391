//! What all connections share while their messages arrive: a thousand of a megabyte each, none of
//! them whole, are a gigabyte.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Messages that are not whole yet, of all connections together; beyond it one is closed with 1013.
pub const UNFINISHED_BYTES_MAX: usize = 256 * 1024 * 1024;
/// What each connection may have beside that, so that a few long messages do not silence those who
/// only chat: the longest text fits in it, however it is written.
pub const FREE_BYTES: usize = 16 * 1024;

/// How much of [`UNFINISHED_BYTES_MAX`] is taken.
#[derive(Default)]
pub struct Budget {
    taken: AtomicUsize,
}

/// What one connection takes of it, given back when it ends.
pub struct Share<'a> {
    budget: &'a Budget,
    bytes: usize,
}

impl Budget {
    pub fn share(&self) -> Share<'_> {
        Share { budget: self, bytes: 0 }
    }

    pub fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }
}

impl Share<'_> {
    /// Takes more, or gives back, for a message of which `held` bytes are here; `false` if there is
    /// not so much.
    #[must_use]
    pub fn resize(&mut self, held: usize) -> bool {
        let bytes = held.saturating_sub(FREE_BYTES);
        let taken = &self.budget.taken;
        if bytes <= self.bytes {
            taken.fetch_sub(self.bytes - bytes, Ordering::Relaxed);
        } else {
            let more = bytes - self.bytes;
            if taken.fetch_add(more, Ordering::Relaxed) + more > UNFINISHED_BYTES_MAX {
                taken.fetch_sub(more, Ordering::Relaxed);
                return false;
            }
        }
        self.bytes = bytes;
        true
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.budget.taken.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
