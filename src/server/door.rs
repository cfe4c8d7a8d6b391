//! §1.16 Newcomers for whom there is no place: no thread, no descriptor, or the limit is reached.
//!
//! On a first reading believe that [`Door::accept`] gives one newcomer after another.

use super::now_s;
use crate::event;
use crate::wire::http::{Asked, Refusal};
use std::fmt;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// After a failed accept (no descriptors left, mostly) the server waits for some to be free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);
/// What has not happened again for so long is over.
const CALM: Duration = Duration::from_secs(1);
pub(super) const NO_PLACE: &str = "all places are taken";

/// Where newcomers come in.
pub(super) struct Door {
    listener: TcpListener,
    /// An open descriptor, given up when there is no other: to say so, and not just hang.
    spare: Option<TcpListener>,
    /// How often there was no thread or no descriptor, since that began, and when the last time.
    failures: u64,
    failed_at: Instant,
}

impl Door {
    pub(super) fn new(listener: TcpListener) -> Door {
        let spare = listener.try_clone().ok();
        Door { listener, spare, failures: 0, failed_at: Instant::now() }
    }

    /// The next newcomer that there is a descriptor for.
    pub(super) fn accept(&mut self) -> Option<TcpStream> {
        match self.listener.accept() {
            Ok((socket, _)) => return Some(socket),
            Err(error) => self.failed(format_args!(
                "cannot accept: {error}; `ulimit -n` tells how many descriptors there may be"
            )),
        }
        self.spare = None;
        let accepted = self.listener.accept();
        // It may have waited for a newcomer, and others may have gone meanwhile.
        self.spare = self.listener.try_clone().ok();
        match accepted {
            Ok((socket, _)) if self.spare.is_some() => return Some(socket),
            Ok((socket, _)) => turn_away(&socket),
            Err(_) => std::thread::sleep(ACCEPT_PAUSE),
        }
        self.spare = self.spare.take().or_else(|| self.listener.try_clone().ok());
        None
    }

    /// It may happen a thousand times a second: the log has a line when it begins, and one when it
    /// is over.
    pub(super) fn failed(&mut self, what: fmt::Arguments) {
        if self.failures == 0 {
            event!("§1.16", "-", "{what}");
        }
        self.failures += 1;
        self.failed_at = Instant::now();
    }

    /// A newcomer has come in.
    pub(super) fn succeeded(&mut self) {
        if self.failures > 0 && self.failed_at.elapsed() > CALM {
            let n = std::mem::take(&mut self.failures);
            event!("§1.16", "-", "there are threads again, or descriptors, after {n} failures");
        }
    }
}

pub(super) fn unavailable(problem: &str) -> Refusal {
    Refusal::new(503, problem, "again in a while")
}

/// Says so without a thread and without waiting. (What comes after this may make TCP take the
/// answer back, see [`Connection::hang_up`]; there is nobody to wait for it.)
pub(super) fn turn_away(mut socket: &TcpStream) {
    let told = socket.set_nonblocking(true).and_then(|()| {
        let _ = socket.read(&mut [0; 4096]);
        socket.write(&unavailable(NO_PLACE).text().encode(Asked::default(), now_s()))
    });
    let _ = told.and_then(|_| socket.shutdown(Shutdown::Write));
}
