//! `rawchat raw`: the binary itself, with a keyboard made of a pipe and a peer that follows a
//! script.

use super::common::{DEADLINE, Server, held_port, rawchat};
use rawchat::wire::frame::{self, Opcode, Side};
use rawchat::wire::handshake::accept_key;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Output, Stdio};

fn start(arguments: &[&str]) -> Child {
    let mut command = rawchat(&["raw", "--lang=en"]);
    command.args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Types `input`, then lets `peer` follow its script. What the tool has printed at its end.
fn with_peer(flags: &[&str], input: &[u8], peer: impl FnOnce(TcpStream)) -> (Output, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut child = start(&[flags, &[&address]].concat());
    child.stdin.take().unwrap().write_all(input).unwrap();
    let socket = listener.accept().unwrap().0;
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    peer(socket);
    let output = child.wait_with_output().unwrap();
    let stdout = String::from_utf8(output.stdout.clone()).unwrap();
    (output, stdout)
}

/// Everything that comes until FIN.
fn heard(socket: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    socket.read_to_end(&mut bytes).unwrap();
    bytes
}

fn until(socket: &mut TcpStream, end: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(end) {
        let mut byte = [0];
        socket.read_exact(&mut byte).unwrap();
        bytes.extend(byte);
    }
    bytes
}

#[test]
fn a_line_goes_out_with_cr_lf_and_the_end_of_the_input_is_a_fin() {
    let mut sent = Vec::new();
    let input = "GET / HTTP/1.1\r\n\n\\x81\\x00\\\\\\tПривіт\n:bytes a\\r\\nb";
    with_peer(&[], input.as_bytes(), |mut socket| sent = heard(&mut socket));
    let expected = "GET / HTTP/1.1\r\n\r\n?\0\\\tПривіт\r\na\r\nb".as_bytes();
    let at = expected.iter().position(|byte| *byte == b'?').unwrap();
    let expected = [&expected[..at], b"\x81", &expected[at + 1..]].concat();
    assert_eq!(sent, expected);
}

#[test]
fn a_file_goes_out_as_it_is_and_what_cannot_be_sent_is_said() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("raw");
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("bytes");
    std::fs::write(&file, b"\x00\xff\n\\x41").unwrap();
    let mut sent = Vec::new();
    let input = format!("\\q\n:file {}\n:file /no/such\n:frob\n:ping\n", file.display());
    let peer = |mut socket: TcpStream| sent = heard(&mut socket);
    let (output, _) = with_peer(&[], input.as_bytes(), peer);
    assert_eq!(sent, b"\x00\xff\n\\x41");
    let notices = String::from_utf8(output.stderr).unwrap();
    for notice in ["known are", "/no/such: ", ":frob?", ":ping?", "Connection closed"] {
        assert!(notices.contains(notice), "{notice:?} is not in {notices}");
    }
}

#[test]
fn what_comes_back_is_text_however_it_is_cut_and_commands_no_terminal() {
    let peer = |mut socket: TcpStream| {
        let body = "Привіт".as_bytes();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        socket.write_all(head.as_bytes()).unwrap();
        for byte in body {
            socket.write_all(&[*byte]).unwrap();
            socket.flush().unwrap();
        }
        socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n\x1b[2J").unwrap();
    };
    let (output, shown) = with_peer(&[], b"", peer);
    assert_eq!(output.status.code(), Some(0));
    let (first, second) = shown.split_once("Привіт").expect("the body");
    assert_eq!(first, "HTTP/1.1 200 OK\nContent-Length: 12\n\n");
    assert!(second.contains("1b 5b 32 4a") && !second.contains('\x1b'), "{second}");
}

#[test]
fn what_is_no_http_is_shown_too() {
    let greet = |text: &'static [u8]| move |mut socket: TcpStream| socket.write_all(text).unwrap();
    let (_, shown) = with_peer(&[], b"", greet(b"220 mail.example.org ESMTP\r\n"));
    assert_eq!(shown, "220 mail.example.org ESMTP\n");
    let (_, shown) = with_peer(&[], b"", greet(b"\x00\x01\x02\xff"));
    assert!(shown.contains("not understood") && shown.contains("00 01 02 ff"), "{shown}");
    let (_, shown) = with_peer(&[], b"", greet(b"HTTP/1.1 200 OK\r\nContent-Le"));
    assert_eq!(shown.trim_end(), "HTTP/1.1 200 OK\nContent-Le", "what was cut off");
}

#[test]
fn it_knows_what_it_has_asked_so_it_knows_where_an_answer_ends() {
    let peer = |mut socket: TcpStream| {
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";
        until(&mut socket, b"GET / HTTP/1.1\r\n\r\n");
        socket.write_all(&[&head[..], head, b"\x00\x01"].concat()).unwrap();
    };
    let (_, shown) = with_peer(&[], b"HEAD / HTTP/1.1\n\nGET / HTTP/1.1\n\n", peer);
    assert!(shown.contains("The body, bytes: 2."), "{shown}");
}

fn key_of(head: &[u8]) -> String {
    let head = String::from_utf8(head.to_vec()).unwrap();
    let (_, key) = head.split_once("Sec-WebSocket-Key: ").expect("a key");
    key.lines().next().unwrap().to_string()
}

fn accept(socket: &mut TcpStream) -> String {
    let key = key_of(&until(socket, b"\r\n\r\n"));
    let accept = accept_key(&key);
    let head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade";
    write!(socket, "{head}\r\nSec-WebSocket-Accept: {accept}\r\n\r\n").unwrap();
    key
}

/// The frames of a client until FIN: FIN bit, opcode and payload of each, and its key.
fn frames(bytes: &[u8]) -> Vec<(bool, Opcode, Vec<u8>, [u8; 4])> {
    let (mut rest, mut frames) = (bytes, Vec::new());
    while let Some((header, used)) = frame::decode(rest, Side::Client, 1 << 20).unwrap() {
        let end = used + header.length as usize;
        let mut payload = rest[used..end].to_vec();
        if let Some(key) = header.key {
            frame::mask(&mut payload, key);
        }
        frames.push((header.fin, header.opcode, payload, header.key.unwrap()));
        rest = &rest[end..];
    }
    frames
}

#[test]
fn a_line_is_a_text_frame_and_the_other_frames_are_made_by_hand() {
    let mut sent = Vec::new();
    let input = "{\"a\\n\"}\n:ping hi\n:pong\n:binary \\x00\\xff\n:part a\n:more b\n:last c\n:close 1001 bye\n";
    let mut keys = Vec::new();
    for _ in 0..2 {
        with_peer(&["--ws"], input.as_bytes(), |mut socket| {
            keys.push(accept(&mut socket));
            let mut close = Vec::new();
            frame::encode(&mut close, Opcode::Close, &[0x03, 0xe9], None);
            // It waits for the end, as a client should; and says nothing after its close.
            let mut bytes = [0; 4096];
            while !matches!(frames(&sent).last(), Some((_, Opcode::Close, ..))) {
                let count = socket.read(&mut bytes).unwrap();
                assert_ne!(count, 0, "no close in {:?}", frames(&sent));
                sent.extend_from_slice(&bytes[..count]);
            }
            socket.write_all(&close).unwrap();
        });
        let frames = frames(&std::mem::take(&mut sent));
        use Opcode::*;
        let expected: [(bool, Opcode, &[u8]); 8] = [
            (true, Text, b"{\"a\\n\"}"),
            (true, Ping, b"hi"),
            (true, Pong, b""),
            (true, Binary, b"\x00\xff"),
            (false, Text, b"a"),
            (false, Continuation, b"b"),
            (true, Continuation, b"c"),
            (true, Close, b"\x03\xe9bye"),
        ];
        let seen: Vec<(bool, Opcode, &[u8])> =
            frames.iter().map(|(fin, opcode, payload, _)| (*fin, *opcode, &payload[..])).collect();
        assert_eq!(seen, expected);
        let mut masks: Vec<[u8; 4]> = frames.iter().map(|frame| frame.3).collect();
        masks.sort();
        masks.dedup();
        assert_eq!(masks.len(), expected.len(), "RFC 6455 §5.3: a new key for each frame");
    }
    assert_ne!(keys[0], keys[1]);
}

/// RFC 6455 §5.5.2, §5.5.1
#[test]
fn a_ping_is_answered_with_a_pong_and_a_close_with_a_close() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let child = start(&["--ws", &listener.local_addr().unwrap().to_string()]);
    let mut socket = listener.accept().unwrap().0;
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    accept(&mut socket);
    let mut said = Vec::new();
    frame::encode(&mut said, Opcode::Text, "Привіт".as_bytes(), None);
    frame::encode(&mut said, Opcode::Ping, b"are you there", None);
    frame::encode(&mut said, Opcode::Close, b"\x03\xe8bye", None);
    // In pieces, as TCP may have them.
    for piece in said.chunks(3) {
        socket.write_all(piece).unwrap();
    }
    let mut answers = vec![0; 6 + 13 + 6 + 2];
    socket.read_exact(&mut answers).unwrap();
    let answers: Vec<_> = frames(&answers).into_iter().map(|f| (f.1, f.2)).collect();
    let expected =
        [(Opcode::Pong, b"are you there".to_vec()), (Opcode::Close, b"\x03\xe8".to_vec())];
    assert_eq!(answers, expected);
    drop(socket);
    let output = child.wait_with_output().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    for line in [
        "<- text frame   14 B = 2 header + 12 payload   Привіт",
        "<- ping frame   15 B = 2 header + 13 payload   are you there",
        "-> pong frame   19 B = 2 header + 4 key + 13 payload   are you there",
        "<- close frame   7 B = 2 header + 5 payload   1000 bye",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line:?} is not in {shown}");
    }
    assert_eq!(output.status.code(), Some(0));
}

/// RFC 6455 §4.1
#[test]
fn an_answer_that_is_no_web_socket_is_exit_1() {
    for (answer, problem) in [
        (
            "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno",
            "no WebSocket: the answer is 403",
        ),
        (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n",
            "Sec-WebSocket-Accept should be ",
        ),
        ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", "should be "),
    ] {
        let (output, shown) = with_peer(&["--ws"], b"hello\n", |mut socket| {
            until(&mut socket, b"\r\n\r\n");
            socket.write_all(answer.as_bytes()).unwrap();
            heard(&mut socket);
        });
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{answer}");
        assert!(stderr.contains(problem), "{stderr}");
        assert!(shown.contains("<- HTTP/1.1 "), "the answer is shown: {shown}");
    }
}

#[test]
fn it_talks_to_rawchat_in_both_ways() {
    let server = Server::start(4);
    let address = server.address.to_string();
    let mut child = start(&[&address]);
    child.stdin.take().unwrap().write_all(b"GARBAGE\n").unwrap();
    let shown = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    assert!(
        shown.starts_with("HTTP/1.1 400 ") && shown.contains("you sent: \"GARBAGE\""),
        "{shown}"
    );
    let mut child = start(&["--ws", &format!("ws://{address}/echo")]);
    child.stdin.take().unwrap().write_all("Привіт\n:bytes \\x81\\x02hi\n".as_bytes()).unwrap();
    let shown = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    assert!(shown.contains("<- text frame   14 B = 2 header + 12 payload   Привіт\n"), "{shown}");
    assert!(shown.contains("1002 a client must mask its frames\n"), "{shown}");
}

#[test]
fn wrong_usage_is_exit_2_and_nobody_there_is_exit_1() {
    for (arguments, hint) in [
        (&[][..], "rawchat raw HOST:PORT"),
        (&["localhost"], "\"localhost\" is no place"),
        (&["a", "b", "c"], "is no place"),
        (&["--ws", "wss://example.org/"], "is no place"),
        (&["--frob", "a:1"], "\"--frob\""),
        (&["--lang=de", "a:1"], "\"de\""),
    ] {
        let output = start(arguments).wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
        assert!(stderr.contains(hint), "{hint:?} is not in {stderr}");
    }
    let (_held, nobody) = held_port(0);
    let output = start(&[&nobody.to_string()]).wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let help = start(&["--help"]).wait_with_output().unwrap();
    assert!(help.status.success() && String::from_utf8(help.stdout).unwrap().contains(":bytes"));
}
