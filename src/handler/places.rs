//! Who is there, and since when: the connections of a server, and the readers that wait in part 3.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The moments in which places were taken, in this order.
#[derive(Clone, Default)]
pub struct Places(Arc<Mutex<BTreeMap<u64, Instant>>>);

/// A place that is taken until this is dropped: however it ends, by a panic too.
pub struct Place(Places, u64);

impl Places {
    pub fn take(&self) -> Place {
        let mut since = self.since();
        let number = since.last_key_value().map_or(0, |(last, _)| last + 1);
        since.insert(number, Instant::now());
        Place(self.clone(), number)
    }

    /// How many are taken.
    pub fn taken(&self) -> usize {
        self.since().len()
    }

    /// How long the first of them has been.
    pub fn longest(&self) -> Duration {
        self.since().first_key_value().map_or(Duration::ZERO, |(_, since)| since.elapsed())
    }

    fn since(&self) -> MutexGuard<'_, BTreeMap<u64, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.since().remove(&self.1);
    }
}
