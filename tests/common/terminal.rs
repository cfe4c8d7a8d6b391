//! A terminal, for a program that asks whether it writes to one. (Linux.)

use rustix::pty::{OpenptFlags, openpt, ptsname, unlockpt};
use std::io::{BufRead, BufReader};

/// Both ends of a new terminal: what is shown on it, and the file a program writes to.
pub fn terminal() -> (impl BufRead, std::fs::File) {
    let shown = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    unlockpt(&shown).unwrap();
    let name = ptsname(&shown, Vec::new()).unwrap().into_string().unwrap();
    let written = std::fs::File::options().read(true).write(true).open(name).unwrap();
    (BufReader::new(std::fs::File::from(shown)), written)
}
