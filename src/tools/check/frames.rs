//! Stages 5 to 7: the handshake, frames, and the chat on it.

use super::fault::{Done, Fault, accepted, field, ids, in_field, not, same, status, wrong};
use super::http::{in_a_row, page};
use super::lab::{Lab, Peer};
use crate::tools::client::{masked, random_key};
use crate::tools::dissect::Kind;
use crate::wire::control::close_payload;
use crate::wire::frame::{self, Header, Opcode};
use std::panic::resume_unwind;
use std::thread;
use std::time::Duration;

// ---- 5 The handshake

pub fn accept_key(lab: &Lab) -> Done {
    lab.open("/?user=Bob").map(drop)
}

pub fn case_and_lists(lab: &Lab) -> Done {
    let key = random_key();
    let fields = format!(
        "UPGRADE: WebSocket\r\nconnection: keep-alive, Upgrade\r\nsec-websocket-key: {key}\r\n\
         SEC-WEBSOCKET-VERSION: 13\r\n"
    );
    accepted(&lab.ask(lab.request("GET /?user=Firefox", &fields, ""), 101)?, &key)
}

pub fn another_version(lab: &Lab) -> Done {
    let mut peer = lab.peer()?;
    let request = lab.handshake("/?user=Old", "", &random_key());
    peer.send(request.replace("Version: 13", "Version: 12"))?;
    let response = peer.response()?;
    // To the RFC 426 is an example.
    if !(400..500).contains(&response.status) {
        status(&response, 426)?;
    }
    let version = field(&response, "Sec-WebSocket-Version")?;
    if response.lists("Sec-WebSocket-Version", "13") {
        Ok(())
    } else {
        not(format!("{version:?}"), 13)
    }
}

pub fn early_frame(lab: &Lab) -> Done {
    let (key, text) = (random_key(), lab.word());
    let mut peer = lab.peer()?;
    let request = lab.handshake("/echo", "", &key).into_bytes();
    let frame = masked(true, Opcode::Text, text.as_bytes());
    accepted(&peer.ask([request, frame].concat(), 101)?, &key)?;
    echoed(&mut peer, text.as_bytes())
}

pub fn foreign_origin(lab: &Lab) -> Done {
    let fields = "Origin: http://evil.example\r\n";
    lab.ask(lab.handshake("/?user=Eve", fields, &random_key()), 403).map(drop)
}

// ---- 6 Frames

fn echoed(peer: &mut Peer, expected: &[u8]) -> Done {
    let (opcode, payload) = peer.hear()?;
    if (opcode, &payload[..]) == (Opcode::Text, expected) {
        return Ok(());
    }
    let same = payload.iter().zip(expected).take_while(|(a, b)| a == b).count();
    let count = payload.len();
    wrong(
        format!("{opcode:?}, {count} Б; надіслано {} Б, перші {same} ті самі", expected.len()),
        format!(
            "{opcode:?}, {count} B; {} B were sent, the first {same} are the same",
            expected.len()
        ),
    )
}

pub fn lengths(lab: &Lab) -> Done {
    let mut peer = lab.open("/echo")?;
    for length in [0, 125, 126, 65_535, 65_536] {
        let text = lab.word().repeat(8 * 1024);
        peer.send_frame(Opcode::Text, &text[..length])?;
        echoed(&mut peer, &text.as_bytes()[..length])?;
    }
    Ok(())
}

pub fn unmasks(lab: &Lab) -> Done {
    let (mut peer, text) = (lab.open("/echo")?, lab.word().repeat(5));
    for byte in masked(true, Opcode::Text, text.as_bytes()) {
        peer.send([byte])?;
        thread::sleep(Duration::from_millis(2));
    }
    echoed(&mut peer, text.as_bytes())
}

pub fn unmasked_frame(lab: &Lab) -> Done {
    let (mut peer, mut bytes) = (lab.open("/echo")?, Vec::new());
    frame::encode(&mut bytes, Opcode::Text, lab.word().as_bytes(), None);
    peer.send(bytes)?;
    peer.failed(1002)
}

pub fn ping_between_fragments(lab: &Lab) -> Done {
    let mut peer = lab.open("/echo")?;
    let [first, ping, last] = [lab.word(), lab.word(), lab.word()];
    peer.send(masked(false, Opcode::Text, first.as_bytes()))?;
    peer.send(masked(true, Opcode::Ping, ping.as_bytes()))?;
    peer.send(masked(true, Opcode::Continuation, last.as_bytes()))?;
    let (opcode, payload) = peer.hear()?;
    let came = format!("{opcode:?} {:?}", String::from_utf8_lossy(&payload));
    in_field(Kind::Opcode, same(came, format!("{:?} {ping:?}", Opcode::Pong)))?;
    echoed(&mut peer, (first + &last).as_bytes())
}

pub fn not_utf8(lab: &Lab) -> Done {
    let mut peer = lab.open("/echo")?;
    peer.send_frame(Opcode::Text, b"\xce\xba\xe1\xff")?;
    peer.failed(1007)
}

pub fn close(lab: &Lab) -> Done {
    let mut peer = lab.open("/echo")?;
    peer.send_frame(Opcode::Close, close_payload(1000, ""))?;
    peer.closed(&[1000, 1005])
}

// ---- 7 The chat on it, and trouble

/// The next `count` messages of a reader: one after another, from the one after `last` on.
fn hears(peer: &mut Peer, last: &mut u64, count: u64) -> Done {
    for _ in 0..count {
        *last += 1;
        same(peer.message()?.id, *last)?;
    }
    Ok(())
}

/// The first on a thread of its own.
fn both(first: impl FnOnce() -> Done + Send, second: impl FnOnce() -> Done) -> Done {
    thread::scope(|scope| {
        let first = scope.spawn(first);
        let second = second();
        first.join().unwrap_or_else(|panic| resume_unwind(panic)).and(second)
    })
}

pub fn everybody(lab: &Lab) -> Done {
    const READERS: usize = 10;
    const MESSAGES: u64 = 50;
    let before = lab.say_something()?;
    let mut readers: Vec<Peer> = (0..READERS).map(|_| lab.join(None)).collect::<Result<_, _>>()?;
    let mut writer = lab.join(None)?;
    both(
        || (0..MESSAGES).try_for_each(|_| lab.say_something().map(drop)),
        || (0..MESSAGES).try_for_each(|_| writer.say(&lab.word())),
    )?;
    for reader in readers.iter_mut().chain([&mut writer]) {
        hears(reader, &mut before.clone(), 2 * MESSAGES)?;
    }
    in_a_row(&ids(&lab.list(Some(before))?), before, 2 * MESSAGES)
}

pub fn comes_back(lab: &Lab) -> Done {
    const CUTS: u64 = 50;
    const MESSAGES: u64 = 3 * CUTS;
    let before = lab.say_something()?;
    let (mut last, end) = (before, before + MESSAGES);
    both(
        || (0..MESSAGES).try_for_each(|_| lab.say_something().map(drop)),
        || {
            for cut in 0..=CUTS {
                let left = end - last;
                let count = if cut == CUTS { left } else { (1 + lab.random() % 4).min(left) };
                hears(&mut lab.join(Some(last))?, &mut last, count)?;
            }
            Ok(())
        },
    )
}

/// Readers that have not read anything yet, the id after which they are behind, and how many messages
/// wait for each: more than the kernels on both sides keep for somebody who does not read.
fn stalled<'a>(lab: &'a Lab, readers: usize) -> Result<(Vec<Peer<'a>>, u64, u64), Fault> {
    const ROUNDS: u64 = 40;
    const MESSAGES: u64 = 50;
    const TEXT_CHARS: usize = 2000;
    let before = lab.say_something()?;
    let stalled = (0..readers).map(|_| lab.join(None)).collect::<Result<_, _>>()?;
    let (mut other, mut last) = (lab.join(None)?, before);
    let text = "ї".repeat(TEXT_CHARS);
    for _ in 0..ROUNDS {
        (0..MESSAGES).try_for_each(|_| other.say(&text))?;
        hears(&mut other, &mut last, MESSAGES)?;
    }
    Ok((stalled, before, ROUNDS * MESSAGES))
}

pub fn stalled_reader(lab: &Lab) -> Done {
    stalled(lab, 1).map(drop)
}

/// They read on, one after another, and ping with every message: a Pong that another thread writes
/// meanwhile would stand in the middle of a frame. It has one chance to for each reader, when there
/// is room again for the rest of a frame.
pub fn slow_readers_ping(lab: &Lab) -> Done {
    const READERS: usize = 5;
    let (readers, before, count) = stalled(lab, READERS)?;
    readers.into_iter().try_for_each(|slow| pings_and_reads(lab, slow, before, count))
}

/// That it was given up in the meantime is no fault.
fn pings_and_reads(lab: &Lab, mut slow: Peer, mut last: u64, count: u64) -> Done {
    for _ in 0..count {
        let pinged = slow.send_frame(Opcode::Ping, "?");
        match pinged.and_then(|()| hears(&mut slow, &mut last, 1)) {
            Err(fault) if fault.is_end() => {
                lab.advise("повільного читача від’єднано", "the slow reader was disconnected");
                return Ok(());
            }
            told => told?,
        }
    }
    Ok(())
}

pub fn enormous_frame(lab: &Lab) -> Done {
    let (mut peer, mut bytes) = (lab.join(None)?, Vec::new());
    let (opcode, key) = (Opcode::Text, Some([1, 2, 3, 4]));
    frame::encode_header(&mut bytes, Header { fin: true, opcode, key, length: 1 << 62 });
    peer.send(bytes)?;
    loop {
        match peer.hear() {
            Ok((Opcode::Close, _)) => return peer.ends(),
            Ok(_) => {}
            Err(fault) if fault.is_late() => return Err(fault),
            Err(Fault { .. }) => return Ok(()),
        }
    }
}

pub fn after_a_kill(lab: &Lab) -> Done {
    // A connection that the server ends leaves its port in TIME_WAIT.
    let _open = lab.peer()?;
    lab.subject.restart().or_else(|([uk, en], _)| wrong(uk, en))?;
    page(lab)
}
