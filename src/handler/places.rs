//! Counting connections, without forgetting one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many connections a server has.
#[derive(Debug, Clone, Default)]
pub struct Places(Arc<AtomicUsize>);

/// A place that is taken until this is dropped: however the connection ends, a panic too.
pub struct Place(Places);

impl Places {
    pub fn take(&self) -> Place {
        self.0.fetch_add(1, Ordering::Relaxed);
        Place(self.clone())
    }

    pub fn taken(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}
