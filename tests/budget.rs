//! What the unfinished messages and bodies of all connections may take together, and what slow readers
//! have not taken yet.

mod common;

use common::{AGES, Client, KEY, Process, Server, eventually, get, handshake, masked, post_json};
use rawchat::handler::Places;
use rawchat::room::MESSAGES_MAX;
use rawchat::techniques::said::{TEXT_CHARS_MAX, USER_CHARS_MAX};
use rawchat::techniques::t4_conversation::converse;
use rawchat::techniques::t4_echo::ECHO_BYTES_MAX;
use rawchat::techniques::t4_member::{Membership, UNSENT_BYTES_MAX};
use rawchat::techniques::t4_websocket::CHAT_BYTES_MAX;
use rawchat::techniques::{Chat, TECHNIQUES};
use rawchat::tools::client::Connection;
use rawchat::tools::feed::{Feed, Patience};
use rawchat::wire::budget::{FREE_BYTES, Share, TAKEN_BYTES_MAX, UNFINISHED_BYTES_MAX, taken};
use rawchat::wire::buffer::{BUFFER_BYTES_MAX, Buffer};
use rawchat::wire::frame::{self, Header, Opcode};
use rawchat::wire::http::{BODY_BYTES_MAX, Request};
use std::cell::Cell;
use std::io::{ErrorKind, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

/// The budget is the process's: these tests stand in line, and each finds nothing taken.
fn in_line() -> MutexGuard<'static, ()> {
    static IN_LINE: Mutex<()> = Mutex::new(());
    let guard = IN_LINE.lock().unwrap_or_else(PoisonError::into_inner);
    eventually("all is given back", || taken() == 0);
    guard
}

#[test]
fn what_one_takes_another_cannot_have_until_it_is_given_back() {
    let _in_line = in_line();
    let (mut first, mut second) = (Share::default(), Share::default());
    assert!(first.resize(FREE_BYTES + UNFINISHED_BYTES_MAX - 10, UNFINISHED_BYTES_MAX));
    assert!(
        second.resize(FREE_BYTES + 10, UNFINISHED_BYTES_MAX)
            && !second.resize(FREE_BYTES + 11, UNFINISHED_BYTES_MAX)
    );
    assert!(first.resize(FREE_BYTES + 5, UNFINISHED_BYTES_MAX), "less is never refused");
    assert!(second.resize(FREE_BYTES + 11, UNFINISHED_BYTES_MAX));
    assert_eq!(taken(), 16, "what was refused is not taken");
    drop(first);
    assert!(second.resize(FREE_BYTES + UNFINISHED_BYTES_MAX, UNFINISHED_BYTES_MAX));
    assert!(
        Share::default().resize(FREE_BYTES, UNFINISHED_BYTES_MAX),
        "a short message fits in a budget that is used up"
    );
    drop(second);
    assert_eq!(taken(), 0);
}

#[test]
fn a_long_body_for_which_there_is_no_memory_is_503_and_a_short_one_is_taken() {
    let _in_line = in_line();
    let server = Server::start(1);
    let mut rest = Share::default();
    assert!(rest.resize(FREE_BYTES + UNFINISHED_BYTES_MAX, UNFINISHED_BYTES_MAX));
    let long = format!(r#"{{"user":"Eve","text":"{}"}}"#, "a".repeat(50_000));
    let begun = &post_json(&long)[..40_000];
    let refused = server.ask(begun);
    assert_eq!((refused.status, refused.field("Retry-After")), (503, Some("5")), "{refused:?}");
    assert!(refused.text().contains("unfinished"), "{refused:?}");
    assert_eq!(server.post("Alice", &"я".repeat(2_000)).status, 201);
    drop(rest);
    let mut eve = server.client();
    eve.send(begun);
    eventually("what has come is counted", || taken() > 20_000);
    assert_eq!(eve.ask(&post_json(&long)[40_000..]).status, 413, "it is whole, and no text");
    eventually("a connection without a request takes nothing", || taken() == 0);
}

#[test]
fn a_body_is_counted_no_longer_than_until_its_request_is_answered() {
    let _in_line = in_line();
    let server = Server::start(4);
    let buffer_alone = BUFFER_BYTES_MAX - FREE_BYTES;
    let body = "x".repeat(BODY_BYTES_MAX);
    let chunk = format!("10000\r\n{body}\r\n");
    for (field, begun, end, counted) in [
        ("Content-Length: 65536", &body[1..], "x", buffer_alone),
        ("Transfer-Encoding: chunked", &chunk, "0\r\n\r\n", buffer_alone + 1),
    ] {
        let mut client = server.client();
        client.send(handshake("/echo").replace("\r\n\r\n", &format!("\r\n{field}\r\n\r\n")));
        client.send(begun);
        eventually("what has come is counted", || taken() >= counted);
        client.send(end);
        assert_eq!(client.response().status, 101);
        eventually("a WebSocket that began with a body takes nothing", || taken() == 0);
        client.send(masked(Opcode::Text, "still here"));
        assert_eq!(client.frame().1, b"still here");
    }
}

/// In place of 101 a 503 would save nothing. What came early counts, as in the middle of a message.
#[test]
fn a_handshake_is_answered_though_all_memory_is_taken() {
    let _in_line = in_line();
    let server = Server::start(4);
    for target in ["/echo", "/?user=Bob"] {
        let mut client = server.client();
        let body = "x".repeat(BODY_BYTES_MAX - 1_000);
        let length = format!("\r\nContent-Length: {}\r\n\r\n", body.len());
        client.send(handshake(target).replace("\r\n\r\n", &length));
        client.send(&body[1..]);
        // Of the body no more is counted after this, and then there is no memory for an answer.
        let counted = BUFFER_BYTES_MAX - FREE_BYTES;
        eventually("what has come is counted", || taken() == counted);
        let mut rest = Share::default();
        assert!(rest.resize(FREE_BYTES + TAKEN_BYTES_MAX - counted, TAKEN_BYTES_MAX));
        // The frame comes with the end of the body, so the buffer is not given back.
        client.send([b"x".to_vec(), masked(Opcode::Text, "early")].concat());
        assert_eq!(client.response().status, 101, "{target}");
        assert_eq!(client.closed().0, 1013, "{target}");
        drop((client, rest));
        eventually("what was taken is given back", || taken() == 0);
    }
}

/// RFC 9110 §10.2.3
#[test]
fn an_answer_for_which_there_is_no_memory_is_503_and_a_short_one_is_given() {
    let _in_line = in_line();
    let server = Server::start(2);
    (0..20).for_each(|_| drop(server.chat.say("Alice".into(), "x".repeat(TEXT_CHARS_MAX))));
    let mut rest = Share::default();
    assert!(rest.resize(FREE_BYTES + TAKEN_BYTES_MAX, TAKEN_BYTES_MAX));
    let refused = server.get("/messages");
    assert_eq!((refused.status, refused.field("Retry-After")), (503, Some("5")), "{refused:?}");
    assert_eq!(server.get("/messages?lastId=18").ids(), [19, 20]);
    drop(rest);
    assert_eq!(server.get("/messages").ids().len(), 20);
    eventually("what was taken is given back", || taken() == 0);
}

/// However large its body has made the buffer, and whatever else was sent ahead.
#[test]
fn what_was_said_is_answered_as_said_though_all_memory_is_taken() {
    let _in_line = in_line();
    let server = Server::start(1);
    let mut rest = Share::default();
    assert!(rest.resize(FREE_BYTES + TAKEN_BYTES_MAX, TAKEN_BYTES_MAX));
    // A body that fills the buffer to its last byte: then it has twice as many.
    let padded = |body: &str| format!("{body:16384}");
    let emoji = |count| "😀".repeat(count);
    let long = [emoji(USER_CHARS_MAX), emoji(TEXT_CHARS_MAX)];
    let long = format!(r#"{{"user":"{}","text":"{}"}}"#, long[0], long[1]);
    let json = "Content-Type: application/json";
    let form = "Content-Type: application/x-www-form-urlencoded\r\nAccept: text/html";
    for (fields, body, status) in [
        (json, long, 201),
        (json, padded(r#"{"text":"hi"}"#), 201),
        (form, padded("text=hi&spaces=").replace(' ', "+"), 303),
        (json, padded("{}"), 400),
    ] {
        let mut client = server.client();
        let length = body.len();
        client.send(format!(
            "POST /messages HTTP/1.1\r\nHost: a\r\n{fields}\r\nContent-Length: {length}\r\n\r\n"
        ));
        assert_eq!(client.ask(&body).status, status, "{length} bytes, {fields}");
    }
    // Requests that were sent ahead fill the buffer, until there is no memory for one that is not
    // whole: then 503 is right.
    let mut client = server.client();
    let mut socket = client.socket.try_clone().unwrap();
    let posts = common::post("Alice", &"x".repeat(TEXT_CHARS_MAX)).repeat(100);
    thread::spawn(move || socket.write_all(posts.as_bytes()));
    let said = (0..100).take_while(|_| client.response().status == 201).count();
    assert_eq!(server.chat.room.counts().0, 3 + said as u64);
}

#[test]
fn a_newcomer_for_whose_list_there_is_no_memory_is_closed_with_1013_and_others_come_in() {
    let _in_line = in_line();
    let server = Server::start(4);
    (0..20).for_each(|_| drop(server.chat.say("Alice".into(), "x".repeat(TEXT_CHARS_MAX))));
    let mut rest = Share::default();
    assert!(rest.resize(FREE_BYTES + TAKEN_BYTES_MAX, TAKEN_BYTES_MAX));
    let (code, reason) = Client::open(server.address, "/?user=Bob&lastId=0").closed();
    assert!(code == 1013 && reason.contains("later"), "{code} {reason}");
    let mut carol = Client::open(server.address, "/?user=Carol&lastId=19").greeted();
    assert_eq!(carol.message().0, 20);
    drop(rest);
    let mut bob = Client::open(server.address, "/?user=Bob&lastId=0").greeted();
    (1..=20).for_each(|id| assert_eq!(bob.message().0, id));
}

/// Its browser asks again, and gets it then.
#[test]
fn a_batch_of_a_feed_for_which_there_is_no_memory_is_not_begun() {
    let _in_line = in_line();
    let feed = Arc::new(Feed::new(Patience::default()));
    feed.tell(format!("\"{}\"", "x".repeat(2 * FREE_BYTES)));
    let handler =
        Arc::new(move |request: &Request, socket: &Arc<TcpStream>| feed.answer(request, socket));
    let address = common::serve(common::patient(), Places::default(), handler);
    let mut rest = Share::default();
    assert!(rest.resize(FREE_BYTES + TAKEN_BYTES_MAX, TAKEN_BYTES_MAX));
    let ask = || {
        let mut client = Client::connect(address);
        client.send(get("/feed"));
        client
    };
    let mut refused = ask();
    while refused.fill().unwrap() > 0 {
        assert!(refused.unread().len() < FREE_BYTES, "the batch has begun");
    }
    assert!(refused.unread().ends_with(b"retry: 1000\n\n"));
    drop(rest);
    let mut client = ask();
    while !client.unread().ends_with(b"\n\n") || client.unread().len() < 2 * FREE_BYTES {
        assert_ne!(client.fill().unwrap(), 0, "the feed has ended");
    }
}

/// A crowd of the tools' clients in front of a server that sends for ever.
#[test]
fn what_the_clients_of_the_tools_have_of_their_answers_is_counted() {
    let _in_line = in_line();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let body = "x".repeat(BODY_BYTES_MAX);
        for socket in listener.incoming() {
            // Of what it sends nothing is counted here.
            let _ =
                write!(socket.unwrap(), "HTTP/1.1 200 OK\r\nContent-Length: 65536\r\n\r\n{body}");
        }
    });
    let mut client = Connection::open(address, AGES).unwrap();
    let answer = client.response("GET").unwrap();
    assert_eq!(taken(), answer.body.capacity() - FREE_BYTES);
    let mut rest = Share::default();
    assert!(rest.resize(FREE_BYTES + TAKEN_BYTES_MAX - taken(), TAKEN_BYTES_MAX));
    let mut refused = Connection::open(address, AGES).unwrap();
    let error = refused.response("GET").unwrap_err();
    assert!(error.kind() == ErrorKind::InvalidData, "{error}");
    drop((client, refused));
    assert!(error.to_string().contains("together"), "{error}");
}

/// What a member does not take, and what it goes on asking for, share one budget with all others.
#[test]
fn what_a_slow_member_does_not_take_is_counted_and_over_the_budget_it_is_cut_off() {
    let _in_line = in_line();
    let chat = Chat::new(&TECHNIQUES[3], common::calm());
    let (socket, mut slow) = common::pair();
    let membership = Membership::new(&chat, Arc::new(socket), "Slow".into(), None).unwrap();
    let pong = || membership.0.send(Opcode::Pong, &[0; 125]);
    while taken() == 0 {
        pong().unwrap();
    }
    let mut rest = Share::default();
    assert!(rest.resize(FREE_BYTES + TAKEN_BYTES_MAX - taken(), TAKEN_BYTES_MAX));
    let pongs = (0..).take_while(|_| pong().is_ok()).count();
    let unsent = 2 * FREE_BYTES + 127 * pongs;
    assert!(unsent < UNSENT_BYTES_MAX, "one member alone may have {unsent} bytes");
    slow.read_to_end();
    drop(rest);
    assert_eq!(taken(), 0, "it is given back");
}

/// Nobody waits for its rest: it is whole when it is first looked at.
#[test]
fn a_whole_message_is_counted_until_it_is_dealt_with_and_over_the_budget_it_is_not_heard() {
    let _in_line = in_line();
    let (socket, client) = common::pair();
    let told = |socket: &TcpStream| {
        let (mut early, sent) = (Buffer::default(), masked(Opcode::Binary, [7; 60_000]));
        let mut sent = &sent[..];
        while early.fill(&mut sent).unwrap() > 0 {}
        let (counted, closed) = (Cell::new(None), Cell::new(0));
        let send = |_, payload: &[u8]| {
            closed.set(u16::from_be_bytes([payload[0], payload[1]]));
            Ok(())
        };
        let on_message = |_| {
            counted.set(Some(taken()));
            Ok(())
        };
        let _ = converse(socket, early, ECHO_BYTES_MAX, AGES, send, on_message);
        (counted.get(), closed.get())
    };
    client.half_close();
    let mut rest = Share::default();
    assert!(rest.resize(FREE_BYTES + UNFINISHED_BYTES_MAX - 60_000, UNFINISHED_BYTES_MAX));
    assert_eq!(told(&socket), (None, 1013));
    drop(rest);
    let (counted, closed) = told(&socket);
    assert!(counted > Some(2 * 60_000 - FREE_BYTES) && closed == 0, "{counted:?} {closed}");
    assert_eq!(taken(), 0);
}

/// Of a binary frame of a client.
fn header(fin: bool, length: usize) -> Vec<u8> {
    let (mut bytes, length) = (Vec::new(), length as u64);
    let header = Header { fin, opcode: Opcode::Binary, key: Some(KEY), length };
    frame::encode_header(&mut bytes, header);
    bytes
}

/// A fragment of all of a long message but its last byte.
fn nearly(target: &str, server: &Server, length: usize) -> Client {
    let mut client = Client::open(server.address, target);
    client.send(header(false, length - 1));
    client.send(vec![0; length - 1]);
    client
}

fn last_byte() -> Vec<u8> {
    let mut bytes = masked(Opcode::Binary, "!");
    bytes[0] = 0b1000_0000; // the end of what came before
    bytes
}

#[test]
fn over_the_budget_a_connection_is_closed_with_1013_and_the_others_go_on() {
    let _in_line = in_line();
    let server = Server::start(4);
    // Two long messages are under way; the rest of the budget is somebody else's.
    let mut under_way: Vec<Client> =
        (0..2).map(|_| nearly("/echo", &server, ECHO_BYTES_MAX)).collect();
    for question in ["has all of it come?", "and is it counted?"] {
        for client in &mut under_way {
            client.send(masked(Opcode::Ping, question));
            assert_eq!(client.frame().0, Opcode::Pong);
        }
    }
    let held = taken();
    let whole = 2 * (ECHO_BYTES_MAX - FREE_BYTES);
    // How full its pieces are depends on how much a read brings.
    assert!((whole..2 * whole).contains(&held), "{held}, expected no more than twice {whole}");
    let mut rest = Share::default();
    // All that is left is taken: so a short message has to fit into what is free.
    assert!(rest.resize(FREE_BYTES + UNFINISHED_BYTES_MAX - taken(), UNFINISHED_BYTES_MAX));
    for target in ["/echo", "/?user=Eve"] {
        let mut one_more = nearly(target, &server, 1024 * 1024);
        let (code, reason) = one_more.closed();
        assert!(code == 1013 && reason.contains("later"), "{target}: {code} {reason}");
    }
    // A short message finds room, whoever says it, and a long one does when it comes to its end.
    let mut alice = server.join("Alice").greeted();
    for (id, letter) in [(1, "я"), (2, "😀")] {
        let text = letter.repeat(TEXT_CHARS_MAX);
        alice.send(common::said(&text));
        assert_eq!(alice.message(), (id, text));
    }
    under_way[0].send(last_byte());
    let (opcode, payload) = under_way[0].frame();
    assert_eq!((opcode, payload.len()), (Opcode::Binary, ECHO_BYTES_MAX));
    drop((under_way, rest));
    eventually("all is given back", || taken() < 1_000_000);
    let mut again = nearly("/echo", &server, ECHO_BYTES_MAX);
    again.send(last_byte());
    assert_eq!(again.frame().1.len(), ECHO_BYTES_MAX);
}

/// In 512 MiB there must be room for what the kernel keeps of each connection, too.
#[test]
#[ignore = "takes a minute: make crowd"]
#[cfg(target_os = "linux")]
fn two_thousand_long_unfinished_messages_and_two_hundred_very_long_ones_fit_in_512_mib() {
    let server = Process::quiet(4);
    for round in 1..=2 {
        // Of the round before nothing is taken any more.
        eventually("nobody else is there", || {
            common::number(&server.get("/stats").json(), "connections") == 1
        });
        let crowd = [("/?user=Eve", 2_000, CHAT_BYTES_MAX), ("/echo", 200, ECHO_BYTES_MAX)];
        let mut senders = Vec::new();
        for (target, count, length) in crowd {
            for _ in 0..count {
                let mut client = Client::open(server.address, target);
                client.send(header(true, length));
                client.socket.set_nonblocking(true).unwrap();
                senders.push((client.socket, length - 1));
            }
        }
        let (mut peak, mut sent, zeros) = (0, 0, vec![0; 64 * 1024]);
        while senders.iter().any(|(_, left)| *left > 0) {
            for (socket, left) in &mut senders {
                match socket.write(&zeros[..zeros.len().min(*left)]) {
                    Ok(count) => (*left, sent) = (*left - count, sent + count),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Err(_) => *left = 0, // told 1013, and closed
                }
            }
            assert_eq!(server.get("/stats").status, 200);
            peak = peak.max(server.rss_mib());
        }
        assert!(sent > UNFINISHED_BYTES_MAX, "round {round}: only {sent} bytes were taken");
        assert!(peak < 448, "round {round}: {peak} MiB");
    }
}

/// A whole message is in memory, too, for as long as its sender does not take it back.
#[test]
#[ignore = "takes a minute: make crowd"]
#[cfg(target_os = "linux")]
fn six_thousand_echoes_that_nobody_reads_fit_in_768_mib() {
    let server = Process::quiet(4);
    let message = masked(Opcode::Binary, vec![0; 60_000]);
    let mut senders: Vec<(Client, usize)> =
        (0..6_000).map(|_| (Client::open(server.address, "/echo"), 0)).collect();
    senders.iter().for_each(|(client, _)| client.socket.set_nonblocking(true).unwrap());
    // Each goes on until its socket and the server's are full, or it is told 1013. (On a busy machine
    // the server may take nothing for a while.)
    let (mut peak, mut sent) = (0, 0);
    eventually("so much is taken", || {
        let mut moved = false;
        for (client, at) in &mut senders {
            if let Ok(count) = client.socket.write(&message[*at..]) {
                (*at, sent, moved) = ((*at + count) % message.len(), sent + count, true);
            }
        }
        assert_eq!(server.get("/stats").status, 200);
        peak = peak.max(server.rss_mib());
        !moved && sent > 2 * UNFINISHED_BYTES_MAX
    });
    assert!(peak < 768, "{peak} MiB");
}

/// What an answer holds is its own. If it were the room's, each of these would keep the whole log of its time.
#[test]
#[ignore = "takes half a minute: make crowd"]
#[cfg(target_os = "linux")]
fn answers_that_nobody_reads_keep_no_log_that_the_room_has_forgotten() {
    let server = Process::quiet(1);
    let mut speaker = server.client();
    let posts = common::post("Alice", &"x".repeat(TEXT_CHARS_MAX)).repeat(100);
    let (mut readers, mut before) = (Vec::new(), 0);
    for round in 0..=8 {
        for _ in 0..MESSAGES_MAX / 100 {
            speaker.send(&posts);
            (0..100).for_each(|_| assert_eq!(speaker.response().status, 201));
        }
        if round == 0 {
            before = server.rss_mib();
        }
        // More than the sockets hold.
        readers.push(server.client());
        readers[round].send(get("/messages?lastId=0").repeat(60));
    }
    let now = server.rss_mib();
    assert!(now < before + 48, "from {before} to {now} MiB, a log has 10");
}

/// It is made from the source of the program, and takes megabytes before it is an answer.
#[test]
#[ignore = "takes a minute: make crowd"]
#[cfg(target_os = "linux")]
fn the_longest_page_for_five_hundred_that_do_not_read_it_fits_in_640_mib() {
    let server = Process::quiet(1);
    let mut readers: Vec<Client> = (0..500).map(|_| server.client()).collect();
    readers.iter_mut().for_each(|reader| reader.send(get("/source?tools=1")));
    let (mut peak, mut answered) = (0, 0);
    while answered < readers.len() {
        assert_eq!(server.get("/stats").status, 200);
        peak = peak.max(server.rss_mib());
        let has_begun = |reader: &&Client| {
            reader.socket.set_nonblocking(true).unwrap();
            reader.socket.peek(&mut [0]).is_ok()
        };
        answered = readers.iter().filter(has_begun).count();
    }
    assert!(peak < 640, "{peak} MiB");
}
