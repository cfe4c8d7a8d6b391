//! §1.1 The server: accepts, gives each connection a thread, reads requests, writes replies.
//!
//! Knows no technique: it is handed a handler. Leaves out: many connections per thread (epoll).

mod door;
mod limits;

use crate::handler::{Handler, Places, Reply, write_whole};
use crate::wire::budget::{FREE_BYTES, Share, TAKEN_BYTES_MAX};
use crate::wire::buffer::Buffer;
use crate::wire::http::{Asked, Refusal, Request, Response, Source, read_body, read_head};
use crate::{event, log};
use door::{Door, NO_PLACE, turn_away, unavailable};
pub use limits::{CONNECTIONS_MAX, Limits, STACK_BYTES, TURNED_AWAY_MAX};
use std::io::{self, IoSlice};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::SystemTime;

/// Serves until the process ends.
pub fn serve(listener: TcpListener, limits: Limits, places: &Places, handler: Arc<Handler>) {
    let mut door = Door::new(listener);
    // This thread waits for no client: only 128 newcomers fit in the kernel's queue.
    for number in 1.. {
        let Some(socket) = door.accept() else { continue };
        let place = places.take();
        // The first few for whom there is no place have a thread all the same, which tells them so.
        let beyond = places.taken().saturating_sub(limits.connections_max);
        if beyond > TURNED_AWAY_MAX {
            turn_away(&socket);
            continue;
        }
        let (socket, handler) = (Arc::new(socket), handler.clone());
        let newcomer = socket.clone();
        let (buf, label, share) = (Buffer::default(), String::new(), Share::default());
        // In a box: on the stack it would cost each thread one page more.
        let mut connection = Box::new(Connection { socket, limits, buf, label, share });
        let spawned = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(move || {
            let _place = place;
            log::connection(number);
            let ended = connection.run(beyond > 0, &*handler);
            let why = if let Err(error) = ended { log::why(error) } else { "done".to_string() };
            event!("§1.1", "-", "closed: {why}");
        });
        match spawned {
            Ok(_) => door.succeeded(),
            Err(error) => {
                door.failed(format_args!("no thread for a newcomer: {error}"));
                turn_away(&newcomer);
            }
        }
    }
}

struct Connection {
    socket: Arc<TcpStream>,
    limits: Limits,
    buf: Buffer,
    /// The request, as in the log: `GET /messages`. Empty between an answer and the next head.
    label: String,
    /// Memory of an unfinished request, then of its unwritten answer: out of a budget for all.
    share: Share,
}

impl Connection {
    /// §1.7 One request after another, in their order (RFC 9112 §9.3.2), until one side has enough.
    fn run(&mut self, full: bool, handler: &Handler) -> io::Result<()> {
        // Nagle's algorithm would hold a small write back until the last one is acknowledged.
        self.socket.set_nodelay(true)?;
        self.socket.set_write_timeout(Some(self.limits.idle))?;
        if full {
            return self.send_refusal(unavailable(NO_PLACE));
        }
        while self.begins_request().is_ok() {
            let request = match self.read_request() {
                Ok(request) => request,
                Err(refusal) => return self.send_refusal(refusal),
            };
            // A client that says its name in the address is called by it in the log.
            log::user(|| request.query("user").unwrap_or_default().trim().to_string());
            let asked = request.asked();
            let reply = handler(&request, &self.socket).unwrap_or_else(Reply::Http);
            drop(request); // its body would take memory while the answer is on its way
            match reply {
                Reply::Gone => return Ok(()),
                Reply::Http(response) => {
                    self.send(response, asked)?;
                    if !asked.goes_on {
                        return self.hang_up();
                    }
                }
                Reply::Upgrade(response, take_over) => {
                    self.send(response, Asked { goes_on: false, ..asked })?;
                    // Here HTTP lets go of the connection.
                    take_over(self.socket.clone(), std::mem::take(&mut self.buf));
                    return self.hang_up();
                }
            }
        }
        Ok(())
    }

    /// Waits for the next request. `Err`: there is none, so nobody waits for an answer either.
    fn begins_request(&mut self) -> Result<(), Refusal> {
        let mut source = self.within(self.limits.idle);
        loop {
            match source.buf().data() {
                // Empty lines are forgiven: people like to press Enter. RFC 9112 §2.2
                [b'\r', b'\n', ..] => source.buf().consume(2),
                [] | [b'\r'] => source.wait()?,
                _ => return Ok(()),
            }
        }
    }

    /// `Err`: answer and close.
    fn read_request(&mut self) -> Result<Request, Refusal> {
        let request = read_head(&mut self.within(self.limits.head))?;
        self.label = request.to_string();
        let mut source = self.within(self.limits.body);
        source.owes_continue = request.expects_continue();
        let body = read_body(&mut source, &request)?;
        Ok(Request { body, ..request })
    }

    /// Answers a request that cannot be served, and hangs up. A full server has read nothing of it.
    fn send_refusal(&mut self, refusal: Refusal) -> io::Result<()> {
        if self.label.is_empty() {
            let came = String::from_utf8_lossy(self.buf.data());
            self.label = came.lines().next().unwrap_or("(nothing)").to_string();
        }
        let head_only = self.label.starts_with("HEAD ");
        self.send(refusal.text(), Asked { head_only, ..Asked::default() })?;
        self.hang_up()
    }

    /// Sends `response`, or 503 if it is long and there is no memory for it.
    fn send(&mut self, mut response: Response, asked: Asked) -> io::Result<()> {
        let mut bytes = response.encode(asked, now_s());
        self.buf.shrink(); // what is still in it was sent ahead, and counts
        let has_room = self.share.resize(bytes.len() + self.buf.held(), TAKEN_BYTES_MAX);
        // In place of a short answer, 503 would save nothing.
        if !has_room && bytes.len() > FREE_BYTES {
            response = unavailable("too many slow readers at the moment").text();
            bytes = response.encode(asked, now_s());
        }
        // It is in `bytes` now: while a slow reader takes it, one copy is enough.
        response.body = Vec::new();
        write_whole(&self.socket, &mut [IoSlice::new(&bytes)])?;
        self.share = Share::default();
        let label = std::mem::take(&mut self.label);
        let (status, why, size) = (response.status, response.why, bytes.len());
        event!("§1.6", "-", "{label} -> {status}, {size} B out{why}");
        Ok(())
    }

    /// §1.8 Says good-bye so that it is heard. Closing a socket with unread bytes in it sends RST,
    /// and an RST may overtake the answer and wipe it out on the other side. So: say that nothing more
    /// will come, and read on until the other side has closed, too, or time is up. RFC 9112 §9.6
    fn hang_up(&mut self) -> io::Result<()> {
        self.socket.shutdown(Shutdown::Write)?;
        self.buf = Buffer::default();
        let mut source = self.within(self.limits.linger);
        while source.wait().is_ok() {
            *source.buf() = Buffer::default();
        }
        Ok(())
    }
}

fn now_s() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs()
}
