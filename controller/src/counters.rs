//! What has happened since the start, for tests, benchmarks and (later) metrics.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counts since the controller was made. All only grow.
#[derive(Debug, Default)]
pub struct Counters {
    /// Passes begun.
    pub passes: Count,
    /// Passes that read something live.
    pub passes_with_live_reads: Count,
    /// Passes that a panic ended.
    pub panics: Count,
    /// Plans that the safety kernel refused.
    pub plans_refused: Count,
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

impl WriteCounts {
    /// All writes but events.
    #[must_use]
    pub fn without_events(&self) -> u64 {
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
            event: _,
        } = self;
        let replica_sets = [create_replica_set, update_replica_set, delete_replica_set, own_replica_set];
        let runs = [create_analysis_run, end_analysis_run, delete_analysis_run];
        let others = [point_service, release_service, scale_workload, rollout, label_pod, evict_pod, status];
        replica_sets.into_iter().chain(runs).chain(others).map(Count::get).sum()
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
