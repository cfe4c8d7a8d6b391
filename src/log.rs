//! Events: what happened, to whom, and which line of the source says so.
//!
//! Here they are only told. What becomes of them is up to whoever [`listen`]s: main lets the tool
//! `journal` write each as a line to stderr, and with `--quiet` nobody listens.

use std::cell::{Cell, RefCell};
use std::fmt::Arguments;
use std::io;
use std::panic::Location;
use std::sync::OnceLock;

/// Something that happened.
pub struct Event<'a> {
    /// The connection it happened on, by number.
    pub connection: u64,
    /// Whom it happened to, or `-`.
    pub user: &'a str,
    pub what: Arguments<'a>,
    /// The place in the source that says so, and the mark to read about it.
    pub location: &'static Location<'static>,
    pub mark: &'static str,
}

type Listener = Box<dyn Fn(&Event) + Send + Sync>;

static LISTENER: OnceLock<Listener> = OnceLock::new();

thread_local! {
    static CONNECTION: Cell<u64> = const { Cell::new(0) };
    static USER: RefCell<String> = const { RefCell::new(String::new()) };
}

/// From here on `listener` is told every event. A second listener is ignored.
pub fn listen(listener: Listener) {
    let _ = LISTENER.set(listener);
}

/// From here on this thread speaks of connection `number`.
pub fn connection(number: u64) {
    CONNECTION.set(number);
}

/// From here on this thread speaks of the user `name`, if anybody listens.
pub fn user(name: impl FnOnce() -> String) {
    if LISTENER.get().is_some() {
        USER.set(name());
    }
}

/// Tells of an event; [`event!`](crate::event) calls it.
#[track_caller]
pub fn tell(user: &str, what: Arguments, mark: &'static str) {
    let location = Location::caller();
    let Some(listener) = LISTENER.get() else { return };
    USER.with_borrow(|known| {
        let user = if user == "-" && !known.is_empty() { known } else { user };
        listener(&Event { connection: CONNECTION.get(), user, what, location, mark });
    });
}

/// Why a connection ended. Clients go without a word all the time: a tab is closed, a page is left.
pub fn why(error: io::Error) -> String {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected};
    match error.kind() {
        BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected => "has gone".to_string(),
        _ => error.to_string(),
    }
}

/// `event!("§3.5", user, "waits for what comes after {id}")`; `"-"` is whom this thread speaks of.
#[macro_export]
macro_rules! event {
    ($mark:literal, $user:expr, $($what:tt)+) => {
        $crate::log::tell($user, format_args!($($what)+), $mark)
    };
}
