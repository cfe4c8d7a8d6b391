//! Writing to a socket: until all of it is out, or what it takes at once.

use crate::wire::buffer::timed_out;
use std::io::{self, ErrorKind, IoSlice, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Instant;

/// Writes all of `parts` in this order, without joining them first. One write waits for the socket's
/// write timeout at most, and after so long no other is begun: a reader in drips gets twice as long.
pub fn write_whole(mut socket: &TcpStream, mut parts: &mut [IoSlice]) -> io::Result<()> {
    let began = Instant::now();
    loop {
        match socket.write_vectored(parts) {
            Ok(count) => IoSlice::advance_slices(&mut parts, count),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if parts.is_empty() {
            // Let the reader run first: its next request is then often here before this thread has
            // to sleep until it comes. That is a quarter to a half more requests per second.
            thread::yield_now();
            return Ok(());
        }
        if socket.write_timeout()?.is_some_and(|patience| began.elapsed() >= patience) {
            return Err(ErrorKind::TimedOut.into());
        }
    }
}

/// Writes what the socket takes at once: `Ok(0)` if it is full. Not to wait is a state of the socket,
/// so for this moment its reads do not wait either.
pub fn write_at_once(mut socket: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    socket.set_nonblocking(true)?;
    let written = socket.write(bytes);
    socket.set_nonblocking(false)?;
    match written {
        Err(error) if timed_out(&error) => Ok(0),
        written => written,
    }
}
