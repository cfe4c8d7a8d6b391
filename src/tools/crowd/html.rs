//! A measurement as one HTML file: the table, the charts, and how it was made. In both languages,
//! without a script.

use super::Technique;
use super::chart::{Axis, Bar, Line, bars, lines, spans, strips, wide};
use super::measure::{Measured, Report, Round};
use super::model::Model;
use super::report::{Both, both, bytes, exact, fill, in_both, number, thousands, time};
use super::table::{notes, rows};
use crate::tools::dissect::Language;
use crate::tools::pages;
use std::slice::from_ref;
use std::time::Duration;

const TEMPLATE: &str = include_str!("../../../public/notes/report.html");
const STYLE: &str = include_str!("../../../public/report.css");
/// Of a model's line.
const STEPS: usize = 100;
/// Messages a second, in the chart of requests.
const RATES: [f64; 2] = [0.01, 100.0];

/// The file; `language` is the one that it opens in.
pub fn page(report: &Report, language: Language) -> String {
    let lang = if language == Language::Uk { "uk" } else { "en" };
    let checked = |of: &str| if of == lang { " checked" } else { "" };
    let charts = [ages, questions, requests, weights, silence, work];
    let charts: String = charts.iter().filter_map(|chart| chart(report)).collect();
    let values = [
        ("lang", lang),
        ("name", report.case.name),
        ("style", STYLE),
        ("uk", checked("uk")),
        ("en", checked("en")),
        ("lesson", &spans(&report.case.lesson.map(String::from))),
        ("table", &table(report)),
        ("charts", &charts),
        ("notes", &spans(&notes(report))),
    ];
    pages::fill(TEMPLATE, &values)
}

fn table(report: &Report) -> String {
    let mut out = String::from("<table>\n<thead><tr><th scope=\"col\">");
    out += &spans(&both("виміряно | модель", "measured | model"));
    for technique in Technique::ALL {
        out += &format!("</th><th scope=\"col\">{}", spans(&technique.name()));
    }
    out += "</th></tr></thead>\n<tbody>\n";
    for ([uk, en], cells) in rows(report) {
        out += &format!("<tr><th scope=\"row\">{}</th>", spans(&both(uk, en)));
        for (measured, model) in cells {
            let model = model.map(|model| format!(" | {model}")).unwrap_or_default();
            out += &format!("<td>{}</td>", spans(&in_both(&(measured + &model))));
        }
        out += "</tr>\n";
    }
    wide("heading", &(out + "</tbody>\n</table>\n"))
}

/// Two texts with `{1}`, `{2}`, … in them, which are figures as in the table.
fn sentence(uk: &str, en: &str, figures: &[String]) -> Both {
    fill([uk, en], &["1", "2", "3"].into_iter().zip(figures.iter().cloned()).collect::<Vec<_>>())
}

/// A name, both ends, and what is written at which value.
fn axis(
    [uk, en]: [&str; 2],
    [from, to]: [f64; 2],
    is_log: bool,
    marks: &[f64],
    shown: impl Fn(f64) -> String,
) -> Axis {
    let mark = |at: &f64| (*at, in_both(&exact(shown(*at))));
    Axis { name: both(uk, en), from, to, is_log, marks: marks.iter().map(mark).collect() }
}

fn seconds(seconds: f64) -> String {
    time(Duration::from_secs_f64(seconds))
}

/// A figure of each technique, where it was measured.
fn each<T>(report: &Report, figure: impl Fn(&Measured) -> Option<T>) -> Vec<(Technique, T)> {
    report.measured.iter().filter_map(|each| Some((each.technique, figure(each)?))).collect()
}

fn of<T: Copy>(values: &[(Technique, T)], technique: Technique) -> Option<T> {
    values.iter().find(|(of, _)| *of == technique).map(|(_, value)| *value)
}

fn dashed() -> String {
    let text = both(
        "Суцільне виміряно, пунктир — модель.",
        "What is solid was measured; what is dashed is the model.",
    );
    format!("<p class=\"soft\">{}</p>\n", spans(&text))
}

/// How many messages were shown within which time.
fn ages(report: &Report) -> Option<String> {
    let medians = each(report, |each| each.outcome().ages.quantile(0.5));
    let title = sentence(
        "Половину повідомлень WebSocket показує за {1}, довге опитування — за {2}, коротке — за {3}",
        "Half of the messages are shown within {1} by WebSocket, {2} by long polling, and {3} by short polling",
        &[
            time(of(&medians, Technique::WebSocket)?),
            time(of(&medians, Technique::LongPolling)?),
            time(of(&medians, Technique::ShortPolling)?),
        ],
    );
    let name = ["вік повідомлення, коли його показано", "age of a message when it is shown"];
    let x = axis(name, [0.001, 10.0], true, &[0.001, 0.01, 0.1, 1.0, 10.0], seconds);
    let percent = |part| format!("{} %", 100.0 * part);
    let y = axis(["", ""], [0.0, 1.0], false, &[0.0, 0.25, 0.5, 0.75, 1.0], percent);
    let mut curves = Vec::new();
    for each in &report.measured {
        let (technique, ages) = (each.technique, each.outcome().ages);
        // Each name at a height of its own: two lines may be one.
        let height = 1.05 - 0.22 * technique as usize as f64;
        let named_at = ages.quantile(height).map(|age| (age.as_secs_f64(), height));
        let (mut points, mut sum) = (Vec::new(), 0);
        for (us, count) in ages.steps() {
            sum += count;
            points.push((us as f64 / 1e6, sum as f64 / ages.total() as f64));
        }
        curves.push(Line { technique, points, is_model: false, named_at });
        let part = |at: usize| at as f64 / STEPS as f64;
        let points = (0..=STEPS).map(|at| (each.model.age(part(at)).as_secs_f64(), part(at)));
        curves.push(Line { technique, points: points.collect(), is_model: true, named_at: None });
    }
    Some(lines("ages", &title, &x, &y, &curves, &[]) + &dashed())
}

/// What one reader of each technique asked, and when.
fn questions(report: &Report) -> Option<String> {
    let length = report.case.length.as_secs_f64();
    let mut rows = Vec::new();
    for each in &report.measured {
        rows.push((each.technique, &each.rounds.first()?.outcome.exchanges[..]));
    }
    if rows.iter().all(|(_, exchanges)| exchanges.is_empty()) {
        return None;
    }
    let title = both(
        "Кожна крапка — запит одного читача: порожня — відповідь без новин, смуга — чекання, риска — повідомлення",
        "Every dot is a request of one reader: hollow for an answer without news, a bar for waiting, a tick for a message",
    );
    let marks = [0.0, 0.25, 0.5, 0.75, 1.0].map(|part| part * length);
    let shown = |at| format!("{} s", number(at));
    let x = axis(["від початку", "since the beginning"], [0.0, length], false, &marks, shown);
    Some(strips("questions", &title, &x, &rows))
}

fn asks(model: Model, rate: f64) -> f64 {
    Model { rate, ..model }.requests_per_s()
}

/// The model's requests, from a room that sleeps to one that shouts; and what was measured.
fn requests(report: &Report) -> Option<String> {
    let [from, to] = RATES;
    let rate = |at: usize| from * (to / from).powf(at as f64 / STEPS as f64);
    let rates: Vec<f64> = (0..=STEPS).map(rate).collect();
    let decades = [0.01, 0.1, 1.0, 10.0, 100.0];
    let name = ["повідомлень за секунду в кімнаті", "messages a second in the room"];
    let x = axis(name, RATES, true, &decades, |value| value.to_string());
    let name = ["запитів за секунду від читача", "requests a second per reader"];
    // A WebSocket asks nothing: it is on the axis, and a logarithmic one has no 0 of its own.
    let asked = |value: f64| if value == from { "0".into() } else { value.to_string() };
    let y = axis(name, RATES, true, &decades, asked);
    let (mut curves, mut dots) = (Vec::new(), Vec::new());
    for each in &report.measured {
        let (technique, model) = (each.technique, each.model);
        let points = rates.iter().map(|rate| (*rate, asks(model, *rate))).collect();
        // Above the line; of the two that are level, one below.
        let (at, lift) = [(95, 0.45), (40, 1.3), (80, 1.3), (95, 1.3)][technique as usize - 1];
        let named_at = Some((rates[at], asks(model, rates[at]).max(from) * lift));
        curves.push(Line { technique, points, is_model: true, named_at });
        let counted_s = report.case.length.as_secs_f64() * each.rounds.len() as f64;
        let asked = each.outcome().traffic.requests as f64 / report.case.users as f64;
        if model.rate > 0.0 && counted_s > 0.0 {
            dots.push((technique, model.rate, asked / counted_s));
        }
    }
    let models = each(report, |each| Some(each.model));
    let [short, long] =
        [of(&models, Technique::ShortPolling)?, of(&models, Technique::LongPolling)?];
    let crossing = rates.iter().find(|rate| asks(long, **rate) > asks(short, **rate));
    let title = match crossing {
        Some(rate) if *rate > from => sentence(
            "Поки в кімнаті пишуть рідше, ніж раз на {1}, довге опитування питає менше за коротке; а коли частіше, то більше",
            "If people write less often than once in {1}, long polling asks less than short polling; if more often, it asks more",
            &[seconds(1.0 / rate)],
        ),
        Some(_) => both(
            "Коротке опитування з такою паузою завжди питає менше за довге",
            "With such a pause, short polling always asks less than long polling",
        ),
        None => both(
            "Довге опитування питає менше за коротке, хоч би скільки писали",
            "Long polling asks less than short polling, however much is written",
        ),
    };
    Some(lines("requests", &title, &x, &y, &curves, &dots) + &dashed())
}

/// The bytes of a message: up to the left, down to the right.
fn weights(report: &Report) -> Option<String> {
    let weighed = each(report, |each| {
        let traffic = each.outcome().traffic;
        let share = |bytes: u64| bytes as f64 / traffic.messages as f64;
        let parts = [traffic.up, traffic.head_down(), traffic.body_down];
        (traffic.messages > 0).then(|| parts.map(share))
    });
    let heads = |technique| of(&weighed, technique).map(|[up, head, _]| bytes(up + head));
    let title = sentence(
        "На повідомлення довге опитування витрачає {1} заголовків, а WebSocket — {2} на кадр",
        "For a message long polling spends {1} on headers, and WebSocket {2} on a frame",
        &[heads(Technique::LongPolling)?, heads(Technique::WebSocket)?],
    );
    let up = weighed.iter().map(|(_, [up, ..])| *up).fold(1.0, f64::max);
    let down = weighed.iter().map(|(_, [_, head, body])| head + body).fold(1.0, f64::max);
    let name = [
        "← від читача · до читача: заголовки, тоді вміст →",
        "← from the reader · to the reader: headers, then content →",
    ];
    let shown = |value: f64| bytes(value.abs());
    let x = axis(name, [-up * 1.05, down * 1.35], false, &[-up, 0.0, down], shown);
    let bar = |(technique, [up, head, body]): &(Technique, [f64; 3])| Bar {
        technique: *technique,
        parts: vec![(-up, 1), (*head, 1), (*body, 2)],
        label: in_both(&bytes(up + head + body)),
    };
    Some(bars("weights", &title, &x, &weighed.iter().map(bar).collect::<Vec<_>>()))
}

fn bar(shown: fn(f64) -> String) -> impl Fn(&(Technique, f64)) -> Bar {
    move |(technique, value)| Bar {
        technique: *technique,
        parts: vec![(*value, 1)],
        label: in_both(&shown(*value)),
    }
}

/// An hour of one reader to whom nobody says anything.
fn silence(report: &Report) -> Option<String> {
    let values = each(report, |each| each.silence?.bytes_per_hour);
    let title = sentence(
        "Година тиші одного читача коштує {1} з коротким опитуванням і {2} з WebSocket",
        "An hour of silence costs one reader {1} by short polling, and {2} by WebSocket",
        &[bytes(of(&values, Technique::ShortPolling)?), bytes(of(&values, Technique::WebSocket)?)],
    );
    let most = values.iter().map(|(_, value)| *value).fold(1e4, f64::max);
    let marks: Vec<f64> = (2..9).map(|power| 10_f64.powi(power)).collect();
    let marks = &marks[..marks.partition_point(|mark| *mark < most)];
    let name = ["байтів за годину, логарифмічно", "bytes an hour, logarithmic"];
    let x = axis(name, [100.0, most * 10.0], true, marks, bytes);
    Some(bars("silence", &title, &x, &values.iter().map(bar(bytes)).collect::<Vec<_>>()))
}

/// What the server's processor does for what it delivers, in small rooms and in large ones.
fn work(report: &Report) -> Option<String> {
    let work = |of: Technique, users: usize, rounds: &[Round]| {
        let delivered: u64 = rounds.iter().map(|round| round.outcome.traffic.messages).sum();
        let ms: Option<f64> = rounds.iter().map(|round| round.cpu_ms).sum();
        Some((of, users as f64, 1000.0 * ms.filter(|_| delivered > 0)? / delivered as f64))
    };
    let mut points = Vec::new();
    for Measured { technique, rounds, others, .. } in &report.measured {
        points.extend(work(*technique, report.case.users, rounds));
        let other = |(users, round): &(usize, Round)| work(*technique, *users, from_ref(round));
        points.extend(others.iter().filter_map(other));
    }
    points.sort_by(|one, other| one.1.total_cmp(&other.1));
    let [(_, fewest, _), .., (_, most, _)] = points[..] else { return None };
    let shown = |ms: f64| format!("{} ms", number(ms));
    let shown_size = |users| thousands(users as u64);
    let there = points.iter().filter(|(_, users, _)| *users == most);
    let (least, _, ms) = there.min_by(|one, other| one.2.total_cmp(&other.2))?;
    let title = sentence(
        "З {2} читачами найменше процесора на 1\u{a0}000 доставок потребує {3}: {1}",
        "With {2} readers, the least processor time for 1,000 deliveries is that of {3}: {1}",
        &[shown(*ms), shown_size(most)],
    );
    let [uk, en] = least.name();
    let title = [title[0].replace("{3}", &uk[2..]), title[1].replace("{3}", &en[2..])];
    let mut sizes: Vec<f64> = points.iter().map(|(_, users, _)| *users).collect();
    sizes.dedup();
    let x = axis(["читачів", "readers"], [fewest / 14.0, most * 1.5], true, &sizes, shown_size);
    let name = ["мс процесора на 1\u{a0}000 доставок", "ms of processor for 1,000 deliveries"];
    let highest = points.iter().map(|(_, _, ms)| *ms).fold(0.1, f64::max);
    let marks = [0.0, highest / 2.0, highest];
    let y = axis(name, [0.0, highest * 1.1], false, &marks, shown);
    let line = |technique| {
        let mine = points.iter().filter(|(of, ..)| *of == technique);
        let points: Vec<(f64, f64)> = mine.map(|(_, users, ms)| (*users, *ms)).collect();
        Line { technique, named_at: points.first().copied(), points, is_model: false }
    };
    Some(lines("work", &title, &x, &y, &Technique::ALL.map(line), &points))
}
