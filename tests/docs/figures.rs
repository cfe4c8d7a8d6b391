//! The table of figures in the texts is made of a run of `rawchat measure --json` that is kept here.

use super::read;
use serde_json::Value;

/// Without its histograms and its single exchanges.
const RUN: &str = "tests/docs/measured.json";

struct Row {
    label: [&'static str; 2],
    cell: fn(&Part) -> (f64, Unit),
}

#[derive(Clone, Copy)]
enum Unit {
    Time,
    Bytes,
    Number,
}

/// What was measured of one part: its rounds, and its silence.
struct Part<'a>(&'a Value);

impl Part<'_> {
    /// Over all rounds.
    fn sum(&self, name: &str) -> f64 {
        let rounds = self.0["rounds"].as_array().unwrap();
        rounds.iter().map(|round| number(&round["outcome"][name])).sum()
    }

    fn silent(&self, name: &str) -> f64 {
        number(&self.0["silence"][name])
    }
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

const ROWS: [Row; 6] = [
    Row {
        label: ["Половина повідомлень молодша за", "Half of the messages are younger than"],
        cell: |part| {
            let rounds = part.0["rounds"].as_array().unwrap();
            let ages = rounds.iter().map(|round| number(&round["outcome"]["agesUs"]["p50"]));
            (ages.sum::<f64>() / rounds.len() as f64 / 1e6, Unit::Time)
        },
    },
    Row {
        label: ["Запитів на кожне доставлене повідомлення", "Requests for each message delivered"],
        cell: |part| (part.sum("requests") / part.sum("broughtMessages"), Unit::Number),
    },
    Row {
        label: [
            "Байтів голів і заголовків кадрів на кожне з них",
            "Bytes of heads and frame headers for each of them",
        ],
        cell: |part| {
            let heads = part.sum("bytesUp") + part.sum("bytesDown") - part.sum("bodyBytesDown");
            (heads / part.sum("broughtMessages"), Unit::Bytes)
        },
    },
    Row {
        label: ["Читач мовчить годину: запитів", "A silent hour of a reader: requests"],
        cell: |part| (part.silent("requestsPerHour").round(), Unit::Number),
    },
    Row {
        label: ["Читач мовчить годину: байтів", "A silent hour of a reader: bytes"],
        cell: |part| (part.silent("bytesPerHour"), Unit::Bytes),
    },
    Row {
        label: [
            "Процесор сервера, мс на 1000 доставлених повідомлень",
            "The server’s processor, ms for 1,000 messages delivered",
        ],
        cell: |part| {
            let rounds = part.0["rounds"].as_array().unwrap();
            let spent: f64 = rounds.iter().map(|round| number(&round["cpuMs"])).sum();
            (1000.0 * spent / part.sum("broughtMessages"), Unit::Number)
        },
    },
];

fn shown((value, unit): (f64, Unit), ukrainian: bool) -> String {
    let digits = |value: f64| match value {
        0.0 => "0".into(),
        0.0..0.995 => format!("{value:.2}"),
        0.0..9.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    };
    let (value, unit) = match unit {
        Unit::Time if value < 1.0 => (value * 1e3, [" мс", " ms"]),
        Unit::Time => (value, [" с", " s"]),
        Unit::Bytes if value < 1e3 => (value, [" Б", " B"]),
        Unit::Bytes if value < 1e6 => (value / 1e3, [" кБ", " kB"]),
        Unit::Bytes => (value / 1e6, [" МБ", " MB"]),
        Unit::Number => (value, ["", ""]),
    };
    let digits = digits(value);
    if ukrainian { digits.replace('.', ",") + unit[0] } else { digits + unit[1] }
}

fn table(run: &Value, ukrainian: bool) -> String {
    let mut lines = match ukrainian {
        true => {
            "| виміряно | 1 оновлення | 2 коротке опитування | 3 довге опитування | 4 WebSocket |\n"
        }
        false => "| measured | 1 refresh | 2 short polling | 3 long polling | 4 WebSocket |\n",
    }
    .to_string();
    lines += "| --- | --- | --- | --- | --- |\n";
    for Row { label: [uk, en], cell } in ROWS {
        let parts = run["techniques"].as_array().unwrap();
        let cells: Vec<String> =
            parts.iter().map(|part| shown(cell(&Part(part)), ukrainian)).collect();
        lines += &format!("| {} | {} |\n", if ukrainian { uk } else { en }, cells.join(" | "));
    }
    lines
}

/// What stands in the table of all questions, in place of words such as “high” and “low”.
fn rows_beside_words(run: &Value, ukrainian: bool) -> String {
    let [_, requests, heads, _, _, cpu] = ROWS.map(|row| row.cell);
    let parts = run["techniques"].as_array().unwrap();
    let cells = |cell: &dyn Fn(&Part) -> String| {
        parts.iter().map(|part| cell(&Part(part))).collect::<Vec<_>>().join(" | ")
    };
    let costs =
        cells(&|part| [requests, heads].map(|cell| shown(cell(part), ukrainian)).join("; "));
    let cpu = cells(&|part| shown(cpu(part), ukrainian));
    match ukrainian {
        true => format!(
            "| Виміряно: запитів на одне доставлене повідомлення; байтів голів і заголовків кадрів | {costs} |\n\
             | Виміряно: час процесора сервера на 1000 доставлених повідомлень, мс | {cpu} |\n"
        ),
        false => format!(
            "| Measured: requests for one message delivered; bytes of heads and frame headers | {costs} |\n\
             | Measured: the server’s processor time for 1,000 messages delivered, ms | {cpu} |\n"
        ),
    }
}

#[test]
fn the_figures_in_the_texts_are_those_of_the_run_that_is_kept() {
    let run: Value = serde_json::from_str(&read(RUN)).unwrap();
    assert_eq!((&run["case"], number(&run["users"])), (&"lecture".into(), 30.0));
    assert!(run["machine"].as_str().unwrap().contains("(release)"), "{}", run["machine"]);
    for (file, ukrainian) in [
        ("README.md", false),
        ("README.uk.md", true),
        ("public/notes/lecture.en.md", false),
        ("public/notes/lecture.uk.md", true),
    ] {
        let (text, rows) = (read(file), rows_beside_words(&run, ukrainian));
        assert!(text.contains(&rows), "{file} should have:\n{rows}");
        let table = table(&run, ukrainian);
        assert!(file.contains("README") || text.contains(&table), "{file} should have:\n{table}");
    }
}
