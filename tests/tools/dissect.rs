//! What explains bytes, held against what obeys them: the tools read everything, the core reads
//! what it accepts, and where both read, they must read the same.

use super::common::cyrillic;
use proptest::prelude::*;
use rawchat::techniques::{api, said};
use rawchat::tools::dissect::block::exchange;
use rawchat::tools::dissect::kinds::{NAMES, sentence, value};
use rawchat::tools::dissect::verdict::read_request;
use rawchat::tools::dissect::{Asked, Context, Field, Kind, Language, Side, dissect, is_leaf};
use rawchat::tools::lecture::source::{Mark, marks};
use rawchat::wire::buffer::Buffer;
use rawchat::wire::frame::{self, Header, Opcode};
use rawchat::wire::http::{self, Request};
use rawchat::wire::message::Assembler;
use rawchat::wire::{form, handshake};
use std::collections::BTreeSet;
use std::path::Path;

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
/// Every cut of a shorter stream is tried, and some cuts of a longer one.
const EVERY_CUT_BYTES_MAX: usize = 1500;

// ---- Streams: what may be sent on one direction of a connection

fn frame(first: u8, payload: &[u8], key: Option<[u8; 4]>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let length = payload.len() as u64;
    frame::encode_header(&mut bytes, Header { fin: true, opcode: Opcode::Text, key, length });
    bytes[0] = first;
    let start = bytes.len();
    bytes.extend_from_slice(payload);
    if let Some(key) = key {
        frame::mask(&mut bytes[start..], key);
    }
    bytes
}

const UPGRADE: &str = "GET /?user=Bob&lastId=7&x=1 HTTP/1.1\r\nHost: 127.0.0.1:3000\r\n\
    Upgrade: websocket\r\nConnection: Upgrade\r\nOrigin: http://127.0.0.1:3000\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n";

fn from_client() -> Vec<Vec<u8>> {
    let text = [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "\r\nGET /subscribe?lastId=7 HTTP/1.1\r\nHost: 127.0.0.1:3000\r\nUser-Agent: curl/8.5.0\r\n\
         Accept: */*\r\nAccept-Language: uk,en;q=0.5\r\nAccept-Encoding: gzip\r\nCookie: lang=uk\r\n\
         Referer: http://a/\r\nX-Empty:\r\nX-Wide: \t a  \r\nConnection: keep-alive\r\n\r\n",
        "POST /messages HTTP/1.1\r\nHost: a\r\nOrigin: http://a\r\nContent-Type: \
         application/json\r\nContent-Length: 16\r\nConnection: close\r\n\r\n{\"text\":\"\u{41f}\u{440}\"} ",
        "POST /messages HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\
         \r\n5;a=b\r\nhello\r\n00A ;b\r\n0123456789\r\n0\r\nX-Sum: 7\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "HEAD /?lang=uk HTTP/1.1\r\nHost: a\r\n\r\nOPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http://example.org/a%20b?user=%D0%9E HTTP/1.0\r\n\r\nGET http://a?b HTTP/1.1\r\nHost: b\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n",
        "CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n",
        // What the core refuses.
        "GET / HTTP/1.1\nHost: a\n\n",
        "GARBAGE\r\n\r\n",
        "GET  / HTTP/1.1\r\nHost: a\r\n folded\r\nno field\r\nBad : name\r\n: none\r\nA: \u{1b}[2J\rx\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1 \r\na\r\n0\r\n\r\n",
        "<html>, which is no request",
        UPGRADE,
    ];
    let mut streams: Vec<Vec<u8>> = text.iter().map(|text| text.as_bytes().to_vec()).collect();
    let mut chat = UPGRADE.as_bytes().to_vec();
    for (first, payload) in [
        (0x81, "{\"type\":\"message\",\"text\":\"\u{41f}\u{440}\u{438}\"}"),
        (0x01, "in "),
        (0x89, "are you there"),
        (0x00, "three "),
        (0x8a, ""),
        (0x80, "pieces"),
        (0x82, "\0\u{1}\u{2}"),
        (0x8a, "yes"),
        (0x88, "\u{3}\u{fffd}bye"),
    ] {
        chat.extend(frame(first, payload.as_bytes(), Some(KEY)));
    }
    streams.push(chat);
    streams.push([frame(0x88, &[0x03, 0xe8], Some(KEY)), frame(0x88, &[3], Some(KEY))].concat());
    streams.push(vec![22, 3, 1, 0, 5, 1, 0, 0, 1, 0, 21, 3, 3, 0, 2, 2, 40]);
    // As the Autobahn suite has them: all first bytes, all forms of length, masked and not.
    streams.extend([None, Some(KEY)].map(|key| {
        let every = |first| frame(first, b"ab", key);
        (0..=255).filter(|first| first & 15 != 8).flat_map(every).collect()
    }));
    for length in [0, 1, 125, 126, 127, 65_535, 65_536] {
        streams.push([frame(0x82, &vec![7; length], Some(KEY)), frame(0x89, b"", None)].concat());
    }
    streams.push([&[0x81, 0xfe, 0, 5][..], &KEY, b"short", &[0x81, 0xff]].concat());
    streams.push(UPGRADE.as_bytes()[..40].to_vec());
    streams.push([&[0x82, 0x7f][..], &[0xff; 8], b"rest"].concat());
    streams
}

fn from_server() -> Vec<Vec<u8>> {
    let text = [
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
         Content-Type: application/json\r\nLog-Epoch: 1\r\nServer: x\r\nX-Content-Type-Options: nosniff\r\n\
         Cross-Origin-Resource-Policy: same-origin\r\nContent-Security-Policy: x\r\nAllow: GET\r\n\
         ETag: x\r\nLast-Modified: x\r\nVary: x\r\nKeep-Alive: x\r\nSec-Fetch-Site: x\r\n\
         Sec-CH-UA: x\r\nUpgrade-Insecure-Requests: 1\r\nPriority: x\r\nContent-Length: 2\r\n\r\n[]",
        "HTTP/1.1 204 No Content\r\nCache-Control: no-store\r\n\r\nHTTP/1.1 304 Not Modified\r\n\
         Content-Length: 5\r\n\r\nHTTP/1.1 303 See Other\r\nLocation: /\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nLink: </>; rel=\"next\"\r\n\r\n5;x\r\nhello\r\n\
         0\r\nA: b\r\n\r\nHTTP/1.1 503 \r\nRetry-After: 5\r\nSet-Cookie: lang=uk\r\n\r\nto the end",
        "HTTP/1.1 200\r\n\r\n\r\nnot a response, but a body",
        "HTTP/1.1 OK\r\n\r\n",
        "HTTP/1.1 400 Bad Request\nContent-Length: 1\n\nx",
        "220 mail.example.org ESMTP",
    ];
    let mut streams: Vec<Vec<u8>> = text.iter().map(|text| text.as_bytes().to_vec()).collect();
    let mut chat =
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
        Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
            .to_vec();
    for (first, payload) in [
        (0xc1, &b"\xf2\x48\xcd"[..]),
        (0x81, b"plain"),
        (0x41, b"\xf2"),
        (0x80, b"\x48"),
        (0x88, b""),
    ] {
        chat.extend(frame(first, payload, None));
    }
    streams.push(chat);
    streams
}

fn streams() -> Vec<(Side, Vec<u8>)> {
    let client = from_client().into_iter().map(|bytes| (Side::Client, bytes));
    client.chain(from_server().into_iter().map(|bytes| (Side::Server, bytes))).collect()
}

// ---- (a) Leaves tile the bits

/// The leaves cover every bit once, in order; each field lies within its parent, which comes before
/// it.
fn check_tiles(fields: &[Field], bytes: &[u8]) {
    let mut at = 0;
    for (index, field) in fields.iter().enumerate() {
        assert!(!field.bits.is_empty(), "{field:?} has no bits");
        if let Some(parent) = field.parent {
            let outer = &fields[parent].bits;
            assert!(parent < index && outer.start <= field.bits.start, "{field:?}");
            assert!(field.bits.end <= outer.end, "{field:?} sticks out of {:?}", fields[parent]);
        }
        assert_eq!(field.bits.start, at, "{field:?}: a gap, or two fields for one bit");
        if is_leaf(fields, index) {
            at = field.bits.end;
        }
    }
    assert_eq!(at, 8 * bytes.len(), "not to the end");
}

/// Of a stream that comes in pieces: the leaves, those joined that a cut has parted.
fn in_pieces(mut context: Context, bytes: &[u8], cuts: &[usize]) -> Vec<(Kind, usize, usize)> {
    let mut leaves: Vec<(Kind, usize, usize)> = Vec::new();
    let mut settled = 0;
    let cuts = cuts.iter().copied().filter(|cut| *cut < bytes.len());
    for end in cuts.chain([bytes.len()]) {
        let piece = &bytes[settled..end];
        let (fields, used) = dissect(piece, &mut context);
        check_tiles(&fields, piece);
        for (index, field) in
            fields.iter().enumerate().filter(|(index, _)| is_leaf(&fields, *index))
        {
            let whole = end == bytes.len() || field.bits.end <= 8 * used;
            if !whole {
                continue;
            }
            let bits = 8 * settled + field.bits.start..8 * settled + field.bits.end;
            match leaves.last_mut() {
                Some(last)
                    if last.0 == field.kind && field.kind.is_content() && last.2 == bits.start =>
                {
                    last.2 = bits.end;
                }
                _ => leaves.push((fields[index].kind, bits.start, bits.end)),
            }
        }
        settled += used;
    }
    leaves
}

fn contexts(from: Side) -> [Context; 3] {
    let mut frames = Context::guess(from);
    frames.switch_to_frames();
    [Context::guess(from), Context::http(from), frames]
}

#[test]
fn the_leaves_tile_the_bits_at_every_cut() {
    for (from, bytes) in streams() {
        let step = 1 + bytes.len() / EVERY_CUT_BYTES_MAX * 97;
        for context in contexts(from) {
            let whole = in_pieces(context.clone(), &bytes, &[]);
            for cut in (0..bytes.len()).step_by(step) {
                let (fields, used) = dissect(&bytes[..cut], &mut context.clone());
                check_tiles(&fields, &bytes[..cut]);
                assert!(used <= cut);
                assert_eq!(in_pieces(context.clone(), &bytes, &[cut]), whole, "cut at {cut}");
            }
        }
    }
}

/// Streams with something changed in them, or anything at all.
pub fn mutated() -> impl Strategy<Value = (Side, Vec<u8>)> {
    let change = (any::<prop::sample::Index>(), any::<u8>(), 0..3);
    let changed = (prop::sample::select(streams()), prop::collection::vec(change, 0..4));
    let changed = changed.prop_map(|((from, mut bytes), changes)| {
        for (at, byte, how) in changes {
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => bytes.truncate(at.max(1)),
            }
        }
        (from, bytes)
    });
    let side = prop_oneof![Just(Side::Client), Just(Side::Server)];
    prop_oneof![4 => changed, 1 => (side, prop::collection::vec(any::<u8>(), 0..200))]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn the_leaves_tile_whatever_bytes_come(
        (from, bytes) in mutated(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.sort();
        for context in contexts(from) {
            let whole = in_pieces(context.clone(), &bytes, &[]);
            prop_assert_eq!(in_pieces(context, &bytes, &cuts), whole);
        }
    }

    /// (b) and (c)
    #[test]
    fn what_the_core_accepts_is_read_the_same((from, bytes) in mutated()) {
        if from == Side::Client {
            check_requests(&bytes);
        }
        check_frames(&bytes, from);
    }
}

// ---- (b) Agreement and (c) boundaries

fn fields_of(fields: &[Field], kind: Kind) -> impl Iterator<Item = &Field> {
    fields.iter().filter(move |field| field.kind == kind)
}

fn text_of(fields: &[Field], kind: Kind, bytes: &[u8]) -> String {
    let texts = fields_of(fields, kind).map(|field| field.plain(bytes).into_owned());
    String::from_utf8_lossy(&texts.collect::<Vec<_>>().concat()).into_owned()
}

/// Each request at the front of `bytes` that the core takes, one after another.
fn check_requests(bytes: &[u8]) -> usize {
    let (mut rest, mut count) = (bytes, 0);
    loop {
        while let Some(after) = rest.strip_prefix(b"\r\n") {
            rest = after;
        }
        let Ok(Some((request, used))) = read_request(rest) else { return count };
        let head = rest.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
        let (fields, _) = dissect(rest, &mut Context::http(Side::Client));
        assert_eq!(fields[0].kind, Kind::Request);
        assert_eq!(fields[0].bits.end, 8 * used, "the next request begins elsewhere: {request:?}");
        let own = fields.iter().take_while(|field| field.bits.start < 8 * used).cloned();
        check_request(&own.collect::<Vec<_>>(), &rest[..used], head, &request);
        (rest, count) = (&rest[used..], count + 1);
    }
}

fn check_request(fields: &[Field], bytes: &[u8], head: usize, request: &Request) {
    assert_eq!(text_of(fields, Kind::Method, bytes), request.method);
    let minor = text_of(fields, Kind::Version, bytes).pop().unwrap() as u8 - b'0';
    assert_eq!(minor.min(1), request.minor);
    let authority = text_of(fields, Kind::Authority, bytes);
    let path = form::decode(&text_of(fields, Kind::Path, bytes));
    let path = if path.is_empty() && !authority.is_empty() { "/".into() } else { path };
    assert_eq!(path, request.path);
    let parameters = [Kind::LastId, Kind::User, Kind::Lang, Kind::Parameter];
    let query = fields.iter().filter(|field| parameters.contains(&field.kind));
    let query: Vec<u8> = query.flat_map(|field| bytes[field.bytes()].to_vec()).collect();
    let query = String::from_utf8_lossy(&query).into_owned();
    assert_eq!(query.strip_prefix('?').unwrap_or_default(), request.query);
    let lines = fields
        .iter()
        .enumerate()
        .filter(|(_, f)| f.kind.is_field_line() && f.bits.start < 8 * head);
    let pairs = lines.map(|(index, _)| {
        let part = |kind| {
            let parts = fields.iter().filter(|f| f.parent == Some(index) && f.kind == kind);
            let bytes = parts.flat_map(|f| bytes[f.bytes()].to_vec()).collect::<Vec<_>>();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        (part(Kind::FieldName), part(Kind::FieldValue))
    });
    let target_host = request.target_host.as_deref();
    assert_eq!(authority.get(7..).filter(|host| !host.is_empty()), target_host);
    assert_eq!(pairs.collect::<Vec<_>>(), request.fields);
    let ends = fields_of(fields, Kind::EmptyLine).map(|field| field.bits.end).collect::<Vec<_>>();
    assert_eq!(ends, [8 * head]);
    let content = fields.iter().filter(|f| matches!(f.kind, Kind::Content | Kind::ChunkData));
    let content: Vec<u8> = content.flat_map(|field| bytes[field.bytes()].to_vec()).collect();
    assert_eq!(content, request.body);
    let websocket = handshake::wanted(request);
    let upgrades = text_of(fields, Kind::Upgrade, bytes).to_ascii_lowercase();
    assert!(!websocket || upgrades.contains("websocket"));
}

/// Each frame at the front of `bytes` that the core takes, one after another.
fn check_frames(bytes: &[u8], from: Side) -> usize {
    let [.., frames] = contexts(from);
    let (fields, _) = dissect(bytes, &mut frames.clone());
    let starts: Vec<usize> = fields_of(&fields, Kind::Frame).map(|f| f.bits.start / 8).collect();
    let (mut at, mut count) = (0, 0);
    while let Ok(Some((header, used))) = frame::decode(&bytes[at..], from, u64::MAX) {
        for end in at..at + used {
            assert_eq!(frame::decode(&bytes[at..end], from, u64::MAX), Ok(None));
        }
        assert!(starts.contains(&at), "a frame at {at}, not only at {starts:?}");
        let mut header_ends = 0;
        let mut number = |kind: Kind| {
            let field = fields_of(&fields, kind).find(|field| field.bits.start >= 8 * at)?;
            let near = field.bits.end <= 8 * (at + used);
            header_ends = header_ends.max(if near { field.bits.end / 8 } else { 0 });
            near.then(|| field.number(bytes))
        };
        assert_eq!(number(Kind::Fin), Some(u64::from(header.fin)));
        assert_eq!(number(Kind::Opcode), Some(header.opcode as u64));
        assert_eq!(number(Kind::Mask), Some(u64::from(header.key.is_some())));
        let short = number(Kind::Length7).unwrap();
        let length = match short {
            126 => number(Kind::Length16),
            127 => number(Kind::Length64),
            short => Some(short),
        };
        assert_eq!(length, Some(header.length));
        let key = number(Kind::MaskingKey);
        assert_eq!(key, header.key.map(|key| u64::from(u32::from_be_bytes(key))));
        assert_eq!(header_ends, at + used, "the payload begins elsewhere");
        let end = (at + used).saturating_add(header.length as usize);
        let Some(payload) = bytes.get(at + used..end) else { return count };
        let mut plain = payload.to_vec();
        if let Some(key) = header.key {
            frame::mask(&mut plain, key);
        }
        let within = |f: &&Field| f.bits.start >= 8 * (at + used) && f.bits.end <= 8 * end;
        let leaves =
            fields.iter().enumerate().filter(|(index, f)| is_leaf(&fields, *index) && within(f));
        let seen: Vec<u8> = leaves.flat_map(|(_, f)| f.plain(bytes).into_owned()).collect();
        assert_eq!(seen, plain);
        (at, count) = (end, count + 1);
    }
    count
}

#[test]
fn the_core_and_the_dissector_agree_on_every_stream() {
    let (mut requests, mut frames) = (0, 0);
    for (from, bytes) in streams() {
        if from == Side::Client {
            requests += check_requests(&bytes);
        }
        frames += check_frames(&bytes, from);
        if let Some(at) = bytes.windows(4).position(|end| end == b"\r\n\r\n") {
            frames += check_frames(&bytes[at + 4..], from);
        }
    }
    assert!(requests >= 12 && frames >= 20, "{requests} requests, {frames} frames: too few");
}

/// What the core writes, one response after another on one connection, is read as it was meant.
#[test]
fn what_the_core_writes_is_read_as_it_was_meant() {
    let (mut bytes, mut context) = (Vec::new(), Context::http(Side::Server));
    let request = |method: &str| Request { method: method.into(), minor: 1, ..Request::default() };
    let json = |text: &str| http::Response::json(200, text);
    let responses = [
        ("GET", json("[]"), "[]"),
        ("GET", http::Response::new(204), ""),
        ("HEAD", json("[1]"), ""),
        ("GET", http::Response::new(304), ""),
        ("POST", http::Response::new(303).with("Location", "/"), ""),
        (
            "GET",
            http::Response::new(404).body("text/plain", "HTTP/1.1 200 OK\r\n\r\n"),
            "HTTP/1.1 200 OK\r\n\r\n",
        ),
        ("GET", http::Response::new(101).with("Upgrade", "websocket"), ""),
    ];
    for (method, response, _) in &responses {
        bytes.extend(response.encode(request(method).asked(), 0));
        context.asked.push_back(if *method == "HEAD" { Asked::Head } else { Asked::Other });
    }
    frame::encode(&mut bytes, Opcode::Ping, b"hi", None);
    let (fields, used) = dissect(&bytes, &mut context);
    assert_eq!(used, bytes.len());
    let starts: Vec<usize> =
        (0..fields.len()).filter(|index| fields[*index].parent.is_none()).collect();
    assert_eq!(starts.len(), responses.len() + 1);
    for (start, (_, response, body)) in starts.iter().zip(&responses) {
        let own = &fields[exchange(&fields, *start)];
        assert_eq!(text_of(own, Kind::Status, &bytes), response.status.to_string());
        assert_eq!(text_of(own, Kind::Content, &bytes), *body);
    }
    assert_eq!(text_of(&fields, Kind::PingPayload, &bytes), "hi");
}

/// An answer to HEAD has no body, whatever its length says; only who saw the question knows.
/// RFC 9112 §6.3, RFC 9110 §9.3.2
#[test]
fn the_end_of_a_response_depends_on_its_request() {
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
    let two = [&head[..], head].concat();
    let kinds = |asked: &[Asked]| {
        let mut context = Context::http(Side::Server);
        context.asked.extend(asked);
        let (fields, _) = dissect(&two, &mut context);
        let responses = fields_of(&fields, Kind::Response).count();
        (responses, fields_of(&fields, Kind::Unknown).count())
    };
    assert_eq!(kinds(&[Asked::Head, Asked::Head]), (2, 0));
    assert_eq!(kinds(&[Asked::Other]), (1, 1), "five bytes of it are a body, the rest is no HTTP");
    assert_eq!(kinds(&[Asked::Connect]), (1, 1), "a tunnel");
    let mut client = Context::http(Side::Client);
    dissect(b"HEAD / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n", &mut client);
    assert_eq!(client.asked, [Asked::Head, Asked::Other]);
}

// ---- (d) The marks

/// Where the core refuses these bytes of a client: the file and the line.
fn refused(bytes: &[u8], in_frames: bool) -> Option<(String, u32)> {
    let place = |place: &std::panic::Location| (place.file().replace('\\', "/"), place.line());
    if in_frames {
        let mut assembler = Assembler::new(Side::Client, 1 << 20);
        let mut buf = Buffer::default();
        buf.fill(&mut &bytes[..]).unwrap();
        loop {
            match assembler.take(&mut buf) {
                Ok(Some(_)) => {}
                Ok(None) => return None,
                Err(violation) => return Some(place(violation.location)),
            }
        }
    }
    let bytes = bytes.strip_prefix(b"\r\n").unwrap_or(bytes);
    let request = match read_request(bytes) {
        Ok(read) => read?.0,
        Err(refusal) => return Some(place(refusal.location)),
    };
    let asked = request.check_origin();
    let asked = asked.and_then(|()| api::last_id(&request).map(drop));
    let asked = asked.and_then(|()| said::name(request.query("user")).map(drop));
    if let Err(refusal) = asked {
        return Some(place(refusal.location));
    }
    let answer = match request.method.as_str() {
        "POST" => posted(&request),
        _ if request.field("Sec-WebSocket-Key").is_some() => handshake::answer(&request).err(),
        _ => None,
    };
    // `: what came (src/….rs:42)`
    let why = answer?.why;
    let (file, line) = why.strip_suffix(')')?.rsplit_once('(')?.1.rsplit_once(':')?;
    Some((file.to_string(), line.parse().ok()?))
}

fn posted(request: &Request) -> Option<http::Response> {
    use rawchat::techniques::{Chat, TECHNIQUES, Timing};
    api::say_posted(&Chat::new(&TECHNIQUES[0], Timing::default()), request).err()
}

const GET: &str = "GET /m?lastId=7&user=Bob HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n";
const POST: &str = "POST /m HTTP/1.1\r\nHost: a\r\nOrigin: http://a\r\nContent-Type: \
    application/json\r\nContent-Length: 12\r\n\r\n{\"text\":\"a\"}";
const CHUNKED: &str = "POST /m HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n\
    Transfer-Encoding: chunked\r\n\r\n00C\r\n{\"text\":\"a\"}\r\n0\r\n\r\n";

/// A kind, bytes in which it occurs, and what is put in its place.
type Sample<'a> = (Kind, &'a [u8], Option<&'a [u8]>);

/// A field is damaged, and nothing but that field: the core refuses in the code under the mark that
/// is named for it. `None` in place of the damage: the field itself is what is refused.
#[test]
fn the_mark_of_a_field_is_the_code_that_refuses_it() {
    let ping = frame(0x89, b"ping", Some(KEY));
    let text = frame(0x81, b"text", Some(KEY));
    let close = frame(0x88, &[0x03, 0xe8, b'b', b'y'], Some(KEY));
    let medium = frame(0x82, &[0; 126], Some(KEY));
    let large = frame(0x82, &[0; 65_536], Some(KEY));
    let parts = [frame(0x01, b"a", Some(KEY)), frame(0x80, b"b", Some(KEY))].concat();
    let long_name = format!("&user={}", "x".repeat(65));
    let samples: &[Sample] = &[
        (Kind::RequestLine, GET.as_bytes(), Some(b"GET /\r\n")),
        (Kind::OddRequestLine, b"GARBAGE\r\n", None),
        (Kind::Method, GET.as_bytes(), Some(b"G(T")),
        (Kind::Space, GET.as_bytes(), Some(b"  ")),
        (Kind::Authority, b"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", Some(b"http://a,b")),
        (Kind::Authority, b"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", Some(b"http://")),
        (Kind::Path, GET.as_bytes(), Some(b"m")),
        (Kind::LastId, GET.as_bytes(), Some(b"?lastId=x")),
        (Kind::User, GET.as_bytes(), Some(long_name.as_bytes())),
        (Kind::Version, GET.as_bytes(), Some(b"HTTP/3.0")),
        (Kind::LineEnd, GET.as_bytes(), Some(b"\n")),
        (Kind::BareLf, b"GET / HTTP/1.1\n", None),
        (Kind::Control, b"GET / HTTP/1.1\r\nHost: \x00a\r\n\r\n", None),
        (Kind::EmptyLine, GET.as_bytes(), Some(b"x\r\n")),
        (Kind::FieldName, GET.as_bytes(), Some(b"Ho st")),
        (Kind::Colon, GET.as_bytes(), Some(b" : ")),
        (Kind::FieldValue, GET.as_bytes(), Some(b"a b")),
        (Kind::FoldedLine, b"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", None),
        (Kind::OddField, b"GET / HTTP/1.1\r\nHost a\r\n\r\n", None),
        (Kind::Host, GET.as_bytes(), Some(b"")),
        (Kind::Expect, GET.as_bytes(), Some(b"Expect: more\r\n")),
        (Kind::Upgrade, UPGRADE.as_bytes(), Some(b"Upgrade: h2c\r\n")),
        (Kind::WsKey, UPGRADE.as_bytes(), Some(b"Sec-WebSocket-Key: abc\r\n")),
        (Kind::WsVersion, UPGRADE.as_bytes(), Some(b"Sec-WebSocket-Version: 8\r\n")),
        (Kind::Origin, POST.as_bytes(), Some(b"Origin: http://evil.example\r\n")),
        (Kind::ContentType, POST.as_bytes(), Some(b"Content-Type: text/plain\r\n")),
        (Kind::ContentLength, POST.as_bytes(), Some(b"Content-Length: -1\r\n")),
        (Kind::ContentLength, POST.as_bytes(), Some(b"Content-Length: 99999999999999999999\r\n")),
        (
            Kind::ContentEncoding,
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\n\
            Content-Length: 0\r\n\r\n",
            None,
        ),
        (Kind::TransferEncoding, CHUNKED.as_bytes(), Some(b"Transfer-Encoding: gzip\r\n")),
        (Kind::Chunk, CHUNKED.as_bytes(), Some(b"no chunk\r\n")),
        (Kind::ChunkSize, CHUNKED.as_bytes(), Some(b"zz")),
        (Kind::ChunkData, CHUNKED.as_bytes(), Some(b"{\"text\":\"a\"} and more")),
        (Kind::LastChunk, CHUNKED.as_bytes(), Some(b"end")),
        (Kind::Frame, &text, Some(&[0xf0])),
        (Kind::Fin, &ping, Some(&[0x09])),
        (Kind::Rsv, &text, Some(&[0xc1])),
        (Kind::Rsv, &text, Some(&[0x91])),
        (Kind::Opcode, &text, Some(&[0x83])),
        (Kind::Mask, &text, Some(&[0x04])),
        (Kind::Length7, &ping, Some(&[0xfe])),
        (Kind::Length16, &medium, Some(&[0, 125])),
        (Kind::Length64, &large, Some(&[0, 0, 0, 0, 0, 0, 0xff, 0xff])),
        (Kind::Length64, &large, Some(&[0x80, 0, 0, 0, 0, 1, 0, 0])),
        (Kind::TextPayload, &text, Some(&[0xff ^ KEY[0], 0, 0, 0])),
        (Kind::ContinuedPayload, &parts, Some(&[0xff ^ KEY[0]])),
        (Kind::CloseCode, &close, Some(&[0x03 ^ KEY[0], 0xed ^ KEY[1]])),
        (Kind::CloseReason, &close, Some(&[0xff ^ KEY[2], b'y' ^ KEY[3]])),
        (Kind::HalfCloseCode, &frame(0x88, &[3], Some(KEY)), None),
        (Kind::TlsRecord, &[22, 3, 1, 0, 1, 1], None),
        (Kind::TlsType, &[22, 3, 1, 0, 1, 1], None),
    ];
    let marks = marks();
    let mut tried = BTreeSet::new();
    for (kind, sample, damage) in samples {
        let (fields, _) = dissect(sample, &mut Context::guess(Side::Client));
        let field = fields_of(&fields, *kind).next().unwrap_or_else(|| panic!("no {kind:?}"));
        let in_frames = fields[0].kind == Kind::Frame;
        let mut damaged = sample.to_vec();
        if let Some(damage) = damage {
            assert_eq!(refused(sample, in_frames), None, "{kind:?}: refused before it is damaged");
            damaged.splice(field.bytes(), damage.iter().copied());
        }
        let (file, line) =
            refused(&damaged, in_frames).unwrap_or_else(|| panic!("{kind:?}: not refused"));
        let name =
            kind.mark().unwrap_or_else(|| panic!("{kind:?}: somebody reads it: {file}:{line}"));
        let mark = marks.iter().find(|mark| mark.name == name).unwrap();
        let inside = mark.path == file && mark.lines.contains(&(line as usize - 1));
        assert!(inside, "{kind:?}: refused at {file}:{line}, which is not in §{name}");
        tried.insert(format!("{kind:?}"));
    }
    // The others cannot be damaged so that the core refuses: it reads them, or writes them, and
    // this is how.
    for (kind, code) in READ_NOT_REFUSED {
        let name = kind.mark().unwrap_or_else(|| panic!("{kind:?}"));
        let mark = marks.iter().find(|mark| mark.name == name).unwrap();
        assert!(mark.code.contains(code), "{kind:?}: there is no {code:?} in §{name}");
        assert!(tried.insert(format!("{kind:?}")), "{kind:?} is refused as well");
    }
    for kind in Kind::ALL.iter().filter(|kind| kind.mark().is_some()) {
        assert!(tried.contains(&format!("{kind:?}")), "{kind:?}: its mark was not tried");
    }
}

const READ_NOT_REFUSED: &[(Kind, &str)] = &[
    (Kind::EarlyLine, "begins_request"),
    (Kind::Request, "fn request_line"),
    (Kind::Lang, "\"lang\""),
    (Kind::Field, "field_line"),
    (Kind::Connection, "goes_on"),
    (Kind::Accept, "wants_page"),
    (Kind::AcceptLanguage, "Accept-Language"),
    (Kind::Cookie, "Cookie"),
    (Kind::Content, "bytes(source, size)"),
    (Kind::ChunkExtension, "split_once(';')"),
    (Kind::BodyEnd, "fields(source, &mut used, TRAILERS)"),
    (Kind::Response, "fn encode"),
    (Kind::StatusLine, "HTTP/1.1 "),
    (Kind::Status, "status.to_string()"),
    (Kind::Reason, "reason(status)"),
    (Kind::Date, "\"Date\""),
    (Kind::CacheControl, "\"Cache-Control\""),
    (Kind::Location, "\"Location\""),
    (Kind::SetCookie, "Set-Cookie"),
    (Kind::RetryAfter, "\"Retry-After\""),
    (Kind::Link, "\"Link\""),
    (Kind::LogEpoch, "\"Log-Epoch\""),
    (Kind::WsAccept, "\"Sec-WebSocket-Accept\""),
    (Kind::RsvCompressed, "RESERVED"),
    (Kind::MaskingKey, "key[i % 4]"),
    (Kind::BinaryPayload, "Received::Binary"),
    (Kind::PingPayload, "Received::Ping"),
    (Kind::PongPayload, "Received::Pong"),
    (Kind::Unfinished, "source.wait()"),
];

/// What nobody reads, nobody reads.
#[test]
fn the_core_does_not_know_a_field_that_it_is_said_not_to_read() {
    // What tools do with a field counts for one of them: it chooses the language of the chat's pages.
    let mut source = include_str!("../../src/tools/pages.rs").to_string();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            match entry.path() {
                path if path.ends_with("tools") => {}
                path if path.is_dir() => folders.push(path),
                path => source += &std::fs::read_to_string(path).unwrap(),
            }
        }
    }
    // A field that is written, and not read, may be written where there is no mark.
    let written = |name: &&str| {
        ["with", "field"].iter().any(|call| source.contains(&format!("{call}(\"{name}\"")))
    };
    for (name, kind) in NAMES.iter().filter(|(name, _)| !written(name)) {
        assert_eq!(source.contains(&format!("\"{name}\"")), kind.mark().is_some(), "{name}");
    }
}

// ---- The words

#[test]
fn every_kind_occurs_and_has_a_sentence_in_both_languages_a_section_and_a_mark() {
    let marks: BTreeSet<&str> = marks().iter().map(|Mark { name, .. }| *name).collect();
    let mut seen = BTreeSet::new();
    for (from, bytes) in streams() {
        let (fields, _) = dissect(&bytes, &mut Context::guess(from));
        for field in &fields {
            let [uk, en] = [Language::Uk, Language::En].map(|l| sentence(field, &bytes, l));
            assert!(cyrillic(&uk.replace(&value(field, &bytes), "")), "{uk}");
            assert!(!cyrillic(&en.replace(&value(field, &bytes), "")), "{en}");
            for text in [&uk, &en] {
                assert!(!text.contains(['{', '}']) || value(field, &bytes).contains('{'), "{text}");
                assert!(!text.contains(char::is_control), "a terminal would obey {text:?}");
                assert!(!text.trim_end().ends_with([':', ',']), "{text:?} is not to its end");
                assert!(!text.contains(": ."), "no row of the table fits: {text:?}");
            }
            seen.insert(format!("{:?}", field.kind));
        }
    }
    for kind in Kind::ALL {
        assert!(seen.contains(&format!("{kind:?}")), "{kind:?} does not occur in the streams");
        assert!(kind.mark().is_none_or(|mark| marks.contains(mark)), "{kind:?}");
        let section = kind.rfc();
        let (number, section) = section.strip_prefix("RFC ").unwrap().split_once(" §").unwrap();
        let digits = |text: &str| text.split('.').all(http::is_number);
        assert!(digits(number) && digits(section), "{kind:?}: {section}");
    }
    let told = include_str!("../../public/notes/bytes.md").matches("\n### ").count();
    assert!(Kind::ALL.len() == told && told >= 60, "{told} kinds are told of");
}
