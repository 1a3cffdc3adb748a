//! What keeps a Rollout from going on, in sentences.

use jiff::{SignedDuration, Timestamp};
use verdigris_crds::{Condition, PauseCondition, Rollout, RolloutStatus, keys};

use super::{AnalysisRunView, ReplicaSetView, ServiceView, Version, analysis_run, human, phase};
use crate::blue_green::analysis::INCONCLUSIVE;

/// Pods in trouble that are named: fifty of them say the same.
const PODS_NAMED_MAX: usize = 5;

/// Sentences, the most important first; empty if nothing keeps it.
pub(super) fn reasons(
    rollout: &Rollout,
    current: Option<&Version>,
    replica_sets: &[ReplicaSetView],
    services: &[ServiceView],
    runs: &[AnalysisRunView],
    now: Timestamp,
) -> Vec<String> {
    let Some(status) = rollout.status.as_ref().filter(|status| status.observed_generation.is_some()) else {
        return vec!["no controller has looked at this Rollout yet".into()];
    };
    let mut reasons = Vec::new();
    if !phase::is_observed(rollout) {
        reasons.push(not_observed(rollout, status));
    }
    reasons.extend(phase::why_invalid(status));
    if status.abort == Some(true) {
        reasons.push(format!(
            "{} was aborted: retry it, roll back, or apply another template",
            name_of(current)
        ));
        reasons.extend(failed_analyses(status));
    }
    if rollout.spec.paused == Some(true) {
        reasons.push("spec.paused is true: promote it, or set the field to false".into());
    }
    let pauses = status.pause_conditions.iter().flatten();
    reasons.extend(pauses.map(|pause| pause_reason(rollout, current, pause, now)));
    let set = current.and_then(|current| replica_sets.iter().find(|set| set.hash == current.hash));
    reasons.extend(set.map(pods_missing).unwrap_or_default());
    reasons.extend(awaited_analysis(rollout, current, runs));
    reasons.extend(said_by_controller(status));
    // Only where some Service was found: a client that may not read Services would claim that all of them are missing.
    if services.iter().any(|service| service.found) {
        let missing = services.iter().filter(|service| !service.found);
        reasons.extend(missing.map(|service| format!("there is no Service {}", service.name)));
    }
    reasons
}

fn name_of(version: Option<&Version>) -> String {
    version.map_or_else(|| "the update".into(), |version| format!("revision {}", version.revision))
}

fn not_observed(rollout: &Rollout, status: &RolloutStatus) -> String {
    format!(
        "the controller has not seen the newest spec yet (generation {}, it has seen {})",
        rollout.metadata.generation.unwrap_or_default(),
        status.observed_generation.as_deref().unwrap_or("none"),
    )
}

/// What the controller itself has to say: fields that are not honoured, an approval that does not count, a Service that
/// somebody else has pointed elsewhere, endpoints that do not show the switch yet.
fn said_by_controller(status: &RolloutStatus) -> impl Iterator<Item = String> {
    let matters = |condition: &&Condition| match condition.type_.as_str() {
        keys::NOT_HONOURED | keys::SERVICE_DRIFT | keys::RESTART | keys::ANALYSIS_STALLED => {
            condition.status == "True"
        }
        keys::APPROVAL_CONDITION => condition.reason == "Refused",
        keys::TRAFFIC_SWITCHED => condition.status == "False",
        _ => false,
    };
    status.conditions.iter().flatten().filter(matters).map(|condition| condition.message.clone())
}

/// With `autoPromotionSeconds: 30` and a pause that began 12 s ago: "revision 2 is promoted by itself in 18s".
fn pause_reason(
    rollout: &Rollout,
    current: Option<&Version>,
    pause: &PauseCondition,
    now: Timestamp,
) -> String {
    let version = name_of(current);
    if pause.reason == INCONCLUSIVE {
        return format!(
            "{version} is paused because its analysis was inconclusive: promote it to measure again, or abort"
        );
    }
    if pause.reason != "BlueGreenPause" {
        return format!("{version} is paused: {}", pause.reason);
    }
    match promoted_at(rollout, pause) {
        Some(at) => {
            let left = human::duration(at.duration_since(now).max(SignedDuration::ZERO));
            format!("{version} is promoted by itself in {left}")
        }
        None => format!("{version} waits for someone to promote it"),
    }
}

/// `revision 2 waits for its pre-promotion analysis shop-abc-2-pre: Running, 3 successful, 1 failed`.
fn awaited_analysis(
    rollout: &Rollout,
    current: Option<&Version>,
    runs: &[AnalysisRunView],
) -> Option<String> {
    let awaited = analysis_run::awaited(rollout)?;
    let (moment, name) = (awaited.moment, &awaited.name);
    let run = runs.iter().find(|run| run.name == *name);
    let standing = match run {
        Some(run) => format!("{}, {}", run.phase, run.counts.words()),
        None => awaited.phase.clone(),
    };
    Some(format!("{} waits for its {moment} analysis {name}: {standing}", name_of(current)))
}

/// The analyses for which an update was aborted.
fn failed_analyses(status: &RolloutStatus) -> Vec<String> {
    let Some(services) = &status.blue_green else { return Vec::new() };
    let runs = [
        ("pre-promotion", &services.pre_promotion_analysis_run_status),
        ("post-promotion", &services.post_promotion_analysis_run_status),
    ];
    let runs = runs.into_iter().filter_map(|(moment, run)| Some((moment, run.as_ref()?)));
    let failed = runs.filter(|(_, run)| matches!(run.status.as_str(), "Failed" | "Error"));
    failed
        .map(|(moment, run)| {
            // The message of an abort for it ends with its own.
            let said = status.message.as_deref().unwrap_or_default();
            let why = run.message.as_ref().filter(|why| !said.contains(why.as_str()));
            let why = why.map(|why| format!(": {why}")).unwrap_or_default();
            format!("its {moment} analysis {} came to {}{why}", run.name, run.status)
        })
        .collect()
}

/// When the pause ends by itself, if it does.
pub(super) fn promoted_at(rollout: &Rollout, pause: &PauseCondition) -> Option<Timestamp> {
    let blue_green = rollout.spec.strategy.as_ref()?.blue_green.as_ref()?;
    let by_itself = pause.reason == "BlueGreenPause" && blue_green.auto_promotion_enabled.unwrap_or(true);
    let seconds = blue_green.auto_promotion_seconds.filter(|_| by_itself)?;
    pause.start_time.0.checked_add(SignedDuration::from_secs(seconds.into())).ok()
}

fn pods_missing(set: &ReplicaSetView) -> Vec<String> {
    if set.available >= set.wanted {
        return Vec::new();
    }
    let mut reasons =
        vec![format!("revision {}: {} of {} pods are available", set.revision, set.available, set.wanted)];
    let unready = || set.pods.iter().filter(|pod| !pod.ready);
    reasons.extend(unready().take(PODS_NAMED_MAX).map(|pod| match &pod.trouble {
        Some(trouble) => format!("pod {}: {}: {trouble}", pod.name, pod.status),
        None => format!(
            "pod {}: {}, {} of {} containers ready",
            pod.name, pod.status, pod.containers_ready, pod.containers
        ),
    }));
    let more = unready().count().saturating_sub(PODS_NAMED_MAX);
    reasons.extend((more > 0).then(|| format!("{more} more pods are not ready")));
    reasons
}
