//! How long parts 3 and 4 wait.

use std::time::Duration;

/// How long the techniques wait; tests wait less.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// Part 3: a question is answered 204 after this.
    pub hold: Duration,
    /// Part 3: a parked client that has gone is noticed within this.
    pub glance: Duration,
    /// Part 4: a heartbeat and a ping every so often; two without an answer end a connection.
    pub heartbeat: Duration,
    /// Part 4: a reader that takes nothing for so long is cut off.
    pub stall: Duration,
}

/// Many proxies close what is silent for a minute, so the server must speak first.
const PROXY_IDLE: Duration = Duration::from_secs(60);
/// RFC 6202 §5.5 calls this a safer value.
const HOLD: Duration = Duration::from_secs(30);
const HEARTBEAT: Duration = Duration::from_secs(30);
const _: () = assert!(HOLD.as_secs() < PROXY_IDLE.as_secs(), "the server must give up first");
const _: () = assert!(HEARTBEAT.as_secs() < PROXY_IDLE.as_secs(), "the server must speak first");

impl Default for Timing {
    fn default() -> Timing {
        let (glance, stall) = (Duration::from_secs(1), Duration::from_secs(30));
        Timing { hold: HOLD, glance, heartbeat: HEARTBEAT, stall }
    }
}
