//! `rawchat measure`: the four techniques on fresh servers, measured beside the model.
//!
//! Each technique is put under the load of the case for a while, one after another, in an order that
//! the seed shuffles; and all the while another server of each has silent readers, whose hour is
//! computed from what they did.

use super::cases::{CASES, Case};
use super::html;
use super::load::enough_descriptors;
use super::model::{HOLD, Model};
use super::outcome::not_offered;
use super::process::{Server, Usage};
use super::report::{in_one, machine, outcome_json};
use super::table::table;
use super::timetable::Random;
use super::{Errand, Moment, Outcome, Plan, Technique, USERS_MAX, browser, post};
use crate::tools::Problem;
use crate::tools::arguments::Arguments;
use crate::tools::client::Connection;
use crate::tools::dissect::block::{Style, print};
use crate::tools::json::{array, object, or_null};
use crate::wire::json::quoted;
use std::fs::File;
use std::io::{IsTerminal, Write, stderr};
use std::thread;
use std::time::Duration;

/// One pause is enough, and of a longer one nobody wants to wait for the end.
const WARM_UP_MAX: Duration = Duration::from_secs(5);

/// Rooms in which the server's work is measured, too, as far as there are descriptors for all of
/// them, and not more to deliver.
const SIZES: [usize; 4] = [10, 50, 200, 1000];
const DELIVERIES_PER_S_MAX: f64 = 5_000.0;
const LENGTH_OF_OTHERS: Duration = Duration::from_secs(3);

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
    /// In rooms of other sizes.
    pub others: Vec<(usize, Round)>,
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

pub fn run(mut arguments: Arguments) -> Result<(), Problem> {
    let mut style = Style::here();
    let mut case = CASES[0].clone();
    let (mut seed, mut json, mut html, mut users) = (1, false, None, None);
    // The case first: what else is said changes it.
    let mut ahead = arguments.clone();
    if ahead.any(|flag| flag == "--case") {
        let name = ahead.value()?;
        let found = CASES.iter().find(|case| case.name == name).cloned();
        case = found.ok_or_else(|| arguments.problem(format!("there is no case {name:?}")))?;
    }
    while let Some(flag) = arguments.next() {
        match flag {
            "--case" => drop(arguments.value()?),
            "--users" => users = Some(arguments.number(1..=USERS_MAX)?),
            "--rate" => case.rate = arguments.number(0.0..=10_000.0)?,
            "--pause" => {
                case.pause = arguments.time()?;
                case.by_hand = case.pause;
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
    match users {
        Some(users) if case.rate > 0.0 => (case.users, case.others) = (users, false),
        Some(users) if users > SILENT_MAX => {
            let most = format!("--users {users}: {SILENT_MAX} at the most where nobody writes");
            return Err(arguments.problem(most));
        }
        Some(users) => case.silent_users = users,
        None if case.rate > 0.0 && case.users == 0 => {
            return Err(arguments.problem("--rate: how many --users hear it?"));
        }
        None => {}
    }
    let report = measure(case, seed, &style).map_err(not_offered)?;
    if let Some(file) = &mut html {
        let page = html::page(&report, style.language);
        file.write_all(page.as_bytes()).map_err(|error| Problem::Failed(error.to_string()))?;
    }
    print(&if json { report.json() } else { table(&report, &style) });
    report.verdict()
}

/// Before anything is measured: whoever has waited wants to see something.
fn create(path: &str) -> Result<File, Problem> {
    File::create(path).map_err(|error| Problem::Failed(format!("{path}: {error}")))
}

/// Measures everything. `Err`: a server or the crowd could not be started.
pub fn measure(case: Case, seed: u64, style: &Style) -> Result<Report, String> {
    enough_descriptors(4 * case.silent_users + case.users)?;
    thread::scope(|scope| {
        let silent = Technique::ALL.map(|technique| {
            let case = &case;
            (case.silence > Duration::ZERO).then(|| scope.spawn(move || silence(case, technique)))
        });
        let mut rounds = [const { Vec::new() }; 4];
        let mut random = Random(seed);
        let (mut done, all) = (0, if case.rate > 0.0 { case.rounds } else { 0 });
        for number in 0..all {
            let mut order = Technique::ALL;
            for at in (1..order.len()).rev() {
                order.swap(at, (random.part() * (at + 1) as f64) as usize);
            }
            for technique in order {
                done += 1;
                if stderr().is_terminal() {
                    let name = in_one(&technique.name(), style);
                    let _ = writeln!(stderr(), "{done}/{}  {name}", 4 * all);
                }
                rounds[technique as usize - 1].push(round(&case, technique, seed + number as u64)?);
            }
        }
        let others = others(&case, seed);
        let mut measured = Vec::new();
        for (((technique, rounds), others), silent) in
            Technique::ALL.into_iter().zip(rounds).zip(others).zip(silent)
        {
            let silence = silent.map(|silent| silent.join().unwrap_or(Err("it panicked".into())));
            let (silence, model) = (silence.transpose()?, model(&case, technique, &rounds));
            measured.push(Measured { technique, rounds, others, silence, model });
        }
        Ok(Report { case: case.clone(), seed, measured })
    })
}

/// Rooms of other sizes, all of them at one time: of each server only the work is looked at. Those
/// that could not be filled are left out.
fn others(case: &Case, seed: u64) -> [Vec<(usize, Round)>; 4] {
    let mut sizes = if case.others && case.errand == Errand::Say { SIZES.to_vec() } else { vec![] };
    let mut users = 4 * case.silent_users;
    sizes.retain(|size| {
        users += 4 * size;
        let deliveries = *size as f64 * case.rate;
        let few = (1.0..=DELIVERIES_PER_S_MAX).contains(&deliveries);
        few && *size != case.users && enough_descriptors(users).is_ok()
    });
    let measure = |technique, users| {
        let length = case.length.min(LENGTH_OF_OTHERS);
        let measured = round(&Case { users, length, ..case.clone() }, technique, seed).ok();
        measured.filter(|round| round.outcome.not_offered.is_none())
    };
    thread::scope(|scope| {
        let begun = Technique::ALL.map(|technique| {
            let begin = |users| (users, scope.spawn(move || measure(technique, users)));
            sizes.iter().copied().map(begin).collect::<Vec<_>>()
        });
        begun.map(|begun| {
            let end = |(users, thread): (_, thread::ScopedJoinHandle<_>)| {
                Some((users, thread.join().ok()??))
            };
            begun.into_iter().filter_map(end).collect()
        })
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
    Plan { errand, warm_up, technique, place, users, rate, length, pause, rtt, seed, live: None }
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
    let outcome = super::run(plan, |moment| match moment {
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
    let outcome = super::run(plan, |moment| {
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

impl Report {
    /// The exit code: of the first technique that did not go well, in any room.
    pub fn verdict(&self) -> Result<(), Problem> {
        for Measured { technique, rounds, others, .. } in &self.measured {
            for round in rounds.iter().chain(others.iter().map(|(_, round)| round)) {
                round.outcome.verdict(*technique)?;
            }
        }
        Ok(())
    }

    /// Everything, with the settings and the machine; times in microseconds and milliseconds as named.
    pub fn json(&self) -> String {
        let Case { name, users, rate, pause, by_hand, rtt, length, silent_users, .. } = &self.case;
        object(&[
            ("case", quoted(name)),
            ("users", users.to_string()),
            ("rate", rate.to_string()),
            ("pauseMs", pause.as_millis().to_string()),
            ("byHandMs", by_hand.as_millis().to_string()),
            ("rttMs", rtt.as_millis().to_string()),
            ("seconds", length.as_secs().to_string()),
            ("silentUsers", silent_users.to_string()),
            ("seed", self.seed.to_string()),
            ("machine", quoted(&machine())),
            ("browser", quoted(browser::BROWSER)),
            ("techniques", array(&self.measured, Measured::json)),
        ])
    }
}

impl Measured {
    fn json(&self) -> String {
        let silence = self.silence.map(|Silence { requests_per_hour, bytes_per_hour, held }| {
            object(&[
                ("requestsPerHour", or_null(requests_per_hour)),
                ("bytesPerHour", or_null(bytes_per_hour)),
                ("held", held_json(&held)),
            ])
        });
        let model = object(&[
            ("requestsPerSecond", self.model.requests_per_s().to_string()),
            ("empty", self.model.empty().to_string()),
            ("p50Us", self.model.age(0.5).as_micros().to_string()),
            ("p95Us", self.model.age(0.95).as_micros().to_string()),
        ]);
        let other = |(users, round): &(usize, Round)| {
            let round = round_json(round);
            object(&[("users", users.to_string()), ("round", round)])
        };
        object(&[
            ("part", (self.technique as usize).to_string()),
            ("rounds", array(&self.rounds, round_json)),
            ("others", array(&self.others, other)),
            ("silence", or_null(silence)),
            ("model", model),
        ])
    }
}

fn round_json(round: &Round) -> String {
    object(&[
        ("held", held_json(&round.held)),
        ("cpuMs", or_null(round.cpu_ms)),
        ("outcome", outcome_json(&round.outcome)),
    ])
}

fn held_json(held: &Usage) -> String {
    object(&[
        ("connections", or_null(held.connections)),
        ("threads", or_null(held.threads)),
        ("kib", or_null(held.kib)),
    ])
}
