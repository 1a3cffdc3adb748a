//! Whether a schema is structural: every field has one place and one type, so that objects can be pruned.

use serde_json::Value;

use crate::field_error::FieldError;
use crate::schema::{Pattern, Rules, Schema};

/// Deepest nesting that is looked at; reading the schema refuses what is deeper.
const DEPTH_MAX: u32 = 100;

/// Where a node stands in its schema, which decides what must be said of it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Root,
    Field,
    Items,
}

/// Faults of the schema of a version.
pub(super) fn faults(schema: &Value, path: &str) -> Vec<FieldError> {
    let mut faults = Vec::new();
    if let Err(error) = Schema::parse(schema) {
        faults.push(FieldError::invalid(path, Value::Null, error.to_string()));
        return faults;
    }
    check(schema, path, Place::Root, 0, &mut faults);
    // Defaults mean something only in a schema that is structural.
    if faults.is_empty() {
        check_defaults(schema, path, Place::Root, &mut faults);
    }
    faults
}

fn check(schema: &Value, path: &str, place: Place, depth: u32, faults: &mut Vec<FieldError>) {
    if depth > DEPTH_MAX {
        return;
    }
    let properties = schema["properties"].as_object();
    for (name, child) in properties.into_iter().flatten() {
        // The metadata of the root is the API's own; only its name may be restricted.
        if place == Place::Root && name == "metadata" {
            continue;
        }
        check(child, &format!("{path}.properties[{name}]"), Place::Field, depth + 1, faults);
    }
    check_type(schema, path, place, faults);
    let has_values = !matches!(schema.get("additionalProperties"), None | Some(Value::Bool(false)));
    if properties.is_some_and(|properties| !properties.is_empty()) && has_values {
        let detail = "must not be used together with properties";
        faults.push(FieldError::forbidden(format!("{path}.additionalProperties"), detail));
    }
    if schema["type"] == "array" && !schema["items"].is_object() {
        faults.push(FieldError::required(format!("{path}.items"), "must be specified"));
    }
    if schema["uniqueItems"] == true {
        let detail = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
        faults.push(FieldError::forbidden(format!("{path}.uniqueItems"), detail));
    }
    for keyword in ["$ref", "definitions", "patternProperties", "dependencies", "id", "deprecated"] {
        if schema.get(keyword).is_some() {
            faults.push(FieldError::forbidden(
                format!("{path}.{keyword}"),
                format!("{keyword} is not supported"),
            ));
        }
    }
    if let Some(pattern) = schema["pattern"].as_str().filter(|pattern| !Pattern::new(pattern).is_valid()) {
        let detail = "must be a valid regular expression";
        faults.push(FieldError::invalid(format!("{path}.pattern"), pattern, detail));
    }
    check_list(schema, path, faults);
    check_rules(schema, path, faults);
    if schema["items"].is_object() {
        check(&schema["items"], &format!("{path}.items"), Place::Items, depth + 1, faults);
    }
    if schema["additionalProperties"].is_object() {
        let path = format!("{path}.additionalProperties");
        check(&schema["additionalProperties"], &path, Place::Field, depth + 1, faults);
    }
}

fn check_type(schema: &Value, path: &str, place: Place, faults: &mut Vec<FieldError>) {
    let kind = schema["type"].as_str().unwrap_or_default();
    let any = schema["x-kubernetes-int-or-string"] == true
        || schema["x-kubernetes-preserve-unknown-fields"] == true;
    if kind.is_empty() && !(any && place != Place::Root) {
        let detail = match place {
            Place::Root => "must not be empty at the root",
            Place::Field => "must not be empty for specified object fields",
            Place::Items => "must not be empty for specified array items",
        };
        faults.push(FieldError::required(format!("{path}.type"), detail));
    }
    if place == Place::Root && !kind.is_empty() && kind != "object" {
        faults.push(FieldError::invalid(format!("{path}.type"), kind, "must be object at the root"));
    }
    if schema["x-kubernetes-int-or-string"] == true && !kind.is_empty() {
        let detail = "must be empty if x-kubernetes-int-or-string is true";
        faults.push(FieldError::invalid(format!("{path}.type"), kind, detail));
    }
    if schema["x-kubernetes-embedded-resource"] == true && kind != "object" {
        let detail = "must be object if x-kubernetes-embedded-resource is true";
        faults.push(FieldError::invalid(format!("{path}.type"), kind, detail));
    }
}

fn check_list(schema: &Value, path: &str, faults: &mut Vec<FieldError>) {
    let Some(list_type) = schema["x-kubernetes-list-type"].as_str() else { return };
    let path_of_type = format!("{path}.x-kubernetes-list-type");
    if !matches!(list_type, "atomic" | "set" | "map") {
        faults.push(FieldError::not_supported(path_of_type, list_type, &["atomic", "map", "set"]));
        return;
    }
    if schema["type"] != "array" {
        let found = schema["type"].as_str().unwrap_or_default();
        let detail = "must be array if x-kubernetes-list-type is specified";
        faults.push(FieldError::invalid(format!("{path}.type"), found, detail));
    }
    let keys = schema["x-kubernetes-list-map-keys"].as_array();
    if list_type == "map" {
        let path = format!("{path}.x-kubernetes-list-map-keys");
        if keys.is_none_or(Vec::is_empty) {
            let detail = "must not be empty if x-kubernetes-list-type is map";
            faults.push(FieldError::required(path, detail));
            return;
        }
        for (index, key) in keys.into_iter().flatten().filter_map(Value::as_str).enumerate() {
            if schema["items"]["properties"][key].is_null() {
                let detail = "entries must all be names of item properties";
                faults.push(FieldError::invalid(format!("{path}[{index}]"), key, detail));
            }
        }
    }
}

fn check_rules(schema: &Value, path: &str, faults: &mut Vec<FieldError>) {
    let Some(rules) = schema.get("x-kubernetes-validations") else { return };
    for (index, fault) in Rules::new(rules).faults() {
        let rule = rules[index]["rule"].as_str().unwrap_or_default();
        let path = format!("{path}.x-kubernetes-validations[{index}].rule");
        faults.push(FieldError::invalid(path, rule, format!("compilation failed: {fault}")));
    }
}

/// The defaults of a node and of all below it, each checked against its own node.
fn check_defaults(schema: &Value, path: &str, place: Place, faults: &mut Vec<FieldError>) {
    if let Some(default) = schema.get("default") {
        let path = format!("{path}.default");
        match (place, Schema::parse(schema)) {
            (Place::Root, _) => faults.push(FieldError::forbidden(path, "must not be set at the root")),
            (_, Ok(node)) => faults.extend(default_faults(&node, default, &path)),
            // Unreadable nodes have been refused before.
            (_, Err(_)) => {}
        }
    }
    for (name, child) in schema["properties"].as_object().into_iter().flatten() {
        check_defaults(child, &format!("{path}.properties[{name}]"), Place::Field, faults);
    }
    for (field, place) in [("items", Place::Items), ("additionalProperties", Place::Field)] {
        if schema[field].is_object() {
            check_defaults(&schema[field], &format!("{path}.{field}"), place, faults);
        }
    }
}

fn default_faults(node: &Schema, default: &Value, path: &str) -> Vec<FieldError> {
    let mut filled = default.clone();
    node.apply_defaults(&mut filled);
    let at = |inner: &str| if inner.is_empty() { path.to_owned() } else { format!("{path}.{inner}") };
    let mut faults: Vec<FieldError> = node
        .validate(&filled, None)
        .into_iter()
        .map(|fault| FieldError {
            path: at(&fault.path),
            detail: fault.detail.trim_start().to_owned(),
            ..fault
        })
        .collect();
    faults.extend(
        node.unknown_fields(default).into_iter().map(|unknown| {
            FieldError::invalid(at(&unknown), default.clone(), "must not have unknown fields")
        }),
    );
    faults
}
