//! A server that is started to be checked, and ended with everything that it has started.

use super::fault::Words;
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
/// Nothing tells when a port begins to listen, or ends to: it is looked at again and again.
const PAUSE: Duration = Duration::from_millis(20);
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

impl Started {
    /// Starts it with a free `PORT`, also in place of `{port}`, and waits until it listens there.
    pub fn start(command: &[String], folder: &Path) -> Result<Started, Words> {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|l| l.local_addr());
        let port =
            free.map_err(|error| both("немає вільного порту", "no free port", &error))?.port();
        Started::at(command, folder, port)
    }

    fn at(command: &[String], folder: &Path, port: u16) -> Result<Started, Words> {
        let places = LOOPBACK.map(|ip| SocketAddr::new(ip, port));
        if let Some(place) = places.iter().find(|place| listens(place)) {
            return Err(both("тут слухає хтось інший", "somebody else listens here", place));
        }
        let words: Vec<String> =
            command.iter().map(|word| word.replace("{port}", &port.to_string())).collect();
        let [program, arguments @ ..] = &words[..] else {
            return Err(both("немає команди", "no command", &""));
        };
        if !folder.is_dir() {
            return Err(both("немає папки", "there is no folder", &folder.display()));
        }
        let mut start = Command::new(program);
        start.args(arguments).current_dir(folder).env("PORT", port.to_string());
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
                let said = format!("{ended}\n{}", started.last_words());
                return Err(both("програма завершилася", "it has ended", &said));
            }
            if let Some(place) = found {
                started.address = *place;
                return Ok(started);
            }
            if began.elapsed() > START {
                let said = format!("PORT={port}\n{}", started.last_words());
                return Err(both("за 10 с ніхто не слухає", "after 10 s nobody listens", &said));
            }
            thread::sleep(PAUSE);
        }
    }

    /// Kills it and starts it again, at the same port.
    pub fn restart(&mut self) -> Result<(), Words> {
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
    pub fn revive(&mut self) -> Result<(), Words> {
        // What is about to end does not listen any more.
        let began = Instant::now();
        while self.ended().is_none() && !listens(&self.address) && began.elapsed() < DYING {
            thread::sleep(PAUSE);
        }
        if self.ended().is_some() {
            *self = Started::start(&self.command, &self.folder)?;
        }
        Ok(())
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

    /// Ends it, and waits a little for what it has still to say.
    fn last_words(&mut self) -> String {
        self.end();
        let began = Instant::now();
        let silent = |started: &Started| started.listeners.iter().all(JoinHandle::is_finished);
        while !silent(self) && began.elapsed() < DYING {
            thread::sleep(PAUSE);
        }
        self.said()
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

fn both(uk: &str, en: &str, what: &dyn Display) -> Words {
    [uk, en].map(|words| format!("{words}: {what}").trim_end().to_string())
}

fn listens(place: &SocketAddr) -> bool {
    TcpStream::connect_timeout(place, Duration::from_secs(1)).is_ok()
}
