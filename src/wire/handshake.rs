//! §4.1 The opening handshake: an HTTP request that asks to stop being HTTP (RFC 6455 §4.2).

use super::http::{Refusal, Request, Response, refuse};
use base64::{Engine, engine::general_purpose::STANDARD};
use sha1_smol::Sha1;

/// A string that nobody else uses. RFC 6455 §1.3
pub const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The RFC's own; the numbers below it were drafts. RFC 6455 §4.1
const VERSION: &str = "13";

/// Whether a request asks for a WebSocket at all.
pub fn wanted(request: &Request) -> bool {
    // RFC 9110 §7.8: HTTP/1.0 knows no Upgrade.
    request.minor > 0 && request.lists("Upgrade", "websocket")
}

/// The `101` for this request, or the answer that says what is missing.
/// Subprotocols and extensions are declined by not being mentioned. RFC 6455 §4.2.2
pub fn answer(request: &Request) -> Result<Response, Response> {
    request.check_origin().map_err(|refusal| refusal.text())?;
    // A refusal says what would do, in the fields too. RFC 6455 §4.4, RFC 9110 §7.8, §15.5.22
    let key = valid_key(request).map_err(|refusal| {
        refusal.text().with("Upgrade", "websocket").with("Sec-WebSocket-Version", VERSION)
    })?;
    let response = Response::new(101).with("Upgrade", "websocket");
    Ok(response.with("Sec-WebSocket-Accept", accept_key(key)))
}

/// The key of a request that lacks nothing.
fn valid_key(request: &Request) -> Result<&str, Refusal> {
    const TRY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
    if request.method != "GET" || request.minor == 0 {
        return refuse(400, "a WebSocket begins with GET and HTTP/1.1", "GET / HTTP/1.1");
    }
    if !wanted(request) || !request.lists("Connection", "upgrade") {
        return refuse(426, "this is a WebSocket", "Upgrade: websocket and Connection: Upgrade");
    }
    if request.values("Sec-WebSocket-Version").ne([VERSION]) {
        return refuse(426, "version 13 of WebSocket is spoken here", "Sec-WebSocket-Version: 13");
    }
    let keys: Vec<&str> = request.values("Sec-WebSocket-Key").collect();
    match keys[..] {
        [key] if STANDARD.decode(key).is_ok_and(|bytes| bytes.len() == 16) => Ok(key),
        _ => refuse(400, format!("Sec-WebSocket-Key: {keys:?}, expected 16 bytes in Base64"), TRY),
    }
}

/// `dGhlIHNhbXBsZSBub25jZQ==` becomes `s3pPLMBiTxaQ9kYGzzhZRbK+xOo=`. It hides nothing: it shows that
/// a server has read the RFC, and is no cache or mail server that happened to answer. RFC 6455 §4.2.2
pub fn accept_key(key: &str) -> String {
    let mut sha1 = Sha1::new();
    sha1.update(key.as_bytes());
    sha1.update(GUID.as_bytes());
    STANDARD.encode(sha1.digest().bytes())
}
