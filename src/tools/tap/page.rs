//! The tap's page: a feed of rows, and everything about the one exchange that is open.

use super::ring::{Kept, Ring};
use super::trouble::{NAMES, Switchboard};
use super::watch::{Exchange, Seen};
use crate::handler::{Handler, Reply, check_method};
use crate::tools::dissect::block::{Style, clipped, summary};
use crate::tools::dissect::{Language, Side};
use crate::tools::feed::{Feed, PAUSE, Patience};
use crate::tools::json::{array, object};
use crate::tools::pages;
use crate::tools::site::{self, File};
use crate::wire::http::{METHODS, READ_ONLY, Request, Response, refuse};
use crate::wire::json::quoted;
use crate::wire::{form, html};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What a row knows of a target, and of what is said: a filter looks for words in it. A message of
/// the chat is shorter.
const WHAT_CHARS_MAX: usize = 100;
const SAID_CHARS_MAX: usize = 4_000;
/// Rows within a [`PAUSE`]: nobody reads faster, and a browser on this machine has to draw them.
const LISTED_MAX: usize = 100;
/// Requests of one connection that wait for their answers, and are shown with them.
const ASKED_MAX: usize = 100;

const TEMPLATE: &str = include_str!("../../../public/tap.html");
pub const FILES: &[File] = &[
    ("/tap.css", site::CSS, include_str!("../../../public/tap.css")),
    ("/tap.js", site::SCRIPT, include_str!("../../../public/tap.js")),
    ("/tap-exchange.js", site::SCRIPT, include_str!("../../../public/tap-exchange.js")),
];

pub struct Page {
    feed: Feed,
    state: Mutex<State>,
    /// None where a recording is shown.
    live: Option<Live>,
    /// What stands behind the tap.
    title: String,
}

/// What there is while bytes are passing.
pub struct Live {
    pub switches: Arc<Switchboard>,
    pub began: Instant,
}

#[derive(Default)]
struct State {
    ring: Ring,
    connections: BTreeMap<u64, Open>,
    pace: Pace,
}

/// The rows of a living connection that something may still be said to; of two, the client's first.
#[derive(Default)]
struct Open {
    last: [u64; 2],
    asked: VecDeque<u64>,
    pings: [u64; 2],
    closes: [u64; 2],
}

/// Rows are listed up to a pace at which somebody could look at them; others are counted.
#[derive(Default)]
struct Pace {
    since: Option<Instant>,
    listed: usize,
    skipped: usize,
    unseen_bytes: usize,
}

impl Page {
    pub fn new(title: String, live: Option<Live>) -> Page {
        Page { feed: Feed::new(Patience::default()), state: Mutex::default(), live, title }
    }

    /// Lists what was seen.
    pub fn tell(&self, seen: &Seen) {
        if self.live.is_some() {
            self.breathe();
        }
        let mut state = self.state();
        match seen {
            Seen::Exchange(exchange) => self.exchange(&mut state, exchange),
            Seen::More { connection, from, bytes } => {
                if let Some(open) = state.connections.get(connection) {
                    let row = open.last[side(*from)];
                    state.ring.add(row, bytes);
                }
            }
            Seen::Unseen { connection, time, bytes } => {
                if self.live.is_none() || state.pace.has_room() {
                    self.note(Some(*connection), *time, unseen(*bytes), "");
                } else {
                    state.pace.unseen_bytes += bytes;
                }
            }
            Seen::End { connection, time, sum } => {
                let note = [Language::Uk, Language::En].map(|language| sum.told(language));
                state.connections.remove(connection);
                self.note(Some(*connection), *time, note, "");
            }
        }
    }

    /// Says how many were not listed lately, if there is time to.
    pub fn breathe(&self) {
        let pace = &mut self.state().pace;
        if pace.since.is_some_and(|since| since.elapsed() < PAUSE) {
            return;
        }
        let Pace { skipped, unseen_bytes, .. } = *pace;
        *pace = Pace { since: Some(Instant::now()), ..Pace::default() };
        if unseen_bytes > 0 {
            self.note(None, self.now(), unseen(unseen_bytes), "");
        }
        if skipped > 0 {
            let uk = format!("ще {skipped}: лише пораховано, у списку їх немає");
            let en = format!("{skipped} more, counted, not listed");
            self.note(None, self.now(), [uk, en], "");
        }
    }

    fn exchange(&self, state: &mut State, exchange: &Exchange) {
        let listed = self.live.is_none() || state.pace.has_room();
        state.pace.skipped += usize::from(!listed);
        let open = state.connections.entry(exchange.connection).or_default();
        let pair = open.pair(exchange);
        let row = if listed { self.feed.tell(row(exchange, pair)) } else { 0 };
        open.remember(exchange, row);
        if listed {
            if let Some(pair) = pair {
                state.ring.pair(pair, row);
            }
            state.ring.push(Kept::new(row, exchange, pair));
        }
    }

    /// A row that is no exchange. `trouble` is what is in force from here on, in JSON.
    fn note(&self, connection: Option<u64>, time: Duration, note: [String; 2], trouble: &str) {
        let trouble = if trouble.is_empty() { "null" } else { trouble };
        self.feed.tell(object(&[
            ("c", connection.unwrap_or(0).to_string()),
            ("at", time.as_millis().to_string()),
            ("note", array(note, |text| quoted(&text))),
            ("trouble", trouble.into()),
        ]));
    }

    fn now(&self) -> Duration {
        self.live.as_ref().map(|live| live.began.elapsed()).unwrap_or_default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // ---- What is asked over HTTP

    pub fn handler(self: Arc<Page>) -> Arc<Handler> {
        Arc::new(move |request, socket| match request.path.as_str() {
            "/" => {
                check_method(READ_ONLY, request)?;
                let title = html::escape(&self.title);
                let live = if self.live.is_some() { "yes" } else { "" };
                let values = [("title", &*title), ("live", live)];
                Ok(Reply::Http(pages::page(TEMPLATE, request, &values)))
            }
            "/feed" => self.feed.answer(request, socket),
            "/exchange" => self.open(request).map(Reply::Http),
            "/trouble" => self.trouble(request).map(Reply::Http),
            _ => site::nothing_here(request),
        })
    }

    /// `GET /exchange?row=7`
    fn open(&self, request: &Request) -> Result<Response, Response> {
        check_method(READ_ONLY, request)?;
        let asked = request.query("row").unwrap_or_default();
        let state = self.state();
        let kept = asked.parse().ok().and_then(|row| state.ring.get(row));
        let Some(kept) = kept else {
            let problem = format!("row {asked:?} is no exchange, or is forgotten");
            refuse(404, problem, "the number of a row in the list")?
        };
        let answered = kept.pair.and_then(|pair| state.ring.get(pair));
        let ukrainian = pages::speaks_ukrainian(request);
        let language = if ukrainian { Language::Uk } else { Language::En };
        Ok(Response::json(200, kept.json(answered, language)))
    }

    /// `GET` tells what is in force, `POST` with `rtt=50ms` changes it.
    fn trouble(&self, request: &Request) -> Result<Response, Response> {
        check_method(METHODS, request)?;
        let Some(Live { switches, .. }) = &self.live else {
            refuse(404, "a recording cannot be disturbed", "rawchat tap --to HOST:PORT")?
        };
        let mut trouble = switches.now();
        if request.method == "POST" {
            let body = String::from_utf8_lossy(&request.body).into_owned();
            let asked = NAMES.iter().filter_map(|name| Some((*name, form::get(&body, name)?)));
            for (name, value) in asked {
                trouble = switches
                    .set(name, &value)
                    .or_else(|problem| refuse(400, problem, "rtt=50ms, swallow=on, rate=off"))?;
                let note = format!("{name} {}", trouble.get(name));
                self.note(None, self.now(), [note.clone(), note], &trouble.json());
            }
        }
        Ok(Response::json(200, trouble.json()))
    }
}

impl Pace {
    /// Whether one more row can be listed now.
    fn has_room(&mut self) -> bool {
        self.listed += 1;
        self.listed <= LISTED_MAX
    }
}

fn unseen(bytes: usize) -> [String; 2] {
    [format!("{bytes} B не переглянуто"), format!("{bytes} B not looked at")]
}

fn side(from: Side) -> usize {
    if from == Side::Client { 0 } else { 1 }
}

impl Open {
    /// The row that this exchange answers.
    fn pair(&mut self, exchange: &Exchange) -> Option<u64> {
        let other = 1 - side(exchange.from);
        let row = match exchange.word() {
            "response" if exchange.status().starts_with(b"1") && exchange.status() != b"101" => 0,
            "response" => self.asked.pop_front().unwrap_or(0),
            "pong" => std::mem::take(&mut self.pings[other]),
            "close" => self.closes[other],
            _ => 0,
        };
        Some(row).filter(|row| *row > 0)
    }

    /// `row` is 0 for one that is not listed.
    fn remember(&mut self, exchange: &Exchange, row: u64) {
        let side = side(exchange.from);
        self.last[side] = row;
        match exchange.word() {
            "request" if self.asked.len() < ASKED_MAX => self.asked.push_back(row),
            "ping" => self.pings[side] = row,
            "close" => self.closes[side] = row,
            _ => {}
        }
    }
}

/// An exchange in the list.
fn row(exchange: &Exchange, pair: Option<u64>) -> String {
    let what = [Language::Uk, Language::En].map(|language| {
        let style = Style { language, coloured: false, everything: false };
        let (what, sizes) = summary(&exchange.fields, 0, &exchange.bytes, &style);
        [quoted(&clipped(&what, WHAT_CHARS_MAX)), quoted(&sizes)].join(",")
    });
    let from = if exchange.from == Side::Client { "client" } else { "server" };
    object(&[
        ("c", exchange.connection.to_string()),
        ("from", quoted(from)),
        ("at", exchange.began.as_millis().to_string()),
        ("kind", quoted(exchange.word())),
        ("what", format!("[{}]", what.join(","))),
        ("size", exchange.bytes.len().to_string()),
        ("status", quoted(&String::from_utf8_lossy(exchange.status()))),
        ("said", quoted(&clipped(&exchange.said, SAID_CHARS_MAX))),
        ("pair", pair.unwrap_or(0).to_string()),
        ("swallowed", exchange.swallowed.to_string()),
    ])
}
