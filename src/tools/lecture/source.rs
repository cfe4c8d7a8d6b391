//! `/source`: the source this binary was built from, in the order to read it, with the notes of the
//! lecture beside it.

use super::markdown::{self, Links};
use super::{Both, Contents, begin_part, chosen};
use crate::tools::pages;
use crate::wire::html::escape;
use crate::wire::http::{Request, Response};
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::OnceLock;

const NOTES: Both =
    [include_str!("../../../public/notes/uk.md"), include_str!("../../../public/notes/en.md")];
/// Lines that a careful reader reads in an hour.
const LINES_AN_HOUR: usize = 250;

/// A file as it was when this binary was built.
pub struct File {
    /// The part it is read in: 0 before part 1, 5 after part 4, 6 is off the reading path.
    pub part: usize,
    /// `src/room.rs`.
    pub path: &'static str,
    text: &'static str,
}

macro_rules! files {
    ($($part:literal: $($path:literal)+;)+) => {
        &[$($(File { part: $part, path: $path, text: include_str!(concat!("../../../", $path)) }),+),+]
    };
}

/// Every file of the source, in the order to read them. Of a page, the script is the technique.
#[rustfmt::skip]
pub static FILES: &[File] = files! {
    0: "src/lib.rs";
    1: "src/handler.rs" "src/server.rs" "src/wire/mod.rs" "src/wire/http/mod.rs"
       "src/wire/http/request.rs" "src/wire/http/head.rs" "src/wire/http/line.rs"
       "src/wire/http/response.rs"
       "src/techniques/mod.rs" "src/techniques/t1_refresh.rs" "src/techniques/api.rs" "public/1.html";
    2: "src/techniques/t2_short_polling.rs" "public/2.html" "public/chat.js" "public/late.js";
    3: "src/room.rs" "src/techniques/t3_long_polling.rs" "public/3.html" "public/3.js";
    4: "src/techniques/t4_websocket.rs" "src/wire/handshake.rs" "src/wire/frame.rs"
       "src/wire/message.rs" "src/techniques/t4_conversation.rs"
       "src/techniques/t4_timeline.rs" "src/techniques/t4_broadcast.rs" "src/techniques/t4_member.rs" "public/4.html";
    5: "src/handler/places.rs" "src/handler/write.rs" "src/wire/violation.rs" "src/wire/control.rs" "src/wire/budget.rs" "src/wire/buffer.rs" "src/wire/payload.rs" "src/wire/http/body.rs" "src/wire/http/refusal.rs"
       "src/wire/http/host.rs"
       "src/techniques/said.rs" "src/wire/json.rs" "src/wire/form.rs" "src/wire/html.rs"
       "src/wire/date.rs" "src/wire/visible.rs" "src/server/limits.rs"
       "src/server/door.rs" "src/techniques/t4_events.rs" "src/techniques/t4_brake.rs" "src/techniques/t4_echo.rs"
       "src/tools/site.rs" "src/tools/pages.rs" "src/main.rs" "src/log.rs" "public/draw.js" "public/4.js";
    6: "src/tools/mod.rs" "src/tools/journal.rs" "src/tools/json.rs" "src/tools/command_line.rs" "src/tools/invitation.rs" "src/tools/lecture/mod.rs"
       "src/tools/lecture/source.rs" "src/tools/lecture/markdown.rs"
       "src/tools/dissect/mod.rs" "src/tools/dissect/http.rs" "src/tools/dissect/frames.rs"
       "src/tools/dissect/kinds.rs" "src/tools/dissect/verdict.rs" "src/tools/dissect/block.rs"
       "src/tools/dissect/stream.rs"
       "src/tools/arguments.rs" "src/tools/feed.rs" "src/tools/explain/mod.rs" "src/tools/explain/pasted.rs" "src/tools/raw.rs"
       "src/tools/tap/mod.rs" "src/tools/tap/trouble.rs" "src/tools/tap/carry.rs" "src/tools/tap/watch.rs"
       "src/tools/tap/terminal.rs" "src/tools/tap/page.rs" "src/tools/tap/ring.rs" "src/tools/tap/record.rs"
       "src/tools/check/mod.rs" "src/tools/check/catalogue.rs" "src/tools/check/run.rs"
       "src/tools/check/lab.rs" "src/tools/check/fault.rs" "src/tools/check/http.rs"
       "src/tools/check/polls.rs" "src/tools/check/frames.rs" "src/tools/check/started.rs"
       "src/tools/check/events.rs" "src/tools/check/report.rs" "src/tools/check/class.rs"
       "src/tools/client/mod.rs" "src/tools/client/line.rs" "src/tools/client/response.rs" "src/tools/client/websocket.rs"
       "src/tools/crowd/load.rs" "src/tools/crowd/mod.rs" "src/tools/crowd/user.rs" "src/tools/crowd/senders.rs"
       "src/tools/crowd/timetable.rs" "src/tools/crowd/histogram.rs" "src/tools/crowd/report.rs" "src/tools/crowd/browser.rs"
       "src/tools/crowd/html.rs" "src/tools/crowd/chart.rs"
       "src/tools/crowd/race/mod.rs" "src/tools/crowd/race/engine.rs" "src/tools/crowd/race/readers.rs"
       "src/tools/crowd/measure.rs" "src/tools/crowd/cases.rs" "src/tools/crowd/outcome.rs" "src/tools/crowd/model.rs" "src/tools/crowd/process.rs" "src/tools/crowd/table.rs";
};
const TOOLS: usize = 6;

/// Of the page, what is the same for everybody, in two languages and without the tools or with them: it
/// takes a tenth of a second to make, so it is made once.
static MADE: [OnceLock<[String; 2]>; 4] = [const { OnceLock::new() }; 4];

/// The page. `?tools=1` shows what is off the reading path too.
pub fn page(request: &Request) -> Response {
    let with_tools = request.query("tools").is_some();
    let ukrainian = pages::speaks_ukrainian(request);
    let text = chosen(request, NOTES);
    let (intro, _) = text.split_once("\n\n# ").unwrap_or((text, ""));
    let names = names();
    let links = Links { page: "", marks: &names };
    let made = &MADE[usize::from(ukrainian) + 2 * usize::from(with_tools)];
    let [contents, code] = made.get_or_init(|| make(text, with_tools, ukrainian, &links));
    super::page(request, &links, contents, intro, code)
}

/// The table of contents and the code, as [`MADE`] keeps them.
fn make(text: &str, with_tools: bool, ukrainian: bool, links: &Links) -> [String; 2] {
    let (book, marks) = (Book::of(text), marks());
    let minutes = if ukrainian { "хв" } else { "min" };
    let cost = |lines: usize| {
        let time = (lines * 60).div_ceil(LINES_AN_HOUR);
        format!("<small>{lines} · {time} {minutes}</small>")
    };
    let (mut contents, mut code) = (Contents::default(), String::new());
    for part in 0..TOOLS + usize::from(with_tools) {
        let (title, intro) = book.parts.get(part).copied().unwrap_or_default();
        let (number, title) = (part.to_string(), escape(title));
        code += &begin_part(&number, &title);
        code += &markdown::render(intro, links);
        let files: Vec<&File> = FILES.iter().filter(|file| file.part == part).collect();
        let lines: usize = files.iter().map(|file| file.shown().len()).sum();
        contents.part(&number, &format!("{title} {}", cost(lines)));
        for file in files {
            let (path, cost) = (file.path, cost(file.shown().len()));
            contents.entry(path, &format!("<code>{path}</code> {cost}"));
            for note in book.notes.iter().filter(|note| file.has(note.mark)) {
                let (mark, title) = (note.mark, escape(note.title));
                contents.entry(mark, &format!("<b>§{mark}</b> {title}"));
            }
            code += &format!("<h3 id=\"{0}\">{0}</h3>\n", file.path);
            rows(&mut code, file, &marks, &book, links);
        }
        code += "</section>\n";
    }
    [contents.done(), code]
}

/// A file as rows: each begins with a mark, whose note stands beside it.
fn rows(out: &mut String, file: &File, marks: &[Mark], book: &Book, links: &Links) {
    let marks: Vec<&Mark> = marks.iter().filter(|mark| mark.path == file.path).collect();
    let starts = marks.iter().map(|mark| mark.lines.start);
    let lines = file.shown();
    let edges: BTreeSet<usize> = starts.chain([lines.start, lines.end]).collect();
    let edges: Vec<usize> = edges.into_iter().collect();
    for row in edges.windows(2) {
        let mark = marks.iter().find(|mark| mark.lines.start == row[0]);
        match mark.and_then(|mark| book.notes.iter().find(|note| note.mark == mark.name)) {
            None if marks.is_empty() => *out += "<div class=\"row alone\">\n",
            None => *out += "<div class=\"row\">\n",
            Some(Note { mark, title, body, .. }) => {
                *out += &format!("<section class=\"row\" id=\"{mark}\">\n<div class=\"note\">\n");
                *out += &format!("<h4><a href=\"#{mark}\">§{mark}</a> {}</h4>\n", escape(title));
                *out += &markdown::render(body, links);
                *out += "</div>\n";
            }
        }
        let label = format!("{} {}–{}", file.path, row[0] + 1, row[1]);
        *out += "<pre class=\"code\" lang=\"en\" translate=\"no\" tabindex=\"0\" role=\"group\"";
        *out += &format!(" aria-label=\"{label}\">");
        for (at, line) in (row[0]..row[1]).zip(file.text.lines().skip(row[0])) {
            let under = marks.iter().any(|mark| mark.lines.contains(&at));
            let class = if under { " class=\"under\"" } else { "" };
            let line = coloured(line, links);
            let place = format!("data-n=\"{0}\" id=\"{1}:{0}\"", at + 1, file.path);
            *out += &format!("<span {place}{class}>{line}\n</span>");
        }
        *out += "</pre>\n";
        *out += if mark.is_some() { "</section>\n" } else { "</div>\n" };
    }
}

/// A line of code as markup: comments dimmed, with links; keywords marked outside of strings.
fn coloured(line: &str, links: &Links) -> String {
    const KEYWORDS: &str = " as async await break catch class const continue else enum export fn \
        for function if impl import in let loop match mod move mut new pub return static struct \
        super trait try type use where while ";
    let comment = match line.trim_start().starts_with("//") {
        true => Some(0),
        false => line.find(" // "),
    };
    let (code, comment) = line.split_at(comment.unwrap_or(line.len()));
    let mut out = String::new();
    for (piece, text) in code.split('"').enumerate() {
        out += if piece > 0 { "&quot;" } else { "" };
        for word in text.split_inclusive(|c: char| !c.is_alphanumeric() && c != '_') {
            let name = word.trim_end_matches(|c: char| !c.is_alphanumeric() && c != '_');
            let keyword = piece % 2 == 0 && KEYWORDS.contains(&format!(" {name} "));
            match keyword && !name.is_empty() {
                true => out += &format!("<b>{name}</b>{}", escape(&word[name.len()..])),
                false => out += &escape(word),
            }
        }
    }
    match comment {
        "" => out,
        _ => out + "<i>" + &markdown::references(&escape(comment), links) + "</i>",
    }
}

impl File {
    fn has(&self, mark: &str) -> bool {
        self.text.lines().any(|line| mark_of(line) == Some(mark))
    }

    /// The lines that are read: of a page, its script.
    fn shown(&self) -> Range<usize> {
        let find = |text: &str| self.text.lines().position(|line| line.starts_with(text));
        match self.path.ends_with(".html") {
            true => find("<script").map_or(0, |at| at + 1)..find("</script>").unwrap_or(0),
            false => 0..self.text.lines().count(),
        }
    }
}

/// A mark of the source.
pub struct Mark {
    /// `3.2`.
    pub name: &'static str,
    /// The file it stands in.
    pub path: &'static str,
    /// The lines it is about, counted from 0.
    pub lines: Range<usize>,
    /// Those lines.
    pub code: String,
}

/// Every mark, in the order of reading.
pub fn marks() -> Vec<Mark> {
    let mut marks = Vec::new();
    for file in FILES {
        let lines: Vec<&str> = file.text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            if let Some(name) = mark_of(line) {
                let range = about(&lines, at);
                let code = lines[range.clone()].join("\n");
                marks.push(Mark { name, path: file.path, lines: range, code });
            }
        }
    }
    marks
}

pub fn names() -> BTreeSet<String> {
    marks().iter().map(|mark| mark.name.to_string()).collect()
}

/// `3.2` of `/// §3.2 Says something`.
fn mark_of(line: &str) -> Option<&str> {
    let comment = line.trim_start().strip_prefix("//")?.trim_start_matches(['/', '!']);
    Some(markdown::digits(comment.trim_start().strip_prefix('§')?)).filter(|name| !name.is_empty())
}

/// The lines a mark is about: the function or the statement behind its comment. A mark of a module is
/// about everything up to the next mark.
fn about(lines: &[&str], start: usize) -> Range<usize> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let code = |line: &&str| !["//", "#["].iter().any(|c| line.trim_start().starts_with(c));
    let first = lines[start..].iter().position(code).map_or(lines.len(), |at| start + at);
    let end = match lines[start].starts_with("//!") {
        true => (start + 1..lines.len()).find(|&at| mark_of(lines[at]).is_some()),
        false => (first..lines.len())
            .find(|&at| {
                indent(lines[at]) == indent(lines[start]) && lines[at].ends_with(['}', ';'])
            })
            .map(|at| at + 1),
    };
    let end = end.unwrap_or(lines.len());
    let blank = lines[start..end].iter().rev().take_while(|line| line.is_empty()).count();
    start..end - blank
}

/// The notes of one language.
pub struct Book<'a> {
    /// Title and introduction of each part, from 0.
    pub parts: Vec<(&'a str, &'a str)>,
    /// The notes, as they stand.
    pub notes: Vec<Note<'a>>,
}

/// A note: what a lecturer would say at a mark.
#[derive(Debug, Clone, Copy)]
pub struct Note<'a> {
    /// `3.2`.
    pub mark: &'a str,
    /// Behind the mark.
    pub title: &'a str,
    /// What it was confirmed with: `code 1a2b3c4d · other 5e6f7a8b`.
    pub stamp: &'a str,
    /// Markdown.
    pub body: &'a str,
}

impl<'a> Book<'a> {
    /// Takes apart `# Part` (behind an empty line: a transcript has `# terminal 3`),
    /// `## §3.2 Title`, `<!-- stamp -->`, text.
    pub fn of(text: &'a str) -> Book<'a> {
        let mut book = Book { parts: Vec::new(), notes: Vec::new() };
        for part in text.split("\n\n# ").skip(1) {
            let mut notes = part.split("\n## §");
            let head = notes.next().unwrap_or_default();
            let (title, intro) = head.split_once('\n').unwrap_or((head, ""));
            book.parts.push((title.trim(), intro.trim()));
            for note in notes {
                let (head, rest) = note.split_once('\n').unwrap_or((note, ""));
                let (mark, title) = head.split_once(' ').unwrap_or((head, ""));
                let stamped = rest.strip_prefix("<!-- ").and_then(|rest| rest.split_once(" -->"));
                let (stamp, body) = stamped.unwrap_or(("", rest));
                book.notes.push(Note { mark, title: title.trim(), stamp, body: body.trim() });
            }
        }
        book
    }
}
