//! Stage 8: Server-Sent Events (the HTML standard, §9.2), which are homework.

use super::fault::{Done, Fault, Message, field, in_field, message_of, not, same, status, wrong};
use super::lab::{FLOOR, Lab, Peer};
use crate::tools::client::{Connection, Response};
use crate::tools::dissect::Kind;
use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

/// A longer chunk is not read, nor a longer event.
const CHUNK_BYTES_MAX: usize = 1024 * 1024;

/// An answer that goes on.
struct Stream<'a> {
    peer: Peer<'a>,
    /// Its head.
    response: Response,
    /// Lines that are not part of an event yet.
    text: String,
    /// Bytes that are no whole line yet.
    line: Vec<u8>,
    /// The last byte was CR, which ends a line alone or with the LF behind it.
    after_cr: bool,
}

/// What stands between two empty lines.
#[derive(Default)]
struct Event {
    id: Option<String>,
    data: Option<String>,
    retry: Option<String>,
}

impl<'a> Stream<'a> {
    fn open(lab: &'a Lab, last_id: u64, fields: &str) -> Result<Stream<'a>, Fault> {
        let mut peer = lab.peer()?;
        let fields = format!("Accept: text/event-stream\r\n{fields}");
        peer.send(lab.request(&format!("GET /events?lastId={last_id}"), &fields, ""))?;
        peer.connection.body_bytes_max = CHUNK_BYTES_MAX;
        let response = peer.within(lab.plan.patience, Connection::head)?;
        status(&response, 200)?;
        let kind = field(&response, "Content-Type")?.to_ascii_lowercase();
        if kind.split(';').next().unwrap_or_default().trim() != "text/event-stream" {
            return in_field(Kind::ContentType, not(format!("{kind:?}"), "text/event-stream"));
        }
        if response.field("Content-Length").is_some() {
            let words = (
                "у відповіді без кінця є Content-Length",
                "an answer without an end has a Content-Length",
            );
            return in_field(Kind::ContentLength, wrong(words.0, words.1));
        }
        if !["no-store", "no-cache"].iter().any(|word| response.lists("Cache-Control", word)) {
            return wrong("немає Cache-Control: no-store", "there is no Cache-Control: no-store");
        }
        Ok(Stream { peer, response, text: String::new(), line: Vec::new(), after_cr: false })
    }

    /// Reads some more of the text.
    fn more(&mut self, patience: Duration) -> Done {
        let response = &mut self.response;
        let bytes = self.peer.within(patience, |connection| piece(connection, response))?;
        for byte in bytes {
            match byte {
                b'\n' if self.after_cr => {}
                b'\n' | b'\r' => {
                    let line = String::from_utf8_lossy(&self.line);
                    self.text += &format!("{line}\n");
                    self.line.clear();
                }
                byte => self.line.push(byte),
            }
            self.after_cr = byte == b'\r';
        }
        match self.text.len() + self.line.len() <= CHUNK_BYTES_MAX {
            true => Ok(()),
            false => wrong("подія, яка не закінчується", "an event that does not end"),
        }
    }

    /// The next event, or a block that is none: without `data`.
    fn event(&mut self) -> Result<Event, Fault> {
        while !self.text.contains("\n\n") && !self.text.starts_with('\n') {
            self.more(self.peer.lab.plan.patience)?;
        }
        let text = std::mem::take(&mut self.text);
        let (block, rest) = text.split_once("\n\n").unwrap_or(("", &text[1..]));
        self.text = rest.to_string();
        let mut event = Event::default();
        for line in block.lines() {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match (name, &mut event.data) {
                ("data", Some(data)) => *data += &format!("\n{value}"),
                ("data", data) => *data = Some(value.into()),
                ("id", _) => event.id = Some(value.into()),
                ("retry", _) => event.retry = Some(value.into()),
                _ => {}
            }
        }
        Ok(event)
    }

    /// The next message, and the id of its event.
    fn message(&mut self) -> Result<(String, Message), Fault> {
        loop {
            let event = self.event()?;
            let Some(data) = event.data else { continue };
            let message = message_of(&data)?;
            let Some(id) = event.id.filter(|id| !id.is_empty()) else {
                return wrong("подія без рядка id:", "an event without a line id:");
            };
            return Ok((id, message));
        }
    }

    /// The next messages have these ids.
    fn brings(&mut self, ids: &[u64]) -> Done {
        ids.iter().try_for_each(|id| same(self.message()?.1.id, *id))
    }
}

/// All that has come, or one whole chunk.
fn piece(connection: &mut Connection, response: &mut Response) -> io::Result<Vec<u8>> {
    if response.lists("Transfer-Encoding", "chunked") {
        let goes_on = connection.chunk(response)?;
        let chunk = std::mem::take(&mut response.body);
        return if goes_on { Ok(chunk) } else { Err(ErrorKind::UnexpectedEof.into()) };
    }
    if connection.unread().is_empty() {
        connection.fill()?;
    }
    let came = connection.unread().to_vec();
    connection.consume(came.len());
    Ok(came)
}

pub fn goes_on(lab: &Lab) -> Done {
    let mut stream = Stream::open(lab, lab.say_something()?, "")?;
    let deadline = Instant::now() + FLOOR;
    while let Some(left) = deadline.checked_duration_since(Instant::now()) {
        match stream.more(left) {
            Err(fault) if fault.is_late() => break,
            done => done?,
        }
    }
    Ok(())
}

pub fn everybody(lab: &Lab) -> Done {
    let newest = lab.say_something()?;
    let open = |_| Stream::open(lab, newest, "");
    let mut streams = (0..3).map(open).collect::<Result<Vec<_>, _>>()?;
    let ids = [lab.say_something()?, lab.say_something()?, lab.say_something()?];
    streams.iter_mut().try_for_each(|stream| stream.brings(&ids))
}

pub fn lines(lab: &Lab) -> Done {
    let mut stream = Stream::open(lab, lab.say_something()?, "")?;
    let said = lab.say(&format!("перший\nдругий\n\nid: 7\n😀 {}", lab.word()))?;
    let (_, told) = stream.message()?;
    same(format!("{:?}", told.text), format!("{:?}", said.text))
}

/// The address still says what it said at first: EventSource knows no other.
pub fn comes_back(lab: &Lab) -> Done {
    let newest = lab.say_something()?;
    let mut stream = Stream::open(lab, newest, "")?;
    lab.say_something()?;
    let (last, _) = stream.message()?;
    drop(stream);
    let missed = [lab.say_something()?, lab.say_something()?];
    let fields = format!("Last-Event-ID: {last}\r\n");
    Stream::open(lab, newest, &fields)?.brings(&missed)
}

pub fn comments(lab: &Lab) -> Done {
    let mut stream = Stream::open(lab, lab.say_something()?, "")?;
    let deadline = Instant::now() + lab.plan.hold + lab.plan.patience;
    while !stream.text.lines().any(|line| line.starts_with(':')) {
        stream.more(deadline.saturating_duration_since(Instant::now()))?;
    }
    Ok(())
}

pub fn jitter(lab: &Lab) -> Done {
    let newest = lab.say_something()?;
    let mut pauses = Vec::new();
    for _ in 0..6 {
        let mut stream = Stream::open(lab, newest, "")?;
        let pause = loop {
            if let Some(pause) = stream.event()?.retry {
                break pause;
            }
        };
        pauses.push(pause);
    }
    pauses.dedup();
    match pauses.len() {
        1 => wrong(
            format!("усім retry: {}", pauses[0]),
            format!("everybody has retry: {}", pauses[0]),
        ),
        _ => Ok(()),
    }
}
