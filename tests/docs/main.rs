//! What the texts promise and how the house is built, held against the source: one test binary.

#[path = "../common/mod.rs"]
mod common;

mod architecture;
mod exercises;
mod experiments;
mod figures;
mod languages;
mod notes;

use common::cyrillic;
use std::path::{Path, PathBuf};

/// A path of the project.
fn path(file: impl AsRef<Path>) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

fn read(file: impl AsRef<Path>) -> String {
    let path = path(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
