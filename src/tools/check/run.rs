//! One check after another: what it builds on, its second attempt, and what comes of it.

use super::catalogue::{BUILT_IN_PART, CHECKS, Check};
use super::fault::{Done, Fault, Words, of_io, wrong};
use super::lab::{Lab, Trace};
use super::started::{NotStarted, Started};
use crate::tools::dissect::block::Style;
use crate::tools::tap::Chunk;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Pass,
    /// It should be otherwise, and no point is lost.
    Advice,
    Fail,
    /// What it builds on has failed, or there was no time.
    NotRun,
}

pub struct Verdict {
    pub check: &'static Check,
    pub status: Status,
    /// Points: had, and to be had.
    pub score: [usize; 2],
    /// Why it is not simply passed.
    pub words: Option<Words>,
    pub fault: Option<Fault>,
    /// What passed in the attempt that failed, or else in the only one, and on which of its
    /// connections something was expected last.
    pub chunks: Vec<Chunk>,
    pub connection: u64,
    /// How many attempts there were, and how many of them passed.
    pub attempts: [usize; 2],
    pub took: Duration,
    /// The last that the server printed meanwhile.
    pub said: String,
    /// The checker itself has failed.
    pub broken: bool,
}

impl Verdict {
    /// Why it is not simply passed, in the language of the style.
    pub fn told(&self, style: &Style) -> &str {
        self.words.as_ref().map_or("", |words| style.of(words.each_ref().map(String::as_str)))
    }
}

/// The server that is checked.
pub struct Subject {
    address: SocketAddr,
    started: Option<Mutex<Started>>,
}

impl Subject {
    pub fn there(address: SocketAddr) -> Subject {
        Subject { address, started: None }
    }

    pub fn ours(started: Started) -> Subject {
        Subject { address: started.address, started: Some(Mutex::new(started)) }
    }

    fn started(&self) -> Option<MutexGuard<'_, Started>> {
        Some(self.started.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn address(&self) -> SocketAddr {
        self.started().map_or(self.address, |started| started.address)
    }

    /// Why there is no server any more. One of ours that has ended is started again.
    fn gone(&self) -> Option<Words> {
        if let Some(mut started) = self.started() {
            return started.revive().err().map(|(words, _)| words);
        }
        let error = TcpStream::connect_timeout(&self.address, Duration::from_secs(1)).err()?;
        (error.kind() == ErrorKind::ConnectionRefused).then(|| of_io(&error).words)
    }

    /// How it has ended, if it is ours and has.
    fn fallen(&self) -> Option<String> {
        self.started()?.fallen()
    }

    /// Kills it and starts it again.
    pub fn restart(&self) -> Result<(), NotStarted> {
        self.started().map_or(Ok(()), |mut started| started.restart())
    }

    /// The last that it has printed since this was asked.
    fn said(&self) -> String {
        self.started().map_or(String::new(), |started| started.said())
    }
}

impl Status {
    /// For programs.
    pub fn name(self) -> &'static str {
        match self {
            Status::Pass => "pass",
            Status::Advice => "advice",
            Status::Fail => "fail",
            Status::NotRun => "not_run",
        }
    }
}

/// What is to be checked, and how.
#[derive(Clone)]
pub struct Plan {
    pub stages: &'static [usize],
    pub only: Option<String>,
    /// What should be must be.
    pub strict: bool,
    pub seed: u64,
    /// The server lets a poll wait for so long.
    pub hold: Duration,
    /// What must come at once and has not come by now is a failure.
    pub patience: Duration,
    /// When something has failed, no check begins after this.
    pub ends: Instant,
    /// No check begins after this, nor lasts much longer.
    pub ends_for_sure: Instant,
}

impl Plan {
    pub fn checks(&self) -> impl Iterator<Item = &'static Check> {
        CHECKS.iter().filter(|check| match &self.only {
            Some(id) => check.id == id,
            None => self.stages.contains(&check.stage()),
        })
    }

    /// Makes every check, and tells of each when it is made.
    pub fn run(&self, subject: &Subject, mut tell: impl FnMut(&Verdict)) -> Vec<Verdict> {
        let mut verdicts: Vec<Verdict> = Vec::new();
        let (mut gone, mut early) = (None, None);
        for check in self.checks() {
            gone = gone.or_else(|| subject.gone());
            // 0.2 cannot be told from a server that answers nobody: 1.1 is made before it.
            let mut later = CHECKS.iter().skip_while(|other| other.id != check.id);
            if let Some(base) = later.find(|other| check.needs(other)) {
                early = gone.is_none().then(|| self.judge(base, subject));
            }
            let made = early.take_if(|verdict| verdict.check.id == check.id);
            let before = verdicts.iter().chain(&early);
            let why = gone.clone().map(|words| (words, false));
            let why = why.or_else(|| self.hindrance(check, subject, before));
            let verdict = made.unwrap_or_else(|| match why {
                None => self.judge(check, subject),
                // What this server need not have costs no point.
                Some((words, needless)) => Verdict {
                    words: Some(words),
                    score: [0, usize::from(self.graded(check) && !needless)],
                    ..verdict(check, Status::NotRun)
                },
            });
            tell(&verdict);
            verdicts.push(verdict);
        }
        verdicts
    }

    /// What comes of it if there is no server: the first check says why.
    pub fn none(&self, (words, said): NotStarted) -> Vec<Verdict> {
        let none = |check| Verdict {
            score: [0, usize::from(self.graded(check))],
            ..verdict(check, Status::NotRun)
        };
        let mut verdicts: Vec<Verdict> = self.checks().map(none).collect();
        if let Some(first) = verdicts.first_mut() {
            (first.status, first.words, first.said) = (Status::Fail, Some(words), said);
        }
        verdicts
    }

    /// Whether a point is to be had.
    fn graded(&self, check: &Check) -> bool {
        check.must || self.strict
    }

    /// Why a check is not made; and whether the server can do without it.
    fn hindrance<'a>(
        &self,
        check: &Check,
        subject: &Subject,
        mut before: impl Iterator<Item = &'a Verdict> + Clone,
    ) -> Option<(Words, bool)> {
        if check.needs.contains("--") && subject.started.is_none() {
            return Some((["потрібно -- КОМАНДА".into(), "it needs -- COMMAND".into()], true));
        }
        // Part 4 of the lecture has no /subscribe.
        if check.id == "4.1" && self.stages.contains(&5) && self.only.is_none() {
            let lab = Lab::new(self, subject, 0);
            if lab.ask(lab.get("/subscribe?lastId=0"), 404).is_ok() {
                let words = [
                    "/subscribe тут немає, для частини 4 це не хиба",
                    "there is no /subscribe, and part 4 can do without it",
                ];
                return Some((words.map(str::to_string), true));
            }
        }
        let failed = before.clone().any(|verdict| verdict.status == Status::Fail);
        let now = Instant::now();
        if now > self.ends_for_sure || (failed && now > self.ends) {
            let id = check.id;
            let words = [
                format!(
                    "усе разом тривало задовго через попередні хиби: виправте їх або візьміть --only {id}"
                ),
                format!(
                    "all the checks have taken too long because of the failures above: mend them, or take --only {id}"
                ),
            ];
            return Some((words, false));
        }
        let missing = before.find(|verdict| {
            check.needs(verdict.check) && matches!(verdict.status, Status::Fail | Status::NotRun)
        })?;
        let id = missing.check.id;
        let needless = missing.status == Status::NotRun && missing.score[1] == 0;
        Some(([format!("спершу {id}"), format!("{id} must pass first")], needless))
    }

    fn judge(&self, check: &'static Check, subject: &Subject) -> Verdict {
        let began = Instant::now();
        let (first, mut verdict) = self.attempt(check, subject, 1);
        if let Err(fault) = first {
            verdict.words = Some(fault.words.clone());
            verdict.status = Status::NotRun;
            if !verdict.broken {
                // Once more, on fresh connections: a busy machine is no mistake, a race is one.
                drop(subject.gone());
                let (second, _) = self.attempt(check, subject, 2);
                verdict.attempts = [usize::from(second.is_ok()), 2];
                let fails = self.graded(check) && !(fault.is_late() && second.is_ok());
                verdict.status = if fails { Status::Fail } else { Status::Advice };
            }
            verdict.fault = Some(fault);
        }
        let had = matches!(verdict.status, Status::Pass | Status::Advice);
        verdict.score = if self.graded(check) { [usize::from(had), 1] } else { [0, 0] };
        verdict.took = began.elapsed();
        verdict
    }

    fn attempt(&self, check: &'static Check, subject: &Subject, number: u64) -> (Done, Verdict) {
        drop(subject.said());
        let number = check.id.bytes().fold(number, |sum, byte| sum * 256 + u64::from(byte));
        let lab = Lab::new(self, subject, number);
        let done = catch_unwind(AssertUnwindSafe(|| (check.run)(&lab)));
        let broken = done.as_ref().map_or(true, |done| done.as_ref().is_err_and(Fault::is_ours));
        let done = done.unwrap_or_else(|_| {
            wrong("помилка в самому rawchat check", "rawchat check itself has failed")
        });
        let mut trace = lab.trace();
        let fallen = if done.is_err() { subject.fallen() } else { None };
        let said = subject.said();
        let done = done.map_err(|fault| explained(fault, check, &trace, fallen, &said));
        // An answer stands where its first byte came.
        trace.chunks.sort_by_key(|chunk| chunk.time);
        let advice = std::mem::take(&mut trace.advice);
        let status = match advice.is_empty() {
            true => Status::Pass,
            false if self.strict && advice.iter().any(|(should, _)| *should) => Status::Fail,
            false => Status::Advice,
        };
        let verdict = Verdict {
            words: advice.into_iter().next().map(|(_, words)| words),
            chunks: std::mem::take(&mut trace.chunks),
            connection: trace.connection,
            attempts: [1, 1],
            said,
            broken,
            ..verdict(check, status)
        };
        (done, verdict)
    }
}

/// What an answer alone does not tell: nothing is there yet, or the server has ended, or a thread of it.
fn explained(
    mut fault: Fault,
    check: &Check,
    trace: &Trace,
    fallen: Option<String>,
    said: &str,
) -> Fault {
    /// As Python, Java, C#, JavaScript, Rust and Go say it.
    const EXCEPTIONS: [&str; 5] = ["Traceback", "Exception", "Error: ", "panicked at", "panic: "];
    match BUILT_IN_PART[check.stage()] {
        Some(part) if fault.absent => {
            let place = trace.asked();
            fault.words = [
                format!("{place} тут іще немає, це частина {part} лекції: {}", fault.words[0]),
                format!(
                    "this server has no {place} yet, that is part {part} of the lecture: {}",
                    fault.words[1]
                ),
            ];
        }
        _ => fault.absent = false,
    }
    if let Some(status) = fallen {
        fault.words[0] += &format!("; програма завершилася: {status}");
        fault.words[1] += &format!("; the program has ended: {status}");
    } else if fault.io.is_some() && EXCEPTIONS.iter().any(|sign| said.contains(sign)) {
        fault.words[0] += "; сервер надрукував виняток, його видно нижче";
        fault.words[1] += "; the server has printed an exception, see below";
    }
    fault
}

fn verdict(check: &'static Check, status: Status) -> Verdict {
    Verdict {
        check,
        status,
        score: [0, 0],
        words: None,
        fault: None,
        chunks: Vec::new(),
        connection: 0,
        attempts: [0, 0],
        took: Duration::ZERO,
        said: String::new(),
        broken: false,
    }
}
