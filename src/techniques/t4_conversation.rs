//! The reading half of a WebSocket, for the chat and for `/echo`.

use crate::event;
use crate::wire::buffer::{Buffer, timed_out};
use crate::wire::frame::{self, Header, Opcode, Side, Violation};
use crate::wire::message::{Assembler, Event, close_payload};
use std::io::{self, ErrorKind, IoSlice, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Answers pings and closes by itself, hands out messages.
pub struct Conversation<'a> {
    socket: &'a TcpStream,
    buf: Buffer,
    assembler: Assembler,
    period: Duration,
    heard: Instant,
}

impl<'a> Conversation<'a> {
    /// `bytes_max` is the longest message, `period` the longest silence before a ping.
    pub fn new(socket: &'a TcpStream, buf: Buffer, bytes_max: usize, period: Duration) -> Self {
        // If this fails the socket is dead, and the first read says so.
        let _ = socket.set_read_timeout(Some(period));
        let assembler = Assembler::new(Side::Client, bytes_max);
        Conversation { socket, buf, assembler, period, heard: Instant::now() }
    }

    /// §4.6 The next message, or `None` when the conversation is over. RFC 6455 §5.5, §7
    pub fn next(
        &mut self,
        send: &mut impl FnMut(Opcode, &[u8]) -> io::Result<()>,
    ) -> Option<(Opcode, Vec<u8>)> {
        loop {
            match self.assembler.take(&mut self.buf) {
                Ok(None) => self.read(send)?,
                Ok(Some(event)) => {
                    self.heard = Instant::now();
                    match event {
                        Event::Text(text) => return Some((Opcode::Text, text.into_bytes())),
                        Event::Binary(bytes) => return Some((Opcode::Binary, bytes)),
                        Event::Ping(payload) => send(Opcode::Pong, &payload).ok()?,
                        Event::Close(code, reason) => {
                            event!("§4.6", "-", "closes: {code} {reason}");
                            let _ = send(Opcode::Close, &close_payload(code, ""));
                            return None;
                        }
                        Event::Fragment | Event::Pong => {}
                    }
                }
                Err(Violation { code, reason }) => {
                    event!("§4.6", "-", "broke a rule: {code} {reason}");
                    let _ = send(Opcode::Close, &close_payload(code, reason));
                    return None;
                }
            }
        }
    }

    /// §4.9 Reads once. Silence is answered with a ping, and a silence of two periods is the end:
    /// a peer whose cable was cut sends no FIN. Whole frames count, dripping bytes do not.
    fn read(&mut self, send: &mut impl FnMut(Opcode, &[u8]) -> io::Result<()>) -> Option<()> {
        if self.heard.elapsed() >= 2 * self.period {
            event!("§4.9", "-", "silent for two periods, dropped");
            let _ = send(Opcode::Close, &close_payload(1008, "no pong for two heartbeats"));
            return None;
        }
        match self.buf.fill(&mut &*self.socket) {
            Ok(0) => None,
            Ok(_) => Some(()),
            Err(error) if timed_out(&error) => {
                self.buf.shrink();
                send(Opcode::Ping, b"").ok()
            }
            Err(_) => None,
        }
    }
}

/// Writes a whole message: header and payload in one write, without a copy of the payload.
pub fn write_frame(mut socket: &TcpStream, opcode: Opcode, payload: &[u8]) -> io::Result<()> {
    let mut header = Vec::with_capacity(10);
    let length = payload.len() as u64;
    frame::encode_header(&mut header, Header { fin: true, opcode, key: None, length });
    let mut slices = &mut [IoSlice::new(&header), IoSlice::new(payload)][..];
    while slices.iter().any(|slice| !slice.is_empty()) {
        match socket.write_vectored(slices) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => IoSlice::advance_slices(&mut slices, count),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
