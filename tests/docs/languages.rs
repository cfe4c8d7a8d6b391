//! Both languages are whole, in the pages and in their scripts.

use super::{cyrillic, path, read};
use std::path::PathBuf;

/// The files in `public` with one of these extensions.
fn public(extensions: &[&str]) -> Vec<(String, String)> {
    let paths = std::fs::read_dir(path("public")).unwrap().map(|entry| entry.unwrap().path());
    let wanted =
        |path: &PathBuf| extensions.iter().any(|e| path.extension().is_some_and(|x| x == *e));
    let mut files: Vec<_> = paths
        .filter(wanted)
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), read(path)))
        .collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

/// `text` without its choices `[[…|…]]`, and their halves.
fn choices(text: &str) -> (String, Vec<(&str, &str)>) {
    let mut parts = text.split("[[");
    let mut rest = parts.next().unwrap_or_default().to_string();
    let mut pairs = Vec::new();
    for part in parts {
        match part.split_once("]]") {
            Some((choice, after)) => {
                pairs.push(choice.split_once('|').unwrap_or((choice, "")));
                rest += after;
            }
            None => rest += part,
        }
    }
    (rest, pairs)
}

/// `script` without its calls `t("…", "…")`, and what each is called with. A call with anything
/// but two literals has `None`.
fn calls(script: &str) -> (String, Vec<Option<(String, String)>>) {
    let name = |c: char| c.is_alphanumeric() || "_$.".contains(c);
    let mut parts = script.split("t(");
    let mut rest = parts.next().unwrap_or_default().to_string();
    let mut found = Vec::new();
    for part in parts {
        if rest.ends_with(name) {
            rest += "t(";
            rest += part;
            continue;
        }
        let pair = literal(part).and_then(|(uk, after)| {
            let (en, after) = literal(after.strip_prefix(", ")?)?;
            Some(((uk, en), after.strip_prefix(')')?))
        });
        let (pair, after) = pair.map_or((None, part), |(pair, after)| (Some(pair), after));
        found.push(pair);
        rest += after;
    }
    (rest, found)
}

/// A JavaScript string literal in double quotes, and what follows it.
fn literal(text: &str) -> Option<(String, &str)> {
    let inside = text.strip_prefix('"')?;
    let mut escaped = false;
    let end = inside.find(|c| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    })?;
    Some((inside[..end].to_string(), &inside[end + 1..]))
}

#[test]
fn every_choice_of_a_page_has_two_halves() {
    for (file, text) in public(&["html"]) {
        let (rest, pairs) = choices(&text);
        assert!(pairs.len() > 3, "{file}");
        for (uk, en) in pairs {
            let whole =
                [uk, en].iter().all(|h| !h.trim().is_empty() && !h.contains(['|', '[', ']']));
            assert!(whole, "{file}: [[{uk}|{en}]]");
            // A link to the other language names it in that language.
            assert!(
                cyrillic(uk) != cyrillic(en) || (uk, en) == ("en", "uk"),
                "{file}: [[{uk}|{en}]]"
            );
        }
        assert!(!rest.contains("]]"), "{file}: ]] without [[");
    }
}

#[test]
fn every_text_of_a_script_is_said_in_both_languages() {
    let mut count = 0;
    for (file, text) in public(&["html", "js"]) {
        for call in calls(&text).1 {
            let (uk, en) = call.unwrap_or_else(|| panic!("{file}: t() takes two literals"));
            assert!(
                cyrillic(&uk) && !cyrillic(&en) && !en.trim().is_empty(),
                "{file}: {uk:?}, {en:?}"
            );
            count += 1;
        }
    }
    assert!(count > 10);
}

#[test]
fn nothing_stands_in_ukrainian_alone() {
    for (file, text) in public(&["html", "js", "css", "svg"]) {
        let (rest, _) = choices(&text);
        let (rest, _) = calls(&rest);
        let left: Vec<&str> = rest.lines().filter(|line| cyrillic(line)).collect();
        assert!(left.is_empty(), "{file}: {left:#?}");
    }
}
