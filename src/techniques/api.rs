//! §1.14 What all four parts answer: messages and counts.

use super::{Chat, said};
use crate::handler::check_method;
use crate::room::{Message, now_ms};
use crate::wire::http::{METHODS, READ_ONLY, Refusal, Request, Response, is_number, refuse};
use crate::wire::{date, json};
use crate::{event, log};
use std::sync::Arc;

/// Everything but what a technique adds.
pub fn data(chat: &Chat, request: &Request) -> Result<Response, Response> {
    match request.path.as_str() {
        "/messages" => messages(chat, request),
        "/stats" => stats(chat, request),
        // No other method has this target. RFC 9112 §3.2
        "*" => Ok(Response::new(204).with("Allow", "OPTIONS")),
        other => {
            let problem = format!("there is no {other:?} in part {}", chat.technique.number);
            Err(Refusal::new(404, problem, "/messages").into())
        }
    }
}

fn messages(chat: &Chat, request: &Request) -> Result<Response, Response> {
    check_method(METHODS, request)?;
    if request.method == "POST" {
        let message = say_posted(chat, request)?;
        let body = format!("{{\"success\":true,\"message\":{}}}", message.json);
        return Ok(of_this_log(chat, Response::json(201, body)));
    }
    let after = last_id(request)?;
    Ok(list(chat, request, &chat.room.since(after)))
}

/// `[…]`, each message as the room keeps it. If there are newer ones (for which there was no space, or
/// which came meanwhile) the client is told where they are (RFC 8288 §3), and asks again at once.
pub fn list(chat: &Chat, request: &Request, messages: &[Arc<Message>]) -> Response {
    let json: Vec<&str> = messages.iter().map(|message| &*message.json).collect();
    let response = of_this_log(chat, Response::json(200, format!("[{}]", json.join(","))));
    let (newest, _) = chat.room.counts();
    match messages.last() {
        Some(last) if last.id < newest => {
            let next = format!("<{}?lastId={}>; rel=\"next\"", request.path, last.id);
            response.with("Link", next)
        }
        _ => response,
    }
}

/// Says which log the answer speaks of: ids begin anew after a restart, and a reader must know.
pub fn of_this_log(chat: &Chat, response: Response) -> Response {
    response.with("Log-Epoch", chat.room.epoch.to_string())
}

/// `lastId`: what the reader has already. A number; one that no u64 can hold is above any id.
pub fn last_id(request: &Request) -> Result<Option<u64>, Refusal> {
    match request.query("lastId") {
        None => Ok(None),
        Some(id) if is_number(&id) => Ok(Some(id.parse().unwrap_or(u64::MAX))),
        Some(id) => refuse(400, format!("lastId is {id:?}, expected a number"), "?lastId=7"),
    }
}

/// Takes the message out of a POST, says it in the room, and returns it.
pub fn say_posted(chat: &Chat, request: &Request) -> Result<Arc<Message>, Response> {
    request.check_origin()?;
    let (user, text) = said::posted(request)?;
    let message = chat.say(user, text);
    log::user(|| message.user.clone());
    event!("§1.14", "-", "says message {}, {} B", message.id, message.text.len());
    Ok(message)
}

/// `connections` are this part's, all else is the room's; `oldestWaitingTime` in ms, uptime in s.
fn stats(chat: &Chat, request: &Request) -> Result<Response, Response> {
    check_method(READ_ONLY, request)?;
    let (newest, kept) = chat.room.counts();
    let (waiting, wait) = (chat.waiting.taken(), chat.waiting.longest().as_millis());
    let here = chat.timeline.here();
    let clients: Vec<String> = (here.0.iter())
        .map(|(user, n)| format!(r#"{{"username":{},"connections":{n}}}"#, json::quoted(user)))
        .collect();
    let (open, clients) = (chat.places.taken(), clients.join(","));
    let members = here.connections();
    let uptime = chat.started.elapsed().as_secs();
    let (epoch, now) = (chat.room.epoch, date::iso8601(now_ms()));
    let body = format!(
        "{{\"totalMessages\":{newest},\"keptMessages\":{kept},\"connections\":{open},\
         \"waitingClients\":{waiting},\"oldestWaitingTime\":{wait},\"connectedClients\":{members},\
         \"clients\":[{clients}],\"epoch\":{epoch},\"serverUptime\":{uptime},\"now\":\"{now}\"}}"
    );
    Ok(of_this_log(chat, Response::json(200, body)))
}
