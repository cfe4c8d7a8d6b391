//! What members are told, as it travels: JSON in a text frame; and who is here, which most of it is about.

use crate::room::{Message, now_ms};
use crate::wire::frame::{self, Opcode};
use crate::wire::{date, json};
use std::sync::Arc;

/// Who is in the chat: the names, and how many connections each has.
pub struct Here(pub Vec<(Arc<str>, usize)>);

impl Here {
    pub fn connections(&self) -> usize {
        self.0.iter().map(|(_, count)| count).sum()
    }
}

/// What a newcomer finds: the messages up to `newest` are in the room, as far as they are kept, and
/// all that happens later is in the timeline from `offset` on.
pub struct Joined {
    pub here: Here,
    pub newest: u64,
    pub offset: u64,
}

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

/// The first two messages of each connection: where it is, and who is here.
pub fn greeting(joined: Joined, epoch: u64) -> Vec<u8> {
    let Joined { here, newest, .. } = joined;
    let users: Vec<String> = here.0.iter().map(|(user, _)| json::quoted(user)).collect();
    let (users, connections) = (users.join(","), here.connections());
    let hello = r#""message":"rawchat, part 4: WebSocket""#;
    let numbers = format!(r#""connectedClients":{connections},"lastId":{newest},"epoch":{epoch}"#);
    let welcome = text(&format!(r#"{{"type":"welcome",{hello},{numbers}}}"#));
    [welcome, text(&format!(r#"{{"type":"user_list","users":[{users}]}}"#))].concat()
}

fn text(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() + 10);
    frame::encode(&mut bytes, Opcode::Text, text.as_bytes(), None);
    bytes
}
