//! `promote`: let the newest version go on.

use serde_json::{Value, json};
use verdigris_crds::{Rollout, keys};

use super::{Patch, PatchKind, Plan, Refusal, Target, Who, name, state::State};
use crate::view::{
    Strategy, Version,
    canary::{step_index, steps},
    phase,
};

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Promote {
    /// Without pauses and analysis.
    pub full: bool,
    /// Only if this is still the newest version (the hash that a page showed).
    pub hash: Option<String>,
    /// Only if this is still the newest revision.
    pub revision: Option<u64>,
    /// Canary: only past the step it is at. Deprecated by the peer.
    pub skip_current_step: bool,
    /// Canary: past all steps. Deprecated by the peer.
    pub skip_all_steps: bool,
}

/// Lets the newest version go on.
///
/// Blue-green: the approval is written first, naming the version, and with the resourceVersion that was read, so that a
/// template applied in between makes the request fail instead of being approved unseen. Then the pause is cleared, as
/// the peer does, of that version only. A version that has not got to its pause yet is approved before it gets there: it becomes active as
/// soon as it is fully available, and no other version does.
///
/// # Errors
/// If the controller has not seen the newest spec or cannot act on it, if the version that is meant is not the newest any more, or if the
/// update is aborted.
pub fn promote(
    rollout: &Rollout,
    current: Option<&Version>,
    asked: &Promote,
    who: &Who,
) -> Result<Plan, Refusal> {
    refuse_bad_skips(rollout, asked)?;
    let state = State::of(rollout, current);
    if !state.observed {
        return Err(Refusal::NotObserved { name: name(rollout) });
    }
    if let Some(message) = state.invalid {
        return Err(Refusal::Invalid { message });
    }
    refuse_superseded(rollout, current, asked)?;
    let mut plan = Plan {
        patches: Vec::new(),
        done: format!(
            "rollout '{}' {}",
            name(rollout),
            if asked.full { "fully promoted" } else { "promoted" }
        ),
        notes: Vec::new(),
    };
    if !state.settled {
        if state.aborted && !asked.full {
            return Err(Refusal::Aborted { name: name(rollout) });
        }
        match (Strategy::of(rollout), current) {
            (Strategy::BlueGreen, Some(version)) => blue_green(rollout, version, asked, who, &mut plan),
            _ => plan.patches.extend(canary(rollout, asked).map(|status| status_patch(&status))),
        }
    }
    if plan.patches.is_empty() && !state.paused_by_spec {
        plan.notes.extend(state.why_not_promote());
    }
    if state.paused_by_spec {
        plan.patches.push(Patch::merge(Target::Rollout, json!({"spec": {"paused": false}})));
    }
    Ok(plan)
}

fn blue_green(rollout: &Rollout, version: &Version, asked: &Promote, who: &Who, plan: &mut Plan) {
    plan.patches.push(approval_patch(rollout, version, who));
    if asked.full {
        let full = json!({"op": "add", "path": "/status/promoteFull", "value": true});
        plan.patches.push(status_patch_of(version, &[full]));
    } else if let Some(reason) = pause_reason(rollout) {
        let same = json!({"op": "test", "path": "/status/pauseConditions/0/reason", "value": reason});
        let clear = json!({"op": "remove", "path": "/status/pauseConditions"});
        plan.patches.push(status_patch_of(version, &[same, clear]));
    } else {
        plan.notes.push(format!(
            "revision {} ({}) is approved before its pause: it becomes active as soon as it is fully available",
            version.revision, version.hash
        ));
    }
}

fn approval_patch(rollout: &Rollout, version: &Version, who: &Who) -> Patch {
    let approval = who.approves(version).to_annotation();
    let metadata = json!({
        "resourceVersion": rollout.metadata.resource_version,
        "annotations": {keys::APPROVAL: approval},
    });
    Patch::merge(Target::Rollout, json!({ "metadata": metadata }))
}

fn pause_reason(rollout: &Rollout) -> Option<&str> {
    Some(rollout.status.as_ref()?.pause_conditions.as_ref()?.first()?.reason.as_str())
}

/// What the peer writes into the status, but for this version only. Between our look and this write another template
/// may have been applied, and clearing *its* pause would promote it unseen. It may also be that our approval was enough
/// and the pause is gone. Either way a test fails, and whoever sends this looks again.
fn status_patch_of(version: &Version, changes: &[Value]) -> Patch {
    let mut body = vec![json!({"op": "test", "path": "/status/currentPodHash", "value": version.hash})];
    body.extend_from_slice(changes);
    Patch { kind: PatchKind::Json, target: Target::Status, body: body.into() }
}

/// The fields of `status` that the peer's promote writes.
fn canary(rollout: &Rollout, asked: &Promote) -> Option<Value> {
    let status = rollout.status.clone().unwrap_or_default();
    let canary = rollout.spec.strategy.as_ref().and_then(|strategy| strategy.canary.as_ref());
    let count = canary.map_or(0, |canary| steps(canary).len());
    let next = step_index(&status).map(|index| (index + 1).min(count));
    let inconclusive =
        status.pause_conditions.iter().flatten().any(|pause| pause.reason == "InconclusiveAnalysisRun");
    match () {
        () if asked.full => Some(json!({"promoteFull": true})),
        () if asked.skip_all_steps => Some(json!({"currentStepIndex": count})),
        () if asked.skip_current_step => next.map(|next| json!({"currentStepIndex": next})),
        () if inconclusive && status.controller_pause == Some(true) && next.is_some() => {
            Some(json!({"pauseConditions": null, "controllerPause": false, "currentStepIndex": next}))
        }
        () if phase::is_waiting(&status) => Some(json!({"pauseConditions": null})),
        () => {
            next.filter(|_| count > 0).map(|next| json!({"pauseConditions": null, "currentStepIndex": next}))
        }
    }
}

fn status_patch(status: &Value) -> Patch {
    Patch::merge(Target::Status, json!({ "status": status }))
}

fn refuse_bad_skips(rollout: &Rollout, asked: &Promote) -> Result<(), Refusal> {
    if asked.skip_current_step && asked.skip_all_steps {
        return Err(Refusal::SkipBoth);
    }
    if !asked.skip_current_step && !asked.skip_all_steps {
        return Ok(());
    }
    let strategy = rollout.spec.strategy.as_ref();
    if strategy.is_some_and(|strategy| strategy.blue_green.is_some()) {
        return Err(Refusal::SkipBlueGreen);
    }
    let canary = strategy.and_then(|strategy| strategy.canary.as_ref());
    if canary.is_none_or(|canary| steps(canary).is_empty()) { Err(Refusal::SkipNothing) } else { Ok(()) }
}

fn refuse_superseded(rollout: &Rollout, current: Option<&Version>, asked: &Promote) -> Result<(), Refusal> {
    let Some(current) = current else { return Ok(()) };
    let hash_differs = asked.hash.as_ref().is_some_and(|hash| *hash != current.hash);
    let revision_differs = asked.revision.is_some_and(|revision| revision != current.revision);
    if !hash_differs && !revision_differs {
        return Ok(());
    }
    let meant = match (&asked.revision, &asked.hash) {
        (Some(revision), Some(hash)) => format!("revision {revision} ({hash})"),
        (Some(revision), None) => format!("revision {revision}"),
        (None, hash) => format!("version {}", hash.as_deref().unwrap_or_default()),
    };
    Err(Refusal::Superseded { name: name(rollout), meant, current: current.clone() })
}
