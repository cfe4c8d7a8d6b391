//! §1.2 A request's head: the request line, the fields, an empty line (RFC 9112 §2 to §5).

use super::host::{check_host, minor_version, take_apart};
use super::line::{Limit, REQUEST_LINE, Source, WHOLE_HEAD, next_line};
use super::{Refusal, Request, refuse};

/// A longer request line is 414.
pub const REQUEST_LINE_BYTES_MAX: usize = 8 * 1024;
/// A longer head (request line and fields) is 431.
pub const HEAD_BYTES_MAX: usize = 16 * 1024;
/// More fields than this are 431.
pub const FIELDS_MAX: usize = 100;
const _: () = assert!(REQUEST_LINE_BYTES_MAX < HEAD_BYTES_MAX, "else 414 would never be said");

/// The methods of a resource that is only read: whoever may GET it may ask for its HEAD alone.
pub const READ_ONLY: &str = "GET, HEAD, OPTIONS";
/// All methods of this server. PUT, DELETE and PATCH it knows, and answers 405; others are 501.
pub const METHODS: &str = "GET, HEAD, POST, OPTIONS";
const KNOWN_METHODS: [&str; 7] = ["GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE", "PATCH"];
/// Advice where a request line is wrong.
pub(super) const TRY_LINE: &str = "GET /messages HTTP/1.1";

/// Waits for a head; its body follows. `Err`: answer and close. The buffer still has what came.
pub fn read_head(source: &mut impl Source) -> Result<Request, Refusal> {
    let mut used = 0;
    // 1. The request line, its length judged before it is complete.
    let mut request = request_line(next_line(source, &mut used, REQUEST_LINE)?)?;
    // 2. One field in each line, up to the empty line.
    request.fields = fields(source, &mut used, WHOLE_HEAD)?;
    // 3. What only the whole head can tell.
    check_host(&request)?;
    if let Some(other) = request.list("Expect").find(|e| !e.eq_ignore_ascii_case("100-continue")) {
        return refuse(417, format!("cannot meet Expect: {other}"), "Expect: 100-continue");
    }
    source.buf().consume(used);
    Ok(request)
}

/// `GET /messages?lastId=3 HTTP/1.1` (RFC 9112 §3): three words, one space between two.
fn request_line(line: &[u8]) -> Result<Request, Refusal> {
    let text = String::from_utf8_lossy(line);
    let words: Vec<&str> = text.split(' ').collect();
    let [method, target, version] = words[..] else {
        let problem = format!("{} word(s), expected 3: METHOD path HTTP/1.1", words.len());
        return refuse(400, format!("{problem}\n     you sent: {text:?}"), TRY_LINE);
    };
    if method.is_empty() || !method.bytes().all(is_token) {
        return refuse(400, format!("{method:?} is no method"), TRY_LINE);
    }
    let minor = minor_version(version)?;
    if !KNOWN_METHODS.contains(&method) {
        return refuse(501, format!("{method} is not implemented, {METHODS} are"), TRY_LINE);
    }
    let (target_host, path, query) = take_apart(method, target)?;
    Ok(Request { method: method.into(), path, query, minor, target_host, ..Request::default() })
}

/// The fields of a head, or those behind the last chunk.
pub(super) fn fields(
    source: &mut impl Source,
    used: &mut usize,
    limit: Limit,
) -> Result<Vec<(String, String)>, Refusal> {
    let mut fields = Vec::new();
    loop {
        let line = next_line(source, used, limit)?;
        if line.is_empty() {
            return Ok(fields);
        }
        if fields.len() == FIELDS_MAX {
            return refuse(431, format!("more than {FIELDS_MAX} fields"), "fewer fields");
        }
        fields.push(field_line(line)?);
    }
}

/// `Name: value` (RFC 9112 §5): no space before the colon, no line folding.
fn field_line(line: &[u8]) -> Result<(String, String), Refusal> {
    let line = String::from_utf8_lossy(line);
    match line.split_once(':') {
        Some((name, value)) if !name.is_empty() && name.bytes().all(is_token) => {
            Ok((name.into(), value.trim_matches([' ', '\t']).into()))
        }
        _ => {
            let problem = format!("{line:?} is no field: Name: value, no space before the colon");
            refuse(400, problem, "Host: 127.0.0.1")
        }
    }
}

/// `tchar` of RFC 9110 §5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
