//! `rawchat load 3 --users 500 --rate 10 --seconds 30 URL`: a crowd for one server.

use super::outcome::not_offered;
use super::report::{bytes, exact, fill, in_both, in_one, machine, number, or_dash};
use super::report::{outcome_json, quantile, thousands, time};
use super::{Crowd, Errand, Outcome, Plan, Technique, USERS_MAX, browser, timetable::MESSAGES_MAX};
use crate::tools::arguments::Arguments;
use crate::tools::client::Place;
use crate::tools::dissect::block::{Style, print};
use crate::tools::json::object;
use crate::tools::{Problem, invitation};
use crate::wire::json::quoted;
use std::io::{IsTerminal, Write, stderr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Connections of the senders, the standard streams, and some to spare.
const OWN_DESCRIPTORS: usize = 32;

/// F5 by hand, and the pause of part 2's page.
pub fn usual_pause(technique: Technique) -> Duration {
    Duration::from_secs(if technique == Technique::Refresh { 5 } else { 3 })
}

pub fn run(mut arguments: Arguments) -> Result<(), Problem> {
    let mut style = Style::here();
    let (mut technique, mut url, mut json, mut pause) =
        (None, "http://127.0.0.1:3000", false, None);
    let (mut users, mut rate, mut seconds, mut seed) = (100, 2.0, 10, 1);
    let mut rtt = Duration::ZERO;
    while let Some(flag) = arguments.next() {
        match flag {
            "--users" => users = arguments.number(1..=USERS_MAX)?,
            "--rate" => rate = arguments.number(0.0..=10_000.0)?,
            "--seconds" => seconds = arguments.number(1..=3_600)?,
            "--pause" => pause = Some(arguments.time()?),
            "--rtt" => rtt = arguments.time()?,
            "--seed" => seed = arguments.number(0..=u64::MAX)?,
            "--json" => json = true,
            "--lang" => style.language = arguments.language()?,
            flag if flag.starts_with('-') => return Err(arguments.unknown()),
            word if technique.is_none() => {
                let named = Technique::ALL.into_iter().find(|t| (*t as usize).to_string() == word);
                technique =
                    Some(named.ok_or_else(|| arguments.problem(format!("part {word:?}?")))?);
            }
            word => url = word,
        }
    }
    let technique = technique.ok_or_else(|| arguments.problem("which part: 1, 2, 3 or 4?"))?;
    let place = Place::of(&[url], "http://127.0.0.1:3000");
    let place = place.map_err(|what| arguments.problem(what))?;
    if !place.target.starts_with("/?") && place.target != "/" {
        let root = format!("http://{}", place.host);
        return Err(arguments.problem(format!("a chat has no path {}: try {root}", place.target)));
    }
    if rate * seconds as f64 > MESSAGES_MAX as f64 {
        return Err(arguments.problem(format!("more than {MESSAGES_MAX} messages")));
    }
    let (length, pause) = (Duration::from_secs(seconds), pause.unwrap_or(usual_pause(technique)));
    let (errand, warm_up) = (Errand::Say, Duration::ZERO);
    let live = stderr().is_terminal().then_some(style);
    let plan =
        Plan { errand, warm_up, technique, place, users, rate, length, pause, rtt, seed, live };
    enough_descriptors(users).map_err(not_offered)?;
    let outcome = super::run(plan.clone(), |_| {}).map_err(not_offered)?;
    print(&match json {
        true => summary_json(&plan, &outcome),
        false => summary(&plan, &outcome, &style).trim_end().into(),
    });
    outcome.verdict(technique)
}

/// Every user is a connection, and a connection is a descriptor.
pub fn enough_descriptors(users: usize) -> Result<(), String> {
    let needed = users + OWN_DESCRIPTORS;
    match invitation::descriptors() {
        Some([now, most]) if now < needed && needed <= most => Err(format!(
            "{users} users need {needed} descriptors, ulimit -n is {now}: first ulimit -n {needed}"
        )),
        Some([now, most]) if now < needed => Err(format!(
            "{users} users need {needed} descriptors, and the system allows {most} (ulimit -Hn)"
        )),
        _ => Ok(()),
    }
}

/// What is said at the end.
const SUMMARY: [&str; 2] = [
    include_str!("../../../public/notes/summary.uk.txt"),
    include_str!("../../../public/notes/summary.en.txt"),
];

fn summary(plan: &Plan, outcome: &Outcome, style: &Style) -> String {
    let (seconds, traffic) = (plan.length.as_secs_f64(), &outcome.traffic);
    let each = |count: u64| count as f64 / traffic.messages.max(1) as f64;
    let age = |part| or_dash(quantile(&outcome.ages, part), time);
    let error = outcome.first_error.clone();
    let figures = [
        ("users", thousands(plan.users as u64)),
        ("rate", plan.rate.to_string()),
        ("seconds", exact(time(plan.length))),
        ("seed", plan.seed.to_string()),
        ("messages", thousands(outcome.messages)),
        ("delivered", thousands(outcome.delivered)),
        ("expected", thousands(outcome.expected)),
        ("lost", thousands(outcome.lost())),
        ("doubled", thousands(outcome.doubled)),
        ("disordered", thousands(outcome.disordered)),
        ("p50", age(0.5)),
        ("p95", age(0.95)),
        ("p99", age(0.99)),
        ("max", time(outcome.ages.max())),
        ("requests", number(traffic.requests as f64 / seconds)),
        ("empty", number(100.0 * traffic.empty as f64 / traffic.requests.max(1) as f64)),
        ("perMessage", number(each(traffic.requests))),
        ("up", bytes(each(traffic.up))),
        ("headDown", bytes(each(traffic.head_down()))),
        ("body", bytes(each(traffic.body_down))),
        ("late", time(outcome.lateness.max())),
        ("errors", thousands(outcome.errors)),
        ("place", plan.place.host.clone()),
        ("name", in_one(&plan.technique.name(), style)),
        ("error", or_dash(error, |error| error)),
        ("machine", machine()),
        ("browser", browser::BROWSER.into()),
    ];
    in_one(&fill(SUMMARY, &figures), style)
}

fn summary_json(plan: &Plan, outcome: &Outcome) -> String {
    object(&[
        ("part", (plan.technique as usize).to_string()),
        ("host", quoted(&plan.place.host)),
        ("users", plan.users.to_string()),
        ("rate", plan.rate.to_string()),
        ("seconds", plan.length.as_secs().to_string()),
        ("pauseMs", plan.pause.as_millis().to_string()),
        ("rttMs", plan.rtt.as_millis().to_string()),
        ("seed", plan.seed.to_string()),
        ("machine", quoted(&machine())),
        ("browser", quoted(browser::BROWSER)),
        ("outcome", outcome_json(outcome)),
    ])
}

/// A line on stderr that is written over and over, until all is over.
pub(super) fn show(crowd: &Crowd, style: &Style) {
    const PERIOD: Duration = Duration::from_millis(500);
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    // Nobody reads it any more: no harm.
    let write = |line: &str| drop(write!(stderr(), "\r\x1b[K{}", in_one(&in_both(line), style)));
    let (mut then, mut delivered, mut passed) = (Instant::now(), 0, 0);
    while crowd.rest(PERIOD) {
        let seconds = then.elapsed().as_secs_f64();
        let now = (Instant::now(), count(&crowd.delivered), count(&crowd.bytes));
        let ages = crowd.ages();
        match crowd.began.get() {
            None => {
                let entered = crowd.entered.load(Ordering::Relaxed);
                write(&format!("{} {entered}", style.pick("заходять:", "coming in:")));
            }
            Some(began) => write(&format!(
                "{:.0} / {:.0} s   {} {} /s   {} /s   50 % {}   99 % {}",
                began.elapsed().as_secs_f64(),
                (crowd.plan.warm_up + crowd.plan.length).as_secs_f64(),
                style.pick("доставлено", "delivered"),
                number((now.1 - delivered) as f64 / seconds),
                bytes((now.2 - passed) as f64 / seconds),
                or_dash(quantile(&ages, 0.5), time),
                or_dash(quantile(&ages, 0.99), time),
            )),
        }
        (then, delivered, passed) = now;
    }
    write("");
}
