//! §1.6 A response, from values to bytes: head and body go out in one write.

use super::Asked;
use super::refusal::reason;
use crate::wire::date;

/// A response, before it is bytes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Response {
    pub status: u16,
    /// Fields beside those that [`Response::encode`] adds to every response.
    pub fields: Vec<(&'static str, String)>,
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

    /// Head and body in one piece. `now_s` is the time, in seconds since 1970.
    pub fn encode(&self, asked: Asked, now_s: u64) -> Vec<u8> {
        let status = self.status;
        let mut head = String::new();
        head.extend(["HTTP/1.1 ", &status.to_string(), " ", reason(status), "\r\n"]);
        let mut field = |name: &str, value: &str| head.extend([name, ": ", value, "\r\n"]);
        // RFC 9110 §6.6.1
        field("Date", &date::imf_fixdate(now_s));
        for (name, value) in &self.fields {
            field(name, value);
        }
        // RFC 9110 §8.6: not where there can be no content.
        if !matches!(status, 100..=199 | 204) {
            field("Content-Length", &self.body.len().to_string());
        }
        if status == 503 {
            field("Retry-After", "5"); // seconds, RFC 9110 §10.2.3
        }
        // §2.2 A poll answered from a cache would never see anything new. RFC 9111 §5.2.2.5
        field("Cache-Control", "no-store");
        // No browser guesses what a file is, and no other site shows it. Fetch Standard §3.6, §3.7
        field("X-Content-Type-Options", "nosniff");
        field("Cross-Origin-Resource-Policy", "same-origin");
        // RFC 9110 §7.8: an Upgrade is named in Connection too.
        let upgrade = self.fields.iter().any(|(name, _)| *name == "Upgrade");
        let stays_open = status == 101 || asked.goes_on; // behind 101 there is no HTTP to close
        match (upgrade, stays_open) {
            (true, true) => field("Connection", "Upgrade"),
            (true, false) => field("Connection", "Upgrade, close"),
            (false, false) => field("Connection", "close"),
            _ if asked.minor == 0 => field("Connection", "keep-alive"),
            _ => {}
        }
        let mut bytes = (head + "\r\n").into_bytes();
        if !asked.head_only {
            bytes.extend_from_slice(&self.body);
        }
        bytes
    }
}
