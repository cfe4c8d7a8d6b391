//! The client that the tools share: every form of a response, each of its errors, every byte counted.

use super::common::{DEADLINE, Server, post};
use proptest::prelude::*;
use rawchat::tools::client::{Connection, Place, Response, WebSocket, handshake, masked};
use rawchat::wire::frame::Opcode;
use rawchat::wire::handshake::accept_key;
use rawchat::wire::message::Received;
use rawchat::wire::payload::Payload;
use std::io::{ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

/// A server for one connection.
fn once(serve: impl FnOnce(TcpStream) + Send + 'static) -> Connection {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || serve(listener.accept().unwrap().0));
    Connection::open(address, DEADLINE).unwrap()
}

/// The response in `bytes` to a request of `method`, in pieces of `size`, and then FIN; and what
/// was not read.
fn answered(method: &str, bytes: &[u8], size: usize) -> (Result<Response>, Vec<u8>) {
    let pieces: Vec<Vec<u8>> = bytes.chunks(size).map(Vec::from).collect();
    let mut connection = once(move |mut socket| {
        socket.set_nodelay(true).unwrap();
        // Whoever has read enough may have closed.
        let _ = pieces.iter().try_for_each(|piece| socket.write_all(piece));
    });
    let response = connection.response(method);
    let rest = connection.unread().to_vec();
    (response, rest)
}

#[test]
fn a_response_says_in_four_ways_how_long_it_is() {
    let chunks = "5;a=b\r\nhello\r\n1\r\n!\r\n0\r\nTrailer: x\r\n\r\n";
    for (method, head, body, expected, keeps) in [
        ("GET", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n", "hello!", "hello!", true),
        ("GET", "HTTP/1.1 200\r\ncontent-length:6\r\n\r\n", "hello!", "hello!", true),
        ("POST", "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", "", "", true),
        ("GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n", chunks, "hello!", true),
        ("GET", "HTTP/1.1 200 OK\r\n\r\n", "hello!", "hello!", false),
        ("GET", "HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\n", "hello!", "hello!", false),
        (
            "GET",
            "HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 6\r\n\r\n",
            "hello!",
            "hello!",
            false,
        ),
        // No body, whatever the fields say. RFC 9112 §6.3
        ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n", "", "", true),
        ("GET", "HTTP/1.1 204 No Content\r\nContent-Length: 6\r\n\r\n", "", "", true),
        ("GET", "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", "", "", true),
        ("GET", "HTTP/1.1 101 Switching Protocols\r\n\r\n", "", "", true),
    ] {
        let bytes = [head, body].concat();
        // What follows belongs to the next response, unless nothing can follow.
        let more = if head.lines().count() > 2 { "HTTP/1.1 200 OK\r\n" } else { "" };
        let more = if head.contains(" 101 ") { "\u{1}\u{2}" } else { more };
        for size in [1, 7, 1000] {
            let (response, rest) = answered(method, [&bytes, more].concat().as_bytes(), size);
            let response = response.unwrap_or_else(|error| panic!("{head}: {error}"));
            assert_eq!(response.text().unwrap(), expected, "{head}");
            assert_eq!(response.head, head);
            let counts = (response.head_bytes, response.body_bytes);
            assert_eq!(counts, (head.len(), body.len()), "as on the wire: {head}");
            assert_eq!(response.keeps_alive(), keeps, "{head}");
            assert!(more.as_bytes().starts_with(&rest), "{head}: {rest:?}");
        }
    }
}

#[test]
fn interim_responses_are_passed_over_and_fields_are_found_whatever_their_case() {
    let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n";
    let last = "HTTP/1.1 200 OK\r\nVARY: a, B\r\nvary: c\r\nContent-Length: 0\r\n\r\n";
    let response = answered("GET", [interim, last].concat().as_bytes(), 1000).0.unwrap();
    assert_eq!((response.status, response.field("Link")), (200, None));
    // RFC 9110 §5.6.1: a list may be spread over several fields.
    let listed = ["a", "b", "C", "d"].map(|element| response.lists("Vary", element));
    assert_eq!(listed, [true, true, true, false]);
}

#[test]
fn what_is_no_response_is_an_error_that_says_what_came() {
    let long = format!("HTTP/1.1 200 OK\r\nA: {}", "a".repeat(100_000));
    let chunked =
        |body: &str| format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
    let length = |length: &str| format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
    for (bytes, kind, problem) in [
        ("SSH-2.0-x\r\n\r\n".into(), ErrorKind::InvalidData, "\"SSH-2.0-x\" is no status line"),
        ("HTTP/1.1 2x0 OK\r\n\r\n".into(), ErrorKind::InvalidData, "is no status line"),
        ("HTTP/1.1 099 OK\r\n\r\n".into(), ErrorKind::InvalidData, "is no status line"),
        ("HTTP/2 200 OK\r\n\r\n".into(), ErrorKind::InvalidData, "is no status line"),
        (long, ErrorKind::InvalidData, "no end of a head"),
        (length("-1"), ErrorKind::InvalidData, "expected one number"),
        (length("5\r\nContent-Length: 6"), ErrorKind::InvalidData, "expected one number"),
        (length("99999999999999999999999"), ErrorKind::InvalidData, "Content-Length"),
        (length("999999999999"), ErrorKind::InvalidData, "a body of 999999999999 bytes"),
        (length("5") + "four", ErrorKind::UnexpectedEof, "the server has closed"),
        (chunked("x\r\n"), ErrorKind::InvalidData, "\"x\" is no size of a chunk"),
        (chunked("2\r\nabc\r\n"), ErrorKind::InvalidData, "longer than its size"),
        (chunked("2\r\nab"), ErrorKind::UnexpectedEof, "the server has closed"),
        (chunked(&"1".repeat(100_000)), ErrorKind::InvalidData, "without an end"),
        ("".into(), ErrorKind::UnexpectedEof, "the server has closed"),
        ("HTTP/1.1 200 OK\r\n".into(), ErrorKind::UnexpectedEof, "the server has closed"),
    ] {
        let error = answered("GET", bytes.as_bytes(), 4096).0.expect_err(&bytes);
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(problem), "{error}, expected {problem}");
    }
}

#[test]
fn nothing_is_waited_for_beyond_the_deadline() {
    let mut connection = once(|mut socket| {
        let _ = socket.write_all(b"HTTP/1.1 200 OK\r\n");
        // Until the client goes.
        let _ = socket.read(&mut [0]);
    });
    connection.deadline = std::time::Instant::now() + Duration::from_millis(50);
    assert_eq!(connection.response("GET").unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(connection.send(b"x").unwrap_err().kind(), ErrorKind::TimedOut);
}

#[test]
fn bytes_are_counted_at_the_socket() {
    let server = Server::start(1);
    let mut connection = Connection::open(server.address, DEADLINE).unwrap();
    let (mut sent, mut received) = (0, 0);
    for text in ["Привіт", "hello"] {
        let request = post("Оля", text);
        let response = connection.ask("POST", request.as_bytes()).unwrap();
        assert_eq!(response.status, 201);
        sent += request.len() as u64;
        received += (response.head_bytes + response.body_bytes) as u64;
        assert_eq!((connection.sent, connection.received), (sent, received));
    }
}

/// Does a handshake as a server, and then what `talk` says. The accept key belongs to `key`, or to
/// what the client has sent.
fn web_socket(
    key: Option<&'static str>,
    talk: impl FnOnce(TcpStream) + Send + 'static,
) -> Result<WebSocket> {
    let connection = once(move |mut socket| {
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            socket.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        let sent = head.split("Sec-WebSocket-Key: ").nth(1).unwrap().lines().next().unwrap();
        assert_eq!(head, handshake("a", "/b", "Origin: http://a\r\n", sent));
        let accept = accept_key(key.unwrap_or(sent));
        let answer =
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade";
        let _ = write!(socket, "{answer}\r\nSec-WebSocket-Accept: {accept}\r\n\r\n");
        talk(socket);
    });
    WebSocket::open(connection, "a", "/b", "Origin: http://a\r\n")
}

#[test]
fn a_web_socket_of_a_server_that_has_not_read_the_key_is_none() {
    // RFC 6455 §4.1
    let error = web_socket(Some("dGhlIHNhbXBsZSBub25jZQ=="), drop).err().expect("another key");
    assert!(error.to_string().contains("Sec-WebSocket-Accept should be"), "{error}");
    let server = Server::start(1);
    let connection = Connection::open(server.address, DEADLINE).unwrap();
    let error = WebSocket::open(connection, "a", "/", "").err().expect("part 1 has none");
    assert_eq!(error.to_string(), "no WebSocket: the answer is 200");
}

#[test]
fn a_ping_gets_its_pong_and_a_broken_rule_is_an_error() {
    let (said, heard) = std::sync::mpsc::channel();
    let mut socket = web_socket(None, move |mut socket| {
        socket.write_all(b"\x89\x02hi\x01\x01a\x80\x01b\x81\x80").unwrap();
        let mut pong = [0; 8];
        socket.read_exact(&mut pong).unwrap();
        said.send(pong).unwrap();
    })
    .unwrap();
    assert_eq!(socket.receive().unwrap(), Received::Text(Payload(vec![b"ab".into()])));
    let pong = heard.recv_timeout(DEADLINE).unwrap();
    assert_eq!(pong[..2], [0x8a, 0x82]);
    let key = &pong[2..6];
    assert_eq!([pong[6] ^ key[0], pong[7] ^ key[1]], *b"hi", "RFC 6455 §5.3, §5.5.2");
    let error = socket.receive().unwrap_err();
    assert_eq!(error.to_string(), "1002: a server must not mask its frames");
}

#[test]
fn what_goes_out_comes_back_from_our_echo() {
    let server = Server::start(4);
    let connection = Connection::open(server.address, DEADLINE).unwrap();
    let mut socket = WebSocket::open(connection, "rawchat", "/echo", "").unwrap();
    let head = socket.connection.sent;
    let mut length_sum = 0;
    for length in [0, 125, 126, 65_535, 65_536] {
        let payload = vec![b'a'; length];
        socket.send(Opcode::Text, &payload).unwrap();
        let text = String::from_utf8(payload).unwrap();
        assert_eq!(socket.receive().unwrap(), Received::Text(Payload(vec![text.into()])));
        // RFC 6455 §5.2: 2, 4 or 10 bytes, and 4 of key.
        length_sum += length as u64
            + 4
            + [2, 4, 10][usize::from(length > 125) + usize::from(length > 65_535)];
        assert_eq!(socket.connection.sent - head, length_sum);
    }
    assert_ne!(masked(true, Opcode::Text, b"a"), masked(true, Opcode::Text, b"a"), "fresh keys");
}

#[test]
fn a_place_is_a_url_or_a_host_and_a_port() {
    for (words, host, target) in [
        (&["127.0.0.1:3000"][..], "127.0.0.1:3000", "/"),
        (&["127.0.0.1", "3000"], "127.0.0.1:3000", "/"),
        (&["http://a"], "a:80", "/"),
        (&["http://a:1/b?c"], "a:1", "/b?c"),
        (&["ws://a:1?c"], "a:1", "/?c"),
        (&["[::1]:3000"], "[::1]:3000", "/"),
    ] {
        let expected = Place { host: host.into(), target: target.into() };
        assert_eq!(Place::of(words, ""), Ok(expected), "{words:?}");
    }
    for words in [&["a"][..], &[], &["https://a:1"], &["http://"], &["a:x"], &["a:70000"]] {
        let problem = Place::of(words, "a:1").expect_err(words.first().unwrap_or(&""));
        assert!(problem.ends_with("is no place like a:1"), "{problem}");
    }
    let here = Place::of(&["127.0.0.1:3000"], "").unwrap().addresses().unwrap();
    assert_eq!(here, ["127.0.0.1:3000".parse::<SocketAddr>().unwrap()]);
}

proptest! {
    #[test]
    fn any_bytes_are_a_response_or_an_error(bytes in any::<Vec<u8>>(), size in 1..100_usize) {
        let _ = answered("GET", &[&b"HTTP/1.1 200 OK\r\n"[..], &bytes].concat(), size);
    }
}
