//! Lists of type set and map: no item twice.

use serde_json::{Map, Value};

use super::{ListType, Schema};
use crate::field_error::FieldError;

/// Adds a fault for each item of `items` that repeats an earlier one.
pub(super) fn check(schema: &Schema, items: &[Value], path: &str, faults: &mut Vec<FieldError>) {
    let identity: fn(&Schema, &Value) -> Value = match schema.list_type {
        Some(ListType::Set) => |_, item| item.clone(),
        Some(ListType::Map) => keys_of,
        Some(ListType::Atomic) | None => return,
    };
    let mut seen: Vec<Value> = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let identity = identity(schema, item);
        if seen.contains(&identity) {
            faults.push(FieldError::duplicate(format!("{path}[{index}]"), identity.clone()));
        }
        seen.push(identity);
    }
}

fn keys_of(schema: &Schema, item: &Value) -> Value {
    let keys: Map<String, Value> =
        schema.list_map_keys.iter().filter_map(|key| Some((key.clone(), item.get(key)?.clone()))).collect();
    Value::Object(keys)
}
