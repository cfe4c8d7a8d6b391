//! Characters that show nothing themselves, and hide, join or turn around those beside them.

/// Whether `c` is a control character, a separator of lines, or one of Unicode's
/// `Default_Ignorable_Code_Point`: marks of direction, joiners, fillers, spaces of no width.
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
                | '\u{3164}' // Hangul filler
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}' // byte order mark
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}' // tags
        )
}
