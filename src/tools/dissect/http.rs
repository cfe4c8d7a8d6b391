//! HTTP/1.1, requests and responses, as they were really sent (RFC 9112).

use super::{Asked, Context, Kind, Next, Side, Tape};

/// What the head of a message says of what follows it.
#[derive(Default)]
struct Head {
    method: Vec<u8>,
    status: u64,
    length: Option<u64>,
    /// Whether there is a transfer coding, and whether the last one is chunked.
    coded: bool,
    chunked: bool,
    websocket: bool,
    deflate: bool,
}

/// Whether this may be the first line of a message: a word, and then a space or the line's end.
pub(super) fn begins_like_text(rest: &[u8], from: Side) -> bool {
    let end = rest.iter().position(|byte| !is_token(*byte) && *byte != b'/').unwrap_or(rest.len());
    let version = b"HTTP/";
    let named = rest.iter().zip(version).all(|(a, b)| a == b);
    let ends = matches!(rest.get(end), None | Some(b' ' | b'\t' | b'\r' | b'\n' | b':'));
    end > 0 && ends && (from == Side::Client || named)
}

/// `tchar` of RFC 9110 §5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// The start line, the fields and the empty line; then `context` knows what follows.
pub(super) fn head(tape: &mut Tape, context: &mut Context) -> bool {
    let request = context.from == Side::Client;
    tape.open(if request { Kind::Request } else { Kind::Response });
    let Some(line) = next_line(tape) else { return false };
    let mut head = Head::default();
    match request {
        true => request_line(tape, line, &mut head),
        false => status_line(tape, line, &mut head),
    }
    if !fields(tape, Kind::EmptyLine, &mut head) {
        return false;
    }
    context.next = match request {
        true => behind_request(&head, context),
        false => behind_response(&head, context),
    };
    true
}

/// RFC 9112 §6.3, for a request.
fn behind_request(head: &Head, context: &mut Context) -> Next {
    context.asked.push_back(match &head.method[..] {
        b"HEAD" => Asked::Head,
        b"CONNECT" => Asked::Connect,
        _ => Asked::Other,
    });
    match head.length {
        _ if head.chunked => Next::ChunkSize,
        Some(length @ 1..) => Next::Body(length),
        // If the server says 101, frames come next; if it does not, another request.
        _ if head.websocket => Next::Guess,
        _ => Next::Http,
    }
}

/// RFC 9112 §6.3, for a response.
fn behind_response(head: &Head, context: &mut Context) -> Next {
    if let 100 | 102..=199 = head.status {
        return Next::Http; // the answer itself is still to come
    }
    let asked = context.asked.pop_front().unwrap_or(Asked::Other);
    match (head.status, asked) {
        (101, _) if head.websocket => {
            context.deflate = head.deflate;
            Next::Frame
        }
        (101, _) | (200..=299, Asked::Connect) => Next::Unknown,
        (204 | 304, _) | (_, Asked::Head) => Next::Http,
        _ if head.chunked => Next::ChunkSize,
        _ => match head.length {
            Some(0) if !head.coded => Next::Http,
            Some(length) if !head.coded => Next::Body(length),
            _ => Next::BodyUntilClose,
        },
    }
}

/// The length of the next line without its end; `None`: it has not ended yet.
fn next_line(tape: &Tape) -> Option<usize> {
    let line = &tape.rest()[..tape.rest().iter().position(|byte| *byte == b'\n')?];
    Some(line.strip_suffix(b"\r").unwrap_or(line).len())
}

/// CR LF, or what stands in its place.
pub(super) fn line_end(tape: &mut Tape) {
    match tape.rest() {
        [b'\r', b'\n', ..] => tape.leaf(Kind::LineEnd, 16),
        _ => tape.leaf(Kind::BareLf, 8),
    }
}

/// The line that a message begins with: what `parts` makes of it, or a line that is `odd`.
fn start_line(
    tape: &mut Tape,
    line: usize,
    odd: Kind,
    parts: impl FnOnce(&mut Tape) -> Option<()>,
) {
    let depth = tape.open.len();
    if parts(tape).is_none() {
        tape.open(odd);
        tape.text(Kind::FieldValue, line);
    }
    line_end(tape);
    tape.close(depth);
}

/// `GET /messages?lastId=3 HTTP/1.1`
fn request_line(tape: &mut Tape, line: usize, head: &mut Head) {
    start_line(tape, line, Kind::OddRequestLine, |tape| {
        let words: Vec<&[u8]> = tape.rest()[..line].split(|byte| *byte == b' ').collect();
        let [method @ [_, ..], target, version] = words[..] else { return None };
        head.method = method.to_vec();
        tape.open(Kind::RequestLine);
        tape.text(Kind::Method, method.len());
        tape.leaf(Kind::Space, 8);
        self::target(tape, method, target);
        tape.leaf(Kind::Space, 8);
        tape.text(Kind::Version, version.len());
        Some(())
    });
}

/// `/path?query`, `http://host/path?query`, `host:port` of CONNECT, `*`. RFC 9112 §3.2
fn target(tape: &mut Tape, method: &[u8], target: &[u8]) {
    let find = |text: &[u8], marks: &[u8]| {
        text.iter().position(|byte| marks.contains(byte)).unwrap_or(text.len())
    };
    let authority = match target.split_at_checked(7) {
        _ if method == b"CONNECT" => target.len(),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case(b"http://") => 7 + find(rest, b"/?"),
        _ => 0,
    };
    let path = find(&target[authority..], b"?");
    tape.text(Kind::Authority, authority);
    tape.text(Kind::Path, path);
    // Each with the `?` or the `&` before it.
    let mut rest = &target[authority + path..];
    while let [_, after @ ..] = rest {
        let (parameter, others) = rest.split_at(1 + find(after, b"&"));
        let name = parameter[1..].split(|byte| *byte == b'=').next();
        tape.text(Kind::of_parameter(name.unwrap_or_default()), parameter.len());
        rest = others;
    }
}

/// `HTTP/1.1 200 OK`
fn status_line(tape: &mut Tape, line: usize, head: &mut Head) {
    start_line(tape, line, Kind::OddStatusLine, |tape| {
        let mut words = tape.rest()[..line].splitn(3, |byte| *byte == b' ');
        let (version, status) = (words.next()?, words.next()?);
        head.status = number(status).filter(|_| status.len() == 3)?;
        tape.open(Kind::StatusLine);
        tape.text(Kind::Version, version.len());
        tape.leaf(Kind::Space, 8);
        tape.leaf(Kind::Status, 24);
        if let Some(reason) = words.next() {
            tape.leaf(Kind::Space, 8);
            tape.text(Kind::Reason, reason.len());
        }
        Some(())
    });
}

/// Field lines, and the empty line behind them, which is an `end`.
fn fields(tape: &mut Tape, end: Kind, head: &mut Head) -> bool {
    let depth = tape.open.len();
    loop {
        match next_line(tape) {
            None => return false,
            Some(0) => {
                tape.open(end);
                line_end(tape);
                tape.close(depth);
                return true;
            }
            Some(line) => field_line(tape, line, head),
        }
        tape.close(depth);
    }
}

/// `Name: value`
fn field_line(tape: &mut Tape, line: usize, head: &mut Head) {
    let text = &tape.rest()[..line];
    let colon = text.iter().position(|byte| *byte == b':');
    match colon {
        _ if text.starts_with(b" ") || text.starts_with(b"\t") => {
            tape.open(Kind::FoldedLine);
            tape.text(Kind::FieldValue, line);
        }
        Some(colon @ 1..) if text[..colon].iter().all(|byte| is_token(*byte)) => {
            let (name, rest) = (&text[..colon], &text[colon + 1..]);
            let value = trimmed(rest);
            let kind = Kind::of_field(name);
            head.learn(kind, value);
            let before = rest.iter().take_while(|byte| b" \t".contains(byte)).count();
            tape.open(kind);
            tape.leaf(Kind::FieldName, 8 * name.len());
            tape.leaf(Kind::Colon, 8 * (1 + before));
            tape.text(Kind::FieldValue, value.len());
            tape.leaf(Kind::Space, 8 * (rest.len() - before - value.len()));
        }
        _ => {
            tape.open(Kind::OddField);
            tape.text(Kind::FieldValue, line);
        }
    }
    line_end(tape);
}

/// Without the spaces and tabs around it.
fn trimmed(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

impl Head {
    /// What a field says of what follows. Of two lengths the first counts, since something must.
    fn learn(&mut self, kind: Kind, value: &[u8]) {
        let last = value.rsplit(|byte| *byte == b',').next().unwrap_or_default();
        let has = |word: &str| String::from_utf8_lossy(value).to_ascii_lowercase().contains(word);
        match kind {
            Kind::ContentLength => self.length = self.length.or(number(value)),
            Kind::TransferEncoding => {
                self.coded = true;
                self.chunked = trimmed(last).eq_ignore_ascii_case(b"chunked");
            }
            Kind::Upgrade => self.websocket |= has("websocket"),
            Kind::WsExtensions => self.deflate |= has("permessage-deflate"),
            _ => {}
        }
    }
}

/// Of digits, and of nothing else.
fn number(text: &[u8]) -> Option<u64> {
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    digits.then(|| std::str::from_utf8(text).ok()?.parse().ok()).flatten()
}

/// The next piece of a body.
pub(super) fn body(tape: &mut Tape, context: &mut Context) -> bool {
    let rest = tape.rest();
    match context.next {
        Next::Body(left) | Next::ChunkData(left) => {
            let chunk = matches!(context.next, Next::ChunkData(_));
            let count = left.min(rest.len() as u64);
            let kind = if chunk { Kind::ChunkData } else { Kind::Content };
            tape.leaf(kind, 8 * count as usize);
            context.next = match (left - count, chunk) {
                (0, true) => Next::ChunkEnd,
                (0, false) => Next::Http,
                (left, true) => Next::ChunkData(left),
                (left, false) => Next::Body(left),
            };
            true
        }
        Next::BodyUntilClose => {
            tape.leaf(Kind::ContentUntilClose, 8 * rest.len());
            true
        }
        Next::ChunkSize => chunk_size(tape, context),
        Next::ChunkEnd => match rest {
            [b'\r'] => false,
            [b'\r', b'\n', ..] | [b'\n', ..] => {
                line_end(tape);
                context.next = Next::ChunkSize;
                true
            }
            _ => super::unknown(tape, context),
        },
        _ => {
            tape.close(1);
            let whole = fields(tape, Kind::BodyEnd, &mut Head::default());
            if whole {
                context.next = Next::Http;
            }
            whole
        }
    }
}

/// `5;extension`, in hexadecimal. RFC 9112 §7.1
fn chunk_size(tape: &mut Tape, context: &mut Context) -> bool {
    // A chunk is a part of its message, if that began in these bytes.
    tape.close(1);
    if tape.open.first().is_some_and(|&index| tape.fields[index].kind == Kind::Chunk) {
        tape.close(0);
    }
    let depth = tape.open.len();
    let Some(line) = next_line(tape) else {
        tape.open(Kind::Chunk);
        return false;
    };
    let text = &tape.rest()[..line];
    let digits = text.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let extended = matches!(trimmed(&text[digits..]), [] | [b';', ..]);
    let size = u64::from_str_radix(&String::from_utf8_lossy(&text[..digits]), 16);
    let Some(size) = size.ok().filter(|_| extended) else { return super::unknown(tape, context) };
    tape.open(Kind::Chunk);
    tape.leaf(if size == 0 { Kind::LastChunk } else { Kind::ChunkSize }, 8 * digits);
    let behind = if text[digits..].contains(&b';') { Kind::ChunkExtension } else { Kind::Space };
    tape.text(behind, line - digits);
    line_end(tape);
    context.next = match size {
        0 => Next::Trailers,
        size => Next::ChunkData(size),
    };
    if size == 0 {
        tape.close(depth);
    }
    true
}
