//! One line an event on stderr: when, which connection, who, what, and where in the source.

use std::cell::Cell;
use std::fmt::Arguments;
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

static ON: AtomicBool = AtomicBool::new(false);

thread_local! {
    static CONNECTION: Cell<u64> = const { Cell::new(0) };
}

/// Turns the log on. It is off until then, and in `--quiet`.
pub fn enable() {
    ON.store(true, Ordering::Relaxed);
}

pub fn on() -> bool {
    ON.load(Ordering::Relaxed)
}

/// From here on this thread speaks of connection `number`.
pub fn connection(number: u64) {
    CONNECTION.set(number);
}

/// Writes a line; [`event!`](crate::event) calls it.
pub fn line(user: &str, what: Arguments, file: &str, line: u32, mark: &str) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let time = &crate::wire::date::iso8601(now.as_millis() as u64)[11..23];
    let connection = CONNECTION.get();
    // A name or a path may hold anything, and a terminal obeys what it cannot print.
    let unsafe_here =
        |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let what = what.to_string().replace(unsafe_here, "\u{fffd}");
    let user = user.replace(unsafe_here, "\u{fffd}");
    // Behind `/source#` this is an address, on Windows too.
    let file = file.replace('\\', "/");
    let mut stderr = std::io::stderr().lock();
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let (dim, end) = match !plain && stderr.is_terminal() {
        true => ("\x1b[2m", "\x1b[0m"),
        false => ("", ""),
    };
    // A closed stderr is no reason to stop serving.
    let _ = writeln!(
        stderr,
        "{dim}{time}{end} #{connection:<4} {user:<8} {what}  {dim}{file}:{line} {mark}{end}"
    );
}

/// `event!("§3.5", user, "waits for what comes after {id}")`
#[macro_export]
macro_rules! event {
    ($mark:literal, $user:expr, $($what:tt)+) => {
        if $crate::log::on() {
            $crate::log::line($user, format_args!($($what)+), file!(), line!(), $mark)
        }
    };
}
