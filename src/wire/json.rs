//! §1.9 JSON (RFC 8259), as little of it as a chat needs: strings in, strings out.
//!
//! A text is checked to its last byte, but nothing of it is kept except what was asked for.

use super::form::hex;

/// Arrays and objects inside one another; a parser that recurses needs a depth limit.
pub const DEPTH_MAX: usize = 32;

/// What an object has under a name.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// Nothing, or `null`.
    Absent,
    String(String),
    /// A number, `true`, `false`, an array, an object: as it is written.
    Other(&'a str),
}

/// What the object that is `text` has under each of `names`; of equal names in it the last one
/// counts, as in JavaScript. An error says what was expected, and at which byte.
pub fn members<'a, const N: usize>(
    text: &'a str,
    names: [&str; N],
) -> Result<[Value<'a>; N], String> {
    let mut values = names.map(|_| Value::Absent);
    let mut parser = Parser { text, rest: text };
    parser.need("{", "an object")?;
    parser.items("}", |parser| {
        let (name, value) = parser.member(1)?;
        if let Some(at) = names.iter().position(|wanted| *wanted == name) {
            values[at] = value;
        }
        Ok(())
    })?;
    parser.end(values)
}

/// `text` as a JSON string, quotes included.
pub fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            _ if character.is_control() => out.push_str(&format!("\\u{:04x}", character as u32)),
            _ => out.push(character),
        }
    }
    out + "\""
}

pub(crate) struct Parser<'a> {
    pub(crate) text: &'a str,
    /// The end of `text` that nobody has looked at yet.
    pub(crate) rest: &'a str,
}

impl<'a> Parser<'a> {
    fn fail<T>(&self, expected: &str) -> Result<T, String> {
        let at = self.text.len() - self.rest.len();
        let came = self.rest.chars().next().map_or("its end".into(), |came| format!("{came:?}"));
        Err(format!("at byte {at} of the JSON came {came}, expected {expected}"))
    }

    /// `found`, if nothing follows.
    pub(crate) fn end<T>(&mut self, found: T) -> Result<T, String> {
        self.space();
        if self.rest.is_empty() { Ok(found) } else { self.fail("the end") }
    }

    fn space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
    }

    /// Takes `token`, if it is next.
    fn skip(&mut self, token: &str) -> bool {
        let found = self.rest.strip_prefix(token);
        self.rest = found.unwrap_or(self.rest);
        found.is_some()
    }

    pub(crate) fn need(&mut self, token: &str, expected: &str) -> Result<(), String> {
        self.space();
        if self.skip(token) { Ok(()) } else { self.fail(expected) }
    }

    /// `depth` brackets stand open before it.
    pub(crate) fn value(&mut self, depth: usize) -> Result<Value<'a>, String> {
        self.space();
        let start = self.rest;
        match self.rest.bytes().next() {
            Some(b'{' | b'[') if depth == DEPTH_MAX => {
                return self.fail("fewer brackets inside one another");
            }
            Some(b'"') => return self.string().map(Value::String),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            _ if self.skip("{") => self.items("}", |parser| parser.member(depth + 1).map(drop))?,
            _ if self.skip("[") => self.items("]", |parser| parser.value(depth + 1).map(drop))?,
            _ if self.skip("null") => return Ok(Value::Absent),
            _ if self.skip("true") || self.skip("false") => {}
            _ => return self.fail("a value"),
        }
        Ok(Value::Other(&start[..start.len() - self.rest.len()]))
    }

    fn member(&mut self, depth: usize) -> Result<(String, Value<'a>), String> {
        let name = self.string()?;
        self.need(":", "':'")?;
        Ok((name, self.value(depth)?))
    }

    /// Reads items with commas between them, up to `close`.
    pub(crate) fn items(
        &mut self,
        close: &str,
        mut item: impl FnMut(&mut Self) -> Result<(), String>,
    ) -> Result<(), String> {
        let mut comma = ""; // none before the first
        loop {
            self.space();
            if self.skip(close) {
                return Ok(());
            }
            self.need(comma, "a comma, or the end of this array or object")?;
            item(self)?;
            comma = ",";
        }
    }

    /// RFC 8259 §6: no leading zero, no bare point, no plus.
    fn number(&mut self) -> Result<(), String> {
        self.skip("-");
        if !self.skip("0") {
            self.digits()?;
        }
        if self.skip(".") {
            self.digits()?;
        }
        if self.skip("e") || self.skip("E") {
            let _ = self.skip("+") || self.skip("-");
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), String> {
        let rest = self.rest.trim_start_matches(|c: char| c.is_ascii_digit());
        let count = self.rest.len() - rest.len();
        self.rest = rest;
        if count > 0 { Ok(()) } else { self.fail("a digit") }
    }

    fn string(&mut self) -> Result<String, String> {
        self.need("\"", "'\"'")?;
        let mut out = String::new();
        while !self.skip("\"") {
            match self.rest.chars().next() {
                Some('\\') => out.push(self.escape()?),
                Some(character @ ' '..) => {
                    out.push(character);
                    self.rest = &self.rest[character.len_utf8()..];
                }
                Some(_) => return self.fail("an escape such as \\n for a control character"),
                None => return self.fail("'\"'"),
            }
        }
        Ok(out)
    }

    fn escape(&mut self) -> Result<char, String> {
        let character = match self.rest.as_bytes().get(1) {
            Some(letter @ (b'"' | b'\\' | b'/')) => char::from(*letter),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => return self.fail("an escape: one of \"\\/bfnrtu after the \\"),
        };
        self.rest = &self.rest[2..];
        Ok(character)
    }

    /// `\u041e`, or the two halves of a surrogate pair. Half a pair is no character: JavaScript
    /// lets one through, and every UTF-8 decoder after it would choke.
    fn unicode(&mut self) -> Result<char, String> {
        let units = [0, 6].into_iter().map_while(|at| unit(self.rest.get(at..)?));
        match char::decode_utf16(units).next() {
            Some(Ok(character)) => {
                self.rest = &self.rest[6 * character.len_utf16()..];
                Ok(character)
            }
            Some(Err(_)) => self.fail("both halves of a surrogate pair"),
            None => self.fail("four hexadecimal digits"),
        }
    }
}

/// The UTF-16 unit that `text` begins with, written as `\uXXXX`.
fn unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.as_bytes().first_chunk::<4>()?;
    digits.iter().try_fold(0, |unit, digit| Some(unit << 4 | u16::from(hex(*digit)?)))
}
