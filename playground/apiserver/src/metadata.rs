//! Rules that hold for the metadata of every kind.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::{
    field_error::{FieldError, quoted},
    names::{dns_label_faults, label_value_faults, name_faults, name_prefix_faults, qualified_name_faults},
    resource::Resource,
};

/// The finalizer by which dependents are deleted first.
pub const FOREGROUND: &str = "foregroundDeletion";
/// The finalizer by which dependents are left alone.
pub const ORPHAN: &str = "orphan";

const ANNOTATION_BYTES_MAX: usize = 256 << 10;

/// A text field of the metadata; empty if it is absent.
pub fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object["metadata"][field].as_str().unwrap_or_default()
}

/// A number of the metadata; 0 if it is absent.
pub fn number(object: &Value, field: &str) -> i64 {
    object["metadata"][field].as_i64().unwrap_or_default()
}

/// The metadata as a map, made if it is missing.
pub fn map_mut(object: &mut Value) -> &mut Map<String, Value> {
    if !object.is_object() {
        *object = json!({});
    }
    if !object["metadata"].is_object() {
        object["metadata"] = json!({});
    }
    match &mut object["metadata"] {
        Value::Object(fields) => fields,
        // Set to an object three lines above.
        _ => unreachable!("metadata was just made an object"),
    }
}

/// The finalizers, in their order.
pub fn finalizers(object: &Value) -> Vec<&str> {
    object["metadata"]["finalizers"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Whether its deletion has been asked for.
pub fn is_deleting(object: &Value) -> bool {
    object["metadata"]["deletionTimestamp"].is_string()
}

/// Brings the metadata into the form in which it is stored: empty values are absent values.
pub fn tidy(object: &mut Value) {
    let fields = map_mut(object);
    fields.retain(|name, value| match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Object(map) => !map.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Number(_) => !(name == "generation" && value.as_i64() == Some(0)),
        Value::Bool(_) => true,
    });
    fields.remove("selfLink");
    drop_repeated_owners(fields);
}

fn drop_repeated_owners(fields: &mut Map<String, Value>) {
    if let Some(Value::Array(owners)) = fields.get_mut("ownerReferences") {
        let mut seen: Vec<Value> = Vec::new();
        owners.retain(|owner| {
            let new = !seen.contains(owner);
            if new {
                seen.push(owner.clone());
            }
            new
        });
    }
}

/// What is wrong with the metadata of a new or changed object.
pub fn faults(resource: &Resource, object: &Value) -> Vec<FieldError> {
    let mut faults = name_field_faults(resource, object);
    let namespace = text(object, "namespace");
    if resource.namespaced {
        if namespace.is_empty() {
            faults.push(FieldError::required("metadata.namespace", ""));
        }
        faults.extend(
            dns_label_faults(namespace)
                .into_iter()
                .filter(|_| !namespace.is_empty())
                .map(|fault| FieldError::invalid("metadata.namespace", namespace, fault)),
        );
    } else if !namespace.is_empty() {
        faults.push(FieldError::forbidden("metadata.namespace", "not allowed on this type"));
    }
    if number(object, "generation") < 0 {
        faults.push(FieldError::invalid(
            "metadata.generation",
            number(object, "generation"),
            "must be greater than or equal to 0",
        ));
    }
    faults.extend(label_faults(&object["metadata"]["labels"], "metadata.labels"));
    faults.extend(annotation_faults(&object["metadata"]["annotations"], "metadata.annotations"));
    faults.extend(owner_faults(&object["metadata"]["ownerReferences"]));
    faults.extend(finalizer_faults(object));
    faults.extend(short_finalizer_faults(resource, object));
    faults
}

/// Groups whose kinds are checked by the rules that all kinds share and no others, as custom resources are.
const PLAINLY_CHECKED: [&str; 4] =
    ["admissionregistration.k8s.io", "apiextensions.k8s.io", "coordination.k8s.io", "policy"];

/// What the real server warns of where finalizers of custom objects are new: names that another writer may take as well.
pub fn finalizer_warnings(resource: &Resource, object: &Value, old: &Value) -> Vec<String> {
    const STANDARD: [&str; 3] = [FOREGROUND, ORPHAN, "kubernetes"];
    if !resource.custom {
        return Vec::new();
    }
    let before = finalizers(old);
    let fresh: BTreeSet<&str> =
        finalizers(object).into_iter().filter(|name| !before.contains(name)).collect();
    let short = fresh.into_iter().filter(|name| !name.contains('/') && !STANDARD.contains(name));
    let warning = |name: &str| {
        let path = if name.contains('.') { " including a path (/)" } else { "" };
        format!(
            "metadata.finalizers: {}: prefer a domain-qualified finalizer name{path} to avoid accidental conflicts with other finalizer writers",
            quoted(name)
        )
    };
    short.map(warning).collect()
}

/// What the real server warns of where the name of a new object is part of host names, and does not look like one.
pub fn name_warning(resource: &Resource, object: &Value) -> Option<String> {
    let found = match (resource.group.as_str(), resource.kind.as_str()) {
        ("", "Pod") => "the Pod's hostname",
        ("", "ReplicationController")
        | ("apps", "Deployment" | "ReplicaSet")
        | ("batch", "Job" | "CronJob") => "Pod names and hostnames",
        _ => return None,
    };
    let faults = dns_label_faults(text(object, "name"));
    (!faults.is_empty()).then(|| {
        let faults = faults.join(" ");
        format!("metadata.name: this is used in {found}, which can result in surprising behavior; a DNS label is recommended: [{faults}]")
    })
}

/// Built-in kinds take finalizers without a domain only of a few names.
fn short_finalizer_faults(resource: &Resource, object: &Value) -> Vec<FieldError> {
    let plainly = PLAINLY_CHECKED.contains(&resource.group.as_str()) || resource.kind == "Event";
    if resource.custom || plainly {
        return Vec::new();
    }
    let standard = [FOREGROUND, ORPHAN, "kubernetes"];
    let detail = "name is neither a standard finalizer name nor is it fully qualified";
    let found = finalizers(object).into_iter().enumerate();
    found
        .filter(|(_, name)| !name.contains('/') && !standard.contains(name))
        .map(|(index, name)| FieldError::invalid(format!("metadata.finalizers[{index}]"), name, detail))
        .collect()
}

fn name_field_faults(resource: &Resource, object: &Value) -> Vec<FieldError> {
    let rule = resource.strategy.name_rule;
    let (name, prefix) = (text(object, "name"), text(object, "generateName"));
    let mut faults = Vec::new();
    if !prefix.is_empty() {
        faults.extend(
            name_prefix_faults(rule, prefix)
                .into_iter()
                .map(|fault| FieldError::invalid("metadata.generateName", prefix, fault)),
        );
    }
    if name.is_empty() {
        faults.push(FieldError::required("metadata.name", "name or generateName is required"));
    } else {
        faults.extend(
            name_faults(rule, name)
                .into_iter()
                .map(|fault| FieldError::invalid("metadata.name", name, fault)),
        );
    }
    faults
}

/// What is wrong with a map of labels.
pub fn label_faults(labels: &Value, path: &str) -> Vec<FieldError> {
    let mut faults = Vec::new();
    for (key, value) in labels.as_object().into_iter().flatten() {
        let value = value.as_str().unwrap_or_default();
        let wrong_key = qualified_name_faults(key).into_iter().map(|fault| (key.as_str(), fault));
        let wrong_value = label_value_faults(value).into_iter().map(|fault| (value, fault));
        faults.extend(
            wrong_key.chain(wrong_value).map(|(found, fault)| FieldError::invalid(path, found, fault)),
        );
    }
    faults
}

/// What is wrong with a map of annotations.
pub fn annotation_faults(annotations: &Value, path: &str) -> Vec<FieldError> {
    let mut faults = Vec::new();
    let mut bytes = 0;
    for (key, value) in annotations.as_object().into_iter().flatten() {
        bytes += key.len() + value.as_str().unwrap_or_default().len();
        faults.extend(
            qualified_name_faults(&key.to_lowercase())
                .into_iter()
                .map(|fault| FieldError::invalid(path, key.as_str(), fault)),
        );
    }
    if bytes > ANNOTATION_BYTES_MAX {
        faults.push(FieldError::too_long(path, ANNOTATION_BYTES_MAX));
    }
    faults
}

fn owner_faults(owners: &Value) -> Vec<FieldError> {
    let path = "metadata.ownerReferences";
    let mut faults = Vec::new();
    let mut controller: Option<String> = None;
    for owner in owners.as_array().into_iter().flatten() {
        let field = |name: &str| owner[name].as_str().unwrap_or_default();
        if field("apiVersion").is_empty() {
            faults.push(FieldError::invalid(format!("{path}.apiVersion"), "", "version must not be empty"));
        }
        for name in ["kind", "name", "uid"].into_iter().filter(|name| field(name).is_empty()) {
            faults.push(FieldError::invalid(format!("{path}.{name}"), "", "must not be empty"));
        }
        if field("apiVersion") == "v1" && field("kind") == "Event" {
            let banned = "/v1, Kind=Event is disallowed from being an owner";
            faults.push(FieldError::invalid(path, owner.clone(), banned));
        }
        if owner["controller"] == true {
            let this = format!("{}/{}", field("kind"), field("name"));
            match &controller {
                None => controller = Some(this),
                Some(first) => faults.push(FieldError::invalid(
                    path,
                    owners.clone(),
                    format!("Only one reference can have Controller set to true. Found \"true\" in references for {first} and {this}"),
                )),
            }
        }
    }
    faults
}

fn finalizer_faults(object: &Value) -> Vec<FieldError> {
    let path = "metadata.finalizers";
    let found = finalizers(object);
    let mut faults: Vec<FieldError> = found
        .iter()
        .flat_map(|finalizer| {
            qualified_name_faults(finalizer).into_iter().map(move |fault| (finalizer, fault))
        })
        .map(|(finalizer, fault)| FieldError::invalid(path, *finalizer, fault))
        .collect();
    if found.contains(&FOREGROUND) && found.contains(&ORPHAN) {
        let both = format!("finalizer {ORPHAN} and {FOREGROUND} cannot be both set");
        faults.push(FieldError::invalid(path, json!(found), both));
    }
    faults
}

/// What is wrong with a change of the metadata: what never changes, and what may not any more.
pub fn change_faults(object: &Value, old: &Value) -> Vec<FieldError> {
    let mut faults = Vec::new();
    if is_deleting(old) {
        let known: BTreeSet<&str> = finalizers(old).into_iter().collect();
        let new: BTreeSet<&str> =
            finalizers(object).into_iter().filter(|finalizer| !known.contains(finalizer)).collect();
        if !new.is_empty() {
            let listed: Vec<String> = new.into_iter().map(quoted).collect();
            faults.push(FieldError::forbidden(
                "metadata.finalizers",
                format!(
                    "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
                    listed.join(", ")
                ),
            ));
        }
    }
    for field in
        ["name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"]
    {
        let (now, before) = (&object["metadata"][field], &old["metadata"][field]);
        if now != before {
            faults.push(FieldError::invalid(format!("metadata.{field}"), now.clone(), "field is immutable"));
        }
    }
    faults.extend(label_faults(&object["metadata"]["labels"], "metadata.labels"));
    faults.extend(annotation_faults(&object["metadata"]["annotations"], "metadata.annotations"));
    faults.extend(owner_faults(&object["metadata"]["ownerReferences"]));
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_may_not_touch_what_identifies_the_object() {
        let old = json!({"metadata": {"name": "a", "uid": "1"}});
        let new = json!({"metadata": {"name": "a", "uid": "2"}});
        let faults = change_faults(&new, &old);
        assert_eq!(faults[0].to_string(), "metadata.uid: Invalid value: \"2\": field is immutable");
    }

    #[test]
    fn an_object_that_is_being_deleted_takes_no_new_finalizers() {
        let old = json!({"metadata": {"deletionTimestamp": "t", "finalizers": ["a/b"]}});
        let new = json!({"metadata": {"deletionTimestamp": "t", "finalizers": ["a/b", "a/c"]}});
        assert_eq!(
            change_faults(&new, &old)[0].to_string(),
            "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, \
             found new finalizers []string{\"a/c\"}"
        );
    }
}
