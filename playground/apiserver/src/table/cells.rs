//! Cells that many kinds have.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::age;

pub(super) fn name(object: &Value, _: Timestamp) -> Value {
    text_at(object, "/metadata/name", "")
}

pub(super) fn age(object: &Value, now: Timestamp) -> Value {
    json!(age::since(&object["metadata"]["creationTimestamp"], now))
}

pub(super) fn phase(object: &Value, _: Timestamp) -> Value {
    text_at(object, "/status/phase", "")
}

/// The text at a JSON pointer, or what to print where there is none.
pub(super) fn text_at(object: &Value, pointer: &str, absent: &str) -> Value {
    let found = object.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
    json!(found.unwrap_or(absent))
}

/// The whole number at a JSON pointer; an absent one counts as 0.
pub(super) fn number_at(object: &Value, pointer: &str) -> Value {
    json!(object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0))
}

/// How many entries a list or map has.
pub(super) fn count(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.len(),
        Value::Object(fields) => fields.len(),
        _ => 0,
    }
}

/// A number or text as it reads (`3`, `25%`).
pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

pub(super) fn since_or_none(timestamp: &Value, now: Timestamp) -> Value {
    if timestamp.is_null() { json!("<none>") } else { json!(age::since(timestamp, now)) }
}

pub(super) fn config_map_size(map: &Value, _: Timestamp) -> Value {
    json!(count(&map["data"]) + count(&map["binaryData"]))
}

pub(super) fn ready_of_desired(object: &Value, _: Timestamp) -> Value {
    let number = |pointer| number_at(object, pointer);
    json!(format!("{}/{}", number("/status/readyReplicas"), number("/spec/replicas")))
}

pub(super) fn containers(object: &Value, _: Timestamp) -> Value {
    container_part(&object["spec"]["template"]["spec"], "name")
}

pub(super) fn images(object: &Value, _: Timestamp) -> Value {
    container_part(&object["spec"]["template"]["spec"], "image")
}

/// One field of each container of a pod's spec, joined by commas.
pub(super) fn container_part(spec: &Value, part: &str) -> Value {
    let containers = spec["containers"].as_array().into_iter().flatten();
    let parts: Vec<&str> = containers.map(|container| container[part].as_str().unwrap_or_default()).collect();
    json!(parts.join(","))
}

/// The selector of a workload; a ReplicationController's is a plain map.
pub(super) fn selector(object: &Value, _: Timestamp) -> Value {
    let selector = &object["spec"]["selector"];
    let is_plain = selector.as_object().is_some_and(|fields| fields.values().any(Value::is_string));
    if is_plain { labels(selector) } else { label_selector(selector) }
}

/// `a=b,c=d`, or `<none>`.
pub(super) fn labels(labels: &Value) -> Value {
    let pairs: Vec<String> = pairs(labels);
    json!(if pairs.is_empty() { "<none>".to_owned() } else { pairs.join(",") })
}

/// A label selector in the form that `-l` takes.
pub(super) fn label_selector(selector: &Value) -> Value {
    let mut parts = pairs(&selector["matchLabels"]);
    for requirement in selector["matchExpressions"].as_array().into_iter().flatten() {
        let key = requirement["key"].as_str().unwrap_or_default();
        let values: Vec<&str> =
            requirement["values"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let values = values.join(",");
        parts.push(match requirement["operator"].as_str().unwrap_or_default() {
            "In" => format!("{key} in ({values})"),
            "NotIn" => format!("{key} notin ({values})"),
            "Exists" => key.to_owned(),
            _ => format!("!{key}"),
        });
    }
    json!(if parts.is_empty() { "<none>".to_owned() } else { parts.join(",") })
}

fn pairs(labels: &Value) -> Vec<String> {
    let labels = labels.as_object().into_iter().flatten();
    labels.map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect()
}
