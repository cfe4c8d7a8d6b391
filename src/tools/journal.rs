//! Writes events to stderr, a line each: when, which connection, who, what, and where in the source.
//!
//! Nobody waits for the terminal. A line goes into a queue, and one thread writes what is in it.
//! While nobody reads (Ctrl+S, a full pipe) the queue fills up; then lines are dropped and counted,
//! and the chat goes on. A real logger would write to a file, and change the file daily.

use crate::log::{self, Event};
use crate::wire::date::iso8601;
use crate::wire::shown;
use crate::wire::visible::is_invisible;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use std::{mem, thread};

/// What waits to be written; a line that finds no room is dropped.
pub const QUEUE_BYTES_MAX: usize = 1024 * 1024;
/// A rest after each write: what comes meanwhile is one write, and not a hundred. A server that
/// answers 100,000 requests a second spends a fifth of its time on the log with it, half without.
const REST: Duration = Duration::from_millis(1);

struct Journal {
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

/// Begins to write. `Err`: there is no thread for it.
pub fn begin() -> io::Result<()> {
    let allowed = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    // An old console of Windows would show the codes themselves.
    let coloured = cfg!(unix) && allowed && io::stderr().is_terminal();
    let (queue, arrived) = Default::default();
    let journal = Arc::new(Journal { coloured, queue, arrived });
    let writer = journal.clone();
    thread::Builder::new().name("journal".into()).spawn(move || writer.write())?;
    log::listen(Box::new(move |event| journal.push(&journal.line(event))));
    Ok(())
}

impl Journal {
    fn line(&self, event: &Event) -> String {
        let Event { connection, user, what, location, mark } = event;
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        let time = &iso8601(now.as_millis() as u64)[11..23];
        // A name or a path may hold anything, and a terminal obeys what it cannot show.
        let text = format!("#{connection:<4} {user:<8} {what}").replace(is_invisible, "\u{fffd}");
        let place = shown(location);
        let (dim, end) = if self.coloured { ("\x1b[2m", "\x1b[0m") } else { ("", "") };
        format!("{dim}{time}{end} {text}  {dim}{place} {mark}{end}\n")
    }

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
