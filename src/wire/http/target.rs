//! §1.13 The target of a request (RFC 9112 §3.2).

use super::host::authority;
use super::{Refusal, refuse};
use crate::wire::form;

/// Takes a target apart: the host, if there is one, the path, percent-decoded, and the query. It has
/// three forms: `/path?query`, `http://host/path?query`, `*`. RFC 9112 §3.2
pub(super) fn take_apart(
    method: &str,
    target: &str,
) -> Result<(Option<String>, String, String), Refusal> {
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
    let known_host = host.is_none_or(|host| authority(host).is_some());
    if !known_host || !path.starts_with('/') || !well_escaped(path) {
        return refuse(400, format!("{target:?} is no path, nor http://host/path"), "/messages");
    }
    Ok((host.map(String::from), form::decode(path), query.into()))
}

/// Behind each `%` two hexadecimal digits. RFC 3986 §2.1
pub(super) fn well_escaped(text: &str) -> bool {
    let digits = |rest: &str| rest.bytes().take(2).filter(u8::is_ascii_hexdigit).count();
    text.split('%').skip(1).all(|rest| digits(rest) == 2)
}
