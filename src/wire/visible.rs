//! What of a text can be seen. A name without a visible character is no name, two names that differ
//! in such characters only look the same, and a tower of accents covers what others have said.

/// Accents and the like that may stand on one letter; no living script stacks more.
pub const MARKS_MAX: usize = 4;

/// Without what cannot be seen and without towers of marks; one space between words.
pub fn visible_name(text: &str) -> String {
    let seen: String = text.chars().filter(|c| !is_invisible(*c) || c.is_whitespace()).collect();
    let words: Vec<&str> = seen.split_whitespace().collect();
    without_towers(&words.join(" "))
}

/// Whether nothing of it can be seen.
pub fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || is_invisible(c))
}

/// At most [`MARKS_MAX`] marks on each letter, and none without a letter.
pub fn without_towers(text: &str) -> String {
    let (mut out, mut marks) = (String::new(), MARKS_MAX);
    for c in text.chars() {
        if is_mark(c) {
            marks += 1;
        } else if !is_invisible(c) {
            // A mark finds its letter through what cannot be seen.
            marks = 0;
        }
        if !is_mark(c) || marks <= MARKS_MAX {
            out.push(c);
        }
    }
    out
}

/// Whether `c` is a control character, a separator of lines, or one of Unicode's
/// `Default_Ignorable_Code_Point` (marks of direction, joiners, fillers, spaces of no width), or one
/// of the two that only look like a space.
pub fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}' // soft hyphen
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}' // no width, joiners, left-to-right, right-to-left
                | '\u{2028}'..='\u{202e}' // separators, and text turned around
                | '\u{2060}'..='\u{206f}'
                | '\u{2800}' // Braille without a dot
                | '\u{3164}' // Hangul filler
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}' // byte order mark
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d159}' // a note without a head
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}' // tags
        )
}

/// Characters that stand on, under or in the one before them: of Latin, Greek and Cyrillic, Hebrew,
/// Arabic, Devanagari, Thai, and those for all scripts.
fn is_mark(c: char) -> bool {
    matches!(c,
        '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{591}'..='\u{5c7}'
        | '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{65f}' | '\u{670}' | '\u{6d6}'..='\u{6dc}'
        | '\u{6df}'..='\u{6e8}' | '\u{6ea}'..='\u{6ed}' | '\u{900}'..='\u{902}'
        | '\u{93c}' | '\u{941}'..='\u{948}' | '\u{951}'..='\u{957}' | '\u{e31}'
        | '\u{e34}'..='\u{e3a}' | '\u{e47}'..='\u{e4e}' | '\u{1ab0}'..='\u{1aff}'
        | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{a66f}'..='\u{a67d}'
        | '\u{fe20}'..='\u{fe2f}')
}
