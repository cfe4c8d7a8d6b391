//! One direction of a living connection: bytes come in pieces, and go on as whole exchanges.

use super::{Context, Field, Kind, dissect};

/// A frame is held back until it is whole, and so is a head; but no more than this.
const HELD_BYTES_MAX: usize = 64 * 1024;

/// What has come and is not whole yet, and what is known of it.
pub struct Stream {
    bytes: Vec<u8>,
    pub context: Context,
}

impl Stream {
    pub fn new(context: Context) -> Stream {
        Stream { bytes: Vec::new(), context }
    }

    /// What can be said now that `more` has come: the fields, and the bytes that they are about.
    /// Bodies are not waited for: a piece of one is a field of its own.
    pub fn take(&mut self, more: &[u8]) -> (Vec<Field>, Vec<u8>) {
        self.bytes.extend_from_slice(more);
        let before = self.context.clone();
        let (fields, mut settled) = dissect(&self.bytes, &mut self.context);
        let full = self.bytes.len() >= HELD_BYTES_MAX;
        if self.context.in_payload() && !full {
            let last = fields.iter().rev().find(|field| field.kind == Kind::Frame);
            settled = last.map_or(settled, |frame| frame.bytes().start);
        } else if settled == 0 && full {
            return self.rest();
        }
        let own: Vec<u8> = self.bytes.drain(..settled).collect();
        if self.bytes.is_empty() {
            return (fields, own);
        }
        self.context = before;
        let (fields, _) = dissect(&own, &mut self.context);
        (fields, own)
    }

    /// Whether something has begun that has not come to its end.
    pub fn is_amid(&self) -> bool {
        !self.bytes.is_empty() || !self.context.at_rest()
    }

    /// What is left, whole or not: nothing more will come, or there is no room for more.
    pub fn rest(&mut self) -> (Vec<Field>, Vec<u8>) {
        let bytes = std::mem::take(&mut self.bytes);
        let (fields, settled) = dissect(&bytes, &mut self.context);
        if settled < bytes.len() {
            self.context.give_up();
        }
        (fields, bytes)
    }
}
