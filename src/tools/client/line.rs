//! A way to a server that is longer than it is: whoever asks waits one half of the round trip before
//! the request goes out, and the other before the answer is there. A new connection costs one more,
//! for the handshake of TCP.

use super::{Connection, Response};
use std::io::{ErrorKind, Result};
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

/// What a server may take for an answer that it gives at once.
const PATIENCE: Duration = Duration::from_secs(10);
/// A server holds a question for 30 s; one that has not answered by then will not, as in chat.js.
const HELD_MAX: Duration = Duration::from_secs(45);
/// Whoever waits for an answer looks this often whether it is still wanted.
pub const GLANCE: Duration = Duration::from_millis(500);

pub struct Line {
    address: SocketAddr,
    /// From the last answer to the next question.
    kept: Option<Connection>,
    /// Connections that were made.
    pub made: u64,
}

impl Line {
    pub fn new(address: SocketAddr) -> Line {
        Line { address, kept: None, made: 0 }
    }

    pub fn connect(&mut self, rtt: Duration) -> Result<Connection> {
        thread::sleep(rtt);
        self.made += 1;
        Connection::open(self.address, PATIENCE)
    }

    /// The answer, which may be held; `None`: nobody wants to know any more. The round trip may change
    /// meanwhile.
    pub fn get(
        &mut self,
        request: &str,
        rtt: impl Fn() -> Duration,
        mut is_over: impl FnMut() -> bool,
    ) -> Result<Option<Response>> {
        loop {
            let kept = self.kept.take();
            let is_kept = kept.is_some();
            let mut connection = kept.map_or_else(|| self.connect(rtt()), Ok)?;
            thread::sleep(rtt() / 2);
            let response = match held(&mut connection, request, &mut is_over) {
                // A connection that lay idle may have been closed meanwhile: so it is made again, once.
                Err(error) if is_kept && error.kind() != ErrorKind::TimedOut => continue,
                response => response?,
            };
            if let Some(response) = &response {
                thread::sleep(rtt() / 2);
                self.kept = response.keeps_alive().then_some(connection);
            }
            return Ok(response);
        }
    }

    /// Ends the connection that was kept.
    pub fn hang_up(&mut self) {
        self.kept = None;
    }
}

fn held(
    connection: &mut Connection,
    request: &str,
    is_over: &mut dyn FnMut() -> bool,
) -> Result<Option<Response>> {
    let began = Instant::now();
    connection.deadline = began + PATIENCE;
    connection.send(request.as_bytes())?;
    while connection.unread().is_empty() {
        connection.deadline = Instant::now() + GLANCE;
        match connection.fill() {
            Err(error) if error.kind() == ErrorKind::TimedOut => {
                if is_over() {
                    return Ok(None);
                }
                if began.elapsed() > HELD_MAX {
                    return Err(error);
                }
            }
            filled => filled?,
        }
    }
    connection.deadline = Instant::now() + PATIENCE;
    connection.response("GET").map(Some)
}
