//! §4 WebSocket: the connection stays open, both ways, and the server brings the news.
//!
//! The sleep of the long poll is now in one thread for all:
//! - Who reads: each connection has a thread, and it alone reads (`t4_conversation`).
//! - Who writes: news comes from one more thread for all, the broadcaster, which sleeps on the room's
//!   Condvar as part 3 did, and never waits for a reader (`t4_broadcast`, `t4_member`). Pongs, answers
//!   and most closes come from the connection's own thread. What a full socket did not take is written
//!   by whichever of the two holds the lock of `unsent`.
//! - Who ends whom: who finds that a socket has taken nothing for 30 s shuts it down. The connection's
//!   thread finds the end of the stream there, and takes its connection out of the chat. One who needs
//!   what is forgotten is sent a close, by the broadcaster; its thread ends when it next has to answer.
//! - Which lock first: a member's `unsent`, then the timeline's (`t4_timeline`), then the room's, never
//!   the other way. Who waits for a round of the broadcaster holds no `unsent`: the round needs it.
//! - A newcomer: its own thread writes to it what it has missed, then leaves the news to the
//!   broadcaster, and then begins to read: a thread does one thing at a time.
//!
//! Leaves out: subprotocols, extensions (so no compression).

use super::t4_conversation::converse;
use super::t4_member::Membership;
use super::{Chat, api, said, t1_refresh, t4_broadcast, t4_echo};
use crate::event;
use crate::handler::{Handler, Reply};
use crate::wire::frame::Opcode;
use crate::wire::http::{Request, Response};
use crate::wire::json::{self, Value};
use crate::wire::message::Received;
use crate::wire::{buffer::Buffer, handshake};
use std::io;
use std::net::TcpStream;
use std::sync::Arc;

/// The longest message (else 1009): far longer than a text, so that too long a text is answered.
pub const CHAT_BYTES_MAX: usize = 1024 * 1024;

/// Part 1's server, and the WebSockets. `Err`: there is no thread for the broadcaster.
pub fn handler(chat: Arc<Chat>) -> io::Result<Arc<Handler>> {
    t4_broadcast::start(chat.clone())?;
    Ok(Arc::new(move |request, _socket| match request.path.as_str() {
        "/" if handshake::wanted(request) => enter_chat(&chat, request),
        "/echo" => t4_echo::enter(&chat, request),
        _ => t1_refresh::answer(&chat, request),
    }))
}

/// One connection of the chat, from the handshake to the end.
fn enter_chat(chat: &Arc<Chat>, request: &Request) -> Result<Reply, Response> {
    let user = said::name(request.query("user"))?;
    let last_id = api::last_id(request)?;
    let chat = chat.clone();
    let conversation = move |socket: Arc<TcpStream>, early: Buffer| {
        let Ok(membership) = Membership::new(&chat, socket.clone(), user, last_id) else { return };
        let member = &membership.0;
        let send = |opcode, payload: &[u8]| member.send(opcode, payload);
        let on_message = |message| {
            drop(member.unsent_if_open()?); // may it still speak? (`say` must not hold this lock)
            let answer = take_message(&chat, &member.user, message).unwrap_or_else(|problem| {
                Some(format!(r#"{{"type":"error","error":{}}}"#, json::quoted(&problem)))
            });
            answer.map_or(Ok(()), |text| send(Opcode::Text, text.as_bytes()))
        };
        // However it ends, it is over: `membership` is dropped, and with that the member leaves.
        let _ = converse(&socket, early, CHAT_BYTES_MAX, chat.timing.heartbeat, send, on_message);
    };
    Ok(Reply::Upgrade(handshake::answer(request)?, Box::new(conversation)))
}

/// §4.12 What a client says. A bad message is answered, and the connection stays.
fn take_message(chat: &Chat, user: &str, message: Received) -> Result<Option<String>, String> {
    const EXPECTED: &str = r#"expected {"type":"message","text":"…"} or {"type":"ping"}"#;
    let Received::Text(payload) = message else {
        return Err(format!("a binary message, {EXPECTED}"));
    };
    let text = payload.text();
    let members = json::members(&text, ["type", "text"]);
    match members.map_err(|problem| format!("{problem}; {EXPECTED}"))? {
        [Value::String(name), _] if name == "ping" => Ok(Some(r#"{"type":"pong"}"#.into())),
        [Value::String(name), Value::String(text)] if name == "message" => {
            let text = said::text_of(&text).map_err(|refusal| refusal.problem)?;
            let message = chat.say(user.to_string(), text);
            event!("§4.12", user, "says message {}", message.id);
            Ok(None)
        }
        _ => Err(EXPECTED.into()),
    }
}
