//! Which ReplicaSet is of which template, and in what order they came.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};

use crate::{
    sync::{fnv1a, spell},
    workload::{Deployment, ReplicaSet},
};

pub(super) const REVISION: &str = "deployment.kubernetes.io/revision";
pub(super) const HISTORY: &str = "deployment.kubernetes.io/revision-history";
pub(super) const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
pub(super) const MAX: &str = "deployment.kubernetes.io/max-replicas";
pub(super) const HASH: &str = "pod-template-hash";
/// Annotations of the Deployment that are not its ReplicaSets'.
const OWN: [&str; 5] = ["kubectl.kubernetes.io/last-applied-configuration", REVISION, HISTORY, DESIRED, MAX];

/// The template as it is compared: without the hash that the controller adds.
fn comparable(template: &Value) -> Value {
    let mut template = template.clone();
    if let Some(metadata) = template.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|_, value| !value.is_null());
        if let Some(labels) = metadata.get_mut("labels").and_then(Value::as_object_mut) {
            labels.remove(HASH);
        }
    }
    template
}

/// The ReplicaSet of the Deployment's template; the oldest, should there be several.
pub(super) fn newest(deployment: &Deployment, sets: &[Arc<ReplicaSet>]) -> Option<Arc<ReplicaSet>> {
    let wanted = comparable(&deployment.spec.template);
    sets.iter()
        .filter(|set| comparable(&set.spec.template) == wanted)
        .min_by_key(|set| (set.metadata.creation_timestamp.clone(), set.metadata.name.clone()))
        .cloned()
}

/// The hash that names the template's ReplicaSet. `collisions` gives another one for the same template.
pub(super) fn hash(template: &Value, collisions: i32) -> String {
    spell(fnv1a(format!("{}{collisions}", comparable(template)).as_bytes()))
}

/// A ReplicaSet's revision; 0 if it has none.
pub(super) fn revision(annotations: Option<&BTreeMap<String, String>>) -> u64 {
    annotations.and_then(|annotations| annotations.get(REVISION)?.parse().ok()).unwrap_or(0)
}

/// The annotations that the ReplicaSet of the present template should have: the Deployment's, its revision, and which
/// revisions it was before.
pub(super) fn annotations(
    deployment: &Deployment,
    new: Option<&ReplicaSet>,
    others: &[Arc<ReplicaSet>],
) -> BTreeMap<String, String> {
    let current = new.and_then(|new| new.metadata.annotations.clone()).unwrap_or_default();
    let mut wanted = current.clone();
    for (name, value) in deployment.metadata.annotations.iter().flatten() {
        if !OWN.contains(&name.as_str()) {
            wanted.insert(name.clone(), value.clone());
        }
    }
    let past = others.iter().map(|set| revision(set.metadata.annotations.as_ref())).max().unwrap_or(0);
    let before = revision(Some(&current));
    if before <= past {
        wanted.insert(REVISION.to_owned(), (past + 1).to_string());
        if before > 0 {
            let history = current.get(HISTORY).map(|history| format!("{history},")).unwrap_or_default();
            wanted.insert(HISTORY.to_owned(), format!("{history}{before}"));
        }
    }
    wanted
}

/// The ReplicaSet to create for the present template.
pub(super) fn replica_set(
    deployment: &Deployment,
    others: &[Arc<ReplicaSet>],
    replicas: i32,
    max: i32,
) -> Value {
    let hash = hash(&deployment.spec.template, deployment.status.collision_count.unwrap_or(0));
    let name = deployment.metadata.name.as_deref().unwrap_or_default();
    let mut template = deployment.spec.template.clone();
    template["metadata"]["labels"][HASH] = json!(hash);
    let mut selector = json!(deployment.spec.selector);
    selector["matchLabels"][HASH] = json!(hash);
    let mut annotations = annotations(deployment, None, others);
    annotations.insert(DESIRED.to_owned(), deployment.spec.replicas.unwrap_or(1).to_string());
    annotations.insert(MAX.to_owned(), max.to_string());
    json!({
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": format!("{name}-{hash}"),
            "labels": template["metadata"]["labels"],
            "annotations": annotations,
            "ownerReferences": [{
                "apiVersion": "apps/v1", "kind": "Deployment", "name": name, "uid": deployment.metadata.uid,
                "controller": true, "blockOwnerDeletion": true,
            }],
        },
        "spec": {
            "replicas": replicas,
            "minReadySeconds": deployment.spec.min_ready_seconds.unwrap_or(0),
            "selector": selector,
            "template": template,
        },
    })
}
