//! The experiments of `/experiments` and of the notes are carried out, with the very tools they name,
//! against a real server, and what comes back is compared with what is shown.
//!
//! A transcript is a block tagged `console`:
//!
//! ```text
//! $ cargo run -- 3        the part; here the binary is started, on a free port instead of 3000
//! # terminal 2            what follows happens in another terminal
//! $ telnet …              a command for the shell; `\` at its end continues it
//! > GET / HTTP/1.1        typed into the program that is running, with Enter
//! ^C                      ends that program; every other one must end by itself
//! HTTP/1.1 200 OK         everything else comes back
//! Date: …                 `…` is any run of characters; alone, any number of lines
//! 30.… s                  so long at the least
//! ```
//! Blank lines before and after what comes back do not count.
//!
//! In a note the server of its part runs already, what follows happens in terminal 2, and the file
//! `handshake` is what the block that makes it has made. (Blocks tagged `js` are for a browser:
//! `tests/browser/notes.test.js`.)

use super::common::{binary, eventually, rawchat};
use super::{path, read};
use rawchat::room;
use rawchat::server::{self, Limits};
use rawchat::techniques::{Timing, said, t1_refresh, t4_brake, t4_echo, t4_timeline, t4_websocket};
use rawchat::wire::{budget, http, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, PipeReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// What comes back comes within this: a silent WebSocket is closed after 60 s.
const PATIENCE: Duration = Duration::from_secs(120);
const READMES: [&str; 2] = ["README.md", "README.uk.md"];
const EXPERIMENTS: [&str; 2] = ["public/notes/experiments.en.md", "public/notes/experiments.uk.md"];
const API: [&str; 2] = ["public/notes/api.en.md", "public/notes/api.uk.md"];
const HOMEWORK: [&str; 2] = ["public/notes/homework.en.md", "public/notes/homework.uk.md"];
const NOTES: [&str; 2] = ["public/notes/en.md", "public/notes/uk.md"];
const EXERCISES: [&str; 2] = ["tests/exercises/README.md", "tests/exercises/README.uk.md"];
const LECTURES: [&str; 2] = ["public/notes/lecture.en.md", "public/notes/lecture.uk.md"];
/// A command may start so many long polls.
const WAITING_MAX: usize = 100;
const PORT: &str = "3000";
/// Of what stands in front of the server, and of its page.
const TAP_PORTS: [&str; 2] = ["3001", "3002"];
const TOOLS: [&str; 6] = ["bash", "curl", "telnet", "nc", "openssl", "xxd"];

#[test]
#[ignore = "takes a minute, and tools: make experiments"]
fn every_experiment_gives_what_is_shown() {
    let experiments = experiments();
    let missing = missing_tools();
    assert!(experiments.len() >= 50, "{} experiments", experiments.len());
    for part in 1..=4 {
        let command = format!("$ cargo run -- {part}\n");
        assert!(experiments.keys().any(|text| text.starts_with(&command)), "none in part {part}");
    }
    // Side by side, because one of them waits for a minute.
    let threads: Vec<_> = experiments
        .into_iter()
        .filter_map(|(text, place)| {
            match needs(&text).into_iter().find(|tool| missing.contains(tool)) {
                None => Some(thread::spawn(move || carry_out(&text, &place))),
                Some(tool) => {
                    // Not eprintln, which the test harness would keep for itself.
                    let _ = writeln!(io::stderr(), "{place}: skipped, there is no {tool} here");
                    None
                }
            }
        })
        .collect();
    let results = threads.into_iter().map(|thread| thread.join().unwrap());
    let problems: Vec<String> = results.filter_map(Result::err).collect();
    assert!(problems.is_empty(), "\n{}", problems.join("\n\n"));
}

/// Each transcript once, and where it stands.
fn experiments() -> BTreeMap<String, String> {
    let mut experiments = BTreeMap::new();
    for file in EXPERIMENTS {
        for Block { tag, line, text } in blocks(&read(file)) {
            assert_eq!(tag, "console", "{file}:{line}");
            experiments.entry(text).or_insert(format!("{file}:{line}"));
        }
    }
    for file in NOTES {
        let notes = read(file);
        let blocks: Vec<Block> =
            blocks(&notes).into_iter().filter(|b| b.tag == "console").collect();
        let made = "> handshake\n";
        let maker = blocks.iter().find_map(|block| Some(block.text.split_once(made)?.0));
        let maker = format!("{}{made}", maker.expect("a block makes the file handshake"));
        for Block { line, text, .. } in blocks {
            let above = notes.lines().take(line).filter_map(|line| line.strip_prefix("## §"));
            let part = above.last().and_then(|mark| mark.chars().next()).unwrap();
            let first =
                if text.contains("handshake") && !text.contains(made) { &*maker } else { "" };
            let text = format!("$ cargo run -- {part}\n# terminal 2\n{first}{text}");
            experiments.entry(text).or_insert(format!("{file}:{line}"));
        }
    }
    experiments
}

#[test]
fn what_is_to_be_typed_stands_in_blocks_that_are_carried_out() {
    for file in NOTES {
        for Block { tag, line, .. } in blocks(&read(file)) {
            assert!(["console", "js"].contains(&&*tag), "{file}:{line}: a block tagged {tag:?}");
        }
    }
    let experiments = EXPERIMENTS.map(read).concat();
    let mut commands = 0;
    for file in LECTURES {
        let lecture = read(file);
        assert_eq!(blocks(&lecture), [], "{file}: an experiment stands in {}", EXPERIMENTS[0]);
        for command in lecture.split("`$ ").skip(1).map(|rest| rest.split('`').next().unwrap()) {
            let known = ["cargo ", "sudo apt ", "xcode-select ", "winget ", "sudo tcpdump "];
            let carried_out = experiments.contains(&format!("\n$ {command}"));
            assert!(
                carried_out || known.iter().any(|c| command.starts_with(c)),
                "{file}: {command}"
            );
            commands += 1;
        }
    }
    assert!(commands >= 20, "this test looks at nothing");
}

const README_LINES_MAX: usize = 250;

#[test]
fn a_readme_is_short_and_counts_what_there_is() {
    let exercises = std::fs::read_dir(path("tests/exercises")).unwrap();
    let names = exercises.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let is_fault = |name: &String| name.ends_with(".patch") && !name.ends_with("-solution.patch");
    let exercises = names.filter(is_fault).count();
    let experiments = read(EXPERIMENTS[0]).matches("\n### ").count();
    let counts = [
        format!(
            "has {experiments} experiments with their answers, and [tests/exercises](tests/exercises/README.md) has {exercises} small"
        ),
        format!(
            "{experiments} {} із відповідями, а в [tests/exercises](tests/exercises/README.uk.md) — {exercises} дрібна",
            if matches!(experiments % 10, 2..=4) { "досліди" } else { "дослідів" }
        ),
    ];
    for (readme, counts) in READMES.into_iter().zip(counts) {
        let text = read(readme);
        assert!(
            text.lines().count() <= README_LINES_MAX,
            "{readme} has {} lines",
            text.lines().count()
        );
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(&counts), "{readme}: {counts}");
    }
}

#[test]
fn what_the_readme_shows_is_the_first_experiment_of_each_part_and_the_table_of_the_lecture() {
    for ((readme, experiments), lecture) in READMES.into_iter().zip(EXPERIMENTS).zip(LECTURES) {
        let (readme, experiments, lecture) = (read(readme), read(experiments), read(lecture));
        let mut paragraphs = lecture.split("\n\n");
        let table = paragraphs.find(|block| block.starts_with("| ") && block.contains("| 1 "));
        assert!(readme.contains(table.expect("a table")), "the tables differ");
        let shown: Vec<Block> =
            blocks(&readme).into_iter().filter(|block| block.tag == "console").collect();
        let first = experiments.split("\n## ").skip(1).map(|part| blocks(part).remove(0).text);
        let first: Vec<String> = first.collect();
        assert_eq!(shown.iter().map(|block| block.text.clone()).collect::<Vec<_>>(), first);
    }
}

/// The tools a transcript asks for.
fn needs(text: &str) -> Vec<&'static str> {
    let commands: Vec<&str> = text.lines().filter(|line| line.starts_with("$ ")).collect();
    let named = |tool: &&str| {
        let word = |c: char| !c.is_alphanumeric();
        commands.iter().any(|line| line.split(word).any(|word| word == *tool))
    };
    let web_socket = |line: &&str| line.starts_with("$ curl ") && line.contains("ws://");
    let web_socket = commands.iter().any(web_socket).then_some(CURL_WS);
    TOOLS.into_iter().filter(named).chain(web_socket).collect()
}

const CURL_WS: &str = "curl with ws://";

/// What is not here. On a machine that was made ready for this, that is an error.
fn missing_tools() -> BTreeSet<&'static str> {
    let has = |tool: &str| {
        let paths = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&paths).any(|folder| folder.join(tool).is_file())
    };
    let mut missing: BTreeSet<_> = TOOLS.into_iter().filter(|tool| !has(tool)).collect();
    assert!(missing.is_empty() || std::env::var("CI").is_err(), "there is no {missing:?} here");
    let version = Command::new("curl").arg("--version").output();
    let version = String::from_utf8(version.map_or(Vec::new(), |output| output.stdout)).unwrap();
    if !version.split_whitespace().any(|word| word == "ws") {
        missing.insert(CURL_WS);
    }
    missing
}

fn carry_out(text: &str, place: &str) -> Result<(), String> {
    let at = |problem| format!("{place}: {problem}");
    let (command, _) = text.split_once('\n').unwrap_or((text, ""));
    let part = command.strip_prefix("$ cargo run -- ");
    let part = part.ok_or_else(|| at(format!("begins with {command:?}, which starts no part")))?;
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(place.replace(['.', ':'], "-"));
    std::fs::create_dir_all(&folder).unwrap();
    let server = rawchat(&[part, "--port=0"]);
    let mut desk = Desk::with(server, folder).map_err(at)?;
    let text = replace_word(text, PORT, &desk.server.port().to_string());
    let ports = TAP_PORTS.into_iter().zip(free_port()..);
    let text = ports.fold(text, |text, (port, free)| replace_word(&text, port, &free.to_string()));
    desk.follow(&text).map_err(at)
}

/// The first of two that are free. The system gives its own from 32,768 on.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(21_000);
    let free = |port| TcpListener::bind(("127.0.0.1", port)).is_ok();
    loop {
        let port = NEXT.fetch_add(2, Ordering::Relaxed);
        if free(port) && free(port + 1) {
            return port;
        }
    }
}

/// Several terminals, and the server in the first.
struct Desk {
    server: SocketAddr,
    terminals: BTreeMap<usize, Program>,
    folder: PathBuf,
}

impl Desk {
    fn with(server: Command, folder: PathBuf) -> Result<Desk, String> {
        let mut program = Program::start(server, "cargo run");
        let url = program.first_line()?;
        let address = url.strip_prefix("http://").and_then(|address| address.parse().ok());
        let server = address.ok_or(format!("the server says {url:?} instead of its address"))?;
        Ok(Desk { server, terminals: BTreeMap::from([(1, program)]), folder })
    }

    /// The first command of `text` runs already.
    fn follow(&mut self, text: &str) -> Result<(), String> {
        let mut now = 1;
        let mut lines = text.lines().skip(1);
        while let Some(line) = lines.next() {
            if let Some(number) = line.strip_prefix("# terminal ") {
                if let Some(program) = self.terminals.get_mut(&now) {
                    program.has_said()?;
                }
                self.settle();
                now = number.parse().map_err(|_| format!("no terminal: {line:?}"))?;
            } else if let Some(command) = line.strip_prefix("$ ") {
                let mut command = command.to_string();
                while command.ends_with('\\') {
                    command = command + "\n" + lines.next().unwrap_or_default();
                }
                if let Some(mut program) = self.terminals.remove(&now) {
                    program.has_ended()?;
                }
                let mut shell = Command::new("bash");
                shell.args(["-c", &command]).current_dir(&self.folder);
                self.terminals.insert(now, Program::start(shell, &command));
            } else if line == ">" || line.starts_with("> ") {
                let typed = line.strip_prefix("> ").unwrap_or_default();
                self.terminal(now)?.hears(typed)?;
            } else if line == "^C" {
                self.terminal(now)?.has_said()?;
                self.settle();
                self.terminals.remove(&now);
            } else {
                self.terminal(now)?.expected.push(line.to_string());
            }
        }
        // The server last: the others may still be talking to it.
        while let Some((number, mut program)) = self.terminals.pop_last() {
            if number == 1 { program.has_said()? } else { program.has_ended()? }
        }
        Ok(())
    }

    fn terminal(&mut self, number: usize) -> Result<&mut Program, String> {
        let nothing = format!("nothing runs in terminal {number}");
        self.terminals.get_mut(&number).ok_or(nothing)
    }

    /// A person needs a moment to change windows, and a test does not. So a long poll that has no
    /// answer yet must be waiting before somebody else speaks.
    fn settle(&mut self) {
        let server = self.server;
        let waiting = |count: usize| {
            let mut stats = String::new();
            let mut socket = TcpStream::connect(server).unwrap();
            socket.write_all(b"GET /stats HTTP/1.0\r\n\r\n").unwrap();
            socket.read_to_string(&mut stats).unwrap();
            let said = |count| stats.contains(&format!(r#""waitingClients":{count},"#));
            (count..=WAITING_MAX).any(said)
        };
        eventually("the long polls are waiting", || {
            let polls = self.terminals.values_mut().filter(|p| p.command.contains("/subscribe"));
            let hanging = polls.map(|poll| poll.child.try_wait().unwrap().is_none());
            let hanging = hanging.filter(|hangs| *hangs).count();
            hanging == 0 || waiting(hanging)
        });
    }
}

/// A program in a terminal. Ends with the test, and all that it has started with it.
struct Program {
    command: String,
    child: Child,
    stdin: Option<ChildStdin>,
    chunks: Receiver<Vec<u8>>,
    /// What has come and was not expected yet.
    output: Vec<u8>,
    /// What is shown and was not looked for yet.
    expected: Vec<String>,
}

impl Program {
    fn start(mut command: Command, name: &str) -> Program {
        let (output, input) = io::pipe().unwrap();
        command.stdin(Stdio::piped()).stdout(input.try_clone().unwrap()).stderr(input);
        command.env("no_proxy", "*").env("LC_ALL", "C.UTF-8").process_group(0);
        // As if it were installed: `rawchat raw …`.
        let paths = std::env::var_os("PATH").unwrap_or_default();
        let paths = std::env::split_paths(&paths);
        let paths = binary().parent().map(Path::to_path_buf).into_iter().chain(paths);
        command.env("PATH", std::env::join_paths(paths).unwrap());
        let mut child = command.spawn().unwrap();
        let stdin = child.stdin.take();
        let (command, chunks) = (name.to_string(), in_chunks(output));
        Program { command, child, stdin, chunks, output: Vec::new(), expected: Vec::new() }
    }

    /// Waits for more output; `None` when the program has ended.
    fn more(&mut self, deadline: Instant) -> Result<Option<()>, RecvTimeoutError> {
        match self.chunks.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(chunk) => {
                let chunks = [chunk].into_iter().chain(self.chunks.try_iter());
                self.output.extend(chunks.flatten().filter(|&byte| byte != b'\r'));
                Ok(Some(()))
            }
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(timeout) => Err(timeout),
        }
    }

    fn first_line(&mut self) -> Result<String, String> {
        let deadline = Instant::now() + PATIENCE;
        while !self.output.contains(&b'\n') && self.more(deadline) == Ok(Some(())) {}
        let text = String::from_utf8_lossy(&self.output);
        text.lines().next().map(str::to_string).ok_or("the server says nothing".to_string())
    }

    /// Waits until everything shown so far has come.
    fn has_said(&mut self) -> Result<(), String> {
        let (deadline, mut ended) = (Instant::now() + PATIENCE, false);
        loop {
            self.output.drain(..self.output.iter().take_while(|&&byte| byte == b'\n').count());
            let shown = self.expected.join("\n");
            let lines: Vec<&str> = shown.trim_matches('\n').lines().collect();
            // Dots at the end of a line stand for all of the line.
            let whole = |used| {
                let open = shown.ends_with('…') && !self.output[..used].ends_with(b"\n");
                ended || !open
            };
            if let Some(used) = matched(&lines, &self.output).filter(|used| whole(*used)) {
                self.output.drain(..used);
                self.expected.clear();
                return Ok(());
            }
            match self.more(deadline) {
                Ok(Some(())) => {}
                Ok(None) if !ended => ended = true,
                Ok(None) => return Err(self.differs("it has ended")),
                Err(_) => return Err(self.differs(&format!("not within {PATIENCE:?}"))),
            }
        }
    }

    /// Waits until nothing else comes, and the program is done.
    fn has_ended(&mut self) -> Result<(), String> {
        self.has_said()?;
        // Not before: telnet leaves at the end of its input, answered or not.
        self.stdin = None;
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.more(deadline) {
                Ok(Some(())) => {}
                Ok(None) if self.output.trim_ascii().is_empty() => return Ok(()),
                Ok(None) => return Err(self.differs("and nothing else")),
                Err(_) => return Err(self.differs("and then the end")),
            }
        }
    }

    fn hears(&mut self, line: &str) -> Result<(), String> {
        self.has_said()?;
        let stdin = self.stdin.as_mut().expect("open until has_ended");
        // One that has left already is found out by what it does not say.
        let _ = stdin.write_all(format!("{line}\n").as_bytes());
        Ok(())
    }

    fn differs(&self, why: &str) -> String {
        let Program { command, expected, output, .. } = self;
        let (expected, output) = (expected.join("\n"), String::from_utf8_lossy(output));
        let output = output.replace(|c: char| c.is_control() && c != '\n', "\u{fffd}");
        format!("$ {command}\n--- expected ({why}):\n{expected}\n--- came:\n{output}\n---")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let kill = format!("kill -KILL -{} 2> /dev/null", self.child.id());
        let _ = Command::new("sh").args(["-c", &kill]).status();
        let _ = self.child.wait();
    }
}

fn in_chunks(mut output: PipeReader) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut chunk = [0; 4096];
        while let Ok(count @ 1..) = output.read(&mut chunk) {
            if sender.send(chunk[..count].to_vec()).is_err() {
                return;
            }
        }
    });
    receiver
}

/// How much of `output` the lines match, if they do.
fn matched(lines: &[&str], output: &[u8]) -> Option<usize> {
    let next = output.iter().position(|&byte| byte == b'\n').map_or(output.len(), |at| at + 1);
    match lines {
        [] => Some(0),
        ["…", rest @ ..] => {
            let ends = output.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
            let starts = [0].into_iter().chain(ends.map(|(at, _)| at + 1));
            let mut starts = starts.chain((!output.ends_with(b"\n")).then_some(output.len()));
            starts.find_map(|at| matched(rest, &output[at..]).map(|used| used + at))
        }
        [line, rest @ ..] => {
            // What lasts half a minute lasts a little longer on a busy machine.
            let later = |s| line.trim_end().replace("30.… s", &format!("{s}.… s"));
            let end = if line.contains("30.… s") { 60 } else { 31 };
            let fits = (30..end).any(|s| fits(&later(s), output[..next].trim_ascii_end()));
            fits.then(|| matched(rest, &output[next..]).map(|used| used + next)).flatten()
        }
    }
}

fn fits(pattern: &str, line: &[u8]) -> bool {
    let Some((head, rest)) = pattern.split_once('…') else { return pattern.as_bytes() == line };
    let Some(line) = line.strip_prefix(head.as_bytes()) else { return false };
    (0..=line.len()).any(|at| fits(rest, &line[at..]))
}

#[test]
fn a_transcript_is_matched_line_by_line_and_dots_stand_for_what_varies() {
    assert_eq!(matched(&["a", "b…d"], b"a\nbcd\nrest"), Some(6));
    assert_eq!(matched(&["a"], b"a"), Some(1), "a line without an end");
    assert_eq!(matched(&["a…z"], b"a, and not yet"), None);
    assert_eq!(matched(&["…", "c"], b"a\nb\nc"), Some(5));
    assert_eq!(matched(&["…", "c"], b"c\n"), Some(2), "none is a number of lines");
    assert_eq!(matched(&["…x…"], b"\x81\x05x\xff\n"), Some(5), "bytes that are no text");
    assert_eq!(matched(&["a", "b"], b"a\nc\nb\n"), None);
    assert_eq!(matched(&["ab"], b"abc\n"), None);
    assert_eq!(matched(&["after 30.… s"], b"after 31.2 s"), Some(12));
    assert_eq!(matched(&["after 30.… s"], b"after 29.9 s"), None);
    assert_eq!(replace_word("1:3000 13000 3000x 3000", "3000", "7"), "1:7 13000 3000x 7");
}

fn replace_word(text: &str, word: &str, by: &str) -> String {
    let (mut replaced, mut rest) = (String::new(), text);
    while let Some(at) = rest.find(word) {
        let (before, after) = (&rest[..at], &rest[at + word.len()..]);
        let inside =
            before.ends_with(char::is_alphanumeric) || after.starts_with(char::is_alphanumeric);
        replaced += before;
        replaced += if inside { word } else { by };
        rest = after;
    }
    replaced + rest
}

/// A fenced block.
#[derive(Debug, PartialEq)]
struct Block {
    tag: String,
    /// Where its text begins, counted from 1.
    line: usize,
    text: String,
}

fn blocks(markdown: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut inside = false;
    for (line, text) in (1..).zip(markdown.lines()) {
        match (text.strip_prefix("```"), blocks.last_mut()) {
            (Some(tag), _) if !inside => {
                blocks.push(Block { tag: tag.to_string(), line: line + 1, text: String::new() });
                inside = true;
            }
            (Some(_), _) => inside = false,
            (None, Some(block)) if inside => block.text += &format!("{text}\n"),
            _ => {}
        }
    }
    assert!(!inside, "the last block has no end");
    blocks
}

#[test]
fn both_languages_have_the_same_sections_blocks_tables_and_lists() {
    for [english, ukrainian] in [READMES, EXPERIMENTS, API, HOMEWORK] {
        let [en, uk] = [english, ukrainian].map(|file| shape(&read(file)));
        for (one, other) in en.iter().zip(&uk) {
            assert_eq!(one.1, other.1, "{english}:{}, {ukrainian}:{}", one.0, other.0);
        }
        assert_eq!(en.len(), uk.len(), "{english}, {ukrainian}");
    }
}

/// What must not differ between two languages, and in which line it is: the depth of headings,
/// the numbers of parts and of experiments, blocks, the rows of tables, the items of lists.
fn shape(markdown: &str) -> Vec<(usize, String)> {
    let mut inside = false;
    let mut shape = Vec::new();
    for (number, line) in (1..).zip(markdown.lines()) {
        let fence = line.starts_with("```");
        inside ^= fence;
        let mark = line.split(' ').next().unwrap_or_default();
        let kept = match mark {
            _ if inside || fence => line.to_string(),
            _ if mark.starts_with('#') => {
                let number = |word: &&str| word.trim_end_matches(':').parse::<u8>().is_ok();
                let part = line.split(' ').nth(1).filter(number);
                format!("{mark} {}", part.unwrap_or_default())
            }
            "|" => format!("a row of {}", line.matches(" | ").count() + 1),
            "-" => "an item".to_string(),
            _ => continue,
        };
        shape.push((number, kept));
    }
    shape
}

#[test]
fn the_readme_names_only_files_targets_and_headings_that_are_there() {
    let makefile = read("Makefile");
    for readme in READMES {
        let text = read(readme);
        for target in text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            let there = path(target).exists();
            assert!(there || target.starts_with("https://"), "{readme}: {target}");
        }
        for target in
            text.split("`make ").skip(1).map(|rest| rest.split(['`', ' ']).next().unwrap())
        {
            assert!(makefile.contains(&format!("\n{target}:")), "{readme}: make {target}");
        }
    }
}

#[test]
fn every_test_that_a_text_names_is_there() {
    let mut named = 0;
    for file in [READMES, EXPERIMENTS, NOTES, LECTURES, EXERCISES].concat() {
        for command in read(file).split("`cargo test ").skip(1) {
            let command = command.split('`').next().unwrap();
            let Some((package, words)) = command.split_once("--test ") else { continue };
            let folder =
                package.trim().strip_prefix("-p ").map_or(String::new(), |p| format!("{p}/"));
            let mut words = words.split(' ');
            let tests = read(format!("tests/{folder}{}.rs", words.next().unwrap()));
            let start = words.next().unwrap_or_default();
            assert!(
                tests.contains(&format!("\nfn {start}")),
                "{file}: no test begins with {start}"
            );
            named += 1;
        }
    }
    assert!(named >= 6, "this test looks at nothing");
}

#[test]
fn the_limits_on_the_page_are_those_of_the_source() {
    let (limits, timing) = (Limits::default(), Timing::default());
    let seconds = |duration: Duration| format!("{} s", duration.as_secs());
    let kib = |bytes: usize| format!("{} KiB", bytes / 1024);
    let mib = |bytes: usize| format!("{} MiB", bytes / 1024 / 1024);
    let promises = [
        ("REQUEST_LINE_BYTES_MAX", kib(http::REQUEST_LINE_BYTES_MAX)),
        ("HEAD_BYTES_MAX", kib(http::HEAD_BYTES_MAX)),
        ("FIELDS_MAX", http::FIELDS_MAX.to_string()),
        ("BODY_BYTES_MAX", kib(http::BODY_BYTES_MAX)),
        ("DEPTH_MAX", json::DEPTH_MAX.to_string()),
        ("LIST_BYTES_MAX", kib(room::LIST_BYTES_MAX)),
        ("PAGE_MESSAGES_MAX", t1_refresh::PAGE_MESSAGES_MAX.to_string()),
        ("USER_CHARS_MAX", said::USER_CHARS_MAX.to_string()),
        ("TEXT_CHARS_MAX", said::TEXT_CHARS_MAX.to_string()),
        ("CHAT_BYTES_MAX", mib(t4_websocket::CHAT_BYTES_MAX)),
        ("ECHO_BYTES_MAX", mib(t4_echo::ECHO_BYTES_MAX)),
        ("MESSAGES_MAX", room::MESSAGES_MAX.to_string()),
        ("LOG_BYTES_MAX", mib(room::LOG_BYTES_MAX)),
        ("UNFINISHED_BYTES_MAX", mib(budget::UNFINISHED_BYTES_MAX)),
        ("TAKEN_BYTES_MAX", mib(budget::TAKEN_BYTES_MAX)),
        ("FREE_BYTES", kib(budget::FREE_BYTES)),
        ("TIMELINE_BYTES_MAX", mib(t4_timeline::TIMELINE_BYTES_MAX)),
        ("UNDELIVERED_BYTES_MAX", kib(t4_brake::UNDELIVERED_BYTES_MAX)),
        ("CONNECTIONS_MAX", server::CONNECTIONS_MAX.to_string()),
        ("head", seconds(limits.head)),
        ("body", seconds(limits.body)),
        ("idle", seconds(limits.idle)),
        ("hold", seconds(timing.hold)),
        ("heartbeat", seconds(timing.heartbeat)),
        ("stall", seconds(timing.stall)),
    ];
    for file in API {
        let text = read(file).replace("КіБ", "KiB").replace("МіБ", "MiB").replace(" с |", " s |");
        for (name, value) in &promises {
            let row = format!("| `{name}` | {value} |");
            assert!(text.contains(&row), "{file}: {row}");
        }
    }
}
