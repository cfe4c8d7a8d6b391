//! What the unfinished messages of all connections may take together.

mod common;

use common::{Client, KEY, Server, eventually, masked};
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

/// A fragment of all of a long message but its last byte.
fn nearly(target: &str, server: &Server, length: usize) -> Client {
    let mut client = Client::open(server.address, target);
    let (mut header, payload) = (Vec::new(), vec![0; length - 1]);
    let (opcode, key, length) = (Opcode::Binary, Some(KEY), payload.len() as u64);
    frame::encode_header(&mut header, Header { fin: false, opcode, key, length });
    client.send(header);
    client.send(payload);
    client
}

fn last_byte() -> Vec<u8> {
    let mut bytes = masked(Opcode::Binary, "!");
    bytes[0] = 0b1000_0000; // the end of what came before
    bytes
}

#[test]
fn over_the_budget_a_connection_is_closed_with_1013_and_the_others_go_on() {
    let server = Server::start(4);
    // Twelve long messages are under way; the rest of the budget is somebody else's.
    let mut under_way: Vec<Client> =
        (0..12).map(|_| nearly("/echo", &server, ECHO_BYTES_MAX)).collect();
    for question in ["has all of it come?", "and is it counted?"] {
        for client in &mut under_way {
            client.send(masked(Opcode::Ping, question));
            assert_eq!(client.frame().0, Opcode::Pong);
        }
    }
    let taken = server.chat.unfinished.taken();
    let whole = 12 * ECHO_BYTES_MAX;
    assert!((whole..whole + whole / 50).contains(&taken), "{taken}, expected little over {whole}");
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
    under_way[0].send(last_byte());
    let (opcode, payload) = under_way[0].frame();
    assert_eq!((opcode, payload.len()), (Opcode::Binary, ECHO_BYTES_MAX));
    drop((under_way, rest));
    eventually("all is given back", || server.chat.unfinished.taken() < 1_000_000);
    let mut again = nearly("/echo", &server, ECHO_BYTES_MAX);
    again.send(last_byte());
    assert_eq!(again.frame().1.len(), ECHO_BYTES_MAX);
}
