//! `rawchat measure`: the four techniques on fresh servers, measured beside the model.
//!
//! Each technique is put under the load of the case for a while, one after another, in an order that
//! the seed shuffles; and all the while another server of each has silent readers, whose hour is
//! computed from what they did.

use super::cases::{CASES, Case};
use super::html;
use super::load::{NOT_OFFERED, WRONG, enough_descriptors};
use super::model::{HOLD, Model};
use super::process::{Server, Usage};
use super::report::{machine, or_null, outcome_json};
use super::table::table;
use super::timetable::Random;
use super::{Errand, Moment, Outcome, Plan, Technique, USERS_MAX, browser, post};
use crate::tools::Problem;
use crate::tools::arguments::Arguments;
use crate::tools::client::Connection;
use crate::tools::dissect::block::{Style, say};
use crate::wire::json::quoted;
use std::fs::File;
use std::io::{IsTerminal, Write, stderr};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

const USAGE: &str = "\
rawchat measure: what each of the four techniques costs, measured beside the model

  rawchat measure                    30 people in a lecture: about a hundred seconds
  rawchat measure --case far --json

  --case NAME      lecture   30 people, each writes once in 15 s
                   night     nobody writes, and part 2 asks once a minute
                   far       100 messages a second, over a way of 200 ms
                   visitors  1,000 sit in the room, 20 a second come, read 50 messages, leave
                   digest    100 messages a second for 200 people who are in no hurry
                   idle      2,000 people, and hardly a word
  --users 30       --rate 2 (messages a second)      --pause 3s (between two questions, and two F5)
  --rtt 50ms       the way to the server and back; readers wait that long, senders stand beside it
  --seconds 8      of each technique in each round      --rounds 2
  --silence 62     seconds that silent readers are watched: it takes two heartbeats to know one
  --seed 1         the same moments again
  --json           everything, and the histograms
  --html FILE      the table and its charts, for a browser
  --lang uk|en     the language; LANG, if it is not said";

/// One pause is enough, and of a longer one nobody wants to wait for the end.
const WARM_UP_MAX: Duration = Duration::from_secs(5);

/// There are four crowds of silent readers at one time.
const SILENT_MAX: usize = USERS_MAX / 4;
/// What one reader takes of the memory is known only from as many as these.
const SHARERS_MIN: usize = 10;

/// One technique under load for a while.
#[derive(Debug, Clone)]
pub struct Round {
    pub outcome: Outcome,
    /// What one waiting reader holds on the server.
    pub held: Usage,
    /// Of the server, while it was counted.
    pub cpu_ms: Option<f64>,
    /// In which messages were sent.
    pub seconds: f64,
}

/// What silent readers do.
#[derive(Debug, Clone, Copy)]
pub struct Silence {
    pub requests_per_hour: Option<f64>,
    pub bytes_per_hour: Option<f64>,
    /// What one of them holds on the server at the end.
    pub held: Usage,
}

pub struct Measured {
    pub technique: Technique,
    pub rounds: Vec<Round>,
    pub silence: Option<Silence>,
    pub model: Model,
}

impl Measured {
    /// All rounds together.
    pub fn outcome(&self) -> Outcome {
        let mut all = Outcome::default();
        self.rounds.iter().for_each(|round| all.add(&round.outcome));
        all
    }
}

pub struct Report {
    pub case: Case,
    pub seed: u64,
    pub measured: Vec<Measured>,
}

pub fn run(arguments: &[String]) -> Result<(), Problem> {
    let mut style = Style::here();
    let mut case = CASES[0].clone();
    let (mut seed, mut json, mut html) = (1, false, None);
    // The case first: what else is said changes it.
    let mut names = arguments.iter().skip_while(|argument| !argument.starts_with("--case"));
    if let Some(given) = names.next() {
        let name = given.strip_prefix("--case=").or(names.next().map(String::as_str));
        let found = CASES.iter().find(|case| Some(case.name) == name).cloned();
        let unknown = || {
            Problem::Usage(format!("there is no case {:?}\n\n{USAGE}", name.unwrap_or_default()))
        };
        case = found.ok_or_else(unknown)?;
    }
    let mut arguments = Arguments::new(arguments, USAGE);
    while let Some(flag) = arguments.next() {
        match flag {
            "--help" | "-h" => {
                say(USAGE);
                return Ok(());
            }
            "--case" => drop(arguments.value()?),
            "--users" if case.users == 0 => case.silent_users = arguments.number(1..=SILENT_MAX)?,
            "--users" => case.users = arguments.number(1..=USERS_MAX)?,
            "--rate" => case.rate = arguments.number(0.0..=10_000.0)?,
            "--pause" => {
                (case.pause, case.by_hand) = {
                    let pause = arguments.time()?;
                    (pause, pause)
                }
            }
            "--rtt" => case.rtt = arguments.time()?,
            "--seconds" => case.length = Duration::from_secs(arguments.number(1..=600)?),
            "--rounds" => case.rounds = arguments.number(1..=20)?,
            "--silence" => case.silence = Duration::from_secs(arguments.number(0..=3600)?),
            "--seed" => seed = arguments.number(0..=u64::MAX)?,
            "--json" => json = true,
            "--html" => html = Some(create(arguments.value()?)?),
            "--lang" => style.language = arguments.language()?,
            _ => return Err(arguments.unknown()),
        }
    }
    let report = measure(case, seed).map_err(|why| Problem::Ended(NOT_OFFERED, why))?;
    if let Some(file) = &mut html {
        let page = html::page(&report, style.language);
        file.write_all(page.as_bytes()).map_err(|error| Problem::Failed(error.to_string()))?;
    }
    say(&if json { report.json() } else { table(&report, &style) });
    report.verdict()
}

/// Before anything is measured: whoever has waited wants to see something.
fn create(path: &str) -> Result<File, Problem> {
    File::create(path).map_err(|error| Problem::Failed(format!("{path}: {error}")))
}

/// Measures everything. `Err`: a server or the crowd could not be started.
pub fn measure(case: Case, seed: u64) -> Result<Report, String> {
    enough_descriptors(4 * case.silent_users + case.users)?;
    let steps = Mutex::new(Steps { done: 0, all: 4 * case.rounds });
    thread::scope(|scope| {
        let silent = Technique::ALL.map(|technique| {
            let case = &case;
            (case.silence > Duration::ZERO).then(|| scope.spawn(move || silence(case, technique)))
        });
        let mut rounds = [const { Vec::new() }; 4];
        let mut random = Random(seed);
        for number in 0..if case.rate > 0.0 { case.rounds } else { 0 } {
            let mut order = Technique::ALL;
            for at in (1..order.len()).rev() {
                order.swap(at, (random.part() * (at + 1) as f64) as usize);
            }
            for technique in order {
                steps.lock().map(|mut steps| steps.show(technique)).unwrap_or_default();
                rounds[technique as usize - 1].push(round(&case, technique, seed + number as u64)?);
            }
        }
        let mut measured = Vec::new();
        for ((technique, rounds), silent) in Technique::ALL.into_iter().zip(rounds).zip(silent) {
            let silence = silent.map(|silent| silent.join().unwrap_or(Err("it panicked".into())));
            let model = model(&case, technique, &rounds);
            measured.push(Measured { technique, rounds, silence: silence.transpose()?, model });
        }
        Ok(Report { case: case.clone(), seed, measured })
    })
}

/// The model of what was measured: R is how much was said, which chance makes more or less.
fn model(case: &Case, technique: Technique, rounds: &[Round]) -> Model {
    let messages: u64 = rounds.iter().map(|round| round.outcome.messages).sum();
    let seconds: f64 = rounds.iter().map(|round| round.seconds).sum();
    let rate = if seconds > 0.0 { messages as f64 / seconds } else { 0.0 };
    Model { technique, rate, pause: pause(case, technique), hold: HOLD, rtt: case.rtt }
}

fn pause(case: &Case, technique: Technique) -> Duration {
    if technique == Technique::Refresh { case.by_hand } else { case.pause }
}

fn plan(case: &Case, technique: Technique, server: &Server, seed: u64) -> Plan {
    let Case { users, rate, length, rtt, errand, .. } = *case;
    let (place, pause) = (server.place.clone(), pause(case, technique));
    let warm_up = match technique {
        Technique::Refresh | Technique::ShortPolling => (pause + rtt).min(WARM_UP_MAX),
        _ => 2 * rtt,
    };
    Plan { errand, warm_up, technique, place, users, rate, length, pause, rtt, seed }
}

fn round(case: &Case, technique: Technique, seed: u64) -> Result<Round, String> {
    let server = Server::start(technique as usize)?;
    if let Errand::Visit { count, .. } = case.errand {
        fill(&server, count)?;
    }
    let empty = server.usage();
    let [mut full, mut begin, mut end] = [Usage::default(); 3];
    let plan = plan(case, technique, &server, seed);
    let seconds = (plan.warm_up + plan.length).as_secs_f64();
    let outcome = super::run(plan, |_, moment| match moment {
        Moment::Passing => {}
        Moment::AllIn => full = server.usage(),
        Moment::CountingBegins => begin = server.usage(),
        Moment::CountingEnds => end = server.usage(),
    })?;
    let held = each(case.users, full, empty);
    Ok(Round { outcome, held, cpu_ms: minus(end.cpu_ms, begin.cpu_ms), seconds })
}

/// What visitors will read.
fn fill(server: &Server, count: u64) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("filling the room: {error}");
    let address = server.place.addresses().map_err(failed)?[0];
    let mut connection = Connection::open(address, Duration::from_secs(10)).map_err(failed)?;
    for number in 0..count {
        let request = post(&server.place.host, "Alice", &format!("what was said before, {number}"));
        connection.ask("POST", request.as_bytes()).map_err(failed)?;
    }
    Ok(())
}

fn silence(case: &Case, technique: Technique) -> Result<Silence, String> {
    let server = Server::start(technique as usize)?;
    let empty = server.usage();
    let mut end = Usage::default();
    let users = case.silent_users;
    let plan = Plan {
        users,
        rate: 0.0,
        length: case.silence,
        warm_up: Duration::ZERO,
        errand: Errand::Say,
        ..plan(case, technique, &server, 1)
    };
    let outcome = super::run(plan, |_, moment| {
        if moment == Moment::CountingEnds {
            end = server.usage();
        }
    })?;
    let hour = hour(&outcome);
    let (requests, bytes) = (hour.map(|hour| hour.0), hour.map(|hour| hour.1));
    let requests = if technique == Technique::WebSocket { Some(0.0) } else { requests };
    let held = each(users, end, empty);
    Ok(Silence { requests_per_hour: requests, bytes_per_hour: bytes, held })
}

/// Requests and bytes of an hour like this: from the end of the first exchange to that of the last.
pub fn hour(outcome: &Outcome) -> Option<(f64, f64)> {
    let [first, rest @ .., last] = &outcome.exchanges[..] else { return None };
    let hours = (last.ended - first.ended).as_secs_f64() / 3600.0;
    let count = (rest.len() + 1) as f64;
    let bytes: u64 = rest.iter().chain([last]).map(|exchange| exchange.bytes).sum();
    Some((count / hours, bytes as f64 / hours))
}

fn minus(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    Some((a? - b?).max(0.0))
}

/// What one of them holds.
fn each(users: usize, with: Usage, without: Usage) -> Usage {
    let share = |with, without| minus(with, without).map(|all| all / users.max(1) as f64);
    Usage {
        connections: share(with.connections, without.connections),
        threads: share(with.threads, without.threads),
        // A page of memory here and there is no matter among many.
        kib: share(with.kib, without.kib).filter(|_| users >= SHARERS_MIN),
        cpu_ms: None,
    }
}

/// How far it is, on a terminal.
struct Steps {
    done: usize,
    all: usize,
}

impl Steps {
    fn show(&mut self, technique: Technique) {
        self.done += 1;
        if stderr().is_terminal() {
            let _ = writeln!(stderr(), "{}/{}  {}", self.done, self.all, technique.name());
        }
    }
}

impl Report {
    fn verdict(&self) -> Result<(), Problem> {
        for measured in &self.measured {
            let (outcome, name) = (measured.outcome(), measured.technique.name());
            if let Some(why) = outcome.not_offered {
                return Err(Problem::Ended(NOT_OFFERED, format!("{name}: {why}")));
            }
            if outcome.is_wrong() {
                let first = outcome.first_error.unwrap_or_default();
                return Err(Problem::Ended(
                    WRONG,
                    format!("{name}: messages are missing. {first}"),
                ));
            }
        }
        Ok(())
    }

    /// Everything, with the settings and the machine; times in microseconds and milliseconds as named.
    pub fn json(&self) -> String {
        let Case { name, users, rate, pause, by_hand, rtt, length, silent_users, .. } = &self.case;
        let measured: Vec<String> = self.measured.iter().map(Measured::json).collect();
        format!(
            concat!(
                r#"{{"case":{},"users":{},"rate":{},"pauseMs":{},"byHandMs":{},"rttMs":{},"seconds":{},"#,
                r#""silentUsers":{},"seed":{},"machine":{},"browser":{},"techniques":[{}]}}"#
            ),
            quoted(name),
            users,
            rate,
            pause.as_millis(),
            by_hand.as_millis(),
            rtt.as_millis(),
            length.as_secs(),
            silent_users,
            self.seed,
            quoted(&machine()),
            quoted(browser::BROWSER),
            measured.join(",")
        )
    }
}

impl Measured {
    fn json(&self) -> String {
        let rounds: Vec<String> = self
            .rounds
            .iter()
            .map(|round| {
                let (held, cpu) = (held_json(&round.held), or_null(round.cpu_ms));
                format!(
                    r#"{{"held":{held},"cpuMs":{cpu},"outcome":{}}}"#,
                    outcome_json(&round.outcome)
                )
            })
            .collect();
        let silence = self.silence.map(|Silence { requests_per_hour, bytes_per_hour, held }| {
            let (requests, bytes) = (or_null(requests_per_hour), or_null(bytes_per_hour));
            let held = held_json(&held);
            format!(r#"{{"requestsPerHour":{requests},"bytesPerHour":{bytes},"held":{held}}}"#)
        });
        format!(
            r#"{{"part":{},"rounds":[{}],"silence":{},"model":{{"requestsPerSecond":{},"empty":{},"p50Us":{},"p95Us":{}}}}}"#,
            self.technique as usize,
            rounds.join(","),
            or_null(silence),
            self.model.requests_per_s(),
            self.model.empty(),
            self.model.age(0.5).as_micros(),
            self.model.age(0.95).as_micros(),
        )
    }
}

fn held_json(held: &Usage) -> String {
    let (connections, threads) = (or_null(held.connections), or_null(held.threads));
    format!(r#"{{"connections":{connections},"threads":{threads},"kib":{}}}"#, or_null(held.kib))
}
