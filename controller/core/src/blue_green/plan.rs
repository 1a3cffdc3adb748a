//! The facts of one pass, gathered once, and the draft that the leaves write into.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;
use verdigris_crds::{BlueGreenStrategy, RolloutSpec, RolloutStatus, Selector};

use crate::decision::{Event, NewReplicaSet, Precondition, ReplicaSetChange, TemplateChange, Write};
use crate::observed::analysis::AnalysisRunSeen;
use crate::observed::{Fresh, Observed, Refusal, ReplicaSetSeen, ServiceSeen};

use super::analysis::Outcome;
use super::restart::Restart;

/// The facts of one pass. Nothing in it is decided yet.
pub(crate) struct Pass<'a> {
    pub observed: &'a Observed,
    /// The moment of the pass, for comparisons.
    pub now: Timestamp,
    /// The same in whole seconds, for what is written.
    pub stamp: Timestamp,
    pub spec: &'a RolloutSpec,
    pub strategy: &'a BlueGreenStrategy,
    /// The pod template, as the user wrote it.
    pub template: &'a Value,
    pub selector: &'a Selector,
    pub seen: &'a RolloutStatus,
    /// Pods wanted.
    pub replicas: i32,
    pub active: &'a ServiceSeen,
    pub preview: Option<&'a ServiceSeen>,
    /// The ReplicaSet of the current template, unless it is to be created.
    pub current: Option<&'a ReplicaSetSeen>,
    pub create: Option<NewReplicaSet>,
    pub collision_count: Option<i32>,
    /// Hash, name and revision of the current ReplicaSet, existing or not.
    pub hash: String,
    pub current_name: String,
    pub revision: u64,
    pub template_sha256: String,
    /// The generation of the referenced workload, where the Rollout is to be annotated with it.
    pub generation_due: Option<String>,
    /// Whether `current` was found by comparing defaulted templates, and should carry our annotation from now on.
    pub found_by_comparison: bool,
    /// Whether this is the first pass that sees this template as the current one.
    pub transition: bool,
    /// What was promoted last.
    pub stable_hash: Option<String>,
    pub stable: Option<&'a ReplicaSetSeen>,
    /// What the active Service selects by our own record.
    pub recorded_active: Option<String>,
}

impl Pass<'_> {
    /// Whether the operator has taken the wheel.
    pub fn halted(&self) -> bool {
        self.spec.paused == Some(true)
    }

    /// Whether the current version is the one that was promoted last.
    pub fn is_stable(&self) -> bool {
        self.stable_hash.as_deref() == Some(self.hash.as_str())
    }

    /// Whether the current version has the traffic already, and only counts as stable once all is well.
    pub fn is_switched(&self) -> bool {
        !self.is_stable() && self.recorded_active.as_deref() == Some(self.hash.as_str())
    }

    /// The hash of a ReplicaSet of ours.
    pub fn hash_of<'s>(&self, seen: &'s ReplicaSetSeen) -> &'s str {
        seen.hash(self.observed.name()).unwrap_or_default()
    }

    /// What the API server said when it refused this very write a moment ago; it would again.
    pub fn refusal_of(&self, write: &Write) -> Option<&Refusal> {
        self.observed.refusals.iter().find(|refusal| write.is_refused(refusal))
    }

    /// The owned ReplicaSet with this hash, the current one not excepted.
    pub fn with_hash(&self, hash: &str) -> Option<&ReplicaSetSeen> {
        self.observed.owned_with_hash(hash)
    }
}

/// What the pass is going to do, in the groups that give the writes their safe order.
#[derive(Default)]
pub(crate) struct Draft {
    pub needs: BTreeSet<Fresh>,
    /// The earliest moment at which a leaf would answer otherwise.
    pub due: Option<Timestamp>,
    pub create: Option<NewReplicaSet>,
    pub grow: Vec<Write>,
    pub annotate: Option<BTreeMap<String, Option<String>>>,
    pub preview: Option<Write>,
    pub active: Option<Write>,
    pub shrink: Vec<Write>,
    pub delete: Vec<Write>,
    /// What is done to single pods.
    pub pods: Vec<Write>,
    /// What comes of `spec.restartAt`.
    pub restart: Restart,
    /// Events of these groups, in the order in which the peer tells them.
    pub preview_events: Vec<Event>,
    pub scale_events: Vec<Event>,
    pub active_events: Vec<Event>,
    pub analysis: Outcome,
    /// Why something is left out, where the API server refuses it.
    pub left_out: Option<Refusal>,
}

impl Draft {
    /// Notes a moment at which to look again.
    pub fn look_at(&mut self, time: Timestamp) {
        self.due = Some(self.due.map_or(time, |due| due.min(time)));
    }

    pub fn need(&mut self, needs: impl IntoIterator<Item = Fresh>) {
        self.needs.extend(needs);
    }

    /// Leaves out what the API server refuses, so that the rest need not wait for it. What is done to pods is done in
    /// order: nothing comes after what is refused. (The active Service is not among these: all else depends on it.)
    pub fn leave_out_refused(&mut self, pass: &Pass<'_>) {
        let left_out = &mut self.left_out;
        let mut goes =
            |write: &Write| pass.refusal_of(write).map(|refusal| note(left_out, refusal)).is_some();
        for list in [&mut self.delete, &mut self.analysis.writes, &mut self.analysis.deletes] {
            list.retain(|write| !goes(write));
        }
        if let Some(refused) = self.pods.iter().position(&mut goes) {
            self.pods.truncate(refused);
        }
        if self.annotate.clone().map(Write::AnnotateRollout).is_some_and(|write| goes(&write)) {
            self.annotate = None;
        }
    }

    /// Notes that this is why something is left out.
    pub fn leave_out(&mut self, refusal: &Refusal) {
        note(&mut self.left_out, refusal);
    }

    pub fn into_writes(self) -> Vec<Write> {
        let create = self.create.map(|create| Write::CreateReplicaSet(Box::new(create)));
        create
            .into_iter()
            .chain(self.grow)
            .chain(self.annotate.map(Write::AnnotateRollout))
            .chain(self.preview)
            .chain(self.active)
            .chain(self.analysis.writes)
            .chain(self.shrink)
            .chain(self.delete)
            .chain(self.analysis.deletes)
            .chain(self.pods)
            .collect()
    }

    /// Whether this pass changes any ReplicaSet.
    pub fn changes_replica_sets(&self) -> bool {
        let lists = [&self.grow, &self.shrink, &self.delete];
        self.create.is_some() || lists.into_iter().any(|list| !list.is_empty())
    }
}

/// The first thing that is left out is the one that is told.
fn note(left_out: &mut Option<Refusal>, refusal: &Refusal) {
    left_out.get_or_insert_with(|| refusal.clone());
}

/// A Normal event.
pub(crate) fn normal(reason: &str, message: String) -> Event {
    Event { warning: false, reason: reason.to_owned(), message }
}

/// A Warning event.
pub(crate) fn warning(reason: &str, message: String) -> Event {
    Event { warning: true, reason: reason.to_owned(), message }
}

/// What a ReplicaSet is to become; only differences reach the write.
pub(crate) struct Change<'a> {
    pub seen: &'a ReplicaSetSeen,
    pub replicas: i32,
    min_ready_seconds: Option<i32>,
    annotations: BTreeMap<String, Option<String>>,
    /// What changes in the pod template.
    pub template: TemplateChange,
    /// Whether it comes after all that is done to pods.
    pub is_last: bool,
}

impl<'a> Change<'a> {
    pub fn of(seen: &'a ReplicaSetSeen) -> Self {
        Self {
            seen,
            replicas: seen.replicas_wanted,
            min_ready_seconds: None,
            annotations: BTreeMap::new(),
            template: TemplateChange::default(),
            is_last: false,
        }
    }

    pub fn annotate(&mut self, key: &str, value: impl Into<String>) {
        let value = value.into();
        if self.seen.annotations.get(key) == Some(&value) {
            self.annotations.remove(key);
        } else {
            self.annotations.insert(key.to_owned(), Some(value));
        }
    }

    pub fn remove(&mut self, key: &str) {
        if self.seen.annotations.contains_key(key) {
            self.annotations.insert(key.to_owned(), None);
        } else {
            self.annotations.remove(key);
        }
    }

    pub fn min_ready_seconds(&mut self, seconds: i32) {
        self.min_ready_seconds = (self.seen.min_ready_seconds != seconds).then_some(seconds);
    }

    pub fn shrinks(&self) -> bool {
        self.replicas < self.seen.replicas_wanted
    }

    /// Whether there is anything to write, except what can wait for company.
    pub fn is_due(&self) -> bool {
        self.replicas != self.seen.replicas_wanted
            || self.min_ready_seconds.is_some()
            || !self.annotations.is_empty()
            || !self.template.is_empty()
    }

    pub fn into_write(self) -> Option<Write> {
        let replicas = (self.replicas != self.seen.replicas_wanted).then_some(self.replicas);
        if self.seen.deleting || !self.is_due() {
            return None;
        }
        Some(Write::UpdateReplicaSet(ReplicaSetChange {
            at: at(self.seen),
            replicas,
            min_ready_seconds: self.min_ready_seconds,
            annotations: self.annotations,
            template: self.template,
        }))
    }
}

/// The version of a ReplicaSet that a write was decided on.
pub(crate) fn at(seen: &ReplicaSetSeen) -> Precondition {
    Precondition {
        name: seen.name.clone(),
        uid: seen.uid.clone(),
        resource_version: seen.resource_version.clone(),
    }
}

/// The version of an AnalysisRun that a write was decided on.
pub(crate) fn at_run(seen: &AnalysisRunSeen) -> Precondition {
    Precondition {
        name: seen.name.clone(),
        uid: seen.uid.clone(),
        resource_version: seen.resource_version.clone(),
    }
}
