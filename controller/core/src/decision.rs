//! What one pass wants done. Data only: the shell's commit is the one place that does it.
//!
//! A write to the Rollout itself (`AnnotateRollout`, `DefaultReplicas`) moves its resourceVersion: commit goes on with
//! the version that the answer to its own, preconditioned write brought.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use verdigris_crds::RolloutStatus;

use crate::observed::{Fresh, Refusal};

/// The answer of one pass.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Nothing is to be read any more; this is what to do.
    Decided(Box<Decision>),
    /// A dangerous write is near: read these live and ask again.
    NeedFresh(BTreeSet<Fresh>),
}

/// Writes in order, then the status, then events.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decision {
    /// In order; commit stops at the first that fails, so every prefix must be safe (the guard checks each).
    pub writes: Vec<Write>,
    /// The whole wanted status, as it is true once all writes have succeeded.
    pub status: RolloutStatus,
    /// Sent once the status is safe.
    pub events: Vec<Event>,
    /// The earliest moment at which the answer could differ with nothing else changed.
    pub look_again: Option<Timestamp>,
    /// Whether all there is to write is how many pods there are by now. That may wait a moment for company: pods seldom
    /// come alone.
    pub is_counting: bool,
}

/// One API call (evictions: one a pod, until enough have gone). Each names the object version it was decided on, so that a stale decision is refused.
#[derive(Clone, Debug, PartialEq)]
pub enum Write {
    /// Creates a ReplicaSet of this Rollout.
    CreateReplicaSet(Box<NewReplicaSet>),
    /// Changes size and annotations of a ReplicaSet in one patch.
    UpdateReplicaSet(ReplicaSetChange),
    /// Deletes a ReplicaSet that history no longer needs.
    DeleteReplicaSet(Precondition),
    /// Makes an orphan ours: sets the controller reference.
    AdoptReplicaSet(Precondition),
    /// Lets a ReplicaSet go that the selector no longer matches: removes the controller reference.
    ReleaseReplicaSet(Precondition),
    /// Points a Service at one version.
    PointService(PointService),
    /// Takes hash and mark off a Service that no Rollout names any more.
    ReleaseService(Precondition),
    /// Changes annotations of the Rollout; `None` removes one.
    AnnotateRollout(BTreeMap<String, Option<String>>),
    /// Takes pods from the Deployment that `spec.workloadRef` names.
    ScaleWorkload(ScaleWorkload),
    /// Writes the default `spec.replicas: 1` into the Rollout, for autoscalers that read it.
    DefaultReplicas,
    /// Creates an AnalysisRun of this Rollout.
    CreateAnalysisRun(Box<NewAnalysisRun>),
    /// Ends an AnalysisRun before its time: `spec.terminate`.
    TerminateAnalysisRun(Precondition),
    /// Deletes an AnalysisRun that history no longer needs.
    DeleteAnalysisRun(Precondition),
    /// Asks pods to leave, through their eviction subresource, so that PodDisruptionBudgets hold.
    EvictPods(Evictions),
    /// Changes labels and annotations of a pod.
    LabelPod(PodChange),
}

impl Write {
    /// Whether this is what the API server has refused. (ReplicaSets and AnalysisRuns that are not to be are dealt with
    /// where they are made.)
    #[must_use]
    pub fn is_refused(&self, refusal: &Refusal) -> bool {
        match self {
            Self::CreateReplicaSet(_) | Self::CreateAnalysisRun(_) => false,
            Self::EvictPods(_) => refusal.what.starts_with("evict pod "),
            write => refusal.what == write.describe(),
        }
    }

    /// In words: for the log, and to know a write again that the API server has refused.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::CreateReplicaSet(new) => {
                format!("create ReplicaSet {} with {} replicas", new.name, new.replicas)
            }
            Self::UpdateReplicaSet(change) => {
                let replicas = change.replicas.map(|replicas| format!("to {replicas} replicas"));
                let seconds = change.min_ready_seconds.map(|seconds| format!("minReadySeconds {seconds}"));
                let annotations = change.annotations.keys().cloned();
                let template =
                    (!change.template.is_empty()).then(|| "labels or affinity of pods to come".to_owned());
                let parts: Vec<_> =
                    replicas.into_iter().chain(seconds).chain(annotations).chain(template).collect();
                format!("update ReplicaSet {}: {}", change.at.name, parts.join(", "))
            }
            Self::DeleteReplicaSet(at) => format!("delete ReplicaSet {}", at.name),
            Self::AdoptReplicaSet(at) => format!("adopt ReplicaSet {}", at.name),
            Self::ReleaseReplicaSet(at) => format!("release ReplicaSet {}", at.name),
            Self::PointService(point) => format!("point Service {} at {}", point.at.name, point.hash),
            Self::ReleaseService(at) => format!("let Service {} go", at.name),
            Self::AnnotateRollout(annotations) => {
                let names: Vec<_> = annotations.keys().map(String::as_str).collect();
                format!("annotate Rollout: {}", names.join(", "))
            }
            Self::ScaleWorkload(scale) => format!("scale Deployment {} to {}", scale.at.name, scale.replicas),
            Self::CreateAnalysisRun(new) => format!("create AnalysisRun {}", new.name),
            Self::TerminateAnalysisRun(at) => format!("end AnalysisRun {}", at.name),
            Self::DeleteAnalysisRun(at) => format!("delete AnalysisRun {}", at.name),
            Self::DefaultReplicas => "set spec.replicas of Rollout to its default 1".to_owned(),
            Self::LabelPod(change) => format!("label pod {}", change.at.name),
            Self::EvictPods(evictions) => {
                let names: Vec<_> = evictions.pods.iter().map(|pod| pod.name.as_str()).collect();
                format!("evict {} of the pods {}", evictions.most, names.join(", "))
            }
        }
    }
}

/// Pods to ask in order, until `most` of them leave. One that may not go now is skipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evictions {
    /// All that could go.
    pub pods: Vec<PodAt>,
    /// How many of them may.
    pub most: usize,
}

/// One very pod. Its UID is the precondition: its version moves with every report of its node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodAt {
    /// The name of the ReplicaSet that controls it.
    pub replica_set: String,
    /// `metadata.name`.
    pub name: String,
    /// `metadata.uid`.
    pub uid: String,
}

/// The object version a write was decided on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Precondition {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion`.
    pub resource_version: String,
}

/// A ReplicaSet to create. Commit adds namespace and owner reference, which are the same for all.
#[derive(Clone, Debug, PartialEq)]
pub struct NewReplicaSet {
    /// `metadata.name`, a function of Rollout and hash: creating it twice answers AlreadyExists.
    pub name: String,
    /// `metadata.labels`.
    pub labels: BTreeMap<String, String>,
    /// `metadata.annotations`.
    pub annotations: BTreeMap<String, String>,
    /// `spec.replicas`.
    pub replicas: i32,
    /// `spec.minReadySeconds`.
    pub min_ready_seconds: i32,
    /// `spec.selector`, raw.
    pub selector: Value,
    /// `spec.template`, raw, with the hash label.
    pub template: Value,
}

/// An AnalysisRun to create. Commit adds namespace and owner reference, which are the same for all.
#[derive(Clone, Debug, PartialEq)]
pub struct NewAnalysisRun {
    /// `metadata.name`, a function of Rollout, hash, revision and moment, and of how many such names are taken.
    pub name: String,
    /// `metadata.labels`.
    pub labels: BTreeMap<String, String>,
    /// `metadata.annotations`.
    pub annotations: BTreeMap<String, String>,
    /// `spec`.
    pub spec: Value,
}

/// What to change of a ReplicaSet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaSetChange {
    /// Which ReplicaSet, at which version.
    pub at: Precondition,
    /// `spec.replicas`, where it changes.
    pub replicas: Option<i32>,
    /// `spec.minReadySeconds`, where it changes.
    pub min_ready_seconds: Option<i32>,
    /// Annotations that change; `None` removes one.
    pub annotations: BTreeMap<String, Option<String>>,
    /// What changes in the pod template, for pods to come.
    pub template: TemplateChange,
}

/// What may ever change in a pod template. None of it makes another version, and none restarts a pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TemplateChange {
    /// Labels that change; `None` removes one.
    pub labels: BTreeMap<String, Option<String>>,
    /// Annotations that change; `None` removes one.
    pub annotations: BTreeMap<String, Option<String>>,
    /// Lists of `spec.affinity.podAntiAffinity` that change, each whole; null removes one.
    pub pod_anti_affinity: Option<Value>,
}

impl TemplateChange {
    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.annotations.is_empty() && self.pod_anti_affinity.is_none()
    }

    /// As a merge patch of the template.
    #[must_use]
    pub fn to_patch(&self) -> Value {
        let mut patch = json!({});
        if !self.labels.is_empty() {
            patch["metadata"]["labels"] = json!(self.labels);
        }
        if !self.annotations.is_empty() {
            patch["metadata"]["annotations"] = json!(self.annotations);
        }
        if let Some(lists) = &self.pod_anti_affinity {
            patch["spec"]["affinity"]["podAntiAffinity"] = lists.clone();
        }
        patch
    }
}

/// What to change of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodChange {
    /// Which pod.
    pub at: PodAt,
    /// Labels that change; `None` removes one.
    pub labels: BTreeMap<String, Option<String>>,
    /// Annotations that change; `None` removes one.
    pub annotations: BTreeMap<String, Option<String>>,
}

/// Which version a Service is to select.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointService {
    /// Which Service, at which version.
    pub at: Precondition,
    /// The hash that its selector gets.
    pub hash: String,
    /// The `managed-by-rollouts` annotation, where it must be added.
    pub managed_by: Option<String>,
}

/// How many pods the referenced Deployment is to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScaleWorkload {
    /// Which Deployment, at which version.
    pub at: Precondition,
    /// `spec.replicas`.
    pub replicas: i32,
}

/// A Kubernetes Event about the Rollout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Whether it is a `Warning` (else `Normal`).
    pub warning: bool,
    /// For example `SwitchService`.
    pub reason: String,
    /// For example `Switched selector for service 'shop' from '' to '5cd66'`.
    pub message: String,
}
