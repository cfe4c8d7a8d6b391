//! The real binary: what it prints, where, and how it ends.

mod common;

use common::{Client, DEADLINE, Process, eventually, get, handshake, lines, post, rawchat};
use rawchat::tools::TOOLS;
use std::io::{BufRead, Read, Write};
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// What it ends with and prints; no code if it had to be ended, because it serves.
fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = rawchat(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let deadline = Instant::now() + DEADLINE;
    while child.try_wait().unwrap().is_none() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn the_first_line_is_the_url_and_ready_links_follow() {
    for (part, name) in
        [("1", "refresh"), ("2", "polling"), ("3", "long-polling"), ("4", "websocket")]
    {
        for argument in [part, name] {
            let (process, text) = start(&mut rawchat(&[argument, "--port", "0"]), "?user=Bob");
            let url = &process.url;
            assert_eq!(*url, format!("http://127.0.0.1:{}", process.address.port()));
            for user in ["Alice", "Bob"] {
                assert!(text.contains(&format!("\n  {url}/?user={user}\n")), "{text}");
            }
            let page = process.get("/?user=Bob");
            assert!(page.text().contains(&format!("data-part=\"{part}\"")), "{argument}");
        }
    }
}

#[test]
fn it_ends_with_its_standard_input_if_it_was_asked_to() {
    let mut command = rawchat(&["3", "--port=0", "--quiet", "--until-eof"]);
    let mut process = Process::start(command.stdin(Stdio::piped()));
    assert_eq!(process.get("/messages").status, 200);
    drop(process.child.stdin.take());
    eventually("it ends", || {
        process.child.try_wait().unwrap().is_some_and(|status| status.success())
    });
    let unasked = Process::start(rawchat(&["3", "--port=0", "--quiet"]).stdin(Stdio::null()));
    assert_eq!(unasked.get("/messages").status, 200);
}

#[test]
fn a_port_may_be_given_in_five_ways_and_the_argument_wins() {
    for arguments in [&["1", "--port", "0"][..], &["-p", "0", "1"], &["--port=0", "1"]] {
        let mut command = rawchat(arguments);
        let process = Process::start(command.env("PORT", "1").env("HOST", ""));
        assert_ne!(process.address.port(), 1);
        assert_eq!(process.get("/messages").status, 200);
    }
    let process = Process::start(rawchat(&["1"]).env("PORT", "0"));
    assert_eq!(process.get("/messages").status, 200);
}

#[test]
#[cfg(target_os = "linux")] // where all of 127.0.0.0/8 is this machine
fn a_host_may_be_given_by_argument_and_by_environment() {
    let argument = Process::start(&mut rawchat(&["1", "--port=0", "--host", "127.0.0.2"]));
    assert!(argument.url.starts_with("http://127.0.0.2:"), "{}", argument.url);
    let environment = Process::start(rawchat(&["1", "--port=0"]).env("HOST", "127.0.0.3"));
    assert!(environment.url.starts_with("http://127.0.0.3:"), "{}", environment.url);
    assert_eq!(environment.get("/messages").status, 200);
}

#[test]
fn open_to_the_network_it_says_so_and_warns() {
    let (process, text) =
        start(&mut rawchat(&["4", "--port=0", "--host", "0.0.0.0"]), "no passwords");
    assert_eq!(process.url, format!("http://127.0.0.1:{}", process.address.port()));
    let port = format!(":{}\n", process.address.port());
    assert!(text.contains("on the network:\n  http://") && text.contains(&port), "{text}");
    assert_eq!(process.get("/messages").status, 200);
}

#[test]
fn a_taken_port_is_one_sentence_with_the_command_for_a_free_one_and_exit_1() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (code, stdout, stderr) = run(&["2", "--port", &port]);
    assert_eq!((code, stdout.as_str()), (Some(1), ""), "never a silent move to another port");
    let lines: Vec<&str> = stderr.lines().collect();
    let [line] = lines[..] else { panic!("one sentence, not {stderr:?}") };
    assert!(line.contains(&port), "{line}");
    let command = format!("rawchat{} 2 --port ", std::env::consts::EXE_SUFFIX);
    let (_, free) = line.split_once(&command).expect("the exact command");
    let free: u16 = free.trim().parse().unwrap();
    assert_ne!(free.to_string(), port);
}

#[test]
fn a_host_that_is_not_this_machine_is_exit_1_and_says_where_it_came_from_and_the_way_out() {
    // RFC 5737: an address for examples, which no machine has; RFC 2606: a name that nobody has.
    for host in ["203.0.113.1", "x86_64-conda-linux-gnu.invalid", "::1%nowhere"] {
        let (code, stdout, stderr) = run(&["1", "--port=0", "--host", host]);
        assert_eq!((code, stdout.as_str(), stderr.lines().count()), (Some(1), "", 1), "{stderr}");
        assert!(stderr.starts_with(&format!("--host {host:?}")), "{stderr}");
        assert!(stderr.contains("try --host 127.0.0.1") && !stderr.contains("HOST"), "{stderr}");
        // conda sets it, and nobody knows.
        let output = rawchat(&["1", "--port=0"]).env("HOST", host).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), stderr.lines().count()), (Some(1), 1), "{stderr}");
        assert!(stderr.starts_with(&format!("HOST={host:?}")), "{stderr}");
        assert!(stderr.contains("unset HOST, or try --host 127.0.0.1"), "{stderr}");
    }
}

/// What is printed at the start with these arguments, down to the line that has `last`.
fn start(command: &mut Command, last: &str) -> (Process, String) {
    let mut process = Process::start(command);
    let mut text = String::new();
    for line in lines(process.stdout.take().unwrap()) {
        text += &line;
        if line.contains(last) {
            break;
        }
    }
    (process, text)
}

#[test]
fn the_lecture_is_found_without_being_told() {
    let (process, text) = start(&mut rawchat(&["3", "--port=0"]), "/lecture\n");
    assert!(text.contains(&format!("  {}/lecture\n", process.url)), "{text}");
    assert_eq!(process.get("/lecture").status, 200);
}

#[test]
#[cfg(target_os = "linux")] // where all of 127.0.0.0/8 is this machine, and loopback
fn any_address_but_loopback_is_warned_of() {
    let said = |host: &str| {
        // The limit of descriptors is told last.
        let mut few = limited("ulimit -n 64", &["1", "--port=0", "--host", host]);
        start(&mut few, "ulimit").1.contains("no passwords")
    };
    assert!(!said("127.0.0.1") && !said("127.0.0.2") && said("0.0.0.0"));
    // Not every machine has IPv6.
    assert!(TcpListener::bind("[::1]:0").is_err() || (!said("[::1]") && said("[::]")));
    // An address of the network, if this machine has one. Nothing is sent.
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    if socket.connect("192.0.2.1:9").is_ok() {
        assert!(said(&socket.local_addr().unwrap().ip().to_string()));
    }
}

#[test]
fn a_port_that_browsers_refuse_is_warned_of_and_not_proposed() {
    // Whichever is free: where this test runs twice at a time, the other may be faster.
    let mut ports = ["6000", "6566", "6665", "6666", "6697", "10080"].into_iter();
    let start = |port| Process::start_if_it_can(&mut rawchat(&["1", "--port", port]));
    let mut process = ports.find_map(start).expect("one of them is free");
    assert!(
        lines(process.stdout.take().unwrap()).any(|line| line.contains("browsers refuse port"))
    );
    if let Ok(_taken) = TcpListener::bind("127.0.0.1:5999") {
        let (_, _, stderr) = run(&["1", "--port", "5999"]);
        assert!(!stderr.contains("--port 6000"), "{stderr}");
    }
}

/// `localhost` is `::1` first.
#[test]
fn another_program_at_the_same_port_of_localhost_is_warned_of() {
    if TcpListener::bind("[::1]:0").is_err() {
        let _ = writeln!(std::io::stderr(), "skipped: this machine has no IPv6");
        return;
    }
    // What is free there may be taken on 127.0.0.1.
    let start = || {
        let other = TcpListener::bind("[::1]:0").unwrap();
        let port = other.local_addr().unwrap().port().to_string();
        Some((Process::start_if_it_can(&mut rawchat(&["1", "--port", &port]))?, port, other))
    };
    let started = std::iter::repeat_with(start).take(100).find_map(|started| started);
    let (mut process, port, _other) = started.expect("one of them is free");
    let expected = format!("another program listens on [::1]:{port}");
    assert!(lines(process.stdout.take().unwrap()).any(|line| line.contains(&expected)));
}

/// The binary in a shell that has been told `limit`. What `make -j` or `flock` leaves open is closed.
#[cfg(unix)]
fn limited(limit: &str, arguments: &[&str]) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("exec 3>&- 4>&-; {limit} && exec \"$0\" \"$@\"")]);
    shell.arg(common::binary()).args(arguments).env_remove("HOST").env_remove("PORT");
    shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    shell
}

#[test]
#[cfg(unix)]
fn few_descriptors_are_told_with_the_number_of_connections_and_the_command_for_more() {
    for (limit, expected) in [
        ("ulimit -n 116", "connections: 100 at the most, because ulimit -n is 116"),
        (
            "ulimit -Sn 116 && ulimit -Hn 216",
            "connections: 100 at the most, because ulimit -n is 116; for more: ulimit -n 216",
        ),
        ("ulimit -n 12", "connections: 0 at the most, because ulimit -n is 12"),
        (
            "ulimit -n 5",
            "connections: 0 at the most, because ulimit -n is too small; for more: ulimit -n 12016",
        ),
    ] {
        let text = start(&mut limited(limit, &["1", "--port=0"]), "ulimit").1;
        assert_eq!(text.lines().last(), Some(expected));
    }
}

/// Below 1024 on Unix, unless root asks, or a container allows it.
#[test]
#[cfg(target_os = "linux")]
fn a_reserved_port_gets_the_free_port_that_a_taken_one_gets() {
    let modest = "setpriv --bounding-set=-net_bind_service true 2> /dev/null";
    let root = Command::new("sh").args(["-c", modest]).status().is_ok_and(|s| s.success());
    let shell =
        if root { "exec setpriv --bounding-set=-net_bind_service \"$0\" \"$@\"" } else { "true" };
    let mut command = limited(shell, &["2", "--port", "1"]);
    let mut child = command.spawn().unwrap();
    let (mut url, mut stderr) = (String::new(), String::new());
    std::io::BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
    child.kill().unwrap();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    let code = child.wait().unwrap().code();
    if url.is_empty() {
        assert_eq!((code, stderr.lines().count()), (Some(1), 1), "{stderr}");
        assert!(stderr.contains("port 1 is reserved; this one is free: "), "{stderr}");
        let (_, free) = stderr.trim_end().rsplit_once(" 2 --port ").expect("the exact command");
        assert!(free.parse::<u16>().unwrap() >= 1024, "{stderr}");
    } else {
        let _ = writeln!(std::io::stderr(), "skipped: no port is reserved here");
    }
}

#[test]
fn wrong_usage_is_exit_2_and_says_what_is_right() {
    for (arguments, hint) in [
        (&[][..], "rawchat 4"),
        (&["5"], "\"5\""),
        (&["socket"], "\"socket\""),
        (&["1", "2"], "\"2\""),
        (&["1", "--frob"], "\"--frob\""),
        (&["1", "--port"], "--port"),
        (&["1", "--port", "x"], "\"x\""),
        (&["1", "--port", "65536"], "\"65536\""),
        (&["1", "--port", "-1"], "\"-1\""),
        (&["1", "--port="], "\"\""),
        (&["1", "--quiet=yes"], "\"--quiet=yes\" is not understood"),
        (&["raw", "--ws=yes", "127.0.0.1:1"], "\"--ws=yes\" is not understood"),
        (&["check", "1", "--json="], "\"--json=\" is not understood"),
        (
            &["tap", "--to=127.0.0.1:1", "--strip-upgrade=no"],
            "\"--strip-upgrade=no\" is not understood",
        ),
        (&["1", "--allow-host", ""], "--allow-host chat.example"),
        (&["1", "--allow-host", "http://chat.example"], "--allow-host chat.example"),
        (&["1", "--allow-host", "chat.example:3000"], "--allow-host chat.example"),
        (&["1", "--allow-host=*.example"], "--allow-host chat.example"),
    ] {
        let (code, stdout, stderr) = run(arguments);
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{arguments:?}: {stderr}");
        assert!(stderr.contains(hint), "{arguments:?}: {stderr}");
    }
    let output = rawchat(&["1"]).env("PORT", "many").output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr.starts_with("PORT=\"many\"") && stderr.contains("--port 3000"), "{stderr}");
}

#[test]
fn help_and_version_are_exit_0_on_stdout() {
    for flag in ["--help", "-h"] {
        let (code, stdout, stderr) = run(&[flag]);
        assert_eq!((code, stderr.as_str()), (Some(0), ""));
        for word in ["rawchat 1", "rawchat 4", "--port", "--host", "--quiet", "PORT", "HOST"] {
            assert!(stdout.contains(word), "{word} in {stdout}");
        }
    }
    let version = concat!("rawchat ", env!("CARGO_PKG_VERSION"), "\n").to_string();
    for flag in ["--version", "-V"] {
        assert_eq!(run(&[flag]), (Some(0), version.clone(), String::new()));
    }
    assert_eq!(run(&["4", "--help"]).0, Some(0), "wherever it stands");
}

#[test]
fn every_tool_says_how_it_is_used_and_says_the_same_below_a_complaint() {
    for name in TOOLS.each_ref().map(|tool| tool.name) {
        let (code, usage, stderr) = run(&[name, "--help"]);
        assert_eq!((code, stderr.as_str()), (Some(0), ""), "{name}");
        assert!(usage.starts_with(&format!("rawchat {name}")), "{usage}");
        assert_eq!(run(&[name, "--lang", "en", "-h"]).1, usage, "wherever it stands");
        let (code, stdout, stderr) = run(&[name, "--frob"]);
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{name}");
        assert_eq!(stderr, format!("\"--frob\" is not understood\n\n{usage}"));
    }
    let (code, list, _) = run(&["check", "1", "--list", "--", "python3", "--help"]);
    assert!(code == Some(0) && list.contains("2.10"), "what follows -- is not ours: {list}");
}

#[test]
fn quiet_is_silent_on_stderr() {
    let mut process = Process::start(&mut rawchat(&["4", "--port=0", "--quiet"]));
    assert_eq!(process.client().ask(post("Alice", "hi")).status, 201);
    process.client().ask("GARBAGE\r\n");
    assert_eq!(process.client().ask(handshake("/?user=Bob")).status, 101);
    let mut text = String::new();
    let mut stderr = process.stderr.take().unwrap();
    drop(process);
    stderr.read_to_string(&mut text).unwrap();
    assert_eq!(text, "");
}

#[test]
fn closed_stdout_and_stderr_do_not_keep_it_from_serving() {
    // The port must be known before, as nobody hears it: a moment later another may have it, and
    // answer for it. On Linux no other test listens at this address.
    let host = if cfg!(target_os = "linux") { "127.0.0.9" } else { "127.0.0.1" };
    eventually("a free port", || {
        let address = TcpListener::bind((host, 0)).unwrap().local_addr().unwrap();
        let port = address.port();
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let (out, err) = (writer.try_clone().unwrap(), writer);
        let mut command = rawchat(&["1", "--host", host, "--port", &port.to_string()]);
        let mut child = command.stdout(out).stderr(err).spawn().unwrap();
        drop(command);
        let mut serves = false;
        eventually("it serves, or it has ended", || {
            serves = std::net::TcpStream::connect(address).is_ok();
            serves || child.try_wait().unwrap().is_some()
        });
        if serves {
            assert_eq!(Client::connect(address).ask(get("/messages")).text(), "[]");
            assert_eq!(child.try_wait().unwrap(), None);
        }
        child.kill().unwrap();
        child.wait().unwrap();
        serves
    });
}

#[test]
fn a_package_holds_what_is_needed_to_build_and_nothing_else() {
    let output = Command::new(env!("CARGO"))
        .args(["package", "--list", "--allow-dirty", "--offline", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .output()
        .unwrap();
    let list = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let files: Vec<String> = list.lines().map(|line| line.replace('\\', "/")).collect();
    for needed in [
        "Cargo.toml",
        "Cargo.lock",
        "LICENSE",
        "README.md",
        "src/main.rs",
        "src/lib.rs",
        "src/techniques/t4_websocket.rs",
        "public/1.html",
        "public/4.html",
        "public/chat.js",
    ] {
        assert!(files.iter().any(|file| file == needed), "{needed} is missing in {list}");
    }
    for unwanted in ["target/", "tests/browser/", ".ci/", "node_modules", ".git/", "shots"] {
        assert!(!files.iter().any(|file| file.contains(unwanted)), "{unwanted} in {list}");
    }
}
