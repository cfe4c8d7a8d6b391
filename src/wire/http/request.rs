//! A request, and what can be asked about it.

use crate::wire::form;
use std::fmt;

/// [`read_head`](super::read_head) makes it, and [`read_body`](super::read_body) brings the body.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Request {
    /// `GET`, `POST`, … (case-sensitive).
    pub method: String,
    /// The host in a target such as `http://host/path`.
    pub target_host: Option<String>,
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

/// `GET /messages?lastId=3`, for the log: `tools/journal` makes U+FFFD of a line break in it.
impl fmt::Display for Request {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        let mark = if self.query.is_empty() { "" } else { "?" };
        write!(out, "{} {}{mark}{}", self.method, self.path, self.query)
    }
}

/// What an answer must know of its request. The default: a GET, and the last on its connection.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked {
    /// RFC 9110 §9.3.2: HEAD is GET without the content.
    pub head_only: bool,
    /// Whether the connection goes on after the answer. RFC 9112 §9.3
    pub goes_on: bool,
    /// The x of HTTP/1.x.
    pub minor: u8,
}

impl Request {
    pub fn asked(&self) -> Asked {
        let keep = self.minor > 0 || self.lists("Connection", "keep-alive");
        let goes_on = keep && !self.lists("Connection", "close");
        Asked { head_only: self.method == "HEAD", goes_on, minor: self.minor }
    }

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

    /// The host that is asked, as it came. RFC 9112 §3.2.2: one in the target replaces Host.
    pub fn host(&self) -> Option<&str> {
        self.target_host.as_deref().or(self.field("Host"))
    }

    /// Whether it comes from a browser that will show the answer: that names HTML among what it takes.
    /// Programs name JSON, or take anything (`*/*`). RFC 9110 §12.5.1
    pub fn wants_page(&self) -> bool {
        let accepts = |wanted| {
            self.list("Accept").any(|item| {
                let (media_type, _weight) = item.split_once(';').unwrap_or((item, ""));
                media_type.trim().eq_ignore_ascii_case(wanted)
            })
        };
        accepts("text/html") && !accepts("application/json")
    }

    /// Whether the client waits for `100 Continue` before it sends the body. RFC 9110 §10.1.1
    pub fn expects_continue(&self) -> bool {
        self.minor > 0 && self.lists("Expect", "100-continue")
    }
}
