//! HTTP/1.1 over TCP: what is accepted, what is refused and how, and what is timed.

mod common;

use common::{
    AGES, Client, DEADLINE, Process, Server, calm, eventually, get, patient, post, rawchat, serve,
    string,
};
use rawchat::handler::{Places, Reply};
use rawchat::server::Limits;
use rawchat::wire::http::{Request, Response};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

const SHORT: Duration = Duration::from_millis(150);

fn start(limits: Limits) -> Server {
    Server::with(1, limits, calm())
}

/// Sends `bytes`; the answer is a refusal, text for a person, and the end of the connection.
fn refused(server: &Server, bytes: impl AsRef<[u8]>) -> (u16, String) {
    let mut client = server.client();
    client.send(bytes);
    let response = client.response();
    assert_eq!(response.field("Connection"), Some("close"), "{response:?}");
    assert!(response.text().contains("try: "), "{response:?}");
    client.ends();
    (response.status, response.text().to_string())
}

/// A byte now and then, until there is an answer.
fn drip(client: &mut Client, byte: &[u8]) -> common::Response {
    let began = Instant::now();
    client.socket.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
    // The server may be closing already: its answer is there to be read.
    while client.fill().is_err() && client.socket.write(byte).is_ok() {
        assert!(began.elapsed() < DEADLINE, "no answer");
    }
    client.socket.set_read_timeout(Some(DEADLINE)).unwrap();
    client.response()
}

/// RFC 9112 §9.3
#[test]
fn ten_requests_in_one_segment_are_answered_in_order() {
    let server = Server::start(1);
    let mut client = server.client();
    let requests: String = (0..5)
        .map(|number| {
            post("Alice", &number.to_string()) + &get(&format!("/messages?lastId={number}"))
        })
        .collect();
    client.send(requests);
    for number in 0..5 {
        let (posted, list) = (client.response(), client.response());
        assert_eq!(posted.status, 201);
        assert_eq!(list.ids(), [number + 1]);
    }
}

/// RFC 9112 §2: a message is a sequence of octets, whatever the pieces they arrive in.
#[test]
fn a_request_may_come_byte_by_byte() {
    let server = Server::start(1);
    let mut client = server.client();
    for byte in post("Alice", "Привіт").as_bytes() {
        client.send([*byte]);
    }
    assert_eq!(client.response().status, 201);
    assert!(server.get("/messages").text().contains("Привіт"));
}

#[test]
fn a_client_that_has_closed_its_half_still_gets_its_answers() {
    let server = Server::start(1);
    let mut client = server.client();
    client.send(post("Alice", "hi") + &get("/messages"));
    client.half_close();
    assert_eq!(client.response().status, 201);
    assert_eq!(client.response().ids(), [1]);
    client.ends();
}

#[test]
fn a_client_that_leaves_in_the_middle_costs_nothing() {
    let server = Server::start(1);
    let whole = post("Alice", "hi");
    for cut in 1..whole.len() {
        server.client().send(&whole[..cut]);
    }
    for cut in [10, whole.len() - 3] {
        let mut client = server.client();
        client.send(&whole[..cut]);
        client.reset();
    }
    eventually("all have gone", || server.chat.places.taken() == 0);
    assert_eq!(server.get("/messages").text(), "[]", "and nothing was said");
}

#[test]
fn a_request_cut_short_by_a_closed_half_is_answered_400() {
    let server = Server::start(1);
    for part in ["GET /mess", "GET / HTTP/1.1\r\nHost: x\r\n", &post("Alice", "hi")[..80]] {
        let mut client = server.client();
        client.send(part);
        client.half_close();
        assert_eq!(client.response().status, 400, "{part:?}");
        client.ends();
    }
}

/// RFC 9112 §2.2
#[test]
fn a_bare_lf_is_answered_with_400_and_says_what_to_do() {
    let server = Server::start(1);
    let (status, text) = refused(&server, "GET / HTTP/1.1\nHost: x\n\n");
    assert_eq!(status, 400);
    assert!(text.contains("CR LF") && text.contains("nc -C"), "{text}");
    assert_eq!(refused(&server, "GET / HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n").0, 400);
}

/// RFC 9112 §3
#[test]
fn garbage_is_answered_with_what_came_and_what_was_expected() {
    let server = Server::start(1);
    let (status, text) = refused(&server, "GARBAGE\r\n");
    assert_eq!(status, 400);
    assert!(
        text.contains("1 word") && text.contains("\"GARBAGE\"") && text.contains("GET "),
        "{text}"
    );
}

/// RFC 8446 §5.1: the first bytes of `https://`.
#[test]
fn tls_is_answered_with_400_and_the_word_https() {
    let server = Server::start(1);
    let hello = [
        0x16, // handshake
        0x03, 0x01, // the version TLS 1.0, for old times' sake
        0x02, 0x00, // 512 bytes follow
        0x01, // ClientHello
    ];
    let (status, text) = refused(&server, hello);
    assert!(status == 400 && text.contains("https"), "{text}");
}

#[test]
fn each_refusal_has_its_status_and_its_lesson() {
    let server = Server::start(1);
    let long = |count| "x".repeat(count);
    let host = "Host: x\r\n";
    let chunked = |body: &str| {
        format!("POST /messages HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\n{body}")
    };
    for (status, request) in [
        // RFC 9112 §3: three words, one space between two.
        (400, "GET  / HTTP/1.1\r\n".to_string()),
        (400, "GET / HTTP/1.1 \r\n".into()),
        (400, " GET / HTTP/1.1\r\n".into()),
        (400, "GET / \r\n".into()),
        (400, "GET /\r\n".into()),
        (400, "G[T / HTTP/1.1\r\n".into()),
        (400, "GET /\t HTTP/1.1\r\n".into()),
        (400, "GET /\u{456} HTTP/1.1\r\n".into()),
        (400, "GET / http/1.1\r\n".into()),
        (400, "GET / HTTP/1.10\r\n".into()),
        (400, "GET / HTTP/0.9\r\n".into()),
        // RFC 9110 §15.6.6, §15.6.2
        (505, "GET / HTTP/2.0\r\n".into()),
        (505, "PRI * HTTP/2.0\r\n".into()),
        (501, "BREW / HTTP/1.1\r\n".into()),
        (501, "get / HTTP/1.1\r\n".into()),
        // RFC 9112 §3.2
        (400, "GET messages HTTP/1.1\r\n".into()),
        (400, "GET * HTTP/1.1\r\n".into()),
        (400, "GET /#top HTTP/1.1\r\n".into()),
        (400, "GET /%zz HTTP/1.1\r\n".into()),
        (400, "GET /% HTTP/1.1\r\n".into()),
        (400, "GET http:/// HTTP/1.1\r\n".into()),
        (400, "GET / HTTP/1.1\r\n\r\n".into()),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n".into()),
        (400, "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n".into()),
        (400, "GET / HTTP/1.1\r\nHost:\r\n\r\n".into()),
        (400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n".into()),
        (400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n".into()),
        // RFC 9112 §5.1, §5.2
        (400, "GET / HTTP/1.1\r\nHost : x\r\n".into()),
        (400, "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n".into()),
        (400, "GET / HTTP/1.1\r\n: x\r\n".into()),
        (400, "GET / HTTP/1.1\r\nno colon here\r\n".into()),
        (400, "GET / HTTP/1.1\r\nA: b\0c\r\n".into()),
        (400, "GET / HTTP/1.1\r\nA: b\x1bc\r\n".into()),
        // RFC 9112 §6.1, §6.3
        (400, format!("POST / HTTP/1.1\r\n{host}Content-Length: +5\r\n\r\n")),
        (400, format!("POST / HTTP/1.1\r\n{host}Content-Length: 5, 5\r\n\r\n")),
        (400, format!("POST / HTTP/1.1\r\n{host}Content-Length: 0x5\r\n\r\n")),
        (400, format!("POST / HTTP/1.1\r\n{host}Content-Length: \r\n\r\n")),
        (400, format!("POST / HTTP/1.1\r\n{host}Content-Length: 5\r\nContent-Length: 6\r\n\r\n")),
        (
            400,
            format!(
                "POST / HTTP/1.1\r\n{host}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
            ),
        ),
        (400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n".into()),
        (400, format!("POST / HTTP/1.1\r\n{host}Transfer-Encoding: chunked, chunked\r\n\r\n")),
        (501, format!("POST / HTTP/1.1\r\n{host}Transfer-Encoding: gzip, chunked\r\n\r\n")),
        (501, format!("POST / HTTP/1.1\r\n{host}Transfer-Encoding: identity\r\n\r\n")),
        // RFC 9112 §7.1
        (400, chunked("x\r\n")),
        (400, chunked("-1\r\n")),
        (400, chunked("5 hello\r\n")),
        (400, chunked("5\r\nhelloX\r\n")),
        (400, chunked(&format!("5;{}\r\n", long(300)))),
        (413, chunked("10001\r\n")),
        (413, chunked("ffffffffffffffffff\r\n")),
        (431, chunked(&format!("0\r\nA: {}\r\n", long(17_000)))),
        // RFC 9110 §15.5.14, §15.5.15, §15.5.18; RFC 6585 §5
        (413, format!("POST / HTTP/1.1\r\n{host}Content-Length: 65537\r\n\r\n")),
        (413, format!("POST / HTTP/1.1\r\n{host}Content-Length: {}\r\n\r\n", "9".repeat(40))),
        (414, format!("GET /{} HTTP/1.1\r\n", long(8 * 1024))),
        (414, long(8 * 1024 + 1)),
        (417, format!("GET / HTTP/1.1\r\n{host}Expect: 200-ok\r\n\r\n")),
        (431, format!("GET / HTTP/1.1\r\n{host}A: {}", long(16 * 1024))),
        (431, format!("GET / HTTP/1.1\r\n{host}{}", "A: b\r\n".repeat(101))),
    ] {
        let (came, text) = refused(&server, &request);
        assert_eq!(came, status, "{request:?}: {text}");
        assert!(text.starts_with(&format!("{status}: ")), "{text}");
    }
    assert_eq!(server.get("/messages").text(), "[]");
}

#[test]
fn what_is_just_within_the_limits_is_served() {
    let server = Server::start(1);
    let path = format!("/?x={}", "x".repeat(8 * 1024 - "GET /?x= HTTP/1.1".len()));
    assert_eq!(server.get(&path).status, 200);
    let fields = "A: b\r\n".repeat(99);
    let request = format!("GET / HTTP/1.1\r\nHost: x\r\n{fields}\r\n");
    assert_eq!(server.ask(request).status, 200);
    let text = format!(r#"{{"text":"hi"{}}}"#, " ".repeat(64 * 1024 - 13));
    assert_eq!(server.ask(common::post_json(&text)).status, 201);
    // RFC 9112 §3.2.2, §2.2; RFC 9110 §2.5
    for request in [
        "GET http://rawchat:3000/messages HTTP/1.1\r\nHost: rawchat\r\n\r\n",
        "GET HTTP://rawchat HTTP/1.1\r\nHost: rawchat\r\n\r\n",
        "\r\n\r\nGET /messages HTTP/1.1\r\nHost: rawchat\r\n\r\n",
        "GET / HTTP/1.7\r\nHost: [::1]:3000\r\n\r\n",
        "GET / HTTP/1.1\r\nhOsT:rawchat\t \r\nA:\r\n\r\n",
    ] {
        let mut client = server.client();
        assert_eq!(client.ask(request).status, 200, "{request:?}");
        assert_eq!(client.ask(get("/")).status, 200, "and the connection goes on: {request:?}");
    }
}

/// RFC 9110 §15.5.5, §15.5.6
#[test]
fn an_error_that_leaves_no_doubt_where_the_next_request_begins_closes_nothing() {
    let server = Server::start(1);
    let mut client = server.client();
    let missing = client.ask(get("/nothing"));
    assert_eq!(missing.status, 404);
    assert!(string(&missing.json(), "error").contains("/nothing"));
    let not_allowed = client.ask("DELETE /messages HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(not_allowed.status, 405);
    assert_eq!(not_allowed.field("Allow"), Some("GET, HEAD, POST, OPTIONS"));
    let put = "PUT /stats HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello";
    assert_eq!(client.ask(put).field("Allow"), Some("GET, HEAD, OPTIONS"));
    assert_eq!(client.ask(get("/messages")).text(), "[]");
}

/// RFC 9110 §9.3.7
#[test]
fn options_tell_what_there_is() {
    let server = Server::start(1);
    let mut client = server.client();
    for (target, allow) in
        [("/messages", "GET, HEAD, POST, OPTIONS"), ("/", "GET, HEAD, OPTIONS"), ("*", "OPTIONS")]
    {
        let response = client.ask(format!("OPTIONS {target} HTTP/1.1\r\nHost: x\r\n\r\n"));
        assert_eq!(response.status, 204);
        assert!(response.field("Allow").unwrap().contains(allow), "{target}: {response:?}");
    }
}

/// RFC 9110 §9.3.2
#[test]
fn head_is_get_without_the_content() {
    let server = Server::start(1);
    server.post("Alice", "hi");
    let mut client = server.client();
    for target in ["/messages", "/chat.css", "/nothing"] {
        client.send(format!("HEAD {target} HTTP/1.1\r\nHost: x\r\n\r\n"));
        let head = client.response_head();
        let whole = client.ask(get(target));
        assert_eq!(head.status, whole.status);
        assert_eq!(head.field("Content-Length"), whole.field("Content-Length"));
        assert_eq!(head.field("Content-Type"), whole.field("Content-Type"));
    }
}

/// RFC 9110 §9.3.2
#[test]
fn a_head_that_is_refused_has_no_content() {
    let server = Server::start(1);
    for (status, bytes) in [
        (400, "HEAD / HTTP/1.1\r\n\r\n"),
        (400, "\r\nHEAD / HTTP/1.1\r\n\r\n"),
        (413, "HEAD / HTTP/1.1\r\nHost: x\r\nContent-Length: 70000\r\n\r\n"),
        (400, "HEAD / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n"),
    ] {
        let mut client = server.client();
        client.send(bytes);
        assert_eq!(client.response_head().status, status, "{bytes:?}");
        client.ends();
    }
}

#[test]
fn what_a_body_looks_like_does_not_change_what_the_request_was() {
    let server = Server::start(1);
    for line in ["HEAD x", "\x16x"] {
        let head = "POST /messages HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
        let (status, text) = refused(&server, format!("{head}{line}\r\n"));
        assert_eq!(status, 400);
        assert!(text.starts_with("400: ") && !text.contains("TLS"), "{text:?}");
    }
}

/// RFC 9112 §2.2
#[test]
fn empty_lines_before_a_request_are_forgiven_and_are_no_request() {
    let mut client = Server::start(1).client();
    for count in [0, 1, 20, 100_000] {
        assert_eq!(client.ask("\r\n".repeat(count) + &get("/messages")).status, 200);
    }
    client.send("\r\n\r\n");
    client.half_close();
    client.ends();
}

/// RFC 9110 §15.5.20
#[test]
fn on_loopback_a_name_that_nobody_allowed_is_misdirected_on_every_path() {
    let ask = |arguments: &[&str], host: &str, path: &str| {
        let server =
            Process::start(&mut rawchat(&[&["4", "--port=0", "--quiet"], arguments].concat()));
        let mut client = Client::connect(([127, 0, 0, 1], server.address.port()).into());
        client.ask(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"))
    };
    for path in ["/", "/messages", "/source", "/chat.js", "/echo", "/nothing"] {
        let refused = ask(&[], "evil.example:3000", path);
        assert!(refused.status == 421 && refused.text().contains("--allow-host evil.example"));
    }
    for (arguments, host, status) in [
        (&["--allow-host", "chat.example"][..], "chat.example", 200),
        (&["--allow-host=a.example", "--allow-host=b.example"], "a.example:80", 200),
        (&["--allow-host", "chat.example"], "evil.example", 421),
        (&["--host", "0.0.0.0"], "evil.example", 200),
        (&[], "localhost:3000", 200),
    ] {
        assert_eq!(ask(arguments, host, "/messages").status, status, "{arguments:?} {host}");
    }
}

/// RFC 9112 §7.1: sizes in hexadecimal, extensions passed over, trailers read and not kept.
#[test]
fn a_body_may_come_in_chunks() {
    let server = Server::start(1);
    let mut client = server.client();
    let request = "POST /messages HTTP/1.1\r\n\
        Host: rawchat\r\n\
        Content-Type: application/json\r\n\
        Transfer-Encoding: Chunked\r\n\
        \r\n\
        5;name=\"value\"\r\n\
        {\"tex\r\n\
        00A \r\n\
        t\":\"hello\"\r\n\
        1\r\n\
        }\r\n\
        0\r\n\
        Trailer: x\r\n\
        \r\n"
        // RFC 9112 §7.1.1: white space only before an extension.
        .replace("00A ", "00A ;x");
    for byte in request.as_bytes().chunks(3) {
        client.send(byte);
    }
    let response = client.response();
    assert_eq!(response.status, 201, "{response:?}");
    assert_eq!(client.ask(get("/messages")).ids(), [1], "the connection goes on");
}

/// RFC 9112 §9.3, §9.6
#[test]
fn a_connection_goes_on_or_ends_as_was_asked() {
    let server = Server::start(1);
    for (ends, version, fields) in [
        (false, "1.1", ""),
        (false, "1.1", "Connection: keep-alive\r\n"),
        (true, "1.1", "Connection: close\r\n"),
        (true, "1.1", "Connection: foo, CLOSE\r\n"),
        (true, "1.0", ""),
        (true, "1.0", "Connection: close\r\n"),
        (false, "1.0", "Connection: Keep-Alive\r\n"),
        (true, "1.0", "Connection: keep-alive, close\r\n"),
    ] {
        let mut client = server.client();
        client.send(format!("GET /messages HTTP/{version}\r\nHost: x\r\n{fields}\r\n"));
        client.send(get("/messages"));
        let first = client.response();
        assert_eq!(first.status, 200);
        match ends {
            true => {
                assert_eq!(first.field("Connection"), Some("close"), "{version} {fields:?}");
                client.ends();
            }
            false => {
                let told = (version == "1.0").then_some("keep-alive");
                assert_eq!(first.field("Connection"), told, "{version} {fields:?}");
                assert_eq!(client.response().status, 200);
            }
        }
    }
}

#[test]
fn http_1_0_needs_no_host() {
    let server = Server::start(1);
    let mut client = server.client();
    assert_eq!(client.ask("GET /messages HTTP/1.0\r\n\r\n").text(), "[]");
    client.ends();
}

/// RFC 9110 §10.1.1
#[test]
fn a_client_that_expects_100_continue_sends_its_body_only_after_it() {
    let server = Server::start(1);
    let mut client = server.client();
    let request = post("Alice", "hi").replace("Host:", "Expect: 100-Continue\r\nHost:");
    let (head, body) = request.split_at(request.find("\r\n\r\n").unwrap() + 4);
    client.send(head);
    assert_eq!(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    client.send(body);
    assert_eq!(client.response().status, 201);
    // Not where the body is too big, not in 1.0.
    let too_big = head.replace("Content-Length: ", "Content-Length: 9999");
    assert_eq!(server.ask(too_big).status, 413);
    let old = request.replace("HTTP/1.1", "HTTP/1.0");
    assert_eq!(server.ask(old).status, 201);
}

#[test]
fn a_body_that_is_already_here_or_has_begun_or_will_never_come_needs_no_100_continue() {
    let server = Server::start(1);
    let expecting = |request: String| request.replace("Host:", "Expect: 100-continue\r\nHost:");
    assert_eq!(server.ask(expecting(get("/messages"))).status, 200);
    let whole = expecting(post("Alice", "hi"));
    assert_eq!(server.ask(&whole).status, 201);
    let mut client = server.client();
    let (begun, end) = whole.split_at(whole.len() - 3);
    client.send(get("/messages") + begun);
    assert_eq!(client.response().status, 200);
    client.send(end);
    assert_eq!(client.response().status, 201);
}

/// RFC 9112 §9.6: an RST would overtake the answer and wipe it out.
#[test]
fn a_client_that_is_still_sending_can_read_why_it_was_refused() {
    let server = Server::start(1);
    for (status, head) in [
        (413, "POST /messages HTTP/1.1\r\nHost: x\r\nContent-Length: 8000000\r\n\r\n"),
        (414, "GET /"),
        (431, "GET / HTTP/1.1\r\nHost: x\r\nA: "),
    ] {
        let mut client = server.client();
        client.send(head);
        let megabytes = vec![b'x'; 8_000_000];
        client.send(&megabytes);
        assert_eq!(client.response().status, status);
        client.ends();
    }
}

#[test]
fn a_client_that_goes_on_sending_forever_is_cut_off() {
    let server = start(Limits { linger: SHORT, ..patient() });
    let mut client = server.client();
    client.send("GARBAGE\r\n");
    assert_eq!(client.response().status, 400);
    eventually("the server has closed", || client.socket.write_all(b"more and more").is_err());
    eventually("its place is free", || server.chat.places.taken() == 0);
}

/// One deadline for all of it: what comes in the last moment does not begin it anew.
#[test]
fn a_client_that_goes_on_sending_is_heard_only_for_what_is_left_of_the_time() {
    let (told, sockets) = mpsc::channel();
    let told = Mutex::new(told);
    let handler = Arc::new(move |_: &Request, socket: &Arc<TcpStream>| {
        told.lock().unwrap().send(socket.clone()).unwrap();
        Ok(Reply::Http(Response::new(204)))
    });
    let address = serve(patient(), Places::default(), handler);
    let mut client = Client::connect(address);
    client.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_eq!(client.response().status, 204);
    client.ends();
    let socket = sockets.recv().unwrap();
    eventually("the server waits for less than at first", || {
        client.send("more");
        socket.read_timeout().unwrap() < Some(AGES - SHORT)
    });
}

/// RFC 9110 §15.5.9
#[test]
fn a_head_that_drips_is_answered_408() {
    let server = start(Limits { head: SHORT, ..patient() });
    let mut client = server.client();
    client.send("GET / HTTP/1.1\r\nHost: x\r\nA: ");
    let response = drip(&mut client, b"x");
    assert_eq!((response.status, response.field("Connection")), (408, Some("close")));
    assert!(response.text().contains("150ms"), "{response:?}");
    client.ends();
}

#[test]
fn a_head_that_stops_is_answered_408() {
    let server = start(Limits { head: SHORT, ..patient() });
    assert_eq!(server.ask("GET / HT").status, 408);
    let mut client = server.client();
    client.send(get("/messages") + "GET / HT");
    assert_eq!(client.response().status, 200);
    assert_eq!(client.response().status, 408, "the second request of a connection too");
}

#[test]
fn a_body_that_drips_is_answered_408() {
    let server = start(Limits { body: SHORT, ..patient() });
    for framing in ["Content-Length: 60000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\nf000\r\n"] {
        let mut client = server.client();
        client.send(format!("POST /messages HTTP/1.1\r\nHost: x\r\n{framing}"));
        assert_eq!(drip(&mut client, b"x").status, 408, "{framing:?}");
    }
}

/// RFC 9112 §2.2
#[test]
fn empty_lines_are_no_request_and_keep_no_connection() {
    let server = start(Limits { idle: SHORT, ..patient() });
    let mut client = server.client();
    client.socket.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
    eventually("it is closed without an answer", || {
        // A write may find that it is closed before the read does.
        client.socket.write_all(b"\r\n").is_err() || matches!(client.fill(), Ok(0))
    });
    assert_eq!(client.unread(), b"");
    eventually("its place is free", || server.chat.places.taken() == 0);
}

#[test]
fn a_person_may_be_slower_than_an_idle_connection_between_two_keys() {
    let server = start(Limits { idle: SHORT, ..patient() });
    let (begun, rest) = ("GET /messages HTTP/1.1\r\nHo", "st: x\r\n\r\n");
    // What is begun comes with a request before it, and that is answered: so it came in time.
    let mut client = Client::before_idle(server.address, &(get("/messages") + begun));
    assert_eq!(client.response().text(), "[]");
    client.socket.set_read_timeout(Some(2 * SHORT)).unwrap();
    assert!(client.fill().is_err(), "nothing comes for longer than `idle`");
    client.socket.set_read_timeout(Some(DEADLINE)).unwrap();
    assert_eq!(client.ask(rest).text(), "[]");
}

#[test]
fn a_connection_without_a_request_is_closed_after_a_while_and_without_a_word() {
    let server = start(Limits { idle: SHORT, ..patient() });
    server.client().ends();
    let mut client = Client::before_idle(server.address, &get("/messages"));
    assert_eq!(client.response().status, 200);
    client.ends();
}

#[test]
fn beyond_the_cap_a_newcomer_is_answered_503_and_those_inside_go_on() {
    let server = start(Limits { connections_max: 3, ..patient() });
    let mut inside: Vec<Client> = (0..3).map(|_| server.client()).collect();
    for client in &mut inside {
        assert_eq!(client.ask(get("/messages")).status, 200);
    }
    for _ in 0..5 {
        let mut newcomer = server.client();
        let response = newcomer.response();
        assert_eq!((response.status, response.field("Retry-After")), (503, Some("5")));
        newcomer.ends();
    }
    assert!(inside.iter_mut().all(|client| client.ask(get("/messages")).status == 200));
    drop(inside.pop());
    eventually("the place is free", || server.client().ask(get("/messages")).status == 200);
}

#[test]
fn a_newcomer_that_is_turned_away_while_it_sends_can_read_why() {
    let server = start(Limits { connections_max: 0, ..patient() });
    let mut client = server.client();
    client.send(post("Alice", &"x".repeat(2_000)));
    assert_eq!(client.response().status, 503);
    client.ends();
}

/// A byte now and then is no reason to hold a thread for longer.
#[test]
fn a_reader_that_takes_an_answer_in_drips_is_cut_off_as_a_whole() {
    let places = Places::default();
    let body = vec![b'x'; 64 * 1024 * 1024];
    let handler = move |_: &_, _: &_| Ok(Reply::Http(Response::new(200).body("a", body.clone())));
    // Long enough for a socket that was full to have space again.
    let limits = Limits { idle: Duration::from_millis(500), ..patient() };
    let address = serve(limits, places.clone(), Arc::new(handler));
    let mut client = Client::before_idle(address, &get("/"));
    client.read_until("\r\n\r\n");
    let mut taken = 0;
    eventually("cut off in the middle", || {
        // Some kilobytes in each millisecond: never nothing, never all of it.
        let read = client.socket.read(&mut [0; 16 * 1024]);
        taken += read.as_ref().map_or(0, |count| *count);
        !matches!(read, Ok(1..)) || places.taken() == 0
    });
    assert!(taken + client.unread().len() < 64 * 1024 * 1024);
}

/// RFC 9110 §5.6.7, §6.6.1
#[test]
fn every_answer_has_a_date() {
    let server = Server::start(1);
    let response = server.get("/messages");
    let date = response.field("Date").unwrap().to_string();
    // Sun, 22 Nov 2026 10:15:30 GMT
    let shape: String = date
        .chars()
        .map(|c| match c {
            '0'..='9' => '0',
            'A'..='Z' => 'A',
            'a'..='z' => 'a',
            other => other,
        })
        .collect();
    assert_eq!(shape, "Aaa, 00 Aaa 0000 00:00:00 AAA");
    assert!(date.ends_with(" GMT"));
}

#[test]
fn a_panic_in_a_handler_ends_that_connection_alone_and_gives_its_place_back() {
    let places = Places::default();
    let handler = |request: &rawchat::wire::http::Request, _: &_| match request.path.as_str() {
        "/panic" => panic!("as the test asked"),
        path => Ok(Reply::Http(Response::json(200, format!("{path:?}")))),
    };
    let address = serve(patient(), places.clone(), Arc::new(handler));
    let mut other = Client::connect(address);
    assert_eq!(other.ask(get("/a")).text(), "\"/a\"");
    let before = places.taken();
    for _ in 0..20 {
        let mut client = Client::connect(address);
        assert_eq!(client.ask(get("/b")).status, 200);
        client.send(get("/panic"));
        client.ends();
    }
    eventually("the places are free", || places.taken() == before);
    assert_eq!(other.ask(get("/c")).text(), "\"/c\"");
}

#[test]
fn a_response_of_some_megabytes_arrives_whole_at_a_slow_reader() {
    let body: String = (0..500_000).map(|number| format!("{number:07} ")).collect();
    let expected = body.clone();
    let handler = move |_: &_, _: &_| Ok(Reply::Http(Response::json(200, body.clone())));
    let limits = Limits { idle: AGES, ..patient() };
    let address = serve(limits, Places::default(), Arc::new(handler));
    let mut client = Client::connect(address);
    client.send(get("/") + &get("/"));
    thread::yield_now();
    assert_eq!(client.response().text(), expected);
    assert_eq!(client.response().text(), expected);
}

#[test]
fn the_limits_are_those_that_are_promised() {
    let limits = Limits::default();
    let seconds = [limits.head, limits.body, limits.idle].map(|limit| limit.as_secs());
    assert_eq!((limits.connections_max, seconds), (12_000, [60, 30, 60]));
}
