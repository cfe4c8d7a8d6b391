//! A WebSocket from the client's side: it masks, and the server must not (RFC 6455 §5.1).

use super::{Connection, Response, get, invalid};
use crate::wire::frame::{self, Header, Opcode, Side};
use crate::wire::handshake::accept_key;
use crate::wire::message::{Assembler, Received};
use std::hash::{BuildHasher, RandomState};
use std::io::{ErrorKind, Result};
use std::time::{Duration, Instant};

/// A longer message is an error.
pub const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What HTTP has let go of.
pub struct WebSocket {
    /// Its deadline and its counts.
    pub connection: Connection,
    /// The `101`.
    pub response: Response,
    assembler: Assembler,
}

impl WebSocket {
    /// The handshake. `fields` are whole lines beside its own, each with its CR LF. An answer that
    /// is not `101`, or not for this key, is an error. RFC 6455 §4.1
    pub fn open(
        mut connection: Connection,
        host: &str,
        target: &str,
        fields: &str,
    ) -> Result<WebSocket> {
        let key = random_key();
        let response = connection.ask("GET", handshake(host, target, fields, &key).as_bytes())?;
        if response.status != 101 || !response.lists("Upgrade", "websocket") {
            return invalid(format!("no WebSocket: the answer is {}", response.status));
        }
        let expected = accept_key(&key);
        if response.fields("Sec-WebSocket-Accept").ne([expected.as_str()]) {
            return invalid(format!("no WebSocket: Sec-WebSocket-Accept should be {expected}"));
        }
        let assembler = Assembler::new(Side::Server, MESSAGE_BYTES_MAX);
        Ok(WebSocket { connection, response, assembler })
    }

    /// Sends a whole message or a control frame, in one write.
    pub fn send(&mut self, opcode: Opcode, payload: &[u8]) -> Result<()> {
        self.send_frame(true, opcode, payload)
    }

    pub fn send_frame(&mut self, fin: bool, opcode: Opcode, payload: &[u8]) -> Result<()> {
        self.connection.send(&masked(fin, opcode, payload))
    }

    /// The next frame that ends, as it is; a ping is not answered here.
    pub fn frame(&mut self) -> Result<Received> {
        loop {
            match self.assembler.take(&mut self.connection.buf) {
                Ok(Some(received)) => return Ok(received),
                Ok(None) => {
                    self.connection.hold(self.assembler.held())?;
                    self.connection.fill()?;
                }
                Err(violation) => {
                    return invalid(format!("{}: {}", violation.code, violation.reason));
                }
            }
        }
    }

    /// The next message or close. A ping gets its pong.
    pub fn receive(&mut self) -> Result<Received> {
        loop {
            let received = self.frame()?;
            self.answer(&received)?;
            if !matches!(received, Received::Ping(_) | Received::Pong | Received::Fragment) {
                return Ok(received);
            }
        }
    }

    /// The next frame that ends, if it comes before `patience` is over. A ping has got its pong.
    pub fn receive_within(&mut self, patience: Duration) -> Result<Option<Received>> {
        self.connection.deadline = Instant::now() + patience;
        let received = match self.frame() {
            Err(error) if error.kind() == ErrorKind::TimedOut => return Ok(None),
            received => received?,
        };
        // A ping that came at the last moment is answered, too.
        self.connection.deadline = Instant::now() + patience;
        self.answer(&received)?;
        Ok(Some(received))
    }

    /// RFC 6455 §5.5.2
    fn answer(&mut self, received: &Received) -> Result<()> {
        let Received::Ping(payload) = received else { return Ok(()) };
        self.send(Opcode::Pong, payload)
    }
}

/// The request of a handshake. RFC 6455 §4.1
pub fn handshake(host: &str, target: &str, fields: &str, key: &str) -> String {
    let upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n";
    let key = format!("Sec-WebSocket-Key: {key}\r\n");
    // In place of the empty line.
    let head = get(host, target, fields);
    format!("{}\r\n{upgrade}{key}\r\n", head.trim_end())
}

/// A client's frame, with a fresh key. RFC 6455 §5.3
pub fn masked(fin: bool, opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let key = (random() as u32).to_be_bytes();
    let mut bytes = Vec::new();
    let length = payload.len() as u64;
    frame::encode_header(&mut bytes, Header { fin, opcode, key: Some(key), length });
    let start = bytes.len();
    bytes.extend_from_slice(payload);
    frame::mask(&mut bytes[start..], key);
    bytes
}

/// Not for secrets: the keys of a hash table are random, and so is what they hash.
pub fn random() -> u64 {
    RandomState::new().hash_one(0)
}

/// 16 random bytes in Base64: 22 characters, of which the last has four bits to spare.
pub fn random_key() -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |number: u64| char::from(ALPHABET[number as usize % 64]);
    let digits = (0..21).map(|_| digit(random())).chain([digit(random() << 4)]);
    digits.chain("==".chars()).collect()
}
