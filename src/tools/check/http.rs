//! Stages 0 to 2: it listens, it speaks HTTP, it remembers.

use super::fault::{Done, Fault, field, ids, in_field, not, of_io, posted, same, status, wrong};
use super::lab::{CEILING, Lab, Peer};
use crate::tools::client::{Connection, Response};
use crate::tools::dissect::Kind;
use std::io::ErrorKind;
use std::panic::resume_unwind;
use std::thread;
use std::time::{Duration, Instant};

// ---- 0 It listens

pub fn listens(lab: &Lab) -> Done {
    lab.peer().map(drop)
}

pub fn silent_client(lab: &Lab) -> Done {
    let _silent = lab.peer()?;
    let mut other = lab.peer()?;
    other.send(lab.get("/"))?;
    other.within(lab.plan.patience, Connection::fill)
}

// ---- 1 It speaks HTTP

pub fn page(lab: &Lab) -> Done {
    let response = lab.ask(lab.get("/"), 200)?;
    let kind = field(&response, "Content-Type")?.to_ascii_lowercase();
    match kind.starts_with("text/html") {
        true => Ok(()),
        false => in_field(Kind::ContentType, not(format!("{kind:?}"), "text/html")),
    }
}

/// The bytes after a response that is the last one.
fn what_follows<'a>(peer: &'a mut Peer) -> &'a [u8] {
    if peer.connection.unread().is_empty() {
        // It may also stay open: whether it should is asked elsewhere.
        let _ = peer.silent(Instant::now() + CEILING);
    }
    peer.connection.unread()
}

pub fn bytes_are_counted(lab: &Lab) -> Done {
    const HELLO: &str = "/?user=%D0%9F%D1%80%D0%B8%D0%B2%D1%96%D1%82";
    // Whether it can take a message is asked later.
    let _ = lab.say("Привіт");
    for target in [HELLO, "/messages"] {
        let mut peer = lab.peer()?;
        peer.send(lab.request(&format!("GET {target}"), "Connection: close\r\n", ""))?;
        peer.response()?;
        if !what_follows(&mut peer).is_empty() {
            let less =
                wrong("Content-Length менше за тіло", "Content-Length is less than the body");
            return in_field(Kind::ContentLength, less);
        }
    }
    Ok(())
}

/// One more page, on the same connection.
fn page_again(lab: &Lab, peer: &mut Peer, before: &Response) -> Done {
    if before.ended_by_close {
        return wrong(
            "без Content-Length відповідь кінчається лише разом зі з’єднанням",
            "without Content-Length the answer ends only where the connection ends",
        );
    }
    if before.lists("Connection", "close") {
        return not("Connection: close", "keep-alive");
    }
    let again = peer.ask(lab.get("/"), 200);
    let ended = ["після відповіді з’єднання закрито", "the connection was closed after the answer"];
    again
        .map(drop)
        .map_err(|fault| if fault.is_end() { fault.told(ended[0], ended[1]) } else { fault })
}

/// After an answer that is no 200 the connection may end, as long as the server lives.
pub fn goes_on(lab: &Lab, peer: &mut Peer, before: &Response, status: u16) -> Done {
    match page_again(lab, peer, before) {
        Err(fault) if fault.is_end() || !before.keeps_alive() => {
            let uk = format!("після {status} з’єднання закривається");
            lab.advise(&uk, &format!("the connection is closed after {status}"));
            page(lab)
        }
        done => done,
    }
}

pub fn several_requests(lab: &Lab) -> Done {
    let mut peer = lab.peer()?;
    let first = peer.ask(lab.get("/"), 200)?;
    page_again(lab, &mut peer, &first)
}

pub fn two_in_one_write(lab: &Lab) -> Done {
    let mut peer = lab.peer()?;
    peer.ask(lab.get("/") + &lab.get(&format!("/nosuch-{}", lab.word())), 200)?;
    peer.response().map(drop)
}

pub fn byte_by_byte(lab: &Lab) -> Done {
    let mut peer = lab.peer()?;
    let request = lab.get("/");
    let (before, last) = request.split_at(request.len() - 1);
    for byte in before.bytes() {
        peer.send([byte])?;
        thread::sleep(Duration::from_millis(5));
    }
    // An answer that is there already has not waited for the empty line.
    peer.silent(Instant::now())?;
    peer.ask(last, 200)?;
    match what_follows(&mut peer).starts_with(b"HTTP/") {
        true => wrong("на один запит друга відповідь", "a second answer to one request"),
        false => Ok(()),
    }
}

pub fn unknown_path(lab: &Lab) -> Done {
    let mut peer = lab.peer()?;
    let nowhere = peer.ask(lab.get(&format!("/nosuch-{}", lab.word())), 404)?;
    goes_on(lab, &mut peer, &nowhere, 404)
}

pub fn no_host(lab: &Lab) -> Done {
    lab.ask("GET / HTTP/1.1\r\n\r\n", 400).map(drop)
}

pub fn close_is_honoured(lab: &Lab) -> Done {
    let mut peer = lab.peer()?;
    peer.ask(lab.request("GET /", "Connection: close\r\n", ""), 200)?;
    // Bytes beyond Content-Length are another fault.
    let unread = peer.connection.unread().len();
    peer.connection.consume(unread);
    peer.ends()
}

/// A head that is written alone leaves at once. The body may then be held back until the head is
/// acknowledged, which the other side is in no hurry to do: Nagle's algorithm (RFC 9293 §3.7.4).
pub fn in_one_piece(lab: &Lab) -> Done {
    const ANSWERS: usize = 40;
    let (mut peer, mut apart) = (lab.peer()?, 0);
    for _ in 0..ANSWERS {
        peer.send(lab.get("/"))?;
        peer.within(lab.plan.patience, Connection::fill)?;
        apart += usize::from(peer.connection.unread().ends_with(b"\r\n\r\n"));
        peer.response()?;
    }
    match apart > ANSWERS / 2 {
        true => wrong(
            format!("голова прийшла без тіла {apart} разів із {ANSWERS}"),
            format!("the head came without the body, {apart} times of {ANSWERS}"),
        ),
        false => Ok(()),
    }
}

pub fn head(lab: &Lab) -> Done {
    let mut peer = lab.peer()?;
    peer.send(lab.request("HEAD /", "", ""))?;
    let response = peer.response_to("HEAD", lab.plan.patience)?;
    status(&response, 200)?;
    page_again(lab, &mut peer, &response)
}

// ---- 2 It remembers

pub fn next_id(lab: &Lab) -> Done {
    let mut next = None;
    for _ in 0..3 {
        let mut peer = lab.peer()?;
        peer.send(lab.post(&lab.word()))?;
        let response = peer.response()?;
        let id = posted(&response)?.id;
        if response.status == 200 {
            lab.advise("200, а про створене кажуть 201", "200; what was created is 201");
        }
        same(id, next.unwrap_or(id))?;
        next = Some(id + 1);
    }
    Ok(())
}

/// The message stands in the list with this text; how often.
fn is_listed(lab: &Lab, id: u64, text: &str) -> Result<usize, Fault> {
    let list = lab.list(None)?;
    let found: Vec<_> = list.iter().filter(|message| message.id == id).collect();
    match found[..] {
        [] => not(format!("id {id} × 0"), "1"),
        [message, ..] if message.text == text => Ok(found.len()),
        [message, ..] => not(format!("{:?}", message.text), format!("{text:?}")),
    }
}

pub fn is_remembered(lab: &Lab) -> Done {
    let text = lab.word();
    let id = lab.say(&text)?.id;
    match is_listed(lab, id, &text)? {
        1 => Ok(()),
        count => not(format!("id {id} × {count}"), "1"),
    }
}

pub fn body_comes_later(lab: &Lab) -> Done {
    const BODY_BYTES: usize = 20;
    let (mut peer, text) = (lab.peer()?, lab.word());
    let request = lab.post(&text);
    let (before, rest) = request.split_at(request.len() - BODY_BYTES);
    peer.send(before)?;
    peer.silent(Instant::now() + Duration::from_millis(500))?;
    peer.send(rest)?;
    let id = posted(&peer.response()?)?.id;
    drop(peer);
    is_listed(lab, id, &text).map(drop)
}

pub fn text_comes_back(lab: &Lab) -> Done {
    let text = format!("{} \"лапки\" \\ скісна\nрядок\tтаб 😀 </script> ї", lab.word());
    is_listed(lab, lab.say(&text)?.id, &text).map(drop)
}

pub fn markup_is_text(lab: &Lab) -> Done {
    let markup = format!("<b id={}>", lab.word());
    lab.say(&format!("{markup}!</b>"))?;
    for target in ["/", "/?user=Bob"] {
        let page = lab.ask(lab.get(target), 200).map_err(|fault| match fault.absent {
            // The page itself is there.
            true if target != "/" => {
                let [uk, en] = &fault.words;
                let uk = format!("{uk}, на {target}: те, що за знаком ?, — не частина шляху");
                let en = format!("{en}, for {target}: what stands behind ? is no part of the path");
                Fault { absent: false, ..fault.told(uk, en) }
            }
            _ => fault,
        })?;
        if String::from_utf8_lossy(&page.body).contains(&markup) {
            return wrong(format!("на сторінці {markup}"), format!("the page has {markup}"));
        }
    }
    Ok(())
}

pub fn form_leads_back(lab: &Lab) -> Done {
    let mut peer = lab.peer()?;
    let body = format!("user=Bob&text={}", lab.word());
    let fields = format!(
        "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\nContent-Length: {}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n",
        body.len()
    );
    peer.send(lab.request("POST /messages", &fields, &body))?;
    let response = peer.response()?;
    if response.status == 302 {
        lab.advise("302, а певніше 303", "302; 303 is safer, it always leads to a GET");
    } else {
        status(&response, 303)?;
    }
    field(&response, "Location").map(drop)
}

pub fn broken_json(lab: &Lab) -> Done {
    let before = lab.say_something()?;
    lab.ask(lab.post_of("application/json", "{\"user\":"), 400)?;
    let stored = lab.list(None)?.iter().filter(|message| message.id > before).count();
    same(stored, 0)
}

pub fn announced_gigabyte(lab: &Lab) -> Done {
    let fields = "Content-Type: application/json\r\nContent-Length: 1000000000\r\n";
    lab.ask(lab.request("POST /messages", fields, ""), 413).map(drop)
}

/// A socket that is closed while bytes wait in it sends RST, which may wipe out the answer on its way.
pub fn refusal_can_be_read(lab: &Lab) -> Done {
    /// 5 MiB: more than the systems at both ends keep for a server that does not read. So they are
    /// not all sent before it has read some of them, or has answered RST.
    const PIECES: usize = 80;
    const PIECE_BYTES: usize = 64 * 1024;
    let mut peer = lab.peer()?;
    let fields = "Content-Type: application/json\r\nContent-Length: 1000000000\r\n";
    peer.ask(lab.request("POST /messages", fields, ""), 413)?;
    let last = Instant::now() + lab.plan.patience;
    let mut piece = |_| match Instant::now() < last {
        true => peer.send([b' '; PIECE_BYTES]),
        false => Err(of_io(&ErrorKind::TimedOut.into())),
    };
    let ended = (0..PIECES).try_for_each(&mut piece).and_then(|()| {
        peer.connection.finish().map_err(|error| of_io(&error))?;
        peer.within(lab.plan.patience, Connection::fill)
    });
    match ended {
        Err(fault) if fault.io == Some(ErrorKind::UnexpectedEof) => Ok(()),
        Err(fault) if fault.is_end() => {
            wrong("RST, поки клієнт іще надсилає", "RST, while the client is still sending")
        }
        Err(fault) => Err(fault),
        Ok(()) => wrong("після 413 прийшли ще байти", "more bytes came after the 413"),
    }
}

pub fn twenty_writers(lab: &Lab) -> Done {
    const WRITERS: u64 = 20;
    const MESSAGES: u64 = 25;
    let before = lab.say_something()?;
    let write = || (0..MESSAGES).try_for_each(|_| lab.say_something().map(drop));
    thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS).map(|_| scope.spawn(write)).collect();
        writers
            .into_iter()
            .try_for_each(|writer| writer.join().unwrap_or_else(|p| resume_unwind(p)))
    })?;
    in_a_row(&ids(&lab.list(Some(before))?), before, WRITERS * MESSAGES)
}

/// So many ids, one after another.
pub fn in_a_row(ids: &[u64], before: u64, count: u64) -> Done {
    if let Some(at) = (0..ids.len()).find(|at| ids[*at] != before + 1 + *at as u64) {
        return not(format!("id {}", ids[at]), before + 1 + at as u64);
    }
    same(ids.len() as u64, count)
}
