//! §1.17 Pages for persons: in the language of whoever asks, with no scripts but their own; and what
//! the pages of the four parts share.

use crate::handler::{Handler, Reply};
use crate::wire::form;
use crate::wire::html::escape_value;
use crate::wire::http::{Request, Response};
use crate::wire::json::{self, Value};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;

/// What the pages of the four parts share.
const CHAT_HTML: &str = include_str!("../../public/page.html");
/// In its place, for a person who has not said a name.
const NAME_HTML: &str = include_str!("../../public/name.html");
const REFUSED_HTML: &str = include_str!("../../public/refused.html");

const YEAR_S: u32 = 365 * 24 * 60 * 60;
/// Other programs on this host keep cookies, too.
const COOKIE: &str = "rawchat-lang";

/// A part answers only what is its own of a page; this makes a whole page of it.
pub fn whole(handler: Arc<Handler>) -> Arc<Handler> {
    Arc::new(move |request, socket| match handler(request, socket) {
        Ok(Reply::Http(own)) if own.status == 200 && is_html(&own) => {
            Ok(Reply::Http(part(&own, request)))
        }
        reply => reply,
    })
}

fn is_html(response: &Response) -> bool {
    let mut fields = response.fields.iter();
    fields.any(|(name, value)| *name == "Content-Type" && value.starts_with("text/html"))
}

/// The page of a part, or the one that asks for a name.
fn part(own: &Response, request: &Request) -> Response {
    let own = String::from_utf8_lossy(&own.body);
    let blocks: Vec<(&str, &str)> =
        own.split("<!-- ").filter_map(|block| block.split_once(" -->")).collect();
    let block = |name: &str| blocks.iter().find(|(key, _)| *key == name);
    let block = |name: &str| block(name).map_or("", |(_, text)| text.trim());
    let template = if block("user").is_empty() { NAME_HTML } else { CHAT_HTML };
    let assembled = replace(template, "<!-- ", " -->", |name| Some(block(name)));
    let page = page(&assembled, request, &[]);
    // Nothing is filled in after this, so the brackets that people typed may stand as they are.
    let body = String::from_utf8_lossy(&page.body).replace("&#91;", "[").replace("&#123;", "{");
    Response { body: body.into(), ..page }
}

/// What is answered to a refused request. A person, whose browser will show it, sees a page that gives
/// back what was typed; a program gets the JSON as it is.
pub fn refused(request: &Request, refusal: Response) -> Response {
    let body = String::from_utf8_lossy(&refusal.body).into_owned();
    let words = json::members(&body, ["error", "try"]);
    let (true, Ok([Value::String(error), Value::String(advice)])) = (request.wants_page(), words)
    else {
        return refusal;
    };
    let typed = String::from_utf8_lossy(&request.body);
    let (user, text) = (form::get(&typed, "user"), form::get(&typed, "text"));
    let user = user.or(request.query("user")).unwrap_or_default();
    let [action, method, no_text, button] = match text {
        Some(_) => ["/messages", "post", "", "[[Спробувати ще раз|Try again]]"],
        None => ["/", "get", "hidden disabled", "[[Увійти в чат|Join the chat]]"],
    };
    let ukrainian = speaks_ukrainian(request);
    let page = page(
        REFUSED_HTML,
        request,
        &[
            ("status", &refusal.status.to_string()),
            ("reason", &chosen(reason(refusal.status), ukrainian)),
            ("error", &escape_value(&error)),
            ("advice", &escape_value(&advice)),
            ("action", action),
            ("method", method),
            ("user", &escape_value(&user)),
            ("no_text", no_text),
            ("text", &escape_value(&text.unwrap_or_default())),
            ("button", &chosen(button, ukrainian)),
        ],
    );
    let others = refusal.fields.into_iter().filter(|(name, _)| *name != "Content-Type");
    Response { fields: others.chain(page.fields).collect(), body: page.body, ..refusal }
}

/// In the languages of the pages; the refusal itself says it in English, and more exactly.
fn reason(status: u16) -> &'static str {
    match status {
        400 => {
            "[[У запиті помилка, або в ньому немає видимого тексту.\
             |There is a mistake in the request, or no text that can be seen.]]"
        }
        403 => {
            "[[Запит надіслала сторінка іншого сайту.|A page of another site sent the request.]]"
        }
        404 => "[[Такої сторінки тут немає.|There is no such page here.]]",
        413 => {
            "[[Це задовге: ім’я може мати 64 символи, а текст — 2 000.\
             |This is too long: a name may have 64 characters, and a text 2,000.]]"
        }
        _ => "[[Такого запиту сервер не виконує.|The server does not carry out such a request.]]",
    }
}

/// A page from its template, in the language of the person who asks; `values` are markup.
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
        .body("text/html; charset=utf-8", fill(&chosen(template, ukrainian), &values))
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
    let mut wishes: Vec<(String, f32)> = request.list("Accept-Language").map(wish).collect();
    if wishes.is_empty() {
        return true;
    }
    wishes.retain(|(_, weight)| *weight > 0.0);
    // Of equal weight, the first one named.
    wishes.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    let mut languages = wishes.iter().map(|(tag, _)| tag.split('-').next().unwrap_or_default());
    languages.find(|lang| *lang == "uk" || *lang == "en") == Some("uk")
}

/// A language, in small letters, and its weight: `uk;q=0.8` is 0.8, and what has no weight is 1.
/// RFC 9110 §12.4.2
fn wish(item: &str) -> (String, f32) {
    let item = item.to_ascii_lowercase();
    let (tag, parameters) = item.split_once(';').unwrap_or((&item, ""));
    let weight = parameters.split(';').find_map(|p| p.trim().strip_prefix("q="));
    (tag.trim().into(), weight.and_then(|weight| weight.parse().ok()).unwrap_or(1.0))
}

/// A number nobody can guess. std has no random numbers, but the keys of its hash maps are.
fn nonce() -> String {
    let random = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", random(), random())
}

/// Of every `[[українською|in English]]` one half.
pub fn chosen(template: &str, ukrainian: bool) -> String {
    let half = |(uk, en)| if ukrainian { uk } else { en };
    replace(template, "[[", "]]", |text| text.split_once('|').map(half))
}

/// Fills a template: `{{name}}` becomes its value. Values are markup already, and are not looked
/// into again.
pub fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let value = |name: &str| values.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
    replace(template, "{{", "}}", value)
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
