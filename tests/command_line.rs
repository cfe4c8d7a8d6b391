//! The real binary: what it prints, where, and how it ends.

mod common;

use common::{Client, Process, eventually, get, handshake, post, rawchat};
use std::io::{BufRead, Read};
use std::net::TcpListener;
use std::process::{Command, Output};

fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = rawchat(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn the_first_line_is_the_url_and_ready_links_follow() {
    for (part, name) in
        [("1", "refresh"), ("2", "polling"), ("3", "long-polling"), ("4", "websocket")]
    {
        for argument in [part, name] {
            let mut process = Process::start(&mut rawchat(&[argument, "--port", "0"]));
            assert_eq!(process.url, format!("http://127.0.0.1:{}", process.address.port()));
            let mut line = String::new();
            while !line.contains("?user=Bob") {
                line.clear();
                assert_ne!(process.stdout.read_line(&mut line).unwrap(), 0, "links to open");
                if line.contains("?user=Alice") {
                    assert_eq!(line.trim(), format!("{}/?user=Alice", process.url));
                }
            }
            assert_eq!(line.trim(), format!("{}/?user=Bob", process.url));
            let page = process.get("/?user=Bob");
            assert!(page.text().contains(&format!("data-part=\"{part}\"")), "{argument}");
        }
    }
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
    let mut process = Process::start(&mut rawchat(&["4", "--port=0", "--host", "0.0.0.0"]));
    assert_eq!(process.url, format!("http://127.0.0.1:{}", process.address.port()));
    let mut text = String::new();
    while !text.contains("no passwords") {
        assert_ne!(process.stdout.read_line(&mut text).unwrap(), 0, "a warning, not {text:?}");
    }
    let port = format!(":{}", process.address.port());
    assert!(text.lines().filter(|line| line.trim_end().ends_with(&port)).count() >= 1, "{text}");
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
fn a_host_that_is_not_this_machine_is_exit_1() {
    // RFC 5737: an address for examples, which no machine has.
    let (code, stdout, stderr) = run(&["1", "--port=0", "--host", "203.0.113.1"]);
    assert_eq!((code, stdout.as_str()), (Some(1), ""), "{stderr}");
    assert!(stderr.contains("203.0.113.1") && stderr.lines().count() == 1, "{stderr}");
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
        (&["1", "--quiet=yes"], "quiet"),
    ] {
        let (code, stdout, stderr) = run(arguments);
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{arguments:?}: {stderr}");
        assert!(stderr.contains(hint), "{arguments:?}: {stderr}");
    }
    let (code, ..) = {
        let output = rawchat(&["1"]).env("PORT", "many").output().unwrap();
        (output.status.code(), output.stderr)
    };
    assert_eq!(code, Some(2));
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
    // The port must be known before, as nobody hears it: a moment later another may have it.
    eventually("a free port", || {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let (out, err) = (writer.try_clone().unwrap(), writer);
        let mut command = rawchat(&["1", "--port", &port.to_string()]);
        let mut child = command.stdout(out).stderr(err).spawn().unwrap();
        drop(command);
        let mut serves = false;
        eventually("it serves, or it has ended", || {
            serves = std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
            serves || child.try_wait().unwrap().is_some()
        });
        if serves {
            let address = ([127, 0, 0, 1], port).into();
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
