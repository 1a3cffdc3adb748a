//! A Deployment's status and how far its update has come.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::{
    object::{stamp, until},
    workload::{Deployment, ReplicaSet},
};

/// Seconds until an update without progress counts as failed.
const PROGRESS_DEADLINE_DEFAULT: i32 = 600;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Counts {
    replicas: i32,
    updated: i32,
    ready: i32,
    available: i32,
    wanted: i32,
}

/// The status that the ReplicaSets give, and when it may change without any news: at the progress deadline.
pub(super) fn status(
    deployment: &Deployment,
    sets: &[Arc<ReplicaSet>],
    new: Option<&ReplicaSet>,
    unavailable_max: i32,
    now: Timestamp,
) -> (Value, Option<Duration>) {
    let sum = |count: fn(&ReplicaSet) -> i32| sets.iter().map(|set| count(set)).sum();
    let counts = Counts {
        replicas: sum(|set| set.status.replicas),
        updated: new.map_or(0, |new| new.status.replicas),
        ready: sum(|set| set.status.ready_replicas.unwrap_or(0)),
        available: sum(|set| set.status.available_replicas.unwrap_or(0)),
        wanted: sum(|set| set.spec.replicas.unwrap_or(1)),
    };
    let desired = deployment.spec.replicas.unwrap_or(1);
    let enough = counts.available >= desired - unavailable_max;
    let available = if enough {
        ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.".to_owned())
    } else {
        ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.".to_owned())
    };
    let (progressing, look_again) = progressing(deployment, counts, new, desired, now);
    let mut conditions = vec![condition(deployment, "Available", &available, false, now)];
    conditions.extend(progressing);
    let count = |name: &str, count: i32| {
        let current = deployment.status.rest.get(name).and_then(Value::as_i64).unwrap_or(0);
        if count == 0 && current == 0 { Value::Null } else { json!(count) }
    };
    // Not known before every ReplicaSet has said it.
    let terminating: Option<i32> = sets.iter().map(|set| set.status.terminating_replicas).sum();
    let status = json!({
        "observedGeneration": deployment.metadata.generation,
        "replicas": count("replicas", counts.replicas),
        "updatedReplicas": count("updatedReplicas", counts.updated),
        "readyReplicas": count("readyReplicas", counts.ready),
        "availableReplicas": count("availableReplicas", counts.available),
        "unavailableReplicas": count("unavailableReplicas", (counts.wanted - counts.available).max(0)),
        "terminatingReplicas": terminating,
        "conditions": conditions,
    });
    (status, look_again)
}

/// The Progressing condition, if there is a ReplicaSet to speak of, and when its deadline passes.
fn progressing(
    deployment: &Deployment,
    counts: Counts,
    new: Option<&ReplicaSet>,
    desired: i32,
    now: Timestamp,
) -> (Option<Value>, Option<Duration>) {
    const KIND: &str = "Progressing";
    let current = deployment.status.conditions.iter().find(|condition| condition.type_ == KIND);
    let reason = current.and_then(|current| current.reason.as_deref()).unwrap_or_default();
    let say = |status, reason, message: &str, touched| {
        Some(condition(deployment, KIND, &(status, reason, message.to_owned()), touched, now))
    };
    if deployment.spec.paused == Some(true) {
        return (say("Unknown", "DeploymentPaused", "Deployment is paused", false), None);
    }
    let Some(new) = new else { return (current.map(|current| json!(current)), None) };
    let name = new.metadata.name.as_deref().unwrap_or_default();
    let same = current
        .and_then(|current| current.message.as_deref())
        .is_some_and(|message| message.contains(&format!("\"{name}\"")));
    let complete = counts.updated == desired && counts.replicas == desired && counts.available >= desired;
    // Once complete it stays so: pods that fail later are not a failed update.
    let was_complete = same && reason == "NewReplicaSetAvailable" && counts.replicas == counts.updated;
    if complete || was_complete {
        let message = format!("ReplicaSet \"{name}\" has successfully progressed.");
        return (say("True", "NewReplicaSetAvailable", &message, false), None);
    }
    if !same {
        let message = format!("Created new replica set \"{name}\"");
        return (say("True", "NewReplicaSetCreated", &message, true), deadline(deployment, now, now));
    }
    let before = |name: &str| {
        let count = deployment.status.rest.get(name).and_then(Value::as_i64).unwrap_or(0);
        i32::try_from(count).unwrap_or(0)
    };
    let old_before = before("replicas") - before("updatedReplicas");
    let moved = counts.updated > before("updatedReplicas")
        || counts.replicas - counts.updated < old_before
        || counts.ready > before("readyReplicas")
        || counts.available > before("availableReplicas");
    let since = current.and_then(|current| current.last_update_time.as_ref()).map_or(now, |since| since.0);
    let left = deadline(deployment, if moved { now } else { since }, now);
    let was_exceeded = reason == "ProgressDeadlineExceeded" && !moved;
    if was_exceeded || left == Some(Duration::ZERO) {
        let message = format!("ReplicaSet \"{name}\" has timed out progressing.");
        return (say("False", "ProgressDeadlineExceeded", &message, false), None);
    }
    let message = format!("ReplicaSet \"{name}\" is progressing.");
    (say("True", "ReplicaSetUpdated", &message, moved), left)
}

fn deadline(deployment: &Deployment, since: Timestamp, now: Timestamp) -> Option<Duration> {
    let seconds = deployment.spec.progress_deadline_seconds.unwrap_or(PROGRESS_DEADLINE_DEFAULT);
    // Kubernetes' way to say "never".
    if seconds == i32::MAX {
        return None;
    }
    let due = since.checked_add(SignedDuration::from_secs(seconds.into())).ok()?;
    Some(until(due, now))
}

/// A condition. Its transition time changes with its status, its update time with that or its reason, or if `touched`.
fn condition(
    deployment: &Deployment,
    kind: &str,
    wanted: &(&str, &str, String),
    touched: bool,
    now: Timestamp,
) -> Value {
    let (status, reason, message) = wanted;
    let current = deployment.status.conditions.iter().find(|condition| condition.type_ == kind);
    let same_status = current.filter(|current| current.status == *status);
    let same = same_status.filter(|current| current.reason.as_deref() == Some(*reason) && !touched);
    let transition =
        same_status.and_then(|current| current.last_transition_time.as_ref()).map_or(now, |at| at.0);
    let update = same.and_then(|current| current.last_update_time.as_ref()).map_or(now, |at| at.0);
    json!({
        "type": kind, "status": status, "reason": reason, "message": message,
        "lastTransitionTime": stamp(transition), "lastUpdateTime": stamp(update),
    })
}

#[cfg(test)]
mod tests;
