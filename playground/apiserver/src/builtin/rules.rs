//! Words and checks that the rules of several kinds share.

use serde_json::{Map, Value};

use super::definitions;
use crate::field_error::FieldError;
use crate::names;

const ABSENT: Value = Value::Null;

/// The value at a dotted path of field names; `null` where there is none.
pub(super) fn at<'a>(object: &'a Value, path: &str) -> &'a Value {
    path.split('.').try_fold(object, |value, name| value.get(name)).unwrap_or(&ABSENT)
}

/// The text of a field; empty where there is none.
pub(super) fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// The items of a list field with their paths.
pub(super) fn items<'a, 'b>(
    object: &'a Value,
    field: &'b str,
    path: &'b str,
) -> impl Iterator<Item = (String, &'a Value)> + use<'a, 'b> {
    let list = object.get(field).and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .enumerate()
        .map(move |(index, item)| (format!("{path}.{field}[{index}]"), item))
}

/// Each item of a list field, to be changed.
pub(super) fn items_mut<'a>(object: &'a mut Value, field: &str) -> impl Iterator<Item = &'a mut Value> {
    object.get_mut(field).and_then(Value::as_array_mut).into_iter().flatten()
}

/// Fills in a field that is missing.
pub(super) fn fill(object: &mut Value, field: &str, value: impl Into<Value>) {
    if let Value::Object(fields) = object {
        fields.entry(field).or_insert_with(|| value.into());
    }
}

/// The object at `field`, made if it is missing; none if something else is there.
pub(super) fn object_at<'a>(object: &'a mut Value, field: &str) -> Option<&'a mut Map<String, Value>> {
    object.as_object_mut()?.entry(field).or_insert_with(|| Value::Object(Map::new())).as_object_mut()
}

/// A fault if the value at `path` is not what it was.
pub(super) fn immutable(new: &Value, old: &Value, path: &str) -> Option<FieldError> {
    let (is, was) = (at(new, path), at(old, path));
    (is != was).then(|| FieldError::invalid(path, is.clone(), "field is immutable"))
}

/// A fault if a field is there and is less than zero.
pub(super) fn not_negative(object: &Value, field: &str, path: &str) -> Option<FieldError> {
    let number = object.get(field)?.as_i64()?;
    (number < 0)
        .then(|| FieldError::invalid(format!("{path}.{field}"), number, "must be greater than or equal to 0"))
}

/// A fault if a field is there and is none of the values allowed.
pub(super) fn one_of(object: &Value, field: &str, path: &str, allowed: &[&str]) -> Option<FieldError> {
    let found = object.get(field)?.as_str()?;
    (!allowed.contains(&found)).then(|| FieldError::not_supported(format!("{path}.{field}"), found, allowed))
}

/// What is wrong with a port number.
pub(super) fn port_fault(port: &Value, path: &str) -> Option<FieldError> {
    let number = port.as_i64().unwrap_or(0);
    (!(1..=65535).contains(&number))
        .then(|| FieldError::invalid(path, number, "must be between 1 and 65535, inclusive"))
}

/// What is wrong with the number or name of a port.
pub(super) fn port_or_name_faults(port: &Value, path: &str) -> Vec<FieldError> {
    match port {
        Value::String(name) => port_name_faults(name, path),
        port => port_fault(port, path).into_iter().collect(),
    }
}

/// What is wrong with the name of a port.
pub(super) fn port_name_faults(name: &str, path: &str) -> Vec<FieldError> {
    let mut faults = Vec::new();
    let mut fault = |detail: &str| faults.push(FieldError::invalid(path, name, detail));
    if name.len() > 15 {
        fault("must be no more than 15 characters");
    }
    if !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-') {
        fault("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
    }
    if !name.bytes().any(|byte| byte.is_ascii_lowercase()) {
        fault("must contain at least one letter (a-z)");
    }
    if name.contains("--") {
        fault("must not contain consecutive hyphens");
    }
    if name.starts_with('-') || name.ends_with('-') {
        fault("must not begin or end with a hyphen");
    }
    faults
}

/// What is wrong with a map of labels (or of what a Service selects).
pub(super) fn label_faults(labels: &Value, path: &str) -> Vec<FieldError> {
    let mut faults = Vec::new();
    for (key, value) in labels.as_object().into_iter().flatten() {
        let key_faults = names::qualified_name_faults(key);
        faults.extend(key_faults.into_iter().map(|fault| FieldError::invalid(path, key.as_str(), fault)));
        let value = value.as_str().unwrap_or_default();
        let value_faults = names::label_value_faults(value);
        faults.extend(value_faults.into_iter().map(|fault| FieldError::invalid(path, value, fault)));
    }
    faults
}

/// What is wrong with a label selector.
pub(super) fn selector_faults(selector: &Value, path: &str) -> Vec<FieldError> {
    let mut faults = label_faults(at(selector, "matchLabels"), &format!("{path}.matchLabels"));
    for (path, requirement) in items(selector, "matchExpressions", path) {
        let has_values = requirement["values"].as_array().is_some_and(|values| !values.is_empty());
        let values = format!("{path}.values");
        match text(requirement, "operator") {
            "In" | "NotIn" if !has_values => {
                let detail = "must be specified when `operator` is 'In' or 'NotIn'";
                faults.push(FieldError::required(values, detail));
            }
            "Exists" | "DoesNotExist" if has_values => {
                let detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
                faults.push(FieldError::forbidden(values, detail));
            }
            "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
            other => {
                let detail = "not a valid selector operator";
                faults.push(FieldError::invalid(format!("{path}.operator"), other, detail));
            }
        }
        let key = text(requirement, "key");
        let key_path = format!("{path}.key");
        let key_faults = names::qualified_name_faults(key);
        faults.extend(key_faults.into_iter().map(|fault| FieldError::invalid(&*key_path, key, fault)));
        for (path, value) in items(requirement, "values", &path) {
            let value = value.as_str().unwrap_or_default();
            let value_faults = names::label_value_faults(value);
            faults.extend(value_faults.into_iter().map(|fault| FieldError::invalid(&*path, value, fault)));
        }
    }
    faults
}

/// Whether a label selector object selects an object with these labels. No selector selects nothing.
pub(super) fn selects(selector: &Value, labels: &Value) -> bool {
    if selector.is_null() {
        return false;
    }
    let wanted = at(selector, "matchLabels").as_object();
    let exact = wanted.into_iter().flatten().all(|(key, value)| labels.get(key) == Some(value));
    exact
        && items(selector, "matchExpressions", "").all(|(_, requirement)| {
            let found = labels.get(text(requirement, "key"));
            let among = || {
                let values = requirement["values"].as_array();
                found.is_some_and(|found| values.is_some_and(|values| values.contains(found)))
            };
            match text(requirement, "operator") {
                "In" => among(),
                "NotIn" => !among(),
                "Exists" => found.is_some(),
                "DoesNotExist" => found.is_none(),
                _ => false,
            }
        })
}

/// Whether a label selector selects everything.
pub(super) fn selects_all(selector: &Value) -> bool {
    let empty = |field: &str| match &selector[field] {
        Value::Object(fields) => fields.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => true,
    };
    selector.is_object() && empty("matchLabels") && empty("matchExpressions")
}

/// The status of a new object: what the API fills in when nobody has reported anything yet.
pub(super) fn fresh_status(object: &mut Value, definition: &str) {
    let mut status = Value::Object(Map::new());
    definitions::node(definition).apply_defaults(&mut status);
    if let Value::Object(fields) = object {
        fields.insert("status".to_owned(), status);
    }
}

/// The status stays as it was: the main path does not change it.
pub(super) fn keep_status(new: &mut Value, old: &Value) {
    if let Value::Object(fields) = new {
        match old.get("status") {
            Some(status) => fields.insert("status".to_owned(), status.clone()),
            None => fields.remove("status"),
        };
    }
}
