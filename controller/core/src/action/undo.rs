//! `undo`: bring the template of an earlier revision back.

use std::cmp::Reverse;

use serde_json::{Value, json};
use verdigris_crds::{Rollout, keys};

use super::{Patch, PatchKind, Plan, Refusal, Target, Who, WorkloadRef, name, state::State, template};
use crate::formerly_stable;
use crate::view::{Strategy, Version};

/// What is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Undo {
    /// The revision to go back to; `None` is the one before the newest.
    pub to_revision: Option<u64>,
    /// Approve it in the same request, so that it becomes active without a pause. Ours.
    pub now: bool,
}

/// A revision that one can go back to: its ReplicaSet, with the template as raw JSON, so that fields newer than our
/// types survive.
#[derive(Clone, Debug, PartialEq)]
pub struct Past {
    /// Name of the ReplicaSet.
    pub name: String,
    /// Its revision and hash.
    pub version: Version,
    /// `spec.template` as a user would have written it.
    pub template: Value,
    /// `status.availableReplicas`.
    pub available: i64,
    /// It was promoted once and has kept its pods since, so that going back to it needs no second approval.
    pub warm: bool,
}

impl Past {
    /// Reads a ReplicaSet as the API server holds it; `None` if the Rollout does not control it.
    #[must_use]
    pub fn of(rollout: &Rollout, replica_set: &Value) -> Option<Self> {
        let uid = rollout.metadata.uid.as_deref()?;
        let metadata = replica_set.get("metadata")?;
        let owners = metadata.get("ownerReferences")?.as_array()?;
        let controls = |owner: &Value| {
            owner.get("controller") == Some(&Value::Bool(true))
                && owner.get("uid").and_then(Value::as_str) == Some(uid)
        };
        if !owners.iter().any(controls) {
            return None;
        }
        let annotation = |key: &str| metadata.get("annotations")?.get(key)?.as_str();
        let revision = annotation(keys::REVISION);
        let available = replica_set.pointer("/status/availableReplicas").and_then(Value::as_i64);
        let available = available.unwrap_or_default();
        let revision = revision.and_then(|revision| revision.parse().ok()).unwrap_or_default();
        let note = annotation(keys::FORMERLY_STABLE);
        let was_stable = note.is_some_and(|note| formerly_stable::holds(note, revision));
        Some(Self {
            name: metadata.get("name")?.as_str()?.to_owned(),
            version: Version {
                hash: metadata.get("labels")?.get(keys::POD_TEMPLATE_HASH)?.as_str()?.to_owned(),
                revision,
            },
            template: template::as_written(replica_set)?,
            warm: was_stable && available >= i64::from(rollout.spec.replicas.unwrap_or(1)),
            available,
        })
    }
}

/// Brings the template of an earlier revision back. That ReplicaSet becomes the newest revision; with `now` it is
/// approved in the same request.
///
/// # Errors
/// If there is no such revision, or if `now` is asked of a Rollout that it does not fit.
pub fn undo(rollout: &Rollout, past: &[Past], asked: Undo, who: &Who) -> Result<Plan, Refusal> {
    let target = find(rollout, past, asked.to_revision)?;
    let status = rollout.status.clone().unwrap_or_default();
    let is_current = status.current_pod_hash.as_deref() == Some(&target.version.hash);
    if is_current && State::of(rollout, None).observed {
        let revision = target.version.revision;
        let done = format!("skipped rollback (current template already matches revision {revision})");
        return Ok(Plan { patches: Vec::new(), done, notes: Vec::new() });
    }
    let done = format!("rollout '{}' undo", name(rollout));
    if let Some(workload) = &rollout.spec.workload_ref {
        if asked.now {
            return Err(Refusal::NowNeedsTemplate { name: name(rollout) });
        }
        return Ok(Plan::one(workload_patch(rollout, workload, target)?, done));
    }
    if !asked.now {
        let body = json!([{"op": "replace", "path": "/spec/template", "value": target.template}]);
        let revision = target.version.revision;
        let note =
            format!("revision {revision} is still warm and was promoted before: it becomes active at once");
        let plan = Plan::one(Patch { kind: PatchKind::Json, target: Target::Rollout, body }, done);
        return Ok(plan.note(target.warm.then_some(note)));
    }
    if Strategy::of(rollout) != Strategy::BlueGreen {
        return Err(Refusal::NowNeedsBlueGreen { name: name(rollout) });
    }
    let newest = past.iter().map(|past| past.version.revision).max().unwrap_or_default();
    let next = Version { hash: target.version.hash.clone(), revision: newest + 1 };
    let plan = Plan::one(now_patch(rollout, target, &next, who), done);
    Ok(plan.note(Some(what_happens(rollout, target, &next))))
}

fn find<'a>(rollout: &Rollout, past: &'a [Past], revision: Option<u64>) -> Result<&'a Past, Refusal> {
    let mut newest_first: Vec<&Past> = past.iter().collect();
    newest_first.sort_by_key(|past| Reverse(past.version.revision));
    match revision.filter(|revision| *revision != 0) {
        None => newest_first.get(1).copied().ok_or_else(|| Refusal::NoHistory { name: name(rollout) }),
        Some(revision) => {
            newest_first.iter().copied().find(|past| past.version.revision == revision).ok_or_else(|| {
                Refusal::NoSuchRevision {
                    revision,
                    known: newest_first.iter().map(|past| past.version.revision).collect(),
                }
            })
        }
    }
}

fn workload_patch(rollout: &Rollout, workload: &Value, target: &Past) -> Result<Patch, Refusal> {
    let field = |key: &str| {
        let value = workload.get(key).and_then(Value::as_str).map(str::to_owned);
        value.ok_or_else(|| Refusal::BadWorkloadRef { name: name(rollout) })
    };
    let workload =
        WorkloadRef { api_version: field("apiVersion")?, kind: field("kind")?, name: field("name")? };
    let path = if workload.kind == "PodTemplate" { "/template" } else { "/spec/template" };
    let body = json!([{"op": "replace", "path": path, "value": target.template}]);
    Ok(Patch { kind: PatchKind::Json, target: Target::Workload(workload), body })
}

/// Template and approval in one request: no moment at which one is there without the other. The generation that was
/// read is tested, since the revision is only right if nobody has applied another template meanwhile.
fn now_patch(rollout: &Rollout, target: &Past, next: &Version, who: &Who) -> Patch {
    let approval = who.approves(next).to_annotation();
    // `/` within a key is written `~1` in a JSON pointer (RFC 6901).
    let approval = if rollout.metadata.annotations.is_some() {
        let path = format!("/metadata/annotations/{}", keys::APPROVAL.replace('/', "~1"));
        json!({"op": "add", "path": path, "value": approval})
    } else {
        json!({"op": "add", "path": "/metadata/annotations", "value": {keys::APPROVAL: approval}})
    };
    let body = json!([
        {"op": "test", "path": "/metadata/generation", "value": rollout.metadata.generation},
        {"op": "replace", "path": "/spec/template", "value": target.template},
        approval,
    ]);
    Patch { kind: PatchKind::Json, target: Target::Rollout, body }
}

fn what_happens(rollout: &Rollout, target: &Past, next: &Version) -> String {
    let from = target.version.revision;
    let to = next.revision;
    if rollout.spec.paused == Some(true) {
        return format!(
            "revision {from} comes back as revision {to}, but spec.paused is true: promote to go on"
        );
    }
    let desired = i64::from(rollout.spec.replicas.unwrap_or(1));
    if target.available >= desired {
        format!("revision {from} is still warm: it becomes active at once, as revision {to}")
    } else {
        let available = target.available;
        format!(
            "revision {from} has {available} of {desired} pods: it becomes active as soon as all are available, as \
             revision {to}"
        )
    }
}
