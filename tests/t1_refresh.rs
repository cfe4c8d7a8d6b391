//! Part 1, and the API that all four share: literal requests over TCP.

mod common;

use common::{Client, Server, get, number, post_json, string};
use rawchat::techniques::said::{TEXT_CHARS_MAX, USER_CHARS_MAX};
use rawchat::tools::site;
use serde_json::Value;
use std::net::TcpListener;
use std::thread;
use std::time::{Instant, SystemTime};

fn form(fields: &str, body: &str) -> String {
    format!(
        "POST /messages HTTP/1.1\r\nHost: rawchat\r\n{fields}\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn form_of(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn page(server: &Server, target: &str, fields: &str) -> String {
    let response = server.ask(format!("GET {target} HTTP/1.1\r\nHost: rawchat\r\n{fields}\r\n"));
    assert_eq!(response.status, 200, "{response:?}");
    response.text().to_string()
}

#[test]
fn the_reader_sees_a_message_when_it_asks_again_and_not_before() {
    let server = Server::start(1);
    let mut bob = server.client();
    assert!(!bob.ask(get("/?user=Bob")).text().contains("good morning"));
    assert_eq!(server.post("Alice", "good morning").status, 201);
    let after_f5 = bob.ask(get("/?user=Bob"));
    assert!(after_f5.text().contains("good morning"), "{}", after_f5.text());
    assert!(bob.unread().is_empty(), "one question, one answer");
}

#[test]
fn the_page_of_part_1_needs_no_script_it_holds_the_messages_and_a_form() {
    let server = Server::start(1);
    server.post("Alice", "said-first");
    server.post("Bob", "said-second");
    let page = page(&server, "/?user=Bob", "");
    let (first, second) = (page.find("said-first").unwrap(), page.find("said-second").unwrap());
    assert!(first < second, "in the order they were said");
    assert!(page.contains("<form") && page.contains("method=\"post\""), "{page}");
    assert!(page.contains("name=\"text\"") && page.contains("name=\"user\""), "{page}");
}

#[test]
fn json_that_is_posted_is_answered_201_with_the_message_as_it_is_kept() {
    let server = Server::start(1);
    let response = server.post("Alice", "Привіт");
    assert_eq!(response.status, 201);
    assert_eq!(response.field("Content-Type"), Some("application/json; charset=utf-8"));
    let value = response.json();
    assert_eq!(value.get("success"), Some(&Value::Bool(true)));
    let message = value.get("message").unwrap();
    let time = string(message, "timestamp");
    assert_eq!((time.len(), &time[10..11], &time[19..20], &time[23..]), (24, "T", ".", "Z"));
    let expected = format!(r#"{{"id":1,"user":"Alice","text":"Привіт","timestamp":"{time}"}}"#);
    assert_eq!(response.text(), format!(r#"{{"success":true,"message":{expected}}}"#));
    assert_eq!(server.get("/messages").text(), format!("[{expected}]"), "compact, and the same");
}

#[test]
fn a_form_posted_by_curl_is_answered_201() {
    let server = Server::start(1);
    let response = server.ask(form("Accept: */*\r\n", "user=Alice&text=a+b%26c"));
    assert_eq!(response.status, 201);
    assert_eq!(string(response.json().get("message").unwrap(), "text"), "a b&c");
}

/// RFC 9110 §15.4.4: so that F5 asks for the page again and does not post again.
#[test]
fn a_form_posted_by_a_page_is_answered_303_back_to_the_page_of_the_same_user() {
    let server = Server::start(1);
    let mut browser = server.client();
    let accept = "Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8\r\n";
    let body = "user=%D0%9E%D0%BB%D1%8F&text=%D0%9F%D1%80%D0%B8%D0%B2%D1%96%D1%82";
    let response = browser.ask(form(accept, body));
    assert_eq!(response.status, 303);
    assert_eq!(response.field("Location"), Some("/?user=%D0%9E%D0%BB%D1%8F"));
    let page = browser.ask(get(response.field("Location").unwrap()));
    assert_eq!(page.status, 200);
    assert!(page.text().contains("Оля") && page.text().contains("Привіт"));
}

/// RFC 3986 §2.1
#[test]
fn a_name_may_come_percent_encoded_in_any_case_of_its_digits() {
    let server = Server::start(1);
    assert!(page(&server, "/?user=%D0%9E%D0%BB%D1%8F", "").contains("Оля"));
    assert!(page(&server, "/?user=%d0%9e%d0%bb%d1%8f", "").contains("Оля"));
    assert!(page(&server, "/?user=Anna+Maria", "").contains("Anna Maria"));
    assert!(page(&server, "/?us%65r=Zed", "").contains("Zed"));
    assert_eq!(server.get("/%6dessages").text(), "[]", "the path is decoded before it is matched");
}

#[test]
fn ids_are_1_2_3_and_last_id_gives_what_came_after() {
    let server = Server::start(1);
    for text in ["a", "b", "c", "d"] {
        server.post("Alice", text);
    }
    assert_eq!(server.get("/messages").ids(), [1, 2, 3, 4]);
    assert_eq!(server.get("/messages?lastId=0").ids(), [1, 2, 3, 4]);
    assert_eq!(server.get("/messages?lastId=2").ids(), [3, 4]);
    assert_eq!(server.get("/messages?lastId=4").text(), "[]");
}

/// RFC 8288 §3
#[test]
fn an_answer_holds_128_kib_and_says_where_the_next_ones_are() {
    let server = Server::start(1);
    for _ in 0..40 {
        // 12 KB as JSON.
        server.chat.say("Alice".into(), "\0".repeat(2_000));
    }
    let (first, newest) = (server.get("/messages?lastId=0"), server.get("/messages"));
    assert_eq!((first.ids(), newest.ids()), ((1..=10).collect(), (31..=40).collect()));
    assert_eq!(first.field("Link"), Some("</messages?lastId=10>; rel=\"next\""));
    assert_eq!(newest.field("Link"), None);
    let (mut all, mut target) = (Vec::new(), "/messages?lastId=0".to_string());
    loop {
        let answer = server.get(&target);
        assert!(answer.body.len() <= 128 * 1024);
        all.extend(answer.ids());
        let Some(link) = answer.field("Link") else { break };
        target = link.split(['<', '>']).nth(1).unwrap().to_string();
    }
    assert_eq!(all, (1..=40).collect::<Vec<u64>>());
    assert!(page(&server, "/", "").matches("data-id").count() <= 10, "a page holds no more");
}

#[test]
fn every_answer_of_data_says_which_log_it_speaks_of() {
    for part in 1..=4 {
        let before = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis() as u64;
        let server = Server::start(part);
        let stats = server.get("/stats");
        let epoch = stats.field("Log-Epoch").unwrap().to_string();
        let began: u64 = epoch.parse().unwrap();
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis() as u64;
        assert!((before..=now).contains(&began), "{began}");
        assert_eq!(number(&stats.json(), "epoch"), began);
        for answer in [server.get("/messages"), server.post("Alice", "hi"), server.get("/stats")] {
            assert_eq!(answer.field("Log-Epoch"), Some(&*epoch), "part {part}: {answer:?}");
        }
        assert_eq!(server.chat.room.epoch, began);
    }
}

#[test]
fn a_last_id_that_is_no_number_is_answered_400_and_says_what_came() {
    let server = Server::start(1);
    for wrong in ["abc", "-1", "1.5", "%2B1", "1%20", "0x10", ""] {
        let response = server.get(&format!("/messages?lastId={wrong}"));
        assert_eq!(response.status, 400, "{wrong:?}");
        let error = response.json();
        assert!(string(&error, "error").contains("lastId"), "{error:?}");
        assert_eq!(string(&error, "try"), "?lastId=7");
    }
}

#[test]
fn a_missing_blank_or_null_user_is_anonymous() {
    let server = Server::start(1);
    for body in [
        r#"{"text":"hi"}"#,
        r#"{"user":null,"text":"hi"}"#,
        r#"{"user":"","text":"hi"}"#,
        r#"{"user":" \t\n ","text":"hi"}"#,
    ] {
        let response = server.ask(post_json(body));
        assert_eq!(string(response.json().get("message").unwrap(), "user"), "Анонім", "{body}");
    }
}

#[test]
fn text_and_user_are_trimmed() {
    let server = Server::start(1);
    let response = server.post(" \u{a0}Alice\n", "\t hi there \r\n");
    let value = response.json();
    let message = value.get("message").unwrap();
    assert_eq!((string(message, "user"), string(message, "text")), ("Alice", "hi there"));
}

#[test]
fn what_cannot_be_seen_is_no_name_and_no_text() {
    let server = Server::start(1);
    let name = |user: &str| {
        let response = server.post(user, "hi").json();
        string(response.get("message").unwrap(), "user").to_string()
    };
    // No width, fillers, controls, a mark without a letter.
    for blank in [
        "\u{200b}",
        "\u{feff}\u{2060}",
        "\u{3164}",
        "\u{115f}\u{ffa0}",
        "\u{2800}",
        "\u{ad}",
        "\u{202e}",
        "\0\u{1b}",
        "\u{e0041}",
        "\u{fe0f} \u{200d}",
        "\u{301}",
        "\u{180e}",
        "\u{2028}",
        "\u{85}",
    ] {
        assert_eq!(name(blank), "Анонім", "{blank:?}");
        let page = page(&server, &format!("/?user={}", form_of(blank)), "");
        assert!(!page.contains("id=\"messages\""), "{blank:?}: the page asks for a name");
        let response = server.post("Alice", blank);
        assert_eq!(response.status, 400, "{blank:?}");
        assert!(string(&response.json(), "error").contains("empty"), "{blank:?}");
    }
    for (user, seen) in [
        ("Ali\u{200b}ce", "Alice"),
        ("\u{202e}Alice", "Alice"),
        ("Al\u{0}i\u{ad}ce\u{feff}", "Alice"),
        ("Anna \u{2028}\n Maria", "Anna Maria"),
        ("Їжак", "Їжак"),
        ("І\u{308}жак", "І\u{308}жак"),
        ("Nguye\u{302}\u{303}n", "Nguye\u{302}\u{303}n"),
        ("ตู้", "ตู้"),
        ("😀", "😀"),
    ] {
        assert_eq!(name(user), seen, "{user:?}");
    }
    let tower = format!("A{}b", "\u{301}".repeat(60));
    assert_eq!(name(&tower), format!("A{}b", "\u{301}".repeat(4)));
    let hidden = format!("A{}", "\u{301}\u{200d}".repeat(20));
    assert_eq!(name(&hidden), format!("A{}", "\u{301}".repeat(4)));
    let said = server.post("Alice", &format!("x{} y\u{200d}z", "\u{336}".repeat(500))).json();
    let text = string(said.get("message").unwrap(), "text");
    assert_eq!(text, format!("x{} y\u{200d}z", "\u{336}".repeat(4)), "a text keeps its joiners");
    assert_eq!(name(&format!("{}{}", "\u{200b}".repeat(500), "a".repeat(64))), "a".repeat(64));
}

/// As a browser shows it, in the language of who reads; a program gets JSON.
#[test]
fn a_name_that_is_too_long_shows_a_page_that_says_so() {
    let server = Server::start(1);
    let long = format!("/?user={}", "a".repeat(65));
    for (language, words) in [("uk", "задовге"), ("en", "too long")] {
        let fields =
            format!("Host: x\r\nAccept: text/html,*/*;q=0.8\r\nAccept-Language: {language}\r\n");
        let response = server.ask(format!("GET {long} HTTP/1.1\r\n{fields}\r\n"));
        assert_eq!(response.status, 413);
        assert_eq!(response.field("Content-Type"), Some("text/html; charset=utf-8"));
        assert!(response.text().contains(words) && response.text().contains("65"), "{language}");
        assert!(response.text().contains("<form") && !response.text().contains("{{"));
    }
    assert!(string(&server.get(&long).json(), "error").contains("64"));
}

/// Whatever the reason is; a program gets JSON.
#[test]
fn a_refusal_to_a_browser_is_a_page_that_gives_back_what_was_typed() {
    let server = Server::start(1);
    let accept = "Accept: text/html,*/*;q=0.8\r\nAccept-Language: en\r\n";
    let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
    let post = |fields: &str, body: &str| {
        let length = body.len();
        format!(
            "POST /messages HTTP/1.1\r\nHost: x\r\n{fields}Content-Length: {length}\r\n\r\n{body}"
        )
    };
    let get = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n");
    let foreign = format!("{kind}Origin: http://elsewhere.example\r\n");
    let long = format!("user=Bob&text={}", "<b>".repeat(700));
    let limits = format!("name may have {USER_CHARS_MAX} characters, and a text 2,000.");
    assert_eq!(TEXT_CHARS_MAX, 2_000);
    for (request, status, words) in [
        (post(kind, "user=Bob&text=%E2%80%8B"), 400, ["the text is empty", "value=\"Bob\""]),
        (post(kind, &long), 413, ["a text of 2100 characters", "&lt;b&gt;</textarea>"]),
        (get(&format!("/?user={}", "x".repeat(65))), 413, [&*limits, "Join the chat"]),
        (post(&foreign, "user=Bob&text=hi"), 403, ["another site", "hi</textarea>"]),
        (post("Content-Type: text/plain\r\n", "text=hi"), 415, ["text/plain", "value=\"\""]),
        (format!("POST /messages HTTP/1.1\r\nHost: x\r\n{kind}\r\n"), 411, ["length", "disabled"]),
        (get("/nothing?user=%22Eve"), 404, ["no such page", "value=\"&quot;Eve\""]),
        (get("/messages?lastId=x"), 400, ["expected a number", "hidden disabled"]),
        (
            post(kind, "").replace("/messages", "/lecture"),
            405,
            ["POST is not for", "hidden disabled"],
        ),
    ] {
        let page = server.ask(request.replacen("\r\n", &format!("\r\n{accept}"), 1));
        assert_eq!(page.status, status, "{}", page.text());
        assert_eq!(page.field("Content-Type"), Some("text/html; charset=utf-8"));
        assert!(page.field("Content-Security-Policy").is_some());
        assert!(page.text().contains("The server refused") && !page.text().contains("{{"));
        for words in words {
            assert!(page.text().contains(words), "{status}: no {words:?} in {}", page.text());
        }
        let json = server.ask(&request);
        assert_eq!(json.status, status);
        assert_eq!(json.field("Allow"), page.field("Allow"));
        assert!(json.json().get("error").is_some());
    }
    assert_eq!(server.get("/messages").text(), "[]");

    // What is refused before any page is asked, as main serves a part: DNS rebinding.
    let (chat, handler) =
        (server.chat.clone(), (server.chat.technique.handler)(server.chat.clone()));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let handler = site::chat(handler.unwrap());
    thread::spawn(move || site::run(listener, &chat.places, handler, Vec::new()));
    let request = format!("GET / HTTP/1.1\r\nHost: evil.example\r\n{accept}\r\n");
    let page = Client::connect(address).ask(request);
    assert_eq!(page.status, 421);
    assert!(page.text().contains("evil.example is not known here"), "{}", page.text());
    assert!(page.text().contains("</form>"));
}

/// Each tells what came and which line works. RFC 8259 §8.1: a byte order mark may be passed over.
#[test]
fn what_curl_and_editors_do_to_a_body_is_named() {
    let server = Server::start(1);
    let post = |kind: &str, body: &[u8]| {
        let head = format!(
            "POST /messages HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        server.ask([head.as_bytes(), body].concat())
    };
    let (json, form) = ("application/json", "application/x-www-form-urlencoded");
    for (status, kind, body, error, advice) in [
        // curl -d '{"text":"hi"}'
        (400, form, &br#"{"text":"hi"}"#[..], "looks like JSON", "--json"),
        (400, form, br#" {"user":"A","text":"a=b&c"}"#, "looks like JSON", "application/json"),
        // curl -F text=hi
        (415, "multipart/form-data; boundary=x", b"--x", "multipart/form-data", "curl -F"),
        (415, "text/plain", b"hi", "text/plain", "--json"),
        // cp1251
        (400, json, b"{\"text\":\"\xcf\xf0\"}", "not UTF-8: at byte 9 came 0xcf", "saved as UTF-8"),
        (400, form, b"text=\xcf\xf0", "not UTF-8", "-d @file"),
        // PowerShell's UTF-16
        (400, json, b"\xff\xfe{\0", "not UTF-8: at byte 0", "UTF-8"),
        (400, form, b"user=Alice", "no \"text\"", "text=hello"),
        (400, json, br#"{"user":"Alice"}"#, "no \"text\"", "text=hello"),
        (400, json, br#"{"text":null}"#, "no \"text\"", "text=hello"),
        (400, form, b"user=Alice&text=", "is empty", "word"),
    ] {
        let response = post(kind, body);
        assert_eq!(response.status, status, "{error}");
        let value = response.json();
        assert!(string(&value, "error").contains(error), "{error}: {value}");
        assert!(string(&value, "try").contains(advice), "{advice}: {value}");
    }
    assert_eq!(server.get("/messages").text(), "[]");
    assert_eq!(post(json, "\u{feff}{\"text\":\"hi\"}".as_bytes()).status, 201, "a BOM is forgiven");
}

#[test]
fn a_name_of_64_and_a_text_of_2000_characters_pass_and_one_more_is_413_with_the_limit() {
    let server = Server::start(1);
    let (name, text) = ("є".repeat(64), "ї".repeat(2000));
    assert_eq!(server.post(&name, &text).status, 201);
    for (name, text, limit) in
        [(format!("{name}є"), text.clone(), "64"), (name.clone(), format!("{text}ї"), "2000")]
    {
        let response = server.post(&name, &text);
        assert_eq!(response.status, 413);
        assert!(string(&response.json(), "error").contains(limit), "{response:?}");
    }
    assert_eq!(server.get(&format!("/?user={}", "a".repeat(65))).status, 413);
    assert_eq!(server.get("/messages").ids(), [1], "what was refused is not kept");
}

#[test]
fn a_body_that_cannot_be_used_is_400_and_the_connection_goes_on() {
    let server = Server::start(1);
    let mut client = server.client();
    for body in [
        "",
        "hello",
        "[]",
        "{}",
        r#"{"user":"Alice"}"#,
        r#"{"user":"Alice","text":""}"#,
        r#"{"user":"Alice","text":" \n "}"#,
        r#"{"user":"Alice","text":5}"#,
        r#"{"user":["Alice"],"text":"hi"}"#,
        r#"{"user":7,"text":"hi"}"#,
        r#"{"user":"Alice","text":"hi""#,
        r#"{"user":"Alice","text":"hi"} x"#,
        r#"{'user':'Alice','text':'hi'}"#,
    ] {
        let response = client.ask(post_json(body));
        assert_eq!(response.status, 400, "{body}");
        assert!(!string(&response.json(), "error").is_empty(), "{body}");
    }
    for (body, problem) in [
        ("[]", "at byte 0 of the JSON came '[', expected an object"),
        (r#"{"user":7,"text":"hi"}"#, "\"user\" is not a string"),
        (r#"{"user":"Alice","text":[]}"#, "\"text\" is not a string"),
    ] {
        assert_eq!(string(&client.ask(post_json(body)).json(), "error"), problem);
    }
    assert_eq!(client.ask(form("", "user=Alice&text=+%20+")).status, 400);
    assert_eq!(client.ask(get("/messages")).text(), "[]");
}

#[test]
fn a_body_that_is_not_utf_8_is_400() {
    let server = Server::start(1);
    let mut client = server.client();
    client.send("POST /messages HTTP/1.1\r\nHost: rawchat\r\nContent-Type: application/json\r\n");
    client.send(b"Content-Length: 13\r\n\r\n{\"text\":\"\xff\xfe\"}");
    let response = client.response();
    assert_eq!(response.status, 400);
    assert!(string(&response.json(), "error").contains("UTF-8"));
}

#[test]
fn half_a_surrogate_pair_is_never_passed_on() {
    let server = Server::start(1);
    for half in [r"\ud83d", r"\ude00", r"\ude00\ud83d", r"\ud83d\u0041"] {
        let response = server.ask(post_json(&format!(r#"{{"text":"{half}"}}"#)));
        match response.status {
            201 => assert!(response.text().contains('\u{fffd}'), "{response:?}"),
            status => assert_eq!(status, 400, "{half}"),
        }
    }
    let whole = server.ask(post_json(r#"{"text":"\ud83d\ude00"}"#));
    assert_eq!(string(whole.json().get("message").unwrap(), "text"), "😀");
}

/// RFC 9110 §15.5.12, §15.5.16: 411 for no length, 415 for a body nobody here can read.
#[test]
fn a_post_needs_a_length_and_a_type_that_is_known() {
    let server = Server::start(1);
    let head = "POST /messages HTTP/1.1\r\nHost: rawchat\r\n";
    for (status, fields) in [
        (411, ""),
        (411, "Content-Type: application/json\r\n"),
        (415, "Content-Length: 2\r\n"),
        (415, "Content-Type: text/plain\r\nContent-Length: 2\r\n"),
        (415, "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 2\r\n"),
        (415, "Content-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n"),
        (400, "Content-Type: Application/JSON;charset=UTF-8\r\nContent-Length: 2\r\n"),
    ] {
        let body = if status == 411 { "" } else { "{}" };
        let response = server.ask(format!("{head}{fields}\r\n{body}"));
        assert_eq!(response.status, status, "{fields:?}");
        assert!(!string(&response.json(), "try").is_empty());
    }
}

#[test]
fn markup_that_was_typed_is_shown_and_not_obeyed() {
    let server = Server::start(1);
    server.post("<b>Eve</b>", "<img src=x onerror=alert(1)> & \"quotes\" 'too' {{user}} [[a|b]]");
    let page = page(&server, "/?user=%22%3E%3Cscript%3Ealert(2)%3C/script%3E", "");
    assert!(page.contains("&lt;img src=x onerror=alert(1)&gt; &amp; &quot;quotes&quot; &#39;too"));
    assert!(page.contains("{{user}} [[a|b]]"), "what a person typed is no template");
    assert!(page.contains("&lt;b&gt;Eve&lt;/b&gt;"));
    assert!(!page.contains("<img") && !page.contains("<b>Eve") && !page.contains("<script>alert"));
}

/// RFC 9110 §12.4.2, §12.5.4
#[test]
fn the_language_is_the_query_then_the_cookie_then_the_browser_and_english_for_other_languages() {
    let server = Server::start(1);
    let cookie = |lang: &str| format!("Cookie: a=b; lang=uk; rawchat-lang={lang}; c=d\r\n");
    for (lang, target, fields) in [
        ("uk", "/", String::new()),
        ("en", "/?lang=en", String::new()),
        ("uk", "/?lang=uk", cookie("en")),
        ("en", "/?user=Bob&lang=en", cookie("uk")),
        ("en", "/", cookie("en")),
        ("uk", "/", cookie("uk") + "Accept-Language: en\r\n"),
        ("en", "/", "Accept-Language: en-US,en;q=0.9,uk;q=0.8\r\n".into()),
        ("uk", "/", "Accept-Language: uk-UA,uk;q=0.9,en;q=0.8\r\n".into()),
        ("en", "/", "Accept-Language: de, EN\r\n".into()),
        ("en", "/", "Accept-Language: de, fr;q=0.5\r\n".into()),
        ("en", "/", "Accept-Language: en;q=0.9, uk;q=0.8, de\r\n".into()),
        ("uk", "/", "Accept-Language: en;q=0.8, UK-ua;Q=0.9\r\n".into()),
        ("uk", "/", "Accept-Language: en;q=0, uk;q=0.1\r\n".into()),
        ("en", "/", "Accept-Language: uk;q=0\r\n".into()),
        ("en", "/", "Accept-Language: ukx, de\r\n".into()),
        ("uk", "/", "Accept-Language: uk, en\r\n".into()),
        ("en", "/", "Accept-Language: en\r\nAccept-Language: uk\r\n".into()),
        ("uk", "/", "Cookie: lang=en\r\n".into()), // some other program's
        ("en", "/?lang=tlh", cookie("en")),
        ("uk", "/?lang=tlh", String::new()),
    ] {
        let page = page(&server, target, &fields);
        assert!(page.contains(&format!("<html lang=\"{lang}\"")), "{lang} {target} {fields:?}");
        assert!(!page.contains("[[") && !page.contains("]]"), "one half of each text is left");
    }
}

#[test]
fn a_language_that_was_asked_for_is_remembered_in_a_cookie() {
    let server = Server::start(1);
    let cookie = server.get("/?lang=en").field("Set-Cookie").map(str::to_string).unwrap();
    assert_eq!(cookie, "rawchat-lang=en; Path=/; Max-Age=31536000; SameSite=Lax");
    assert_eq!(server.get("/").field("Set-Cookie"), None);
    assert_eq!(server.get("/?lang=x%0d%0aEvil:+1").field("Set-Cookie"), None);
}

#[test]
fn a_page_carries_a_policy_that_lets_only_its_own_scripts_run() {
    for part in 1..=4 {
        let server = Server::start(part);
        let (page, other) = (server.get("/?user=Bob"), server.get("/?user=Bob"));
        let policy = page.field("Content-Security-Policy").unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("form-action 'self'"));
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_ne!(Some(policy), other.field("Content-Security-Policy"), "a nonce is used once");
        for script in page.text().split("<script").skip(1) {
            let tag = script.split('>').next().unwrap();
            let nonce = tag.split("nonce=\"").nth(1).map(|rest| rest.split('"').next().unwrap());
            let ours = nonce.is_some_and(|nonce| policy.contains(&format!("'nonce-{nonce}'")));
            assert!(ours || tag.contains("src=\"/"), "part {part}: {tag}");
        }
        assert_eq!(page.field("Content-Type"), Some("text/html; charset=utf-8"));
    }
}

#[test]
fn a_page_asks_for_a_name_first_and_the_api_does_without() {
    for part in 1..=4 {
        let server = Server::start(part);
        server.post("", "nobody said this");
        for target in ["/", "/?user=", "/?user=+%20", "/?lang=en"] {
            let page = page(&server, target, "");
            assert!(page.contains("<form action=\"/\" method=\"get\">"), "part {part}: {target}");
            assert!(!page.contains("id=\"messages\""), "part {part}: {target}");
        }
        assert!(page(&server, "/?user=Bob", "").contains("id=\"messages\""));
        assert!(server.get("/messages").text().contains("\"user\":\"Анонім\""));
    }
}

#[test]
fn a_message_of_nobody_has_no_cyrillic_name_on_an_english_page() {
    let server = Server::start(1);
    server.post("", "nobody said this");
    let english = page(&server, "/?user=Bob&lang=en", "");
    assert!(english.contains("<b dir=\"auto\">Anonymous</b>") && !english.contains("Анонім"));
    assert!(page(&server, "/?user=Bob&lang=uk", "").contains("<b dir=\"auto\">Анонім</b>"));
}

/// RFC 6454 §7: the Origin of a page; curl sends none. The scheme may differ, a proxy may speak TLS.
#[test]
fn a_page_of_another_site_cannot_post() {
    let server = Server::start(1);
    let ask = |origin: &str| {
        let body = r#"{"text":"hi"}"#;
        let fields = "Host: chat.example:3000\r\nContent-Type: application/json\r\n";
        let head = format!("POST /messages HTTP/1.1\r\n{fields}{origin}Content-Length: 13\r\n\r\n");
        server.ask(head + body).status
    };
    for foreign in [
        "Origin: http://evil.example\r\n",
        "Origin: null\r\n",
        "Origin: http://chat.example\r\n",
        "Origin: http://chat.example:3001\r\n",
        "Origin: http://chat.example:3000.evil.example\r\n",
        "Origin: ftp://chat.example:3000\r\n",
        "Origin: chat.example:3000\r\n",
        "Origin: \r\n",
        "Origin: http://chat.example:3000\r\nOrigin: http://evil.example\r\n",
    ] {
        assert_eq!(ask(foreign), 403, "{foreign:?}");
    }
    assert_eq!(server.get("/messages").text(), "[]");
    for own in [
        "",
        "Origin: http://chat.example:3000\r\n",
        "Origin: https://chat.example:3000\r\n",
        "Origin: http://Chat.Example:3000\r\n",
    ] {
        assert_eq!(ask(own), 201, "{own:?}");
    }
}

/// RFC 9111 §5.2.2.5
#[test]
fn no_answer_with_data_may_be_kept_by_a_cache() {
    let server = Server::start(1);
    for target in ["/", "/messages", "/stats", "/nothing"] {
        assert_eq!(server.get(target).field("Cache-Control"), Some("no-store"), "{target}");
    }
    assert_eq!(server.post("Alice", "hi").field("Cache-Control"), Some("no-store"));
}

#[test]
fn what_the_pages_share_is_served_with_its_type() {
    let server = Server::start(1);
    for (target, kind) in [
        ("/chat.css", "text/css; charset=utf-8"),
        ("/chat.js", "text/javascript; charset=utf-8"),
        ("/icon.svg", "image/svg+xml"),
    ] {
        let response = server.get(target);
        assert_eq!((response.status, response.field("Content-Type")), (200, Some(kind)));
        assert!(!response.body.is_empty());
    }
}

#[test]
fn stats_tell_how_things_stand() {
    let began = Instant::now();
    let server = Server::start(1);
    server.post("Alice", "a");
    server.post("Alice", "b");
    let stats = server.get("/stats").json();
    assert_eq!(number(&stats, "totalMessages"), 2);
    assert!(number(&stats, "connections") >= 1, "the one that asks, at least");
    for name in ["waitingClients", "oldestWaitingTime", "connectedClients"] {
        assert_eq!(number(&stats, name), 0, "{name}");
    }
    assert_eq!(stats.get("clients"), Some(&Value::Array(Vec::new())));
    assert!(number(&stats, "serverUptime") <= began.elapsed().as_secs());
}
