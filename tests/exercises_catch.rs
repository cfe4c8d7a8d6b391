//! What only an exercise would break: see `exercises/README.md`.

mod common;

use common::{Server, calm, get, masked, patient};
use rawchat::techniques::Timing;
use rawchat::wire::frame::Opcode;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Nagle's algorithm and a delayed acknowledgement cost 40 ms an answer on Linux, more elsewhere.
#[test]
fn an_answer_never_waits_until_its_own_head_is_acknowledged() {
    let server = Server::start(1);
    let mut client = server.client();
    let mut times: Vec<Duration> = Vec::new();
    for _ in 0..60 {
        let asked = Instant::now();
        assert_eq!(client.ask(get("/messages")).text(), "[]");
        times.push(asked.elapsed());
    }
    times.sort();
    // The first few acknowledgements of a connection are not delayed.
    let third = times[times.len() * 2 / 3];
    assert!(third < Duration::from_millis(20), "{times:?}");
}
