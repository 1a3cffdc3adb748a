//! OpenAPI: the descriptions behind `kubectl explain`, `apply` and `diff`, one document per group and version.
//!
//! Documents are large and rarely read, so they are made when they are asked for and not kept.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::builtin::definitions;
use crate::discovery::{DOCUMENTED_VERSION, VERSION};
use crate::resource::{Registry, Resource};

mod paths;
pub(crate) mod protobuf;

#[cfg(test)]
mod tests;

const OBJECT_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

/// `/openapi/v3`: where the document of each group and version is, with a hash by which clients know whether
/// the one they have kept is still good.
#[must_use]
pub fn index(registry: &Registry) -> Value {
    let mut paths = Map::new();
    for (group, versions) in registry.groups() {
        for version in versions {
            let path =
                if group.is_empty() { format!("api/{version}") } else { format!("apis/{group}/{version}") };
            let url = format!("/openapi/v3/{path}?hash={}", hash(registry, group, version));
            paths.insert(path, json!({"serverRelativeURL": url}));
        }
    }
    json!({"paths": paths})
}

/// The document of a group and version; none if nothing is served there.
#[must_use]
pub fn document(registry: &Registry, group: &str, version: &str) -> Option<Value> {
    let resources: Vec<&Resource> = of(registry, group, version).collect();
    if resources.is_empty() {
        return None;
    }
    let mut paths = Map::new();
    resources.iter().for_each(|resource| paths::add(&mut paths, resource));
    Some(json!({
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": DOCUMENTED_VERSION},
        "paths": paths,
        "components": {"schemas": schemas(&resources)},
    }))
}

/// `/openapi/v2`: every definition, without paths. For clients that know no better.
#[must_use]
pub fn document_v2(registry: &Registry) -> Value {
    let resources: Vec<&Resource> = registry.iter().map(AsRef::as_ref).collect();
    let text = Value::Object(schemas(&resources)).to_string();
    let text = text.replace("#/components/schemas/", "#/definitions/");
    let mut definitions: Value = serde_json::from_str(&text).unwrap_or_default();
    to_version_2(&mut definitions);
    json!({
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": DOCUMENTED_VERSION},
        "paths": {},
        "definitions": definitions,
    })
}

/// The same as a protocol buffer, which kubectl reads.
#[must_use]
pub fn document_v2_protobuf(registry: &Registry) -> Vec<u8> {
    protobuf::encode(&document_v2(registry))
}

/// The name of the definition of a resource's kind: `io.k8s.api.apps.v1.Deployment`, or of a custom resource the
/// group's domain turned around, `com.example.v1.Widget`.
pub(crate) fn definition_name(resource: &Resource) -> String {
    if !resource.custom {
        return definitions::definition_name(&resource.group, &resource.version, &resource.kind);
    }
    let domain: Vec<&str> = resource.group.rsplit('.').collect();
    format!("{}.{}.{}", domain.join("."), resource.version, resource.kind)
}

fn of<'a>(registry: &'a Registry, group: &str, version: &str) -> impl Iterator<Item = &'a Resource> {
    registry
        .iter()
        .filter(move |resource| resource.group == group && resource.version == version)
        .map(AsRef::as_ref)
}

/// Changes when the document changes: built-in types change with our version, the others with their definition.
fn hash(registry: &Registry, group: &str, version: &str) -> String {
    let mut digest = Sha256::new();
    digest.update(env!("CARGO_PKG_VERSION"));
    digest.update(VERSION);
    for resource in of(registry, group, version) {
        digest.update(&resource.plural);
        if let Some(described) = &resource.described {
            digest.update(described.to_string());
        }
    }
    digest.finalize().iter().map(|byte| format!("{byte:02X}")).collect()
}

/// The definitions of the resources' kinds and everything they refer to.
fn schemas(resources: &[&Resource]) -> Map<String, Value> {
    let mut all = definitions::described();
    let mut wanted: Vec<String> = vec![OBJECT_META.to_owned()];
    let mut kept = Map::new();
    for resource in resources {
        let name = definition_name(resource);
        let kind = json!([{"group": resource.group, "version": resource.version, "kind": resource.kind}]);
        if resource.custom {
            let mut definition = custom_definition(resource);
            definition["x-kubernetes-group-version-kind"] = kind;
            kept.insert(name, definition);
        } else if let Some(definition) = all.get_mut(&name) {
            definition["x-kubernetes-group-version-kind"] = kind;
            wanted.push(name);
        }
        if resource.scale.is_some() {
            wanted.push("io.k8s.api.autoscaling.v1.Scale".to_owned());
        }
    }
    while let Some(name) = wanted.pop() {
        let Some(mut definition) = all.remove(&name) else { continue };
        let mut references = BTreeSet::new();
        tidy(&mut definition, &mut references);
        special_definition(&name, &mut definition);
        wanted.extend(references);
        kept.insert(name, definition);
    }
    kept
}

/// What a CustomResourceDefinition says, with the fields that every object has.
fn custom_definition(resource: &Resource) -> Value {
    let mut definition = match &resource.described {
        Some(described) => described.as_ref().clone(),
        None => json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true}),
    };
    let fields = [
        (
            "apiVersion",
            json!({"type": "string", "description": "The group and version in which this object is written."}),
        ),
        ("kind", json!({"type": "string", "description": "What sort of object this is."})),
        (
            "metadata",
            json!({"description": "What all objects have: name, namespace, labels, annotations, owners.",
                   "allOf": [{"$ref": format!("#/components/schemas/{OBJECT_META}")}]}),
        ),
    ];
    if definition["properties"].is_null() {
        definition["properties"] = json!({});
    }
    for (field, description) in fields {
        definition["properties"][field] = description;
    }
    definition
}

/// Drops marks of our own, notes references, and moves those that have siblings into `allOf`, where readers of
/// OpenAPI 3.0 expect them.
fn tidy(node: &mut Value, references: &mut BTreeSet<String>) {
    match node {
        Value::Object(fields) => {
            only_required(fields);
            fields.retain(|key, _| !key.starts_with("x-") || key.starts_with("x-kubernetes-"));
            if let Some(reference) = fields.get("$ref").and_then(Value::as_str) {
                references.extend(reference.rsplit('/').next().map(str::to_owned));
                if fields.len() > 1
                    && let Some(reference) = fields.remove("$ref")
                {
                    fields.insert("allOf".to_owned(), json!([{"$ref": reference}]));
                }
                return;
            }
            fields.values_mut().for_each(|child| tidy(child, references));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| tidy(item, references)),
        _ => {}
    }
}

/// Version 2 has no alternatives and lets references have siblings.
fn to_version_2(node: &mut Value) {
    match node {
        Value::Object(fields) => {
            if let Some(reference) = fields.get("allOf").and_then(|all| all.pointer("/0/$ref")).cloned() {
                fields.remove("allOf");
                fields.insert("$ref".to_owned(), reference);
            }
            if fields.remove("oneOf").is_some() && !fields.contains_key("type") {
                fields.insert("type".to_owned(), json!("string"));
            }
            fields.values_mut().for_each(to_version_2);
        }
        Value::Array(items) => items.iter_mut().for_each(to_version_2),
        _ => {}
    }
}

/// A field that may be empty need not be there, though the types it comes from always have it; nor one with a default, but
/// that empty text is kept as empty text is none.
fn only_required(definition: &mut Map<String, Value>) {
    let Some(Value::Array(required)) = definition.get("required") else { return };
    let needed = |name: &&Value| {
        let field = &definition["properties"][name.as_str().unwrap_or_default()];
        let filled_in = field["default"].as_str().is_some_and(|text| !text.is_empty());
        *name != "metadata" && field["x-omit-zero"].is_null() && !filled_in
    };
    let needed: Vec<Value> = required.iter().filter(needed).cloned().collect();
    if needed.is_empty() {
        definition.remove("required");
    } else {
        definition.insert("required".to_owned(), Value::Array(needed));
    }
}

/// What the types do not say: the two types that are more than one JSON type are said in the words that clients know.
fn special_definition(name: &str, definition: &mut Value) {
    let kinds = match name {
        // The one kind whose metadata must be there.
        "io.k8s.api.core.v1.Event" => {
            if let Some(required) = definition["required"].as_array_mut() {
                required.push(json!("metadata"));
            }
            return;
        }
        "io.k8s.apimachinery.pkg.util.intstr.IntOrString" => ["integer", "string"],
        "io.k8s.apimachinery.pkg.api.resource.Quantity" => ["string", "number"],
        _ => return,
    };
    let one_of: Vec<Value> = kinds.iter().map(|kind| json!({"type": kind})).collect();
    if let Value::Object(fields) = definition {
        fields.remove("x-kubernetes-int-or-string");
        fields.insert("oneOf".to_owned(), Value::Array(one_of));
        if kinds[0] == "integer" {
            fields.insert("format".to_owned(), json!("int-or-string"));
        }
    }
}
