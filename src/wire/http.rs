//! HTTP/1.1 from bytes to a request, and from a response to bytes (RFC 9110, RFC 9112).
//!
//! Leaves out: content and transfer codings but chunked, ranges, caching, trailers (read, not kept).

use super::{buffer::Buffer, date, form, json};

use std::io::{self, Write};
use std::panic::Location;
use std::sync::Arc;

/// A longer request line is 414.
pub const REQUEST_LINE_BYTES_MAX: usize = 8 * 1024;
/// A longer head (request line and fields) is 431.
pub const HEAD_BYTES_MAX: usize = 16 * 1024;
/// More fields than this are 431.
pub const FIELDS_MAX: usize = 100;
/// A longer body is 413.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// A longer line before a chunk (its size and extensions) is 400.
pub const CHUNK_LINE_BYTES_MAX: usize = 256;
/// The head of most responses is no longer, so its memory is asked for once.
const HEAD_BYTES_USUAL: usize = 256;
/// What is put together of a long array before it is written.
const WRITE_BYTES_MAX: usize = 64 * 1024;
const _: () = assert!(REQUEST_LINE_BYTES_MAX < HEAD_BYTES_MAX, "414 must be able to come first");

/// What this server implements. PUT, DELETE and PATCH it knows, and answers 405; others are 501.
pub const READ_AND_POST: &str = "GET, HEAD, POST, OPTIONS";
/// What can be done with a resource that is only read.
pub const READ: &str = "GET, HEAD, OPTIONS";
const KNOWN_METHODS: [&str; 7] = ["GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE", "PATCH"];

/// A request that will not be served: the status it costs, and what its author can learn from it.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    pub status: u16,
    /// What came, and what was expected.
    pub problem: String,
    /// A line that would have worked.
    pub advice: &'static str,
    /// The line of the source that refused.
    pub place: &'static Location<'static>,
}

impl Refusal {
    #[track_caller]
    pub fn new(status: u16, problem: impl Into<String>, advice: &'static str) -> Refusal {
        Refusal { status, problem: problem.into(), advice, place: Location::caller() }
    }

    /// Plain text, for a person at a terminal: this was no good HTTP, or no good handshake.
    pub fn text(&self) -> Response {
        let Refusal { status, problem, advice, .. } = self;
        let body = format!("{status}: {problem}\n     try: {advice}\n");
        self.with_why(Response::new(*status).body("text/plain; charset=utf-8", body))
    }

    fn with_why(&self, response: Response) -> Response {
        let problem = self.problem.lines().next().unwrap_or_default();
        let (file, line) = (self.place.file().replace('\\', "/"), self.place.line());
        Response { why: format!(": {problem} ({file}:{line})"), ..response }
    }
}

/// `{"error":"…","try":"…"}`, for a program: the request was good HTTP and asked for something
/// that cannot be. So `?` ends a handler with an answer.
impl From<Refusal> for Response {
    fn from(refusal: Refusal) -> Response {
        let (problem, advice) = (json::quoted(&refusal.problem), json::quoted(refusal.advice));
        let body = format!(r#"{{"error":{problem},"try":{advice}}}"#);
        refusal.with_why(Response::json(refusal.status, body))
    }
}

/// For [`Refusal`] as an error: `refuse(400, "what came", "what would work")`.
#[track_caller]
pub fn refuse<T>(
    status: u16,
    problem: impl Into<String>,
    advice: &'static str,
) -> Result<T, Refusal> {
    Err(Refusal::new(status, problem, advice))
}

/// A request; its body is empty until [`Body`] has taken it.
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

/// §1.2 Reads a request's head: the request line, the fields, an empty line.
///
/// `Ok(Some((request, used)))`: drop `used` bytes; the body follows. `Ok(None)`: more bytes,
/// please. `Err`: answer and close. RFC 9112 §2 to §5.
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

/// §1.3 A line ends in CR LF, both of them. Two programs that disagree about where a line ends
/// disagree about where a request ends: that gap is called request smuggling. RFC 9112 §2.2
fn next_line<'a>(
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
            _ => ("the line before a chunk", CHUNK_LINE_BYTES_MAX),
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

/// The target in its three forms: `/path?query`, `http://host/path?query`, `*`. RFC 9112 §3.2
fn target_of<'a>(
    method: &str,
    target: &'a str,
) -> Result<(Option<&'a str>, String, String), Refusal> {
    if target == "*" && method == "OPTIONS" {
        return Ok((None, "*".into(), String::new()));
    }
    if target.contains('#') {
        return refuse(400, "a fragment (#…) stays in the browser, it is never sent", "/messages");
    }
    let (host, origin) = match target.split_at_checked(7) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http://") => {
            let (host, origin) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
            (Some(host), origin)
        }
        _ => (None, target),
    };
    let (path, query) = origin.split_once('?').unwrap_or((origin, ""));
    let path = if path.is_empty() && host.is_some() { "/" } else { path };
    if !host.is_none_or(is_host) || !path.starts_with('/') || !well_escaped(path) {
        return refuse(400, format!("{target:?} is no path, nor http://host/path"), "/messages");
    }
    Ok((host, form::decode(path), query.into()))
}

/// Behind each `%` two hexadecimal digits. RFC 3986 §2.1
fn well_escaped(text: &str) -> bool {
    let digits = |rest: &str| rest.bytes().take(2).filter(u8::is_ascii_hexdigit).count();
    text.split('%').skip(1).all(|rest| digits(rest) == 2)
}

/// `Name: value` (RFC 9112 §5): no space before the colon, no line folding.
fn field_line(line: &[u8]) -> Result<(String, String), Refusal> {
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

/// `host[:port]` by RFC 3986 §3.2.2, where the host is a name or `[an IPv6 address]`.
fn is_host(text: &str) -> bool {
    let split = text.rsplit_once(':').filter(|(_, port)| !port.contains(']'));
    let (host, port) = split.unwrap_or((text, ""));
    let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let name = |b: u8| b.is_ascii_alphanumeric() || b"-._~%!$&'()*+;=".contains(&b);
    let named = !host.is_empty() && host.bytes().all(name) && well_escaped(host);
    let numbered = address.is_some_and(|text| {
        text.contains(':') && text.bytes().all(|b| b.is_ascii_hexdigit() || b":.".contains(&b))
    });
    (named || numbered) && port.bytes().all(|b| b.is_ascii_digit()) && port.len() <= 5
}

/// §1.4 How long is the body? Only the head can say (RFC 9112 §6), and two answers are an attack.
/// Takes the body from the bytes that follow the head.
#[derive(Debug)]
pub struct Body {
    next: Part,
    bytes: Vec<u8>,
}

/// What must come next.
#[derive(Debug, Clone, Copy)]
enum Part {
    /// So many more bytes, and that is all.
    Rest(usize),
    ChunkSize,
    /// So many more bytes, and CR LF.
    Chunk(usize),
    /// Trailers; so many bytes of them have come.
    Trailers(usize),
}

impl Body {
    /// A size is judged here, when it is announced, before a byte of it is stored.
    pub fn of(request: &Request) -> Result<Body, Refusal> {
        let lengths: Vec<&str> = request.values("Content-Length").collect();
        let codings: Vec<&str> = request.list("Transfer-Encoding").collect();
        let chunked = |coding: &&str| coding.eq_ignore_ascii_case("chunked");
        let next = match (&lengths[..], request.field("Transfer-Encoding"), &codings[..]) {
            ([], None, _) => Part::Rest(0),
            ([one], None, _) if is_number(one) => {
                Part::Rest(within_limit(0, one.parse().unwrap_or(usize::MAX))?)
            }
            // RFC 9112 §6.1, §6.3: with two answers requests are smuggled past a proxy.
            ([_, ..], ..) => {
                let came = format!("Content-Length: {lengths:?}, Transfer-Encoding: {codings:?}");
                return refuse(400, came + ", expected one number or chunked", "Content-Length: 5");
            }
            (_, _, [one]) if chunked(one) && request.minor > 0 => Part::ChunkSize,
            (_, _, [before @ .., _]) if !before.iter().any(chunked) && request.minor > 0 => {
                return refuse(501, format!("transfer codings {codings:?}"), "chunked");
            }
            _ => return refuse(400, "expected chunked, once and last, in HTTP/1.1", "chunked"),
        };
        Ok(Body { next, bytes: Vec::new() })
    }

    /// Consumes what has arrived. `Some(body)` when it is whole, `None`: more bytes, please.
    pub fn take(&mut self, buf: &mut Buffer) -> Result<Option<Vec<u8>>, Refusal> {
        loop {
            let data = buf.data();
            let used = match &mut self.next {
                Part::Rest(0) => return Ok(Some(std::mem::take(&mut self.bytes))),
                Part::Rest(left) | Part::Chunk(left @ 1..) => {
                    let used = data.len().min(*left);
                    self.bytes.extend_from_slice(&data[..used]);
                    *left -= used;
                    used
                }
                _ => self.line(data)?,
            };
            match used {
                0 => return Ok(None),
                used => buf.consume(used),
            }
        }
    }

    /// §1.5 Chunks (RFC 9112 §7.1): `5;extension CR LF hello CR LF … 0 CR LF trailers CR LF`.
    /// The sender need not know the length of the whole when it begins.
    fn line(&mut self, data: &[u8]) -> Result<usize, Refusal> {
        let (bytes_max, status) = match self.next {
            Part::Trailers(seen) => (HEAD_BYTES_MAX.saturating_sub(seen), 431),
            _ => (CHUNK_LINE_BYTES_MAX, 400),
        };
        if matches!(self.next, Part::Chunk(0)) && data.first().is_some_and(|b| *b != b'\r') {
            return refuse(400, "a chunk longer than its size says", "5 CR LF hello CR LF");
        }
        let mut used = 0;
        let Some(line) = next_line(data, &mut used, bytes_max, status)? else { return Ok(0) };
        self.next = match self.next {
            Part::Trailers(_) if line.is_empty() => Part::Rest(0),
            Part::Trailers(seen) => field_line(line).map(|_| Part::Trailers(seen + used))?,
            Part::Chunk(_) => Part::ChunkSize,
            _ => match within_limit(self.bytes.len(), chunk_size(line)?)? {
                0 => Part::Trailers(0),
                size => Part::Chunk(size),
            },
        };
        Ok(used)
    }
}

/// Digits, and nothing but digits.
pub fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// Hexadecimal digits, and perhaps an extension behind a `;`. RFC 9112 §7.1.1
fn chunk_size(line: &[u8]) -> Result<usize, Refusal> {
    let line = String::from_utf8_lossy(line);
    let size = line.split_once(';').map_or(&*line, |(size, _)| size.trim_end_matches([' ', '\t']));
    if size.is_empty() || !size.bytes().all(|b| b.is_ascii_hexdigit()) {
        return refuse(400, "expected the size of a chunk in hexadecimal", "5 CR LF hello CR LF");
    }
    Ok(usize::from_str_radix(size, 16).unwrap_or(usize::MAX))
}

fn within_limit(have: usize, size: usize) -> Result<usize, Refusal> {
    match size <= BODY_BYTES_MAX - have {
        true => Ok(size),
        false => refuse(413, format!("a body of over {BODY_BYTES_MAX} bytes"), "a shorter one"),
    }
}

/// A response, before it is bytes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Response {
    pub status: u16,
    /// Fields beside those that [`Response::write`] adds to every response.
    pub fields: Vec<(&'static str, String)>,
    /// The items of a JSON array, which others hold as well: for a slow reader of sixteen
    /// megabytes we keep a list of pointers, not another sixteen megabytes.
    pub items: Vec<Arc<str>>,
    /// The content, or its end behind the items: `]`.
    pub body: Vec<u8>,
    /// For the log, of a refusal: why, and which line of the source said so.
    pub why: String,
}

impl Response {
    pub fn new(status: u16) -> Response {
        Response { status, ..Response::default() }
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Response {
        self.fields.push((name, value.into()));
        self
    }

    pub fn body(mut self, content_type: &'static str, body: impl Into<Vec<u8>>) -> Response {
        self.body = body.into();
        self.with("Content-Type", content_type)
    }

    /// JSON (RFC 8259).
    pub fn json(status: u16, body: impl Into<Vec<u8>>) -> Response {
        Response::new(status).body("application/json; charset=utf-8", body)
    }

    /// A JSON array of items that are JSON already.
    pub fn array(items: Vec<Arc<str>>) -> Response {
        let end = if items.is_empty() { "[]" } else { "]" };
        Response { items, ..Response::json(200, end) }
    }

    /// §1.6 Head and body in one write (a long array in several), and the count of their bytes.
    /// Two writes would cost 40 ms wherever Nagle's algorithm meets a delayed acknowledgement.
    pub fn write(&self, out: &mut impl Write, request: &Request, now_s: u64) -> io::Result<usize> {
        let mut bytes = self.head(request, now_s).into_bytes();
        let head = bytes.len();
        // RFC 9110 §9.3.2: HEAD is GET without the content.
        if request.method == "HEAD" {
            return out.write_all(&bytes).map(|()| head);
        }
        for (index, item) in self.items.iter().enumerate() {
            bytes.push(if index == 0 { b'[' } else { b',' });
            bytes.extend_from_slice(item.as_bytes());
            if bytes.len() >= WRITE_BYTES_MAX {
                out.write_all(&bytes)?;
                bytes.clear();
            }
        }
        bytes.extend_from_slice(&self.body);
        out.write_all(&bytes).map(|()| head + self.length())
    }

    fn length(&self) -> usize {
        // A bracket or a comma stands before each.
        let items: usize = self.items.iter().map(|item| 1 + item.len()).sum();
        items + self.body.len()
    }

    fn head(&self, request: &Request, now_s: u64) -> String {
        let status = self.status;
        let size = HEAD_BYTES_USUAL + self.length().min(WRITE_BYTES_MAX);
        let mut head = String::with_capacity(size);
        head.extend(["HTTP/1.1 ", &status.to_string(), " ", reason(status), "\r\n"]);
        let mut field = |name: &str, value: &str| head.extend([name, ": ", value, "\r\n"]);
        // RFC 9110 §6.6.1
        field("Date", &date::imf_fixdate(now_s));
        for (name, value) in &self.fields {
            field(name, value);
        }
        // RFC 9110 §8.6: not where there can be no content.
        if !matches!(status, 100..=199 | 204 | 304) {
            field("Content-Length", &self.length().to_string());
        }
        // §2.2 A poll answered from a cache would never see anything new. RFC 9111 §5.2.2.5
        field("Cache-Control", "no-store");
        // RFC 9110 §7.8: an Upgrade is named in Connection too.
        let upgrade = self.fields.iter().any(|(name, _)| *name == "Upgrade");
        // Behind 101 there is no HTTP to close.
        match (upgrade, status == 101 || request.keeps_alive()) {
            (true, true) => field("Connection", "Upgrade"),
            (true, false) => field("Connection", "Upgrade, close"),
            (false, false) => field("Connection", "close"),
            _ if request.minor == 0 => field("Connection", "keep-alive"),
            _ => {}
        }
        head + "\r\n"
    }
}

/// RFC 9110 §15, and for 431 RFC 6585 §5.
fn reason(status: u16) -> &'static str {
    match status {
        101 => "Switching Protocols",
        200 => "OK",
        201 => "Created",
        204 => "No Content",
        303 => "See Other",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        411 => "Length Required",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        417 => "Expectation Failed",
        426 => "Upgrade Required",
        431 => "Request Header Fields Too Large",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
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

/// What a handler answers. The server writes it; `Socket` is whatever the server serves from.
pub enum Reply<Socket> {
    /// An ordinary answer.
    Http(Response),
    /// `101`, and what to do with the socket (and the bytes that came early) once it is out.
    Upgrade(Response, Box<dyn FnOnce(Socket, Buffer)>),
    /// Nobody is left to answer.
    Gone,
}

/// Answers one request; the socket is there to be watched. `Err` is an answer too: `?` gave it.
pub type Handler<Socket> =
    dyn Fn(&Request, &Socket) -> Result<Reply<Socket>, Response> + Send + Sync;
