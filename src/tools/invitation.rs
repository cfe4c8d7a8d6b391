//! Listening where the options say; and what is printed then: where to go, and what may be in the
//! way.

use super::command_line::{Options, Part, Setting};
use super::tap;
use crate::server::CONNECTIONS_MAX;
use std::fmt::Write;
use std::io::{self, Error, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs, UdpSocket};
use std::process::{self, Command};
use std::thread;

/// What the server opens besides connections: the listener twice, the standard streams, and some
/// to spare.
const OWN_DESCRIPTORS: usize = 16;

/// Where browsers go to no server, because other protocols live there: the "bad ports" of the Fetch
/// standard, <https://fetch.spec.whatwg.org/#port-blocking>.
#[rustfmt::skip]
const PORTS_REFUSED_BY_BROWSERS: [u16; 82] = [
    1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102,
    103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465,
    512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993,
    995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668,
    6669, 6679, 6697, 10080,
];

/// Listens where the options say, and says where that is; `Err` says why not, and what to do.
pub fn listen(options: &Options) -> Result<(TcpListener, String), String> {
    let Options { part, host, port, .. } = options;
    let name = host.value.trim_matches(['[', ']']);
    let found = (name, port.value).to_socket_addrs().and_then(|mut addresses| {
        addresses.next().ok_or(Error::new(ErrorKind::NotFound, "it has no address"))
    });
    let address = found.map_err(|error| no_host(host, &error))?;
    let listener = TcpListener::bind(address).map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => another_port("is taken", options, address),
        // Below 1024 on Unix; on Windows any that another program has reserved.
        ErrorKind::PermissionDenied => another_port("is reserved", options, address),
        ErrorKind::AddrNotAvailable => no_host(host, &error),
        _ => format!("cannot listen on {address}: {error}"),
    })?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let invitation = invitation(part, address);
    if options.until_eof {
        // The program that started this one holds the other end, for as long as it lives.
        thread::Builder::new().spawn(end_with_stdin).map_err(|error| error.to_string())?;
    }
    if !options.tap {
        return Ok((listener, invitation));
    }
    let (listener, told) = tap::in_front(listener, port.value)?;
    Ok((listener, format!("{invitation}\n{told}")))
}

fn end_with_stdin() {
    let _ = io::copy(&mut io::stdin(), &mut io::sink());
    process::exit(0);
}

fn no_host(host: &Setting, error: &Error) -> String {
    let unset = if host.from == "HOST" { "unset HOST, or " } else { "" };
    format!("{host}: no address of this machine ({error}); {unset}try --host 127.0.0.1")
}

fn another_port(problem: &str, options: &Options, address: SocketAddr) -> String {
    let Options { part, host, port, .. } = options;
    let program = std::env::args().next().unwrap_or("rawchat".into());
    let said = host.from == "--host";
    let host = if said { format!(" --host {}", host.value) } else { String::new() };
    let free = free_port_after(address);
    let number = part.number;
    let from = if port.from == "PORT" { " (from PORT)" } else { "" };
    let port = port.value;
    format!("port {port}{from} {problem}; this one is free: {program} {number}{host} --port {free}")
}

fn free_port_after(mut address: SocketAddr) -> u16 {
    loop {
        let port = address.port().checked_add(1).unwrap_or(0);
        address.set_port(port);
        let refused = PORTS_REFUSED_BY_BROWSERS.contains(&port);
        if port == 0 || (!refused && TcpListener::bind(address).is_ok()) {
            return port;
        }
    }
}

/// The URL, exact and first; then what to open, and what may be in the way.
fn invitation(part: &Part, address: SocketAddr) -> String {
    let (ip, port) = (address.ip(), address.port());
    let open = ip.is_unspecified();
    let here: IpAddr = match ip {
        IpAddr::V4(_) if open => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) if open => Ipv6Addr::LOCALHOST.into(),
        _ => ip,
    };
    let here = SocketAddr::new(here, port);
    let mut text = format!(
        "http://{here}\n
part {}, {}: {}
open in two windows:
  http://{here}/?user=Alice
  http://{here}/?user=Bob
the lecture, step by step:
  http://{here}/lecture",
        part.number, part.name, part.watch
    );
    if open {
        let lan = lan_address().map_or("this machine's address".into(), |ip| ip.to_string());
        let _ = write!(text, "\non the network:\n  http://{lan}:{port}");
    }
    let open = !ip.is_loopback();
    let warnings = [
        open.then(|| "no passwords: anybody on the network can read and write".to_string()),
        refused_by_browsers(port),
        here.is_ipv4().then(|| another_localhost(port)).flatten(),
        few_descriptors(),
    ];
    for warning in warnings.into_iter().flatten() {
        let _ = write!(text, "\n{warning}");
    }
    text
}

/// The address others reach this machine by: the one a packet to far away would leave from.
/// `connect` on a UDP socket sends nothing.
pub fn lan_address() -> Option<IpAddr> {
    const FAR_AWAY: (&str, u16) = ("192.0.2.1", 9); // RFC 5737: an example, nobody is there
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect(FAR_AWAY).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

fn refused_by_browsers(port: u16) -> Option<String> {
    let refused = PORTS_REFUSED_BY_BROWSERS.contains(&port);
    refused
        .then(|| format!("browsers refuse port {port}, curl does not: take another, --port 3000"))
}

/// `localhost` is `::1` first, and there may be somebody else.
fn another_localhost(port: u16) -> Option<String> {
    let there = TcpListener::bind((Ipv6Addr::LOCALHOST, port));
    let taken = there.is_err_and(|error| error.kind() == ErrorKind::AddrInUse);
    taken.then(|| {
        format!(
            "another program listens on [::1]:{port}: localhost:{port} may lead there, \
             127.0.0.1:{port} leads here"
        )
    })
}

/// Every connection is a descriptor, and a shell allows a process so many of them.
fn few_descriptors() -> Option<String> {
    let needed = CONNECTIONS_MAX + OWN_DESCRIPTORS;
    let [now, most] = descriptors()?.map(|limit| limit.min(needed));
    let connections = now.saturating_sub(OWN_DESCRIPTORS);
    let more = if now < most { format!("; for more: ulimit -n {most}") } else { String::new() };
    let now_is = if now == 0 { "too small".into() } else { now.to_string() };
    let few =
        format!("connections: {connections} at the most, because ulimit -n is {now_is}{more}");
    (now < needed).then_some(few)
}

/// How many this process may open; and how many, if the shell asks for more. std cannot ask the
/// system, but a shell inherits the limits and can tell. (Windows has none.) With too few for a
/// shell's pipes the first number is 0.
pub fn descriptors() -> Option<[usize; 2]> {
    const EMFILE: i32 = 24; // on Linux and on macOS
    let shell = Command::new("sh").args(["-c", "ulimit -Sn; ulimit -Hn"]).output();
    if shell.as_ref().is_err_and(|error| cfg!(unix) && error.raw_os_error() == Some(EMFILE)) {
        return Some([0, usize::MAX]);
    }
    let said = String::from_utf8(shell.ok().filter(|_| cfg!(unix))?.stdout).ok()?;
    // A word instead of a number: unlimited.
    let mut limits = said.lines().map(|limit| limit.parse().unwrap_or(usize::MAX));
    Some([limits.next()?, limits.next()?])
}
