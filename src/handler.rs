//! What stands between the server and a technique: a request goes in, a reply comes out.

use crate::wire::buffer::Buffer;
use crate::wire::http::{Refusal, Request, Response};
use std::io::{self, ErrorKind, IoSlice, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

/// How many connections a server has.
#[derive(Debug, Clone, Default)]
pub struct Places(Arc<AtomicUsize>);

/// A place that is taken until this is dropped: however the connection ends, a panic too.
pub struct Place(Places);

impl Places {
    pub fn take(&self) -> Place {
        self.0.fetch_add(1, Ordering::Relaxed);
        Place(self.clone())
    }

    pub fn taken(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Answers one request; the socket is there to be watched. `Err` is an answer, too: with it `?`
/// ends a handler early.
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

/// Goes on with a method of `allow`. `Err`: the answer to another, and to OPTIONS, which tells
/// what is allowed. RFC 9110 §9.3.7, §15.5.6
pub fn only(allow: &'static str, request: &Request) -> Result<(), Response> {
    let method = request.method.as_str();
    let response = match method {
        "OPTIONS" => Response::new(204),
        _ if allow.split(", ").any(|allowed| allowed == method) => return Ok(()),
        _ => Refusal::new(405, format!("{method} is not for {}", request.path), allow).into(),
    };
    Err(response.with("Allow", allow))
}

/// Writes all of `parts`, one behind the other. When the patience for one write has run out it
/// begins no other: a reader in drips holds a thread at most twice as long as one that takes nothing.
pub fn write_whole(mut socket: &TcpStream, mut parts: &mut [IoSlice]) -> io::Result<()> {
    let began = Instant::now();
    loop {
        match socket.write_vectored(parts) {
            Ok(count) => IoSlice::advance_slices(&mut parts, count),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if parts.is_empty() {
            // The reader may run first. Often its next request is there before this thread would
            // fall asleep waiting for it: a quarter more requests per second, or half.
            thread::yield_now();
            return Ok(());
        }
        // Mostly one write takes all, and nobody gets here.
        if socket.write_timeout()?.is_some_and(|patience| began.elapsed() >= patience) {
            return Err(ErrorKind::TimedOut.into());
        }
    }
}
