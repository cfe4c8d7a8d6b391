//! Part 4 against somebody else's WebSocket: a client of another house, which knows nothing of ours.

#[path = "../common/mod.rs"]
mod common;

use common::{AGES, DEADLINE, Server, calm, patient};
use rawchat::techniques::Timing;
use std::net::TcpStream;
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Message, WebSocket};

fn tungstenite(server: &Server, target: &str) -> WebSocket<TcpStream> {
    let socket = TcpStream::connect(server.address).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    let url = format!("ws://{}{target}", server.address);
    tungstenite::client::client(url, socket).unwrap().0
}

#[test]
fn tungstenite_agrees_about_the_echo() {
    let server = Server::start(4);
    let mut client = tungstenite(&server, "/echo");
    for message in [
        Message::text(""),
        Message::text("Привіт 😀"),
        Message::binary(vec![]),
        Message::binary(vec![0xff; 125]),
        Message::binary(vec![1; 126]),
        Message::binary(vec![2; 65_536]),
        Message::binary(vec![3; 5 << 20]),
    ] {
        client.send(message.clone()).unwrap();
        assert!(client.read().unwrap() == message);
    }
    client.send(Message::Ping(b"are you there"[..].into())).unwrap();
    assert_eq!(client.read().unwrap(), Message::Pong(b"are you there"[..].into()));
    let bye = CloseFrame { code: CloseCode::Away, reason: "bye".into() };
    client.close(Some(bye)).unwrap();
    let Message::Close(Some(frame)) = client.read().unwrap() else { panic!("no close") };
    assert_eq!(frame.code, CloseCode::Away);
    assert!(matches!(client.read(), Err(tungstenite::Error::ConnectionClosed)), "and FIN");
}

#[test]
fn tungstenite_agrees_about_the_chat() {
    let server = Server::with(4, patient(), Timing { heartbeat: AGES, ..calm() });
    let next = |client: &mut WebSocket<TcpStream>| client.read().unwrap().into_text().unwrap();
    let mut alice = tungstenite(&server, "/?user=Alice");
    assert!(next(&mut alice).contains(r#""type":"welcome""#));
    assert_eq!(next(&mut alice).as_str(), r#"{"type":"user_list","users":["Alice"]}"#);
    let mut bob = tungstenite(&server, "/?user=Bob");
    assert!(next(&mut bob).contains(r#""type":"welcome""#));
    assert_eq!(next(&mut bob).as_str(), r#"{"type":"user_list","users":["Alice","Bob"]}"#);
    assert!(next(&mut alice).contains(r#""type":"user_joined","username":"Bob""#));
    for number in 0..100 {
        let text = format!(r#"{{"type":"message","text":"{number}"}}"#);
        alice.send(Message::text(text)).unwrap();
    }
    for number in 0..100 {
        let (a, b) = (next(&mut alice), next(&mut bob));
        assert!(a.contains(&format!(r#""id":{},"user":"Alice","text":"{number}""#, number + 1)));
        assert_eq!(a, b);
    }
    bob.close(None).unwrap();
    assert!(next(&mut alice).contains(r#""type":"user_left","username":"Bob""#));
}
