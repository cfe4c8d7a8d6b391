//! A measurement as a file: the table and its charts, for a browser without scripts.

use super::measure::made_up;
use crate::common::{cyrillic, eventually, rawchat};
use rawchat::tools::crowd::cases::CASES;
use rawchat::tools::crowd::html::page;
use rawchat::tools::crowd::measure::Report;
use rawchat::tools::crowd::table::rows;
use rawchat::tools::crowd::{Exchange, Technique};
use rawchat::tools::dissect::Language;
use std::time::Duration;

const S: fn(u64) -> Duration = Duration::from_secs;

fn lecture() -> Report {
    made_up(&CASES[0])
}

/// What stands between `before` and `after`, each time.
fn between<'a>(text: &'a str, before: &str, after: &str) -> Vec<&'a str> {
    let rest = text.split(before).skip(1);
    rest.map(|rest| rest.split_once(after).expect("an end").0).collect()
}

#[test]
fn it_is_whole_and_needs_nothing_from_elsewhere() {
    for case in &CASES {
        let page = page(&made_up(case), Language::Uk);
        for alien in ["<script", "http:", "https:", "//", "url(", "@import", "NaN", "inf ", "{{"] {
            assert!(!page.contains(alien), "{}: {alien:?} in {page}", case.name);
        }
        let mut open = Vec::new();
        for tag in between(page.split_once("html>").unwrap().1, "<", ">") {
            match tag.strip_prefix('/') {
                Some(name) => assert_eq!(open.pop(), Some(name), "{}: {page}", case.name),
                None if tag.ends_with('/')
                    || tag.starts_with("meta")
                    || tag.starts_with("input") => {}
                None => open.push(tag.split(' ').next().unwrap()),
            }
        }
        assert_eq!(open.pop(), None);
    }
}

#[test]
fn it_speaks_both_languages_and_opens_in_one() {
    let [uk, en] = [Language::Uk, Language::En].map(|language| page(&lecture(), language));
    assert!(uk.contains("<html lang=\"uk\">") && uk.contains("id=\"uk\" checked"));
    assert!(en.contains("<html lang=\"en\">") && en.contains("id=\"en\" checked"));
    let [ukrainian, english] = ["uk", "en"]
        .map(|language| between(&en, &format!("{language}\" lang=\"{language}\">"), "</span>"));
    assert!(ukrainian.len() > 20);
    assert_eq!(ukrainian.len(), english.len());
    assert!(english.iter().all(|text| !cyrillic(text)), "{english:?}");
    // In the charts, too.
    let [ukrainian, english] = [" uk\">", " en\">"].map(|class| between(&en, class, "</text>"));
    assert!(ukrainian.len() > 20);
    assert_eq!(ukrainian.len(), english.len());
    assert!(english.iter().all(|text| !cyrillic(text)), "{english:?}");
    let is_english =
        |text: &&&str| ["\u{a0}s", "ms", "B", "."].iter().any(|end| text.ends_with(end));
    assert_eq!(ukrainian.iter().find(is_english), None);
}

#[test]
fn the_table_comes_first_and_has_the_figures_of_the_other_table() {
    let (report, page) = (lecture(), page(&lecture(), Language::En));
    let table = page.split_once("<table>").unwrap().1.split_once("</table>").unwrap().0;
    let cells: Vec<&str> = between(table, "<td>", "</td>");
    let rows = rows(&report);
    let figures: Vec<_> = rows.iter().flat_map(|(_, cells)| cells).collect();
    assert_eq!(cells.len(), figures.len());
    for (cell, (measured, model)) in cells.iter().zip(figures) {
        let shown = cell.replace('\u{a0}', " ");
        let model = model.as_ref().map(|model| format!(" | {model}")).unwrap_or_default();
        assert!(shown.contains(&(measured.clone() + &model)), "{measured}{model} in {cell}");
    }
    let order = ["<table>", "<svg", "rawchat 0."].map(|what| page.find(what).expect(what));
    assert!(order.is_sorted(), "table, charts, settings: {order:?}");
}

#[test]
fn a_chart_has_two_hundred_points_at_the_most_and_they_are_inside() {
    let mut report = lecture();
    for each in &mut report.measured {
        let exchange = |at| Exchange { began: S(at), ended: S(at + 2), messages: 1, bytes: 100 };
        each.rounds[0].outcome.exchanges = (0..1000).map(exchange).collect();
        for us in 0..20_000 {
            each.rounds[0].outcome.ages.add(Duration::from_micros(us * us));
        }
    }
    report.case.length = S(1000);
    let page = page(&report, Language::En);
    assert_eq!(page.matches("<figure>").count(), 6);
    let lines = between(&page, "<path class=\"line", "/>");
    assert!(lines.len() >= 12);
    for line in lines {
        let points: Vec<&str> = between(line, "d=\"M", "\"")[0].split('L').collect();
        assert!((2..=201).contains(&points.len()), "{}", points.len());
        for point in points {
            let (x, y) = point.split_once(' ').unwrap();
            let (x, y): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
            assert!((0.0..=720.0).contains(&x) && (0.0..=320.0).contains(&y), "{point}");
        }
    }
    let circles = |class| page.matches(&format!("<circle class=\"{class}\"")).count();
    assert!(circles("full part-3") <= 200 + 4);
    // One in the chart of requests, and one of each size of the room.
    assert_eq!(circles("full part-4"), 1 + 3, "a frame is no request");
}

#[test]
fn what_was_not_measured_has_no_chart() {
    let mut report = lecture();
    for each in &mut report.measured {
        (each.rounds, each.others, each.silence) = (Vec::new(), Vec::new(), None);
    }
    let page = page(&report, Language::En);
    // That of the requests is computed.
    assert_eq!(page.matches("<figure>").count(), 1, "{page}");
    assert!(page.contains("once in 3.0"), "where the two polls cross");
    report.measured[Technique::ShortPolling as usize - 1].model.pause = S(60);
    assert!(self::page(&report, Language::En).contains("short polling always asks less"));
}

#[test]
#[ignore = "takes a while: make grading"]
fn the_command_writes_it_and_says_at_once_when_it_cannot() {
    let folder = std::env::temp_dir().join(format!("rawchat-html-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (file, nowhere) = (folder.join("report.html"), folder.join("nowhere/report.html"));
    let measure = |file: &std::path::Path| {
        let flags = ["measure", "--users=2", "--rate=20", "--pause=200ms", "--seconds=1"];
        let more = ["--rounds=1", "--silence=0", "--lang=en", "--html"];
        rawchat(&[&flags[..], &more[..]].concat()).arg(file).output().unwrap()
    };
    let mut output = measure(&nowhere);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("report.html: "), "{output:?}");
    assert!(output.stdout.is_empty());
    eventually("messages are sent in time, however busy the machine is", || {
        output = measure(&file);
        output.status.code() != Some(3)
    });
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let page = std::fs::read_to_string(&file).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.trim_end().ends_with("</html>"));
    assert!(page.contains("<circle class=\"full part-3\""));
    std::fs::remove_dir_all(&folder).unwrap();
}
