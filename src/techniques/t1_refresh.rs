//! §1 Refresh: the reader asks, with F5; the server answers at once and forgets.
//!
//! Works with scripts turned off. The other parts are this server and a little more.

use super::{Chat, api};
use crate::handler::{Handler, Reply, only};
use crate::room::Message;
use crate::wire::http::{READ, Request, Response};
use crate::wire::{date, form, html};
use std::io;
use std::sync::Arc;

/// Messages written into a page; `GET /messages` has the others.
pub const PAGE_MESSAGES_MAX: usize = 200;

/// What the pages of the four parts share.
const PAGE_HTML: &str = include_str!("../../public/page.html");
const NAME_HTML: &str = include_str!("../../public/name.html");

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

fn page(chat: &Chat, request: &Request) -> Result<Response, Response> {
    only(READ, request)?;
    let asked = request.query("user").unwrap_or_default();
    match api::name(Some(asked.clone())) {
        Ok(user) if user != api::NOBODY => Ok(chat_page(chat, request, &user)),
        Ok(_) => Ok(name_page(chat, request, "hidden", 0)),
        // A person sees a page, not JSON.
        Err(refusal) if request.wants_page() => {
            let page = name_page(chat, request, "", asked.chars().count());
            let Response { status, why, .. } = refusal.into();
            Ok(Response { status, why, ..page })
        }
        Err(refusal) => Err(refusal.into()),
    }
}

/// The technique's page, with the name of the person who asks for it. The messages are written into it where
/// it has a place for them: that is part 1.
fn chat_page(chat: &Chat, request: &Request, user: &str) -> Response {
    let nobody = if html::speaks_ukrainian(request) { api::NOBODY } else { "Anonymous" };
    let newest = chat.room.since(None).messages;
    let shown = &newest[newest.len().saturating_sub(PAGE_MESSAGES_MAX)..];
    let messages: String = shown.iter().map(|message| item(message, nobody)).collect();
    let (user, user_url) = (html::escape(user), form::encode(user));
    let values = [("user", &*user), ("user_url", &user_url), ("messages", &messages)];
    html::page(&of_this_part(chat, PAGE_HTML), request, &values)
}

/// Asks for a name a person who has said none, or one that is too long: then the warning shows.
fn name_page(chat: &Chat, request: &Request, hidden: &str, chars: usize) -> Response {
    let (count, max) = (chars.to_string(), api::USER_CHARS_MAX.to_string());
    let values = [("hidden", hidden), ("count", &*count), ("max", &max)];
    html::page(&of_this_part(chat, NAME_HTML), request, &values)
}

fn of_this_part(chat: &Chat, template: &str) -> String {
    let (number, own) = (chat.technique.number, chat.technique.page);
    let here = format!("<!-- part -->{number}<!-- here {number} -->aria-current=\"step\"");
    html::assemble(template, &(own.to_string() + &here))
}

fn item(message: &Message, nobody: &str) -> String {
    let (id, time) = (message.id, date::iso8601(message.timestamp));
    let user = if message.user == api::NOBODY { nobody } else { &message.user };
    let (user, text) = (html::escape(user), html::escape(&message.text));
    let time = format!(r#"<time datetime="{time}">{}</time>"#, &time[11..19]);
    format!(
        "<li data-id=\"{id}\"><b dir=\"auto\">{user}</b> {time}<p dir=\"auto\">{text}</p></li>\n"
    )
}

/// §1.12 Post, redirect, get: the browser is sent back to the page with 303, so that F5 asks for
/// the page again and does not send the message again. RFC 9110 §15.4.4
fn post(chat: &Chat, request: &Request) -> Result<Response, Response> {
    let message = api::say(chat, request)?;
    let page = format!("/?user={}", form::encode(&message.user));
    Ok(Response::new(303).with("Location", page))
}
