//! Leading and standing by: what begins and what ends when the leader changes.
//!
//! Who stands by watches all the same, so that its caches are filled and every Rollout is due; it starts no pass and tells no
//! event. When a term ends, passes under way are dropped where they stand, as in a crash, which every prefix of their writes
//! allows. Events that were not told yet are lost with them, for the next leader has its own to tell.

use futures::stream::FuturesUnordered;
use tokio::time::Instant;
use tracing::{debug, info};

use super::Controller;
use crate::{key::Kind, outbox::Outbox, watches::Trouble};

/// Kinds without which nothing is decided, and what people call them.
const NEEDED: [(Kind, &str); 7] = [
    (Kind::Rollout, "Rollouts"),
    (Kind::ReplicaSet, "ReplicaSets"),
    (Kind::Service, "Services"),
    (Kind::EndpointSlice, "EndpointSlices"),
    (Kind::AnalysisRun, "AnalysisRuns"),
    (Kind::AnalysisTemplate, "AnalysisTemplates"),
    (Kind::ClusterAnalysisTemplate, "ClusterAnalysisTemplates"),
];

impl Controller {
    /// Ends a term that is over, and begins the one that we are in.
    pub(super) fn follow_terms(&mut self) {
        let term = self.fence.term();
        if term == self.term {
            return;
        }
        if self.term != 0 {
            debug!(
                term = self.term,
                passes = self.passes_underway,
                "the term is over: passes under way are dropped"
            );
            self.end_term();
        }
        if term != 0 {
            info!(term, "begins to work");
        }
        self.term = term;
    }

    fn end_term(&mut self) {
        let now = Instant::now();
        self.underway = FuturesUnordered::new();
        self.passes_underway = 0;
        self.means.metrics.passes_dropped();
        self.outbox = Outbox::default();
        self.queue.give_up(now);
        for memory in self.memory.values_mut() {
            memory.untold = None;
            memory.counts_due = None;
        }
        // Those that waited for what we wrote: by the time we lead again it has come, or will be read.
        for rollout in std::mem::take(&mut self.waiting) {
            self.queue.add(&rollout, now);
        }
    }

    /// Says that the loop turns, and what it waits for.
    pub(super) fn tell_health(&self) {
        self.health.turned(Instant::now());
        if !self.health.is_filled() {
            let waits = if self.caches_filled() { Vec::new() } else { self.waits_for() };
            self.health.waits_for(waits);
        }
    }

    fn waits_for(&self) -> Vec<String> {
        let missing = NEEDED.into_iter().filter(|(kind, _)| !self.knows(*kind));
        let said = missing.map(|(kind, name)| match self.troubles.get(&kind) {
            None => name.to_owned(),
            Some(Trouble::Unknown) => {
                format!("{name} (the API server does not know this kind: is the CRD installed?)")
            }
            Some(Trouble::Forbidden(why)) => format!("{name} (may not list or watch: {why})"),
            Some(Trouble::Other(why)) => format!("{name} ({why})"),
        });
        said.collect()
    }

    /// Passes need not wait for the kind.
    fn knows(&self, kind: Kind) -> bool {
        let can_do_without = kind == Kind::EndpointSlice && self.troubles.contains_key(&kind);
        can_do_without || self.cache.knows(kind)
    }

    pub(super) fn caches_filled(&self) -> bool {
        NEEDED.into_iter().all(|(kind, _)| self.knows(kind))
    }
}
