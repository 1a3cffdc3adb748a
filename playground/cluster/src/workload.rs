//! ReplicaSet and Deployment as far as their controllers read them. The pod template stays raw JSON, so that fields
//! newer than our client library survive on their way into pods.

use std::collections::BTreeMap;

use k8s_openapi::{
    NamespaceResourceScope,
    api::apps::v1::{DeploymentCondition, DeploymentStrategy, ReplicaSetStatus},
    apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A ReplicaSet with a raw pod template.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReplicaSet {
    /// Its metadata.
    pub metadata: ObjectMeta,
    /// What is wanted.
    #[serde(default)]
    pub spec: ReplicaSetSpec,
    /// What was seen.
    #[serde(default)]
    pub status: ReplicaSetStatus,
}

/// What a ReplicaSet asks for.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ReplicaSetSpec {
    /// How many pods; 1 if not said.
    pub replicas: Option<i32>,
    /// How long a pod must be ready before it counts as available, in seconds.
    pub min_ready_seconds: Option<i32>,
    /// Which pods are its own.
    pub selector: LabelSelector,
    /// The pods to make.
    pub template: Value,
}

/// A Deployment with a raw pod template.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Deployment {
    /// Its metadata.
    pub metadata: ObjectMeta,
    /// What is wanted.
    #[serde(default)]
    pub spec: DeploymentSpec,
    /// What was seen, raw: it is only compared and added to.
    #[serde(default)]
    pub status: DeploymentStatus,
}

/// What a Deployment asks for.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DeploymentSpec {
    /// How many pods; 1 if not said.
    pub replicas: Option<i32>,
    /// How long a pod must be ready before it counts as available, in seconds.
    pub min_ready_seconds: Option<i32>,
    /// How long without progress until it counts as failed, in seconds; 600 if not said.
    pub progress_deadline_seconds: Option<i32>,
    /// How many old ReplicaSets stay; 10 if not said.
    pub revision_history_limit: Option<i32>,
    /// Whether updates rest.
    pub paused: Option<bool>,
    /// Which pods are its own.
    pub selector: LabelSelector,
    /// How an update goes.
    pub strategy: DeploymentStrategy,
    /// The pods to make.
    pub template: Value,
}

/// What a Deployment's controller has seen.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DeploymentStatus {
    /// Counts name collisions, so that the next name differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collision_count: Option<i32>,
    /// Available, Progressing.
    pub conditions: Vec<DeploymentCondition>,
    /// Everything else, to compare with.
    #[serde(flatten)]
    pub rest: BTreeMap<String, Value>,
}

macro_rules! workload {
    ($kind:ident, $name:literal, $segment:literal) => {
        impl k8s_openapi::Resource for $kind {
            const API_VERSION: &'static str = "apps/v1";
            const GROUP: &'static str = "apps";
            const KIND: &'static str = $name;
            const VERSION: &'static str = "v1";
            const URL_PATH_SEGMENT: &'static str = $segment;
            type Scope = NamespaceResourceScope;
        }

        impl k8s_openapi::Metadata for $kind {
            type Ty = ObjectMeta;

            fn metadata(&self) -> &ObjectMeta {
                &self.metadata
            }

            fn metadata_mut(&mut self) -> &mut ObjectMeta {
                &mut self.metadata
            }
        }
    };
}

workload!(ReplicaSet, "ReplicaSet", "replicasets");
workload!(Deployment, "Deployment", "deployments");
