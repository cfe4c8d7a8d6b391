//! Off the reading path: what is needed around the chat, and is not about it.

mod arguments;
pub mod check;
pub mod client;
pub mod command_line;
pub mod crowd;
pub mod dissect;
pub mod explain;
pub mod feed;
pub mod invitation;
pub mod journal;
pub mod json;
pub mod lecture;
pub mod pages;
pub mod raw;
pub mod site;
pub mod tap;

use crate::handler::{Handler, Places};
use arguments::{Arguments, ask_for_help};
use dissect::block::print;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

/// Exit codes.
const FAILED: u8 = 1;
const WRONG_USAGE: u8 = 2;

/// A command beside the four parts.
pub struct Tool {
    /// `explain`, and what it is given.
    pub name: &'static str,
    pub arguments: &'static str,
    /// What it is for, in a line of the menu.
    pub purpose: &'static str,
    /// What `--help` prints, and what stands below a complaint.
    usage: &'static str,
    run: fn(Arguments, Parts) -> Result<(), Problem>,
}

impl Tool {
    /// Does what `arguments` ask for, where the system has a thread for it: nearly every tool needs
    /// some, and std panics where there is none.
    pub fn run(&self, arguments: &[String], parts: Parts) -> Result<(), Problem> {
        let usage = self.usage.trim_end();
        if ask_for_help(arguments) {
            print(usage);
            return Ok(());
        }
        let no_thread =
            |error| Problem::Failed(format!("no thread can be started: {error} (ulimit -u)"));
        thread::Builder::new().spawn(|| ()).map_err(no_thread)?;
        (self.run)(Arguments::new(arguments, usage), parts)
    }
}

/// Starts the four parts over one room, for a tool that serves them: what answers, and its places.
/// `main` gives it, because a tool knows no technique.
pub type Parts = fn() -> io::Result<Vec<(Arc<Handler>, Places)>>;

/// Why a tool has not done what it was asked.
#[derive(Debug)]
pub enum Problem {
    /// It was asked wrongly.
    Usage(String),
    /// It went wrong.
    Failed(String),
    /// It has an exit code of its own; there may be nothing to say.
    Ended(u8, String),
}

impl Problem {
    /// Says what is wrong, on stderr; the exit code.
    pub fn tell(self) -> ExitCode {
        let (code, problem) = match self {
            Problem::Failed(problem) => (FAILED, problem),
            Problem::Usage(problem) => (WRONG_USAGE, problem),
            Problem::Ended(code, problem) => (code, problem),
        };
        if !problem.is_empty() {
            let _ = writeln!(io::stderr(), "{problem}");
        }
        ExitCode::from(code)
    }
}

macro_rules! tools {
    ($($name:literal $arguments:literal $purpose:literal $run:expr;)+) => {
        [$(Tool {
            name: $name,
            arguments: $arguments,
            purpose: $purpose,
            usage: include_str!(concat!("../../public/notes/usage/", $name, ".txt")),
            run: $run,
        }),+]
    };
}

/// Every tool.
#[rustfmt::skip]
pub static TOOLS: [Tool; 7] = tools! {
    "explain" "BYTES" "what these bytes are" |given, _| explain::run(given);
    "raw" "HOST:PORT" "telnet for this lecture; --ws URL for frames" |given, _| raw::run(given);
    "tap" "--to HOST:PORT" "every byte that passes, explained" |given, _| tap::run(given);
    "load" "1|2|3|4 [URL]" "a crowd that checks what it gets" |given, _| crowd::load::run(given);
    "measure" "[--case NAME]" "the four techniques, measured beside the model"
        |given, _| crowd::measure::run(given);
    "race" "" "the four techniques side by side, in one room" crowd::race::run;
    "check" "PART URL" "grades a server in any language" |given, _| check::run(given);
};
