//! Text in its small formats: JSON, forms, markup, dates. Without a socket or a clock.

#[allow(dead_code)]
#[path = "fuzz/checks.rs"]
mod checks;

use proptest::prelude::*;
use rawchat::techniques::said;
use rawchat::tools::json::elements;
use rawchat::tools::pages;
use rawchat::wire::http::{Request, Response};
use rawchat::wire::json::{self, DEPTH_MAX, Value};
use rawchat::wire::visible::{MARKS_MAX, is_invisible, what_shows, without_towers};
use rawchat::wire::{date, form, html};
use std::time::{Duration, UNIX_EPOCH};

// ---- JSON: RFC 8259

/// What is made of `text` as the value of a member.
fn member(text: &str) -> Result<Value<'_>, String> {
    let object = format!(r#"{{"a":{text}}}"#);
    checks::json(object.as_bytes());
    let [value] = json::members(&object, ["a"])?;
    Ok(match value {
        Value::Absent => Value::Absent,
        Value::String(string) => Value::String(string),
        Value::Other(written) => {
            assert_eq!(written, text.trim());
            Value::Other(text.trim())
        }
    })
}

fn string(text: &str) -> Value<'static> {
    Value::String(text.into())
}

#[test]
fn json_in_is_an_object_of_which_strings_are_kept() {
    let both = |text| json::members(text, ["user", "text"]);
    for (text, expected) in [
        ("{}", [Value::Absent, Value::Absent]),
        (" { \"user\" : \"\" } ", [string(""), Value::Absent]),
        (r#"{"text":"hi","a":"b","user":"Оля"}"#, [string("Оля"), string("hi")]),
        (r#"{"user":null,"text":7}"#, [Value::Absent, Value::Other("7")]),
        (
            r#"{"a":{"user":"A"},"b":["text"],"text":{"text":"B"}}"#,
            [Value::Absent, Value::Other(r#"{"text":"B"}"#)],
        ),
        (r#"{"u\u0073er":"A"}"#, [string("A"), Value::Absent]),
    ] {
        assert_eq!(both(text), Ok(expected), "{text}");
        checks::json(text.as_bytes());
    }
    for (text, at, expected) in [
        ("", 0, "an object"),
        (" ", 1, "an object"),
        ("hello", 0, "an object"),
        ("\t[]", 1, "an object"),
        ("null", 0, "an object"),
        ("\"user\"", 0, "an object"),
        ("\u{feff}{}", 0, "an object"),
        ("{} x", 3, "the end"),
        ("{}{}", 2, "the end"),
    ] {
        let came = text[at..].chars().next().map_or("its end".into(), |c| format!("{c:?}"));
        let problem = format!("at byte {at} of the JSON came {came}, expected {expected}");
        assert_eq!(both(text), Err(problem));
        checks::json(text.as_bytes());
    }
}

#[test]
fn a_member_is_a_string_or_nothing_or_something_else() {
    for (text, expected) in [
        ("null", Value::Absent),
        (" \t\r\n true ", Value::Other("true")),
        ("false", Value::Other("false")),
        ("-0.5e+1", Value::Other("-0.5e+1")),
        ("0", Value::Other("0")),
        ("\"\"", string("")),
        ("[]", Value::Other("[]")),
        ("[ 1 , [ ] ]", Value::Other("[ 1 , [ ] ]")),
        ("{\"a\" : null}", Value::Other("{\"a\" : null}")),
    ] {
        assert_eq!(member(text), Ok(expected), "{text}");
    }
}

#[test]
fn the_elements_of_an_array_are_read_as_members_are() {
    let expected =
        vec![Value::Other("{\"id\": 7}"), string("б"), Value::Absent, Value::Other("[]")];
    assert_eq!(elements(" [ {\"id\": 7} ,\"б\",null,[] ] "), Ok(expected));
    assert_eq!(elements("[]"), Ok(vec![]));
    for (text, at) in [("", 0), ("{}", 0), ("[1", 2), ("[1,]", 3), ("[] 1", 3), ("[1}", 2)] {
        let problem = elements(text).expect_err(text);
        assert_eq!(checks::error_at(&problem), at, "{text}: {problem}");
    }
}

#[test]
fn every_prefix_of_a_json_text_is_an_error_at_its_end_or_where_a_word_begins() {
    let text = r#"{"user":"Оля \u0041\ud83d\ude00\n","text":[-1.5e-3,true,false,null,{"a":[]}]}"#;
    assert!(json::members(text, []).is_ok());
    for (end, _) in text.char_indices() {
        let problem = json::members(&text[..end], []).expect_err("a prefix");
        let at = checks::error_at(&problem);
        assert!(at <= end && end - at < 12, "{end}: {problem}");
        checks::json(&text.as_bytes()[..end]);
    }
}

/// Where the mistake is, in bytes. RFC 8259 §6
#[test]
fn an_error_in_json_knows_its_place() {
    for (text, at) in [
        ("", 0),
        ("  ", 2),
        ("nul", 0),
        ("nulL", 0),
        ("True", 0),
        ("1 2", 2),
        ("{} x", 3),
        ("01", 1),
        ("+1", 0),
        (".5", 0),
        ("1.", 2),
        ("1.e5", 2),
        ("1e", 2),
        ("1e+", 3),
        ("-", 1),
        ("-a", 1),
        ("0x10", 1),
        ("NaN", 0),
        ("-Infinity", 1),
        ("[1,]", 3),
        ("[1 2]", 3),
        ("[,]", 1),
        ("[", 1),
        ("[1}", 2),
        ("{\"a\"}", 4),
        ("{\"a\":}", 5),
        ("{\"a\":1,}", 7),
        ("{a:1}", 1),
        ("{1:1}", 1),
        ("{\"a\":1]", 6),
        ("'a'", 0),
        ("\"a", 2),
        ("\"Ї\n\"", 3),
        ("\"\\x\"", 1),
        ("\"\\u12g4\"", 1),
        ("\"\\u+123\"", 1),
        ("\"\\u123", 1),
        ("\"\\", 1),
        ("[1] //", 4),
        ("\u{feff}1", 0),
    ] {
        let problem = json::members(&format!(r#"{{"a":{text}"#), []).expect_err(text);
        assert_eq!(checks::error_at(&problem), r#"{"a":"#.len() + at, "{text}: {problem}");
        checks::json(text.as_bytes());
    }
}

#[test]
fn a_string_has_all_escapes_and_surrogates_in_pairs_only() {
    for (text, expected) in [
        (r#""\"\\\/\b\f\n\r\t""#, Some("\"\\/\u{8}\u{c}\n\r\t")),
        (r#""\u041e\u043B\u044f""#, Some("Оля")),
        (r#""\u0000\u007f\uffff""#, Some("\0\u{7f}\u{ffff}")),
        (r#""\ud83d\ude00""#, Some("😀")),
        (r#""\uD800\uDC00\udbff\udfff""#, Some("\u{10000}\u{10ffff}")),
        (r#""\ud83d""#, None),
        (r#""\ude00""#, None),
        (r#""\ude00\ud83d""#, None),
        (r#""\ud83d\ud83d\ude00""#, None),
        (r#""\ud83dx""#, None),
        (r#""\ud83d\n\ude00""#, None),
        (r#""\ud83d\u0041""#, None),
    ] {
        assert_eq!(member(text).ok(), expected.map(string), "{text}");
    }
}

#[test]
fn a_control_character_stands_in_no_string_unless_escaped() {
    for character in ('\0'..'\u{a0}').filter(|c| !"\"\\".contains(*c)) {
        let text = format!("\"{character}\"");
        assert_eq!(member(&text).is_ok(), character >= ' ', "{text:?}");
    }
}

#[test]
fn arrays_and_objects_go_so_deep_and_no_deeper() {
    for (open, inside, close) in [("[", "", "]"), ("[", "1", "]"), ("{\"a\":", "[]", "}")] {
        let brackets = DEPTH_MAX - 1 - inside.matches('[').count(); // `member` adds one
        let nested = |depth| [open.repeat(depth), inside.into(), close.repeat(depth)].concat();
        assert!(member(&nested(brackets)).is_ok(), "{brackets} of {open}{inside}");
        assert!(member(&nested(brackets + 1)).is_err(), "{open}{inside}");
        assert!(member(&nested(100_000)).is_err(), "without a stack overflow");
    }
}

#[test]
fn of_members_with_one_name_the_last_one_counts() {
    for (text, expected) in [
        (r#"{"a":1,"b":"2","\u0061":"3"}"#, [string("3"), string("2")]),
        (r#"{"a":"1","b":"2","a":3,"b":null}"#, [Value::Other("3"), Value::Absent]),
    ] {
        assert_eq!(json::members(text, ["a", "b"]), Ok(expected));
        checks::json(text.as_bytes());
    }
}

#[test]
fn a_string_goes_out_with_nothing_that_would_end_it_or_command_a_terminal() {
    let out = json::quoted("Їжак \"\\/\n\t\r\0\u{1f}\u{7f}\u{9b}\u{2028}😀");
    assert_eq!(out, "\"Їжак \\\"\\\\/\\n\\t\\u000d\\u0000\\u001f\\u007f\\u009b\u{2028}😀\"");
}

// ---- Forms and queries: URL Standard §5

#[test]
fn a_form_gives_the_first_value_of_a_name_decoded() {
    for (text, name, expected) in [
        ("user=%D0%9E%D0%BB%D1%8F&text=a+b", "user", Some("Оля")),
        ("user=%D0%9E%D0%BB%D1%8F&text=a+b", "text", Some("a b")),
        ("a=1&a=2", "a", Some("1")),
        ("b&a", "a", Some("")),
        ("a=", "a", Some("")),
        ("a==b=c", "a", Some("=b=c")),
        ("a=1;b=2", "a", Some("1;b=2")),
        ("&&a=1&", "a", Some("1")),
        ("%61%3d=1", "a=", Some("1")),
        ("a+b=1", "a b", Some("1")),
        ("a=%2B+%2b", "a", Some("+ +")),
        ("a=%", "a", Some("%")),
        ("a=%4", "a", Some("%4")),
        ("a=%zz%41", "a", Some("%zzA")),
        ("a=%%34%31", "a", Some("%41")), // decoded once, not twice
        ("a=%ff%D0", "a", Some("\u{fffd}\u{fffd}")),
        ("A=1", "a", None),
        ("", "a", None),
    ] {
        assert_eq!(form::get(text, name).as_deref(), expected, "{text}");
        checks::form(text.as_bytes());
    }
}

/// RFC 3986 §2.1, §2.3
#[test]
fn what_is_percent_encoded_is_safe_anywhere_in_a_url() {
    assert_eq!(form::encode("aZ9-._~ +&=%/?#\"Ї"), "aZ9-._~%20%2B%26%3D%25%2F%3F%23%22%D0%87");
    let digits: Vec<u8> = (0..=255).filter(|byte| form::hex(*byte).is_some()).collect();
    assert_eq!(digits, b"0123456789ABCDEFabcdef");
    assert_eq!([b'0', b'9', b'a', b'F'].map(form::hex), [0, 9, 10, 15].map(Some));
}

// ---- Markup

#[test]
fn text_never_becomes_markup() {
    assert_eq!(
        html::escape("<img src='x' onerror=\"alert(1)\"> & Їжак"),
        "&lt;img src=&#39;x&#39; onerror=&quot;alert(1)&quot;&gt; &amp; Їжак"
    );
}

#[test]
fn a_template_is_filled_and_values_are_not_looked_into() {
    let values = [("user", "{{lang}} [[a|b]] {{user}}"), ("lang", "uk")];
    for (template, filled) in [
        ("plain", "plain"),
        ("", ""),
        ("<{{lang}}>", "<uk>"),
        ("{{user}}", "{{lang}} [[a|b]] {{user}}"),
        ("{{unknown}} {{lang", "{{unknown}} {{lang"),
        ("a[0] {b} [c|d]", "a[0] {b} [c|d]"),
        ("{ {{lang}}}", "{ uk}"),
        ("{{{lang}}}", "{{{lang}}}"), // an opening stands where it is first found
        ("[[а|a]] {{{{user", "[[а|a]] {{{{user"),
    ] {
        assert_eq!(pages::fill(template, &values), filled);
    }
}

#[test]
fn of_each_text_of_a_template_one_language_stays() {
    for (template, uk, en) in [
        ("plain", "plain", "plain"),
        ("[[Чат|Chat]]!", "Чат!", "Chat!"),
        ("[[а|a]][[б|b]]", "аб", "ab"),
        ("[[|only in English]]", "", "only in English"),
        ("x[y[0]] [[no bar]]", "x[y[0]] [[no bar]]", "x[y[0]] [[no bar]]"),
        ("[[а|a", "[[а|a", "[[а|a"),
        ("[[а [[б|b]] {{lang}}", "[[а б {{lang}}", "[[а b {{lang}}"),
    ] {
        assert_eq!(pages::chosen(template, true), uk);
        assert_eq!(pages::chosen(template, false), en);
    }
}

fn page(query: &str, cookie: &str, accepted: &str) -> Response {
    let field = |name: &str, value: &str| (name.to_string(), value.to_string());
    let fields = vec![field("Cookie", cookie), field("Accept-Language", accepted)];
    let request = Request { query: query.into(), fields, ..Request::default() };
    pages::page("{{lang}} [[Чат|Chat]] {{user}} {{nonce}}", &request, &[("user", "{{nonce}}")])
}

#[test]
fn a_page_is_in_the_language_asked_for_or_saved_or_the_browsers_or_ukrainian() {
    for (query, cookie, accepted, lang, saved) in [
        ("", "", "", "uk", false),
        ("lang=en", "rawchat-lang=uk", "uk", "en", true),
        ("user=A&lang=uk", "rawchat-lang=en", "en", "uk", true),
        ("lang=de", "rawchat-lang=en", "uk", "en", false),
        ("", "a=b; rawchat-lang=en", "uk", "en", false),
        ("", "xrawchat-lang=en; lang=en; rawchat-langs=en", "uk", "uk", false),
        ("", "rawchat-lang=de", "de, en-GB;q=0.9, uk", "uk", false),
        ("", "", "EN", "en", false),
        ("", "", "u, \u{457}", "en", false),
    ] {
        let response = page(query, cookie, accepted);
        let body = String::from_utf8_lossy(&response.body).into_owned();
        let begin = if lang == "uk" { "uk Чат {{nonce}} " } else { "en Chat {{nonce}} " };
        assert!(body.starts_with(begin), "{query}, {cookie}, {accepted}: {body}");
        let cookie = response.fields.iter().find(|(name, _)| *name == "Set-Cookie");
        assert_eq!(cookie.is_some(), saved, "{query}, {cookie:?}");
        assert!(
            cookie.is_none_or(|(_, value)| value.starts_with(&format!("rawchat-lang={lang};")))
        );
    }
}

#[test]
fn only_the_scripts_of_the_page_run_and_their_word_is_new_each_time() {
    let [one, other] = [(); 2].map(|()| {
        let response = page("", "", "");
        let nonce =
            String::from_utf8_lossy(&response.body[response.body.len() - 32..]).into_owned();
        let policy = response.fields.iter().find(|(name, _)| *name == "Content-Security-Policy");
        let policy = policy.expect("a policy").1.to_string();
        assert!(policy.contains(&format!("script-src 'self' 'nonce-{nonce}';")), "{policy}");
        assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"));
        nonce
    });
    assert_ne!(one, other);
}

// ---- Dates: RFC 9110 §5.6.7

#[test]
fn a_moment_is_written_as_the_web_writes_it() {
    for (millis, iso, imf) in [
        (0, "1970-01-01T00:00:00.000Z", "Thu, 01 Jan 1970 00:00:00 GMT"),
        (784_111_777_000, "1994-11-06T08:49:37.000Z", "Sun, 06 Nov 1994 08:49:37 GMT"), // the RFC's
        (951_782_399_999, "2000-02-28T23:59:59.999Z", "Mon, 28 Feb 2000 23:59:59 GMT"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z", "Tue, 29 Feb 2000 00:00:00 GMT"),
        (1_795_342_530_123, "2026-11-22T10:15:30.123Z", "Sun, 22 Nov 2026 10:15:30 GMT"),
        (4_107_542_400_001, "2100-03-01T00:00:00.001Z", "Mon, 01 Mar 2100 00:00:00 GMT"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z", "Fri, 31 Dec 9999 23:59:59 GMT"),
    ] {
        assert_eq!(date::iso8601(millis), iso);
        assert_eq!(date::imf_fixdate(millis / 1000), imf);
    }
}

#[test]
fn every_day_until_2400_has_its_date() {
    const DAY_S: u64 = 86_400;
    let last = 13_569_465_600; // 2400-01-01
    for second in (0..last).step_by(DAY_S as usize) {
        let theirs = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(second));
        assert_eq!(date::imf_fixdate(second), theirs);
    }
}

// ---- For any text

/// JSON that is nearly right: the pieces of some, in any order and number.
fn near_json() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => prop::sample::select(vec![
            "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u", "d83d", "\\ude00", "\"a\"", "\"a\":", "null",
            "true", "fals", "e", "1", "0", "-", ".", "E+9", "e400", " ", "\n", "[]", "{}", "\\n", "0041",
        ])
        .prop_map(String::from),
        1 => "\\PC",
        1 => any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
}

/// JSON that is right.
fn right_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(8, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(serde_json::Value::Array),
            prop::collection::vec((any::<String>(), inner), 0..8)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

// ---- What can be seen

/// One of each script in which towers were built: Tibetan, Khmer, Syriac, Bengali, Burmese,
/// Gurmukhi, Lao, Thaana, Hindi, Japanese, notes, Mende, Kharoshthi.
#[test]
fn a_tower_of_marks_is_taken_down_in_every_script() {
    for mark in "\u{f71}\u{17c6}\u{730}\u{981}\u{1037}\u{a3c}\u{eb4}\u{7a6}\u{963}\u{3099}\u{1d165}\
        \u{1e8d0}\u{10a0f}"
        .chars()
    {
        let tower = |height| format!("a{}b", mark.to_string().repeat(height));
        assert_eq!(without_towers(&tower(60)), tower(MARKS_MAX), "{mark:?}");
        assert_eq!(what_shows(&mark.to_string()), "", "{mark:?} stands on nothing");
    }
}

#[test]
fn what_shows_nothing_makes_no_name_and_tells_no_two_apart() {
    for c in "\u{ad}\u{34f}\u{61c}\u{115f}\u{180e}\u{200b}\u{200d}\u{2028}\u{202e}\u{2800}\u{3164}\u{e000}\
        \u{fe0f}\u{feff}\u{ffa0}\u{fffb}\u{fffc}\u{fffe}\u{ffff}\u{1d159}\u{e0041}\u{e0100}\u{10ffff}"
        .chars()
    {
        assert_eq!(what_shows(&c.to_string()), "", "{c:?}");
        assert_eq!(what_shows(&format!("Al{c}ice")).replace(' ', ""), "Alice", "{c:?}");
    }
    // The last one is not assigned yet.
    for seen in ["Їжак", "李", "Ａ", "\u{fffd}", "—", "€", "☺", "👋🏽", "'\\\"", "\u{1fac9}"]
    {
        assert_eq!(what_shows(seen), seen);
    }
}

#[test]
fn a_mark_that_stands_on_nothing_takes_its_space_with_it() {
    for blank in
        ["\u{301} ", " \u{301}", "\u{301} \u{301} ", "\u{200b}\u{301}\u{a0}", "\u{301}\n\u{301}"]
    {
        assert_eq!(what_shows(&format!("{blank}Alice")), "Alice", "{blank:?}");
    }
    assert_eq!(without_towers("\n\u{301} \u{301} hi"), "hi");
    let tower = "\u{301}".repeat(MARKS_MAX);
    assert_eq!(without_towers(&format!("hi{tower}\n\u{301}")), format!("hi{tower}"));
}

proptest! {
    #[test]
    fn what_is_taken_for_a_name_or_a_text_is_taken_as_it_is(
        text in "([a ]|\u{301}{1,5}|[\u{a0}\n\u{200d}\u{200b}\u{85}\u{2028}\u{e34}]){0,20}",
    ) {
        let name = said::name(Some(text.clone())).unwrap();
        prop_assert_eq!(said::name(Some(name.clone())).unwrap(), name.clone());
        prop_assert!(name == name.split_whitespace().collect::<Vec<_>>().join(" "), "{:?}", name);
        if let Ok(text) = said::text_of(&text) {
            prop_assert_eq!(said::text_of(&text).unwrap(), text.clone());
            prop_assert_eq!(text.trim(), text.clone());
        }
    }

    #[test]
    fn no_letter_carries_more_marks_than_it_may(
        letters in prop::collection::vec("[a-zїअก][\\p{Mn}\\p{Me}]{0,20}", 1..20),
    ) {
        for (letter, all) in letters.iter().zip(letters.iter().map(|text| without_towers(text))) {
            let seen: Vec<char> = all.chars().filter(|c| !is_invisible(*c)).collect();
            prop_assert!(seen.len() <= 1 + MARKS_MAX, "{letter:?} became {all:?}");
            let short = letter.chars().count() <= 1 + MARKS_MAX;
            prop_assert!(!short || all == *letter, "{letter:?} became {all:?}");
        }
    }

    #[test]
    fn letters_of_every_script_are_seen(text in "[\\p{L}\\p{N}\\p{P}\\p{Sc}\\p{Sm}]{1,40}") {
        let fillers = "\u{115f}\u{1160}\u{3164}\u{ffa0}";
        let lost = text.chars().find(|c| is_invisible(*c) && !fillers.contains(*c));
        prop_assert_eq!(lost, None);
        prop_assert_eq!(without_towers(&text), text);
    }

    #[test]
    fn serde_json_and_we_call_the_same_texts_json(text in near_json(), any in any::<String>()) {
        checks::json(text.as_bytes());
        checks::json(any.as_bytes());
    }

    #[test]
    fn what_serde_json_writes_we_read(value in right_json(), pretty in any::<bool>()) {
        let text = if pretty { format!("{value:#}") } else { value.to_string() };
        prop_assert!(member(&text).is_ok());
    }

    #[test]
    fn one_mutated_byte_makes_no_difference_between_serde_json_and_us(
        value in right_json(),
        at in any::<prop::sample::Index>(),
        byte in 0..0x80_u8,
    ) {
        let mut text = format!("{{\"text\":{value}}}").into_bytes();
        let at = at.index(text.len());
        text[at] = byte;
        checks::json(&text);
    }

    #[test]
    fn a_browser_and_we_read_the_same_form(
        text in "([a-c%+=&;]|%[0-9a-fA-F]{2}|\\PC){0,20}",
        any in any::<String>(),
        target in "/?([a-c/?%#.]|%[0-9a-f]{2}|[!-~]){0,20}",
    ) {
        checks::form(text.as_bytes());
        checks::form(any.as_bytes());
        checks::target(target.as_bytes());
    }

    #[test]
    fn escaped_text_has_no_markup_and_can_be_read_back(text in "([<>&\"';#a-z]|\\PC){0,20}") {
        let escaped = html::escape(&text);
        prop_assert!(!escaped.contains(['<', '>', '"', '\'']));
        let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
        let back = entities.iter().fold(escaped, |text, (entity, c)| text.replace(entity, c));
        prop_assert_eq!(back, text);
    }

    #[test]
    fn a_value_stands_in_the_template_as_it_is(
        value in "([\\[\\]{}|]|user|\\PC){0,20}",
        template in "([\\[\\]{}|a]|\\{\\{user\\}\\}|\\[\\[Ї\\|I\\]\\]){0,20}",
    ) {
        prop_assert_eq!(pages::fill("You: {{user}}!", &[("user", &value)]), format!("You: {value}!"));
        let _ = pages::fill(&template, &[("user", &value)]);
    }

    #[test]
    fn what_a_person_typed_is_not_a_template(text in "([\\[\\]{}|]|user|\\PC){0,20}", uk in any::<bool>()) {
        let value = html::escape_value(&text);
        prop_assert_eq!(pages::chosen(&value, uk), pages::fill(&value, &[("user", "x")]));
        prop_assert_eq!(pages::fill(&value, &[("user", "x")]), value);
    }

    #[test]
    fn a_moment_is_what_humantime_and_httpdate_take_it_for(millis in 0..253_402_207_200_000_u64) {
        let moment = UNIX_EPOCH + Duration::from_millis(millis);
        prop_assert_eq!(date::iso8601(millis), humantime::format_rfc3339_millis(moment).to_string());
        prop_assert_eq!(date::imf_fixdate(millis / 1000), httpdate::fmt_http_date(moment));
    }
}
