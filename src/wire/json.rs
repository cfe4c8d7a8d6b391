//! §1.9 JSON (RFC 8259), as little of it as a chat needs: values in, strings out.

/// Arrays and objects inside one another; a parser that recurses needs a floor.
pub const DEPTH_MAX: usize = 32;
/// Values in one text: in memory each costs some ten times what it takes to write.
pub const VALUES_MAX: usize = 50_000;

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    Number(f64),
    String(String),
    Array(Vec<Value>),
    /// In the order written; of equal names [`Value::get`] takes the last, as JavaScript does.
    Object(Vec<(String, Value)>),
}

impl Value {
    pub fn get(&self, name: &str) -> Option<&Value> {
        let Value::Object(members) = self else { return None };
        members.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value)
    }
}

/// What is wrong, and at which byte.
#[derive(Debug, Clone, PartialEq)]
pub struct Error {
    pub at: usize,
    pub expected: &'static str,
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "not JSON: at byte {} expected {}", self.at, self.expected)
    }
}

/// Parses a whole text as one value.
pub fn parse(text: &str) -> Result<Value, Error> {
    let mut parser = Parser { text, at: 0, values: 0 };
    let value = parser.value(0)?;
    parser.space();
    match parser.at == text.len() {
        true => Ok(value),
        false => parser.fail("the end"),
    }
}

/// `text` as a JSON string, quotes included.
pub fn quoted(text: &str) -> String {
    let mut out = String::new();
    quote(&mut out, text);
    out
}

/// Appends it to `out`.
pub fn quote(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            _ if character.is_control() => out.push_str(&format!("\\u{:04x}", character as u32)),
            _ => out.push(character),
        }
    }
    out.push('"');
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    values: usize,
}

impl Parser<'_> {
    fn rest(&self) -> &[u8] {
        &self.text.as_bytes()[self.at..]
    }

    fn fail<T>(&self, expected: &'static str) -> Result<T, Error> {
        Err(Error { at: self.at, expected })
    }

    fn space(&mut self) {
        let spaces = |b: &&u8| matches!(**b, b' ' | b'\t' | b'\r' | b'\n');
        self.at += self.rest().iter().take_while(spaces).count();
    }

    /// Takes `token`, if it is there, with the white space before it.
    fn take(&mut self, token: &str) -> bool {
        self.space();
        self.skip(token)
    }

    fn skip(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token.as_bytes());
        self.at += if found { token.len() } else { 0 };
        found
    }

    fn value(&mut self, depth: usize) -> Result<Value, Error> {
        self.space();
        self.values += 1;
        if self.values > VALUES_MAX {
            return self.fail("fewer values");
        }
        match self.rest().first().copied() {
            Some(b'{' | b'[') if depth == DEPTH_MAX => {
                self.fail("fewer brackets inside one another")
            }
            Some(b'{') => self.sequence("}", |p| p.member(depth + 1)).map(Value::Object),
            Some(b'[') => self.sequence("]", |p| p.value(depth + 1)).map(Value::Array),
            Some(b'"') => self.string().map(Value::String),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ if self.take("null") => Ok(Value::Null),
            _ if self.take("true") => Ok(Value::Bool(true)),
            _ if self.take("false") => Ok(Value::Bool(false)),
            _ => self.fail("a value"),
        }
    }

    /// `first item`, then `, item` until `close`.
    fn sequence<T>(
        &mut self,
        close: &'static str,
        mut item: impl FnMut(&mut Self) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        self.at += 1;
        let mut items = Vec::new();
        while !self.take(close) {
            if !items.is_empty() && !self.take(",") {
                return self.fail("a comma, or the end of this array or object");
            }
            items.push(item(self)?);
        }
        Ok(items)
    }

    fn member(&mut self, depth: usize) -> Result<(String, Value), Error> {
        self.space();
        let name = self.string()?;
        if !self.take(":") {
            return self.fail("':'");
        }
        Ok((name, self.value(depth)?))
    }

    /// RFC 8259 §6: no leading zero, no bare point, no plus.
    fn number(&mut self) -> Result<Value, Error> {
        let start = self.at;
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
        self.text[start..self.at].parse().map(Value::Number).or_else(|_| self.fail("a number"))
    }

    fn digits(&mut self) -> Result<(), Error> {
        let count = self.rest().iter().take_while(|b| b.is_ascii_digit()).count();
        self.at += count;
        if count == 0 { self.fail("a digit") } else { Ok(()) }
    }

    fn string(&mut self) -> Result<String, Error> {
        if !self.skip("\"") {
            return self.fail("'\"'");
        }
        let mut out = String::new();
        loop {
            let special = |b: &u8| *b < 0x20 || *b == b'"' || *b == b'\\';
            let plain = self.rest().iter().position(special).unwrap_or(self.rest().len());
            out.push_str(&self.text[self.at..self.at + plain]);
            self.at += plain;
            if self.skip("\"") {
                return Ok(out);
            }
            match self.rest() {
                [b'\\', ..] => out.push(self.escape()?),
                [] => return self.fail("'\"'"),
                _ => return self.fail("an escape such as \\n in place of a control character"),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Error> {
        let character = match self.rest().get(1) {
            Some(letter @ (b'"' | b'\\' | b'/')) => char::from(*letter),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => return self.fail("an escape: one of \"\\/bfnrtu after the \\"),
        };
        self.at += 2;
        Ok(character)
    }

    /// `\u041e`, or the two halves of a surrogate pair. Half a pair is no character: JavaScript
    /// lets one through, and every UTF-8 decoder after it would choke.
    fn unicode(&mut self) -> Result<char, Error> {
        let units = [0, 6].into_iter().map_while(|skip| self.unit(skip));
        match char::decode_utf16(units).next() {
            Some(Ok(character)) => {
                self.at += 6 * character.len_utf16();
                Ok(character)
            }
            Some(Err(_)) => self.fail("both halves of a surrogate pair"),
            None => self.fail("four hexadecimal digits"),
        }
    }

    /// The UTF-16 unit of the `\uXXXX` that stands `skip` bytes ahead.
    fn unit(&self, skip: usize) -> Option<u16> {
        let [b'\\', b'u', digits @ ..] = self.rest().get(skip..skip + 6)? else { return None };
        digits
            .iter()
            .try_fold(0, |unit, digit| Some(unit << 4 | u16::from(super::form::hex(*digit)?)))
    }
}
