//! Charts in SVG: names stand at the lines, so there is no legend, and no script is needed.

use super::Technique;
use super::report::Both;
use crate::wire::html::escape;
use std::fmt::Write;

/// Of each line; more would not be seen.
const POINTS_MAX: usize = 200;
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 320.0;
/// Where the values are: left, right, top, bottom.
const LEFT: f64 = 64.0;
const RIGHT: f64 = 700.0;
const TOP: f64 = 16.0;
const BOTTOM: f64 = 264.0;

/// A name that another one would touch moves up by its height.
const NAME_WIDTH: f64 = 160.0;
const NAME_HEIGHT: f64 = 17.0;

/// One of the two ways across a chart.
pub struct Axis {
    pub name: Both,
    pub from: f64,
    pub to: f64,
    pub is_log: bool,
    /// What is written at which value.
    pub marks: Vec<(f64, Both)>,
}

impl Axis {
    /// Where `value` is, from 0 to 1; what is beyond the ends is at the ends.
    fn part(&self, value: f64) -> f64 {
        let of = |value: f64| if self.is_log { value.max(1e-12).ln() } else { value };
        let part = (of(value) - of(self.from)) / (of(self.to) - of(self.from));
        part.clamp(0.0, 1.0)
    }

    fn x(&self, value: f64) -> f64 {
        LEFT + (RIGHT - LEFT) * self.part(value)
    }

    fn y(&self, value: f64) -> f64 {
        BOTTOM - (BOTTOM - TOP) * self.part(value)
    }
}

/// A line, from left to right.
pub struct Line {
    pub technique: Technique,
    pub points: Vec<(f64, f64)>,
    /// Computed, not measured.
    pub is_model: bool,
    /// Where its name stands, if it has one here: on its left.
    pub named_at: Option<(f64, f64)>,
}

/// `figure`, with a sentence as its title. `inside` is SVG.
fn figure(id: &str, title: &Both, inside: &str) -> String {
    let view = format!("viewBox=\"0 0 {WIDTH} {HEIGHT}\"");
    let svg = format!("<svg {view} aria-hidden=\"true\">\n{inside}</svg>\n");
    let title = spans(title);
    let svg = wide(id, &svg);
    format!("<figure>\n<figcaption id=\"{id}\">{title}</figcaption>\n{svg}</figure>\n")
}

/// What a narrow window scrolls; `id` is of its name.
pub fn wide(id: &str, inside: &str) -> String {
    let region = format!("role=\"region\" tabindex=\"0\" aria-labelledby=\"{id}\"");
    format!("<div class=\"wide\" {region}>\n{inside}</div>\n")
}

/// Both languages, of which the style of the page shows one.
pub fn spans([uk, en]: &Both) -> String {
    let [uk, en] = [uk, en].map(|text| escape(text));
    match uk == en {
        true => en,
        false => format!(
            "<span class=\"uk\" lang=\"uk\">{uk}</span><span class=\"en\" lang=\"en\">{en}</span>"
        ),
    }
}

/// Text at a place; once, where both languages say the same.
fn text(svg: &mut String, (x, y): (f64, f64), class: &str, words: &Both) {
    let [uk, en] = words.each_ref().map(|text| escape(text));
    let mut one = |lang: &str, words: &str| {
        let place = format!("x=\"{x:.1}\" y=\"{y:.1}\"");
        let _ = writeln!(svg, "<text {place} class=\"{class} {lang}\">{words}</text>");
    };
    if uk == en {
        return one("", &en);
    }
    one("uk", &uk);
    one("en", &en);
}

fn axes(svg: &mut String, x: &Axis, y: Option<&Axis>) {
    for (value, mark) in &x.marks {
        let at = x.x(*value);
        let _ = writeln!(svg, "<path class=\"grid\" d=\"M{at:.1} {TOP}V{BOTTOM}\"/>");
        text(svg, (at, BOTTOM + 20.0), "middle", mark);
    }
    text(svg, (RIGHT, HEIGHT - 12.0), "end soft", &x.name);
    if let Some(y) = y {
        for (value, mark) in &y.marks {
            let at = y.y(*value);
            let _ = writeln!(svg, "<path class=\"grid\" d=\"M{LEFT} {at:.1}H{RIGHT}\"/>");
            text(svg, (LEFT - 6.0, at + 5.0), "end", mark);
        }
        text(svg, (0.0, HEIGHT - 12.0), "soft", &y.name);
    }
    let _ = writeln!(svg, "<path class=\"axis\" d=\"M{LEFT} {TOP}V{BOTTOM}H{RIGHT}\"/>");
}

/// `dots` were measured, beside lines that were computed.
pub fn lines(
    id: &str,
    title: &Both,
    x: &Axis,
    y: &Axis,
    lines: &[Line],
    dots: &[(Technique, f64, f64)],
) -> String {
    let mut svg = String::new();
    axes(&mut svg, x, Some(y));
    for line in lines {
        let every = line.points.len().div_ceil(POINTS_MAX).max(1);
        let last = line.points.len().saturating_sub(1);
        let shown = line.points.iter().enumerate().filter(|(at, _)| at % every == 0 || *at == last);
        let path: Vec<String> =
            shown.map(|(_, (h, v))| format!("{:.1} {:.1}", x.x(*h), y.y(*v))).collect();
        let model = if line.is_model { " model" } else { "" };
        let class = class(line.technique);
        let _ = writeln!(svg, "<path class=\"line {class}{model}\" d=\"M{}\"/>", path.join("L"));
    }
    for (technique, h, v) in dots {
        let (h, v) = (x.x(*h), y.y(*v));
        let class = class(*technique);
        let _ =
            writeln!(svg, "<circle class=\"full {class}\" cx=\"{h:.1}\" cy=\"{v:.1}\" r=\"6\"/>");
    }
    let mut names: Vec<(f64, f64, Technique)> = Vec::new();
    for Line { technique, named_at, .. } in lines {
        let Some((h, v)) = *named_at else { continue };
        let (h, mut v) = (x.x(h) - 8.0, y.y(v) + NAME_HEIGHT / 4.0);
        let taken = |v: f64| {
            let over = |(left, up, _): &&(f64, f64, _)| {
                (left - h).abs() < NAME_WIDTH && (up - v).abs() < NAME_HEIGHT
            };
            names.iter().find(over).map(|(_, up, _)| *up)
        };
        while let Some(up) = taken(v) {
            v = up - NAME_HEIGHT;
        }
        names.push((h, v, *technique));
    }
    for (h, v, technique) in names {
        let class = format!("end name {}", class(technique));
        text(&mut svg, (h, v), &class, &technique.name());
    }
    figure(id, title, &svg)
}

/// What one reader did: each question is a dot where it began, hollow if its answer was empty, with
/// a bar for as long as it was under way, and a tick where a message came.
pub struct Strip {
    pub technique: Technique,
    /// Began, ended, and how many messages came.
    pub exchanges: Vec<(f64, f64, usize)>,
}

pub fn strips(id: &str, title: &Both, x: &Axis, strips: &[Strip]) -> String {
    let mut svg = String::new();
    axes(&mut svg, x, None);
    let height = (BOTTOM - TOP) / strips.len() as f64;
    for (row, strip) in strips.iter().enumerate() {
        let middle = TOP + height * (row as f64 + 0.62);
        let class = class(strip.technique);
        text(
            &mut svg,
            (LEFT + 6.0, middle - height * 0.34),
            &format!("name {class}"),
            &strip.technique.name(),
        );
        for (began, ended, messages) in strip.exchanges.iter().take(POINTS_MAX) {
            let (from, to) = (x.x(*began), x.x(*ended));
            if *messages > 0 {
                let (top, end) = (middle - 13.0, middle + 13.0);
                let _ = writeln!(
                    svg,
                    "<path class=\"tick {class}\" d=\"M{to:.1} {top:.1}V{end:.1}\"/>"
                );
            }
            if strip.technique == Technique::WebSocket {
                continue; // a frame is no question
            }
            let _ = writeln!(
                svg,
                "<path class=\"held {class}\" d=\"M{from:.1} {middle:.1}H{to:.1}\"/>"
            );
            let full = if *messages > 0 { "full" } else { "hollow" };
            let _ = writeln!(
                svg,
                "<circle class=\"{full} {class}\" cx=\"{from:.1}\" cy=\"{middle:.1}\" r=\"5\"/>"
            );
        }
    }
    figure(id, title, &svg)
}

/// A bar of parts, each with its class: they grow from 0 to the right, and those that are below 0
/// to the left.
pub struct Bar {
    pub technique: Technique,
    /// The value, a shade from 1 to 3, and what it is.
    pub parts: Vec<(f64, u8)>,
    /// Behind its right end.
    pub label: Both,
}

pub fn bars(id: &str, title: &Both, x: &Axis, bars: &[Bar]) -> String {
    let mut svg = String::new();
    axes(&mut svg, x, None);
    let height = (BOTTOM - TOP) / bars.len().max(1) as f64;
    for (row, bar) in bars.iter().enumerate() {
        let class = class(bar.technique);
        let top = TOP + height * (row as f64 + 0.45);
        text(&mut svg, (LEFT + 6.0, top - 6.0), &format!("name {class}"), &bar.technique.name());
        let mut ends = [x.x(0.0); 2]; // to the left, to the right
        let mut sums = [0.0; 2];
        for (value, shade) in &bar.parts {
            let side = usize::from(*value >= 0.0);
            sums[side] += value;
            let (from, to) = (ends[side], x.x(sums[side]));
            ends[side] = to;
            let (left, width) = (from.min(to), (to - from).abs());
            let _ = writeln!(
                svg,
                "<rect class=\"{class} shade-{shade}\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{:.1}\"/>",
                height * 0.45
            );
        }
        text(&mut svg, (ends[1] + 6.0, top + height * 0.32), "", &bar.label);
    }
    figure(id, title, &svg)
}

fn class(technique: Technique) -> String {
    format!("part-{}", technique as usize)
}
