//! `rawchat check 3 URL`: grades a server in any language, check by check, and tells what to do next.
//!
//! It speaks to the server from outside and demands what the RFCs and `/api` say, and no more.
//! Leaves out: TLS, how fast the server is (that is `rawchat load`), how its source reads.

mod catalogue;
mod class;
mod events;
mod fault;
mod frames;
mod http;
mod lab;
mod polls;
mod report;
mod run;
mod started;

use super::Problem;
use super::arguments::Arguments;
use super::client::{Place, random};
use super::dissect::block::{Style, say};
use super::tap::record;
use catalogue::{CHECKS, STAGES_OF_PARTS};
use fault::Words;
use report::Reporter;
use run::{Plan, Status, Subject, Verdict};
use started::Started;
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

const USAGE: &str = "\
rawchat check PART URL: grades a server in any language

  rawchat check 3 http://127.0.0.1:3000     one that runs
  rawchat check 3 -- python3 server.py      starts it with a free PORT (also {port}), and ends it
  rawchat check 4 --roster class.csv --out results
                    everybody in the list: lines of name,folder,command
  rawchat check 3 --list                    what is checked

PART: 1 is stages 0 to 2, 2 is 0 to 3 (polling), 3 is 0 to 4 (long polling), 4 is 0 to 7; and 5 is
0 to 3 and 8, Server-Sent Events, which are homework.

  --only 4.4        one check, in full
  --strict          what should be must be
  --hold 30s        how long the server lets a poll wait
  --patience 5s     how long to wait for what must come at once
  --seed N          the same names and texts again
  --keep DIR        what passed, a file per check: rawchat tap --open DIR/4.4.jsonl
  --json, --junit   for programs, in place of text
  --lang uk|en      the language; LANG, if it is not said

Ends with 0: all passed; 1: something failed; 2: it was asked wrongly; 3: there is no server, so
there is no grade; 4: the checker itself has failed.";

const CHECK_FAILED: u8 = 1;
const NO_SERVER: u8 = 3;
const CHECKER_FAILED: u8 = 4;

/// A whole run, besides one hold, once something has failed.
const RUN: Duration = Duration::from_secs(60);
/// A run that fails nothing may be slow, but not for ever.
const RUN_FOR_SURE: Duration = Duration::from_secs(600);
/// A server that waits no longer than this could not be told from one that does not wait.
const HOLD_MIN: Duration = Duration::from_secs(3);

#[derive(Clone, Copy, PartialEq)]
enum Form {
    Text,
    Json,
    Junit,
}

struct Options<'a> {
    part: usize,
    url: Option<&'a str>,
    command: &'a [String],
    roster: Option<&'a str>,
    out: &'a str,
    keep: Option<&'a str>,
    form: Form,
    list: bool,
    style: Style,
    plan: Plan,
}

/// Checks, and prints what has come of it.
pub fn run(arguments: &[String]) -> Result<(), Problem> {
    let Some(options) = parse(arguments)? else {
        say(USAGE);
        return Ok(());
    };
    if options.list {
        list(&options);
        return Ok(());
    }
    if let Some(roster) = options.roster {
        return class::grade(&options, roster);
    }
    let subject = subject(&options).map_err(|problem| {
        let [uk, en] = problem.map(|words| words.trim_end().to_string());
        let (uk, en) = (format!("оцінки немає: {uk}"), format!("no grade: {en}"));
        Problem::Ended(NO_SERVER, options.style.say(&uk, &en).into())
    })?;
    let verdicts = check(&options, &subject);
    if let Some(folder) = options.keep {
        keep(folder, &verdicts).map_err(|error| Problem::Failed(format!("{folder}: {error}")))?;
    }
    let failed = verdicts.iter().any(|verdict| verdict.status == Status::Fail);
    match verdicts.iter().any(|verdict| verdict.broken) {
        true => Err(Problem::Ended(
            CHECKER_FAILED,
            "rawchat check itself has failed: tell its authors".into(),
        )),
        false if failed => Err(Problem::Ended(CHECK_FAILED, String::new())),
        false => Ok(()),
    }
}

/// `None`: help is asked for.
fn parse(arguments: &[String]) -> Result<Option<Options<'_>>, Problem> {
    let dashes = arguments.iter().position(|argument| argument == "--");
    let (own, command) = arguments.split_at(dashes.unwrap_or(arguments.len()));
    let now = Instant::now();
    let plan = Plan {
        stages: &[0, 1, 2, 3, 4, 5, 6, 7, 8],
        only: None,
        strict: false,
        seed: random() % 100_000,
        hold: Duration::from_secs(30),
        patience: Duration::from_secs(5),
        ends: now,
        ends_for_sure: now + RUN_FOR_SURE,
    };
    let mut options = Options {
        part: 0,
        url: None,
        command: command.get(1..).unwrap_or_default(),
        roster: None,
        out: "results",
        keep: None,
        form: Form::Text,
        list: false,
        style: Style::here(),
        plan,
    };
    let mut arguments = Arguments::new(own, USAGE);
    while let Some(flag) = arguments.next() {
        match flag {
            "--help" | "-h" => return Ok(None),
            flag if flag.starts_with('-') => options.learn(&mut arguments, flag)?,
            part if options.part == 0 => match part.parse() {
                Ok(part @ 1..=5) => options.part = part,
                _ => return Err(arguments.problem(format!("PART {part:?}: from 1 to 5"))),
            },
            url if options.url.is_none() => options.url = Some(url),
            more => return Err(arguments.problem(format!("{more:?} is one too many"))),
        }
    }
    let servers = [options.url.is_some(), !options.command.is_empty(), options.roster.is_some()];
    match options.part {
        0 if options.list => {}
        0 => return Err(arguments.problem("PART is needed, from 1 to 5")),
        part => options.plan.stages = STAGES_OF_PARTS[part - 1],
    }
    if servers.into_iter().filter(|given| *given).count() != 1 && !options.list {
        return Err(arguments.problem("one of URL, -- COMMAND and --roster is needed"));
    }
    options.plan.ends = now + RUN + options.plan.hold;
    Ok(Some(options))
}

impl<'a> Options<'a> {
    fn learn(&mut self, arguments: &mut Arguments<'a>, flag: &str) -> Result<(), Problem> {
        match flag {
            "--list" => self.list = true,
            "--strict" => self.plan.strict = true,
            "--json" => self.form = Form::Json,
            "--junit" => self.form = Form::Junit,
            "--lang" => self.style.language = arguments.language()?,
            "--roster" => self.roster = Some(arguments.value()?),
            "--out" => self.out = arguments.value()?,
            "--keep" => self.keep = Some(arguments.value()?),
            "--patience" => self.plan.patience = arguments.time()?,
            "--hold" => {
                self.plan.hold = arguments.time()?;
                if self.plan.hold < HOLD_MIN {
                    let least = HOLD_MIN.as_secs();
                    return Err(arguments.problem(format!("--hold: {least} s at the least")));
                }
            }
            "--seed" => self.plan.seed = arguments.number(0..=u64::MAX)?,
            "--only" => {
                let id = arguments.value()?;
                if !CHECKS.iter().any(|check| check.id == id) {
                    return Err(arguments.problem(format!("--only {id:?}: see --list")));
                }
                self.plan.only = Some(id.into());
            }
            _ => return Err(arguments.unknown()),
        }
        Ok(())
    }
}

fn list(options: &Options) {
    let reporter = Reporter::new(options.style, &options.plan, "", "");
    let mut stage = None;
    for check in options.plan.checks() {
        if stage.replace(check.stage()) != Some(check.stage()) {
            say(&reporter.heading(check.stage()));
        }
        let star = if check.must { ' ' } else { '*' };
        let [uk, en] = check.sentence;
        say(&format!("{}{star} {}  {}", check.id, options.style.say(uk, en), report::read(check)));
    }
    say(options
        .style
        .say("\n* порада; з --strict — вимога", "\n* advice; with --strict it is demanded"));
}

/// The server, if there is one: `Err` says why not.
fn subject(options: &Options) -> Result<Subject, Words> {
    let Some(url) = options.url else {
        return Started::start(options.command, Path::new(".")).map(Subject::ours);
    };
    let same = |problem: String| [problem.clone(), problem];
    let place = Place::of(&[url], "http://127.0.0.1:3000").map_err(same)?;
    let mut problem = String::new();
    for address in place.addresses().map_err(|error| same(format!("{url}: {error}")))? {
        match TcpStream::connect_timeout(&address, options.plan.patience) {
            Ok(_) => return Ok(Subject::there(address)),
            Err(error) => problem = format!("{address}: {error}"),
        }
    }
    Err(same(problem))
}

/// Tells of each check as it is made.
fn check(options: &Options, subject: &Subject) -> Vec<Verdict> {
    let title = format!("rawchat check {}", options.part);
    // What we have started ends with us: who tries something by hand starts it anew.
    let (by_hand, start) = match options.url {
        Some(_) => (format!("http://{}", subject.address()), String::new()),
        None => ("http://127.0.0.1:3000".into(), started::by_hand(options.command)),
    };
    let mut reporter = Reporter::new(options.style, &options.plan, &by_hand, &start);
    let text = options.form == Form::Text;
    if text {
        say(&format!("{title} · http://{} · --seed {}", subject.address(), options.plan.seed));
    }
    let verdicts = options.plan.run(subject, |verdict| {
        let told = reporter.tell(verdict);
        if text {
            say(&told);
        }
    });
    match options.form {
        Form::Text => say(&reporter.summary(&verdicts)),
        Form::Json => say(&reporter.json(&verdicts, &title)),
        Form::Junit => say(&reporter.junit(&verdicts, &title)),
    }
    verdicts
}

/// What passed in each check, to be opened by `rawchat tap --open`.
fn keep(folder: &str, verdicts: &[Verdict]) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    for verdict in verdicts.iter().filter(|verdict| !verdict.chunks.is_empty()) {
        let path = Path::new(folder).join(format!("{}.jsonl", verdict.check.id));
        let mut file = std::fs::File::create(path)?;
        verdict.chunks.iter().try_for_each(|chunk| record::write(&mut file, chunk))?;
    }
    Ok(())
}
