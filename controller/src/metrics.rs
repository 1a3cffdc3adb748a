//! What is measured, and how it is told to Prometheus.
//!
//! Nothing here is a registry that has to be pruned. What is said of an object is in a record ([`objects`]) that exists as
//! long as the cache has the object; labels of everything else come from closed lists. So the number of series depends on
//! how many Rollouts there are, and neither on their revisions nor on how long the controller has run.
//!
//! [`families`] is the one list of all metrics: name, labels, help and where the samples come from. A [`scrape`] writes them
//! in pieces, and the controller goes on between two of them.

pub mod counters;
mod durations;
pub mod facts;
pub mod families;
pub mod gzip;
pub mod histogram;
pub mod objects;
mod process;
pub mod requests;
pub mod scrape;
pub mod text;
pub mod work;

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use jiff::Timestamp;
use tokio::time::{Duration, Instant};
use verdigris_core::decision::Event;
use verdigris_crds::RolloutStatus;

use self::{
    counters::Counters,
    durations::Durations,
    facts::{Facts, Phase, TemplateMetrics},
    objects::Objects,
    requests::Requests,
    work::{PassEnd, Work},
};
use crate::key::{Key, Kind};

/// All that is measured of one controller.
#[derive(Debug)]
pub struct Metrics {
    /// What only grows.
    pub counters: Arc<Counters>,
    /// What was asked of the API server.
    pub requests: Arc<Requests>,
    objects: Mutex<Objects>,
    work: Mutex<Work>,
    durations: Mutex<Durations>,
    leads: AtomicBool,
    beside: AtomicBool,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            counters: Arc::default(),
            requests: Arc::default(),
            objects: Mutex::default(),
            work: Mutex::default(),
            durations: Mutex::default(),
            leads: AtomicBool::new(true),
            beside: AtomicBool::new(false),
        }
    }
}

impl Metrics {
    /// Whether this controller is the one that works. One that stands by tells nothing of single objects, or all would be
    /// there twice.
    pub fn set_leads(&self, leads: bool) {
        self.leads.store(leads, Relaxed);
    }

    /// Whether another controller works as well, where there is no election.
    pub fn set_beside(&self, beside: bool) {
        self.beside.store(beside, Relaxed);
    }

    /// The cache shows a Rollout, or that there is none any more.
    pub fn rollout_shown(&self, key: &Key, facts: Option<Facts>) {
        self.objects().rollout_shown(key, facts);
    }

    /// The cache shows an AnalysisRun in this phase, or that there is none any more.
    pub fn run_shown(&self, key: &Key, phase: Option<&str>) {
        let mut objects = self.objects();
        match phase {
            Some(phase) => objects.runs.insert(key.clone(), facts::run_phase(phase)),
            None => objects.runs.remove(key),
        };
    }

    /// The cache shows a template that measures this, or that there is none any more.
    pub fn template_shown(&self, key: &Key, metrics: Option<TemplateMetrics>) {
        let mut objects = self.objects();
        match metrics {
            Some(metrics) => objects.templates.insert(key.clone(), metrics),
            None => objects.templates.remove(key),
        };
    }

    /// Nothing is known any more of a kind that cannot be read.
    pub fn kind_forgotten(&self, kind: Kind) {
        let mut objects = self.objects();
        match kind {
            Kind::AnalysisRun => objects.runs.clear(),
            Kind::AnalysisTemplate => objects.templates.retain(|key, _| key.namespace().is_empty()),
            Kind::ClusterAnalysisTemplate => objects.templates.retain(|key, _| !key.namespace().is_empty()),
            // Nothing is told of others one by one, or they are never forgotten.
            Kind::Rollout | Kind::ReplicaSet | Kind::Service | Kind::EndpointSlice | Kind::Workload(_) => {}
        }
    }

    /// A pass begins, on what was due for so long.
    pub fn pass_began(&self, rollout: &Key, waited: Duration) {
        self.work().began(rollout, waited);
    }

    /// It has ended like this.
    pub fn pass_ended(&self, rollout: &Key, outcome: PassEnd) {
        let now = Instant::now();
        let Some(took) = self.work().ended(rollout, outcome, now) else { return };
        let failed = matches!(outcome, PassEnd::Refused | PassEnd::Failed | PassEnd::Panicked);
        self.objects().pass_ended(rollout, took, failed, now);
    }

    /// All passes under way were dropped.
    pub fn passes_dropped(&self) {
        self.work().running.clear();
    }

    /// An event about a Rollout was told.
    pub fn event_told(&self, rollout: &Key, event: &Event) {
        self.objects().event_told(rollout, event);
    }

    /// A Rollout is left to another controller.
    pub fn left_alone(&self, rollout: &Key) {
        if let Some(series) = self.objects().rollouts.get_mut(rollout) {
            series.left_alone = true;
        }
    }

    /// A status was written in the place of another.
    pub fn status_written(
        &self,
        rollout: &Key,
        seen: &RolloutStatus,
        written: &RolloutStatus,
        now: Timestamp,
    ) {
        let phase = Phase::of(seen.phase.as_deref());
        let began = self.objects().phase_began(rollout, phase);
        lock(&self.durations).status_written(seen, written, began, now);
    }

    /// What is to be known of the controller's loop, in which all that is asked for is set.
    pub fn work(&self) -> MutexGuard<'_, Work> {
        lock(&self.work)
    }

    fn objects(&self) -> MutexGuard<'_, Objects> {
        lock(&self.objects)
    }

    fn leads(&self) -> bool {
        self.leads.load(Relaxed)
    }

    fn is_beside(&self) -> bool {
        self.beside.load(Relaxed)
    }
}

/// No lock is held while anything waits, and what panics under one leaves numbers behind and nothing that could be broken.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
