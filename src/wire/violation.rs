//! A frame that breaks a rule: what a WebSocket has in the place of a refusal of HTTP.

use std::panic::Location;

/// A broken rule, which ends the connection with this close code. RFC 6455 §7.4.1
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// 1002 protocol error, 1007 not UTF-8, 1009 too big.
    pub code: u16,
    /// What came and what was expected; it travels in the close frame.
    pub reason: &'static str,
    /// The line of the source that found it, as in a refusal of HTTP.
    pub location: &'static Location<'static>,
}

/// For [`Violation`] as an error: `return violation(1002, "…")`.
#[track_caller]
pub fn violation<T>(code: u16, reason: &'static str) -> Result<T, Violation> {
    Err(Violation { code, reason, location: Location::caller() })
}
