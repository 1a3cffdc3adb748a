//! CustomResourceDefinitions: what they must be like, and the resources they define.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::builtin;
use crate::field_error::FieldError;
use crate::resource::{Column, GenerationRule, Resource, ScalePaths, Strategy};
use crate::schema::{Schema, SchemaError, Type};

pub mod names;
mod rules;
mod structural;

#[cfg(test)]
mod tests;

const OBJECT_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

/// What is wrong with a definition.
#[must_use]
pub fn faults(definition: &Value) -> Vec<FieldError> {
    rules::faults(definition)
}

/// The resources that a definition serves, one for each served version.
///
/// A version whose schema cannot be read is left out; [`faults`] refuses such definitions before they are stored.
#[must_use]
pub fn resources(definition: &Value) -> Vec<Resource> {
    let versions = definition["spec"]["versions"].as_array();
    versions
        .into_iter()
        .flatten()
        .filter(|version| version["served"] == true)
        .filter_map(|version| resource(&definition["spec"], version).ok())
        .collect()
}

/// The status of a definition that nobody has looked at yet.
pub fn unsettled() -> Value {
    json!({"acceptedNames": {"kind": "", "plural": ""}, "conditions": null})
}

/// Notes in the status the versions that objects may be stored in.
pub fn note_stored_version(definition: &mut Value) {
    let mut stored = texts(&definition["status"]["storedVersions"]);
    for version in definition["spec"]["versions"].as_array().into_iter().flatten() {
        let name = text(version, "name");
        if version["storage"] == true && !stored.contains(&name) {
            stored.push(name);
        }
    }
    definition["status"]["storedVersions"] = json!(stored);
}

/// Whether a definition's resources are served.
pub fn is_established(definition: &Value) -> bool {
    let conditions = definition["status"]["conditions"].as_array();
    conditions.into_iter().flatten().any(|one| one["type"] == "Established" && one["status"] == "True")
}

/// What is wrong with the numbers of replicas of an object whose definition says where they are.
#[must_use]
pub fn scale_faults(resource: &Resource, object: &Value) -> Vec<FieldError> {
    let Some(paths) = resource.scale.as_ref().filter(|_| resource.custom) else { return Vec::new() };
    let replicas = |path: &str| {
        let mut found = object;
        for step in path.split('.').filter(|step| !step.is_empty()) {
            let shown = match found {
                Value::Object(_) | Value::Null => None,
                Value::Array(_) => Some(("[]".to_owned(), "[]interface {}")),
                Value::String(text) => Some((text.clone(), "string")),
                Value::Bool(yes) => Some((yes.to_string(), "bool")),
                Value::Number(number) if number.is_i64() => Some((number.to_string(), "int64")),
                Value::Number(number) => Some((number.to_string(), "float64")),
            };
            if let Some((value, kind)) = shown {
                let what = format!("{value} is of the type {kind}, expected map[string]interface{{}}");
                return Some(FieldError::invalid(path, 0, format!("{path} accessor error: {what}")));
            }
            found = found.get(step)?;
        }
        let shown = match found {
            Value::Number(number) if number.is_i64() => {
                let count = number.as_i64().filter(|count| *count < 0)?;
                return Some(FieldError::invalid(path, count, "should be a non-negative integer"));
            }
            Value::Number(_) => "float64",
            Value::String(_) => "string",
            Value::Bool(_) => "bool",
            _ => return None,
        };
        let value = found.as_str().map_or_else(|| found.to_string(), str::to_owned);
        let detail = format!("{path} accessor error: {value} is of the type {shown}, expected int64");
        Some(FieldError::invalid(path, 0, detail))
    };
    [&paths.spec_replicas, &paths.status_replicas].into_iter().filter_map(|path| replicas(path)).collect()
}

fn resource(spec: &Value, version: &Value) -> Result<Resource, SchemaError> {
    let names = &spec["names"];
    let described = &version["schema"]["openAPIV3Schema"];
    let keep_unknown = spec["preserveUnknownFields"] == true;
    Ok(Resource {
        group: text(spec, "group"),
        version: text(version, "name"),
        kind: text(names, "kind"),
        list_kind: text(names, "listKind"),
        plural: text(names, "plural"),
        singular: text(names, "singular"),
        short_names: texts(&names["shortNames"]),
        categories: texts(&names["categories"]),
        namespaced: spec["scope"] == "Namespaced",
        status_subresource: version["subresources"]["status"].is_object(),
        scale: scale(&version["subresources"]["scale"]),
        subresources: Vec::new(),
        custom: true,
        schema: Arc::new(schema(described, keep_unknown)?),
        columns: columns(version),
        described: described.is_object().then(|| Arc::new(described.clone())),
        strategy: strategy(),
        view: None,
        asked: false,
        deprecation: deprecation(spec, version),
    })
}

/// The schema of whole objects: what the definition says, and the metadata that every object has.
fn schema(described: &Value, keep_unknown: bool) -> Result<Schema, SchemaError> {
    let mut schema = if described.is_object() { Schema::parse(described)? } else { Schema::anything() };
    schema.preserve_unknown |= keep_unknown;
    add_metadata(&mut schema);
    Ok(schema)
}

/// Gives the root and every embedded resource the fields that all objects have.
fn add_metadata(schema: &mut Schema) {
    let text = Arc::new(Schema { kind: Some(Type::String), ..Schema::default() });
    for field in ["apiVersion", "kind"] {
        schema.properties.insert(field.to_owned(), Arc::clone(&text));
    }
    schema.properties.insert("metadata".to_owned(), builtin::schema(OBJECT_META));
    embed(schema);
}

fn embed(schema: &mut Schema) {
    for (name, child) in &mut schema.properties {
        if name != "metadata" {
            embed_child(child);
        }
    }
    schema.items.iter_mut().chain(schema.additional_properties.iter_mut()).for_each(embed_child);
}

fn embed_child(child: &mut Arc<Schema>) {
    // Nodes that were just read have one owner: nothing is copied.
    let child = Arc::make_mut(child);
    if child.embedded_resource {
        add_metadata(child);
    } else {
        embed(child);
    }
}

fn strategy() -> Strategy {
    Strategy {
        generation: GenerationRule::AllButMetadataAndStatus,
        unconditional_update: false,
        ..Strategy::default()
    }
}

fn scale(source: &Value) -> Option<ScalePaths> {
    source.is_object().then(|| ScalePaths {
        spec_replicas: text(source, "specReplicasPath"),
        status_replicas: text(source, "statusReplicasPath"),
        label_selector: source["labelSelectorPath"].as_str().map(str::to_owned),
    })
}

fn columns(version: &Value) -> Vec<Column> {
    let columns = version["additionalPrinterColumns"].as_array();
    columns
        .into_iter()
        .flatten()
        .map(|column| Column {
            name: text(column, "name"),
            kind: text(column, "type"),
            format: text(column, "format"),
            description: text(column, "description"),
            priority: column["priority"].as_i64().unwrap_or(0),
            json_path: text(column, "jsonPath"),
        })
        .collect()
}

/// What those hear who ask for a version that is to go.
fn deprecation(spec: &Value, version: &Value) -> Option<String> {
    let said = text(version, "deprecationWarning");
    let usual = || {
        let (group, kind) = (text(spec, "group"), text(&spec["names"], "kind"));
        format!("{group}/{} {kind} is deprecated", text(version, "name"))
    };
    (version["deprecated"] == true).then(|| if said.is_empty() { usual() } else { said })
}

fn text(source: &Value, field: &str) -> String {
    source[field].as_str().unwrap_or_default().to_owned()
}

fn texts(source: &Value) -> Vec<String> {
    source.as_array().into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
}
