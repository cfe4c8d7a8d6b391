//! The kinds of fields: for each, where an RFC explains it, which mark of the core reads it (or
//! writes it, in what a server sends), and a sentence in both languages.
//!
//! In a sentence `{}` is the field's value, and `{what}` what that value means.

use super::Field;
use crate::wire::handshake::accept_key;
use crate::wire::visible::is_invisible;

/// Of the sentences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    Uk,
    En,
}

impl Language {
    pub fn say<'a>(self, uk: &'a str, en: &'a str) -> &'a str {
        match self {
            Language::Uk => uk,
            Language::En => en,
        }
    }
}

struct Row {
    rfc: (u16, &'static str),
    mark: &'static str,
    sentences: [&'static str; 2],
}

macro_rules! kinds {
    ($($kind:ident $rfc:literal $section:literal $mark:tt $uk:literal $en:literal)+) => {
        /// What a field is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Kind { $($kind),+ }

        impl Kind {
            /// Every kind there is.
            pub const ALL: &[Kind] = &[$(Kind::$kind),+];
        }

        const ROWS: &[Row] = &[$(
            Row {
                rfc: ($rfc, $section),
                mark: $mark,
                sentences: [$uk, $en],
            }
        ),+];
    };
}

/// The core does not look at it.
const NOBODY: &str = "";

kinds! {
// ---- HTTP: the start of a message
EarlyLine 9112 "2.2" "1.7"
    "Порожній рядок перед запитом. Його пробачають."
    "An empty line before a request. It is forgiven."
Request 9112 "2.1" "1.2"
    "Запит: рядок запиту, поля, порожній рядок, а за ними може бути тіло."
    "A request: the request line, the fields, an empty line, and there may be a body."
RequestLine 9112 "3" "1.2"
    "Рядок запиту: метод, ціль і версія."
    "The request line: method, target and version."
OddRequestLine 9112 "3" "1.2"
    "Це не рядок запиту: у ньому мають бути три слова й по одному пробілу між ними."
    "This is no request line: it should have three words, with one space between two."
Method 9110 "9.1" "1.2"
    "Метод {}: {what}."
    "The method {}: {what}."
Space 9112 "3" "1.2"
    "Пробіл: сам нічого не означає, а лише відділяє."
    "Space that means nothing and only separates."
Authority 9112 "3.2.2" "1.13"
    "Хост, названий у самій цілі: {}. Так звертаються до проксі; на заголовок Host тоді не зважають."
    "The host within the target: {}. A proxy is asked so; the field Host does not count then."
Path 9110 "4.2.3" "1.13"
    "Шлях {}: що саме потрібно від цього сервера."
    "The path {}: what is wanted from this server."
LastId 3986 "3.4" "1.14"
    "Потрібні лише повідомлення після {}: попередні клієнт уже має."
    "Only messages after {} are wanted: the client has those before."
User 3986 "3.4" "1.18"
    "Ім’я того, хто в чаті: {}."
    "The name of the person in the chat: {}."
Lang 3986 "3.4" "1.17"
    "Мова сторінки: {}."
    "The language of the page: {}."
Parameter 3986 "3.4" NOBODY
    "Параметр «{}». rawchat про нього не питає."
    "The parameter “{}”. rawchat does not ask for it."
Version 9112 "2.3" "1.2"
    "Версія протоколу: {}."
    "The version of the protocol: {}."
Response 9112 "2.1" "1.6"
    "Відповідь: рядок стану, поля, порожній рядок, а за ними може бути тіло."
    "A response: the status line, the fields, an empty line, and there may be a body."
StatusLine 9112 "4" "1.6"
    "Рядок стану: версія, код і пояснення."
    "The status line: version, code and reason."
OddStatusLine 9112 "4" NOBODY
    "Це не рядок стану: після версії має йти код із трьох цифр."
    "This is no status line: a code of three digits should follow the version."
Status 9110 "15" "1.6"
    "Код {}: {what}."
    "The code {}: {what}."
Reason 9112 "4" "1.6"
    "{}: те саме словами, для людей. Програми цього не читають."
    "{}: the same in words, for people. Programs do not read it."

// ---- HTTP: lines and fields
LineEnd 9112 "2.2" "1.3"
    "CR LF: кінець рядка."
    "CR LF: the end of the line."
BareLf 9112 "2.2" "1.3"
    "Самотній LF, перед ним немає CR. rawchat відмовляє, дехто пробачає."
    "A bare LF, without CR before it. rawchat refuses it, others forgive it."
Control 9110 "5.5" "1.3"
    "Керівний символ {}: у рядку йому не місце."
    "The control character {} has no place in a line."
EmptyLine 9112 "2.1" "1.2"
    "Порожній рядок: голова скінчилася."
    "The empty line: the head ends here."
Field 9110 "5.1" "1.2"
    "Заголовок, якого rawchat не читає."
    "A field that rawchat does not read."
FieldName 9110 "5.1" "1.2"
    "Назва заголовка; великі й малі літери тут рівнозначні."
    "The name of the field, in upper or lower case."
Colon 9112 "5" "1.2"
    "Двокрапка; пробіл після неї до значення не належить."
    "The colon; the space after it is no part of the value."
FieldValue 9110 "5.5" "1.2"
    "Значення: {}"
    "The value: {}"
FoldedLine 9112 "5.2" "1.2"
    "Продовження попереднього заголовка. Колись так писали, тепер такий запит відхиляють."
    "The previous field goes on in this line. People used to write it so; rawchat refuses it."
OddField 9112 "5" "1.2"
    "Це не заголовок: має бути «Назва: значення», без пробілу перед двокрапкою."
    "This is no field: it should be “Name: value”, with no space before the colon."
Host 9112 "3.2" "1.2"
    "До якого хоста звертаються: {}. За однією адресою їх може бути багато."
    "The host that is asked: {}. There may be many at one address."
Connection 9110 "7.6.1" "1.7"
    "Про саме з’єднання: {}. {what}"
    "About this connection: {}. {what}"
Upgrade 9110 "7.8" "4.1"
    "На який протокол перейти далі в цьому з’єднанні: {}."
    "The protocol to go on with on this connection: {}."
Origin 6454 "7" "1.11"
    "Чия сторінка просить: {}. Сервер має сам перевірити, чи це його сторінка."
    "Whose page asks: {}. The server itself must check whether the page is its own."
ContentLength 9110 "8.6" "1.4"
    "Довжина тіла в байтах, а не в символах: {}."
    "The length of the body in bytes, not in characters: {}."
TransferEncoding 9112 "6.1" "1.4"
    "Як передають тіло: {}. Після chunked довжину видно лише шматок за шматком."
    "How the body is sent: {}. With chunked its length is told chunk by chunk."
ContentType 9110 "8.3" "1.18"
    "Що таке тіло: {}."
    "What the body is: {}."
ContentEncoding 9110 "8.4" "1.18"
    "Тіло стиснено: {}. rawchat такого не читає."
    "The body is compressed: {}. rawchat does not read that."
Accept 9110 "12.5.1" "1"
    "Що клієнт готовий прийняти: {}."
    "What the client is ready to take: {}."
AcceptLanguage 9110 "12.5.4" "1.17"
    "Якими мовами читає людина: {}."
    "The languages that the person reads: {}."
AcceptEncoding 9110 "12.5.3" NOBODY
    "Яке стиснення клієнт розуміє: {}. rawchat не стискає."
    "The compression that the client knows: {}. rawchat does not compress."
UserAgent 9110 "10.1.5" NOBODY
    "Програма, яка просить: {}. Від цього нічого не залежить."
    "The program that asks: {}. Nothing depends on it."
Referer 9110 "10.1.3" NOBODY
    "Сторінка, з якої сюди прийшли: {}."
    "The page that led here: {}."
Cookie 6265 "5.4" "1.17"
    "Те, що сервер просив пам’ятати, повертається з кожним запитом: {}."
    "What the server asked to remember comes back with each request: {}."
SetCookie 6265 "4.1" "1.17"
    "Сервер просить запам’ятати й повертати: {}."
    "The server asks to remember this and to send it back: {}."
Expect 9110 "10.1.1" "1.2"
    "Клієнт чекає дозволу, перш ніж надіслати тіло: {}."
    "The client waits for a word before it sends the body: {}."
CacheControl 9111 "5.2" "2.2"
    "Що дозволено кешам: {}. З no-store не можна зберігати нічого."
    "What caches may do: {}. With no-store they may keep nothing."
Date 9110 "6.6.1" "1.6"
    "Коли сервер це написав: {}."
    "When the server wrote this: {}."
Location 9110 "10.2.2" "1.12"
    "Куди браузерові йти далі: {}."
    "Where the browser should go next: {}."
LogEpoch 9110 "16.3.1" "1.14"
    "Якого журналу ці номери: {}. Після перезапуску сервера це інше число."
    "The log that the ids belong to: {}. After a restart it is another number."
RetryAfter 9110 "10.2.3" "1.6"
    "Через скільки секунд спробувати знову: {}."
    "In how many seconds to try again: {}."
Link 8288 "3" "1.14"
    "Де взяти решту: {}."
    "Where the rest is: {}."
NoSniff 9110 "16.3.1" NOBODY
    "{}: браузер має вірити Content-Type, а не вгадувати за байтами."
    "{}: the browser must believe Content-Type, and not guess from the bytes."
SharedWith 9110 "16.3.1" NOBODY
    "Чиї сторінки можуть вставити це в себе: {}. За same-origin — лише сторінки цього сервера."
    "Whose pages may show this as a part of them: {}. With same-origin only this server’s own."
ContentSecurity 9110 "16.3.1" NOBODY
    "Звідки сторінці дозволено брати код, стилі й дані: {}."
    "Where the page may take code, styles and data from: {}."
Allow 9110 "10.2.1" NOBODY
    "Методи, які тут дозволено: {}."
    "The methods that are allowed here: {}."
ETag 9110 "8.8.3" NOBODY
    "Позначка цієї версії: {}. За нею кеш дізнається, чи версія ще та сама."
    "The tag of this version: {}. By it a cache learns whether the version is still the same."
LastModified 9110 "8.8.2" NOBODY
    "Коли це востаннє змінили: {}."
    "When this was last changed: {}."
Vary 9110 "12.5.5" NOBODY
    "Від яких заголовків запиту залежить відповідь: {}."
    "The fields of the request that the answer depends on: {}."
KeepAlive 9112 "9.3" NOBODY
    "Скільки сервер триматиме з’єднання відкритим: {}."
    "How long the server keeps the connection open: {}."
SecFetch 9110 "16.3.1" NOBODY
    "Браузер каже, хто просить і навіщо: {}. Сторінка не може цього підробити."
    "The browser says who asks, and what for: {}. A page cannot forge this."
ClientHint 8942 "2.1" NOBODY
    "Що браузер каже про себе: {}. Від цього нічого не залежить."
    "What the browser says of itself: {}. Nothing depends on it."
UpgradeInsecure 9110 "16.3.1" NOBODY
    "Браузер каже, що радше говорив би через HTTPS: {}."
    "The browser says that it would rather use HTTPS: {}."
Priority 9218 "5" NOBODY
    "Наскільки терміново це браузерові: {}."
    "How urgent this is for the browser: {}."
ServerName 9110 "10.2.4" NOBODY
    "Програма, яка відповідає: {}."
    "The program that answers: {}."
WsKey 6455 "11.3.1" "4.1"
    "16 випадкових байтів у Base64: {}. У відповідь має прийти {what}."
    "16 random bytes in Base64: {}. The answer to it must be {what}."
WsVersion 6455 "11.3.5" "4.1"
    "Версія WebSocket: {}. Стандартна лише одна, 13."
    "The version of WebSocket: {}. The only standard one is 13."
WsAccept 6455 "11.3.3" "4.1"
    "SHA-1 від ключа й сталого рядка, у Base64: {}. Отже, відповідає справді WebSocket."
    "SHA-1 of the key and a constant string, in Base64: {}. So a WebSocket really answers."
WsProtocol 6455 "11.3.4" NOBODY
    "Підпротоколи: {}. rawchat їх не має."
    "Subprotocols: {}. rawchat has none."
WsExtensions 6455 "11.3.2" NOBODY
    "Розширення: {}. rawchat їх не приймає, тому й не стискає."
    "Extensions: {}. rawchat takes none, so it does not compress."

// ---- HTTP: the body
Content 9110 "6.4" "1.4"
    "Тіло, байтів: {}."
    "The body, bytes: {}."
ContentUntilClose 9112 "6.3" NOBODY
    "Тіло, байтів поки що: {}. Довжини не оголошено, його кінець — це кінець з’єднання."
    "The body, bytes so far: {}. No length was announced: it ends when the connection does."
Chunk 9112 "7.1" "1.5"
    "Шматок тіла: розмір, дані, CR LF."
    "A chunk of the body: its size, the data, CR LF."
ChunkSize 9112 "7.1" "1.5"
    "Розмір шматка, шістнадцятковий: {}. {what}"
    "The size of the chunk, hexadecimal: {}. {what}"
LastChunk 9112 "7.1" "1.5"
    "Нуль: шматків більше не буде."
    "Zero: there are no more chunks."
ChunkExtension 9112 "7.1.1" "1.5"
    "Розширення шматка: {}. Його мають право не читати."
    "An extension of the chunk: {}. It may be ignored."
ChunkData 9112 "7.1" "1.5"
    "Дані шматка, байтів: {}."
    "The data of the chunk, bytes: {}."
BodyEnd 9112 "7.1.2" "1.5"
    "Порожній рядок: тіло скінчилося."
    "The empty line: the body ends here."

// ---- Frames
Frame 6455 "5.2" "4.2"
    "Кадр: заголовок і вміст."
    "A frame: its header and its payload."
Fin 6455 "5.2" "4.2"
    "FIN = {}: {what}."
    "FIN = {}: {what}."
Rsv 6455 "5.2" "4.2"
    "RSV = {}: {what}."
    "RSV = {}: {what}."
RsvCompressed 7692 "6" "4.2"
    "RSV = {}: повідомлення стиснено, як домовилися (permessage-deflate)."
    "RSV = {}: the message is compressed, as agreed (permessage-deflate)."
Opcode 6455 "11.8" "4.2"
    "Код операції {}: {what}."
    "Opcode {}: {what}."
Mask 6455 "5.1" "4.2"
    "MASK = {}: {what}."
    "MASK = {}: {what}."
Length7 6455 "5.2" "4.2"
    "Довжина {}: {what}."
    "Length {}: {what}."
Length16 6455 "5.2" "4.2"
    "Довжина вмісту, 16 бітів: {}. {what}"
    "The length of the payload in 16 bits: {}. {what}"
Length64 6455 "5.2" "4.2"
    "Довжина вмісту, 64 біти: {}. {what}"
    "The length of the payload in 64 bits: {}. {what}"
MaskingKey 6455 "5.3" "4.3"
    "Ключ маски: для кожного кадру новий. Це не таємниця, він їде поруч."
    "The masking key: new for each frame. It is no secret, it travels along."
TextPayload 6455 "5.6" "4.4"
    "Текст, у UTF-8, байтів: {}."
    "Text, in UTF-8, bytes: {}."
BinaryPayload 6455 "5.6" "4.4"
    "Двійкові дані, байтів: {}."
    "Binary data, bytes: {}."
ContinuedPayload 6455 "5.4" "4.4"
    "Продовження повідомлення, байтів: {}."
    "More of the message, bytes: {}."
CompressedPayload 7692 "6" NOBODY
    "Стиснений вміст, байтів: {}. Тут його не розпаковують."
    "A compressed payload, bytes: {}. It is not unpacked here."
PingPayload 6455 "5.5.2" "4.4"
    "Ping: це саме має повернутися в pong, байтів: {}."
    "Ping: the very same must come back in a pong, bytes: {}."
PongPayload 6455 "5.5.3" "4.4"
    "Pong: те, що прийшло в ping, байтів: {}."
    "Pong: what came in the ping, bytes: {}."
CloseCode 6455 "7.4" "4.5"
    "Код закриття {}: {what}."
    "The close code {}: {what}."
CloseReason 6455 "7.1.6" "4.5"
    "Причина словами: {}."
    "The reason in words: {}."
HalfCloseCode 6455 "5.5.1" "4.5"
    "Половина коду закриття: у ньому два байти."
    "Half a close code: it has two bytes."

// ---- Everything else
TlsRecord 8446 "5.1" "1.3"
    "Запис TLS: хтось говорить https:// там, де чекають http://."
    "A record of TLS: somebody speaks https:// where http:// is expected."
TlsType 8446 "5.1" "1.3"
    "Вид запису {}: {what}."
    "The type of the record is {}: {what}."
TlsVersion 8446 "5.1" NOBODY
    "Версія {}; справжню названо всередині."
    "The version {}; the real one stands inside."
TlsLength 8446 "5.1" NOBODY
    "Довжина запису в байтах: {}."
    "The length of the record in bytes: {}."
TlsFragment 8446 "5.1" NOBODY
    "Сам запис, байтів: {}. Без ключів його не прочитати до кінця."
    "The record itself, bytes: {}. Without the keys it cannot be read to its end."
Unfinished 9293 "2.2" "1.2"
    "Ще не все: TCP несе потік, і решта ще в дорозі."
    "Not all of it yet: TCP carries a stream, and the rest is on its way."
Unknown 9293 "2.2" NOBODY
    "Незрозумілі байти: це не HTTP, не TLS і не кадр."
    "Bytes that are not understood: no HTTP, no TLS, no frame."
}

impl Kind {
    fn row(self) -> &'static Row {
        &ROWS[self as usize]
    }

    /// `RFC 6455 §5.2`
    pub fn rfc(self) -> String {
        let (number, section) = self.row().rfc;
        format!("RFC {number} §{section}")
    }

    /// `4.2`: the mark under which the core reads this, or writes it. `None`: it does neither.
    pub fn mark(self) -> Option<&'static str> {
        Some(self.row().mark).filter(|mark| *mark != NOBODY)
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
        let named = NAMES.iter().any(|(_, kind)| *kind == self);
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

/// The fields of HTTP that have a kind of their own.
#[rustfmt::skip]
pub const NAMES: &[(&str, Kind)] = &[
    ("Host", Kind::Host), ("Connection", Kind::Connection), ("Upgrade", Kind::Upgrade),
    ("Origin", Kind::Origin), ("Content-Length", Kind::ContentLength),
    ("Transfer-Encoding", Kind::TransferEncoding), ("Content-Type", Kind::ContentType),
    ("Content-Encoding", Kind::ContentEncoding), ("Accept", Kind::Accept),
    ("Accept-Language", Kind::AcceptLanguage), ("Accept-Encoding", Kind::AcceptEncoding),
    ("User-Agent", Kind::UserAgent), ("Referer", Kind::Referer), ("Cookie", Kind::Cookie),
    ("Set-Cookie", Kind::SetCookie), ("Expect", Kind::Expect),
    ("Cache-Control", Kind::CacheControl), ("Date", Kind::Date), ("Location", Kind::Location),
    ("Log-Epoch", Kind::LogEpoch), ("Retry-After", Kind::RetryAfter), ("Link", Kind::Link),
    ("Server", Kind::ServerName), ("Sec-WebSocket-Key", Kind::WsKey),
    ("Sec-WebSocket-Version", Kind::WsVersion), ("Sec-WebSocket-Accept", Kind::WsAccept),
    ("Sec-WebSocket-Protocol", Kind::WsProtocol),
    ("Sec-WebSocket-Extensions", Kind::WsExtensions),
    ("X-Content-Type-Options", Kind::NoSniff), ("Cross-Origin-Resource-Policy", Kind::SharedWith),
    ("Content-Security-Policy", Kind::ContentSecurity), ("Allow", Kind::Allow),
    ("ETag", Kind::ETag), ("Last-Modified", Kind::LastModified), ("Vary", Kind::Vary),
    ("Keep-Alive", Kind::KeepAlive),
    ("X-Powered-By", Kind::ServerName), ("Priority", Kind::Priority),
    ("Sec-Fetch-Site", Kind::SecFetch), ("Sec-Fetch-Mode", Kind::SecFetch),
    ("Sec-Fetch-Dest", Kind::SecFetch), ("Sec-Fetch-User", Kind::SecFetch),
    ("Sec-Fetch-Storage-Access", Kind::SecFetch), ("Sec-CH-UA", Kind::ClientHint),
    ("Sec-CH-UA-Mobile", Kind::ClientHint), ("Sec-CH-UA-Platform", Kind::ClientHint),
    ("Upgrade-Insecure-Requests", Kind::UpgradeInsecure),
];

/// What `field` of `bytes` is, in one sentence.
pub fn sentence(field: &Field, bytes: &[u8], language: Language) -> String {
    let value = value(field, bytes);
    let what = match field.kind {
        Kind::WsKey => &accept_key(&value),
        kind => meaning(kind, field.number(bytes), &value)[language as usize],
    };
    let sentence = field.kind.row().sentences[language as usize];
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

/// What a value means, in both languages.
fn meaning(kind: Kind, number: u64, value: &str) -> [&'static str; 2] {
    let text = value.to_ascii_lowercase();
    match kind {
        Kind::Method => method(value),
        Kind::Status => status(value),
        Kind::Connection if text.contains("upgrade") => {
            ["Заголовок Upgrade стосується саме цього з’єднання.", "The field Upgrade is about it."]
        }
        Kind::Connection if text.contains("close") => {
            ["Після цієї відповіді воно закриється.", "After this answer it will be closed."]
        }
        Kind::Connection if text.contains("keep-alive") => {
            ["Воно лишиться відкритим.", "It stays open."]
        }
        Kind::ChunkSize => ["Далі стільки байтів даних.", "So many bytes of data follow."],
        Kind::Fin if number == 1 => {
            ["це останній кадр повідомлення", "this is the last frame of its message"]
        }
        Kind::Fin => ["повідомлення ще триватиме", "the message goes on in another frame"],
        Kind::Rsv if number == 0 => {
            ["розширень немає, ці біти вільні", "no extension is used, these bits are spare"]
        }
        Kind::Rsv => ["такого розширення не погоджено", "no extension was agreed that uses them"],
        Kind::Opcode => opcode(number),
        Kind::Mask if number == 1 => [
            "вміст замасковано: клієнт мусить це робити, сервер не має права",
            "the payload is masked; a client must, a server must not",
        ],
        Kind::Mask => [
            "вміст без маски: так надсилає лише сервер",
            "the payload is not masked; only a server sends it so",
        ],
        Kind::Length7 if number == 126 => {
            ["справжня довжина в наступних двох байтах", "the length is in the next two bytes"]
        }
        Kind::Length7 if number == 127 => {
            ["справжня довжина в наступних восьми байтах", "the length is in the next eight bytes"]
        }
        Kind::Length7 => ["до 125 вистачає семи бітів", "seven bits are enough up to 125"],
        Kind::Length16 if number < 126 => TOO_LONG,
        Kind::Length64 if number < 65_536 => TOO_LONG,
        Kind::Length64 if number >= 1 << 63 => {
            ["Старший біт має бути нулем.", "The top bit must be zero."]
        }
        Kind::CloseCode => close_code(number),
        Kind::TlsType if number == 22 => ["рукостискання", "handshake"],
        Kind::TlsType => ["попередження", "alert"],
        _ => ["", ""],
    }
}

const TOO_LONG: [&str; 2] =
    ["Є коротша форма, тому це порушення.", "There is a shorter form, so this is a violation."];

/// What each is for; a server may know others.
fn method(name: &str) -> [&'static str; 2] {
    match name {
        "GET" => ["дай мені це", "give me this"],
        "HEAD" => ["те, що й GET, але без тіла", "as GET, but without the body"],
        "POST" => ["візьми й опрацюй те, що в тілі", "take what is in the body and act on it"],
        "OPTIONS" => ["що тут можна?", "what is possible here?"],
        "PUT" => ["збережи тіло саме тут", "store the body right here"],
        "PATCH" => ["зміни частину", "change a part of it"],
        "DELETE" => ["видали це", "delete this"],
        "CONNECT" => ["з’єднай мене з цим хостом", "connect me with this host"],
        "TRACE" => ["поверни мені мій запит", "send my request back to me"],
        _ => ["такого методу немає в RFC 9110", "there is no such method in RFC 9110"],
    }
}

fn status(code: &str) -> [&'static str; 2] {
    match code {
        "100" => ["тіла чекають, надсилайте", "the body is awaited, go on"],
        "101" => ["HTTP скінчився, далі інший протокол", "HTTP ends, another protocol goes on"],
        "200" => ["усе гаразд, ось відповідь", "all is well, here is the answer"],
        "201" => ["створено", "created"],
        "204" => ["усе гаразд, і сказати нічого", "all is well, and there is nothing to say"],
        "303" => ["візьміть відповідь за адресою в Location", "fetch the answer at Location"],
        "304" => ["нічого не змінилося від минулого разу", "nothing has changed since last time"],
        "400" => ["сервер не розуміє запиту", "the server does not understand the request"],
        "403" => ["зрозуміло, але не дозволено", "understood, but not allowed"],
        "404" => ["такого тут немає", "there is no such thing here"],
        "405" => ["цього методу тут не приймають", "this method is not taken here"],
        "408" => ["запит не прийшов вчасно", "the request did not come in time"],
        "411" => ["потрібен Content-Length", "Content-Length is needed"],
        "413" => ["тіло задовге", "the body is too long"],
        "414" => ["рядок запиту задовгий", "the request line is too long"],
        "415" => ["такого виду тіла не приймають", "a body of this type is not taken"],
        "417" => ["очікування не справдиться", "the expectation cannot be met"],
        "421" => ["це не той сервер", "this is not the server for it"],
        "426" => ["тут говорять іншим протоколом", "another protocol is spoken here"],
        "431" => ["голова запиту завелика", "the head of the request is too large"],
        "500" => ["помилка в самому сервері", "an error in the server itself"],
        "501" => ["сервер цього не вміє", "the server cannot do that"],
        "503" => ["сервер зараз не може", "the server cannot do it now"],
        "505" => ["цією версією HTTP тут не говорять", "this version of HTTP is not spoken"],
        _ => match code.as_bytes().first() {
            Some(b'1') => ["проміжна відповідь", "an answer before the answer"],
            Some(b'2') => ["вдалося", "it worked"],
            Some(b'3') => ["відповідь десь-інде", "the answer is elsewhere"],
            Some(b'4') => ["не те зробив клієнт", "the client did something wrong"],
            Some(b'5') => ["не зміг сервер", "the server failed"],
            _ => ["такого класу кодів немає", "there is no such class of codes"],
        },
    }
}

/// RFC 6455 §11.8
fn opcode(number: u64) -> [&'static str; 2] {
    match number {
        0 => ["продовження повідомлення", "more of the message"],
        1 => ["текст", "text"],
        2 => ["двійкові дані", "binary data"],
        8 => ["закриття (close)", "close"],
        9 => ["ping: озвіться", "ping: say something"],
        10 => ["pong: відповідь на ping", "pong: the answer to a ping"],
        _ => ["такого кадру немає", "there is no such frame"],
    }
}

/// RFC 6455 §7.4.1
fn close_code(number: u64) -> [&'static str; 2] {
    match number {
        1000 => ["усе сказано", "all is said"],
        1001 => ["сторінку закрито або сервер зупиняється", "the page or the server goes away"],
        1002 => ["порушено протокол", "the protocol was violated"],
        1003 => ["таких даних тут не приймають", "this kind of data is not taken"],
        1007 => ["вміст не того виду, наприклад не UTF-8", "the payload is wrong: no UTF-8, say"],
        1008 => ["порушено правила сервера", "a rule of the server was broken"],
        1009 => ["повідомлення завелике", "the message is too big"],
        1010 => ["клієнтові бракує розширення", "the client misses an extension"],
        1011 => ["помилка в самому сервері", "an error in the server itself"],
        1012 => ["сервер перезапускають", "the server restarts"],
        1013 => ["спробуйте пізніше", "try again later"],
        1004..=1006 | 1015 => ["цей код не передають", "this code never travels"],
        3000..=3999 => ["зареєстрований код бібліотеки", "a registered code of a library"],
        4000..=4999 => ["власний код застосунку", "the application’s own code"],
        _ => ["такого коду немає", "there is no such code"],
    }
}
