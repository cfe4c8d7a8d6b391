//! The crowd: what it counts and what it catches, and `rawchat load`.

use super::common::{Server, calm, eventually, get, patient, post, rawchat, serve};
use proptest::prelude::*;
use rawchat::handler::{Handler, Reply};
use rawchat::techniques::{Chat, TECHNIQUES};
use rawchat::tools::client::Place;
use rawchat::tools::crowd::browser::FETCH;
use rawchat::tools::crowd::histogram::Histogram;
use rawchat::tools::crowd::timetable::Timetable;
use rawchat::tools::crowd::{Errand, Outcome, Plan, Technique, run};
use rawchat::tools::dissect::block::COLUMNS;
use rawchat::wire::http::Response;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

// ---- What it counts with

proptest! {
    #[test]
    fn a_histogram_knows_each_quantile_within_a_sixty_fourth(
        mut times in prop::collection::vec((0_u64..40).prop_flat_map(|bits| 0..1_u64 << bits), 1..300),
        part in 0.0..=1.0_f64,
    ) {
        let (mut whole, mut halves) = (Histogram::default(), [Histogram::default(), Histogram::default()]);
        for (at, time) in times.iter().enumerate() {
            whole.add(Duration::from_micros(*time));
            halves[at % 2].add(Duration::from_micros(*time));
        }
        let [mut merged, other] = halves;
        merged.merge(&other);
        prop_assert_eq!(&merged, &whole);
        times.sort_unstable();
        let rank = ((part * times.len() as f64).ceil() as usize).max(1);
        let (exact, said) = (times[rank - 1], whole.quantile(part).unwrap().as_micros() as u64);
        prop_assert!(exact <= said && said <= exact + exact / 64, "{exact}: {said}");
        prop_assert_eq!(whole.max().as_micros() as u64, *times.last().unwrap());
        let steps: u64 = whole.steps().map(|(_, count)| count).sum();
        prop_assert_eq!((steps, whole.total()), (times.len() as u64, times.len() as u64));
    }
}

#[test]
fn a_timetable_is_a_poisson_process_and_the_same_from_each_seed() {
    let hour = Duration::from_secs(3600);
    let table = Timetable::poisson(7, 2.0, hour, 1);
    let due: Vec<Duration> = (0..table.count()).map(|number| table.due(number)).collect();
    // 7,200 on average; five standard deviations of a Poisson number are 424.
    assert!((6776..7624).contains(&due.len()), "{}", due.len());
    assert!(due.is_sorted() && due.iter().all(|due| *due < hour));
    // Of the gaps, e^-1 are longer than the mean.
    let long = due.windows(2).filter(|pair| pair[1] - pair[0] > Duration::from_millis(500)).count();
    assert!((0.34..0.40).contains(&(long as f64 / due.len() as f64)), "{long}");
    let again = Timetable::poisson(8, 2.0, hour, 1);
    assert!((0..table.count()).all(|number| again.due(number) == due[number]));
    assert_ne!(Timetable::poisson(7, 2.0, hour, 2).due(0), due[0]);
    assert_eq!(Timetable::poisson(7, 0.0, hour, 1).count(), 0, "nobody says anything");
    for number in [0, 1, 6000] {
        assert_eq!(table.number(&table.text(number)), Some(number));
        assert_eq!(again.number(&table.text(number)), None, "of another run");
    }
    for text in ["", "rawchat-00000007 ", "rawchat-00000007 00000x", "rawchat-00000007 999999"] {
        assert_eq!(table.number(text), None, "{text:?}");
    }
    let page = format!("<li>{}</li>\n<li>{}</li>", table.text(3), table.text(1));
    assert_eq!(table.numbers(&page), [3, 1]);
}

// ---- A crowd in this process

fn place(address: SocketAddr) -> Place {
    Place::of(&[&address.to_string()], "").unwrap()
}

pub fn plan(technique: Technique, address: SocketAddr) -> Plan {
    Plan {
        errand: Errand::Say,
        warm_up: Duration::ZERO,
        technique,
        place: place(address),
        users: 5,
        rate: 30.0,
        length: Duration::from_millis(700),
        pause: Duration::from_millis(100),
        rtt: Duration::ZERO,
        seed: 1,
        live: None,
    }
}

pub fn outcome(plan: Plan) -> Outcome {
    run(plan, |_| {}).unwrap()
}

#[test]
fn in_each_technique_everybody_gets_each_message_once_and_in_order() {
    let all = Technique::ALL.map(|technique| {
        let server = Server::start(technique as usize);
        let plan = plan(technique, server.address);
        (technique, server, thread::spawn(move || outcome(plan)))
    });
    for (technique, server, outcome) in all {
        let outcome = outcome.join().unwrap();
        let counts = (outcome.lost(), outcome.doubled, outcome.disordered, outcome.errors);
        assert_eq!(counts, (0, 0, 0, 0), "{technique:?} {:?}", outcome.first_error);
        assert!(outcome.messages > 5, "{technique:?}: {}", outcome.messages);
        assert_eq!(outcome.expected, 5 * outcome.messages);
        assert_eq!(outcome.ages.total(), outcome.expected);
        let said = server.get("/messages").ids().len() as u64;
        assert_eq!(said, outcome.messages + 1, "and the first, which asks whether this is a chat");
    }
}

/// The length of each message that the crowd has sent, as the server writes it.
fn lengths(server: &Server) -> Vec<usize> {
    let all = server.get("/messages?lastId=1").json();
    all.as_array().unwrap().iter().map(|message| message.to_string().len()).collect()
}

#[test]
fn the_bytes_of_a_poll_are_those_of_its_request_and_of_its_answer() {
    let server = Server::start(2);
    let outcome = outcome(plan(Technique::ShortPolling, server.address));
    let (host, lengths) = (server.address.to_string(), lengths(&server));
    let fields = FETCH.replace("HOST", &host);
    let head = server.get("/messages?lastId=1").head;
    let head = head.len() - head.split("Content-Length: ").nth(1).unwrap().find('\r').unwrap();
    let mut got = 0;
    for exchange in &outcome.exchanges {
        // The first id was that of the message that asks whether this is a chat.
        let target = format!("/messages?lastId={}", got + 1);
        let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n");
        let news = &lengths[got..got + exchange.messages];
        // [] or [a,b]
        let body = (news.iter().sum::<usize>() + news.len() + 1).max(2);
        let expected = request.len() + head + body.to_string().len() + body;
        got += news.len();
        // The answer may tell of one more that came meanwhile.
        let link = format!("Link: </messages?lastId={}>; rel=\"next\"\r\n", got + 1).len();
        let more = exchange.bytes.abs_diff(expected as u64);
        assert!(more == 0 || more == link as u64, "{exchange:?} up to {got}: {more} B more");
    }
    assert_eq!(got as u64, outcome.messages);
}

#[test]
fn the_bytes_of_a_frame_are_its_header_and_its_payload() {
    let server = Server::start(4);
    // Alone: nobody else joins while it is counted.
    let outcome = outcome(Plan { users: 1, ..plan(Technique::WebSocket, server.address) });
    let expected: Vec<usize> = lengths(&server)
        .into_iter()
        .map(|length| length + r#"{"type":"message","message":}"#.len())
        // RFC 6455 §5.2
        .map(|payload| payload + if payload < 126 { 2 } else { 4 })
        .collect();
    // A greeting that comes late, on a busy machine, is no message.
    let told = outcome.exchanges.iter().filter(|exchange| exchange.messages > 0);
    let told: Vec<usize> = told.map(|exchange| exchange.bytes as usize).collect();
    // Two may come in one read.
    let sum = |sizes: &[usize]| (sizes.len(), sizes.iter().sum::<usize>());
    assert_eq!(sum(&told), sum(&expected));
    assert_eq!((outcome.traffic.requests, outcome.traffic.up), (0, 0));
}

#[test]
fn who_came_in_is_read_before_anything_is_counted() {
    // On a busy machine the time of a short run may be over before much has come, and somebody may come
    // in when it has begun.
    let mut found = Vec::new();
    for seconds in [0.7, 7.0, 70.0] {
        let server = Server::start(4);
        let (rate, length) = (20.0 / seconds, Duration::from_secs_f64(seconds));
        let plan = Plan { users: 150, rate, length, ..plan(Technique::WebSocket, server.address) };
        let outcome = outcome(plan);
        assert_eq!((outcome.lost(), outcome.errors), (0, 0));
        let traffic = &outcome.traffic;
        let payload = (lengths(&server)[0] + r#"{"type":"message","message":}"#.len()) as u64;
        let body = traffic.body_down / traffic.messages.max(1);
        // The ids have one digit more from the tenth message on.
        if traffic.messages > 1_000 && (payload..=payload + 1).contains(&body) {
            return;
        }
        found.push((traffic.messages, body, payload));
    }
    panic!("messages, bytes of each, and those expected: {found:?}");
}

#[test]
fn a_longer_way_makes_messages_older_and_long_polls_rarer() {
    const FAR_REQUESTS_MAX: u64 = 5 * 4; // in 0.7 s, over a way of 0.2 s
    let asked = |rtt| {
        let server = Server::start(3);
        let outcome = outcome(Plan { rtt, ..plan(Technique::LongPolling, server.address) });
        assert!(!outcome.is_wrong());
        outcome
    };
    let far = asked(Duration::from_millis(200));
    // Half of the way back, at the very least; and no more questions than there are ways.
    let youngest = far.ages.steps().next().unwrap().0;
    assert!(youngest >= 98_000, "{youngest} µs");
    assert!(far.traffic.requests <= FAR_REQUESTS_MAX, "{}", far.traffic.requests);
    // On a busy machine the time of a short run may be over before much is asked.
    eventually("more questions over a short way", || {
        asked(Duration::ZERO).traffic.requests > FAR_REQUESTS_MAX
    });
}

// ---- What it catches

/// Part 2 with a fault: `alter` may change each list of messages.
fn faulty(alter: impl Fn(&mut Vec<Value>) + Send + Sync + 'static) -> SocketAddr {
    let technique = &TECHNIQUES[1];
    let chat = Chat::new(technique, calm());
    let (places, handler) = (chat.places.clone(), (technique.handler)(chat).unwrap());
    let handler: Arc<Handler> = Arc::new(move |request, socket| {
        let reply = handler(request, socket)?;
        match reply {
            Reply::Http(mut response) if request.query("lastId").is_some() => {
                let mut list: Vec<Value> = serde_json::from_slice(&response.body).unwrap();
                alter(&mut list);
                response.body = json!(list).to_string().into();
                Ok(Reply::Http(response))
            }
            reply => Ok(reply),
        }
    });
    serve(patient(), places, handler)
}

/// `rawchat load`: its exit code, stdout and stderr.
fn load(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = rawchat(&[&["load"], arguments].concat()).env("LANG", "C").output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// What `load` comes to when the load was offered: a busy machine may come too late with it.
fn offered(load: impl Fn() -> (Option<i32>, String, String)) -> (Option<i32>, String, String) {
    let mut said = Default::default();
    eventually("the load is offered", || {
        said = load();
        said.0 != Some(3)
    });
    said
}

/// What a small crowd says of a server: the exit code, and the counts.
fn judged(part: &str, server: impl Fn() -> SocketAddr) -> (Option<i32>, Value) {
    let small = ["--users=3", "--rate=30", "--seconds=1", "--pause=100ms", "--json"];
    let (code, stdout, stderr) =
        offered(|| load(&[&[part, &format!("http://{}", server())], &small[..]].concat()));
    let summary: Value = serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{stderr}"));
    (code, summary["outcome"].clone())
}

fn count(outcome: &Value, name: &str) -> u64 {
    outcome[name].as_u64().unwrap_or_else(|| panic!("{name} in {outcome}"))
}

#[test]
fn a_server_that_loses_doubles_or_reorders_is_caught() {
    let losing = faulty(|list| list.retain(|message| message["id"].as_u64().unwrap() % 4 > 0));
    let doubling = faulty(|list| list.extend(list.last().cloned()));
    let reordering = faulty(|list| list.reverse());
    let right = faulty(|_| {});
    let judge =
        |(address, code, fault)| (thread::spawn(move || judged("2", || address)), code, fault);
    let judges = [
        (losing, 1, Some("lost")),
        (doubling, 1, Some("doubled")),
        (reordering, 1, Some("disordered")),
        (right, 0, None),
    ];
    for (judged, code, fault) in judges.map(judge) {
        let (came, outcome) = judged.join().unwrap();
        assert_eq!(came, Some(code), "{fault:?} {outcome}");
        for name in ["lost", "doubled", "disordered"] {
            assert_eq!(count(&outcome, name) > 0, fault == Some(name), "{name}: {outcome}");
        }
        assert!(count(&outcome, "messages") > 10);
    }
}

#[test]
fn a_server_that_answers_late_is_seen_in_the_ages() {
    let late = faulty(|list| {
        if !list.is_empty() {
            thread::sleep(Duration::from_millis(300));
        }
    });
    let (code, outcome) = judged("2", || late);
    assert_eq!(code, Some(0), "late is not wrong: {outcome}");
    let youngest = outcome["agesUs"]["steps"][0][0].as_u64().unwrap();
    assert!(youngest >= 295_000, "{youngest} µs");
}

/// Stands before a part 4 and does as the original lecture: `lastId` is not known there, so what is
/// said while a page connects again is lost. Each connection breaks after its `bytes`.
fn forgetful(server: SocketAddr, bytes: u64) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let breaks = Arc::new(AtomicUsize::new(0));
    thread::spawn(move || {
        for client in listener.incoming().map(Result::unwrap) {
            let upstream = TcpStream::connect(server).unwrap();
            let breaks = breaks.clone();
            thread::spawn(move || {
                let (mut client_half, mut up) =
                    (client.try_clone().unwrap(), upstream.try_clone().unwrap());
                thread::spawn(move || {
                    let mut buf = [0; 4096];
                    while let Ok(count @ 1..) = client_half.read(&mut buf) {
                        let text = String::from_utf8_lossy(&buf[..count]).into_owned();
                        let known = text.is_ascii() && text.contains("Upgrade: websocket");
                        let bytes = if known {
                            text.replace("lastId", "lostId").into()
                        } else {
                            buf[..count].to_vec()
                        };
                        if up.write_all(&bytes).is_err() {
                            return;
                        }
                    }
                });
                let first = breaks.fetch_add(1, Ordering::Relaxed) < 20;
                let most = if first { bytes } else { u64::MAX };
                let _ = std::io::copy(&mut upstream.take(most), &mut &client);
                let _ = client.shutdown(Shutdown::Both);
            });
        }
    });
    address
}

#[test]
fn what_a_server_forgets_over_a_reconnect_is_lost_and_counted() {
    let server = Server::start(4);
    let (code, outcome) = judged("4", || forgetful(server.address, 3_000));
    assert_eq!(code, Some(1), "{outcome}");
    assert!(count(&outcome, "lost") > 0 && count(&outcome, "errors") > 0, "{outcome}");
    assert_eq!((count(&outcome, "doubled"), count(&outcome, "disordered")), (0, 0), "{outcome}");
}

// ---- The command

#[test]
fn a_load_that_could_not_be_offered_is_exit_3_and_says_why() {
    let server = Server::start(2);
    let url = format!("http://{}", server.address);
    let refusing: Arc<Handler> = Arc::new(|_, _| Err(Response::json(503, "{}")));
    let refusing = format!("http://{}", serve(patient(), Default::default(), refusing));
    let only_first = Arc::new(AtomicUsize::new(0));
    let chat = Chat::new(&TECHNIQUES[1], calm());
    let handler = (TECHNIQUES[1].handler)(chat).unwrap();
    let forgetting: Arc<Handler> = Arc::new(move |request, socket| match request.method.as_str() {
        "POST" if only_first.fetch_add(1, Ordering::Relaxed) > 0 => Err(Response::json(503, "{}")),
        _ => handler(request, socket),
    });
    let forgetting = format!("http://{}", serve(patient(), Default::default(), forgetting));
    for (arguments, problem) in [
        (&["2", "http://127.0.0.1:9"][..], "nobody answers at 127.0.0.1:9"),
        (&["2", &refusing], "POST /messages is answered 503"),
        (&["4", &url, "--seconds=1"], "0 of 100 users came in: the handshake: no WebSocket"),
        (
            &["2", &forgetting, "--seconds=1", "--users=2"],
            "were taken: POST /messages is answered 503",
        ),
    ] {
        let (code, _, stderr) = load(arguments);
        assert_eq!(code, Some(3), "{stderr}");
        assert!(stderr.contains(problem), "{stderr}, expected {problem}");
    }
}

#[test]
#[cfg(unix)]
fn what_is_in_the_way_is_named_before_the_start() {
    let rawchat = rawchat(&[]).get_program().to_string_lossy().into_owned();
    for (limits, advice) in [
        ("ulimit -Sn 64", "ulimit -n is 64: first ulimit -n 13"),
        ("ulimit -n 64", "the system allows 64"),
    ] {
        for tool in ["load 2 http://127.0.0.1:9", "measure --silence=0"] {
            let command = format!("{limits}; exec '{rawchat}' {tool} --users 100");
            let output = std::process::Command::new("sh").args(["-c", &command]).output().unwrap();
            let stderr = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(3), "{stderr}");
            assert!(stderr.contains(advice), "{stderr}");
        }
    }
}

#[test]
fn wrong_usage_is_exit_2_and_help_is_exit_0() {
    for (arguments, problem) in [
        (&[][..], "which part: 1, 2, 3 or 4?"),
        (&["5"], "part \"5\"?"),
        (&["2", "nowhere"], "\"nowhere\" is no place"),
        (
            &["2", "https://127.0.0.1:3000"],
            "there is no TLS here: \"https://127.0.0.1:3000\" is no place like http://",
        ),
        (
            &["2", "http://127.0.0.1:3000/chat"],
            "a chat has no path /chat: try http://127.0.0.1:3000",
        ),
        (&["2", "--users", "0"], "--users \"0\": from 1 to 15000"),
        (&["2", "--users=15001"], "from 1 to 15000"),
        (&["2", "--rate", "fast"], "--rate \"fast\": from 0 to 10000"),
        (&["2", "--rate", "NaN"], "--rate \"NaN\": from 0 to 10000"),
        (&["2", "--rate=10000", "--seconds=3600"], "more than 999999 messages"),
        (&["2", "--pause", "3"], "no time like 50ms"),
        (&["2", "--crowd"], "\"--crowd\" is not understood"),
    ] {
        let (code, stdout, stderr) = load(arguments);
        assert_eq!((code, &*stdout), (Some(2), ""), "{stderr}");
        assert!(stderr.starts_with(problem) || stderr.contains(problem), "{stderr}");
        assert!(stderr.contains("rawchat load 3 --users 500"), "what would be right: {stderr}");
    }
    let (code, stdout, _) = load(&["--help"]);
    assert!(code == Some(0) && stdout.contains("--users"), "{stdout}");
}

#[test]
fn the_summary_is_in_both_languages_and_needs_no_reader() {
    let server = Server::start(3);
    let url = format!("http://{}", server.address);
    let small = ["3", &url, "--users=2", "--rate=20", "--seconds=1"];
    let said =
        [("en", "0 lost, 0 doubled"), ("uk", "втрачено 0, двічі 0")].map(|(language, words)| {
            let arguments = [&small[..], &["--lang", language]].concat().join(" ");
            let said = move || load(&arguments.split(' ').collect::<Vec<_>>());
            (thread::spawn(|| offered(said)), words)
        });
    for (said, words) in said {
        let (code, stdout, stderr) = said.join().unwrap();
        assert_eq!((code, &*stderr), (Some(0), ""), "{stdout}");
        assert!(stdout.contains(words) && !stdout.contains('{'), "{stdout}");
        assert!(stdout.lines().all(|line| line.chars().count() <= COLUMNS), "{stdout}");
    }
    // stdout is closed before anything is said.
    let mut child =
        rawchat(&[&["load"], &small[..]].concat()).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let code = child.wait().unwrap().code();
    assert!(code == Some(0) || code == Some(3), "{code:?}"); // 3: this machine is busy
    assert!(server.ask(post("a", "b")).status == 201 && server.ask(get("/stats")).status == 200);
}

#[test]
#[cfg(target_os = "linux")]
fn a_terminal_sees_it_run() {
    let server = Server::start(3);
    let url = format!("http://{}", server.address);
    eventually("a line while it runs", || {
        let (mut shown, written) = super::terminal::terminal();
        let mut command = rawchat(&["load", "3", &url, "--users=2", "--rate=20", "--seconds=2"]);
        let mut child = command.stderr(written).spawn().unwrap();
        drop(command);
        child.wait().unwrap();
        let mut text = Vec::new();
        // EIO, when the last writer has gone.
        let _ = shown.read_to_end(&mut text);
        let text = String::from_utf8(text).unwrap();
        text.contains(" / 2 s   delivered ") && text.contains(" /s   50 % ")
    });
}
