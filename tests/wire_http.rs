//! HTTP/1.1 from bytes to values and back (RFC 9110, RFC 9112), without a socket.

#[allow(dead_code)]
#[path = "fuzz/checks.rs"]
mod checks;

use proptest::prelude::*;
use rawchat::tools::site::check_rebinding;
use rawchat::wire::buffer::Buffer;
use rawchat::wire::http::{
    BODY_BYTES_MAX, CHUNK_LINE_BYTES_MAX, FIELDS_MAX, HEAD_BYTES_MAX, REQUEST_LINE_BYTES_MAX,
    Refusal, Request, Response, Source, read_body, read_head, refuse,
};

/// What bytes come to, apart from the status of a refusal.
const WHOLE: u16 = 200;
const MORE: u16 = 100;

/// As the server does it.
fn read_request(source: &mut impl Source) -> Result<Request, Refusal> {
    let request = read_head(source)?;
    let body = read_body(source, &request)?;
    Ok(Request { body, ..request })
}

/// Takes one request, head and body, from the front of `bytes`.
fn take(bytes: impl AsRef<[u8]>) -> Result<Option<(Request, usize)>, Refusal> {
    checks::read(bytes.as_ref(), [], |source| read_request(source))
}

fn outcome(bytes: impl AsRef<[u8]>) -> u16 {
    match take(bytes.as_ref()) {
        Ok(Some(_)) => WHOLE,
        Ok(None) => MORE,
        Err(refusal) => {
            assert!(!refusal.problem.is_empty() && !refusal.advice.is_empty(), "{refusal:?}");
            refusal.status
        }
    }
}

/// The request that is these bytes, and nothing more.
fn request(bytes: &str) -> Request {
    match take(bytes) {
        Ok(Some((request, used))) if used == bytes.len() => request,
        other => panic!("{bytes:?} came to {other:?}"),
    }
}

/// A GET with these lines of fields behind Host.
fn get(fields: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n")
}

/// A POST whose body comes in these chunks.
fn post_chunks(chunks: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}")
}

fn check<T: AsRef<[u8]>>(table: impl IntoIterator<Item = (T, u16)>) {
    let shown = |bytes: &T| String::from_utf8_lossy(bytes.as_ref()).into_owned();
    let came: Vec<_> = table
        .into_iter()
        .map(|(bytes, expected)| (shown(&bytes), outcome(&bytes), expected))
        .filter(|(_, came, expected)| came != expected)
        .collect();
    assert!(came.is_empty(), "(bytes, what they came to, expected): {came:#?}");
}

// ---- Every prefix asks for more

#[test]
fn every_prefix_of_a_request_asks_for_more() {
    let requests = [
        "GET / HTTP/1.1\r\nHost: 127.0.0.1:3000\r\n\r\n".to_string(),
        "GET /messages?lastId=3 HTTP/1.0\r\n\r\n".to_string(),
        "POST /messages HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello".to_string(),
        post_chunks("5;a=\"b\"\r\nhello\r\n1\r\n!\r\n000\r\nChecked: yes\r\nLast: one\r\n\r\n"),
    ];
    for bytes in &requests {
        check((0..bytes.len()).map(|end| (&bytes[..end], MORE)));
        check([(bytes, WHOLE)]);
    }
}

/// What has been looked at may turn into control characters: nobody looks again. So a head that
/// drips costs as much as one that comes whole.
#[test]
fn no_byte_of_a_head_is_looked_at_twice() {
    struct Spoiling<'a>(Buffer, &'a [u8]);
    impl Source for Spoiling<'_> {
        fn buf(&mut self) -> &mut Buffer {
            &mut self.0
        }
        fn wait(&mut self) -> Result<(), Refusal> {
            let mut bytes = self.0.data().to_vec();
            match bytes.last_mut() {
                Some(last) if *last == b'z' => *last = 1,
                Some(b'\n') => bytes.fill(1),
                _ => {}
            }
            bytes.extend(self.1.split_off_first());
            self.0 = Buffer::default();
            self.0.fill(&mut &bytes[..]).unwrap();
            Ok(())
        }
        fn body_takes(&mut self, _bytes: usize) {}
    }
    let sent = get("First: zzz\r\nSecond: zzzzzzzz\r\n");
    let mut source = Spoiling(Buffer::default(), sent.as_bytes());
    let request = read_head(&mut source).unwrap();
    assert!(request.method == "GET" && source.0.data().is_empty() && source.1.is_empty());
    assert_eq!(request.field("Second"), Some("\x01".repeat(8).as_str()));
}

#[test]
fn ten_requests_in_one_segment_are_ten_requests() {
    let bytes: String = (0..10)
        .map(|n| format!("POST /{n} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n#{n}"))
        .collect();
    let mut rest = bytes.as_bytes();
    for n in 0..10 {
        let (request, used) = take(rest).unwrap().unwrap();
        assert_eq!((request.path, request.body), (format!("/{n}"), format!("#{n}").into_bytes()));
        rest = &rest[used..];
    }
    assert!(rest.is_empty());
}

// ---- The request line: RFC 9112 §3

#[test]
fn a_request_line_that_is_none_is_refused() {
    let line = |line: &str| format!("{line}\r\nHost: a\r\n\r\n");
    check([
        (line("GARBAGE"), 400),
        (line("GET /"), 400), // HTTP/0.9
        (line("GET / HTTP/0.9"), 400),
        (line("GET  / HTTP/1.1"), 400),
        (line("GET /  HTTP/1.1"), 400),
        (line(" GET / HTTP/1.1"), 400),
        (line("GET / HTTP/1.1 "), 400),
        (line("GET /a b HTTP/1.1"), 400),
        (line("GET\t/ HTTP/1.1"), 400),
        (line("GET / http/1.1"), 400),
        (line("GET / HTTP/1"), 400),
        (line("GET / HTTP/1.10"), 400),
        (line("GET / HTTP/11.1"), 400),
        (line("GET / HTTP/a.b"), 400),
        (line("GET / ICY/1.1"), 400),
        (line("GET / HTTP/2.0"), 505), // RFC 9110 §15
        (line("GET / HTTP/3.1"), 505),
        (line("G(T / HTTP/1.1"), 400), // RFC 9110 §5.6.2
        (line("get / HTTP/1.1"), 501),
        (line("BREW / HTTP/1.1"), 501),
        (line("CONNECT a:80 HTTP/1.1"), 501),
        (line("GET /привіт HTTP/1.1"), 400),
    ]);
    check([(&b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n"[..], 400)]);
}

#[test]
fn a_method_that_is_known_is_left_to_the_handler() {
    for method in ["GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE", "PATCH"] {
        check([(format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n"), WHOLE)]);
    }
}

/// RFC 9112 §3.2
#[test]
fn a_target_has_four_forms_of_which_three_are_served() {
    let target = |method, target| format!("{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n");
    for (sent, path, query) in [
        ("/", "/", ""),
        ("/messages?lastId=3&x=?", "/messages", "lastId=3&x=?"),
        ("/?user=%D0%9E%2", "/", "user=%D0%9E%2"), // a query is not decoded here
        ("/%D0%9E%D0%bb%d1%8f", "/Оля", ""),       // RFC 3986 §2.1
        ("/%2Fa%00%25", "//a\0%", ""),
        ("/%ff", "/\u{fffd}", ""),
        ("//a/../b", "//a/../b", ""),
        ("http://a", "/", ""),
        ("HTTP://[::1]:80?x", "/", "x"),
        ("http://a.b:3000/messages?lastId=1", "/messages", "lastId=1"),
    ] {
        let request = request(&target("GET", sent));
        assert_eq!((&*request.path, &*request.query), (path, query), "{sent}");
    }
    assert_eq!(request(&target("OPTIONS", "*")).path, "*");
    check(
        [
            "*",
            "messages",
            "a:80",
            "?x",
            "",
            "ftp://a/",
            "http://",
            "http:///",
            "http://a,b/",
            "http://u@a/",
            "/#fragment",
            "/?a#fragment",
            "http://a#fragment",
            "/%",
            "/%4",
            "/%zz",
            "/%%20",
            "/%+1",
        ]
        .map(|wrong| (target("GET", wrong), 400)),
    );
}

/// RFC 9110 §6.2
#[test]
fn a_higher_minor_version_is_answered_as_1_1() {
    for (version, minor) in [("1.0", 0), ("1.1", 1), ("1.2", 1), ("1.9", 1)] {
        assert_eq!(request(&format!("GET / HTTP/{version}\r\nHost: a\r\n\r\n")).minor, minor);
    }
}

/// RFC 8446 §5.1, RFC 9112 §2
#[test]
fn what_is_no_http_at_all_is_refused_before_a_line_has_ended() {
    let client_hello = [
        0x16, // a handshake
        3, 1, // of TLS 1.0 or later
        2, 0, // of 512 bytes
        1, 0, 1, 0xfc,
    ];
    check([(&client_hello[..], 400), (&client_hello[..1], 400)]);
    assert!(take(client_hello).unwrap_err().problem.contains("TLS"));
    assert!(!take(b"GET /\x16").unwrap_err().problem.contains("TLS"));
    check([
        (&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], 505),
        (b"\x81\x85\x37\xfa\x21\x3d\x00", 400),
    ]);
}

// ---- Lines and fields: RFC 9112 §2.2, §5

#[test]
fn a_line_ends_in_cr_lf_and_nothing_else() {
    check([
        ("GET / HTTP/1.1\nHost: a\n\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\n\r\n", 400),
        ("GET / HTTP/1.1\rHost: a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\n\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\r", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", 400),
        ("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ]);
    let refusal = take(b"GET / HTTP/1.1\n").unwrap_err();
    assert!(refusal.advice.contains("nc -C"), "a student at nc is told what to do");
}

#[test]
fn no_control_character_stands_in_a_head() {
    for byte in (0..0x20).chain([0x7f]).filter(|byte| !b"\t\r\n".contains(byte)) {
        let byte = char::from(byte);
        check([
            (format!("GET /{byte} HTTP/1.1\r\nHost: a\r\n\r\n"), 400),
            (get(&format!("X: a{byte}b\r\n")), 400),
            (get(&format!("X{byte}: a\r\n")), 400),
            (post_chunks(&format!("1;{byte}\r\na\r\n0\r\n\r\n")), 400),
            (post_chunks(&format!("0\r\nX: {byte}\r\n\r\n")), 400),
        ]);
    }
}

#[test]
fn a_field_is_a_name_a_colon_and_a_value() {
    check([
        (get("X : a\r\n"), 400), // RFC 9112 §5: this is how fields are smuggled
        (get("X\t: a\r\n"), 400),
        (get(" X: a\r\n"), 400),
        (get("X: a\r\n folded\r\n"), 400), // obs-fold
        (get("X: a\r\n\tfolded\r\n"), 400),
        (get("X\r\n"), 400),
        (get(": a\r\n"), 400),
        (get("X Y: a\r\n"), 400),
        (get("Ї: a\r\n"), 400),
        (get("X(): a\r\n"), 400),
        (get(" \r\n"), 400),
    ]);
    for (sent, value) in [
        ("X:", ""),
        ("X: \t ", ""),
        ("X:a", "a"),
        ("X: \ta b\tc \t", "a b\tc"),
        ("x: a:b", "a:b"),
        ("X: Оля", "Оля"),
    ] {
        assert_eq!(request(&get(&format!("{sent}\r\n"))).field("X"), Some(value), "{sent:?}");
    }
    let odd = "!#$%&'*+-.^_`|~1aZ"; // RFC 9110 §5.6.2
    assert_eq!(request(&get(&format!("{odd}: yes\r\n"))).field(odd), Some("yes"));
    let latin1 = take(b"GET / HTTP/1.1\r\nHost: a\r\nX: \xe9\r\n\r\n").unwrap().unwrap().0;
    assert_eq!(latin1.field("x"), Some("\u{fffd}"));
}

/// RFC 9112 §3.2, RFC 3986 §3.2.2, §3.2.3
#[test]
fn a_request_has_exactly_one_host() {
    let hosted = |fields: &str| format!("GET / HTTP/1.1\r\n{fields}\r\n");
    check([
        ("GET / HTTP/1.0\r\n\r\n".to_string(), WHOLE),
        ("GET / HTTP/1.0\r\nHost: a,b\r\n\r\n".to_string(), 400),
        (hosted(""), 400),
        (hosted("Host: a\r\nHost: a\r\n"), 400),
        (hosted("Host: a\r\nhOST: b\r\n"), 400),
        ("GET http://a/ HTTP/1.1\r\n\r\n".to_string(), 400),
    ]);
    for host in "a a.b-c_d:3000 127.0.0.1:80 [::1] [::1]:3000 A%20 a: a:65535 a:0 a:00000000080 \
        [::1]: [1:2:3:4:5:6:7:8] [1::8] [::] [::ffff:192.0.2.1]:80"
        .split(' ')
    {
        check([(hosted(&format!("Host: {host}\r\n")), WHOLE)]);
        check([(format!("GET http://{host} HTTP/1.1\r\nHost: a\r\n\r\n"), WHOLE)]);
    }
    for host in "a,b u@a a:b a:1:2 a:65536 a:99999999999999999999999 a:+1 a:-1 [] [1] [:1] [1:] \
        [:::] [1::2::3] [12345::] [::1 [1:2:3:4:5:6:7:8:9] [1:2:3:4:5:6:7] \
        [1:2:3:4:5:6:7::8] [1.2.3.4] [::1.2.3] [::1.2.3.256] [::01.2.3.4] [1.2.3.4::] \
        [::1%25eth0] [v1.a] [[::1]] ::1 [::1]a [::z] :80 Оля a%zz a%2 [::1]:1:2"
        .split(' ')
    {
        check([(hosted(&format!("Host: {host}\r\n")), 400)]);
        check([(format!("GET http://{host}/ HTTP/1.1\r\nHost: a\r\n\r\n"), 400)]);
    }
    // In a target these end the host.
    check(
        ["", " ", "http://a", "a b", "a/b", "a?b", "a#b"]
            .map(|host| (hosted(&format!("Host: {host}\r\n")), 400)),
    );
}

/// RFC 9110 §5.6.1
#[test]
fn a_list_goes_on_over_all_fields_of_its_name() {
    let request =
        request(&get("Connection: a,, B ,\r\nX: c\r\nconnection:\t\r\nCONNECTION: d\r\n"));
    assert!(request.list("Connection").eq(["a", "B", "d"]));
    assert!(request.lists("connection", "b") && !request.lists("connection", "c"));
    assert!(request.values("connection").eq(["a,, B ,", "", "d"]));
}

// ---- How long is the body: RFC 9112 §6

#[test]
fn content_length_is_one_number_of_digits_only() {
    let length = |value: &str| get(&format!("Content-Length: {value}\r\n"));
    check(
        ["", "+5", "-5", "5 5", "5,5", "5, 5", "0x5", "5;", "٥", "5.0"]
            .map(|wrong| (length(wrong), 400)),
    );
    check([
        (length("0"), WHOLE),
        (length("000") + "GET", WHOLE),
        (length("005") + "hello", WHOLE),
        (length("005"), MORE),
        (length("5\r\nContent-Length: 5") + "hello", 400),
        (length("5\r\nContent-Length: 6") + "hello!", 400),
        (length("99999999999999999999999999"), 413),
    ]);
}

/// RFC 9112 §6.1, §6.3
#[test]
fn two_answers_to_how_long_the_body_is_are_an_attack() {
    let coded = |value: &str| get(&format!("Transfer-Encoding: {value}\r\n")) + "0\r\n\r\n";
    check([
        (coded("chunked\r\nContent-Length: 5"), 400),
        (coded("chunked\r\nContent-Length: "), 400),
        (coded("\r\nContent-Length: 5"), 400),
        (coded("gzip\r\nContent-Length: 5"), 400),
        ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".into(), 400),
        (coded("chunked"), WHOLE),
        (coded("ChUnKeD"), WHOLE),
        (coded(",chunked,"), WHOLE),
        (coded(""), 400),
        (coded("chunked, chunked"), 400),
        (coded("chunked\r\nTransfer-Encoding: chunked"), 400),
        (coded("chunked, gzip"), 400), // it would end where the connection does
        (coded("gzip, chunked"), 501),
        (coded("gzip\r\nTransfer-Encoding: chunked"), 501),
        (coded("xchunked, chunked"), 501),
    ]);
}

/// RFC 9112 §7.1, §7.1.1
#[test]
fn chunks_that_are_none_are_refused() {
    check([
        (post_chunks("0\r\n\r\n"), WHOLE),
        (post_chunks("000000000000000000000\r\n\r\n"), WHOLE),
        (post_chunks("5\r\nhello\r\nA \t;a;b=\"c d\"\r\n0123456789\r\n0;z\r\n\r\n"), WHOLE),
        (post_chunks("0\r\nTrailer: a\r\nMore:\r\n\r\n"), WHOLE),
        (post_chunks("\r\n"), 400),
        (post_chunks(";\r\n"), 400),
        (post_chunks("x\r\n"), 400),
        (post_chunks("0x5\r\nhello\r\n"), 400),
        (post_chunks("+5\r\nhello\r\n"), 400),
        (post_chunks("-1\r\n"), 400),
        (post_chunks(" 5\r\nhello\r\n"), 400),
        (post_chunks("5\u{a0};a\r\nhello\r\n"), 400),
        (post_chunks("5 \r\nhello\r\n"), 400),
        (post_chunks("5 5\r\nhello\r\n"), 400),
        (post_chunks("5,\r\nhello\r\n"), 400),
        (post_chunks("5\nhello\r\n"), 400),
        (post_chunks("5;\nhello\r\n"), 400),
        (post_chunks("5\r\nhello!"), 400),
        (post_chunks("5\r\nhello\n"), 400),
        (post_chunks("5\r\nhello\r!"), 400),
        (post_chunks("5\r\nhello0\r\n\r\n"), 400),
        (post_chunks("0\r\nno colon\r\n\r\n"), 400),
        (post_chunks("0\r\nX: a\r\n folded\r\n\r\n"), 400),
        (post_chunks("0\r\nX : a\r\n\r\n"), 400),
        (post_chunks("0\r\nX: a\n\r\n"), 400),
        (post_chunks("FFFFFFFFFFFFFFFF\r\n"), 413),
        (post_chunks("FFFFFFFFFFFFFFFFFFFFFFFF\r\n"), 413),
    ]);
}

#[test]
fn trailers_are_read_and_not_kept() {
    let request = request(&post_chunks("2\r\nhi\r\n0\r\nHost: b\r\nContent-Length: 9\r\n\r\n"));
    assert_eq!(request.body, b"hi");
    assert!(request.values("Host").eq(["a"]) && request.field("Content-Length").is_none());
}

// ---- Both sides of every boundary

#[test]
fn a_request_line_of_over_8_kib_is_414_before_it_has_ended() {
    assert_eq!(REQUEST_LINE_BYTES_MAX, 8 * 1024);
    let path = "a".repeat(REQUEST_LINE_BYTES_MAX - "GET / HTTP/1.1".len());
    let over = "a".repeat(REQUEST_LINE_BYTES_MAX + 1);
    check([
        (format!("GET /{path} HTTP/1.1\r\nHost: a\r\n\r\n"), WHOLE),
        (format!("GET /{path}a HTTP/1.1\r\nHost: a\r\n\r\n"), 414),
        (over[1..].to_string(), MORE),
        (over, 414),
    ]);
}

#[test]
fn a_head_of_over_16_kib_or_100_fields_is_431_before_it_has_ended() {
    assert_eq!((HEAD_BYTES_MAX, FIELDS_MAX), (16 * 1024, 100));
    let begin = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
    let value = "a".repeat(HEAD_BYTES_MAX - begin.len());
    check([
        (format!("{begin}{value}\r\n\r\n"), WHOLE),
        (format!("{begin}{value}"), MORE),
        (format!("{begin}{value}a"), 431),
        (format!("{begin}{value}a\r\n\r\n"), 431),
        (format!("{begin}{value}\r\nY: \r\n\r\n"), 431),
        (get(&"X: a\r\n".repeat(FIELDS_MAX - 1)), WHOLE),
        (get(&"X: a\r\n".repeat(FIELDS_MAX)), 431),
    ]);
}

#[test]
fn a_body_of_over_64_kib_is_413_when_it_is_announced() {
    assert_eq!(BODY_BYTES_MAX, 64 * 1024);
    let (full, half) = ("b".repeat(BODY_BYTES_MAX), "b".repeat(BODY_BYTES_MAX / 2));
    let length = |size: usize| get(&format!("Content-Length: {size}\r\n"));
    let half = format!("{:x}\r\n{half}\r\n", BODY_BYTES_MAX / 2);
    check([
        (length(BODY_BYTES_MAX) + &full, WHOLE),
        (length(BODY_BYTES_MAX), MORE),
        (length(BODY_BYTES_MAX + 1), 413),
        (post_chunks(&format!("10000\r\n{full}\r\n0\r\n\r\n")), WHOLE),
        (post_chunks(&format!("{half}{half}0\r\n\r\n")), WHOLE),
        (post_chunks("10000\r\n"), MORE),
        (post_chunks("10001\r\n"), 413),
        (post_chunks(&format!("{half}{half}1\r\n")), 413),
        (post_chunks(&format!("{half}8001\r\n")), 413),
    ]);
}

#[test]
fn a_chunk_line_and_the_trailers_are_bounded_too() {
    let extension = "e".repeat(CHUNK_LINE_BYTES_MAX - 2);
    let trailer = "t".repeat(HEAD_BYTES_MAX - "X: ".len());
    check([
        (post_chunks(&format!("1;{extension}\r\na\r\n0\r\n\r\n")), WHOLE),
        (post_chunks(&format!("1;{extension}")), MORE),
        (post_chunks(&format!("1;{extension}e")), 400),
        (post_chunks(&format!("1;{extension}e\r\na\r\n0\r\n\r\n")), 400),
        (post_chunks(&format!("0\r\nX: {trailer}\r\n\r\n")), WHOLE),
        (post_chunks(&format!("0\r\nX: {trailer}t")), 431),
        (post_chunks(&format!("0\r\nX: {trailer}\r\nY: \r\n")), 431),
    ]);
}

#[test]
fn a_refusal_names_the_limit_that_was_passed_and_the_line_of_the_source_that_refused() {
    let long = |count| "x".repeat(count);
    for (bytes, status, limit) in [
        (format!("GET /{}", long(REQUEST_LINE_BYTES_MAX)), 414, REQUEST_LINE_BYTES_MAX),
        (get(&format!("a: b\r\nX: {}", long(HEAD_BYTES_MAX))), 431, HEAD_BYTES_MAX),
        (post_chunks(&format!("0\r\nX: {}", long(HEAD_BYTES_MAX))), 431, HEAD_BYTES_MAX),
        (post_chunks(&format!("1;{}", long(CHUNK_LINE_BYTES_MAX))), 400, CHUNK_LINE_BYTES_MAX),
    ] {
        let refusal = take(bytes).unwrap_err();
        assert_eq!(refusal.status, status);
        assert!(refusal.problem.contains(&format!(" {limit} bytes")), "{}", refusal.problem);
    }
    let trailers = post_chunks(&format!("0\r\nX: {}", long(HEAD_BYTES_MAX)));
    assert!(take(trailers).unwrap_err().problem.starts_with("trailers of over"));
    let here = line!() + 1;
    let refusal = refuse::<()>(400, "no\nreason", "none").unwrap_err();
    assert_eq!(refusal.text().why, format!(": no (tests/wire_http.rs:{here})"));
    assert_eq!(Response::from(refusal.clone()).why, refusal.text().why);
}

// ---- What a request asks of the connection

/// RFC 9112 §9.3
#[test]
fn a_connection_goes_on_in_1_1_and_ends_in_1_0_unless_it_is_said() {
    for (version, fields, expected) in [
        ("1.1", "", true),
        ("1.1", "Connection: keep-alive\r\n", true),
        ("1.1", "Connection: close\r\n", false),
        ("1.1", "Connection: Upgrade, CLOSE\r\n", false),
        ("1.1", "Connection: closed\r\n", true),
        ("1.1", "Connection: keep-alive\r\nConnection: close\r\n", false),
        ("1.0", "", false),
        ("1.0", "Connection: Keep-Alive\r\n", true),
        ("1.0", "Connection: keep-alive, close\r\n", false),
    ] {
        let request = request(&format!("GET / HTTP/{version}\r\nHost: a\r\n{fields}\r\n"));
        assert_eq!(request.asked().goes_on, expected, "{version} {fields}");
    }
}

/// RFC 9110 §10.1.1
#[test]
fn only_100_continue_can_be_expected_and_only_in_1_1() {
    assert!(request(&get("Expect: 100-Continue\r\n")).expects_continue());
    assert!(!request(&get("Expect:\r\n")).expects_continue());
    assert!(!request("GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n").expects_continue());
    check([(get("Expect: tea\r\n"), 417), (get("Expect: 100-continue, tea\r\n"), 417)]);
}

/// RFC 6454 §7
#[test]
fn an_origin_has_the_host_and_port_of_host() {
    for (host, origins, allowed) in [
        ("a:3000", &[][..], true),
        ("a:3000", &["http://a:3000"], true),
        ("a:3000", &["https://a:3000"], true), // TLS may end at a proxy
        ("A:3000", &["http://a:3000"], true),
        ("[::1]:80", &["http://[::1]:80"], true),
        // A port that is not written is that of the page's scheme. RFC 9110 §4.2.1, §4.2.2
        ("a:443", &["https://a"], true),
        ("a", &["https://a"], true),
        ("a", &["https://a:443"], true),
        ("a:80", &["http://a"], true),
        ("a:", &["http://a:80"], true),
        ("a:080", &["http://a"], true),
        ("[::1]", &["http://[::1]:80"], true),
        ("a:80", &["https://a"], false),
        ("a:443", &["http://a"], false),
        ("a", &["https://a:80"], false),
        ("a", &["http://b"], false),
        ("a", &["http://"], false),
        ("a", &["https://a:"], true),
        ("CHAT.example.", &["https://chat.example"], true),
        ("a", &["http://a."], true),
        ("a", &["http://u@a"], false),
        ("a", &["http://a?"], false),
        ("a:3000", &["null"], false),
        ("a:3000", &[""], false),
        ("a:3000", &["a:3000"], false),
        ("a:3000", &["http://a"], false),
        ("a:3000", &["http://a:3001"], false),
        ("a:3000", &["http://b:3000"], false),
        ("a:3000", &["http://a:3000.evil.example"], false),
        ("a:3000", &["http://a:3000/"], false),
        ("a:3000", &["ftp://a:3000"], false),
        ("a:3000", &["file://"], false),
        ("a:3000", &["http://a:3000", "http://b:3000"], false),
        ("a:3000", &["http://a:3000 http://b:3000"], false),
    ] {
        let origins: String = origins.iter().map(|o| format!("Origin: {o}\r\n")).collect();
        let request = request(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n{origins}\r\n"));
        let status = request.check_origin().map_or_else(|refusal| refusal.status, |()| WHOLE);
        assert_eq!(status, if allowed { WHOLE } else { 403 }, "{host} {origins:?}");
    }
}

/// RFC 9112 §3.2.2
#[test]
fn a_host_in_the_target_is_the_host() {
    let head = "POST http://b:3000/messages HTTP/1.1\r\nHost: a\r\nOrigin: http://";
    assert_eq!(request(&format!("{head}b:3000\r\n\r\n")).check_origin(), Ok(()));
    assert!(request(&format!("{head}a\r\n\r\n")).check_origin().is_err());
    let request = request("GET http://b:1/ HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!((request.host(), request.field("Host")), (Some("b:1"), Some("a")));
    let two = "GET http://b/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n";
    assert_eq!(take(two).unwrap_err().status, 400);
    assert_eq!(take(b"GET http://b/ HTTP/1.1\r\n\r\n").unwrap_err().status, 400);
}

/// RFC 9110 §15.5.20
#[test]
fn a_name_that_another_site_may_have_given_us_is_misdirected() {
    let allowed = ["Chat.Example".to_string()];
    let status = |host: &str| {
        let request = request(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        check_rebinding(&request, &allowed).map_or_else(|refusal| refusal.status, |()| WHOLE)
    };
    for host in [
        "localhost",
        "localhost:3000",
        "a.localhost",
        "LOCALHOST.",
        "rawchat",
        "my-laptop:3000",
        "127.0.0.1",
        "127.0.0.1:3000",
        "192.168.1.5",
        "127.1",
        "[::1]:3000",
        "[fe80::1]",
        "chat.example",
        "CHAT.EXAMPLE:3000",
        "chat.example.",
    ] {
        assert_eq!(status(host), WHOLE, "{host}");
    }
    for host in [
        "evil.example",
        "evil.example:3000",
        "evil.example.",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "a.chat.example",
        "chat.example.evil.example",
        "1.2.3.4a",
        "notlocalhost.com",
        "evil.localhost2",
        "evil%2eexample",
        "evil%2Eexample:3000",
    ] {
        assert_eq!(status(host), 421, "{host}");
    }
    let old = request("GET / HTTP/1.0\r\n\r\n");
    assert_eq!(check_rebinding(&old, &[]), Ok(()), "no Host, no browser");
    let absolute = request("GET http://evil.example/ HTTP/1.1\r\nHost: a\r\n\r\n");
    let refusal = check_rebinding(&absolute, &[]).unwrap_err();
    assert!(refusal.advice.contains("--allow-host evil.example"), "{refusal:?}");
}

/// RFC 9110 §12.5.1
#[test]
fn a_page_is_for_those_who_name_html_and_not_json() {
    for (accept, expected) in [
        ("text/html", true),
        ("TEXT/HTML", true),
        ("text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", true),
        ("image/png, text/html ; q=0.5", true),
        ("text/html;level=1;q=0.4", true),
        ("*/*", false),
        ("", false),
        ("application/json", false),
        ("text/html, Application/JSON", false),
        ("application/json, text/html;q=0.9", false),
        ("text/htmlx", false),
    ] {
        let request = request(&get(&format!("Accept: {accept}\r\n")));
        assert_eq!(request.wants_page(), expected, "{accept}");
    }
    assert!(!request(&get("")).wants_page());
}

// ---- Responses

fn encode(response: &Response, request: &Request) -> String {
    String::from_utf8(response.encode(request.asked(), 1_795_342_530)).unwrap()
}

/// RFC 9110 §6.6.1, §8.6; RFC 9111 §5.2.2.5
#[test]
fn a_response_is_one_piece_with_its_date_and_length_and_is_never_cached() {
    let response = Response::json(200, "[]");
    let expected = "HTTP/1.1 200 OK\r\n\
                    Date: Sun, 22 Nov 2026 10:15:30 GMT\r\n\
                    Content-Type: application/json; charset=utf-8\r\n\
                    Content-Length: 2\r\n\
                    Cache-Control: no-store\r\n\
                    X-Content-Type-Options: nosniff\r\n\
                    Cross-Origin-Resource-Policy: same-origin\r\n\
                    \r\n\
                    []";
    assert_eq!(encode(&response, &request(&get(""))), expected);
}

/// RFC 9110 §8.6
#[test]
fn no_content_no_length() {
    for status in [101, 204, 200, 201, 303, 400, 503] {
        let bytes = encode(&Response::new(status), &request(&get("")));
        let (head, body) = bytes.split_once("\r\n\r\n").unwrap();
        assert_eq!(head.contains("Content-Length: 0"), ![101, 204].contains(&status));
        assert_eq!(
            (head.contains("Content-Length"), body),
            (head.contains("Content-Length: 0"), "")
        );
    }
}

/// RFC 9110 §9.3.2
#[test]
fn head_is_answered_like_get_without_the_content() {
    let mut request = request(&get(""));
    let response = Response::new(200).body("text/plain", "hello");
    let get = encode(&response, &request);
    request.method = "HEAD".into();
    assert_eq!(encode(&response, &request) + "hello", get);
}

/// RFC 9110 §7.8
#[test]
fn a_response_says_once_what_becomes_of_the_connection() {
    let new = |fields| request(&get(fields));
    let old = |fields| request(&format!("GET / HTTP/1.0\r\n{fields}\r\n"));
    let upgrade = |status| Response::new(status).with("Upgrade", "websocket");
    for (response, request, expected) in [
        (Response::new(200), new(""), &[][..]),
        (Response::new(200), new("Connection: close\r\n"), &["Connection: close"]),
        (Response::new(200), old("Connection: keep-alive\r\n"), &["Connection: keep-alive"]),
        (Response::new(200), old(""), &["Connection: close"]),
        (upgrade(101), new(""), &["Connection: Upgrade"]),
        (upgrade(101), new("Connection: close, Upgrade\r\n"), &["Connection: Upgrade"]),
        (upgrade(426), new(""), &["Connection: Upgrade"]),
        (upgrade(426), new("Connection: close\r\n"), &["Connection: Upgrade, close"]),
    ] {
        let bytes = encode(&response, &request);
        let found = bytes.lines().filter(|line| line.starts_with("Connection"));
        assert_eq!(found.collect::<Vec<_>>(), expected, "{response:?} {request:?}");
    }
}

/// RFC 9110 §15, §15.5.22
#[test]
fn every_status_has_its_words_and_httparse_reads_the_response() {
    let statuses = [
        101, 200, 201, 204, 303, 400, 403, 404, 405, 408, 411, 413, 414, 415, 417, 426, 431, 501,
        503, 505,
    ];
    for status in statuses {
        let response = Response::new(status).with("X-Name", "value");
        let bytes = encode(&response, &request(&get("Connection: close\r\n")));
        let mut fields = [httparse::EMPTY_HEADER; 8];
        let mut parsed = httparse::Response::new(&mut fields);
        assert!(parsed.parse(bytes.as_bytes()).unwrap().is_complete());
        assert_eq!(parsed.code, Some(status));
        assert!(!parsed.reason.unwrap_or_default().is_empty(), "{status}");
        assert!(parsed.headers.iter().any(|f| (f.name, f.value) == ("X-Name", b"value")));
    }
}

/// Other programs on localhost leave cookies there, too.
#[test]
fn a_head_that_is_too_long_names_its_longest_field() {
    let long = "x".repeat(HEAD_BYTES_MAX);
    let half = &long[..HEAD_BYTES_MAX / 2];
    for (fields, name, cookies) in [
        (format!("A: b\r\ncookie: {long}\r\n"), "cookie (16", true),
        (
            format!("Cookie: {half}\r\nA: {}\r\nB: {}", &half[..100], &half[1..]),
            "Cookie (8192 bytes)",
            true,
        ),
        (format!("A: {half}\r\nCookie: b\r\nB: {}", &half[1..]), "A (8192 bytes)", false),
        (long.clone(), "(no name) (16", false),
    ] {
        let refusal = take(get(&fields)).unwrap_err();
        assert!(refusal.status == 431 && refusal.problem.contains(name), "{}", refusal.problem);
        assert_eq!(refusal.advice.contains("127.0.0.1"), cookies, "{}", refusal.advice);
    }
}

#[test]
fn what_telnet_sends_for_backspace_and_arrows_is_named() {
    for (bytes, key) in
        [("GET /\x7f", "Backspace"), ("GET /\x08", "Backspace"), ("\x1b[A", "arrow")]
    {
        let refusal = take(bytes).unwrap_err();
        assert!(refusal.status == 400 && refusal.problem.contains(key), "{refusal:?}");
        assert_eq!(refusal.advice, "type the line again");
    }
}

#[test]
fn a_target_that_is_not_ascii_is_shown_as_it_should_be_written() {
    let refusal = take("GET /?user=Оля HTTP/1.1\r\n").unwrap_err();
    assert_eq!(refusal.advice, "/?user=%D0%9E%D0%BB%D1%8F");
    let cp1251 = take(b"GET /?user=\xce\xeb\xff HTTP/1.1\r\n").unwrap_err();
    assert!(cp1251.advice.contains("UTF-8"), "{}", cp1251.advice);
}

#[test]
fn a_refusal_says_what_came_and_what_to_try() {
    let refusal = refuse::<()>(400, "\"x\" is no number", "?lastId=7").unwrap_err();
    let text = refusal.text();
    assert_eq!(
        (text.status, &*text.body),
        (400, &b"400: \"x\" is no number\n     try: ?lastId=7\n"[..])
    );
    let json: serde_json::Value = serde_json::from_slice(&Response::from(refusal).body).unwrap();
    assert_eq!(json, serde_json::json!({"error": "\"x\" is no number", "try": "?lastId=7"}));
    let told = take(b"GARBAGE\r\n").unwrap_err().problem;
    assert!(told.contains("1 word") && told.contains("3") && told.contains("GARBAGE"), "{told}");
}

// ---- For any bytes

/// Requests that are nearly right: the pieces of one, in any order and number.
fn near_requests() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec![
            "GET ", "POST ", "OPTIONS ", "/", "*", "http://a", "?q=%D0", " HTTP/1.1", " HTTP/1.0",
            "\r\n", "\r\n\r\n", "Host: a", "Host", ":", " ", "\t", "Content-Length: 5", "chunked",
            "Transfer-Encoding: ", "Expect: 100-continue", "Origin: http://a", "\r", "\n", "%", ",",
            "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "5\r\nhello",
            "Connection: Upgrade", "Sec-WebSocket-Version: 13", "0\r\n", ";", "a",
        ])
        .prop_map(|piece| piece.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..4),
    ];
    let begin = prop::sample::select(vec!["", "GET / HTTP/1.1\r\nHost: a\r\n", "5\r\nhello\r\n"]);
    (begin, prop::collection::vec(piece, 0..16))
        .prop_map(|(begin, pieces)| [begin.as_bytes(), &pieces.concat()].concat())
}

/// A request that is right, with a body in chunks of any size, or with a length.
fn requests() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    let fields =
        "([A-Za-z!#-]{1,9}: ?[ -~]{0,20}\r\n){0,9}".prop_filter("names with a meaning", |fields| {
            let mut names = fields.lines().filter_map(|line| line.split(':').next());
            let meant = ["host", "expect", "content-length", "transfer-encoding"];
            !names.any(|name| meant.contains(&name.to_ascii_lowercase().as_str()))
        });
    let chunks = prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..5);
    ("/[a-z0-9/]{0,9}(\\?[a-z=&%]{0,9})?", fields, chunks, any::<bool>()).prop_map(
        |(target, fields, chunks, chunked)| {
            let body = chunks.concat();
            let head = format!("POST {target} HTTP/1.1\r\nHost: a\r\n{fields}");
            let bytes = if chunked {
                let framed = chunks.iter().flat_map(|chunk| {
                    [format!("{:X};x\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat()
                });
                let framed: Vec<u8> = framed.collect();
                let head = format!("{head}Transfer-Encoding: chunked\r\n\r\n");
                [head.as_bytes(), &framed, b"0\r\nT: x\r\n\r\n"].concat()
            } else {
                let head = format!("{head}Content-Length: {}\r\n\r\n", body.len());
                [head.as_bytes(), &body].concat()
            };
            (bytes, body)
        },
    )
}

proptest! {
    /// RFC 3986 §3.2.2
    #[test]
    fn an_ipv6_address_is_what_std_takes_for_one(text in "[0-9a-f:.]{0,12}|([0-9a-f]{0,5}:){0,9}(1.2.3.4)?") {
        let head = format!("GET / HTTP/1.1\r\nHost: [{text}]\r\n\r\n");
        let is_one = text.parse::<std::net::Ipv6Addr>().is_ok();
        prop_assert_eq!(outcome(head), if is_one { WHOLE } else { 400 });
    }

    #[test]
    fn a_head_that_drips_comes_to_the_same(bytes in near_requests()) {
        let dripped = checks::read(&bytes, vec![1; bytes.len()], |source| read_head(source));
        prop_assert_eq!(dripped, checks::read(&bytes, [], |source| read_head(source)));
    }

    #[test]
    fn any_bytes_are_taken_refused_or_waited_on_and_never_more_than_came(bytes in near_requests()) {
        checks::head(&bytes);
        checks::chunked(&bytes);
        checks::target(&bytes);
        if let Ok(Some((_, used))) = take(&bytes) {
            prop_assert!(used <= bytes.len());
            prop_assert_eq!(outcome(&bytes[..used]), WHOLE);
        }
    }

    #[test]
    fn a_request_is_the_same_in_pieces_of_any_size(
        (bytes, body) in requests(),
        sizes in prop::collection::vec(1..50usize, 0..50),
        next in "[ -~]{0,20}",
    ) {
        checks::head(&bytes);
        let (request, used) = take(&bytes).unwrap().unwrap();
        prop_assert_eq!((&request.body, used), (&body, bytes.len()));
        // Two from one source that fills piece by piece, and the beginning of a third.
        let sent = [&bytes, &bytes, next.as_bytes()].concat();
        let read = checks::read(&sent, sizes, |source| {
            Ok([read_request(source)?, read_request(source)?])
        });
        prop_assert_eq!(read, Ok(Some(([request.clone(), request], 2 * used))));
    }
}
