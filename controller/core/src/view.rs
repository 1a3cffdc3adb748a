//! What people see of a Rollout: one model for the terminal and the dashboard.
//!
//! [`RolloutView::new`] is a pure function of objects as the API server holds them and the time. It says in which phase
//! the Rollout is and why, which revisions there are with their pods, which Service sends traffic where, what it waits
//! for, and what can be done about it. Texts and icons are those of the peer where the peer has them, so that people and
//! scripts that read them find what they know.

pub mod actions;
pub mod analysis_run;
pub mod canary;
pub mod human;
pub mod icon;
pub mod images;
pub mod phase;
pub mod pod;
pub mod replica_set;
pub mod service;
pub mod timeline;
pub mod waiting;
pub mod why;

use std::{cmp::Reverse, collections::BTreeMap};

use jiff::Timestamp;
use k8s_openapi::api::{
    apps::v1::ReplicaSet,
    core::v1::{Pod, Service},
};
use serde::Serialize;
use verdigris_crds::{Rollout, keys};

pub use actions::{ActionView, ActionsView};
pub use analysis_run::{AnalysisRun, AnalysisRunView};
pub use canary::CanaryView;
pub use icon::Icon;
pub use images::ImageView;
pub use phase::Phase;
pub use pod::PodView;
pub use replica_set::{ReplicaSetStatus, ReplicaSetView, ScaleDownView, Tag};
pub use service::{Role, ServicePodView, ServiceView};
pub use timeline::Moment;
pub use why::{Answer, Line, Why};

/// One Rollout with all that belongs to it, ready to be printed or drawn.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RolloutView {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion`: changes whenever anything of the Rollout does.
    pub resource_version: String,
    /// The phase as clients see it, which knows of a spec that the controller has not seen yet.
    pub phase: Phase,
    /// Its icon.
    pub icon: Icon,
    /// Why it is in that phase. May be empty.
    pub message: String,
    /// How a new version takes over.
    pub strategy: Strategy,
    /// Steps and weights, if the strategy is canary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canary: Option<CanaryView>,
    /// Images that run now, with the roles in which they do.
    pub images: Vec<ImageView>,
    /// Pods wanted and there.
    pub replicas: ReplicaCounts,
    /// `metadata.creationTimestamp`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// Its age, as kubectl writes it.
    pub age: String,
    /// Whether the controller has seen the newest spec.
    pub observed: bool,
    /// The version that the newest spec asks for, if the controller has seen it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current: Option<Version>,
    /// All versions that are still there, newest first.
    pub revisions: Vec<RevisionView>,
    /// The Services that the strategy names.
    pub services: Vec<ServiceView>,
    /// What keeps it from going on, a sentence each, the most important first. Empty if nothing does.
    pub waiting_for: Vec<String>,
    /// `status.conditions`, as they came.
    pub conditions: Vec<ConditionView>,
    /// What happened and what will, oldest first.
    pub timeline: Vec<Moment>,
    /// What makes sense now.
    pub actions: ActionsView,
}

/// One version of the pod template: a hash at a revision. The same template may come back under a higher revision.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Version {
    /// The pod template hash.
    pub hash: String,
    /// The revision.
    pub revision: u64,
}

/// How a new version takes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Strategy {
    /// Two stacks, one switch.
    BlueGreen,
    /// In steps.
    Canary,
    /// The spec names none, or both.
    Unknown,
}

impl Strategy {
    /// The strategy of this Rollout.
    #[must_use]
    pub fn of(rollout: &Rollout) -> Self {
        match rollout.spec.strategy.as_ref().map(|strategy| (&strategy.blue_green, &strategy.canary)) {
            Some((Some(_), None)) => Self::BlueGreen,
            Some((None, Some(_))) => Self::Canary,
            _ => Self::Unknown,
        }
    }

    /// As the peer writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BlueGreen => "BlueGreen",
            Self::Canary => "Canary",
            Self::Unknown => "unknown",
        }
    }
}

/// Pods wanted and there, as `status` counts them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplicaCounts {
    /// `spec.replicas`, 1 where it is absent.
    pub desired: i32,
    /// Pods of all versions.
    pub current: i32,
    /// Pods of the newest version.
    pub updated: i32,
    /// Ready pods (blue-green: of the active version).
    pub ready: i32,
    /// Available pods (blue-green: of the active version).
    pub available: i32,
}

/// A revision and what carries it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RevisionView {
    /// The number; 0 for what carries none.
    pub number: u64,
    /// Its ReplicaSets, by name.
    pub replica_sets: Vec<ReplicaSetView>,
    /// Its AnalysisRuns, oldest first.
    pub analysis_runs: Vec<AnalysisRunView>,
}

/// The objects around a Rollout, as far as they could be read. They may be more than belong to it (all of a namespace,
/// say): ReplicaSets, pods and AnalysisRuns are picked by owner, Services by the names in the strategy.
#[derive(Clone, Copy, Debug, Default)]
pub struct Around<'a> {
    /// ReplicaSets.
    pub replica_sets: &'a [ReplicaSet],
    /// Pods.
    pub pods: &'a [Pod],
    /// Services.
    pub services: &'a [Service],
    /// AnalysisRuns.
    pub analysis_runs: &'a [AnalysisRun],
}

/// A condition, as it came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConditionView {
    /// For example `Progressing`.
    #[serde(rename = "type")]
    pub type_: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// One word for machines.
    pub reason: String,
    /// A sentence for people.
    pub message: String,
    /// Time since `status` last changed, as kubectl writes it.
    pub age: String,
}

impl RolloutView {
    /// Looks at a Rollout and the objects around it. Ages and remaining times are as of `now`.
    #[must_use]
    pub fn new(rollout: &Rollout, around: &Around<'_>, now: Timestamp) -> Self {
        let Around { pods, services, .. } = *around;
        let metadata = &rollout.metadata;
        let replica_sets = replica_set::of_rollout(rollout, around.replica_sets, pods, now);
        let runs = analysis_run::of_rollout(rollout, around.analysis_runs, now);
        let (phase, message) = phase::phase_and_message(rollout);
        let created = metadata.creation_timestamp.as_ref().map(|time| time.0);
        let services = service::of_rollout(rollout, &replica_sets, pods, services);
        let current = current_version(rollout, &replica_sets);
        Self {
            name: metadata.name.clone().unwrap_or_default(),
            namespace: metadata.namespace.clone().unwrap_or_default(),
            uid: metadata.uid.clone().unwrap_or_default(),
            resource_version: metadata.resource_version.clone().unwrap_or_default(),
            icon: phase.icon(),
            waiting_for: waiting::reasons(rollout, current.as_ref(), &replica_sets, &services, &runs, now),
            timeline: timeline::moments(rollout, &replica_sets, &runs, now),
            actions: ActionsView::of(rollout, current.as_ref()),
            phase,
            message,
            strategy: Strategy::of(rollout),
            canary: CanaryView::of(rollout, &replica_sets),
            images: images::running(&replica_sets),
            replicas: ReplicaCounts::of(rollout),
            created,
            age: human::age(created, now),
            observed: phase::is_seen(rollout),
            current,
            conditions: conditions(rollout, now),
            revisions: by_revision(replica_sets, runs),
            services,
        }
    }

    /// All ReplicaSets, newest revision first.
    pub fn replica_sets(&self) -> impl Iterator<Item = &ReplicaSetView> {
        self.revisions.iter().flat_map(|revision| &revision.replica_sets)
    }

    /// All AnalysisRuns, newest revision first.
    pub fn analysis_runs(&self) -> impl Iterator<Item = &AnalysisRunView> {
        self.revisions.iter().flat_map(|revision| &revision.analysis_runs)
    }
}

impl ReplicaCounts {
    /// The counts in the Rollout's spec and status.
    #[must_use]
    pub fn of(rollout: &Rollout) -> Self {
        let status = rollout.status.as_ref();
        Self {
            desired: rollout.spec.replicas.unwrap_or(1),
            current: status.and_then(|status| status.replicas).unwrap_or_default(),
            updated: status.and_then(|status| status.updated_replicas).unwrap_or_default(),
            ready: status.and_then(|status| status.ready_replicas).unwrap_or_default(),
            available: status.and_then(|status| status.available_replicas).unwrap_or_default(),
        }
    }
}

/// The version in `status.currentPodHash`, with the revision of its ReplicaSet.
fn current_version(rollout: &Rollout, replica_sets: &[ReplicaSetView]) -> Option<Version> {
    let hash = rollout.status.as_ref()?.current_pod_hash.clone().filter(|hash| !hash.is_empty())?;
    let revision = replica_sets
        .iter()
        .find(|set| set.hash == hash)
        .map(|set| set.revision)
        .or_else(|| rollout.metadata.annotations.as_ref()?.get(keys::REVISION)?.parse().ok())?;
    Some(Version { hash, revision })
}

/// Both come sorted; a run may be of a revision that has no ReplicaSet any more.
fn by_revision(replica_sets: Vec<ReplicaSetView>, runs: Vec<AnalysisRunView>) -> Vec<RevisionView> {
    let mut revisions: BTreeMap<Reverse<u64>, RevisionView> = BTreeMap::new();
    let empty = |number| RevisionView { number, replica_sets: Vec::new(), analysis_runs: Vec::new() };
    for set in replica_sets {
        let number = set.revision;
        revisions.entry(Reverse(number)).or_insert_with(|| empty(number)).replica_sets.push(set);
    }
    for run in runs {
        let number = run.revision;
        revisions.entry(Reverse(number)).or_insert_with(|| empty(number)).analysis_runs.push(run);
    }
    revisions.into_values().collect()
}

fn conditions(rollout: &Rollout, now: Timestamp) -> Vec<ConditionView> {
    let conditions =
        rollout.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    conditions
        .iter()
        .map(|condition| ConditionView {
            type_: condition.type_.clone(),
            status: condition.status.clone(),
            reason: condition.reason.clone(),
            message: condition.message.clone(),
            age: human::age(Some(condition.last_transition_time.0), now),
        })
        .collect()
}

#[cfg(test)]
mod tests;
