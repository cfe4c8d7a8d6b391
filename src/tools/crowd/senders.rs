//! Those who write, or come and go. They follow the timetable: nobody waits for the answer to an earlier message,
//! as long as one of them is free.

use super::{Crowd, Errand, Outcome, PATIENCE, Technique, Traffic, at, browser, post};
use crate::tools::client::{Connection, WebSocket, get};
use crate::wire::control::close_payload;
use crate::wire::frame::Opcode;
use crate::wire::json::quoted;
use crate::wire::message::Received;
use std::sync::atomic::Ordering;
use std::thread::{Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

/// So many messages can be under way at one time: as many as are sent in a second, within limits.
const SENDERS_MIN: usize = 2;
const SENDERS_MAX: usize = 16;
/// Some servers close a connection that lies idle for 5 s; what is sent then may get lost.
const IDLE_MAX: Duration = Duration::from_secs(3);
/// Whoever sends later than this does not offer the load that was asked for.
const LATENESS_MAX: Duration = Duration::from_secs(1);

pub(super) fn start<'scope, 'env>(
    scope: &'scope Scope<'scope, 'env>,
    crowd: &'env Crowd,
) -> Vec<ScopedJoinHandle<'scope, Outcome>> {
    let count = (crowd.plan.rate.ceil() as usize).clamp(SENDERS_MIN, SENDERS_MAX);
    (0..count).map(|_| scope.spawn(|| send_all(crowd))).collect()
}

/// Takes the next message of the timetable, and the next, until there is none.
fn send_all(crowd: &Crowd) -> Outcome {
    let mut sender = Outcome::default();
    let mut voice = Voice::Closed;
    let patience = crowd.plan.warm_up + crowd.plan.length + PATIENCE;
    let last = crowd.began.get().map(|began| *began + patience);
    loop {
        let number = crowd.next.fetch_add(1, Ordering::Relaxed);
        if number >= crowd.timetable.count() || last.is_none_or(|last| Instant::now() > last) {
            return sender;
        }
        let Some(due) = crowd.due(number) else { return sender };
        crowd.rest(due.saturating_duration_since(Instant::now()));
        let sent = Instant::now();
        sender.lateness.add(sent.saturating_duration_since(due));
        let done = match crowd.plan.errand {
            Errand::Say => {
                voice.say(crowd, &crowd.timetable.text(number)).map(|()| sender.messages += 1)
            }
            Errand::Visit { since, count } => visit(crowd, number, since, count).map(|traffic| {
                sender.visits += 1;
                sender.visitors.add(&traffic);
            }),
        };
        if let Err(why) = done {
            voice = Voice::Closed;
            sender.not_offered.get_or_insert(why);
        }
        sender.slowest_post = sender.slowest_post.max(sent.elapsed());
    }
}

/// What a sender speaks into.
enum Voice {
    Closed,
    /// And when it was used last.
    Http(Connection, Instant),
    Frames(Box<WebSocket>),
}

impl Voice {
    /// `Ok`: the server has it.
    fn say(&mut self, crowd: &Crowd, text: &str) -> Result<(), String> {
        let host = &crowd.plan.place.host;
        if matches!(self, Voice::Http(_, used) if used.elapsed() > IDLE_MAX) {
            *self = Voice::Closed;
        }
        if let Voice::Closed = self {
            let connection = at("a sender", Connection::open(crowd.address, PATIENCE))?;
            *self = match crowd.ways.says_in_frames {
                false => Voice::Http(connection, Instant::now()),
                true => {
                    let target = "/?user=sender";
                    let socket = WebSocket::open(connection, host, target, browser::UPGRADE);
                    Voice::Frames(Box::new(at("a sender", socket)?))
                }
            };
        }
        match self {
            Voice::Http(connection, used) => {
                *used = Instant::now();
                connection.deadline = Instant::now() + PATIENCE;
                let said = connection.ask("POST", post(host, "sender", text).as_bytes());
                let response = at("POST /messages", said)?;
                if !response.keeps_alive() {
                    *self = Voice::Closed;
                }
                match response.status {
                    200..=299 => Ok(()),
                    status => Err(format!("POST /messages is answered {status}")),
                }
            }
            Voice::Frames(socket) => {
                // What the server tells everybody is not read here, but taken out of its way.
                socket.connection.deadline = Instant::now() + Duration::from_millis(1);
                while socket.receive().is_ok() {}
                socket.connection.deadline = Instant::now() + PATIENCE;
                let message = format!(r#"{{"type":"message","text":{}}}"#, quoted(text));
                at("a sender's frame", socket.send(Opcode::Text, message.as_bytes()))
            }
            Voice::Closed => Err("a sender has no connection".into()),
        }
    }
}

/// Comes in, reads the `count` messages that came after `since`, and leaves.
fn visit(crowd: &Crowd, number: usize, since: u64, count: u64) -> Result<Traffic, String> {
    let host = &crowd.plan.place.host;
    let mut connection = at("a visitor", Connection::open(crowd.address, PATIENCE))?;
    let (sent, received) = match crowd.plan.technique {
        Technique::WebSocket => {
            let target = format!("/?user=visitor-{number}&lastId={since}");
            let socket = WebSocket::open(connection, host, &target, browser::UPGRADE);
            let mut socket = at("a visitor", socket)?;
            let mut messages = 0;
            while messages < count {
                let event = at("a visitor", socket.receive())?;
                let Received::Text(text) = event else {
                    return Err("a visitor is sent away".into());
                };
                messages += u64::from(text.text().starts_with(r#"{"type":"message""#));
            }
            at("a visitor", socket.send(Opcode::Close, &close_payload(1001, "")))?;
            (socket.connection.sent, socket.connection.received)
        }
        technique => {
            let (target, fields) = match technique {
                Technique::Refresh => (format!("/?user=visitor-{number}"), browser::PAGE),
                _ => (format!("/messages?lastId={since}"), browser::FETCH),
            };
            let request = get(host, &target, fields);
            let response = at("a visitor", connection.ask("GET", request.as_bytes()))?;
            if response.status != 200 {
                return Err(format!("GET {target} is answered {}", response.status));
            }
            (connection.sent, connection.received)
        }
    };
    let requests = 1;
    Ok(Traffic { requests, connections: 1, up: sent, down: received, ..Traffic::default() })
}

/// Waits until all is said.
pub(super) fn finish(threads: Vec<ScopedJoinHandle<Outcome>>, crowd: &Crowd) -> Outcome {
    let mut outcome = Outcome::default();
    for sender in threads.into_iter().flat_map(|thread| thread.join()) {
        outcome.add(&sender);
    }
    let (done, planned) = (outcome.messages + outcome.visits, crowd.timetable.count() as u64);
    let (late, answer) = (outcome.lateness.max(), outcome.slowest_post);
    if let Some(why) = outcome.not_offered {
        outcome.not_offered = Some(format!("{done} of {planned} were taken: {why}"));
    } else if done < planned || late > LATENESS_MAX {
        // Either the server keeps all senders waiting, or this machine has too much to do.
        let slow = format!("the server took up to {answer:.1?} to answer");
        let busy = "this machine has too much to do".to_string();
        let why = if answer > late / 4 { slow } else { busy };
        outcome.not_offered = Some(format!("they came up to {late:.1?} too late: {why}"));
    }
    outcome
}
