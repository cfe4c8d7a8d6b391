//! §1.1 The server: accepts, gives each connection a thread, reads requests, writes replies.
//!
//! Knows no technique: it is handed a handler. A thread a connection costs some 12 KiB of memory
//! and reads from top to bottom; servers for millions put the connections in a table and ask the
//! system which of them is ready (epoll), which is faster and reads inside out.

use crate::event;
use crate::handler::{Handler, Reply};
use crate::wire::buffer::{Buffer, timed_out};
use crate::wire::http::{self, Body, Refusal, Request, Response, refuse};
use std::io::{self, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

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
    /// What a client that was refused may go on sending, unheard, so that it can read why.
    pub linger: Duration,
}

/// Every connection has a thread, and Linux gives a process some 16,000 of them.
pub const CONNECTIONS_MAX: usize = 12_000;
/// Beyond the limit so many at a time are told so; the rest are just closed.
pub const TURNED_AWAY_MAX: usize = 256;
/// Room for deep calls. A page that is never touched is never paid for, and one that was touched
/// once is paid for as long as the connection lasts: so no large arrays here.
pub const STACK_BYTES: usize = 128 * 1024;
/// After a failed accept (no descriptors left, mostly) the server waits for some to be free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

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

/// Serves, and never returns. Each connection holds a clone of `places` while it
/// lasts, however it ends, a panic too: the count of clones is the count of connections.
pub fn serve(listener: TcpListener, limits: Limits, places: &Arc<()>, handler: Arc<Handler>) {
    let held_before = Arc::strong_count(places);
    let mut spare = None;
    // This thread accepts and does nothing else: only 128 newcomers fit in the queue.
    for number in 1.. {
        // An open descriptor, given up when there is no other: to say so, and not just hang.
        spare = spare.or_else(|| listener.try_clone().ok());
        let mut accepted = listener.accept();
        if accepted.is_err() && spare.take().is_some() {
            accepted = listener.accept();
            // It may have waited for a newcomer, and others may have gone meanwhile.
            spare = listener.try_clone().ok();
        }
        let Ok((socket, _)) = accepted else {
            event!("§1.1", "-", "accept failed: {:?}", accepted.err());
            std::thread::sleep(ACCEPT_PAUSE);
            continue;
        };
        let (place, handler) = (places.clone(), handler.clone());
        let taken = Arc::strong_count(places) - held_before;
        if taken > limits.connections_max + TURNED_AWAY_MAX {
            continue;
        }
        let full = spare.is_none() || taken > limits.connections_max;
        let spawned = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(move || {
            let _place = place;
            crate::log::connection(number);
            let (socket, buf) = (Arc::new(socket), Buffer::default());
            let ended = Connection { socket, limits, buf, timeout: None }.run(full, &*handler);
            event!("§1.1", "-", "closed: {}", ended.err().map_or("done".into(), |e| e.to_string()));
        });
        if let Err(error) = spawned {
            event!("§1.1", "-", "no thread for connection {number}: {error}");
        }
    }
}

struct Connection {
    socket: Arc<TcpStream>,
    limits: Limits,
    buf: Buffer,
    /// How long a read may take, as the socket knows it.
    timeout: Option<Duration>,
}

/// Why there is no request: it is refused (`?` makes `Some(refusal)` of a refusal), or there is
/// nobody to tell.
type Stop = Option<Refusal>;

impl Connection {
    /// §1.7 One request after another, in the order they came (RFC 9112 §9.3.2), until somebody has
    /// had enough.
    fn run(mut self, full: bool, handler: &Handler) -> io::Result<()> {
        // Nagle's algorithm would hold a small write back until the last one is acknowledged.
        self.socket.set_nodelay(true)?;
        self.socket.set_write_timeout(Some(self.limits.idle))?;
        if full {
            let refusal = Refusal::new(503, "all places are taken", "again in a while");
            return self.refuse(refusal.text().with("Retry-After", "5"), Request::default());
        }
        loop {
            let mut request = Request::default();
            match self.read_request(&mut request) {
                Ok(()) => {}
                Err(None) => return Ok(()),
                Err(Some(refusal)) => return self.refuse(refusal.text(), request),
            }
            match handler(&request, &self.socket).unwrap_or_else(Reply::Http) {
                Reply::Gone => return Ok(()),
                Reply::Http(response) => {
                    self.write(&response, &request)?;
                    if !request.keeps_alive() {
                        return self.hang_up();
                    }
                    // Others first: a client that polls has asked again by the time they are done,
                    // and this thread need not be put to sleep and woken up.
                    std::thread::yield_now();
                }
                Reply::Upgrade(response, take_over) => {
                    self.write(&response, &request)?;
                    drop(request);
                    self.buf.shrink();
                    // Here HTTP lets go of the connection.
                    take_over(self.socket.clone(), std::mem::take(&mut self.buf));
                    // Whoever took over has set a timeout of its own.
                    self.timeout = None;
                    return self.hang_up();
                }
            }
        }
    }

    // Not inlined: an idle connection keeps each page of the stack that it ever touched, and this
    // saves one of three.
    #[inline(never)]
    fn read_request(&mut self, request: &mut Request) -> Result<(), Stop> {
        self.buf.shrink();
        let mut body = self.read_until(self.limits.head, false, |buf| {
            // Empty lines before a request are forgiven: people like to press Enter. RFC 9112 §2.2
            while buf.data().starts_with(b"\r\n") {
                buf.consume(2);
            }
            let Some((head, used)) = http::decode_head(buf.data())? else { return Ok(None) };
            buf.consume(used);
            *request = head;
            Body::of(request).map(Some)
        })?;
        // RFC 9110 §10.1.1: not when some of the body has come anyway.
        if request.expects_continue() && self.buf.data().is_empty() {
            (&*self.socket).write_all(b"HTTP/1.1 100 Continue\r\n\r\n").map_err(|_| None)?;
        }
        request.body = self.read_until(self.limits.body, true, |buf| body.take(buf))?;
        Ok(())
    }

    /// Reads until `parse` has what it wants, which must come whole `patience` after it has
    /// `begun`, or after its first byte, however it drips.
    fn read_until<T>(
        &mut self,
        patience: Duration,
        begun: bool,
        mut parse: impl FnMut(&mut Buffer) -> Result<Option<T>, Refusal>,
    ) -> Result<T, Stop> {
        let mut deadline = begun.then(|| Instant::now() + patience);
        loop {
            if let Some(found) = parse(&mut self.buf)? {
                return Ok(found);
            }
            if !self.buf.data().is_empty() {
                deadline.get_or_insert_with(|| Instant::now() + patience);
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let left = left.unwrap_or(self.limits.idle);
            if left.is_zero() {
                let problem = format!("the request did not come whole within {patience:?}");
                return refuse(408, problem, "the same without the pause").map_err(Some);
            }
            // Most requests come whole, and cost no system call here.
            if self.timeout.replace(left) != Some(left) {
                self.socket.set_read_timeout(Some(left)).map_err(|_| None)?;
            }
            match self.buf.fill(&mut &*self.socket) {
                Ok(0) if deadline.is_some() => {
                    let advice = "all of it: to the empty line, or to the end of Content-Length";
                    return refuse(400, "the request ended in the middle", advice).map_err(Some);
                }
                Ok(0) => return Err(None),
                Ok(_) => {}
                Err(error) if timed_out(&error) && deadline.is_some() => {}
                Err(_) => return Err(None),
            }
        }
    }

    /// Answers a request of which nothing may be known, and hangs up.
    fn refuse(&mut self, response: Response, mut request: Request) -> io::Result<()> {
        if request.method.is_empty() {
            // RFC 9110 §9.3.2: a HEAD that is refused has no content either.
            let head = self.buf.data().starts_with(b"HEAD ");
            request.method = if head { "HEAD" } else { "-" }.into();
            request.path = "(unread)".into();
        }
        // Taken as HTTP/1.0, without fields: the connection ends with the answer.
        (request.minor, request.fields) = (0, Vec::new());
        self.write(&response, &request)?;
        self.hang_up()
    }

    fn write(&self, response: &Response, request: &Request) -> io::Result<()> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let size = response.write(&mut &*self.socket, request, now.as_secs())?;
        let Request { method, path, query, .. } = request;
        let mark = if query.is_empty() { "" } else { "?" };
        let Response { status, why, .. } = response;
        event!("§1.6", "-", "{method} {path}{mark}{query} -> {status}, {size} B out{why}");
        Ok(())
    }

    /// §1.8 Says good-bye so that it is heard. Closing a socket with unread bytes in it sends RST,
    /// and an RST may overtake the answer and wipe it out on the other side. So: say that nothing
    /// more will come, read on for a while, then close. RFC 9112 §9.6
    fn hang_up(&mut self) -> io::Result<()> {
        self.socket.shutdown(Shutdown::Write)?;
        // However it ends, it is over.
        let _ = self.read_until::<()>(self.limits.linger, true, |buf| {
            buf.consume(buf.data().len());
            Ok(None)
        });
        // Gone already, most likely.
        let _ = self.socket.shutdown(Shutdown::Both);
        Ok(())
    }
}
