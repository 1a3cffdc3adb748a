//! A cluster in a few hundred lines: one Rollout, its ReplicaSets, pods and Services, and a clock that is set by hand.
//!
//! It carries decisions out as an API server and the ReplicaSet and EndpointSlice controllers would, without any I/O,
//! so that a change can be played before it is applied, and so that tests can visit states that are rare in life.
//!
//! ```
//! # use serde_json::json;
//! # use verdigris_core::simulate::{Cluster, Settings};
//! let rollout = serde_json::from_value(json!({
//!     "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
//!     "metadata": {"name": "shop", "namespace": "demo", "generation": 1},
//!     "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "shop"}},
//!         "template": {"metadata": {"labels": {"app": "shop"}},
//!             "spec": {"containers": [{"name": "shop", "image": "shop:1"}]}},
//!         "strategy": {"blueGreen": {"activeService": "shop-active"}}}
//! }))?;
//! let mut cluster = Cluster::new(rollout, jiff::Timestamp::UNIX_EPOCH, Settings::default());
//! cluster.add_service("shop-active");
//! cluster.run(60).expect("every plan passes the guard");
//! assert_eq!(cluster.phase(), ("Healthy", ""));
//! # Ok::<(), serde_json::Error>(())
//! ```

mod analysis;
pub mod api;
pub mod controllers;
#[cfg(test)]
mod peer;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod rare;
#[cfg(test)]
mod search;
#[cfg(test)]
mod staleness;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod totality;
mod workload;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;
use verdigris_crds::Rollout;

use crate::decision::{Decision, Event, Outcome, Write};
use crate::guard::{Refused, guard};
use crate::observed::analysis::{AnalysisRunSeen, TemplateName};
use crate::observed::{Fresh, Neighbour, Observed, ReplicaSetSeen, ServiceSeen};
use crate::seen::after;
use crate::workload::Workload;

/// How the simulated cluster behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Seconds from a pod's creation until it is ready.
    pub ready_after_seconds: i64,
    /// Pods whose container image contains this word never become ready.
    pub never_ready: String,
    /// Whether EndpointSlices may be read.
    pub endpoints_readable: bool,
    /// Whether EndpointSlices follow their Service.
    pub endpoints_follow: bool,
    /// `minAvailable` of a PodDisruptionBudget over all pods of the Rollout.
    pub min_available: usize,
    /// How AnalysisRuns are measured.
    pub measured: Measured,
}

/// How AnalysisRuns are measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Measured {
    /// Nobody measures them.
    Never,
    /// They run until somebody ends them.
    ForEver,
    /// They end so many seconds after they were created, in this phase.
    Ends(i64, String),
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            ready_after_seconds: 2,
            never_ready: "bad".to_owned(),
            endpoints_readable: true,
            endpoints_follow: true,
            min_available: 0,
            measured: Measured::Ends(3, "Successful".to_owned()),
        }
    }
}

/// A pod of a simulated ReplicaSet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.name`.
    pub name: String,
    /// When it was created.
    pub created: Timestamp,
    /// Whether it is kept from being ready, whatever its age.
    pub broken: bool,
    /// `metadata.labels`.
    pub labels: BTreeMap<String, String>,
    /// `metadata.annotations`.
    pub annotations: BTreeMap<String, String>,
}

/// Something that happened, for a timeline.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// The controller wrote.
    Write(Write),
    /// The controller told.
    Event(Event),
    /// The phase, or its message, changed.
    Phase(String, String),
}

/// The simulated cluster.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// The Rollout as the API server holds it.
    pub rollout: Rollout,
    /// ReplicaSets by name.
    pub replica_sets: BTreeMap<String, ReplicaSetSeen>,
    /// Pod templates of the ReplicaSets by name.
    pub templates: BTreeMap<String, Value>,
    /// Pods by the name of their ReplicaSet.
    pub pods: BTreeMap<String, Vec<Pod>>,
    /// Services by name.
    pub services: BTreeMap<String, ServiceSeen>,
    /// Other Rollouts of the namespace.
    pub neighbours: BTreeMap<String, Neighbour>,
    /// The workload that the Rollout may reference.
    pub workload: Option<Workload>,
    /// AnalysisRuns by name.
    pub analysis_runs: BTreeMap<String, AnalysisRunSeen>,
    /// Specs of analysis templates by name.
    pub analysis_templates: BTreeMap<TemplateName, Value>,
    /// Why AnalysisRuns and their templates cannot be read, where that is so.
    pub analysis_unreadable: Option<String>,
    /// The time.
    pub now: Timestamp,
    /// How it behaves.
    pub settings: Settings,
    /// All that happened so far.
    pub log: Vec<(Timestamp, Entry)>,
    /// The workload that was lost, for when it is found again.
    lost_workload: Option<Workload>,
    /// The selector that the active Service's endpoints follow.
    followed: BTreeMap<String, String>,
    /// The last version number given to an object.
    version: u64,
}

/// Passes at one moment after which a controller that still writes is held to be running in circles.
const MOST_PASSES: usize = 40;

/// Why a simulation stopped.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Stopped {
    /// The safety kernel refused a plan.
    #[error("the safety kernel refused the plan: {0}")]
    Refused(#[from] Refused),
    /// The passes at one moment do not come to rest.
    #[error("{MOST_PASSES} passes at one moment, and still something to write: {0}")]
    Restless(String),
}

impl Cluster {
    /// A cluster that holds one Rollout and nothing else.
    #[must_use]
    pub fn new(mut rollout: Rollout, now: Timestamp, settings: Settings) -> Self {
        rollout.metadata.uid.get_or_insert_with(|| "uid-of-rollout".to_owned());
        rollout.metadata.generation.get_or_insert(1);
        rollout.metadata.resource_version = Some("1".to_owned());
        Self {
            rollout,
            replica_sets: BTreeMap::new(),
            templates: BTreeMap::new(),
            pods: BTreeMap::new(),
            services: BTreeMap::new(),
            neighbours: BTreeMap::new(),
            workload: None,
            analysis_runs: BTreeMap::new(),
            analysis_templates: BTreeMap::new(),
            analysis_unreadable: None,
            now,
            settings,
            log: Vec::new(),
            lost_workload: None,
            followed: BTreeMap::new(),
            version: 1,
        }
    }

    /// Phase and message.
    #[must_use]
    pub fn phase(&self) -> (&str, &str) {
        let status = self.rollout.status.as_ref();
        let phase = status.and_then(|status| status.phase.as_deref());
        let message = status.and_then(|status| status.message.as_deref());
        (phase.unwrap_or_default(), message.unwrap_or_default())
    }

    /// Decides as the controller would, with the live reads it asks for.
    ///
    /// # Errors
    /// If the safety kernel refuses the decision.
    pub fn decide(&self) -> Result<(Observed, Decision), Refused> {
        let mut fresh = BTreeSet::<Fresh>::new();
        loop {
            let observed = self.observe(&fresh);
            match crate::decide(&observed, self.now) {
                Outcome::Decided(decision) => {
                    guard(&observed, &decision, self.now)?;
                    return Ok((observed, *decision));
                }
                Outcome::NeedFresh(needs) => {
                    debug_assert!(!needs.is_subset(&fresh), "asked again for what it had: {needs:?}");
                    fresh.extend(needs);
                }
            }
        }
    }

    /// One pass of the controller. Whether it changed anything, and when it wants to look again.
    ///
    /// # Errors
    /// If the safety kernel refuses the decision.
    pub fn pass(&mut self) -> Result<(bool, Option<Timestamp>), Refused> {
        let (_, decision) = self.decide()?;
        let look_again = decision.look_again;
        Ok((self.carry_out(decision), look_again))
    }

    /// Lets the controller and the cluster act until both are at rest, at this moment. Says when the next of them moves.
    ///
    /// # Errors
    /// If the safety kernel refuses a decision, or if they do not come to rest.
    pub fn settle(&mut self) -> Result<Option<Timestamp>, Stopped> {
        let mut last = String::new();
        for _ in 0..MOST_PASSES {
            let moved = self.act();
            let before = self.log.len();
            let (changed, look_again) = self.pass()?;
            if !moved && !changed {
                return Ok([look_again, self.next_move()].into_iter().flatten().min());
            }
            last = format!("{:?}", self.log.get(before..).unwrap_or_default());
        }
        Err(Stopped::Restless(last))
    }

    /// Runs for so many seconds, jumping from one moment at which something happens to the next.
    ///
    /// # Errors
    /// As [`Self::settle`].
    pub fn run(&mut self, seconds: i64) -> Result<(), Stopped> {
        let end = after(self.now, seconds);
        loop {
            let next = self.settle()?;
            match next {
                Some(next) if next <= end && next > self.now => self.now = next,
                Some(_) | None => break,
            }
        }
        self.now = end;
        self.settle()?;
        Ok(())
    }
}
