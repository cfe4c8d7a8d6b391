//! What is done to the bytes on their way: asked for by flags at the start, and switched in the page
//! while connections live.

use crate::tools::arguments::duration;
use crate::tools::json::object;
use crate::wire::json::quoted;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What may be asked for; `off` takes it back. Flags have `--` before it.
pub const NAMES: [&str; 8] =
    ["rtt", "rate", "cut-after", "idle-cut", "buffer", "swallow", "freeze", "strip-upgrade"];

#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Trouble {
    pub rtt: Option<Duration>,
    pub bytes_per_s: Option<u64>,
    pub cut_after_bytes: Option<u64>,
    pub idle: Option<Duration>,
    /// So much of an answer is gathered before it goes on, or all of it.
    pub buffer_bytes: Option<u64>,
    pub swallow: bool,
    pub freeze: bool,
    pub strip_upgrade: bool,
}

/// `end`: there is no limit.
const ALL: u64 = u64::MAX;

impl Trouble {
    /// Sets `rtt` to `50ms`, say. `Err` says what would be right.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let off = value == "off";
        match name {
            "rtt" => self.rtt = chosen(off, || duration(value))?,
            "idle-cut" => self.idle = chosen(off, || duration(value))?,
            "rate" => self.bytes_per_s = chosen(off, || count(value, "10kB/s"))?,
            "cut-after" => self.cut_after_bytes = chosen(off, || count(value, "64kB"))?,
            "buffer" if value == "end" => self.buffer_bytes = Some(ALL),
            "buffer" => self.buffer_bytes = chosen(off, || count(value, "16kB"))?,
            _ => {
                let switch = match name {
                    "swallow" => &mut self.swallow,
                    "freeze" => &mut self.freeze,
                    "strip-upgrade" => &mut self.strip_upgrade,
                    _ => return Err(format!("{name:?}: known are {}", NAMES.join(", "))),
                };
                *switch = match value {
                    "on" | "off" => !off,
                    _ => return Err(format!("{value:?}: it is on or off")),
                };
            }
        }
        Ok(())
    }

    /// What `name` is set to, as it would be asked for.
    pub fn get(&self, name: &str) -> String {
        let time = |time: Option<Duration>| time.map(|time| shown(time.as_millis() as u64, "ms"));
        let bytes = |count: Option<u64>, unit| count.map(|count| shown(count, unit));
        let switch = |on: bool| on.then(|| "on".to_string());
        let value = match name {
            "rtt" => time(self.rtt),
            "idle-cut" => time(self.idle),
            "rate" => bytes(self.bytes_per_s, "B/s"),
            "cut-after" => bytes(self.cut_after_bytes, "B"),
            "buffer" if self.buffer_bytes == Some(ALL) => Some("end".into()),
            "buffer" => bytes(self.buffer_bytes, "B"),
            "swallow" => switch(self.swallow),
            "freeze" => switch(self.freeze),
            _ => switch(self.strip_upgrade),
        };
        value.unwrap_or("off".into())
    }

    /// `{"rtt":"50ms","rate":"off",…}`
    pub fn json(&self) -> String {
        object(&NAMES.map(|name| (name, quoted(&self.get(name)))))
    }
}

fn chosen<T>(off: bool, value: impl FnOnce() -> Result<T, String>) -> Result<Option<T>, String> {
    if off { Ok(None) } else { value().map(Some) }
}

/// `60000`, `ms` becomes `60s`; `16000`, `B` becomes `16kB`.
fn shown(number: u64, unit: &str) -> String {
    match unit {
        "ms" if number.is_multiple_of(1000) => format!("{}s", number / 1000),
        "ms" => format!("{number}ms"),
        unit if number.is_multiple_of(1_000_000) => format!("{}M{unit}", number / 1_000_000),
        unit if number.is_multiple_of(1000) => format!("{}k{unit}", number / 1000),
        unit => format!("{number}{unit}"),
    }
}

/// `500B`, `64kB`, `1MB`; `/s` may follow.
fn count(value: &str, example: &str) -> Result<u64, String> {
    let digits = value.find(|c: char| !c.is_ascii_digit()).unwrap_or(value.len());
    let factor = match value[digits..].trim_end_matches("/s") {
        "" | "B" => Some(1),
        "kB" => Some(1000),
        "MB" => Some(1_000_000),
        _ => None,
    };
    let number = value[..digits].parse::<u32>().ok().filter(|number| *number > 0);
    let bytes = factor.zip(number).map(|(factor, number)| factor * u64::from(number));
    bytes.ok_or_else(|| format!("{value:?} is no number of bytes like {example}"))
}

/// The trouble that is in force now.
#[derive(Default)]
pub struct Switchboard {
    trouble: Mutex<Trouble>,
    /// Rung after every change.
    changed: Condvar,
}

impl Switchboard {
    pub fn new(trouble: Trouble) -> Switchboard {
        Switchboard { trouble: Mutex::new(trouble), changed: Condvar::new() }
    }

    pub fn now(&self) -> Trouble {
        *self.lock()
    }

    /// Sets one of them; gives back what is in force then.
    pub fn set(&self, name: &str, value: &str) -> Result<Trouble, String> {
        let mut trouble = self.lock();
        trouble.set(name, value)?;
        self.changed.notify_all();
        Ok(*trouble)
    }

    /// What is in force, once nothing is frozen.
    pub fn thawed(&self) -> Trouble {
        self.wait_while(|trouble| trouble.freeze)
    }

    /// How long silence is borne, once there is a limit to it.
    pub fn idle(&self) -> Duration {
        self.wait_while(|trouble| trouble.idle.is_none()).idle.unwrap_or_default()
    }

    fn wait_while(&self, holds: impl Fn(&Trouble) -> bool) -> Trouble {
        let waited = self.changed.wait_while(self.lock(), |trouble| holds(trouble));
        *waited.unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Trouble> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
