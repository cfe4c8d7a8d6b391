//! rawchat, the lecture you can run: one chat in four techniques, down to the bytes.
//!
//! ```text
//!           who brings the news?                what the server does
//! 1 refresh       the reader, with F5           answers at once
//! 2 short polling the page, 3 s after an answer answers at once (the very same server)
//! 3 long polling  the page, always asking       the thread sleeps on the room's Condvar
//! 4 WebSocket     the server                    one thread sleeps there, and writes to everybody
//! ```
//!
//! Read in this order:
//!
//! - Part 1: [`handler`] says what a server and a technique want of each other; [`server`] takes
//!   connections and carries bytes; [`wire::http`] makes requests of them; [`techniques`] is the
//!   table and the chat, [`techniques::t1_refresh`] answers, [`techniques::api`] is what all answer.
//! - Part 2 is the same server, and a page that asks: `public/2.html`, `public/chat.js`.
//! - Part 3: [`room`] waits, [`techniques::t3_long_polling`] lets a request wait with it.
//! - Part 4: [`techniques::t4_websocket`] tells who does what; [`wire::handshake`], [`wire::frame`],
//!   [`wire::message`] know the bytes; [`techniques::t4_conversation`] reads,
//!   [`techniques::t4_timeline`] is what is to be told, [`techniques::t4_broadcast`] and
//!   [`techniques::t4_member`] write it.
//!
//! Everything else is to be believed at first, and read last: the page `/source` has this order, too.
//!
//! Absent on purpose: a disk, accounts, TLS, HTTP/2, compression.

pub mod handler;
pub mod log;
pub mod room;
pub mod server;
pub mod techniques;
pub mod tools;
pub mod wire;
