//! The pages to be read, beside each of the four: `/lecture`, `/experiments`, `/api`, `/homework`,
//! `/checks` and `/source`.
//! Their texts are Markdown, `public/notes`; their template is one, `public/reading.html`.

pub mod markdown;
pub mod source;

use crate::handler::{Handler, Reply, check_method};
use crate::tools::pages;
use crate::wire::html::escape;
use crate::wire::http::{READ_ONLY, Request, Response};
use markdown::{Links, digits, heading_of, inline, render};
use std::sync::{Arc, Mutex};

const TEMPLATE: &str = include_str!("../../../public/reading.html");
const CSS: &str = include_str!("../../../public/source.css");
const GLOSSARY: &str = include_str!("../../../public/notes/glossary.md");

/// A text in Ukrainian and in English.
type Both = [&'static str; 2];

macro_rules! both {
    ($name:literal) => {
        [
            include_str!(concat!("../../../public/notes/", $name, ".uk.md")),
            include_str!(concat!("../../../public/notes/", $name, ".en.md")),
        ]
    };
}
const LECTURE: Both = both!("lecture");
const EXPERIMENTS: Both = both!("experiments");
const API: Both = both!("api");
const HOMEWORK: Both = both!("homework");
const CHECKS: Both = both!("checks");

/// Thousands may ask at once, and a page takes some megabytes before the server can count it: so one
/// is made after another.
static TURN: Mutex<()> = Mutex::new(());

/// Answers the pages, and hands everything else to `handler`.
pub fn beside(handler: Arc<Handler>) -> Arc<Handler> {
    Arc::new(move |request, socket| {
        let respond = match request.path.as_str() {
            "/lecture" => lecture,
            "/experiments" => experiments,
            "/api" => |request: &Request| text(request, API),
            "/homework" => |request: &Request| text(request, HOMEWORK),
            "/checks" => |request: &Request| text(request, CHECKS),
            "/source" => source::page,
            "/source.css" => |_: &Request| Response::new(200).body("text/css; charset=utf-8", CSS),
            _ => return handler(request, socket),
        };
        check_method(READ_ONLY, request)?;
        let _turn = TURN.lock();
        Ok(Reply::Http(respond(request)))
    })
}

/// The page at the request's path. `text` begins with `# Title` and a paragraph that says what is
/// there; `contents` and `content` are markup, before the rest of the text and behind it.
fn page(request: &Request, links: &Links, contents: &str, text: &str, content: &str) -> Response {
    let (_, text) = text.split_once("# ").unwrap_or(("", text));
    let (title, text) = text.split_once('\n').unwrap_or((text, ""));
    let (lead, text) = text.trim().split_once("\n\n").unwrap_or((text, ""));
    let values = [
        ("path", request.path.as_str()),
        ("keep", if request.query("tools").is_some() { "&amp;tools=1" } else { "" }),
        ("title", &escape(title)),
        ("description", &escape(lead).replace('`', "")),
        ("lead", &inline(&escape(lead), links)),
        ("contents", contents),
        ("text", &render(text, links)),
        ("content", content),
        // Where the numbers 1 to 4 at the top lead.
        ("parts", if content.contains("id=\"part-4\"") { "" } else { "/source" }),
    ];
    pages::page(TEMPLATE, request, &values)
}

fn chosen(request: &Request, [uk, en]: Both) -> &'static str {
    if pages::speaks_ukrainian(request) { uk } else { en }
}

/// A page that is its text and no more.
fn text(request: &Request, text: Both) -> Response {
    let links = Links { page: "/source", marks: &source::names() };
    page(request, &links, "", chosen(request, text), "")
}

/// An experiment, of `### 16: One message, two readers`.
struct Experiment<'a> {
    number: &'a str,
    title: &'a str,
    /// Markdown.
    body: &'a str,
}

impl Experiment<'_> {
    /// What stands behind `#### With nothing but rawchat` is another way to do it, to be opened.
    fn rendered(&self, links: &Links) -> String {
        let (first, other) = self.body.split_once("\n#### ").unwrap_or((self.body, ""));
        let Some((title, other)) = other.split_once('\n') else { return render(first, links) };
        let (title, other) = (inline(&escape(title), links), render(other, links));
        render(first, links) + &details(&title, &other)
    }
}

fn details(summary: &str, content: &str) -> String {
    format!("<details><summary>{summary}</summary>\n{content}</details>\n")
}

/// `## 3 Long polling` and what follows it, up to the next: the heading, and the experiments.
fn experiments_of(part: &str) -> (&str, Vec<Experiment<'_>>) {
    let mut pieces = part.split("\n### ");
    let heading = pieces.next().unwrap_or_default().trim();
    let experiments = pieces.filter_map(|piece| {
        let (heading, body) = piece.split_once('\n')?;
        let (number, title) = heading.split_once(": ")?;
        Some(Experiment { number, title, body: body.trim() })
    });
    (heading, experiments.collect())
}

/// The experiments, part by part, each with an address: `/experiments#16`.
fn experiments(request: &Request) -> Response {
    let names = source::names();
    let links = Links { page: "/source", marks: &names };
    let mut parts = chosen(request, EXPERIMENTS).split("\n## ");
    let text = parts.next().unwrap_or_default();
    let (mut contents, mut content) = (Contents::default(), String::new());
    for part in parts {
        let (heading, experiments) = experiments_of(part);
        let (part, name) = heading.split_once(' ').unwrap_or((heading, ""));
        contents.part(part, &format!("{part} · {}", escape(name)));
        content += &begin_part(part, &format!("{part} · {}", escape(name)));
        for experiment in experiments {
            let (number, title) = (experiment.number, inline(&escape(experiment.title), &links));
            contents.entry(number, &format!("<b>{number}</b> {title}"));
            content += &format!("<section class=\"experiment\" id=\"{number}\">\n");
            content += &format!("<h3><a href=\"#{number}\">{number}</a> {title}</h3>\n");
            content += &experiment.rendered(&links);
            content += "</section>\n";
        }
        content += "</section>\n";
    }
    page(request, &links, &contents.done(), text, &content)
}

/// The beginning of a `<section>` that shows its part's number and colour.
fn begin_part(part: &str, heading: &str) -> String {
    format!(
        "<section class=\"part\" data-part=\"{part}\" id=\"part-{part}\">\n<h2>{heading}</h2>\n"
    )
}

/// The list of what is on a page, part by part.
#[derive(Default)]
struct Contents {
    parts: Vec<String>,
}

impl Contents {
    fn part(&mut self, number: &str, title: &str) {
        let link = format!("<a href=\"#part-{number}\">{title}</a>");
        self.parts.push(format!("<li data-part=\"{number}\">{link}\n<ol>\n"));
    }

    /// In the part named last. `title` is markup.
    fn entry(&mut self, id: &str, title: &str) {
        if let Some(part) = self.parts.last_mut() {
            *part += &format!("<li><a href=\"#{id}\">{title}</a></li>\n");
        }
    }

    fn done(self) -> String {
        let parts = self.parts.into_iter().map(|part| part + "</ol></li>\n");
        format!("<nav><ol class=\"contents\">\n{}</ol></nav>\n", parts.collect::<String>())
    }
}

/// The lecture, step by step. A line `![16](/experiments#16)` is the whole experiment, to be opened.
fn lecture(request: &Request) -> Response {
    let names = source::names();
    let links = Links { page: "/source", marks: &names };
    let experiments = chosen(request, EXPERIMENTS).split("\n## ").skip(1).map(experiments_of);
    let experiments: Vec<Experiment> = experiments.flat_map(|(_, list)| list).collect();
    let mut pieces = chosen(request, LECTURE).split("\n![");
    let text = pieces.next().unwrap_or_default();
    let mut content = String::new();
    for piece in pieces {
        let (embedded, after) = piece.split_once('\n').unwrap_or((piece, ""));
        let number = digits(embedded);
        for experiment in experiments.iter().filter(|e| e.number == number) {
            let title = inline(&escape(experiment.title), &links);
            content += &details(&format!("<b>{number}</b> {title}"), &experiment.rendered(&links));
        }
        content += &render(after, &links);
    }
    content += &glossary_list(pages::speaks_ukrainian(request), &links);
    let headings = chosen(request, LECTURE).lines().filter_map(|line| line.strip_prefix("## "));
    let headings = headings.map(heading_of).filter(|(id, _)| !id.is_empty());
    let entry = |(id, title)| format!("<li><a href=\"#{id}\">{}</a></li>\n", escape(title));
    let contents: String = headings.map(entry).collect();
    let contents = format!("<nav><ol class=\"contents\">\n{contents}</ol></nav>\n");
    page(request, &links, &contents, text, &content)
}

fn glossary_list(ukrainian: bool, links: &Links) -> String {
    let mut rows: Vec<[&str; 4]> = glossary().collect();
    if !ukrainian {
        rows.sort_by_key(|[_, en, ..]| *en);
    }
    let mut list = String::from("<dl class=\"terms\" id=\"glossary\">\n");
    for [uk, en, in_ukrainian, in_english] in rows {
        let (uk, en) = ((uk, "uk", in_ukrainian), (en, "en", in_english));
        let ((term, lang, explained), (other, other_lang, _)) =
            if ukrainian { (uk, en) } else { (en, uk) };
        list += &format!("<div><dt><b lang=\"{lang}\">{}</b> ", escape(term));
        list += &format!("<span lang=\"{other_lang}\">{}</span></dt>", escape(other));
        list += &format!("<dd>{}</dd></div>\n", render(explained, links));
    }
    list + "</dl>\n"
}

/// The rows of the glossary, in the order of the Ukrainian alphabet: Ukrainian, English, and what
/// it is in each.
pub fn glossary() -> impl Iterator<Item = [&'static str; 4]> {
    let rows = GLOSSARY.lines().filter(|line| line.starts_with("| ")).skip(1);
    rows.filter_map(|row| markdown::cells(row).try_into().ok())
}
