//! The phase as clients show it.
//!
//! The controller stores phase and message in the status. A client knows more: whether the status speaks of the newest
//! spec at all. Where nothing is stored (no controller has looked yet) the rules of the stored phase are applied here.

use std::fmt;

use serde::{Serialize, Serializer};
use verdigris_crds::{Rollout, RolloutStatus};

use super::{Icon, ReplicaCounts};
use crate::blue_green::restart::is_pending;

/// In which phase a Rollout is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The newest version is stable and all of its pods are available.
    Healthy,
    /// It failed, was aborted, or its spec is wrong.
    Degraded,
    /// It is on its way.
    Progressing,
    /// It waits for a person or a timer.
    Paused,
    /// A word that we do not know, from a controller newer than us.
    Other(String),
}

impl Phase {
    /// The phase with this name.
    #[must_use]
    pub fn named(name: &str) -> Self {
        match name {
            "Healthy" => Self::Healthy,
            "Degraded" => Self::Degraded,
            "Progressing" => Self::Progressing,
            "Paused" => Self::Paused,
            other => Self::Other(other.into()),
        }
    }

    /// Its name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Healthy => "Healthy",
            Self::Degraded => "Degraded",
            Self::Progressing => "Progressing",
            Self::Paused => "Paused",
            Self::Other(name) => name,
        }
    }

    /// Its icon.
    #[must_use]
    pub fn icon(&self) -> Icon {
        match self {
            Self::Healthy => Icon::Ok,
            Self::Degraded => Icon::Bad,
            Self::Progressing => Icon::Progressing,
            Self::Paused => Icon::Paused,
            Self::Other(name) => match name.as_str() {
                "Error" | "InvalidSpec" => Icon::Warning,
                "Unknown" => Icon::Unknown,
                "ScaledDown" => Icon::Neutral,
                _ => Icon::Blank,
            },
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl Serialize for Phase {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Phase and message of a Rollout, as the peer's clients determine them.
#[must_use]
pub fn phase_and_message(rollout: &Rollout) -> (Phase, String) {
    if !is_observed(rollout) {
        return (Phase::Progressing, "waiting for rollout spec update to be observed".into());
    }
    let none = RolloutStatus::default();
    let status = rollout.status.as_ref().unwrap_or(&none);
    if status.controller_pause == Some(true) && !is_waiting(status) {
        return (Phase::Progressing, "waiting for rollout to unpause".into());
    }
    match status.phase.as_deref() {
        Some(phase) if !phase.is_empty() => (Phase::named(phase), status.message.clone().unwrap_or_default()),
        _ => computed(rollout, status),
    }
}

/// Whether the status speaks of the newest spec.
///
/// As for the peer, an `observedGeneration` that is no number, or is larger than the generation, counts as observed:
/// very old controllers kept a hash there.
#[must_use]
pub fn is_observed(rollout: &Rollout) -> bool {
    let observed =
        rollout.status.as_ref().and_then(|status| status.observed_generation.as_deref()).unwrap_or_default();
    match (observed.parse::<i64>(), rollout.metadata.generation) {
        (Ok(observed), Some(generation)) => observed >= generation,
        _ => true,
    }
}

/// Whether a controller has looked at the newest spec.
pub(crate) fn is_seen(rollout: &Rollout) -> bool {
    let observed = rollout.status.as_ref().and_then(|status| status.observed_generation.as_ref());
    observed.is_some() && is_observed(rollout)
}

/// Whether the controller waits, for whatever reason.
pub(crate) fn is_waiting(status: &RolloutStatus) -> bool {
    status.pause_conditions.as_ref().is_some_and(|pauses| !pauses.is_empty())
}

/// Why the spec cannot be acted on: the message of the condition InvalidSpec, while it is True.
pub(crate) fn why_invalid(status: &RolloutStatus) -> Option<String> {
    let mut conditions = status.conditions.iter().flatten();
    let found =
        conditions.find(|condition| condition.type_ == "InvalidSpec" && condition.status == "True")?;
    Some(found.message.clone())
}

/// What the controller would store; the first rule that applies.
fn computed(rollout: &Rollout, status: &RolloutStatus) -> (Phase, String) {
    for condition in status.conditions.iter().flatten() {
        let degraded = condition.type_ == "InvalidSpec"
            || matches!(condition.reason.as_str(), "RolloutAborted" | "ProgressDeadlineExceeded");
        if degraded {
            return (Phase::Degraded, format!("{}: {}", condition.reason, condition.message));
        }
    }
    if rollout.spec.paused == Some(true) {
        return (Phase::Paused, "manually paused".into());
    }
    if let Some(pause) = status.pause_conditions.iter().flatten().next() {
        return (Phase::Paused, pause.reason.clone());
    }
    let replicas = ReplicaCounts::of(rollout);
    let progressing = |text: &str| (Phase::Progressing, text.to_owned());
    if is_pending(&rollout.spec, status) {
        return progressing("rollout is restarting");
    }
    if replicas.updated < replicas.desired {
        return progressing("more replicas need to be updated");
    }
    if replicas.available < replicas.updated {
        return progressing("updated replicas are still becoming available");
    }
    let current = status.current_pod_hash.as_deref().unwrap_or_default();
    let is_blue_green = super::Strategy::of(rollout) == super::Strategy::BlueGreen;
    let active = status.blue_green.as_ref().and_then(|services| services.active_selector.as_deref());
    if is_blue_green && (active.unwrap_or_default().is_empty() || active != Some(current)) {
        return progressing("active service cutover pending");
    }
    if status.stable_rs.as_deref().unwrap_or_default().is_empty()
        || status.stable_rs.as_deref() != Some(current)
    {
        let text = if is_blue_green {
            "waiting for post-promotion verification to complete"
        } else {
            "waiting for all steps to complete"
        };
        return progressing(text);
    }
    (Phase::Healthy, String::new())
}
