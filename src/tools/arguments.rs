//! The arguments of a tool, one after another.

use super::Problem;
use super::dissect::Language;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

/// Whether somebody only wants to know how it is used. What follows `--` is a command of its own.
pub fn ask_for_help(arguments: &[String]) -> bool {
    let mut own = arguments.iter().take_while(|argument| *argument != "--");
    own.any(|argument| ["--help", "-h"].contains(&argument.as_str()))
}

/// What a tool is asked: `--port=3000` is `--port 3000`.
#[derive(Clone)]
pub struct Arguments<'a> {
    rest: std::slice::Iter<'a, String>,
    /// The last argument as it was given, its flag, and the value behind `=` if nobody has asked for
    /// it yet.
    argument: &'a str,
    flag: &'a str,
    given: Option<&'a str>,
    usage: &'a str,
}

impl<'a> Arguments<'a> {
    /// `usage` is what is printed with a complaint.
    pub fn new(arguments: &'a [String], usage: &'a str) -> Arguments<'a> {
        Arguments { rest: arguments.iter(), argument: "", flag: "", given: None, usage }
    }

    /// The value of the flag that was given last.
    pub fn value(&mut self) -> Result<&'a str, Problem> {
        let next = self.given.take().or_else(|| self.rest.next().map(String::as_str));
        next.ok_or_else(|| self.problem(format!("{} needs a value", self.flag)))
    }

    /// The value of the flag as a number of a range.
    pub fn number<T: FromStr + PartialOrd + Display>(
        &mut self,
        range: RangeInclusive<T>,
    ) -> Result<T, Problem> {
        let value = self.value()?;
        let (flag, first, last) = (self.flag, range.start(), range.end());
        let number = value.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| self.problem(format!("{flag} {value:?}: from {first} to {last}")))
    }

    /// The value of the flag as a time: `50ms`, `60s`.
    pub fn time(&mut self) -> Result<Duration, Problem> {
        duration(self.value()?).map_err(|what| self.problem(what))
    }

    /// The value of `--lang`.
    pub fn language(&mut self) -> Result<Language, Problem> {
        match self.value()? {
            "uk" => Ok(Language::Uk),
            "en" => Ok(Language::En),
            other => Err(self.problem(format!("--lang {other:?}: it is uk or en"))),
        }
    }

    /// All that has not been looked at.
    pub fn rest(&mut self) -> &'a [String] {
        std::mem::take(&mut self.rest).as_slice()
    }

    /// For a flag that nobody knows.
    pub fn unknown(&self) -> Problem {
        self.problem(format!("{:?} is not understood", self.flag))
    }

    /// A complaint, and what would be right.
    pub fn problem(&self, what: impl Display) -> Problem {
        Problem::Usage(format!("{what}\n\n{}", self.usage))
    }
}

impl<'a> Iterator for Arguments<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        // `--quiet=no`, and `--quiet` has no value: a flag that nobody knows.
        if self.given.take().is_some() {
            self.flag = self.argument;
            return Some(self.flag);
        }
        self.argument = self.rest.next()?;
        (self.flag, self.given) = match self.argument.split_once('=') {
            Some((flag, value)) if flag.starts_with("--") => (flag, Some(value)),
            _ => (self.argument, None),
        };
        Some(self.flag)
    }
}

/// `50ms`, `60s`.
pub fn duration(value: &str) -> Result<Duration, String> {
    let (number, unit_ms) = match value.strip_suffix("ms") {
        Some(number) => (number, 1),
        None => (value.strip_suffix('s').unwrap_or("?"), 1000),
    };
    match number.parse::<u32>() {
        Ok(number @ 1..) => Ok(Duration::from_millis(u64::from(number) * unit_ms)),
        _ => Err(format!("{value:?} is no time like 50ms or 60s")),
    }
}
