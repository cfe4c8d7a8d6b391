//! Frames of a WebSocket, of either side, whatever their bits say (RFC 6455 §5.2).

use super::{Context, Kind, Next, Tape};

/// The longest payload of a control frame. RFC 6455 §5.5
const CONTROL_BYTES_MAX: u64 = 125;

/// A frame's header, and what of its payload must be seen whole.
pub(super) fn header(tape: &mut Tape, context: &mut Context) -> bool {
    tape.close(0);
    tape.open(Kind::Frame);
    let first = tape.rest()[0];
    let (opcode, rsv1) = (first & 15, first & 0b0100_0000 != 0);
    let compressed = rsv1 && context.deflate;
    tape.leaf(Kind::Fin, 1);
    tape.leaf(if compressed { Kind::RsvCompressed } else { Kind::Rsv }, 3);
    tape.leaf(Kind::Opcode, 4);
    let Some(&second) = tape.rest().first() else { return false };
    tape.leaf(Kind::Mask, 1);
    tape.leaf(Kind::Length7, 7);
    let (kind, size) = match second & 127 {
        126 => (Kind::Length16, 2),
        127 => (Kind::Length64, 8),
        _ => (Kind::Length7, 0),
    };
    let Some(long) = tape.rest().get(..size) else { return false };
    let long = long.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
    let length = if size == 0 { u64::from(second & 127) } else { long };
    tape.leaf(kind, 8 * size);
    let key = match second & 128 != 0 {
        false => None,
        true => {
            let Some(&key) = tape.rest().first_chunk::<4>() else { return false };
            tape.leaf(Kind::MaskingKey, 32);
            Some(key)
        }
    };
    let control = opcode >= 8 && length <= CONTROL_BYTES_MAX;
    if control && (tape.rest().len() as u64) < length {
        return false;
    }
    if opcode == 8 && control {
        close_payload(tape, length as usize, key);
        return true;
    }
    if matches!(opcode, 1 | 2) {
        context.compressed = compressed;
    }
    let kind = match opcode {
        0..=2 if context.compressed => Kind::CompressedPayload,
        0 => Kind::ContinuedPayload,
        1 => Kind::TextPayload,
        9 => Kind::PingPayload,
        10 => Kind::PongPayload,
        _ => Kind::BinaryPayload,
    };
    if length > 0 {
        context.next = Next::Payload(length, kind, key);
    }
    true
}

/// Two bytes of code, and a reason.
fn close_payload(tape: &mut Tape, length: usize, key: Option<[u8; 4]>) {
    match length {
        1 => tape.masked_leaf(Kind::HalfCloseCode, 8, key),
        2.. => {
            tape.masked_leaf(Kind::CloseCode, 16, key);
            tape.masked_leaf(Kind::CloseReason, 8 * (length - 2), key.map(|key| turned(key, 2)));
        }
        0 => {}
    }
}

/// As much of the payload as has come.
pub(super) fn payload(
    tape: &mut Tape,
    context: &mut Context,
    left: u64,
    kind: Kind,
    key: Option<[u8; 4]>,
) -> bool {
    let count = left.min(tape.rest().len() as u64);
    tape.masked_leaf(kind, 8 * count as usize, key);
    context.next = match left - count {
        0 => Next::Frame,
        left => Next::Payload(left, kind, key.map(|key| turned(key, count as usize))),
    };
    true
}

pub(super) fn turned(mut key: [u8; 4], count: usize) -> [u8; 4] {
    key.rotate_left(count % 4);
    key
}
