//! The six figures of a measurement, each above its model, in columns.

use super::browser::BROWSER;
use super::cases::Case;
use super::measure::{Measured, Report};
use super::process::Usage;
use super::report::{Both, bytes, exact, fill, in_both, in_one, machine};
use super::report::{number, or_dash, quantile, thousands, time};
use super::{Errand, Outcome, Technique};
use crate::tools::dissect::block::{DIM, Style, wrap};
use std::time::Duration;

/// Senders that are later than this make the messages of parts 3 and 4 older than they were.
const LATENESS_MAX: Duration = Duration::from_millis(5);

/// What was measured, and what the model says.
pub type Cell = (String, Option<String>);

/// The table, what it teaches, and how it was made.
pub fn table(report: &Report, style: &Style) -> String {
    let two_words = |name: &str| name.split(' ').take(2).collect::<Vec<_>>().join(" ");
    let names = Technique::ALL.map(|technique| two_words(&in_one(&technique.name(), style)));
    let mut lines = vec![(String::new(), names.to_vec())];
    for ([uk, en], cells) in rows(report) {
        let shown = |figure: &String| in_one(&in_both(figure), style);
        let measured = cells.iter().map(|(measured, _)| shown(measured)).collect();
        let model = cells.iter().map(|(_, model)| model.as_ref().map(shown).unwrap_or_default());
        lines.push((style.pick(uk, en).to_string(), measured));
        if cells.iter().any(|(_, model)| model.is_some()) {
            lines.push((style.pick("  модель", "  model").to_string(), model.collect()));
        }
    }
    let count = |text: &String| text.chars().count();
    let label = lines.iter().map(|(label, _)| count(label)).max().unwrap_or(0);
    let width = |column: usize| lines.iter().map(|(_, cells)| count(&cells[column])).max();
    let mut out = String::new();
    for (name, cells) in &lines {
        let mut line = format!("{name:<label$}");
        for (column, cell) in cells.iter().enumerate() {
            line += &format!("  {cell:>0$}", width(column).unwrap_or(0));
        }
        let is_model = name.starts_with(' ');
        out += &if is_model { style.paint(DIM, &line) } else { line };
        out.push('\n');
    }
    let notes = in_one(&notes(report), style);
    for paragraph in ["", style.of(report.case.lesson), ""].into_iter().chain(notes.lines()) {
        wrap(&mut out, paragraph, 0);
    }
    out.trim_end().into()
}

/// The lines of the table: what each is, in Ukrainian and in English, and its four cells.
pub fn rows(report: &Report) -> Vec<([&'static str; 2], Vec<Cell>)> {
    let shown = FIGURES.iter().filter(|figure| (figure.when)(&report.case));
    let cells = |figure: &Figure| {
        report.measured.iter().map(|each| (figure.cell)(each, &each.outcome())).collect()
    };
    shown.map(|figure| (figure.label, cells(figure))).collect()
}

/// How it was measured, and what was in the way, a line each.
pub fn notes(report: &Report) -> Both {
    let way = [
        "Шлях мережею імітує сам читач: чекає, перш ніж запитати, і перш ніж глянути на відповідь.",
        "The readers simulate the network: each waits before a request, and before it looks at an answer.",
    ];
    let made = [
        format!("{}; заголовки браузера: {BROWSER}", machine()),
        format!("{}; headers of a browser: {BROWSER}", machine()),
    ];
    let mut lines = vec![settings(report), way.map(String::from), made];
    let late =
        report.measured.iter().filter_map(|each| each.outcome().lateness.quantile(0.99)).max();
    if let Some(late) = late.filter(|late| *late > LATENESS_MAX) {
        let text = [
            "УВАГА: машина зайнята, повідомлення надсилали пізніше, ніж мали; 99 % до {late}",
            "NOTE: this machine is busy, messages were sent later than planned; 99 % within {late}",
        ];
        lines.push(fill(text, &[("late", time(late))]));
    }
    if cfg!(debug_assertions) {
        let text = [
            "УВАГА: це налагоджувальна збірка, міряйте так: cargo run --release -- measure",
            "NOTE: this is a debug build; measure with cargo run --release -- measure",
        ];
        lines.push(text.map(String::from));
    }
    [0, 1].map(|language| lines.iter().map(|line| line[language].clone() + "\n").collect())
}

fn settings(Report { case, seed, .. }: &Report) -> Both {
    let Case { name, rate, pause, by_hand, rtt, length, rounds, silence, .. } = case;
    let users = if *rate > 0.0 { case.users } else { case.silent_users };
    let [uk, en] = match case.errand {
        Errand::Say => ["повідомлень", "messages"],
        Errand::Visit { .. } => ["відвідин", "visits"],
    };
    let [uk_long, en_long] = match *rate > 0.0 {
        true => ["раундів {rounds} по {length}", "{rounds} round(s) of {length}"],
        false => ["{silence} тиші", "{silence} of silence"],
    };
    let settings = [
        &format!(
            "{{name}}: читачів {{users}}, {uk} за секунду {{rate}}, пауза {{pause}}, F5 кожні {{hand}}, \
             шлях туди й назад {{rtt}}, {uk_long}, --seed {{seed}}"
        ),
        &*format!(
            "{{name}}: {{users}} readers, {{rate}} {en} a second, pause {{pause}}, F5 every {{hand}}, \
             round trip {{rtt}}, {en_long}, --seed {{seed}}"
        ),
    ];
    let of = |each: Duration| exact(time(each));
    fill(
        settings,
        &[
            ("name", name.to_string()),
            ("users", thousands(users as u64)),
            ("rate", rate.to_string()),
            ("pause", of(*pause)),
            ("hand", of(*by_hand)),
            ("rtt", of(*rtt)),
            ("rounds", rounds.to_string()),
            ("length", of(*length)),
            ("silence", of(*silence)),
            ("seed", seed.to_string()),
        ],
    )
}

/// `1.55 s`, and `1.53 s`
fn beside(measured: Option<f64>, model: Option<f64>, shown: impl Fn(f64) -> String) -> Cell {
    (or_dash(measured, &shown), model.map(shown))
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
    cell: fn(&Measured, &Outcome) -> Cell,
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
    Figure { label: ["запитів на одну доставку", "requests for each message delivered"],
             when: SAYS, cell: |each, all| beside(
                 ratio(all.traffic.requests, all.traffic.messages),
                 Some(each.model.requests_per_message()), number) },
    Figure { label: ["з них порожніх", "of them empty"],
             when: SAYS, cell: |each, all| beside(
                 ratio(all.traffic.empty, all.traffic.requests),
                 asks(each).then(|| each.model.empty()), percent) },
    Figure { label: ["байтів голів і заголовків кадрів", "bytes of heads, frames for each"],
             when: SAYS, cell: heads },
    Figure { label: ["байтів тіла на доставку", "bytes of bodies for each"],
             when: SAYS, cell: |_, all| beside(ratio(all.traffic.body_down, all.traffic.messages), None, bytes) },
    Figure { label: ["мс процесора на 1000 доставок", "server CPU, ms for 1000 of them"],
             when: SAYS, cell: |each, all| cpu_ms(each, all.traffic.messages, 1000.0) },
    Figure { label: ["байтів на відвідини, усім разом", "bytes for a visit, of all together"],
             when: VISITS, cell: |_, all| beside(
                 ratio(all.traffic.bytes() + all.visitors.bytes(), all.visits), None, bytes) },
    Figure { label: ["з них самому відвідувачеві", "of them for the visitor itself"],
             when: VISITS, cell: |_, all| beside(ratio(all.visitors.bytes(), all.visits), None, bytes) },
    Figure { label: ["мс процесора сервера на відвідини", "server CPU, ms for a visit"],
             when: VISITS, cell: |each, all| cpu_ms(each, all.visits, 1.0) },
    Figure { label: ["година тиші читача: запитів", "a silent reader's hour: requests"],
             when: SILENT, cell: |each, _| beside(
                 each.silence.and_then(|silence| silence.requests_per_hour),
                 Some(each.model.silent_hour(0.0).0), number) },
    Figure { label: ["година тиші читача: байтів", "a silent reader's hour: bytes"],
             when: SILENT, cell: silent_bytes },
    Figure { label: ["на читача, який чекає: з’єднань", "a waiting reader holds: connections"],
             when: |_| true, cell: |each, _| beside(held(each).connections, None, number) },
    Figure { label: ["потоків", "threads"],
             when: |_| true, cell: |each, _| beside(held(each).threads, None, number) },
    Figure { label: ["КіБ пам’яті", "KiB of memory"],
             when: |_| true, cell: |each, _| beside(held(each).kib, None, number) },
];

fn asks(each: &Measured) -> bool {
    each.technique != Technique::WebSocket
}

fn age(each: &Measured, all: &Outcome, part: f64) -> Cell {
    let age = quantile(&all.ages, part).map(|age| age.as_secs_f64());
    beside(age, Some(each.model.age(part).as_secs_f64()), seconds)
}

/// What one exchange takes is measured; how many it takes is the model's. A frame needs none.
fn heads(each: &Measured, all: &Outcome) -> Cell {
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

fn silent_bytes(each: &Measured, _: &Outcome) -> Cell {
    let Some(silence) = each.silence else { return beside(None, None, bytes) };
    let exchange = silence.bytes_per_hour.zip(silence.requests_per_hour);
    let exchange = exchange.map(|(bytes, requests)| bytes / requests);
    beside(silence.bytes_per_hour, exchange.map(|bytes| each.model.silent_hour(bytes).1), bytes)
}

fn held(each: &Measured) -> Usage {
    let busy = each.rounds.first().map(|round| round.held);
    busy.or(each.silence.map(|silence| silence.held)).unwrap_or_default()
}

/// What the server has used for so many of `count`.
fn cpu_ms(each: &Measured, count: u64, of: f64) -> Cell {
    let spent: Option<f64> = each.rounds.iter().map(|round| round.cpu_ms).sum();
    beside(spent.filter(|_| count > 0).map(|spent| of * spent / count as f64), None, number)
}

fn ratio(count: u64, of: u64) -> Option<f64> {
    (of > 0).then_some(count as f64 / of as f64)
}
