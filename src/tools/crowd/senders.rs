//! Those who write. They follow the timetable: nobody waits for the answer to an earlier message,
//! as long as one of them is free.

use super::{Crowd, Histogram, Outcome, PATIENCE, at, browser, post};
use crate::tools::client::{Connection, WebSocket};
use crate::wire::frame::Opcode;
use crate::wire::json::quoted;
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

pub(super) struct Senders<'scope> {
    threads: Vec<ScopedJoinHandle<'scope, Sender>>,
}

/// What one of them has done.
#[derive(Default)]
struct Sender {
    accepted: u64,
    lateness: Histogram,
    /// The longest wait for an answer.
    answer: Duration,
    /// Why a message was not taken.
    refused: Option<String>,
}

pub(super) fn start<'scope, 'env>(
    scope: &'scope Scope<'scope, 'env>,
    crowd: &'env Crowd,
) -> Senders<'scope> {
    let count = (crowd.plan.rate.ceil() as usize).clamp(SENDERS_MIN, SENDERS_MAX);
    Senders { threads: (0..count).map(|_| scope.spawn(|| send_all(crowd))).collect() }
}

/// Takes the next message of the timetable, and the next, until there is none.
fn send_all(crowd: &Crowd) -> Sender {
    let mut sender = Sender::default();
    let mut line = Line::Closed;
    let last = crowd.began.get().map(|began| *began + crowd.plan.length + PATIENCE);
    loop {
        let number = crowd.next.fetch_add(1, Ordering::Relaxed);
        if number >= crowd.timetable.count() || last.is_none_or(|last| Instant::now() > last) {
            return sender;
        }
        let Some(due) = crowd.due(number) else { return sender };
        crowd.rest(due.saturating_duration_since(Instant::now()));
        let sent = Instant::now();
        sender.lateness.add(sent.saturating_duration_since(due));
        match line.say(crowd, &crowd.timetable.text(number)) {
            Ok(()) => sender.accepted += 1,
            Err(why) => {
                line = Line::Closed;
                sender.refused.get_or_insert(why);
            }
        }
        sender.answer = sender.answer.max(sent.elapsed());
    }
}

/// What a sender speaks into.
enum Line {
    Closed,
    /// And when it was used last.
    Http(Connection, Instant),
    Frames(Box<WebSocket>),
}

impl Line {
    /// `Ok`: the server has it.
    fn say(&mut self, crowd: &Crowd, text: &str) -> Result<(), String> {
        let host = &crowd.plan.place.host;
        if matches!(self, Line::Http(_, used) if used.elapsed() > IDLE_MAX) {
            *self = Line::Closed;
        }
        if let Line::Closed = self {
            let connection = at("a sender", Connection::open(crowd.address, PATIENCE))?;
            *self = match crowd.ways.says_in_frames {
                false => Line::Http(connection, Instant::now()),
                true => {
                    let fields = browser::UPGRADE.replace("HOST", host);
                    let socket = WebSocket::open(connection, host, "/?user=sender", &fields);
                    Line::Frames(Box::new(at("a sender", socket)?))
                }
            };
        }
        match self {
            Line::Http(connection, used) => {
                *used = Instant::now();
                connection.deadline = Instant::now() + PATIENCE;
                let said = connection.ask("POST", post(host, "sender", text).as_bytes());
                let response = at("POST /messages", said)?;
                if !response.keeps_alive() {
                    *self = Line::Closed;
                }
                match response.status {
                    200..=299 => Ok(()),
                    status => Err(format!("POST /messages is answered {status}")),
                }
            }
            Line::Frames(socket) => {
                // What the server tells everybody is not read here, but taken out of its way.
                socket.connection.deadline = Instant::now() + Duration::from_millis(1);
                while socket.receive().is_ok() {}
                socket.connection.deadline = Instant::now() + PATIENCE;
                let message = format!(r#"{{"type":"message","text":{}}}"#, quoted(text));
                at("a sender's frame", socket.send(Opcode::Text, message.as_bytes()))
            }
            Line::Closed => Err("a sender has no connection".into()),
        }
    }
}

impl Senders<'_> {
    /// Waits until all is said.
    pub(super) fn finish(self, crowd: &Crowd) -> Outcome {
        let (mut outcome, mut answer, mut refused) = (Outcome::default(), Duration::ZERO, None);
        for sender in self.threads.into_iter().flat_map(|thread| thread.join()) {
            outcome.messages += sender.accepted;
            outcome.lateness.merge(&sender.lateness);
            answer = answer.max(sender.answer);
            refused = refused.or(sender.refused);
        }
        let (accepted, planned) = (outcome.messages, crowd.timetable.count());
        let late = outcome.lateness.max();
        if let Some(why) = refused {
            outcome.not_offered =
                Some(format!("{accepted} of {planned} messages were taken: {why}"));
        } else if accepted < planned as u64 || late > LATENESS_MAX {
            // Either the server keeps all senders waiting, or this machine has too much to do.
            let slow = format!("the server took up to {answer:.1?} to answer a POST");
            let busy = "this machine has too much to do".to_string();
            let why = if answer > late / 4 { slow } else { busy };
            outcome.not_offered =
                Some(format!("messages were sent up to {late:.1?} later than planned: {why}"));
        }
        outcome
    }
}
