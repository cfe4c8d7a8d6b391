//! §1.14 What all four parts answer: messages and counts; and what they take for a name and a text.

use super::Chat;
use crate::handler::only;
use crate::room::{Excerpt, Message, now_ms};
use crate::wire::http::{READ, READ_AND_POST, Refusal, Request, Response, is_number, refuse};
use crate::wire::json::{self, Value};
use crate::wire::visible::{is_blank, visible_name, without_towers};
use crate::wire::{date, form};
use crate::{event, log};
use std::sync::Arc;

pub const USER_CHARS_MAX: usize = 64;
pub const TEXT_CHARS_MAX: usize = 2_000;
/// Somebody who says no name.
pub const NOBODY: &str = "Анонім";

/// Everything but what a technique adds.
pub fn answer(chat: &Chat, request: &Request) -> Result<Response, Response> {
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
    only(READ_AND_POST, request)?;
    if request.method == "POST" {
        let message = say(chat, request)?;
        let body = format!("{{\"success\":true,\"message\":{}}}", message.json);
        return Ok(of_this_log(chat, Response::json(201, body)));
    }
    let last_id = last_id(request)?;
    Ok(excerpt(chat, request, &chat.room.since(last_id)))
}

/// `[…]`, each message as the room keeps it. A client that did not get all of them is told where the next
/// ones are (RFC 8288 §3), and asks again at once.
pub fn excerpt(chat: &Chat, request: &Request, excerpt: &Excerpt) -> Response {
    let bytes: usize = excerpt.messages.iter().map(|message| message.json.len() + 1).sum();
    let mut body = String::with_capacity(bytes + 1);
    for message in &excerpt.messages {
        body.push(if body.is_empty() { '[' } else { ',' });
        body.push_str(&message.json);
    }
    body.push_str(if body.is_empty() { "[]" } else { "]" });
    let response = of_this_log(chat, Response::json(200, body));
    match excerpt.messages.last() {
        Some(last) if excerpt.more => {
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

/// `lastId`: what the reader has already. A number, and nothing but a number.
pub fn last_id(request: &Request) -> Result<Option<u64>, Refusal> {
    match request.query("lastId") {
        None => Ok(None),
        Some(id) if is_number(&id) => Ok(Some(id.parse().unwrap_or(u64::MAX))),
        Some(id) => refuse(400, format!("lastId is {id:?}, expected a number"), "?lastId=7"),
    }
}

/// What a POST says is said.
pub fn say(chat: &Chat, request: &Request) -> Result<Arc<Message>, Response> {
    request.check_origin()?;
    let [user, text] = posted(request)?;
    let Some(text) = text else {
        return Err(Refusal::new(400, "there is no \"text\" in the body", TRY).into());
    };
    let message = chat.say(name(user)?, text_of(&text)?);
    log::user(|| message.user.clone());
    event!("§1.14", "-", "says message {}, {} B", message.id, message.text.len());
    Ok(message)
}

const TRY: &str = r#"curl -d 'user=Alice&text=hello' (curl -F makes another kind of form), or
     curl --json '{"user":"Alice","text":"hello"}' (or -d, and -H 'Content-Type: application/json')"#;

/// The user and the text, as far as they are there: from JSON or from a form, as Content-Type says.
fn posted(request: &Request) -> Result<[Option<String>; 2], Refusal> {
    if request.field("Content-Length").or(request.field("Transfer-Encoding")).is_none() {
        return refuse(411, "a POST without a length", "Content-Length: 5");
    }
    if request.field("Content-Encoding").is_some() {
        return refuse(415, "Content-Encoding is not understood", "the body as it is");
    }
    let kind = request.field("Content-Type").unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match kind.as_str() {
        "application/json" => of_json(utf8(&request.body)?),
        "application/x-www-form-urlencoded" => of_form(utf8(&request.body)?),
        _ => refuse(415, format!("Content-Type {kind:?} is neither JSON nor a form"), TRY),
    }
}

fn utf8(body: &[u8]) -> Result<&str, Refusal> {
    std::str::from_utf8(body).or_else(|error| {
        let at = error.valid_up_to();
        let problem = format!("the body is not UTF-8: at byte {at} came 0x{:02x}", body[at]);
        refuse(400, problem, "a file that was saved as UTF-8, with curl -d @file")
    })
}

fn of_json(body: &str) -> Result<[Option<String>; 2], Refusal> {
    // Some editors begin a file with a byte order mark. RFC 8259 §8.1
    let body = body.trim_start_matches('\u{feff}');
    let members = json::members(body, ["user", "text"]);
    let [user, text] = members.or_else(|problem| refuse(400, problem, TRY))?;
    let string = |name, value| match value {
        Value::Absent => Ok(None),
        Value::String(text) => Ok(Some(text)),
        Value::Other(_) => refuse(400, format!("{name:?} is not a string"), TRY),
    };
    Ok([string("user", user)?, string("text", text)?])
}

fn of_form(body: &str) -> Result<[Option<String>; 2], Refusal> {
    let text = form::get(body, "text");
    if text.is_none() && body.trim_start().starts_with('{') {
        let problem = "the body looks like JSON, but Content-Type says that it is a form";
        return refuse(400, problem, TRY);
    }
    Ok([form::get(body, "user"), text])
}

/// A name of what can be seen, or `Анонім` for none.
pub fn name(user: Option<String>) -> Result<String, Refusal> {
    let user = visible_name(&user.unwrap_or_default());
    match within(user, "a name", USER_CHARS_MAX)? {
        user if user.is_empty() => Ok(NOBODY.to_string()),
        user => Ok(user),
    }
}

/// A text, trimmed: something that can be seen, and not too much of it.
pub fn text_of(text: &str) -> Result<String, Refusal> {
    let text = without_towers(text.trim());
    if is_blank(&text) {
        return refuse(400, "the text is empty", "a word or two");
    }
    within(text, "a text", TEXT_CHARS_MAX)
}

fn within(text: String, what: &str, chars_max: usize) -> Result<String, Refusal> {
    let count = text.chars().count();
    if count > chars_max {
        let problem = format!("{what} of {count} characters, {chars_max} are allowed");
        return refuse(413, problem, "fewer");
    }
    Ok(text)
}

fn stats(chat: &Chat, request: &Request) -> Result<Response, Response> {
    only(READ, request)?;
    let (newest, kept) = chat.room.counts();
    let (waiting, oldest_wait) = chat.waiting.count();
    let presence = chat.timeline.presence();
    let clients: Vec<String> = (presence.here.iter())
        .map(|(user, n)| format!(r#"{{"username":{},"connections":{n}}}"#, json::quoted(user)))
        .collect();
    let (open, here, clients) = (chat.places.taken(), presence.connections, clients.join(","));
    let (wait, uptime) = (oldest_wait.as_millis(), chat.started.elapsed().as_secs());
    let (epoch, now) = (chat.room.epoch, date::iso8601(now_ms()));
    let body = format!(
        "{{\"totalMessages\":{newest},\"keptMessages\":{kept},\"connections\":{open},\
         \"waitingClients\":{waiting},\"oldestWaitingTime\":{wait},\"connectedClients\":{here},\
         \"clients\":[{clients}],\"epoch\":{epoch},\"serverUptime\":{uptime},\"now\":\"{now}\"}}"
    );
    Ok(of_this_log(chat, Response::json(200, body)))
}
