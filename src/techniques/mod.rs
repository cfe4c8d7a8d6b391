//! The four techniques: a file each, and more for part 4. They share the room; they differ in who
//! brings the news.

pub mod api;
pub mod said;
pub mod t1_refresh;
pub mod t2_short_polling;
pub mod t3_long_polling;
pub mod t4_brake;
pub mod t4_broadcast;
pub mod t4_conversation;
pub mod t4_echo;
pub mod t4_events;
pub mod t4_member;
pub mod t4_timeline;
pub mod t4_websocket;

use crate::handler::{Handler, Places};
use crate::room::{Message, Room};
use crate::wire::{date, json};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};
use t4_timeline::Timeline;

pub struct Technique {
    pub number: usize,
    pub name: &'static str,
    pub page: &'static str,
    /// What there is to see, in a line of the menu.
    pub watch: &'static str,
    /// `Err`: it needs a thread of its own, and there is none.
    pub handler: fn(Arc<Chat>) -> io::Result<Arc<Handler>>,
}

/// The one table of techniques; nothing else counts to four.
pub static TECHNIQUES: [Technique; 4] = [
    Technique {
        number: 1,
        name: "refresh",
        page: include_str!("../../public/1.html"),
        watch: "nothing new until you press F5",
        handler: t1_refresh::handler,
    },
    Technique {
        number: 2,
        name: "polling",
        page: include_str!("../../public/2.html"),
        watch: "a request 3 s after each answer, news or not",
        handler: t2_short_polling::handler,
    },
    Technique {
        number: 3,
        name: "long-polling",
        page: include_str!("../../public/3.html"),
        watch: "a request that waits for its answer",
        handler: t3_long_polling::handler,
    },
    Technique {
        number: 4,
        name: "websocket",
        page: include_str!("../../public/4.html"),
        watch: "one connection, both ways",
        handler: t4_websocket::handler,
    },
];

#[derive(Clone)]
pub struct Chat {
    pub room: Arc<Room>,
    /// Who waits in part 3.
    pub waiting: Places,
    /// What the members of part 4 are told, and who they are.
    pub timeline: Arc<Timeline>,
    pub technique: &'static Technique,
    pub timing: Timing,
    pub places: Places,
    started: Instant,
}

/// How long parts 3 and 4 wait; tests wait less.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// Part 3: a question is answered 204 after this.
    pub hold: Duration,
    /// Part 3: a parked client that has gone is noticed within this.
    pub glance: Duration,
    /// Part 4: a heartbeat and a ping every so often; silence of twice as long ends a connection.
    pub heartbeat: Duration,
    /// Part 4: a reader that takes nothing for so long is cut off.
    pub stall: Duration,
}

/// Many proxies close what is silent for a minute. RFC 6202 §5.5 calls half of it a safer value.
const PROXY_IDLE: Duration = Duration::from_secs(60);
const SILENCE: Duration = Duration::from_secs(30);
const _: () = assert!(SILENCE.as_secs() < PROXY_IDLE.as_secs(), "the server must speak first");

impl Default for Timing {
    fn default() -> Timing {
        let (glance, stall) = (Duration::from_secs(1), Duration::from_secs(30));
        Timing { hold: SILENCE, glance, heartbeat: SILENCE, stall }
    }
}

impl Chat {
    pub fn new(technique: &'static Technique, timing: Timing) -> Arc<Chat> {
        let room = Arc::new(Room::new(|id, user, text, timestamp| {
            let (user, text) = (json::quoted(user), json::quoted(text));
            let time = date::iso8601(timestamp);
            format!(r#"{{"id":{id},"user":{user},"text":{text},"timestamp":"{time}"}}"#)
        }));
        let (timeline, started) = (Arc::default(), Instant::now());
        let (waiting, places) = (Places::default(), Places::default());
        Arc::new(Chat { room, waiting, timeline, technique, timing, places, started })
    }

    /// Another technique over the same room: it counts connections of its own, and the rest is shared.
    pub fn beside(&self, technique: &'static Technique) -> Arc<Chat> {
        Arc::new(Chat { technique, places: Places::default(), ..self.clone() })
    }

    /// Everybody speaks through this. Until part 4 read it as `self.room.say(user, text)`.
    pub fn say(&self, user: String, text: String) -> Arc<Message> {
        self.timeline.announce(&self.room, user, text)
    }
}
