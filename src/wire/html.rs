//! §1.10 Text into markup, without letting text become markup.

/// Escapes text for HTML content and for attributes in double quotes.
/// `<img onerror=…>` typed by a person is then just words on the page, not an image.
pub fn escape(text: &str) -> String {
    // `&` first: the others are replaced with texts that begin with one.
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;").replace('\'', "&#39;")
}

/// Escapes text for a template that is filled in more than one step: a person called `{{messages}}`
/// or `[[a|b]]` is just a person.
pub fn escape_value(text: &str) -> String {
    escape(text).replace('[', "&#91;").replace('{', "&#123;")
}
