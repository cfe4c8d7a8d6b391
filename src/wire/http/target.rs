//! §1.13 The grammar of targets and of hosts (RFC 9112 §3.2, RFC 3986).

use super::{Refusal, is_number, refuse};
use crate::wire::form;

/// A target, taken apart.
pub(super) struct Target {
    pub host: Option<String>,
    /// Percent-decoded.
    pub path: String,
    pub query: String,
}

/// The target in its three forms: `/path?query`, `http://host/path?query`, `*`. RFC 9112 §3.2
pub(super) fn target_of(method: &str, target: &str) -> Result<Target, Refusal> {
    if target == "*" && method == "OPTIONS" {
        return Ok(Target { host: None, path: "*".into(), query: String::new() });
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
    Ok(Target { host: host.map(String::from), path: form::decode(path), query: query.into() })
}

/// Behind each `%` two hexadecimal digits. RFC 3986 §2.1
fn well_escaped(text: &str) -> bool {
    let digits = |rest: &str| rest.bytes().take(2).filter(u8::is_ascii_hexdigit).count();
    text.split('%').skip(1).all(|rest| digits(rest) == 2)
}

/// Takes `host:port` apart, where the host is a name or `[an IPv6 address]`, and the port may be
/// missing; `None` if it is neither. RFC 3986 §3.2.2, §3.2.3
pub(super) fn authority(text: &str) -> Option<(&str, Option<u16>)> {
    let end = match text.starts_with('[') {
        true => text.find(']')? + 1,
        false => text.find(':').unwrap_or(text.len()),
    };
    let (host, rest) = text.split_at(end);
    let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    if !address.map_or_else(|| is_name(host), is_ipv6) {
        return None;
    }
    match rest.strip_prefix(':') {
        None if rest.is_empty() => Some((host, None)),
        Some("") => Some((host, None)),
        Some(port) if is_number(port) => Some((host, Some(port.parse().ok()?))),
        _ => None,
    }
}

fn is_name(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~%!$&'()*+;=".contains(&b);
    !text.is_empty() && text.bytes().all(allowed) && well_escaped(text)
}

/// Eight groups of digits with colons between them; `::` stands, once, for one group of zeros or
/// more. RFC 3986 §3.2.2
fn is_ipv6(text: &str) -> bool {
    match text.split_once("::") {
        None => groups(text, true) == Some(8),
        Some((before, after)) => {
            let counts = groups(before, false).zip(groups(after, true));
            counts.is_some_and(|(before, after)| before + after <= 7)
        }
    }
}

/// How many groups of 16 bits these are; the end of an address may be written as in IPv4, and that
/// is two.
fn groups(text: &str, at_the_end: bool) -> Option<usize> {
    if text.is_empty() {
        return Some(0);
    }
    let mut count = 0;
    let mut rest = text.split(':').peekable();
    while let Some(group) = rest.next() {
        if at_the_end && rest.peek().is_none() && is_ipv4(group) {
            count += 2;
        } else if (1..=4).contains(&group.len()) && group.bytes().all(|b| b.is_ascii_hexdigit()) {
            count += 1;
        } else {
            return None;
        }
    }
    Some(count)
}

fn is_ipv4(text: &str) -> bool {
    let octet = |text: &str| {
        is_number(text) && text.parse::<u8>().is_ok() && (text == "0" || !text.starts_with('0'))
    };
    text.split('.').count() == 4 && text.split('.').all(octet)
}
