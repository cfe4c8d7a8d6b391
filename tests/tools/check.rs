//! `rawchat check`: what is right passes, and every check finds the fault that it is there for.

use super::common::{Dice, Server, calm, eventually, patient, rawchat};
use super::faulty::Faulty;
use rawchat::techniques::Timing;
use serde_json::Value;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Output};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

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

/// The ids of all checks, from `--list`, and whether they are advice.
fn ids() -> Vec<(&'static str, bool)> {
    let (list, code) = output(&mut check(&["--list"]));
    assert_eq!(code, 0, "{list}");
    let starts = |line: &&str| line.as_bytes().get(1) == Some(&b'.');
    let lines = list.leak().lines().filter(starts);
    lines.map(|line| (&line[..3], line.as_bytes()[3] == b'*')).collect()
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
        for (part, not_made) in [(1, 0), (2, 0), (3, 0), (4, 9)] {
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

/// 0.1 and 7.5 are about a command, and are tried below.
#[test]
#[ignore = "takes a while: make grading"]
fn each_check_finds_its_fault_in_a_server_that_is_right_but_for_that() {
    const AT_ONCE: usize = 8;
    let rules = ids().into_iter().map(|(id, _)| id).filter(|id| !["0.1", "7.5"].contains(id));
    let (rules, missed) = (Mutex::new(rules), Mutex::new(Vec::new()));
    let next = || rules.lock().unwrap().next();
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(rule) = next() {
                    let hold = if rule == "4.6" { HOLD } else { Duration::from_secs(60) };
                    let url = url(Faulty::start(rule, hold));
                    let part = if rule.starts_with('8') { "5" } else { "4" };
                    let only = &[part, &url, "--strict", "--patience=1s", "--only", rule];
                    let (said, code) = output(&mut check(only));
                    if code != 1 || !said.contains("FAIL") {
                        missed.lock().unwrap().push((rule, said));
                    }
                }
            });
        }
    });
    let missed = missed.into_inner().unwrap();
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
#[ignore = "takes a while: make grading"]
fn a_server_in_one_file_passes_everything_too() {
    let url = url(Faulty::start("", HOLD));
    for (part, not_made) in [("4", &["7.5"][..]), ("5", &[])] {
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
    assert!(code == 1 && said.contains("500, and not 200") && said.contains("1 of 2"), "{said}");
}

#[test]
fn what_should_be_is_demanded_only_if_somebody_says_so() {
    let url = url(Faulty::start("1.7", HOLD));
    for (strict, word, code) in
        [(&["--only=1.7"][..], "advice", 0), (&["--only=1.7", "--strict"][..], "FAIL", 1)]
    {
        let (said, came) = output(check(&["1", &url]).args(strict));
        assert!(came == code && said.contains(word), "{said}");
    }
}

#[test]
fn a_failure_is_told_in_full_with_its_bytes_and_in_both_languages() {
    let url = url(Faulty::start("6.2", HOLD));
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
    let (said, _) = output(&mut check(&["1", &url, "--only=1.1", "--patience=1s"]));
    // The first bare LF stands behind the status line.
    assert!(said.contains("0000  48 54 54 50 2f 31 2e 31 20 32 30 30 20 4f 4b 0a"), "{said}");
    assert!(said.contains(&format!("\n{:62}^^\n", "")), "{said}");
}

#[test]
fn a_run_is_kept_repeated_and_told_to_programs() {
    let url = url(Faulty::start("1.6", HOLD));
    let folder = std::env::temp_dir().join(format!("rawchat-keep-{}", std::process::id()));
    let kept = || {
        let arguments = ["1", &url, "--seed=7", "--only=1.6", "--junit", "--keep"];
        let (junit, code) = output(check(&arguments).arg(&folder));
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
    std::fs::remove_dir_all(&folder).unwrap();
}

/// What such a server says, on each connection, until nobody listens.
fn garbage(kind: usize, dice: &mut Dice, socket: &mut TcpStream) -> io::Result<()> {
    let mut noise = |count| (0..count).map(|_| dice.below(256) as u8).collect::<Vec<u8>>();
    match kind {
        0 => socket.write_all(&noise(100)),
        1 => socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n"),
        2 => {
            socket.write_all(b"HTTP/1.1 201 OK\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\n")?;
            socket.write_all(&noise(5000))
        }
        3 => {
            let list = "[".repeat(10_000);
            write!(socket, "HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n{list}")
        }
        4 => loop {
            socket.write_all(&noise(4096))?;
        },
        _ => Ok(()),
    }
}

#[test]
fn a_server_that_answers_garbage_is_told_what_is_wrong() {
    const CHECKS: [&str; 6] = ["1.1", "2.1", "2.9", "4.4", "5.1", "7.1"];
    thread::scope(|scope| {
        for (kind, id) in (0..=5).flat_map(|kind| CHECKS.map(|id| (kind, id))) {
            scope.spawn(move || {
                let listener = TcpListener::bind("127.0.0.1:0").unwrap();
                let url = url(listener.local_addr().unwrap());
                thread::spawn(move || {
                    let mut dice = Dice::new(kind as u64);
                    for mut socket in listener.incoming().map_while(Result::ok) {
                        let _ = garbage(kind, &mut dice, &mut socket);
                    }
                });
                let (said, code) = output(&mut check(&["4", &url, "--patience=1s", "--only", id]));
                assert!(code == 1 && said.contains("came "), "{kind}, {id}: {code}, {said}");
            });
        }
    });
}

#[test]
fn a_class_is_graded_one_after_another() {
    let folder = std::env::temp_dir().join(format!("rawchat-class-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
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
    let grades = read("grades.csv");
    let rows: Vec<&str> = grades.lines().collect();
    assert!(rows[0].starts_with("name,score,max_score,0.1,0.2,1.1,"), "{grades}");
    assert!(rows[1].starts_with("\"Zoe, the \"\"<b>\"\"\",17,17,pass,pass,pass"), "{grades}");
    assert!(rows[2].starts_with("Bob,1,17,pass,fail,fail,not_run"), "{grades}");
    assert!(rows[3].starts_with("Eve,0,17,not_run"), "{grades}");
    let class = read("index.html");
    assert!(class.contains("<li>1.1 ") && class.contains("&lt;b&gt;") && !class.contains("<b>"));
    assert!(class.contains("href=\"02-Bob.html\""), "{class}");
    for (file, words) in
        [("02-Bob", "FAIL"), ("03-Eve", "it has ended"), ("04-Dan", "there is no folder")]
    {
        let [text, page] = ["txt", "html"].map(|kind| read(&format!("{file}.{kind}")));
        assert!(text.contains(words) && page.contains(words), "{text}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
    let (said, code) = output(&mut check(&["1", "--roster", "no-such.csv"]));
    assert!(code == 1 && said.contains("no-such.csv"), "{said}");
}

#[cfg(unix)]
#[test]
fn a_command_is_started_with_a_free_port_and_ended_with_its_children() {
    let binary = env!("CARGO_BIN_EXE_rawchat");
    let folder = std::env::temp_dir().join(format!("rawchat-check-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
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
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn where_there_is_no_server_there_is_no_grade() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody = url(nobody);
    for (arguments, why) in [
        (&["3", &*nobody][..], "refused"),
        (&["3", "--", "no-such-program"][..], "no-such-program: "),
        (&["3", "--", env!("CARGO_BIN_EXE_rawchat"), "explain"][..], "it has ended"),
    ] {
        let (said, code) = output(&mut check(arguments));
        assert!(said.starts_with("no grade: ") && said.contains(why), "{arguments:?}: {said}");
        assert_eq!(code, 3, "{said}");
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
    let (url, busy) = (url(Faulty::start("", HOLD)), AtomicBool::new(true));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while busy.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let run = || {
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
