//! The arguments that a Rollout gives: a value, a pod hash, or a field of the Rollout.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Source;
use super::asked::{Argument, AskedArgument};

/// What to do where a field that is not metadata has no value. It may get one later: `status` grows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    IsEmpty,
    IsWrong,
}

/// The arguments with their values.
pub(super) fn of_rollout(
    asked: &[AskedArgument],
    source: Source<'_>,
    missing: Missing,
) -> Result<Vec<Argument>, String> {
    let argument = |asked: &AskedArgument| {
        let value = value(asked, source, missing)?;
        Ok(Argument { name: asked.name.clone(), value: Some(value), ..Argument::default() })
    };
    asked.iter().map(argument).collect()
}

fn value(asked: &AskedArgument, source: Source<'_>, missing: Missing) -> Result<String, String> {
    let Some(from) = &asked.value_from else { return Ok(asked.value.clone()) };
    if let Some(which) = &from.pod_template_hash_value {
        return match which.as_str() {
            "Latest" => Ok(source.latest.to_owned()),
            "Stable" => Ok(source.stable.to_owned()),
            // As by the peer, which takes the plain value then.
            _ => Ok(asked.value.clone()),
        };
    }
    let Some(field) = &from.field_ref else { return Ok(asked.value.clone()) };
    let path = field.field_path.as_str();
    if path.starts_with("metadata") {
        return metadata(source, path);
    }
    let rollout = serde_json::to_value(source.rollout).unwrap_or_default();
    match (at_path(&rollout, path), missing) {
        (Err(_), Missing::IsEmpty) => Ok(String::new()),
        (found, _) => found,
    }
}

/// As the downward API reads metadata: `metadata.name`, `metadata.labels['key']`.
fn metadata(source: Source<'_>, path: &str) -> Result<String, String> {
    let metadata = &source.rollout.metadata;
    let (labels, annotations) = (metadata.labels.as_ref(), metadata.annotations.as_ref());
    if let Some((map, key)) = path.strip_suffix("']").and_then(|path| path.split_once("['")) {
        let of = |map: Option<&BTreeMap<String, String>>| {
            map.and_then(|map| map.get(key)).cloned().unwrap_or_default()
        };
        return match map {
            "metadata.labels" => Ok(of(labels)),
            "metadata.annotations" => Ok(of(annotations)),
            _ => Err(format!("fieldPath \"{path}\" does not support subscript; write {map}")),
        };
    }
    let text = |text: &Option<String>| Ok(text.clone().unwrap_or_default());
    match path {
        "metadata.name" => text(&metadata.name),
        "metadata.namespace" => text(&metadata.namespace),
        "metadata.uid" => text(&metadata.uid),
        "metadata.labels" => Ok(lines(labels)),
        "metadata.annotations" => Ok(lines(annotations)),
        _ => Err(format!(
            "unsupported fieldPath: {path}; write metadata.name, metadata.namespace, metadata.uid, \
             metadata.labels['KEY'] or metadata.annotations['KEY']"
        )),
    }
}

fn lines(map: Option<&BTreeMap<String, String>>) -> String {
    let lines =
        map.into_iter().flatten().map(|(key, value)| format!("{key}={}", Value::from(value.as_str())));
    lines.collect::<Vec<_>>().join("\n")
}

/// A dotted path with `[i]` indexes; it must end in something that is no object and no list.
fn at_path(rollout: &Value, path: &str) -> Result<String, String> {
    let invalid = || format!("invalid path {path} in rollout");
    let mut found = rollout;
    for section in path.split(['.', '[', ']']).filter(|section| !section.is_empty()) {
        found = match found {
            Value::Array(items) => {
                let index: usize = section.parse().map_err(|_| format!("invalid index '{section}'"))?;
                items.get(index).ok_or_else(|| format!("index {index} out of range"))?
            }
            Value::Object(fields) => fields.get(section).unwrap_or(&Value::Null),
            _ => return Err(invalid()),
        };
    }
    match found {
        Value::Null => Err(invalid()),
        Value::Array(_) | Value::Object(_) => {
            Err(format!("path {path} in rollout must terminate in a primitive value"))
        }
        Value::String(text) => Ok(text.clone()),
        Value::Bool(_) | Value::Number(_) => Ok(found.to_string()),
    }
}
