//! §1.10 Text into markup, without letting text become markup.

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
