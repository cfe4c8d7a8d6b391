//! `rawchat tap --to HOST:PORT`: stands between clients and any server, and shows what passes, on a
//! terminal and on a page of its own.
//!
//! Two threads a connection carry bytes, unchanged, and a third, one for all, looks at copies of
//! them from a queue that has an end: when it is full, bytes pass unseen and are counted, and
//! nobody waits. Leaves out: TLS, totals when the tap itself is ended with Ctrl+C (std knows no
//! signals), RST and a cut cable (a proxy has TCP on both sides, and it stays alive).

mod carry;
mod page;
pub mod record;
mod ring;
pub mod terminal;
pub mod trouble;
pub mod watch;

use super::arguments::Arguments;
use super::dissect::Side;
use super::dissect::block::{Style, print};
use super::{Problem, feed, site};
use carry::Queue;
use page::{Live, Page};
use std::fs::File;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};
use terminal::{Filter, Terminal};
use trouble::{NAMES, Switchboard, Trouble};
use watch::Watcher;

/// A look lasts no longer than this, and then whoever looks rests three times as long, and never
/// shorter than `REST`: so it takes a quarter of one processor at the most, and waking it costs
/// those who carry little.
const LOOK_MAX: Duration = Duration::from_millis(10);
const REST: Duration = Duration::from_millis(2);

/// What was read, in one piece: the only truth. No bytes: this side has ended.
pub struct Chunk {
    /// Since the tap began.
    pub time: Duration,
    /// Counted from 1.
    pub connection: u64,
    pub from: Side,
    pub bytes: Vec<u8>,
    /// Bytes of this side that nobody looked at, before these.
    pub unseen: usize,
    /// It was not passed on.
    pub swallowed: bool,
}

impl Chunk {
    /// The memory it takes.
    fn held(&self) -> usize {
        size_of::<Chunk>() + self.bytes.capacity()
    }
}

/// What the arguments ask for.
struct Options<'a> {
    to: Option<&'a str>,
    port: u16,
    page: Option<u16>,
    page_host: IpAddr,
    open: Option<&'a str>,
    save: Option<&'a str>,
    terminal: Terminal,
    trouble: Trouble,
}

/// Listens and forwards, for ever; or shows a recording.
pub fn run(mut arguments: Arguments) -> Result<(), Problem> {
    let options = parse(&mut arguments)?;
    if let Some(path) = options.open {
        return open(path, &options);
    }
    let Some(to) = options.to else { return Err(arguments.problem("--to HOST:PORT is needed")) };
    let save =
        options.save.map(|path| File::create(path).map_err(|error| format!("{path}: {error}")));
    let save = save.transpose().map_err(Problem::Failed)?;
    let (listener, address) = site::listen((Ipv4Addr::LOCALHOST, options.port).into(), "--port")?;
    let (page_listener, page) = match options.page {
        Some(port) => site::listen((options.page_host, port).into(), "--page")?,
        None => listen_beside(options.page_host, address.port())?,
    };
    let leads_to = |own| to.to_socket_addrs().is_ok_and(|mut all| all.any(|to| to == own));
    if leads_to(address) || leads_to(page) {
        return Err(arguments.problem(format!("--to {to} is this tap itself")));
    }
    let style = options.terminal.style;
    let shows = style.pick("показано все, що йде до", "shows all that goes to");
    let beside = options.page.is_some() || [page.port().wrapping_sub(1), 0].contains(&options.port);
    let on_page = match beside {
        true => style.pick("на сторінці", "on a page:"),
        false => style
            .pick("на сторінці (наступний порт зайнято)", "the next port is taken, so on a page:"),
    };
    print(&format!("http://{address}\n\n{shows} {to}\n{on_page} http://{page}"));
    warn(&style, page, save.is_some());
    let listeners = (listener, page_listener);
    serve(listeners, to.into(), options.trouble, Some(options.terminal), save)
}

fn parse<'a>(arguments: &mut Arguments<'a>) -> Result<Options<'a>, Problem> {
    let terminal = Terminal { style: Style::here(), blocks: false, filter: Filter::default() };
    let mut options = Options {
        to: None,
        port: 3001,
        page: None,
        page_host: Ipv4Addr::LOCALHOST.into(),
        open: None,
        save: None,
        terminal,
        trouble: Trouble::default(),
    };
    while let Some(flag) = arguments.next() {
        let terminal = &mut options.terminal;
        match flag {
            "--to" => {
                let to = arguments.value()?;
                options.to = Some(to.trim_start_matches("http://").trim_end_matches('/'));
            }
            "--port" | "-p" => options.port = arguments.number(0..=u16::MAX)?,
            "--page" => options.page = Some(arguments.number(0..=u16::MAX)?),
            "--page-host" => {
                let value = arguments.value()?;
                let wrong = |_| arguments.problem(format!("--page-host {value:?}: an address"));
                options.page_host = value.parse().map_err(wrong)?;
            }
            "--open" => options.open = Some(arguments.value()?),
            "--save" => options.save = Some(arguments.value()?),
            "--lang" => terminal.style.language = arguments.language()?,
            "-v" => terminal.blocks = true,
            "-vv" => (terminal.blocks, terminal.style.everything) = (true, true),
            "--only" => {
                let words = arguments.value()?;
                terminal.filter = Filter::of(words).map_err(|what| arguments.problem(what))?;
            }
            "--reset-after" => {
                let what = "std cannot end a connection with RST; --cut-after ends it with FIN";
                return Err(arguments.problem(what));
            }
            _ => {
                let Some(name) = flag.strip_prefix("--").filter(|name| NAMES.contains(name)) else {
                    return Err(arguments.unknown());
                };
                let switch = ["swallow", "freeze", "strip-upgrade"].contains(&name);
                let value = if switch { "on" } else { arguments.value()? };
                options.trouble.set(name, value).map_err(|what| arguments.problem(what))?;
            }
        }
    }
    Ok(options)
}

/// For a page whose port nobody has asked for: the next one, or a free one if that is taken.
fn listen_beside(host: IpAddr, port: u16) -> Result<(TcpListener, SocketAddr), Problem> {
    let listen = |port| site::listen((host, port).into(), "--page");
    listen(port.checked_add(1).unwrap_or(0)).or_else(|_| listen(0))
}

/// Says who can read along.
fn warn(style: &Style, page: SocketAddr, saves: bool) {
    if saves {
        print(
            style.pick(
                "записує й куки, і чужі слова",
                "keeps cookies and other people's words, too",
            ),
        );
    }
    if !page.ip().is_loopback() {
        let uk = "сторінку, а на ній cookie й чужі слова, бачить уся мережа";
        let en = "the network sees the page, and on it cookies and other people's words";
        print(style.pick(uk, en));
    }
}

/// Shows a recording: on the terminal, and on a page if one is asked for.
fn open(path: &str, options: &Options) -> Result<(), Problem> {
    let failed = |problem: String| Problem::Failed(format!("{path}: {problem}"));
    let file = File::open(path).map_err(|error| failed(error.to_string()))?;
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    let page = options.page.map(|_| Arc::new(Page::new(name.into(), None)));
    let mut watcher = Watcher::new(page.is_some() || options.terminal.blocks);
    for chunk in record::chunks(file) {
        let mut rows = String::new();
        watcher.chunk(&chunk.map_err(failed)?, &mut |seen| {
            options.terminal.tell(&seen, &mut rows);
            page.iter().for_each(|page| page.tell(&seen));
        });
        // A reader that goes away (`| head -1`) is no error, and there is nothing more to do.
        if io::stdout().lock().write_all(rows.as_bytes()).is_err() {
            return Ok(());
        }
    }
    let Some((page, port)) = page.zip(options.page) else { return Ok(()) };
    let (listener, address) = site::listen((options.page_host, port).into(), "--page")?;
    print(&format!("http://{address}"));
    warn(&options.terminal.style, address, false);
    site::serve(listener, page::FILES, page.handler())?;
    loop {
        thread::park();
    }
}

/// Forwards to `to` what comes to `listener`, for ever, and shows it on the page and, if there is
/// one, on the terminal.
fn serve(
    (listener, page_listener): (TcpListener, TcpListener),
    to: String,
    trouble: Trouble,
    terminal: Option<Terminal>,
    save: Option<File>,
) -> Result<(), Problem> {
    let (queue, chunks, bytes_waiting) = Queue::new();
    let switches = Arc::new(Switchboard::new(trouble));
    let live = Live { switches: switches.clone(), began: queue.began };
    let page = Arc::new(Page::new(to.clone(), Some(live)));
    site::serve(page_listener, page::FILES, page.clone().handler())?;
    let looker = Looker { watcher: Watcher::new(true), terminal, page, save };
    thread::spawn(move || looker.look(&chunks, &bytes_waiting));
    carry::serve(&listener, &to, queue, switches);
    Ok(())
}

/// Puts a tap on `front`, where a server of this process was asked to be, at `port`; its page has the
/// next port. Gives back where the server is to listen instead, and what to tell about it.
pub fn in_front(front: TcpListener, port: u16) -> Result<(TcpListener, String), String> {
    let failed = |error: io::Error| format!("the tap: {error}");
    let cannot = |problem| {
        let (Problem::Usage(why) | Problem::Failed(why) | Problem::Ended(_, why)) = problem;
        format!("the tap: {why}")
    };
    let this_machine = IpAddr::from(Ipv4Addr::LOCALHOST);
    if !front.local_addr().map_err(failed)?.ip().is_loopback() {
        let why = "it shows what people say, so it is for this machine only";
        return Err(format!("--tap: {why}; leave out --host"));
    }
    let (listener, behind) = site::listen((this_machine, 0).into(), "--port").map_err(cannot)?;
    let (page_listener, page) = listen_beside(this_machine, port).map_err(cannot)?;
    let listeners = (front, page_listener);
    let tap = move || serve(listeners, behind.to_string(), Trouble::default(), None, None);
    thread::Builder::new().name("tap".into()).spawn(tap).map_err(failed)?;
    let told = format!(
        "every byte that passes, explained:\n  http://{page}\nbehind the tap:\n  http://{behind}"
    );
    Ok((listener, told))
}

/// Looks at what has passed: prints it, lists it on the page, saves it.
struct Looker {
    watcher: Watcher,
    terminal: Option<Terminal>,
    page: Arc<Page>,
    save: Option<File>,
}

impl Looker {
    fn look(mut self, chunks: &Receiver<Chunk>, bytes_waiting: &AtomicUsize) {
        loop {
            let mut chunk = match chunks.recv_timeout(feed::PAUSE) {
                Ok(chunk) => Some(chunk),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let began = Instant::now();
            while let Some(next) = chunk {
                bytes_waiting.fetch_sub(next.held(), Ordering::Relaxed);
                self.chunk(&next);
                let goes_on = began.elapsed() < LOOK_MAX;
                chunk = goes_on.then(|| chunks.try_recv().ok()).flatten();
            }
            self.page.breathe();
            thread::sleep(REST.max(3 * began.elapsed()));
        }
    }

    fn chunk(&mut self, chunk: &Chunk) {
        if let Some(file) = &mut self.save
            && let Err(error) = record::write(file, chunk)
        {
            print(&format!("--save: {error}"));
            self.save = None;
        }
        let mut rows = String::new();
        self.watcher.chunk(chunk, &mut |seen| {
            self.terminal.iter().for_each(|terminal| terminal.tell(&seen, &mut rows));
            self.page.tell(&seen);
        });
        let _ = io::stdout().lock().write_all(rows.as_bytes());
    }
}
