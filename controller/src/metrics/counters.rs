//! What has happened since the start.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use verdigris_core::guard::Rule;

use super::lock;

/// Counts since the controller was made. All only grow.
#[derive(Debug, Default)]
pub struct Counters {
    /// Passes begun.
    pub passes: Count,
    /// Passes that read something live.
    pub passes_with_live_reads: Count,
    /// Passes that a panic ended.
    pub panics: Count,
    /// Plans that the safety kernel refused, by the rule that they would have broken.
    pub plans_refused: CountBy<Rule>,
    /// Rollouts that are left alone because another controller works on them.
    pub rivals: Count,
    /// Times a Rollout had to wait because the cache did not yet show what we wrote.
    pub waits_for_cache: Count,
    /// Waits that a live read ended, because the cache never came to show what we wrote.
    pub releases_by_live_read: Count,
    /// Writes that the server refused because the object had changed meanwhile.
    pub conflicts: Count,
    /// Writes that the server refused for another reason that trying again does not mend.
    pub refusals: Count,
    /// Calls that failed for a passing reason: no connection, no answer in time, 429, 5xx.
    pub failures: Count,
    /// Rollouts whose JSON does not fit the API types.
    pub undecodable: Count,
    /// Switches that somebody else did and Verdigris would have done too (`--observe`).
    pub agreements: Count,
    /// What Verdigris would have done otherwise than whoever acts (`--observe`).
    pub differences: Count,
    /// Writes that succeeded, by what they did.
    pub writes: WriteCounts,
}

/// Writes that succeeded, by what they did.
#[derive(Debug, Default)]
pub struct WriteCounts {
    /// ReplicaSets created.
    pub create_replica_set: Count,
    /// ReplicaSets whose size or annotations changed.
    pub update_replica_set: Count,
    /// ReplicaSets deleted.
    pub delete_replica_set: Count,
    /// ReplicaSets adopted or released.
    pub own_replica_set: Count,
    /// Services pointed at a version.
    pub point_service: Count,
    /// Services let go that no Rollout names any more.
    pub release_service: Count,
    /// Referenced Deployments scaled down.
    pub scale_workload: Count,
    /// AnalysisRuns created.
    pub create_analysis_run: Count,
    /// AnalysisRuns ended before their time.
    pub end_analysis_run: Count,
    /// AnalysisRuns deleted.
    pub delete_analysis_run: Count,
    /// Changes of a Rollout's annotations or of its default replicas.
    pub rollout: Count,
    /// Pods whose labels or annotations changed.
    pub label_pod: Count,
    /// Pods that were evicted.
    pub evict_pod: Count,
    /// Status patches.
    pub status: Count,
    /// Events created or counted up.
    pub event: Count,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// One more.
    pub fn add_one(&self) {
        self.0.fetch_add(1, Relaxed);
    }

    /// The number.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Numbers that only grow, one for each of few things.
#[derive(Debug)]
pub struct CountBy<K>(Mutex<BTreeMap<K, u64>>);

impl<K> Default for CountBy<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Ord> CountBy<K> {
    /// One more of these.
    pub fn add_one(&self, key: K) {
        *lock(&self.0).entry(key).or_default() += 1;
    }

    /// How many of these.
    pub fn of(&self, key: &K) -> u64 {
        lock(&self.0).get(key).copied().unwrap_or_default()
    }

    /// How many of all.
    pub fn get(&self) -> u64 {
        lock(&self.0).values().sum()
    }
}

impl WriteCounts {
    /// All writes but events.
    #[must_use]
    pub fn without_events(&self) -> u64 {
        self.each().into_iter().filter(|(name, _)| *name != "event").map(|(_, count)| count.get()).sum()
    }

    /// All of them, with their names.
    #[must_use]
    pub fn each(&self) -> [(&'static str, &Count); 15] {
        // Named one by one: a new count that is left out here does not compile.
        let Self {
            create_replica_set,
            update_replica_set,
            delete_replica_set,
            own_replica_set,
            point_service,
            release_service,
            scale_workload,
            create_analysis_run,
            end_analysis_run,
            delete_analysis_run,
            rollout,
            label_pod,
            evict_pod,
            status,
            event,
        } = self;
        [
            ("create_replica_set", create_replica_set),
            ("update_replica_set", update_replica_set),
            ("delete_replica_set", delete_replica_set),
            ("own_replica_set", own_replica_set),
            ("point_service", point_service),
            ("release_service", release_service),
            ("scale_workload", scale_workload),
            ("create_analysis_run", create_analysis_run),
            ("end_analysis_run", end_analysis_run),
            ("delete_analysis_run", delete_analysis_run),
            ("rollout", rollout),
            ("label_pod", label_pod),
            ("evict_pod", evict_pod),
            ("status", status),
            ("event", event),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_write_but_events_counts_as_one() {
        let counts = WriteCounts::default();
        counts.release_service.add_one();
        counts.scale_workload.add_one();
        counts.label_pod.add_one();
        counts.evict_pod.add_one();
        counts.status.add_one();
        counts.event.add_one();
        assert_eq!(counts.without_events(), 5);
    }
}
