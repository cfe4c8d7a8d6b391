//! As much Markdown as the notes need: headings, paragraphs, lists, fences, `code`, **bold**,
//! [links](/), and the numbers of marks and of sections of RFCs, which become links by themselves.
//!
//! Everything is escaped first: what is markup afterwards was put there by this file.

use crate::wire::html::escape;
use std::collections::BTreeSet;

/// Where a `§3.2` leads.
pub struct Links<'a> {
    /// The page that shows the marks; empty on that page itself.
    pub page: &'a str,
    /// The marks there are: `3.2`.
    pub marks: &'a BTreeSet<String>,
}

/// Renders a text.
pub fn render(text: &str, links: &Links) -> String {
    let mut page = Page { out: String::new(), open: "", piece: String::new(), links };
    let text = escape(text);
    for line in text.lines() {
        page.line(line);
    }
    page.turn_to("");
    page.out
}

struct Page<'a> {
    out: String,
    /// The element that is being filled: p, ul, ol, pre or none.
    open: &'static str,
    /// Lines of one paragraph or item, joined.
    piece: String,
    links: &'a Links<'a>,
}

impl Page<'_> {
    fn line(&mut self, line: &str) {
        let words = line.trim_start();
        let number = words.trim_start_matches(|c: char| c.is_ascii_digit());
        let heading = words.trim_start_matches('#');
        if self.open == "pre" {
            match line {
                "```" => self.turn_to(""),
                _ => self.out += &format!("{line}\n"),
            }
        } else if words.is_empty() {
            self.turn_to("");
        } else if words.starts_with("```") {
            self.turn_to("");
            self.turn_to("pre");
        } else if let (Some(title), level @ 1..=4) =
            (heading.strip_prefix(' '), words.len() - heading.len())
        {
            self.turn_to("");
            self.out += &format!("<h{level}>{}</h{level}>\n", inline(title, self.links));
        } else if let Some(item) = words.strip_prefix("- ") {
            self.item("ul", item);
        } else if let Some(item) = number.strip_prefix(". ").filter(|_| number != words) {
            self.item("ol", item);
        } else {
            if self.open.is_empty() {
                self.turn_to("p");
            }
            self.piece += if self.piece.is_empty() { "" } else { " " };
            self.piece += words;
        }
    }

    fn item(&mut self, list: &'static str, item: &str) {
        match self.open == list {
            true => self.flush(),
            false => self.turn_to(list),
        }
        self.piece += item;
    }

    fn turn_to(&mut self, element: &'static str) {
        self.flush();
        self.out += match self.open {
            "ul" => "</ul>\n",
            "ol" => "</ol>\n",
            "pre" => "</code></pre>\n",
            _ => "",
        };
        self.out += match element {
            "ul" => "<ul>\n",
            "ol" => "<ol>\n",
            "pre" => "<pre><code>",
            _ => "",
        };
        self.open = element;
    }

    fn flush(&mut self) {
        let tag = if self.open == "p" { "p" } else { "li" };
        if !self.piece.is_empty() {
            self.out += &format!("<{tag}>{}</{tag}>\n", inline(&self.piece, self.links));
            self.piece.clear();
        }
    }
}

fn inline(text: &str, links: &Links) -> String {
    each(text, &['`', '*', '[', 'R', '§'], |rest| {
        between(rest, "`", "`")
            .map(|(code, used)| (format!("<code>{code}</code>"), used))
            .or_else(|| {
                let (bold, used) = between(rest, "**", "**")?;
                Some((format!("<b>{}</b>", inline(bold, links)), used))
            })
            .or_else(|| link(rest, links))
            .or_else(|| rfc(rest))
            .or_else(|| mark(rest, links))
    })
}

/// Only the references in a text that is escaped already: what a comment in the source gets.
pub fn references(text: &str, links: &Links) -> String {
    each(text, &['R', '§'], |rest| rfc(rest).or_else(|| mark(rest, links)))
}

/// Copies `text`; where one of `signs` stands, `render` may put something for what begins there.
fn each(text: &str, signs: &[char], render: impl Fn(&str) -> Option<(String, usize)>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(signs) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let sign = rest.chars().next().unwrap_or_default();
        let (piece, used) = render(rest).unwrap_or((sign.to_string(), sign.len_utf8()));
        out.push_str(&piece);
        rest = &rest[used..];
    }
    out + rest
}

fn between<'a>(rest: &'a str, open: &str, close: &str) -> Option<(&'a str, usize)> {
    let (inner, _) = rest.strip_prefix(open)?.split_once(close)?;
    (!inner.is_empty()).then_some((inner, open.len() + inner.len() + close.len()))
}

fn link(rest: &str, links: &Links) -> Option<(String, usize)> {
    let (text, used) = between(rest, "[", "]")?;
    let (address, more) = between(&rest[used..], "(", ")")?;
    let allowed = ["https://", "/", "#"].iter().any(|start| address.starts_with(start));
    let link = format!("<a href=\"{address}\">{}</a>", references(text, links));
    allowed.then_some((link, used + more))
}

/// `RFC 6455 §5.4, §8.1`: each section leads to itself.
fn rfc(rest: &str) -> Option<(String, usize)> {
    let number = digits(rest.strip_prefix("RFC ")?);
    let mut used = "RFC ".len() + number.len();
    let address = format!("https://www.rfc-editor.org/rfc/rfc{number}");
    let mut html = String::new();
    let mut name = format!("RFC {number}");
    let mut between = " ";
    while let Some(section) =
        rest[used..].strip_prefix(between).and_then(|rest| rest.strip_prefix('§'))
    {
        let section = digits(section);
        name += if html.is_empty() { between } else { "" };
        html += if html.is_empty() { "" } else { between };
        html += &format!("<a href=\"{address}#section-{section}\">{name}§{section}</a>");
        name.clear();
        used += between.len() + '§'.len_utf8() + section.len();
        let joined = [", ", " to ", " and ", " до ", " і ", " та "];
        between = joined.into_iter().find(|b| rest[used..].starts_with(b)).unwrap_or("\0");
    }
    match (number, html.is_empty()) {
        ("", _) => None,
        (_, true) => Some((format!("<a href=\"{address}\">{name}</a>"), used)),
        (_, false) => Some((html, used)),
    }
}

fn mark(rest: &str, links: &Links) -> Option<(String, usize)> {
    let name = digits(rest.strip_prefix('§')?);
    let link = format!("<a href=\"{}#{name}\">§{name}</a>", links.page);
    links.marks.contains(name).then_some((link, '§'.len_utf8() + name.len()))
}

/// `3.2` of `3.2. And so on`.
pub fn digits(text: &str) -> &str {
    let end = text.find(|c: char| c != '.' && !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].trim_end_matches('.')
}
