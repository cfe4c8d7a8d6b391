//! A page of a tool, on a port of its own, with the pages to be read beside it (`/source` and the
//! others).

use super::{Problem, lecture, pages};
use crate::handler::{Handler, Places, Reply, check_method};
use crate::server::{self, Limits};
use crate::wire::http::{READ_ONLY, Refusal, Request, Response, authority, refuse};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;

/// What a page loads: path, kind, text.
pub type File = (&'static str, &'static str, &'static str);

pub const CSS: &str = "text/css; charset=utf-8";
pub const SCRIPT: &str = "text/javascript; charset=utf-8";
/// What every page loads.
const FILES: [File; 2] = [
    ("/chat.css", CSS, include_str!("../../public/chat.css")),
    ("/icon.svg", "image/svg+xml", include_str!("../../public/icon.svg")),
];
/// What the pages of the four parts load besides.
const OF_THE_CHAT: &[File] = &[
    ("/chat.js", SCRIPT, include_str!("../../public/chat.js")),
    ("/draw.js", SCRIPT, include_str!("../../public/draw.js")),
    ("/late.js", SCRIPT, include_str!("../../public/late.js")),
    ("/3.js", SCRIPT, include_str!("../../public/3.js")),
    ("/4.js", SCRIPT, include_str!("../../public/4.js")),
];

/// Listens there. `flag` would say another port.
pub fn listen(address: SocketAddr, flag: &str) -> Result<(TcpListener, SocketAddr), Problem> {
    let failed = |error| {
        let way_out = format!("{flag} 0 takes a free port");
        Problem::Failed(format!("cannot listen on {address}: {error}; {way_out}"))
    };
    let listener = TcpListener::bind(address).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

/// Serves `own` with `files` [`beside`] it, on a thread of its own. Whoever posts must be a page of
/// this server, or no page at all.
pub fn serve(
    listener: TcpListener,
    files: &'static [File],
    own: Arc<Handler>,
) -> Result<(), Problem> {
    let own = Arc::new(move |request: &Request, socket: &_| {
        if request.method == "POST" {
            request.check_origin()?;
        }
        own(request, socket)
    });
    start(listener, Places::default(), beside(files, own))
}

/// Serves on a thread of its own.
pub fn start(listener: TcpListener, places: Places, handler: Arc<Handler>) -> Result<(), Problem> {
    let failed = |error| Problem::Failed(format!("a server cannot start: {error}"));
    let serve = move || run(listener, &places, handler, Vec::new());
    thread::Builder::new().name("server".into()).spawn(serve).map(drop).map_err(failed)
}

/// Serves; on loopback, only those that ask for this machine, by a name that is its own or `allowed`.
pub fn run(
    listener: TcpListener,
    places: &Places,
    mut handler: Arc<Handler>,
    allowed: Vec<String>,
) {
    if listener.local_addr().is_ok_and(|address| address.ip().is_loopback()) {
        handler = called_by_name(handler, allowed);
    }
    server::serve(listener, Limits::default(), places, handler);
}

/// A part as it is served: whole pages, what they load, and the pages to be read.
pub fn chat(handler: Arc<Handler>) -> Arc<Handler> {
    beside(OF_THE_CHAT, pages::whole(handler))
}

/// Answers `files`, what every page loads and the pages to be read, and hands everything else to
/// `handler`.
pub fn beside(files: &'static [File], handler: Arc<Handler>) -> Arc<Handler> {
    let all = lecture::beside(Arc::new(move |request: &Request, socket: &_| {
        let same_path = |file: &&File| file.0 == request.path;
        let Some((_, kind, text)) = FILES.iter().chain(files).find(same_path) else {
            return handler(request, socket);
        };
        check_method(READ_ONLY, request)?;
        Ok(Reply::Http(Response::new(200).body(kind, *text)))
    }));
    Arc::new(move |request, socket| {
        all(request, socket).map_err(|refusal| pages::refused(request, refusal))
    })
}

/// Hands to `handler` what is asked of this machine, by a name that is its own or `allowed`.
pub fn called_by_name(handler: Arc<Handler>, allowed: Vec<String>) -> Arc<Handler> {
    Arc::new(move |request, socket| {
        check_rebinding(request, &allowed)
            .map_err(|refusal| pages::refused(request, refusal.into()))?;
        handler(request, socket)
    })
}

/// §1.15 Refuses a host that may be another site's name for this machine (DNS rebinding). An
/// address is nobody's to give, and a name without a dot, or under localhost, leads nowhere
/// else. RFC 9110 §15.5.20
pub fn check_rebinding(request: &Request, allowed: &[String]) -> Result<(), Refusal> {
    let Some((host, _)) = request.host().and_then(authority) else { return Ok(()) };
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    let last = name.rsplit('.').next().unwrap_or_default();
    // A browser decodes %2e before it asks.
    let dotless = last == name && !name.contains('%');
    // No name ends in a number, an address does. URL Standard §3.5
    let safe = dotless || last == "localhost" || last.bytes().all(|b| b.is_ascii_digit());
    if safe || host.starts_with('[') || allowed.iter().any(|a| a.eq_ignore_ascii_case(&name)) {
        return Ok(());
    }
    let problem = format!("{name} is not known here: this server listens for its own machine");
    refuse(421, problem, &format!("http://127.0.0.1, or start rawchat with --allow-host {name}"))
}

/// For a path that is not there.
#[track_caller]
pub fn nothing_here(request: &Request) -> Result<Reply, Response> {
    Err(Refusal::new(404, format!("there is no {}", request.path), "/").into())
}
