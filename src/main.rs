//! `rawchat 3 --port 3000`: arguments to a technique that is served.

use rawchat::handler::{Handler, Places};
use rawchat::techniques::{Chat, TECHNIQUES, Timing};
use rawchat::tools::command_line::{self, Command, Options, Part};
use rawchat::tools::dissect::block::print;
use rawchat::tools::{Problem, invitation, journal, site};
use std::io;
use std::process::ExitCode;
use std::sync::Arc;

fn main() -> ExitCode {
    let arguments = std::env::args_os().skip(1);
    let arguments: Vec<String> = arguments.map(|a| a.to_string_lossy().into_owned()).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => problem.tell(),
    }
}

fn run(arguments: &[String]) -> Result<(), Problem> {
    let parts =
        TECHNIQUES.each_ref().map(|t| Part { number: t.number, name: t.name, watch: t.watch });
    match command_line::parse(arguments, &parts)? {
        Command::Run(tool, arguments) => tool.run(&arguments, parts_over_one_room),
        Command::Serve(options) => serve(options).map_err(Problem::Failed),
        Command::Say(text) => {
            print(&text);
            Ok(())
        }
    }
}

fn serve(options: Options) -> Result<(), String> {
    let (listener, invitation) = invitation::listen(&options)?;
    let technique = &TECHNIQUES[options.part.number - 1];
    let chat = Chat::new(technique, Timing::default());
    let no_thread = |error| format!("part {} cannot start a thread: {error}", technique.number);
    let handler = (technique.handler)(chat.clone()).map_err(no_thread)?;
    print(&invitation);
    if !options.quiet {
        journal::begin().map_err(|error| format!("no thread for the log: {error}"))?;
    }
    site::run(listener, &chat.places, site::chat(handler), options.allowed_hosts);
    Ok(())
}

fn parts_over_one_room() -> io::Result<Vec<(Arc<Handler>, Places)>> {
    let first = Chat::new(&TECHNIQUES[0], Timing::default());
    let beside = |technique| {
        let chat = first.beside(technique);
        Ok(((technique.handler)(chat.clone())?, chat.places.clone()))
    };
    TECHNIQUES.iter().map(beside).collect()
}
