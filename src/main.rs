//! `rawchat 3 --port 3000`: arguments to a technique that is served.

use rawchat::server::{self, Limits};
use rawchat::techniques::{Chat, TECHNIQUES, Technique, Timing};
use std::fmt::Write as _;
use std::io::{ErrorKind, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, ToSocketAddrs, UdpSocket};
use std::process::ExitCode;

const FAILED: u8 = 1;
const WRONG_USAGE: u8 = 2;

/// What the command line and the environment ask for.
struct Options {
    technique: &'static Technique,
    host: String,
    port: u16,
    quiet: bool,
}

enum Command {
    Serve(Options),
    Say(String),
}

fn main() -> ExitCode {
    let arguments: Vec<String> =
        std::env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned()).collect();
    let done = match parse(&arguments) {
        Ok(Command::Serve(options)) => serve(options).map_err(|problem| (FAILED, problem)),
        Ok(Command::Say(text)) => {
            say(&text);
            Ok(())
        }
        Err(problem) => Err((WRONG_USAGE, problem)),
    };
    let Err((code, problem)) = done else { return ExitCode::SUCCESS };
    let _ = writeln!(std::io::stderr(), "{problem}");
    ExitCode::from(code)
}

/// A closed stdout (`rawchat 4 | head -1`) is no reason to stop serving.
fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

fn parse(arguments: &[String]) -> Result<Command, String> {
    let env = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let mut host = env("HOST").unwrap_or_else(|| "127.0.0.1".into());
    let mut port = env("PORT").unwrap_or_else(|| "3000".into());
    let (mut technique, mut quiet) = (None, false);
    let mut rest = arguments.iter().map(String::as_str);
    while let Some(argument) = rest.next() {
        // --port=3000 is --port 3000.
        let (flag, given) = match argument.split_once('=') {
            Some((flag, value)) if flag.starts_with("--") => (flag, Some(value)),
            _ => (argument, None),
        };
        let mut value = || given.or_else(|| rest.next()).ok_or(format!("{flag} needs a value"));
        match flag {
            "--help" | "-h" => return Ok(Command::Say(menu())),
            "--version" | "-V" => {
                return Ok(Command::Say(concat!("rawchat ", env!("CARGO_PKG_VERSION")).into()));
            }
            "--quiet" | "-q" if given.is_none() => quiet = true,
            "--port" | "-p" => port = value()?.into(),
            "--host" => host = value()?.into(),
            name if technique.is_none() && !name.starts_with('-') => {
                let named = |t: &&Technique| t.number.to_string() == name || t.name == name;
                let unknown = || format!("there is no part {name:?}\n\n{}", menu());
                technique = Some(TECHNIQUES.iter().find(named).ok_or_else(unknown)?);
            }
            other => return Err(format!("{other:?} is not understood\n\n{}", menu())),
        }
    }
    let technique = technique.ok_or_else(menu)?;
    let port = port.parse().map_err(|_| format!("port {port:?} is no number from 0 to 65535"))?;
    Ok(Command::Serve(Options { technique, host, port, quiet }))
}

fn menu() -> String {
    let mut menu = String::from("rawchat: one chat in four techniques\n\n");
    for Technique { number, name, watch, .. } in &TECHNIQUES {
        let _ = writeln!(menu, "  rawchat {number}    {name:<13} {watch}");
    }
    menu + "
  --port 3000       or -p, or PORT; 0 takes a free one
  --host 127.0.0.1  or HOST; 0.0.0.0 opens it to the network
  --quiet           no line per event on stderr
  --help, --version"
}

fn serve(options: Options) -> Result<(), String> {
    let Options { technique, host, port, quiet } = options;
    let unknown = |error| format!("--host {host}: {error}");
    let address = (host.trim_matches(['[', ']']), port).to_socket_addrs().map_err(unknown)?.next();
    let address = address.ok_or(format!("--host {host}: no such address"))?;
    let listener = TcpListener::bind(address).map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => format!(
            "port {port} is taken; this one is free: rawchat {} --port {}",
            technique.number,
            free_port_after(address)
        ),
        _ => format!("cannot listen on {address}: {error}"),
    })?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    say(&invitation(technique, address));
    if !quiet {
        rawchat::log::enable();
    }
    let chat = Chat::new(technique, Timing::default());
    server::serve(listener, Limits::default(), &chat.places, (technique.handler)(chat.clone()));
    Ok(())
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
fn invitation(technique: &Technique, address: SocketAddr) -> String {
    let open = address.ip().is_unspecified();
    let here = match address {
        SocketAddr::V4(_) if open => SocketAddr::from(([127, 0, 0, 1], address.port())),
        SocketAddr::V6(_) if open => SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], address.port())),
        _ => address,
    };
    let mut text = format!("http://{here}\n");
    let _ = writeln!(text, "\npart {}, {}: {}", technique.number, technique.name, technique.watch);
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
