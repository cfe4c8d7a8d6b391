//! A server that is started to be checked, and ended with everything that it has started.

use super::fault::Words;
use crate::tools::client::random;
use std::fmt::Display;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// A server listens within this.
const START: Duration = Duration::from_secs(10);
/// And is gone within this, when it ends.
const DYING: Duration = Duration::from_secs(1);
/// What is about to end may still listen for so long.
const CLOSING: Duration = Duration::from_millis(100);
/// Nothing tells when a port begins to listen, or ends to: it is looked at again and again.
const PAUSE: Duration = Duration::from_millis(20);
/// A port that nobody asked for is one of these: systems take others for connections that go out
/// (Linux from 32768 on), and one of those might come in between.
const PORT_FIRST: u16 = 10_000;
const PORTS: u64 = 10_000;
const PORTS_TRIED: usize = 100;
const STARTS_MAX: usize = 3;
/// Of what it says, the end is kept.
const SAID_BYTES_MAX: usize = 4096;
const LOOPBACK: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

/// How somebody starts it without us.
pub fn by_hand(command: &[String]) -> String {
    format!("PORT=3000 {}", command.join(" ").replace("{port}", "3000"))
}

pub struct Started {
    command: Vec<String>,
    folder: PathBuf,
    pub address: SocketAddr,
    child: Child,
    /// When it closes, everything that the command has started is killed.
    leash: Option<(ChildStdin, Child)>,
    said: Arc<Mutex<Vec<u8>>>,
    listeners: Vec<JoinHandle<()>>,
}

/// Why there is no server, and the last that it has printed.
pub type NotStarted = (Words, String);

impl Started {
    /// Starts it with a free `PORT`, also in place of `{port}`, and waits until it listens there.
    pub fn start(command: &[String], folder: &Path) -> Result<Started, NotStarted> {
        let some = (0..PORTS_TRIED).map(|_| PORT_FIRST + (random() % PORTS) as u16);
        let mut free = some.filter(is_free).take(STARTS_MAX).peekable();
        loop {
            let none = || both("немає вільного порту", "no free port", &"");
            let port = free.next().ok_or_else(none)?;
            let started = Started::at(command, folder, port);
            // Else somebody was faster, and it may have another one.
            if started.is_ok() || is_free(&port) || free.peek().is_none() {
                return started;
            }
        }
    }

    fn at(command: &[String], folder: &Path, port: u16) -> Result<Started, NotStarted> {
        let places = LOOPBACK.map(|ip| SocketAddr::new(ip, port));
        if let Some(place) = places.iter().find(|place| listens(place)) {
            return Err(both("тут слухає хтось інший", "somebody else listens here", place));
        }
        let words: Vec<String> =
            command.iter().map(|word| word.replace("{port}", &port.to_string())).collect();
        let [program, arguments @ ..] = &words[..] else {
            return Err(both("немає команди", "there is no command", &command.join(" ")));
        };
        if !folder.is_dir() {
            return Err(both("немає теки", "there is no folder", &folder.display()));
        }
        let mut start = Command::new(program);
        start.args(arguments).current_dir(folder).env("PORT", port.to_string());
        // What Python prints into a pipe would wait there for more, and die with it.
        start.env("PYTHONUNBUFFERED", "1");
        start.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut start, 0);
        let child = start.spawn().map_err(|error| {
            both("не запускається", "it does not start", &format!("{program}: {error}"))
        })?;
        let (command, folder) = (command.to_vec(), folder.to_path_buf());
        let leash = leash(child.id());
        let address = places[0];
        let (said, listeners) = (Arc::default(), Vec::new());
        let mut started = Started { command, folder, address, child, leash, said, listeners };
        let (out, err) = (started.child.stdout.take(), started.child.stderr.take());
        out.into_iter().for_each(|out| started.listen_to(out));
        err.into_iter().for_each(|err| started.listen_to(err));
        let began = Instant::now();
        loop {
            let found = places.iter().find(|place| listens(place));
            if let Some(ended) = started.ended() {
                let words = [
                    format!(
                        "програма завершилася сама ({ended}), і на порту {port} (PORT) ніхто не слухає"
                    ),
                    format!(
                        "your program has ended by itself ({ended}), and nothing listens on port {port} (PORT)"
                    ),
                ];
                return Err((words, started.last_words()));
            }
            if let Some(place) = found {
                started.address = *place;
                return Ok(started);
            }
            if began.elapsed() > START {
                let words = [
                    format!("програма працює, але за 10 с ніхто не слухає на порту {port}"),
                    format!("the program runs, but after 10 s nobody listens at port {port}"),
                ];
                return Err((words, started.last_words()));
            }
            thread::sleep(PAUSE);
        }
    }

    /// Kills it and starts it again, at the same port.
    pub fn restart(&mut self) -> Result<(), NotStarted> {
        self.end();
        // A killed process is gone a little later.
        let began = Instant::now();
        while listens(&self.address) && began.elapsed() < START {
            thread::sleep(PAUSE);
        }
        *self = Started::at(&self.command, &self.folder, self.address.port())?;
        Ok(())
    }

    /// Starts it again, at another port, if it has ended.
    pub fn revive(&mut self) -> Result<(), NotStarted> {
        if !listens(&self.address) && self.fallen().is_some() {
            *self = Started::start(&self.command, &self.folder)?;
        }
        Ok(())
    }

    /// How it has ended, if it has.
    pub fn fallen(&mut self) -> Option<String> {
        // What is about to end closes one socket after another, and its last is this port.
        let began = Instant::now();
        let patience = |listens| if listens { CLOSING } else { DYING };
        while self.ended().is_none() && began.elapsed() < patience(listens(&self.address)) {
            thread::sleep(PAUSE);
        }
        let ended = self.ended()?;
        self.hear_out();
        Some(ended)
    }

    fn ended(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok()??;
        Some(status.to_string())
    }

    /// The end of what it has printed since this was asked last.
    pub fn said(&self) -> String {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&std::mem::take(&mut *said)).into_owned()
    }

    /// Ends it; what it has said.
    fn last_words(&mut self) -> String {
        self.end();
        self.hear_out();
        self.said()
    }

    /// Waits a little for what one that has ended has still to say.
    fn hear_out(&self) {
        let began = Instant::now();
        let silent = || self.listeners.iter().all(JoinHandle::is_finished);
        while !silent() && began.elapsed() < DYING {
            thread::sleep(PAUSE);
        }
    }

    /// A thread reads what it prints, so that it never waits for a reader.
    fn listen_to(&mut self, mut output: impl Read + Send + 'static) {
        let said = self.said.clone();
        self.listeners.push(thread::spawn(move || {
            let mut chunk = [0; 1024];
            while let Ok(count @ 1..) = output.read(&mut chunk) {
                let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
                said.extend_from_slice(&chunk[..count]);
                let excess = said.len().saturating_sub(SAID_BYTES_MAX);
                said.drain(..excess);
            }
        }));
    }

    fn end(&mut self) {
        match self.leash.take() {
            Some((mut stdin, mut shell)) => {
                let _ = stdin.flush();
                drop(stdin);
                let _ = shell.wait();
            }
            None if cfg!(windows) => {
                let id = self.child.id().to_string();
                let mut kill = Command::new("taskkill");
                let _ = kill.args(["/T", "/F", "/PID", &id]).stdout(Stdio::null()).status();
            }
            None => {}
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        self.end();
    }
}

/// A shell that kills the process group when this end of its standard input closes: also when the
/// checker itself is killed, for std knows no signals.
fn leash(group: u32) -> Option<(ChildStdin, Child)> {
    if !cfg!(unix) {
        return None;
    }
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("cat > /dev/null; kill -9 -{group}"));
    shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut shell, 0);
    let mut shell = shell.spawn().ok()?;
    Some((shell.stdin.take()?, shell))
}

fn both(uk: &str, en: &str, what: &dyn Display) -> NotStarted {
    ([uk, en].map(|words| format!("{words}: {what}")), String::new())
}

/// Whether a server could listen there.
fn is_free(port: &u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok()
}

fn listens(place: &SocketAddr) -> bool {
    TcpStream::connect_timeout(place, Duration::from_secs(1)).is_ok()
}
