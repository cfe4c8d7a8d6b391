//! What was measured, in words of both languages and in JSON.

use super::{Histogram, Outcome};
use crate::tools::dissect::block::Style;
use crate::tools::json::{array, object, or_null};
use crate::wire::json::quoted;
use std::time::Duration;

/// A percentile is said only if so many samples lie beyond it.
const SAMPLES_BEYOND_MIN: f64 = 10.0;

/// `2.1 ms`, `312 ms`, `1.55 s`.
pub fn time(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1000.0;
    match ms {
        0.0..9.95 => format!("{ms:.1} ms"),
        0.0..999.5 => format!("{ms:.0} ms"),
        _ => format!("{:.2} s", ms / 1000.0),
    }
}

/// `520 B`, `5.7 kB`, `1.2 MB`.
pub fn bytes(bytes: f64) -> String {
    match bytes {
        0.0..999.5 => format!("{bytes:.0} B"),
        0.0..999_500.0 => format!("{:.1} kB", bytes / 1e3),
        _ => format!("{:.1} MB", bytes / 1e6),
    }
}

/// `0.020`, `9.8`, `312`, `12,345`: two digits that count, or all before the point.
pub fn number(number: f64) -> String {
    match number {
        0.0..0.0005 => "0".into(),
        0.0..0.0995 => format!("{number:.3}"),
        0.0..0.995 => format!("{number:.2}"),
        0.0..99.5 => format!("{number:.1}"),
        _ => thousands(number.round() as u64),
    }
}

/// `12,345`
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().flat_map(std::str::from_utf8).collect();
    groups.join(",")
}

/// What was not measured but asked for: `3 s` instead of `3.00 s`.
pub fn exact(figure: String) -> String {
    figure.replace(".00 ", " ").replace(".0 ", " ")
}

/// A quantile, if there are samples enough to know it.
pub fn quantile(ages: &Histogram, part: f64) -> Option<Duration> {
    let beyond = (ages.total() as f64 * (1.0 - part)).round();
    ages.quantile(part).filter(|_| beyond >= SAMPLES_BEYOND_MIN)
}

/// `–` for what is not known.
pub fn or_dash<T>(value: Option<T>, shown: impl Fn(T) -> String) -> String {
    value.map_or("–".into(), shown)
}

// ---- Both languages

/// A text in Ukrainian and in English.
pub type Both = [String; 2];

pub fn both(uk: impl Into<String>, en: impl Into<String>) -> Both {
    [uk.into(), en.into()]
}

/// A figure that is written as in English, `1.55 s`; a unit stays with its number.
pub fn in_both(english: &str) -> Both {
    let is_number =
        |word: &str| !word.ends_with(',') && word.replace(',', "").parse::<f64>().is_ok();
    let word = |word| match word {
        "ms" => "мс".into(),
        "s" => "с".into(),
        "/s" => "/с".into(),
        "B" => "Б".into(),
        "kB" => "кБ".into(),
        "MB" => "МБ".into(),
        number if is_number(number) => number.replace(',', "\u{a0}").replace('.', ","),
        other => other.to_string(),
    };
    let ukrainian: Vec<String> = english.split(' ').map(word).collect();
    [ukrainian.join("\u{a0}"), english.replace(' ', "\u{a0}")]
}

/// Both texts, with each figure in place of its `{name}`.
pub fn fill(texts: [&str; 2], figures: &[(&str, String)]) -> Both {
    let mut texts = texts.map(str::to_string);
    for (name, figure) in figures {
        for (text, figure) in texts.iter_mut().zip(in_both(figure)) {
            *text = text.replace(&format!("{{{name}}}"), &figure);
        }
    }
    texts
}

/// On a terminal, in its language.
pub fn in_one(texts: &Both, style: &Style) -> String {
    style.of(texts.each_ref()).replace('\u{a0}', " ")
}

/// This machine, this program, and the browser it takes after, in a line.
pub fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let build = if cfg!(debug_assertions) { "debug" } else { "release" };
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    format!("rawchat {} ({build}), {os} {arch}, {cores} cores", env!("CARGO_PKG_VERSION"))
}

// ---- JSON

/// `{"total":…,"p50":…,"steps":[[from_us,count],…]}`, times in microseconds.
pub fn histogram_json(ages: &Histogram) -> String {
    let us = |part| or_null(quantile(ages, part).map(|time| time.as_micros()));
    object(&[
        ("total", ages.total().to_string()),
        ("p50", us(0.5)),
        ("p95", us(0.95)),
        ("p99", us(0.99)),
        ("max", ages.max().as_micros().to_string()),
        ("steps", array(ages.steps(), |(from, count)| format!("[{from},{count}]"))),
    ])
}

/// Every count of a run, and its histograms.
pub fn outcome_json(outcome: &Outcome) -> String {
    let traffic = &outcome.traffic;
    let text = |text: &Option<String>| or_null(text.as_deref().map(quoted));
    let counts = [
        ("messages", outcome.messages),
        ("expected", outcome.expected),
        ("delivered", outcome.delivered),
        ("lost", outcome.lost()),
        ("doubled", outcome.doubled),
        ("disordered", outcome.disordered),
        ("requests", traffic.requests),
        ("empty", traffic.empty),
        ("broughtMessages", traffic.messages),
        ("connections", traffic.connections),
        ("bytesUp", traffic.up),
        ("bytesDown", traffic.down),
        ("bodyBytesDown", traffic.body_down),
        ("visits", outcome.visits),
        ("visitorBytes", outcome.visitors.bytes()),
        ("errors", outcome.errors),
    ];
    let mut members = counts.map(|(name, count)| (name, count.to_string())).to_vec();
    let exchanges = array(&outcome.exchanges, |exchange| {
        let [began, ended] = [exchange.began, exchange.ended].map(|time| time.as_micros());
        format!("[{began},{ended},{},{}]", exchange.messages, exchange.bytes)
    });
    members.extend([
        ("firstError", text(&outcome.first_error)),
        ("notOffered", text(&outcome.not_offered)),
        ("agesUs", histogram_json(&outcome.ages)),
        ("latenessUs", histogram_json(&outcome.lateness)),
        ("exchangesUs", exchanges),
    ]);
    object(&members)
}
