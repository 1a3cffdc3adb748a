//! Checking an object against its schema, with the API server's words.

use serde_json::{Map, Value, json};

use super::{Schema, Type, rules, type_name, uniqueness};
use crate::field_error::{FieldError, FieldErrorKind};

/// Faults reported at most; the rest adds nothing for a reader.
const FAULTS_MAX: usize = 100;

/// The path of faults of which only the words say where they are.
const NOWHERE: &str = "<nil>";

impl Schema {
    /// All faults of `value`, in the order of its fields; empty if it is valid.
    ///
    /// With `old`, what has not changed since is not held against the writer: an object that was stored before
    /// a rule existed can still be edited elsewhere.
    #[must_use]
    pub fn validate(&self, value: &Value, old: Option<&Value>) -> Vec<FieldError> {
        let mut faults = Vec::new();
        check(self, value, old, "", &mut faults);
        faults.truncate(FAULTS_MAX);
        faults
    }

    /// The faults of an object's status alone, which speak of places in it.
    #[must_use]
    pub fn validate_status(&self, value: &Value, old: &Value) -> Vec<FieldError> {
        const STATUS: &str = "status";
        let (Some(node), Some(status)) = (self.properties.get(STATUS), value.get(STATUS)) else {
            return Vec::new();
        };
        let mut faults = Vec::new();
        check(node, status, old.get(STATUS), "", &mut faults);
        faults.truncate(FAULTS_MAX);
        let whole = |fault: FieldError| {
            if fault.path == NOWHERE {
                FieldError { path: STATUS.to_owned(), ..fault }
            } else {
                fault.under(STATUS)
            }
        };
        faults.into_iter().map(whole).collect()
    }

    /// Adds what the definition's own rules (CEL) say, if the other `faults` of the object leave them any sense.
    pub fn ask_rules(&self, value: &Value, old: Option<&Value>, faults: &mut Vec<FieldError>) {
        rules::check(self, value, old, faults);
    }
}

fn check(schema: &Schema, value: &Value, old: Option<&Value>, path: &str, faults: &mut Vec<FieldError>) {
    // Built-in types are checked by the decoder and by the rules of their kinds, which know better.
    let is_built_in = schema.definition.is_some();
    let is_absent = value.is_null() && (schema.nullable || schema.kind.is_none());
    if is_built_in || is_absent || old == Some(value) {
        return;
    }
    if !check_type(schema, value, path, faults) {
        return;
    }
    check_enumeration(schema, value, path, faults);
    match value {
        Value::String(text) => check_text(schema, text, path, faults),
        Value::Number(number) => check_number(schema, number, path, faults),
        Value::Array(items) => check_items(schema, items, old, path, faults),
        Value::Object(fields) => check_fields(schema, fields, old, path, faults),
        Value::Null | Value::Bool(_) => {}
    }
    check_combinations(schema, value, path, faults);
}

/// Whether the type fits; nothing else can be said of a value whose type does not.
fn check_type(schema: &Schema, value: &Value, path: &str, faults: &mut Vec<FieldError>) -> bool {
    let found = type_name(value);
    let (fits, wanted) = if schema.int_or_string {
        (matches!(found, "integer" | "string"), "integer,string")
    } else {
        match schema.kind {
            None => (true, ""),
            Some(Type::Object) => (found == "object", "object"),
            Some(Type::Array) => (found == "array", "array"),
            Some(Type::String) => (found == "string", "string"),
            Some(Type::Integer) => (found == "integer", "integer"),
            Some(Type::Number) => (matches!(found, "integer" | "number"), "number"),
            Some(Type::Boolean) => (found == "boolean", "boolean"),
        }
    };
    let integer_format = schema.format.as_deref().filter(|format| matches!(*format, "int32" | "int64"));
    if let Some(format) = integer_format.filter(|_| !fits && found == "number") {
        let detail = format!("{} must be of type {format}: \"float64\"", in_body(path));
        faults.push(FieldError::type_invalid(path, "float64", detail));
        faults.push(unfit(path, format));
    } else if !fits {
        let detail = format!("{} must be of type {wanted}: {found:?}", in_body(path));
        faults.push(FieldError::type_invalid(path, found, detail));
        if schema.kind == Some(Type::Integer) && found == "number" {
            faults.push(unfit(path, ""));
            // It is a number nevertheless, and looked at as one.
            if let Value::Number(number) = value {
                check_number(schema, number, path, faults);
            }
        }
    }
    fits
}

fn check_enumeration(schema: &Schema, value: &Value, path: &str, faults: &mut Vec<FieldError>) {
    if schema.enumeration.is_empty() || schema.enumeration.contains(value) {
        return;
    }
    let texts: Vec<String> = schema
        .enumeration
        .iter()
        .map(|allowed| allowed.as_str().map_or_else(|| allowed.to_string(), str::to_owned))
        .collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    faults.push(FieldError::not_supported(path, value.clone(), &texts));
}

fn check_text(schema: &Schema, text: &str, path: &str, faults: &mut Vec<FieldError>) {
    let length = text.chars().count() as u64;
    // Of these three one fault is told.
    if let Some(longest) = schema.max_length.filter(|longest| length > *longest) {
        faults.push(FieldError::too_long(path, usize::try_from(longest).unwrap_or(usize::MAX)));
    } else if let Some(shortest) = schema.min_length.filter(|shortest| length < *shortest) {
        let detail = format!("{} should be at least {shortest} chars long", in_body(path));
        faults.push(FieldError::invalid(path, text, detail));
    } else if let Some(pattern) = schema.pattern.as_deref().filter(|pattern| !pattern.matches(text)) {
        let detail = format!("{} should match '{}'", in_body(path), pattern.text());
        faults.push(FieldError::invalid(path, text, detail));
    }
    if let Some(format) = schema.format.as_deref().filter(|format| !fits_format(format, text)) {
        let detail = format!("{} must be of type {format}: {text:?}", in_body(path));
        faults.push(FieldError::type_invalid(path, text, detail));
    }
}

/// Whether a string has the finer type that it should; formats that the API server does not check always fit.
fn fits_format(format: &str, text: &str) -> bool {
    match format {
        "date-time" | "datetime" => text.parse::<jiff::Timestamp>().is_ok(),
        "date" => text.parse::<jiff::civil::Date>().is_ok(),
        "ipv4" => text.parse::<std::net::Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<std::net::Ipv6Addr>().is_ok(),
        "uuid" => {
            let hex = text.bytes().filter(u8::is_ascii_hexdigit).count();
            hex == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
        }
        _ => true,
    }
}

fn check_number(schema: &Schema, number: &serde_json::Number, path: &str, faults: &mut Vec<FieldError>) {
    let Some(float) = number.as_f64() else { return };
    let format = schema.format.as_deref().unwrap_or_default();
    if format == "int32" && !(-2_147_483_648.0..=2_147_483_647.0).contains(&float) {
        faults.push(unfit(path, format));
    }
    let mut fault =
        |text: String| faults.push(FieldError::invalid(path, Value::Number(number.clone()), text));
    if let Some(maximum) = schema.maximum {
        if schema.exclusive_maximum && float >= maximum {
            fault(format!("{} should be less than {maximum}", in_body(path)));
        } else if float > maximum {
            fault(format!("{} should be less than or equal to {maximum}", in_body(path)));
        }
    }
    if let Some(minimum) = schema.minimum {
        if schema.exclusive_minimum && float <= minimum {
            fault(format!("{} should be greater than {minimum}", in_body(path)));
        } else if float < minimum {
            fault(format!("{} should be greater than or equal to {minimum}", in_body(path)));
        }
    }
    if let Some(factor) = schema.multiple_of
        && factor > 0.0
        && (float / factor).fract() != 0.0
    {
        fault(format!("{} should be a multiple of {factor}", in_body(path)));
    }
}

/// A number that its format has no room for; the checker does not say which field it blames, only where it is.
fn unfit(path: &str, format: &str) -> FieldError {
    let format =
        if format.is_empty() { "(default format)".to_owned() } else { format!("with format {format}") };
    let detail = format!("Checked value must be of type integer {format} in {path}");
    FieldError::invalid(NOWHERE, "", detail)
}

fn check_items(
    schema: &Schema,
    items: &[Value],
    old: Option<&Value>,
    path: &str,
    faults: &mut Vec<FieldError>,
) {
    let count = items.len() as u64;
    if let Some(most) = schema.max_items.filter(|most| count > *most) {
        faults.push(FieldError::too_many(path, items.len(), usize::try_from(most).unwrap_or(usize::MAX)));
    }
    if let Some(fewest) = schema.min_items.filter(|fewest| count < *fewest) {
        let detail = format!("{} should have at least {fewest} items", in_body(path));
        faults.push(FieldError::invalid(path, json!(count), detail));
    }
    if let Some(node) = &schema.items {
        for (index, item) in items.iter().enumerate() {
            let old_item = old.and_then(|old| old_item(schema, item, index, old));
            check(node, item, old_item, &format!("{path}[{index}]"), faults);
        }
    }
    uniqueness::check(schema, items, path, faults);
}

/// The item that was there before: the one with the same keys in a list of type map, else none
/// (positions mean nothing in the other lists).
pub(super) fn old_item<'a>(schema: &Schema, item: &Value, index: usize, old: &'a Value) -> Option<&'a Value> {
    let old = old.as_array()?;
    if !schema.is_map_list() {
        return old.get(index).filter(|before| *before == item);
    }
    old.iter().find(|before| schema.list_map_keys.iter().all(|key| before.get(key) == item.get(key)))
}

fn check_fields(
    schema: &Schema,
    fields: &Map<String, Value>,
    old: Option<&Value>,
    path: &str,
    faults: &mut Vec<FieldError>,
) {
    let count = fields.len() as u64;
    if let Some(most) = schema.max_properties.filter(|most| count > *most) {
        faults.push(FieldError::too_many(path, fields.len(), usize::try_from(most).unwrap_or(usize::MAX)));
    }
    if let Some(fewest) = schema.min_properties.filter(|fewest| count < *fewest) {
        let detail = format!("{} should have at least {fewest} properties", in_body(path));
        faults.push(FieldError::invalid(path, Value::Object(fields.clone()), detail));
    }
    for name in &schema.required {
        if !fields.contains_key(name) {
            faults.push(FieldError::new(FieldErrorKind::Required, join(path, name), None, ""));
        }
    }
    for (name, child) in fields {
        if let Some(node) = schema.field(name) {
            check(node, child, old.and_then(|old| old.get(name)), &join(path, name), faults);
        }
    }
}

fn check_combinations(schema: &Schema, value: &Value, path: &str, faults: &mut Vec<FieldError>) {
    let holds = |part: &Schema| {
        let mut inner = Vec::new();
        check(part, value, None, path, &mut inner);
        inner.is_empty()
    };
    for part in &schema.all_of {
        check(part, value, None, path, faults);
    }
    let mut fault = |text: &str| {
        faults.push(FieldError::invalid(path, value.clone(), format!("{} {text}", quoted_path(path))));
    };
    if !schema.any_of.is_empty() && !schema.any_of.iter().any(|part| holds(part)) {
        fault("must validate at least one schema (anyOf)");
    }
    if !schema.one_of.is_empty() {
        match schema.one_of.iter().filter(|part| holds(part)).count() {
            1 => {}
            0 => fault("must validate one and only one schema (oneOf). Found none valid"),
            many => fault(&format!(
                "must validate one and only one schema (oneOf). Found {many} valid alternatives"
            )),
        }
    }
    if let Some(not) = &schema.not
        && holds(not)
    {
        fault("must not validate the schema (not)");
    }
}

fn quoted_path(path: &str) -> String {
    format!("\"{path}\"")
}

/// `spec.replicas in body`: how the checker speaks of a place; the root has no name.
fn in_body(path: &str) -> String {
    format!("{path} in body")
}

pub(super) fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
