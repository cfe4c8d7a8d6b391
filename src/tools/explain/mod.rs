//! `rawchat explain HEX|-`: what these bytes are, and what rawchat would do with them.
//!
//! Bytes come written down in one of many ways ([`pasted`]), or as they are, on standard input.

mod pasted;

use super::Problem;
use super::arguments::Arguments;
use super::dissect::block::{self, Style, block, clipped, print, wrap};
use super::dissect::verdict::Judge;
use super::dissect::{Context, Field, Kind, Side, dissect};
use pasted::Form;
pub use pasted::{of_hex, unescape};
use std::fmt::Write;
use std::io::Read;

/// More is not read: this is for looking at, not for archives.
const INPUT_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Of what is not understood.
const SHOWN_CHARS: usize = 40;

/// Prints what the bytes are.
pub fn run(mut arguments: Arguments) -> Result<(), Problem> {
    let (mut style, mut from, mut crlf, mut words) = (Style::here(), None, false, Vec::new());
    while let Some(flag) = arguments.next() {
        match flag {
            "--from" => {
                from = Some(match arguments.value()? {
                    "client" => Side::Client,
                    "server" => Side::Server,
                    other => {
                        let problem = format!("--from {other:?}: it is client or server");
                        return Err(arguments.problem(problem));
                    }
                });
            }
            "--lang" => style.language = arguments.language()?,
            "--crlf" => crlf = true,
            "-v" | "-vv" => style.everything = true,
            "-" => words.push("-"),
            flag if flag.starts_with('-') => return Err(arguments.unknown()),
            word => words.push(word),
        }
    }
    let usage = |problem| arguments.problem(problem);
    let (mut bytes, form) = match &words[..] {
        [] => return Err(arguments.problem("which bytes?")),
        ["-"] => {
            let mut bytes = Vec::new();
            let read = std::io::stdin().take(INPUT_BYTES_MAX).read_to_end(&mut bytes);
            read.map_err(|error| Problem::Failed(format!("standard input: {error}")))?;
            from_stdin(bytes).map_err(usage)?
        }
        words => from_words(&words.join(" ")).map_err(usage)?,
    };
    if crlf {
        let lines = bytes.split(|byte| *byte == b'\n');
        let lines = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        bytes = lines.collect::<Vec<_>>().join(&b"\r\n"[..]);
    }
    if bytes.is_empty() {
        return Err(arguments.problem("there are no bytes to explain"));
    }
    print(&explain(&bytes, form, from, &style));
    Ok(())
}

/// Bytes of the command line.
fn from_words(text: &str) -> Result<(Vec<u8>, Form), String> {
    match pasted::read(text, &["\\"])? {
        Some(found) => Ok(found),
        None if text.contains('\n') => Ok((text.into(), Form::Raw)),
        None => Err(format!(
            "{:?} is neither hexadecimal nor text with \\r\\n or \\x81 written out; \
             bytes as they are go to standard input: printf … | rawchat explain -",
            clipped(text, SHOWN_CHARS)
        )),
    }
}

/// Bytes of standard input: written down, if everything in it can be read so; else as they are.
fn from_stdin(bytes: Vec<u8>) -> Result<(Vec<u8>, Form), String> {
    let text = std::str::from_utf8(&bytes).map_err(drop);
    let Ok(text) = text.as_ref() else { return Ok((bytes, Form::Raw)) };
    match pasted::read(text, &["\\x", "\\r\\n", "\\0", "\\2"]) {
        Ok(found) => Ok(found.unwrap_or((bytes, Form::Raw))),
        Err(problem) => Err(problem),
    }
}

// ---- What is printed

fn explain(bytes: &[u8], form: Form, from: Option<Side>, style: &Style) -> String {
    let from = from.unwrap_or_else(|| sender(bytes));
    let (fields, _) = dissect(bytes, &mut Context::guess(from));
    let mut out = String::new();
    let form = match form {
        Form::Hex => style.pick("прочитано як шістнадцяткові", "read as hexadecimal"),
        Form::Decimal => style.pick("прочитано як десяткові", "read as decimal"),
        Form::Binary => style.pick("прочитано як двійкові", "read as binary"),
        Form::Escaped => style.pick("прочитано як текст із \\x81", "read as text with \\x81"),
        Form::Curl => style.pick("прочитано з рядків curl -v", "read from the lines of curl -v"),
        Form::Raw => style.pick("прочитано як є", "read as they are"),
    };
    let who = match from {
        Side::Client => style.pick("від клієнта", "from a client"),
        Side::Server => style.pick("від сервера", "from a server"),
    };
    let bytes_word = style.pick("Байтів", "Bytes");
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
        wrap(&mut out, style.pick(uk, en), 0);
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
