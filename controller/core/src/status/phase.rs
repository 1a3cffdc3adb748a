//! Phase and message: the one line that people and Argo CD read.

use verdigris_crds::RolloutStatus;

use crate::blue_green::plan::Pass;
use crate::blue_green::promotion::Steering;
use crate::blue_green::restart;

/// Fills phase and message, first match, from a status that is otherwise complete.
pub(crate) fn fill(pass: &Pass<'_>, steering: &Steering, status: &mut RolloutStatus) {
    let (phase, message) = find(pass, steering, status);
    status.phase = Some(phase.to_owned());
    status.message = (!message.is_empty()).then_some(message);
}

fn find(pass: &Pass<'_>, steering: &Steering, status: &RolloutStatus) -> (&'static str, String) {
    let count = |count: Option<i32>| count.unwrap_or(0);
    let failed = ["RolloutAborted", "ProgressDeadlineExceeded"];
    let failure =
        status.conditions.iter().flatten().find(|condition| failed.contains(&condition.reason.as_str()));
    if let Some(condition) = failure {
        return ("Degraded", format!("{}: {}", condition.reason, condition.message));
    }
    if pass.halted() {
        return ("Paused", "manually paused".to_owned());
    }
    if let Some(pause) = status.pause_conditions.iter().flatten().next() {
        return ("Paused", pause.reason.clone());
    }
    if restart::is_pending(pass.spec, status) {
        return ("Progressing", "rollout is restarting".to_owned());
    }
    if count(status.updated_replicas) < pass.replicas {
        return ("Progressing", "more replicas need to be updated".to_owned());
    }
    if count(status.available_replicas) < count(status.updated_replicas) {
        return ("Progressing", "updated replicas are still becoming available".to_owned());
    }
    let current = status.current_pod_hash.as_deref();
    let active = status.blue_green.as_ref().and_then(|blue_green| blue_green.active_selector.as_deref());
    if active.is_none() || active != current {
        return ("Progressing", "active service cutover pending".to_owned());
    }
    if status.stable_rs.as_deref() != current {
        let what = if steering.analyses.post_passed() { "post-promotion verification" } else { "analysis" };
        return ("Progressing", format!("waiting for {what} to complete"));
    }
    ("Healthy", String::new())
}
