//! `rawchat race`: four techniques over one room. Say something, and see when each of them shows it.
//!
//! The four servers, their readers ([`readers`]), and a page that draws what they tell ([`engine`])
//! are one process with one clock. Leaves out: what a browser does besides asking.

mod engine;
mod readers;

use crate::handler::{Reply, check_method};
use crate::tools::arguments::Arguments;
use crate::tools::dissect::block::print;
use crate::tools::invitation::lan_address;
use crate::tools::{Parts, Problem, pages, site};
use crate::wire::form;
use crate::wire::http::{READ_ONLY, Refusal, Request, Response, refuse};
use engine::{CROWD_MAX, Knobs, Race};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

const PAGE: &str = include_str!("../../../../public/race.html");
const FILES: [site::File; 2] = [
    ("/race.css", site::CSS, include_str!("../../../../public/race.css")),
    ("/race.js", site::SCRIPT, include_str!("../../../../public/race.js")),
];

/// Serves the page and the four parts, for ever.
pub fn run(mut arguments: Arguments, parts: Parts) -> Result<(), Problem> {
    let (mut host, mut port) = (IpAddr::from(Ipv4Addr::LOCALHOST), 3000);
    let mut knobs = Knobs::default();
    while let Some(flag) = arguments.next() {
        match flag {
            "--port" | "-p" => port = arguments.number(0..=u16::MAX - 4)?,
            "--host" => {
                let value = arguments.value()?;
                let wrong = |_| arguments.problem(format!("--host {value:?} is no address"));
                host = value.parse().map_err(wrong)?;
            }
            "--rtt" => knobs.rtt = arguments.time()?,
            "--pause" => knobs.pause = arguments.time()?,
            "--crowd" => knobs.crowd = arguments.number(1..=CROWD_MAX)?,
            _ => return Err(arguments.unknown()),
        }
    }
    knobs.check().map_err(|what| arguments.problem(what))?;
    let (listener, page) = site::listen(SocketAddr::new(host, port), "--port")?;
    let failed = |error| Problem::Failed(format!("the four parts cannot start: {error}"));
    let mut addresses = Vec::new();
    for (handler, places) in parts().map_err(failed)? {
        let port = if port == 0 { 0 } else { port + 1 + addresses.len() as u16 };
        let (listener, address) = site::listen(SocketAddr::new(host, port), "--port")?;
        site::start(listener, places, site::chat(handler))?;
        addresses.push(here(address));
    }
    print(&invitation(here(page), &addresses, host));
    let race = Race::new(addresses, knobs);
    race.begin().map_err(failed)?;
    let raced = race.clone();
    site::serve(
        listener,
        &FILES,
        Arc::new(move |request, socket| answer(&raced, request, socket)),
    )?;
    race.count()
}

/// By what this machine reaches itself there.
fn here(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    address
}

fn invitation(page: SocketAddr, parts: &[SocketAddr], host: IpAddr) -> String {
    let mut text = format!("http://{page}\n\nthe four parts, over one room:");
    for (number, address) in (1..).zip(parts) {
        text += &format!("\n  {number}  http://{address}/?user=Alice");
    }
    if host.is_unspecified()
        && let Some(ip) = lan_address()
    {
        text += &format!("\non the network:\n  http://{}", SocketAddr::new(ip, page.port()));
    }
    if !host.is_loopback() {
        text += "\nno passwords: anybody on the network can read, write and turn the knobs";
    }
    text
}

fn answer(race: &Arc<Race>, request: &Request, socket: &TcpStream) -> Result<Reply, Response> {
    let response = match request.path.as_str() {
        "/events" => return race.feed.answer(request, socket),
        "/" => {
            check_method(READ_ONLY, request)?;
            let ports = race.addresses.iter().map(|address| address.port().to_string());
            let ports = ports.collect::<Vec<_>>().join(" ");
            pages::page(PAGE, request, &[("ports", &ports)])
        }
        "/say" => {
            check_method("POST", request)?;
            race.say(request).map_err(|error| no_longer(&error))?
        }
        "/reload" => {
            check_method("POST", request)?;
            race.reload();
            Response::new(204)
        }
        "/knobs" => {
            check_method("POST", request)?;
            let knobs = turned(race.knobs(), &String::from_utf8_lossy(&request.body))?;
            race.turn(knobs).map_err(|error| no_longer(&error))?;
            Response::new(204)
        }
        _ => return site::nothing_here(request),
    };
    Ok(Reply::Http(response))
}

#[track_caller]
fn no_longer(error: &io::Error) -> Response {
    Refusal::new(503, error.to_string(), "a smaller crowd").into()
}

/// The knobs, with what the form says of them: `rtt=50&pause=3000&crowd=10`, in milliseconds.
fn turned(mut knobs: Knobs, form: &str) -> Result<Knobs, Refusal> {
    let number = |name| -> Result<Option<u32>, Refusal> {
        let Some(value) = form::get(form, name) else { return Ok(None) };
        match value.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => refuse(400, format!("{name}={value}: expected a number"), "rtt=50"),
        }
    };
    let duration = |ms: u32| Duration::from_millis(ms.into());
    knobs.rtt = number("rtt")?.map_or(knobs.rtt, duration);
    knobs.pause = number("pause")?.map_or(knobs.pause, duration);
    knobs.crowd = number("crowd")?.map_or(knobs.crowd, |crowd| crowd as usize);
    match knobs.check() {
        Ok(()) => Ok(knobs),
        Err(what) => refuse(400, what, "rtt=50&pause=3000&crowd=1"),
    }
}
