//! What networks do by accident, and people on purpose: readers that stall, peers that vanish,
//! bytes that drip, crowds, restarts. Somebody well-behaved is always there, and notices nothing.

mod common;

use common::{
    AGES, Client, DEADLINE, Dice, KEY, Process, Server, calm, eventually, get, handshake, masked,
    number, patient, post, rawchat, said, string,
};
use rawchat::server::{Limits, TURNED_AWAY_MAX};
use rawchat::techniques::Timing;
use rawchat::wire::frame::{self, Header, Opcode};
use serde_json::Value;
use std::io::{BufRead, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

const SHORT: Duration = Duration::from_millis(300);

/// A header that announces 10,000 bytes of `opcode`.
fn announce(opcode: Opcode) -> Vec<u8> {
    let mut bytes = Vec::new();
    let header = Header { fin: true, opcode, key: Some(KEY), length: 10_000 };
    frame::encode_header(&mut bytes, header);
    bytes
}

/// A member of the chat that takes nothing, from behind a small window.
fn stalled(mut client: Client) -> Client {
    client = client.greeted();
    socket2::SockRef::from(&client.socket).set_recv_buffer_size(128 * 1024).unwrap();
    client
}

/// Everything the server still has for `client`: the ids must follow one another. Gives the last
/// one, and the code and reason of the close, if there was one.
fn drain(mut client: Client) -> (u64, Option<(u16, String)>) {
    in_order(&client.read_to_end())
}

fn in_order(bytes: &[u8]) -> (u64, Option<(u16, String)>) {
    let (mut rest, mut last) = (bytes, 0);
    while let Ok(Some((header, used))) = frame::decode(rest, frame::Side::Server, u64::MAX) {
        let Some(payload) = rest.get(used..used + header.length as usize) else { break };
        rest = &rest[used + payload.len()..];
        match (header.opcode, payload) {
            (Opcode::Close, [high, low, reason @ ..]) => {
                let reason = String::from_utf8(reason.to_vec()).unwrap();
                return (last, Some((u16::from_be_bytes([*high, *low]), reason)));
            }
            (Opcode::Text, text) => {
                let value = serde_json::from_slice::<Value>(text).unwrap();
                if let Some(message @ Value::Object(_)) = value.get("message") {
                    let id = number(message, "id");
                    assert!(last == 0 || id == last + 1, "{id} after {last}");
                    last = id;
                }
            }
            _ => {}
        }
    }
    (last, None)
}

// A reader that stops reading

#[test]
#[cfg(target_os = "linux")] // memory is read from /proc
fn a_reader_that_takes_nothing_costs_no_more_memory_and_disturbs_nobody() {
    // 24 MiB: more than the timeline and the sockets hold together.
    const MESSAGES: u64 = 12_000;
    let server = Process::quiet(4);
    let join = |user: &str| Client::open(server.address, &format!("/?user={user}"));
    let readers: Vec<Client> =
        ["Alice", "Bob", "Carol"].iter().map(|user| join(user).greeted()).collect();
    let slow = stalled(join("Slow"));
    let mut speaker = Client::over(readers[0].socket.try_clone().unwrap());
    let heard = [const { AtomicU64::new(0) }; 3];
    let before = server.rss_mib();
    let most = thread::scope(|scope| {
        for (i, (mut reader, heard)) in readers.into_iter().zip(&heard).enumerate() {
            scope.spawn(move || {
                let mut next = 1;
                while next <= MESSAGES {
                    let (opcode, payload) = reader.frame();
                    // The first one speaks, all the time; the others must answer on a slow machine.
                    if opcode == Opcode::Ping && i > 0 {
                        reader.send(masked(Opcode::Pong, payload));
                    } else if payload.starts_with(b"{\"type\":\"message\"") {
                        let expected =
                            format!("{{\"type\":\"message\",\"message\":{{\"id\":{next},");
                        assert!(payload.starts_with(expected.as_bytes()), "{opcode:?}, not {next}");
                        heard.store(next, Ordering::Relaxed);
                        next += 1;
                    }
                }
            });
        }
        let frame = said(&"x".repeat(2_000));
        let mut most = 0;
        for said in (0..MESSAGES).step_by(250) {
            speaker.send(frame.repeat(250));
            most = most.max(server.rss_mib());
            // Nobody but the stalled one is far behind, however slow this machine is.
            eventually("the others keep up", || {
                heard.iter().all(|heard| heard.load(Ordering::Relaxed) + 500 > said)
            });
        }
        most
    });
    drop(speaker);
    // The room keeps 5,000 messages, each as text and as JSON, and the timeline 16 MiB of frames: 36 MiB.
    assert!(most - before < 48, "from {before} to {most} MiB");
    // It wakes too late, and either finds that it was cut off or is told why it is.
    let (last, close) = drain(slow);
    assert!((1..MESSAGES).contains(&last), "in order up to {last}, and not to the end");
    assert!(close.is_none_or(|(code, _)| code == 1008));
}

/// Eight megabytes are more than the sockets hold, and less than the room keeps.
fn say_megabytes(server: &Server, megabytes: usize) {
    let (chat, text) = (server.chat.clone(), "x".repeat(2_000));
    thread::spawn(move || {
        for _ in 0..megabytes * 500 {
            chat.say("Alice".into(), text.clone());
        }
    });
}

#[test]
fn a_reader_that_wakes_in_time_has_missed_nothing_and_is_live_again() {
    let server = Server::start(4);
    let (mut slow, mut bob) = (stalled(server.join("Slow")), server.join("Bob").greeted());
    say_megabytes(&server, 8);
    (1..=4_000).for_each(|id| assert_eq!(bob.message().0, id));
    (1..=4_000).for_each(|id| assert_eq!(slow.message().0, id));
    bob.send(said("welcome back"));
    assert_eq!(slow.message(), (4_001, "welcome back".into()));
    slow.send(said("thanks"));
    assert_eq!((bob.message().0, bob.message().1), (4_001, "thanks".into()));
}

#[test]
fn a_reader_that_wakes_too_late_is_told_why_it_is_closed() {
    let server = Server::start(4);
    let (slow, mut bob) = (stalled(server.join("Slow")), server.join("Bob").greeted());
    say_megabytes(&server, 32);
    (1..=16_000).for_each(|id| assert_eq!(bob.message().0, id));
    let mut beyond = Client::over(slow.socket.try_clone().unwrap());
    let (last, close) = drain(slow);
    let (code, reason) = close.expect("a close frame");
    assert!((1..16_000).contains(&last));
    // Who was told so speaks no more, and is here no more.
    beyond.send(said("from beyond"));
    assert_eq!(string(&bob.hear_of("user_left"), "username"), "Slow");
    assert_eq!(server.chat.room.counts().0, 16_000);
    assert!(code == 1008 && reason.contains("slow") && reason.contains("lastId"), "{reason}");
}

/// RFC 6455 §5.5.1, §7.1.1: also where the answer has to queue.
#[test]
fn a_slow_reader_that_says_good_bye_is_answered_behind_what_is_on_the_way() {
    let server = Server::start(4);
    for (bytes, code) in
        [(masked(Opcode::Close, 1000u16.to_be_bytes()), 1000), (masked(Opcode::Text, [0xff]), 1007)]
    {
        let (mut slow, mut bob) = (stalled(server.join("Slow")), server.join("Bob").greeted());
        say_megabytes(&server, 8);
        (1..=4_000).for_each(|_| drop(bob.message()));
        slow.send(bytes);
        assert_eq!(string(&bob.hear_of("user_left"), "username"), "Slow");
        let close = drain(slow).1;
        assert_eq!(close.expect("a close frame").0, code);
    }
}

#[test]
fn a_slow_reader_that_has_left_is_told_no_more_news() {
    let server = Server::start(4);
    let (slow, mut bob) = (stalled(server.join("Slow")), server.join("Bob").greeted());
    say_megabytes(&server, 8);
    (1..=4_000).for_each(|_| drop(bob.message()));
    slow.socket.shutdown(Shutdown::Write).unwrap();
    assert_eq!(string(&bob.hear_of("user_left"), "username"), "Slow");
    assert!(drain(slow).0 < 4_000);
}

#[test]
fn a_reader_that_never_wakes_is_cut_off() {
    let server = Server::with(4, patient(), Timing { stall: SHORT, ..calm() });
    let (slow, mut bob) = (stalled(server.join("Slow")), server.join("Bob").greeted());
    for id in 1..=4_000 {
        // Bob never has more to take than his socket does, however slow this thread is.
        server.chat.say("Alice".into(), "x".repeat(2_000));
        assert_eq!(bob.message().0, id);
    }
    eventually("it has left", || server.chat.timeline.here().connections() == 1);
    eventually("its thread has gone", || server.chat.places.taken() == 1);
    assert!(drain(slow).0 < 4_000);
}

/// A newcomer is written to by its own thread, a member by the broadcaster.
#[test]
fn who_catches_up_by_drips_has_all_of_it_in_order_or_is_cut_off() {
    for (newcomer, stall, drip, all) in
        [(true, AGES, 16_384, true), (false, AGES, 16_384, true), (true, SHORT, 64, false)]
    {
        let limits = Limits { linger: SHORT, ..patient() };
        let server = Server::with(4, limits, Timing { stall, ..calm() });
        let join = || Client::open(server.address, "/?user=Slow&lastId=0");
        let early = (!newcomer).then(join);
        // More than the sockets hold.
        (0..3_000).for_each(|_| drop(server.chat.say("Alice".into(), "x".repeat(2_000))));
        let mut slow = early.unwrap_or_else(join);
        socket2::SockRef::from(&slow.socket).set_recv_buffer_size(64 * 1024).unwrap();
        let came_early = slow.unread().len();
        let (mut bytes, mut chunk) = (slow.read_exactly(came_early), vec![0; drip]);
        let newest = br#""id":3000,"#;
        eventually("all of it has come, or it is cut off", || {
            let count = slow.socket.read(&mut chunk).unwrap_or(0);
            bytes.extend_from_slice(&chunk[..count]);
            let end = &bytes[bytes.len().saturating_sub(2_500)..];
            let is_newest = || end.windows(newest.len()).any(|bytes| bytes == newest);
            end.ends_with(b"}}") && is_newest() || server.chat.places.taken() == 0
        });
        let (last, close) = in_order(&bytes);
        assert_eq!((last == 3_000, close), (all, None), "{last}");
        if !all {
            // What was on the way comes to an end, and none is left out.
            while let Ok(count @ 1..) = slow.fill() {
                bytes.extend(slow.read_exactly(count));
            }
            assert!(in_order(&bytes).0 < 3_000);
        }
    }
}

#[test]
fn who_asks_and_asks_and_never_listens_is_cut_off() {
    let limits = Limits { idle: SHORT, linger: SHORT, ..patient() };
    let server = Server::with(4, limits, calm());
    let page = get("/chat.js").repeat(100).into_bytes();
    let pings = masked(Opcode::Ping, [0; 125]).repeat(1_000);
    let echoes = masked(Opcode::Binary, vec![0; 100_000]);
    for (first, asked) in
        [(get("/chat.js"), page), (handshake("/?user=Deaf"), pings), (handshake("/echo"), echoes)]
    {
        let client = Client::before_idle(server.address, &first);
        let began = Instant::now();
        while (&client.socket).write_all(&asked).is_ok() {
            assert!(began.elapsed() < DEADLINE, "{first:?}");
        }
        eventually("its place is free", || server.chat.places.taken() == 0);
    }
}

// Bytes that drip

#[test]
fn four_hundred_that_drip_do_not_disturb_one_that_does_not() {
    let second = Duration::from_secs(1);
    let limits = Limits { head: second, body: second, linger: second, ..patient() };
    let server = Server::with(4, limits, Timing { heartbeat: second / 2, ..calm() });
    let mut drips: Vec<(Client, bool)> = Vec::new();
    for _ in 0..100 {
        let head = "GET / HTTP/1.1\r\nHost: rawchat\r\nA: ".to_string();
        let body = post("Eve", "hi").replace("Content-Length: ", "Content-Length: 100");
        let upgrade = handshake("/echo").trim_end().to_string();
        for begun in [head, body, upgrade] {
            drips.push((server.client(), false));
            drips.last_mut().unwrap().0.send(begun);
        }
        drips.push((Client::open(server.address, "/echo"), false));
        drips.last_mut().unwrap().0.send(announce(Opcode::Binary));
    }
    for (client, _) in &drips {
        client.socket.set_nonblocking(true).unwrap();
    }
    let mut normal = server.client();
    let began = Instant::now();
    while drips.iter().any(|(_, ended)| !ended) {
        assert!(began.elapsed() < DEADLINE);
        for (client, ended) in drips.iter_mut().filter(|(_, ended)| !ended) {
            match client.fill() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Ok(1..) => {}
                Ok(0) | Err(_) => *ended = true,
            }
            if client.unread().is_empty() {
                let _ = client.socket.write(b"x");
            }
        }
        assert_eq!(normal.ask(get("/messages")).text(), "[]");
    }
    for (at, (client, _)) in drips.iter_mut().enumerate() {
        client.socket.set_nonblocking(false).unwrap();
        match at % 4 {
            3 => assert_eq!(client.closed().0, 1008),
            _ => assert_eq!(client.response().status, 408),
        }
    }
    eventually("one is left", || server.chat.places.taken() == 1);
}

// Peers that vanish

#[test]
fn a_peer_that_vanishes_in_the_middle_of_a_frame_has_left() {
    let server = Server::start(4);
    let mut alice = server.join("Alice").greeted();
    for opcode in [Opcode::Text, Opcode::Binary] {
        let mut bob = server.join("Bob").greeted();
        bob.send(announce(opcode));
        bob.send([b'x' ^ KEY[0]]);
        bob.reset();
        assert_eq!(string(&alice.hear_of("user_left"), "username"), "Bob");
    }
    assert_eq!(server.chat.timeline.here().connections(), 1);
    eventually("its thread has gone", || server.chat.places.taken() == 1);
}

/// When a cable is cut there is no FIN and no RST: to the server it is a client that does nothing.
#[test]
fn a_member_whose_cable_is_cut_is_missed_after_two_heartbeats() {
    let limits = Limits { linger: SHORT, ..patient() };
    let server = Server::with(4, limits, Timing { heartbeat: SHORT, ..calm() });
    let _bob = server.join("Bob").greeted();
    eventually("it has left", || server.chat.timeline.here().connections() == 0);
    eventually("its place is free", || server.chat.places.taken() == 0);
}

#[test]
fn a_long_poll_whose_cable_is_cut_is_given_up_after_the_hold() {
    let limits = Limits { idle: SHORT, ..patient() };
    let server = Server::with(3, limits, Timing { hold: SHORT, ..calm() });
    let mut bob = Client::before_idle(server.address, &get("/subscribe?lastId=0"));
    eventually("its place is free", || server.chat.places.taken() == 0);
    assert_eq!(bob.response().status, 204, "it has waited");
}

// Crowds

/// Threads and descriptors when nobody is connected.
#[cfg(target_os = "linux")]
fn counts(server: &Process) -> (usize, usize) {
    (server.count("task"), server.count("fd"))
}

/// [`counts`] of a server that has begun to serve: one thread, and the broadcaster's in part 4. With one
/// client there: of one that has gone its socket may be open a little longer than its thread is there.
#[cfg(target_os = "linux")]
fn at_rest(server: &Process, threads: usize) -> (usize, usize) {
    let mut client = server.client();
    assert_eq!(client.ask(get("/messages")).text(), "[]");
    eventually("all threads are at rest", || server.count("task") == threads + 1);
    (threads, server.count("fd") - 1)
}

#[test]
#[cfg(target_os = "linux")]
fn storms_of_500_that_connect_and_vanish_leave_nothing_behind() {
    for part in [3, 4] {
        let server = Process::quiet(part);
        let rest = at_rest(&server, 1 + usize::from(part == 4));
        let greeted: fn(&mut Client) = match part {
            3 => |client| client.send(get("/subscribe?lastId=0")),
            _ => |client| assert_eq!(client.ask(handshake("/?user=Storm")).status, 101),
        };
        let storms: [fn(&mut Client); 4] = [
            |_| {},
            |client| client.send("GET / HTTP/1.1\r\nHo"),
            |client| client.send(get("/chat.js")),
            greeted,
        ];
        for (storm, what) in storms.iter().enumerate() {
            for number in 0..500 {
                let mut client = server.client();
                what(&mut client);
                if number % 2 == 1 {
                    client.reset();
                }
                if number % 50 == 0 {
                    // Not faster than the queue of a listener takes them.
                    assert_eq!(server.get("/stats").status, 200, "storm {storm}");
                }
            }
            eventually("nothing is left behind", || counts(&server) == rest);
        }
        let stats = server.get("/stats").json();
        assert_eq!(number(&stats, "connections"), 1);
        assert_eq!(number(&stats, "connectedClients") + number(&stats, "waitingClients"), 0);
    }
}

#[test]
#[ignore = "takes half a minute: make crowd"]
#[cfg(target_os = "linux")]
fn twelve_thousand_hear_one_message_and_leave_nothing_behind() {
    let server = Process::quiet(4);
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let files = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let files: usize = files.split_whitespace().nth(3).unwrap().parse().unwrap_or(usize::MAX);
    let clients = 12_000.min(files.saturating_sub(3_000));
    if clients < 12_000 {
        let few =
            format!("{clients} clients instead of 12,000: only {files} files may be open here");
        let _ = writeln!(std::io::stderr(), "{few}");
    }
    let rest = at_rest(&server, 2);
    let mut crowd: Vec<Client> = Vec::with_capacity(clients);
    while crowd.len() < clients {
        // Who says nothing for a minute is dropped, and on a slow machine this may take longer.
        if crowd.len().is_multiple_of(2_000) {
            crowd.iter_mut().for_each(|member| member.send(masked(Opcode::Pong, "")));
        }
        // One name, so that nobody's coming is news.
        crowd.push(Client::open(server.address, "/?user=Crowd").greeted());
    }
    if clients == 12_000 {
        let mut newcomer = server.client();
        assert_eq!(newcomer.response().status, 503);
        newcomer.ends();
    }
    crowd[0].send(said("hello, all"));
    for member in &mut crowd {
        assert_eq!(member.message(), (1, "hello, all".into()));
    }
    crowd[1].send(said("again"));
    for member in &mut crowd {
        assert_eq!(member.message(), (2, "again".into()), "and nothing between");
    }
    drop(crowd);
    eventually("nothing is left behind", || counts(&server) == rest);
    assert_eq!(server.get("/messages").ids(), [1, 2]);
}

/// Each that is listened to takes a thread while it lingers.
#[test]
fn far_beyond_the_cap_only_so_many_are_listened_to_and_the_others_are_told_and_closed() {
    let limits = Limits { connections_max: 0, linger: AGES, ..patient() };
    let server = Server::with(1, limits, calm());
    let mut told: Vec<Client> = (0..TURNED_AWAY_MAX).map(|_| server.client()).collect();
    for client in &mut told {
        assert_eq!(client.response().status, 503);
    }
    for _ in 0..3 {
        let mut client = server.client();
        let response = client.response();
        assert_eq!((response.status, response.field("Retry-After")), (503, Some("5")));
        client.ends();
    }
}

#[test]
fn at_the_cap_those_who_listen_go_on_and_newcomers_are_turned_away() {
    let server = Server::with(4, Limits { connections_max: 50, ..patient() }, calm());
    let mut inside: Vec<Client> = (0..50).map(|_| server.join("Inside").greeted()).collect();
    for _ in 0..200 {
        assert_eq!(server.client().response().status, 503);
    }
    inside[0].send(said("hi"));
    assert!(inside.iter_mut().all(|client| client.message().0 == 1));
    drop(inside.split_off(25));
    eventually("there are places again", || {
        server.client().ask(handshake("/?user=Next")).status == 101
    });
}

#[cfg(target_os = "linux")]
fn with_40_descriptors() -> Process {
    use std::process::Command;
    let mut few = Command::new("sh");
    few.args(["-c", "ulimit -n 40 && exec \"$0\" 4 --port=0 --quiet"]).arg(common::binary());
    few.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    Process::start(&mut few)
}

/// Clients of the chat, until one is refused, with this status.
#[cfg(target_os = "linux")]
fn fill(server: &Process) -> (Vec<Client>, u16) {
    let mut inside: Vec<Client> = Vec::new();
    loop {
        let mut client = server.client();
        match client.ask(handshake("/?user=Inside")).status {
            101 => inside.push(client.greeted()),
            status => return (inside, status),
        }
    }
}

#[test]
#[cfg(target_os = "linux")]
fn out_of_descriptors_newcomers_are_turned_away_and_those_inside_go_on() {
    let server = with_40_descriptors();
    let (mut inside, refused) = fill(&server);
    assert_eq!(refused, 503);
    assert!((20..40).contains(&inside.len()), "{} of 40", inside.len());
    assert_eq!(server.client().response().status, 503, "and the next one, too");
    inside[0].send(said("hi"));
    assert!(inside.iter_mut().all(|client| client.message().0 == 1));
    inside.truncate(10);
    eventually("there are places again", || server.get("/messages").status == 200);
}

/// The binary, a copy of it, as a user of its own who may have so many threads; `None` where that
/// cannot be arranged.
#[cfg(target_os = "linux")]
fn with_threads(
    count: u32,
    arguments: &[&str],
) -> Option<(std::process::Command, std::path::PathBuf)> {
    use std::os::unix::fs::MetadataExt;
    if std::fs::metadata("/proc/self").unwrap().uid() != 0 {
        let _ = writeln!(std::io::stderr(), "skipped: only root can be somebody else");
        return None;
    }
    // Somebody whom no other test is: the system counts the threads of a user, not of a process.
    static PEOPLE: AtomicU32 = AtomicU32::new(0);
    let person = std::process::id() * 8 + PEOPLE.fetch_add(1, Ordering::Relaxed);
    // Where everybody can reach it. A program that anybody has open for writing cannot be started, and
    // what this process opens, a child of another test may have for a moment, too.
    let binary = std::env::temp_dir().join(format!("rawchat-{person}"));
    let copied = std::process::Command::new("cp").arg(common::binary()).arg(&binary).status();
    assert!(copied.unwrap().success());
    let mut few = std::process::Command::new("prlimit");
    let somebody = format!("--reuid={}", 60_000 + person % 5_000);
    few.args([&format!("--nproc={count}"), "setpriv", &somebody, "--clear-groups"]);
    few.arg(&binary).args(arguments);
    few.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Some((few, binary))
}

#[test]
#[cfg(target_os = "linux")]
fn out_of_threads_newcomers_are_answered_503_and_the_log_has_one_line_when_it_begins_and_ends() {
    let Some((mut few, binary)) = with_threads(20, &["1", "--port=0"]) else { return };
    let mut server = Process::start(&mut few);
    std::fs::remove_file(binary).unwrap();
    let mut log = server.stderr.take().unwrap().lines().map(Result::unwrap);
    let (mut inside, mut refused) = (Vec::new(), 0);
    for _ in 0..60 {
        let mut client = server.client();
        client.send(get("/messages"));
        let response = client.response();
        match response.status {
            200 => inside.push(client),
            status => {
                assert_eq!((status, response.field("Retry-After")), (503, Some("5")));
                refused += 1;
            }
        }
    }
    assert!((10..20).contains(&inside.len()), "{} of 20", inside.len());
    drop(inside);
    let told = |line: &String| line.contains("thread");
    eventually("there are threads again", || server.count("task") < 5);
    let begin = log.find(told).unwrap();
    assert!(begin.contains("no thread for a newcomer"), "{begin}");
    // A trouble is over when it has not come again for a second.
    let asking = AtomicBool::new(true);
    let end = thread::scope(|scope| {
        scope.spawn(|| {
            while asking.load(Ordering::Relaxed) {
                server.get("/messages");
            }
        });
        let end = log.find(told).unwrap();
        asking.store(false, Ordering::Relaxed);
        end
    });
    assert!(end.contains("there are threads again"), "one line when it begins, but {end}");
    // Some may have been refused while it was not over yet.
    let (_, failures) = end.split_once("after ").unwrap();
    let failures: usize = failures.split(' ').next().unwrap().parse().unwrap();
    assert!(failures >= refused, "{refused} were refused: {end}");
}

#[test]
#[cfg(target_os = "linux")]
fn where_no_thread_can_be_started_one_sentence_says_so() {
    let part_4 = &["4", "--port=0", "--quiet"];
    let tools = [&["measure"][..], &["raw", "127.0.0.1:9"], &["check", "3", "http://127.0.0.1:9"]];
    for arguments in [&part_4[..]].into_iter().chain(tools) {
        let Some((mut none, binary)) = with_threads(1, arguments) else { return };
        let output = none.output().unwrap();
        std::fs::remove_file(binary).unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), said.lines().count()), (Some(1), 1), "{said}");
        assert!(said.contains("thread"), "{said}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn out_of_descriptors_the_log_has_one_line_and_not_one_for_each_newcomer() {
    let mut few = std::process::Command::new("sh");
    let binary = env!("CARGO_BIN_EXE_rawchat");
    few.args(["-c", "ulimit -n 40 && exec \"$0\" 1 --port=0", binary]);
    few.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut server = Process::start(&mut few);
    let mut inside: Vec<Client> = Vec::new();
    let mut refused = 0;
    while refused < 100 {
        let mut client = server.client();
        match client.ask(get("/messages")).status {
            200 => inside.push(client),
            status => {
                assert_eq!(status, 503);
                refused += 1;
            }
        }
    }
    let mut log = server.stderr.take().unwrap().lines().map(Result::unwrap);
    let begin = log.find(|line| line.contains("cannot accept")).unwrap();
    assert!(begin.contains("ulimit -n"), "{begin}");
    server.child.kill().unwrap();
    // On a busy machine it may be over for a second, and begin again.
    let rest: Vec<String> = log.filter(|line| line.contains("§1.16")).collect();
    let told = |what| rest.iter().filter(|line| line.contains(what)).count();
    assert!(told("cannot accept") <= told("there are threads again"), "{rest:?}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_newcomer_that_comes_when_there_are_descriptors_again_is_not_turned_away() {
    let places = fill(&with_40_descriptors()).0.len();
    let server = with_40_descriptors();
    let open = |_| Client::open(server.address, "/?user=Inside").greeted();
    let mut inside: Vec<Client> = (0..places).map(open).collect();
    inside[0].send(said("hi"));
    assert!(inside.iter_mut().all(|client| client.message().0 == 1));
    inside.truncate(10);
    eventually("there are descriptors again", || server.count("fd") < 30);
    assert_eq!(server.get("/messages").status, 200);
}

// Cut and resumed

const CUTTERS: usize = 10;
const CUTS: usize = 100;
const MESSAGES_A_CUT: usize = 3;

/// Ten clients are cut a hundred times each; every cut is answered with three more messages.
/// `connection` follows the room on one connection from `seen` for a while, and gives how far it
/// came; it is given `end`, once all is said, to follow up to.
fn cut_a_thousand_times(
    server: &Server,
    connection: impl Fn(u64, Option<u64>, &mut Dice) -> u64 + Sync,
) {
    let (cut, cuts) = mpsc::channel();
    let (connection, end) = (&connection, &Arc::new(AtomicU64::new(0)));
    let (chat, ends) = (server.chat.clone(), end.clone());
    thread::spawn(move || {
        let mut said = 0;
        for () in cuts.iter().take(CUTTERS * CUTS) {
            for _ in 0..MESSAGES_A_CUT {
                said = chat.say("Alice".into(), "x".repeat(said as usize % 100 + 1)).id;
            }
        }
        ends.store(said, Ordering::Release);
    });
    thread::scope(|scope| {
        for seed in 0..CUTTERS as u64 {
            let cut = cut.clone();
            scope.spawn(move || {
                let (mut dice, mut seen) = (Dice::new(seed + 1), 0);
                for _ in 0..CUTS {
                    seen = connection(seen, None, &mut dice);
                    cut.send(()).unwrap();
                }
                let mut last = 0;
                eventually("all is said", || {
                    last = end.load(Ordering::Acquire);
                    last > 0
                });
                assert_eq!(last as usize, CUTTERS * CUTS * MESSAGES_A_CUT);
                assert_eq!(connection(seen, Some(last), &mut dice), last);
            });
        }
    });
}

/// Cuts a connection: with FIN, or with RST, and both with bytes on the way.
fn cut(client: Client, dice: &mut Dice) {
    if dice.below(2) == 0 {
        client.reset();
    }
}

#[test]
fn long_polls_that_are_cut_a_thousand_times_see_each_message_once_and_in_order() {
    let server = Server::start(3);
    cut_a_thousand_times(&server, |mut seen, end, dice| {
        let mut client = server.client();
        let mut asked = 0;
        while end.is_none_or(|end| seen < end) {
            client.send(get(&format!("/subscribe?lastId={seen}")));
            asked += 1;
            // Cut before the answer, or in the middle of it, which is as if none had come.
            if end.is_none() && (asked > 2 || dice.below(3) == 0) {
                if dice.below(2) == 0 && seen < server.chat.room.counts().0 {
                    client.read_exactly(dice.below(200) + 1); // the shortest answer has more
                }
                break;
            }
            // Not for longer than there is something to wait for.
            if end.is_none() && seen == server.chat.room.counts().0 {
                break;
            }
            for id in client.response().ids() {
                assert_eq!(id, seen + 1);
                seen = id;
            }
        }
        cut(client, dice);
        seen
    });
}

#[test]
fn websockets_that_are_cut_a_thousand_times_see_each_message_once_and_in_order() {
    let server = Server::start(4);
    cut_a_thousand_times(&server, |mut seen, end, dice| {
        let newest = server.chat.room.counts().0;
        let mut client = server.client();
        client.send(handshake(&format!("/?user=C{}&lastId={seen}", dice.below(5))));
        // Some are cut before they have read a byte, others in the middle of a frame.
        if end.is_none() && dice.below(4) == 0 {
            cut(client, dice);
            return seen;
        }
        assert_eq!(client.response().status, 101);
        let wanted = end.unwrap_or((seen + dice.below(40) as u64).min(newest));
        while seen < wanted {
            let (id, text) = client.message();
            assert_eq!((id, text.len() as u64), (seen + 1, seen % 100 + 1));
            seen = id;
        }
        cut(client, dice);
        seen
    });
    eventually("all have left", || server.chat.timeline.here().connections() == 0);
}

// Restarts

#[test]
fn after_a_restart_on_the_same_port_a_last_id_from_before_counts_as_0() {
    for part in 2..=4 {
        let start = |port: u32| {
            let (part, port) = (part.to_string(), port.to_string());
            Process::start_if_it_can(&mut rawchat(&[&part, "--port", &port, "--quiet"]))
        };
        // Not one of those that the system gives out: another test might have it between the two.
        let mut ports = (0..100).map(|more| 20_000 + (std::process::id() + more) % 10_000);
        let before = ports.find_map(start).expect("one of them is free");
        for _ in 0..5 {
            assert_eq!(before.client().ask(post("Alice", "before")).status, 201);
        }
        // Somebody is connected when it ends, so the port is left with connections to bury.
        let mut there = before.client();
        assert_eq!(there.ask(get("/messages")).ids(), [1, 2, 3, 4, 5]);
        let epoch = |server: &Process| -> u64 {
            server.get("/stats").field("Log-Epoch").unwrap().parse().unwrap()
        };
        let (port, first) = (before.address.port().into(), epoch(&before));
        drop(before);
        assert!(matches!(there.fill(), Ok(0) | Err(_)), "the client notices");
        let after = start(port).expect("the same port");
        assert_eq!(after.client().ask(post("Alice", "after")).status, 201);
        assert_eq!(after.get("/messages?lastId=5").ids(), [1]);
        // All of it within a second; so does whoever presses Ctrl+C, ↑ and Enter.
        assert!(epoch(&after) > first, "part {part}: it looks like the same log");
        match part {
            3 => assert_eq!(after.get("/subscribe?lastId=5").ids(), [1]),
            4 => {
                let mut bob = Client::open(after.address, "/?user=Bob&lastId=5");
                assert_eq!(number(&bob.hear_of("welcome"), "lastId"), 1);
                assert_eq!(bob.message(), (1, "after".into()));
            }
            _ => {}
        }
    }
}

/// The rest of the promises have names in `Timing`; this one is in the figures.
#[test]
fn the_bounds_are_those_that_are_promised() {
    let timing = Timing::default();
    assert_eq!(timing.heartbeat, Duration::from_secs(30));
    assert!(timing.stall < AGES && timing.glance <= Duration::from_secs(1));
}
