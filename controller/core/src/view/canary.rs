//! Steps and weights of a canary, as far as the status tells them. Our controller does not act on canaries yet; a
//! cluster may still hold some that another controller looks after.

use serde::Serialize;
use serde_json::Value;
use verdigris_crds::{Rollout, RolloutStatus};

use super::{ReplicaSetView, Tag};

/// Where a canary stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CanaryView {
    /// Steps done and steps in all, `1/4`; `None` if there are no steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// The weight that the steps so far ask for.
    pub set_weight: i64,
    /// The weight that the canary has.
    pub actual_weight: i64,
}

impl CanaryView {
    /// Where it stands; `None` if the strategy is another.
    #[must_use]
    pub fn of(rollout: &Rollout, replica_sets: &[ReplicaSetView]) -> Option<Self> {
        let canary = rollout.spec.strategy.as_ref()?.canary.as_ref()?;
        let status = rollout.status.clone().unwrap_or_default();
        let steps = steps(canary);
        let index = step_index(&status);
        let weight_max =
            canary.pointer("/trafficRouting/maxTrafficWeight").and_then(Value::as_i64).unwrap_or(100);
        let fully_promoted = status.current_pod_hash.is_some() && status.current_pod_hash == status.stable_rs;
        let done = index.is_none_or(|index| index >= steps.len()) || fully_promoted;
        let set_weight = if done {
            weight_max
        } else {
            let so_far = steps.iter().take(index.map_or(0, |index| index + 1)).rev();
            so_far.filter_map(|step| step.get("setWeight")?.as_i64()).next().unwrap_or(0)
        };
        Some(Self {
            step: index.filter(|_| !steps.is_empty()).map(|index| format!("{index}/{}", steps.len())),
            set_weight,
            actual_weight: actual_weight(canary, &status, replica_sets, done, set_weight, weight_max),
        })
    }
}

/// `spec.strategy.canary.steps`.
pub(crate) fn steps(canary: &Value) -> &[Value] {
    canary.get("steps").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// `status.currentStepIndex`.
pub(crate) fn step_index(status: &RolloutStatus) -> Option<usize> {
    status.other.get("currentStepIndex").and_then(Value::as_u64).and_then(|index| usize::try_from(index).ok())
}

/// Whether the version sits behind the ping or the pong Service.
pub(super) fn ping_or_pong(status: &RolloutStatus, is_stable: bool, is_canary: bool) -> Option<Tag> {
    let stable = status.other.get("canary")?.get("stablePingPong")?.as_str()?;
    match (stable, is_stable, is_canary) {
        ("ping", true, _) | ("pong", false, true) => Some(Tag::Ping),
        ("pong", true, _) | ("ping", false, true) => Some(Tag::Pong),
        _ => None,
    }
}

fn actual_weight(
    canary: &Value,
    status: &RolloutStatus,
    replica_sets: &[ReplicaSetView],
    done: bool,
    set_weight: i64,
    weight_max: i64,
) -> i64 {
    let available = i64::from(status.available_replicas.unwrap_or_default());
    if done {
        return weight_max;
    }
    if available == 0 {
        return 0;
    }
    if canary.get("trafficRouting").is_none() {
        // By replicas: 1 of 5 available pods is 20 of 100.
        let canaries = replica_sets.iter().filter(|set| set.has(Tag::Canary));
        return canaries.map(|set| i64::from(set.available)).sum::<i64>() * weight_max / available;
    }
    let weights = status.other.get("canary").and_then(|canary| canary.pointer("/weights/canary/weight"));
    weights.and_then(Value::as_i64).unwrap_or(set_weight)
}
