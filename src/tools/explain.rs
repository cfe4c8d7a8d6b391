//! `rawchat explain HEX|-`: what these bytes are, and what rawchat would do with them.
//!
//! Bytes come as hexadecimal digits (the dumps of xxd and of hexdump too), with `\x81` and `\r\n`
//! as printf takes them, or as they are, on standard input.

use super::Problem;
use super::arguments::Arguments;
use super::dissect::block::{self, Style, block, say, wrap};
use super::dissect::verdict::Judge;
use super::dissect::{Context, Field, Kind, Side, dissect};
use crate::wire::form;
use std::fmt::Write;
use std::io::Read;

/// More is not read: this is for looking at, not for archives.
const INPUT_BYTES_MAX: u64 = 16 * 1024 * 1024;

const USAGE: &str = r"rawchat explain BYTES: what these bytes are, and what rawchat would do with them

  rawchat explain 81 85 37fa213d 7f9f4d5158     hexadecimal, a dump of xxd or hexdump too
  rawchat explain 'GET / HTTP/1.1\r\n\r\n'      with \r \n \t \0 \\ and \x81, as printf has them
  printf '\x81\x02hi' | rawchat explain -       or as they are, on standard input

  --from client|server  who sent them, where the bytes do not tell
  --lang uk|en          the language; LANG, if it is not said
  --crlf                each bare LF becomes CR LF: for a request that was copied as text
  -v                    every part of a line, every byte of a payload";

/// What the arguments ask for.
struct Options {
    from: Option<Side>,
    style: Style,
    crlf: bool,
}

/// Prints what the bytes are.
pub fn run(arguments: &[String]) -> Result<(), Problem> {
    let Some((options, words)) = parse(arguments)? else {
        say(USAGE);
        return Ok(());
    };
    let usage = |problem| Problem::Usage(format!("{problem}\n\n{USAGE}"));
    let (mut bytes, form) = match &words[..] {
        [] => return Err(Problem::Usage(USAGE.into())),
        ["-"] => {
            let mut bytes = Vec::new();
            let read = std::io::stdin().take(INPUT_BYTES_MAX).read_to_end(&mut bytes);
            read.map_err(|error| Problem::Failed(format!("standard input: {error}")))?;
            from_stdin(bytes)
        }
        words => from_words(&words.join(" ")).map_err(usage)?,
    };
    if options.crlf {
        let lines = bytes.split(|byte| *byte == b'\n');
        let lines = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        bytes = lines.collect::<Vec<_>>().join(&b"\r\n"[..]);
    }
    if bytes.is_empty() {
        return Err(usage("there are no bytes to explain".into()));
    }
    say(&explain(&bytes, form, options.from, &options.style));
    Ok(())
}

/// The options, and the words that are none. `None`: help is asked for.
fn parse(arguments: &[String]) -> Result<Option<(Options, Vec<&str>)>, Problem> {
    let mut options = Options { from: None, style: Style::here(), crlf: false };
    let mut words = Vec::new();
    let mut arguments = Arguments::new(arguments, USAGE);
    while let Some(flag) = arguments.next() {
        match flag {
            "--help" | "-h" => return Ok(None),
            "--from" => {
                options.from = Some(match arguments.value()? {
                    "client" => Side::Client,
                    "server" => Side::Server,
                    other => {
                        let problem = format!("--from {other:?}: it is client or server");
                        return Err(arguments.problem(problem));
                    }
                });
            }
            "--lang" => options.style.language = arguments.language()?,
            "--crlf" => options.crlf = true,
            "-v" | "-vv" => options.style.everything = true,
            "-" => words.push("-"),
            flag if flag.starts_with('-') => return Err(arguments.unknown()),
            word => words.push(word),
        }
    }
    Ok(Some((options, words)))
}

// ---- The forms in which bytes are written

/// How bytes were written down.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Form {
    Hex,
    Escaped,
    Raw,
}

/// Bytes of the command line, where there is no other way to write a byte than to name it.
fn from_words(text: &str) -> Result<(Vec<u8>, Form), String> {
    if let Some(bytes) = of_hex(text) {
        return Ok((bytes, Form::Hex));
    }
    match text.contains('\\') {
        true => Ok((unescape(text)?, Form::Escaped)),
        false => Err(format!(
            "{text:?} is not hexadecimal; text has its line ends written out: 'GET / HTTP/1.1\\r\\n'"
        )),
    }
}

/// Bytes of standard input: written down, if everything in it can be read so; else as they are.
fn from_stdin(bytes: Vec<u8>) -> (Vec<u8>, Form) {
    let Ok(text) = std::str::from_utf8(&bytes) else { return (bytes, Form::Raw) };
    if let Some(bytes) = of_hex(text) {
        return (bytes, Form::Hex);
    }
    let escaped = ["\\x", "\\r\\n", "\\0"].iter().any(|escape| text.contains(escape));
    match unescape(text.trim_end_matches(['\r', '\n'])) {
        Ok(bytes) if escaped => (bytes, Form::Escaped),
        _ => (bytes, Form::Raw),
    }
}

/// `8185`, `81 85`, `0x81, 0x85`, `81:85`; and the dumps of `xxd` and of `hexdump -C`, with the
/// place before the bytes and their characters behind them.
fn of_hex(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for line in text.lines() {
        let line = dumped(line).unwrap_or(line);
        let separators = |c: char| c.is_whitespace() || ",:;[]{}".contains(c);
        for word in line.split(separators).filter(|word| !word.is_empty()) {
            let word = word.strip_prefix("0x").or(word.strip_prefix("\\x")).unwrap_or(word);
            let digits: Option<Vec<u8>> = word.bytes().map(form::hex).collect();
            let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
            bytes.extend(digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]));
        }
    }
    (!bytes.is_empty()).then_some(bytes)
}

/// The bytes of a line of a dump: `00000000: 8185 37fa  ..7.` or `00000000  81 85  |..|`.
fn dumped(line: &str) -> Option<&str> {
    let (place, rest) = line.split_once([':', ' '])?;
    let digits = place.len() >= 4 && place.bytes().all(|byte| byte.is_ascii_hexdigit());
    let colon = line.as_bytes()[place.len()] == b':';
    if !digits || !(colon || rest.starts_with(' ')) {
        return None;
    }
    let rest = rest.trim_start();
    // Two spaces, or a bar, stand between the bytes and their characters.
    let end = match colon {
        true => rest.find("  "),
        false => rest.find('|'),
    };
    Some(&rest[..end.unwrap_or(rest.len())])
}

/// `\x81`, `\r`, `\n`, `\t`, `\0`, `\\` and what stands between them.
pub fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend(before.bytes());
        let (byte, used) = match after.as_bytes() {
            [b'x', rest @ ..] => {
                let [high, low] = [0, 1].map(|at| rest.get(at).and_then(|b| form::hex(*b)));
                let byte = high.zip(low).map(|(high, low)| high << 4 | low);
                (byte.ok_or("\\x needs two hexadecimal digits: \\x81")?, 3)
            }
            [b'r', ..] => (b'\r', 1),
            [b'n', ..] => (b'\n', 1),
            [b't', ..] => (b'\t', 1),
            [b'0', ..] => (0, 1),
            [b'\\', ..] => (b'\\', 1),
            _ => return Err("known are \\r \\n \\t \\0 \\\\ and \\x81".into()),
        };
        bytes.push(byte);
        rest = &after[used..];
    }
    bytes.extend(rest.bytes());
    Ok(bytes)
}

// ---- What is printed

fn explain(bytes: &[u8], form: Form, from: Option<Side>, style: &Style) -> String {
    let from = from.unwrap_or_else(|| sender(bytes));
    let (fields, _) = dissect(bytes, &mut Context::guess(from));
    let mut out = String::new();
    let form = match form {
        Form::Hex => style.say("прочитано як шістнадцяткові", "read as hexadecimal"),
        Form::Escaped => style.say("прочитано як текст із \\x81", "read as text with \\x81"),
        Form::Raw => style.say("прочитано як є", "read as they are"),
    };
    let who = match from {
        Side::Client => style.say("від клієнта", "from a client"),
        Side::Server => style.say("від сервера", "from a server"),
    };
    let bytes_word = style.say("Байтів", "Bytes");
    let _ = writeln!(out, "{bytes_word}: {}, {who}, {form}.", bytes.len());
    let mut judge = Judge::new(from, false);
    for first in (0..fields.len()).filter(|&index| fields[index].parent.is_none()) {
        let own = &bytes[fields[first].bytes()];
        let kind = fields[first].kind;
        let _ = writeln!(out, "\n{}", block::headline(&fields, first, bytes, style));
        out += &block(&fields, first, bytes, style);
        if kind != Kind::EarlyLine {
            wrap(&mut out, &judge.judge(own, kind == Kind::Frame).sentence(style.language), 0);
        }
    }
    if only_bare_lf(&fields) {
        let uk = "Усі рядки кінчаються самим LF, як у скопійованому тексті: додайте --crlf.";
        let en = "All lines end in a bare LF, as in copied text: add --crlf to read CR LF there.";
        wrap(&mut out, style.say(uk, en), 0);
    }
    out.trim_end().into()
}

/// Who has sent this: HTTP says so, and a client masks its frames.
fn sender(bytes: &[u8]) -> Side {
    let masked = bytes.get(1).is_none_or(|second| second & 0x80 != 0);
    let text =
        bytes[0] < 0x80 && bytes[0] >= b' ' || matches!(bytes[0], b'\r' | b'\n' | 0x15 | 0x16);
    match bytes.starts_with(b"HTTP/") || (!text && !masked) {
        true => Side::Server,
        false => Side::Client,
    }
}

fn only_bare_lf(fields: &[Field]) -> bool {
    let has = |kind| fields.iter().any(|field| field.kind == kind);
    has(Kind::BareLf) && !has(Kind::LineEnd)
}
