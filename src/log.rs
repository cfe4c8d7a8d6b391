//! One line an event on stderr: when, which connection, who, what, and where in the source.
//!
//! Nobody waits for the terminal. A line goes into a queue, and one thread writes what is in it.
//! While nobody reads (Ctrl+S, a full pipe) the queue fills up; then lines are dropped and
//! counted, and the chat goes on. A real logger would write to a file, and change the file daily.

use crate::wire::date::iso8601;
use crate::wire::visible::is_invisible;
use std::cell::{Cell, RefCell};
use std::fmt::Arguments;
use std::io::{self, IsTerminal, Write};
use std::mem;
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};

/// What waits to be written; a line that finds no room is dropped.
pub const QUEUE_BYTES_MAX: usize = 1024 * 1024;
/// A rest after each write: what comes meanwhile is one write, and not a hundred. A server that
/// answers 100,000 requests a second spends a fifth of its time on the log with it, half without.
const REST: Duration = Duration::from_millis(1);

struct Log {
    coloured: bool,
    queue: Mutex<Queue>,
    /// Rung after every line.
    arrived: Condvar,
}

#[derive(Default)]
struct Queue {
    lines: String,
    /// Lines that found no room after `lines`.
    dropped: usize,
}

static LOG: OnceLock<Log> = OnceLock::new();

thread_local! {
    static CONNECTION: Cell<u64> = const { Cell::new(0) };
    static USER: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Turns the log on. It is off until then, and in `--quiet`.
pub fn enable() -> io::Result<()> {
    let allowed = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    // An old console of Windows would show the codes themselves.
    let coloured = cfg!(unix) && allowed && io::stderr().is_terminal();
    let (queue, arrived) = Default::default();
    let log = LOG.get_or_init(|| Log { coloured, queue, arrived });
    thread::Builder::new().name("log".into()).spawn(|| log.write())?;
    Ok(())
}

/// From here on this thread speaks of connection `number`, and of nobody by name.
pub fn connection(number: u64) {
    CONNECTION.set(number);
    user("");
}

/// From here on this thread speaks of `name`, where a line names nobody else.
pub fn user(name: &str) {
    USER.with_borrow_mut(|user| {
        user.clear();
        user.push_str(name);
    });
}

/// Puts a line into the queue, if the log is on; [`event!`](crate::event) calls it.
pub fn line(user: &str, what: Arguments, file: &str, line: u32, mark: &str) {
    let Some(log) = LOG.get() else { return };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let time = &iso8601(now.as_millis() as u64)[11..23];
    let number = CONNECTION.get();
    let text = USER.with_borrow(|known| {
        let user = if user == "-" && !known.is_empty() { known } else { user };
        format!("#{number:<4} {user:<8} {what}")
    });
    // A name or a path may hold anything, and a terminal obeys what it cannot show.
    let text = text.replace(is_invisible, "\u{fffd}");
    // Behind `/source#` this is an address, on Windows too.
    let file = file.replace('\\', "/");
    let (dim, end) = if log.coloured { ("\x1b[2m", "\x1b[0m") } else { ("", "") };
    log.push(&format!("{dim}{time}{end} {text}  {dim}{file}:{line} {mark}{end}\n"));
}

/// Why a connection ended. Clients go without a word all the time: a tab is closed, a page is left.
pub fn why(error: io::Error) -> String {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected};
    match error.kind() {
        BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected => "has gone".to_string(),
        _ => error.to_string(),
    }
}

impl Log {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, line: &str) {
        let mut queue = self.queue();
        if queue.dropped > 0 || queue.lines.len() + line.len() > QUEUE_BYTES_MAX {
            queue.dropped += 1;
            return;
        }
        queue.lines.push_str(line);
        self.arrived.notify_one();
    }

    /// Writes what is in the queue, all of it at once, again and again.
    fn write(&self) {
        let mut lines = String::new();
        loop {
            let mut queue = self.queue();
            while queue.lines.is_empty() {
                queue = self.arrived.wait(queue).unwrap_or_else(PoisonError::into_inner);
            }
            mem::swap(&mut lines, &mut queue.lines);
            let dropped = mem::take(&mut queue.dropped);
            drop(queue);
            if dropped > 0 {
                lines += &format!("{dropped} lines are missing here: nobody read them in time\n");
            }
            // A closed stderr is no reason to stop serving.
            let _ = io::stderr().write_all(lines.as_bytes());
            lines.clear();
            thread::sleep(REST);
        }
    }
}

/// `event!("§3.5", user, "waits for what comes after {id}")`; `"-"` is whom this connection
/// belongs to, if that is known.
#[macro_export]
macro_rules! event {
    ($mark:literal, $user:expr, $($what:tt)+) => {
        $crate::log::line($user, format_args!($($what)+), file!(), line!(), $mark)
    };
}
