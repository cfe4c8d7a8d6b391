//! §4.11 The brake: anyone who speaks, comes or goes faster than the members can be told has to wait.
//!
//! This is flow control: while the thread of a speaker waits it reads nothing, its socket fills, and TCP
//! slows the other side down.

use super::t4_timeline::{State, TIMELINE_BYTES_MAX, Timeline};
use crate::room::lock;
use std::sync::{MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// They wait while the broadcaster has more than this to deliver. So nothing is forgotten that it
/// has not delivered yet. Those who keep up are given as much in one round.
pub const UNDELIVERED_BYTES_MAX: usize = 64 * 1024;
/// Anyone who speaks waits so long for a reader that takes what comes, but slowly.
pub const PAUSE: Duration = Duration::from_millis(5);
/// And not for one that has taken nothing for so long.
pub const IGNORED_AFTER: Duration = Duration::from_secs(5);
const FAR_BEHIND_BYTES: u64 = TIMELINE_BYTES_MAX as u64 / 2;

impl Timeline {
    /// For a slow reader a speaker waits a little, and not for ever; then for the broadcaster.
    pub(super) fn when_followed(&self) -> MutexGuard<'_, State> {
        if lock(&self.state).behind > FAR_BEHIND_BYTES {
            thread::sleep(PAUSE);
        }
        self.when_delivered()
    }

    /// Waits until there is space for one event more, as long as it must: this ends, because the
    /// broadcaster waits for nobody. The caller keeps the lock until the event is there, because
    /// thousands may wake here at once.
    pub(super) fn when_delivered(&self) -> MutexGuard<'_, State> {
        let too_much = |s: &mut State| s.end - s.delivered > UNDELIVERED_BYTES_MAX as u64;
        let waited = self.round_done.wait_while(lock(&self.state), too_much);
        waited.unwrap_or_else(PoisonError::into_inner)
    }

    /// The broadcaster tells where it is, and how far behind the slowest reader is, and those that
    /// wait for it check again.
    pub fn set_delivered(&self, delivered: u64, behind: u64) {
        let mut state = lock(&self.state);
        (state.delivered, state.behind) = (delivered, behind);
        drop(state);
        self.round_done.notify_all();
    }
}
