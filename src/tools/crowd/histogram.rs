//! Many times, counted instead of kept: each within 1.6 % of what it was.

use std::time::Duration;

/// Steps in each doubling.
const STEPS: u64 = 64;

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Histogram {
    /// How often each step was met; the steps are of microseconds.
    counts: Vec<u64>,
    total: u64,
    max_us: u64,
}

impl Histogram {
    pub fn add(&mut self, time: Duration) {
        let us = time.as_micros() as u64;
        let step = step(us);
        if self.counts.len() <= step {
            self.counts.resize(step + 1, 0);
        }
        self.counts[step] += 1;
        self.total += 1;
        self.max_us = self.max_us.max(us);
    }

    pub fn merge(&mut self, other: &Histogram) {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.total += other.total;
        self.max_us = self.max_us.max(other.max_us);
    }

    pub fn total(&self) -> u64 {
        self.total
    }

    pub fn max(&self) -> Duration {
        Duration::from_micros(self.max_us)
    }

    /// What so large a part of them (0 to 1) do not exceed. `None`: there are none.
    pub fn quantile(&self, part: f64) -> Option<Duration> {
        let wanted = ((part * self.total as f64).ceil() as u64).max(1);
        let mut met = 0;
        let reached = |count: &u64| {
            met += count;
            met >= wanted
        };
        let at = self.counts.iter().position(reached)?;
        Some(Duration::from_micros(bounds(at).1.min(self.max_us)))
    }

    /// The steps that were met: what each begins at, in microseconds, and how often.
    pub fn steps(&self) -> impl Iterator<Item = (u64, u64)> {
        let met = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        met.map(|(at, count)| (bounds(at).0, *count))
    }
}

/// Below 64 each number has a step; above, each doubling has 64 of them.
fn step(us: u64) -> usize {
    if us < STEPS {
        return us as usize;
    }
    let doublings = us.ilog2() - STEPS.ilog2();
    (u64::from(doublings) * STEPS + (us >> doublings)) as usize
}

/// The smallest and the largest number of a step.
fn bounds(step: usize) -> (u64, u64) {
    let step = step as u64;
    if step < STEPS {
        return (step, step);
    }
    let doublings = step / STEPS - 1;
    let first = (step % STEPS + STEPS) << doublings;
    (first, first + (1 << doublings) - 1)
}
