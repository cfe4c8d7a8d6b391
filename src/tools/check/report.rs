//! What is told of a run: lines and blocks for people, JSON and JUnit for programs.

use super::catalogue::{self, Both, Check, MUST, OFTEN, READ, THEN, TRY};
use super::run::{Plan, Status, Verdict};
use crate::tools::dissect::block::{COLUMNS, Style, clipped, hex, wrap};
use crate::tools::dissect::kinds::sentence;
use crate::tools::dissect::{Context, Kind, Side, dissect};
use crate::tools::json::object;
use crate::tools::tap::terminal::{Filter, Terminal};
use crate::tools::tap::watch::Watcher;
use crate::wire::html::escape;
use crate::wire::json::quoted;
use std::fmt::Write;

/// Of what passed, so many lines at the end.
const ROWS_MAX: usize = 14;
const SAID_LINES_MAX: usize = 8;
const LABEL_COLUMNS: usize = 11;

/// Tells of one check after another.
pub struct Reporter<'a> {
    pub style: Style,
    plan: &'a Plan,
    /// `http://127.0.0.1:4021`, for the commands to be typed.
    url: &'a str,
    /// How to start the server; nothing, if it runs.
    start: &'a str,
    stage: Option<usize>,
    failed: bool,
}

impl<'a> Reporter<'a> {
    pub fn new(style: Style, plan: &'a Plan, url: &'a str, start: &'a str) -> Reporter<'a> {
        Reporter { style, plan, url, start, stage: None, failed: false }
    }

    /// A line, and before a stage its heading; the first failure in full.
    pub fn tell(&mut self, verdict: &Verdict) -> String {
        let fails = verdict.status == Status::Fail;
        let first = fails && !std::mem::replace(&mut self.failed, fails);
        let full = first || (self.plan.only.is_some() && verdict.status == Status::Advice);
        let stage = verdict.check.stage();
        let heading = match self.stage.replace(stage) == Some(stage) {
            true => String::new(),
            false => self.heading(stage) + "\n",
        };
        heading + &if full { self.block(verdict) } else { self.line(verdict) }
    }

    pub fn word(&self, status: Status) -> &'static str {
        self.style.of(match status {
            Status::Pass => ["добре", "pass"],
            Status::Advice => ["порада", "advice"],
            Status::Fail => ["ХИБА", "FAIL"],
            Status::NotRun => ["пропущено", "not run"],
        })
    }

    /// The heading of a stage.
    pub fn heading(&self, number: usize) -> String {
        format!("\n{number}  {}", self.style.of(catalogue::stage(number)))
    }

    /// One line, or two: what became of a check.
    pub fn line(&self, verdict: &Verdict) -> String {
        let sentence = self.style.of(verdict.check.sentence());
        let line = match verdict.told(&self.style) {
            "" => sentence.into(),
            words => format!("{sentence}: {words}"),
        };
        let mut out = String::new();
        wrap(&mut out, &line, LABEL_COLUMNS + 5);
        let status = self.word(verdict.status);
        let status = match verdict.status {
            Status::Fail => self.style.paint("31", &format!("{status:<LABEL_COLUMNS$}")),
            _ => format!("{status:<LABEL_COLUMNS$}"),
        };
        format!("{status}{}  {}", verdict.check.id, out.trim())
    }

    /// Everything that helps with a failure.
    pub fn block(&self, verdict: &Verdict) -> String {
        let check = verdict.check;
        let mut out = String::new();
        let status = match verdict.attempts {
            [_, 0] => self.style.pick("ще ні", "not yet"),
            _ => self.word(verdict.status),
        };
        let _ = writeln!(
            out,
            "{status:<LABEL_COLUMNS$}{}  {}",
            check.id,
            self.style.of(check.sentence())
        );
        let who = match verdict.connection {
            0 => String::new(),
            number => format!("{} {number}: ", self.style.pick("з’єднання", "connection")),
        };
        let words = verdict.told(&self.style);
        self.part(&mut out, ["прийшло", "came"], &format!("{who}{words}"));
        self.part(&mut out, MUST, self.style.of(check.line(MUST)));
        // What is not there yet has no mistake in it.
        if verdict.fault.as_ref().is_none_or(|fault| !fault.absent) {
            self.part(&mut out, OFTEN, self.style.of(check.line(OFTEN)));
        }
        self.part(&mut out, READ, &self.read(check));
        let tries = match verdict.attempts {
            [0, 2] => self.style.pick("двічі невдало", "failed twice"),
            [_, 2] => self.style.pick("вдалася 1 з 2", "1 of 2 passed"),
            _ => "",
        };
        self.part(&mut out, ["спроби", "tries"], tries);
        out += &self.by_hand(check);
        out += &self.steps(verdict);
        out += &self.bytes(verdict).unwrap_or_default();
        let said: Vec<&str> = verdict.said.lines().collect();
        for line in &said[said.len().saturating_sub(SAID_LINES_MAX)..] {
            let _ = writeln!(out, "  {:<9}{line}", self.style.pick("сервер", "server"));
        }
        out.trim_end().into()
    }

    /// A line of a block, and as many more as it takes; without a text, none.
    fn part(&self, out: &mut String, label: Both, text: &str) {
        if text.is_empty() {
            return;
        }
        let mut lines = String::new();
        wrap(&mut lines, text, LABEL_COLUMNS);
        let _ = writeln!(out, "  {:<9}{}", self.style.of(label), lines.trim());
    }

    /// What to type. It is to be copied, so it is never broken into lines.
    fn by_hand(&self, check: &Check) -> String {
        let host = self.url.trim_start_matches("http://");
        let typed = |label| {
            let line = self.style.of(check.line(label)).replace(['`'], "");
            let line = line.replace("$ ", "").replace("> ", "").replace("127.0.0.1:3000", host);
            let (ip, port) = host.rsplit_once(':').unwrap_or((host, ""));
            line.replace("127.0.0.1 3000", &format!("{ip} {port}"))
        };
        let n =
            self.style.pick("N — id найновішого повідомлення", "N is the id of the newest message");
        let n = if typed(TRY).contains("lastId=N") { format!("({n})") } else { String::new() };
        let start = self.start.to_string();
        let lines =
            [(["запуск", "start"], start), (TRY, typed(TRY)), (THEN, typed(THEN)), (["", ""], n)];
        let lines = lines.iter().filter(|(_, line)| !line.is_empty());
        lines.map(|(label, line)| format!("  {:<9}{line}\n", self.style.of(*label))).collect()
    }

    /// The lecture's mark and the RFC, with their addresses.
    pub fn read(&self, check: &Check) -> String {
        let lines = self.style.of(check.line(READ)).split(", ");
        let addressed = lines.map(|place| match place.split_once(" §") {
            Some((rfc, section)) => {
                let number = rfc.trim_start_matches("RFC ");
                format!("{place} (https://www.rfc-editor.org/rfc/rfc{number}#section-{section})")
            }
            None => format!("{place} (/source#{})", place.trim_start_matches('§')),
        });
        addressed.collect::<Vec<_>>().join(", ")
    }

    /// What was sent and what came back, as `rawchat tap` tells it.
    fn steps(&self, verdict: &Verdict) -> String {
        let style = Style { coloured: false, ..self.style };
        let terminal = Terminal { style, blocks: false, filter: Filter::default() };
        let (mut watcher, mut rows) = (Watcher::new(false), String::new());
        for chunk in &verdict.chunks {
            watcher.chunk(chunk, &mut |seen| terminal.tell(&seen, &mut rows));
        }
        let rows: Vec<&str> = rows.lines().collect();
        let mut out = String::new();
        let more = rows.len().saturating_sub(ROWS_MAX);
        if more > 0 {
            let _ = writeln!(out, "  … +{more}");
        }
        for row in &rows[more..] {
            let _ = writeln!(out, "  {}", clipped(row, COLUMNS - 2));
        }
        out
    }

    /// The bytes that are wrong, with a caret, and what they are.
    fn bytes(&self, verdict: &Verdict) -> Option<String> {
        const ROW: usize = 16;
        let fault = verdict.fault.as_ref()?;
        let came = verdict.chunks.iter();
        let came = came
            .filter(|chunk| chunk.connection == verdict.connection && chunk.from == Side::Server);
        let bytes: Vec<u8> = came.flat_map(|chunk| chunk.bytes.iter().copied()).collect();
        let (fields, _) = dissect(&bytes, &mut Context::http(Side::Server));
        let wrong = fields.iter().rfind(|field| Some(field.kind) == fault.kind);
        let field = wrong.or_else(|| fields.iter().find(|field| field.kind.is_fault()))?;
        let (at, end) = (field.bytes().start, field.bytes().end);
        let start = at / ROW * ROW;
        let row = &bytes[start..bytes.len().min(start + ROW)];
        let carets = (end - at).clamp(1, start + row.len() - at);
        let text: String =
            row.iter().map(|b| if b.is_ascii_graphic() { char::from(*b) } else { '.' }).collect();
        let mut out = String::new();
        let label = self.style.pick("байти", "bytes");
        let _ = writeln!(out, "  {label:<9}{start:04x}  {:<47}  {text}", hex(row));
        let _ = writeln!(
            out,
            "{:17}{:indent$}{}",
            "",
            "",
            "^^ ".repeat(carets).trim_end(),
            indent = 3 * (at - start)
        );
        // That "all is well" with a 200 which is wrong here helps nobody.
        if field.kind != Kind::Status || bytes[at] != b'2' {
            wrap(&mut out, &sentence(field, &bytes, self.style.language), LABEL_COLUMNS);
        }
        Some(out)
    }

    /// The last lines of a run.
    pub fn summary(&self, verdicts: &[Verdict]) -> String {
        let [had, max] = score(verdicts);
        let count = |status| verdicts.iter().filter(|verdict| verdict.status == status).count();
        let counts = [Status::Pass, Status::Advice, Status::Fail, Status::NotRun]
            .map(|status| format!("{} {}", self.word(status), count(status)));
        let points = self.style.pick("балів", "points");
        let mut out = format!("\n{points} {had}/{max}: {}", counts.join(", "));
        let _ = write!(out, "; --seed {}", self.plan.seed);
        let next = verdicts.iter().find(|verdict| verdict.status == Status::Fail);
        if let Some(Verdict { check, .. }) = next {
            let fix = self.style.pick("далі", "next");
            let again = self.style.pick(
                "виправте й перевірте саме це: --only",
                "fix it, and check only this: --only",
            );
            let _ = write!(out, "\n{fix} {}: {again} {}", check.id, check.id);
            let more = self
                .style
                .pick("більше про це: rawchat 1, а тоді", "more about it: rawchat 1, and then");
            let _ = write!(out, "\n{more} http://127.0.0.1:3000/checks#{}", check.id);
        }
        out
    }

    /// `tests` is an array with the names of Gradescope and of GitHub Classroom.
    pub fn json(&self, verdicts: &[Verdict], title: &str) -> String {
        let [had, max] = score(verdicts);
        let failed = verdicts.iter().any(|verdict| verdict.status == Status::Fail);
        let tests: Vec<String> = verdicts.iter().map(|verdict| self.test(verdict)).collect();
        object(&[
            ("version", "1".into()),
            ("name", quoted(title)),
            ("seed", self.plan.seed.to_string()),
            ("status", quoted(if failed { "fail" } else { "pass" })),
            ("score", had.to_string()),
            ("max_score", max.to_string()),
            ("tests", format!("[\n{}\n]", tests.join(",\n"))),
        ])
    }

    fn test(&self, verdict: &Verdict) -> String {
        let [had, max] = verdict.score;
        object(&[
            ("id", quoted(verdict.check.id)),
            ("stage", verdict.check.stage().to_string()),
            ("name", quoted(self.style.of(verdict.check.sentence()))),
            ("status", quoted(verdict.status.name())),
            ("score", had.to_string()),
            ("max_score", max.to_string()),
            ("duration_ms", verdict.took.as_millis().to_string()),
            ("message", quoted(&self.message(verdict))),
        ])
    }

    fn message(&self, verdict: &Verdict) -> String {
        match verdict.status {
            Status::Fail => self.block(verdict),
            _ => verdict.told(&self.style).into(),
        }
    }

    /// What all readers of JUnit files understand, and no more.
    pub fn junit(&self, verdicts: &[Verdict], title: &str) -> String {
        let count = |status| verdicts.iter().filter(|verdict| verdict.status == status).count();
        let seconds: f64 = verdicts.iter().map(|verdict| verdict.took.as_secs_f64()).sum();
        let mut out = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\" time=\"{seconds:.3}\">\n",
            xml(title),
            verdicts.len(),
            count(Status::Fail),
            count(Status::NotRun)
        );
        for verdict in verdicts {
            let stage = self.style.of(catalogue::stage(verdict.check.stage()));
            let (id, name) = (verdict.check.id, self.style.of(verdict.check.sentence()));
            let (stage, name) = (xml(stage), xml(&format!("{id} {name}")));
            let (message, text) = (xml(verdict.told(&self.style)), xml(&self.message(verdict)));
            let inside = match verdict.status {
                Status::Fail => format!("<failure message=\"{message}\">{text}</failure>"),
                Status::NotRun => format!("<skipped message=\"{message}\"/>"),
                _ => String::new(),
            };
            let _ = writeln!(
                out,
                "<testcase classname=\"{stage}\" name=\"{name}\" time=\"{:.3}\">{inside}</testcase>",
                verdict.took.as_secs_f64()
            );
        }
        out + "</testsuite>"
    }
}

/// Points: had, and to be had.
pub fn score(verdicts: &[Verdict]) -> [usize; 2] {
    [0, 1].map(|which| verdicts.iter().map(|verdict| verdict.score[which]).sum())
}

/// XML has no place for control characters, not even escaped.
fn xml(text: &str) -> String {
    let allowed = |c: char| if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c };
    escape(&text.chars().map(allowed).collect::<String>())
}
