//! What a server gives out: places, memory and time.

use super::Connection;
use super::door::unavailable;
use crate::handler::write_whole;
use crate::wire::budget::UNFINISHED_BYTES_MAX;
use crate::wire::buffer::{Buffer, timed_out};
use crate::wire::http::{Refusal, Source, refuse};
use std::io::IoSlice;
use std::time::{Duration, Instant};

/// What one server and one connection may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at one time; the next is answered 503.
    pub connections_max: usize,
    /// A connection without a request, or a reader that takes nothing, is closed after this.
    pub idle: Duration,
    /// From the first byte of a head to its last: a person types it by hand in telnet.
    pub head: Duration,
    /// The body, after the head.
    pub body: Duration,
    /// How long a refused client may go on sending, unheard, so that it can read why.
    pub linger: Duration,
}

/// Every connection has a thread, and Linux gives a process some 16,000 of them.
pub const CONNECTIONS_MAX: usize = 12_000;
/// Beyond the limit so many more have a thread each, to read in peace why there is no place for
/// them; all others are told, and closed at once.
pub const TURNED_AWAY_MAX: usize = 256;
/// Room for deep calls. A page that is never touched is never paid for, and one that was touched
/// once is paid for as long as the connection lasts: so no large arrays here.
pub const STACK_BYTES: usize = 128 * 1024;

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections_max: CONNECTIONS_MAX,
            idle: Duration::from_secs(60),
            head: Duration::from_secs(60),
            body: Duration::from_secs(30),
            linger: Duration::from_secs(2),
        }
    }
}

impl Connection {
    pub(super) fn within(&mut self, patience: Duration) -> Within<'_> {
        Within { connection: self, body: 0, owes_continue: false, began: Instant::now(), patience }
    }
}

/// What comes within `patience` as a whole, however its bytes drip.
pub(super) struct Within<'a> {
    connection: &'a mut Connection,
    /// The memory that the body takes outside of the buffer, in bytes.
    body: usize,
    /// Whether the client asks if its body is wanted before it sends it, as curl does with a long one.
    pub(super) owes_continue: bool,
    began: Instant,
    patience: Duration,
}

impl Source for Within<'_> {
    fn buf(&mut self) -> &mut Buffer {
        &mut self.connection.buf
    }

    fn body_takes(&mut self, bytes: usize) {
        self.body = bytes;
    }

    /// Reads once.
    fn wait(&mut self) -> Result<(), Refusal> {
        let Connection { socket, buf, share, .. } = &mut *self.connection;
        // RFC 9110 §10.1.1: no answer is needed when some of the body has come anyway.
        if std::mem::take(&mut self.owes_continue) && buf.data().is_empty() {
            let go_on = IoSlice::new(b"HTTP/1.1 100 Continue\r\n\r\n");
            write_whole(socket, &mut [go_on]).or(Err(cut_short()))?;
        }
        if !share.resize(self.body + buf.held(), UNFINISHED_BYTES_MAX) {
            return Err(unavailable("too many unfinished requests at the moment"));
        }
        let left = self.patience.saturating_sub(self.began.elapsed());
        if left.is_zero() {
            let problem = format!("the request did not come whole within {:?}", self.patience);
            return refuse(408, problem, "the same without the pause");
        }
        let waits = socket.set_read_timeout(Some(left));
        match waits.and_then(|()| buf.fill(&mut &**socket)) {
            Ok(1..) => Ok(()),
            Err(error) if timed_out(&error) => Ok(()), // and the next call refuses
            Ok(0) | Err(_) => Err(cut_short()),
        }
    }
}

/// A client that has closed its half only reads this; one that has gone does not.
fn cut_short() -> Refusal {
    let advice = "all of it: to the empty line, or to the end of Content-Length";
    Refusal::new(400, "the request ended in the middle", advice)
}
