//! §4 WebSocket: the connection stays open, both ways, and the server brings the news.
//!
//! The long poll has moved inside: one thread, the broadcaster, waits on the room's Condvar and
//! writes to everybody. Leaves out: subprotocols, extensions (so no compression).

use super::t4_conversation::{converse, write_frame};
use super::{Chat, api, t1_refresh, t4_broadcast::Hub};
use crate::event;
use crate::handler::{Handler, Reply, only};
use crate::wire::http::{READ, Request, Response};
use crate::wire::json::{self, Value};
use crate::wire::{buffer::Buffer, frame::Opcode, handshake};
use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;

/// The longest message of the chat; a longer one is closed with 1009.
pub const CHAT_BYTES_MAX: usize = 1024 * 1024;
/// The longest message of `/echo`.
pub const ECHO_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Part 1's server, and the WebSockets.
pub fn handler(chat: Arc<Chat>) -> io::Result<Arc<Handler>> {
    let hub = Hub::start(chat)?;
    Ok(Arc::new(move |request, _socket| match request.path.as_str() {
        "/" if handshake::wanted(request) => enter_chat(&hub, request),
        "/echo" => enter_echo(&hub.chat, request),
        _ => t1_refresh::answer(&hub.chat, request).map(Reply::Http),
    }))
}

fn enter_echo(chat: &Chat, request: &Request) -> Result<Reply, Response> {
    only(READ, request)?;
    let period = chat.timing.heartbeat;
    let echo = move |socket: Arc<TcpStream>, early| {
        let send = |opcode, payload: &[u8]| write_frame(&socket, opcode, payload);
        // What is heard is sent. Then others first, as after an answer in HTTP.
        let hear = |opcode, payload: &[u8]| send(opcode, payload).map(|()| thread::yield_now());
        let _ = converse(&socket, early, ECHO_BYTES_MAX, period, send, hear);
    };
    Ok(Reply::Upgrade(handshake::answer(request)?, Box::new(echo)))
}

fn enter_chat(hub: &Arc<Hub>, request: &Request) -> Result<Reply, Response> {
    let user = api::name(request.query("user"))?;
    let last_id = api::last_id(request)?;
    let response = handshake::answer(request)?;
    let hub = hub.clone();
    let enter = move |socket, early| chat(&hub, socket, early, user, last_id);
    Ok(Reply::Upgrade(response, Box::new(enter)))
}

/// One connection of the chat, from the handshake to the end.
fn chat(hub: &Arc<Hub>, socket: Arc<TcpStream>, early: Buffer, user: String, last: Option<u64>) {
    let guest = hub.admit(socket.clone(), user, last);
    let send = |opcode, payload: &[u8]| guest.0.send(opcode, payload);
    let listen = |opcode, payload: &[u8]| {
        // Who has been told to go is not heard any more.
        drop(guest.0.still_open()?);
        let answer = match hear(&hub.chat, &guest.0.user, opcode, payload) {
            Ok(None) => return Ok(()),
            Ok(Some(answer)) => answer,
            Err(problem) => format!(r#"{{"type":"error","error":{}}}"#, json::quoted(&problem)),
        };
        send(Opcode::Text, answer.as_bytes())
    };
    // However it ends, it is over.
    let _ = converse(&socket, early, CHAT_BYTES_MAX, hub.chat.timing.heartbeat, send, listen);
}

/// §4.12 What a client says. A bad message is answered, and the connection stays.
fn hear(chat: &Chat, user: &str, kind: Opcode, payload: &[u8]) -> Result<Option<String>, String> {
    const PONG: &str = r#"{"type":"pong"}"#;
    const EXPECTED: &str = r#"expected {"type":"message","text":"…"} or {"type":"ping"}"#;
    let text = std::str::from_utf8(payload).ok().filter(|_| kind == Opcode::Text);
    let text = text.ok_or_else(|| format!("a binary message, {EXPECTED}"))?;
    let members = json::members(text, ["type", "text"]);
    match members.map_err(|problem| format!("{problem}; {EXPECTED}"))? {
        [Value::String(name), _] if name == "ping" => Ok(Some(PONG.into())),
        [Value::String(name), Value::String(text)] if name == "message" => {
            let text = api::text_of(&text).map_err(|refusal| refusal.problem)?;
            let message = chat.room.say(user.to_string(), text);
            event!("§4.12", user, "says message {}", message.id);
            Ok(None)
        }
        _ => Err(EXPECTED.into()),
    }
}
