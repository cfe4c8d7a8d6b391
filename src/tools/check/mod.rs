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
use super::dissect::block::{Style, print};
use super::tap::record;
use catalogue::{CHECKS, STAGES_OF_PARTS};
use report::Reporter;
use run::{Plan, Status, Subject, Verdict};
use started::{NotStarted, Started};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

const CHECK_FAILED: u8 = 1;
const NO_SERVER: u8 = 3;
const CHECKER_FAILED: u8 = 4;

/// A whole run, besides one hold, once something has failed.
const RUN: Duration = Duration::from_secs(60);
/// A run that fails nothing may be slow, but not for ever.
const RUN_FOR_SURE: Duration = Duration::from_secs(600);
/// A server that waits no longer than this could not be told from one that does not wait.
const HOLD_MIN: Duration = Duration::from_secs(3);

const BEGIN_UK: &str = "почніть з етапу 0. Для нього досить програми, яка слухає на порту зі змінної \
    PORT і не завершується; решту каже сторінка /homework (запустіть rawchat 1 і відкрийте її)";
const BEGIN_EN: &str = "begin with stage 0. A program that listens at the port in PORT, and does not \
    end, is enough for it; the rest is on the page /homework (start rawchat 1, and open it)";

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
pub fn run(mut arguments: Arguments) -> Result<(), Problem> {
    let options = parse(&mut arguments)?;
    if options.list {
        list(&options);
        return Ok(());
    }
    if let Some(roster) = options.roster {
        return class::grade(&options, roster);
    }
    let server = server(&options)?;
    let started = server.is_ok();
    let verdicts = check(&options, server);
    if !started {
        return Err(options.no_grade([BEGIN_UK, BEGIN_EN]));
    }
    if let Some(folder) = options.keep {
        keep(folder, &verdicts).map_err(|error| options.broken(&format!("{folder}: {error}")))?;
    }
    options.sound(&verdicts)?;
    let [had, max] = report::score(&verdicts);
    match had == max && verdicts.iter().all(|verdict| verdict.status != Status::Fail) {
        true => Ok(()),
        false => Err(Problem::Ended(CHECK_FAILED, String::new())),
    }
}

fn parse<'a>(arguments: &mut Arguments<'a>) -> Result<Options<'a>, Problem> {
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
        command: &[],
        roster: None,
        out: "results",
        keep: None,
        form: Form::Text,
        list: false,
        style: Style::here(),
        plan,
    };
    while let Some(flag) = arguments.next() {
        match flag {
            "--" => options.command = arguments.rest(),
            flag if flag.starts_with('-') => options.learn(arguments, flag)?,
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
    Ok(options)
}

impl<'a> Options<'a> {
    /// It is no fault of the server.
    fn broken(&self, what: &str) -> Problem {
        let words = self.style.pick(
            "перевірити не вдалося, і сервер у цьому не винен",
            "this could not be checked, and the server is not to blame",
        );
        Problem::Ended(CHECKER_FAILED, format!("{words}: {what}"))
    }

    /// Nothing that the checker lacked was in the way.
    fn sound(&self, verdicts: &[Verdict]) -> Result<(), Problem> {
        let broken = verdicts.iter().find(|verdict| verdict.broken);
        broken.map_or(Ok(()), |verdict| Err(self.broken(verdict.told(&self.style))))
    }

    fn no_grade(&self, why: [&str; 2]) -> Problem {
        let (yet, why) = (self.style.pick("оцінки ще немає", "no grade yet"), self.style.of(why));
        Problem::Ended(NO_SERVER, format!("{yet}: {why}"))
    }

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
            print(&reporter.heading(check.stage()));
        }
        let star = if check.must { ' ' } else { '*' };
        let sentence = options.style.of(check.sentence());
        print(&format!("{}{star} {sentence}  {}", check.id, reporter.read(check)));
    }
    print(
        options
            .style
            .pick("\n* порада; з --strict — вимога", "\n* advice; with --strict it is demanded"),
    );
}

/// The server that is named, or the one that is started, if it starts.
fn server(options: &Options) -> Result<Result<Subject, NotStarted>, Problem> {
    let Some(url) = options.url else {
        return Ok(Started::start(options.command, Path::new(".")).map(Subject::ours));
    };
    let none = |problem: String| options.no_grade([&problem, &problem]);
    let place = Place::of(&[url], "http://127.0.0.1:3000").map_err(Problem::Usage)?;
    let mut problem = String::new();
    for address in place.addresses().map_err(|error| none(format!("{url}: {error}")))? {
        match TcpStream::connect_timeout(&address, options.plan.patience) {
            Ok(_) => return Ok(Ok(Subject::there(address))),
            Err(error) => problem = format!("{address}: {error}"),
        }
    }
    Err(none(problem))
}

/// Tells of each check as it is made; of a server that has not started, only of the first.
fn check(options: &Options, server: Result<Subject, NotStarted>) -> Vec<Verdict> {
    let title = format!("rawchat check {}", options.part);
    let place = server.as_ref().map(|subject| format!("http://{}", subject.address()));
    // A server that we started ends with us: to try something by hand it is started again.
    let (by_hand, start) = match (options.url, &place) {
        (Some(_), Ok(place)) => (&**place, String::new()),
        _ => ("http://127.0.0.1:3000", started::by_hand(options.command)),
    };
    let mut reporter = Reporter::new(options.style, &options.plan, by_hand, &start);
    let text = options.form == Form::Text;
    if text {
        let place = place.as_ref().map_or(&*start, |place| place);
        print(&format!("{title} · {place} · --seed {}", options.plan.seed));
    }
    let mut tell = |verdict: &Verdict| {
        let told = reporter.tell(verdict);
        if text {
            print(&told);
        }
    };
    let graded = server.is_ok();
    let verdicts = match server {
        Ok(subject) => options.plan.run(&subject, tell),
        Err(why) => options
            .plan
            .none(why)
            .into_iter()
            .inspect(|v| {
                if v.status == Status::Fail {
                    tell(v)
                }
            })
            .collect(),
    };
    match options.form {
        Form::Text if graded => print(&reporter.summary(&verdicts)),
        Form::Text => {}
        Form::Json => print(&reporter.json(&verdicts, &title)),
        Form::Junit => print(&reporter.junit(&verdicts, &title)),
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
