//! What the API reference says of fields beside their types, added to the generated type descriptions.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// The facts, one definition or field a line; the head of the first file explains the words.
const FACTS: [&str; 2] = [include_str!("facts.txt"), include_str!("defaults.txt")];

/// Marks a field that the API leaves out when it is empty; ours, never shown to clients.
pub(super) const OMIT_ZERO: &str = "x-omit-zero";

/// Marks a struct that an object has before anything is set in it; ours, never shown to clients.
const ALWAYS_THERE: &str = "x-always-there";

/// Marks a time that is written as `null` when it is not known; ours, never shown to clients.
const NULL_TIME: &str = "x-null-time";

/// Adds the facts to the definitions they speak of.
pub(super) fn add_to(definitions: &mut BTreeMap<String, Value>) {
    let mut definition: Option<&mut Map<String, Value>> = None;
    for line in lines() {
        match line.strip_prefix("  ") {
            None => definition = definitions.get_mut(line).and_then(Value::as_object_mut),
            Some(fact) => {
                let Some(definition) = definition.as_deref_mut() else { continue };
                let mut words = fact.split(' ');
                let field = words.next().unwrap_or_default();
                let node = match field {
                    "." => Some(&mut *definition),
                    field => definition
                        .get_mut("properties")
                        .and_then(|properties| properties.get_mut(field))
                        .and_then(Value::as_object_mut),
                };
                if let Some(node) = node {
                    words.for_each(|word| add(node, word));
                }
            }
        }
    }
    definitions.values_mut().for_each(omit_empty_collections);
}

fn lines() -> impl Iterator<Item = &'static str> {
    FACTS.iter().flat_map(|facts| facts.lines()).filter(|line| !line.starts_with('#'))
}

fn add(node: &mut Map<String, Value>, word: &str) {
    let (name, value) = word.split_once('=').unwrap_or((word, ""));
    let mut set = |key: &str, value: Value| {
        node.insert(key.to_owned(), value);
    };
    match name {
        "list" => match value.split_once(':') {
            Some((list_type, keys)) => {
                set("x-kubernetes-list-type", json!(list_type));
                set("x-kubernetes-list-map-keys", json!(keys.split(',').collect::<Vec<_>>()));
            }
            None => set("x-kubernetes-list-type", json!(value)),
        },
        "map" => set("x-kubernetes-map-type", json!(value)),
        "patch" => set("x-kubernetes-patch-strategy", json!(value)),
        "key" => set("x-kubernetes-patch-merge-key", json!(value)),
        "default" => set("default", serde_json::from_str(value).unwrap_or(Value::Null)),
        "struct" => {
            set("default", json!({}));
            set(ALWAYS_THERE, json!(true));
        }
        "time" => set(NULL_TIME, json!(true)),
        "enum" => set("enum", json!(value.split(',').collect::<Vec<_>>())),
        "zero" => set(OMIT_ZERO, json!(true)),
        _ => {}
    }
}

/// Lists and maps that need not be there are not written when they are empty.
fn omit_empty_collections(definition: &mut Value) {
    let required: Vec<String> = definition["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect();
    let Some(properties) = definition.get_mut("properties").and_then(Value::as_object_mut) else { return };
    for (name, property) in properties {
        let is_collection = property["type"] == "array" || !property["additionalProperties"].is_null();
        // Where nothing is written as `null`, an empty list is something else.
        let or_null = property.get("default") == Some(&Value::Null);
        if is_collection && !or_null && !required.contains(name) {
            property[OMIT_ZERO] = json!(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::lines;
    use crate::builtin::definitions;

    #[test]
    fn every_fact_speaks_of_a_field_that_exists() {
        let definitions = definitions::described();
        let mut name = "";
        let mut missing = Vec::new();
        for line in lines() {
            let Some(fact) = line.strip_prefix("  ") else {
                name = line;
                if !definitions.contains_key(name) {
                    missing.push(name.to_owned());
                }
                continue;
            };
            let field = fact.split(' ').next().unwrap();
            let found =
                definitions.get(name).is_some_and(|d| field == "." || !d["properties"][field].is_null());
            if !found {
                missing.push(format!("{name} {field}"));
            }
        }
        assert_eq!(missing, Vec::<String>::new());
    }
}
