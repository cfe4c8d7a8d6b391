//! A way to a server that is longer than it is: whoever asks waits one half of the round trip before
//! the request goes out, and the other before the answer is there. A new connection costs one more,
//! for the handshake of TCP.

use super::{Connection, Response, WebSocket};
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
    /// As the field Host has it.
    host: String,
    /// From the last answer to the next question.
    kept: Option<Connection>,
    /// Connections that were made, and bytes of questions and of answers.
    pub made: u64,
    pub sent: u64,
    pub received: u64,
}

impl Line {
    pub fn new(address: SocketAddr, host: &str) -> Line {
        let host = host.to_string();
        Line { address, host, kept: None, made: 0, sent: 0, received: 0 }
    }

    fn connect(&mut self, rtt: Duration) -> Result<Connection> {
        thread::sleep(rtt);
        self.made += 1;
        Connection::open(self.address, PATIENCE)
    }

    /// A WebSocket, whose own bytes are not counted here.
    pub fn open(&mut self, target: &str, fields: &str, rtt: Duration) -> Result<WebSocket> {
        let connection = self.connect(rtt)?;
        thread::sleep(rtt);
        WebSocket::open(connection, &self.host, target, fields)
    }

    /// The answer, which may be held; `None`: nobody wants to know any more. The round trip may change
    /// meanwhile.
    pub fn get(
        &mut self,
        target: &str,
        fields: &str,
        rtt: impl Fn() -> Duration,
        mut is_over: impl FnMut() -> bool,
    ) -> Result<Option<Response>> {
        let request = get(&self.host, target, fields);
        loop {
            let kept = self.kept.take();
            let is_kept = kept.is_some();
            let mut connection = kept.map_or_else(|| self.connect(rtt()), Ok)?;
            thread::sleep(rtt() / 2);
            let response = match held(&mut connection, &request, &mut is_over) {
                // A connection that lay idle may have been closed meanwhile: so it is made again, once.
                Err(error) if is_kept && error.kind() != ErrorKind::TimedOut => continue,
                response => response?,
            };
            if let Some(response) = &response {
                thread::sleep(rtt() / 2);
                self.sent += request.len() as u64;
                self.received += (response.head_bytes + response.body_bytes) as u64;
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

/// A request. `fields` are whole lines, each with its CR LF; HOST in them is the server.
pub fn get(host: &str, target: &str, fields: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n{}\r\n", fields.replace("HOST", host))
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
