//! §1.4 How long is the body? Only the head can say (RFC 9112 §6), and two answers are an attack.

use super::head::fields;
use super::line::{CHUNK_LINE, Source, TRAILERS, bytes, next_line};
use super::{Refusal, Request, is_number, refuse};
use crate::wire::buffer::BUFFER_BYTES_MAX;

/// A longer body is 413.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
const _: () = assert!(BODY_BYTES_MAX <= BUFFER_BYTES_MAX, "it is in the buffer until it is whole");
/// A longer line before a chunk (its size and extensions) is 400.
pub const CHUNK_LINE_BYTES_MAX: usize = 256;

/// Waits for the body of `request`. A size is judged when it is announced, before a byte of it is stored.
pub fn read_body(source: &mut impl Source, request: &Request) -> Result<Vec<u8>, Refusal> {
    let lengths: Vec<&str> = request.values("Content-Length").collect();
    let coded = request.field("Transfer-Encoding").is_some();
    match lengths[..] {
        [] if coded => {
            check_coding(request)?;
            chunks(source)
        }
        [] => Ok(Vec::new()),
        [length] if !coded && is_number(length) => {
            let size = within_limit(0, length.parse().unwrap_or(usize::MAX))?;
            let body = bytes(source, size)?.to_vec();
            source.buf().consume(size);
            Ok(body)
        }
        // RFC 9112 §6.1, §6.3: with two answers requests are smuggled past a proxy.
        _ => {
            let coding = if coded { " beside Transfer-Encoding" } else { "" };
            let problem = format!("Content-Length: {lengths:?}{coding}, expected one number");
            refuse(400, problem, "Content-Length: 5, or chunked")
        }
    }
}

/// `chunked` is the only coding that is read here, and without it as the last one a body would end
/// where the connection does.
fn check_coding(request: &Request) -> Result<(), Refusal> {
    let chunked = |coding: &&str| coding.eq_ignore_ascii_case("chunked");
    let codings: Vec<&str> = request.list("Transfer-Encoding").collect();
    match codings[..] {
        [one] if chunked(&one) && request.minor > 0 => Ok(()),
        [ref before @ .., _] if !before.iter().any(chunked) && request.minor > 0 => {
            refuse(501, format!("transfer codings {codings:?}"), "chunked")
        }
        _ => refuse(400, "expected chunked, once and last, in HTTP/1.1", "chunked"),
    }
}

fn within_limit(have: usize, size: usize) -> Result<usize, Refusal> {
    match size <= BODY_BYTES_MAX - have {
        true => Ok(size),
        false => refuse(413, format!("a body of over {BODY_BYTES_MAX} bytes"), "a shorter one"),
    }
}

/// §1.5 Chunks (RFC 9112 §7.1): `5;extension CR LF hello CR LF … 0 CR LF trailers CR LF`.
/// The sender need not know the length of the whole when it begins.
fn chunks(source: &mut impl Source) -> Result<Vec<u8>, Refusal> {
    const TRY: &str = "5 CR LF hello CR LF";
    let mut body = Vec::new();
    loop {
        // 1. The size in hexadecimal digits, and perhaps an extension behind a `;`. RFC 9112 §7.1.1
        let mut used = 0;
        let line = String::from_utf8_lossy(next_line(source, &mut used, CHUNK_LINE)?);
        let size =
            line.split_once(';').map_or(&*line, |(size, _)| size.trim_end_matches([' ', '\t']));
        if size.is_empty() || !size.bytes().all(|b| b.is_ascii_hexdigit()) {
            return refuse(400, "expected the size of a chunk in hexadecimal", TRY);
        }
        let size = usize::from_str_radix(size, 16).unwrap_or(usize::MAX);
        let size = within_limit(body.len(), size)?;
        source.buf().consume(used);
        if size == 0 {
            break;
        }
        // 2. So many bytes.
        body.extend_from_slice(bytes(source, size)?);
        source.buf().consume(size);
        source.body_takes(body.capacity());
        // 3. CR LF.
        for byte in b"\r\n" {
            if bytes(source, 1)? != [*byte] {
                return refuse(400, "a chunk longer than its size says", TRY);
            }
            source.buf().consume(1);
        }
    }
    // 4. Trailers, up to an empty line.
    let mut used = 0;
    fields(source, &mut used, TRAILERS)?;
    source.buf().consume(used);
    Ok(body)
}
