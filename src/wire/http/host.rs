//! Hosts: their grammar, and whether a request may have come from somebody else's page.

use super::target::well_escaped;
use super::{Refusal, Request, is_number, refuse};

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

    /// §1.15 Refuses a host that may be another site's name for this machine (DNS rebinding). An
    /// address is nobody's to give, and a name without a dot, or under localhost, leads nowhere
    /// else. RFC 9110 §15.5.20
    pub fn check_rebinding(&self, allowed: &[String]) -> Result<(), Refusal> {
        let Some((host, _)) = self.host().and_then(authority) else { return Ok(()) };
        let name = host.trim_end_matches('.').to_ascii_lowercase();
        let last = name.rsplit('.').next().unwrap_or_default();
        // A browser decodes %2e before it asks.
        let dotless = last == name && !name.contains('%');
        // No name ends in a number, an address does. URL Standard §3.5
        let safe = dotless || last == "localhost" || last.bytes().all(|b| b.is_ascii_digit());
        if safe || host.starts_with('[') || allowed.iter().any(|a| a.eq_ignore_ascii_case(&name)) {
            return Ok(());
        }
        let problem = format!("{name} is not known here: this server listens for its own machine");
        refuse(421, problem, format!("http://127.0.0.1, or start rawchat with --allow-host {name}"))
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

/// Eight groups of 16 bits, in hexadecimal, with colons between them; `::` stands, once, for one
/// group of zeros or more. RFC 3986 §3.2.2
fn is_ipv6(text: &str) -> bool {
    // The end may be written as in IPv4, and that is two groups.
    let text = match text.rsplit_once(':') {
        Some((before, end)) if is_ipv4(end) => format!("{before}:0:0"),
        _ => text.to_string(),
    };
    let is_group = |g: &str| (1..=4).contains(&g.len()) && g.bytes().all(|b| b.is_ascii_hexdigit());
    match text.split_once("::") {
        None => text.split(':').count() == 8 && text.split(':').all(is_group),
        Some((before, after)) => {
            let halves = [before, after].into_iter().filter(|half| !half.is_empty());
            let groups: Vec<&str> = halves.flat_map(|half| half.split(':')).collect();
            groups.len() <= 7 && groups.into_iter().all(is_group)
        }
    }
}

fn is_ipv4(text: &str) -> bool {
    let octet = |text: &str| {
        is_number(text) && text.parse::<u8>().is_ok() && (text == "0" || !text.starts_with('0'))
    };
    text.split('.').count() == 4 && text.split('.').all(octet)
}
