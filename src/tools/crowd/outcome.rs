//! How it went: what users and senders count, and what becomes of it all together.

use super::Technique;
use super::histogram::Histogram;
use crate::tools::Problem;
use std::time::Duration;

/// Exit codes beside those of every tool.
const WRONG: u8 = 1;
const NOT_OFFERED: u8 = 3;

/// Bytes and requests of all users, while they were counted.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Traffic {
    /// Answers that came, and those without a message. A WebSocket has none after its handshake.
    pub requests: u64,
    pub empty: u64,
    /// Messages that they brought.
    pub messages: u64,
    /// Connections that were made.
    pub connections: u64,
    /// Bytes of each direction, and how many of those that came were bodies or payloads of messages:
    /// the rest are heads, headers of frames, pings.
    pub up: u64,
    pub down: u64,
    pub body_down: u64,
}

impl Traffic {
    pub fn add(&mut self, other: &Traffic) {
        self.requests += other.requests;
        self.empty += other.empty;
        self.messages += other.messages;
        self.connections += other.connections;
        self.up += other.up;
        self.down += other.down;
        self.body_down += other.body_down;
    }

    pub fn bytes(&self) -> u64 {
        self.up + self.down
    }

    pub fn head_down(&self) -> u64 {
        self.down.saturating_sub(self.body_down)
    }
}

/// One question and its answer, or, of a WebSocket, one frame that came.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exchange {
    /// After the beginning of the run.
    pub began: Duration,
    pub ended: Duration,
    pub messages: usize,
    /// Of both directions.
    pub bytes: u64,
}

/// How it went.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// Messages that the server has taken, and those times the number of users.
    pub messages: u64,
    pub expected: u64,
    pub delivered: u64,
    pub doubled: u64,
    pub disordered: u64,
    /// How old each message was when a user had it, counted from the timetable.
    pub ages: Histogram,
    /// How much later than in the timetable the senders sent.
    pub lateness: Histogram,
    pub traffic: Traffic,
    /// Visits, and their bytes.
    pub visits: u64,
    pub visitors: Traffic,
    /// How long a sender waited for the answer to a message, at the most.
    pub slowest_post: Duration,
    /// What the first user did.
    pub exchanges: Vec<Exchange>,
    /// Connections that broke and answers that were no answers; and the first of them.
    pub errors: u64,
    pub first_error: Option<String>,
    /// Why the load was not what was asked for.
    pub not_offered: Option<String>,
}

impl Outcome {
    pub fn lost(&self) -> u64 {
        self.expected.saturating_sub(self.delivered)
    }

    /// Something was not as it should be, and it went on.
    pub(super) fn complain(&mut self, why: String) {
        self.errors += 1;
        self.first_error.get_or_insert(why);
    }

    /// Whether something was lost, doubled or out of order.
    pub fn is_wrong(&self) -> bool {
        self.lost() + self.doubled + self.disordered > 0
    }

    /// The exit code, with what is wrong.
    pub fn verdict(&self, technique: Technique) -> Result<(), Problem> {
        let [_, name] = technique.name();
        if let Some(why) = &self.not_offered {
            return Err(not_offered(format!("{name}: {why}")));
        }
        if self.is_wrong() {
            let first = self.first_error.as_ref().map(|first| format!("; {first}"));
            let what = "messages are missing or doubled, or out of order";
            return Err(Problem::Ended(
                WRONG,
                format!("{name}: {what}{}", first.unwrap_or_default()),
            ));
        }
        Ok(())
    }

    /// Adds what another user, another sender or another run has met.
    pub fn add(&mut self, other: &Outcome) {
        self.messages += other.messages;
        self.expected += other.expected;
        self.delivered += other.delivered;
        self.doubled += other.doubled;
        self.disordered += other.disordered;
        self.ages.merge(&other.ages);
        self.lateness.merge(&other.lateness);
        self.traffic.add(&other.traffic);
        self.visits += other.visits;
        self.visitors.add(&other.visitors);
        self.slowest_post = self.slowest_post.max(other.slowest_post);
        if self.exchanges.is_empty() {
            self.exchanges.clone_from(&other.exchanges);
        }
        self.errors += other.errors;
        self.first_error = self.first_error.take().or(other.first_error.clone());
        self.not_offered = self.not_offered.take().or(other.not_offered.clone());
    }
}

/// Nothing is known of the server.
pub fn not_offered(why: String) -> Problem {
    Problem::Ended(NOT_OFFERED, format!("the load could not be offered: {why}"))
}
