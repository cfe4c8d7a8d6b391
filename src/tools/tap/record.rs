//! A recording: the chunks as they came, a line of JSON each, and nothing that was made of them.
//! So a recording of today is explained with the words of tomorrow.

use super::Chunk;
use crate::tools::dissect::Side;
use crate::tools::explain::of_hex;
use crate::tools::json::object;
use crate::wire::json::{self, Value, quoted};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::time::Duration;

/// Appends a chunk.
pub fn write(file: &mut File, chunk: &Chunk) -> io::Result<()> {
    let from = if chunk.from == Side::Client { "client" } else { "server" };
    let mut members = vec![
        ("connection", chunk.connection.to_string()),
        ("from", from.to_string()),
        ("ns", chunk.time.as_nanos().to_string()),
        ("unseen", chunk.unseen.to_string()),
        ("hex", hex(&chunk.bytes)),
    ];
    if chunk.swallowed {
        members.push(("swallowed", "yes".to_string()));
    }
    let members: Vec<_> = members.iter().map(|(name, value)| (*name, quoted(value))).collect();
    file.write_all((object(&members) + "\n").as_bytes())
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The chunks of a recording, one after another; `Err` says what is wrong with which line.
pub fn chunks(file: File) -> impl Iterator<Item = Result<Chunk, String>> {
    BufReader::new(file).lines().zip(1..).map(|(line, number)| {
        let line = line.map_err(|error| format!("line {number}: {error}"))?;
        read(&line).ok_or_else(|| format!("line {number} is no chunk"))
    })
}

fn read(line: &str) -> Option<Chunk> {
    let members =
        json::members(line, ["connection", "from", "ns", "unseen", "swallowed", "hex"]).ok()?;
    let [connection, from, ns, unseen, swallowed, hex] = members.map(|value| match value {
        Value::String(text) => text,
        _ => String::new(),
    });
    let from = match &*from {
        "client" => Side::Client,
        "server" => Side::Server,
        _ => return None,
    };
    Some(Chunk {
        time: Duration::from_nanos(ns.parse().ok()?),
        connection: connection.parse().ok()?,
        from,
        bytes: of_hex(&hex)?,
        unseen: unseen.parse().ok()?,
        swallowed: swallowed == "yes",
    })
}
