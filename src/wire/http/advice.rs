//! Advice for two mistakes that are made often and are not seen: letters in a target, and a head full
//! of cookies.

use super::Refusal;
use crate::wire::form;

/// The target that would have passed. What came in another encoding than UTF-8 has lost its letters.
pub(super) fn in_ascii(target: &str) -> String {
    if target.contains(char::REPLACEMENT_CHARACTER) {
        return "/?user=%D0%9E%D0%BB%D1%8F (Оля, in UTF-8)".into();
    }
    form::encode_all_but(target, |b| b.is_ascii_graphic())
}

/// Of a head that is too long, names the longest field: mostly Cookie, with what other programs on
/// this host have left in the browser.
pub(super) fn with_longest(refusal: Refusal, head: &[u8]) -> Refusal {
    if refusal.status != 431 {
        return refusal;
    }
    let head = String::from_utf8_lossy(head);
    let field = head.lines().skip(1).max_by_key(|line| line.len()).unwrap_or_default();
    let (name, value) = field.split_once(": ").unwrap_or(("(no name)", field));
    let longest = format!("its longest field is {name} ({} bytes)", value.len());
    let advice = match name.eq_ignore_ascii_case("Cookie") {
        true => "delete this host's cookies, or open 127.0.0.1 instead of localhost".into(),
        false => refusal.advice,
    };
    Refusal { problem: format!("{}; {longest}", refusal.problem), advice, ..refusal }
}
