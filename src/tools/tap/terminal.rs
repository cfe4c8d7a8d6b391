//! What has passed, told on a terminal: a line an exchange, and the sum of a connection at its end.

use super::watch::{Exchange, Seen, Sum, WORDS};
use crate::tools::dissect::block::{COLUMNS, DIM, Style, block, clipped, headline, summary, wrap};
use crate::tools::dissect::verdict::Verdict;
use crate::tools::dissect::{Language, Side};
use std::fmt::Write;
use std::time::Duration;

/// How it is told, and what of it.
pub struct Terminal {
    pub style: Style,
    /// Each exchange field by field.
    pub blocks: bool,
    pub filter: Filter,
}

impl Terminal {
    /// What is to be printed.
    pub fn tell(&self, seen: &Seen, out: &mut String) {
        match seen {
            Seen::Exchange(exchange) if self.filter.lets(exchange, &self.style) => {
                let _ = writeln!(out, "{}", row(exchange, &self.style));
                if self.blocks {
                    self.block(exchange, out);
                }
            }
            Seen::End { connection, time, sum }
                if self.filter.connection.is_none_or(|number| number == *connection) =>
            {
                let start = format!("{} == ", start(*time, *connection));
                let mut lines = String::new();
                wrap(&mut lines, &sum.told(self.style.language), start.chars().count() + 1);
                let _ = write!(out, "{start} {}", lines.trim_start());
            }
            _ => {}
        }
    }

    fn block(&self, exchange: &Exchange, out: &mut String) {
        let Exchange { fields, bytes, verdict, .. } = exchange;
        let _ = writeln!(out, "{}", headline(fields, 0, bytes, &self.style));
        *out += &block(fields, 0, bytes, &self.style);
        if let Some(verdict) = verdict.as_ref().filter(|verdict| **verdict != Verdict::NotRead) {
            wrap(out, &verdict.sentence(self.style.language), 0);
        }
        out.push('\n');
    }
}

fn start(time: Duration, connection: u64) -> String {
    format!("{:+9.3} s {connection:>3}", time.as_secs_f64())
}

/// `   +8.310 s   2 ->  GET /subscribe?lastId=7   95 B`, and the beginning of what it says.
fn row(exchange: &Exchange, style: &Style) -> String {
    let arrow = if exchange.from == Side::Client { "->" } else { "<-" };
    let (what, _) = summary(&exchange.fields, 0, &exchange.bytes, style);
    let start = start(exchange.began, exchange.connection) + " ";
    let size = exchange.bytes.len();
    let middle = format!("{arrow}  {:<24} {size:>6} B  ", clipped(&what, 24));
    let left = COLUMNS.saturating_sub(start.chars().count() + middle.chars().count());
    let lost = if exchange.swallowed {
        style.pick("Не передано. ", "Not passed on. ")
    } else {
        ""
    };
    let said = clipped(&format!("{lost}{}", exchange.said), left.max(2));
    let line = format!("{}{middle}{said}", style.paint(DIM, &start));
    line.trim_end().into()
}

impl Sum {
    /// In a line.
    pub fn told(&self, language: Language) -> String {
        let [heads, answered_heads] = self.head_bytes;
        let [bodies, answered_bodies] = self.body_bytes;
        let mut text = String::new();
        let mut part = |uk, en, number: String| {
            let separator = if text.is_empty() { "" } else { ", " };
            let _ = write!(text, "{separator}{} {number}", language.pick(uk, en));
        };
        part("запитів", "requests", self.requests.to_string());
        part("порожніх відповідей", "empty answers", self.empty_answers.to_string());
        part("голови", "heads", format!("{heads} + {answered_heads} B"));
        part("тіла", "bodies", format!("{bodies} + {answered_bodies} B"));
        if self.frames > 0 {
            part("кадрів", "frames", self.frames.to_string());
            part("їхні заголовки", "their headers", format!("{} B", self.frame_head_bytes));
            part("вміст", "payload", format!("{} B", self.payload_bytes));
        }
        part("доставлено повідомлень", "messages delivered", self.messages.to_string());
        if self.unseen_bytes > 0 {
            part("не переглянуто", "not looked at", format!("{} B", self.unseen_bytes));
        }
        text
    }
}

/// Which rows are shown: all that every word lets through.
#[derive(Default)]
pub struct Filter {
    connection: Option<u64>,
    from: Option<Side>,
    kinds: Vec<String>,
    status: Option<String>,
    text: Option<String>,
}

impl Filter {
    /// `conn:3 dir:-> kind:ping,close status:4xx text:Hello there`: a text goes to the end.
    pub fn of(words: &str) -> Result<Filter, String> {
        let mut filter = Filter::default();
        let mut rest = words.trim();
        while let Some((name, after)) = rest.split_once(':') {
            let (value, others) = match name {
                "text" => (after, ""),
                _ => after.split_once(' ').unwrap_or((after, "")),
            };
            match name {
                "conn" => {
                    filter.connection = Some(value.parse().map_err(|_| format!("conn:{value}"))?)
                }
                "dir" if value == "->" => filter.from = Some(Side::Client),
                "dir" if value == "<-" => filter.from = Some(Side::Server),
                "kind" => filter.kinds = value.split(',').map(str::to_string).collect(),
                "status" if value.len() == 3 => filter.status = Some(value.to_string()),
                "text" => filter.text = Some(value.trim_matches('"').to_lowercase()),
                _ => return Err(format!("{name}:{value}: what is that?")),
            }
            rest = others.trim();
        }
        if let Some(kind) = filter.kinds.iter().find(|kind| !WORDS.contains(&kind.as_str())) {
            return Err(format!("kind:{kind}: known are {}", WORDS.join(", ")));
        }
        match rest {
            "" => Ok(filter),
            other => Err(format!("{other:?}: conn: dir: kind: status: or text: is expected")),
        }
    }

    fn lets(&self, exchange: &Exchange, style: &Style) -> bool {
        let says = |text: &String| {
            let (what, _) = summary(&exchange.fields, 0, &exchange.bytes, style);
            format!("{what}\n{}", exchange.said).to_lowercase().contains(text.as_str())
        };
        let fits = |wanted: &String| {
            let status = exchange.status();
            let mut digits = wanted.bytes().zip(status);
            !status.is_empty() && digits.all(|(want, is)| want == b'x' || want == *is)
        };
        self.connection.is_none_or(|number| number == exchange.connection)
            && self.from.is_none_or(|from| from == exchange.from)
            && (self.kinds.is_empty() || self.kinds.iter().any(|kind| kind == exchange.word()))
            && self.status.as_ref().is_none_or(fits)
            && self.text.as_ref().is_none_or(says)
    }
}
