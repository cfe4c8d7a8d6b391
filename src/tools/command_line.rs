//! The command line: arguments and environment to options.

use super::arguments::{Arguments, ask_for_help};
use super::{Problem, TOOLS, Tool};
use std::fmt::{self, Write};

const OPTIONS: &str = include_str!("../../public/notes/usage/rawchat.txt");

/// A part as the menu shows it.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    /// The number to run it by.
    pub number: usize,
    /// The name to run it by.
    pub name: &'static str,
    /// What there is to see.
    pub watch: &'static str,
}

/// What the command line and the environment ask for.
pub enum Command {
    /// Serve a part.
    Serve(Options),
    /// Run a tool with these arguments.
    Run(&'static Tool, Vec<String>),
    /// Print this, and that is all.
    Say(String),
}

/// What is asked for, and where it was asked for: a message about it says so.
#[derive(Debug)]
pub struct Setting<T = String> {
    /// The value.
    pub value: T,
    /// `--port`, `PORT` or `by default`.
    pub from: &'static str,
}

/// `HOST="nowhere"`, `--host "nowhere"`: as it would be written.
impl<T: fmt::Debug> fmt::Display for Setting<T> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let sign = if ["HOST", "PORT"].contains(&self.from) { '=' } else { ' ' };
        write!(f, "{}{sign}{:?}", self.from, self.value)
    }
}

impl Setting {
    /// What `name` in the environment says, or else `default`.
    fn of(name: &'static str, default: &str) -> Setting {
        match std::env::var(name) {
            Ok(value) if !value.is_empty() => Setting { value, from: name },
            _ => Setting { value: default.into(), from: "by default" },
        }
    }
}

/// How to serve.
#[derive(Debug)]
pub struct Options {
    /// Which part.
    pub part: Part,
    /// Where to listen: an address, or a name that has one.
    pub host: Setting,
    /// 0 takes a free one.
    pub port: Setting<u16>,
    /// No line per event.
    pub quiet: bool,
    /// A tap stands in front.
    pub tap: bool,
    /// It ends when its standard input does.
    pub until_eof: bool,
    /// Names by which others may call a server that listens on loopback.
    pub allowed_hosts: Vec<String>,
}

/// Understands the arguments, and `HOST` and `PORT`. `Err` says what is wrong with them.
pub fn parse(arguments: &[String], parts: &[Part]) -> Result<Command, Problem> {
    if let [name, arguments @ ..] = arguments
        && let Some(tool) = TOOLS.iter().find(|tool| tool.name == name)
    {
        return Ok(Command::Run(tool, arguments.to_vec()));
    }
    let menu = menu(parts);
    if ask_for_help(arguments) {
        return Ok(Command::Say(menu));
    }
    let mut host = Setting::of("HOST", "127.0.0.1");
    let mut port = Setting::of("PORT", "3000");
    let (mut part, mut allowed_hosts) = (None, Vec::new());
    let (mut quiet, mut tap, mut until_eof) = (false, false, false);
    let mut arguments = Arguments::new(arguments, &menu);
    while let Some(flag) = arguments.next() {
        match flag {
            "--version" | "-V" => {
                return Ok(Command::Say(concat!("rawchat ", env!("CARGO_PKG_VERSION")).into()));
            }
            "--quiet" | "-q" => quiet = true,
            "--tap" => tap = true,
            "--until-eof" => until_eof = true,
            "--port" | "-p" => port = Setting { value: arguments.value()?.into(), from: "--port" },
            "--host" => host = Setting { value: arguments.value()?.into(), from: "--host" },
            "--allow-host" => allowed_hosts.push(host_name(arguments.value()?)?),
            name if part.is_none() && !name.starts_with('-') => {
                let named = |part: &&Part| part.number.to_string() == name || part.name == name;
                let unknown = || arguments.problem(format!("there is no part {name:?}"));
                part = Some(*parts.iter().find(named).ok_or_else(unknown)?);
            }
            _ => return Err(arguments.unknown()),
        }
    }
    let Some(part) = part else { return Err(Problem::Usage(menu)) };
    let wrong =
        |_| Problem::Usage(format!("{port}: expected a number from 0 to 65535; try --port 3000"));
    let port = Setting { value: port.value.parse().map_err(wrong)?, from: port.from };
    Ok(Command::Serve(Options { part, host, port, quiet, tap, until_eof, allowed_hosts }))
}

/// A name as the field Host has it, without what else stands in an address.
fn host_name(value: &str) -> Result<String, Problem> {
    let name = value.trim_end_matches('.');
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    if name.is_empty() || !name.bytes().all(plain) {
        return Err(Problem::Usage(format!(
            "--allow-host {value:?}: expected a name without http:// and without a port; \
             try --allow-host chat.example"
        )));
    }
    Ok(name.to_string())
}

fn menu(parts: &[Part]) -> String {
    let mut menu = String::from("rawchat: one chat in four techniques\n\n");
    for Part { number, name, watch } in parts {
        let _ = writeln!(menu, "  rawchat {number}    {name:<13} {watch}");
    }
    menu.push('\n');
    for Tool { name, arguments, purpose, .. } in &TOOLS {
        let _ = writeln!(menu, "  rawchat {:<22} {purpose}", format!("{name} {arguments}"));
    }
    menu + "\n" + OPTIONS.trim_end()
}
