//! HTTP/1.1 from bytes to a request, and from a response to bytes (RFC 9110, RFC 9112).
//!
//! Leaves out: content and transfer codings but chunked, ranges, caching, trailers (read, not kept).

mod body;
mod head;
mod host;
mod line;
mod refusal;
mod request;
mod response;

pub use body::{BODY_BYTES_MAX, CHUNK_LINE_BYTES_MAX, read_body};
pub use head::{FIELDS_MAX, HEAD_BYTES_MAX, METHODS, READ_ONLY, REQUEST_LINE_BYTES_MAX, read_head};
pub use host::{authority, is_number};
pub use line::Source;
pub use refusal::{Refusal, refuse};
pub use request::{Asked, Request};
pub use response::Response;
