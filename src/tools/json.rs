//! Arrays of JSON: the chat itself reads objects only.

use crate::wire::json::{Parser, Value};

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
