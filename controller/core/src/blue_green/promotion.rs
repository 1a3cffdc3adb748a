//! What users ask for, and whether the new version may be promoted now.

use jiff::Timestamp;
use verdigris_crds::{Condition, PauseCondition, RolloutStatus, keys};

use crate::analysis::did_not_know;
use crate::approval::{self, Standing};
use crate::seen::after;

use super::analysis::{self, Analyses, Standing as Stands};
use super::plan::{Draft, Pass};
use super::services::Services;
use super::{preview_size, rollback};

/// The reason of the pause before a promotion.
pub(crate) const PAUSE: &str = "BlueGreenPause";

/// What stands between a version that is fully available and its promotion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    Open,
    Manual,
    Seconds(i64),
}

/// What users ask for, as far as this pass obeys it.
pub(crate) struct Steering {
    /// An abort is in force.
    pub aborted: bool,
    /// An abort was taken back.
    pub retrying: bool,
    pub promote_full: bool,
    /// Nothing was ever active: there is nobody to protect, so there is no gate.
    pub initial: bool,
    /// The current version was promoted before, and is warm or inside the rollback window.
    pub fast_rollback: bool,
    /// It is inside the rollback window.
    pub within_window: bool,
    /// The gate of this version was found open, and it is on its way from its preview size to its full size.
    pub checkpoint: bool,
    /// How many pods the current version is to have before its gate is asked.
    pub wanted: i32,
    pub gate: Gate,
    /// What analyses say of the current version.
    pub analyses: Analyses,
    /// Who approved the current version at its revision, in words.
    pub approved: Option<String>,
    /// An approval that does not count, in words, where that is news.
    pub refused: Option<String>,
    /// The approval in force that an abort takes back, in words.
    pub withdrawn: Option<String>,
    /// The pause in force from an earlier pass.
    pub pause: Option<PauseCondition>,
}

/// Whether the current version may become the active one now, and how the promotion is told.
pub(crate) enum Verdict {
    Promote(&'static str),
    /// Its gate is open; what is missing are the pods beyond `previewReplicaCount`.
    Grow,
    Wait,
}

/// How the pass ends for the version in question.
pub(crate) struct Promotion {
    pub stable_hash: Option<String>,
    /// The reason, where the current version is what is stable from now on.
    pub reason: Option<&'static str>,
    /// Whether it is on its way from its preview size to its full size.
    pub checkpoint: bool,
    /// How many pods the current version is to have.
    pub size: i32,
}

/// Reads what users ask for.
pub(crate) fn steering(pass: &Pass<'_>) -> Steering {
    let seen = pass.seen;
    let in_update = !pass.transition && !pass.is_stable() && pass.stable_hash.is_some();
    let promote_full = in_update && seen.promote_full == Some(true);
    let initial = is_initial(pass);
    let aborted = in_update && !promote_full && !initial && seen.abort == Some(true);
    let retrying = in_update && !aborted && (seen.aborted_at.is_some() || was_aborted(pass));
    let pauses = if pass.transition { None } else { seen.pause_conditions.as_ref() };
    let pause = pauses.into_iter().flatten().find(|pause| pause.reason == PAUSE).cloned();
    let (approved, refused, withdrawn) = approvals(pass, in_update && !aborted, aborted);
    let within_window = !pass.is_stable() && rollback::is_within_window(pass);
    let fast_rollback = within_window || (!pass.is_stable() && rollback::is_warm(pass));
    let skips = aborted || promote_full || initial || fast_rollback || pass.is_stable();

    let mut steering = Steering {
        aborted,
        retrying,
        promote_full,
        initial,
        fast_rollback,
        within_window,
        checkpoint: preview_size::is_past_checkpoint(pass, in_update && !aborted),
        wanted: pass.replicas,
        gate: gate(pass),
        analyses: analysis::standing(pass, skips, retrying),
        approved,
        refused,
        withdrawn,
        pause,
    };
    steering.wanted = preview_size::wanted(pass, &steering);
    steering
}

/// Whether the current version has all pods that its gate is asked with.
pub(crate) fn is_ready(pass: &Pass<'_>, steering: &Steering) -> bool {
    pass.current.is_some_and(|current| current.is_fully_available(steering.wanted))
}

fn was_aborted(pass: &Pass<'_>) -> bool {
    condition(pass, "Progressing").is_some_and(|condition| condition.reason == "RolloutAborted")
}

fn condition<'p>(pass: &Pass<'p>, type_: &str) -> Option<&'p Condition> {
    pass.seen.conditions.iter().flatten().find(|condition| condition.type_ == type_)
}

/// Nothing was ever active, and no earlier version waits, ready, to be so. After another strategy nothing is recorded as
/// active either; then the status says that something was available.
fn is_initial(pass: &Pass<'_>) -> bool {
    let has_served = condition(pass, "Available").is_some_and(|condition| condition.status == "True");
    let waits = pass.stable.is_some_and(|stable| {
        let serves = has_served && stable.ready_replicas > 0 && !stable.deleting;
        !pass.is_stable() && (serves || stable.is_fully_available(pass.replicas))
    });
    pass.recorded_active.is_none() && !waits
}

fn gate(pass: &Pass<'_>) -> Gate {
    let seconds = i64::from(pass.strategy.auto_promotion_seconds.unwrap_or(0));
    match pass.strategy.auto_promotion_enabled {
        Some(false) => Gate::Manual,
        Some(true) | None if seconds > 0 => Gate::Seconds(seconds),
        Some(true) | None => Gate::Open,
    }
}

/// Who approved, what was refused, what an abort takes back.
fn approvals(pass: &Pass<'_>, may: bool, aborted: bool) -> (Option<String>, Option<String>, Option<String>) {
    let annotation = pass
        .observed
        .rollout
        .metadata
        .annotations
        .as_ref()
        .and_then(|annotations| annotations.get(keys::APPROVAL))
        .map(String::as_str);
    let recorded = condition(pass, keys::APPROVAL_CONDITION);
    let standing =
        approval::standing(annotation, recorded, (pass.hash.as_str(), pass.revision), update_began(pass));
    let earlier = recorded.and_then(|condition| approval::recorded(condition, &pass.hash, pass.revision));
    if aborted {
        return match standing {
            Standing::Approves(approval) => (None, None, Some(approval.describe())),
            Standing::Nothing | Standing::Refused(_) => (None, None, earlier),
        };
    }
    if pass.is_stable() {
        return (None, None, None);
    }
    match standing {
        Standing::Approves(approval) => (Some(approval.describe()), None, None),
        Standing::Refused(text) if recorded.is_none_or(|condition| condition.message != text) => {
            (None, Some(text), None)
        }
        Standing::Refused(_) | Standing::Nothing => {
            (stock_approval(pass).or(earlier).filter(|_| may), None, None)
        }
    }
}

/// When the update began that an approval could be about: the one in progress, or the one that this pass supersedes.
fn update_began(pass: &Pass<'_>) -> Option<Timestamp> {
    let settled = pass.seen.current_pod_hash.is_none() || pass.seen.current_pod_hash == pass.seen.stable_rs;
    let started = pass.seen.duration.as_ref().and_then(|duration| duration.rollout_started_at.as_ref());
    if pass.transition && settled { Some(pass.stamp) } else { started.map(|time| time.0) }
}

/// Whether the pauses in this status, and what users did about them, were of a canary. They say nothing of a promotion.
pub(crate) fn is_of_canary(seen: &RolloutStatus) -> bool {
    let has_step =
        ["currentStepHash", "currentStepIndex"].iter().any(|field| seen.other.contains_key(*field));
    has_step || seen.pause_conditions.iter().flatten().any(|pause| pause.reason == "CanaryPauseStep")
}

/// The stock client approves by clearing the pause. What is left, `controllerPause` alone, is kept until the promotion
/// has happened, so an approval is not lost because a pod was unready in that very pass.
fn stock_approval(pass: &Pass<'_>) -> Option<String> {
    let seen = pass.seen;
    let cleared = seen.controller_pause == Some(true)
        && seen.pause_conditions.as_ref().is_none_or(Vec::is_empty)
        && seen.current_pod_hash.as_deref() == Some(pass.hash.as_str());
    // Cleared was the pause after an analysis that did not know: that asks for another one, and is no approval.
    let goes_on = did_not_know(seen);
    (cleared && !goes_on && !is_of_canary(seen)).then(|| {
        format!(
            "Approval of {} (revision {}) by somebody, unverified, through a cleared status.pauseConditions",
            pass.hash, pass.revision
        )
    })
}

/// Whether the current version may become the active one now.
pub(crate) fn verdict(pass: &Pass<'_>, steering: &Steering, draft: &mut Draft) -> Verdict {
    if steering.aborted || pass.halted() || !is_ready(pass, steering) {
        return Verdict::Wait;
    }
    if steering.initial {
        return Verdict::Promote("Initial deploy");
    }
    if steering.promote_full {
        return Verdict::Promote("Full promotion requested");
    }
    if steering.within_window {
        return Verdict::Promote("Rollback within window");
    }
    if steering.fast_rollback || pass.is_stable() {
        return Verdict::Promote("Fast rollback");
    }
    let blocked = other_pauses(pass).next().is_some();
    if blocked || !steering.analyses.pre_passed() {
        return Verdict::Wait;
    }
    let open = match steering.gate {
        Gate::Open => true,
        Gate::Manual => steering.approved.is_some(),
        Gate::Seconds(seconds) => {
            steering.approved.is_some()
                || steering.checkpoint
                || steering.pause.as_ref().is_some_and(|pause| {
                    let until = after(pause.start_time.0, seconds);
                    if pass.now < until {
                        draft.look_at(until);
                    }
                    pass.now >= until
                })
        }
    };
    match open {
        true if steering.wanted < pass.replicas => Verdict::Grow,
        true => {
            if steering.analyses.pre.standing == Stands::Successful {
                draft.need(analysis::reads_before_believing(&steering.analyses.pre));
            }
            Verdict::Promote("Completed blue-green update")
        }
        false => Verdict::Wait,
    }
}

/// Pauses that are not ours to end, for example `InconclusiveAnalysisRun` of a controller before us.
pub(crate) fn other_pauses<'p>(pass: &Pass<'p>) -> impl Iterator<Item = &'p PauseCondition> {
    let seen = if pass.transition { None } else { pass.seen.pause_conditions.as_ref() };
    // A pause between steps is none that blue-green knows: it ends with the strategy that began it.
    seen.into_iter().flatten().filter(|pause| pause.reason != PAUSE && pause.reason != "CanaryPauseStep")
}

/// What is stable at the end of the pass.
pub(crate) fn conclude(
    pass: &Pass<'_>,
    steering: &Steering,
    verdict: &Verdict,
    services: &Services,
) -> Promotion {
    let grows = matches!(verdict, Verdict::Grow);
    let size = if grows { pass.replicas } else { steering.wanted };
    let kept = || Promotion {
        stable_hash: pass.stable_hash.clone(),
        reason: None,
        checkpoint: grows || steering.checkpoint,
        size,
    };
    if pass.is_stable() {
        return kept();
    }
    let promote = |reason| Promotion {
        stable_hash: Some(pass.hash.clone()),
        reason: Some(reason),
        checkpoint: false,
        size: pass.replicas,
    };
    if steering.initial {
        return promote("Initial deploy");
    }
    let is_active = services.recorded_active.as_deref() == Some(pass.hash.as_str());
    match verdict {
        _ if !steering.analyses.post_passed() => kept(),
        Verdict::Promote(reason) if is_active => promote(reason),
        // The record says that it is active already: a controller before us switched, and only the rest is missing.
        Verdict::Wait if is_active && !steering.aborted && !pass.halted() => {
            promote("Completed blue-green update")
        }
        Verdict::Promote(_) | Verdict::Grow | Verdict::Wait => kept(),
    }
}
