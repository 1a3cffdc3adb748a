//! What `spec.workloadRef` can name: Deployments, ReplicaSets and PodTemplates, read for their pod template.

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Resource, core::DynamicResourceScope};
use serde::Deserialize;
use serde_json::Value;
use verdigris_core::workload::{WorkloadKind, WorkloadSeen};
use verdigris_crds::Selector;

use super::{key_of, lean_metadata};
use crate::key::Key;

/// A workload of any of the kinds.
#[derive(Clone, Debug, Deserialize)]
pub struct WorkloadItem {
    #[serde(deserialize_with = "lean_metadata")]
    metadata: ObjectMeta,
    #[serde(default)]
    spec: WorkloadSpec,
    /// Where a PodTemplate has it.
    #[serde(default)]
    template: Option<Value>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct WorkloadSpec {
    replicas: Option<i32>,
    selector: Option<Selector>,
    template: Option<Value>,
}

impl WorkloadItem {
    /// Its version; and what a decision needs of it, where `is_referenced` says so of its key.
    pub(crate) fn seen_if(self, is_referenced: impl FnOnce(Key) -> bool) -> Option<Box<WorkloadSeen>> {
        is_referenced(key_of(&self.metadata)).then(|| Box::new(self.seen()))
    }

    /// What a decision needs of it.
    #[must_use]
    pub fn seen(self) -> WorkloadSeen {
        WorkloadSeen {
            uid: self.metadata.uid.unwrap_or_default(),
            resource_version: self.metadata.resource_version.unwrap_or_default(),
            generation: self.metadata.generation.unwrap_or_default(),
            replicas: self.spec.replicas,
            selector: self.spec.selector,
            template: self.spec.template.or(self.template).unwrap_or_default(),
        }
    }
}

impl Resource for WorkloadItem {
    type DynamicType = WorkloadKind;
    type Scope = DynamicResourceScope;

    fn kind(kind: &WorkloadKind) -> Cow<'_, str> {
        match kind {
            WorkloadKind::Deployment => "Deployment".into(),
            WorkloadKind::ReplicaSet => "ReplicaSet".into(),
            WorkloadKind::PodTemplate => "PodTemplate".into(),
        }
    }
    fn group(kind: &WorkloadKind) -> Cow<'_, str> {
        match kind {
            WorkloadKind::Deployment | WorkloadKind::ReplicaSet => "apps".into(),
            WorkloadKind::PodTemplate => "".into(),
        }
    }
    fn version(_: &WorkloadKind) -> Cow<'_, str> {
        "v1".into()
    }
    fn plural(kind: &WorkloadKind) -> Cow<'_, str> {
        match kind {
            WorkloadKind::Deployment => "deployments".into(),
            WorkloadKind::ReplicaSet => "replicasets".into(),
            WorkloadKind::PodTemplate => "podtemplates".into(),
        }
    }
    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }
    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}
