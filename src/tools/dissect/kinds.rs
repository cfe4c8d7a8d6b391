//! The kinds of fields. Where an RFC explains each, which mark of the core reads it (or writes it, in
//! what a server sends), and a sentence in both languages stand in a text, `public/notes/bytes.md`.

use super::Field;
use crate::tools::lecture::markdown::cells;
use crate::wire::handshake::accept_key;
use crate::wire::visible::is_invisible;
use std::sync::LazyLock;

/// Of the sentences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    Uk,
    En,
}

impl Language {
    pub fn pick<'a>(self, uk: &'a str, en: &'a str) -> &'a str {
        self.of([uk, en])
    }

    /// Of a text in Ukrainian and in English.
    pub fn of<T>(self, [uk, en]: [T; 2]) -> T {
        match self {
            Language::Uk => uk,
            Language::En => en,
        }
    }
}

const TEXT: &str = include_str!("../../../public/notes/bytes.md");

/// What the text says of a kind.
struct Row {
    /// `RFC 6455 §5.2`
    rfc: &'static str,
    mark: Option<&'static str>,
    /// Of HTTP: `Host`.
    field_names: Vec<&'static str>,
    sentences: [&'static str; 2],
    /// Values, and what each means.
    meanings: Vec<[&'static str; 3]>,
}

/// In the order of [`Kind::ALL`].
static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| Kind::ALL.iter().map(Row::of).collect());

/// The fields of HTTP that have a kind of their own.
pub static NAMES: LazyLock<Vec<(&str, Kind)>> = LazyLock::new(|| {
    let of = |kind: &'static Kind| kind.row().field_names.iter().map(move |name| (*name, *kind));
    Kind::ALL.iter().flat_map(of).collect()
});

impl Row {
    /// Of `### Fin, RFC 6455 §5.2, §4.2`, a list and a table.
    fn of(kind: &Kind) -> Row {
        let (_, text) = TEXT.split_once(&format!("\n### {kind:?}, ")).unwrap_or_default();
        let text = text.split("\n#").next().unwrap_or_default();
        let head = text.lines().next().unwrap_or_default();
        let (rfc, mark) = head.split_once(", §").map_or((head, None), |(rfc, m)| (rfc, Some(m)));
        let items: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("- ")).collect();
        // It is our own text, built in; the tests read the row of every kind.
        let [names @ .., uk, en] = &items[..] else { panic!("bytes.md has no {kind:?}") };
        let field_names = names.iter().flat_map(|names| names.split(", ")).collect();
        let meanings = text.lines().filter_map(|line| cells(line).try_into().ok()).collect();
        Row { rfc, mark, field_names, sentences: [uk, en], meanings }
    }

    fn meaning(&self, value: &str, language: Language) -> &'static str {
        let number = |text: &str| text.parse::<u64>().ok();
        let fits = |[of, ..]: &&[&str; 3]| match of.split_once('–') {
            Some((first, last)) => (number(first)..=number(last)).contains(&number(value)),
            None => *of == "*" || value.split(", ").any(|word| word == *of),
        };
        self.meanings.iter().find(fits).map_or("", |[_, uk, en]| language.pick(uk, en))
    }
}

macro_rules! kinds {
    ($($kind:ident)+) => {
        /// What a field is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Kind { $($kind),+ }

        impl Kind {
            /// Every kind there is.
            pub const ALL: &[Kind] = &[$(Kind::$kind),+];
        }
    };
}

kinds! {
    // HTTP: the start of a message
    EarlyLine Request RequestLine OddRequestLine Method Space Authority Path LastId User Lang
    Parameter Version Response StatusLine OddStatusLine Status Reason
    // HTTP: lines and fields
    LineEnd BareLf Control EmptyLine Field FieldName Colon FieldValue FoldedLine OddField Host
    Connection Upgrade Origin ContentLength TransferEncoding ContentType ContentEncoding Accept
    AcceptLanguage AcceptEncoding UserAgent Referer Cookie SetCookie Expect CacheControl Date
    Location LogEpoch RetryAfter Link NoSniff SharedWith ContentSecurity Allow ETag LastModified
    Vary KeepAlive SecFetch ClientHint UpgradeInsecure Priority ServerName WsKey WsVersion WsAccept
    WsProtocol WsExtensions
    // HTTP: the body
    Content ContentUntilClose Chunk ChunkSize LastChunk ChunkExtension ChunkData BodyEnd
    // Frames
    Frame Fin Rsv RsvCompressed Opcode Mask Length7 Length16 Length64 MaskingKey TextPayload
    BinaryPayload ContinuedPayload CompressedPayload PingPayload PongPayload CloseCode CloseReason
    HalfCloseCode
    // Everything else
    TlsRecord TlsType TlsVersion TlsLength TlsFragment Unfinished Unknown
}

impl Kind {
    fn row(self) -> &'static Row {
        &ROWS[self as usize]
    }

    /// `RFC 6455 §5.2`
    pub fn rfc(self) -> &'static str {
        self.row().rfc
    }

    /// `4.2`: the mark under which the core reads this, or writes it. `None`: it does neither.
    pub fn mark(self) -> Option<&'static str> {
        self.row().mark
    }

    /// Of a field of HTTP, by its name.
    pub(super) fn of_field(name: &[u8]) -> Kind {
        let known = NAMES.iter().find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name));
        known.map_or(Kind::Field, |(_, kind)| *kind)
    }

    /// Of a parameter of a query, by its name.
    pub(super) fn of_parameter(name: &[u8]) -> Kind {
        match name {
            b"lastId" => Kind::LastId,
            b"user" => Kind::User,
            b"lang" => Kind::Lang,
            _ => Kind::Parameter,
        }
    }

    /// Whether it is a whole field line of HTTP.
    pub fn is_field_line(self) -> bool {
        let named = !self.row().field_names.is_empty();
        named || matches!(self, Kind::Field | Kind::OddField | Kind::FoldedLine)
    }

    /// Whether it is a number of one byte or more, and is best seen as one.
    pub fn is_number(self) -> bool {
        use Kind::*;
        matches!(
            self,
            Length16 | Length64 | MaskingKey | CloseCode | TlsType | TlsVersion | TlsLength
        )
    }

    /// Whether it is a whole message of HTTP, or a frame.
    pub fn is_message(self) -> bool {
        matches!(self, Kind::Request | Kind::Response | Kind::Frame)
    }

    /// Whether no well-behaved peer sends it.
    pub fn is_fault(self) -> bool {
        use Kind::*;
        let line = matches!(self, OddRequestLine | OddStatusLine | OddField | FoldedLine);
        line || matches!(self, BareLf | Control | HalfCloseCode | TlsRecord | Unknown)
    }

    /// Whether it is a payload or a body: what the two sides have to say to each other.
    pub fn is_content(self) -> bool {
        use Kind::*;
        matches!(
            self,
            Content
                | ContentUntilClose
                | ChunkData
                | TextPayload
                | BinaryPayload
                | ContinuedPayload
                | CompressedPayload
                | PingPayload
                | PongPayload
                | TlsFragment
                | Unknown
        )
    }
}

/// What `field` of `bytes` is, in one sentence.
pub fn sentence(field: &Field, bytes: &[u8], language: Language) -> String {
    let value = value(field, bytes);
    let row = field.kind.row();
    let what = match field.kind {
        Kind::WsKey => &accept_key(&value),
        Kind::Connection => row.meaning(&value.to_ascii_lowercase(), language),
        _ => row.meaning(&value, language),
    };
    let sentence = language.of(row.sentences);
    // The value comes last: it may hold anything, braces too.
    sentence.replace("{what}", what).replacen("{}", &value, 1)
}

/// A longer value is shortened in a sentence.
const VALUE_CHARS_MAX: usize = 60;

/// The value of a field as it is shown.
pub fn value(field: &Field, bytes: &[u8]) -> String {
    use Kind::*;
    let number = field.number(bytes);
    let plain = field.plain(bytes);
    match field.kind {
        Fin | Mask | Opcode | CloseCode | Length7 | Length16 | Length64 | TlsType | TlsLength => {
            number.to_string()
        }
        Rsv | RsvCompressed => format!("{number:03b}"),
        TlsVersion => format!("0x{number:04x}"),
        MaskingKey => format!("{number:08x}"),
        Control => plain.iter().map(|byte| format!("0x{byte:02x}")).collect::<Vec<_>>().join(" "),
        LastId | User | Lang => {
            let text = String::from_utf8_lossy(&plain).into_owned();
            shown(&crate::wire::form::decode(text.split_once('=').map_or("", |(_, value)| value)))
        }
        Parameter => shown(&String::from_utf8_lossy(&plain[1..])),
        kind if kind.is_field_line() => {
            let text = String::from_utf8_lossy(&plain).into_owned();
            shown(text.split_once(':').map_or(&*text, |(_, value)| value).trim())
        }
        kind if kind.is_content() => plain.len().to_string(),
        _ => shown(String::from_utf8_lossy(&plain).trim()),
    }
}

/// Without what a terminal would obey, and not longer than fits.
fn shown(text: &str) -> String {
    let cut = text.chars().count() > VALUE_CHARS_MAX;
    let kept =
        text.chars().take(VALUE_CHARS_MAX).map(|c| if printable(c) { c } else { '\u{fffd}' });
    kept.chain(cut.then_some('…')).collect()
}

/// Whether a terminal shows it, and does not obey it.
pub fn printable(c: char) -> bool {
    !is_invisible(c)
}
