//! §1.10 Text into markup, without letting text become markup.

use super::http::{Request, Response};
use std::hash::{BuildHasher, Hasher, RandomState};

const YEAR_S: u32 = 365 * 24 * 60 * 60;

/// A page from its template, in the language of who asks: see [`fill`].
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
    let response = Response::new(200)
        .body("text/html; charset=utf-8", fill(template, ukrainian, &values))
        .with("Content-Security-Policy", policy);
    match request.query("lang").as_deref() == Some(lang) {
        true => {
            let cookie = format!("lang={lang}; Path=/; Max-Age={YEAR_S}; SameSite=Lax");
            response.with("Set-Cookie", cookie)
        }
        false => response,
    }
}

/// `?lang=`, then the choice of last time, then the browser's languages in the order it names
/// them, then Ukrainian.
pub fn speaks_ukrainian(request: &Request) -> bool {
    let cookies = request.values("Cookie").flat_map(|value| value.split(';'));
    let saved = cookies.filter_map(|pair| pair.trim().strip_prefix("lang=").map(str::to_string));
    let browser = request.list("Accept-Language").filter_map(|tag| tag.get(..2));
    let browser = browser.map(str::to_ascii_lowercase);
    let mut wishes = request.query("lang").into_iter().chain(saved).chain(browser);
    wishes.find(|lang| lang == "uk" || lang == "en").is_none_or(|lang| lang == "uk")
}

/// A number nobody can guess. std has no random numbers, but the keys of its hash maps are.
fn nonce() -> String {
    let random = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", random(), random())
}

/// Escapes text for HTML content and for attributes in double quotes.
/// `<img onerror=…>` typed by a person is then five words on the page, not an image.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(character),
        }
    }
    out
}

/// Fills a page: of every `[[українською|in English]]` one half stays, and `{{name}}` becomes its
/// value. Values are markup already (see [`escape`]) and are not looked into again, so a person
/// called `{{messages}}` is just a person.
pub fn fill(template: &str, ukrainian: bool, values: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(at) = rest.find(['[', '{']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let (piece, used) =
            choice(rest, ukrainian).or_else(|| value(rest, values)).unwrap_or((&rest[..1], 1));
        // A half may hold {{values}} of its own, and no further choices.
        match rest.starts_with("[[") && used > 1 {
            true => out.push_str(&fill(piece, ukrainian, values)),
            false => out.push_str(piece),
        }
        rest = &rest[used..];
    }
    out + rest
}

fn choice(rest: &str, ukrainian: bool) -> Option<(&str, usize)> {
    let (inner, _) = rest.strip_prefix("[[")?.split_once("]]")?;
    let (uk, en) = inner.split_once('|')?;
    Some((if ukrainian { uk } else { en }, inner.len() + 4))
}

fn value<'a>(rest: &str, values: &[(&str, &'a str)]) -> Option<(&'a str, usize)> {
    let (name, _) = rest.strip_prefix("{{")?.split_once("}}")?;
    let (_, value) = values.iter().find(|(key, _)| *key == name)?;
    Some((value, name.len() + 4))
}
