//! The notes to the source: each mark has one in both languages, each was confirmed for the code
//! under it and for its sister in the other language, and what they point at is there.
//!
//! `make notes-accept MARK=3.2` (or `MARK=all`), after reading: see `the_notes_are_confirmed`.

use super::common::{self, Process, get, serve};
use super::{cyrillic, path, read};
use rawchat::handler::{Places, Reply};
use rawchat::tools::lecture::markdown::{Links, render};
use rawchat::tools::lecture::source::{Book, FILES, Mark, Note, marks};
use rawchat::tools::lecture::{self, glossary};
use rawchat::wire::http::Response;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock, Mutex};

const LANGUAGES: [&str; 2] = ["uk", "en"];

fn notes_file(language: &str) -> String {
    format!("public/notes/{language}.md")
}

// ---- Whole, and confirmed

#[test]
fn each_mark_has_a_note_in_both_languages_and_each_note_a_mark() {
    let names = |marks: &[Mark]| marks.iter().map(|mark| mark.name).collect::<BTreeSet<_>>();
    let marks = marks();
    assert!(marks.len() >= 25, "this test looks at nothing");
    for language in LANGUAGES {
        let text = read(notes_file(language));
        let book = Book::of(&text);
        let noted: BTreeSet<&str> = book.notes.iter().map(|note| note.mark).collect();
        assert_eq!(noted, names(&marks), "{language}: marks that are noted, and marks there are");
        assert_eq!(book.notes.len(), noted.len(), "{language}: a mark has two notes");
        for Note { mark, title, body, .. } in &book.notes {
            let body = without_code(body);
            let words = body.split_whitespace().filter(|w| w.contains(char::is_alphabetic)).count();
            assert!((50..=160).contains(&words), "{language}: §{mark} has {words} words");
            assert!(!title.is_empty(), "{language}: §{mark}");
            assert_eq!(cyrillic(&body), language == "uk", "{language}: §{mark}");
        }
    }
}

#[test]
fn both_languages_show_the_same_code_and_cite_the_same_sections() {
    let [uk, en] = LANGUAGES.map(|language| read(notes_file(language)));
    let [uk, en] = [Book::of(&uk), Book::of(&en)];
    let parts = FILES.last().unwrap().part + 1;
    assert_eq!([uk.parts.len(), en.parts.len()], [parts, parts]);
    for (one, other) in uk.notes.iter().zip(&en.notes) {
        assert_eq!(one.mark, other.mark, "the order of the notes");
        assert_eq!(fences(one.body), fences(other.body), "§{}", one.mark);
        assert_eq!(sections(one.body), sections(other.body), "§{}", one.mark);
    }
}

fn fences(body: &str) -> Vec<&str> {
    body.split("```").skip(1).step_by(2).collect()
}

fn without_code(body: &str) -> String {
    let prose: String = body.split("```").step_by(2).collect();
    prose.split('`').step_by(2).collect()
}

/// `https://…/rfc6455#section-5.2` and `#3.2`: what a text leads to.
fn sections(body: &str) -> Vec<String> {
    let names = marks().iter().map(|mark| mark.name.to_string()).collect();
    let page = render(body, &Links { page: "", marks: &names });
    links(&page)
}

/// A changed note or a changed piece of code is confirmed by a person who has read both, by
/// `NOTES_ACCEPT=3.2` (or `all`) in the environment of this test.
#[test]
fn the_notes_are_confirmed() {
    let accept = std::env::var("NOTES_ACCEPT").unwrap_or_default();
    let code: BTreeMap<&str, String> = marks().iter().map(|m| (m.name, hash(&m.code))).collect();
    assert!(
        ["", "all"].contains(&&*accept) || code.contains_key(&*accept),
        "there is no mark {accept:?}: say MARK=3.2, or MARK=all"
    );
    let texts = LANGUAGES.map(|language| read(notes_file(language)));
    let hashes = texts.each_ref().map(|text| {
        let notes = Book::of(text).notes;
        notes.iter().map(|n| (n.mark, hash(&format!("{}\n{}", n.title, n.body)))).collect()
    });
    let hashes: [BTreeMap<&str, String>; 2] = hashes;
    let mut problems = Vec::new();
    for (at, language) in LANGUAGES.into_iter().enumerate() {
        let mut text = texts[at].clone();
        for Note { mark, title, stamp, .. } in Book::of(&texts[at]).notes {
            let (Some(code), Some(other)) = (code.get(mark), hashes[1 - at].get(mark)) else {
                continue; // another test tells
            };
            let expected = format!("code {code} · other {other}");
            if stamp == expected {
                continue;
            }
            if [mark, "all"].contains(&&*accept) {
                let head = format!("\n## §{mark} {title}\n");
                let before = [format!("{head}<!-- {stamp} -->\n"), head.clone()];
                let before = before.iter().find(|before| text.contains(*before)).unwrap();
                text = text.replacen(before, &format!("{head}<!-- {expected} -->\n"), 1);
                continue;
            }
            let changed = match stamp.split(" · ").next() == expected.split(" · ").next() {
                true => "the note in the other language",
                false => "the code under it",
            };
            problems.push(format!("{}: §{mark}: {changed} has changed", notes_file(language)));
        }
        if text != texts[at] {
            std::fs::write(path(notes_file(language)), text).unwrap();
        }
    }
    let advice = "read the note and the code, mend what is not true any more, then confirm each \
                  with `make notes-accept MARK=3.2`";
    assert!(problems.is_empty(), "{problems:#?}\n{advice}");
}

/// FNV-1a, as 8 digits; white space does not count.
fn hash(text: &str) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in text.split_whitespace().flat_map(|word| word.bytes().chain([b' '])) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    format!("{:08x}", (hash >> 32) as u32 ^ hash as u32)
}

#[test]
fn a_stamp_is_that_of_the_words_and_not_of_the_space_between_them() {
    assert_eq!(hash("let a = 1;\n    // two"), hash("let  a = 1; // two\n"));
    assert_ne!(hash("let a = 1;"), hash("let a = 2;"));
    assert_ne!(hash("ab c"), hash("a bc"));
}

#[test]
fn a_mark_is_about_its_function_or_its_statement_and_a_module_s_up_to_the_next_mark() {
    let marks = marks();
    let code = |name| &marks.iter().find(|mark| mark.name == name).unwrap().code;
    let ends = |name, with: &str| assert!(code(name).ends_with(with), "§{name}: {}", code(name));
    for (name, begins) in [("3.4", "    /// §3.4 "), ("2", "//! §2 "), ("2.2", "        // §2.2 ")]
    {
        assert!(code(name).starts_with(begins), "§{name}: {}", code(name));
    }
    ends("3.4", "        (state.newest, state.rings)\n    }");
    ends("2.2", "\"no-store\");");
    ends("2", "t1_refresh::handler;");
    assert!(code("1.4").contains("fn check_coding(") && !code("1.4").contains("§1.5"));
    assert!(!code("4.2").contains("§4.3"));
}

// ---- The page

#[test]
fn no_file_of_the_source_is_forgotten() {
    let mut there = BTreeSet::new();
    let mut folders = vec!["src".to_string()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(path(&folder)).unwrap().map(Result::unwrap) {
            let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
            match entry.file_type().unwrap().is_dir() {
                true => folders.push(name),
                false => drop(there.insert(name)),
            }
        }
    }
    let listed: Vec<&str> = FILES.iter().map(|file| file.path).collect();
    let distinct: BTreeSet<&str> = listed.iter().copied().collect();
    assert_eq!(listed.len(), distinct.len(), "a file is listed twice");
    let source: BTreeSet<String> =
        listed.iter().filter(|p| p.starts_with("src/")).map(|p| p.to_string()).collect();
    assert_eq!(source, there, "files that lecture/source.rs lists, and files there are");
    // Every page of the chat passes through these two.
    let read = ["src/tools/site.rs", "src/tools/pages.rs"];
    for file in FILES {
        let tool = file.path.starts_with("src/tools/") && !read.contains(&file.path);
        assert_eq!(file.part == 6, tool, "{}", file.path);
    }
}

/// One server for all tests: `/source` and `/lecture` beside a handler that answers 418.
static ADDRESS: LazyLock<SocketAddr> = LazyLock::new(|| {
    let handler = lecture::beside(Arc::new(|_, _| Ok(Reply::Http(Response::new(418)))));
    serve(common::patient(), Places::default(), handler)
});

const PATHS: [&str; 7] =
    ["/source", "/lecture", "/experiments", "/api", "/homework", "/checks", "/source.css"];

fn ask(request: &str) -> common::Response {
    common::Client::connect(*ADDRESS).ask(request)
}

/// What is at `target`; each page is asked for once, however many tests look at it.
fn page(target: &str) -> String {
    static PAGES: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());
    let mut pages = PAGES.lock().unwrap();
    let ask = || {
        let response = ask(&get(target));
        assert_eq!(response.status, 200, "{target}");
        assert_eq!(response.field("Content-Type"), Some("text/html; charset=utf-8"), "{target}");
        response.text().to_string()
    };
    pages.entry(target.into()).or_insert_with(ask).clone()
}

/// Every page in both languages, asked for once.
static ALL_PAGES: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
    let targets = [
        "/source?",
        "/source?tools=1&",
        "/lecture?",
        "/experiments?",
        "/api?",
        "/homework?",
        "/checks?",
    ];
    let each =
        targets.into_iter().flat_map(|target| LANGUAGES.map(|lang| format!("{target}lang={lang}")));
    each.map(|target| (target.clone(), page(&target))).collect()
});

fn links(page: &str) -> Vec<String> {
    let found = page.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap());
    found.map(|link| link.replace("&amp;", "&")).collect()
}

fn ids(page: &str) -> BTreeSet<String> {
    let found = page.split(" id=\"").skip(1).map(|rest| rest.split('"').next().unwrap());
    found.map(str::to_string).collect()
}

#[test]
fn the_source_is_shown_to_the_last_character() {
    for (target, with_tools) in [("/source?lang=en", false), ("/source?tools=1&lang=en", true)] {
        let page = page(target);
        let mut lines = page
            .split("<span data-n=\"")
            .skip(1)
            .map(|rest| rest.split_once('>').unwrap().1.split_once("\n</span>").unwrap().0)
            .map(as_text);
        for file in FILES.iter().filter(|file| with_tools || file.part < 6) {
            let text = read(file.path);
            let from = if file.path.ends_with(".html") { "<script" } else { "" };
            let shown = text.lines().skip_while(|line| !line.starts_with(from));
            let shown = shown.skip(usize::from(!from.is_empty())).take_while(|l| *l != "</script>");
            for line in shown {
                assert_eq!(lines.next().as_deref(), Some(line), "{}", file.path);
            }
        }
        assert_eq!(lines.next(), None);
    }
}

#[test]
fn the_page_opens_with_the_order_of_reading_and_what_it_takes() {
    for (lang, min) in [("uk", "хв"), ("en", "min")] {
        let page = page(&format!("/source?lang={lang}"));
        let (contents, code) = page.split_once("</nav>").unwrap();
        let mut order =
            contents.split("<a href=\"#").skip(1).filter(|link| link.contains("<small>"));
        for part in 0..6 {
            let files: Vec<_> = FILES.iter().filter(|file| file.part == part).collect();
            let lines = |path: &str| code.matches(&format!(" id=\"{path}:")).count();
            // An hour for 250 lines, and a minute that is begun counts.
            let cost = |lines: usize| {
                format!("<small>{lines} · {} {min}</small>", (lines * 60).div_ceil(250))
            };
            let all = files.iter().map(|file| lines(file.path)).sum();
            let named = order.next().unwrap();
            assert!(
                named.starts_with(&format!("part-{part}\">")) && named.contains(&cost(all)),
                "{named}"
            );
            for file in files {
                let named = order.next().unwrap();
                let begins =
                    format!("{0}\"><code>{0}</code> {1}", file.path, cost(lines(file.path)));
                assert!(named.starts_with(&begins), "{named} instead of {begins}");
            }
        }
        assert_eq!(order.next(), None);
    }
}

/// What a browser shows of markup: no tags, and characters for their names.
fn as_text(markup: &str) -> String {
    let pieces = markup.split('<').enumerate();
    let text = pieces.map(|(at, piece)| match (at, piece.split_once('>')) {
        (0, _) => piece,
        (_, tag) => tag.expect("a tag has an end").1,
    });
    let names = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    names.iter().fold(text.collect(), |text: String, (name, sign)| text.replace(name, sign))
}

#[test]
fn every_link_leads_somewhere() {
    let source = ids(&page("/source?lang=en"));
    let ids_of: BTreeMap<&str, BTreeSet<String>> =
        ["/source", "/lecture", "/experiments", "/api", "/homework", "/checks"]
            .map(|target| (target, ids(&page(&format!("{target}?lang=en")))))
            .into();
    for mark in marks() {
        assert!(source.contains(mark.name), "§{} has no place on the page", mark.name);
    }
    let mut others = BTreeSet::new();
    for (target, page) in ALL_PAGES.iter() {
        let (ids, links) = (ids(page), links(page));
        assert_eq!(ids.len(), page.matches(" id=\"").count(), "{target}: an id twice");
        assert!(links.len() > 10, "{target}: this test looks at nothing");
        for link in links {
            let there = match link.split_once('#') {
                _ if link.starts_with("https://") => true,
                Some(("", id)) => ids.contains(id),
                Some(("/source?tools=1", id)) => id == "part-6",
                Some((page, id)) => ids_of.get(page).is_some_and(|ids| ids.contains(id)),
                _ if link == "/" => true,
                _ => {
                    others.insert(link);
                    continue;
                }
            };
            assert!(there, "{target}: {link}");
        }
    }
    for link in others {
        let there = ["/icon.svg", "/chat.css"].contains(&&*link) || ask(&get(&link)).status == 200;
        assert!(there, "{link}");
    }
}

#[test]
fn no_number_of_a_mark_in_a_text_is_left_without_a_link() {
    for (target, page) in ALL_PAGES.iter() {
        let prose = page.split("<pre").enumerate().map(|(at, piece)| match at {
            0 => piece,
            _ => piece.split_once("</pre>").unwrap().1,
        });
        for piece in prose {
            for (at, _) in piece.match_indices('§') {
                let before = piece[..at].rsplit(['<', '>']).next().unwrap();
                let inside =
                    piece[..at].rfind("<a ").is_some_and(|a| !piece[a..at].contains("</a>"));
                let named = piece[..at].ends_with("<b>") || piece[..at].ends_with("#");
                assert!(
                    inside || named,
                    "{target}: {before}{}",
                    piece[at..].lines().next().unwrap()
                );
            }
        }
    }
}

#[test]
fn a_table_is_shown_as_one() {
    let all = || ALL_PAGES.iter();
    assert!(all().any(|(_, page)| page.contains("<table")), "this test looks at nothing");
    // Between the head of a table and its rows stands a line that nobody is to see.
    for (target, page) in all() {
        assert!(!page.contains("|---") && !page.contains("\n| --- | --- "), "{target}");
    }
}

#[test]
fn pages_obey_their_own_policy() {
    for (target, page) in ALL_PAGES.iter() {
        for forbidden in
            [" style=", " onclick=", " onload=", "src=\"http", "href=\"http:", "<style"]
        {
            assert!(!page.contains(forbidden), "{target}: {forbidden}");
        }
        for left in ["[[", "]]", "{{"] {
            let prose = page.split("<pre").next().unwrap();
            assert!(!prose.contains(left), "{target}: {left}");
        }
        let language = if target.ends_with("uk") { "uk" } else { "en" };
        assert!(page.contains(&format!("<html lang=\"{language}\">")), "{target}");
    }
}

#[test]
fn each_line_has_an_address_as_the_log_prints_it() {
    let ids = ids(&page("/source?lang=en"));
    for file in FILES.iter().filter(|file| file.part < 6 && file.path.ends_with(".rs")) {
        for number in 1..=read(file.path).lines().count() {
            let address = format!("{}:{number}", file.path);
            assert!(ids.contains(&address), "{address}");
        }
    }
}

#[test]
fn an_experiment_has_an_address_and_the_lecture_holds_those_it_carries_out() {
    for language in LANGUAGES {
        let experiments = page(&format!("/experiments?lang={language}"));
        let numbers: Vec<u32> = experiments
            .split("<section class=\"experiment\" id=\"")
            .skip(1)
            .map(|rest| rest.split('"').next().unwrap().parse().unwrap())
            .collect();
        let all: BTreeSet<u32> = numbers.iter().copied().collect();
        assert_eq!(all, (1..=numbers.len() as u32).collect(), "each number once");
        let text = read(format!("public/notes/lecture.{language}.md"));
        let lecture = page(&format!("/lecture?lang={language}"));
        let named: Vec<&str> = text.split("\n![").skip(1).collect();
        let held: Vec<&str> = lecture.split("<details><summary><b>").skip(1).collect();
        assert_eq!(held.len(), named.len(), "{language}");
        for (held, named) in held.iter().zip(named) {
            let number = held.split('<').next().unwrap();
            assert!(named.starts_with(&format!("{number}](/experiments#{number})\n")), "{named}");
        }
    }
}

#[test]
fn tools_are_shown_to_those_who_ask() {
    assert!(!page("/source?lang=en").contains("src/tools/explain/mod.rs"));
    assert!(page("/source?tools=1&lang=en").contains(">src/tools/lecture/source.rs</h3>"));
    assert!(page("/source?tools=1&lang=en").contains("href=\"/source?lang=uk&amp;tools=1\""));
}

#[test]
fn they_are_read_and_nothing_else_and_the_rest_is_the_technique_s() {
    for path in PATHS {
        // RFC 9110 §9.3.2: the same head, and no content.
        let mut client = common::Client::connect(*ADDRESS);
        client.send(format!("HEAD {path} HTTP/1.1\r\nHost: rawchat\r\n\r\n"));
        let head = client.response_head();
        assert_eq!(head.status, 200, "{path}");
        assert!(head.field("Content-Length").unwrap().parse::<usize>().unwrap() > 1000, "{path}");
        assert_eq!(client.ask(get("/nothing/else")).status, 418, "{path}: it had content");
        // RFC 9110 §15.5.6
        let post = ask(&format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"));
        assert_eq!((post.status, post.field("Allow")), (405, Some("GET, HEAD, OPTIONS")), "{path}");
        let options = ask(&format!("OPTIONS {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!((options.status, options.field("Allow")), (204, Some("GET, HEAD, OPTIONS")));
    }
    for other in ["/", "/sources", "/source/", "/messages"] {
        assert_eq!(ask(&get(other)).status, 418, "{other}");
    }
}

#[test]
fn every_part_serves_them() {
    for part in 1..=4 {
        let process = Process::quiet(part);
        for target in PATHS {
            assert_eq!(process.get(target).status, 200, "part {part}: {target}");
        }
        let page = process.get("/?user=Bob");
        for link in [format!("href=\"/source#{part}\""), "href=\"/lecture\"".into()] {
            assert!(page.text().contains(&link), "part {part}: {link}");
        }
        assert_eq!(process.get("/messages").text(), "[]", "part {part}");
    }
}

// ---- The lecture

#[test]
fn the_lecture_lasts_ninety_minutes_and_is_the_same_in_both_languages() {
    let [uk, en] = LANGUAGES.map(|language| read(format!("public/notes/lecture.{language}.md")));
    let shape = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !line.is_empty());
        let kind = |line: &str| line.split(' ').next().unwrap().to_string();
        lines
            .map(|line| if line.starts_with(['#', '-']) { kind(line) } else { "text".into() })
            .collect()
    };
    assert_eq!(shape(&uk), shape(&en));
    assert_eq!(fences(&uk), fences(&en));
    assert_eq!(sections(&uk), sections(&en));
    for text in [&uk, &en] {
        let times = text.lines().filter_map(|line| line.strip_prefix("## ")?.split_once(" · "));
        let times = times.map(|(time, _)| time.split(' ').next().unwrap().split_once('–').unwrap());
        let mut now = "0";
        for (from, to) in times {
            assert_eq!(from, now, "minutes without a plan, or twice planned");
            now = to;
        }
        assert_eq!(now, "90");
    }
    assert!(cyrillic(&uk) && !cyrillic(&en));
}

#[test]
fn the_glossary_has_four_cells_a_row() {
    let rows: Vec<_> = glossary().collect();
    let lines = read("public/notes/glossary.md").lines().count();
    assert_eq!(rows.len(), lines - 2, "a row that is no row");
    assert!(rows.len() >= 15);
    let terms: BTreeSet<_> = rows.iter().map(|[uk, ..]| uk).collect();
    assert_eq!(terms.len(), rows.len(), "a term twice");
    for [uk, en, in_ukrainian, in_english] in rows {
        assert!(cyrillic(uk) && cyrillic(in_ukrainian), "{uk}");
        assert!(!cyrillic(en) && !cyrillic(in_english) && !en.is_empty(), "{en}");
    }
}

// ---- Markdown

fn rendered(text: &str) -> String {
    let marks = ["3", "3.2"].map(String::from).into();
    render(text, &Links { page: "/source", marks: &marks })
}

#[test]
fn markup_in_a_note_is_text() {
    assert_eq!(
        rendered("<b>a & b</b> \"c\""),
        "<p>&lt;b&gt;a &amp; b&lt;/b&gt; &quot;c&quot;</p>\n"
    );
    assert_eq!(rendered("`<i>`"), "<p><code>&lt;i&gt;</code></p>\n");
    assert_eq!(
        rendered("```\n<i> **a** `b`\n\nc\n```\nd"),
        "<pre><code>&lt;i&gt; **a** `b`\n\nc\n</code></pre>\n<p>d</p>\n"
    );
    assert_eq!(rendered("[a](javascript:b)"), "<p>[a](javascript:b)</p>\n");
    assert_eq!(
        rendered("[a](/b\" onclick=\"c)"),
        "<p><a href=\"/b&quot; onclick=&quot;c\">a</a></p>\n"
    );
}

#[test]
fn a_note_has_paragraphs_lists_and_headings() {
    assert_eq!(rendered("a\nb\n\nc"), "<p>a b</p>\n<p>c</p>\n");
    assert_eq!(rendered("- a\n  b\n- c\n\nd"), "<ul>\n<li>a b</li>\n<li>c</li>\n</ul>\n<p>d</p>\n");
    assert_eq!(rendered("1. a\n2. b"), "<ol>\n<li>a</li>\n<li>b</li>\n</ol>\n");
    assert_eq!(rendered("1990. a"), "<ol>\n<li>a</li>\n</ol>\n", "so no year begins a line");
    assert_eq!(rendered("## a\nb"), "<h2>a</h2>\n<p>b</p>\n");
    assert_eq!(rendered("## 38–60 a"), "<h2 id=\"38\">38–60 a</h2>\n");
    assert_eq!(rendered("**a `b`** * c"), "<p><b>a <code>b</code></b> * c</p>\n");
    assert_eq!(rendered("`a"), "<p>`a</p>\n");
}

#[test]
fn what_is_to_be_typed_is_apart_from_its_prompt() {
    assert_eq!(
        rendered("```console\n$ one \\\n  two\n1 < 2\n# terminal 2\n> a\n>\n>  b\nc\n```"),
        "<pre><code><span class=\"typed\"><i>$ </i>one \\\n  two</span>\n1 &lt; 2\n<b># terminal 2</b>\n\
         <span class=\"typed\"><i>&gt; </i>a\n<i>&gt; </i>\n<i>&gt; </i> b\n</span>c\n</code></pre>\n"
    );
    assert_eq!(
        rendered("`$ a` `$` `> b`"),
        "<p><code class=\"typed\"><i>$ </i>a</code> <code>$</code> \
         <code class=\"typed\"><i>&gt; </i>b</code></p>\n"
    );
    assert_eq!(rendered("```\n$ a\n```"), "<pre><code>$ a\n</code></pre>\n", "not a console");
}

#[test]
fn a_table_has_a_head_and_cells_that_may_be_empty() {
    assert_eq!(
        rendered("a\n| | **b** |\n| --- | --- |\n| c | |\n\nd"),
        "<p>a</p>\n<div class=\"wide\" tabindex=\"0\">\n<table>\n\
         <tr><th scope=\"col\"></th><th scope=\"col\"><b>b</b></th></tr>\n\
         <tr><td>c</td><td></td></tr>\n</table>\n</div>\n<p>d</p>\n"
    );
}

#[test]
fn marks_and_sections_of_rfcs_are_links_and_not_taken_for_each_other() {
    let rfc = |text: &str, section: &str| {
        format!("<a href=\"https://www.rfc-editor.org/rfc/rfc6455{section}\">{text}</a>")
    };
    assert_eq!(rendered("§3.2."), "<p><a href=\"/source#3.2\">§3.2</a>.</p>\n");
    assert_eq!(rendered("§9.9"), "<p>§9.9</p>\n");
    let section = rfc("RFC 6455 §3.2", "#section-3.2");
    assert_eq!(rendered("(RFC 6455 §3.2)"), format!("<p>({section})</p>\n"));
    let both = format!("{section}, {}", rfc("§3", "#section-3"));
    assert_eq!(rendered("RFC 6455 §3.2, §3"), format!("<p>{both}</p>\n"));
    let and = "<a href=\"/source#3\">§3</a>";
    assert_eq!(rendered("RFC 6455 §3.2; §3"), format!("<p>{section}; {and}</p>\n"));
    assert_eq!(rendered("RFC 6455"), format!("<p>{}</p>\n", rfc("RFC 6455", "")));
}

#[test]
fn the_table_of_slow_readers_has_the_numbers_of_the_code() {
    use rawchat::room::LIST_BYTES_MAX;
    use rawchat::techniques::{Timing, t4_brake, t4_broadcast, t4_member, t4_timeline};
    let timeline = t4_timeline::TIMELINE_BYTES_MAX >> 20;
    let (retry, pause) = (t4_broadcast::RETRY.as_millis(), t4_brake::PAUSE.as_millis());
    let (stalled, stall) = (t4_brake::IGNORED_AFTER.as_secs(), Timing::default().stall.as_secs());
    let (half, unsent) = (timeline / 2, t4_member::UNSENT_BYTES_MAX >> 10);
    let (piece, list) = (t4_timeline::PIECE_BYTES_MAX >> 10, LIST_BYTES_MAX >> 10);
    for (language, head, [ms, s, mib, kib]) in [
        ("en", "| the reader |", ["ms", "s", "MiB", "KiB"]),
        ("uk", "| читач |", ["мс", "с", "МіБ", "КіБ"]),
    ] {
        let notes = read(notes_file(language));
        let (_, table) = notes.split_once(head).expect(head);
        let (table, _) = table.split_once("\n\n").unwrap();
        let words: Vec<&str> = table.split([' ', ',', '\n']).filter(|w| !w.is_empty()).collect();
        let amounts = words.windows(2).filter(|pair| [ms, s, mib, kib].contains(&pair[1]));
        let amounts: Vec<String> = amounts.map(|pair| pair.join(" ")).collect();
        let expected = [
            format!("{piece} {kib}"),
            format!("{retry} {ms}"),
            format!("{half} {mib}"),
            format!("{pause} {ms}"),
            format!("{stalled} {s}"),
            format!("{stall} {s}"),
            format!("{timeline} {mib}"),
            format!("{unsent} {kib}"),
            format!("{stall} {s}"),
            format!("{list} {kib}"),
        ];
        assert_eq!(amounts, expected);
    }
}
