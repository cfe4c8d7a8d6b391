//! What each technique costs, on paper. The lecture derives these formulas; `measure` prints them
//! beside what it has measured.
//!
//! R messages a second in the room, T the pause between an answer and the next question, H how long
//! a server holds a question, G the way to the server and back. A message comes at any moment with
//! the same chance, as in the timetable. Leaves out: the time that programs need.

use super::Technique;
use std::time::Duration;

/// As our server holds a question, and as it sends its heartbeats.
pub const HOLD: Duration = Duration::from_secs(30);
const HEARTBEAT: Duration = Duration::from_secs(30);
/// A ping without payload, its masked pong, and a text frame with `{"type":"heartbeat"}`.
const HEARTBEAT_BYTES: f64 = 2.0 + 6.0 + 2.0 + 20.0;

#[derive(Debug, Clone, Copy)]
pub struct Model {
    pub technique: Technique,
    /// R, per second.
    pub rate: f64,
    /// T. It means nothing in parts 3 and 4.
    pub pause: Duration,
    /// H. It matters in part 3.
    pub hold: Duration,
    /// G.
    pub rtt: Duration,
}

impl Model {
    /// What so large a part of the ages (0 to 1) do not exceed.
    pub fn age(&self, part: f64) -> Duration {
        let (gap, way) = (self.rtt.as_secs_f64(), self.rtt.as_secs_f64() / 2.0);
        let waited = match self.technique {
            // A message waits for the next question, which may come at any moment of the cycle.
            Technique::Refresh | Technique::ShortPolling => part * self.cycle(),
            // Most find a question waiting. Those that come while an answer is under way, and the
            // next question, wait for the rest of this gap.
            Technique::LongPolling => {
                let missed = self.rate * gap;
                let at_once = (-missed).exp() / (missed + (-missed).exp());
                if part <= at_once { 0.0 } else { gap * (part - at_once) / (1.0 - at_once) }
            }
            Technique::WebSocket => 0.0,
        };
        Duration::from_secs_f64(way + waited)
    }

    /// How many seconds one question and its answer take, with the pause, on average.
    fn cycle(&self) -> f64 {
        let (gap, hold) = (self.rtt.as_secs_f64(), self.hold.as_secs_f64());
        match self.technique {
            Technique::Refresh | Technique::ShortPolling => self.pause.as_secs_f64() + gap,
            Technique::LongPolling if self.rate == 0.0 => gap + hold,
            Technique::LongPolling => {
                // It waits only if nothing was said in the gap, and then until something is.
                let waits = (-self.rate * gap).exp();
                gap + waits * (1.0 - (-self.rate * hold).exp()) / self.rate
            }
            Technique::WebSocket => f64::INFINITY,
        }
    }

    /// Of one reader.
    pub fn requests_per_s(&self) -> f64 {
        1.0 / self.cycle()
    }

    pub fn requests_per_message(&self) -> f64 {
        self.requests_per_s() / self.rate
    }

    /// The part of the answers that bring no message.
    pub fn empty(&self) -> f64 {
        let silent_s = match self.technique {
            Technique::LongPolling => self.rtt.as_secs_f64() + self.hold.as_secs_f64(),
            _ => self.cycle(),
        };
        (-self.rate * silent_s).exp()
    }

    /// An hour of one reader in which nobody says anything: requests, and bytes, if an exchange with
    /// an empty answer has so many.
    pub fn silent_hour(&self, exchange_bytes: f64) -> (f64, f64) {
        const HOUR_S: f64 = 3600.0;
        match self.technique {
            Technique::WebSocket => (0.0, HOUR_S / HEARTBEAT.as_secs_f64() * HEARTBEAT_BYTES),
            _ => {
                let requests = HOUR_S * Model { rate: 0.0, ..*self }.requests_per_s();
                (requests, requests * exchange_bytes)
            }
        }
    }
}
