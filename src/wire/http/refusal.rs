//! A request that is not served: why, and what would have worked.

use super::Response;
use crate::wire::{json, shown};
use std::panic::Location;

/// A request that will not be served: the status it costs, and what its author can learn from it.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    pub status: u16,
    /// What came, and what was expected.
    pub problem: String,
    /// A line that would have worked.
    pub advice: String,
    /// The line of the source that refused.
    pub location: &'static Location<'static>,
}

impl Refusal {
    #[track_caller]
    pub fn new(status: u16, problem: impl Into<String>, advice: &str) -> Refusal {
        let (problem, advice) = (problem.into(), advice.to_string());
        Refusal { status, problem, advice, location: Location::caller() }
    }

    /// Plain text, for a person at a terminal: this was no good HTTP, or no good handshake.
    pub fn text(&self) -> Response {
        let Refusal { status, problem, advice, .. } = self;
        let body = format!("{status}: {problem}\n     try: {advice}\n");
        self.with_why(Response::new(*status).body("text/plain; charset=utf-8", body))
    }

    fn with_why(&self, response: Response) -> Response {
        let problem = self.problem.lines().next().unwrap_or_default();
        Response { why: format!(": {problem} ({})", shown(self.location)), ..response }
    }
}

/// `{"error":"…","try":"…"}`, for a program: the request was good HTTP and asked for something
/// that cannot be. So `?` ends a handler with an answer.
impl From<Refusal> for Response {
    fn from(refusal: Refusal) -> Response {
        let (problem, advice) = (json::quoted(&refusal.problem), json::quoted(&refusal.advice));
        let body = format!(r#"{{"error":{problem},"try":{advice}}}"#);
        refusal.with_why(Response::json(refusal.status, body))
    }
}

/// For [`Refusal`] as an error: `refuse(400, "what came", "what would work")`.
#[track_caller]
pub fn refuse<T>(status: u16, problem: impl Into<String>, advice: &str) -> Result<T, Refusal> {
    Err(Refusal::new(status, problem, advice))
}

/// Of a byte that no line has in it, and that perhaps `begins` the first of them.
#[track_caller]
pub(super) fn control_character(byte: u8, begins: bool) -> Refusal {
    // RFC 8446 §5.1: a TLS record of a handshake begins with 22.
    if byte == 0x16 && begins {
        return Refusal::new(400, "this looks like TLS (https://), expected plain HTTP", "http://");
    }
    let problem = format!("0x{byte:02x} came: Backspace and the arrow keys are sent, too");
    Refusal::new(400, problem, "type the line again")
}

/// Of a head that is too long, names the longest field: mostly Cookie, with what other programs on
/// this host have left in the browser.
pub(super) fn with_longest(mut refusal: Refusal, head: &[u8]) -> Refusal {
    let head = String::from_utf8_lossy(head);
    let field = head.lines().skip(1).max_by_key(|line| line.len()).unwrap_or_default();
    let (name, value) = field.split_once(": ").unwrap_or(("(no name)", field));
    refusal.problem += &format!("; its longest field is {name} ({} bytes)", value.len());
    if name.eq_ignore_ascii_case("Cookie") {
        refusal.advice = "delete this host's cookies, or open 127.0.0.1, not localhost".into();
    }
    refusal
}

/// The words behind a status. RFC 9110 §15, and for 431 RFC 6585 §5
pub(super) fn reason(status: u16) -> &'static str {
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
        421 => "Misdirected Request",
        426 => "Upgrade Required",
        431 => "Request Header Fields Too Large",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}
