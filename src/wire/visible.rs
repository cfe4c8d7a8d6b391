//! What of a text can be seen. A name without a visible character is no name, two names that differ
//! in such characters only look the same, and a tower of accents covers what others have said.
//!
//! Which characters these are std knows: `Debug` writes those that cannot be seen as `\u{…}`, and
//! accents too, unless there is a character before them to stand on.

use std::ops::RangeInclusive;

/// Accents and the like that may stand on one letter; no living script stacks more.
pub const MARKS_MAX: usize = 4;

/// Emoji, those of the next versions of Unicode too, which std does not know yet.
const EMOJI: RangeInclusive<char> = '\u{1f000}'..='\u{1faff}';

/// Without what cannot be seen and without towers of marks; one space between words. (So a family
/// of emoji comes apart: with the joiner between them two names could differ and look the same.)
pub fn what_shows(text: &str) -> String {
    let seen: String = text.chars().filter(|c| !is_invisible(*c) || c.is_whitespace()).collect();
    let words: Vec<&str> = seen.split_whitespace().collect();
    without_towers(&words.join(" "))
}

/// At most [`MARKS_MAX`] marks on each letter, none without a letter, no white space at the ends.
pub fn without_towers(text: &str) -> String {
    let text = text.trim_start_matches(|c: char| c.is_whitespace() || is_mark(c));
    let mut out = String::new();
    let mut marks = MARKS_MAX; // there is no letter yet that could carry one
    for c in text.chars() {
        if is_mark(c) {
            if marks == MARKS_MAX {
                continue;
            }
            marks += 1;
        } else if marks > 0 && !is_invisible(c) {
            marks = 0; // not after what cannot be seen: a mark finds its letter through it
        }
        out.push(c);
    }
    out.truncate(out.trim_end().len());
    out
}

/// Whether `c` shows nothing of its own: a control character, a joiner, a mark of direction, a
/// separator of lines, any space but the usual one, what Unicode has not assigned.
pub fn is_invisible(c: char) -> bool {
    // Fillers and selectors, and three symbols that look like nothing or stand for anything.
    let filler = matches!(c,
        '\u{34f}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}' | '\u{fffc}'
        | '\u{1d159}' | '\u{e0100}'..='\u{e01ef}');
    let escaped = || String::from_iter(['a', c]).escape_debug().count() > r"a\n".len();
    c.is_control() || filler || !c.is_ascii() && !EMOJI.contains(&c) && escaped()
}

/// Whether `c` stands on, under or in the character before it. (So does U+17C6, although Unicode
/// counts it among those that take a place of their own.)
fn is_mark(c: char) -> bool {
    let escaped = || c.escape_debug().count() > r"\n".len();
    c == '\u{17c6}' || !c.is_ascii() && !EMOJI.contains(&c) && escaped() && !is_invisible(c)
}
