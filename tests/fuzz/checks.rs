//! What must hold for any bytes at all. One copy: the fuzzer, the replay of its corpus and the
//! property tests call these.

use rawchat::tools::json::elements;
use rawchat::wire::buffer::Buffer;
use rawchat::wire::control::close_payload;
use rawchat::wire::frame::{self, Opcode, Side};
use rawchat::wire::http::{self, Refusal, Request, Source, read_body, read_head, refuse};
use rawchat::wire::json::{self, Value};
use rawchat::wire::message::{Assembler, Received};
use rawchat::wire::{form, handshake};
use std::io::Read;

pub type Check = fn(&[u8]);

/// Each target, which is also the name of its folder in `corpus`.
pub const TARGETS: [(&str, Check); 7] = [
    ("head", head),
    ("target", target),
    ("chunked", chunked),
    ("frame", frame),
    ("message", message),
    ("json", json),
    ("form", form),
];

/// Gives `bytes` to `parse` in pieces of these sizes, and the rest whole, as a socket would: what
/// it says, the error that ends it, and how many bytes are left over.
pub fn feed<T, E>(
    bytes: &[u8],
    sizes: impl IntoIterator<Item = usize>,
    mut parse: impl FnMut(&mut Buffer) -> Result<Option<T>, E>,
) -> (Vec<T>, Option<E>, usize) {
    let (mut buf, mut rest, mut said) = (Buffer::default(), bytes, Vec::new());
    let mut sizes = sizes.into_iter();
    loop {
        match parse(&mut buf) {
            Ok(Some(value)) => said.push(value),
            Err(error) => return (said, Some(error), buf.data().len() + rest.len()),
            Ok(None) => {
                let size = sizes.next().unwrap_or(usize::MAX);
                let count = buf.fill(&mut (&mut rest).take(size as u64)).expect("memory");
                if count == 0 && size > 0 {
                    return (said, None, buf.data().len() + rest.len());
                }
            }
        }
    }
}

/// A request comes in pieces, too: the parser waits for them itself.
pub struct Pieces<'a> {
    buf: Buffer,
    rest: &'a [u8],
    sizes: std::vec::IntoIter<usize>,
    all_came: bool,
}

impl Source for Pieces<'_> {
    fn buf(&mut self) -> &mut Buffer {
        &mut self.buf
    }

    fn wait(&mut self) -> Result<(), Refusal> {
        let size = self.sizes.next().unwrap_or(usize::MAX);
        match self.buf.fill(&mut (&mut self.rest).take(size as u64)).expect("memory") {
            0 => {
                self.all_came = true;
                refuse(400, "no more has come", "more")
            }
            _ => Ok(()),
        }
    }

    fn body_takes(&mut self, bytes: usize) {
        assert!(bytes <= 2 * http::BODY_BYTES_MAX);
    }
}

/// What `parse` makes of the front of `bytes`, and how many it has used; `Ok(None)`: it waits for more.
pub fn read<T>(
    bytes: &[u8],
    sizes: impl Into<Vec<usize>>,
    parse: impl FnOnce(&mut Pieces) -> Result<T, Refusal>,
) -> Result<Option<(T, usize)>, Refusal> {
    let sizes = sizes.into().into_iter();
    let mut source = Pieces { buf: Buffer::default(), rest: bytes, sizes, all_came: false };
    match parse(&mut source) {
        Err(_) if source.all_came => Ok(None),
        parsed => Ok(Some((parsed?, bytes.len() - source.rest.len() - source.buf.data().len()))),
    }
}

/// Every piece is one byte; or two, three and five; or there is one piece.
fn cuts() -> [Vec<usize>; 3] {
    [vec![1; 4096], [2, 3, 5].repeat(1024), vec![]]
}

/// A head is read the same however it arrives, httparse reads the same, and what follows from it
/// can be asked of any.
pub fn head(data: &[u8]) {
    let whole = read(data, [], |source| read_head(source));
    for end in (0..data.len()).step_by(1 + data.len() / 256) {
        let so_far = read(&data[..end], [], |source| read_head(source));
        assert!(so_far == Ok(None) || so_far == whole, "{so_far:?} became {whole:?}");
    }
    let mut fields = [httparse::EMPTY_HEADER; http::FIELDS_MAX + 1];
    let mut other = httparse::Request::new(&mut fields);
    let status = other.parse(data);
    let Ok(Some((request, used))) = whole else {
        let waits = status.is_ok_and(|status| status.is_complete()) && whole == Ok(None);
        assert!(!waits, "more bytes are asked for, and all have come");
        return;
    };
    assert!(used <= data.len() && data[..used].ends_with(b"\r\n\r\n"));
    // HTTP/1.2 is answered as 1.1 here, and not known there.
    if status == Err(httparse::Error::Version) && request.minor == 1 {
        return;
    }
    assert_eq!(status, Ok(httparse::Status::Complete(used)));
    assert_eq!(other.method, Some(request.method.as_str()));
    assert_eq!(other.version, Some(request.minor));
    let fields = other.headers.iter().map(|field| {
        let value = String::from_utf8_lossy(field.value);
        (field.name.to_string(), value.trim_matches([' ', '\t']).to_string())
    });
    // RFC 9112 §3.2.2: a host in the target stands before the fields.
    let in_target = request.fields.len() - fields.len();
    assert!(in_target <= 1 && fields.eq(request.fields[in_target..].iter().cloned()));
    let _ = (
        read(b"", [], |source| read_body(source, &request)),
        request.asked(),
        request.check_origin(),
    );
    if handshake::wanted(&request) {
        let answer = handshake::answer(&request);
        assert!(answer.is_err() || request.field("Sec-WebSocket-Key").is_some());
    }
}

/// A target that is taken is taken the same when it is written as plainly as can be.
pub fn target(data: &[u8]) {
    let ask = |target: &[u8]| {
        let head = [b"GET ", target, b" HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
        Some(read(&head, [], |source| read_head(source)).ok()??.0)
    };
    let Some(Request { path, query, .. }) = ask(data) else { return };
    let tail = path.strip_prefix('/').expect("a path begins with /");
    let plain = format!("/{}?{query}", form::encode(tail));
    let again = ask(plain.as_bytes()).expect("the same, encoded");
    assert_eq!((again.path, &again.query), (path, &query));
    form(query.as_bytes());
}

/// Chunks are put together the same however they arrive, and as httparse sees them.
pub fn chunked(data: &[u8]) {
    let fields = vec![("Transfer-Encoding".to_string(), "chunked".to_string())];
    let request = Request { minor: 1, fields, ..Request::default() };
    let [one, few, all] =
        cuts().map(|sizes| read(data, sizes, |source| read_body(source, &request)));
    assert!(one == all && few == all, "{one:?}, {few:?}, {all:?}");
    let Ok(Some((body, used))) = all else { return };
    let mut rest = &data[..used];
    let mut expected = Vec::new();
    // httparse reads sixteen digits at the most.
    let shorter = |line: &[u8]| line.iter().take_while(|b| **b == b'0').count().saturating_sub(1);
    while let Ok(httparse::Status::Complete((at, size @ 1..))) =
        httparse::parse_chunk_size(&rest[shorter(rest)..])
    {
        let (chunk, after) = rest[shorter(rest) + at..].split_at(size as usize);
        expected.extend_from_slice(chunk);
        rest = after.strip_prefix(b"\r\n").expect("a line end behind a chunk");
    }
    assert_eq!(body, expected);
    assert!(body.len() <= http::BODY_BYTES_MAX && rest.ends_with(b"\r\n\r\n"));
}

/// A header that is taken is the only way to write it; before its last byte nothing is said, and
/// what is refused stays refused.
pub fn frame(data: &[u8]) {
    for from in [Side::Client, Side::Server] {
        let whole = frame::decode(data, from, 70_000);
        for end in 0..data.len().min(16) {
            let so_far = frame::decode(&data[..end], from, 70_000);
            assert!(so_far == Ok(None) || so_far == whole, "{so_far:?} became {whole:?}");
        }
        match whole {
            Ok(Some((header, used))) => {
                let mut again = Vec::new();
                frame::encode_header(&mut again, header);
                assert_eq!(again, data[..used]);
                assert!(header.length <= 70_000 && header.key.is_some() == (from == Side::Client));
            }
            Ok(None) => assert!(data.len() < 14),
            Err(violation) => assert!([1002, 1009].contains(&violation.code)),
        }
    }
}

/// Messages are put together the same however their bytes arrive, and once more from what they
/// became. The first byte says who sent the others.
pub fn message(data: &[u8]) {
    const BYTES_MAX: usize = 300;
    let Some((first, data)) = data.split_first() else { return };
    let from = if first % 2 == 0 { Side::Client } else { Side::Server };
    let take = |bytes: &[u8], sizes| {
        let mut assembler = Assembler::new(from, BYTES_MAX);
        feed(bytes, sizes, |buf| assembler.take(buf))
    };
    let [one, few, all] = cuts().map(|sizes| take(data, sizes));
    assert!(one.0 == all.0 && one.1 == all.1, "{one:?}, {all:?}");
    assert!(few.0 == all.0 && few.1 == all.1, "{few:?}, {all:?}");
    let (mut said, mut bytes) = (all.0, Vec::new());
    said.retain(|event| !matches!(event, Received::Fragment | Received::Pong));
    for event in &said {
        let key = (from == Side::Client).then_some([1, 2, 3, *first]);
        let (opcode, payload) = match event {
            Received::Text(text) => (Opcode::Text, text.text().into_bytes()),
            Received::Binary(bytes) => (Opcode::Binary, bytes.0.concat()),
            Received::Ping(bytes) => (Opcode::Ping, bytes.clone()),
            Received::Close(code, reason) => (Opcode::Close, close_payload(*code, reason)),
            Received::Fragment | Received::Pong => continue,
        };
        assert!(payload.len() <= BYTES_MAX);
        frame::encode(&mut bytes, opcode, &payload, key);
    }
    assert_eq!(take(&bytes, vec![]), (said, None, 0));
}

/// JSON is what serde_json takes for JSON, less what is too deep or no object, and the members of
/// an object are the same: those it has, and one that it has not. So any text is tried once more
/// as a member.
pub fn json(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let quoted = json::quoted(text);
    assert_eq!(serde_json::from_str::<String>(&quoted).ok().as_deref(), Some(text));
    let string = Value::String(text.to_string());
    assert_eq!(json::members(&format!("{{{quoted}:{quoted}}}"), [text]), Ok([string]));
    for text in [text, &format!(r#"{{"a":{text}}}"#)] {
        let theirs = serde_json::from_str::<serde_json::Value>(text);
        let object = theirs.as_ref().ok().and_then(|theirs| theirs.as_object());
        let names = object.into_iter().flat_map(|members| members.keys().map(String::as_str));
        for name in names.chain(["user"]) {
            match (json::members(text, [name]), &theirs) {
                (Ok([ours]), Ok(theirs)) => assert!(same(&ours, &theirs[name]), "{text}"),
                (Err(problem), Ok(_)) if object.is_some() => {
                    let brackets = text.bytes().filter(|byte| b"[{".contains(byte)).count();
                    assert!(problem.contains("brackets"), "{problem}");
                    assert!(brackets > json::DEPTH_MAX, "{problem}");
                }
                (Err(problem), Ok(_)) => assert!(problem.ends_with("expected an object")),
                // Infinite for JavaScript, no value that we keep, an error for serde_json.
                (Ok(_), Err(error)) => {
                    assert!(error.to_string().contains("out of range"), "{error}")
                }
                (Err(problem), Err(_)) => assert!(text.is_char_boundary(error_at(&problem))),
            }
        }
    }
}

/// What is nested is kept as it is written: that is read, too, if it is an array.
fn same(ours: &Value, theirs: &serde_json::Value) -> bool {
    match (ours, theirs) {
        (Value::Absent, serde_json::Value::Null) => true,
        (Value::String(ours), serde_json::Value::String(theirs)) => ours == theirs,
        (Value::Other(text), serde_json::Value::Array(theirs)) => {
            let ours = elements(text).unwrap();
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(a, b)| same(a, b))
        }
        (Value::Other(text), theirs) => {
            &serde_json::from_str::<serde_json::Value>(text).unwrap() == theirs
        }
        _ => false,
    }
}

/// 7 of `at byte 7 of the JSON came …`.
pub fn error_at(problem: &str) -> usize {
    let rest = problem.strip_prefix("at byte ").expect("an error of JSON");
    rest.split_once(" of the JSON came ").expect("what came").0.parse().expect("a number")
}

/// A form means what it means to a browser, and what is encoded comes back.
pub fn form(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let encoded = form::encode(text);
    assert!(encoded.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%".contains(&b)));
    assert_eq!(form::decode(&encoded), text);
    assert_eq!(form::get(&format!("a=1&b={encoded}"), "b").as_deref(), Some(text));
    for (name, _) in form_urlencoded::parse(data).filter(|(name, _)| !name.is_empty()) {
        let first = form_urlencoded::parse(data).find(|(other, _)| *other == name);
        assert_eq!(form::get(text, &name).as_deref(), first.as_ref().map(|(_, value)| &**value));
    }
}
