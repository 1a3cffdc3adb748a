//! The whole wanted status, and the events that tell what changed in it.

mod awaited;
pub(crate) mod conditions;
pub(crate) mod counting;
pub(crate) mod counts;
pub(crate) mod deadline;
pub(crate) mod duration;
pub(crate) mod not_honoured;
pub(crate) mod phase;
pub(crate) mod progress;
pub(crate) mod refused;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::json;
use verdigris_crds::{PauseCondition, RolloutStatus, keys};

use crate::analysis::did_not_know;
use crate::approval;
use crate::blue_green::analysis::INCONCLUSIVE;
use crate::blue_green::drain::Traffic;
use crate::blue_green::plan::{Draft, Pass, normal, warning};
use crate::blue_green::promotion::{self, Gate, PAUSE, Promotion, Steering, other_pauses};
use crate::blue_green::restart;
use crate::blue_green::services::Services;
use crate::decision::Event;
use crate::neighbours;
use crate::workload;
use conditions::Conditions;

/// The status, all events of the pass in the peer's order, and when the status would change by itself.
pub(crate) fn next(
    pass: &Pass<'_>,
    steering: &Steering,
    services: &Services,
    promotion: &Promotion,
    traffic: &Traffic,
    draft: &Draft,
) -> (RolloutStatus, Vec<Event>, Option<Timestamp>) {
    let mut status = carried(pass, steering, promotion);
    if let Some(blue_green) = &mut status.blue_green {
        blue_green.pre_promotion_analysis_run_status.clone_from(&draft.analysis.pre);
        blue_green.post_promotion_analysis_run_status.clone_from(&draft.analysis.post);
    }
    counts::fill(pass, services, &mut status);
    let switched = services.recorded_active.as_deref() == Some(pass.hash.as_str());
    pauses(pass, steering, promotion, switched, &mut status);
    let mut events = started(pass, draft);
    events.extend(draft.preview_events.iter().cloned());

    let mut conditions = Conditions::of(pass.seen);
    restart::record(pass, draft, &mut status, &mut conditions);
    let told = &draft.analysis.events;
    let failed = steering.analyses.failed().is_some();
    events.extend(told.iter().filter(|_| failed).cloned());
    let due = progress::conclude(pass, steering, promotion, &mut status, &mut conditions, &mut events);
    events.extend(draft.scale_events.iter().cloned());
    events.extend(draft.active_events.iter().cloned());
    events.extend(told.iter().filter(|_| !failed).cloned());
    events.extend(completed(pass, promotion, &status));
    events.extend(own_conditions(pass, steering, services, promotion, traffic, &mut conditions));
    events.extend(refused::tell(pass, draft, &mut conditions));
    match &draft.analysis.stalled {
        Some((reason, text)) => {
            if conditions.put(keys::ANALYSIS_STALLED, "True", reason, text, pass.stamp) {
                events.push(warning("AnalysisStalled", text.clone()));
            }
        }
        None => conditions.remove(keys::ANALYSIS_STALLED),
    }
    // The phase reads the peer's conditions, and what is awaited hangs on the phase.
    status.conditions = conditions.list();
    phase::fill(pass, steering, &mut status);
    awaited::fill(pass, steering, promotion, traffic, draft, &status, &mut conditions);
    status.conditions = conditions.into_list();
    duration::fill(pass, steering, promotion, &mut status);
    events.extend(pause_events(pass, &status));
    (status, events, due)
}

/// What of the old status stays, with all that a new template or a promotion resets already gone.
fn carried(pass: &Pass<'_>, steering: &Steering, promotion: &Promotion) -> RolloutStatus {
    let mut status = pass.seen.clone();
    let settled = pass.transition || promotion.reason.is_some() || pass.is_stable();
    if settled || steering.promote_full {
        status.abort = None;
    }
    if settled {
        status.promote_full = None;
    }
    if pass.transition {
        status.restarted_at = pass.spec.restart_at.clone();
    }
    status.aborted_at = match (steering.aborted, status.aborted_at.take()) {
        (true, seen) => Some(seen.unwrap_or(Time(pass.stamp))),
        (false, _) => None,
    };
    status.current_pod_hash = Some(pass.hash.clone());
    status.stable_rs.clone_from(&promotion.stable_hash);
    status.collision_count = pass.collision_count;
    status.observed_generation =
        Some(pass.observed.rollout.metadata.generation.unwrap_or_default().to_string());
    workload::note(pass.observed, &mut status);
    let mut blue_green = status.blue_green.take().unwrap_or_default();
    blue_green.scale_up_preview_check_point = promotion.checkpoint.then_some(true);
    status.blue_green = Some(blue_green);
    // What a canary left: there are no steps any more.
    for field in ["currentStepHash", "currentStepIndex"] {
        status.other.remove(field);
    }
    // The peer always writes this empty struct; clients compare whole statuses.
    status.other.entry("canary".to_owned()).or_insert_with(|| json!({}));
    status
}

/// Pauses: kept, begun, or ended.
fn pauses(
    pass: &Pass<'_>,
    steering: &Steering,
    promotion: &Promotion,
    switched: bool,
    status: &mut RolloutStatus,
) {
    let is_over = steering.aborted
        || steering.analyses.failed().is_some()
        || steering.promote_full
        || promotion.reason.is_some()
        || promotion.stable_hash.as_deref() == Some(pass.hash.as_str());
    // The pause before a promotion begins once the analysis before it has succeeded.
    let waits =
        !is_over && promotion::is_ready(pass, steering) && !pass.halted() && steering.analyses.pre_passed();
    let approved = steering.approved.is_some();
    let needs_none = match steering.gate {
        Gate::Open => true,
        Gate::Manual => promotion.checkpoint && approved,
        Gate::Seconds(_) => promotion.checkpoint,
    };
    if is_over {
        status.pause_conditions = None;
        status.controller_pause = None;
        return;
    }
    let mut pauses: Vec<PauseCondition> = other_pauses(pass).cloned().collect();
    pauses.extend(steering.pause.clone());
    if pass.transition || promotion::is_of_canary(pass.seen) {
        status.controller_pause = None;
    }
    if switched || (waits || promotion.checkpoint) && (needs_none || steering.fast_rollback) {
        pauses.retain(|pause| pause.reason != PAUSE);
        if promotion.checkpoint && pauses.is_empty() {
            status.controller_pause = None;
        }
    } else if waits && steering.pause.is_none() && !approved {
        pauses.push(pause(pass, PAUSE));
        status.controller_pause = Some(true);
    }
    if steering.analyses.is_inconclusive() && pauses.iter().all(|pause| pause.reason != INCONCLUSIVE) {
        pauses.push(pause(pass, INCONCLUSIVE));
        status.controller_pause = Some(true);
    }
    let goes_on = steering.analyses.goes_on();
    if pauses.is_empty() && (switched && !goes_on || goes_on && !did_not_know(status)) {
        status.controller_pause = None;
    }
    status.pause_conditions = (!pauses.is_empty()).then_some(pauses);
}

fn pause(pass: &Pass<'_>, reason: &str) -> PauseCondition {
    PauseCondition {
        reason: reason.to_owned(),
        start_time: Time(pass.stamp),
        other: verdigris_crds::Other::new(),
    }
}

/// The events of a template that is seen for the first time.
fn started(pass: &Pass<'_>, draft: &Draft) -> Vec<Event> {
    let mut events = Vec::new();
    let (name, revision) = (&pass.current_name, pass.revision);
    if pass.transition {
        events.push(normal("RolloutUpdated", format!("Rollout updated to revision {revision}")));
    }
    // A ReplicaSet that a crash kept us from recording is told now: it is new if it never had another revision.
    let unrecorded = pass.transition
        && !pass.is_stable()
        && pass.current.is_some_and(|current| {
            current.revision() == revision && !current.annotations.contains_key(keys::REVISION_HISTORY)
        });
    if draft.create.is_some() || unrecorded {
        let text = format!("Created ReplicaSet {name} (revision {revision})");
        events.push(normal("NewReplicaSetCreated", text));
        let size = draft.create.as_ref().map_or_else(
            || pass.current.map_or(0, |current| current.replicas_wanted),
            |create| create.replicas,
        );
        if size > 0 {
            let text = format!("Scaled up ReplicaSet {name} (revision {revision}) from 0 to {size}");
            events.push(normal("ScalingReplicaSet", text));
        }
    }
    events
}

fn completed(pass: &Pass<'_>, promotion: &Promotion, status: &RolloutStatus) -> Option<Event> {
    let reason = promotion.reason?;
    let changed = pass.seen.stable_rs != status.stable_rs;
    changed.then(|| {
        let (revision, hash) = (pass.revision, &pass.hash);
        let text = format!("Rollout completed update to revision {revision} ({hash}): {reason}");
        normal("RolloutCompleted", text)
    })
}

/// Conditions under `verdigris.dev/`, which the peer does not know.
fn own_conditions(
    pass: &Pass<'_>,
    steering: &Steering,
    services: &Services,
    promotion: &Promotion,
    traffic: &Traffic,
    conditions: &mut Conditions,
) -> Vec<Event> {
    let mut events = Vec::new();
    let stamp = pass.stamp;
    if let Some(change) = &traffic.change {
        conditions.remove_if(keys::TRAFFIC_SWITCHED, |_| change.status == "False");
        conditions.put(keys::TRAFFIC_SWITCHED, change.status, change.reason, &change.message, stamp);
    }
    let promoted = promotion.reason.is_some();
    if pass.transition {
        conditions.remove_if(keys::APPROVAL_CONDITION, |condition| condition.reason == "Approved");
    }
    if let Some(text) = steering.approved.as_deref().filter(|_| promotion.checkpoint) {
        let text = format!("{text}{}", approval::GROWS);
        conditions.put(keys::APPROVAL_CONDITION, "True", "Approved", &text, stamp);
    }
    if let Some(text) = steering.approved.as_deref().filter(|_| promoted) {
        conditions.put(keys::APPROVAL_CONDITION, "True", "Spent", &format!("{text}: promoted"), stamp);
    }
    if let Some(text) = &steering.withdrawn {
        let text = format!("{text}: taken back by an abort");
        conditions.put(keys::APPROVAL_CONDITION, "False", "Withdrawn", &text, stamp);
    }
    if let Some(text) = &steering.refused {
        conditions.put(keys::APPROVAL_CONDITION, "False", "Refused", text, stamp);
        events.push(warning("ApprovalRefused", text.clone()));
    }
    events.extend(neighbours::tell_overlap(pass, conditions));
    match &services.drift {
        Some(text) => {
            if conditions.put(keys::SERVICE_DRIFT, "True", "LeftAlone", text, stamp) {
                events.push(warning("ServiceDrift", text.clone()));
            }
        }
        None => conditions.remove(keys::SERVICE_DRIFT),
    }
    not_honoured::fill(&pass.observed.rollout, conditions, stamp);
    events
}

/// Pauses that began or ended by this pass. Compared with the status as read, so a user's own clearing is no event.
fn pause_events(pass: &Pass<'_>, status: &RolloutStatus) -> Option<Event> {
    let seen = pass.seen.pause_conditions.as_deref().unwrap_or_default();
    let next = status.pause_conditions.as_deref().unwrap_or_default();
    match (seen.first(), next.first()) {
        (None, Some(pause)) => Some(normal("RolloutPaused", format!("Rollout is paused ({})", pause.reason))),
        (Some(_), None) if status.abort != Some(true) => {
            Some(normal("RolloutResumed", "Rollout is resumed".to_owned()))
        }
        (None, None) | (Some(_), _) => None,
    }
}
