//! `rawchat explain`: every form in which bytes may be given, and what is said of them.

use super::common::rawchat;
use proptest::prelude::*;
use rawchat::tools::dissect::block::{Style, block, headline};
use rawchat::tools::dissect::{Context, Language, Side, dissect};
use std::io::Write;
use std::process::Stdio;

const HELLO: &str = "81 85 37 fa 21 3d 7f 9f 4d 51 58";
const HELLO_BYTES: &[u8] = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";

/// Its exit status, stdout and stderr.
fn explain(arguments: &[&str], input: &[u8]) -> (Option<i32>, String, String) {
    let mut command = rawchat(&[]);
    command.arg("explain").args(arguments).env("LANG", "C").env_remove("LC_ALL");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // It may have ended without reading.
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn explained(arguments: &[&str], input: &[u8]) -> String {
    let (code, stdout, stderr) = explain(arguments, input);
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{arguments:?}");
    stdout
}

/// Everything but the first line, which tells how the bytes were read.
fn rest(text: &str) -> &str {
    text.split_once('\n').unwrap().1
}

#[test]
fn a_frame_is_explained_bit_by_bit() {
    let text = explained(&["--lang", "en", HELLO], b"");
    let expected = "\
Bytes: 11, from a client, read as hexadecimal.

text frame   11 B = 2 header + 4 key + 5 payload
0000  81  1... ....                                      RFC 6455 §5.2     §4.2
      FIN = 1: this is the last frame of its message.
0000  81  .000 ....                                      RFC 6455 §5.2     §4.2
      RSV = 000: no extension is used, these bits are spare.
0000  81  .... 0001                                      RFC 6455 §11.8    §4.2
      Opcode 1: text.
0001  85  1... ....                                      RFC 6455 §5.1     §4.2
      MASK = 1: the payload is masked; a client must, a server must not.
0001  85  .000 0101                                      RFC 6455 §5.2     §4.2
      Length 5: seven bits are enough up to 125.
0002  37 fa 21 3d                                     4  RFC 6455 §5.3     §4.3
      The masking key: new for each frame. It is no secret, it travels along.
      Text, in UTF-8, bytes: 5.                          RFC 6455 §5.6     §4.4
0006  7f 9f 4d 51 58
   ^  37 fa 21 3d 37
   =  48 65 6c 6c 6f                                   Hello
rawchat would take it, bytes: 11.
";
    assert_eq!(text, expected);
}

#[test]
fn a_request_is_explained_line_by_line() {
    let request = b"GET /subscribe?lastId=7 HTTP/1.1\r\nHost: 127.0.0.1:3000\r\n\r\n";
    let text = explained(&["--lang=uk", "-"], request);
    let expected = "\
Байтів: 58, від клієнта, прочитано як є.

GET /subscribe?lastId=7   58 B = 58 (голова) + 0 (тіло)
0000  GET /subscribe?lastId=7 HTTP/1.1\\r\\n           34  RFC 9112 §3       §1.2
      Рядок запиту: метод, ціль і версія.
0000    GET                                           3  RFC 9110 §9.1     §1.2
        Метод GET: дай мені це.
0004    /subscribe                                   10  RFC 9110 §4.2.3   §1.13
        Шлях /subscribe: що саме потрібно від цього сервера.
000e    ?lastId=7                                     9  RFC 3986 §3.4     §1.14
        Потрібні лише повідомлення після 7: попередні клієнт уже має.
0018    HTTP/1.1                                      8  RFC 9112 §2.3     §1.2
        Версія протоколу: HTTP/1.1.
0022  Host: 127.0.0.1:3000\\r\\n                       22  RFC 9112 §3.2     §1.2
      До якого хоста звертаються: 127.0.0.1:3000. За однією адресою їх може бути
      багато.
0038  \\r\\n                                            2  RFC 9112 §2.1     §1.2
      Порожній рядок: голова скінчилася.
rawchat це прийняв би, байтів: 58.
";
    assert_eq!(text, expected);
}

#[test]
fn bytes_may_be_written_in_every_usual_way() {
    let expected = explained(&[HELLO], b"");
    for words in [
        &["818537fa213d7f9f4d5158"][..],
        &["8185", "37fa213d", "7f9f4d5158"],
        &["0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58"],
        &["81:85:37:FA:21:3D:7F:9F:4D:51:58"],
        &[r"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"],
        &[r"\x81\x857\xfa!=\x7f\x9fMQX"],
    ] {
        assert_eq!(rest(&explained(words, b"")), rest(&expected), "{words:?}");
    }
    let xxd = "00000000: 8185 37fa 213d 7f9f 4d51 58              ..7.!=..MQX\n";
    let hexdump =
        "00000000  81 85 37 fa 21 3d 7f 9f  4d 51 58                 |..7.!=..MQX|\n0000000b\n";
    for input in [
        HELLO_BYTES,
        b"818537fa213d\n7f9f4d5158\n",
        xxd.as_bytes(),
        hexdump.replace("\n0000000b", "").as_bytes(),
        br"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58",
        b"[0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]",
    ] {
        let text = explained(&["-"], input);
        assert_eq!(rest(&text), rest(&expected), "{}", String::from_utf8_lossy(input));
    }
}

/// As it is copied from a program, from its documentation or from a terminal; as arguments and on
/// standard input.
#[test]
fn what_programs_and_languages_write_is_read() {
    let (expected, mut seen) = (explained(&[HELLO], b""), 0);
    for pasted in [
        "\"\\x81\\x85\\x37\\xfa\" \\\n\"\\x21\\x3d\\x7f\\x9f\\x4d\\x51\\x58\"",
        "char peer0_0[] = { /* Packet 4 */\n0x81, 0x85, 0x37, 0xfa, 0x21,\n0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58 };",
        "const uint8_t b[11] = {0x81,0x85,0x37,0xFA,0x21,0x3D,0x7F,0x9F,0x4D,0x51,0x58};",
        "[0x81u8, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]",
        r"b'\x81\x857\xfa!=\x7f\x9fMQX'",
        r"bytearray(b'\x81\x857\xfa!=\x7f\x9fMQX')",
        r"$'\201\2057\372!=\177\237MQX'",
        "<Buffer 81 85 37 fa 21 3d 7f 9f 4d 51 58>",
        "Uint8Array(11) [129, 133, 55, 250, 33, 61, 127, 159, 77, 81, 88]",
        "129, 133, 55, 250, 33, 61, 127, 159, 77, 81, 88",
        "{-127, -123, 55, -6, 33, 61, 127, -97, 77, 81, 88}",
        "00000000: 10000001 10000101 00110111 11111010 00100001 00111101  ..7.!=\n00000006: 01111111 10011111 01001101 01010001 01011000           ..MQX",
        "0000000 81 85 37 fa 21 3d 7f 9f 4d 51 58\n0000013",
        "000000 81 85 37 fa 21 3d 7f 9f 4d 51 58  >..7.!=..MQX<\n00000b",
        "00000000  81 85 37 fa 21 3d 7f 9f  4d 51 58           |..7.!=..MQX|\n0000000b",
        "0000   81 85 37 fa 21 3d 7f 9f 4d 51 58                  ..7.!=..MQX",
        "\t0x0000:  8185 37fa 213d 7f9f 4d51 58              ..7.!=..MQX",
        "=> Send data, 11 bytes (0xb)\n0000: 81 85 37 fa 21 3d 7f 9f 4d 51 58                ..7.!=..MQX\n<= Recv data\n0000: 88 00",
        "81-85-37-FA-21-3D-7F-9F-4D-51-58",
        "%81%85%37%FA%21%3D%7F%9F%4D%51%58",
        "\"81 85 37 fa 21 3d 7f 9f 4d 51 58\"",
    ] {
        for text in [explained(&[pasted], b""), explained(&["-"], pasted.as_bytes())] {
            assert_eq!(rest(&text), rest(&expected), "{pasted}");
            seen += 1;
        }
    }
    assert_eq!(seen, 42);
    let get = r"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let expected = explained(&[get], b"");
    for pasted in [
        format!("b'{get}'"),
        "* Connected to a\n> GET / HTTP/1.1\n> Host: a\n> \n< HTTP/1.1 200 OK\n< \n".into(),
        "=> Send header, 27 bytes (0x1b)\n0000: 47 45 54 20 2f 20 48 54 54 50 2f 31 2e 31 0d 0a GET / HTTP/1.1..\n\
         0010: 48 6f 73 74 3a 20 61 0d 0a 0d 0a                Host: a....\n".into(),
    ] {
        assert_eq!(rest(&explained(&[&pasted], b"")), rest(&expected), "{pasted}");
    }
}

/// `*` stands for lines like the one before it: hexdump counts in hexadecimal, od in octal.
#[test]
fn what_a_dump_leaves_out_is_put_back() {
    let frame = [&[0x82, 126, 0, 96][..], &[7; 96]].concat();
    let expected = explained(&["-"], &frame);
    let seven = "07 ".repeat(16);
    for (place, third, end) in
        [("00000010 ", "00000060 ", "00000064"), ("0000020", "0000140", "0000144")]
    {
        let zeros = "0".repeat(place.trim().len());
        let dump = format!(
            "{zeros}  82 7e 00 60 {}\n{place} {seven}\n*\n{third} 07 07 07 07\n{end}\n",
            "07 ".repeat(12)
        );
        assert_eq!(rest(&explained(&["-"], dump.as_bytes())), rest(&expected), "{dump}");
    }
    let (code, _, stderr) = explain(&["00000000  81\n*\nffffffffffff  81"], b"");
    assert!(code == Some(2) && stderr.starts_with("this dump leaves out too much"), "{stderr}");
}

#[test]
fn what_is_not_understood_is_told_the_way_out() {
    for (pasted, way_out) in [
        ("gYU3+iE9f59NUVg=", "base64 -d | rawchat explain -"),
        ("0000000 102601 175067 036441 117577 050515 000130\n0000013", "od -A x -t x1"),
        ("0000000 201 205   7 372   !   = 177 237   M   Q   X\n0000013", "xxd"),
        ("0000000 8581 fa37 3d21 9f7f 514d 0058          \n000000b", "hexdump -C"),
        (
            "=> Send header, 35 bytes (0x23)\n0000: GET / HTTP/1.1\n0010: Host: a\n",
            "curl --trace -",
        ),
    ] {
        for (code, _, stderr) in [explain(&[pasted], b""), explain(&["-"], pasted.as_bytes())] {
            assert!(
                code == Some(2) && stderr.lines().next().unwrap().contains(way_out),
                "{stderr}"
            );
        }
    }
    for pasted in ["http://127.0.0.1:3000/messages", "{\"type\":\"ping\"}", "81853", "81h 85h"] {
        let (code, _, stderr) = explain(&[pasted], b"");
        assert!(code == Some(2) && stderr.contains("standard input: printf"), "{stderr}");
        // As it is, on standard input, it is explained as what it is.
        explained(&["-"], pasted.as_bytes());
    }
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n[1,2,3]";
    assert!(explained(&["-"], answer).contains("read as they are"), "a body is no list of bytes");
}

#[test]
fn what_was_copied_as_text_is_recognised_and_told_how_to_be_read() {
    let copied = b"GET / HTTP/1.1\nHost: a\nUser-Agent: Mozilla/5.0\n\n";
    let text = explained(&["-"], copied);
    assert!(text.contains("would answer 400") && text.contains("--crlf"), "{text}");
    let text = explained(&["--crlf", "-"], copied);
    assert!(text.contains("would take it, bytes: 52.") && !text.contains("--crlf"), "{text}");
}

#[test]
fn the_verdict_is_what_the_core_says() {
    for (arguments, verdict) in [
        (&[r"GARBAGE\r\n"][..], "would answer 400: 1 word(s), expected 3"),
        (&[r"GET / HTTP/1.1\r\n"], "would wait for the rest"),
        (&["--from=client", "81 02 68 69"], "close the connection with 1002: a client must mask"),
        (&["81 02 68 69"], "from a server"),
        (&["81 02 68 69"], "would take it, bytes: 4."),
        (&["c1 80 00 00 00 00"], "1002: a reserved bit is set"),
        (&["81 81 00 00 00 00 ff"], "1007: the text is not UTF-8"),
        (&["88 80 00 00 00 00 81"], "would take it, bytes: 6."),
        (&[r"HTTP/1.1 204 No Content\r\n\r\n"], "writes such (§1.6), and does not read it"),
        (&["16 03 01 00 01 01"], "looks like TLS"),
        (&[r"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n"], "would answer 426"),
        (&[r"BAD\r\n\r\nGET / HTTP/1.1\r\n"], "would not read this any more"),
    ] {
        let text = explained(arguments, b"");
        assert!(text.replace('\n', " ").contains(verdict), "{verdict:?} is not in {text}");
    }
    let text = explained(&[r"GARBAGE\r\n"], b"");
    assert!(text.contains("(src/wire/http/"), "with the line that says so: {text}");
}

#[test]
fn after_its_handshake_frames_are_frames() {
    let request = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let text = explained(&["-"], &[request.as_bytes(), HELLO_BYTES].concat());
    assert!(text.contains("text frame   11 B") && text.matches("would take it").count() == 2);
}

#[test]
fn a_long_payload_is_shortened_unless_everything_is_asked_for() {
    let mut frame = vec![0x82, 126, 0, 200];
    frame.extend([b'x'; 200]);
    let text = explained(&["-"], &frame);
    assert!(text.contains("… +136\n") && text.matches("xxxxxxxxxxxxxxxx\n").count() == 4, "{text}");
    let text = explained(&["-v", "-"], &frame);
    assert!(!text.contains("… +") && text.matches("xxxxxxxxxxxxxxxx\n").count() == 12, "{text}");
}

#[test]
fn wrong_usage_is_exit_2_and_help_is_exit_0() {
    for (arguments, hint) in [
        (&[][..], "rawchat explain BYTES"),
        (&["8"], "hexadecimal"),
        (&["GARBAGE"], "hexadecimal"),
        (&[r"\x8"], "two hexadecimal digits: "),
        (&[r"\q"], "known are"),
        (&["--from", "me", "81"], "\"me\""),
        (&["--from"], "--from needs a value"),
        (&["--lang=de", "81"], "\"de\""),
        (&["--frob", "81"], "\"--frob\""),
        (&["-"], "no bytes"),
    ] {
        let (code, stdout, stderr) = explain(arguments, b"");
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(stderr.contains(hint), "{hint:?} is not in {stderr}");
    }
    let (code, stdout, _) = explain(&["--help"], b"");
    assert!(code == Some(0) && stdout.contains("--crlf"), "{stdout}");
    let menu = rawchat(&["--help"]).output().unwrap();
    assert!(String::from_utf8(menu.stdout).unwrap().contains("rawchat explain"));
}

#[test]
fn the_language_is_that_of_the_environment_unless_it_is_said() {
    let ask = |lang: &str, arguments: &[&str]| {
        let mut command = rawchat(arguments);
        let output = command.env("LANG", lang).env_remove("LC_ALL").env_remove("LC_MESSAGES");
        String::from_utf8(output.output().unwrap().stdout).unwrap()
    };
    assert!(ask("uk_UA.UTF-8", &["explain", HELLO]).contains("кадр"));
    assert!(ask("en_US.UTF-8", &["explain", HELLO]).contains("frame"));
    assert!(ask("uk_UA.UTF-8", &["explain", "--lang", "en", HELLO]).contains("frame"));
}

#[test]
#[cfg(target_os = "linux")]
fn colour_is_for_a_terminal_without_no_color() {
    use super::terminal::terminal;
    use std::io::BufRead;
    for (no_color, colour) in [(None, true), (Some(""), true), (Some("1"), false)] {
        let (shown, written) = terminal();
        let mut command = rawchat(&["explain", "--lang=en", HELLO]);
        if let Some(value) = no_color {
            command.env("NO_COLOR", value);
        }
        let mut child = command.stdout(written).spawn().unwrap();
        drop(command);
        let mut lines = shown.lines().map_while(Result::ok);
        let line = lines.find(|line| line.contains("1... ....")).expect("the bits of FIN");
        assert_eq!(line.contains('\x1b'), colour, "{no_color:?}: {line:?}");
        drop(lines);
        child.wait().unwrap();
    }
    assert!(!explained(&[HELLO], b"").contains('\x1b'), "a pipe is no terminal");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let mut command = rawchat(&["explain", "-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    child.stdin.take().unwrap().write_all(&HELLO_BYTES.repeat(100)).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn no_line_is_longer_than_80_columns_and_nothing_commands_the_terminal(
        (from, bytes) in super::dissect::mutated(),
        everything in any::<bool>(),
    ) {
        for language in [Language::Uk, Language::En] {
            let style = Style { language, coloured: false, everything };
            let (fields, _) = dissect(&bytes[..bytes.len().min(2000)], &mut Context::guess(from));
            for first in (0..fields.len()).filter(|index| fields[*index].parent.is_none()) {
                let text = headline(&fields, first, &bytes, &style) + "\n";
                let text = text + &block(&fields, first, &bytes, &style);
                for line in text.lines() {
                    let columns = line.chars().count();
                    prop_assert!(columns <= 80, "{} columns: {}", columns, line);
                    prop_assert!(!line.contains(|c: char| c.is_control()), "{:?}", line);
                }
            }
        }
    }
}

#[test]
fn who_sent_it_is_guessed_from_what_only_one_side_sends() {
    for (bytes, from) in [
        (r"\x81\x00", Side::Server),
        (r"\x81\x80\0\0\0\0", Side::Client),
        (r"HTTP/1.1 200 OK\r\n\r\n", Side::Server),
        (r"GET / HTTP/1.1\r\n", Side::Client),
        (r"\r\nGET", Side::Client),
        (r"\x16\x03\x01", Side::Client),
    ] {
        let said = match from {
            Side::Client => "from a client",
            Side::Server => "from a server",
        };
        assert!(explained(&[bytes], b"").contains(said), "{bytes}");
    }
}
