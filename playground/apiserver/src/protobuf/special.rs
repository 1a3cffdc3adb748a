//! Types whose JSON is not an object of their fields.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::ProtobufError;
use super::wire::{Part, Reader, text};

/// Reads a special type; one that was never set is `null`.
pub(super) fn read(kind: &str, bytes: &[u8]) -> Result<Value, ProtobufError> {
    let mut numbers = [0_i64; 4];
    let mut last: &[u8] = &[];
    for part in Reader::new(bytes) {
        match part? {
            (field @ 0..4, Part::Number(number)) => {
                numbers[usize::try_from(field).unwrap_or(0)] = number.cast_signed();
            }
            (_, Part::Bytes(bytes)) => last = bytes,
            (_, Part::Number(_)) => {}
        }
    }
    let [_, first, second, _] = numbers;
    match kind {
        "Time" | "MicroTime" if bytes.is_empty() => Ok(Value::Null),
        "Time" | "MicroTime" => {
            let nanoseconds = i32::try_from(second).unwrap_or(0);
            let time = Timestamp::new(first, nanoseconds)
                .map_err(|_| ProtobufError::Malformed("a time out of range"))?;
            let form = if kind == "Time" { "%Y-%m-%dT%H:%M:%SZ" } else { "%Y-%m-%dT%H:%M:%S.%6fZ" };
            Ok(Value::String(time.strftime(form).to_string()))
        }
        "Quantity" => Ok(Value::String(text(last)?)),
        // Its first field says which it is: 0 a number, 1 a text.
        "IntOrString" if first == 0 => Ok(json!(second)),
        "IntOrString" => Ok(Value::String(text(last)?)),
        "Duration" => Ok(Value::String(format!("{}s", first / 1_000_000_000))),
        _ if last.is_empty() => Ok(Value::Null),
        _ => serde_json::from_slice(last).map_err(|_| ProtobufError::Malformed("invalid JSON inside")),
    }
}

/// A message that is but a list of texts.
pub(super) fn texts(bytes: &[u8]) -> Result<Value, ProtobufError> {
    let mut list = Vec::new();
    for part in Reader::new(bytes) {
        if let (1, Part::Bytes(item)) = part? {
            list.push(Value::String(text(item)?));
        }
    }
    Ok(Value::Array(list))
}
