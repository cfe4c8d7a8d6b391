//! What a server gives out: places, memory and time.

use std::time::Duration;

/// What one server and one connection may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at one time; the next is answered 503.
    pub connections_max: usize,
    /// A connection without a request, or a reader that takes nothing, is closed after this.
    pub idle: Duration,
    /// From the first byte of a head to its last: a person types it by hand in telnet.
    pub head: Duration,
    /// The body, after the head.
    pub body: Duration,
    /// How long a refused client may go on sending, unheard, so that it can read why.
    pub linger: Duration,
}

/// Every connection has a thread, and Linux gives a process some 16,000 of them.
pub const CONNECTIONS_MAX: usize = 12_000;
/// Beyond the limit so many more have a thread each, to read in peace why there is no place for
/// them; all others are told, and closed at once.
pub const TURNED_AWAY_MAX: usize = 256;
/// Room for deep calls. A page that is never touched is never paid for, and one that was touched
/// once is paid for as long as the connection lasts: so no large arrays here.
pub const STACK_BYTES: usize = 128 * 1024;

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections_max: CONNECTIONS_MAX,
            idle: Duration::from_secs(60),
            head: Duration::from_secs(60),
            body: Duration::from_secs(30),
            linger: Duration::from_secs(2),
        }
    }
}
