//! Part 2: the server of part 1, asked again and again.

mod common;

use common::{Server, get, number, string};
use rawchat::techniques::TECHNIQUES;
use std::thread;

#[test]
fn the_server_of_part_2_is_the_server_of_part_1() {
    assert_eq!(TECHNIQUES[0].handler as usize, TECHNIQUES[1].handler as usize);
}

#[test]
fn the_page_of_part_2_is_its_own() {
    let server = Server::start(2);
    let page = server.get("/?user=Bob");
    assert_eq!(page.status, 200);
    assert!(page.text().contains("data-part=\"2\"") && page.text().contains("/messages"));
}

#[test]
fn a_poll_without_news_is_answered_at_once_with_an_empty_array() {
    let server = Server::start(2);
    server.post("Alice", "hi");
    let mut bob = server.client();
    for _ in 0..100 {
        let response = bob.ask(get("/messages?lastId=1"));
        assert_eq!((response.status, response.text()), (200, "[]"));
    }
}

#[test]
fn who_polls_with_the_last_id_it_has_sees_each_message_once_and_in_order() {
    const MESSAGES: usize = 200;
    let server = Server::start(2);
    thread::scope(|scope| {
        for reader in 0..8 {
            let mut client = server.client();
            scope.spawn(move || {
                let mut seen = 0;
                while seen < MESSAGES as u64 {
                    for id in client.ask(get(&format!("/messages?lastId={seen}"))).ids() {
                        assert_eq!(id, seen + 1, "reader {reader}");
                        seen = id;
                    }
                }
            });
        }
        for speaker in ["Alice", "Bob"] {
            let mut client = server.client();
            scope.spawn(move || {
                for number in 0..MESSAGES / 2 {
                    let response = client.ask(common::post(speaker, &format!("{number}")));
                    assert_eq!(response.status, 201);
                }
            });
        }
    });
}

#[test]
fn a_reader_from_before_a_restart_gets_everything_there_is() {
    let before = Server::start(2);
    for _ in 0..5 {
        before.post("Alice", "before");
    }
    let last_id = *before.get("/messages").ids().last().unwrap();
    let after = Server::start(2);
    after.post("Alice", "after");
    // However large it is.
    for last_id in [&last_id.to_string(), "18446744073709551615", "99999999999999999999999999"] {
        let poll = after.get(&format!("/messages?lastId={last_id}"));
        assert_eq!(poll.ids(), [1], "{last_id}");
        assert!(poll.text().contains("\"after\""));
    }
}

#[test]
fn nobody_waits_in_part_2() {
    let server = Server::start(2);
    let mut bob = server.client();
    bob.ask(get("/messages?lastId=0"));
    assert_eq!(number(&bob.ask(get("/stats")).json(), "waitingClients"), 0);
    let refused = bob.ask(get("/subscribe?lastId=0"));
    assert_eq!(refused.status, 404, "that is part 3");
    assert!(string(&refused.json(), "error").contains("/subscribe"));
}
