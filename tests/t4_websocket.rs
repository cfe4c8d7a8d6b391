//! Part 4: WebSocket (RFC 6455), against literal bytes.

mod common;

use common::{
    Client, DEADLINE, KEY, Server, calm, eventually, get, handshake, masked, number, patient, said,
    string,
};
use rawchat::server::Limits;
use rawchat::techniques::Timing;
use rawchat::techniques::t4_conversation::converse;
use rawchat::techniques::t4_echo::ECHO_BYTES_MAX;
use rawchat::techniques::t4_websocket::CHAT_BYTES_MAX;
use rawchat::wire::buffer::Buffer;
use rawchat::wire::frame::{self, Header, Opcode};
use rawchat::wire::handshake::accept_key;
use serde_json::Value;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

fn echo(server: &Server) -> Client {
    Client::open(server.address, "/echo")
}

/// The first bytes of a masked frame, whatever is to follow.
fn header(fin: bool, opcode: Opcode, length: u64) -> Vec<u8> {
    header_with(KEY, fin, opcode, length)
}

fn header_with(key: [u8; 4], fin: bool, opcode: Opcode, length: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame::encode_header(&mut bytes, Header { fin, opcode, key: Some(key), length });
    bytes
}

fn fragment(fin: bool, opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mut bytes = header(fin, opcode, payload.len() as u64);
    let start = bytes.len();
    bytes.extend_from_slice(payload);
    frame::mask(&mut bytes[start..], KEY);
    bytes
}

fn users(list: &Value) -> Vec<String> {
    let Some(Value::Array(users)) = list.get("users") else { panic!("{list:?}") };
    let name = |user: &Value| match user {
        Value::String(name) => name.clone(),
        other => panic!("{other:?}"),
    };
    users.iter().map(name).collect()
}

/// Between heartbeats. Two of them without a sign of life end a connection.
const PERIOD: Duration = Duration::from_millis(300);

fn with_heartbeat(heartbeat: Duration) -> Server {
    Server::with(4, patient(), Timing { heartbeat, ..calm() })
}

// The handshake

/// RFC 6455 §1.3, §4.1, §4.2.2: the example of the RFC.
#[test]
fn the_handshake_of_the_rfc_is_answered_as_in_the_rfc() {
    let server = Server::start(4);
    for target in ["/", "/?user=Bob", "/echo", "http://rawchat/echo"] {
        let response = server.ask(handshake(target));
        assert_eq!(response.status, 101);
        assert_eq!(response.field("Sec-WebSocket-Accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        assert_eq!(response.field("Upgrade"), Some("websocket"));
        assert_eq!(response.field("Connection"), Some("Upgrade"));
    }
}

#[test]
fn tokens_of_the_handshake_may_stand_in_lists_and_in_any_case() {
    let server = Server::start(4);
    let request = handshake("/echo")
        .replace("Upgrade: websocket", "uPGRADE: foo/1, WebSocket")
        .replace("Connection: Upgrade", "CONNECTION: keep-alive\r\nconnection: x ,upgrade");
    assert_eq!(server.ask(request).status, 101);
}

/// RFC 6455 §4.2.2: what is not mentioned is declined.
#[test]
fn subprotocols_and_extensions_are_declined() {
    let offer = "Sec-WebSocket-Protocol: chat, soap\r\n\
                 Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";
    let request = handshake("/echo").trim_end().to_string() + "\r\n" + offer;
    let response = Server::start(4).ask(request);
    assert_eq!(response.status, 101);
    assert_eq!(response.field("Sec-WebSocket-Protocol"), None);
    assert_eq!(response.field("Sec-WebSocket-Extensions"), None);
}

/// RFC 9110 §15.5.6
#[test]
fn a_websocket_is_got_and_not_posted() {
    let server = Server::start(4);
    for (method, status) in [("POST", 405), ("DELETE", 405), ("OPTIONS", 204)] {
        let head = handshake("/echo").replace("GET", method);
        let response = server.ask(head.replace("Host", "Content-Length: 0\r\nHost"));
        assert_eq!(response.status, status, "{method}");
        assert_eq!(response.field("Allow"), Some("GET, HEAD, OPTIONS"), "{method}");
    }
}

/// RFC 9110 §7.8
#[test]
fn an_upgrade_in_http_1_0_is_ignored() {
    let response = Server::start(4).ask(handshake("/").replace("HTTP/1.1", "HTTP/1.0"));
    assert_eq!(response.status, 200);
    assert_eq!(response.field("Upgrade"), None);
}

/// RFC 6455 §4.2.1, §4.4; RFC 9110 §15.5.22
#[test]
fn a_handshake_that_lacks_something_is_told_what() {
    let server = Server::start(4);
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
    let ok = handshake("/echo");
    for (status, request) in [
        (426, get("/echo")),
        (426, ok.replace("Upgrade: websocket", "Upgrade: h2c")),
        (426, ok.replace("Connection: Upgrade", "Connection: keep-alive")),
        (426, ok.replace("Version: 13", "Version: 8")),
        (426, ok.replace("Version: 13", "Version: 13, 8")),
        (426, ok.replace("Sec-WebSocket-Version: 13\r\n", "")),
        (400, ok.replace(&format!("{key}\r\n"), "")),
        (400, ok.replace(key, &format!("{key}\r\n{key}"))),
        (400, ok.replace(key, "Sec-WebSocket-Key: ")),
        (400, ok.replace(key, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ")),
        (400, ok.replace(key, "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAA")),
        (400, ok.replace(key, "Sec-WebSocket-Key: !!!!!!!!!!!!!!!!!!!!!!==")),
        (400, ok.replace("HTTP/1.1", "HTTP/1.0")),
    ] {
        let mut client = server.client();
        let response = client.ask(&request);
        assert_eq!(response.status, status, "{request}");
        assert!(response.text().contains("try: "), "{response:?}");
        if status == 426 {
            assert_eq!(response.field("Sec-WebSocket-Version"), Some("13"), "{request}");
            assert_eq!(response.field("Upgrade"), Some("websocket"), "{request}");
            // RFC 9110 §7.8: who sends Upgrade names it in Connection, too.
            assert!(response.fields("Connection").any(|c| c.contains("Upgrade")), "{response:?}");
        }
    }
}

/// RFC 6455 §10.2, RFC 6454 §7
#[test]
fn a_page_of_another_site_cannot_open_a_websocket() {
    let server = Server::start(4);
    for target in ["/echo", "/?user=Eve"] {
        let with = |origin: &str| {
            handshake(target)
                .replace("Host: rawchat", &format!("Host: rawchat\r\nOrigin: {origin}"))
        };
        for foreign in ["http://evil.example", "null", "http://rawchat:81", "file://", "rawchat"] {
            assert_eq!(server.ask(with(foreign)).status, 403, "{target} {foreign}");
        }
        assert_eq!(server.ask(with("http://rawchat")).status, 101);
        assert_eq!(server.ask(with("https://rawchat")).status, 101);
    }
    assert_eq!(server.chat.room.counts().0, 0);
}

#[test]
fn without_an_upgrade_the_chat_s_address_is_its_page() {
    let server = Server::start(4);
    let page = server.get("/?user=Bob");
    assert_eq!((page.status, page.field("Content-Type")), (200, Some("text/html; charset=utf-8")));
    assert!(page.text().contains("data-part=\"4\""));
    assert_eq!(server.post("Alice", "over HTTP").status, 201);
    assert_eq!(server.get("/messages").ids(), [1]);
}

#[test]
fn a_name_that_is_too_long_and_a_last_id_that_is_no_number_are_refused_before_the_upgrade() {
    let server = Server::start(4);
    assert_eq!(server.ask(handshake(&format!("/?user={}", "x".repeat(65)))).status, 413);
    assert_eq!(server.ask(handshake("/?lastId=x")).status, 400);
    assert_eq!(server.chat.timeline.here().connections(), 0);
}

/// RFC 6455 §4.1: the client need not wait, and TCP knows no borders.
#[test]
fn frames_that_came_in_one_segment_with_the_handshake_are_not_lost() {
    let server = Server::start(4);
    let mut client = server.client();
    client.send([handshake("/echo").as_bytes(), &masked(Opcode::Text, "early")].concat());
    assert_eq!(client.response().status, 101);
    assert_eq!(client.frame(), (Opcode::Text, b"early".to_vec()));
    let mut bob = server.client();
    let whole = [handshake("/?user=Bob").as_bytes(), &said("one"), &said("two")].concat();
    bob.send(&whole[..whole.len() - 3]);
    bob.send(&whole[whole.len() - 3..]);
    assert_eq!(bob.response().status, 101);
    let mut bob = bob.greeted();
    assert_eq!((bob.message().1, bob.message().1), ("one".to_string(), "two".to_string()));
}

// The chat

#[test]
fn a_newcomer_is_welcomed_and_told_who_is_here() {
    let server = Server::start(4);
    let mut alice = server.join("Alice");
    let welcome = alice.hear();
    assert_eq!(string(&welcome, "type"), "welcome");
    assert!(!string(&welcome, "message").is_empty());
    assert_eq!((number(&welcome, "connectedClients"), number(&welcome, "lastId")), (1, 0));
    assert_eq!(users(&alice.hear()), ["Alice"]);
    alice.send(said("hi"));
    assert_eq!(alice.message(), (1, "hi".into()), "who speaks hears it, too");
    let mut bob = server.join("Bob");
    let welcome = bob.hear();
    assert_eq!((number(&welcome, "connectedClients"), number(&welcome, "lastId")), (2, 1));
    assert_eq!(users(&bob.hear()), ["Alice", "Bob"]);
    let joined = alice.hear();
    assert_eq!(string(&joined, "type"), "user_joined");
    assert_eq!(string(&joined, "username"), "Bob");
    assert_eq!(number(&joined, "connectedClients"), 2);
    assert_eq!(string(&joined, "timestamp").len(), "2026-11-22T10:15:30.123Z".len());
}

#[test]
fn a_message_is_what_the_api_calls_a_message() {
    let server = Server::start(4);
    let mut olya = server.join("%D0%9E%D0%BB%D1%8F").greeted();
    olya.send(said(" <b>Привіт</b> \"😀\" "));
    let (opcode, frame) = olya.frame();
    assert_eq!(opcode, Opcode::Text);
    let kept = server.get("/messages").text().trim_matches(['[', ']']).to_string();
    assert!(kept.contains(r#""user":"Оля","text":"<b>Привіт</b> \"😀\"","#), "trimmed: {kept}");
    let text = String::from_utf8(frame).unwrap();
    assert_eq!(text, format!(r#"{{"type":"message","message":{kept}}}"#));
}

#[test]
fn a_name_joins_with_its_first_connection_and_leaves_with_its_last() {
    let server = Server::start(4);
    let mut alice = server.join("Alice").greeted();
    let (first, second) = (server.join("Bob").greeted(), server.join("Bob").greeted());
    assert_eq!(string(&alice.hear_of("user_joined"), "username"), "Bob");
    let mut stats = server.get("/stats").json();
    assert_eq!(number(&stats, "connectedClients"), 3);
    drop(first);
    eventually("one of Bob's two has gone", || {
        stats = server.get("/stats").json();
        number(&stats, "connectedClients") == 2
    });
    let mut carol = server.join("Carol").greeted();
    drop(second);
    let next = [alice.hear(), alice.hear()];
    assert_eq!(
        next.each_ref().map(|n| (string(n, "type"), string(n, "username"))),
        [("user_joined", "Carol"), ("user_left", "Bob")]
    );
    assert_eq!(number(&next[1], "connectedClients"), 2);
    assert_eq!(string(&carol.hear_of("user_left"), "username"), "Bob");
}

#[test]
fn stats_list_who_is_here() {
    let server = Server::start(4);
    let _three = [("Bob"), ("Alice"), ("Bob")].map(|user| server.join(user).greeted());
    let stats = server.get("/stats");
    let list =
        r#""clients":[{"username":"Alice","connections":1},{"username":"Bob","connections":2}]"#;
    assert!(stats.text().contains(list), "{}", stats.text());
    assert_eq!(number(&stats.json(), "connectedClients"), 3);
    assert_eq!(number(&stats.json(), "waitingClients"), 0);
}

#[test]
fn all_that_speak_at_once_hear_everything_once_and_in_one_order() {
    const CLIENTS: usize = 8;
    const EACH: usize = 200;
    let server = Server::start(4);
    let clients: Vec<Client> =
        (0..CLIENTS).map(|number| server.join(&format!("C{number}")).greeted()).collect();
    let heard: Vec<Vec<String>> = thread::scope(|scope| {
        let threads: Vec<_> = clients
            .into_iter()
            .enumerate()
            .map(|(me, mut client)| {
                scope.spawn(move || {
                    let mut heard = Vec::new();
                    for number in 0..EACH {
                        client.send(said(&format!("{me}:{number}")));
                        if number % 10 == 9 {
                            heard.extend((0..10 * CLIENTS).map(|_| client.message()));
                        }
                    }
                    for (at, (id, _)) in heard.iter().enumerate() {
                        assert_eq!(*id, at as u64 + 1, "client {me}");
                    }
                    heard.into_iter().map(|(_, text)| text).collect()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(heard.iter().all(|other| *other == heard[0]), "one order for all");
    let all: BTreeSet<&String> = heard[0].iter().collect();
    assert_eq!(all.len(), CLIENTS * EACH);
    for me in 0..CLIENTS {
        let mine = heard[0].iter().filter_map(|text| text.strip_prefix(&format!("{me}:")));
        assert!(mine.eq((0..EACH).map(|number| number.to_string())), "as {me} said it");
    }
}

#[test]
fn who_comes_back_with_its_last_id_gets_what_it_missed_and_then_the_rest() {
    let server = Server::start(4);
    let mut alice = server.join("Alice").greeted();
    for text in ["a", "b", "c", "d"] {
        alice.send(said(text));
    }
    while alice.message().0 < 4 {}
    let resume = |last_id: u64| {
        Client::open(server.address, &format!("/?user=Bob&lastId={last_id}")).greeted()
    };
    let mut bob = resume(2);
    assert_eq!((bob.message(), bob.message()), ((3, "c".into()), (4, "d".into())));
    alice.send(said("e"));
    assert_eq!(bob.message(), (5, "e".into()));
    let (mut all, mut none) = (resume(0), resume(5));
    alice.send(said("f"));
    assert_eq!(none.message().0, 6);
    for id in 1..=6 {
        assert_eq!(all.message().0, id);
    }
}

/// Between its welcome and its place among the others no message is lost, and none comes twice.
#[test]
fn who_joins_in_the_middle_of_a_quarrel_misses_nothing_of_the_rest() {
    let server = Server::start(4);
    let (chat, quarrel) = (server.chat.clone(), Arc::new(()));
    let goes_on = Arc::downgrade(&quarrel);
    thread::spawn(move || {
        while goes_on.strong_count() > 0 {
            chat.say("Alice".into(), "no".into());
        }
    });
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..250 {
                    let mut client = server.join("Visitor");
                    let mut last = number(&client.hear_of("welcome"), "lastId");
                    for _ in 0..30 {
                        let (id, _) = client.message();
                        assert_eq!(id, last + 1);
                        last = id;
                    }
                }
            });
        }
    });
}

#[test]
fn without_a_last_id_the_stream_begins_now() {
    let server = Server::start(4);
    server.post("Alice", "old");
    let mut bob = server.join("Bob").greeted();
    server.post("Alice", "new");
    assert_eq!(bob.message(), (2, "new".into()));
}

#[test]
fn a_bad_chat_message_is_answered_and_the_connection_stays() {
    let server = Server::start(4);
    let mut alice = server.join("Alice").greeted();
    let too_long = format!(r#"{{"type":"message","text":"{}"}}"#, "x".repeat(2_001));
    for (opcode, payload, hint) in [
        (Opcode::Text, "hello", "JSON"),
        (Opcode::Text, "", "JSON"),
        (Opcode::Text, "[]", "message"),
        (Opcode::Text, "null", "message"),
        (Opcode::Text, "{}", "message"),
        (Opcode::Text, r#"{"type":"shout","text":"x"}"#, "message"),
        (Opcode::Text, r#"{"type":"message"}"#, "message"),
        (Opcode::Text, r#"{"type":"message","text":7}"#, "message"),
        (Opcode::Text, r#"{"type":"message","text":" \n "}"#, "empty"),
        (Opcode::Text, r#"{"type":"message","text":"\ud800"}"#, "surrogate"),
        (Opcode::Text, &too_long, "2000"),
        (Opcode::Binary, r#"{"type":"ping"}"#, "binary"),
    ] {
        alice.send(masked(opcode, payload));
        let answer = alice.hear();
        assert_eq!(string(&answer, "type"), "error", "{payload:?}");
        assert!(string(&answer, "error").contains(hint), "{payload:?}: {answer:?}");
    }
    alice.send(said(&"ї".repeat(2_000)));
    assert_eq!(alice.message().0, 1, "of all that only this was said");
}

#[test]
fn ping_in_json_is_answered_with_pong_in_json() {
    let server = Server::start(4);
    let mut alice = server.join("Alice").greeted();
    alice.send(masked(Opcode::Text, r#"{"type":"ping"}"#));
    assert_eq!(alice.frame(), (Opcode::Text, br#"{"type":"pong"}"#.to_vec()));
}

// Control frames

/// RFC 6455 §5.5.2, §5.5.3
#[test]
fn a_ping_is_answered_with_its_own_payload_even_between_fragments() {
    let server = Server::start(4);
    for mut client in [echo(&server), server.join("Alice").greeted()] {
        for payload in [&b""[..], b"hello", &[0xff; 125]] {
            client.send(masked(Opcode::Ping, payload));
            assert_eq!(client.frame(), (Opcode::Pong, payload.to_vec()));
        }
        client.send(masked(Opcode::Pong, "nobody asked"));
        client.send(fragment(false, Opcode::Text, br#"{"type":"#));
        client.send(masked(Opcode::Ping, "in between"));
        assert_eq!(client.frame(), (Opcode::Pong, b"in between".to_vec()));
        client.send(fragment(true, Opcode::Continuation, br#""ping"}"#));
        assert_eq!(client.frame().0, Opcode::Text, "the message is whole");
    }
}

#[test]
fn a_peer_that_takes_its_echoes_slowly_is_not_taken_for_silent() {
    // More than the sockets hold; and each is short, because the whole ones count as signs of life.
    const ECHOES: usize = 24 * 16;
    const BYTES: usize = 64 * 1024;
    // A message has two periods to come in, also from a sender that gets little of the processor.
    let period = Duration::from_secs(3);
    let mut client = echo(&with_heartbeat(period));
    let mut socket = client.socket.try_clone().unwrap();
    let long = masked(Opcode::Binary, vec![7; BYTES]);
    let sender = thread::spawn(move || (0..ECHOES).for_each(|_| socket.write_all(&long).unwrap()));
    // For longer than two periods the server cannot write, and does not listen: this is what is tested.
    thread::sleep(3 * period);
    let mut frames = std::iter::repeat_with(|| client.frame()).filter(|f| f.0 != Opcode::Ping);
    for _ in 0..ECHOES {
        let (opcode, payload) = frames.next().unwrap();
        assert_eq!((opcode, payload.len()), (Opcode::Binary, BYTES), "{:?}", &payload[..20]);
    }
    sender.join().unwrap();
}

#[test]
fn a_heartbeat_is_a_text_for_the_page_and_a_ping_for_the_peer() {
    let server = with_heartbeat(2 * PERIOD);
    // It begins again where this thread was not run for a while, and so did not answer in time.
    eventually("who answers stays", || {
        let began = Instant::now();
        let mut alice = server.join("Alice").greeted();
        let (mut texts, mut pings) = (0, 0);
        while texts < 6 || pings < 6 {
            match alice.frame() {
                (Opcode::Text, text) => {
                    assert_eq!(text, br#"{"type":"heartbeat"}"#);
                    texts += 1;
                }
                (Opcode::Ping, payload) => {
                    alice.send(masked(Opcode::Pong, payload));
                    pings += 1;
                }
                (Opcode::Close, _) => return false,
                other => panic!("{other:?}"),
            }
        }
        assert!(began.elapsed() >= 5 * 2 * PERIOD, "one a period, and no more");
        true
    });
}

#[test]
fn a_peer_that_answers_no_ping_within_two_periods_is_dropped_and_told_why() {
    let server = with_heartbeat(PERIOD);
    for target in ["/?user=Silent", "/echo"] {
        let began = Instant::now();
        let (code, reason) = Client::open(server.address, target).closed();
        assert!(code == 1008 && reason.contains("pong"), "{target}: {code} {reason}");
        assert!(began.elapsed() >= 2 * PERIOD, "{target}: after {:?}", began.elapsed());
    }
    eventually("it has left", || server.chat.timeline.here().connections() == 0);
}

/// A conversation in one thread: before ping number 1, 2, … is sent, the peer has said `answer` to it.
/// So it is never late, however busy the machine is. Gives what the peer was sent.
fn converse_with(first: &[u8], answer: impl Fn(usize) -> Vec<u8>) -> Vec<(Opcode, Vec<u8>)> {
    let (socket, peer) = common::pair();
    (&peer.socket).write_all(first).unwrap();
    let sent = RefCell::new(Vec::new());
    let send = |opcode, payload: &[u8]| {
        sent.borrow_mut().push((opcode, payload.to_vec()));
        let count = sent.borrow().len();
        assert!(count < 20, "it does not end");
        if opcode == Opcode::Ping { (&peer.socket).write_all(&answer(count)) } else { Ok(()) }
    };
    converse(&socket, Buffer::default(), 10, PERIOD, send, |_| Ok(())).unwrap();
    sent.into_inner()
}

/// RFC 6455 §5.5.2: on `/echo` nobody but the reader can notice the silence.
#[test]
fn a_silence_of_one_period_is_answered_with_a_ping_and_a_pong_ends_it() {
    let began = Instant::now();
    let opcodes = [Opcode::Pong, Opcode::Pong, Opcode::Close];
    let sent = converse_with(b"", |pings| masked(opcodes[pings - 1], ""));
    assert!(began.elapsed() >= 3 * PERIOD, "one a period, and no more");
    let ping = (Opcode::Ping, vec![]);
    assert_eq!(sent, [ping.clone(), ping.clone(), ping, (Opcode::Close, vec![])]);
}

/// The write of a ping may wait for a slow reader, and a laptop may be asleep: the answer has its time.
#[test]
fn whoever_answers_a_ping_that_went_out_late_is_not_dropped() {
    let sent = converse_with(b"", |_| {
        thread::sleep(3 * PERIOD); // this is what is tested
        [masked(Opcode::Pong, ""), masked(Opcode::Close, "")].concat()
    });
    assert_eq!(sent, [(Opcode::Ping, vec![]), (Opcode::Close, vec![])]);
}

/// A sign of life is a whole frame: a peer that drips bytes is none the livelier.
#[test]
fn a_frame_that_drips_keeps_nobody_alive() {
    let server = with_heartbeat(Duration::from_millis(100));
    let began = Instant::now();
    let mut client = echo(&server);
    client.send(header(true, Opcode::Binary, 10_000));
    client.socket.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
    let drip = |client: &mut Client| std::io::Write::write(&mut client.socket, b"x").is_ok();
    while !matches!(client.fill(), Ok(0)) && drip(&mut client) {
        assert!(began.elapsed() < DEADLINE);
    }
    assert!(began.elapsed() >= Duration::from_millis(200));
    assert_eq!(client.closed().0, 1008);
}

/// A pong is a sign of life, and no reason to keep half a message for ever.
#[test]
fn a_message_in_fragments_is_whole_within_two_periods_or_its_sender_is_dropped() {
    let [begun, end] =
        [(false, Opcode::Text), (true, Opcode::Continuation)].map(|(fin, o)| fragment(fin, o, b""));
    let pong = masked(Opcode::Pong, "");
    let sent = converse_with(b"", |pings| match pings {
        1..=3 => [&pong[..], &begun, &end].concat(), // each of these is whole in time
        4 => [&pong[..], &begun].concat(),
        _ => pong.clone(),
    });
    assert!(sent.len() > 4, "{sent:?}");
    is_dropped(&sent);
}

/// Nothing of it is kept, and yet it is a message that does not end.
#[test]
fn a_message_of_empty_fragments_is_whole_within_two_periods_or_its_sender_is_dropped() {
    let [first, more] = [Opcode::Text, Opcode::Continuation].map(|o| fragment(false, o, b""));
    let began = Instant::now();
    is_dropped(&converse_with(&first, |_| more.clone()));
    assert!(began.elapsed() >= 2 * PERIOD);
}

/// For a message that is not whole.
fn is_dropped(sent: &[(Opcode, Vec<u8>)]) {
    let Some((Opcode::Close, close)) = sent.last() else { panic!("{sent:?}") };
    assert!(close.starts_with(&1008u16.to_be_bytes()), "{sent:?}");
    assert!(str::from_utf8(&close[2..]).unwrap().contains("whole"), "{sent:?}");
}

/// A reader that takes a little again and again lets no single write run out of time.
#[test]
fn an_echo_that_is_read_in_drips_is_cut_off_as_a_whole() {
    let limits = Limits { idle: Duration::from_millis(300), ..common::patient() };
    let server = Server::with(4, limits, common::calm());
    let mut client = Client::before_idle(server.address, &handshake("/echo"));
    assert_eq!(client.response().status, 101);
    socket2::SockRef::from(&client.socket).set_recv_buffer_size(64 * 1024).unwrap();
    client.send(masked(Opcode::Binary, vec![7; ECHO_BYTES_MAX]));
    let mut taken = 0;
    eventually("cut off in the middle", || {
        // Some kilobytes in each millisecond: never nothing, never all of it.
        let read = client.socket.read(&mut [0; 8 * 1024]);
        taken += read.as_ref().map_or(0, |count| *count);
        !matches!(read, Ok(1..)) || taken >= ECHO_BYTES_MAX || server.chat.places.taken() == 0
    });
    assert!(taken < ECHO_BYTES_MAX, "all of it was read");
}

/// RFC 6455 §5.5.1, §7, §7.1.1: the server closes TCP first.
#[test]
fn a_close_is_answered_with_a_close_and_then_the_server_ends_tcp() {
    let server = Server::start(4);
    let alice = &mut server.join("Alice").greeted();
    for mut client in [echo(&server), server.join("Bob").greeted()] {
        client.send(masked(Opcode::Close, [&1000u16.to_be_bytes()[..], b"bye"].concat()));
        // `closed` waits for FIN, and this side has not closed.
        assert_eq!(client.closed().0, 1000);
    }
    assert_eq!(string(&alice.hear_of("user_left"), "username"), "Bob");
    // RFC 6455 §7.1.5: no code is no code.
    let mut client = echo(&server);
    client.send(masked(Opcode::Close, ""));
    assert_eq!(client.closed(), (1005, String::new()));
}

#[test]
fn what_follows_a_close_is_not_listened_to() {
    let server = Server::start(4);
    let mut client = echo(&server);
    let close = masked(Opcode::Close, 1001u16.to_be_bytes());
    client.send([close, masked(Opcode::Text, "too late")].concat());
    assert_eq!(client.frame(), (Opcode::Close, 1001u16.to_be_bytes().to_vec()));
    client.ends();
}

// Violations

/// RFC 6455 §7.4.1, §7.1.7; each rule's own section stands beside it.
#[test]
fn every_violation_is_answered_with_a_close_and_its_code_before_tcp_ends() {
    let server = Server::start(4);
    for (code, what, bytes) in [
        // RFC 6455 §5.1
        (1002, "not masked", vec![0x81, 0x05, b'H', b'e', b'l', b'l', b'o']),
        (1002, "not masked, though empty", vec![0x89, 0x00]),
        // RFC 6455 §5.2
        (1002, "RSV1", vec![0b1100_0001]),
        (1002, "RSV2", vec![0b1010_0001]),
        (1002, "RSV3", vec![0b1001_0001]),
        (1002, "opcode 3", vec![0x83]),
        (1002, "opcode 7", vec![0x87]),
        (1002, "opcode 11", vec![0x8b]),
        (1002, "opcode 15", vec![0x8f]),
        (1002, "125 in two bytes", vec![0x82, 0xfe, 0x00, 0x7d]),
        (1002, "65535 in eight bytes", vec![0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff]),
        (1002, "the top bit of a length", vec![0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0]),
        // RFC 6455 §5.5
        (1002, "a ping in fragments", vec![0x09]),
        (1002, "a close in fragments", vec![0x08]),
        (1002, "a ping of 126 bytes", vec![0x89, 0xfe, 0x00, 0x7e]),
        // RFC 6455 §5.4
        (1002, "a continuation of nothing", fragment(true, Opcode::Continuation, b"x")),
        (
            1002,
            "a text within a text",
            [fragment(false, Opcode::Text, b"x"), fragment(true, Opcode::Text, b"y")].concat(),
        ),
        (
            1002,
            "a binary within a text",
            [fragment(false, Opcode::Text, b"x"), fragment(true, Opcode::Binary, b"y")].concat(),
        ),
        // RFC 6455 §5.5.1, §7.4.1, §7.4.2
        (1002, "half a close code", masked(Opcode::Close, [0x03])),
        (1002, "close code 0", masked(Opcode::Close, 0u16.to_be_bytes())),
        (1002, "close code 999", masked(Opcode::Close, 999u16.to_be_bytes())),
        (1002, "close code 1004", masked(Opcode::Close, 1004u16.to_be_bytes())),
        (1002, "close code 1005", masked(Opcode::Close, 1005u16.to_be_bytes())),
        (1002, "close code 1006", masked(Opcode::Close, 1006u16.to_be_bytes())),
        (1002, "close code 1015", masked(Opcode::Close, 1015u16.to_be_bytes())),
        (1002, "close code 2999", masked(Opcode::Close, 2999u16.to_be_bytes())),
        (1002, "close code 5000", masked(Opcode::Close, 5000u16.to_be_bytes())),
        (1007, "a close reason of no UTF-8", masked(Opcode::Close, [0x03, 0xe8, 0xff])),
        // RFC 6455 §8.1: as early as it is wrong, though a thousand bytes are announced.
        (1007, "a wrong byte", [header(true, Opcode::Text, 1000), vec![0xff ^ KEY[0]]].concat()),
        (1007, "half a character at the end", masked(Opcode::Text, [0xd0])),
        (1007, "a surrogate", masked(Opcode::Text, [0xed, 0xa0, 0x80])),
        (1007, "an overlong slash", masked(Opcode::Text, [0xc0, 0xaf])),
        (
            1007,
            "a character that goes wrong in the next fragment",
            [fragment(false, Opcode::Text, &[0xd0]), fragment(false, Opcode::Continuation, b"x")]
                .concat(),
        ),
        // Judged when announced.
        (1009, "17 MiB", header(true, Opcode::Binary, 17 << 20)),
        (1009, "2^62 bytes", header(true, Opcode::Text, 1 << 62)),
    ] {
        for target in ["/echo", "/?user=Eve"] {
            let mut client = Client::open(server.address, target);
            client.send(&bytes);
            let (closed, reason) = client.closed();
            assert_eq!(closed, code, "{what} on {target}: {reason}");
            assert!(!reason.is_empty() && reason.len() <= 123, "{what}: it teaches");
        }
    }
}

#[test]
fn close_codes_that_may_travel_are_returned() {
    let server = Server::start(4);
    for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1014, 3000, 3999, 4999] {
        let mut client = echo(&server);
        client.send(masked(Opcode::Close, u16::to_be_bytes(code)));
        assert_eq!(client.closed().0, code);
    }
}

#[test]
fn a_violator_that_goes_on_sending_can_still_read_its_close() {
    let server = Server::start(4);
    let mut client = echo(&server);
    let announced = [header(true, Opcode::Binary, (ECHO_BYTES_MAX + 1) as u64)];
    client.send(announced.concat());
    client.send(vec![0; 4 << 20]);
    assert_eq!(client.closed().0, 1009);
}

// The echo

#[test]
fn what_is_said_to_the_echo_comes_back_as_it_was() {
    let server = Server::start(4);
    let mut client = echo(&server);
    for size in [0, 1, 125, 126, 127, 65_535, 65_536, 1_000_000] {
        let bytes: Vec<u8> = (0..size).map(|at: usize| (at % 251) as u8).collect();
        client.send(masked(Opcode::Binary, &bytes));
        assert_eq!(client.frame(), (Opcode::Binary, bytes));
        let text = "ї".repeat(size / 2);
        client.send(masked(Opcode::Text, &text));
        assert_eq!(client.frame(), (Opcode::Text, text.into_bytes()));
    }
}

/// RFC 6455 §5.4
#[test]
fn fragments_come_back_as_one_message_even_where_they_split_a_character() {
    let server = Server::start(4);
    let mut client = echo(&server);
    let text = "Привіт, 😀!".as_bytes();
    client.send(fragment(false, Opcode::Text, &text[..0]));
    for byte in text {
        client.send(fragment(false, Opcode::Continuation, &[*byte]));
    }
    client.send(fragment(true, Opcode::Continuation, b""));
    assert_eq!(client.frame(), (Opcode::Text, text.to_vec()));
    for byte in masked(Opcode::Text, text) {
        client.send([byte]);
    }
    assert_eq!(client.frame(), (Opcode::Text, text.to_vec()));
}

#[test]
fn sixteen_mebibytes_come_back_and_one_byte_more_is_refused_when_it_is_announced() {
    let server = Server::start(4);
    let mut client = echo(&server);
    let bytes: Vec<u8> = (0..ECHO_BYTES_MAX).map(|at| (at % 251) as u8).collect();
    assert_eq!(bytes.len(), 16 << 20);
    // The key 0 0 0 0 masks nothing, which saves this side the work.
    let length = ECHO_BYTES_MAX as u64;
    client.send(header_with([0; 4], true, Opcode::Binary, length));
    client.send(&bytes);
    assert!(client.frame() == (Opcode::Binary, bytes), "as it was");
    client.send(header(true, Opcode::Binary, ECHO_BYTES_MAX as u64 + 1));
    assert_eq!(client.closed().0, 1009);
}

#[test]
fn the_size_of_a_message_is_that_of_all_its_fragments() {
    let server = Server::start(4);
    for (target, bytes_max) in [("/echo", ECHO_BYTES_MAX), ("/?user=Eve", CHAT_BYTES_MAX)] {
        let mut client = Client::open(server.address, target);
        client.send(fragment(false, Opcode::Binary, &vec![0; bytes_max / 2]));
        client.send(fragment(false, Opcode::Continuation, &vec![0; bytes_max / 2 - 10]));
        client.send(header(false, Opcode::Continuation, 11));
        assert_eq!(client.closed().0, 1009, "{target}");
    }
    assert_eq!(CHAT_BYTES_MAX, 1 << 20);
}

#[test]
fn an_accept_key_is_what_rfc_6455_section_1_3_computes() {
    assert_eq!(accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}
