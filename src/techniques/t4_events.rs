//! What members are told, as it travels: JSON in a text frame.

use super::t4_timeline::Joined;
use crate::room::{Message, now_ms};
use crate::wire::frame::{self, Opcode};
use crate::wire::{date, json};

pub fn message(message: &Message) -> Vec<u8> {
    text(&format!(r#"{{"type":"message","message":{}}}"#, message.json))
}

/// `kind` is `user_joined` or `user_left`.
pub fn presence(kind: &str, user: &str, connections: usize) -> Vec<u8> {
    let (user, time) = (json::quoted(user), date::iso8601(now_ms()));
    let who = format!(r#""username":{user},"connectedClients":{connections}"#);
    text(&format!(r#"{{"type":"{kind}",{who},"timestamp":"{time}"}}"#))
}

/// A message for the page, and a ping for its browser.
pub fn heartbeat() -> Vec<u8> {
    let mut frames = text(r#"{"type":"heartbeat"}"#);
    frame::encode(&mut frames, Opcode::Ping, b"", None);
    frames
}

/// The first two messages of each connection: where it is, and who else is there.
pub fn greeting(joined: Joined, epoch: u64) -> Vec<u8> {
    let Joined { connections, users, last_id, .. } = joined;
    let users: Vec<String> = users.iter().map(|user| json::quoted(user)).collect();
    let users = users.join(",");
    let hello = r#""message":"rawchat, part 4: WebSocket""#;
    let place = format!(r#""connectedClients":{connections},"lastId":{last_id},"epoch":{epoch}"#);
    let welcome = text(&format!(r#"{{"type":"welcome",{hello},{place}}}"#));
    [welcome, text(&format!(r#"{{"type":"user_list","users":[{users}]}}"#))].concat()
}

fn text(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() + 10);
    frame::encode(&mut bytes, Opcode::Text, text.as_bytes(), None);
    bytes
}
