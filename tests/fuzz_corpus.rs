//! What coverage-guided fuzzing left behind, tried again: bytes nobody would have thought of.

#[allow(dead_code)]
#[path = "fuzz/checks.rs"]
mod checks;

use std::path::Path;

#[test]
fn what_holds_for_any_bytes_holds_for_the_corpus() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus");
    for (target, check) in checks::TARGETS {
        let files =
            std::fs::read_dir(corpus.join(target)).unwrap_or_else(|e| panic!("{target}: {e}"));
        let mut count = 0;
        for file in files {
            let path = file.unwrap().path();
            println!("{}", path.display()); // shown when it is the last
            check(&std::fs::read(&path).unwrap());
            count += 1;
        }
        assert!(count > 0, "{target} has no corpus");
    }
}
