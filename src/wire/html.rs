//! §1.10 Text into markup, without letting text become markup.

use super::http::{Request, Response};
use std::hash::{BuildHasher, Hasher, RandomState};

const YEAR_S: u32 = 365 * 24 * 60 * 60;
/// Other programs on this host keep cookies, too.
const COOKIE: &str = "rawchat-lang";

/// A page from its template, in the language of the person who asks: see [`fill`].
pub fn page(template: &str, request: &Request, values: &[(&str, &str)]) -> Response {
    let ukrainian = speaks_ukrainian(request);
    let nonce = nonce();
    let lang = if ukrainian { "uk" } else { "en" };
    let values = [&[("lang", lang), ("nonce", &nonce)], values].concat();
    // Only this page's own scripts run, whatever markup should ever slip through. CSP Level 3
    let policy = format!(
        "default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self'; img-src 'self'; \
         connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    let mut response = Response::new(200)
        .body("text/html; charset=utf-8", fill(template, ukrainian, &values))
        .with("Content-Security-Policy", policy);
    if request.query("lang").as_deref() == Some(lang) {
        let cookie = format!("{COOKIE}={lang}; Path=/; Max-Age={YEAR_S}; SameSite=Lax");
        response = response.with("Set-Cookie", cookie);
    }
    response
}

/// `?lang=`, then the choice of last time, then what the browser wants most (RFC 9110 §12.5.4). One
/// that wants neither gets English, and one that says nothing gets Ukrainian.
pub fn speaks_ukrainian(request: &Request) -> bool {
    let cookies = request.values("Cookie").flat_map(|value| value.split(';'));
    let saved = cookies.filter_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='));
    let mut chosen = request.query("lang").into_iter().chain(saved.map(str::to_string));
    if let Some(lang) = chosen.find(|lang| lang == "uk" || lang == "en") {
        return lang == "uk";
    }
    let mut wishes = request.wishes("Accept-Language");
    if wishes.is_empty() {
        return true;
    }
    wishes.retain(|(_, weight)| *weight > 0.0);
    // Of equal weight, the first one named.
    wishes.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    let mut languages = wishes.iter().map(|(tag, _)| tag.split('-').next().unwrap_or_default());
    languages.find(|lang| *lang == "uk" || *lang == "en") == Some("uk")
}

/// A number nobody can guess. std has no random numbers, but the keys of its hash maps are.
fn nonce() -> String {
    let random = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", random(), random())
}

/// Escapes text for HTML content and for attributes in double quotes.
/// `<img onerror=…>` typed by a person is then just words on the page, not an image.
pub fn escape(text: &str) -> String {
    // `&` first: those of the others are ours.
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;").replace('\'', "&#39;")
}

/// Fills a page: of every `[[українською|in English]]` one half stays, and `{{name}}` becomes its
/// value. Values are markup already (see [`escape`]) and are not looked into again, so a person
/// called `{{messages}}` is just a person.
pub fn fill(template: &str, ukrainian: bool, values: &[(&str, &str)]) -> String {
    let half = |(uk, en)| if ukrainian { uk } else { en };
    let chosen = replace(template, "[[", "]]", |text| text.split_once('|').map(half));
    let value = |name: &str| values.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
    replace(&chosen, "{{", "}}", value)
}

/// What is a part's own goes into the template that all parts share: `<!-- title -->` in it becomes
/// what stands behind `<!-- title -->` in `blocks`, up to the next one, or nothing.
pub fn assemble(template: &str, blocks: &str) -> String {
    let blocks: Vec<(&str, &str)> =
        blocks.split("<!-- ").filter_map(|block| block.split_once(" -->")).collect();
    let block = |name: &str| blocks.iter().find(|(key, _)| *key == name).map(|(_, text)| *text);
    replace(template, "<!-- ", " -->", |name| Some(block(name).unwrap_or_default().trim()))
}

/// What stands between `open` and `close` becomes what `with` makes of it, or stays as it is.
fn replace<'a>(
    text: &'a str,
    open: &str,
    close: &str,
    with: impl Fn(&'a str) -> Option<&'a str>,
) -> String {
    let mut pieces = text.split(open);
    let mut out = pieces.next().unwrap_or_default().to_string();
    for piece in pieces {
        let halves = piece.split_once(close);
        match halves.and_then(|(inner, after)| Some([with(inner)?, after])) {
            Some(parts) => out.extend(parts),
            None => out.extend([open, piece]),
        }
    }
    out
}
