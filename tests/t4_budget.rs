//! What the unfinished messages of all connections may take together.

mod common;

use common::{Client, KEY, Server, eventually};
use rawchat::techniques::t4_budget::{Budget, FREE_BYTES, UNFINISHED_BYTES_MAX};
use rawchat::techniques::t4_websocket::ECHO_BYTES_MAX;
use rawchat::wire::frame::{self, Header, Opcode};

#[test]
fn what_one_takes_another_cannot_have_until_it_is_given_back() {
    let budget = Budget::default();
    let (mut first, mut second) = (budget.share(), budget.share());
    assert!(first.resize(FREE_BYTES + UNFINISHED_BYTES_MAX - 10));
    assert!(second.resize(FREE_BYTES + 10) && !second.resize(FREE_BYTES + 11));
    assert!(first.resize(FREE_BYTES + 5), "less is never refused");
    assert!(second.resize(FREE_BYTES + 11));
    assert_eq!(budget.taken(), 16, "what was refused is not taken");
    drop(first);
    assert!(second.resize(FREE_BYTES + UNFINISHED_BYTES_MAX));
    assert!(budget.share().resize(FREE_BYTES), "a short message fits in a budget that is used up");
    drop(second);
    assert_eq!(budget.taken(), 0);
}

/// Announces a message as long as may be, and sends all of it but the last byte.
fn nearly(target: &str, server: &Server, length: usize) -> Client {
    let mut client = Client::open(server.address, target);
    let mut header = Vec::new();
    let length = length as u64;
    let binary = Header { fin: true, opcode: Opcode::Binary, key: Some(KEY), length };
    frame::encode_header(&mut header, binary);
    client.send(header);
    client.send(vec![0; length as usize - 1]);
    client
}

#[test]
fn over_the_budget_a_connection_is_closed_with_1013_and_the_others_go_on() {
    let server = Server::start(4);
    // Twelve long messages are under way; the rest of the budget is somebody else's.
    let mut under_way: Vec<Client> =
        (0..12).map(|_| nearly("/echo", &server, ECHO_BYTES_MAX)).collect();
    eventually("all of it has come", || {
        server.chat.unfinished.taken() >= 12 * (ECHO_BYTES_MAX - 1)
    });
    let mut rest = server.chat.unfinished.share();
    // All that is left is taken: so a short message has to fit into what is free.
    assert!(rest.resize(FREE_BYTES + UNFINISHED_BYTES_MAX - server.chat.unfinished.taken()));
    for target in ["/echo", "/?user=Eve"] {
        let mut one_more = nearly(target, &server, 1024 * 1024);
        let (code, reason) = one_more.closed();
        assert!(code == 1013 && reason.contains("later"), "{target}: {code} {reason}");
    }
    // A short message finds room, whoever says it, and a long one does when it comes to its end.
    let mut alice = server.join("Alice").greeted();
    let text = "я".repeat(2_000);
    alice.send(common::said(&text));
    assert_eq!(alice.message(), (1, text));
    under_way[0].send([KEY[(ECHO_BYTES_MAX - 1) % 4]]);
    let (opcode, payload) = under_way[0].frame();
    assert_eq!((opcode, payload.len()), (Opcode::Binary, ECHO_BYTES_MAX));
    drop((under_way, rest));
    eventually("all is given back", || server.chat.unfinished.taken() < 1_000_000);
    let mut again = nearly("/echo", &server, ECHO_BYTES_MAX);
    again.send([0]);
    assert_eq!(again.frame().1.len(), ECHO_BYTES_MAX);
}
