//! Bytes <-> values. No socket, no thread, no clock, no printing: each function here can be tried with
//! a literal in a test. (Shared by all threads: a count in `budget`, spare memory in `payload`.)

pub mod budget;
pub mod buffer;
pub mod control;
pub mod date;
pub mod form;
pub mod frame;
pub mod handshake;
pub mod html;
pub mod http;
pub mod json;
pub mod message;
pub mod payload;
pub mod violation;
pub mod visible;

use std::panic::Location;

/// `src/wire/frame.rs:90`, as the log and `/source#` have it, on Windows too.
pub fn shown(location: &Location) -> String {
    format!("{}:{}", location.file().replace('\\', "/"), location.line())
}
