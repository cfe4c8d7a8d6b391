//! Bytes as people write them down: digits, dumps, arrays and strings of programming languages, and
//! what curl tells of a request.

use crate::wire::form;

/// Lines of a dump that stand in it as one `*`.
const REPEATS_MAX: usize = 1024 * 1024;

/// How bytes were written down.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Form {
    Hex,
    Decimal,
    Binary,
    Escaped,
    /// The lines `>` or `<` of `curl -v`.
    Curl,
    Raw,
}

/// What a dump or a listing has besides bytes, and what to give instead.
const WORDS_NOT_BYTES: &str = "this dump has no bytes in hexadecimal; these have: xxd, xxd -p, \
    hexdump -C, od -A x -t x1, curl --trace -";
const BASE64: &str = "this looks like Base64; decode it first: base64 -d | rawchat explain -";
const KNOWN: &str = r"known are \r \n \t \0 \\ \' \x81 and octal \201";

/// `Ok(None)`: it is no way of writing bytes down. `Err`: it is one that is not understood, and what
/// would be. `escapes`: from which on a text counts as escaped.
pub fn read(text: &str, escapes: &[&str]) -> Result<Option<(Vec<u8>, Form)>, String> {
    let text = section_of_trace(text.trim_matches(['\r', '\n']));
    if let Some(bytes) = of_curl(&text) {
        return Ok(Some((bytes, Form::Curl)));
    }
    if let Some(string) = literals(&text) {
        // `"81 85"` is a string around digits.
        let digits = of_digits(&string, Form::Hex).map(|bytes| (bytes, Form::Hex));
        return match digits.filter(|_| !string.contains("\\x")) {
            Some(found) => Ok(Some(found)),
            None => unescape(&string).map(|bytes| Some((bytes, Form::Escaped))),
        };
    }
    let dumped = of_dump(&text)?;
    let listed = dumped.clone().unwrap_or_else(|| inside_brackets(&text).to_string());
    let a_list = dumped.is_none() && listed.contains(',') && !listed.contains("0x");
    let in_brackets = listed.len() < text.len();
    let mut forms = [Form::Binary, Form::Hex, Form::Decimal];
    if a_list && in_brackets {
        forms.swap(1, 2); // without 0x a list of a programming language is decimal
    }
    for form in forms {
        let allowed = form != Form::Decimal || a_list;
        if let Some(bytes) = allowed.then(|| of_digits(&listed, form)).flatten() {
            return Ok(Some((bytes, form)));
        }
    }
    if escapes.iter().any(|escape| text.contains(escape)) {
        return unescape(&text).map(|bytes| Some((bytes, Form::Escaped)));
    }
    if is_base64(&text) { Err(BASE64.into()) } else { Ok(None) }
}

/// `8185`, `81 85`, `0x81, 0x85`, `81:85`, `81-85`, `%81%85`; or `129, 133, -1`; or `10000001`.
fn of_digits(text: &str, form: Form) -> Option<Vec<u8>> {
    let separators = |c: char| c.is_whitespace() || ",:;|%".contains(c);
    let hex = form == Form::Hex;
    let words = text.split(|c| separators(c) || (hex && c == '-'));
    let mut bytes = Vec::new();
    for word in words.filter(|word| !word.is_empty()) {
        match form {
            Form::Binary if word.len() == 8 => bytes.push(u8::from_str_radix(word, 2).ok()?),
            Form::Binary => return None,
            Form::Decimal => {
                let number = word.parse::<i16>().ok().filter(|n| (-128..=255).contains(n));
                bytes.push(number? as u8); // Java's bytes have a sign
            }
            _ => {
                let word = word.strip_prefix("0x").or(word.strip_prefix("\\x")).unwrap_or(word);
                let word = word.strip_suffix("u8").unwrap_or(word).replace("\\x", "");
                bytes.extend(of_hex(&word)?);
            }
        }
    }
    (!bytes.is_empty()).then_some(bytes)
}

/// `8185`
pub fn of_hex(digits: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = digits.bytes().map(form::hex).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

/// Of `char peer0_0[] = { /* Packet 4 */ 0x81, 0x85 };`, `new Uint8Array([129, 133])` or
/// `<Buffer 81 85>` what is inside; all of it, where there are no brackets.
fn inside_brackets(text: &str) -> &str {
    for (open, close) in [("<Buffer ", '>'), ("*/", '}'), ("{", '}'), ("[", ']')] {
        let inside = text.split_once(open).and_then(|(_, after)| after.rsplit_once(close));
        // A body in JSON has braces, too.
        let listed = |inside: &&str| !inside.contains('"') && !text.contains("HTTP/");
        if let Some(inside) = inside.map(|(inside, _)| inside).filter(listed) {
            return inside;
        }
    }
    text
}

// ---- Dumps

/// The bytes of a dump, without the place before them and the characters behind them. `None`: it
/// is no dump.
fn of_dump(text: &str) -> Result<Option<String>, String> {
    let mut bytes = String::new();
    let (mut last, mut repeats) = (String::new(), false);
    let (mut place_before, mut lines) = (0, 0);
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if line == "*" {
            repeats = true;
            continue;
        }
        let Some((digits, place, own)) = dump_line(line, lines == 0) else {
            return if lines > 0 { Err(WORDS_NOT_BYTES.into()) } else { Ok(None) };
        };
        if std::mem::take(&mut repeats) {
            // `od` counts in octal, with seven digits, where nothing else is asked for.
            let radix = if digits == 7 { 8 } else { 16 };
            let [from, to] = [place_before, place].map(|place| place_in(place, radix));
            let size = last.split_whitespace().map(|word| word.len() / 2).sum::<usize>();
            let times = to.saturating_sub(from) / size.max(1);
            if times > REPEATS_MAX {
                return Err("this dump leaves out too much: xxd and hexdump -v show it all".into());
            }
            (1..times).for_each(|_| bytes += &last);
        }
        if !own.is_empty() {
            last = format!("{own}\n");
            bytes += &last;
        }
        place_before = place;
        lines += 1;
    }
    let bytes_only = bytes.split_whitespace().all(|word| word.len() % 2 == 0);
    match lines > 0 && !bytes.is_empty() {
        true if !bytes_only => Err(WORDS_NOT_BYTES.into()),
        true => Ok(Some(bytes)),
        false => Ok(None),
    }
}

/// Hexadecimal digits, read again in another radix.
fn place_in(place: usize, radix: u32) -> usize {
    usize::from_str_radix(&format!("{place:x}"), radix).unwrap_or(0)
}

/// How many digits the place has, the place, and the bytes. A place without a colon is one only if
/// more than a space follows, or if it is that of a first line.
fn dump_line(line: &str, first: bool) -> Option<(usize, usize, &str)> {
    let digits = line.strip_prefix("0x").unwrap_or(line);
    let end = digits.find([':', ' ']).unwrap_or(digits.len());
    let (place, rest) = digits.split_at(end);
    let number = usize::from_str_radix(place, 16).ok().filter(|_| (4..=16).contains(&end))?;
    let colon = rest.starts_with(':');
    let wide = rest.starts_with("  ");
    let alone = rest.is_empty() && !first;
    if !colon && !wide && !alone && (end < 6 || (first && number > 0)) {
        return None;
    }
    let rest = rest.trim_start_matches(':').trim_start();
    let cut = match colon {
        true => rest.find("  "),
        false => rest.find(['|', '>']).or_else(|| rest.find("   ")),
    };
    let own = &rest[..cut.unwrap_or(rest.len())];
    // `curl --trace` puts one space between the last of sixteen bytes and their characters.
    let own = if colon && cut.is_none() { own.get(..16 * 3).unwrap_or(own) } else { own };
    let bytes_only = own.split_whitespace().all(|word| matches!(word.len(), 2 | 4 | 8));
    let words = !colon && own.split_whitespace().any(|word| word.len() != 2);
    // Words of another size are told of by whoever reads on.
    let own = if words || !bytes_only { "0" } else { own.trim_end() };
    Some((end, number, own))
}

// ---- What curl tells

/// Of `curl --trace -` the first direction that has bytes; else the text as it is.
fn section_of_trace(text: &str) -> String {
    let heading = |line: &str| ["=> ", "<= ", "== "].iter().any(|arrow| line.starts_with(arrow));
    let sent = text.lines().find(|line| line.starts_with("=> ") || line.starts_with("<= "));
    let Some(direction) = sent.map(|line| &line[..3]) else { return text.into() };
    let mut inside = false;
    let mut kept = String::new();
    for line in text.lines() {
        if heading(line) {
            inside = line.starts_with(direction);
        } else if inside {
            kept += line;
            kept.push('\n');
        }
    }
    kept
}

/// The request of `curl -v`; its answer, where there is none.
fn of_curl(text: &str) -> Option<Vec<u8>> {
    let mark = ["> ", "< "].into_iter().find(|mark| {
        let line = text.lines().find_map(|line| line.strip_prefix(mark));
        line.is_some_and(|line| line.contains(" HTTP/") || line.starts_with("HTTP/"))
    })?;
    let lines = text.lines().filter_map(|line| {
        let bare = (line == mark.trim_end()).then_some("");
        line.strip_prefix(mark).or(bare)
    });
    Some(lines.map(|line| format!("{line}\r\n")).collect::<String>().into_bytes())
}

// ---- Strings

/// The insides of `"…"`, `b'…'`, `$'…'`, `bytearray(b'…')`, and of several such after each other.
fn literals(text: &str) -> Option<String> {
    let mut inside = String::new();
    let mut rest = text.trim();
    rest = rest.strip_prefix("bytearray(").unwrap_or(rest);
    while !rest.is_empty() {
        let from_quote = rest.strip_prefix(['b', '$']).unwrap_or(rest);
        let quote = from_quote.chars().next().filter(|c| ['"', '\''].contains(c))?;
        let string = &from_quote[1..];
        let mut escaped = false;
        let end = string.find(|c| {
            let ends = c == quote && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        })?;
        inside += &string[..end];
        let between = |c: char| c.is_whitespace() || "\\+;)".contains(c);
        rest = string[end + 1..].trim_start_matches(between);
    }
    Some(inside).filter(|inside| !inside.is_empty())
}

/// `\x81`, `\201`, `\r`, `\n`, `\t`, `\0`, `\\` and what stands between them.
pub fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend(before.bytes());
        let octal = after.bytes().take(3).take_while(|byte| (b'0'..b'8').contains(byte)).count();
        let (byte, used) = match after.as_bytes() {
            [b'x', rest @ ..] => {
                let [high, low] = [0, 1].map(|at| rest.get(at).and_then(|b| form::hex(*b)));
                let byte = high.zip(low).map(|(high, low)| high << 4 | low);
                (byte.ok_or("\\x needs two hexadecimal digits: \\x81")?, 3)
            }
            [b'r', ..] => (b'\r', 1),
            [b'n', ..] => (b'\n', 1),
            [b't', ..] => (b'\t', 1),
            [quoted @ (b'\\' | b'\'' | b'"'), ..] => (*quoted, 1),
            _ if octal > 0 => (u8::from_str_radix(&after[..octal], 8).map_err(|_| KNOWN)?, octal),
            _ => return Err(KNOWN.into()),
        };
        bytes.push(byte);
        rest = &after[used..];
    }
    bytes.extend(rest.bytes());
    Ok(bytes)
}

/// Letters of both cases and digits, or an equals sign at the end.
fn is_base64(text: &str) -> bool {
    let text = text.trim();
    let body = text.trim_end_matches('=');
    let only = body.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/-_".contains(&byte));
    let has = |what: fn(&u8) -> bool| body.bytes().any(|byte| what(&byte));
    let mixed =
        has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_digit);
    only && body.len() >= 8 && text.len().is_multiple_of(4) && (mixed || body.len() < text.len())
}
