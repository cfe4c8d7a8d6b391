//! `/echo`, a WebSocket that says back what it is told: for trying frames by hand.

use super::Chat;
use super::t4_conversation::converse;
use crate::handler::{Reply, check_method, write_whole};
use crate::wire::frame::{self, Header, Opcode};
use crate::wire::http::{READ_ONLY, Request, Response};
use crate::wire::message::Received;
use crate::wire::{buffer::Buffer, handshake};
use std::io::{self, IoSlice};
use std::net::TcpStream;
use std::sync::Arc;

/// The longest message of `/echo`.
pub const ECHO_BYTES_MAX: usize = 16 * 1024 * 1024;

pub fn enter(chat: &Chat, request: &Request) -> Result<Reply, Response> {
    check_method(READ_ONLY, request)?;
    let period = chat.timing.heartbeat;
    let echo = move |socket: Arc<TcpStream>, early: Buffer| {
        let send = |opcode, payload: &[u8]| write_frame(&socket, opcode, &[payload.to_vec()]);
        let on_message = |message| match message {
            Received::Text(text) => write_frame(&socket, Opcode::Text, &text.0),
            Received::Binary(bytes) => write_frame(&socket, Opcode::Binary, &bytes.0),
            _ => Ok(()),
        };
        // However it ends, it is over.
        let _ = converse(&socket, early, ECHO_BYTES_MAX, period, send, on_message);
    };
    Ok(Reply::Upgrade(handshake::answer(request)?, Box::new(echo)))
}

/// Header and payload in one write, and no copy of 16 MiB.
fn write_frame(socket: &TcpStream, opcode: Opcode, pieces: &[Vec<u8>]) -> io::Result<()> {
    let mut header = Vec::new();
    let length = pieces.iter().map(|piece| piece.len() as u64).sum();
    frame::encode_header(&mut header, Header { fin: true, opcode, key: None, length });
    let parts = [&header].into_iter().chain(pieces);
    write_whole(socket, &mut parts.map(|part| IoSlice::new(part)).collect::<Vec<_>>())
}
