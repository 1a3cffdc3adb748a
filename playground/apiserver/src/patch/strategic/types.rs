//! Whether what a strategic patch has made still fits the types of its kind.

use serde_json::Value;

use crate::{
    field_error::FieldError,
    go_text::plain,
    schema::{Schema, Type},
    status::{ApiError, GroupResource},
};

/// Refuses a patched object with a value of the wrong type. The real server shows the patch, and of its own types more than
/// of the fault.
///
/// # Errors
/// 422 that says which type it did not know what to do with.
pub fn check_types(object: &Value, patch: &Value, schema: &Schema) -> Result<(), ApiError> {
    let Some(why) = mismatch(object, schema) else { return Ok(()) };
    let fault = FieldError::invalid("patch", plain(patch), why);
    Err(ApiError::invalid(GroupResource { group: "", resource: "" }, "", &[fault]))
}

fn mismatch(value: &Value, schema: &Schema) -> Option<String> {
    let free = schema.int_or_string || (schema.format.as_deref() == Some("date-time"));
    match (schema.kind.filter(|_| !free)?, value) {
        (_, Value::Null) | (Type::String, Value::String(_)) | (Type::Boolean, Value::Bool(_)) => None,
        (Type::Integer | Type::Number, Value::Number(_)) => None,
        (Type::Object, Value::Object(fields)) => {
            fields.iter().find_map(|(name, field)| mismatch(field, schema.field(name)?))
        }
        (Type::Array, Value::Array(items)) => {
            let node = schema.items.as_deref()?;
            items.iter().find_map(|item| mismatch(item, node))
        }
        (Type::Object, found) if schema.additional_properties.is_some() => {
            Some(format!("cannot restore map from {}", go_kind(found)))
        }
        (Type::Object, found) => Some(format!("cannot restore struct from: {}", go_kind(found))),
        (Type::Array, Value::String(_)) if schema.format.as_deref() == Some("byte") => None,
        (Type::Array, found) => Some(format!("cannot restore slice from {}", go_kind(found))),
        (Type::String, Value::Number(_)) => Some("cannot convert int64 to string".to_owned()),
        (kind, _) => Some(format!("unrecognized type: {}", go_scalar(kind, schema))),
    }
}

fn go_scalar(kind: Type, schema: &Schema) -> &str {
    match kind {
        Type::Boolean => "bool",
        Type::Integer => schema.format.as_deref().unwrap_or("int64"),
        Type::Number => "float64",
        Type::String | Type::Object | Type::Array => "string",
    }
}

fn go_kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "invalid",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "slice",
        Value::Object(_) => "map",
    }
}
