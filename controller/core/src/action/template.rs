//! The pod template of a ReplicaSet, without what the controller put into it.

use serde_json::{Map, Value};
use verdigris_crds::keys;

/// Annotation on ReplicaSets: labels and annotations that the controller put on pods for as long as they play a role.
const EPHEMERAL_METADATA: &str = "rollout.argoproj.io/ephemeral-metadata";

/// `spec.template` of a ReplicaSet as a user would have written it: without the hash label, without labels and
/// annotations of a role (`previewMetadata`, `activeMetadata`) and without the injected anti-affinity.
///
/// The peer takes away the hash label only; the rest would come back as if the user had asked for it, and would make a
/// new ReplicaSet instead of using the old one again.
#[must_use]
pub fn as_written(replica_set: &Value) -> Option<Value> {
    let mut template = replica_set.pointer("/spec/template")?.clone();
    if let Some(labels) = map_at(&mut template, &["metadata", "labels"]) {
        labels.remove(keys::POD_TEMPLATE_HASH);
    }
    if let Some(metadata) = map_at(&mut template, &["metadata"])
        && metadata.get("creationTimestamp") == Some(&Value::Null)
    {
        metadata.remove("creationTimestamp");
    }
    remove_ephemeral_metadata(replica_set, &mut template);
    remove_anti_affinity(&mut template);
    Some(template)
}

fn remove_ephemeral_metadata(replica_set: &Value, template: &mut Value) {
    let annotation = replica_set.get("metadata").and_then(|metadata| metadata.get("annotations"));
    let text = annotation.and_then(|all| all.get(EPHEMERAL_METADATA)).and_then(Value::as_str).unwrap_or("{}");
    let injected: Value = serde_json::from_str(text).unwrap_or_default();
    for kind in ["labels", "annotations"] {
        let Some(keys) = injected.get(kind).and_then(Value::as_object) else { continue };
        if let Some(found) = map_at(template, &["metadata", kind]) {
            found.retain(|key, value| keys.get(key) != Some(value));
        }
        remove_if_empty(template, &["metadata"], kind);
    }
}

/// An injected term is the one that selects by hash: no user can know a hash beforehand.
fn remove_anti_affinity(template: &mut Value) {
    const PATH: [&str; 3] = ["spec", "affinity", "podAntiAffinity"];
    for (list, pointer) in [
        ("requiredDuringSchedulingIgnoredDuringExecution", "/labelSelector/matchExpressions"),
        (
            "preferredDuringSchedulingIgnoredDuringExecution",
            "/podAffinityTerm/labelSelector/matchExpressions",
        ),
    ] {
        let Some(terms) =
            map_at(template, &PATH).and_then(|all| all.get_mut(list)).and_then(Value::as_array_mut)
        else {
            continue;
        };
        terms.retain(|term| {
            let expressions = term.pointer(pointer).and_then(Value::as_array);
            let by_hash = |expression: &Value| {
                expression.get("key").and_then(Value::as_str) == Some(keys::POD_TEMPLATE_HASH)
            };
            !expressions.is_some_and(|expressions| expressions.iter().any(by_hash))
        });
        remove_if_empty(template, &PATH, list);
        remove_if_empty(template, &["spec", "affinity"], "podAntiAffinity");
        remove_if_empty(template, &["spec"], "affinity");
    }
}

fn map_at<'a>(value: &'a mut Value, path: &[&str]) -> Option<&'a mut Map<String, Value>> {
    let mut place = value;
    for key in path {
        place = place.get_mut(*key)?;
    }
    place.as_object_mut()
}

fn remove_if_empty(value: &mut Value, path: &[&str], key: &str) {
    let Some(parent) = map_at(value, path) else { return };
    let empty = match parent.get(key) {
        Some(Value::Array(items)) => items.is_empty(),
        Some(Value::Object(fields)) => fields.is_empty(),
        _ => false,
    };
    if empty {
        parent.remove(key);
    }
}
