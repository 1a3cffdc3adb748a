//! How the controller's loop is doing.

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::{Duration, Instant};

use super::histogram::Histogram;
use crate::key::{Key, Kind};

/// Kinds of objects that are watched, as labels.
pub const WATCHED: [&str; 8] = [
    "Rollout",
    "ReplicaSet",
    "Service",
    "EndpointSlice",
    "AnalysisRun",
    "AnalysisTemplate",
    "ClusterAnalysisTemplate",
    "Workload",
];

/// Bounds of passes, in seconds.
const PASS: [f64; 13] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// Bounds that work queues have in Kubernetes, in seconds.
const QUEUE: [f64; 10] =
    [0.000_000_01, 0.000_000_1, 0.000_001, 0.000_01, 0.000_1, 0.001, 0.01, 0.1, 1.0, 10.0];

/// How a pass ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PassEnd {
    /// Something was written.
    Changed,
    /// There was nothing to do.
    Unchanged,
    /// What was decided on had changed meanwhile.
    Outdated,
    /// The API server refused a write.
    Refused,
    /// A call failed, or the safety kernel refused the plan; it is tried again.
    Failed,
    /// It panicked.
    Panicked,
}

impl PassEnd {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Changed, Self::Unchanged, Self::Outdated, Self::Refused, Self::Failed, Self::Panicked];

    /// As a label.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Unchanged => "unchanged",
            Self::Outdated => "outdated",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Panicked => "panicked",
        }
    }
}

/// A kind as a label: workloads that Rollouts reference are one.
#[must_use]
pub fn label_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Rollout => "Rollout",
        Kind::ReplicaSet => "ReplicaSet",
        Kind::Service => "Service",
        Kind::EndpointSlice => "EndpointSlice",
        Kind::AnalysisRun => "AnalysisRun",
        Kind::AnalysisTemplate => "AnalysisTemplate",
        Kind::ClusterAnalysisTemplate => "ClusterAnalysisTemplate",
        Kind::Workload(_) => "Workload",
    }
}

/// How the loop is doing.
#[derive(Debug)]
pub struct Work {
    pub(super) passes: BTreeMap<PassEnd, Histogram<13>>,
    pub(super) waited: Histogram<10>,
    pub(super) worked: Histogram<10>,
    pub(super) running: BTreeMap<Key, Instant>,
    /// What the loop said of itself last.
    pub measured: Measured,
}

/// What the loop says of itself.
#[derive(Debug, Default)]
pub struct Measured {
    /// Rollouts that are due.
    pub due: usize,
    /// Rollouts that are due later.
    pub later: usize,
    /// Rollouts that wait for the cache to show what was written.
    pub waiting: usize,
    /// Since when the first of those that are due is due.
    pub due_since: Option<Instant>,
    /// How often a Rollout was put into the queue.
    pub added: u64,
    /// How many objects of each kind the cache holds.
    pub cached: [(&'static str, usize); 8],
    /// Kinds that cannot be watched just now.
    pub troubles: BTreeSet<&'static str>,
    /// Whether everything was listed that a decision needs.
    pub synced: bool,
}

impl Default for Work {
    fn default() -> Self {
        Self {
            passes: PassEnd::ALL.into_iter().map(|outcome| (outcome, Histogram::new(&PASS))).collect(),
            waited: Histogram::new(&QUEUE),
            worked: Histogram::new(&QUEUE),
            running: BTreeMap::new(),
            measured: Measured::default(),
        }
    }
}

impl Work {
    pub(super) fn began(&mut self, rollout: &Key, waited: Duration) {
        self.waited.observe_time(waited);
        self.running.insert(rollout.clone(), Instant::now());
    }

    pub(super) fn ended(&mut self, rollout: &Key, outcome: PassEnd, now: Instant) -> Option<Duration> {
        let took = now.duration_since(self.running.remove(rollout)?);
        self.worked.observe_time(took);
        if let Some(times) = self.passes.get_mut(&outcome) {
            times.observe_time(took);
        }
        Some(took)
    }

    /// How many passes were tried again.
    pub(super) fn retries(&self) -> u64 {
        let failed = [PassEnd::Refused, PassEnd::Failed, PassEnd::Panicked];
        failed.iter().filter_map(|outcome| self.passes.get(outcome)).map(Histogram::count).sum()
    }

    /// How long the passes under way have taken so far: all together, and the longest.
    pub(super) fn unfinished(&self, now: Instant) -> (Duration, Duration) {
        let times = || self.running.values().map(|began| now.duration_since(*began));
        (times().sum(), times().max().unwrap_or_default())
    }
}
