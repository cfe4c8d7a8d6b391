//! A response, from bytes to values. The sender of a response says in one of four ways how long it
//! is (RFC 9112 §6.3).

use super::{Connection, invalid};
use std::io::{Error, ErrorKind, Result};

/// A longer response is an error.
pub const RESPONSE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// An answer that has come, and nobody sees that it is whole.
pub const NO_END: &str = "the head has come, but without Content-Length, and the connection stays open: \
    nobody knows where the body ends";
/// A longer head is an error, and so is a longer line of a chunk.
const HEAD_BYTES_MAX: usize = 32 * 1024;

#[derive(Debug, Clone)]
pub struct Response {
    pub status: u16,
    /// The status line and the fields, as they came.
    pub head: String,
    pub body: Vec<u8>,
    /// What the head and the body were on the wire: a body in chunks is longer there.
    pub head_bytes: usize,
    pub body_bytes: usize,
    /// The body ended where the connection did.
    pub ended_by_close: bool,
}

impl Response {
    pub fn fields<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let fields = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        fields.filter(move |(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    pub fn field<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.fields(name).next()
    }

    /// The elements of a field that is a list, in lower case. RFC 9110 §5.6.1
    pub fn lists(&self, name: &str, element: &str) -> bool {
        let mut elements = self.fields(name).flat_map(|value| value.split(','));
        elements.any(|other| other.trim().eq_ignore_ascii_case(element))
    }

    /// Whether one more request may follow on this connection. RFC 9112 §9.3
    pub fn keeps_alive(&self) -> bool {
        let old = self.head.starts_with("HTTP/1.0");
        let keeps = if old { self.lists("Connection", "keep-alive") } else { true };
        keeps && !self.ended_by_close && !self.lists("Connection", "close")
    }

    pub fn text(&self) -> Result<&str> {
        std::str::from_utf8(&self.body).or_else(|_| invalid("the body is not UTF-8"))
    }
}

impl Connection {
    /// The response to a request with this `method`. Interim ones (100, 103) are passed over; 101
    /// is the last of HTTP.
    pub fn response(&mut self, method: &str) -> Result<Response> {
        loop {
            let mut response = self.head()?;
            if (100..=199).contains(&response.status) && response.status != 101 {
                continue;
            }
            let bare = method == "HEAD" || matches!(response.status, 101 | 204 | 304);
            if !bare {
                self.body(&mut response)?;
            }
            return Ok(response);
        }
    }

    /// The head alone, of an answer that does not end.
    pub fn head(&mut self) -> Result<Response> {
        const END: &[u8] = b"\r\n\r\n";
        let length = loop {
            let data = self.buf.data();
            match data.windows(END.len()).position(|window| window == END) {
                Some(at) => break at + END.len(),
                None if data.len() > HEAD_BYTES_MAX => {
                    return invalid(format!("no end of a head in {HEAD_BYTES_MAX} bytes"));
                }
                None => self.fill()?,
            }
        };
        let head = String::from_utf8_lossy(&self.buf.data()[..length]).into_owned();
        self.buf.consume(length);
        let line = head.lines().next().unwrap_or_default();
        let words: Vec<&str> = line.splitn(3, ' ').collect();
        let status = match words[..] {
            ["HTTP/1.0" | "HTTP/1.1", status, ..] if status.len() == 3 => status.parse().ok(),
            _ => None,
        };
        let Some(status @ 100..=999) = status else {
            return invalid(format!("{line:?} is no status line like HTTP/1.1 200 OK"));
        };
        let (body, body_bytes, ended_by_close) = (Vec::new(), 0, false);
        Ok(Response { status, head, body, head_bytes: length, body_bytes, ended_by_close })
    }

    fn body(&mut self, response: &mut Response) -> Result<()> {
        if response.lists("Transfer-Encoding", "chunked") {
            return self.chunks(response);
        }
        let lengths: Vec<&str> = response.fields("Content-Length").collect();
        match lengths[..] {
            [] => {
                response.ended_by_close = true;
                loop {
                    self.take(usize::MAX, response)?;
                    match self.fill() {
                        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(()),
                        Err(error) if error.kind() == ErrorKind::TimedOut => {
                            return Err(Error::new(ErrorKind::TimedOut, NO_END));
                        }
                        filled => filled?,
                    }
                }
            }
            [length] if length.bytes().all(|byte| byte.is_ascii_digit()) => match length.parse() {
                Ok(length) => self.exactly(length, response),
                Err(_) => invalid(format!("Content-Length: {length:?}")),
            },
            _ => invalid(format!("Content-Length: {lengths:?}, expected one number")),
        }
    }

    /// `5 CR LF hello CR LF … 0 CR LF CR LF`; trailers are read and forgotten.
    fn chunks(&mut self, response: &mut Response) -> Result<()> {
        while self.chunk(response)? {}
        while !self.line(response)?.is_empty() {}
        Ok(())
    }

    /// Moves the next chunk into the body. False: it was the last one, which is empty. RFC 9112 §7.1
    pub fn chunk(&mut self, response: &mut Response) -> Result<bool> {
        let line = self.line(response)?;
        let size = line.split(';').next().unwrap_or_default().trim();
        match usize::from_str_radix(size, 16) {
            Ok(0) => return Ok(false),
            Ok(size) => self.exactly(size, response)?,
            Err(_) => return invalid(format!("{line:?} is no size of a chunk")),
        }
        match self.line(response)?.is_empty() {
            true => Ok(true),
            false => invalid("a chunk is longer than its size says"),
        }
    }

    fn line(&mut self, response: &mut Response) -> Result<String> {
        loop {
            let data = self.buf.data();
            if let Some(at) = data.windows(2).position(|window| window == b"\r\n") {
                let line = String::from_utf8_lossy(&data[..at]).into_owned();
                self.buf.consume(at + 2);
                response.body_bytes += at + 2;
                return Ok(line);
            }
            if data.len() > HEAD_BYTES_MAX {
                return invalid("a line before a chunk without an end");
            }
            self.fill()?;
        }
    }

    fn exactly(&mut self, mut count: usize, response: &mut Response) -> Result<()> {
        if count > self.body_bytes_max {
            return invalid(format!("a body of {count} bytes"));
        }
        loop {
            count -= self.take(count, response)?;
            if count == 0 {
                return Ok(());
            }
            self.fill()?;
        }
    }

    /// Moves up to `count` bytes that have come into the body.
    fn take(&mut self, count: usize, response: &mut Response) -> Result<usize> {
        let count = count.min(self.buf.data().len());
        response.body.extend_from_slice(&self.buf.data()[..count]);
        self.buf.consume(count);
        response.body_bytes += count;
        self.hold(response.body.capacity())?;
        match response.body.len() <= self.body_bytes_max {
            true => Ok(count),
            false => invalid(format!("a body of over {} bytes", self.body_bytes_max)),
        }
    }
}
