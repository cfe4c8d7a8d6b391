//! The tools that watch from outside.

#[path = "../common/mod.rs"]
mod common;
#[cfg(target_os = "linux")]
#[path = "../common/terminal.rs"]
mod terminal;

mod check;
mod client;
mod crowd;
mod dissect;
mod explain;
mod faulty;
mod feed;
mod homework;
mod html;
mod measure;
mod race;
mod raw;
mod tap;
mod tap_page;
