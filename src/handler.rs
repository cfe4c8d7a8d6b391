//! What stands between the server and a technique: a request goes in, a reply comes out.

mod places;
mod write;

use crate::wire::buffer::Buffer;
use crate::wire::http::{Refusal, Request, Response};
pub use places::{Place, Places};
use std::net::TcpStream;
use std::sync::Arc;
pub use write::{write_at_once, write_whole};

/// Answers one request; the socket is there to be watched. `Err` is an answer, too: with it `?`
/// ends a handler early. After a panic there is no answer: the connection is closed.
pub type Handler = dyn Fn(&Request, &Arc<TcpStream>) -> Result<Reply, Response> + Send + Sync;

/// What a handler answers. The server writes it.
pub enum Reply {
    /// An ordinary answer.
    Http(Response),
    /// `101`, and what to do with the socket (and the bytes that came early) once it is out.
    Upgrade(Response, Box<dyn FnOnce(Arc<TcpStream>, Buffer)>),
    /// Nobody is left to answer.
    Gone,
}

/// `Ok` for a method of `allow`. `Err`: to OPTIONS the list of them, to any other method 405.
/// RFC 9110 §9.3.7, §15.5.6
pub fn check_method(allow: &'static str, request: &Request) -> Result<(), Response> {
    let method = request.method.as_str();
    let response = match method {
        "OPTIONS" => Response::new(204),
        _ if allow.split(", ").any(|allowed| allowed == method) => return Ok(()),
        _ => Refusal::new(405, format!("{method} is not for {}", request.path), allow).into(),
    };
    Err(response.with("Allow", allow))
}
