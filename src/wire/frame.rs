//! §4.2 One frame of a WebSocket, in both directions (RFC 6455 §5.2).
//!
//! ```text
//!   byte 0            byte 1              then             then
//!  |F|R|R|R|opcode|  |M| length 7 bits |  4 bytes of key   payload
//!   1 0 0 0 0001      1  0000101          37 fa 21 3d      7f 9f 4d 51 58
//!        0x81              0x85                            "Hello"
//! ```

use super::violation::{Violation, violation};

const FIN: u8 = 0b1000_0000;
const RESERVED: u8 = 0b0111_0000;
const OPCODE: u8 = 0b0000_1111;
const MASKED: u8 = 0b1000_0000;
const LENGTH: u8 = 0b0111_1111;
/// These seven bits say: the length stands in the next two bytes, or in the next eight.
const LENGTH_IN_2: u8 = 126;
const LENGTH_IN_8: u8 = 127;

/// What a frame is for. RFC 6455 §11.8
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Opcode {
    Continuation = 0,
    Text = 1,
    Binary = 2,
    Close = 8,
    Ping = 9,
    Pong = 10,
}

impl Opcode {
    fn from(bits: u8) -> Option<Opcode> {
        use Opcode::*;
        [Continuation, Text, Binary, Close, Ping, Pong].into_iter().find(|o| *o as u8 == bits)
    }

    /// Close, ping and pong. RFC 6455 §5.5
    pub fn is_control(self) -> bool {
        self as u8 >= Opcode::Close as u8
    }
}

/// Who sent a frame: a client masks, a server must not. RFC 6455 §5.1
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Client,
    Server,
}

/// Everything of a frame but its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The last frame of its message.
    pub fin: bool,
    pub opcode: Opcode,
    /// The masking key, if the payload is masked.
    pub key: Option<[u8; 4]>,
    pub length: u64,
}

/// Takes the header at the front of `buf`. The payload need not have arrived: a text is judged as
/// it comes, and a size when it is announced.
///
/// `Ok(Some((header, used)))`: drop `used` bytes, the payload follows. `Ok(None)`: more bytes,
/// please. `Err`: close the connection; the violation knows its close code.
pub fn decode(
    buf: &[u8],
    from: Side,
    payload_max: u64,
) -> Result<Option<(Header, usize)>, Violation> {
    // 1. The two bytes every frame has, refused as soon as one of them is wrong.
    let Some(&first) = buf.first() else { return Ok(None) };
    if first & RESERVED != 0 {
        return violation(1002, "a reserved bit is set, no extension was agreed"); // RFC 6455 §5.2
    }
    let Some(opcode) = Opcode::from(first & OPCODE) else {
        return violation(1002, "unknown opcode, expected 0, 1, 2, 8, 9 or 10");
    };
    let fin = first & FIN != 0;
    if opcode.is_control() && !fin {
        return violation(1002, "a control frame in fragments"); // RFC 6455 §5.5
    }
    let [_, second, rest @ ..] = buf else { return Ok(None) };
    match (from, second & MASKED != 0) {
        (Side::Client, false) => return violation(1002, "a client must mask its frames"), // RFC 6455 §5.1
        (Side::Server, true) => return violation(1002, "a server must not mask its frames"),
        _ => {}
    }
    // 2. The length: 7 bits, or 16, or 64. `shortest` is the least that needs its form.
    let (length, shortest, rest) = match (second & LENGTH, rest) {
        (LENGTH_IN_2.., _) if opcode.is_control() => {
            return violation(1002, "a control frame of over 125 bytes"); // RFC 6455 §5.5
        }
        (LENGTH_IN_2, [a, b, rest @ ..]) => (u16::from_be_bytes([*a, *b]).into(), 126, rest),
        (LENGTH_IN_8, [a, b, c, d, e, f, g, h, rest @ ..]) => {
            (u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]), 65_536, rest)
        }
        (LENGTH_IN_2 | LENGTH_IN_8, _) => return Ok(None),
        (length, rest) => (length.into(), 0, rest),
    };
    if length < shortest {
        return violation(1002, "a length not in its shortest form"); // RFC 6455 §5.2
    }
    if length > i64::MAX as u64 {
        return violation(1002, "the top bit of a length is set");
    }
    if !opcode.is_control() && length > payload_max {
        return violation(1009, "the message is too big");
    }
    // 3. The key. The payload is what follows.
    let (key, rest) = match (second & MASKED != 0, rest) {
        (false, rest) => (None, rest),
        (true, [a, b, c, d, rest @ ..]) => (Some([*a, *b, *c, *d]), rest),
        (true, _) => return Ok(None),
    };
    Ok(Some((Header { fin, opcode, key, length }, buf.len() - rest.len())))
}

/// Appends a header to `out`; the payload is the caller's to append (and to mask).
pub fn encode_header(out: &mut Vec<u8>, header: Header) {
    out.push(if header.fin { FIN } else { 0 } | header.opcode as u8);
    let masked = if header.key.is_some() { MASKED } else { 0 };
    match header.length {
        length @ 0..=125 => out.push(masked | length as u8),
        length @ 126..=65_535 => {
            out.push(masked | LENGTH_IN_2);
            out.extend((length as u16).to_be_bytes());
        }
        length => {
            out.push(masked | LENGTH_IN_8);
            out.extend(length.to_be_bytes());
        }
    }
    out.extend(header.key.into_iter().flatten());
}

/// Appends a whole unfragmented frame: a client gives a key, a server gives none.
pub fn encode(out: &mut Vec<u8>, opcode: Opcode, payload: &[u8], key: Option<[u8; 4]>) {
    encode_header(out, Header { fin: true, opcode, key, length: payload.len() as u64 });
    let start = out.len();
    out.extend_from_slice(payload);
    if let Some(key) = key {
        mask(&mut out[start..], key);
    }
}

/// §4.3 Masks or unmasks, which is the same: each byte is XORed with the key's byte at its place
/// (RFC 6455 §5.3). The key is no secret, it travels along: it keeps a page from making up bytes
/// a proxy would take for HTTP.
pub fn mask(payload: &mut [u8], key: [u8; 4]) {
    for (i, byte) in payload.iter_mut().enumerate() {
        *byte ^= key[i % 4];
    }
}
