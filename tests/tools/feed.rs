//! Server-Sent Events as the HTML Standard §9.2 has them, read byte by byte.

use super::common::{self, AGES, Client, DEADLINE, get, patient};
use rawchat::handler::Places;
use rawchat::tools::feed::{BATCH_ROWS_MAX, Feed, Patience, ROWS_BYTES_MAX, ROWS_MAX};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// A feed, and where it is served; the places tell who still reads.
fn feed(patience: Patience) -> (Arc<Feed>, SocketAddr, Places) {
    let (feed, places) = (Arc::new(Feed::new(patience)), Places::default());
    let told = feed.clone();
    let handler = Arc::new(move |request: &_, socket: &Arc<_>| told.answer(request, socket));
    let address = common::serve(patient(), places.clone(), handler);
    (feed, address, places)
}

fn calm() -> Patience {
    Patience { glance: Duration::from_millis(20), heartbeat: AGES, stall: DEADLINE }
}

fn ask(address: SocketAddr, fields: &str) -> Client {
    let mut client = Client::connect(address);
    client.send(get("/feed").replace("\r\n\r\n", &format!("\r\n{fields}\r\n")));
    let head = client.read_until("\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    for field in ["Content-Type: text/event-stream", "Cache-Control: no-store", "Connection: close"]
    {
        assert!(head.contains(&format!("\r\n{field}\r\n")), "{head}");
    }
    assert!(!head.contains("Content-Length"), "{head}");
    assert_eq!(client.read_until("\n\n"), "retry: 1000\n\n");
    client
}

/// The id and the rows of the next event.
fn event(client: &mut Client) -> (String, String) {
    let event = client.read_until("\n\n");
    let (id, data) = event.trim_end().strip_prefix("id: ").unwrap().split_once("\ndata: ").unwrap();
    (id.to_string(), data.to_string())
}

fn row(id: &str) -> &str {
    id.split_once('-').unwrap().1
}

#[test]
fn a_reader_gets_what_there_is_and_then_what_comes() {
    let (feed, address, _) = feed(calm());
    assert_eq!((feed.tell("1".into()), feed.tell("2".into())), (1, 2));
    let mut client = ask(address, "");
    let (id, rows) = event(&mut client);
    assert_eq!((row(&id), &*rows), ("2", "[1,2]"));
    feed.tell("3".into());
    let (id, rows) = event(&mut client);
    assert_eq!((row(&id), &*rows), ("3", "[3]"));
    // Another reader has come as far as row 1; a third one knows another feed.
    let first = id.replace("-3", "-1");
    assert_eq!(event(&mut ask(address, &format!("Last-Event-ID: {first}\r\n"))).1, "[2,3]");
    assert_eq!(event(&mut ask(address, "Last-Event-ID: 1-2\r\n")).1, "[1,2,3]");
    assert_eq!(event(&mut ask(address, "Last-Event-ID: garbage\r\n")).1, "[1,2,3]");
}

#[test]
fn rows_come_in_batches_and_the_oldest_are_forgotten() {
    let (feed, address, _) = feed(calm());
    for number in 1..=ROWS_MAX + 5 {
        feed.tell(number.to_string());
    }
    let mut client = ask(address, "");
    let (id, rows) = event(&mut client);
    assert!(rows.starts_with("[6,7,"), "{rows}");
    assert_eq!(rows.split(',').count(), BATCH_ROWS_MAX);
    assert_eq!(row(&id), (5 + BATCH_ROWS_MAX).to_string());
    assert!(event(&mut client).1.starts_with(&format!("[{},", 6 + BATCH_ROWS_MAX)));
}

#[test]
fn silence_is_broken_by_a_comment() {
    let (_, address, _) = feed(Patience { heartbeat: Duration::from_millis(1), ..calm() });
    let mut client = ask(address, "");
    assert_eq!(client.read_until("\n\n"), ":\n\n");
    assert_eq!(client.read_until("\n\n"), ":\n\n");
}

#[test]
fn a_reader_that_has_gone_or_does_not_read_is_let_go() {
    let (feed, address, places) = feed(Patience { stall: Duration::from_millis(100), ..calm() });
    let client = ask(address, "");
    client.half_close();
    common::eventually("it is noticed that the reader has ended", || places.taken() == 0);
    let slow = ask(address, "");
    // More than the buffers of TCP hold.
    let long = format!("\"{}\"", "x".repeat(1_000_000));
    for _ in 0..BATCH_ROWS_MAX {
        feed.tell(long.clone());
    }
    common::eventually("the slow reader is left", || places.taken() == 0);
    drop(slow);
}

#[test]
fn it_is_read_and_nothing_else() {
    let (_, address, _) = feed(calm());
    let mut client = Client::connect(address);
    client.send(get("/feed").replace("GET", "HEAD"));
    assert_eq!(client.response_head().field("Content-Type"), Some("text/event-stream"));
    let response = client.ask(get("/feed").replace("GET", "DELETE"));
    assert_eq!((response.status, response.field("Allow")), (405, Some("GET, HEAD, OPTIONS")));
}

/// However few they are.
#[test]
fn long_rows_are_forgotten_before_they_are_too_much() {
    let (feed, address, _) = feed(calm());
    let long = "1".repeat(ROWS_BYTES_MAX / 4);
    for _ in 0..6 {
        feed.tell(long.clone());
    }
    let mut client = ask(address, "");
    assert!(client.read_until("data: ").ends_with("-6\ndata: "));
    let rows = format!("[{}]\n\n", [&*long; 4].join(","));
    assert!(client.read_exactly(rows.len()) == rows.as_bytes(), "the last four");
}
