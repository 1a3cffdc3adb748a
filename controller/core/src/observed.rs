//! Everything one pass may look at, and complete: nothing else may be read while deciding.

pub mod analysis;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use verdigris_crds::Rollout;

use crate::workload::Workload;
use analysis::AnalysisSeen;

/// One Rollout and all around it that a decision depends on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    /// The Rollout itself, with the resourceVersion that preconditions use.
    pub rollout: Rollout,
    /// ReplicaSets that the Rollout controls, and orphans that its selector matches, by name.
    pub replica_sets: BTreeMap<String, ReplicaSetSeen>,
    /// Services that the strategy names, by name; `None` where there is no such Service.
    pub services: BTreeMap<String, Option<ServiceSeen>>,
    /// Services that carry this Rollout's name as their manager though it does not name them (any more), by name.
    pub left_services: BTreeMap<String, ServiceSeen>,
    /// Other Rollouts of the namespace that name one of these Services, or whose selector matches our pods, by name.
    pub neighbours: BTreeMap<String, Neighbour>,
    /// Whether there is no such Rollout (any more): what is here of it is its name.
    pub gone: bool,
    /// Endpoints of the active Service. `None` if they may not be read (no permission) or are not known yet.
    pub active_endpoints: Option<Vec<EndpointSeen>>,
    /// Pods of ReplicaSets, by ReplicaSet name, where a live read was asked for with [`Fresh::Pods`].
    pub pods: BTreeMap<String, Vec<PodSeen>>,
    /// The pod templates that decide identity, where [`Fresh::Templates`] was asked for.
    pub templates: Option<TemplatesSeen>,
    /// The workload that `spec.workloadRef` names; `None` if it names none, or where that is not known yet.
    pub workload: Option<Workload>,
    /// AnalysisRuns of the Rollout, and the templates that its strategy names.
    pub analysis: AnalysisSeen,
    /// Which parts of the above come from live reads in this pass; all else comes from the caches.
    pub fresh: BTreeSet<Fresh>,
    /// What the API server refused a moment ago and would refuse again, each of another write, oldest first.
    pub refusals: Vec<Refusal>,
}

/// A part of [`Observed`] that can be read live.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fresh {
    /// The Rollout itself.
    Rollout,
    /// All Services the strategy names, and those that were left behind.
    Services,
    /// All ReplicaSets that the Rollout controls or its selector matches.
    ReplicaSets,
    /// The EndpointSlices of the active Service.
    ActiveEndpoints,
    /// The pods of one ReplicaSet, by the ReplicaSet's name.
    Pods(String),
    /// The Rollout's template after API defaulting (a dry-run create), beside those of its ReplicaSets.
    Templates,
    /// The workload that `spec.workloadRef` names.
    Workload,
    /// One AnalysisRun, by name.
    AnalysisRun(String),
    /// All other Rollouts of the namespace.
    Neighbours,
}

/// What a decision needs of a ReplicaSet; its pod template is not among it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReplicaSetSeen {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion`.
    pub resource_version: String,
    /// `metadata.generation`.
    pub generation: i64,
    /// `metadata.creationTimestamp`.
    pub created: Timestamp,
    /// Whether a deletionTimestamp is set.
    pub deleting: bool,
    /// UID of the controlling owner, if there is one.
    pub controller_uid: Option<String>,
    /// `metadata.labels`.
    pub labels: BTreeMap<String, String>,
    /// `metadata.annotations`.
    pub annotations: BTreeMap<String, String>,
    /// `spec.replicas`.
    pub replicas_wanted: i32,
    /// `spec.minReadySeconds`.
    pub min_ready_seconds: i32,
    /// The version whose nodes its pods keep off, by a term that a controller put into the template.
    pub keeps_off: Option<String>,
    /// `status.observedGeneration`.
    pub observed_generation: i64,
    /// `status.replicas`.
    pub replicas: i32,
    /// `status.readyReplicas`.
    pub ready_replicas: i32,
    /// `status.availableReplicas`.
    pub available_replicas: i32,
    /// Reason and message of the condition ReplicaFailure, where it is True.
    pub failure: Option<(String, String)>,
}

/// What a decision needs of a Service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ServiceSeen {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion`.
    pub resource_version: String,
    /// `spec.selector`.
    pub selector: BTreeMap<String, String>,
    /// The annotation `managed-by-rollouts`.
    pub managed_by: Option<String>,
}

/// What a decision needs of another Rollout.
#[derive(Clone, Debug, PartialEq)]
pub struct Neighbour {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.creationTimestamp`.
    pub created: Timestamp,
    /// The Services that its strategy names, whichever that is.
    pub services: BTreeSet<String>,
    /// Whether its selector matches the pods of the Rollout in question, or that one's matches its pods.
    pub overlaps: bool,
}

/// One endpoint of a Service, from its EndpointSlices.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EndpointSeen {
    /// `targetRef.uid`, the pod's UID.
    pub pod_uid: Option<String>,
    /// `targetRef.name`, the pod's name.
    pub pod_name: Option<String>,
    /// `conditions.ready`; absent counts as true (discovery/v1).
    pub ready: bool,
}

/// What a decision needs of a pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct PodSeen {
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.name`.
    pub name: String,
    /// `metadata.creationTimestamp`.
    pub created: Timestamp,
    /// Whether a deletionTimestamp is set.
    pub deleting: bool,
    /// Whether the condition Ready is True and no deletionTimestamp is set.
    pub ready: bool,
    /// When the condition Ready became what it is.
    pub ready_since: Option<Timestamp>,
    /// `metadata.labels`.
    pub labels: BTreeMap<String, String>,
    /// `metadata.annotations`.
    pub annotations: BTreeMap<String, String>,
}

/// Templates as the API server holds or would hold them.
#[derive(Clone, Debug, PartialEq)]
pub struct TemplatesSeen {
    /// The Rollout's template as a dry-run create of its ReplicaSet returned it, or why the server refused it.
    pub wanted: Result<Value, Refusal>,
    /// Templates of the owned ReplicaSets, by ReplicaSet name.
    pub replica_sets: BTreeMap<String, Value>,
}

/// An answer of the API server that says no for a reason that trying again does not mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What was asked, for example `create ReplicaSet shop-5cd66`.
    pub what: String,
    /// HTTP status code: 403, 404, 409 (AlreadyExists), 422 and the like.
    pub code: u16,
    /// The server's `reason`, for example `Invalid`.
    pub reason: String,
    /// The server's message.
    pub message: String,
}
