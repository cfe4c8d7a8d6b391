//! As much Markdown as the notes need: headings (see [`heading_of`] for their ids), paragraphs, lists,
//! tables, fences, `code`, **bold**, [links](/), and the numbers of marks and of sections of RFCs,
//! which become links by themselves. What is to be typed, `$ in a shell` or
//! `> in a program`, is an element of its own, so that it can be copied without its prompt.
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
    /// The element that is being filled: p, ul, ol, table, pre, console or none.
    open: &'static str,
    /// One paragraph or item so far, its lines joined; or what is in a fence, as it stands.
    piece: String,
    links: &'a Links<'a>,
}

impl Page<'_> {
    fn line(&mut self, line: &str) {
        let words = line.trim_start();
        let number = words.trim_start_matches(|c: char| c.is_ascii_digit());
        let heading = words.trim_start_matches('#');
        if ["pre", "console"].contains(&self.open) {
            match line {
                "```" => self.turn_to(""),
                _ => self.piece += &format!("{line}\n"),
            }
        } else if words.is_empty() {
            self.turn_to("");
        } else if let Some(tag) = words.strip_prefix("```") {
            self.turn_to(if tag == "console" { "console" } else { "pre" });
        } else if words.starts_with("| ") {
            self.row(words);
        } else if let (Some(title), level @ 1..=4) =
            (heading.strip_prefix(' '), words.len() - heading.len())
        {
            self.turn_to("");
            let (id, title) = heading_of(title);
            let id = if id.is_empty() { String::new() } else { format!(" id=\"{id}\"") };
            self.out += &format!("<h{level}{id}>{}</h{level}>\n", inline(title, self.links));
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

    /// The first row is the head; the second, `| --- |`, says no more than that.
    fn row(&mut self, row: &str) {
        let (cell, end) =
            if self.open == "table" { ("td", "td") } else { ("th scope=\"col\"", "th") };
        if self.open != "table" {
            self.turn_to("table");
        } else if row.starts_with("| --- ") {
            return;
        }
        let cells = cells(row).into_iter().map(|text| inline(text, self.links));
        let cells = cells.map(|text| format!("<{cell}>{text}</{end}>")).collect::<String>();
        self.out += &format!("<tr>{cells}</tr>\n");
    }

    fn turn_to(&mut self, element: &'static str) {
        self.flush();
        self.out += match self.open {
            "ul" => "</ul>\n",
            "ol" => "</ol>\n",
            "table" => "</table>\n</div>\n",
            _ => "",
        };
        self.out += match element {
            "ul" => "<ul>\n",
            "ol" => "<ol>\n",
            "table" => "<div class=\"wide\" tabindex=\"0\">\n<table>\n",
            _ => "",
        };
        self.open = element;
    }

    fn flush(&mut self) {
        let piece = std::mem::take(&mut self.piece);
        self.out += &match self.open {
            "pre" => format!("<pre><code>{piece}</code></pre>\n"),
            "console" => format!("<pre><code>{}</code></pre>\n", console(&piece)),
            _ if piece.is_empty() => String::new(),
            "p" => format!("<p>{}</p>\n", inline(&piece, self.links)),
            _ => format!("<li>{}</li>\n", inline(&piece, self.links)),
        };
    }
}

/// The cells of `| one | two |`.
pub fn cells(row: &str) -> Vec<&str> {
    let row = row.trim();
    let row = row.strip_prefix('|').unwrap_or(row);
    row.strip_suffix('|').unwrap_or(row).split('|').map(str::trim).collect()
}

/// A transcript. A command is one element, with the lines that `\` adds to it; so is what is typed
/// into a program, line after line.
fn console(transcript: &str) -> String {
    let mut out = String::new();
    let mut lines = transcript.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(mut command) = line.strip_prefix("$ ") {
            out += &format!("<span class=\"typed\"><i>$ </i>{command}");
            while command.ends_with('\\') {
                command = lines.next().unwrap_or_default();
                out += &format!("\n{command}");
            }
            out += "</span>\n";
        } else if let Some(typed) = line.strip_prefix("&gt;") {
            // With the Enter at its end: what is pasted is sent.
            out += &format!("<span class=\"typed\"><i>&gt; </i>{}\n", without_space(typed));
            while let Some(line) = lines.next_if(|line| line.starts_with("&gt;")) {
                out += &format!("<i>&gt; </i>{}\n", without_space(&line["&gt;".len()..]));
            }
            out += "</span>";
        } else if line.starts_with("# ") {
            out += &format!("<b>{line}</b>\n");
        } else {
            out += &format!("{line}\n");
        }
    }
    out
}

/// `Host: a` of ` Host: a`; a second space is typed.
fn without_space(typed: &str) -> &str {
    typed.strip_prefix(' ').unwrap_or(typed)
}

/// Renders text that is escaped already, without paragraphs.
pub fn inline(text: &str, links: &Links) -> String {
    each(text, &['`', '*', '[', 'R', '§'], |rest| {
        between(rest, "`", "`")
            .map(|(code, used)| match code.split_once(' ') {
                Some((sign @ ("$" | "&gt;"), typed)) => {
                    (format!("<code class=\"typed\"><i>{sign} </i>{typed}</code>"), used)
                }
                _ => (format!("<code>{code}</code>"), used),
            })
            .or_else(|| {
                let (bold, used) = between(rest, "**", "**")?;
                Some((format!("<b>{}</b>", inline(bold, links)), used))
            })
            .or_else(|| link(rest))
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

fn link(rest: &str) -> Option<(String, usize)> {
    let (text, used) = between(rest, "[", "]")?;
    let (address, more) = between(&rest[used..], "(", ")")?;
    let allowed = ["https://", "/", "#"].iter().any(|start| address.starts_with(start));
    let link = format!("<a href=\"{address}\">{text}</a>"); // no link in a link, even of `RFC 6455`
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

/// The id and the title of a heading: `race` of `The race {#race}`, and `8` of `8–28 min · Part 1`.
pub fn heading_of(heading: &str) -> (&str, &str) {
    match heading.strip_suffix('}').and_then(|heading| heading.rsplit_once(" {#")) {
        Some((title, id)) => (id, title),
        None => (digits(heading), heading),
    }
}

/// `3.2` of `3.2. And so on`.
pub fn digits(text: &str) -> &str {
    let end = text.find(|c: char| c != '.' && !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].trim_end_matches('.')
}
