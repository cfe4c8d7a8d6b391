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

/// From here on this thread speaks of connection `number`.
pub fn connection(number: u64) {
    CONNECTION.set(number);
}

/// Writes a line, if the log is on; [`event!`](crate::event) calls it.
pub fn line(user: &str, what: Arguments, file: &str, line: u32, mark: &str) {
    if !ON.load(Ordering::Relaxed) {
        return;
    }
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let time = &crate::wire::date::iso8601(now.as_millis() as u64)[11..23];
    // A name or a path may hold anything, and a terminal obeys what it cannot print.
    let unsafe_here =
        |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let text = format!("#{:<4} {user:<8} {what}", CONNECTION.get());
    let text = text.replace(unsafe_here, "\u{fffd}");
    // Behind `/source#` this is an address, on Windows too.
    let file = file.replace('\\', "/");
    let mut stderr = std::io::stderr().lock();
    let allowed = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    // An old console of Windows would show the codes themselves.
    let coloured = cfg!(unix) && allowed && stderr.is_terminal();
    let (dim, end) = if coloured { ("\x1b[2m", "\x1b[0m") } else { ("", "") };
    // A closed stderr is no reason to stop serving.
    let _ = writeln!(stderr, "{dim}{time}{end} {text}  {dim}{file}:{line} {mark}{end}");
}

/// `event!("§3.5", user, "waits for what comes after {id}")`
#[macro_export]
macro_rules! event {
    ($mark:literal, $user:expr, $($what:tt)+) => {
        $crate::log::line($user, format_args!($($what)+), file!(), line!(), $mark)
    };
}
