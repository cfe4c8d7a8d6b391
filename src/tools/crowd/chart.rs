//! Charts in SVG: names stand at the lines, so there is no legend, and no script is needed.

use super::report::Both;
use super::{Exchange, Technique};
use crate::wire::html::escape;

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

/// What is drawn so far, in SVG.
#[derive(Default)]
struct Drawing(String);

impl Drawing {
    fn path(&mut self, class: &str, way: &str) {
        self.0 += &format!("<path class=\"{class}\" d=\"{way}\"/>\n");
    }

    fn dot(&mut self, class: &str, x: f64, y: f64) {
        self.0 += &format!("<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\"/>\n");
    }

    /// Once, where both languages say the same.
    fn text(&mut self, class: &str, x: f64, y: f64, words: &Both) {
        let [uk, en] = words.each_ref().map(|text| escape(text));
        let texts = if uk == en { vec![("", en)] } else { vec![(" uk", uk), (" en", en)] };
        for (lang, words) in texts {
            let place = format!("x=\"{x:.1}\" y=\"{y:.1}\"");
            self.0 += &format!("<text {place} class=\"{class}{lang}\">{words}</text>\n");
        }
    }

    fn axes(&mut self, x: &Axis, y: Option<&Axis>) {
        for (value, mark) in &x.marks {
            let at = x.x(*value);
            self.path("grid", &format!("M{at:.1} {TOP}V{BOTTOM}"));
            self.text("middle", at, BOTTOM + 20.0, mark);
        }
        self.text("end soft", RIGHT, HEIGHT - 12.0, &x.name);
        if let Some(y) = y {
            for (value, mark) in &y.marks {
                let at = y.y(*value);
                self.path("grid", &format!("M{LEFT} {at:.1}H{RIGHT}"));
                self.text("end", LEFT - 6.0, at + 5.0, mark);
            }
            self.text("soft", 0.0, HEIGHT - 12.0, &y.name);
        }
        self.path("axis", &format!("M{LEFT} {TOP}V{BOTTOM}H{RIGHT}"));
    }
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
    let mut drawing = Drawing::default();
    drawing.axes(x, Some(y));
    for line in lines {
        let every = line.points.len().div_ceil(POINTS_MAX).max(1);
        let last = line.points.len().saturating_sub(1);
        let shown = line.points.iter().enumerate().filter(|(at, _)| at % every == 0 || *at == last);
        let way: Vec<String> =
            shown.map(|(_, (h, v))| format!("{:.1} {:.1}", x.x(*h), y.y(*v))).collect();
        let model = if line.is_model { " model" } else { "" };
        let class = format!("line {}{model}", class(line.technique));
        drawing.path(&class, &format!("M{}", way.join("L")));
    }
    for (technique, h, v) in dots {
        drawing.dot(&format!("full {}", class(*technique)), x.x(*h), y.y(*v));
    }
    let mut names: Vec<(f64, f64)> = Vec::new();
    for Line { technique, named_at, .. } in lines {
        let Some((h, v)) = *named_at else { continue };
        let (h, mut v) = (x.x(h) - 8.0, y.y(v) + NAME_HEIGHT / 4.0);
        while let Some((_, taken)) = names
            .iter()
            .find(|(left, up)| (left - h).abs() < NAME_WIDTH && (up - v).abs() < NAME_HEIGHT)
        {
            v = taken - NAME_HEIGHT;
        }
        names.push((h, v));
        drawing.text(&format!("end name {}", class(*technique)), h, v, &technique.name());
    }
    figure(id, title, &drawing.0)
}

/// What one reader of each technique did: each question is a dot where it began, hollow if its answer
/// was empty, with a bar for as long as it was under way, and a tick where a message came.
pub fn strips(id: &str, title: &Both, x: &Axis, strips: &[(Technique, &[Exchange])]) -> String {
    let mut drawing = Drawing::default();
    drawing.axes(x, None);
    let height = (BOTTOM - TOP) / strips.len() as f64;
    for (row, (technique, exchanges)) in strips.iter().enumerate() {
        let (middle, class) = (TOP + height * (row as f64 + 0.62), class(*technique));
        let above = middle - height * 0.34;
        drawing.text(&format!("name {class}"), LEFT + 6.0, above, &technique.name());
        let seen = exchanges.iter().take_while(|exchange| exchange.began.as_secs_f64() <= x.to);
        for Exchange { began, ended, messages, .. } in seen.take(POINTS_MAX) {
            let [from, to] = [began, ended].map(|at| x.x(at.as_secs_f64()));
            if *messages > 0 {
                let tick = format!("M{to:.1} {:.1}v26", middle - 13.0);
                drawing.path(&format!("tick {class}"), &tick);
            }
            if *technique == Technique::WebSocket {
                continue; // a frame is no question
            }
            drawing.path(&format!("held {class}"), &format!("M{from:.1} {middle:.1}H{to:.1}"));
            let full = if *messages > 0 { "full" } else { "hollow" };
            drawing.dot(&format!("{full} {class}"), from, middle);
        }
    }
    figure(id, title, &drawing.0)
}

/// A bar of parts, each with its class: they grow from 0 to the right, and those that are below 0
/// to the left.
pub struct Bar {
    pub technique: Technique,
    /// The value, and a shade from 1 to 2.
    pub parts: Vec<(f64, u8)>,
    /// Behind its right end.
    pub label: Both,
}

pub fn bars(id: &str, title: &Both, x: &Axis, bars: &[Bar]) -> String {
    let mut drawing = Drawing::default();
    drawing.axes(x, None);
    let height = (BOTTOM - TOP) / bars.len().max(1) as f64;
    for (row, Bar { technique, parts, label }) in bars.iter().enumerate() {
        let (top, thick, class) =
            (TOP + height * (row as f64 + 0.45), height * 0.45, class(*technique));
        drawing.text(&format!("name {class}"), LEFT + 6.0, top - 6.0, &technique.name());
        let mut ends = [0.0; 2]; // to the left, to the right
        for (value, shade) in parts {
            let end = &mut ends[usize::from(*value >= 0.0)];
            let from = x.x(*end);
            *end += value;
            let way = format!("M{from:.1} {top:.1}H{:.1}v{thick:.1}H{from:.1}z", x.x(*end));
            drawing.path(&format!("bar {class} shade-{shade}"), &way);
        }
        drawing.text("", x.x(ends[1]) + 6.0, top + height * 0.32, label);
    }
    figure(id, title, &drawing.0)
}

fn class(technique: Technique) -> String {
    format!("part-{}", technique as usize)
}
