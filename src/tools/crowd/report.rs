//! What was measured, in words and in JSON.

use super::{Histogram, Outcome, Traffic};
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

/// `0.020`, `9.8`, `312`: two digits that count, or all before the point.
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
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
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

/// This machine and this program, in a line.
pub fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let build = if cfg!(debug_assertions) { "debug" } else { "release" };
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    format!("rawchat {} ({build}), {os} {arch}, {cores} cores", env!("CARGO_PKG_VERSION"))
}

/// `{"total":…,"p50":…,"steps":[[from_us,count],…]}`, times in microseconds.
pub fn histogram_json(ages: &Histogram) -> String {
    let us = |part| or_null(quantile(ages, part).map(|time| time.as_micros()));
    let steps: Vec<String> =
        ages.steps().map(|(from, count)| format!("[{from},{count}]")).collect();
    format!(
        r#"{{"total":{},"p50":{},"p95":{},"p99":{},"max":{},"steps":[{}]}}"#,
        ages.total(),
        us(0.5),
        us(0.95),
        us(0.99),
        ages.max().as_micros(),
        steps.join(",")
    )
}

/// Every count of a run, and its histograms.
pub fn outcome_json(outcome: &Outcome) -> String {
    let Traffic { requests, empty, messages, connections, up, down, body_down } = outcome.traffic;
    let text = |text: &Option<String>| or_null(text.as_deref().map(quoted));
    let exchanges: Vec<String> = outcome
        .exchanges
        .iter()
        .map(|exchange| {
            let us = |time: Duration| time.as_micros();
            let (began, ended) = (us(exchange.began), us(exchange.ended));
            format!("[{began},{ended},{},{}]", exchange.messages, exchange.bytes)
        })
        .collect();
    format!(
        concat!(
            r#"{{"messages":{},"expected":{},"delivered":{},"lost":{},"doubled":{},"disordered":{},"#,
            r#""requests":{},"empty":{},"broughtMessages":{},"connections":{},"bytesUp":{},"bytesDown":{},"bodyBytesDown":{},"#,
            r#""errors":{},"firstError":{},"notOffered":{},"agesUs":{},"latenessUs":{},"exchangesUs":[{}]}}"#
        ),
        outcome.messages,
        outcome.expected,
        outcome.delivered,
        outcome.lost(),
        outcome.doubled,
        outcome.disordered,
        requests,
        empty,
        messages,
        connections,
        up,
        down,
        body_down,
        outcome.errors,
        text(&outcome.first_error),
        text(&outcome.not_offered),
        histogram_json(&outcome.ages),
        histogram_json(&outcome.lateness),
        exchanges.join(",")
    )
}

pub fn or_null<T: ToString>(value: Option<T>) -> String {
    value.map_or("null".into(), |value| value.to_string())
}
