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
use std::io;
use std::sync::Arc;
use std::thread;

/// A command beside the four parts.
pub struct Tool {
    /// `explain`, and what it is given.
    pub name: &'static str,
    pub arguments: &'static str,
    /// What it is for, in a line of the menu.
    pub purpose: &'static str,
    run: fn(&[String], Parts) -> Result<(), Problem>,
}

impl Tool {
    /// Does what `arguments` ask for, where the system has a thread for it: nearly every tool needs
    /// some, and std panics where there is none.
    pub fn run(&self, arguments: &[String], parts: Parts) -> Result<(), Problem> {
        let no_thread =
            |error| Problem::Failed(format!("no thread can be started: {error} (ulimit -u)"));
        thread::Builder::new().spawn(|| ()).map_err(no_thread)?;
        (self.run)(arguments, parts)
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

/// Every tool.
pub static TOOLS: [Tool; 7] = [
    Tool {
        name: "explain",
        arguments: "BYTES",
        purpose: "what these bytes are",
        run: |arguments, _| explain::run(arguments),
    },
    Tool {
        name: "raw",
        arguments: "HOST:PORT",
        purpose: "telnet for this lecture; --ws URL for frames",
        run: |arguments, _| raw::run(arguments),
    },
    Tool {
        name: "tap",
        arguments: "--to HOST:PORT",
        purpose: "every byte that passes, explained",
        run: |arguments, _| tap::run(arguments),
    },
    Tool {
        name: "load",
        arguments: "1|2|3|4 [URL]",
        purpose: "a crowd that checks what it gets",
        run: |arguments, _| crowd::load::run(arguments),
    },
    Tool {
        name: "measure",
        arguments: "[--case NAME]",
        purpose: "the four techniques, measured beside the model",
        run: |arguments, _| crowd::measure::run(arguments),
    },
    Tool {
        name: "race",
        arguments: "",
        purpose: "the four techniques side by side, in one room",
        run: crowd::race::run,
    },
    Tool {
        name: "check",
        arguments: "PART URL",
        purpose: "grades a server in any language",
        run: |arguments, _| check::run(arguments),
    },
];
