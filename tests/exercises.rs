//! The exercises are done: each patch is applied to a copy of the tree, which then builds, and the
//! test that the exercise names fails there, and of its file no other that is not listed below.
//!
//! A patch that does not apply any more is made anew, in a clean tree, by
//! `patch -p1 -F3 --no-backup-if-mismatch < $P && git diff -U1 src public > $P && git apply -R $P`.
//! The copies share their place and their target folder, so only the crate itself is built again.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// No test of a broken tree runs longer.
const PATIENCE: Duration = Duration::from_secs(90);
/// What a test there waits for before it fails, instead of 20 s.
const DEADLINE: &str = "DEADLINE: Duration = Duration::from_secs(8);";
const TEXTS: [(&str, [&str; 6]); 2] = [
    ("README.md", ["Apply", "Do", "See", "Ask", "Answer", "Undo"]),
    ("README.uk.md", ["Застосуйте", "Зробіть", "Побачите", "Подумайте", "Відповідь", "Поверніть"]),
];

struct Exercise {
    name: &'static str,
    /// Where the test stands that catches it, and its name.
    file: &'static str,
    test: &'static str,
    /// Of a Rust test: what else of that file may fail. Of a browser test: what it complains about.
    also: &'static [&'static str],
    /// For the test binary: a choice, where a whole file would wait too long.
    arguments: &'static [&'static str],
}

const fn exercise(
    name: &'static str,
    file: &'static str,
    test: &'static str,
    also: &'static [&'static str],
) -> Exercise {
    Exercise { name, file, test, also, arguments: &[] }
}

const EXERCISES: &[Exercise] = &[
    exercise(
        "01-head-and-body-in-two-writes",
        "exercises_catch.rs",
        "an_answer_never_waits_until_its_own_head_is_acknowledged",
        &[],
    ),
    exercise(
        "02-body-without-a-limit",
        "wire_http.rs",
        "a_body_of_over_64_kib_is_413_when_it_is_announced",
        &["chunks_that_are_none_are_refused", "content_length_is_one_number_of_digits_only"],
    ),
    exercise(
        "03-markup-not-escaped",
        "t1_refresh.rs",
        "markup_that_was_typed_is_shown_and_not_obeyed",
        &[],
    ),
    exercise(
        "04-close-without-listening",
        "server.rs",
        "a_client_that_is_still_sending_can_read_why_it_was_refused",
        &["a_newcomer_that_is_turned_away_while_it_sends_can_read_why"],
    ),
    exercise(
        "05-any-host",
        "wire_http.rs",
        "a_request_has_exactly_one_host",
        &["a_host_in_the_target_is_the_host"],
    ),
    exercise(
        "06-answers-that-may-be-cached",
        "wire_http.rs",
        "a_response_is_one_piece_with_its_date_and_length_and_is_never_cached",
        &[],
    ),
    exercise(
        "07-one-message-too-many",
        "t2_short_polling.rs",
        "a_poll_without_news_is_answered_at_once_with_an_empty_array",
        &["who_polls_with_the_last_id_it_has_sees_each_message_once_and_in_order"],
    ),
    exercise(
        "08-polls-that-do-not-wait",
        "browser/t2_short_polling.test.js",
        "§2 the next poll starts three seconds after the last answer came, however slow the server is",
        &["a pause of"],
    ),
    exercise(
        "09-ids-from-before-a-restart",
        "t2_short_polling.rs",
        "a_reader_from_before_a_restart_gets_everything_there_is",
        &[],
    ),
    exercise(
        "10-look-then-lock",
        "room_model.rs",
        "no_wake_up_is_lost_between_the_check_and_the_wait",
        &[
            "speakers_that_are_made_to_wait_go_on_when_the_broadcaster_has_caught_up",
            "the_broadcaster_is_woken_for_each_message_coming_and_going",
            "two_waiting_readers_both_wake",
            "who_asks_again_sees_each_message_once_and_in_order",
        ],
    ),
    exercise(
        "11-if-for-while",
        "room_model.rs",
        "the_broadcaster_is_woken_for_each_message_coming_and_going",
        &[],
    ),
    exercise(
        "12-notify-one",
        "room_model.rs",
        "two_waiting_readers_both_wake",
        &["who_asks_again_sees_each_message_once_and_in_order"],
    ),
    Exercise {
        name: "13-last-id-ignored",
        file: "t3_long_polling.rs",
        test: "a_reader_that_is_behind_is_answered_at_once",
        also: &["who_asks_again_at_once_sees_each_message_once_and_in_order"],
        arguments: &["--skip", "a_thousand_readers"],
    },
    exercise(
        "14-nobody-looks",
        "t3_long_polling.rs",
        "a_reader_that_says_good_bye_while_it_waits_is_noticed_within_a_glance",
        &["a_reader_that_vanishes_with_rst_while_it_waits_is_noticed_within_a_glance"],
    ),
    exercise("15-no-jitter", "exercises_catch.rs", "the_pauses_of_two_pages_are_not_the_same", &[]),
    exercise(
        "16-accept-key-without-the-guid",
        "wire_websocket.rs",
        "the_handshake_of_the_rfc_is_answered_as_in_the_rfc",
        &["the_key_of_the_answer_is_made_of_the_whole_key_of_the_question"],
    ),
    exercise(
        "17-no-unmasking",
        "wire_websocket.rs",
        "every_prefix_of_a_message_asks_for_more",
        &[
            "a_close_code_is_one_of_those_that_may_travel",
            "a_close_has_no_payload_or_a_code_and_a_reason_in_utf8",
            "a_size_is_judged_when_it_is_announced_and_over_all_fragments",
            "any_bytes_are_a_frame_a_violation_or_too_few",
            "control_frames_stand_between_fragments_and_belong_to_no_message",
            "half_a_character_at_the_end_of_a_text_is_1007_and_in_a_binary_is_nobodys_business",
            "text_that_is_not_utf8_is_1007_at_the_first_byte_that_is_wrong",
            "what_is_said_in_fragments_and_pieces_is_heard_whole_and_in_order",
        ],
    ),
    exercise(
        "18-size-believed",
        "wire_websocket.rs",
        "a_size_is_judged_when_it_is_announced_and_over_all_fragments",
        &[],
    ),
    exercise("19-two-writers", "exercises_catch.rs", "a_pong_never_lands_within_a_frame", &[]),
    Exercise {
        name: "20-lock-held-while-writing",
        file: "faults.rs",
        test: "a_reader_that_wakes_in_time_has_missed_nothing_and_is_live_again",
        also: &["a_reader_that_wakes_too_late_is_told_why_it_is_closed"],
        arguments: &["a_reader_that_wakes", "a_member_whose_", "a_peer_that_"],
    },
    exercise(
        "21-inner-html",
        "browser/every_page.test.js",
        "§4 shows markup as text, in a message and in a name",
        &["TimeoutError"],
    ),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn patch(name: &str) -> PathBuf {
    root().join(format!("tests/exercises/{name}.patch"))
}

// ---- They can be done, and are caught

#[test]
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
        copy_tree(root(), &desk.copy);
        let common = desk.copy.join("tests/common/mod.rs");
        let patient = fs::read_to_string(&common).unwrap();
        let hasty = patient.replace("DEADLINE: Duration = Duration::from_secs(60);", DEADLINE);
        assert_ne!(patient, hasty, "there is another DEADLINE");
        fs::write(common, hasty).unwrap();
        desk.borrow_dependencies();
        desk
    }

    /// What the crate depends on was built for this very test: hard links to that save minutes.
    /// Nothing of the crate itself, because it would be written into.
    fn borrow_dependencies(&self) {
        let this = std::env::current_exe().unwrap();
        let profile = this.ancestors().nth(2).unwrap();
        let own: Vec<String> = names(&profile.join(".fingerprint"))
            .iter()
            .filter_map(|name| name.strip_prefix("rawchat-").map(str::to_string))
            .collect();
        for folder in ["deps", "build", ".fingerprint"] {
            let to = self.target.join(profile.file_name().unwrap()).join(folder);
            link_tree(&profile.join(folder), &to, &own);
        }
    }

    fn carry_out(&self, exercise: &Exercise) -> Result<&'static str, String> {
        let path = patch(exercise.name);
        let text = fs::read_to_string(&path).map_err(|error| error.to_string())?;
        let files: Vec<&str> = text.lines().filter_map(|l| l.strip_prefix("+++ b/")).collect();
        self.apply(&path)?;
        for file in &files {
            // Git says nothing of a patch to what it thinks is elsewhere.
            let same = fs::read_to_string(self.copy.join(file)).unwrap() == read(file);
            assert!(!same, "{}: {file} is as it was", exercise.name);
        }
        let outcome = match exercise.file.ends_with(".js") {
            true => self.browser(exercise),
            false => self.rust(exercise),
        };
        for file in files {
            fs::write(self.copy.join(file), read(file)).unwrap();
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

    fn cargo(&self, arguments: &[&str]) -> Result<String, String> {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(arguments).arg("--offline").current_dir(&self.copy);
        let output = cargo.env("CARGO_TARGET_DIR", &self.target).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() { Ok(said) } else { Err(format!("does not build:\n{said}")) }
    }

    fn rust(&self, exercise: &Exercise) -> Result<&'static str, String> {
        let said =
            self.cargo(&["test", "--no-run", "--test", exercise.file.trim_end_matches(".rs")])?;
        let (_, binary) = said.rsplit_once(" (").ok_or(format!("no binary in {said}"))?;
        let binary = binary.trim_end().trim_end_matches(')');
        let mut test = Command::new(self.copy.join(binary));
        let said = self.run(test.args(exercise.arguments))?.1;
        let results =
            said.lines().filter_map(|line| line.strip_prefix("test ")?.split_once(" ... "));
        let failed: BTreeSet<&str> = results
            .filter(|(_, result)| !result.starts_with("ok") && !result.starts_with("ignored"))
            .map(|(name, _)| name.trim_end_matches(" - should panic"))
            .collect();
        let unexpected: Vec<_> = failed
            .iter()
            .filter(|name| **name != exercise.test && !exercise.also.contains(name))
            .collect();
        match failed.contains(exercise.test) {
            false => Err(format!("{} does not catch it:\n{said}", exercise.test)),
            true if !unexpected.is_empty() => Err(format!("{unexpected:?} fail as well:\n{said}")),
            true => Ok("caught"),
        }
    }

    fn browser(&self, exercise: &Exercise) -> Result<&'static str, String> {
        self.cargo(&["build"])?;
        let folder = root().join("tests/browser");
        if let Some(tool) = missing_for_a_browser(&folder) {
            assert!(std::env::var("CI").is_err(), "there is no {tool} here");
            return Ok("builds; skipped, because a tool of the browser tests is missing");
        }
        let (_, file) = exercise.file.split_once('/').unwrap();
        let mut node = Command::new("node");
        node.args(["--test", "--test-timeout=60000", "--test-reporter=tap"]);
        let pattern = format!("--test-name-pattern=^{}$", exercise.test);
        node.arg(pattern).arg(file).current_dir(folder);
        node.env("RAWCHAT", self.target.join("debug/rawchat"));
        let (passed, said) = self.run(&mut node)?;
        let failed = said
            .lines()
            .any(|line| line.trim_start().starts_with("not ok") && line.ends_with(exercise.test));
        match !passed && failed && exercise.also.iter().all(|words| said.contains(words)) {
            true => Ok("caught"),
            false => Err(format!("{:?} does not catch it:\n{said}", exercise.test)),
        }
    }

    /// What `command` says, and whether it ended well. It is given [`PATIENCE`].
    fn run(&self, command: &mut Command) -> Result<(bool, String), String> {
        let log = self.target.with_file_name("log");
        let out = File::create(&log).unwrap();
        command.stdin(Stdio::null()).stderr(out.try_clone().unwrap()).stdout(out);
        if command.get_current_dir().is_none() {
            command.current_dir(&self.copy);
        }
        // A test of ours may itself be run by a test runner, of which this one must not know.
        command.env("RUST_BACKTRACE", "0").env_remove("NODE_TEST_CONTEXT");
        let mut child = command.spawn().map_err(|error| format!("{command:?}: {error}"))?;
        let (id, (sender, ended)) = (child.id().to_string(), mpsc::channel());
        thread::spawn(move || sender.send(child.wait().unwrap()));
        let status = ended.recv_timeout(PATIENCE);
        if status.is_err() {
            Command::new("kill").args(["-KILL", &id]).status().unwrap();
            ended.recv().unwrap();
        }
        let said = String::from_utf8_lossy(&fs::read(&log).unwrap()).into_owned();
        match status {
            Ok(status) => Ok((status.success(), said)),
            Err(_) => Err(format!("does not end:\n{said}")),
        }
    }
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
    let own = Path::new(env!("CARGO_TARGET_TMPDIR")).starts_with(from) && from != root();
    if built || own || from.ends_with("node_modules") || from.ends_with("tests/exercises") {
        return;
    }
    fs::create_dir_all(to).unwrap();
    for name in names(from) {
        let (here, there) = (from.join(&name), to.join(&name));
        match &name {
            hidden if hidden.starts_with('.') => {}
            _ if here.ends_with("tests/exercises.rs") => {}
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

fn cyrillic(text: &str) -> bool {
    text.chars().any(|c| ('\u{400}'..='\u{52f}').contains(&c))
}

#[test]
fn every_exercise_is_told_whole_in_both_languages() {
    let mut patches: Vec<String> = names(&root().join("tests/exercises"))
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
fn the_tests_that_catch_stand_where_they_are_said_to_stand() {
    for Exercise { name, file, test, also, .. } in EXERCISES {
        let text = read(format!("tests/{file}"));
        match file.ends_with(".js") {
            true => {
                let title = test.replacen("§4", "§${part}", 1);
                assert!(text.contains(*test) || text.contains(&title), "{name}: {test}");
            }
            false => {
                for test in [test].into_iter().chain(*also) {
                    assert!(text.contains(&format!("fn {test}(")), "{name}: {test}");
                }
            }
        }
    }
}

/// Every mark of the source.
fn marks() -> BTreeSet<String> {
    let mut folders = vec![root().join("src")];
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
