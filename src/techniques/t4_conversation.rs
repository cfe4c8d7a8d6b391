//! The reading half of a WebSocket, for the chat and for `/echo`.

use crate::event;
use crate::wire::buffer::{Buffer, timed_out};
use crate::wire::frame::{self, Opcode, Side, Violation};
use crate::wire::message::{Assembler, Event, close_payload};
use std::io::{self, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// §4.6 Reads until the conversation is over, gives each message to `hear`, and answers pings and
/// closes itself, with `send`. `bytes_max` is the longest message, `period` the longest silence
/// before a ping. RFC 6455 §5.5, §7
pub fn converse(
    mut socket: &TcpStream,
    mut buf: Buffer,
    bytes_max: usize,
    period: Duration,
    send: impl Fn(Opcode, &[u8]) -> io::Result<()>,
    hear: impl Fn(Opcode, &[u8]) -> io::Result<()>,
) -> io::Result<()> {
    socket.set_read_timeout(Some(period))?;
    let mut assembler = Assembler::new(Side::Client, bytes_max);
    let mut heard = Instant::now();
    loop {
        match assembler.take(&mut buf) {
            Ok(Some(event)) => {
                heard = Instant::now();
                match event {
                    Event::Text(text) => hear(Opcode::Text, text.as_bytes())?,
                    Event::Binary(bytes) => hear(Opcode::Binary, &bytes)?,
                    Event::Ping(payload) => send(Opcode::Pong, &payload)?,
                    Event::Fragment | Event::Pong => {}
                    Event::Close(code, reason) => {
                        event!("§4.6", "-", "closes: {code} {reason}");
                        return send(Opcode::Close, &close_payload(code, ""));
                    }
                }
            }
            // §4.9 Silence is answered with a ping, and a silence of two periods is the end: a
            // peer whose cable was cut sends no FIN. Whole frames count, dripping bytes do not.
            Ok(None) if heard.elapsed() >= 2 * period => {
                event!("§4.9", "-", "silent for two periods, dropped");
                return send(Opcode::Close, &close_payload(1008, "no pong for two heartbeats"));
            }
            Ok(None) => match buf.fill(&mut socket) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if timed_out(&error) => {
                    buf.shrink();
                    send(Opcode::Ping, b"")?;
                }
                Err(error) => return Err(error),
            },
            Err(Violation { code, reason }) => {
                event!("§4.6", "-", "broke a rule: {code} {reason}");
                return send(Opcode::Close, &close_payload(code, reason));
            }
        }
    }
}

/// Writes a whole message in one write: header and payload in two would be two TCP segments.
pub fn write_frame(mut socket: &TcpStream, opcode: Opcode, payload: &[u8]) -> io::Result<()> {
    let mut bytes = Vec::new();
    frame::encode(&mut bytes, opcode, payload, None);
    socket.write_all(&bytes)
}
