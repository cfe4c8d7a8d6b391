//! The exercises are done: each patch is applied to a copy of the tree, which then builds, and the
//! test that the exercise names fails there and prints what there was to be seen. Only that test is
//! run, and nobody measures how long it takes, so a busy machine changes nothing. The last patch is no
//! fault but what somebody was asked to build: all tests of the file that it names pass with it.
//!
//! A patch that does not apply any more is made anew, in a clean tree, by
//! `patch -p1 -F3 --no-backup-if-mismatch < $P && git add -N src public && git diff -U1 src public > $P
//! && git apply -R $P`.
//! The copies share their place and their target folder, so only the crate itself is built again.

use super::{cyrillic, path, read};
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

const TEXTS: [(&str, [&str; 6]); 2] = [
    ("README.md", ["Apply", "Do", "See", "Ask", "Answer", "Undo"]),
    ("README.uk.md", ["Застосуйте", "Зробіть", "Побачите", "Подумайте", "Відповідь", "Поверніть"]),
];

/// Ours; the others are what they depend on.
const PACKAGES: [&str; 4] = ["rawchat", "models", "benches", "peers"];

struct Exercise {
    name: &'static str,
    /// Where the test stands that catches it, under `tests`; and its name.
    file: &'static str,
    test: &'static str,
    /// What that test prints when it fails: the reason must be this one. Nothing: it passes.
    prints: &'static str,
    /// The check of `rawchat check` that finds it from outside; or why none can.
    check: Result<&'static str, &'static str>,
}

const EXERCISES: &[Exercise] = &[
    Exercise {
        name: "01-head-and-body-in-two-writes",
        file: "exercises_catch.rs",
        test: "an_answer_never_waits_until_its_own_head_is_acknowledged",
        prints: "came in two pieces",
        check: Ok("1.10"),
    },
    Exercise {
        name: "02-body-without-a-limit",
        file: "wire_http.rs",
        test: "a_body_of_over_64_kib_is_413_when_it_is_announced",
        prints: "what they came to, expected",
        check: Ok("2.8"),
    },
    Exercise {
        name: "03-markup-not-escaped",
        file: "t1_refresh.rs",
        test: "markup_that_was_typed_is_shown_and_not_obeyed",
        prints: "page.contains(\"&lt;img",
        check: Ok("2.5"),
    },
    Exercise {
        name: "04-close-without-listening",
        file: "server.rs",
        test: "a_client_that_is_still_sending_can_read_why_it_was_refused",
        prints: "Err",
        check: Ok("2.10"),
    },
    Exercise {
        name: "05-any-host",
        file: "wire_http.rs",
        test: "a_request_has_exactly_one_host",
        prints: "what they came to, expected",
        check: Ok("1.7"),
    },
    Exercise {
        name: "06-answers-that-may-be-cached",
        file: "wire_http.rs",
        test: "a_response_is_one_piece_with_its_date_and_length_and_is_never_cached",
        prints: "Cache-Control: no-store",
        check: Ok("3.3"),
    },
    Exercise {
        name: "07-one-message-too-many",
        file: "t2_short_polling.rs",
        test: "a_poll_without_news_is_answered_at_once_with_an_empty_array",
        prints: "right: (200, \"[]\")",
        check: Ok("3.2"),
    },
    Exercise {
        name: "08-polls-that-do-not-wait",
        file: "browser/t2_short_polling.test.js",
        test: "§2 the next poll starts three seconds after the last answer came, however slow the server is",
        prints: "a pause of",
        check: Err("it is the page that asks too early"),
    },
    Exercise {
        name: "09-ids-from-before-a-restart",
        file: "t2_short_polling.rs",
        test: "a_reader_from_before_a_restart_gets_everything_there_is",
        prints: "right: [1]",
        check: Ok("3.4"),
    },
    Exercise {
        name: "10-look-then-lock",
        file: "models/room.rs",
        test: "no_wake_up_is_lost_between_the_check_and_the_wait",
        prints: "deadlock!",
        check: Err(
            "a gap of nanoseconds, which two hundred messages do not meet; a model tries all orders",
        ),
    },
    Exercise {
        name: "11-if-for-while",
        file: "models/room.rs",
        test: "who_waits_for_something_else_than_a_message_is_woken_by_a_ring",
        prints: "left: []",
        check: Err("part 3 has a loop of its own around this wait"),
    },
    Exercise {
        name: "12-notify-one",
        file: "models/room.rs",
        test: "two_waiting_readers_both_wake",
        prints: "deadlock!",
        check: Ok("4.4"),
    },
    Exercise {
        name: "13-last-id-ignored",
        file: "t3_long_polling.rs",
        test: "a_reader_that_is_behind_is_answered_at_once",
        prints: "right: [2, 3]",
        check: Ok("4.2"),
    },
    Exercise {
        name: "14-nobody-looks",
        file: "t3_long_polling.rs",
        test: "a_reader_that_says_good_bye_while_it_waits_is_noticed_within_a_glance",
        prints: "one waits",
        check: Ok("4.9"),
    },
    Exercise {
        name: "15-no-jitter",
        file: "exercises_catch.rs",
        test: "the_pauses_of_two_pages_are_not_the_same",
        prints: "all pause alike",
        check: Err("it is the page that comes back too early"),
    },
    Exercise {
        name: "16-accept-key-without-the-guid",
        file: "wire_websocket.rs",
        test: "the_handshake_of_the_rfc_is_answered_as_in_the_rfc",
        prints: "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
        check: Ok("5.1"),
    },
    Exercise {
        name: "17-no-unmasking",
        file: "wire_websocket.rs",
        test: "every_prefix_of_a_message_asks_for_more",
        prints: "events.len() < expected.len()",
        check: Ok("6.2"),
    },
    Exercise {
        name: "18-size-believed",
        file: "wire_websocket.rs",
        test: "a_size_is_judged_when_it_is_announced_and_over_all_fragments",
        prints: "right: Some(1009)",
        check: Ok("7.4"),
    },
    Exercise {
        name: "19-two-writers",
        file: "exercises_catch.rs",
        test: "a_pong_never_lands_within_a_frame",
        prints: "a pong stands",
        check: Ok("7.6"),
    },
    Exercise {
        name: "20-lock-held-while-writing",
        file: "faults.rs",
        test: "a_reader_that_wakes_in_time_has_missed_nothing_and_is_live_again",
        prints: "expected a frame",
        check: Ok("7.3"),
    },
    Exercise {
        name: "21-inner-html",
        file: "browser/every_page.test.js",
        test: "§4 shows markup as text, in a message and in a name",
        prints: "TimeoutError",
        check: Err("it is the page that takes a text for markup"),
    },
    Exercise {
        name: "22-server-sent-events-solution",
        file: "browser/t5_events.js",
        test: "§5 the browser opens a connection that was cut by itself, and says which event it has",
        prints: "",
        check: Err("it is no fault; its stage is 8"),
    },
];

impl Exercise {
    fn is_solution(&self) -> bool {
        self.prints.is_empty()
    }
}

// ---- They can be done, and are caught

#[test]
#[ignore = "takes minutes: make exercises"]
fn each_exercise_applies_builds_and_is_caught_by_the_test_that_it_names() {
    let desk = Desk::new();
    let mut problems = Vec::new();
    // One after another: they share their place.
    for exercise in EXERCISES {
        let began = Instant::now();
        let outcome = desk.carry_out(exercise);
        // Not println, which the test harness would keep for itself.
        let word = outcome.as_ref().map_or("NOT AS IT SHOULD BE", |word| word);
        let seconds = began.elapsed().as_secs_f32();
        let _ = writeln!(io::stderr(), "{}: {word}, {seconds:.1} s", exercise.name);
        problems.extend(outcome.err().map(|problem| format!("{}: {problem}", exercise.name)));
    }
    assert!(problems.is_empty(), "\n{}", problems.join("\n\n"));
}

/// A copy of the tree, and what is built of it.
struct Desk {
    copy: PathBuf,
    target: PathBuf,
}

impl Desk {
    fn new() -> Desk {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("exercises");
        let desk = Desk { copy: folder.join("tree"), target: folder.join("target") };
        let _ = fs::remove_dir_all(&desk.copy);
        copy_tree(&path(""), &desk.copy);
        desk.borrow_dependencies();
        desk
    }

    /// What the crate depends on was built for this very test: hard links to that save minutes.
    /// Nothing of our own packages, because it would be written into.
    fn borrow_dependencies(&self) {
        let this = std::env::current_exe().unwrap();
        let profile = this.ancestors().nth(2).unwrap();
        let own: Vec<String> = names(&profile.join(".fingerprint"))
            .iter()
            .filter_map(|name| name.rsplit_once('-'))
            .filter(|(package, _)| PACKAGES.contains(package))
            .map(|(_, hash)| hash.to_string())
            .collect();
        for folder in ["deps", "build", ".fingerprint"] {
            let to = self.target.join(profile.file_name().unwrap()).join(folder);
            link_tree(&profile.join(folder), &to, &own);
        }
    }

    fn carry_out(&self, exercise: &Exercise) -> Result<&'static str, String> {
        let path = path(format!("tests/exercises/{}.patch", exercise.name));
        let text = fs::read_to_string(&path).map_err(|error| error.to_string())?;
        let files: Vec<&str> = text.lines().filter_map(|l| l.strip_prefix("+++ b/")).collect();
        self.apply(&path)?;
        for file in &files {
            // Git says nothing of a patch to what it thinks is elsewhere.
            let copy = fs::read_to_string(self.copy.join(file)).unwrap();
            assert!(
                !super::path(file).exists() || copy != read(file),
                "{}: {file} is as it was",
                exercise.name
            );
        }
        let (outcome, checked) = thread::scope(|scope| {
            let checked = scope.spawn(|| self.checked(exercise));
            let outcome = match exercise.file.ends_with(".js") {
                true => self.browser(exercise),
                false => self.rust(exercise),
            };
            (outcome, checked.join().unwrap_or_else(|panic| resume_unwind(panic)))
        });
        let outcome = outcome.and_then(|word| checked.map(|()| word));
        for file in files {
            let copy = self.copy.join(file);
            match super::path(file).exists() {
                true => fs::write(copy, read(file)).unwrap(),
                false => fs::remove_file(copy).unwrap(),
            }
        }
        outcome
    }

    fn apply(&self, path: &Path) -> Result<(), String> {
        let mut git = Command::new("git");
        // The copy stands in a repository, perhaps, but is no part of it.
        git.arg("apply").arg(path).current_dir(&self.copy).env_remove("GIT_DIR");
        git.env("GIT_CEILING_DIRECTORIES", self.copy.parent().unwrap());
        let output = git.output().map_err(|error| format!("git: {error}"))?;
        let problem = String::from_utf8_lossy(&output.stderr);
        output.status.success().then_some(()).ok_or(format!("does not apply: {problem}"))
    }

    fn cargo(&self) -> Command {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.current_dir(&self.copy).env("CARGO_TARGET_DIR", &self.target);
        cargo.env("HANGS_SOON", "");
        cargo
    }

    fn rust(&self, exercise: &Exercise) -> Result<&'static str, String> {
        let binary = exercise.file.trim_end_matches(".rs");
        let (package, binary) = binary.split_once('/').unwrap_or(("rawchat", binary));
        let mut cargo = self.cargo();
        cargo.args(["test", "-p", package, "--test", binary, "--", "--exact", exercise.test]);
        let (passed, said) = run(&mut cargo);
        let failed = said.contains(&format!("test {} ... FAILED", exercise.test));
        judge(exercise, passed, failed, &said)
    }

    /// The checker is ours, the server is the copy's.
    fn checked(&self, exercise: &Exercise) -> Result<(), String> {
        let Ok(id) = exercise.check else { return Ok(()) };
        let (built, said) = run(self.cargo().arg("build"));
        if !built {
            return Err(format!("does not build:\n{said}"));
        }
        let part = match id.as_bytes()[0] {
            b'0'..=b'2' => "1",
            b'3' => "2",
            b'4' => "3",
            _ => "4",
        };
        let mut said = String::new();
        // Where the machine was busy an answer may have come too late for a fault to be seen in it.
        for _ in 0..3 {
            let mut check = Command::new(env!("CARGO_BIN_EXE_rawchat"));
            check.args(["check", "4", "--strict", "--json", "--patience=2s", "--only", id, "--"]);
            check.arg(self.target.join("debug/rawchat")).args([part, "--quiet"]);
            said = run(&mut check).1;
            // With --strict, advice is for what came late, which may be the machine's fault. One kind of
            // it counts: a reader that nobody wakes looks once a second nevertheless, and so is answered.
            let found = ["\"status\":\"fail\",\"score\"", "and nobody wakes them?"];
            if found.iter().any(|words| said.contains(words)) {
                return Ok(());
            }
        }
        Err(format!("check {id} does not find it:\n{said}"))
    }

    fn browser(&self, exercise: &Exercise) -> Result<&'static str, String> {
        let (built, said) = run(self.cargo().arg("build"));
        if !built {
            return Err(format!("does not build:\n{said}"));
        }
        let folder = path("tests/browser");
        if let Some(tool) = missing_for_a_browser(&folder) {
            assert!(std::env::var("CI").is_err(), "there is no {tool} here");
            let _ = writeln!(io::stderr(), "{}: there is no {tool} here", exercise.name);
            return Ok("builds; the test is skipped");
        }
        let (_, file) = exercise.file.split_once('/').unwrap();
        let mut node = Command::new("node");
        node.args(["--test", "--test-reporter=tap"]);
        if !exercise.is_solution() {
            node.arg(format!("--test-name-pattern=^{}$", exercise.test));
        }
        if exercise.prints == "TimeoutError" {
            node.env("HANGS_SOON", "");
        }
        node.arg(file).current_dir(folder);
        node.env("RAWCHAT", self.target.join("debug/rawchat"));
        let (passed, said) = run(&mut node);
        let not_ok = |line: &str| line.trim_start().starts_with("not ok");
        let failed = said.lines().any(|line| not_ok(line) && line.ends_with(exercise.test));
        judge(exercise, passed, failed, &said)
    }
}

fn judge(
    exercise: &Exercise,
    passed: bool,
    failed: bool,
    said: &str,
) -> Result<&'static str, String> {
    let Exercise { test, prints, .. } = exercise;
    match failed {
        false if passed && exercise.is_solution() => Ok("solved"),
        _ if exercise.is_solution() => Err(format!("it does not pass:\n{said}")),
        true if passed => Err(format!("{test} failed, and yet all passed:\n{said}")),
        false => Err(format!("{test} does not catch it:\n{said}")),
        true if !said.contains(prints) => Err(format!("{test} fails without {prints:?}:\n{said}")),
        true => Ok("caught"),
    }
}

/// Whether `command` ended well, and what it said.
fn run(command: &mut Command) -> (bool, String) {
    // A test of ours may itself be run by a test runner, of which this one must not know.
    command.stdin(Stdio::null()).env("RUST_BACKTRACE", "0").env_remove("NODE_TEST_CONTEXT");
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

fn missing_for_a_browser(folder: &Path) -> Option<&'static str> {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let has = |tool: &str| std::env::split_paths(&paths).any(|folder| folder.join(tool).is_file());
    let chromium = ["chromium", "chromium-browser", "google-chrome"].into_iter().any(has);
    match () {
        () if !has("node") => Some("node"),
        () if !chromium && std::env::var_os("CHROMIUM").is_none() => Some("chromium"),
        () if !folder.join("node_modules").is_dir() => Some("tests/browser/node_modules"),
        () => None,
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// All but what is hidden, built or fetched; and not the exercises, which would be done again there.
fn copy_tree(from: &Path, to: &Path) {
    let built = from.join("CACHEDIR.TAG").exists();
    // Nor the place where the copy is made, should a target directory have no such tag.
    let own = Path::new(env!("CARGO_TARGET_TMPDIR")).starts_with(from) && from != path("");
    if built || own || from.ends_with("node_modules") || from.ends_with("tests/exercises") {
        return;
    }
    fs::create_dir_all(to).unwrap();
    for name in names(from) {
        let (here, there) = (from.join(&name), to.join(&name));
        match &name {
            hidden if hidden.starts_with('.') => {}
            _ if here.is_dir() => copy_tree(&here, &there),
            // Not fs::copy: the new file has to look newer than what was built last time.
            _ => fs::write(there, fs::read(here).unwrap()).unwrap(),
        }
    }
}

/// Where a link cannot be made, cargo builds what is missing.
fn link_tree(from: &Path, to: &Path, but: &[String]) {
    let _ = fs::create_dir_all(to);
    for name in names(from) {
        let (here, there) = (from.join(&name), to.join(&name));
        match here.is_dir() {
            _ if but.iter().any(|hash| name.contains(hash)) => {}
            true => link_tree(&here, &there, but),
            false => drop(fs::hard_link(here, there)),
        }
    }
}

// ---- They are told, in both languages

struct Told {
    title: String,
    part: usize,
    marks: Vec<String>,
    fields: Vec<(String, String)>,
}

/// `## 07. Title`, `Part 2 · §2.1`, and paragraphs that begin with `**Label.**`.
fn told(text: &str) -> Vec<(usize, Told)> {
    let chapters = text.split("\n## ").skip(1);
    let exercise = |chapter: &str| {
        let (head, body) = chapter.split_once("\n\n").expect("a title, and a blank line");
        let (number, title) = head.split_once(". ").expect("a number before the title");
        let body = body.split("\n# ").next().unwrap();
        let (place, rest) = body.split_once("\n\n").expect("the part and its marks");
        let mut words = place.split_whitespace();
        let part = words.nth(1).and_then(|word| word.parse().ok());
        let marks = place.split_whitespace().filter(|word| word.starts_with('§'));
        let fields = rest.split("**").skip(1).collect::<Vec<_>>();
        let fields = fields.chunks(2).map(|pair| {
            let value = pair.get(1).map_or("", |value| value.trim());
            (pair[0].trim_end_matches('.').to_string(), value.to_string())
        });
        let told = Told {
            title: title.to_string(),
            part: part.unwrap_or_else(|| panic!("{title}: no part in {place:?}")),
            marks: marks.map(|mark| mark.trim_end_matches(',').to_string()).collect(),
            fields: fields.collect(),
        };
        (number.parse().expect("a number"), told)
    };
    chapters.map(exercise).collect()
}

#[test]
fn every_exercise_is_told_whole_in_both_languages() {
    let mut patches: Vec<String> = names(&path("tests/exercises"))
        .iter()
        .filter_map(|name| name.strip_suffix(".patch").map(str::to_string))
        .collect();
    patches.sort();
    let known: Vec<&str> = EXERCISES.iter().map(|exercise| exercise.name).collect();
    assert_eq!(patches, known, "a patch without an exercise, or an exercise without a patch");
    let marks = marks();
    let mut places = Vec::new();
    for (file, labels) in TEXTS {
        let text = read(format!("tests/exercises/{file}"));
        let told = told(&text);
        assert_eq!(told.len(), EXERCISES.len(), "{file}");
        for (at, ((number, told), exercise)) in told.iter().zip(EXERCISES).enumerate() {
            let name = format!("{file}, {number}. {}", told.title);
            assert_eq!(*number, at + 1, "{name}");
            assert!(exercise.name.starts_with(&format!("{number:02}-")), "{name}");
            let found: Vec<&str> = told.fields.iter().map(|(label, _)| label.as_str()).collect();
            assert_eq!(found, labels, "{name}");
            for (label, value) in &told.fields {
                assert!(!value.is_empty(), "{name}: {label}");
            }
            let [apply, told_do, see, ask, answer, undo] =
                [0, 1, 2, 3, 4, 5].map(|at| told.fields[at].1.as_str());
            let path = format!("tests/exercises/{}.patch`", exercise.name);
            assert!(apply.contains(&format!("`git apply {path}")), "{name}: {apply}");
            assert!(undo.contains(&format!("`git apply -R {path}")), "{name}: {undo}");
            assert!(ask.contains('?'), "{name}: a question is asked");
            let test = format!("`tests/{}`: `{}`", exercise.file, exercise.test);
            assert!(answer.contains(&test), "{name}: {answer}, expected {test}");
            assert!(answer.contains("RFC") || answer.contains('§'), "{name}: {answer}");
            for words in [told.title.as_str(), told_do, see, ask] {
                assert_eq!(
                    cyrillic(&words.replace("Анонім", "")),
                    file == "README.uk.md",
                    "{words}"
                );
            }
            assert!(!told.marks.is_empty(), "{name}: no mark");
            for mark in &told.marks {
                assert!(marks.contains(mark), "{name}: {mark} is nowhere in src");
            }
            places.push((*number, told.part, told.marks.clone()));
        }
    }
    let (en, uk) = places.split_at(EXERCISES.len());
    assert_eq!(en, uk, "both languages point at the same");
    for part in 1..=4 {
        let count = en.iter().filter(|(_, other, _)| *other == part).count();
        assert!(count >= 3, "{count} exercises in part {part}");
    }
}

#[test]
fn every_exercise_applies_to_the_tree_as_it_is() {
    let applies = |name: &str, turned: &[&str]| {
        let mut git = Command::new("git");
        git.args(["apply", "--check"]).args(turned).current_dir(path(""));
        let output = git.arg(path(format!("tests/exercises/{name}.patch"))).output();
        output.ok().map(|output| output.status.success())
    };
    if applies(EXERCISES[0].name, &[]).is_none() {
        let _ = writeln!(io::stderr(), "skipped: there is no git here");
        return;
    }
    // Somebody is doing one.
    if EXERCISES.iter().any(|exercise| applies(exercise.name, &["-R"]) == Some(true)) {
        return;
    }
    let fail = |name: &&str| applies(name, &[]) == Some(false);
    let names: Vec<_> = EXERCISES.iter().map(|exercise| exercise.name).filter(fail).collect();
    assert!(names.is_empty(), "to be made anew, as is told at the head of this file: {names:?}");
}

#[test]
fn the_tests_that_catch_stand_where_they_are_said_to_stand() {
    for Exercise { name, file, test, .. } in EXERCISES {
        let text = read(format!("tests/{file}"));
        match file.ends_with(".js") {
            true => {
                let title = test.replacen("§4", "§${part}", 1);
                assert!(text.contains(*test) || text.contains(&title), "{name}: {test}");
            }
            false => assert!(text.contains(&format!("fn {test}(")), "{name}: {test}"),
        }
    }
}

/// Every mark of the source.
fn marks() -> BTreeSet<String> {
    let mut folders = vec![path("src")];
    let mut marks = BTreeSet::new();
    while let Some(folder) = folders.pop() {
        for path in names(&folder).iter().map(|name| folder.join(name)) {
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            for line in read(&path).lines().map(str::trim).filter(|line| line.starts_with("//")) {
                let comment = line.trim_start_matches(['/', '!']).trim();
                let word = comment.split_whitespace().next().unwrap_or_default();
                if word.starts_with('§') {
                    marks.insert(word.trim_end_matches([':', '.']).to_string());
                }
            }
        }
    }
    assert!(marks.len() > 20, "{marks:?}");
    marks
}
