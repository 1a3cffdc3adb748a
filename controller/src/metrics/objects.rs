//! What is remembered for metrics of single objects. A record is there as long as the cache has the object and no longer: no
//! label outlives what it names.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use tokio::time::{Duration, Instant};
use verdigris_core::decision::Event;

use super::{
    facts::{Facts, Phase, TemplateMetrics},
    histogram::Histogram,
};
use crate::key::Key;

/// Bounds of the peer's `rollout_reconcile`, in seconds.
const RECONCILE_BOUNDS: [f64; 5] = [0.01, 0.15, 0.25, 0.5, 1.0];
/// So many reasons of events are told apart. There are about thirty.
const REASONS_MAX: usize = 64;

/// Records by object.
#[derive(Debug, Default)]
pub(super) struct Objects {
    pub rollouts: BTreeMap<Key, RolloutSeries>,
    /// AnalysisRuns, and the phase of each.
    pub runs: BTreeMap<Key, &'static str>,
    /// AnalysisTemplates, and those of the whole cluster (without a namespace), and what each measures.
    pub templates: BTreeMap<Key, TemplateMetrics>,
    /// All reasons of events there have been, each once.
    reasons: BTreeSet<Arc<str>>,
}

/// One Rollout.
#[derive(Debug)]
pub struct RolloutSeries {
    /// As the watch showed it last.
    pub facts: Facts,
    /// When its phase began, in seconds since 1970; 0 if nothing tells.
    pub phase_began: i64,
    /// How long passes took.
    pub reconcile: Histogram<5>,
    /// Passes that failed.
    pub errors: u64,
    /// Events that were told.
    pub events: Vec<EventCount>,
    /// When a pass ended last, or else when it was first seen.
    pub looked_at: Instant,
    /// Whether it is left to another controller.
    pub left_alone: bool,
}

/// How often an event was told.
#[derive(Debug)]
pub struct EventCount {
    /// Whether it is a `Warning` (else `Normal`).
    pub warning: bool,
    /// Its reason.
    pub reason: Arc<str>,
    /// How often.
    pub count: u64,
}

impl Objects {
    /// The cache shows a Rollout, or that there is none any more.
    pub fn rollout_shown(&mut self, key: &Key, facts: Option<Facts>) {
        let Some(facts) = facts else {
            self.rollouts.remove(key);
            return;
        };
        let Some(series) = self.rollouts.get_mut(key) else {
            self.rollouts.insert(key.clone(), RolloutSeries::new(facts));
            return;
        };
        if series.facts.phase != facts.phase {
            series.phase_began = facts.changed;
        }
        series.facts = facts;
    }

    /// A pass on a Rollout has ended.
    pub fn pass_ended(&mut self, rollout: &Key, took: Duration, failed: bool, now: Instant) {
        if let Some(series) = self.rollouts.get_mut(rollout) {
            series.reconcile.observe_time(took);
            series.errors += u64::from(failed);
            series.looked_at = now;
            series.left_alone = false;
        }
    }

    /// An event about a Rollout was told.
    pub fn event_told(&mut self, rollout: &Key, event: &Event) {
        let Some(series) = self.rollouts.get_mut(rollout) else { return };
        let reason = match self.reasons.get(event.reason.as_str()) {
            Some(reason) => Arc::clone(reason),
            None => {
                let new: Arc<str> =
                    if self.reasons.len() < REASONS_MAX { event.reason.as_str() } else { "Other" }.into();
                self.reasons.insert(Arc::clone(&new));
                new
            }
        };
        let known =
            series.events.iter_mut().find(|count| count.warning == event.warning && count.reason == reason);
        match known {
            Some(known) => known.count += 1,
            None => series.events.push(EventCount { warning: event.warning, reason, count: 1 }),
        }
    }

    /// When the phase of a Rollout began, if it is known to be in this one.
    pub fn phase_began(&self, rollout: &Key, phase: Phase) -> Option<i64> {
        let series = self.rollouts.get(rollout).filter(|series| series.facts.phase == phase)?;
        (series.phase_began > 0).then_some(series.phase_began)
    }

    /// How long ago the Rollout was looked at that was not looked at for longest.
    pub fn oldest_look(&self, now: Instant) -> Duration {
        let ours = self.rollouts.values().filter(|series| !series.left_alone);
        ours.map(|series| now.duration_since(series.looked_at)).max().unwrap_or_default()
    }
}

impl RolloutSeries {
    fn new(facts: Facts) -> Self {
        Self {
            facts,
            phase_began: facts.changed,
            reconcile: Histogram::new(&RECONCILE_BOUNDS),
            errors: 0,
            events: Vec::new(),
            looked_at: Instant::now(),
            left_alone: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(reason: &str) -> Event {
        Event { warning: true, reason: reason.into(), message: String::new() }
    }

    #[test]
    fn a_record_ends_with_its_rollout_and_nothing_else_makes_one() {
        let (mut objects, shop) = (Objects::default(), Key::new("default", "shop"));
        objects.event_told(&shop, &event("Early"));
        objects.pass_ended(&shop, Duration::ZERO, true, Instant::now());
        assert!(objects.rollouts.is_empty());
        objects.rollout_shown(&shop, Some(Facts::of(&json!({}))));
        objects.event_told(&shop, &event("Drift"));
        objects.event_told(&shop, &event("Drift"));
        let events = &objects.rollouts[&shop].events;
        assert_eq!((events.len(), events[0].count, &*events[0].reason), (1, 2, "Drift"));
        objects.rollout_shown(&shop, None);
        objects.event_told(&shop, &event("Late"));
        assert!(objects.rollouts.is_empty());
    }

    #[test]
    fn reasons_are_bounded() {
        let (mut objects, shop) = (Objects::default(), Key::new("default", "shop"));
        objects.rollout_shown(&shop, Some(Facts::of(&json!({}))));
        for number in 0..1000 {
            objects.event_told(&shop, &event(&format!("Reason{number}")));
        }
        let events = &objects.rollouts[&shop].events;
        assert_eq!(events.len(), REASONS_MAX + 1);
        assert_eq!(events.iter().map(|event| event.count).sum::<u64>(), 1000);
    }

    #[test]
    fn a_phase_begins_when_it_changes_and_not_with_each_change_within_it() {
        let status = |phase: &str, second: i64| {
            let time = jiff::Timestamp::from_second(second).unwrap().to_string();
            let condition = json!({"type": "Available", "lastTransitionTime": time});
            Some(Facts::of(&json!({"status": {"phase": phase, "conditions": [condition]}})))
        };
        let (mut objects, shop) = (Objects::default(), Key::new("default", "shop"));
        for (phase, second, wanted) in [("Paused", 5, 5), ("Paused", 7, 5), ("Healthy", 9, 9)] {
            objects.rollout_shown(&shop, status(phase, second));
            assert_eq!(objects.phase_began(&shop, Phase::of(Some(phase))), Some(wanted));
        }
        assert_eq!(objects.phase_began(&shop, Phase::Paused), None);
    }
}
