//! Part 4's writers and readers, in the orders in which their threads can run: the broadcaster,
//! the timeline and the conversations are compiled a second time, over sockets that hold fewer
//! bytes than two messages. See `model.rs`.

extern crate self as std;
extern crate std as real;

#[path = "../../src/handler/write.rs"]
mod handler;
#[path = "model.rs"]
mod model;
#[path = "../../src/room.rs"]
#[allow(dead_code)] // part 3's part of it
mod room;
#[path = "../../src/techniques/t4_brake.rs"]
mod t4_brake;
#[path = "../../src/techniques/t4_broadcast.rs"]
mod t4_broadcast;
#[path = "../../src/techniques/t4_conversation.rs"]
mod t4_conversation;
#[path = "../../src/techniques/t4_events.rs"]
mod t4_events;
#[path = "../../src/techniques/t4_member.rs"]
mod t4_member;
#[path = "../../src/techniques/t4_timeline.rs"]
mod t4_timeline;

use model::{FOREVER, collections, explore, sync, time};
use net::TcpStream;
use rawchat::techniques::Timing;
use rawchat::wire::control::close_payload;
use rawchat::wire::frame::{self, Opcode, Side};
use rawchat::wire::message::{Assembler, Received};
use rawchat::{event, log, wire};
use real::io::{self, Read};
use real::mem;
use real::prelude::rust_2024::*;
use room::Room;
use shuttle::thread::spawn;
use sync::Arc;
use t4_conversation::converse;
use t4_member::Membership;
use t4_timeline::Timeline;

mod thread {
    use super::io;
    use real::prelude::rust_2024::*;
    pub use shuttle::thread::{JoinHandle, sleep, yield_now};

    pub struct Builder;

    impl Builder {
        pub fn new() -> Builder {
            Builder
        }

        pub fn name(self, _name: String) -> Builder {
            self
        }

        /// The broadcaster has no end, and the model does not wait for it: a task, not a thread.
        pub fn spawn(self, broadcaster: impl FnOnce() + Send + 'static) -> io::Result<()> {
            drop(shuttle::future::spawn(async { broadcaster() }));
            Ok(())
        }
    }
}

mod panic {
    use real::any::Any;
    use real::boxed::Box;
    pub use real::panic::AssertUnwindSafe;
    use real::panic::{catch_unwind as catch, resume_unwind};
    use real::prelude::rust_2024::*;

    /// The panic of a socket that the model has broken; another ends the model.
    pub struct Broken;

    pub fn catch_unwind<T>(delivery: impl FnOnce() -> T) -> Result<T, Box<dyn Any + Send>> {
        let ended = catch(AssertUnwindSafe(delivery));
        match ended {
            Err(payload) if !payload.is::<Broken>() => resume_unwind(payload),
            ended => ended,
        }
    }

    pub fn raise() -> ! {
        resume_unwind(Box::new(Broken))
    }
}

mod net {
    use super::io::{ErrorKind, Read, Result, Write};
    use super::sync::{Condvar, Mutex, MutexGuard};
    use super::{FOREVER, collections::VecDeque, thread, time::Duration};
    pub use real::net::Shutdown;
    use real::prelude::rust_2024::*;

    /// What may be on its way to a client that does not read.
    const SENT_BYTES_MAX: usize = 64;

    /// The server's end of a connection; what has no name in `std` is the client's.
    #[derive(Default)]
    pub struct TcpStream {
        state: Mutex<State>,
        moved: Condvar,
    }

    #[derive(Default)]
    struct State {
        sent: VecDeque<u8>,
        received: VecDeque<u8>,
        no_more_sent: bool,
        no_more_received: bool,
        nonblocking: bool,
        broken: bool,
    }

    impl TcpStream {
        fn lock(&self) -> MutexGuard<'_, State> {
            self.state.lock().unwrap()
        }

        fn change(&self, change: impl FnOnce(&mut State)) -> Result<()> {
            change(&mut self.lock());
            self.moved.notify_all();
            Ok(())
        }

        pub fn set_nonblocking(&self, nonblocking: bool) -> Result<()> {
            self.change(|state| state.nonblocking = nonblocking)
        }

        pub fn set_read_timeout(&self, timeout: Option<Duration>) -> Result<()> {
            // Some of it may have passed while others waited for less.
            assert!(timeout.unwrap() > FOREVER / 2);
            Ok(())
        }

        pub fn set_write_timeout(&self, timeout: Option<Duration>) -> Result<()> {
            assert_eq!(timeout, Some(FOREVER));
            Ok(())
        }

        pub fn write_timeout(&self) -> Result<Option<Duration>> {
            Ok(Some(FOREVER))
        }

        /// From here on whoever writes to it panics.
        pub fn break_down(&self) {
            self.change(|state| state.broken = true).unwrap();
        }

        pub fn shutdown(&self, how: Shutdown) -> Result<()> {
            self.change(|state| {
                state.no_more_sent |= how != Shutdown::Read;
                state.no_more_received |= how != Shutdown::Write;
            })
        }

        pub fn receive(&self, bytes: &[u8]) {
            self.change(|state| state.received.extend(bytes)).unwrap();
        }

        /// What was sent, some of it; nothing: that was all.
        pub fn take_sent(&self, bytes: &mut [u8]) -> usize {
            let nothing_yet = |state: &mut State| state.sent.is_empty() && !state.no_more_sent;
            let mut state = self.moved.wait_while(self.lock(), nothing_yet).unwrap();
            let count = state.sent.read(bytes).unwrap();
            self.moved.notify_all();
            count
        }
    }

    impl Read for &TcpStream {
        fn read(&mut self, bytes: &mut [u8]) -> Result<usize> {
            let mut state = self.lock();
            while state.received.is_empty() && !state.no_more_received {
                if state.nonblocking {
                    drop(state);
                    thread::yield_now();
                    return Err(ErrorKind::WouldBlock.into());
                }
                state = self.moved.wait(state).unwrap();
            }
            state.received.read(bytes)
        }
    }

    impl Write for &TcpStream {
        /// All of it, as Linux does it; or what there is space for, if there is no time.
        fn write(&mut self, bytes: &[u8]) -> Result<usize> {
            let mut state = self.lock();
            if state.broken && !state.no_more_sent {
                drop(state);
                super::panic::raise();
            }
            let mut count = 0;
            loop {
                let space = SENT_BYTES_MAX - state.sent.len();
                let more = &bytes[count..][..space.min(bytes.len() - count)];
                state.sent.extend(more);
                count += more.len();
                self.moved.notify_all();
                let no_time = state.nonblocking;
                if state.no_more_sent {
                    return Err(ErrorKind::BrokenPipe.into());
                } else if count == bytes.len() || (no_time && count > 0) {
                    return Ok(count);
                } else if no_time {
                    return Err(ErrorKind::WouldBlock.into());
                }
                state = self.moved.wait(state).unwrap();
            }
        }

        fn flush(&mut self) -> Result<()> {
            Ok(())
        }
    }
}

/// As much of `techniques::Chat` as the broadcaster knows.
pub struct Chat {
    room: Room,
    timeline: Timeline,
    timing: Timing,
}

fn open() -> Arc<Chat> {
    let room = Room::new(|id, _, _, _| format!(r#"{{"id":{id}}}"#));
    let timing = Timing { heartbeat: FOREVER, stall: FOREVER, ..Timing::default() };
    let chat = Arc::new(Chat { room, timeline: Timeline::default(), timing });
    t4_broadcast::start(chat.clone()).unwrap();
    chat
}

fn say(chat: &Chat, count: usize) {
    (0..count).for_each(|_| drop(chat.timeline.announce(&chat.room, "Alice".into(), "x".into())));
}

/// Says so many messages from a thread of its own.
fn speak(chat: &Arc<Chat>, count: usize) -> thread::JoinHandle<()> {
    let chat = chat.clone();
    spawn(move || say(&chat, count))
}

/// The id of a message that was said; of other events none.
fn said(received: &Received) -> Option<u64> {
    match received {
        Received::Text(text) if text.text().contains(r#""type":"message""#) => {
            Some(number(&text.text(), "id"))
        }
        _ => None,
    }
}

fn number(text: &str, name: &str) -> u64 {
    let (_, digits) = text.split_once(&format!(r#""{name}":"#)).unwrap();
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap();
    digits[..end].parse().unwrap()
}

struct Client {
    socket: Arc<TcpStream>,
    connection: thread::JoinHandle<()>,
    buf: wire::buffer::Buffer,
    assembler: Assembler,
}

impl Read for &Client {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        Ok(self.socket.take_sent(bytes))
    }
}

impl Client {
    /// Comes in, as in `techniques::t4_websocket`.
    fn join(chat: &Arc<Chat>, user: &'static str, last_id: Option<u64>) -> Client {
        let (chat, socket) = (chat.clone(), Arc::new(TcpStream::default()));
        let server = socket.clone();
        let connection = spawn(move || {
            if let Ok(member) = Membership::new(&chat, server.clone(), user.into(), last_id) {
                let send = |opcode, payload: &[u8]| member.0.send(opcode, payload);
                let on_message = |_| member.0.unsent_if_open().map(drop);
                let _ = converse(&server, Default::default(), 100, FOREVER, send, on_message);
            }
            server.shutdown(net::Shutdown::Write).unwrap();
        });
        let (buf, assembler) = (Default::default(), Assembler::new(Side::Server, 1_000));
        Client { socket, connection, buf, assembler }
    }

    fn send(&self, opcode: Opcode, payload: &[u8]) {
        let mut bytes = Vec::new();
        frame::encode(&mut bytes, opcode, payload, Some([1, 2, 3, 4]));
        self.socket.receive(&bytes);
    }

    /// The next message or control frame; `None` is the end.
    fn next(&mut self) -> Option<Received> {
        let mut buf = mem::take(&mut self.buf);
        let event = loop {
            match self.assembler.take(&mut buf).unwrap() {
                None if buf.fill(&mut &*self).unwrap() == 0 => break None,
                None => {}
                event => break event,
            }
        };
        self.buf = buf;
        event
    }

    /// The id of the next message, whoever comes and goes before it.
    fn message(&mut self) -> u64 {
        loop {
            let event = self.next().expect("a message");
            if let Some(id) = said(&event) {
                break id;
            }
            assert!(matches!(event, Received::Text(_)), "{event:?}, expected a message");
        }
    }

    fn greeted(mut self) -> Client {
        for kind in ["welcome", "user_list"] {
            let Some(Received::Text(text)) = self.next() else { panic!("expected {kind}") };
            assert!(text.text().contains(kind), "{text:?}");
        }
        self
    }

    /// Closes; nothing that was said comes before the end.
    fn leave(mut self) {
        self.send(Opcode::Close, &close_payload(1000, ""));
        loop {
            match self.next().expect("a close frame") {
                Received::Close(1000, _) => break,
                event => assert!(matches!(event, Received::Text(_)) && said(&event).is_none()),
            }
        }
        assert_eq!(self.next(), None, "nothing follows a close frame");
        self.gone();
    }

    /// The connection breaks: nobody reads what is on the way.
    fn vanish(self) {
        self.socket.shutdown(net::Shutdown::Both).unwrap();
        self.gone();
    }

    /// Out of the room; soon nobody holds its socket any more.
    fn gone(self) {
        self.connection.join().unwrap();
        // The broadcaster may still be about to pass it over.
        while Arc::strong_count(&self.socket) > 1 {
            thread::yield_now();
        }
    }
}

#[test]
fn a_reader_that_takes_nothing_disturbs_nobody_and_gets_everything_later() {
    explore(|| {
        let chat = open();
        let mut slow = Client::join(&chat, "Slow", None).greeted();
        let mut bob = Client::join(&chat, "Bob", None).greeted();
        say(&chat, 3);
        (1..=3).for_each(|id| assert_eq!(bob.message(), id));
        (1..=3).for_each(|id| assert_eq!(slow.message(), id));
        // It may be live again by now, and stops again.
        say(&chat, 3);
        (4..=6).for_each(|id| assert_eq!(bob.message(), id));
        (4..=6).for_each(|id| assert_eq!(slow.message(), id));
        bob.leave();
        slow.leave();
        assert_eq!(chat.timeline.here().connections(), 0);
    });
}

#[test]
fn who_comes_in_the_middle_gets_the_rest_and_who_comes_back_gets_what_it_missed() {
    explore(|| {
        let chat = open();
        say(&chat, 1);
        let speaker = speak(&chat, 3);
        let mut back = Client::join(&chat, "Back", Some(0));
        let mut new = Client::join(&chat, "New", None);
        let Some(Received::Text(welcome)) = new.next() else { panic!("expected welcome") };
        (number(&welcome.text(), "lastId") + 1..=4).for_each(|id| assert_eq!(new.message(), id));
        (1..=4).for_each(|id| assert_eq!(back.message(), id));
        speaker.join().unwrap();
        back.leave();
        new.leave();
    });
}

#[test]
fn a_pong_is_neither_lost_nor_doubled_whoever_has_the_socket() {
    explore(|| {
        let chat = open();
        let mut slow = Client::join(&chat, "Slow", None).greeted();
        let speaker = speak(&chat, 2);
        (0..3).for_each(|_| slow.send(Opcode::Ping, b"?"));
        let (mut ids, mut pongs) = (Vec::new(), 0);
        while ids.len() < 2 || pongs < 3 {
            let event = slow.next().expect("a message or a pong");
            ids.extend(said(&event));
            pongs += u64::from(event == Received::Pong);
        }
        assert_eq!((ids, pongs), (vec![1, 2], 3));
        speaker.join().unwrap();
        slow.leave();
    });
}

#[test]
fn a_close_frame_is_answered_by_one_and_nothing_comes_after_it() {
    explore(|| {
        let chat = open();
        let mut slow = Client::join(&chat, "Slow", None).greeted();
        let speaker = speak(&chat, 3);
        slow.send(Opcode::Ping, b"?");
        slow.send(Opcode::Close, &close_payload(1000, ""));
        let mut before = 0;
        while !matches!(slow.next().expect("a close frame"), Received::Close(1000, _)) {
            before += 1;
        }
        assert!(before <= 4);
        assert_eq!(slow.next(), None);
        speaker.join().unwrap();
        slow.gone();
        assert_eq!(chat.timeline.here().connections(), 0);
    });
}

#[test]
fn who_vanishes_leaves_nothing_behind() {
    explore(|| {
        let chat = open();
        let slow = Client::join(&chat, "Slow", None).greeted();
        let mut bob = Client::join(&chat, "Bob", None).greeted();
        let speaker = speak(&chat, 3);
        slow.send(Opcode::Ping, b"?");
        slow.vanish();
        (1..=3).for_each(|id| assert_eq!(bob.message(), id));
        speaker.join().unwrap();
        bob.vanish();
    });
}

/// A client may go while the broadcaster is about to write to it.
#[test]
fn who_has_left_is_told_nothing_that_is_said_later() {
    explore(|| {
        let chat = open();
        let mut slow = Client::join(&chat, "Slow", None).greeted();
        // With the answer it is certain that its reader reads, and sees the end.
        slow.send(Opcode::Ping, b"");
        while slow.next() != Some(Received::Pong) {}
        say(&chat, 2);
        (1..=2).for_each(|id| assert_eq!(slow.message(), id));
        let speaker = speak(&chat, 3);
        slow.socket.shutdown(net::Shutdown::Read).unwrap();
        speaker.join().unwrap();
        while chat.timeline.here().connections() > 0 {
            thread::yield_now();
        }
        say(&chat, 3);
        let mut last = 2;
        while let Some(event) = slow.next() {
            if let Some(id) = said(&event) {
                assert_eq!(id, last + 1);
                last = id;
            }
        }
        assert!(last <= 5, "left before 6, and was told {last}");
        slow.gone();
    });
}

/// The others get everything, once; and nobody meets the same panic again.
#[test]
fn a_panic_in_a_round_ends_the_connection_it_came_from_and_no_other() {
    explore(|| {
        let chat = open();
        let mut bob = Client::join(&chat, "Bob", None).greeted();
        let broken = Client::join(&chat, "Broken", None).greeted();
        let mut carol = Client::join(&chat, "Carol", None).greeted();
        broken.socket.break_down();
        let speaker = speak(&chat, 3);
        (1..=3).for_each(|id| assert_eq!(bob.message(), id));
        (1..=3).for_each(|id| assert_eq!(carol.message(), id));
        speaker.join().unwrap();
        broken.gone();
        bob.leave();
        carol.leave();
        assert_eq!(chat.timeline.here().connections(), 0);
    });
}
