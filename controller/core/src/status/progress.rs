//! The peer's conditions: Progressing, Healthy, Available, Completed, Paused, ReplicaFailure.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use verdigris_crds::RolloutStatus;

use super::conditions::Conditions;
use super::deadline;
use crate::blue_green::plan::{Pass, normal, warning};
use crate::blue_green::promotion::{self, Promotion, Steering};
use crate::decision::Event;

/// Whether the version in question serves all traffic with all its pods.
fn is_healthy(pass: &Pass<'_>, status: &RolloutStatus) -> bool {
    let current = status.current_pod_hash.as_deref();
    let blue_green = status.blue_green.clone().unwrap_or_default();
    current.is_some()
        && blue_green.active_selector.as_deref() == current
        && (pass.preview.is_none() || blue_green.preview_selector.as_deref() == current)
        && status.updated_replicas.unwrap_or(0) == pass.replicas
        && status.available_replicas.unwrap_or(0) == pass.replicas
}

/// Sets the peer's conditions, and aborts by the progress deadline where the spec asks for it. Returns when the
/// deadline will pass.
pub(crate) fn conclude(
    pass: &Pass<'_>,
    steering: &Steering,
    promotion: &Promotion,
    status: &mut RolloutStatus,
    conditions: &mut Conditions,
    events: &mut Vec<Event>,
) -> Option<Timestamp> {
    conditions.remove("InvalidSpec");
    let paused = pass.halted() || status.pause_conditions.is_some();
    let completed = status.stable_rs.is_some() && status.stable_rs == status.current_pod_hash;
    let works = is_healthy(pass, status);
    let healthy = works && !paused;
    let was_healthy = conditions.is_true("Healthy");
    let standing = Standing { pass, steering, paused, completed, works, was_healthy, size: promotion.size };
    let due = standing.progressing(&mut Told { status, conditions, events });
    let stamp = pass.stamp;
    if healthy {
        conditions.set("Healthy", "True", "RolloutHealthy", "Rollout is healthy", stamp);
    } else if conditions.get("Healthy").is_some() {
        conditions.set("Healthy", "False", "RolloutHealthy", "Rollout is not healthy", stamp);
    }
    available(pass, status, conditions);
    let was_completed = conditions.get("Completed").is_none_or(|condition| condition.status == "True");
    let text = "RolloutCompleted";
    conditions.set("Completed", if completed { "True" } else { "False" }, text, text, stamp);
    // A promotion within the pass that began the update skips the status in between, but not its event.
    let superseded = pass.seen.stable_rs.as_deref().is_some_and(|stable| stable != pass.hash);
    if was_completed && superseded && (!completed || pass.transition) {
        let (revision, hash) = (pass.revision, &pass.hash);
        let text = format!("Rollout not completed, started update to revision {revision} ({hash})");
        events.push(normal("RolloutNotCompleted", text));
    }
    // As by the peer, Paused says what it said while an abort is in force.
    if !steering.aborted {
        if paused {
            conditions.set("Paused", "True", "RolloutPaused", "Rollout is paused", stamp);
        } else if conditions.get("Paused").is_some() {
            conditions.set("Paused", "False", "RolloutPaused", "Rollout is paused", stamp);
        }
    }
    replica_failure(pass, conditions);
    due
}

/// Where the pass ends, for the condition Progressing.
struct Standing<'a> {
    pass: &'a Pass<'a>,
    steering: &'a Steering,
    paused: bool,
    completed: bool,
    works: bool,
    was_healthy: bool,
    size: i32,
}

/// What is told of it.
struct Told<'a> {
    status: &'a mut RolloutStatus,
    conditions: &'a mut Conditions,
    events: &'a mut Vec<Event>,
}

impl Standing<'_> {
    fn progressing(&self, told: &mut Told<'_>) -> Option<Timestamp> {
        let Self { pass, steering, .. } = *self;
        let (type_, stamp, name) = ("Progressing", pass.stamp, &pass.current_name);
        let conditions = &mut *told.conditions;
        if steering.aborted {
            let text = format!("Rollout aborted update to revision {}", pass.revision);
            if conditions.set(type_, "False", "RolloutAborted", &text, stamp) {
                told.events.push(warning("RolloutAborted", text));
            }
            deadline::stop(conditions);
            return None;
        }
        if let Some(detail) = steering.analyses.failed() {
            deadline::stop(conditions);
            self.abort(told, detail);
            return None;
        }
        if self.paused && !self.completed {
            deadline::stop(conditions);
            conditions.set(type_, "Unknown", "RolloutPaused", "Rollout is paused", stamp);
            return None;
        }
        if self.works {
            deadline::stop(conditions);
            let text = format!("ReplicaSet \"{name}\" has successfully progressed.");
            // By message too: a promotion within one pass leaves reason and status as they were, for another ReplicaSet.
            conditions.put(type_, "True", "NewReplicaSetAvailable", &text, stamp);
            return None;
        }
        let reason = conditions.reason(type_);
        if steering.retrying || (reason == "RolloutAborted" && !pass.transition) {
            conditions.set(type_, "Unknown", "RolloutRetry", "Retrying Rollout after abort", stamp);
            deadline::measure(pass, self.size, true, conditions);
            return deadline::due(pass, conditions);
        }
        if pass.create.is_some() {
            deadline::measure(pass, self.size, true, conditions);
            let text = format!("Created new replica set \"{name}\"");
            conditions.replace(type_, "True", "NewReplicaSetCreated", &text, stamp);
            return deadline::due(pass, conditions);
        }
        self.measured(told)
    }

    /// Neither ended nor waiting for anybody: either it comes farther in time, or it has failed.
    fn measured(&self, told: &mut Told<'_>) -> Option<Timestamp> {
        let Self { pass, steering, .. } = *self;
        let (type_, stamp, name) = ("Progressing", pass.stamp, &pass.current_name);
        let conditions = &mut *told.conditions;
        let fails = self.completed && self.was_healthy;
        let begins = pass.transition || conditions.get(type_).is_none();
        let resumes = conditions.reason(type_) == "RolloutPaused" && !self.paused;
        // An analysis takes the time that it takes: a wait is no failure.
        let is_ready = promotion::is_ready(pass, steering);
        let waits = self.paused || (steering.analyses.is_awaited() && is_ready && !self.completed);
        let moved = if waits {
            deadline::stop(conditions);
            // Its pods have come, and nothing else will move until the wait is over.
            begins || conditions.reason(type_) == "NewReplicaSetCreated"
        } else {
            deadline::measure(pass, self.size, fails || begins || resumes, conditions)
        };
        if fails {
            let text = "Rollout does not have minimum availability";
            conditions.replace(type_, "True", "ReplicaSetNotAvailable", text, stamp);
        } else if resumes && !begins {
            conditions.set(type_, "Unknown", "RolloutResumed", "Rollout is resumed", stamp);
        } else if moved {
            let text = format!("ReplicaSet \"{name}\" is progressing.");
            conditions.replace(type_, "True", "ReplicaSetUpdated", &text, stamp);
        }
        if waits {
            return None;
        }
        let due = deadline::due(pass, conditions);
        if due.is_some_and(|due| pass.now < due) {
            return due;
        }
        if due.is_some() || deadline::is_over(conditions) {
            self.timed_out(told);
        }
        None
    }

    fn timed_out(&self, told: &mut Told<'_>) {
        let pass = self.pass;
        let text = format!("ReplicaSet \"{}\" has timed out progressing.", pass.current_name);
        if pass.spec.progress_deadline_abort == Some(true) && !self.completed && pass.stable_hash.is_some() {
            self.abort(told, &text);
            return;
        }
        told.conditions.set("Progressing", "False", "ProgressDeadlineExceeded", &text, pass.stamp);
    }

    /// Records an abort that nobody asked for; the next pass carries it out.
    fn abort(&self, told: &mut Told<'_>, detail: &str) {
        let pass = self.pass;
        let text = format!("Rollout aborted update to revision {}: {detail}", pass.revision);
        told.status.abort = Some(true);
        told.status.aborted_at = Some(Time(pass.stamp));
        told.conditions.set("Progressing", "False", "RolloutAborted", &text, pass.stamp);
        told.events.push(warning("RolloutAborted", text));
    }
}

fn available(pass: &Pass<'_>, status: &RolloutStatus, conditions: &mut Conditions) {
    let active = status.blue_green.as_ref().and_then(|blue_green| blue_green.active_selector.as_deref());
    // While the active Service selects no version, as after a canary, what was available before serves on.
    let serves_on = conditions.is_true("Available")
        && pass.stable.is_some_and(|stable| !pass.is_stable() && stable.ready_replicas > 0);
    // By its counts alone: what changes in a template, for pods to come, makes none of them less available.
    let has_all = active.map_or(serves_on, |hash| {
        pass.with_hash(hash).is_some_and(|seen| {
            !seen.deleting && [seen.replicas_wanted, seen.available_replicas] == [pass.replicas; 2]
        })
    });
    let (value, text) = if has_all {
        ("True", "Rollout has minimum availability")
    } else {
        ("False", "Rollout does not have minimum availability")
    };
    conditions.set("Available", value, "AvailableReason", text, pass.stamp);
}

/// Copied from the newest ReplicaSet, or else from any that has it.
fn replica_failure(pass: &Pass<'_>, conditions: &mut Conditions) {
    let newest = pass.current.and_then(|current| current.failure.as_ref());
    let failure = newest.or_else(|| pass.observed.owned().find_map(|seen| seen.failure.as_ref()));
    match failure {
        Some((reason, message)) => {
            conditions.set("ReplicaFailure", "True", reason, message, pass.stamp);
        }
        None => conditions.remove("ReplicaFailure"),
    }
}
