//! §1.10 Text into markup, without letting text become markup.

/// Escapes text for HTML content and for attributes in double quotes.
/// `<img onerror=…>` typed by a person is then just words on the page, not an image.
pub fn escape(text: &str) -> String {
    // `&` first: those of the others are ours.
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;").replace('\'', "&#39;")
}

/// Escapes text for a template that will be filled once more: a person called `{{user}}` or
/// `[[a|b]]` is just a person.
pub fn escape_value(text: &str) -> String {
    escape(text).replace('[', "&#91;").replace('{', "&#123;")
}

/// Fills a template: `{{name}}` becomes its value. Values are markup already, and are not looked
/// into again.
pub fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let value = |name: &str| values.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
    replace(template, "{{", "}}", value)
}

/// What stands between `open` and `close` becomes what `with` makes of it, or stays as it is.
pub fn replace<'a>(
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
