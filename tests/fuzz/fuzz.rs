//! Coverage-guided fuzzing with libFuzzer. In this folder, for as long as you like:
//!
//! ```text
//! mkdir -p ../../target/found
//! FUZZ=frame cargo run --release -- ../../target/found corpus/frame -max_total_time=600
//! FUZZ=frame cargo run --release -- corpus/frame ../../target/found -set_cover_merge=1 -use_counters=0
//! ```
//!
//! The first writes into `target/found` what reaches something new, and stops at a finding; the second
//! keeps of it, in the corpus, what reaches a line that nothing else there does.
#![no_main]

mod checks;

use std::sync::LazyLock;

static CHECK: LazyLock<checks::Check> = LazyLock::new(|| {
    let name = std::env::var("FUZZ").unwrap_or_default();
    let targets = checks::TARGETS;
    let found = targets.iter().find(|(target, _)| *target == name);
    let names = targets.map(|(target, _)| target);
    found.unwrap_or_else(|| panic!("FUZZ={name:?}, expected one of {names:?}")).1
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| CHECK(data));
