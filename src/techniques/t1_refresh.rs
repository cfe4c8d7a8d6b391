//! §1 Refresh: the reader asks, with F5; the server answers at once and forgets.
//!
//! Works with scripts turned off. The other parts are this server and a little more.

use super::{Chat, api, said};
use crate::handler::{Handler, Reply, check_method};
use crate::room::Message;
use crate::wire::html::escape_value;
use crate::wire::http::{READ_ONLY, Request, Response};
use crate::wire::{date, form};
use std::io;
use std::sync::Arc;

/// Messages written into a page: the newest.
pub const PAGE_MESSAGES_MAX: usize = 200;

/// The handler of parts 1 and 2: it answers at once, and never looks at the socket.
pub fn handler(chat: Arc<Chat>) -> io::Result<Arc<Handler>> {
    Ok(Arc::new(move |request, _socket| answer(&chat, request)))
}

/// The page, and a form that leads back to it; for the rest see [`api`].
pub fn answer(chat: &Chat, request: &Request) -> Result<Reply, Response> {
    let response = match (request.method.as_str(), request.path.as_str()) {
        (_, "/") => page(chat, request),
        ("POST", "/messages") if request.wants_page() => post(chat, request),
        _ => api::data(chat, request),
    };
    response.map(Reply::Http)
}

/// Fills in what a page shows of the chat: the reader's name (empty, if none is given) and, where a
/// page has a place for them (part 1), the messages. `tools/pages.rs` fills in languages and the like.
fn page(chat: &Chat, request: &Request) -> Result<Response, Response> {
    check_method(READ_ONLY, request)?;
    let name = said::name(request.query("user"))?;
    let user = if name == said::NOBODY { String::new() } else { escape_value(&name) };
    let page = chat.technique.page.replace("{{user}}", &user);
    let mut page = page.replace("{{user_url}}", &form::encode(&name));
    if page.contains("{{messages}}") {
        let newest = chat.room.since(None);
        let shown = &newest[newest.len().saturating_sub(PAGE_MESSAGES_MAX)..];
        let items: String = shown.iter().map(|message| item(message)).collect();
        page = page.replace("{{messages}}", &items);
    }
    Ok(Response::new(200).body("text/html; charset=utf-8", page))
}

fn item(message: &Message) -> String {
    let (id, time) = (message.id, date::iso8601(message.timestamp));
    let user = match message.user.as_str() {
        said::NOBODY => "[[Анонім|Anonymous]]".to_string(), // in the reader's language
        user => escape_value(user),
    };
    let text = escape_value(&message.text);
    // The time of the day is of UTC; with scripts the page makes it local.
    let time = format!(r#"<time datetime="{time}">{}</time>"#, &time[11..19]);
    format!(
        "<li data-id=\"{id}\"><b dir=\"auto\">{user}</b> {time}<p dir=\"auto\">{text}</p></li>\n"
    )
}

/// §1.12 Post, redirect, get: the browser is sent back to the page with 303, so that F5 asks for
/// the page again and does not send the message again. RFC 9110 §15.4.4
fn post(chat: &Chat, request: &Request) -> Result<Response, Response> {
    let message = api::say_posted(chat, request)?;
    let page = format!("/?user={}", form::encode(&message.user));
    Ok(Response::new(303).with("Location", page))
}
