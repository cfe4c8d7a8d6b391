//! Bytes <-> values. No socket, no thread, no clock, no printing: each function here can be tried
//! with a literal in a test, and works the same at both ends of a connection.

pub mod budget;
pub mod buffer;
pub mod date;
pub mod form;
pub mod frame;
pub mod handshake;
pub mod html;
pub mod http;
pub mod json;
pub mod message;
pub mod visible;
