//! §3 Long polling: the client asks, and the server holds its breath until somebody writes.
//!
//! Costs one parked thread per reader. Leaves out: fairness between readers.

use super::{Chat, api, t1_refresh};
use crate::event;
use crate::handler::{Handler, Reply, check_method};
use crate::wire::http::{READ_ONLY, Request, Response};
use std::io::{self, ErrorKind};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Instant;

/// Part 1's server, and `/subscribe`.
pub fn handler(chat: Arc<Chat>) -> io::Result<Arc<Handler>> {
    Ok(Arc::new(move |request, socket| match request.path.as_str() {
        "/subscribe" => subscribe(&chat, request, socket),
        _ => t1_refresh::answer(&chat, request),
    }))
}

/// §3.5 Answers when there is something to answer with, and with 204 when there was nothing for
/// so long that a proxy on the way might hang up. The client asks again at once. RFC 6202 §2
fn subscribe(chat: &Chat, request: &Request, socket: &TcpStream) -> Result<Reply, Response> {
    check_method(READ_ONLY, request)?;
    let last_id = api::last_id(request)?;
    let after = last_id.unwrap_or(0); // without an id it waits for the first message of all
    event!("§3.5", "-", "asks for what comes after {after}");
    let _place = chat.waiting.take(); // until this function ends
    let began = Instant::now();
    loop {
        let left = chat.timing.hold.saturating_sub(began.elapsed()); // 0: the last look
        let news = chat.room.wait_since(last_id, left.min(chat.timing.glance));
        if !news.is_empty() {
            return Ok(Reply::Http(api::list(chat, request, &news)));
        }
        if left.is_zero() {
            return Ok(Reply::Http(api::of_this_log(chat, Response::new(204))));
        }
        if has_gone(socket) {
            event!("§3.6", "-", "gone while it waited for what comes after {after}");
            return Ok(Reply::Gone);
        }
    }
}

/// §3.6 Looks whether the client is still there. A thread asleep on a Condvar does not hear its
/// socket close, so it wakes now and then to look: `peek` reads without taking. (Behind a request
/// that was sent ahead it cannot see the end; then only news or the hold ends the wait.)
fn has_gone(socket: &TcpStream) -> bool {
    // Else `peek` would wait for a byte.
    let peeked = socket.set_nonblocking(true).and_then(|()| socket.peek(&mut [0]));
    let restored = socket.set_nonblocking(false); // whatever was seen
    let has_ended = match peeked {
        Ok(bytes) => bytes == 0, // FIN
        Err(error) => error.kind() != ErrorKind::WouldBlock,
    };
    has_ended || restored.is_err()
}
