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

/// Year, month, day, hour, minute, second. Years are counted from March, so that the leap day is
/// the last of its year and months have a regular length: 153 days in every five.
fn civil(seconds: u64) -> [u64; 6] {
    let days = seconds / 86_400 + 719_468; // since 0000-03-01
    let (era, day) = (days / 146_097, days % 146_097); // an era is 400 years
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153; // March is 0
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    [era * 400 + year + next, month, day, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60]
}
