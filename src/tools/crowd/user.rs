//! One virtual user: it does what the page of its technique does, and checks what it gets.

use super::{Crowd, Exchange, Outcome, Plan, Technique, Traffic, at, browser, lock};
use crate::tools::client::{GLANCE, Line, Response, WebSocket};
use crate::tools::crowd::timetable::Random;
use crate::tools::json::elements;
use crate::wire::json::{self, Value};
use crate::wire::message::Received;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// After a broken connection.
const RETRY: Duration = Duration::from_millis(500);
/// It is in the room when it was greeted with so many messages: a welcome, and who else is there.
const GREETING: usize = 2;
/// A WebSocket that is not greeted so is in the room after this.
const WELCOME: Duration = Duration::from_secs(3);
/// The first user remembers so many exchanges.
const EXCHANGES_MAX: usize = 5_000;

struct User<'a> {
    crowd: &'a Crowd,
    number: usize,
    line: Line,
    /// Of all its exchanges; of a WebSocket, of the one that has not ended.
    bytes: u64,
    /// The newest id, as in the page: everything after it is news.
    last_id: u64,
    /// A bit for each message of the timetable.
    seen: Vec<u64>,
    report: Outcome,
}

/// Comes in, and lives until the crowd is stopped.
pub(super) fn live(crowd: &Crowd, number: usize) -> Outcome {
    let seen = vec![0; crowd.timetable.count().div_ceil(64)];
    let report = Outcome::default();
    let line = Line::new(crowd.address, &crowd.plan.place.host);
    let mut user = User { crowd, number, line, bytes: 0, last_id: 0, seen, report };
    let lived = match crowd.plan.technique {
        Technique::WebSocket => user.listen(),
        _ => user.poll(),
    };
    if let Err(why) = lived {
        crowd.fails(&why);
    }
    user.report
}

impl User<'_> {
    // ---- Parts 1 to 3: questions and answers

    /// `Err`: it could not come in.
    fn poll(&mut self) -> Result<(), String> {
        let Plan { technique, pause, .. } = self.crowd.plan;
        match self.exchange("/messages", browser::FETCH)? {
            Some(response) => self.take_list(&response)?,
            None => return Ok(()),
        };
        self.crowd.entered.fetch_add(1, Ordering::Relaxed);
        let pause = if technique == Technique::LongPolling { Duration::ZERO } else { pause };
        // All at once came in, but nobody presses F5 at the same moment as everybody else.
        let mut random = Random(self.crowd.plan.seed ^ (self.number as u64) << 32);
        let mut rest = self.crowd.cycle().mul_f64(random.part());
        while self.crowd.rest(rest) {
            rest = match self.ask() {
                Ok(true) => Duration::ZERO,
                Ok(false) => pause,
                Err(why) => {
                    self.report.complain(why);
                    RETRY
                }
            };
        }
        Ok(())
    }

    /// Asks once for what is new. True: there is more already.
    fn ask(&mut self) -> Result<bool, String> {
        let (began, bytes) = (Instant::now(), self.bytes);
        let target = match self.crowd.plan.technique {
            Technique::Refresh => format!("/?user=user-{}", self.number),
            Technique::ShortPolling => format!("/messages?lastId={}", self.last_id),
            _ => format!("/subscribe?lastId={}", self.last_id),
        };
        let is_page = self.crowd.plan.technique == Technique::Refresh;
        let fields = if is_page { browser::PAGE } else { browser::FETCH };
        let mut response = self.exchange(&target, fields)?;
        if is_page && self.crowd.ways.page_is_bare {
            response = self.exchange("/messages", browser::FETCH)?;
        }
        let Some(response) = response else { return Ok(false) };
        let news = match response.status {
            204 => 0,
            _ if is_page => self.take_page(&response),
            _ => self.take_list(&response)?,
        };
        if self.crowd.counts() {
            self.report.traffic.empty += u64::from(news == 0);
        }
        self.remember(began, news, self.bytes - bytes);
        Ok(!is_page && response.fields("Link").any(|link| link.contains("rel=\"next\"")))
    }

    /// Sends a request and waits for its response, as long as the crowd lives. `None`: it is over.
    fn exchange(&mut self, target: &str, fields: &str) -> Result<Option<Response>, String> {
        let what = format!("GET {}", target.split('?').next().unwrap_or(target));
        let (crowd, line) = (self.crowd, &mut self.line);
        let [made, sent, received] = [line.made, line.sent, line.received];
        let answer = line.get(target, fields, || crowd.plan.rtt, || crowd.is_over());
        let Some(response) = at(&what, answer)? else { return Ok(None) };
        let [up, down] = [line.sent - sent, line.received - received];
        self.bytes += up + down;
        crowd.bytes.fetch_add(up + down, Ordering::Relaxed);
        if crowd.counts() {
            let (connections, body_down) = (line.made - made, response.body_bytes as u64);
            let one =
                Traffic { requests: 1, connections, up, down, body_down, ..Traffic::default() };
            self.report.traffic.add(&one);
        }
        match response.status {
            200 | 204 => Ok(Some(response)),
            status => Err(format!("{what} is answered {status}")),
        }
    }

    fn take_page(&mut self, response: &Response) -> usize {
        let page = String::from_utf8_lossy(&response.body);
        let mut numbers = self.crowd.timetable.numbers(&page);
        let count = numbers.len();
        numbers.sort_unstable();
        numbers.dedup();
        self.report.doubled += (count - numbers.len()) as u64;
        numbers.retain(|number| self.is_new(*number));
        numbers.iter().for_each(|number| self.deliver(*number, Instant::now()));
        numbers.len()
    }

    /// `[{"id":7,…},…]`
    fn take_list(&mut self, response: &Response) -> Result<usize, String> {
        let (shown, mut news) = (Instant::now(), 0);
        let list = at("the list", response.text())?;
        for message in elements(list).map_err(|error| format!("the list: {error}"))? {
            if let Value::Other(message) = message {
                news += self.take_message(message, shown)?;
            }
        }
        Ok(news)
    }

    // ---- Part 4: frames

    /// `Err`: it could not come in. A connection that breaks later is made again, as the page does.
    fn listen(&mut self) -> Result<(), String> {
        let mut entered = false;
        loop {
            match self.open().and_then(|socket| self.hear(socket, &mut entered)) {
                Ok(()) => return Ok(()),
                Err(why) if !entered => return Err(why),
                Err(why) => self.report.complain(why),
            }
            if !self.crowd.rest(RETRY) {
                return Ok(());
            }
        }
    }

    fn open(&mut self) -> Result<WebSocket, String> {
        let since = if self.last_id > 0 { format!("&lastId={}", self.last_id) } else { "".into() };
        let target = format!("/?user=user-{}{since}", self.number);
        let opened = self.line.open(&target, browser::UPGRADE, self.crowd.plan.rtt);
        self.report.traffic.connections += u64::from(opened.is_ok() && self.crowd.counts());
        at("the handshake", opened)
    }

    /// Reads until it is over. `Err`: the connection has ended before.
    fn hear(&mut self, mut socket: WebSocket, entered: &mut bool) -> Result<(), String> {
        let (opened, mut told) = (Instant::now(), 0);
        let counts = |socket: &WebSocket| (socket.connection.sent, socket.connection.received);
        let mut before = counts(&socket);
        while !self.crowd.is_over() {
            let (mut news, mut body) = (0, 0);
            match at("the WebSocket", socket.receive_within(GLANCE))? {
                Some(Received::Text(payload)) => {
                    let text = payload.text();
                    // It has been under way for a while: that it was looked at later makes no difference to
                    // what comes after it.
                    news = self.take_event(&text, Instant::now() + self.crowd.plan.rtt / 2)?;
                    body = text.len() as u64;
                }
                Some(Received::Close(code, reason)) => {
                    return Err(format!("closed: {code} {reason}"));
                }
                _ => {}
            }
            let now = counts(&socket);
            let (up, down) = (now.0 - before.0, now.1 - before.1);
            before = now;
            self.crowd.bytes.fetch_add(up + down, Ordering::Relaxed);
            if self.crowd.counts() {
                let traffic = &mut self.report.traffic;
                (traffic.up, traffic.down) = (traffic.up + up, traffic.down + down);
                traffic.body_down += body;
            }
            self.bytes += up + down;
            if body > 0 {
                self.remember(Instant::now(), news, self.bytes);
                self.bytes = 0;
                told += 1;
            }
            if !*entered && (told == GREETING || opened.elapsed() > WELCOME) {
                *entered = true;
                self.crowd.entered.fetch_add(1, Ordering::Relaxed);
            }
        }
        Ok(())
    }

    /// `{"type":"message","message":{"id":7,…}}`, or what else the server tells. How much is news?
    fn take_event(&mut self, text: &str, shown: Instant) -> Result<usize, String> {
        match json::members(text, ["message", "lastId"])? {
            [Value::Other(message), _] => self.take_message(message, shown),
            [_, Value::Other(last_id)] => {
                self.last_id = self.last_id.max(last_id.parse().unwrap_or(0));
                Ok(0)
            }
            _ => Ok(0),
        }
    }

    // ---- What all of them do

    /// `{"id":7,"text":"…",…}`
    fn take_message(&mut self, message: &str, shown: Instant) -> Result<usize, String> {
        let [id, text] = json::members(message, ["id", "text"])?;
        let (Value::Other(id), Value::String(text)) = (id, text) else {
            return Err(format!("{message} is no message with id and text"));
        };
        let id: u64 = id.parse().map_err(|_| format!("the id {id} is no number"))?;
        let rises = id > self.last_id;
        self.last_id = self.last_id.max(id);
        let Some(number) = self.crowd.timetable.number(&text) else { return Ok(0) };
        if !self.is_new(number) {
            self.report.doubled += 1;
            return Ok(0);
        }
        self.report.disordered += u64::from(!rises);
        self.deliver(number, shown);
        Ok(1)
    }

    fn is_new(&mut self, number: usize) -> bool {
        let bit = 1 << (number % 64);
        let new = self.seen[number / 64] & bit == 0;
        self.seen[number / 64] |= bit;
        new
    }

    fn deliver(&mut self, number: usize, shown: Instant) {
        let Some(due) = self.crowd.due(number) else { return };
        let stripe = &self.crowd.ages[self.number % self.crowd.ages.len()];
        lock(stripe).add(shown.saturating_duration_since(due));
        self.report.delivered += 1;
        self.report.traffic.messages += u64::from(self.crowd.counts());
        self.crowd.delivered.fetch_add(1, Ordering::Relaxed);
    }

    /// An exchange that has just ended, if this is the first user.
    fn remember(&mut self, began: Instant, messages: usize, bytes: u64) {
        let Some(run) = self.crowd.began.get() else { return };
        if self.number == 0 && self.report.exchanges.len() < EXCHANGES_MAX {
            let (began, ended) = (began.saturating_duration_since(*run), run.elapsed());
            self.report.exchanges.push(Exchange { began, ended, messages, bytes });
        }
    }
}
