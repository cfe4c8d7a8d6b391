//! §4.5 Control frames: a ping, a pong or a close. Each is whole, and has 125 bytes at the most. It may
//! stand between the fragments of a message, and belongs to none (RFC 6455 §5.4, §5.5).

use super::buffer::Buffer;
use super::frame::{self, Header, Opcode};
use super::message::Received;
use super::violation::{Violation, violation};

/// Takes the control frame at the front of `buf`, whose header has `used` bytes. `Ok(None)`: more
/// bytes, please. It is short: there is no hurry before all of it has come.
pub fn take(header: Header, used: usize, buf: &mut Buffer) -> Result<Option<Received>, Violation> {
    let end = used + header.length as usize;
    let Some(payload) = buf.data().get(used..end) else { return Ok(None) };
    let mut payload = payload.to_vec();
    buf.consume(end);
    if let Some(key) = header.key {
        frame::mask(&mut payload, key);
    }
    match header.opcode {
        Opcode::Ping => Ok(Some(Received::Ping(payload))),
        Opcode::Close => take_close(&payload).map(Some),
        _ => Ok(Some(Received::Pong)),
    }
}

/// A close frame: nothing, or a code of two bytes and a reason in UTF-8. RFC 6455 §5.5.1
fn take_close(payload: &[u8]) -> Result<Received, Violation> {
    match payload {
        [] => Ok(Received::Close(1005, String::new())),
        [_] => violation(1002, "half a close code"),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            // Those that may travel. RFC 6455 §7.4.1, §7.4.2
            if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
                return violation(1002, "a close code that must not travel");
            }
            let Ok(reason) = std::str::from_utf8(reason) else {
                return violation(1007, "the close reason is not UTF-8");
            };
            Ok(Received::Close(code, reason.to_string()))
        }
    }
}

/// The payload of a close frame; 1005 is the absence of a code. RFC 6455 §7.1.5
pub fn close_payload(code: u16, reason: &str) -> Vec<u8> {
    match code {
        1005 => Vec::new(),
        _ => [&code.to_be_bytes(), reason.as_bytes()].concat(),
    }
}
