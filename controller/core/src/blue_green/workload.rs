//! When the pods of the Deployment go that the Rollout took its template from.
//!
//! The peer scales it down while the Rollout is at its first revision, and never again: a GitOps tool that applies the
//! Deployment anew then leaves two sets of pods for ever. Here it goes whenever it has pods and the Rollout's own
//! version serves: all pods of that version ready, and the active Service's endpoints showing them.

use crate::decision::{Precondition, ScaleWorkload, Write};
use crate::observed::{Fresh, Refusal, ReplicaSetSeen};
use crate::seen::after;
use crate::workload::{Reference, ScaleDown, scale_down};
use jiff::Timestamp;

use super::drain;
use super::plan::{Draft, Pass};
use super::promotion::Promotion;
use super::scale::DEFAULT_DELAY_SECONDS;

/// Takes pods from the referenced Deployment, as far as `spec.workloadRef.scaleDown` says and pods of ours serve.
pub(crate) fn relieve(pass: &Pass<'_>, promotion: &Promotion, draft: &mut Draft) {
    let mode = scale_down(pass.spec);
    let (Some(deployment), Some(reference)) = (pass.observed.deployment(), Reference::of(pass.spec)) else {
        return;
    };
    let have = deployment.replicas.unwrap_or(0);
    // A Service that is being switched just now is looked at again once it is.
    let waits = pass.halted() || draft.active.is_some() || pass.replicas == 0;
    if mode == ScaleDown::Never || have <= 0 || waits || refusal(pass).is_some() {
        return;
    }
    let selected = pass.active.hash();
    let serving = match selected {
        Some(hash) => pass.with_hash(hash),
        // The active Service has no hash yet: it selects the Deployment's pods and ours alike.
        None => pass.current,
    };
    let Some(serving) = serving else { return };
    let serves_alone = selected.is_some()
        && selected == promotion.stable_hash.as_deref()
        && serving.is_fully_available(pass.replicas);
    let left = if serves_alone && has_all_traffic(pass, serving, draft) {
        0
    } else if mode == ScaleDown::Progressively && selected.is_none() {
        pass.replicas.saturating_sub(ready(pass, serving)).clamp(0, have)
    } else {
        have
    };
    if left < have {
        draft.need([Fresh::Workload, Fresh::ActiveEndpoints, Fresh::Pods(serving.name.clone())]);
        draft.need([Fresh::Rollout, Fresh::Services, Fresh::ReplicaSets]);
        draft.shrink.push(Write::ScaleWorkload(ScaleWorkload {
            at: Precondition {
                name: reference.name.to_owned(),
                uid: deployment.uid.clone(),
                resource_version: deployment.resource_version.clone(),
            },
            replicas: left,
        }));
    }
}

/// The API server's refusal to scale the Deployment, where that is what it refused: nothing else waits for it.
pub(crate) fn refusal<'p>(pass: &Pass<'p>) -> Option<&'p Refusal> {
    pass.observed.refusals.iter().find(|refusal| refusal.what.starts_with("scale Deployment "))
}

/// Whether the version's pods are all of the active Service's ready endpoints, by what they show or else by the clock;
/// and have been for as long as any version that was left behind stays, since proxies follow later than endpoints.
fn has_all_traffic(pass: &Pass<'_>, serving: &ReplicaSetSeen, draft: &mut Draft) -> bool {
    let Some(since) = available_since(pass) else { return false };
    let delay = pass.strategy.scale_down_delay_seconds.unwrap_or(DEFAULT_DELAY_SECONDS);
    if !drain::is_past(pass, after(since, i64::from(delay)), draft) {
        return false;
    }
    if let Some((own, others)) = drain::ready_endpoints(pass, serving)
        && own >= pass.replicas
        && others == 0
    {
        return true;
    }
    drain::is_past(pass, after(since, drain::PROOF_TIMEOUT_SECONDS), draft)
}

/// How many of its pods get traffic, as far as both its own status and the endpoints say so.
fn ready(pass: &Pass<'_>, seen: &ReplicaSetSeen) -> i32 {
    let (own, _) = drain::ready_endpoints(pass, seen).unwrap_or_default();
    if seen.status_is_current() && !seen.deleting { own.min(seen.available_replicas) } else { 0 }
}

/// Since when what the active Service selects has had all its pods.
fn available_since(pass: &Pass<'_>) -> Option<Timestamp> {
    let conditions = pass.seen.conditions.iter().flatten();
    let mut available = conditions.filter(|it| it.type_ == "Available" && it.status == "True");
    available.next().map(|condition| condition.last_transition_time.0)
}
