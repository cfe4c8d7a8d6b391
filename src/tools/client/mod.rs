//! The other side of a conversation: a plain client for HTTP/1.1 and for WebSockets, for the tools
//! that speak to a server as a browser would. It counts every byte, and it waits no longer than it
//! was told to. Leaves out: TLS, redirects, caching, cookies.

mod line;
mod response;
mod websocket;

pub use line::{GLANCE, Line, get};
pub use response::{NO_END, RESPONSE_BYTES_MAX, Response};
pub use websocket::{MESSAGE_BYTES_MAX, WebSocket, handshake, masked, random, random_key};

use crate::wire::budget::{Share, TAKEN_BYTES_MAX};
use crate::wire::buffer::{Buffer, timed_out};
use std::io::{Error, ErrorKind, Result, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

/// Where a server is: what stands in its URL.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// `127.0.0.1:3000`, as it stands in the field Host.
    pub host: String,
    /// `/messages?lastId=7`
    pub target: String,
}

impl Place {
    /// Of a URL, of `HOST:PORT`, or of `HOST` and `PORT` as telnet has them. `example` is for the
    /// error.
    pub fn of(words: &[&str], example: &str) -> std::result::Result<Place, String> {
        let place = words.join(":");
        let scheme = ["ws://", "http://"].into_iter().find_map(|scheme| place.strip_prefix(scheme));
        let rest = scheme.unwrap_or(&place);
        let (host, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let port = if has_port { "" } else { ":80" };
        if host.is_empty() || rest.contains("://") || (scheme.is_none() && !has_port) {
            let is_tls = place.starts_with("https://") || place.starts_with("wss://");
            let why = if is_tls { "there is no TLS here: " } else { "" };
            return Err(format!("{why}{place:?} is no place like {example}"));
        }
        let slash = if target.starts_with('/') { "" } else { "/" };
        Ok(Place { host: format!("{host}{port}"), target: format!("{slash}{target}") })
    }

    /// Every address that the host has; `localhost` has two.
    pub fn addresses(&self) -> Result<Vec<SocketAddr>> {
        let addresses: Vec<SocketAddr> = self.host.to_socket_addrs()?.collect();
        match addresses.is_empty() {
            true => Err(Error::new(ErrorKind::NotFound, "it has no address")),
            false => Ok(addresses),
        }
    }
}

/// One connection. What it waits for comes before `deadline`, or it is an error of the kind
/// [`ErrorKind::TimedOut`]; the other side's FIN is [`ErrorKind::UnexpectedEof`], and what is no
/// HTTP and no frame is [`ErrorKind::InvalidData`], with what is wrong.
pub struct Connection {
    socket: TcpStream,
    buf: Buffer,
    pub deadline: Instant,
    /// Bytes at the socket, of everything since the connection was made.
    pub sent: u64,
    pub received: u64,
    /// A longer body is an error.
    pub body_bytes_max: usize,
    /// Of the memory for all connections: a server may send for ever to each of a crowd.
    share: Share,
    /// What was received, for whoever wants it once more, and when the first of it came.
    pub copy: Option<Vec<u8>>,
    pub copy_began: Instant,
}

impl Connection {
    /// Connects within `patience`, and gives everything after that as much again; whoever has
    /// another deadline sets it.
    pub fn open(address: SocketAddr, patience: Duration) -> Result<Connection> {
        let socket = TcpStream::connect_timeout(&address, patience)?;
        // Else a small write would be held back until the one before is acknowledged.
        socket.set_nodelay(true)?;
        let deadline = Instant::now() + patience;
        let buf = Buffer::default();
        let body_bytes_max = RESPONSE_BYTES_MAX;
        Ok(Connection {
            socket,
            buf,
            deadline,
            sent: 0,
            received: 0,
            body_bytes_max,
            share: Share::default(),
            copy: None,
            copy_began: deadline,
        })
    }

    pub fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.socket.set_write_timeout(Some(self.left()?))?;
        let written = self.socket.write_all(bytes);
        written.map_err(|error| if timed_out(&error) { too_late() } else { error })?;
        self.sent += bytes.len() as u64;
        Ok(())
    }

    pub fn peer(&self) -> Result<SocketAddr> {
        self.socket.peer_addr()
    }

    /// Nothing more will be sent: FIN. The other side may still answer.
    pub fn finish(&self) -> Result<()> {
        self.socket.shutdown(Shutdown::Write)
    }

    /// What has come and is not part of anything yet.
    pub fn unread(&self) -> &[u8] {
        self.buf.data()
    }

    /// Drops so many bytes of what is unread.
    pub fn consume(&mut self, count: usize) {
        self.buf.consume(count);
    }

    /// Sends a request and waits for its response.
    pub fn ask(&mut self, method: &str, request: &[u8]) -> Result<Response> {
        self.send(request)?;
        self.response(method)
    }

    /// Reads once.
    pub fn fill(&mut self) -> Result<()> {
        self.socket.set_read_timeout(Some(self.left()?))?;
        match self.buf.fill(&mut self.socket) {
            Ok(0) => Err(Error::new(ErrorKind::UnexpectedEof, "the server has closed")),
            Ok(count) => {
                self.received += count as u64;
                if let Some(copy) = &mut self.copy {
                    if copy.is_empty() {
                        self.copy_began = Instant::now();
                    }
                    let data = self.buf.data();
                    copy.extend_from_slice(&data[data.len() - count..]);
                }
                Ok(())
            }
            Err(error) if timed_out(&error) => self.fill(),
            Err(error) => Err(error),
        }
    }

    /// The time until the deadline; a socket takes no timeout of 0.
    fn left(&self) -> Result<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(too_late()) } else { Ok(left) }
    }
}

impl Connection {
    /// Counts what is held of an answer or of a message that is not whole yet.
    fn hold(&mut self, bytes: usize) -> Result<()> {
        match self.share.resize(bytes, TAKEN_BYTES_MAX) {
            true => Ok(()),
            false => invalid(format!("all answers together are over {TAKEN_BYTES_MAX} bytes")),
        }
    }
}

fn too_late() -> Error {
    Error::new(ErrorKind::TimedOut, "not in time")
}

fn invalid<T>(problem: impl Into<String>) -> Result<T> {
    Err(Error::new(ErrorKind::InvalidData, problem.into()))
}
