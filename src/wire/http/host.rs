//! Hosts: their grammar, and whether a request may have come from somebody else's page.

use super::target::well_escaped;
use super::{Refusal, Request, is_number, refuse};
use std::net::Ipv6Addr;

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
