//! WebSocket from bytes to messages and back (RFC 6455), without a socket.

#[allow(dead_code)]
#[path = "fuzz/checks.rs"]
mod checks;

use proptest::prelude::*;
use rawchat::wire::buffer::{BUFFER_BYTES_MAX, Buffer, timed_out};
use rawchat::wire::control::close_payload;
use rawchat::wire::frame::{self, Header, Opcode, Side, decode, encode};
use rawchat::wire::handshake::{accept_key, answer, wanted};
use rawchat::wire::http::{Request, Response, read_head};
use rawchat::wire::message::{Assembler, Received};
use rawchat::wire::payload::{PIECE_BYTES, Payload, mask_fast};
use std::io::{self, Read};

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
const BYTES_MAX: usize = 100_000;
/// RFC 6455 §5.5
const CONTROL_BYTES_MAX: usize = 125;

// ---- The opening handshake: RFC 6455 §4.1, §4.2

/// The request of RFC 6455 §1.3 with some lines replaced (`Name: value`, or the first), left out
/// (`Name`) or added (`+Name: value`).
fn upgrade(changes: &[&str]) -> Request {
    let mut lines = vec![
        "GET /chat HTTP/1.1",
        "Host: server.example.com",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Origin: http://server.example.com",
        "Sec-WebSocket-Protocol: chat, superchat",
        "Sec-WebSocket-Extensions: permessage-deflate",
        "Sec-WebSocket-Version: 13",
    ];
    for change in changes {
        let name = |line: &str| line.split(':').next().map(str::to_string);
        let same = |line: &&mut &str| name(line) == name(change);
        match change.strip_prefix('+') {
            Some(added) => lines.push(added),
            None if change.contains("HTTP/") => lines[0] = change,
            None => lines.iter_mut().filter(same).for_each(|line| *line = change),
        }
    }
    lines.retain(|line| line.contains(' '));
    let head = lines.join("\r\n") + "\r\n\r\n";
    checks::read(head.as_bytes(), [], |source| read_head(source)).unwrap().expect("a whole head").0
}

fn field<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.fields.iter().find(|field| field.0 == name).map(|(_, value)| &**value)
}

fn response_text(response: &Response) -> String {
    String::from_utf8(response.encode(upgrade(&[]).asked(), 0)).unwrap()
}

/// RFC 6455 §4.2.2
#[test]
fn the_handshake_of_the_rfc_is_answered_as_in_the_rfc() {
    let response = answer(&upgrade(&[])).unwrap();
    assert_eq!(response.status, 101);
    assert_eq!(field(&response, "Upgrade"), Some("websocket"));
    assert_eq!(field(&response, "Sec-WebSocket-Accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    let bytes = response_text(&response);
    assert_eq!(bytes.matches("\r\nConnection: Upgrade\r\n").count(), 1);
    // Declined by not being mentioned.
    assert!(!bytes.contains("Protocol:") && !bytes.contains("Extensions"));
}

#[test]
fn tokens_are_taken_in_any_case_and_anywhere_in_a_list() {
    for changes in [
        &["Upgrade: WebSocket"][..],
        &["Upgrade: h2c, WEBSOCKET"],
        &["Upgrade: h2c", "+upgrade: websocket"],
        &["Connection: keep-alive, upgrade"],
        &["Connection: close ,\tUPGRADE,"],
        &["Connection: keep-alive", "+connection: Upgrade"],
        &["Origin"],
        &["Origin: https://server.example.com"],
        &["Host: 127.0.0.1:3000", "Origin: http://127.0.0.1:3000"],
        &["Sec-WebSocket-Version:   13\t"],
        &["Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="],
        &["GET /chat HTTP/1.2"],
    ] {
        assert_eq!(
            answer(&upgrade(changes)).map(|response| response.status),
            Ok(101),
            "{changes:?}"
        );
    }
}

/// RFC 6455 §4.4, RFC 9110 §7.8, §15.5.22
#[test]
fn a_handshake_that_lacks_something_is_refused_and_told_what() {
    for (status, changes) in [
        (400, &["GET /chat HTTP/1.0"][..]),
        (400, &["POST /chat HTTP/1.1"]),
        (400, &["HEAD /chat HTTP/1.1"]),
        (426, &["Upgrade"]),
        (426, &["Upgrade: h2c"]),
        (426, &["Upgrade: websockets"]),
        (426, &["Upgrade: web socket"]),
        (426, &["Connection"]),
        (426, &["Connection: keep-alive"]),
        (426, &["Connection: Upgraded"]),
        (426, &["Sec-WebSocket-Version"]),
        (426, &["Sec-WebSocket-Version: 8"]),
        (426, &["Sec-WebSocket-Version: 013"]),
        (426, &["Sec-WebSocket-Version: 13, 8"]),
        (426, &["+Sec-WebSocket-Version: 8"]),
        (400, &["Sec-WebSocket-Key"]),
        (400, &["+Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]),
        (400, &["Sec-WebSocket-Key: =="]),
        (400, &["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j"]), // 15 bytes
        (400, &["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZTE="]), // 17 bytes
        (400, &["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ"]), // no padding
        (400, &["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR=="]), // bits left over
        (400, &["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub2 jZQ=="]),
        (400, &["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub2_jZQ=="]),
        (403, &["Origin: null"]),
        (403, &["Origin: http://evil.example"]),
        (403, &["Origin: http://server.example.com:81"]),
        (403, &["Origin: ws://server.example.com"]),
        (403, &["Origin: http://server.example.com.evil.example"]),
        (403, &["+Origin: http://evil.example"]),
    ] {
        let response = answer(&upgrade(changes)).expect_err("a refusal");
        assert_eq!(response.status, status, "{changes:?}");
        let bytes = response_text(&response);
        let connection = bytes.matches("\r\nConnection: Upgrade\r\n").count();
        assert_eq!(connection, if status == 403 { 0 } else { 1 }, "{bytes}");
        let version = field(&response, "Sec-WebSocket-Version");
        assert_eq!(version, if status == 403 { None } else { Some("13") }, "{changes:?}");
        assert!(String::from_utf8_lossy(&response.body).contains("try: "), "{changes:?}");
    }
    assert!(wanted(&upgrade(&["Connection"])) && !wanted(&upgrade(&["Upgrade: h2c"])));
}

#[test]
fn the_key_of_the_answer_is_made_of_the_whole_key_of_the_question() {
    assert_eq!(accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_ne!(accept_key("dGhlIHNhbXBsZSBub25jZQ=="), accept_key("dGhlIHNhbXBsZSBub25jZA=="));
}

// ---- Frames: RFC 6455 §5.2

const HELLO: [u8; 11] = [
    0x81, // FIN, text
    0x85, // masked, 5 bytes
    0x37, 0xfa, 0x21, 0x3d, // the key
    0x7f, 0x9f, 0x4d, 0x51, 0x58, // "Hello"
];

/// RFC 6455 §5.7
#[test]
fn the_frames_of_the_rfc_are_read_and_written_as_in_the_rfc() {
    let header = Header { fin: true, opcode: Opcode::Text, key: Some(KEY), length: 5 };
    assert_eq!(decode(&HELLO, Side::Client, 5), Ok(Some((header, 6))));
    for (bytes, opcode, payload, key) in [
        (&HELLO[..], Opcode::Text, &b"Hello"[..], Some(KEY)),
        (b"\x81\x05Hello", Opcode::Text, b"Hello", None),
        (b"\x89\x05Hello", Opcode::Ping, b"Hello", None),
        (b"\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", Opcode::Pong, b"Hello", Some(KEY)),
        (b"\x82\x00", Opcode::Binary, b"", None),
        (b"\x88\x02\x03\xe8", Opcode::Close, &1000u16.to_be_bytes(), None),
    ] {
        let mut out = Vec::new();
        encode(&mut out, opcode, payload, key);
        assert_eq!(out, bytes);
        checks::frame(bytes);
    }
}

#[test]
fn both_sides_of_every_length_survive_encode_and_decode() {
    for (length, header_bytes) in [
        (0, 2),
        (1, 2),
        (125, 2),
        (126, 4),
        (127, 4),
        (65_535, 4),
        (65_536, 10),
        (u64::from(u32::MAX), 10),
        (i64::MAX as u64, 10),
    ] {
        for key in [None, Some(KEY)] {
            let header = Header { fin: true, opcode: Opcode::Binary, key, length };
            let from = if key.is_some() { Side::Client } else { Side::Server };
            let mut bytes = Vec::new();
            frame::encode_header(&mut bytes, header);
            assert_eq!(bytes.len(), header_bytes + key.map_or(0, |key| key.len()));
            assert_eq!(decode(&bytes, from, u64::MAX), Ok(Some((header, bytes.len()))));
            // Every prefix asks for more.
            for end in 0..bytes.len() {
                assert_eq!(
                    decode(&bytes[..end], from, u64::MAX),
                    Ok(None),
                    "{length}, {end} bytes"
                );
            }
            // A size is judged when it is announced, before the key has come.
            let announced = &bytes[..header_bytes];
            if length > 0 {
                let violation = decode(announced, from, length - 1).expect_err("too big");
                assert_eq!(violation.code, 1009, "{length}");
            }
            assert_eq!(decode(&bytes, from, length), Ok(Some((header, bytes.len()))));
        }
    }
}

/// Each is refused by its last byte and not before. RFC 6455 §5.1, §5.5, §7.4.1
#[test]
fn a_broken_frame_is_answered_with_1002_as_early_as_it_is_broken() {
    let table: &[(&str, Side, &[u8])] = &[
        ("RSV1", Side::Client, &[0b1100_0001]),
        ("RSV2", Side::Client, &[0b1010_0001]),
        ("RSV3", Side::Client, &[0b1001_0001]),
        ("RSV1 on a ping", Side::Client, &[0b1100_1001]),
        ("RSV3 from a server", Side::Server, &[0b1001_0010]),
        ("a close in fragments", Side::Client, &[0x08]),
        ("a ping in fragments", Side::Client, &[0x09]),
        ("a pong in fragments", Side::Server, &[0x0a]),
        ("a text without a mask", Side::Client, &[0x81, 0x05]),
        ("a ping without a mask", Side::Client, &[0x89, 0x00]),
        ("a server that masks", Side::Server, &[0x81, 0x85]),
        ("a ping of 126 bytes", Side::Client, &[0x89, 0xfe]),
        ("a close of 64 bits", Side::Server, &[0x88, 0x7f]),
        ("125 in 16 bits", Side::Client, &[0x81, 0xfe, 0x00, 0x7d]),
        ("0 in 16 bits", Side::Server, &[0x82, 0x7e, 0x00, 0x00]),
        ("65535 in 64 bits", Side::Server, &[0x82, 0x7f, 0, 0, 0, 0, 0, 0, 0xff, 0xff]),
        ("0 in 64 bits", Side::Client, &[0x81, 0xff, 0, 0, 0, 0, 0, 0, 0, 0]),
        ("the top bit of a length", Side::Client, &[0x82, 0xff, 0x80, 0, 0, 0, 0, 1, 0, 0]),
    ];
    let opcodes: Vec<[u8; 1]> =
        [3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map(|opcode| [0x80 | opcode]).into();
    let reserved = opcodes.iter().map(|byte| ("a reserved opcode", Side::Client, &byte[..]));
    for (name, from, bytes) in table.iter().copied().chain(reserved) {
        for end in 0..bytes.len() {
            assert_eq!(decode(&bytes[..end], from, u64::MAX), Ok(None), "{name}, {end} bytes");
        }
        let violation = decode(bytes, from, u64::MAX).expect_err(name);
        assert_eq!(violation.code, 1002, "{name}: {violation:?}");
        assert!(violation.reason.len() <= CONTROL_BYTES_MAX - 2, "{name}: it has to fit a frame");
    }
}

/// RFC 6455 §11.8
#[test]
fn three_opcodes_are_for_control() {
    let masked =
        |bits: u8| decode(&[0x80 | bits, 0x80, 1, 2, 3, 4], Side::Client, 0).ok().flatten();
    let headers = (0..16).filter_map(masked).map(|(header, _)| header);
    let control = headers.filter(|header| header.opcode.is_control());
    assert!(control.map(|header| header.opcode as u8).eq([8, 9, 10]));
}

/// RFC 6455 §5.3
#[test]
fn masking_slowly_and_fast_is_the_same_wherever_the_payload_is_cut() {
    let plain: Vec<u8> = (0..=255).cycle().take(300).collect();
    let naive = |(place, byte): (usize, &u8)| byte ^ KEY[place % 4];
    let masked: Vec<u8> = plain.iter().enumerate().map(naive).collect();
    for cut in 0..plain.len() {
        for mask in [frame::mask, mask_fast] {
            let mut bytes = plain.clone();
            let mut turned = KEY;
            turned.rotate_left(cut % 4);
            mask(&mut bytes[..cut], KEY);
            mask(&mut bytes[cut..], turned);
            assert!(bytes == masked, "cut at {cut}");
        }
    }
}

// ---- Messages: RFC 6455 §5.4

const FIN: u8 = 0x80;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const MORE: u8 = 0;

/// A frame of a client, whatever its first byte says.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(&mut bytes, Opcode::Binary, payload, Some(KEY));
    bytes[0] = first;
    bytes
}

/// What a client's bytes say, and the close code if they break a rule.
fn hear(bytes: &[u8], sizes: impl IntoIterator<Item = usize>) -> (Vec<Received>, Option<u16>) {
    let mut assembler = Assembler::new(Side::Client, BYTES_MAX);
    let (events, violation, left) = checks::feed(bytes, sizes, |buf| assembler.take(buf));
    // Everything is taken but the start of a header, or of a control frame.
    let control = bytes[bytes.len() - left..].first().is_some_and(|first| first & 0x08 != 0);
    let most = if control { 6 + CONTROL_BYTES_MAX } else { 14 };
    assert!(violation.is_some() || left < most, "{left} bytes are left");
    (events, violation.map(|violation| violation.code))
}

fn text(text: &str) -> Received {
    Received::Text(Payload(vec![text.into()]))
}

fn binary(bytes: &[u8]) -> Received {
    Received::Binary(Payload(vec![bytes.into()]))
}

#[test]
fn every_prefix_of_a_message_asks_for_more() {
    let bytes = [
        frame(TEXT, "При".as_bytes()),
        frame(FIN | 9, b"still there?"),
        frame(MORE, b""),
        frame(FIN | MORE, "віт".as_bytes()),
    ]
    .concat();
    let expected = vec![
        Received::Fragment,
        Received::Ping(b"still there?".into()),
        Received::Fragment,
        text("Привіт"),
    ];
    for end in 0..bytes.len() {
        let (events, code) = hear(&bytes[..end], []);
        assert!(events.len() < expected.len() && expected.starts_with(&events) && code.is_none());
    }
    assert_eq!(hear(&bytes, []), (expected, None));
}

/// RFC 6455 §5.5, §5.5.1, §5.5.2, §5.5.3
#[test]
fn control_frames_stand_between_fragments_and_belong_to_no_message() {
    let bytes = [
        frame(BINARY, b"a"),
        frame(FIN | 10, b"nobody asked"),
        frame(FIN | MORE, b"b"),
        frame(FIN | TEXT, b""),
        frame(MORE | TEXT, b""),
        frame(FIN | 9, &[0xff; CONTROL_BYTES_MAX]),
        frame(FIN | 8, b""),
    ]
    .concat();
    let expected = vec![
        Received::Fragment,
        Received::Pong,
        binary(b"ab"),
        text(""),
        Received::Fragment,
        Received::Ping(vec![0xff; CONTROL_BYTES_MAX]),
        Received::Close(1005, String::new()),
    ];
    assert_eq!(hear(&bytes, []), (expected, None));
}

#[test]
fn a_message_ends_before_the_next_begins_and_a_continuation_continues_one() {
    for (name, frames) in [
        ("a continuation of nothing", vec![frame(FIN | MORE, b"a")]),
        ("a continuation of nothing that is not the last", vec![frame(MORE, b"a")]),
        ("a text within a text", vec![frame(TEXT, b"a"), frame(FIN | TEXT, b"b")]),
        ("a binary within a text", vec![frame(TEXT, b"a"), frame(BINARY, b"b")]),
        (
            "a continuation behind the last",
            vec![frame(TEXT, b"a"), frame(FIN | MORE, b"b"), frame(FIN | MORE, b"c")],
        ),
        ("a continuation of a ping", vec![frame(FIN | 9, b"a"), frame(FIN | MORE, b"b")]),
    ] {
        assert_eq!(hear(&frames.concat(), []).1, Some(1002), "{name}");
    }
}

/// Each case: the frames of a text, good up to the byte in front of the last. RFC 6455 §8.1
#[test]
fn text_that_is_not_utf8_is_1007_at_the_first_byte_that_is_wrong() {
    let table: &[&[&[u8]]] = &[
        &[b"\xff"],
        &[b"\x80"],
        &[b"Hello\xc0"],                               // never in UTF-8
        &[b"\xe0\x80"],                                // too long a form
        &[b"\xed\xa0"],                                // half a surrogate pair
        &[b"\xf4\x90"],                                // beyond U+10FFFF
        &[b"\xf5"],                                    // the same
        &[b"\xce\xba\xe1\xbd\xb9\xf4\x90"],            // as Autobahn tries it
        &[b"\xe2\x82", b"", b"\xacok", b"\xe2", b"a"], // "€" cut in two is fine
        &[b"\xf0", b"\x9f", b"\x98", b"\x80", b"\xfe"],
    ];
    for fragments in table {
        let (last, before) = fragments.split_last().unwrap();
        let mut bytes: Vec<u8> = Vec::new();
        for (index, fragment) in before.iter().enumerate() {
            bytes.extend(frame(if index == 0 { TEXT } else { MORE }, fragment));
        }
        // The last frame announces a kilobyte that never comes.
        let payload = [last, &[b'x'; 1024][..]].concat();
        let first = if before.is_empty() { TEXT } else { MORE };
        bytes.extend(frame(first, &payload));
        bytes.truncate(bytes.len() - 1024);
        assert_eq!(hear(&bytes, []).1, Some(1007), "{fragments:x?}");
        assert_eq!(hear(&bytes[..bytes.len() - 1], []).1, None, "{fragments:x?}");
        bytes.truncate(bytes.len() - 1);
        assert_eq!(hear(&bytes, [1; 2048]).1, None, "{fragments:x?}");
    }
}

#[test]
fn half_a_character_at_the_end_of_a_text_is_1007_and_in_a_binary_is_nobodys_business() {
    for half in ["Ї", "€", "😀"].map(|text| &text.as_bytes()[..text.len() - 1]) {
        assert_eq!(hear(&frame(FIN | TEXT, half), []).1, Some(1007));
        let more = [frame(TEXT, half), frame(FIN | MORE, b"")].concat();
        assert_eq!(hear(&more, []), (vec![Received::Fragment], Some(1007)));
        assert_eq!(hear(&frame(FIN | BINARY, half), []), (vec![binary(half)], None));
    }
}

/// Characters of one to four bytes, so that a piece ends in the middle of one, in each of its places.
#[test]
fn a_text_of_many_pieces_is_one_text_and_is_judged_to_its_end() {
    for before in ["", "a", "ab", "abc"] {
        let said = format!("{before}{}", "😀€Їa".repeat(40_000));
        let mut bytes = frame(FIN | TEXT, said.as_bytes());
        let take = |bytes: &[u8]| {
            let mut assembler = Assembler::new(Side::Client, said.len());
            checks::feed(bytes, [], |buf| assembler.take(buf))
        };
        let (events, violation, _) = take(&bytes);
        let [Received::Text(payload)] = &events[..] else { panic!("{violation:?}") };
        assert!(payload.0.len() > 5 && payload.text() == said);
        for piece in &payload.0 {
            assert!(piece.len() <= PIECE_BYTES && str::from_utf8(piece).is_ok());
        }
        *bytes.last_mut().unwrap() ^= 0x80; // no character any more
        assert_eq!(take(&bytes).1.map(|violation| violation.code), Some(1007));
    }
}

/// RFC 6455 §7.4.1
#[test]
fn a_size_is_judged_when_it_is_announced_and_over_all_fragments() {
    let half = vec![b'a'; BYTES_MAX / 2];
    let announce = |bytes: Vec<u8>| bytes[..10].to_vec();
    for (name, bytes, code) in [
        (
            "just as much as allowed",
            frame(FIN | BINARY, &[half.clone(), half.clone()].concat()),
            None,
        ),
        ("one more", announce(frame(FIN | BINARY, &vec![0; BYTES_MAX + 1])), Some(1009)),
        ("two halves", [frame(BINARY, &half), frame(FIN | MORE, &half)].concat(), None),
        (
            "two halves and one more",
            [frame(BINARY, &half), frame(MORE, &half), frame(MORE, b"a")].concat(),
            Some(1009),
        ),
        (
            "a ping when a message is full",
            [frame(BINARY, &half), frame(MORE, &half), frame(FIN | 9, &[0; 125])].concat(),
            None,
        ),
        (
            "a message after a full one",
            [frame(FIN | BINARY, &half), frame(FIN | BINARY, &half), frame(FIN | TEXT, &half)]
                .concat(),
            None,
        ),
    ] {
        assert_eq!(hear(&bytes, []).1, code, "{name}");
    }
}

/// RFC 6455 §7.4.1, §7.4.2
#[test]
fn a_close_code_is_one_of_those_that_may_travel() {
    for code in 0..=u16::MAX {
        let may_travel = match code {
            1000..=1003 | 1007..=1014 | 3000..=4999 => true,
            // 1004, 1005, 1006 and 1015 stand for what happens without a Close.
            0..=2999 | 5000.. => false,
        };
        let (events, violation) = hear(&frame(FIN | 8, &code.to_be_bytes()), []);
        match may_travel {
            true => assert_eq!(events, [Received::Close(code, String::new())]),
            false => assert_eq!(violation, Some(1002), "{code}"),
        }
    }
}

/// RFC 6455 §5.5.1, §7.1.5
#[test]
fn a_close_has_no_payload_or_a_code_and_a_reason_in_utf8() {
    let reason = "ї".repeat(61); // 122 bytes
    for (payload, event, code) in [
        (vec![], Some(Received::Close(1005, String::new())), None),
        (close_payload(1005, "unsaid"), Some(Received::Close(1005, String::new())), None),
        (close_payload(1001, "бувай"), Some(Received::Close(1001, "бувай".into())), None),
        (close_payload(1000, &reason), Some(Received::Close(1000, reason)), None),
        (vec![3], None, Some(1002)),
        (b"\x03\xe8\xff".to_vec(), None, Some(1007)),
        (b"\x03\xe8half \xd0".to_vec(), None, Some(1007)),
        (b"\x03\xed\xff".to_vec(), None, Some(1002)), // 1005: the code comes first
    ] {
        let came = hear(&frame(FIN | 8, &payload), []);
        assert_eq!(came, (event.into_iter().collect(), code), "{payload:x?}");
    }
}

/// Ctrl-Z and `fg` interrupt a read that has a timeout.
#[test]
fn a_read_that_was_interrupted_may_be_tried_again_and_loses_nothing() {
    struct Interrupted(bool);
    impl Read for Interrupted {
        fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
            self.0 = !self.0;
            if self.0 {
                return Err(io::ErrorKind::Interrupted.into());
            }
            bytes[..2].copy_from_slice(b"hi");
            Ok(2)
        }
    }
    let (mut buf, mut reader) = (Buffer::default(), Interrupted(false));
    for read in [&b"hi"[..], b"hihi"] {
        assert!(timed_out(&buf.fill(&mut reader).unwrap_err()));
        assert_eq!((buf.fill(&mut reader).unwrap(), buf.data()), (2, read));
    }
}

/// A page that pings every few seconds keeps no more than it needs, whatever it said before.
#[test]
fn a_buffer_gives_its_memory_back_when_reads_are_small_again() {
    let mut buf = Buffer::default();
    let mut read = |bytes: &[u8]| {
        let mut reader = bytes;
        while !reader.is_empty() {
            buf.fill(&mut reader).unwrap();
        }
        buf.consume(buf.data().len());
        buf.held()
    };
    let idle = read(b"ping");
    assert_eq!(read(&[7; BUFFER_BYTES_MAX - 1]), BUFFER_BYTES_MAX);
    read(b"ping");
    assert_eq!(read(b"ping"), idle);
}

#[test]
fn a_buffer_grows_while_reads_fill_it_though_all_of_it_is_consumed_each_time() {
    let (mut buf, mut endless) = (Buffer::default(), io::repeat(7));
    let mut counts = [0; 10];
    for count in &mut counts {
        *count = buf.fill(&mut endless).unwrap();
        buf.consume(*count);
    }
    assert!(counts.is_sorted() && counts[9] == BUFFER_BYTES_MAX, "{counts:?}");
}

// ---- For any bytes

/// One thing a client may send: a message in fragments, cut anywhere, with pings between them.
fn sayings() -> impl Strategy<Value = (Vec<u8>, Received)> {
    let text = any::<String>().prop_map(|text| (TEXT, text.into_bytes()));
    let binary = prop::collection::vec(any::<u8>(), 0..400).prop_map(|bytes| (BINARY, bytes));
    let cuts = prop::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 0..5);
    (prop_oneof![text, binary], cuts, any::<[u8; 4]>()).prop_map(
        |((opcode, payload), cuts, key)| {
            let mut at: Vec<_> =
                cuts.iter().map(|(index, ping)| (index.index(payload.len() + 1), *ping)).collect();
            at.sort();
            let mut bytes = Vec::new();
            let mut append = |first: u8, payload: &[u8]| {
                let start = bytes.len();
                encode(&mut bytes, Opcode::Binary, payload, Some(key));
                bytes[start] = first;
            };
            let mut begin = 0;
            let mut first = opcode;
            for (end, ping) in at {
                append(first, &payload[begin..end]);
                if ping {
                    append(FIN | 9, b"?");
                }
                (first, begin) = (MORE, end);
            }
            append(FIN | first, &payload[begin..]);
            let event = match opcode {
                TEXT => Received::Text(Payload(vec![payload])),
                _ => Received::Binary(Payload(vec![payload])),
            };
            (bytes, event)
        },
    )
}

/// Frames that are nearly right: any first byte, any length in any form, masked or not.
fn near_frames() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![4 => prop::sample::select(vec![0x81, 0x82, 1, 2, 0, 0x80, 0x88, 0x89, 0x8a]), 1 => any::<u8>()];
    let length = prop_oneof![4 => 0..10u8, 1 => 124..=127u8];
    let payload = prop_oneof![
        "[a-zї€😀]{0,4}".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..12)
    ];
    let frame =
        (first, length, any::<bool>(), payload).prop_map(|(first, length, masked, payload)| {
            let key: &[u8] = if masked { &[0; 4] } else { &[] };
            let length = if length < 10 { payload.len() as u8 } else { length };
            [&[first, length | if masked { 0x80 } else { 0 }], key, &payload].concat()
        });
    prop::collection::vec(frame, 0..6).prop_map(|frames| frames.concat())
}

proptest! {
    #[test]
    fn any_bytes_are_a_frame_a_violation_or_too_few(bytes in near_frames(), first in any::<u8>()) {
        checks::frame(&bytes);
        checks::message(&[&[first], &bytes[..]].concat());
    }

    #[test]
    fn a_frame_comes_back_as_it_was_sent_by_either_side(
        opcode in prop::sample::select(vec![Opcode::Text, Opcode::Binary, Opcode::Ping, Opcode::Close]),
        payload in prop::collection::vec(any::<u8>(), 0..CONTROL_BYTES_MAX),
        longer in 0..3usize,
        key in any::<Option<[u8; 4]>>(),
    ) {
        let payload = payload.repeat(if opcode.is_control() { 1 } else { 1 << (10 * longer / 2) });
        let from = if key.is_some() { Side::Client } else { Side::Server };
        let mut bytes = Vec::new();
        encode(&mut bytes, opcode, &payload, key);
        let (header, used) = decode(&bytes, from, u64::MAX).unwrap().unwrap();
        prop_assert_eq!(header, Header { fin: true, opcode, key, length: payload.len() as u64 });
        if let Some(key) = key {
            mask_fast(&mut bytes[used..], key);
        }
        prop_assert_eq!(&bytes[used..], payload);
    }

    #[test]
    fn what_is_said_in_fragments_and_pieces_is_heard_whole_and_in_order(
        sayings in prop::collection::vec(sayings(), 1..5),
        sizes in prop::collection::vec(1..60usize, 0..60),
    ) {
        let (bytes, said): (Vec<_>, Vec<_>) = sayings.into_iter().unzip();
        let (mut heard, code) = hear(&bytes.concat(), sizes);
        heard.retain(|event| matches!(event, Received::Text(_) | Received::Binary(_)));
        prop_assert_eq!((heard, code), (said, None));
    }

    #[test]
    fn a_buffer_gives_back_what_it_was_given(
        bytes in prop::collection::vec(any::<u8>(), 0..9_000),
        sizes in prop::collection::vec(1..3_000usize, 0..20),
        step in 1..5_000usize,
    ) {
        let take = |buf: &mut Buffer| {
            let taken = buf.data()[..step.min(buf.data().len())].to_vec();
            buf.consume(taken.len());
            buf.shrink();
            Ok::<_, ()>(Some(taken).filter(|taken| !taken.is_empty()))
        };
        let (taken, _, left) = checks::feed(&bytes, sizes, take);
        prop_assert_eq!((taken.concat(), left), (bytes, 0));
    }
}
