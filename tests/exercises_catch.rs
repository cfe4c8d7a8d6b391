//! What only an exercise would break: see `exercises/README.md`.

mod common;

use common::{Server, eventually, get, masked};
use rawchat::wire::frame::Opcode;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

/// Nagle's algorithm and a delayed acknowledgement cost 40 ms an answer on Linux, more elsewhere.
/// How long an answer takes depends on what else the machine does, too; how many pieces it comes
/// in does not.
#[test]
fn an_answer_never_waits_until_its_own_head_is_acknowledged() {
    const ANSWERS: usize = 60;
    let server = Server::start(1);
    let mut client = server.client();
    let mut late: Vec<Duration> = Vec::new();
    for _ in 0..ANSWERS {
        let asked = Instant::now();
        client.send(get("/messages"));
        client.fill().unwrap();
        let whole = client.unread().ends_with(b"[]");
        assert_eq!(client.response().text(), "[]");
        if !whole {
            late.push(asked.elapsed());
        }
    }
    late.sort();
    let (count, median) = (late.len(), late.get(late.len() / 2));
    assert_eq!(
        count, 0,
        "{count} of {ANSWERS} answers came in two pieces, the body after {median:?}"
    );
}

/// A connection has one writer at a time: what the reader's thread answers queues behind what the
/// catch-up is writing. RFC 6455 §5.4: control frames stand between frames, never within one.
#[test]
fn a_pong_never_lands_within_a_frame() {
    // Two writers on one socket might be lucky, but not four times.
    (0..4).for_each(|_| a_slow_reader_that_pings_finds_every_frame_whole());
}

fn a_slow_reader_that_pings_finds_every_frame_whole() {
    const MESSAGES: u64 = 4_000;
    const PINGS: usize = 4_000;
    let server = Server::start(4);
    let mut slow = server.join("Slow").greeted();
    socket2::SockRef::from(&slow.socket).set_recv_buffer_size(128 * 1024).unwrap();
    let chat = server.chat.clone();
    thread::spawn(move || {
        (0..MESSAGES).for_each(|_| drop(chat.say("Alice".into(), "x".repeat(2_000))));
    });
    eventually("all is said", || server.chat.room.counts().0 == MESSAGES);
    let ping = masked(Opcode::Ping, "are you there?");
    slow.send(ping.repeat(PINGS / 2));
    let (mut texts, mut pongs) = (0, 0);
    while texts < MESSAGES || pongs < PINGS {
        match slow.frame() {
            (Opcode::Pong, payload) => {
                assert_eq!(payload, b"are you there?");
                pongs += 1;
            }
            (Opcode::Text, payload) => {
                let begin = format!(r#"{{"type":"message","message":{{"id":{},"#, texts + 1);
                let pong = payload.windows(2).position(|bytes| bytes == [0x8a, 14]);
                if let Some(at) = pong {
                    let bytes = &payload[at..][..16.min(payload.len() - at)];
                    panic!("a pong stands at byte {at} of message {}: {bytes:02x?}", texts + 1);
                }
                assert!(payload.starts_with(begin.as_bytes()) && payload.ends_with(b"\"}}"));
                texts += 1;
                // Again and again while the catch-up is writing.
                if texts <= PINGS as u64 / 2 {
                    slow.send(&ping);
                }
            }
            other => panic!("{other:?}"),
        }
    }
}

/// The page's own lines are carried out by node, without a page: a crowd that was cut off together
/// must not come back together.
#[test]
fn the_pauses_of_two_pages_are_not_the_same() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("public/chat.js");
    let script = std::fs::read_to_string(script).unwrap();
    let (_, backoff) = script.split_once("export const backoff = {").expect("the backoff");
    let (backoff, _) = backoff.split_once("\n};\n").expect("its end");
    let constants = script.lines().filter(|line| line.starts_with("const BACKOFF_MS_"));
    let program = format!(
        "{constants}
         const journal = () => {{}}, t = () => '', seconds = () => '', pauses = [];
         const pause = (ms) => pauses.push(ms);
         const backoff = {{{backoff}}};
         for (let page = 0; page < 100; page++) {{
           backoff.reset();
           for (let turn = 0; turn < 10; turn++) await backoff.pause();
         }}
         for (let turn = 0; turn < 10; turn++) {{
           const ceiling = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** turn);
           const all = pauses.filter((_, at) => at % 10 === turn);
           if (!all.every((ms) => ms >= 0 && ms <= ceiling)) throw `turn ${{turn}}: over ${{ceiling}}`;
           if (new Set(all.map(Math.floor)).size < 20) throw `turn ${{turn}}: all pause alike`;
           if (Math.min(...all) > ceiling / 2) throw `turn ${{turn}}: all pause long`;
         }}",
        constants = constants.collect::<Vec<_>>().join("\n")
    );
    let node = Command::new("node").args(["--input-type=module", "--eval", &program]).output();
    match node {
        Ok(output) => {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr))
        }
        Err(error) => {
            assert!(std::env::var("CI").is_err(), "there is no node here: {error}");
            let _ = writeln!(std::io::stderr(), "skipped: there is no node here");
        }
    }
}
