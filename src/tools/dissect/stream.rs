//! One direction of a living connection: bytes come in pieces, and go on as whole exchanges.

use super::{Context, Field, dissect};

/// A frame is held back until it is whole, and so is a head; but no more than this.
const HELD_BYTES_MAX: usize = 64 * 1024;

/// What has come and is not whole yet, and what is known of it.
pub struct Stream {
    bytes: Vec<u8>,
    pub context: Context,
    /// Whether bodies are waited for, too; else a piece of one is a field of its own.
    whole_bodies: bool,
}

impl Stream {
    pub fn new(context: Context) -> Stream {
        Stream { bytes: Vec::new(), context, whole_bodies: false }
    }

    /// One that waits for bodies, where their length is known.
    pub fn of_whole_messages(context: Context) -> Stream {
        Stream { whole_bodies: true, ..Stream::new(context) }
    }

    /// What can be said now that `more` has come: the fields, and the bytes that they are about.
    pub fn take(&mut self, more: &[u8]) -> (Vec<Field>, Vec<u8>) {
        self.bytes.extend_from_slice(more);
        let mut context = self.context.clone();
        let (fields, mut settled) = dissect(&self.bytes, &mut context);
        let full = self.bytes.len() > HELD_BYTES_MAX;
        let last = fields.iter().rev().find(|field| field.parent.is_none());
        if let Some(last) = last.filter(|last| last.kind.is_message())
            && (context.in_payload() || (self.whole_bodies && context.in_body()))
            && !full
        {
            settled = last.bytes().start;
        }
        if settled == 0 && full {
            return self.rest();
        }
        if settled == self.bytes.len() {
            self.context = context;
            return (fields, std::mem::take(&mut self.bytes));
        }
        let own: Vec<u8> = self.bytes.drain(..settled).collect();
        let (fields, _) = dissect(&own, &mut self.context);
        (fields, own)
    }

    /// Whether nothing is held back.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
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
