//! §1.2 A request's head: the request line, the fields, an empty line (RFC 9112 §2 to §5).

use super::target::{is_host, target_of};
use super::{Refusal, refuse};
use crate::wire::form;

/// A longer request line is 414.
pub const REQUEST_LINE_BYTES_MAX: usize = 8 * 1024;
/// A longer head (request line and fields) is 431.
pub const HEAD_BYTES_MAX: usize = 16 * 1024;
/// More fields than this are 431.
pub const FIELDS_MAX: usize = 100;
const _: () = assert!(REQUEST_LINE_BYTES_MAX < HEAD_BYTES_MAX, "414 must be able to come first");

/// What this server implements. PUT, DELETE and PATCH it knows, and answers 405; others are 501.
pub const READ_AND_POST: &str = "GET, HEAD, POST, OPTIONS";
/// What can be done with a resource that is only read.
pub const READ: &str = "GET, HEAD, OPTIONS";
const KNOWN_METHODS: [&str; 7] = ["GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE", "PATCH"];

/// A request; its body is empty until [`Body`](super::Body) has taken it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Request {
    /// `GET`, `POST`, … (case-sensitive).
    pub method: String,
    /// The path, percent-decoded: `/messages`. `*` for `OPTIONS *`.
    pub path: String,
    /// What follows `?`, not decoded (see [`form::get`]).
    pub query: String,
    /// The x of HTTP/1.x.
    pub minor: u8,
    /// Names as they came, values without the white space around them.
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    /// The value of the first field called `name`, in any case.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.values(name).next()
    }

    /// Every value of `name`, in order.
    pub fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        let same = move |field: &&(String, String)| field.0.eq_ignore_ascii_case(name);
        self.fields.iter().filter(same).map(|(_, value)| value.as_str())
    }

    /// The members of a comma-separated list, over all fields of that name. RFC 9110 §5.6.1
    pub fn list(&self, name: &str) -> impl Iterator<Item = &str> {
        let items = self.values(name).flat_map(|value| value.split(','));
        items.map(|item| item.trim_matches([' ', '\t'])).filter(|item| !item.is_empty())
    }

    /// Whether `token` is in the list `name`, in any case.
    pub fn lists(&self, name: &str, token: &str) -> bool {
        self.list(name).any(|item| item.eq_ignore_ascii_case(token))
    }

    /// One value of the query.
    pub fn query(&self, name: &str) -> Option<String> {
        form::get(&self.query, name)
    }

    /// Whether the connection goes on after the answer. RFC 9112 §9.3
    pub fn keeps_alive(&self) -> bool {
        let asked = self.minor > 0 || self.lists("Connection", "keep-alive");
        asked && !self.lists("Connection", "close")
    }

    /// Whether the client waits for `100 Continue` before it sends the body. RFC 9110 §10.1.1
    pub fn expects_continue(&self) -> bool {
        self.minor > 0 && self.lists("Expect", "100-continue")
    }
}

/// Reads a request's head.
///
/// `Ok(Some((request, used)))`: drop `used` bytes; the body follows. `Ok(None)`: more bytes,
/// please. `Err`: answer and close.
pub fn decode_head(buf: &[u8]) -> Result<Option<(Request, usize)>, Refusal> {
    // 1. The request line, its length judged before it is complete.
    let mut used = 0;
    let Some(line) = next_line(buf, &mut used, REQUEST_LINE_BYTES_MAX, 414)? else {
        return Ok(None);
    };
    let mut request = request_line(line)?;
    let hosts_in_target = request.fields.len();
    // 2. One field a line, up to the empty line.
    loop {
        let left = HEAD_BYTES_MAX.saturating_sub(used);
        match next_line(buf, &mut used, left, 431)? {
            None => return Ok(None),
            Some(b"") => break,
            Some(line) => request.fields.push(field_line(line)?),
        }
        if request.fields.len() > FIELDS_MAX {
            return refuse(431, format!("more than {FIELDS_MAX} fields"), "fewer fields");
        }
    }
    // 3. What only the whole head can tell.
    check_host(&request, hosts_in_target)?;
    if let Some(other) = request.list("Expect").find(|e| !e.eq_ignore_ascii_case("100-continue")) {
        return refuse(417, format!("cannot meet Expect: {other}"), "Expect: 100-continue");
    }
    Ok(Some((request, used)))
}

/// `GET /messages?lastId=3 HTTP/1.1` (RFC 9112 §3): three words, one space between two.
fn request_line(line: &[u8]) -> Result<Request, Refusal> {
    const TRY: &str = "GET /messages HTTP/1.1";
    let text = String::from_utf8_lossy(line);
    let words: Vec<&str> = text.split(' ').collect();
    let [method, target, version] = words[..] else {
        let problem = format!("{} word(s), expected 3: METHOD path HTTP/1.1", words.len());
        return refuse(400, format!("{problem}\n     you sent: {text:?}"), TRY);
    };
    if method.is_empty() || !method.bytes().all(is_token) {
        return refuse(400, format!("{method:?} is no method"), TRY);
    }
    let minor = match version.strip_prefix("HTTP/").unwrap_or_default().as_bytes() {
        // RFC 9110 §6.2: a higher minor version is answered as the highest we know.
        [b'1', b'.', minor @ b'0'..=b'9'] => (minor - b'0').min(1),
        [b'2'..=b'9', b'.', b'0'..=b'9'] => {
            return refuse(505, format!("{version} is not spoken here, HTTP/1.1 is"), TRY);
        }
        _ => return refuse(400, format!("{version:?} is no version of HTTP/1"), TRY),
    };
    if !KNOWN_METHODS.contains(&method) {
        return refuse(501, format!("{method} is not implemented, {READ_AND_POST} are"), TRY);
    }
    if !target.bytes().all(|b| b.is_ascii_graphic()) {
        return refuse(400, format!("{target:?} is not ASCII, expected %XX for other bytes"), TRY);
    }
    let (host, path, query) = target_of(method, target)?;
    // RFC 9112 §3.2.2: a host in the target stands before Host, and so in place of it.
    let fields = host.map(|host| ("Host".to_string(), host.to_string())).into_iter().collect();
    Ok(Request { method: method.into(), path, query, minor, fields, body: Vec::new() })
}

/// `Name: value` (RFC 9112 §5): no space before the colon, no line folding.
pub(super) fn field_line(line: &[u8]) -> Result<(String, String), Refusal> {
    let line = String::from_utf8_lossy(line);
    match line.split_once(':') {
        Some((name, value)) if !name.is_empty() && name.bytes().all(is_token) => {
            Ok((name.into(), value.trim_matches([' ', '\t']).into()))
        }
        _ => {
            let problem = format!("{line:?} is no field: Name: value, no space before the colon");
            refuse(400, problem, "Host: 127.0.0.1")
        }
    }
}

/// `tchar` of RFC 9110 §5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Exactly one Host, but none is needed in HTTP/1.0. RFC 9112 §3.2
fn check_host(request: &Request, hosts_in_target: usize) -> Result<(), Refusal> {
    const TRY: &str = "Host: 127.0.0.1:3000";
    let hosts: Vec<&str> = request.values("Host").skip(hosts_in_target).collect();
    match hosts[..] {
        [] if request.minor == 0 => Ok(()),
        [host] if is_host(host) => Ok(()),
        [] => refuse(400, "no Host, expected one", TRY),
        _ => refuse(400, format!("Host: {hosts:?}, expected one host"), TRY),
    }
}

/// Digits, and nothing but digits.
pub fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// §1.3 A line ends in CR LF, both of them. Two programs that disagree about where a line ends
/// disagree about where a request ends: that gap is called request smuggling. RFC 9112 §2.2
pub(super) fn next_line<'a>(
    buf: &'a [u8],
    used: &mut usize,
    bytes_max: usize,
    status: u16,
) -> Result<Option<&'a [u8]>, Refusal> {
    let rest = &buf[*used..];
    let odd = |byte: &u8| byte.is_ascii_control() && *byte != b'\t';
    let end = rest.iter().position(odd).unwrap_or(rest.len());
    if end > bytes_max {
        let (what, limit) = match status {
            414 => ("a request line", REQUEST_LINE_BYTES_MAX),
            431 => ("a head", HEAD_BYTES_MAX),
            _ => ("the line before a chunk", super::CHUNK_LINE_BYTES_MAX),
        };
        return refuse(status, format!("{what} of over {limit} bytes"), "a shorter one");
    }
    match &rest[end..] {
        [] | [b'\r'] => Ok(None),
        [b'\r', b'\n', ..] => {
            *used += end + 2;
            Ok(Some(&rest[..end]))
        }
        [b'\r' | b'\n', ..] => refuse(
            400,
            "a line ends in a bare CR or a bare LF, expected CR LF",
            "telnet, or nc -C (nc -c on macOS): they send CR LF when you press Enter",
        ),
        // RFC 8446 §5.1: a TLS record of a handshake begins with 22.
        [0x16, ..] if end == 0 && status == 414 => {
            refuse(400, "this looks like TLS (https://), expected plain HTTP", "http://")
        }
        [byte, ..] => refuse(400, format!("control character 0x{byte:02x}"), "printable text"),
    }
}

impl Request {
    /// §1.11 A browser tells on whose behalf it asks (RFC 6454 §7). A page of another site may
    /// make it open our WebSocket or post our form, and no same-origin policy forbids that: the
    /// server has to look. The scheme may differ, because TLS may end at a proxy.
    pub fn check_origin(&self) -> Result<(), Refusal> {
        let host = self.field("Host").unwrap_or_default();
        let same = |origin: &str| {
            let authority = ["http://", "https://"].iter().find_map(|s| origin.strip_prefix(s));
            authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
        };
        match self.values("Origin").find(|origin| !same(origin)) {
            None => Ok(()),
            Some(origin) => refuse(
                403,
                format!("the page asking is of {origin:?}, this server is {host:?}"),
                "the same request from this server's own page, or from curl without Origin",
            ),
        }
    }
}
