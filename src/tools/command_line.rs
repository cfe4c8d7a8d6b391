//! The command line: arguments to options, and what is printed before the first connection.

use std::fmt::Write;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpListener, ToSocketAddrs, UdpSocket};

/// A part as the menu shows it.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    /// The number to run it by.
    pub number: usize,
    /// The name to run it by.
    pub name: &'static str,
    /// What there is to see.
    pub watch: &'static str,
}

/// What the command line and the environment ask for.
#[derive(Debug)]
pub enum Command {
    /// Serve a part.
    Serve(Options),
    /// Explain bytes, as these arguments say.
    Explain(Vec<String>),
    /// Print this, and that is all.
    Say(String),
}

/// How to serve.
#[derive(Debug)]
pub struct Options {
    /// Which part.
    pub part: Part,
    /// Where to listen: an address, or a name that has one.
    pub host: String,
    /// 0 takes a free one.
    pub port: u16,
    /// No line per event.
    pub quiet: bool,
    /// Names by which others may call a server that listens on loopback.
    pub allowed_hosts: Vec<String>,
}

/// Understands the arguments, and `HOST` and `PORT`. `Err` says what is wrong with them.
pub fn parse(arguments: &[String], parts: &[Part]) -> Result<Command, String> {
    if let [tool, arguments @ ..] = arguments
        && tool == "explain"
    {
        return Ok(Command::Explain(arguments.to_vec()));
    }
    let env = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let mut host = env("HOST").unwrap_or_else(|| "127.0.0.1".into());
    let mut port = env("PORT").unwrap_or_else(|| "3000".into());
    let (mut part, mut quiet, mut allowed_hosts) = (None, false, Vec::new());
    let mut rest = arguments.iter().map(String::as_str);
    while let Some(argument) = rest.next() {
        // --port=3000 is --port 3000.
        let (flag, given) = match argument.split_once('=') {
            Some((flag, value)) if flag.starts_with("--") => (flag, Some(value)),
            _ => (argument, None),
        };
        let mut value = || given.or_else(|| rest.next()).ok_or(format!("{flag} needs a value"));
        match flag {
            "--help" | "-h" => return Ok(Command::Say(menu(parts))),
            "--version" | "-V" => {
                return Ok(Command::Say(concat!("rawchat ", env!("CARGO_PKG_VERSION")).into()));
            }
            "--quiet" | "-q" if given.is_none() => quiet = true,
            "--port" | "-p" => port = value()?.into(),
            "--host" => host = value()?.into(),
            "--allow-host" => allowed_hosts.push(value()?.into()),
            name if part.is_none() && !name.starts_with('-') => {
                let named = |part: &&Part| part.number.to_string() == name || part.name == name;
                let unknown = || format!("there is no part {name:?}\n\n{}", menu(parts));
                part = Some(*parts.iter().find(named).ok_or_else(unknown)?);
            }
            other => return Err(format!("{other:?} is not understood\n\n{}", menu(parts))),
        }
    }
    let part = part.ok_or_else(|| menu(parts))?;
    let port = port.parse().map_err(|_| format!("port {port:?} is no number from 0 to 65535"))?;
    Ok(Command::Serve(Options { part, host, port, quiet, allowed_hosts }))
}

fn menu(parts: &[Part]) -> String {
    let mut menu = String::from("rawchat: one chat in four techniques\n\n");
    for Part { number, name, watch } in parts {
        let _ = writeln!(menu, "  rawchat {number}    {name:<13} {watch}");
    }
    menu + "
  rawchat explain BYTES    what these bytes are: hexadecimal, or - for standard input

  --port 3000       or -p, or PORT; 0 takes a free one
  --host 127.0.0.1  or HOST; 0.0.0.0 opens it to the network
  --allow-host NAME answer those, too, who call this server NAME
  --quiet           no line per event on stderr
  --help, --version"
}

/// Listens where the options say, and says where that is; `Err` says why not, and what to do.
pub fn listen(options: &Options) -> Result<(TcpListener, String), String> {
    let Options { part, host, port, .. } = options;
    let unknown = |error| format!("--host {host}: {error}");
    let address = (host.trim_matches(['[', ']']), *port).to_socket_addrs().map_err(unknown)?.next();
    let address = address.ok_or(format!("--host {host}: no such address"))?;
    let listener = TcpListener::bind(address).map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => format!(
            "port {port} is taken; this one is free: {} {} --port {}",
            std::env::args().next().unwrap_or("rawchat".into()),
            part.number,
            free_port_after(address)
        ),
        _ => format!("cannot listen on {address}: {error}"),
    })?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    Ok((listener, invitation(part, address)))
}

fn free_port_after(mut address: SocketAddr) -> u16 {
    loop {
        address.set_port(address.port().checked_add(1).unwrap_or(0));
        if address.port() == 0 || TcpListener::bind(address).is_ok() {
            return address.port();
        }
    }
}

/// The URL, exact and first; then what to open.
fn invitation(part: &Part, address: SocketAddr) -> String {
    let open = address.ip().is_unspecified();
    let here = match address {
        SocketAddr::V4(_) if open => SocketAddr::from(([127, 0, 0, 1], address.port())),
        SocketAddr::V6(_) if open => SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], address.port())),
        _ => address,
    };
    let mut text = format!("http://{here}\n");
    let _ = writeln!(text, "\npart {}, {}: {}", part.number, part.name, part.watch);
    let _ = write!(
        text,
        "open in two windows:\n  http://{here}/?user=Alice\n  http://{here}/?user=Bob"
    );
    if open {
        let lan = lan_address().map_or("this machine's address".into(), |ip| ip.to_string());
        let _ = write!(text, "\non the network:\n  http://{lan}:{}", address.port());
        text += "\nno passwords: anybody on the network can read and write";
    }
    text
}

/// The address others reach this machine by: the one a packet to far away would leave from.
/// `connect` on a UDP socket sends nothing.
fn lan_address() -> Option<IpAddr> {
    const FAR_AWAY: (&str, u16) = ("192.0.2.1", 9); // RFC 5737: an example, nobody is there
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect(FAR_AWAY).ok()?;
    Some(socket.local_addr().ok()?.ip())
}
