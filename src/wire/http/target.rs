//! §1.13 The grammar of targets and of hosts (RFC 9112 §3.2, RFC 3986).

use super::{Refusal, refuse};
use crate::wire::form;

/// The target in its three forms: `/path?query`, `http://host/path?query`, `*`. RFC 9112 §3.2
pub(super) fn target_of<'a>(
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

/// `host[:port]` by RFC 3986 §3.2.2, where the host is a name or `[an IPv6 address]`.
pub(super) fn is_host(text: &str) -> bool {
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
