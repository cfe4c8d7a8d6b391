//! The map of the house, held against the source: who may use what, how long a function may be,
//! where the marks are, and whether what is promised by citing an RFC is tried by a test.

use super::{path, read};
use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};
use rawchat::tools::lecture::source::FILES;
use std::collections::BTreeSet;

const FUNCTION_LINES_MAX: usize = 60;
/// What is read to understand the four techniques, steps 0 to 4: comments, scripts and pages and all.
const READING_LINES_MAX: usize = 3_000;
/// Of the core, which is everything but the tools: lines of code, without comments.
const CORE_LINES_MAX: usize = 3_000;
/// The same with comments and empty lines. It may only fall: 3,000 is the aim.
const CORE_LINES_WITH_COMMENTS_MAX: usize = 3_664;
/// What a step asks of a reader, comments and all: steps 1 and 4 four hours, with the scripts of their
/// pages (33 and 65 lines), and step 3 one.
const STEP_LINES_MAX: [(usize, usize); 3] = [(1, 884), (3, 250), (4, 914)];

/// `wire` knows bytes. `room` knows people. `techniques` connect them. `server` carries them.
/// `tools` watch from outside. `file` is where the path `to` was found.
fn may_use(file: &str, to: &[&str]) -> bool {
    let ours = |modules: &[&str]| to[0] == "crate" && modules.contains(&to[1]);
    let std = to[0] == "std";
    match room_of(file) {
        "wire" if ["sha1_smol", "base64"].contains(&to[0]) => file == "wire/handshake.rs",
        // An address is a grammar, too.
        "wire" if to == ["std", "net", "Ipv6Addr"] => file == "wire/http/host.rs",
        "wire" => (std && !["net", "thread", "time"].contains(&to[1])) || ours(&["wire"]),
        "room" => std && ["sync", "time", "collections"].contains(&to[1]),
        "log" => std || ours(&["log"]),
        "handler" => std || ours(&["wire"]),
        "techniques" => std || ours(&["techniques", "wire", "room", "log", "handler"]),
        "server" => std || ours(&["server", "wire", "log", "handler"]),
        "tools" => std || ours(&["tools", "wire", "server", "log", "handler"]),
        "main" => std || to[0] == "crate",
        "lib" => false,
        other => panic!("src/{other} is not on the map"),
    }
}

/// `wire` of `wire/json.rs`, `room` of `room.rs`.
fn room_of(file: &str) -> &str {
    file.split(['/', '.']).next().unwrap_or(file)
}

// ---- Reading the source

/// The Rust files under `folder`: their paths from there, and their text.
fn rust_files(folder: &str) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut folders = vec![String::new()];
    while let Some(inner) = folders.pop() {
        for entry in std::fs::read_dir(path(folder).join(&inner)).unwrap().map(Result::unwrap) {
            let name = format!("{inner}{}", entry.file_name().to_string_lossy());
            match entry.file_type().unwrap().is_dir() {
                true => folders.push(name + "/"),
                false if name.ends_with(".rs") => {
                    files.push((name.clone(), read(format!("{folder}/{name}"))))
                }
                false => {}
            }
        }
    }
    files.sort();
    assert!(files.len() > 5);
    files
}

/// A source as words, each with its line; comments are no words.
fn words(text: &str) -> Vec<(String, usize)> {
    fn flatten(tokens: TokenStream, words: &mut Vec<(String, usize)>) {
        for token in tokens {
            let line = token.span().start().line;
            match token {
                TokenTree::Group(group) => {
                    let (open, close) = match group.delimiter() {
                        Delimiter::Brace => ("{", "}"),
                        Delimiter::Bracket => ("[", "]"),
                        Delimiter::Parenthesis | Delimiter::None => ("(", ")"),
                    };
                    words.push((open.into(), line));
                    flatten(group.stream(), words);
                    words.push((close.into(), group.span_close().start().line));
                }
                TokenTree::Punct(colon) if colon.as_char() == ':' => match words.last_mut() {
                    Some((last, _)) if last == ":+" => *last = "::".into(),
                    _ if colon.spacing() == Spacing::Joint => words.push((":+".into(), line)),
                    _ => words.push((":".into(), line)),
                },
                other => words.push((other.to_string(), line)),
            }
        }
    }
    let mut words = Vec::new();
    flatten(text.parse().expect("Rust"), &mut words);
    words
}

/// Every path in a source, in full: those behind `use`, and those that stand in the code.
fn paths(file: &str, text: &str) -> BTreeSet<Vec<String>> {
    let words: Vec<String> = words(text).into_iter().map(|(word, _)| word).collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < words.len() {
        match &words[at..] {
            [word, rest @ ..] if word == "use" => at += tree(rest, &[], &mut found),
            [_, colons, ..] if colons == "::" && (at == 0 || words[at - 1] != "::") => {
                let tail = words[at + 1..].chunks(2).take_while(|pair| pair[0] == "::");
                let tail = tail.filter_map(|pair| pair.get(1));
                found.push([&words[at]].into_iter().chain(tail).cloned().collect());
            }
            _ => {}
        }
        at += 1;
    }
    found.into_iter().filter_map(|path| from_the_root(file, &path)).collect()
}

/// Reads `a::{b, c::d}` behind `use`: how many words it has.
fn tree(words: &[String], before: &[String], found: &mut Vec<Vec<String>>) -> usize {
    let mut path = before.to_vec();
    let mut at = 0;
    loop {
        match words[at].as_str() {
            "::" => {}
            "as" => at += 1,
            "{" => {
                while words[at] != "}" {
                    at += 1;
                    at += tree(&words[at..], &path, found);
                }
                return at + 1;
            }
            "," | "}" | ";" => {
                found.push(path);
                return at;
            }
            name => path.push(name.to_string()),
        }
        at += 1;
    }
}

/// `crate::wire::json` for `super::json` in `wire/html.rs`; `None` for what a `use` has brought in.
fn from_the_root(file: &str, path: &[String]) -> Option<Vec<String>> {
    let mut here: Vec<&str> = file.trim_end_matches(".rs").split('/').collect();
    here.retain(|name| *name != "mod" && *name != "lib");
    let mut rest = path;
    while let [first, tail @ ..] = rest {
        match first.as_str() {
            "super" => drop(here.pop()),
            "self" => {}
            _ => break,
        }
        rest = tail;
    }
    let mut full: Vec<String> = rest.to_vec();
    if rest.len() < path.len() {
        full.splice(0..0, ["crate"].into_iter().chain(here).map(String::from));
    }
    match full.first()?.as_str() {
        "rawchat" => full[0] = "crate".into(),
        "core" | "alloc" => full[0] = "std".into(),
        _ => {}
    }
    // The macro stands at the root, its module is `log`.
    if full.get(1).is_some_and(|name| name == "event") {
        full[1] = "log".into();
    }
    (["std", "crate", "sha1_smol", "base64"].contains(&&*full[0]) && full.len() > 1).then_some(full)
}

/// `RFC 6455 §5.4` for each section cited, lists such as `RFC 6455 §5.4, §8.1` too; and the text
/// without them.
fn citations(text: &str) -> (BTreeSet<String>, String) {
    let lines = text.lines().map(|line| line.trim().trim_start_matches(['/', '!']).trim());
    let text = lines.collect::<Vec<_>>().join(" ");
    let mut parts = text.split("RFC ");
    let mut left = parts.next().unwrap_or_default().to_string();
    let mut cited = BTreeSet::new();
    for part in parts {
        let (number, mut rest) =
            part.split_at(part.len() - part.trim_start_matches(|c: char| c.is_ascii_digit()).len());
        let mut between = " ";
        while let Some(section) = rest.strip_prefix(between).and_then(|rest| rest.strip_prefix('§'))
        {
            let end =
                section.find(|c: char| c != '.' && !c.is_ascii_digit()).unwrap_or(section.len());
            cited.insert(format!("RFC {number} §{}", section[..end].trim_end_matches('.')));
            rest = &section[end..];
            between =
                [", ", " to ", " and "].into_iter().find(|b| rest.starts_with(b)).unwrap_or("\0");
        }
        left += rest;
    }
    (cited, left)
}

/// The marks at the beginning of a text: `§4.2` of `§4.2 Takes …`.
fn mark(text: &str) -> Option<&str> {
    let digits = text.strip_prefix('§')?;
    let end = digits.find(|c: char| c != '.' && !c.is_ascii_digit()).unwrap_or(digits.len());
    let mark = &text[..'§'.len_utf8() + end];
    (end > 0).then_some(mark.trim_end_matches('.'))
}

// ---- What must hold

#[test]
fn nobody_uses_what_the_map_does_not_allow() {
    let mut used = BTreeSet::new();
    for (file, text) in rust_files("src") {
        for path in paths(&file, &text) {
            let names: Vec<&str> = path.iter().map(String::as_str).collect();
            assert!(may_use(&file, &names), "src/{file} may not use {}", path.join("::"));
            used.insert(format!("{} {}", room_of(&file), path[..2].join("::")));
        }
    }
    for seen in ["wire base64::Engine", "wire crate::wire", "room std::sync", "server crate::log"] {
        assert!(used.contains(seen), "{seen} was not found: this test looks at nothing");
    }
}

#[test]
fn what_knows_bytes_and_people_prints_nothing() {
    for (file, text) in rust_files("src") {
        let words = words(&text);
        let prints = ["print", "println", "eprint", "eprintln", "dbg", "event"];
        let printed = words.windows(2).find(|w| prints.contains(&&*w[0].0) && w[1].0 == "!");
        if ["wire", "room"].contains(&room_of(&file)) {
            assert_eq!(printed, None, "src/{file}");
        }
    }
}

#[test]
fn at_run_time_there_are_two_crates_and_they_need_no_other() {
    let manifest = read("Cargo.toml");
    let sections = manifest
        .split("\n[")
        .filter(|s| s.split(']').next().is_some_and(|n| n.ends_with("dependencies")));
    let names = |section: &str| -> Vec<String> {
        let lines = section.lines().skip(1).filter_map(|line| line.split_once('='));
        lines.map(|(name, _)| name.trim().to_string()).collect()
    };
    for section in sections {
        match section.lines().next() {
            Some("dependencies]") => assert_eq!(names(section), ["base64", "sha1_smol"]),
            other => {
                assert!(other.is_some_and(|name| name.ends_with("dev-dependencies]")), "{other:?}")
            }
        }
    }
    for package in read("Cargo.lock").split("[[package]]") {
        if ["base64", "sha1_smol"]
            .iter()
            .any(|name| package.contains(&format!("\nname = \"{name}\"\n")))
        {
            assert!(!package.contains("dependencies"), "{package}");
        }
    }
}

#[test]
fn nothing_is_unsafe() {
    assert!(read("Cargo.toml").contains("\n[lints.rust]\nunsafe_code = \"forbid\"\n"));
    for (file, text) in rust_files("src") {
        assert!(!words(&text).iter().any(|(word, _)| word == "unsafe"), "src/{file}");
    }
}

#[test]
fn a_function_has_sixty_lines_at_the_most() {
    let mut count = 0;
    for (file, text) in rust_files("src") {
        let words = words(&text);
        let functions =
            words.windows(2).enumerate().filter(|(_, w)| w[0].0 == "fn" && w[1].0 != "(");
        for (at, name) in functions {
            let (mut depth, begin) = (0, name[0].1);
            let ends = words[at..].iter().find(|(word, _)| {
                depth += match word.as_str() {
                    "{" | "(" | "[" => 1,
                    "}" | ")" | "]" => -1,
                    _ => 0,
                };
                depth == 0 && (word == "}" || word == ";")
            });
            let lines = ends.expect("an end").1 - begin + 1;
            assert!(lines <= FUNCTION_LINES_MAX, "src/{file}: fn {} has {lines} lines", name[1].0);
            count += 1;
        }
    }
    assert!(count > 100, "{count} functions: this test looks at nothing");
}

#[test]
fn the_core_is_no_larger_than_it_may_be_and_steps_1_and_4_take_four_hours_and_step_3_one() {
    let mut core = rust_files("src");
    core.retain(|(file, _)| room_of(file) != "tools");
    let all: usize = core.iter().map(|(_, text)| text.lines().count()).sum();
    assert!(all <= CORE_LINES_WITH_COMMENTS_MAX, "{all} lines in the core");
    let is_code = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with("//");
    let code: usize = core.iter().map(|(_, text)| text.lines().filter(is_code).count()).sum();
    assert!((1_000..=CORE_LINES_MAX).contains(&code), "{code} lines of code in the core");
    let read_first = FILES.iter().filter(|file| file.part <= 4);
    let lines: usize = read_first.map(|file| read(file.path).lines().count()).sum();
    assert!((2_000..=READING_LINES_MAX).contains(&lines), "{lines} lines on the first reading");
    for (step, lines_max) in STEP_LINES_MAX {
        let files = FILES.iter().filter(|file| file.part == step && file.path.ends_with(".rs"));
        let lines: usize = files.map(|file| read(file.path).lines().count()).sum();
        assert!((100..=lines_max).contains(&lines), "{lines} lines in step {step}");
    }
}

#[test]
fn a_mark_stands_in_one_place_and_who_points_at_it_finds_it() {
    let mut defined: Vec<(String, String)> = Vec::new();
    let mut used: Vec<(String, String)> = Vec::new();
    for (file, text) in rust_files("src") {
        for line in text.lines().map(str::trim) {
            let comment = line.trim_start_matches(['/', '!']).trim();
            if let Some(mark) = mark(comment).filter(|_| line.starts_with("//")) {
                defined.push((mark.into(), file.clone()));
            }
        }
        for word in words(&text).windows(4) {
            if word[0].0 == "event" && word[1].0 == "!" {
                used.push((word[3].0.trim_matches('"').into(), file.clone()));
            }
        }
    }
    for file in [
        "README.md",
        "README.uk.md",
        "public/1.html",
        "public/2.html",
        "public/3.html",
        "public/4.html",
    ] {
        if path(file).exists() {
            let (_, text) = citations(&read(file));
            let marks = text.match_indices('§').filter_map(|(at, _)| mark(&text[at..]));
            used.extend(marks.map(|mark| (mark.to_string(), file.to_string())));
        }
    }
    defined.sort();
    let doubles: Vec<_> = defined.windows(2).filter(|pair| pair[0].0 == pair[1].0).collect();
    assert!(doubles.is_empty(), "one mark, two places: {doubles:?}");
    let core = defined.iter().filter(|(_, file)| room_of(file) != "tools").count();
    assert!((25..=40).contains(&core), "{core} marks");
    assert!(used.len() > 5, "this test looks at nothing");
    for (mark, file) in used {
        assert!(defined.iter().any(|(other, _)| *other == mark), "{mark} in {file} points nowhere");
    }
}

#[test]
fn every_section_of_an_rfc_that_the_source_cites_is_cited_by_a_test() {
    let cited = |folder| {
        let texts = rust_files(folder).into_iter().map(|(_, text)| citations(&text).0);
        texts.flatten().collect::<BTreeSet<String>>()
    };
    let (promised, tried) = (cited("src"), cited("tests"));
    assert!(promised.len() > 30, "{promised:?}: this test looks at nothing");
    let untried: Vec<_> = promised.difference(&tried).collect();
    assert!(untried.is_empty(), "no test cites {untried:?}");
}
