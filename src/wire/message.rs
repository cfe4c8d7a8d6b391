//! §4.4 Frames into messages: fragments, the control frames between them, and UTF-8 as it arrives
//! (RFC 6455 §5.4, §5.5, §8.1).

use super::buffer::{BUFFER_BYTES_MAX, Buffer};
use super::frame::{self, Header, Opcode, Side, Violation, violation};
use std::sync::Mutex;

/// A message is kept in pieces of this size, what one read brings and half a character: so it grows
/// without a copy of what is there already, and what it leaves fits the next one.
pub const PIECE_BYTES: usize = BUFFER_BYTES_MAX + 3;
/// So many pieces are kept for the next messages.
const SPARE_MAX: usize = 64;
/// The system clears new memory page by page: with these, echoes of 1 MiB are 1.8 times as fast.
static SPARE: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// The bytes of a whole message, in the order of its pieces.
#[derive(Debug, PartialEq)]
pub struct Payload(pub Vec<Vec<u8>>);

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
    /// The frame of a message being read: its header, and how much of its payload has come.
    frame: Option<(Header, usize)>,
    /// The message being put together: its opcode, and its payload so far, unmasked.
    message: Option<Opcode>,
    pieces: Vec<Vec<u8>>,
    length: usize,
    /// So many bytes of the last piece are known to be UTF-8, and all of those before it.
    utf8: usize,
}

impl Payload {
    /// Of a text.
    pub fn text(&self) -> String {
        // Checked as it came, so this does not fail.
        String::from_utf8(self.0.concat()).unwrap_or_default()
    }
}

/// What is whole has been used, so there will be more.
impl Drop for Payload {
    fn drop(&mut self) {
        let Ok(mut spare) = SPARE.lock() else { return };
        for mut piece in self.0.drain(..) {
            if piece.capacity() == PIECE_BYTES && spare.len() < SPARE_MAX {
                piece.clear();
                spare.push(piece);
            }
        }
    }
}

impl Assembler {
    /// Messages of `from`, none of them longer than `message_max` bytes over all its fragments.
    pub fn new(from: Side, message_max: usize) -> Assembler {
        let pieces = Vec::new();
        Assembler { from, message_max, frame: None, message: None, pieces, length: 0, utf8: 0 }
    }

    /// The memory that a message takes which is not whole yet.
    pub fn held(&self) -> usize {
        self.pieces.iter().map(Vec::capacity).sum()
    }

    /// Consumes bytes up to the end of the next frame. `Ok(None)`: more bytes, please.
    pub fn take(&mut self, buf: &mut Buffer) -> Result<Option<Received>, Violation> {
        let (header, came) = match self.frame.take() {
            Some(frame) => frame,
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
                (header, 0)
            }
        };
        let left = header.length as usize - came; // both fit, `decode` has judged the length
        let count = left.min(buf.data().len());
        let piece = self.piece_for(count);
        let start = piece.len();
        piece.extend_from_slice(&buf.data()[..count]);
        if let Some(key) = header.key {
            frame::mask_fast(&mut piece[start..], key, came);
        }
        self.length += count;
        buf.consume(count);
        let ended = count == left;
        if self.message == Some(Opcode::Text) {
            self.check_utf8(ended && header.fin)?;
        }
        if !ended {
            self.frame = Some((header, came + count));
            return Ok(None);
        }
        if !header.fin {
            return Ok(Some(Received::Fragment));
        }
        (self.length, self.utf8) = (0, 0);
        let payload = Payload(std::mem::take(&mut self.pieces));
        let text = self.message.take() == Some(Opcode::Text);
        Ok(Some(if text { Received::Text(payload) } else { Received::Binary(payload) }))
    }

    /// A message begins with text or binary and goes on with continuations. RFC 6455 §5.4
    fn begin(&mut self, opcode: Opcode) -> Result<(), Violation> {
        match (opcode, self.message) {
            (Opcode::Continuation, Some(_)) => {}
            (Opcode::Continuation, None) => return violation(1002, "a continuation of no message"),
            (_, Some(_)) => return violation(1002, "a new message before the last one ended"),
            (_, None) => self.message = Some(opcode),
        }
        Ok(())
    }

    /// The piece that the next `count` bytes fit in. (Of memory, not of the protocol: skip it at first.)
    fn piece_for(&mut self, count: usize) -> &mut Vec<u8> {
        let pieces = &mut self.pieces;
        if pieces.last().is_none_or(|last| last.len() + count > PIECE_BYTES) {
            let spare = SPARE.lock().ok().filter(|_| count > PIECE_BYTES / 2);
            let mut piece = spare.and_then(|mut spare| spare.pop()).unwrap_or_default();
            // Half a character moves on with the rest of it: each piece of a text is UTF-8.
            if let (Some(Opcode::Text), Some(last)) = (self.message, pieces.last_mut()) {
                piece.extend(last.drain(self.utf8..));
            }
            self.utf8 = 0;
            pieces.push(piece);
        }
        let last = pieces.len() - 1;
        let piece = &mut pieces[last];
        let needed = piece.len() + count;
        if piece.capacity() < needed {
            // Twice as much, so that a message in drips is not copied again for each of them.
            piece.reserve_exact((2 * needed).min(PIECE_BYTES) - piece.len());
        }
        piece
    }

    /// Wrong bytes are found as early as they are wrong; half a character may still become whole,
    /// but not after the message has ended. RFC 6455 §8.1
    fn check_utf8(&mut self, ended: bool) -> Result<(), Violation> {
        let last = self.pieces.last().map_or(&[][..], |last| &last[self.utf8..]);
        match std::str::from_utf8(last) {
            Ok(text) => self.utf8 += text.len(),
            Err(error) if error.error_len().is_none() && !ended => self.utf8 += error.valid_up_to(),
            Err(_) => return violation(1007, "the text is not UTF-8"),
        }
        Ok(())
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
        frame::mask(&mut payload, key, 0);
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
            match std::str::from_utf8(reason) {
                Ok(reason) => Ok(Received::Close(code, reason.to_string())),
                Err(_) => violation(1007, "the close reason is not UTF-8"),
            }
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
