//! When each message is to be sent. The timetable is made before anything is sent, and does not
//! wait for a slow server: a message that had to wait is as old as its place in the timetable says.

use std::time::Duration;

/// More messages than this are too many for one run.
pub const MESSAGES_MAX: usize = 999_999;

/// What is said when.
pub struct Timetable {
    /// Begins each text of this run, and no other text.
    tag: String,
    /// After the beginning, rising.
    due: Vec<Duration>,
}

impl Timetable {
    /// So many messages a second, on average, at random: a Poisson process. A regular beat would
    /// keep step with the polls, and each poll would find its messages equally old.
    pub fn poisson(run: u32, rate: f64, length: Duration, seed: u64) -> Timetable {
        let (mut random, mut due) = (Random(seed), Vec::new());
        let mut at = random.gap(rate);
        while at < length && due.len() < MESSAGES_MAX {
            due.push(at);
            at += random.gap(rate);
        }
        Timetable { tag: format!("rawchat-{run:08x} "), due }
    }

    pub fn count(&self) -> usize {
        self.due.len()
    }

    pub fn due(&self, number: usize) -> Duration {
        self.due[number]
    }

    /// Of one length, so that bytes can be computed.
    pub fn text(&self, number: usize) -> String {
        format!("{}{number:06}", self.tag)
    }

    /// Which message of the timetable a text begins with.
    pub fn number(&self, text: &str) -> Option<usize> {
        let number = text.strip_prefix(&self.tag)?.get(..6)?.parse().ok()?;
        (number < self.due.len()).then_some(number)
    }

    /// Every message of the timetable in a page, in the order of the page.
    pub fn numbers(&self, page: &str) -> Vec<usize> {
        page.match_indices(&self.tag).filter_map(|(at, _)| self.number(&page[at..])).collect()
    }
}

/// Numbers that look random, the same from each seed (splitmix64).
pub struct Random(pub u64);

impl Random {
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// From 0 to 1, without 1.
    pub fn part(&mut self) -> f64 {
        (self.number() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// The pause to the next event of a Poisson process; without any events, longer than all runs.
    pub fn gap(&mut self, rate: f64) -> Duration {
        let seconds = -(1.0 - self.part()).ln() / rate;
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX / 4)
    }
}
