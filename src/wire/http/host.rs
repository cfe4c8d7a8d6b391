//! §1.13 What is asked of whom: the target of a request and its host, in which version of HTTP, and on
//! behalf of which page.

use super::head::TRY_LINE;
use super::{Refusal, Request, refuse};
use crate::wire::form;
use std::net::Ipv6Addr;

/// Takes a target apart: the host, if there is one, the path, percent-decoded, and the query. It has
/// three forms: `/path?query`, `http://host/path?query`, `*`. RFC 9112 §3.2
pub(super) fn take_apart(
    method: &str,
    target: &str,
) -> Result<(Option<String>, String, String), Refusal> {
    if target == "*" && method == "OPTIONS" {
        return Ok((None, "*".into(), String::new()));
    }
    if !target.bytes().all(|b| b.is_ascii_graphic()) {
        let problem = format!("{target:?} is not ASCII, expected %XX for other bytes");
        return refuse(400, problem, &in_ascii(target));
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
    let known_host = host.is_none_or(|host| authority(host).is_some());
    if !known_host || !path.starts_with('/') || !well_escaped(path) {
        return refuse(400, format!("{target:?} is no path, nor http://host/path"), "/messages");
    }
    Ok((host.map(String::from), form::decode(path), query.into()))
}

/// The target that would have passed. What came in another encoding than UTF-8 has lost its letters.
fn in_ascii(target: &str) -> String {
    if target.contains(char::REPLACEMENT_CHARACTER) {
        return "/?user=%D0%9E%D0%BB%D1%8F (Оля, in UTF-8)".into();
    }
    let encoded =
        |c: char| if c.is_ascii_graphic() { c.into() } else { form::encode(&c.to_string()) };
    target.chars().map(encoded).collect()
}

/// Behind each `%` two hexadecimal digits. RFC 3986 §2.1
fn well_escaped(text: &str) -> bool {
    let digits = |rest: &str| rest.bytes().take(2).filter(u8::is_ascii_hexdigit).count();
    text.split('%').skip(1).all(|rest| digits(rest) == 2)
}

/// Exactly one Host, but none is needed in HTTP/1.0. RFC 9112 §3.2
#[track_caller] // a refusal names the line of `head.rs` that calls this
pub(super) fn check_host(request: &Request) -> Result<(), Refusal> {
    const TRY: &str = "Host: 127.0.0.1:3000";
    let hosts: Vec<&str> = request.values("Host").collect();
    match hosts[..] {
        [] if request.minor == 0 => Ok(()),
        [host] if authority(host).is_some() => Ok(()),
        [] => refuse(400, "no Host, expected one", TRY),
        _ => refuse(400, format!("Host: {hosts:?}, expected one host"), TRY),
    }
}

/// The x of HTTP/1.x. RFC 9110 §6.2: a higher one is answered as the highest we know.
#[track_caller] // a refusal names the line of `head.rs` that calls this
pub(super) fn minor_version(version: &str) -> Result<u8, Refusal> {
    match version.strip_prefix("HTTP/").unwrap_or_default().as_bytes() {
        [b'1', b'.', minor @ b'0'..=b'9'] => Ok((minor - b'0').min(1)),
        [b'2'..=b'9', b'.', b'0'..=b'9'] => {
            refuse(505, format!("{version} is not spoken here, HTTP/1.1 is"), TRY_LINE)
        }
        _ => refuse(400, format!("{version:?} is no version of HTTP/1"), TRY_LINE),
    }
}

impl Request {
    /// §1.11 A browser tells on whose behalf it asks (RFC 6454 §7). A page of another site may
    /// make it open our WebSocket or post our form, and no same-origin policy forbids that: the
    /// server has to look.
    pub fn check_origin(&self) -> Result<(), Refusal> {
        let host = self.host().unwrap_or_default();
        for origin in self.values("Origin") {
            if !same_origin(origin, host) {
                return refuse(
                    403,
                    format!("the page asking is of {origin:?}, this server is {host:?}"),
                    "this server's own page, or curl without Origin; behind nginx, \
                     proxy_set_header Host $http_host",
                );
            }
        }
        Ok(())
    }
}

/// Whether a page of `origin` is a page of `host`. The scheme may differ, because TLS may end at a
/// proxy; a port that is not written is that of the page's scheme.
fn same_origin(origin: &str, host: &str) -> bool {
    let (default_port, site) = match origin.split_once("://") {
        Some(("http", site)) => (80, site),
        Some(("https", site)) => (443, site),
        _ => return false,
    };
    let parts = |text| {
        let (name, port) = authority(text)?;
        // RFC 3986 §3.2.2: a dot may end a name.
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        Some((name, port.unwrap_or(default_port)))
    };
    parts(site).is_some() && parts(site) == parts(host)
}

/// Takes `host:port` apart, where the host is a name or `[an IPv6 address]`, and the port may be
/// missing; `None` if it is neither. RFC 3986 §3.2.2, §3.2.3
pub fn authority(text: &str) -> Option<(&str, Option<u16>)> {
    let end = match text.starts_with('[') {
        true => text.find(']')? + 1,
        false => text.find(':').unwrap_or(text.len()),
    };
    let (host, rest) = text.split_at(end);
    let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    if !address.map_or_else(|| is_name(host), |ipv6| ipv6.parse::<Ipv6Addr>().is_ok()) {
        return None;
    }
    if rest.is_empty() || rest == ":" {
        return Some((host, None));
    }
    let port = rest.strip_prefix(':').filter(|port| is_number(port))?;
    Some((host, Some(port.parse().ok()?)))
}

fn is_name(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~%!$&'()*+;=".contains(&b);
    !text.is_empty() && text.bytes().all(allowed) && well_escaped(text)
}

/// Digits, and nothing but digits.
pub fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}
