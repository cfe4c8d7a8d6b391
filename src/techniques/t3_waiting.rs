//! Whose threads wait in part 3, and since when: `GET /stats` tells it.

use crate::room::lock;
use std::collections::HashMap;
use std::sync::Mutex;
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

#[derive(Default)]
pub struct Waiting(Mutex<HashMap<ThreadId, Instant>>);

/// This thread waits while this lives.
pub struct Waits<'a>(&'a Waiting);

impl Waiting {
    pub fn begin(&self) -> Waits<'_> {
        lock(&self.0).insert(thread::current().id(), Instant::now());
        Waits(self)
    }

    /// How many wait, and how long the first of them has.
    pub fn count(&self) -> (usize, Duration) {
        let waiting = lock(&self.0);
        (waiting.len(), waiting.values().min().map(Instant::elapsed).unwrap_or_default())
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        lock(&self.0.0).remove(&thread::current().id());
    }
}
