//! §4.4 Frames into messages: fragments, the control frames between them, and UTF-8 as it arrives
//! (RFC 6455 §5.4, §5.5, §8.1).

use super::buffer::Buffer;
use super::frame::{self, Header, Opcode, Side, Violation, violation};
use super::payload::{Payload, mask_fast};

/// What a peer has said.
#[derive(Debug, PartialEq)]
pub enum Received {
    /// A frame that does not end its message.
    Fragment,
    /// UTF-8.
    Text(Payload),
    Binary(Payload),
    /// To be answered with a pong of the same payload. RFC 6455 §5.5.2
    Ping(Vec<u8>),
    /// The answer to a ping, or a sign of life nobody asked for. RFC 6455 §5.5.3
    Pong,
    /// The close code (1005 where none was given) and the reason. RFC 6455 §5.5.1
    Close(u16, String),
}

/// Puts messages together, whatever the pieces they arrive in.
pub struct Assembler {
    from: Side,
    message_max: usize,
    /// Of the frame that is being read: its `length` is what is left, its `key` turned to the next byte.
    header: Option<Header>,
    /// Of the message that is being put together, and its payload so far, unmasked.
    opcode: Option<Opcode>,
    payload: Payload,
    length: usize,
    /// So many bytes at the end of a text are a character of which the rest is still to come.
    half: usize,
}

impl Assembler {
    /// Messages of `from`, none of them longer than `message_max` bytes over all its fragments.
    pub fn new(from: Side, message_max: usize) -> Assembler {
        let payload = Payload::default();
        Assembler { from, message_max, header: None, opcode: None, payload, length: 0, half: 0 }
    }

    /// The memory that a message takes which is not whole yet.
    pub fn held(&self) -> usize {
        self.payload.held()
    }

    /// Consumes bytes up to the end of the next frame. `Ok(None)`: more bytes, please.
    pub fn take(&mut self, buf: &mut Buffer) -> Result<Option<Received>, Violation> {
        // 1. The header of the next frame, or the frame that is being read.
        let mut header = match self.header.take() {
            Some(header) => header,
            None => {
                let space = (self.message_max - self.length) as u64;
                let Some((header, used)) = frame::decode(buf.data(), self.from, space)? else {
                    return Ok(None);
                };
                if header.opcode.is_control() {
                    return take_control(header, used, buf);
                }
                buf.consume(used);
                self.begin(header.opcode)?;
                header
            }
        };
        // 2. As much of its payload as has come.
        let count = buf.data().len().min(header.length as usize); // `decode` has judged the length
        // `bytes`: what has come, and before it the half of a character that was there.
        let bytes = self.payload.append(&buf.data()[..count], self.half);
        if let Some(key) = &mut header.key {
            mask_fast(&mut bytes[self.half..], *key);
            key.rotate_left(count % 4);
        }
        self.length += count;
        header.length -= count as u64;
        buf.consume(count);
        let frame_ends = header.length == 0;
        let ends = frame_ends && header.fin;
        if self.opcode == Some(Opcode::Text) {
            self.half = half_character(bytes, ends)?;
        }
        // 3. What that makes: a part of a frame, a frame, a message.
        if !frame_ends {
            self.header = Some(header);
            return Ok(None);
        }
        if !ends {
            return Ok(Some(Received::Fragment));
        }
        self.length = 0;
        let payload = std::mem::take(&mut self.payload);
        let text = self.opcode.take() == Some(Opcode::Text);
        Ok(Some(if text { Received::Text(payload) } else { Received::Binary(payload) }))
    }

    /// A message begins with text or binary and goes on with continuations. RFC 6455 §5.4
    fn begin(&mut self, opcode: Opcode) -> Result<(), Violation> {
        match (opcode, self.opcode) {
            (Opcode::Continuation, Some(_)) => {}
            (Opcode::Continuation, None) => return violation(1002, "a continuation of no message"),
            (_, Some(_)) => return violation(1002, "a new message before the last one ended"),
            (_, None) => self.opcode = Some(opcode),
        }
        Ok(())
    }
}

/// How many bytes at the end of `text` may still become a character: 0 to 3. Other wrong bytes are
/// found as early as they are wrong, and half a character when the message ends. RFC 6455 §8.1
fn half_character(text: &[u8], ends: bool) -> Result<usize, Violation> {
    match std::str::from_utf8(text) {
        Ok(_) => Ok(0),
        Err(error) if error.error_len().is_none() && !ends => Ok(text.len() - error.valid_up_to()),
        Err(_) => violation(1007, "the text is not UTF-8"),
    }
}

/// A control frame may stand between the fragments of a message and belongs to none. It is short:
/// there is no hurry before all of it has come. RFC 6455 §5.4, §5.5
fn take_control(
    header: Header,
    used: usize,
    buf: &mut Buffer,
) -> Result<Option<Received>, Violation> {
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

/// §4.5 A close frame: nothing, or a code of two bytes and a reason in UTF-8. RFC 6455 §5.5.1
fn take_close(payload: &[u8]) -> Result<Received, Violation> {
    match payload {
        [] => Ok(Received::Close(1005, String::new())),
        [_] => violation(1002, "half a close code"),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            // RFC 6455 §7.4.1, §7.4.2: 1004 to 1006 and 1015 never travel.
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
