//! The homework: its two finished servers pass every check, its two beginnings pass none, and its page
//! says what `rawchat check` says.

use super::common::rawchat;
use serde_json::Value;
use std::io::Write;
use std::process::{Command, Output};
use std::thread;

/// What runs it, and where it is under `tests/check`, without its ending.
const LANGUAGES: [(&str, &str, &str); 2] =
    [("python3", "python", "py"), ("node", "javascript", "js")];

/// `name` in each language that there is here.
fn each(name: &str) -> Vec<[String; 2]> {
    let there = LANGUAGES.into_iter().filter(|(interpreter, ..)| {
        let Err(error) = Command::new(interpreter).arg("--version").output() else { return true };
        assert!(std::env::var("CI").is_err(), "{interpreter}: {error}");
        // Not eprintln, which the test harness would keep for itself.
        let _ = writeln!(std::io::stderr(), "skipped: there is no {interpreter} here");
        false
    });
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/check");
    there
        .map(|(interpreter, language, ending)| {
            [interpreter.into(), format!("{folder}/{language}/{name}.{ending}")]
        })
        .collect()
}

fn check(arguments: &[&str], command: &[String]) -> Output {
    let mut check = rawchat(&["check", "--hold=4s"]);
    // The servers take their patience from there.
    check.args(arguments).arg("--").args(command).env("HOLD", "4").output().unwrap()
}

#[test]
#[ignore = "takes a while: make grading"]
fn both_finished_servers_pass_every_check() {
    thread::scope(|scope| {
        for command in each("server") {
            scope.spawn(move || {
                let output = check(&["4", "--strict", "--json"], &command);
                let [said, why] =
                    [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
                let json: Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{why}"));
                let tests = json["tests"].as_array().unwrap();
                assert_eq!(tests.len(), 53, "{command:?}");
                // Advice is for what came late: with --strict nothing else is.
                let passed = |test: &&Value| test["status"] == "pass" || test["status"] == "advice";
                let others: Vec<_> = tests.iter().filter(|test| !passed(test)).collect();
                assert!(others.is_empty() && output.status.success(), "{command:?}: {others:?}");
            });
        }
    });
}

#[test]
fn both_beginnings_start_and_say_what_to_do_and_pass_nothing() {
    for command in each("skeleton") {
        let output = check(&["1", "--lang=en"], &command);
        let [said, grade] =
            [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        assert_eq!(output.status.code(), Some(3), "{command:?}: {said}");
        let begins = ["\nnot yet    0.1 ", "Stage 0: accept a connection there."];
        assert!(begins.iter().all(|words| said.contains(words)), "{command:?}: {said}");
        assert!(grade.starts_with("no grade yet: begin with stage 0"), "{command:?}: {grade}");
    }
}

fn homework(language: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/public/notes");
    std::fs::read_to_string(format!("{folder}/homework.{language}.md")).unwrap()
}

#[test]
fn the_page_names_the_stages_as_the_checker_does() {
    for language in ["uk", "en"] {
        let list = rawchat(&["check", "--list", "--lang", language]).output().unwrap().stdout;
        let list = String::from_utf8(list).unwrap();
        let is_stage = |line: &&str| line.as_bytes().get(1) == Some(&b' ');
        let stages = list.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit()));
        let stages: Vec<String> =
            stages.filter(is_stage).map(|l| l.replacen("  ", " ", 1)).collect();
        assert!(stages.len() >= 8, "{list}");
        let page = homework(language);
        let headings = page.lines().filter_map(|line| line.strip_prefix("## "));
        let headings: Vec<&str> =
            headings.filter(|heading| heading.starts_with(|c: char| c.is_ascii_digit())).collect();
        assert_eq!(headings, stages, "{language}");
    }
}

#[test]
fn the_page_explains_each_line_of_a_failure_in_its_order() {
    for language in ["uk", "en"] {
        // A server that listens, and answers nobody.
        let nobody = ["tap", "--to", "127.0.0.1:1", "--page", "0", "--port", "{port}"];
        let command = [&[env!("CARGO_BIN_EXE_rawchat")], &nobody[..]].concat();
        let command: Vec<String> = command.into_iter().map(String::from).collect();
        let output = check(&["1", "--only=1.1", "--lang", language], &command);
        let said = String::from_utf8(output.stdout).unwrap();
        let page = homework(language);
        let (_, table) = page.rsplit_once("\n| --- | --- |\n").unwrap();
        let rows = table.lines().take_while(|line| line.starts_with("| "));
        let labels: Vec<&str> = rows.filter_map(|row| row.split(" | ").next()).collect();
        assert_eq!(labels.len(), 7, "{labels:?}");
        let lines = labels.iter().map(|label| format!("  {:<9}", label.trim_start_matches("| ")));
        let places: Vec<_> = lines.map(|begin| said.find(&format!("\n{begin}"))).collect();
        assert!(places.is_sorted() && !places.contains(&None), "{labels:?}, {said}");
    }
}
