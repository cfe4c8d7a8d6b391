//! Explained bytes on a terminal: one block an exchange, 80 columns wide.

use super::kinds::{Kind, Language, printable, sentence};
use super::{Field, is_leaf};
use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};

pub const COLUMNS: usize = 80;
/// Offset, bytes, and then size, section and mark at the right.
const OFFSET_COLUMNS: usize = 6;
const RIGHT_COLUMNS: usize = 29;
const BYTES_A_ROW: usize = 16;
/// So much of a payload is shown, unless everything is asked for.
const PAYLOAD_BYTES_SHOWN: usize = 64;

/// How a block is written.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    pub language: Language,
    pub coloured: bool,
    /// Every part of a line, and every byte of a payload.
    pub everything: bool,
}

impl Style {
    /// As the environment has it: LANG, NO_COLOR, and whether stdout is a terminal.
    pub fn here() -> Style {
        let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let lang = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(set);
        let ukrainian = lang.is_some_and(|lang| lang.starts_with("uk"));
        let language = if ukrainian { Language::Uk } else { Language::En };
        // An old console of Windows would show the codes themselves.
        let allowed = cfg!(unix) && set("NO_COLOR").is_none();
        let coloured = allowed && std::io::stdout().is_terminal();
        Style { language, coloured, everything: false }
    }

    /// A text in the language that is spoken.
    pub fn pick<'a>(&self, uk: &'a str, en: &'a str) -> &'a str {
        self.language.pick(uk, en)
    }

    /// The same, where both texts are one value.
    pub fn of<T>(&self, texts: [T; 2]) -> T {
        self.language.of(texts)
    }

    pub fn paint(&self, code: &str, text: &str) -> String {
        match self.coloured {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.into(),
        }
    }
}

const FAULT: &str = "31";
const BYTES: &str = "36";
pub const DIM: &str = "2";

/// Prints a line. That nobody reads it (`| head -1`) is no error.
pub fn print(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let _ = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
}

/// The exchange that begins with `fields[first]`, row by row.
pub fn block(fields: &[Field], first: usize, bytes: &[u8], style: &Style) -> String {
    let mut out = String::new();
    for index in exchange(fields, first) {
        let field = &fields[index];
        let leaf = is_leaf(fields, index);
        let outermost = field.parent.is_none() && !leaf;
        if outermost || (!style.everything && is_hidden(field.kind)) {
            continue;
        }
        match leaf && field.kind.is_content() {
            true => payload(&mut out, field, bytes, style),
            false => row(&mut out, field, depth(fields, index), bytes, style),
        }
    }
    out
}

/// The indices of a field and of everything within it.
pub fn exchange(fields: &[Field], first: usize) -> std::ops::Range<usize> {
    let others = fields[first + 1..].iter().take_while(|field| field.parent.is_some());
    first..first + 1 + others.count()
}

/// What only separates, and what is said once for the line as a whole.
fn is_hidden(kind: Kind) -> bool {
    use Kind::*;
    matches!(kind, Space | LineEnd | Colon | FieldName | FieldValue | Chunk)
}

fn depth(fields: &[Field], index: usize) -> usize {
    let parents = std::iter::successors(fields[index].parent, |&parent| fields[parent].parent);
    parents.count().saturating_sub(1)
}

/// The bytes with section and mark, and below them the sentence.
fn row(out: &mut String, field: &Field, depth: usize, bytes: &[u8], style: &Style) {
    let range = field.bytes();
    let indent = 2 * depth;
    let space = COLUMNS - OFFSET_COLUMNS - RIGHT_COLUMNS - indent;
    let shown = match field.bits.len() % 8 {
        0 if field.kind.is_number() => hex(&bytes[range.clone()]),
        0 => text(&bytes[range.clone()]),
        _ => bits(field, bytes[range.start]),
    };
    let shown = clipped(&shown, space);
    let size = match field.bits.len() % 8 {
        0 => range.len().to_string(),
        _ => String::new(),
    };
    let padding = " ".repeat(space - shown.chars().count());
    let colour = if field.kind.is_fault() { FAULT } else { BYTES };
    let _ = writeln!(
        out,
        "{:04x}  {:indent$}{}{padding}{}",
        range.start,
        "",
        style.paint(colour, &shown),
        style.paint(DIM, &right(field, &size)),
    );
    let words = sentence(field, bytes, style.language);
    wrap(out, &words, OFFSET_COLUMNS + indent);
}

/// `81  1... ....`: the byte, and the bits that are meant.
fn bits(field: &Field, byte: u8) -> String {
    let (start, end) = (field.bits.start % 8, field.bits.start % 8 + field.bits.len());
    let bit = |at: usize| match (start..end).contains(&at) {
        true if byte >> (7 - at) & 1 == 1 => '1',
        true => '0',
        false => '.',
    };
    let bits: String = (0..8).map(bit).collect();
    format!("{byte:02x}  {} {}", &bits[..4], &bits[4..])
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

/// As text, with `\r\n` for what cannot be seen.
fn text(bytes: &[u8]) -> String {
    // Most of what passes is plain, and a tap has no time to look at each character.
    if bytes.iter().all(|byte| (b' '..=b'~').contains(byte)) {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    let mut out = String::new();
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\r' => out += "\\r",
                '\n' => out += "\\n",
                '\t' => out += "\\t",
                c if printable(c) => out.push(c),
                c => c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| escape(&mut out, byte)),
            }
        }
        chunk.invalid().iter().for_each(|byte| escape(&mut out, *byte));
    }
    out
}

fn escape(out: &mut String, byte: u8) {
    let _ = write!(out, "\\x{byte:02x}");
}

pub fn clipped(text: &str, columns: usize) -> String {
    match text.chars().count() > columns {
        true => text.chars().take(columns - 2).chain("… ".chars()).collect(),
        false => text.into(),
    }
}

/// Words in lines of 80 columns, each indented.
pub fn wrap(out: &mut String, text: &str, indent: usize) {
    let mut used = usize::MAX;
    for word in text.split_whitespace() {
        let count = word.chars().count();
        if used.saturating_add(1 + count) > COLUMNS {
            let end = if used == usize::MAX { "" } else { "\n" };
            let _ = write!(out, "{end}{:indent$}", "");
            used = indent;
        } else {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += count;
    }
    out.push('\n');
}

/// The sentence, and the bytes: as they travel, the key, and what they mean.
pub fn payload(out: &mut String, field: &Field, bytes: &[u8], style: &Style) {
    row_of_words(out, field, bytes, style);
    let (raw, plain) = (&bytes[field.bytes()], field.plain(bytes));
    let shown = if style.everything { raw.len() } else { raw.len().min(PAYLOAD_BYTES_SHOWN) };
    for start in (0..shown).step_by(BYTES_A_ROW) {
        let end = (start + BYTES_A_ROW).min(shown);
        let words = characters(&plain, start, end);
        let row = &raw[start..end];
        let offset = field.bytes().start + start;
        let hexed = style.paint(BYTES, &hex(row));
        let padding = " ".repeat(3 * (BYTES_A_ROW - row.len()) + 2);
        match field.key {
            None => drop(writeln!(
                out,
                "{}",
                format!("{offset:04x}  {hexed}{padding}{words}").trim_end()
            )),
            Some(key) => {
                // A row is a multiple of four, so each begins with the key's first byte.
                let keys: Vec<u8> = key.into_iter().cycle().take(row.len()).collect();
                let _ = writeln!(out, "{offset:04x}  {hexed}");
                let _ = writeln!(out, "   ^  {}", style.paint(DIM, &hex(&keys)));
                let line = format!("   =  {}{padding}{words}", hex(&plain[start..end]));
                let _ = writeln!(out, "{}", line.trim_end());
            }
        }
    }
    if shown < raw.len() {
        let _ = writeln!(out, "      … +{}", raw.len() - shown);
    }
}

/// A sentence on a line of its own, with section and mark.
fn row_of_words(out: &mut String, field: &Field, bytes: &[u8], style: &Style) {
    let words = sentence(field, bytes, style.language);
    let space = COLUMNS - OFFSET_COLUMNS - RIGHT_COLUMNS;
    let right = style.paint(DIM, &right(field, ""));
    let mut lines = String::new();
    wrap(&mut lines, &words, OFFSET_COLUMNS);
    let first = lines.lines().next().unwrap_or_default();
    if lines.lines().count() == 1 && first.chars().count() <= OFFSET_COLUMNS + space {
        let padding = " ".repeat(OFFSET_COLUMNS + space - first.chars().count());
        let _ = writeln!(out, "{first}{padding}{right}");
    } else {
        let _ = writeln!(out, "{}{right}", " ".repeat(OFFSET_COLUMNS + space));
        *out += &lines;
    }
}

/// What stands at the right: how many bytes, the section and the mark.
fn right(field: &Field, size: &str) -> String {
    let mark = field.kind.mark().map_or(String::new(), |mark| format!("§{mark}"));
    format!("{size:>4}  {:<16}  {mark}", field.kind.rfc()).trim_end().to_string()
}

/// The characters that begin in these bytes; a dot for what is none.
fn characters(plain: &[u8], start: usize, end: usize) -> String {
    let continued = plain[start..end].iter().take_while(|byte| **byte & 0xc0 == 0x80).count();
    let mut at = start + continued.min(3);
    let longer = &plain[at.min(end)..plain.len().min(end + 3)];
    let mut out = String::new();
    for c in String::from_utf8_lossy(longer).chars() {
        if at >= end {
            break;
        }
        at += if c == '\u{fffd}' { 1 } else { c.len_utf8() };
        out.push(if printable(c) && c != '\u{fffd}' { c } else { '.' });
    }
    out
}

/// What a frame or a message brings, as text: its payload or body, a close code with its reason.
pub fn content(fields: &[Field], first: usize, bytes: &[u8]) -> String {
    let mut out = Vec::new();
    for field in &fields[exchange(fields, first)] {
        match field.kind {
            Kind::CloseCode => out.extend(format!("{} ", field.number(bytes)).bytes()),
            kind if kind.is_content() || kind == Kind::CloseReason => {
                out.extend_from_slice(&field.plain(bytes));
            }
            _ => {}
        }
    }
    text(&out)
}

/// The first line of a block: what it is, and its bytes.
pub fn headline(fields: &[Field], first: usize, bytes: &[u8], style: &Style) -> String {
    let (what, sizes) = summary(fields, first, bytes, style);
    format!("{}   {sizes}", clipped(&what, COLUMNS / 2))
}

/// What an exchange is, and how many bytes its parts have.
pub fn summary(fields: &[Field], first: usize, bytes: &[u8], style: &Style) -> (String, String) {
    let range = exchange(fields, first);
    let parts = &fields[range.clone()];
    let of = |kind: Kind| parts.iter().find(|field| field.kind == kind);
    let line = |kinds: &[Kind]| {
        let bits = parts.iter().filter(|field| kinds.contains(&field.kind));
        bits.map(|field| text(&bytes[field.bytes()])).collect::<String>()
    };
    let total = fields[first].bytes().len();
    let content = parts.iter().enumerate().filter(|(at, field)| {
        let inner = is_leaf(fields, range.start + at) && field.kind.is_content();
        inner || matches!(field.kind, Kind::CloseCode | Kind::CloseReason | Kind::HalfCloseCode)
    });
    let content: usize = content.map(|(_, field)| field.bytes().len()).sum();
    match fields[first].kind {
        Kind::Request | Kind::Response => {
            use Kind::*;
            let target = [Authority, Path, LastId, User, Lang, Parameter];
            let what = match of(Kind::Method) {
                Some(_) => format!("{} {}", line(&[Method]), line(&target)),
                None => format!("{} {}", line(&[Status]), line(&[Reason])),
            };
            let what = if what == " " { style.pick("не HTTP", "no HTTP").into() } else { what };
            let head = of(Kind::EmptyLine)
                .map_or(total, |end| end.bytes().end - fields[first].bytes().start);
            let (head_word, body) = (style.pick("(голова)", "head"), style.pick("(тіло)", "body"));
            (what, format!("{total} B = {head} {head_word} + {} {body}", total - head))
        }
        Kind::Frame => {
            let opcode = of(Kind::Opcode).map_or(3, |field| field.number(bytes));
            let fin = of(Kind::Fin).is_none_or(|field| field.number(bytes) == 1);
            let name = match opcode {
                0 => style.pick("кадр-продовження", "continuation frame"),
                1 => style.pick("кадр із текстом", "text frame"),
                2 => style.pick("кадр із даними", "binary frame"),
                8 => style.pick("кадр close", "close frame"),
                9 => style.pick("кадр ping", "ping frame"),
                10 => style.pick("кадр pong", "pong frame"),
                _ => style.pick("невідомий кадр", "unknown frame"),
            };
            let more = if fin { "" } else { style.pick(", далі буде", ", more to come") };
            let key = if of(Kind::MaskingKey).is_some() { 4 } else { 0 };
            let words = [style.pick("(заголовок)", "header"), style.pick("(ключ)", "key")];
            let header = total - content - key;
            let key = if key > 0 { format!(" + {key} {}", words[1]) } else { String::new() };
            let payload = style.pick("(вміст)", "payload");
            (
                format!("{name}{more}"),
                format!("{total} B = {header} {}{key} + {content} {payload}", words[0]),
            )
        }
        Kind::TlsRecord => ("TLS".into(), format!("{total} B")),
        Kind::EarlyLine => {
            (style.pick("порожній рядок", "an empty line").into(), format!("{total} B"))
        }
        Kind::Unknown => (style.pick("незрозуміле", "not understood").into(), format!("{total} B")),
        _ => (style.pick("тіло", "body").into(), format!("{total} B")),
    }
}
