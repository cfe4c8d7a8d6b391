//! A server of our own, as a process of its own: what it uses is counted apart from the crowd.

use crate::tools::client::{Line, Place};
use crate::wire::json::{self, Value};
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

/// `ps` and `/proc` count in these, in every Linux.
const TICK_MS: u64 = 10;

pub struct Server {
    /// It has its standard input from us, and ends with it: even if we are killed.
    child: Child,
    /// It is never read again, and must not be closed.
    _stdout: BufReader<ChildStdout>,
    pub place: Place,
}

/// What a process uses. `None` where the system does not say.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Usage {
    pub connections: Option<f64>,
    pub threads: Option<f64>,
    pub kib: Option<f64>,
    pub cpu_ms: Option<f64>,
}

impl Server {
    /// `rawchat N` on a free port, without a log.
    pub fn start(part: usize) -> Result<Server, String> {
        let failed = |error: std::io::Error| format!("the server of part {part}: {error}");
        let program = std::env::current_exe().map_err(failed)?;
        let mut command = Command::new(program);
        let part = part.to_string();
        command.args([&part, "--host", "127.0.0.1", "--port", "0", "--quiet", "--until-eof"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(failed)?;
        let mut url = String::new();
        let stdout = child.stdout.take().ok_or("the server has no stdout")?;
        let mut stdout = BufReader::new(stdout);
        stdout.read_line(&mut url).map_err(failed)?;
        let place = Place::of(&[url.trim_end()], "an address");
        Ok(Server { child, _stdout: stdout, place: place? })
    }

    pub fn usage(&self) -> Usage {
        let usage = process_usage(self.child.id());
        Usage { connections: self.connections(), ..usage }
    }

    /// As it says itself, without the one that asks.
    fn connections(&self) -> Option<f64> {
        let address = *self.place.addresses().ok()?.first()?;
        let mut line = Line::new(address, &self.place.host);
        let response = line.get("/stats", "", || Duration::ZERO, || false).ok()??;
        match json::members(response.text().ok()?, ["connections"]).ok()? {
            [Value::Other(count)] => Some(count.parse::<f64>().ok()? - 1.0),
            _ => None,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Linux says it in files, macOS to `ps`, and Windows not to std.
pub fn process_usage(id: u32) -> Usage {
    if cfg!(target_os = "linux") {
        linux(id).unwrap_or_default()
    } else {
        ps(id).unwrap_or_default()
    }
}

fn linux(id: u32) -> Option<Usage> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let value = |name: &str| -> Option<f64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    };
    // Behind the name in brackets, which may have spaces: utime and stime are the 12th and 13th.
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let rest = stat.rsplit_once(')')?.1;
    let ticks: u64 =
        rest.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<u64>().ok()).sum();
    // The threads that live are counted in nanoseconds, which is better than in ticks.
    let tasks = fs::read_dir(format!("/proc/{id}/task")).ok()?;
    let spent = tasks.filter_map(|task| {
        let times = fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        times.split_whitespace().next()?.parse::<f64>().ok()
    });
    let cpu_ms = (spent.sum::<f64>() / 1e6).max((ticks * TICK_MS) as f64);
    let (threads, kib) = (value("Threads:"), value("VmRSS:"));
    Some(Usage { threads, kib, cpu_ms: Some(cpu_ms), connections: None })
}

/// `0:01.23 4567`
fn ps(id: u32) -> Option<Usage> {
    let output =
        Command::new("ps").args(["-o", "time=,rss=", "-p", &id.to_string()]).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (time, kib) = text.trim().split_once(char::is_whitespace)?;
    let seconds =
        time.split(':').try_fold(0.0, |all, part| Some(60.0 * all + part.parse::<f64>().ok()?));
    let cpu_ms = seconds.map(|seconds| 1000.0 * seconds);
    Some(Usage { cpu_ms, kib: kib.trim().parse().ok(), ..Usage::default() })
}
