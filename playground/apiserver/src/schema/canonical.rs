//! The one form in which values of built-in types are stored: what reading them into a type and writing them
//! out again makes of them.

use serde_json::Value;

use super::{Schema, Type};
use crate::builtin::quantity;

/// Rewrites quantities (`0.5` is `500m`) and times, and leaves out fields that are empty.
///
/// Only definitions of built-in types say which fields those are, so other objects stay as they are.
pub(super) fn rewrite(schema: &Schema, value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, child| {
                !schema.properties.get(name).is_some_and(|node| node.omit_zero && is_zero(child))
            });
            for (name, child) in fields {
                if let Some(node) = schema.field(name) {
                    // A built-in map of texts has no absent values: `null` is the empty text.
                    if child.is_null() && schema.omit_zero && node.kind == Some(Type::String) {
                        *child = Value::String(String::new());
                    }
                    rewrite(node, child);
                }
            }
        }
        Value::Array(items) => {
            let Some(node) = &schema.items else { return };
            items.iter_mut().for_each(|item| rewrite(node, item));
        }
        Value::String(text) if schema.is_quantity() => {
            if let Ok(quantity) = quantity::parse(text) {
                *text = quantity.to_string();
            }
        }
        Value::Number(number) if schema.is_quantity() => {
            if let Ok(quantity) = quantity::parse(&number.to_string()) {
                *value = Value::String(quantity.to_string());
            }
        }
        Value::String(text) if schema.go_name() == Some("Time") => {
            if let Ok(time) = text.parse::<jiff::Timestamp>() {
                *text = time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
            }
        }
        _ => {}
    }
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(yes) => !yes,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    }
}
