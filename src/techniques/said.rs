//! §1.18 What a client says: the name and the text in its request, and what is taken for them.

use crate::wire::form;
use crate::wire::http::{Refusal, Request, refuse};
use crate::wire::json::{self, Value};
use crate::wire::visible::{what_shows, without_towers};

pub const USER_CHARS_MAX: usize = 64;
pub const TEXT_CHARS_MAX: usize = 2_000;
/// Somebody who says no name.
pub const NOBODY: &str = "Анонім";

const TRY: &str = r#"curl -d 'user=Alice&text=hello' (curl -F makes another kind of form), or
     curl --json '{"user":"Alice","text":"hello"}' (or -d, and -H 'Content-Type: application/json')"#;

/// The user and the text of a POST: from JSON or from a form, as Content-Type says.
pub fn posted(request: &Request) -> Result<(String, String), Refusal> {
    if request.field("Content-Length").or(request.field("Transfer-Encoding")).is_none() {
        return refuse(411, "a POST without a length", "Content-Length: 5");
    }
    if request.field("Content-Encoding").is_some() {
        return refuse(415, "Content-Encoding is not understood", "the body as it is");
    }
    let kind = request.field("Content-Type").unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let [user, text] = match kind.as_str() {
        "application/json" => of_json(utf8(&request.body)?)?,
        "application/x-www-form-urlencoded" => of_form(utf8(&request.body)?)?,
        _ => return refuse(415, format!("Content-Type {kind:?} is neither JSON nor a form"), TRY),
    };
    match text {
        Some(text) => Ok((name(user)?, text_of(&text)?)),
        None => refuse(400, "there is no \"text\" in the body", TRY),
    }
}

fn utf8(body: &[u8]) -> Result<&str, Refusal> {
    std::str::from_utf8(body).or_else(|error| {
        let at = error.valid_up_to();
        let problem = format!("the body is not UTF-8: at byte {at} came 0x{:02x}", body[at]);
        refuse(400, problem, "a file that was saved as UTF-8, with curl -d @file")
    })
}

fn of_json(body: &str) -> Result<[Option<String>; 2], Refusal> {
    // Some editors begin a file with a byte order mark. RFC 8259 §8.1
    let body = body.trim_start_matches('\u{feff}');
    let members = json::members(body, ["user", "text"]);
    let [user, text] = members.or_else(|problem| refuse(400, problem, TRY))?;
    let string = |name, value| match value {
        Value::Absent => Ok(None),
        Value::String(text) => Ok(Some(text)),
        Value::Other(_) => refuse(400, format!("{name:?} is not a string"), TRY),
    };
    Ok([string("user", user)?, string("text", text)?])
}

fn of_form(body: &str) -> Result<[Option<String>; 2], Refusal> {
    let text = form::get(body, "text");
    if text.is_none() && body.trim_start().starts_with('{') {
        let problem = "the body looks like JSON, but Content-Type says that it is a form";
        return refuse(400, problem, TRY);
    }
    Ok([form::get(body, "user"), text])
}

/// A name of what can be seen, or `Анонім` for none.
pub fn name(user: Option<String>) -> Result<String, Refusal> {
    let name = what_shows(&user.unwrap_or_default());
    let name = if name.is_empty() { NOBODY.to_string() } else { name };
    at_most(name, "a name", USER_CHARS_MAX)
}

/// A text, trimmed: something that can be seen, and not too much of it.
pub fn text_of(text: &str) -> Result<String, Refusal> {
    let text = without_towers(text);
    if what_shows(&text).is_empty() {
        return refuse(400, "the text is empty", "a word or two");
    }
    at_most(text, "a text", TEXT_CHARS_MAX)
}

fn at_most(text: String, what: &str, chars_max: usize) -> Result<String, Refusal> {
    let count = text.chars().count();
    if count > chars_max {
        let problem = format!("{what} of {count} characters, {chars_max} are allowed");
        return refuse(413, problem, "fewer");
    }
    Ok(text)
}
