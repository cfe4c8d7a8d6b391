//! The log: what a line tells, and that nobody waits for whoever reads it.

mod common;
#[cfg(target_os = "linux")]
#[path = "common/terminal.rs"]
mod terminal;

use common::{Client, Process, get, lines, masked, post, rawchat, said};
use rawchat::tools::journal::QUEUE_BYTES_MAX;
use rawchat::wire::frame::Opcode;
use std::io::Write;
use std::thread;

/// Lines of stderr until each of `patterns` is in one: every connection logs in its own time.
fn log_until(process: &mut Process, patterns: &[&str]) -> Vec<String> {
    let mut seen: Vec<String> = Vec::new();
    for line in lines(process.stderr.take().unwrap()) {
        seen.push(line.trim_end().to_string());
        if patterns.iter().all(|pattern| seen.iter().any(|line| line.contains(pattern))) {
            break;
        }
    }
    seen
}

/// `10:15:30.123 #1    Alice    says message 1, 2 B  src/….rs:103 §1.12`
#[test]
fn a_log_line_tells_when_who_what_and_where_in_the_source() {
    let mut process = Process::start(&mut rawchat(&["4", "--port=0"]));
    assert_eq!(process.client().ask(post("Alice", "hi")).status, 201);
    process.client().ask("GARBAGE\r\n");
    drop(Client::open(process.address, "/?user=Bob").greeted());
    let lines = log_until(&mut process, &["leaves", "POST /messages -> 201", "-> 400"]);
    let said = lines.iter().find(|line| line.contains("says message 1")).expect("what was said");
    assert!(said.contains(" #1    Alice "), "the first connection: {said}");
    let posted = lines.iter().find(|line| line.contains("POST /messages -> 201")).unwrap();
    assert!(posted.contains(" B out"), "with its bytes: {posted}");
    assert!(lines.iter().any(|line| line.contains("joins") && line.contains(" #3    Bob ")));
    for line in &lines {
        let shape: String =
            line.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        assert!(shape.starts_with("00:00:00.000 #0"), "{line}");
        let (_, place) = line.rsplit_once("  ").unwrap();
        let (place, mark) = place.split_once(" §").unwrap();
        let (file, number) = place.rsplit_once(':').unwrap();
        let source = std::fs::read_to_string(file).unwrap();
        let at: usize = number.parse().unwrap();
        let printed: String = source.lines().skip(at - 1).take(3).collect();
        assert!(printed.contains("event!(") && printed.contains(&format!("\"§{mark}\"")), "{line}");
        assert!(!line.contains('\x1b'), "colour is for terminals");
    }
}

#[test]
fn what_a_terminal_would_obey_and_what_nobody_sees_does_not_reach_it() {
    let mut process = Process::start(&mut rawchat(&["1", "--port=0"]));
    // Controls; separators of lines; text turned around; joiners, fillers and spaces of no width;
    // marks that change what stands before them; tags.
    let hidden = "\x1b\x07\u{85}\u{9b}\u{ad}\u{34f}\u{61c}\u{115f}\u{1160}\u{180e}\u{200b}\u{200c}\u{200d}\
        \u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\u{202e}\u{2060}\u{2066}\u{2069}\u{206f}\u{3164}\u{fe0f}\
        \u{feff}\u{ffa0}\u{fff9}\u{fffb}\u{1d173}\u{e0041}\u{e0100}";
    for hidden in hidden.chars() {
        let asked = format!("/messages{hidden}a").into_bytes();
        let asked = asked.iter().map(|byte| format!("%{byte:02x}")).collect::<String>();
        process.get(&asked.replacen("%2f", "/", 1));
        assert_eq!(process.client().ask(post(&format!("E{hidden}ve"), "hi")).status, 201);
    }
    process.get("/messages%1b%5b2J%0aforged");
    for line in log_until(&mut process, &["forged"]) {
        assert!(!line.contains(|c| hidden.contains(c)), "{line:?}");
        assert!(line.contains('§'), "a line an event: {line:?}");
    }
}

#[test]
fn a_broken_rule_of_frames_is_logged_with_the_line_that_found_it() {
    let mut process = Process::start(&mut rawchat(&["4", "--port=0"]));
    let mut client = Client::open(process.address, "/echo");
    client.send(b"\xc1\x80");
    let lines = log_until(&mut process, &["is closed with 1002"]);
    let line = lines.last().unwrap();
    let (_, place) = line.split_once("(src/wire/frame.rs:").expect(line);
    let number: usize = place.split_once(')').expect(line).0.parse().expect(line);
    let source = include_str!("../src/wire/frame.rs");
    assert!(source.lines().nth(number - 1).unwrap().contains("reserved bit"), "{line}");
}

#[test]
fn who_is_cut_off_is_so_once_and_not_heard_after_it() {
    let mut process = Process::start(&mut rawchat(&["4", "--port=0"]));
    let mut deaf = Client::open(process.address, "/?user=Deaf");
    let pings = masked(Opcode::Ping, [0; 125]).repeat(1_000);
    let flood = thread::spawn(move || while deaf.socket.write_all(&pings).is_ok() {});
    let lines = log_until(&mut process, &["Deaf     leaves"]);
    assert_eq!(
        lines.iter().filter(|line| line.contains("Deaf     cut off")).count(),
        1,
        "{lines:?}"
    );
    flood.join().unwrap();
}

#[test]
#[cfg(target_os = "linux")]
fn colour_is_for_terminals_and_not_with_no_color() {
    for (no_color, colour) in [(None, true), (Some(""), true), (Some("1"), false)] {
        let (shown, written) = terminal::terminal();
        let mut command = rawchat(&["1", "--port=0"]);
        if let Some(value) = no_color {
            command.env("NO_COLOR", value);
        }
        let process = Process::start(command.stderr(written));
        assert_eq!(process.client().ask(post("Alice", "hi")).status, 201);
        let line = lines(shown).next().unwrap();
        assert!(line.contains("src/"), "{line:?}");
        assert_eq!(line.contains('\x1b'), colour, "{no_color:?}: {line:?}");
    }
}

#[test]
fn it_goes_on_when_nobody_reads_its_log_any_more() {
    let mut process = Process::start(&mut rawchat(&["4", "--port=0"]));
    drop(process.stderr.take());
    for _ in 0..10 {
        assert_eq!(process.client().ask(post("Alice", "hi")).status, 201);
        assert_eq!(process.client().ask("GARBAGE\r\n").status, 400);
    }
    assert_eq!(process.child.try_wait().unwrap(), None);
}

// Whoever is known is named

#[test]
fn a_line_names_whoever_is_known() {
    let mut process = Process::start(&mut rawchat(&["4", "--port=0"]));
    let mut browser = process.client();
    assert_eq!(browser.ask(get("/?user=Alice")).status, 200);
    assert_eq!(browser.ask(post("Bob", "hi")).status, 201);
    assert_eq!(browser.ask(get("/messages")).status, 200);
    let mut carol = Client::open(process.address, "/?user=Carol").greeted();
    carol.send(masked(Opcode::Close, 1000u16.to_be_bytes()));
    assert_eq!(carol.closed().0, 1000);
    drop(carol);
    let lines = log_until(&mut process, &["Carol    closed: ", "GET /messages -> 200"]);
    for expected in [
        "#1    Alice    GET /?user=Alice -> 200",
        "#1    Bob      says message 1",
        "#1    Bob      POST /messages -> 201",
        // Two people may share a browser, and a browser's connections are for all its pages.
        "#1    -        GET /messages -> 200",
        "#2    Carol    GET /?user=Carol -> 101",
        "#2    Carol    joins",
        "#2    Carol    closes: 1000",
        "#2    Carol    leaves",
    ] {
        assert!(lines.iter().any(|line| line.contains(expected)), "{expected:?} in {lines:#?}");
    }
}

#[test]
fn a_tab_that_is_closed_is_no_error_of_the_system() {
    let mut process = Process::start(&mut rawchat(&["4", "--port=0"]));
    let polite = |mut client: Client| client.send(masked(Opcode::Close, 1001u16.to_be_bytes()));
    let rude = |client: Client| client.reset();
    let join = |user: &str| Client::open(process.address, &format!("/?user={user}")).greeted();
    rude(join("Alice"));
    polite(join("Bob"));
    let mut halfway = join("Carol");
    halfway.send(masked(Opcode::Close, 1001u16.to_be_bytes()));
    rude(halfway);
    drop(join("Dave"));
    let all = ["Alice    closed", "Bob      closed", "Carol    closed", "Dave     closed"];
    for line in log_until(&mut process, &all) {
        assert!(!line.contains("os error"), "{line}");
    }
}

// Nobody waits for the log

/// Requests are answered and members hear one another although nobody reads the log, and the queue
/// is full several times over. Gives the number of long lines.
fn says_much(process: &Process) -> usize {
    const BYTES: usize = 6_000;
    const QUEUES: usize = 4;
    let mut alice = Client::open(process.address, "/?user=Alice").greeted();
    let mut bob = Client::open(process.address, "/?user=Bob").greeted();
    let mut asks = process.client();
    let long = get(&format!("/messages?{}", "x".repeat(BYTES)));
    let count = QUEUES * QUEUE_BYTES_MAX / BYTES;
    for _ in 0..count {
        assert_eq!(asks.ask(&long).status, 200);
    }
    for id in 1..=20 {
        alice.send(said("is anybody there?"));
        assert_eq!(bob.message().0, id);
    }
    count
}

/// Reads on until the line that tells how many are missing: none of the long ones is gone unsaid.
fn nothing_is_missing_unsaid(log: impl Iterator<Item = String>, long: usize) {
    let mut shown = 0;
    for line in log {
        shown += usize::from(line.contains("xxx"));
        if let Some((count, _)) = line.split_once(" lines are missing here") {
            let missing: usize = count.parse().unwrap();
            assert!(missing > 0 && shown > 0);
            // Comings and sayings are less than a hundred lines.
            assert!((long..long + 100).contains(&(shown + missing)), "{shown} + {missing}, {long}");
            return;
        }
        assert!(line.contains('§'), "half a line: {line:?}");
    }
}

#[test]
fn a_full_pipe_that_nobody_reads_stops_nobody() {
    let mut process = Process::start(&mut rawchat(&["4", "--port=0"]));
    let count = says_much(&process);
    let mut log = lines(process.stderr.take().unwrap());
    nothing_is_missing_unsaid(&mut log, count);
    process.get("/messages?again");
    assert!(log.any(|line| line.contains("?again")), "it goes on");
}

/// Ctrl+S stops what a terminal shows, Ctrl+Q lets it go on. So does a selection in a console of
/// Windows.
#[test]
#[cfg(target_os = "linux")]
fn a_paused_terminal_stops_nobody() {
    const CTRL_S: &[u8] = b"\x13";
    const CTRL_Q: &[u8] = b"\x11";
    let (shown, written) = terminal::terminal();
    let mut keyboard = shown.get_ref().try_clone().unwrap();
    let process = Process::start(rawchat(&["4", "--port=0"]).stderr(written));
    keyboard.write_all(CTRL_S).unwrap();
    let count = says_much(&process);
    keyboard.write_all(CTRL_Q).unwrap();
    nothing_is_missing_unsaid(lines(shown), count);
}
