//! What the log costs: GETs a second of a server that is quiet, and of one whose log goes into a pipe.

use super::common::{Process, get, rawchat};
use std::io::{Read, Write};
use std::thread;
use std::time::{Duration, Instant};

/// Connections of each of two threads: while one is asked, those before it are answered.
const CONNECTIONS: usize = 16;
const SECONDS: u64 = 2;
/// Pairs of measurements, quiet and with a log in turn.
const PAIRS: usize = 5;

pub fn cost() -> String {
    let quiet = Process::quiet(1);
    let mut logging = Process::start(&mut rawchat(&["1", "--port=0"]));
    let mut log = logging.stderr.take().unwrap();
    let reader = thread::spawn(move || {
        let (mut lines, mut piece) = (0, [0; 64 * 1024]);
        while let Ok(bytes @ 1..) = log.read(&mut piece) {
            lines += piece[..bytes].iter().filter(|byte| **byte == b'\n').count();
        }
        lines
    });
    let (mut quietly, mut logged) = (Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        quietly.push(gets(&quiet));
        logged.push(gets(&logging));
    }
    drop(logging);
    let asked: usize = logged.iter().sum();
    let written = 100 * reader.join().unwrap() / asked;
    let [quietly, logged] = [quietly, logged].map(|mut counts| {
        counts.sort();
        counts[PAIRS / 2] / 1_000 / SECONDS as usize
    });
    format!(
        "{quietly} k GETs a second quiet, {logged} with a log into a pipe, which {written} % of \
         the lines reach (medians of {PAIRS} pairs; wanted: 60 k)"
    )
}

/// How many are answered in [`SECONDS`].
fn gets(server: &Process) -> usize {
    let (question, begun) = (get("/messages"), Instant::now());
    let ask = || {
        let mut sockets = [(); CONNECTIONS].map(|()| server.client().socket);
        let (mut count, mut answer) = (0, [0; 1024]);
        while begun.elapsed() < Duration::from_secs(SECONDS) {
            for socket in &mut sockets {
                socket.write_all(question.as_bytes()).unwrap();
            }
            for socket in &mut sockets {
                let bytes = socket.read(&mut answer).unwrap();
                assert!(answer[..bytes].ends_with(b"[]"), "a whole answer of an empty chat");
            }
            count += CONNECTIONS;
        }
        count
    };
    thread::scope(|scope| {
        let other = scope.spawn(ask);
        ask() + other.join().unwrap()
    })
}
