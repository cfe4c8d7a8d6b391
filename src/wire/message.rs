//! §4.4 Frames into messages: fragments, the control frames between them (their payload is read in
//! `control`), and UTF-8 as it arrives (RFC 6455 §5.4, §5.5, §8.1).

use super::buffer::Buffer;
use super::control;
use super::frame::{self, Header, Opcode, Side};
use super::payload::{Payload, mask_fast};
use super::violation::{Violation, violation};

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
                    return control::take(header, used, buf);
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
