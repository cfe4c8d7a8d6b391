//! `rawchat check`: what is right passes, and every check finds the fault that it is there for.

use super::common::{Dice, Server, calm, eventually, held_port, patient, rawchat};
use super::faulty::Faulty;
use rawchat::techniques::Timing;
use rawchat::wire::handshake::accept_key;
use serde_json::Value;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const HOLD: Duration = Duration::from_secs(4);

fn check(arguments: &[&str]) -> Command {
    let mut command = rawchat(&["check", "--lang=en", "--hold=4s"]);
    command.args(arguments);
    command
}

fn url(address: SocketAddr) -> String {
    format!("http://{address}")
}

fn output(command: &mut Command) -> (String, i32) {
    let Output { stdout, stderr, status } = command.output().unwrap();
    let said = String::from_utf8(stdout).unwrap() + &String::from_utf8(stderr).unwrap();
    (said, status.code().unwrap())
}

/// Without its line breaks.
fn flat(said: &str) -> String {
    said.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a check says of a server that should be slow in nothing, or whose answer has no end, which takes
/// all of the patience: with little of it, and with more as long as it is not `right`. On a busy machine
/// what should come at once may not.
fn output_in_time(right: impl Fn(&str) -> bool, check: impl Fn(&str) -> Command) -> (String, i32) {
    let mut said = output(&mut check("--patience=1s"));
    for _ in 0..3 {
        if !right(&said.0) {
            said = output(&mut check("--patience=15s"));
        }
    }
    said
}

/// A folder of a test, for as long as it lasts.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let name = format!("rawchat-check-{name}-{}", std::process::id());
        let folder = Folder(std::env::temp_dir().join(name));
        std::fs::create_dir_all(&folder.0).unwrap();
        folder
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }

    fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The ids of all checks, from `--list`.
fn ids() -> Vec<&'static str> {
    let (list, code) = output(&mut check(&["--list"]));
    assert_eq!(code, 0, "{list}");
    let starts = |line: &&str| line.as_bytes().get(1) == Some(&b'.');
    let lines = list.leak().lines().filter(starts);
    lines.map(|line| line.split(' ').next().unwrap().trim_end_matches('*')).collect()
}

/// What the JSON of a run says of each check. With `--strict` only what came late is advice, and on a
/// busy machine anything may: it has passed.
fn statuses(json: &str) -> Vec<(String, String)> {
    let json: Value = serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}"));
    let text = |test: &Value, name: &str| test[name].as_str().unwrap().to_string();
    let tests = json["tests"].as_array().unwrap().iter();
    let status = |test: &Value| text(test, "status").replace("advice", "pass");
    tests.map(|test| (text(test, "id"), status(test))).collect()
}

#[test]
#[ignore = "takes a while: make grading"]
fn rawchat_passes_every_check() {
    thread::scope(|scope| {
        for (part, not_made) in [(1, 0), (2, 0), (3, 0), (4, 10)] {
            scope.spawn(move || {
                let timing = Timing { hold: HOLD, ..calm() };
                let server = Server::with(part, patient(), timing);
                let (part, url) = (part.to_string(), url(server.address));
                let (said, code) = output(&mut check(&[&part, &url, "--strict", "--json"]));
                let statuses = statuses(&said);
                // With --strict, what is advice has only been late.
                let count = |word| statuses.iter().filter(|(_, status)| status == word).count();
                assert_eq!((count("fail"), count("not_run"), code), (0, not_made, 0), "{said}");
            });
        }
    });
}

/// What has failed in a whole run, and what was not made for another reason than that.
fn failures(said: &str) -> (Vec<String>, Vec<Value>) {
    let json: Value = serde_json::from_str(said).unwrap_or_else(|error| panic!("{error}: {said}"));
    let tests = json["tests"].as_array().unwrap();
    let failed = tests.iter().filter(|test| test["status"] == "fail");
    let failed = failed.map(|test| test["id"].as_str().unwrap().to_string()).collect();
    let hindered = |test: &Value| test["message"].as_str().unwrap().ends_with(" must pass first");
    let others = tests.iter().filter(|test| test["status"] == "not_run" && !hindered(test));
    (failed, others.filter(|test| test["id"] != "7.5").cloned().collect())
}

/// Of whole runs: a check that fails on another's fault would send a student to the wrong place.
/// 0.1 and 7.5 are about a command, and are tried below.
#[test]
#[ignore = "takes a while: make grading"]
fn each_fault_fails_its_own_check_and_only_what_builds_on_it_is_not_made() {
    const AT_ONCE: usize = 10;
    let rules = ids().into_iter().filter(|id| !["0.1", "7.5"].contains(id));
    let (rules, suspects) = (Mutex::new(rules), Mutex::new(Vec::new()));
    let next = || rules.lock().unwrap().next();
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(rule) = next() {
                    if whole_run(rule).is_err() {
                        suspects.lock().unwrap().push(rule);
                    }
                }
            });
        }
    });
    // Ten at once are too much for a busy machine: what looked wrong is looked at again, alone.
    let suspects = suspects.into_inner().unwrap().into_iter();
    let wrong: Vec<String> = suspects.filter_map(|rule| whole_run(rule).err()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// `Err`: a server that breaks `rule` fails another check, too, or not this one.
fn whole_run(rule: &'static str) -> Result<(), String> {
    let part = match rule.as_bytes()[0] {
        b'8' => "5",
        b'5'.. => "4",
        _ => "3",
    };
    let url = url(Faulty::start(rule, HOLD));
    let (said, code) = output(&mut check(&[part, &url, "--strict", "--json"]));
    let (failed, others) = failures(&said);
    // Where one message does not wake everybody, nothing is to be learnt of a race.
    let made = |id: &str| !statuses(&said).contains(&(id.into(), "not_run".into()));
    match (code, &failed[..], &others[..]) {
        _ if rule == "4.4" && made("4.5") => Err("4.4: 4.5 was made".into()),
        (1, [only], []) if only == rule => Ok(()),
        _ => Err(format!("{rule}: {failed:?} {others:?}")),
    }
}

#[test]
#[ignore = "takes a while: make grading"]
fn a_server_in_one_file_passes_everything_too() {
    for (part, not_made) in [("4", &["7.5"][..]), ("5", &[])] {
        let url = url(Faulty::start("", HOLD));
        let (said, _) = output(&mut check(&[part, &url, "--strict", "--json"]));
        let statuses = statuses(&said);
        assert!(statuses.iter().any(|(id, _)| id.starts_with(if part == "5" { "8" } else { "7" })));
        let others = statuses.iter().filter(|(_, status)| !["pass", "advice"].contains(&&**status));
        let others: Vec<_> = others.map(|(id, status)| (&**id, &**status)).collect();
        let not_made: Vec<_> = not_made.iter().map(|id| (*id, "not_run")).collect();
        assert_eq!(others, not_made, "{said}");
    }
}

#[test]
fn late_is_advice_and_once_wrong_is_wrong() {
    let slow = url(Faulty::start("slow", HOLD));
    let (said, code) = output(&mut check(&["1", &slow, "--only=1.1", "--strict"]));
    assert!(code == 0 && said.contains("advice") && said.contains("came after "), "{said}");
    let once = url(Faulty::start("once", HOLD));
    let (said, code) = output(&mut check(&["1", &once, "--only=1.1"]));
    assert!(
        code == 1 && said.contains("500, and not 200") && said.contains("1 of 2 passed"),
        "{said}"
    );
}

#[test]
fn what_should_be_is_demanded_only_if_somebody_says_so() {
    let url = url(Faulty::start("1.7", HOLD));
    for (strict, word, code) in
        [(&["--only=1.7"][..], "advice", 0), (&["--only=1.7", "--strict"][..], "FAIL", 1)]
    {
        let (said, came) = output(check(&["1", &url]).args(strict));
        // What is asked for alone is told in full.
        assert!(came == code && said.contains(word) && said.contains("  must "), "{said}");
    }
}

/// Each answer takes three seconds, and one of them is wrong. What is begun may end.
#[test]
#[ignore = "takes more than a minute: make grading"]
fn no_check_begins_after_a_minute_and_a_hold_once_something_has_failed() {
    let url = url(Faulty::start("crawls", HOLD));
    let (said, code) = output(&mut check(&["1", &url, "--strict", "--json"]));
    let json: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
    let tests = json["tests"].as_array().unwrap();
    let late = |test: &Value| test["message"].as_str().unwrap().starts_with("all the checks have");
    let begun = tests.iter().position(late).unwrap_or_else(|| panic!("none was too late: {said}"));
    let (made, rest) = tests.split_at(begun);
    let made_ms: u64 = made.iter().map(|test| test["duration_ms"].as_u64().unwrap()).sum();
    assert!(
        code == 1 && Duration::from_millis(made_ms) >= Duration::from_secs(60) + HOLD,
        "{said}"
    );
    assert!(made.iter().any(|test| test["status"] == "fail"), "{said}");
    assert!(rest.iter().all(|test| test["status"] == "not_run"), "{said}");
}

/// Whichever is faster: its RST, or the end of what we send.
#[test]
fn who_hangs_up_on_a_sender_is_seen_every_time() {
    let only = ["--only=2.10", "--strict"];
    let ours = Server::start(1);
    for (server, fails) in [
        (ours.address, false),
        (Faulty::start("none", HOLD), false),
        (Faulty::start("2.10", HOLD), true),
    ] {
        for _ in 0..10 {
            let (said, code) = output(check(&["1", &url(server)]).args(only));
            assert_eq!(said.contains("RST, while the client is still sending"), fails, "{said}");
            assert_eq!(code, i32::from(fails), "{said}");
            assert!(!fails || said.contains("failed twice"), "{said}");
        }
    }
}

#[test]
fn a_failure_is_told_in_full_with_its_bytes_and_in_both_languages() {
    let url = url(Faulty::start("masks", HOLD));
    for (lang, words) in [
        (
            "en",
            [
                "  must ",
                "  often ",
                "RFC 6455 §5.3",
                "  try ",
                "a server must not mask",
                "MASK",
                "^^",
            ],
        ),
        ("uk", ["  має ", "  часто ", "RFC 6455 §5.3", "  руками ", "маску", "MASK", "^^"]),
    ] {
        let (said, _) = output(check(&["4", &url, "--only=6.2"]).args(["--lang", lang]));
        assert!(words.iter().all(|word| said.contains(word)), "{said}");
    }
    let url = super::check::url(Faulty::start("1.1", HOLD));
    let (said, _) = output(&mut check(&["1", &url, "--only=1.1"]));
    // The first bare LF stands behind the status line.
    assert!(said.contains("0000  48 54 54 50 2f 31 2e 31 20 32 30 30 20 4f 4b 0a"), "{said}");
    assert!(said.contains(&format!("\n{:62}^^\n", "")), "{said}");
}

#[test]
fn a_run_is_kept_repeated_and_told_to_programs() {
    let url = url(Faulty::start("1.6", HOLD));
    let folder = Folder::new("keep");
    let kept = || {
        let arguments = ["1", &url, "--seed=7", "--only=1.6", "--junit", "--keep"];
        let (junit, code) = output(check(&arguments).arg(folder.path()));
        assert_eq!(code, 1, "{junit}");
        for part in [
            "<testsuite name=\"rawchat check 1\" tests=\"1\" failures=\"1\" errors=\"0\" skipped=\"0\" time=",
            "<testcase classname=\"It speaks HTTP\" name=\"1.6 an unknown path is 404, and the connection lives\" time=",
            "<failure message=\"200, and not 404\">",
            "</testsuite>\n",
        ] {
            assert!(junit.contains(part), "{part}: {junit}");
        }
        std::fs::read_to_string(folder.join("1.6.jsonl")).unwrap()
    };
    let request =
        |kept: &str| kept.lines().next().unwrap().rsplit_once("hex").unwrap().1.to_string();
    assert_eq!(request(&kept()), request(&kept()));
    let (shown, code) = output(rawchat(&["tap", "--open"]).arg(folder.join("1.6.jsonl")));
    assert!(code == 0 && shown.contains("GET /nosuch-"), "{shown}");
}

/// A server that does `serve` with each connection, in a thread of its own.
fn scripted(serve: impl Fn(TcpStream) -> io::Result<()> + Clone + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = url(listener.local_addr().unwrap());
    thread::spawn(move || {
        for socket in listener.incoming().map_while(Result::ok) {
            let serve = serve.clone();
            thread::spawn(move || serve(socket));
        }
    });
    url
}

/// Answers each request, or each read, with these bytes.
fn says(answer: &'static str, each_read: bool) -> String {
    scripted(move |mut socket| {
        let mut request = Vec::new();
        let mut chunk = [0; 4096];
        loop {
            let count = socket.read(&mut chunk)?;
            request.extend_from_slice(&chunk[..count]);
            if count == 0 {
                return Ok(());
            }
            if each_read || request.ends_with(b"\r\n\r\n") {
                request.clear();
                socket.write_all(answer.as_bytes())?;
                if answer.starts_with("HTTP/1.0") {
                    return Ok(());
                }
            }
        }
    })
}

#[test]
fn what_came_is_said_so_that_it_leads_to_the_next_step() {
    const PAGE: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi";
    const ENDLESS: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\nhi";
    let cases = [
        (says("", false), "0.2", "silent client delays nobody: 1.1 must pass first"),
        (says(PAGE, true), "1.5", "an answer came, and should wait"),
        (says(ENDLESS, false), "1.1", "nobody knows where the body ends"),
        (says("HTTP/1.1 200 OK\r\nContent", false), "1.1", "24 B came, and they are not a whole"),
        (says("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi", false), "1.1", "40 B came, and"),
        (says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", false), "1.1", "no Content-Type"),
        (
            says("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", false),
            "1.3",
            "was closed after the",
        ),
        (
            url(Faulty::start("query", HOLD)),
            "2.5",
            "3: 404, and not 200, for /?user=Bob: what stands",
        ),
        (url(Faulty::start("1.6", HOLD)), "1.6", "200, and not 404"),
        (says("HTTP/1.1 101 OK\r\n\r\n", false), "5.1", "there is no Sec-WebSocket-Accept"),
    ];
    thread::scope(|scope| {
        for (url, id, words) in cases {
            scope.spawn(move || {
                let command = |patience: &str| check(&["4", &url, patience, "--only", id]);
                // One who stands alone and is not answered has not failed twice.
                let twice = |said: &str| said.contains("failed twice") == (id != "0.2");
                let right = |said: &str| flat(said).contains(words) && twice(said);
                let (said, code) = output_in_time(right, command);
                assert!(code == 1 && right(&said), "{id}: {said}");
                assert!(!said.contains("all is well"), "{id}: {said}");
            });
        }
    });
}

/// Two answers to one request that has been waited for.
#[test]
fn one_request_has_one_answer() {
    const PAGE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    let url = says(Box::leak(PAGE.repeat(2).into_boxed_str()), false);
    let (said, code) = output(&mut check(&["1", &url, "--only=1.5"]));
    assert!(code == 1 && said.contains("a second answer to one request"), "{said}");
}

/// An unfinished answer stands where it began, and not where it was given up.
#[test]
fn bytes_stand_where_they_came() {
    let url = says("HTTP/1.1 200 OK\r\nContent", false);
    // The answer came well before the patience had run out; on a busy machine, in one of some runs.
    let soon = |_| {
        let folder = Folder::new("first");
        let arguments = ["1", &url, "--only=1.1", "--patience=3s", "--keep"];
        output(check(&arguments).arg(folder.path()));
        let kept = std::fs::read_to_string(folder.join("1.1.jsonl")).unwrap();
        let times = kept.lines().map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["ns"].as_str().unwrap().parse().ok()
        });
        let times: Vec<u64> = times.map(Option::unwrap).collect();
        matches!(times[..], [asked, came] if came - asked < 3_000_000_000)
    };
    assert!((0..5).any(soon));
}

/// What is wrong with all answers of a server.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Garbage {
    Noise,
    EndlessNoise,
    Silence,
    /// It ends, and nothing has come.
    Nothing,
    /// RST: it ends with the request unread.
    Cut,
    EndlessHead,
    EndlessBody,
    /// A byte now and then, in time for anybody who counts from the last byte.
    Drip,
    EnormousLength,
    /// The body is shorter than it says.
    FalseLength,
    FalseChunks,
    DeepJson,
    /// A handshake that is right, and noise for frames.
    FalseFrames,
    /// Frames that are right, and never an end of the message.
    EndlessFragments,
    EndlessEvent,
}

fn garbage(kind: Garbage, dice: &mut Dice, socket: &mut TcpStream) -> io::Result<()> {
    let mut noise = |count| (0..count).map(|_| dice.below(256) as u8).collect::<Vec<u8>>();
    let forever = |socket: &mut TcpStream, bytes: &[u8]| loop {
        socket.write_all(bytes)?;
    };
    let mut request = [0; 4096];
    if kind == Garbage::Cut {
        socket.peek(&mut request)?;
        return Ok(());
    }
    let count = socket.read(&mut request)?;
    let request = String::from_utf8_lossy(&request[..count]).into_owned();
    match kind {
        Garbage::Noise => socket.write_all(&noise(100)),
        Garbage::EndlessNoise => forever(socket, &noise(4096)),
        Garbage::Silence => io::copy(socket, &mut io::sink()).map(drop),
        Garbage::Nothing | Garbage::Cut => Ok(()),
        Garbage::EndlessHead => {
            socket.write_all(b"HTTP/1.1 200 OK\r\n")?;
            forever(socket, &b"A: b\r\n".repeat(500))
        }
        Garbage::EndlessBody => {
            socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n")?;
            forever(socket, &[b' '; 64 * 1024])
        }
        Garbage::Drip => loop {
            socket.write_all(b"H")?;
            thread::sleep(Duration::from_millis(20));
        },
        Garbage::EnormousLength => {
            socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n")
        }
        Garbage::FalseLength => {
            socket.write_all(b"HTTP/1.1 201 OK\r\nContent-Length: 100\r\n\r\n[]")
        }
        Garbage::FalseChunks => {
            socket.write_all(b"HTTP/1.1 201 OK\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\n")?;
            socket.write_all(&noise(5000))
        }
        Garbage::DeepJson => {
            let list = "[".repeat(10_000);
            write!(socket, "HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n{list}")
        }
        Garbage::FalseFrames | Garbage::EndlessFragments => {
            let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
            let accept = accept_key(key.unwrap_or_default());
            write!(
                socket,
                "HTTP/1.1 101 OK\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Accept: {accept}\r\n\r\n"
            )?;
            if kind == Garbage::EndlessFragments {
                socket.write_all(&[&[0x01, 0x7d][..], &[b' '; 125]].concat())?;
                return forever(socket, &[&[0x00, 0x7d][..], &[b' '; 125]].concat().repeat(100));
            }
            // A frame of 2 GB, and of no opcode that there is.
            socket.write_all(&[0xff, 0x7f, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff])?;
            socket.write_all(&noise(5000))
        }
        Garbage::EndlessEvent if request.starts_with("POST") => {
            let said = r#"{"message":{"id":1,"user":"A","text":"hi"}}"#;
            write!(socket, "HTTP/1.1 201 OK\r\nContent-Length: {}\r\n\r\n{said}", said.len())
        }
        Garbage::EndlessEvent => {
            let fields = "Content-Type: text/event-stream\r\nCache-Control: no-store";
            write!(socket, "HTTP/1.1 200 OK\r\n{fields}\r\n\r\n")?;
            forever(socket, &b"data: x\n".repeat(1000))
        }
    }
}

#[test]
fn a_server_that_answers_garbage_is_told_what_is_wrong() {
    use Garbage::*;
    /// Two attempts take a minute at the most, and much else may run on this machine.
    const LONG: Duration = Duration::from_secs(300);
    const OF_HTTP: [Garbage; 12] = [
        Noise,
        EndlessNoise,
        Silence,
        Nothing,
        Cut,
        EndlessHead,
        EndlessBody,
        Drip,
        EnormousLength,
        FalseLength,
        FalseChunks,
        DeepJson,
    ];
    let http = OF_HTTP
        .into_iter()
        .flat_map(|kind| ["1.1", "2.1", "3.1", "4.1", "5.1", "8.1"].map(|id| (kind, id)));
    let frames = [FalseFrames, EndlessFragments]
        .into_iter()
        .flat_map(|kind| ["6.1", "6.6"].map(|id| (kind, id)));
    let cases: Vec<_> = http
        .chain(frames)
        .chain([(Silence, "2.9"), (EndlessEvent, "8.2"), (EndlessEvent, "8.5")])
        .collect();
    thread::scope(|scope| {
        for (kind, id) in cases {
            scope.spawn(move || {
                let url = scripted(move |mut socket| {
                    garbage(kind, &mut Dice::new(kind as u64), &mut socket)
                });
                // What has no end is given up by its size, long before the time is over.
                let (words, patience) = match kind {
                    EndlessHead => ("no end of a head in 32768 bytes", "--patience=30s"),
                    EndlessBody => ("a body of over ", "--patience=30s"),
                    EndlessFragments => ("a message without an end", "--patience=30s"),
                    EndlessEvent => ("an event that does not end", "--patience=30s"),
                    _ => ("", "--patience=1s"),
                };
                let began = Instant::now();
                let (said, code) =
                    output(&mut check(&["4", &url, patience, "--strict", "--only", id]));
                let flat = flat(&said);
                let told = said.contains("came ") && flat.contains(words);
                assert!(code == 1 && told, "{kind:?}, {id}: {code}, {said}");
                assert!(began.elapsed() < LONG, "{kind:?}, {id}: {:?}", began.elapsed());
            });
        }
    });
}

#[test]
fn a_class_is_graded_one_after_another() {
    let folder = Folder::new("class");
    let binary = env!("CARGO_BIN_EXE_rawchat");
    // The second one listens and never answers; the third does not even listen.
    let roster = format!(
        "name,folder,command\n\"Zoe, the \"\"<b>\"\"\",.,{binary} 1 --quiet\n\
         Bob,.,{binary} tap --to 127.0.0.1:1 --page 0 --port {{port}}\nEve,.,{binary} explain\nDan,nowhere,x\n"
    );
    std::fs::write(folder.join("class.csv"), roster).unwrap();
    let (roster, out) = (folder.join("class.csv"), folder.join("results"));
    let (roster, out) = (roster.to_str().unwrap(), out.to_str().unwrap());
    let (said, code) = output(&mut check(&["1", "--roster", roster, "--out", out]));
    assert!(code == 0 && said.contains("container") && said.contains("17/17"), "{said}");
    let read = |name: &str| std::fs::read_to_string(folder.join("results").join(name)).unwrap();
    // What came late, on a busy machine, has its point, too.
    let grades = read("grades.csv").replace("advice", "pass");
    let rows: Vec<&str> = grades.lines().collect();
    assert!(rows[0].starts_with("name,score,max_score,0.1,0.2,1.1,"), "{grades}");
    assert!(rows[1].starts_with("\"Zoe, the \"\"<b>\"\"\",17,17,pass,pass,pass"), "{grades}");
    assert!(rows[2].starts_with("Bob,1,17,pass,not_run,fail,not_run"), "{grades}");
    assert!(rows[3].starts_with("Eve,0,17,fail,not_run"), "{grades}");
    let class = read("index.html");
    assert!(class.contains("<li>1.1 ") && class.contains("&lt;b&gt;") && !class.contains("<b>"));
    assert!(class.contains("href=\"02-Bob.html\""), "{class}");
    for (file, words) in
        [("02-Bob", "FAIL"), ("03-Eve", "your program has ended"), ("04-Dan", "there is no folder")]
    {
        let [text, page] = ["txt", "html"].map(|kind| read(&format!("{file}.{kind}")));
        assert!(text.contains(words) && page.contains(words), "{text}");
    }
    for (text, why) in [("", "nobody is in it"), ("Ann", "line 1: expected name,folder,command")] {
        std::fs::write(folder.join("class.csv"), text).unwrap();
        let (said, code) = output(&mut check(&["1", "--roster", roster]));
        assert!(code == 2 && said.contains(why), "{said}");
    }
    let (said, code) = output(&mut check(&["1", "--roster", "no-such.csv"]));
    assert!(code == 2 && said.contains("--roster no-such.csv: "), "{said}");
}

#[cfg(unix)]
#[test]
fn a_command_is_started_with_a_free_port_and_ended_with_its_children() {
    let binary = env!("CARGO_BIN_EXE_rawchat");
    let folder = Folder::new("command");
    let port = folder.join("port");
    // The server is a child of the command, and the port is said twice.
    let script = format!("echo {{port}} > {port:?}; {binary:?} 1 --quiet --port {{port}}; true");
    let only = ["1", "--only=7.5", "--json", "--", "sh", "-c", &script];
    let (said, code) = output(&mut check(&only));
    assert_eq!((statuses(&said), code), (vec![("7.5".into(), "pass".into())], 0), "{said}");
    let port: u16 = std::fs::read_to_string(&port).unwrap().trim().parse().unwrap();
    eventually("it has ended", || TcpStream::connect(("127.0.0.1", port)).is_err());
    // One that starts only once.
    let script = format!("mkdir {:?} && exec {binary:?} 1 --quiet", folder.join("once"));
    let (said, code) =
        output(&mut check(&["1", "--only=7.5", "--strict", "--", "sh", "-c", &script]));
    assert!(code == 1 && said.contains("FAIL"), "{said}");
}

/// A connection that goes out may get the same one.
#[cfg(unix)]
#[test]
fn a_port_that_is_taken_meanwhile_is_no_fault_of_the_server() {
    let folder = Folder::new("taken");
    let (binary, port, go) =
        (env!("CARGO_BIN_EXE_rawchat"), folder.join("port"), folder.join("go"));
    let wait = format!("echo $PORT. > {port:?}; until test -e {go:?}; do sleep 0.01; done");
    let script = format!("test -e {go:?} || {{ {wait}; }}; exec {binary:?} 1 --quiet");
    let mut command = check(&["1", "--only=1.1", "--", "sh", "-c", &script]);
    let check = thread::spawn(move || output(&mut command));
    let told = || std::fs::read_to_string(&port).unwrap_or_default();
    eventually("a port is chosen", || told().ends_with(".\n"));
    let _taken = held_port(told().trim_end_matches(".\n").parse().unwrap());
    std::fs::write(go, "").unwrap();
    let (said, code) = check.join().unwrap();
    assert!(code == 0 && said.contains("pass 1"), "{said}");
}

#[test]
fn where_there_is_no_server_there_is_no_grade() {
    let (_taken, nobody) = held_port(0);
    let nobody = url(nobody);
    for (arguments, why) in [
        (&["3", &*nobody][..], "refused"),
        (&["3", "--", "no-such-program"][..], "no-such-program: "),
        (
            &["3", "--", env!("CARGO_BIN_EXE_rawchat"), "explain"][..],
            "your program has ended by itself (exit",
        ),
    ] {
        let (said, code) = output(&mut check(arguments));
        assert!(said.contains("no grade yet: ") && said.contains(why), "{arguments:?}: {said}");
        assert_eq!(code, 3, "{said}");
    }
}

/// A server that has nothing at an address yet has made no mistake there.
#[test]
fn what_is_not_built_yet_is_said_to_be_so() {
    let binary = env!("CARGO_BIN_EXE_rawchat");
    for (part, id, words) in [
        ("3", "4.1", "this server has no GET /subscribe yet, that is part 3"),
        ("4", "5.1", "this server has no WebSocket GET / yet, that is part 4"),
        ("4", "6.1", "this server has no WebSocket GET /echo yet, that is part 4"),
        ("5", "8.1", "this server has no GET /events yet, that is part 5"),
    ] {
        let (said, code) = output(&mut check(&[part, "--only", id, "--", binary, "2", "--quiet"]));
        let said = flat(&said);
        assert!(code == 1 && said.contains(words) && !said.contains(" often "), "{said}");
    }
}

/// The command that starts a faulty server as a process of its own: this very file. The rule and the
/// port are in its environment.
const ITSELF: [&str; 4] = ["--exact", "check::a_server_of_its_own", "--ignored", "--nocapture"];

#[test]
#[ignore = "it is a server that other tests start"]
fn a_server_of_its_own() {
    if let Ok(rule) = std::env::var("FAULTY") {
        let port = std::env::var("PORT").unwrap().parse().unwrap();
        println!("\nit listens at {}", Faulty::at(port, rule.leak(), HOLD));
        loop {
            thread::park(); // until it is killed
        }
    }
}

fn itself() -> String {
    std::env::current_exe().unwrap().to_str().unwrap().into()
}

#[test]
fn a_server_that_has_ended_is_started_again() {
    let mut command = check(&["1", "--", &itself()]);
    let (said, code) = output(command.args(ITSELF).env("FAULTY", "ends"));
    assert!(code == 1 && said.contains("FAIL       2.7 "), "{said}");
    let flat = flat(&said);
    let words = "the server has closed; the program has ended: exit status: 7";
    assert!(flat.contains(words) && said.contains("  server   good bye\n"), "{said}");
    assert!(said.contains("FAIL 1, not run 0;"), "{said}");
}

#[test]
fn an_exception_that_leaves_the_connection_open_is_pointed_to() {
    let words = "did not come in time; the server has printed an exception, see below";
    let right = |said: &str| flat(said).contains(words) && said.contains("ValueError: no JSON");
    let (said, code) = output_in_time(right, |patience| {
        let mut command = check(&["1", "--only=2.7", patience, "--", &itself()]);
        command.args(ITSELF).env("FAULTY", "throws");
        command
    });
    assert!(code == 1 && right(&said), "{said}");
}

#[cfg(unix)]
#[test]
fn a_server_that_does_not_start_again_is_asked_nothing_more() {
    let folder = Folder::new("once");
    let script = format!("mkdir {}/once && exec {} {}", folder.path(), itself(), ITSELF.join(" "));
    let mut command = check(&["1", "--", "sh", "-c", &script]);
    let (said, code) = output(command.env("FAULTY", "ends"));
    assert!(code == 1 && said.contains("FAIL       2.7 "), "{said}");
    let words = "not run 2.8 a body announced as 1 GB is refused at once: your program has ended by itself (exit";
    let flat = flat(&said);
    assert!(flat.contains(words), "{said}");
    assert!(said.contains("FAIL 1, not run 3;"), "{said}");
}

#[test]
fn a_server_that_has_gone_is_asked_nothing_more() {
    let mut server = Command::new(itself());
    server.args(ITSELF).env("FAULTY", "ends").env("PORT", "0");
    let mut server = server.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines().map(Result::unwrap);
    let address =
        lines.find_map(|line| line.strip_prefix("it listens at ").map(str::to_string)).unwrap();
    let (said, code) = output(&mut check(&["1", &format!("http://{address}")]));
    assert_eq!(server.wait().unwrap().code(), Some(7));
    assert!(code == 1 && said.contains(" refused at once: nobody listens\n"), "{said}");
    assert!(said.contains("FAIL 1, not run 3;"), "{said}");
}

/// What the checker lacks is not the server's fault: no points, no failure, and a code of its own.
#[test]
fn a_checker_that_cannot_work_blames_nobody() {
    let url = url(Faulty::start("", HOLD));
    let folder = Folder::new("file");
    std::fs::write(folder.join("file"), "").unwrap();
    let (said, code) = output(check(&["1", &url, "--only=1.1", "--keep"]).arg(folder.join("file")));
    assert!(code == 4 && said.contains("the server is not to blame: "), "{code}: {said}");
    let roster = folder.join("class.csv");
    std::fs::write(&roster, "Ann,.,true").unwrap();
    let out = ["1", "--roster", roster.to_str().unwrap(), "--out"];
    let (said, code) = output(check(&out).arg(folder.join("file")));
    assert!(code == 4 && said.contains("the server is not to blame: "), "{code}: {said}");
    if cfg!(unix) {
        // 100 polls need more than that.
        let line = format!(
            "ulimit -n 60; exec {} check 3 {url} --only 4.7",
            env!("CARGO_BIN_EXE_rawchat")
        );
        let mut shell = Command::new("sh");
        let (said, code) = output(shell.args(["-c", &line]).env("LC_ALL", "C"));
        assert!(code == 4 && said.contains("not run    4.7 "), "{code}: {said}");
        assert!(said.contains("not to blame: rawchat check: Too many open files"), "{said}");
    }
}

#[test]
fn what_is_asked_wrongly_is_said() {
    for (arguments, why) in [
        (&[][..], "PART is needed"),
        (&["6", "http://a"][..], "from 1 to 5"),
        (&["3"][..], "one of URL"),
        (&["3", "http://a", "--", "b"][..], "one of URL"),
        (&["3", "http://a", "--only=9.9"][..], "see --list"),
        (&["3", "http://a", "--hold=1s"][..], "at the least"),
        (&["3", "http://a", "--seed=x"][..], "from 0 to"),
        (&["3", "https://a"][..], "there is no TLS here"),
        (&["3", "http://a", "http://b"][..], "one too many"),
    ] {
        let (said, code) = output(&mut check(arguments));
        assert!(code == 2 && said.contains(why), "{arguments:?}: {code}, {said}");
    }
}

/// A busy machine is no mistake of the server.
#[test]
#[ignore = "takes ten minutes: make check-flakes"]
fn nothing_fails_in_fifty_runs_beside_eight_busy_loops() {
    const RUNS: usize = 50;
    const AT_ONCE: usize = 10;
    let busy = AtomicBool::new(true);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while busy.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let run = || {
            // Each its own server: what another says would stand between two ids.
            let url = url(Faulty::start("", HOLD));
            let (said, code) = output(&mut check(&["3", &url, "--json"]));
            let failed = statuses(&said).into_iter().filter(|(_, status)| status == "fail");
            (failed.collect::<Vec<_>>(), code, said)
        };
        let mut failed = Vec::new();
        for _ in 0..RUNS / AT_ONCE {
            let runs: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(run)).collect();
            let ended = runs.into_iter().map(|run| run.join().unwrap());
            failed.extend(ended.filter(|(_, code, _)| *code != 0));
        }
        busy.store(false, Ordering::Relaxed);
        assert!(failed.is_empty(), "{failed:#?}");
    });
}
