//! The CustomResourceDefinitions: that of `Rollout`, made from the types, and those of analyses, whose schemas are written
//! down in [`analysis`].
//!
//! Types, defaults and descriptions come from the structs and their doc comments. On top of that go the rules that a
//! type cannot say ([`rules`]), a schema for the parts that we keep as raw JSON ([`raw`]), and, last, every object
//! is opened: what we do not know is kept by the API server, not pruned.

mod analysis;
mod raw;
mod rules;

pub use analysis::{analysis_run, analysis_template, cluster_analysis_template};
use kube::CustomResourceExt;
use serde_json::{Map, Value, json};

use crate::Rollout;

/// The committed manifest, as `kubectl apply -f` takes it.
pub const ROLLOUT_YAML: &str = include_str!("../yaml/rollouts.argoproj.io.yaml");

/// The same of AnalysisRuns and their templates: a cluster without analyses does not need them.
pub const ANALYSIS_YAMLS: [&str; 3] = [
    include_str!("../yaml/analysisruns.argoproj.io.yaml"),
    include_str!("../yaml/analysistemplates.argoproj.io.yaml"),
    include_str!("../yaml/clusteranalysistemplates.argoproj.io.yaml"),
];

/// The CustomResourceDefinition of `rollouts.argoproj.io`, as JSON.
pub fn rollout() -> Value {
    let mut definition = serde_json::to_value(Rollout::crd()).unwrap_or_default();
    let version = &mut definition["spec"]["versions"][0];
    let root = &mut version["schema"]["openAPIV3Schema"];
    tidy(root);
    for (path, fragment) in raw::fragments().into_iter().chain(rules::fragments()) {
        merge(at(root, path), fragment);
    }
    for part in ["spec", "status"] {
        open(&mut root["properties"][part]);
    }
    definition
}

/// The same as YAML, under a header that says where it comes from.
pub fn rollout_yaml() -> String {
    manifest(&rollout())
}

/// All committed manifests, in the order of [`ROLLOUT_YAML`] and [`ANALYSIS_YAMLS`], by their file's name.
pub fn manifests() -> Vec<(String, String)> {
    let definitions = [rollout(), analysis_run(), analysis_template(), cluster_analysis_template()];
    let named = definitions.iter().map(|definition| {
        let name = definition["metadata"]["name"].as_str().unwrap_or_default();
        (format!("{name}.yaml"), manifest(definition))
    });
    named.collect()
}

fn manifest(definition: &Value) -> String {
    let header =
        "# Made from the types in crds/src. Do not edit: `cargo run -p verdigris-crds --example generate`.\n";
    format!("{header}{}", yaml(definition))
}

/// Plain block YAML. The output of a general writer changes with its version, and this file is compared byte by byte.
fn yaml(value: &Value) -> String {
    let mut out = String::new();
    block(value, 0, &mut out);
    out
}

fn block(value: &Value, indent: usize, out: &mut String) {
    let pad = "  ".repeat(indent);
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, child) in map {
                out.push_str(&format!("{pad}{}:", scalar_key(key)));
                child_block(child, indent, out);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                let mut inner = String::new();
                block(item, indent + 1, &mut inner);
                // The first line of the item follows the dash: "- " is as wide as one level of indentation.
                out.push_str(&format!("{pad}- {}", inner.trim_start()));
            }
        }
        flow => out.push_str(&format!("{pad}{flow}\n")),
    }
}

fn child_block(child: &Value, indent: usize, out: &mut String) {
    match child {
        Value::Object(map) if !map.is_empty() => {
            out.push('\n');
            block(child, indent + 1, out);
        }
        Value::Array(items) if !items.is_empty() => {
            out.push('\n');
            block(child, indent, out);
        }
        // JSON scalars (and empty collections) are YAML too.
        flow => out.push_str(&format!(" {flow}\n")),
    }
}

fn scalar_key(key: &str) -> String {
    let plain = key.starts_with(|first: char| first.is_ascii_alphabetic())
        && key.chars().all(|c| c.is_ascii_alphanumeric() || "-_./$".contains(c));
    if plain { key.to_owned() } else { Value::from(key).to_string() }
}

/// Drops what the derive adds and the peer's schema does not have: `null` is no value of any field, and the writers of
/// status decide what they leave out.
fn tidy(node: &mut Value) {
    match node {
        Value::Object(map) => {
            map.remove("nullable");
            let defaults_to_nothing =
                map.get("default").is_some_and(|default| *default == json!({}) || default.is_null());
            if defaults_to_nothing {
                map.remove("default");
            }
            map.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}

/// The schema of a field. `a.b` is a property of a property, `[]` the items of an array.
fn at<'a>(root: &'a mut Value, path: &str) -> &'a mut Value {
    path.split('.').filter(|name| !name.is_empty()).fold(root, |node, name| match name.strip_suffix("[]") {
        Some(name) => &mut node["properties"][name]["items"],
        None => &mut node["properties"][name],
    })
}

/// Lays `fragment` over `node`, key by key; what `node` has besides (its description above all) stays.
fn merge(node: &mut Value, fragment: Value) {
    match (node, fragment) {
        (Value::Object(map), Value::Object(over)) => {
            for (key, value) in over {
                merge(map.entry(key).or_insert(Value::Null), value);
            }
        }
        (node, fragment) => *node = fragment,
    }
}

/// Makes every object under `node` keep fields that the schema does not name. Maps are open already.
fn open(node: &mut Value) {
    let Value::Object(map) = node else { return };
    let is_map = map.contains_key("additionalProperties");
    if map.get("type").is_some_and(|kind| kind == "object") && !is_map {
        map.insert("x-kubernetes-preserve-unknown-fields".into(), true.into());
    }
    if let Some(Value::Object(properties)) = map.get_mut("properties") {
        properties.values_mut().for_each(open);
    }
    for inner in ["items", "additionalProperties"] {
        if let Some(schema) = map.get_mut(inner) {
            open(schema);
        }
    }
}

/// An object schema with these properties, none of them required.
fn object<const N: usize>(properties: [(&str, Value); N]) -> Value {
    let properties: Map<String, Value> =
        properties.map(|(name, schema)| (name.to_owned(), schema)).into_iter().collect();
    if properties.is_empty() {
        json!({"type": "object"})
    } else {
        json!({"type": "object", "properties": properties})
    }
}

#[cfg(test)]
mod tests;
