//! §1.16 Newcomers for whom there is no place: no thread, no descriptor, or the limit is reached.
//!
//! On a first reading believe that [`Door::accept`] gives one newcomer after another.

use super::now_s;
use crate::event;
use crate::wire::http::{Asked, Refusal, Response};
use std::fmt;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// After a failed accept (no descriptors left, mostly) the server waits for some to be free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);
/// A trouble that has not come again for so long is over.
const CALM: Duration = Duration::from_secs(1);

/// Where newcomers come in.
pub(super) struct Door {
    listener: TcpListener,
    /// An open descriptor, given up when there is no other: to say so, and not just hang.
    spare: Option<TcpListener>,
    trouble: Trouble,
}

impl Door {
    pub(super) fn new(listener: TcpListener) -> Door {
        Door { spare: listener.try_clone().ok(), listener, trouble: Trouble::default() }
    }

    /// The next newcomer that there is a descriptor for.
    pub(super) fn accept(&mut self) -> Option<TcpStream> {
        match self.listener.accept() {
            Ok((socket, _)) => {
                self.trouble.over("descriptors");
                return Some(socket);
            }
            Err(error) => self.trouble.again(format_args!(
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
}

/// What may go wrong a thousand times a second: the log has a line when it begins, and one when it
/// is over, with the count.
#[derive(Default)]
pub(super) struct Trouble {
    count: u64,
    last: Option<Instant>,
}

impl Trouble {
    pub(super) fn again(&mut self, what: fmt::Arguments) {
        if self.count == 0 {
            event!("§1.16", "-", "{what}");
        }
        self.count += 1;
        self.last = Some(Instant::now());
    }

    /// Once more there was enough of `what`.
    pub(super) fn over(&mut self, what: &str) {
        if self.last.is_some_and(|last| last.elapsed() > CALM) {
            event!("§1.16", "-", "there are {what} again, after {} failures", self.count);
            *self = Trouble::default();
        }
    }
}

pub(super) fn no_place() -> Response {
    let refusal = Refusal::new(503, "all places are taken", "again in a while");
    refusal.text().with("Retry-After", "5")
}

/// Says so without a thread and without waiting. (What comes after this may make TCP take the
/// answer back, see [`Connection::hang_up`]; there is nobody to wait for it.)
pub(super) fn turn_away(mut socket: &TcpStream) {
    let asked = Asked { by_head: false, goes_on: false, minor: 1 };
    let told = socket.set_nonblocking(true).and_then(|()| {
        let _ = socket.read(&mut [0; 4096]);
        socket.write(&no_place().encode(asked, now_s()))
    });
    let _ = told.and_then(|_| socket.shutdown(Shutdown::Write));
}
