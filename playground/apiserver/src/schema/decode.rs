//! Whether a value can be read as a built-in type at all: what the real server's JSON decoder refuses with 400
//! before any validation looks at the object.

use std::fmt;

use serde_json::Value;

use super::{Schema, Type};
use crate::builtin::quantity;

/// The first place at which an object does not fit its built-in type, in the decoder's words.
///
/// Displayed as `json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32`:
/// the innermost struct, then the path from the root without list indices and map keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeMismatch {
    message: String,
}

impl fmt::Display for TypeMismatch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl Schema {
    /// What keeps `value` from being read as this (built-in) type; none if it can be read.
    ///
    /// `null` is always readable: it leaves the field out.
    #[must_use]
    pub fn type_mismatch(&self, value: &Value) -> Option<TypeMismatch> {
        let owner = self.go_name().unwrap_or_default();
        decode(self, value, &Place { owner, path: String::new() }).map(|message| TypeMismatch { message })
    }

    /// `Container` for the definition `io.k8s.api.core.v1.Container`.
    pub(crate) fn go_name(&self) -> Option<&str> {
        self.definition.as_deref().and_then(|name| name.rsplit('.').next())
    }

    /// Whether the value is a quantity such as `500m`, which has one canonical form.
    pub(super) fn is_quantity(&self) -> bool {
        self.int_or_string && self.go_name() == Some("Quantity")
    }

    /// The type as the decoder spells it: `int32`, `[]v1.Container`, `map[string]string`.
    fn go_type(&self) -> String {
        match self.kind {
            Some(Type::Boolean) => "bool".to_owned(),
            Some(Type::String) => "string".to_owned(),
            Some(Type::Number) => "float64".to_owned(),
            Some(Type::Integer) => self.format.as_deref().unwrap_or("int64").to_owned(),
            Some(Type::Array) => {
                format!(
                    "[]{}",
                    self.items.as_ref().map_or_else(|| "string".to_owned(), |items| items.go_type())
                )
            }
            Some(Type::Object) | None => match (&self.definition, &self.additional_properties) {
                (Some(name), _) => {
                    let mut parts = name.rsplit('.');
                    let (kind, version) =
                        (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
                    format!("{version}.{kind}")
                }
                (None, Some(values)) => format!("map[string]{}", values.go_type()),
                (None, None) => "map[string]interface {}".to_owned(),
            },
        }
    }
}

struct Place<'a> {
    owner: &'a str,
    path: String,
}

fn decode(schema: &Schema, value: &Value, place: &Place<'_>) -> Option<String> {
    if value.is_null() {
        return None;
    }
    if schema.is_quantity() {
        return match value {
            Value::String(text) => quantity::parse(text).err().map(|error| error.to_string()),
            Value::Number(_) => None,
            _ => Some(quantity::QuantityError::Format.to_string()),
        };
    }
    if schema.int_or_string {
        let fits = value.is_string() || value.as_i64().is_some();
        return (!fits).then(|| cannot(value, place, "int32"));
    }
    match (schema.kind, value) {
        (None, _) => None,
        (Some(Type::Boolean), Value::Bool(_)) | (Some(Type::Number), Value::Number(_)) => None,
        (Some(Type::Integer), Value::Number(number)) => {
            let fits = match (schema.format.as_deref(), number.as_i64()) {
                (Some("int32"), Some(number)) => i32::try_from(number).is_ok(),
                (_, number) => number.is_some(),
            };
            (!fits).then(|| cannot_number(number, place, &schema.go_type()))
        }
        (Some(Type::String), Value::String(text)) => decode_text(schema, text),
        (Some(Type::Array), Value::Array(items)) => {
            let node = schema.items.as_ref()?;
            items.iter().find_map(|item| decode(node, item, &place.within(node)))
        }
        (Some(Type::Object), Value::Object(fields)) => fields.iter().find_map(|(name, child)| {
            if let Some(node) = schema.properties.get(name) {
                let dot = if place.path.is_empty() { "" } else { "." };
                let owner = schema.go_name().unwrap_or(place.owner);
                let field = Place { owner, path: format!("{}{dot}{name}", place.path) };
                return decode(node, child, &field);
            }
            let node = schema.additional_properties.as_ref()?;
            decode(node, child, &place.within(node))
        }),
        _ => Some(cannot(value, place, &schema.go_type())),
    }
}

impl<'a> Place<'a> {
    /// An item of a list or a value of a map: same path, and a struct of its own if it is one.
    fn within(&self, node: &'a Schema) -> Place<'a> {
        let is_struct = node.kind == Some(Type::Object);
        let owner = node.go_name().filter(|_| is_struct);
        Place { owner: owner.unwrap_or(self.owner), path: self.path.clone() }
    }
}

/// Strings that carry something finer: times and bytes.
fn decode_text(schema: &Schema, text: &str) -> Option<String> {
    match schema.format.as_deref() {
        Some("date-time") if schema.go_name() == Some("MicroTime") => {
            let precise =
                text.find('.').map(|dot| text[dot + 1..].bytes().take_while(u8::is_ascii_digit).count());
            let readable = text.parse::<jiff::Timestamp>().is_ok();
            let layout = "2006-01-02T15:04:05.000000Z07:00";
            match (readable, precise) {
                (true, Some(6)) => None,
                (true, _) => {
                    let rest = text.get(19..).unwrap_or_default();
                    Some(format!("parsing time {text:?} as {layout:?}: cannot parse {rest:?} as \".000000\""))
                }
                (false, _) => {
                    Some(format!("parsing time {text:?} as {layout:?}: cannot parse {text:?} as \"2006\""))
                }
            }
        }
        Some("date-time") => {
            let readable = text.parse::<jiff::Timestamp>().is_ok();
            let start = text.chars().take(1).all(|c| c.is_ascii_digit());
            let part = if start { "-" } else { "2006" };
            let finer = if schema.go_name() == Some("MicroTime") { ".000000" } else { "" };
            (!readable).then(|| {
                format!(
                    "parsing time {text:?} as \"2006-01-02T15:04:05{finer}Z07:00\": cannot parse {text:?} as {part:?}"
                )
            })
        }
        Some("byte") => {
            let offset = bad_base64_offset(text)?;
            Some(format!("illegal base64 data at input byte {offset}"))
        }
        _ => None,
    }
}

/// Where `text` stops being standard base64 with padding.
fn bad_base64_offset(text: &str) -> Option<usize> {
    let bytes: Vec<(usize, u8)> =
        text.bytes().enumerate().filter(|(_, byte)| !matches!(byte, b'\n' | b'\r')).collect();
    let data =
        bytes.iter().take_while(|(_, byte)| byte.is_ascii_alphanumeric() || b"+/".contains(byte)).count();
    let padding = bytes.len() - data;
    if let Some((offset, _)) = bytes[data..].iter().find(|(_, byte)| *byte != b'=') {
        return Some(*offset);
    }
    let well_padded = bytes.len().is_multiple_of(4) && padding <= 2 && (padding == 0 || data % 4 != 1);
    (!well_padded).then(|| bytes.get(data).map_or(text.len(), |(offset, _)| *offset))
}

fn cannot(value: &Value, place: &Place<'_>, go_type: &str) -> String {
    match value {
        Value::Number(number) => cannot_number(number, place, go_type),
        Value::Bool(_) => cannot_kind("bool", place, go_type),
        other => cannot_kind(super::type_name(other), place, go_type),
    }
}

/// The decoder shows a number only where a number, but another one, was wanted.
fn cannot_number(number: &serde_json::Number, place: &Place<'_>, go_type: &str) -> String {
    if go_type.starts_with("int") {
        return cannot_kind(&format!("number {number}"), place, go_type);
    }
    cannot_kind("number", place, go_type)
}

fn cannot_kind(found: &str, place: &Place<'_>, go_type: &str) -> String {
    let Place { owner, path } = place;
    if path.is_empty() {
        return format!("json: cannot unmarshal {found} into Go value of type {go_type}");
    }
    format!("json: cannot unmarshal {found} into Go struct field {owner}.{path} of type {go_type}")
}
