//! Server-Sent Events: one answer that does not end, for the pages of the tools.
//!
//! `EventSource` in the browser does the rest: a connection that was lost is opened again by itself,
//! and `Last-Event-ID` says how far it had come. An event here is a batch of rows:
//! ```text
//! id: 1764261534123-17      which feed, and the number of the last row in this batch
//! data: [{…},{…}]           the rows, in JSON
//! ```
//! Leaves out: names of events, chunks (the end of the connection is the end of the answer).

use crate::handler::{Reply, check_method, write_whole};
use crate::wire::budget::{Share, TAKEN_BYTES_MAX};
use crate::wire::buffer::timed_out;
use crate::wire::date::imf_fixdate;
use crate::wire::http::{READ_ONLY, Request, Response};
use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice};
use std::net::TcpStream;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// What a reader may be behind; what is older is forgotten.
pub const ROWS_MAX: usize = 10_000;
pub const ROWS_BYTES_MAX: usize = 16 * 1024 * 1024;
pub const BATCH_ROWS_MAX: usize = 200;
/// After each batch, so that a page draws ten times a second at the most.
pub const PAUSE: Duration = Duration::from_millis(100);
/// A browser whose connection was lost tries again after this.
const RETRY_MS: u32 = 1000;
const CONTENT_TYPE: &str = "text/event-stream";

/// How long a feed waits; tests wait less.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// A reader that has gone is noticed within this.
    pub glance: Duration,
    /// Proxies close what is silent for long, so a comment is sent after so much silence.
    pub heartbeat: Duration,
    /// A reader that takes nothing for so long is left.
    pub stall: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        let [glance, heartbeat, stall] = [1, 15, 10].map(Duration::from_secs);
        Patience { glance, heartbeat, stall }
    }
}

/// Rows for everybody who reads along. A slow reader costs its thread and one batch: it reads from
/// the same rows as all others, and misses those that have been forgotten meanwhile.
pub struct Feed {
    /// When it began, in milliseconds since 1970: a page that meets another epoch starts over.
    epoch: u64,
    patience: Patience,
    rows: Mutex<Rows>,
    /// Rung after each row.
    told: Condvar,
}

/// Rows are numbered 1, 2, 3, … without gaps; `kept` are the last of them.
#[derive(Default)]
struct Rows {
    newest: u64,
    kept: VecDeque<String>,
    kept_bytes: usize,
}

impl Feed {
    pub fn new(patience: Patience) -> Feed {
        let epoch = now().as_millis() as u64;
        Feed { epoch, patience, rows: Mutex::default(), told: Condvar::new() }
    }

    /// Tells everybody a row, in JSON and in one line. It has the number that is given back.
    pub fn tell(&self, row: String) -> u64 {
        let mut rows = self.rows();
        rows.newest += 1;
        rows.kept_bytes += row.len();
        rows.kept.push_back(row);
        while rows.kept.len() > ROWS_MAX || rows.kept_bytes > ROWS_BYTES_MAX {
            let Some(oldest) = rows.kept.pop_front() else { break };
            rows.kept_bytes -= oldest.len();
        }
        self.told.notify_all();
        rows.newest
    }

    /// Answers with the rows after those that the reader has, and goes on for as long as it reads.
    pub fn answer(&self, request: &Request, socket: &TcpStream) -> Result<Reply, Response> {
        check_method(READ_ONLY, request)?;
        if request.method == "HEAD" {
            return Ok(Reply::Http(Response::new(200).body(CONTENT_TYPE, "")));
        }
        // The one way in which it ends is that there is nobody who reads.
        let _ = self.write(socket, self.last_row(request));
        Ok(Reply::Gone)
    }

    /// How far the reader has come: 0 in a feed of its own, from before a restart.
    fn last_row(&self, request: &Request) -> u64 {
        let last = request.field("Last-Event-ID").and_then(|id| id.split_once('-'));
        let last = last.filter(|(epoch, _)| *epoch == self.epoch.to_string());
        last.and_then(|(_, row)| row.parse().ok()).unwrap_or(0)
    }

    fn write(&self, socket: &TcpStream, mut last: u64) -> io::Result<()> {
        socket.set_write_timeout(Some(self.patience.stall))?;
        let say = |text: &str| write_whole(socket, &mut [IoSlice::new(text.as_bytes())]);
        say(&head())?;
        let mut spoke = Instant::now();
        loop {
            let (newest, batch) = self.after(last);
            if !batch.is_empty() {
                let event = format!("id: {}-{newest}\ndata: [{batch}]\n\n", self.epoch);
                drop(batch);
                let mut share = Share::default();
                if !share.resize(event.len(), TAKEN_BYTES_MAX) {
                    // Its browser asks again, for what comes after the last batch.
                    return Err(ErrorKind::OutOfMemory.into());
                }
                say(&event)?;
                (last, spoke) = (newest, Instant::now());
                thread::sleep(PAUSE);
            } else if spoke.elapsed() >= self.patience.heartbeat {
                say(":\n\n")?;
                spoke = Instant::now();
            } else if gone(socket)? {
                return Err(ErrorKind::NotConnected.into());
            }
        }
    }

    /// The next rows, with commas between them, and the number of the last one. Waits for them as
    /// long as a glance.
    fn after(&self, last: u64) -> (u64, String) {
        let rows = self.rows();
        let none_yet = |rows: &mut Rows| rows.newest <= last;
        let waited = self.told.wait_timeout_while(rows, self.patience.glance, none_yet);
        let (rows, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let forgotten = rows.newest - rows.kept.len() as u64;
        let skipped = last.saturating_sub(forgotten) as usize;
        let batch: Vec<&str> =
            rows.kept.iter().skip(skipped).take(BATCH_ROWS_MAX).map(String::as_str).collect();
        (forgotten + (skipped + batch.len()) as u64, batch.join(","))
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// By hand, because [`Response`] says how long the body is, and this one has no end.
fn head() -> String {
    format!(
        "HTTP/1.1 200 OK\r\nDate: {}\r\nContent-Type: {CONTENT_TYPE}\r\nCache-Control: no-store\r\n\
         X-Content-Type-Options: nosniff\r\nCross-Origin-Resource-Policy: same-origin\r\n\
         X-Accel-Buffering: no\r\nConnection: close\r\n\r\nretry: {RETRY_MS}\n\n",
        imf_fixdate(now().as_secs())
    )
}

fn now() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// Whether the reader has ended the connection: `peek` reads without taking.
fn gone(socket: &TcpStream) -> io::Result<bool> {
    socket.set_read_timeout(Some(Duration::from_millis(1)))?;
    match socket.peek(&mut [0]) {
        Ok(count) => Ok(count == 0),
        Err(error) if timed_out(&error) => Ok(false),
        Err(error) => Err(error),
    }
}
