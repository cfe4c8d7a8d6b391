//! Part 3: a request that waits for its answer (RFC 6202 §2).

mod common;

use common::{AGES, Client, Server, calm, eventually, get, number, patient};
use rawchat::handler::Places;
use rawchat::techniques::Timing;
use std::thread;
use std::time::{Duration, Instant};

/// A client that waits for what comes after `last_id`, parked when this returns.
fn park(server: &Server, last_id: u64) -> Client {
    let parked = server.chat.waiting.taken();
    let mut client = server.client();
    client.send(get(&format!("/subscribe?lastId={last_id}")));
    eventually("one more waits", || server.chat.waiting.taken() == parked + 1);
    client
}

/// A server that looks at nobody's socket: who is answered was woken by the message.
fn blind() -> Server {
    Server::with(3, patient(), Timing { glance: AGES, ..calm() })
}

fn holding(hold: Duration) -> Server {
    Server::with(3, patient(), Timing { hold, ..calm() })
}

#[test]
fn the_page_of_part_3_subscribes() {
    let page = Server::start(3).get("/?user=Bob");
    assert!(page.text().contains("data-part=\"3\"") && page.text().contains("/subscribe"));
}

#[test]
fn a_reader_that_waits_is_answered_as_soon_as_somebody_writes() {
    let server = blind();
    let mut bob = park(&server, 0);
    assert_eq!(server.post("Alice", "hi").status, 201);
    let response = bob.response();
    assert_eq!((response.status, response.ids()), (200, vec![1]));
    assert_eq!(response.text(), server.get("/messages").text(), "as the room keeps it");
}

#[test]
fn a_reader_that_is_behind_is_answered_at_once() {
    let server = Server::start(3);
    server.post("Alice", "a");
    server.post("Alice", "b");
    server.post("Alice", "c");
    assert_eq!(server.get("/subscribe?lastId=1").ids(), [2, 3]);
    assert_eq!(server.get("/subscribe").ids(), [1, 2, 3], "no lastId is the newest");
}

/// RFC 8288 §3
#[test]
fn an_answer_holds_128_kib_and_says_where_the_next_ones_are() {
    let server = Server::start(3);
    for _ in 0..15 {
        server.chat.say("Alice".into(), "\0".repeat(2_000));
    }
    let first = server.get("/subscribe?lastId=1");
    assert_eq!(first.ids(), (2..=11).collect::<Vec<u64>>());
    assert_eq!(first.field("Link"), Some("</subscribe?lastId=11>; rel=\"next\""));
    let rest = server.get("/subscribe?lastId=11");
    assert_eq!((rest.ids(), rest.field("Link")), ((12..=15).collect(), None));
    assert_eq!(server.get("/subscribe").ids(), (6..=15).collect::<Vec<u64>>(), "the newest");
}

#[test]
fn two_waiting_readers_both_wake() {
    let server = blind();
    let (mut bob, mut carol) = (park(&server, 0), park(&server, 0));
    server.post("Alice", "hi");
    assert_eq!((bob.response().ids(), carol.response().ids()), (vec![1], vec![1]));
}

/// RFC 6202 §5.5: before a proxy on the way loses its patience.
#[test]
fn silence_is_answered_204_when_the_hold_is_over_and_the_connection_goes_on() {
    let hold = Duration::from_millis(200);
    let server = holding(hold);
    let mut bob = server.client();
    for _ in 0..2 {
        let began = Instant::now();
        let response = bob.ask(get("/subscribe?lastId=0"));
        assert_eq!((response.status, response.body.len()), (204, 0));
        assert_eq!(response.field("Log-Epoch"), Some(&*server.chat.room.epoch.to_string()));
        assert!(began.elapsed() >= hold, "held for {:?}", began.elapsed());
    }
    server.post("Alice", "hi");
    assert_eq!(bob.ask(get("/subscribe?lastId=0")).ids(), [1]);
}

#[test]
fn a_hold_is_30_s_and_shorter_than_a_proxy_s_patience() {
    assert_eq!(Timing::default().hold, Duration::from_secs(30));
    assert!(Timing::default().glance <= Duration::from_secs(1));
}

#[test]
fn a_reader_that_says_good_bye_while_it_waits_is_noticed_within_a_glance() {
    let server = Server::start(3);
    let (stays, goes) = (park(&server, 0), park(&server, 0));
    goes.half_close();
    eventually("one waits", || server.chat.waiting.taken() == 1);
    drop(stays);
    eventually("nobody waits", || server.chat.waiting.taken() == 0);
}

#[test]
fn a_reader_that_vanishes_with_rst_while_it_waits_is_noticed_within_a_glance() {
    let server = Server::start(3);
    park(&server, 0).reset();
    eventually("nobody waits", || server.chat.waiting.taken() == 0);
    eventually("nobody is connected", || number(&server.get("/stats").json(), "connections") == 1);
}

/// RFC 9112 §9.3.2: the answers come in the order of the questions.
#[test]
fn a_question_behind_one_that_waits_is_answered_after_it() {
    let server = Server::start(3);
    let mut bob = park(&server, 0);
    bob.send(get("/messages?lastId=1"));
    server.post("Alice", "hi");
    assert_eq!(bob.response().ids(), [1]);
    assert_eq!(bob.response().text(), "[]");
}

#[test]
fn stats_tell_how_many_wait_and_since_when() {
    let server = Server::start(3);
    let (since, moment) = (Instant::now(), 10 * calm().glance);
    let (mut bob, mut carol) = (park(&server, 0), park(&server, 0));
    let parked = Instant::now();
    eventually("ten glances", || parked.elapsed() >= moment);
    let stats = server.get("/stats").json();
    let oldest = Duration::from_millis(number(&stats, "oldestWaitingTime"));
    assert_eq!(number(&stats, "waitingClients"), 2);
    // No glance begins a wait anew.
    assert!(moment <= oldest && oldest <= since.elapsed(), "{oldest:?}");
    server.post("Alice", "hi");
    bob.response();
    carol.response();
    let stats = server.get("/stats").json();
    assert_eq!((number(&stats, "waitingClients"), number(&stats, "oldestWaitingTime")), (0, 0));
}

#[test]
fn the_longest_wait_is_that_of_the_first_who_still_waits() {
    let (waiting, moment) = (Places::default(), Duration::from_millis(20));
    assert_eq!((waiting.taken(), waiting.longest()), (0, Duration::ZERO));
    let first = waiting.take();
    let began = Instant::now();
    eventually("a moment has passed", || began.elapsed() >= moment);
    let began = Instant::now();
    let second = waiting.take();
    assert!(waiting.taken() == 2 && waiting.longest() >= moment);
    drop(first);
    assert!(waiting.taken() == 1 && waiting.longest() <= began.elapsed());
    let third = waiting.take();
    assert!(waiting.taken() == 2 && waiting.longest() <= began.elapsed());
    drop((second, third));
    assert_eq!((waiting.taken(), waiting.longest()), (0, Duration::ZERO));
}

#[test]
fn four_hundred_readers_wait_and_one_message_reaches_each_once() {
    /// Each has two descriptors here, and many systems allow a process 1,024.
    const READERS: usize = 400;
    let server = blind();
    let mut readers: Vec<Client> = Vec::new();
    while readers.len() < READERS {
        // Not all at once: 128 newcomers fit in the queue of a listener, the next loses a second.
        for _ in 0..100 {
            readers.push(server.client());
            readers.last_mut().unwrap().send(get("/subscribe?lastId=0"));
        }
        eventually("all wait", || server.chat.waiting.taken() == readers.len());
    }
    assert_eq!(number(&server.get("/stats").json(), "waitingClients"), READERS as u64);
    server.post("Alice", "hi");
    for reader in &mut readers {
        assert_eq!(reader.response().ids(), [1]);
        reader.send(get("/subscribe?lastId=1"));
    }
    eventually("all wait again", || server.chat.waiting.taken() == READERS);
    server.post("Alice", "bye");
    assert!(readers.iter_mut().all(|reader| reader.response().ids() == [2]), "each once");
}

#[test]
fn who_asks_again_at_once_sees_each_message_once_and_in_order() {
    const MESSAGES: u64 = 300;
    let server = blind();
    thread::scope(|scope| {
        for reader in 0..10 {
            let mut client = server.client();
            scope.spawn(move || {
                let mut seen = 0;
                while seen < MESSAGES {
                    for id in client.ask(get(&format!("/subscribe?lastId={seen}"))).ids() {
                        assert_eq!(id, seen + 1, "reader {reader}");
                        seen = id;
                    }
                }
            });
        }
        let mut alice = server.client();
        for number in 0..MESSAGES {
            assert_eq!(alice.ask(common::post("Alice", &format!("{number}"))).status, 201);
        }
    });
}

/// RFC 9110 §9.3.2, §9.3.7
#[test]
fn head_waits_as_get_does_and_other_methods_are_told_which_there_are() {
    let server = Server::start(3);
    server.post("Alice", "hi");
    let mut client = server.client();
    client.send("HEAD /subscribe?lastId=0 HTTP/1.1\r\nHost: rawchat\r\n\r\n");
    assert_eq!(client.response_head().status, 200);
    let options = client.ask("OPTIONS /subscribe HTTP/1.1\r\nHost: rawchat\r\n\r\n");
    assert_eq!((options.status, options.field("Allow")), (204, Some("GET, HEAD, OPTIONS")));
    let delete = client.ask("DELETE /subscribe HTTP/1.1\r\nHost: rawchat\r\n\r\n");
    assert_eq!((delete.status, delete.field("Allow")), (405, Some("GET, HEAD, OPTIONS")));
}
