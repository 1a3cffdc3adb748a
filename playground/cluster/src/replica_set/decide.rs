//! What a ReplicaSet should do, given its pods.

use std::{cmp::Reverse, collections::BTreeMap, sync::Arc, time::Duration};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

use crate::{
    object::{ObjectKey, stamp},
    pod::{available_in, condition, is_active, is_finished, is_ready, node_of, phase},
    selector::contains,
    workload::ReplicaSet,
};

/// How many pods are missing, or which are too many.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Scaling {
    /// As many as wanted.
    Enough,
    /// So many more are to be made.
    Create(usize),
    /// These go, the first first.
    Delete(Vec<ObjectKey>),
}

/// Compares the ReplicaSet's pods with what it wants. A ReplicaSet on its way out does neither.
pub(super) fn scaling(replica_set: &ReplicaSet, pods: &[Arc<Pod>]) -> Scaling {
    if replica_set.metadata.deletion_timestamp.is_some() {
        return Scaling::Enough;
    }
    let wanted = usize::try_from(replica_set.spec.replicas.unwrap_or(1)).unwrap_or(0);
    let mut active: Vec<&Pod> = pods.iter().map(Arc::as_ref).filter(|pod| is_active(pod)).collect();
    match active.len().checked_sub(wanted) {
        None => Scaling::Create(wanted - active.len()),
        Some(0) => Scaling::Enough,
        Some(surplus) => {
            active.sort_by_cached_key(|pod| dispensability(pod));
            Scaling::Delete(active.iter().take(surplus).map(|pod| ObjectKey::of(&pod.metadata)).collect())
        }
    }
}

/// Sorts the most dispensable pod first, in Kubernetes' order: without a node, not running, not ready, cheap by its
/// `pod-deletion-cost` annotation, ready for the shortest time, most restarts, newest. The name settles the rest.
fn dispensability(pod: &Pod) -> impl Ord + use<> {
    let cost: i64 = pod
        .metadata
        .annotations
        .as_ref()
        .and_then(|annotations| annotations.get("controller.kubernetes.io/pod-deletion-cost"))
        .and_then(|cost| cost.parse().ok())
        .unwrap_or(0);
    let running = match phase(pod) {
        "Running" => 2,
        "Unknown" => 1,
        _ => 0,
    };
    let ready_since = condition(pod, "Ready").and_then(|ready| ready.last_transition_time.clone());
    let restarts = pod
        .status
        .iter()
        .flat_map(|status| status.container_statuses.iter().flatten())
        .map(|container| container.restart_count)
        .max();
    (
        node_of(pod).is_some(),
        running,
        is_ready(pod),
        cost,
        Reverse(ready_since),
        Reverse(restarts),
        Reverse(pod.metadata.creation_timestamp.clone()),
        pod.metadata.name.clone(),
    )
}

/// The status that the pods give, and when it may change without any news: when a ready pod becomes available.
pub(super) fn status(
    replica_set: &ReplicaSet,
    pods: &[Arc<Pod>],
    failure: Option<&str>,
    now: Timestamp,
) -> (Value, Option<Duration>) {
    let min_ready_seconds = replica_set.spec.min_ready_seconds.unwrap_or(0);
    let template_labels = template_labels(&replica_set.spec.template);
    let active: Vec<&Pod> = pods.iter().map(Arc::as_ref).filter(|pod| is_active(pod)).collect();
    let labelled = active
        .iter()
        .filter(|pod| pod.metadata.labels.as_ref().is_some_and(|labels| contains(labels, &template_labels)))
        .count();
    let waits: Vec<Duration> =
        active.iter().filter_map(|pod| available_in(pod, min_ready_seconds, now)).collect();
    let available = waits.iter().filter(|wait| wait.is_zero()).count();
    let look_again = waits.iter().filter(|wait| !wait.is_zero()).min().copied();
    let terminating = pods.iter().filter(|pod| !is_finished(pod) && !is_active(pod)).count();
    let status = json!({
        "replicas": active.len(),
        "fullyLabeledReplicas": or_absent(labelled, replica_set.status.fully_labeled_replicas),
        "readyReplicas": or_absent(waits.len(), replica_set.status.ready_replicas),
        "availableReplicas": or_absent(available, replica_set.status.available_replicas),
        "terminatingReplicas": terminating,
        "observedGeneration": replica_set.metadata.generation,
        "conditions": conditions(replica_set, failure, now),
    });
    (status, look_again)
}

/// The API leaves a count of zero out; writing it where it is absent would change nothing, for ever.
fn or_absent(count: usize, current: Option<i32>) -> Value {
    if count == 0 && current.unwrap_or(0) == 0 { Value::Null } else { json!(count) }
}

/// ReplicaFailure stands while pods cannot be made; other conditions stay as they are.
fn conditions(replica_set: &ReplicaSet, failure: Option<&str>, now: Timestamp) -> Value {
    const FAILURE: &str = "ReplicaFailure";
    let current = replica_set.status.conditions.as_deref().unwrap_or_default();
    let mut conditions: Vec<Value> = current
        .iter()
        .filter(|condition| condition.type_ != FAILURE)
        .map(|condition| json!(condition))
        .collect();
    if let Some(message) = failure {
        let since = current
            .iter()
            .find(|condition| condition.type_ == FAILURE)
            .and_then(|condition| condition.last_transition_time.as_ref())
            .map_or(now, |since| since.0);
        conditions.push(json!({
            "type": FAILURE, "status": "True", "reason": "FailedCreate", "message": message,
            "lastTransitionTime": stamp(since),
        }));
    }
    if conditions.is_empty() { Value::Null } else { Value::Array(conditions) }
}

/// The labels that the template gives its pods.
pub(super) fn template_labels(template: &Value) -> BTreeMap<String, String> {
    template
        .pointer("/metadata/labels")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter_map(|(label, value)| Some((label.clone(), value.as_str()?.to_owned())))
        .collect()
}

/// The pod to create: the template's metadata and spec, owned by the ReplicaSet.
pub(super) fn pod(replica_set: &ReplicaSet, suffix: &str) -> Value {
    // Kubernetes cuts the base so that the whole name stays a DNS label.
    const BASE_MAX: usize = 57;
    let name = replica_set.metadata.name.as_deref().unwrap_or_default();
    let base = name.get(..BASE_MAX).unwrap_or(name);
    let template = &replica_set.spec.template;
    let mut metadata = json!({
        "name": format!("{base}-{suffix}"),
        "generateName": format!("{name}-"),
        "ownerReferences": [{
            "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": name, "uid": replica_set.metadata.uid,
            "controller": true, "blockOwnerDeletion": true,
        }],
    });
    for field in ["labels", "annotations", "finalizers"] {
        if let Some(value) = template.pointer(&format!("/metadata/{field}")).filter(|value| !value.is_null())
        {
            metadata[field] = value.clone();
        }
    }
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]})
}

#[cfg(test)]
mod tests;
