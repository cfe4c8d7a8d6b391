//! §1 Refresh: the reader asks, with F5; the server answers at once and forgets.
//!
//! Works with scripts turned off. The other parts are this server and a little more.

use super::{Chat, api};
use crate::handler::{Handler, Reply, only};
use crate::room::Message;
use crate::wire::http::{READ, Refusal, Request, Response};
use crate::wire::{date, form, html};
use std::io;
use std::sync::Arc;

/// Messages written into a page; `GET /messages` has the others.
pub const PAGE_MESSAGES_MAX: usize = 200;

/// Parts 1 and 2 have no need of the socket.
pub fn handler(chat: Arc<Chat>) -> io::Result<Arc<Handler>> {
    Ok(Arc::new(move |request, _socket| answer(&chat, request).map(Reply::Http)))
}

/// The page, and a form that leads back to it; for the rest see [`api`].
pub fn answer(chat: &Chat, request: &Request) -> Result<Response, Response> {
    match (request.method.as_str(), request.path.as_str()) {
        (_, "/") => page(chat, request),
        ("POST", "/messages") if request.wants_page() => post(chat, request),
        _ => api::answer(chat, request),
    }
}

/// The technique's page, with the name of who asks for it. The messages are written into it where
/// it has a place for them: that is part 1.
fn page(chat: &Chat, request: &Request) -> Result<Response, Response> {
    only(READ, request)?;
    let asked = request.query("user");
    let user = match api::name(asked.clone()) {
        Err(refusal) if request.wants_page() => {
            return Ok(name_too_long(request, refusal, &asked.unwrap_or_default()));
        }
        user => user?,
    };
    let newest = chat.room.since(None).messages;
    let shown = &newest[newest.len().saturating_sub(PAGE_MESSAGES_MAX)..];
    let messages: String = shown.iter().map(|message| item(message)).collect();
    let (user, user_url) = (html::escape(&user), form::encode(&user));
    let values = [("user", &*user), ("user_url", &user_url), ("messages", &messages)];
    Ok(html::page(chat.technique.page, request, &values))
}

fn item(message: &Message) -> String {
    let (id, time) = (message.id, date::iso8601(message.timestamp));
    let (user, text) = (html::escape(&message.user), html::escape(&message.text));
    let time = format!(r#"<time datetime="{time}">{}</time>"#, &time[11..19]);
    format!(
        "<li data-id=\"{id}\"><b dir=\"auto\">{user}</b> {time}<p dir=\"auto\">{text}</p></li>\n"
    )
}

/// A person sees a page, not JSON.
fn name_too_long(request: &Request, refusal: Refusal, name: &str) -> Response {
    const PAGE: &str = include_str!("../../public/refused.html");
    let (count, max) = (name.chars().count().to_string(), api::USER_CHARS_MAX.to_string());
    let page = html::page(PAGE, request, &[("count", &count), ("max", &max)]);
    let Response { status, why, .. } = refusal.into();
    Response { status, why, ..page }
}

/// §1.12 Post, redirect, get: the browser is sent back to the page with 303, so that F5 asks for
/// the page again and does not send the message again. RFC 9110 §15.4.4
fn post(chat: &Chat, request: &Request) -> Result<Response, Response> {
    let message = api::say(chat, request)?;
    let page = format!("/?user={}", form::encode(&message.user));
    Ok(Response::new(303).with("Location", page))
}
