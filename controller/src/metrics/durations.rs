//! How long updates, pauses, phases and switches took: seen in the statuses that we write, so that one controller of several
//! counts each once.

use std::collections::BTreeMap;

use jiff::Timestamp;
use verdigris_crds::{Condition, RolloutDuration, RolloutStatus, keys};

use super::{facts::Phase, histogram::Histogram};

/// Bounds in seconds: the peer's.
const UPDATE: [f64; 11] = [30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0, 14400.0, 28800.0];
const PROGRESSION: [f64; 8] = [30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0];
const PAUSE: [f64; 9] = [0.0, 60.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 14400.0, 28800.0];
/// Bounds in seconds: ours.
const PHASE: [f64; 10] = [1.0, 5.0, 15.0, 60.0, 300.0, 1800.0, 7200.0, 28800.0, 86400.0, 604_800.0];
const DRAIN: [f64; 7] = [1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0];

/// How an update can end.
const ENDINGS: [&str; 6] =
    ["Promoted", "FastPromoted", "Aborted", "Superseded", "RolledBack", "FastRolledBack"];
/// What can say that traffic has left the old version.
const PROOFS: [&str; 2] = ["endpoints", "clock"];

/// Times of one ending.
#[derive(Clone, Debug)]
pub(super) struct Ended {
    pub update: Histogram<11>,
    pub progression: Histogram<8>,
    pub pause: Histogram<9>,
}

/// All times.
#[derive(Clone, Debug)]
pub(super) struct Durations {
    /// By how the update ended.
    pub ended: BTreeMap<&'static str, Ended>,
    /// By what proved it.
    pub drained: BTreeMap<&'static str, Histogram<7>>,
    /// By the phase that ended.
    pub phases: BTreeMap<&'static str, Histogram<10>>,
}

impl Default for Durations {
    fn default() -> Self {
        let ended = || Ended {
            update: Histogram::new(&UPDATE),
            progression: Histogram::new(&PROGRESSION),
            pause: Histogram::new(&PAUSE),
        };
        let phases = Phase::ALL.into_iter().filter(|phase| *phase != Phase::Unknown);
        Self {
            ended: ENDINGS.into_iter().map(|ending| (ending, ended())).collect(),
            drained: PROOFS.into_iter().map(|proof| (proof, Histogram::new(&DRAIN))).collect(),
            phases: phases.map(|phase| (phase.text(), Histogram::new(&PHASE))).collect(),
        }
    }
}

impl Durations {
    /// A status was written in the place of another. `phase_began`: when the phase began that may end now, in seconds since
    /// 1970.
    pub fn status_written(
        &mut self,
        seen: &RolloutStatus,
        written: &RolloutStatus,
        phase_began: Option<i64>,
        now: Timestamp,
    ) {
        if let Some(ended) = ended(seen.duration.as_ref(), written.duration.as_ref()) {
            self.count(&ended);
        }
        if let Some((proof, seconds)) = drained(seen, written)
            && let Some(times) = self.drained.get_mut(proof)
        {
            times.observe(float(seconds));
        }
        if seen.phase != written.phase
            && let Some(began) = phase_began
            && let Some(times) = self.phases.get_mut(Phase::of(seen.phase.as_deref()).text())
        {
            times.observe(float(now.as_second().saturating_sub(began).max(0)));
        }
    }

    fn count(&mut self, ended: &EndedNow<'_>) {
        if let Some(times) = self.ended.get_mut(ended.how) {
            times.update.observe(float(ended.seconds));
            times.progression.observe(float(ended.seconds.saturating_sub(ended.paused).max(0)));
            times.pause.observe(float(ended.paused));
        }
    }
}

struct EndedNow<'a> {
    how: &'a str,
    seconds: i64,
    paused: i64,
}

/// The update that ended with this change of the status, if one did.
fn ended<'a>(
    seen: Option<&'a RolloutDuration>,
    written: Option<&'a RolloutDuration>,
) -> Option<EndedNow<'a>> {
    let written = written?;
    let started = |of: &RolloutDuration| Some(of.rollout_started_at.as_ref()?.0.as_second());
    let paused = |of: &RolloutDuration| of.total_manual_pause_duration_seconds.unwrap_or_default();
    if let Some(seen) = seen
        && seen.finished_at.is_none()
        && started(seen) != started(written)
    {
        let end = started(written)?;
        let pause = seen.manual_pause_started_at.as_ref().map_or(0, |since| end - since.0.as_second());
        let seconds = (end - started(seen)?).max(0);
        return Some(EndedNow {
            how: "Superseded",
            seconds,
            paused: paused(seen).saturating_add(pause.max(0)),
        });
    }
    let is_news = seen.is_none_or(|seen| seen.finished_at.is_none() || started(seen) != started(written));
    let end = written.finished_at.as_ref().filter(|_| is_news)?;
    let seconds = (end.0.as_second() - started(written)?).max(0);
    Some(EndedNow { how: written.completion_status.as_deref()?, seconds, paused: paused(written) })
}

/// What has now shown that traffic left the old version, and how many seconds after the switch.
fn drained(seen: &RolloutStatus, written: &RolloutStatus) -> Option<(&'static str, i64)> {
    let (seen, written) = (switched(seen)?, switched(written)?);
    let proof = match (seen.status.as_str(), written.status.as_str()) {
        ("False", "True") => "endpoints",
        ("False", "Unknown") => "clock",
        _ => return None,
    };
    let seconds = written.last_transition_time.0.as_second() - seen.last_transition_time.0.as_second();
    Some((proof, seconds.max(0)))
}

fn switched(status: &RolloutStatus) -> Option<&Condition> {
    status.conditions.iter().flatten().find(|condition| condition.type_ == keys::TRAFFIC_SWITCHED)
}

#[expect(clippy::cast_precision_loss, reason = "seconds of a lifetime are far below 2^52")]
fn float(seconds: i64) -> f64 {
    seconds as f64
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn status(value: Value) -> RolloutStatus {
        serde_json::from_value(value).unwrap()
    }

    fn at(second: i64) -> String {
        Timestamp::from_second(second).unwrap().to_string()
    }

    fn written(seen: Value, written: Value) -> Durations {
        let mut durations = Durations::default();
        let now = Timestamp::from_second(1000).unwrap();
        durations.status_written(&status(seen), &status(written), Some(940), now);
        durations
    }

    fn sums(durations: &Durations, how: &str) -> (u64, f64, f64, f64) {
        let ended = &durations.ended[how];
        (ended.update.count(), ended.update.sum(), ended.progression.sum(), ended.pause.sum())
    }

    #[test]
    fn an_update_is_counted_once_when_it_ends() {
        let going = json!({"duration": {"rolloutStartedAt": at(100), "manualPauseStartedAt": at(110)}});
        let done = json!({"duration": {"rolloutStartedAt": at(100), "totalManualPauseDurationSeconds": 30,
            "finishedAt": at(150), "completionStatus": "Promoted"}});
        assert_eq!(sums(&written(going, done.clone()), "Promoted"), (1, 50.0, 20.0, 30.0));
        assert_eq!(sums(&written(done.clone(), done), "Promoted").0, 0);
    }

    #[test]
    fn an_update_that_another_one_replaces_is_superseded() {
        let going = json!({"duration": {"rolloutStartedAt": at(100), "manualPauseStartedAt": at(140)}});
        let next = json!({"duration": {"rolloutStartedAt": at(150)}});
        assert_eq!(sums(&written(going, next), "Superseded"), (1, 50.0, 40.0, 10.0));
    }

    #[test]
    fn a_switch_is_counted_when_something_proves_it() {
        let condition = |status: &str, second: i64| {
            json!({"phase": "Healthy", "conditions": [{"type": keys::TRAFFIC_SWITCHED, "status": status,
                "reason": "", "message": "", "lastUpdateTime": at(second), "lastTransitionTime": at(second)}]})
        };
        let proven = written(condition("False", 10), condition("True", 12));
        assert_eq!((proven.drained["endpoints"].count(), proven.drained["clock"].count()), (1, 0));
        let guessed = written(condition("False", 10), condition("Unknown", 70));
        assert!((guessed.drained["clock"].sum() - 60.0).abs() < 1e-9);
    }

    #[test]
    fn a_phase_is_counted_when_it_ends() {
        let changed = written(json!({"phase": "Paused"}), json!({"phase": "Healthy"}));
        assert!((changed.phases["Paused"].sum() - 60.0).abs() < 1e-9);
        let same = written(json!({"phase": "Paused"}), json!({"phase": "Paused"}));
        assert!(same.phases.values().all(|times| times.count() == 0));
    }
}
