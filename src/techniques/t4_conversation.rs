//! The reading half of a WebSocket, for the chat and for `/echo`.

use crate::event;
use crate::wire::buffer::{Buffer, timed_out};
use crate::wire::frame::{self, Header, Opcode, Side, Violation};
use crate::wire::message::{Assembler, Event, close_payload};
use std::io::{self, ErrorKind, IoSlice, Write};
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
    let ping_at = period..2 * period;
    loop {
        match assembler.take(&mut buf) {
            Ok(Some(event)) => {
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
                // Only now: while an answer is under way, nobody listens.
                heard = Instant::now();
            }
            // §4.9 Silence is answered with a ping, and a silence of two periods is the end: a
            // peer whose cable was cut sends no FIN. Whole frames count, dripping bytes do not.
            Ok(None) if heard.elapsed() >= ping_at.end => {
                event!("§4.9", "-", "silent for two periods, dropped");
                return send(Opcode::Close, &close_payload(1008, "no pong for two heartbeats"));
            }
            Ok(None) => match buf.fill(&mut socket) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                // Too early (`write_at_once` hastens a read, too), or too late to be answered.
                Err(error) if timed_out(&error) && !ping_at.contains(&heard.elapsed()) => {}
                Err(error) if timed_out(&error) => {
                    buf.shrink();
                    send(Opcode::Ping, b"")?;
                }
                Err(error) => return Err(error),
            },
            Err(Violation { code, reason, place }) => {
                let (file, line) = (place.file().replace('\\', "/"), place.line());
                event!("§4.6", "-", "broke a rule: {code} {reason} ({file}:{line})");
                return send(Opcode::Close, &close_payload(code, reason));
            }
        }
    }
}

/// Writes a whole message: header and payload in one write, and no copy of the payload.
pub fn write_frame(mut socket: &TcpStream, opcode: Opcode, payload: &[u8]) -> io::Result<()> {
    let (mut header, length) = (Vec::new(), payload.len() as u64);
    frame::encode_header(&mut header, Header { fin: true, opcode, key: None, length });
    let mut slices = &mut [IoSlice::new(&header), IoSlice::new(payload)][..];
    while !slices.is_empty() {
        match socket.write_vectored(slices) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => IoSlice::advance_slices(&mut slices, count),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
