//! `status.duration`: how long the update took, without the time that people let it wait.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use verdigris_crds::{RolloutDuration, RolloutStatus};

use crate::blue_green::plan::Pass;
use crate::blue_green::promotion::{Gate, Promotion, Steering};

/// Begins an attempt with a new template or a retry, counts manual pauses, and ends it by promotion or abort.
pub(crate) fn fill(pass: &Pass<'_>, steering: &Steering, promotion: &Promotion, status: &mut RolloutStatus) {
    let is_stable = promotion.stable_hash.as_deref() == Some(pass.hash.as_str());
    let has_all = is_stable && status.available_replicas.unwrap_or(0) >= pass.replicas;
    let seen = pass.seen.duration.clone();
    let goes_home = pass.transition && pass.is_stable() && has_all;
    let begins = seen.is_none() || (pass.transition && !goes_home) || steering.retrying;
    let mut duration = match seen {
        Some(seen) if !begins => seen,
        Some(_) | None => {
            RolloutDuration { rollout_started_at: Some(Time(pass.stamp)), ..RolloutDuration::default() }
        }
    };
    if duration.finished_at.is_none() {
        count_pause(pass, steering, status, &mut duration);
        let ended = if status.abort == Some(true) {
            Some("Aborted")
        } else if goes_home {
            Some("RolledBack")
        } else if has_all && steering.promote_full {
            Some("FastPromoted")
        } else if has_all {
            Some("Promoted")
        } else {
            None
        };
        if let Some(ended) = ended {
            duration.finished_at = Some(Time(pass.stamp));
            duration.completion_status = Some(ended.to_owned());
        }
    }
    status.duration = Some(duration);
}

/// A pause is manual where only a person can end it.
fn count_pause(pass: &Pass<'_>, steering: &Steering, status: &RolloutStatus, duration: &mut RolloutDuration) {
    let manual = pass.halted()
        || (steering.gate == Gate::Manual && status.pause_conditions.is_some())
        || status.pause_conditions.iter().flatten().any(|pause| pause.reason == "InconclusiveAnalysisRun");
    match (manual, duration.manual_pause_started_at.clone()) {
        (true, None) => duration.manual_pause_started_at = Some(Time(pass.stamp)),
        (false, Some(started)) => {
            let paused = seconds_between(started.0, pass.stamp);
            let total = duration.total_manual_pause_duration_seconds.unwrap_or(0).saturating_add(paused);
            duration.total_manual_pause_duration_seconds = (total > 0).then_some(total);
            duration.manual_pause_started_at = None;
        }
        (true, Some(_)) | (false, None) => {}
    }
}

fn seconds_between(from: Timestamp, to: Timestamp) -> i64 {
    to.as_second().saturating_sub(from.as_second()).max(0)
}
