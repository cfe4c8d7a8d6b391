//! JSON beyond what the chat itself needs: arrays are read, and objects and arrays are written.

use crate::wire::json::{Parser, Value, quoted};

/// The elements of the array that is `text`.
pub fn elements(text: &str) -> Result<Vec<Value<'_>>, String> {
    let mut values = Vec::new();
    let mut parser = Parser { text, rest: text };
    parser.need("[", "an array")?;
    parser.items("]", |parser| {
        values.push(parser.value(1)?);
        Ok(())
    })?;
    parser.end(values)
}

/// `{"name":value,…}`; the values are JSON already.
pub fn object(members: &[(&str, String)]) -> String {
    let members = members.iter().map(|(name, value)| format!("{}:{value}", quoted(name)));
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

/// `[value,…]`
pub fn array<T>(values: impl IntoIterator<Item = T>, json: impl Fn(T) -> String) -> String {
    format!("[{}]", values.into_iter().map(json).collect::<Vec<_>>().join(","))
}

pub fn or_null<T: ToString>(value: Option<T>) -> String {
    value.map_or("null".into(), |value| value.to_string())
}
