//! The bytes of a message as they arrive: in pieces, so that a message grows without a copy of what is
//! there already, and so that the memory it leaves fits the next one. (This is about memory, and
//! not about the protocol.)

use super::buffer::BUFFER_BYTES_MAX;
use std::sync::Mutex;

/// The size of a piece: what one read brings, and half a character.
pub const PIECE_BYTES: usize = BUFFER_BYTES_MAX + 3;
/// So many pieces are kept for the next messages.
const SPARE_MAX: usize = 64;
/// The system clears new memory page by page: with these, echoes of 1 MiB are 1.8 times as fast.
static SPARE: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// The bytes of a message, in the order of its pieces.
#[derive(Debug, Default, PartialEq)]
pub struct Payload(pub Vec<Vec<u8>>);

impl Payload {
    /// Of a text.
    pub fn text(&self) -> String {
        // Checked as it came, so this does not fail.
        String::from_utf8(self.0.concat()).unwrap_or_default()
    }

    /// The memory it takes.
    pub fn held(&self) -> usize {
        self.0.iter().map(Vec::capacity).sum()
    }

    /// Appends `bytes`, in one piece with the last `half` bytes that are there, and gives both back.
    pub fn append(&mut self, bytes: &[u8], half: usize) -> &mut [u8] {
        let full = |last: &Vec<u8>| last.len() + bytes.len() > PIECE_BYTES;
        if self.0.last().is_none_or(full) {
            let spare = if bytes.len() > PIECE_BYTES / 2 { SPARE.lock().ok() } else { None };
            let mut piece = spare.and_then(|mut spare| spare.pop()).unwrap_or_default();
            if let Some(last) = self.0.last_mut() {
                piece.extend(last.drain(last.len() - half..));
            }
            self.0.push(piece);
        }
        let last = self.0.len() - 1;
        let piece = &mut self.0[last];
        let needed = piece.len() + bytes.len();
        if piece.capacity() < needed {
            // Twice as much, so that a message in drips is not copied again for each of them.
            piece.reserve_exact((2 * needed).min(PIECE_BYTES) - piece.len());
        }
        let start = piece.len() - half;
        piece.extend_from_slice(bytes);
        &mut piece[start..]
    }
}

/// Its pieces are kept for the next messages.
impl Drop for Payload {
    fn drop(&mut self) {
        for mut piece in self.0.drain(..).filter(|piece| piece.capacity() == PIECE_BYTES) {
            let Ok(mut spare) = SPARE.lock() else { return };
            if spare.len() < SPARE_MAX {
                piece.clear();
                spare.push(piece);
            }
        }
    }
}

/// The same as [`frame::mask`](super::frame::mask), some twenty times as fast: with the key repeated,
/// and no index, the compiler makes vector instructions of the inner loop.
pub fn mask_fast(payload: &mut [u8], key: [u8; 4]) {
    let keys = [key; 32];
    let keys = keys.as_flattened();
    for strip in payload.chunks_mut(keys.len()) {
        for (byte, key) in strip.iter_mut().zip(keys) {
            *byte ^= key;
        }
    }
}
