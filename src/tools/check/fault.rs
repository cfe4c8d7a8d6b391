//! What answers say, and words for what is wrong with them.

use crate::tools::client::{NO_END, Response};
use crate::tools::dissect::Kind;
use crate::tools::dissect::block::clipped;
use crate::tools::json::elements;
use crate::wire::handshake::accept_key;
use crate::wire::json::{self, Value};
use std::fmt::Display;
use std::io::{self, ErrorKind};

/// Of a value that came, in the words about it.
const VALUE_CHARS_MAX: usize = 60;

/// A text in Ukrainian and in English.
pub type Words = [String; 2];

/// Why a check has failed.
#[derive(Debug, Clone)]
pub struct Fault {
    pub words: Words,
    /// Nothing wrong has come: this has happened in its place.
    pub io: Option<ErrorKind>,
    /// The bytes show it in a field of this kind.
    pub kind: Option<Kind>,
    /// It looks as if the server had nothing at this address.
    pub absent: bool,
}

impl Fault {
    /// The same, in other words.
    pub fn told(self, uk: impl Into<String>, en: impl Into<String>) -> Fault {
        Fault { words: [uk.into(), en.into()], ..self }
    }

    /// It has not come in time.
    pub fn is_late(&self) -> bool {
        self.io == Some(ErrorKind::TimedOut)
    }

    /// The connection has ended, with FIN or with RST.
    pub fn is_end(&self) -> bool {
        use ErrorKind::*;
        let ends = [UnexpectedEof, ConnectionReset, BrokenPipe, ConnectionAborted, NotConnected];
        self.io.is_some_and(|kind| ends.contains(&kind))
    }

    /// It was the checker's own machine: no more descriptors, ports or memory.
    pub fn is_ours(&self) -> bool {
        use ErrorKind::*;
        let theirs = [TimedOut, ConnectionRefused, InvalidData, Other];
        self.io.is_some_and(|kind| !self.is_end() && !theirs.contains(&kind))
    }
}

pub type Done = Result<(), Fault>;

pub fn wrong<T>(uk: impl Into<String>, en: impl Into<String>) -> Result<T, Fault> {
    Err(Fault { words: [uk.into(), en.into()], io: None, kind: None, absent: false })
}

/// Something else has come than what must come.
pub fn not<T>(came: impl Display, expected: impl Display) -> Result<T, Fault> {
    let (came, expected) = (short(&came), short(&expected));
    wrong(format!("{came}, а не {expected}"), format!("{came}, and not {expected}"))
}

/// A value may be anything, and as long as a page.
pub fn short(value: &dyn Display) -> String {
    clipped(&value.to_string(), VALUE_CHARS_MAX).trim_end().into()
}

/// The first value of a field that must be there.
pub fn field<'a>(response: &'a Response, name: &'a str) -> Result<&'a str, Fault> {
    let missing = || wrong(format!("немає поля {name}"), format!("there is no {name}"));
    response.field(name).map_or_else(missing, Ok)
}

pub fn same<T: Display + PartialEq>(came: T, expected: T) -> Done {
    if came == expected { Ok(()) } else { not(came, expected) }
}

/// What is wrong stands in a field of this kind.
pub fn in_field<T>(kind: Kind, told: Result<T, Fault>) -> Result<T, Fault> {
    told.map_err(|fault| Fault { kind: Some(kind), ..fault })
}

pub fn of_io(error: &io::Error) -> Fault {
    use ErrorKind::*;
    let (uk, en) = match error.kind() {
        TimedOut if error.to_string() == NO_END => (
            "голова прийшла, але в ній немає Content-Length, а з’єднання лишається відкритим: ніхто не знає, де кінчається тіло",
            NO_END,
        ),
        TimedOut => ("не прийшло вчасно", "did not come in time"),
        UnexpectedEof => ("сервер закрив з’єднання", "the server has closed"),
        ConnectionRefused => ("ніхто не слухає", "nobody listens"),
        ConnectionReset | BrokenPipe | ConnectionAborted | NotConnected => {
            ("сервер обірвав з’єднання", "the server has cut the connection")
        }
        InvalidData | Other => ("не вдалося прочитати", "this cannot be read"),
        _ => ("у rawchat check", "rawchat check"),
    };
    let fault = Fault {
        words: [uk, en].map(str::to_string),
        io: Some(error.kind()),
        kind: None,
        absent: false,
    };
    let detailed = fault.is_ours() || matches!(error.kind(), InvalidData | Other);
    let words = fault.words.map(|words| if detailed { format!("{words}: {error}") } else { words });
    Fault { words, ..fault }
}

pub fn no_json<T>(problem: String) -> Result<T, Fault> {
    wrong(format!("не JSON: {problem}"), format!("no JSON: {problem}"))
}

// ---- What answers say

/// A message, as a server tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    pub id: u64,
    pub text: String,
}

pub fn status(response: &Response, expected: u16) -> Done {
    // The page, in place of a handshake: an Upgrade that nobody looks at.
    let absent =
        matches!(response.status, 404 | 405 | 501) || (response.status, expected) == (200, 101);
    let told = in_field(Kind::Status, same(response.status, expected));
    told.map_err(|fault| Fault { absent, ..fault })
}

/// `{"success":true,"message":{…}}`, with 200 in place of 201 too.
pub fn posted(response: &Response) -> Result<Message, Fault> {
    if response.status != 200 {
        status(response, 201)?;
    }
    match json::members(&String::from_utf8_lossy(&response.body), ["message"]) {
        Ok([Value::Other(message)]) => message_of(message),
        Ok(_) => wrong("у відповіді немає \"message\":{…}", "the answer has no \"message\":{…}"),
        Err(problem) => no_json(problem),
    }
}

/// `[{…},{…}]`
pub fn listed(response: &Response) -> Result<Vec<Message>, Fault> {
    status(response, 200)?;
    let text = String::from_utf8_lossy(&response.body);
    let values = elements(&text).or_else(no_json)?;
    let messages = values.iter().map(|value| match value {
        Value::Other(message) => message_of(message),
        _ => wrong("у списку є щось, що не є повідомленням", "something in the list is no message"),
    });
    messages.collect()
}

pub fn ids(messages: &[Message]) -> Vec<u64> {
    messages.iter().map(|message| message.id).collect()
}

pub fn message_of(text: &str) -> Result<Message, Fault> {
    let [id, user, said] = json::members(text, ["id", "user", "text"]).or_else(no_json)?;
    match (id, user, said) {
        (Value::Other(id), Value::String(_), Value::String(text)) if id.parse::<u64>().is_ok() => {
            Ok(Message { id: id.parse().unwrap_or_default(), text })
        }
        _ => {
            let text = short(&text);
            wrong(
                format!("повідомленню бракує числа id, рядка user чи text: {text}"),
                format!("a message has no number id, or no string user or text: {text}"),
            )
        }
    }
}

/// The `101` for this key. RFC 6455 §4.2.2
pub fn accepted(response: &Response, key: &str) -> Done {
    status(response, 101)?;
    let came = field(response, "Sec-WebSocket-Accept")?;
    in_field(Kind::WsAccept, same(came, &accept_key(key)))?;
    match response.lists("Upgrade", "websocket") && response.lists("Connection", "upgrade") {
        true => Ok(()),
        false => wrong(
            "немає Upgrade: websocket або Connection: Upgrade",
            "Upgrade: websocket or Connection: Upgrade is missing",
        ),
    }
}
