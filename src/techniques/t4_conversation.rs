//! The reading half of a WebSocket, for the chat and for `/echo`.

use crate::event;
use crate::wire::budget::{Share, UNFINISHED_BYTES_MAX};
use crate::wire::buffer::{Buffer, timed_out};
use crate::wire::control::close_payload;
use crate::wire::frame::{Opcode, Side};
use crate::wire::message::Assembler;
use crate::wire::message::Received::{self, Binary, Text};
use crate::wire::shown;
use crate::wire::violation::Violation;
use std::io;
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// §4.6 Reads until the conversation is over: gives each text or binary message to `on_message`,
/// and answers pings and closes itself, with `send`. RFC 6455 §5.5, §7
///
/// A message may have `bytes_max` bytes, and counts against the memory for all until `on_message` is
/// done with it (on `/echo` a slow reader holds that up). A silence of `period` is answered with a
/// ping; another one ends the conversation, and so does a message that is not whole after two.
pub fn converse(
    socket: &TcpStream,
    mut buf: Buffer,
    bytes_max: usize,
    period: Duration,
    send: impl Fn(Opcode, &[u8]) -> io::Result<()>,
    on_message: impl Fn(Received) -> io::Result<()>,
) -> io::Result<()> {
    let close = |code, reason: &str| send(Opcode::Close, &close_payload(code, reason));
    socket.set_read_timeout(Some(period))?;
    let (mut assembler, mut share) = (Assembler::new(Side::Client, bytes_max), Share::default());
    let (mut heard_by, mut pinged) = (Instant::now() + period, false);
    let mut due = None; // when a message that has begun must be whole
    let is_past = |deadline: Instant| Instant::now() >= deadline;
    loop {
        let taken = assembler.take(&mut buf);
        let whole = if let Ok(Some(Text(text) | Binary(text))) = &taken { text.held() } else { 0 };
        if !share.resize(whole + assembler.held() + buf.held(), UNFINISHED_BYTES_MAX) {
            event!("§4.6", "-", "no memory for its message");
            drop((taken, assembler, buf)); // before the close, which on `/echo` a slow reader holds up
            return close(1013, "too many long messages at the moment, try again later");
        }
        match taken {
            Ok(Some(received)) => {
                match received {
                    Received::Ping(payload) => send(Opcode::Pong, &payload)?,
                    Received::Pong => {}
                    Received::Fragment => due = due.or(Some(Instant::now() + 2 * period)),
                    Received::Close(code, reason) => {
                        event!("§4.6", "-", "closes: {code} {reason}");
                        return close(code, "");
                    }
                    message => {
                        on_message(message)?;
                        due = None;
                    }
                }
                // Only now: while `on_message` waited we read nothing, and that is not the peer's silence.
                (heard_by, pinged) = (Instant::now() + period, false);
            }
            // §4.9 Silence is answered with a ping, and silence after that is the end: a peer whose
            // cable was cut sends no FIN. Bytes are no sign of life, frames are; a message must end.
            Ok(None) if due.is_some_and(is_past) || (pinged && is_past(heard_by)) => {
                let missing = if due.is_some() { "whole message" } else { "pong" };
                event!("§4.9", "-", "dropped: no {missing} for two periods");
                return close(1008, &format!("no {missing} for two heartbeats"));
            }
            Ok(None) if is_past(heard_by) => {
                send(Opcode::Ping, b"")?;
                // The answer has a whole period, even if the ping waited, or the machine was asleep.
                (heard_by, pinged) = (Instant::now() + period, true);
            }
            Ok(None) => read(socket, &mut buf)?,
            Err(Violation { code, reason, location }) => {
                event!("§4.6", "-", "is closed with {code}: {reason} ({})", shown(location));
                return close(code, reason);
            }
        }
    }
}

/// Waits for some bytes, as long as the timeout of the socket says. `Err`: the other side has gone.
fn read(mut socket: &TcpStream, buf: &mut Buffer) -> io::Result<()> {
    match buf.fill(&mut socket) {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        // Silence; or another thread is in `write_at_once`: a read that begins then does not wait.
        Err(error) if timed_out(&error) => Ok(()),
        result => result.map(drop),
    }
}
