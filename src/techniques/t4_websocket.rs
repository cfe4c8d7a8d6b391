//! §4 WebSocket: the connection stays open, both ways, and the server brings the news.
//!
//! The long poll has moved inside: one thread, the broadcaster, waits on the room's Condvar and
//! writes to everybody. Leaves out: subprotocols, extensions (so no compression).

use super::t4_broadcast::{Hub, text_frame};
use super::t4_conversation::{Conversation, write_frame};
use super::{Chat, Handler, Reply, t1_refresh};
use crate::event;
use crate::room::Welcome;
use crate::wire::buffer::Buffer;
use crate::wire::frame::Opcode;
use crate::wire::handshake;
use crate::wire::http::{Request, Response};
use crate::wire::json::{self, Value};
use std::net::TcpStream;
use std::sync::Arc;

/// The longest message of the chat; a longer one is closed with 1009.
pub const CHAT_BYTES_MAX: usize = 1024 * 1024;
/// The longest message of `/echo`.
pub const ECHO_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Part 1's server, and the WebSockets.
pub fn handler(chat: Arc<Chat>) -> Arc<Handler> {
    let hub = Hub::start(chat);
    Arc::new(move |request, _socket| match request.path.as_str() {
        "/" if handshake::wanted(request) => enter_chat(&hub, request).unwrap_or_else(Reply::Http),
        "/echo" => enter_echo(&hub.chat, request).unwrap_or_else(Reply::Http),
        _ => Reply::Http(t1_refresh::answer(&hub.chat, request)),
    })
}

fn enter_echo(chat: &Chat, request: &Request) -> Result<Reply, Response> {
    let period = chat.timing.heartbeat;
    let echo = move |socket: Arc<TcpStream>, early| {
        let mut send = |opcode, payload: &[u8]| write_frame(&socket, opcode, payload);
        let mut conversation = Conversation::new(&socket, early, ECHO_BYTES_MAX, period);
        while let Some((opcode, payload)) = conversation.next(&mut send) {
            if send(opcode, &payload).is_err() {
                break;
            }
        }
    };
    Ok(Reply::Upgrade(handshake::answer(request)?, Box::new(echo)))
}

fn enter_chat(hub: &Arc<Hub>, request: &Request) -> Result<Reply, Response> {
    let user = t1_refresh::name(request.query("user")).map_err(|refusal| refusal.json())?;
    let last_id = t1_refresh::last_id(request).map_err(|refusal| refusal.json())?;
    let response = handshake::answer(request)?;
    let hub = hub.clone();
    let enter = move |socket, early| chat(&hub, socket, early, user, last_id);
    Ok(Reply::Upgrade(response, Box::new(enter)))
}

/// One connection of the chat, from the handshake to the end.
fn chat(hub: &Arc<Hub>, socket: Arc<TcpStream>, early: Buffer, user: String, last: Option<u64>) {
    let welcome = hub.chat.room.join(&user, last);
    event!("§4.10", &user, "joins, {} connections", welcome.connections);
    let member = hub.admit(socket.clone(), user, welcome.from, greeting(&welcome));
    let period = hub.chat.timing.heartbeat;
    let mut conversation = Conversation::new(&socket, early, CHAT_BYTES_MAX, period);
    let mut send = |opcode, payload: &[u8]| member.send(opcode, payload);
    while let Some((opcode, payload)) = conversation.next(&mut send) {
        if let Some(answer) = hear(&hub.chat, &member.user, opcode, &payload) {
            let _ = send(Opcode::Text, answer.as_bytes());
        }
    }
}

/// §4.12 What a client says. A bad message is answered, and the connection stays.
fn hear(chat: &Chat, user: &str, opcode: Opcode, payload: &[u8]) -> Option<String> {
    const PONG: &str = r#"{"type":"pong"}"#;
    const EXPECTED: &str = r#"expected {"type":"message","text":"…"} or {"type":"ping"}"#;
    let text = std::str::from_utf8(payload).ok().filter(|_| opcode == Opcode::Text);
    let value = match text.map(json::parse) {
        None => return Some(error_json(&format!("a binary message, {EXPECTED}"))),
        Some(Err(error)) => return Some(error_json(&format!("{error}, {EXPECTED}"))),
        Some(Ok(value)) => value,
    };
    match (value.get("type"), value.get("text")) {
        (Some(Value::String(kind)), _) if kind == "ping" => Some(PONG.into()),
        (Some(Value::String(kind)), Some(Value::String(text))) if kind == "message" => {
            match t1_refresh::text_of(text) {
                Ok(text) => {
                    let message = chat.room.say(user.to_string(), text);
                    event!("§4.12", user, "says message {}", message.id);
                    None
                }
                Err(refusal) => Some(error_json(&refusal.problem)),
            }
        }
        _ => Some(error_json(EXPECTED)),
    }
}

/// The first two messages of each connection: where it is, and who else is there.
fn greeting(welcome: &Welcome) -> Vec<u8> {
    let Welcome { connections, newest, users, .. } = welcome;
    let mut names = String::from("{\"type\":\"user_list\",\"users\":[");
    for (index, user) in users.iter().enumerate() {
        names.push_str(if index > 0 { "," } else { "" });
        json::quote(&mut names, user);
    }
    let mut out = Vec::with_capacity(names.len() + 128);
    let hello = format!(
        "{{\"type\":\"welcome\",\"message\":\"rawchat, part 4: WebSocket\",\
         \"connectedClients\":{connections},\"lastId\":{newest}}}"
    );
    text_frame(&mut out, &[&hello]);
    text_frame(&mut out, &[&names, "]}"]);
    out
}

fn error_json(problem: &str) -> String {
    let mut out = String::from("{\"type\":\"error\",\"error\":");
    json::quote(&mut out, problem);
    out + "}"
}
