//! §4.11 The brake: anyone who speaks, comes or goes faster than the members can be told has to wait.
//!
//! This is flow control: while the thread of a speaker waits it reads nothing, its socket fills, and TCP
//! slows the other side down.

use super::t4_timeline::{State, TIMELINE_BYTES_MAX, Timeline};
use crate::room::lock;
use std::sync::{MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// They wait while the broadcaster has more than this to deliver: so nothing is forgotten before it
/// has been round with it, and who keeps up is given as much in one round.
pub const UNDELIVERED_BYTES_MAX: usize = 64 * 1024;
/// Anyone who speaks waits so long for a reader that takes what comes, but slowly.
pub const PAUSE: Duration = Duration::from_millis(5);
/// And not for one that has taken nothing for so long.
pub const IGNORED_AFTER: Duration = Duration::from_secs(5);
const FAR_BEHIND_BYTES: u64 = TIMELINE_BYTES_MAX as u64 / 2;

impl Timeline {
    /// The lock, for a speaker: for a slow reader it waits a little first, and not for ever.
    pub(super) fn lock_to_speak(&self) -> MutexGuard<'_, State> {
        if lock(&self.state).behind > FAR_BEHIND_BYTES {
            thread::sleep(PAUSE);
        }
        self.lock_with_space()
    }

    /// The lock, when there is space for one event more: that comes, because the broadcaster waits
    /// for nobody. The caller keeps it until the event is there: thousands may wake here at once.
    pub(super) fn lock_with_space(&self) -> MutexGuard<'_, State> {
        let too_much = |s: &mut State| s.end - s.round_end > UNDELIVERED_BYTES_MAX as u64;
        let waited = self.round_done.wait_while(lock(&self.state), too_much);
        waited.unwrap_or_else(PoisonError::into_inner)
    }

    /// The broadcaster tells where its round ended, and how far behind the slowest reader is, and
    /// those that wait for it check again.
    pub fn round_ended(&self, round_end: u64, behind: u64) {
        let mut state = lock(&self.state);
        (state.round_end, state.behind) = (round_end, behind);
        drop(state);
        self.round_done.notify_all();
    }
}
