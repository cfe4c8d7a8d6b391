//! What the page can still be asked for: the last exchanges, each with its bytes.

use super::record::hex;
use super::watch::{Exchange, Sum};
use crate::tools::dissect::kinds::{sentence, value};
use crate::tools::dissect::verdict::Verdict;
use crate::tools::dissect::{Context, Field, Kind, Language, Side, dissect};
use crate::tools::feed::ROWS_MAX;
use crate::tools::json::{array, object, or_null};
use crate::wire::handshake::{GUID, accept_key};
use crate::wire::json::quoted;
use std::collections::VecDeque;
use std::time::Duration;

/// Over all exchanges; when there are more, the oldest are forgotten.
pub const RING_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Of one exchange: the first so many bytes and the last so many.
pub const END_BYTES_MAX: usize = 32 * 1024;
/// What is explained of one exchange: a body of tiny chunks has many parts.
const FIELDS_MAX: usize = 4096;

/// An exchange that can be opened. It is taken apart again each time.
pub struct Kept {
    /// Its number in the feed.
    pub row: u64,
    connection: u64,
    from: Side,
    began: Duration,
    context: Context,
    /// All of its bytes; or the first of them, and `rest` after a gap.
    first: Vec<u8>,
    gap_bytes: usize,
    rest: Vec<u8>,
    verdict: Option<Verdict>,
    sum: Sum,
    /// The row that it answers, or that answers it.
    pub pair: Option<u64>,
}

impl Kept {
    pub fn new(row: u64, exchange: &Exchange, pair: Option<u64>) -> Kept {
        let mut kept = Kept {
            row,
            connection: exchange.connection,
            from: exchange.from,
            began: exchange.began,
            context: exchange.context.clone(),
            first: Vec::new(),
            gap_bytes: 0,
            rest: Vec::new(),
            verdict: exchange.verdict.clone(),
            sum: exchange.sum,
            pair,
        };
        kept.add(&exchange.bytes);
        kept
    }

    fn held_bytes(&self) -> usize {
        self.first.len() + self.rest.len()
    }

    /// More of it has come.
    fn add(&mut self, bytes: &[u8]) {
        if self.rest.is_empty() {
            self.first.extend_from_slice(bytes);
            if self.first.len() <= 2 * END_BYTES_MAX {
                return;
            }
            self.rest = self.first.split_off(END_BYTES_MAX);
        } else {
            self.rest.extend_from_slice(bytes);
        }
        let over = self.rest.len().saturating_sub(END_BYTES_MAX);
        self.rest.drain(..over);
        self.gap_bytes += over;
    }

    /// All there is to say about it, in JSON. `asked` is what it answers.
    pub fn json(&self, asked: Option<&Kept>, language: Language) -> String {
        let mut context = self.context.clone();
        let (mut fields, _) = dissect(&self.first, &mut context);
        context.skip(self.gap_bytes as u64);
        let (rest, _) = dissect(&self.rest, &mut context);
        let key = [Some(self), asked].into_iter().flatten().find_map(Kept::websocket_key);
        fields.truncate(FIELDS_MAX);
        let moved = 8 * (self.first.len() + self.gap_bytes);
        let said = |fields: &[Field], bytes: &[u8], moved: usize, parents: usize| -> Vec<String> {
            fields.iter().map(|field| json(field, bytes, moved, parents, language)).collect()
        };
        let mut all = said(&fields, &self.first, 0, 0);
        let most = FIELDS_MAX - all.len();
        all.extend(said(&rest[..rest.len().min(most)], &self.rest, moved, fields.len()));
        let verdict = self.verdict.as_ref().filter(|verdict| **verdict != Verdict::NotRead);
        let verdict = verdict.map_or(String::new(), |verdict| verdict.sentence(language));
        let sum = self.sum.told(language);
        let from = if self.from == Side::Client { "client" } else { "server" };
        let worked = key.map(|key| {
            let steps = [&*key, GUID, &accept_key(&key)].map(quoted);
            object(&["key", "guid", "accept"].into_iter().zip(steps).collect::<Vec<_>>())
        });
        object(&[
            ("row", self.row.to_string()),
            ("connection", self.connection.to_string()),
            ("from", quoted(from)),
            ("at", self.began.as_millis().to_string()),
            ("pair", self.pair.unwrap_or(0).to_string()),
            ("first", quoted(&hex(&self.first))),
            ("gap", self.gap_bytes.to_string()),
            ("rest", quoted(&hex(&self.rest))),
            ("verdict", quoted(&verdict)),
            ("sum", quoted(&sum)),
            ("handshake", or_null(worked)),
            ("fields", array(all, |field| field)),
        ])
    }

    /// The key of a handshake, if this is the request that has it.
    fn websocket_key(&self) -> Option<String> {
        let (fields, _) = dissect(&self.first, &mut self.context.clone());
        let key = fields.iter().find(|field| field.kind == Kind::WsKey)?;
        Some(value(key, &self.first))
    }
}

/// A field with its place, its words and where to read on. Its bits are `moved` further, and so are
/// the indices of its `parents`.
fn json(field: &Field, bytes: &[u8], moved: usize, parents: usize, language: Language) -> String {
    let kind = field.kind;
    object(&[
        ("kind", quoted(&format!("{kind:?}"))),
        ("start", (field.bits.start + moved).to_string()),
        ("end", (field.bits.end + moved).to_string()),
        ("parent", or_null(field.parent.map(|parent| parent + parents))),
        ("key", quoted(&field.key.map_or(String::new(), |key| hex(&key)))),
        ("value", quoted(&value(field, bytes))),
        ("sentence", quoted(&sentence(field, bytes, language))),
        ("rfc", quoted(kind.rfc())),
        ("mark", quoted(kind.mark().unwrap_or_default())),
        ("fault", kind.is_fault().to_string()),
        ("content", kind.is_content().to_string()),
    ])
}

/// The last exchanges, in the order of their rows.
#[derive(Default)]
pub struct Ring {
    kept: VecDeque<Kept>,
    bytes: usize,
}

impl Ring {
    pub fn push(&mut self, kept: Kept) {
        self.bytes += kept.held_bytes();
        self.kept.push_back(kept);
        self.forget();
    }

    /// More of what is kept under `row` has come.
    pub fn add(&mut self, row: u64, bytes: &[u8]) {
        let Some(at) = self.place(row) else { return };
        let before = self.kept[at].held_bytes();
        self.kept[at].add(bytes);
        self.bytes = self.bytes + self.kept[at].held_bytes() - before;
        self.forget();
    }

    pub fn get(&self, row: u64) -> Option<&Kept> {
        self.place(row).map(|at| &self.kept[at])
    }

    /// What `row` is answered by is `pair`.
    pub fn pair(&mut self, row: u64, pair: u64) {
        if let Some(at) = self.place(row) {
            self.kept[at].pair = Some(pair);
        }
    }

    fn place(&self, row: u64) -> Option<usize> {
        self.kept.binary_search_by_key(&row, |kept| kept.row).ok()
    }

    fn forget(&mut self) {
        while self.kept.len() > ROWS_MAX || self.bytes > RING_BYTES_MAX {
            let Some(oldest) = self.kept.pop_front() else { return };
            self.bytes -= oldest.held_bytes();
        }
    }
}
