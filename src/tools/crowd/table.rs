//! The six figures of a measurement, each beside its model, in columns.

use super::browser::BROWSER;
use super::cases::Case;
use super::measure::{Measured, Report};
use super::process::Usage;
use super::report::{bytes, machine, number, or_dash, quantile, thousands, time};
use super::{Errand, Outcome, Technique};
use crate::tools::dissect::block::{Style, wrap};
use std::fmt::Write;
use std::time::Duration;

/// Senders that are later than this make the messages of parts 3 and 4 older than they were.
const LATENESS_MAX: Duration = Duration::from_millis(5);

/// The table, what it teaches, and how it was made.
pub fn table(report: &Report, style: &Style) -> String {
    let mut rows = vec![[style.say("виміряно | модель", "measured | model").to_string()].to_vec()];
    rows[0].extend(Technique::ALL.map(|technique| technique.name().to_string()));
    for ([uk, en], cells) in self::rows(report) {
        rows.push([style.say(uk, en).to_string()].into_iter().chain(cells).collect());
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let mut out = String::new();
    for row in &rows {
        let _ = write!(out, "{:<1$}", row[0], width(0).unwrap_or(0));
        for (column, cell) in row.iter().enumerate().skip(1) {
            let _ = write!(out, "   {cell:>0$}", width(column).unwrap_or(0));
        }
        out.push('\n');
    }
    out.push('\n');
    let [uk, en] = report.case.lesson;
    wrap(&mut out, style.say(uk, en), 0);
    out.push('\n');
    (out + &notes(report, style)).trim_end().into()
}

/// The lines of the table: what each is, in Ukrainian and in English, and its four cells.
pub fn rows(report: &Report) -> Vec<([&'static str; 2], Vec<String>)> {
    let shown = FIGURES.iter().filter(|figure| (figure.when)(&report.case));
    let cells = |figure: &Figure| {
        report.measured.iter().map(|each| (figure.cell)(each, &each.outcome())).collect()
    };
    shown.map(|figure| (figure.label, cells(figure))).collect()
}

/// How it was measured, and what was in the way.
pub fn notes(report: &Report, style: &Style) -> String {
    let Report { case, seed, measured } = report;
    let mut out = settings(case, *seed, style);
    let late = measured.iter().filter_map(|each| each.outcome().lateness.quantile(0.99)).max();
    if let Some(late) = late.filter(|late| *late > LATENESS_MAX) {
        let text = style.say(
            "УВАГА: машина зайнята, повідомлення надсилали пізніше, ніж мали; 99 % до",
            "NOTE: this machine is busy, messages were sent later than planned; 99 % within",
        );
        let _ = writeln!(out, "{text} {}", time(late));
    }
    if cfg!(debug_assertions) {
        let text = style.say(
            "УВАГА: це налагоджувальна збірка, міряйте так: cargo run --release -- measure",
            "NOTE: this is a debug build; measure with cargo run --release -- measure",
        );
        let _ = writeln!(out, "{text}");
    }
    out
}

fn settings(case: &Case, seed: u64, style: &Style) -> String {
    let Case { name, rate, pause, by_hand, rtt, length, rounds, .. } = case;
    let users = if *rate > 0.0 { case.users } else { case.silent_users };
    let [uk, en] = [
        "{name}: читачів {users}, {what} за секунду {rate}, пауза {pause}, F5 кожні {hand}, дорога туди й назад {rtt}, раундів {rounds} по {length}, посів {seed}",
        "{name}: {users} readers, {rate} {what} a second, pause {pause}, F5 every {hand}, way there and back {rtt}, {rounds} round(s) of {length}, seed {seed}",
    ];
    let is_visit = case.errand != Errand::Say;
    let what = if is_visit {
        style.say("відвідин", "visits")
    } else {
        style.say("повідомлень", "messages")
    };
    let mut text = style.say(uk, en).to_string();
    for (name, value) in [
        ("name", name.to_string()),
        ("users", thousands(users as u64)),
        ("what", what.into()),
        ("rate", number(*rate)),
        ("pause", time(*pause)),
        ("hand", time(*by_hand)),
        ("rtt", time(*rtt)),
        ("rounds", rounds.to_string()),
        ("length", time(*length)),
        ("seed", seed.to_string()),
    ] {
        text = text.replace(&format!("{{{name}}}"), &value);
    }
    let way = style.say(
        "Дорогу імітує читач: чекає перед запитом і перед тим, як глянути на відповідь.",
        "The way is imitated by the reader: it waits before a request, and before it looks at an answer.",
    );
    let headers = style.say("заголовки браузера", "headers of a browser");
    format!("{text}\n{way}\n{}; {headers}: {BROWSER}\n", machine())
}

/// `1.55 s | 1.53 s`
fn beside(measured: Option<f64>, model: Option<f64>, shown: impl Fn(f64) -> String) -> String {
    let model = model.map(|model| format!(" | {}", shown(model))).unwrap_or_default();
    or_dash(measured, &shown) + &model
}

fn seconds(seconds: f64) -> String {
    time(Duration::from_secs_f64(seconds))
}

fn percent(part: f64) -> String {
    format!("{} %", number(100.0 * part))
}

/// A line of the table: when there is something to say, and what, of each technique.
struct Figure {
    label: [&'static str; 2],
    when: fn(&Case) -> bool,
    cell: fn(&Measured, &Outcome) -> String,
}

const SAYS: fn(&Case) -> bool = |case| case.rate > 0.0 && case.errand == Errand::Say;
const VISITS: fn(&Case) -> bool = |case| case.errand != Errand::Say;
const SILENT: fn(&Case) -> bool = |case| case.silence > Duration::ZERO;

#[rustfmt::skip]
static FIGURES: [Figure; 15] = [
    Figure { label: ["вік повідомлення, половина до", "age of a message, half within"],
             when: SAYS, cell: |each, all| age(each, all, 0.5) },
    Figure { label: ["вік, 95 % до", "age, 95 % within"],
             when: SAYS, cell: |each, all| age(each, all, 0.95) },
    Figure { label: ["запитів на доставлене повідомлення", "requests for each message delivered"],
             when: SAYS, cell: |each, all| beside(
                 ratio(all.traffic.requests, all.traffic.messages),
                 Some(each.model.requests_per_message()), number) },
    Figure { label: ["з них порожніх", "of them empty"],
             when: SAYS, cell: |each, all| beside(
                 ratio(all.traffic.empty, all.traffic.requests),
                 asks(each).then(|| each.model.empty()), percent) },
    Figure { label: ["байтів голів і рамок на повідомлення", "bytes of heads and frames for a message"],
             when: SAYS, cell: heads },
    Figure { label: ["байтів тіла на повідомлення", "bytes of bodies for a message"],
             when: SAYS, cell: |_, all| or_dash(ratio(all.traffic.body_down, all.traffic.messages), bytes) },
    Figure { label: ["мс процесора сервера на 1,000 доставок", "server CPU, ms for 1,000 deliveries"],
             when: SAYS, cell: |each, all| cpu_ms(each, all.traffic.messages, 1000.0) },
    Figure { label: ["байтів на одні відвідини, усім разом", "bytes for a visit, of everybody together"],
             when: VISITS, cell: |_, all| or_dash(
                 ratio(all.traffic.bytes() + all.visitors.bytes(), all.visits), bytes) },
    Figure { label: ["з них самому відвідувачеві", "of them for the visitor itself"],
             when: VISITS, cell: |_, all| or_dash(ratio(all.visitors.bytes(), all.visits), bytes) },
    Figure { label: ["мс процесора сервера на відвідини", "server CPU, ms for a visit"],
             when: VISITS, cell: |each, all| cpu_ms(each, all.visits, 1.0) },
    Figure { label: ["година тиші одного читача: запитів", "a silent reader's hour: requests"],
             when: SILENT, cell: |each, _| beside(
                 each.silence.and_then(|silence| silence.requests_per_hour),
                 Some(each.model.silent_hour(0.0).0), number) },
    Figure { label: ["година тиші одного читача: байтів", "a silent reader's hour: bytes"],
             when: SILENT, cell: silent_bytes },
    Figure { label: ["тримає на сервері: з’єднань", "a waiting reader holds: connections"],
             when: |_| true, cell: |each, _| or_dash(held(each).connections, number) },
    Figure { label: ["потоків", "threads"],
             when: |_| true, cell: |each, _| or_dash(held(each).threads, number) },
    Figure { label: ["КіБ пам’яті", "KiB of memory"],
             when: |_| true, cell: |each, _| or_dash(held(each).kib, number) },
];

fn asks(each: &Measured) -> bool {
    each.technique != Technique::WebSocket
}

fn age(each: &Measured, all: &Outcome, part: f64) -> String {
    let age = quantile(&all.ages, part).map(|age| age.as_secs_f64());
    beside(age, Some(each.model.age(part).as_secs_f64()), seconds)
}

/// What one exchange takes is measured; how many it takes is the model's. A frame needs none.
fn heads(each: &Measured, all: &Outcome) -> String {
    let traffic = &all.traffic;
    let heads = traffic.up + traffic.head_down();
    let model = match asks(each) {
        true => ratio(heads, traffic.requests).map(|one| one * each.model.requests_per_message()),
        // RFC 6455 §5.2
        false => ratio(traffic.body_down, traffic.messages)
            .map(|payload| if payload < 126.0 { 2.0 } else { 4.0 }),
    };
    beside(ratio(heads, traffic.messages), model, bytes)
}

fn silent_bytes(each: &Measured, _: &Outcome) -> String {
    let Some(silence) = each.silence else { return "–".into() };
    let exchange = silence.bytes_per_hour.zip(silence.requests_per_hour);
    let exchange = exchange.map(|(bytes, requests)| bytes / requests);
    beside(silence.bytes_per_hour, exchange.map(|bytes| each.model.silent_hour(bytes).1), bytes)
}

fn held(each: &Measured) -> Usage {
    let busy = each.rounds.first().map(|round| round.held);
    busy.or(each.silence.map(|silence| silence.held)).unwrap_or_default()
}

/// What the server has used for so many of `count`.
fn cpu_ms(each: &Measured, count: u64, of: f64) -> String {
    let spent: Option<f64> = each.rounds.iter().map(|round| round.cpu_ms).sum();
    or_dash(spent.filter(|_| count > 0).map(|spent| of * spent / count as f64), number)
}

fn ratio(count: u64, of: u64) -> Option<f64> {
    (of > 0).then_some(count as f64 / of as f64)
}
