//! The two ways the Web writes a moment, from a count since 1970-01-01T00:00:00Z.

/// `2026-11-22T10:15:30.123Z` (ISO 8601, as JavaScript's `toISOString`).
pub fn iso8601(millis: u64) -> String {
    let [year, month, day, hour, minute, second] = civil(millis / 1000);
    let milli = millis % 1000;
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

/// `Sun, 22 Nov 2026 10:15:30 GMT` (IMF-fixdate, RFC 9110 §5.6.7).
pub fn imf_fixdate(seconds: u64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let [year, month, day, hour, minute, second] = civil(seconds);
    let (weekday, month) = (DAYS[(seconds / 86_400 % 7) as usize], MONTHS[month as usize - 1]);
    format!("{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
}

/// Year, month, day, hour, minute, second: takes away year after year, then month after month.
fn civil(seconds: u64) -> [u64; 6] {
    let (mut year, mut month, mut days) = (1970, 0, seconds / 86_400);
    let leap = |year| u64::from(year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
    while days >= 365 + leap(year) {
        days -= 365 + leap(year);
        year += 1;
    }
    let lengths = [31, 28 + leap(year), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    while days >= lengths[month] {
        days -= lengths[month];
        month += 1;
    }
    [year, month as u64 + 1, days + 1, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60]
}
