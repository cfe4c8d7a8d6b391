//! The arguments of a tool, one after another.

use super::Problem;
use super::dissect::Language;

/// What a tool is asked: `--port=3000` is `--port 3000`.
pub struct Arguments<'a> {
    rest: std::slice::Iter<'a, String>,
    flag: &'a str,
    given: Option<&'a str>,
    usage: &'a str,
}

impl<'a> Arguments<'a> {
    /// `usage` is what is printed with a complaint.
    pub fn new(arguments: &'a [String], usage: &'a str) -> Arguments<'a> {
        Arguments { rest: arguments.iter(), flag: "", given: None, usage }
    }

    /// The value of the flag that was given last.
    pub fn value(&mut self) -> Result<&'a str, Problem> {
        let next = self.given.take().or_else(|| self.rest.next().map(String::as_str));
        next.ok_or_else(|| self.problem(format!("{} needs a value", self.flag)))
    }

    /// Whether the flag that was given last has a value of its own: `--quiet=no`.
    pub fn has_value(&self) -> bool {
        self.given.is_some()
    }

    /// The value of `--lang`.
    pub fn language(&mut self) -> Result<Language, Problem> {
        match self.value()? {
            "uk" => Ok(Language::Uk),
            "en" => Ok(Language::En),
            other => Err(self.problem(format!("--lang {other:?}: it is uk or en"))),
        }
    }

    /// For a flag that nobody knows.
    pub fn unknown(&self) -> Problem {
        self.problem(format!("{:?} is not understood", self.flag))
    }

    /// A complaint, and what would be right.
    pub fn problem(&self, what: impl std::fmt::Display) -> Problem {
        Problem::Usage(format!("{what}\n\n{}", self.usage))
    }
}

impl<'a> Iterator for Arguments<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let argument: &str = self.rest.next()?;
        (self.flag, self.given) = match argument.split_once('=') {
            Some((flag, value)) if flag.starts_with("--") => (flag, Some(value)),
            _ => (argument, None),
        };
        Some(self.flag)
    }
}
