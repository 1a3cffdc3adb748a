//! The pod template of a ReplicaSet, without what the controller put into it.

use serde_json::Value;
use verdigris_crds::keys;

use crate::injected::{map_at, remove_anti_affinity, remove_if_empty};

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
    let text =
        annotation.and_then(|all| all.get(keys::EPHEMERAL_METADATA)).and_then(Value::as_str).unwrap_or("{}");
    let injected: Value = serde_json::from_str(text).unwrap_or_default();
    for kind in ["labels", "annotations"] {
        let Some(keys) = injected.get(kind).and_then(Value::as_object) else { continue };
        if let Some(found) = map_at(template, &["metadata", kind]) {
            found.retain(|key, value| keys.get(key) != Some(value));
        }
        remove_if_empty(template, &["metadata"], kind);
    }
}
