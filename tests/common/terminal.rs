//! A terminal, for a program that asks whether it writes to one. (Linux.)

use rustix::pty::{OpenptFlags, openpt, ptsname, unlockpt};
use std::fs::File;
use std::io::BufReader;

/// Both ends of a new terminal: what is shown on it (and its keyboard), and
/// the file a program writes to.
pub fn terminal() -> (BufReader<File>, File) {
    let shown = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    unlockpt(&shown).unwrap();
    let name = ptsname(&shown, Vec::new()).unwrap().into_string().unwrap();
    let written = File::options().read(true).write(true).open(name).unwrap();
    (BufReader::new(File::from(shown)), written)
}
