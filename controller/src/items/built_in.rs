//! Kinds that Kubernetes itself defines.

use std::{borrow::Cow, collections::BTreeMap};

use jiff::Timestamp;
use k8s_openapi::{
    NamespaceResourceScope,
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time},
};
use kube::Resource;
use serde::Deserialize;
use serde_json::Value;
use verdigris_core::injected::keeps_off;
use verdigris_core::observed::{EndpointSeen, PodSeen, ReplicaSetSeen, ServiceSeen};
use verdigris_crds::keys;

use super::{controller_of, lean_metadata};

/// A ReplicaSet without its pod template, but for what a controller put into its anti-affinity.
#[derive(Clone, Debug, Deserialize)]
pub struct ReplicaSetItem {
    #[serde(deserialize_with = "lean_metadata")]
    metadata: ObjectMeta,
    #[serde(default)]
    spec: ReplicaSetSpec,
    #[serde(default)]
    status: ReplicaSetStatus,
}

/// A ReplicaSet with its pod template, raw.
#[derive(Clone, Debug, Deserialize)]
pub struct TemplateItem {
    #[serde(deserialize_with = "lean_metadata")]
    metadata: ObjectMeta,
    #[serde(default)]
    spec: TemplateSpec,
}

/// A Service.
#[derive(Clone, Debug, Deserialize)]
pub struct ServiceItem {
    #[serde(deserialize_with = "lean_metadata")]
    metadata: ObjectMeta,
    #[serde(default)]
    spec: ServiceSpec,
}

/// An EndpointSlice.
#[derive(Clone, Debug, Deserialize)]
pub struct SliceItem {
    #[serde(deserialize_with = "lean_metadata")]
    metadata: ObjectMeta,
    #[serde(default)]
    endpoints: Option<Vec<Endpoint>>,
}

/// A Pod.
#[derive(Clone, Debug, Deserialize)]
pub struct PodItem {
    #[serde(deserialize_with = "lean_metadata")]
    metadata: ObjectMeta,
    #[serde(default)]
    status: PodStatus,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ReplicaSetSpec {
    replicas: Option<i32>,
    min_ready_seconds: i32,
    template: TemplateAffinity,
}

/// Of a ReplicaSet's template only this.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct TemplateAffinity {
    spec: PodAffinity,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct PodAffinity {
    affinity: Option<Affinity>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Affinity {
    pod_anti_affinity: Value,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct TemplateSpec {
    template: Value,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ReplicaSetStatus {
    observed_generation: i64,
    replicas: i32,
    ready_replicas: i32,
    available_replicas: i32,
    conditions: Option<Vec<Condition>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Condition {
    #[serde(rename = "type")]
    type_: String,
    status: String,
    reason: String,
    message: String,
    #[serde(rename = "lastTransitionTime")]
    last_transition_time: Option<Time>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct ServiceSpec {
    selector: Option<BTreeMap<String, String>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Endpoint {
    conditions: Option<EndpointConditions>,
    target_ref: Option<TargetRef>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct EndpointConditions {
    ready: Option<bool>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct TargetRef {
    uid: Option<String>,
    name: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct PodStatus {
    conditions: Option<Vec<Condition>>,
}

/// Label of EndpointSlices: the Service that they belong to.
const SERVICE_NAME: &str = "kubernetes.io/service-name";

impl ReplicaSetItem {
    /// What a decision needs of it.
    #[must_use]
    pub fn seen(self) -> ReplicaSetSeen {
        let controller_uid = controller_of(&self.metadata).map(|owner| owner.uid.clone());
        let failure = self.status.conditions.unwrap_or_default().into_iter();
        let mut annotations = self.metadata.annotations.unwrap_or_default();
        annotations.remove(keys::LAST_APPLIED);
        ReplicaSetSeen {
            name: self.metadata.name.unwrap_or_default(),
            uid: self.metadata.uid.unwrap_or_default(),
            resource_version: self.metadata.resource_version.unwrap_or_default(),
            generation: self.metadata.generation.unwrap_or_default(),
            created: self.metadata.creation_timestamp.map_or(Timestamp::UNIX_EPOCH, |time| time.0),
            deleting: self.metadata.deletion_timestamp.is_some(),
            controller_uid,
            labels: self.metadata.labels.unwrap_or_default(),
            annotations,
            // The API server defaults an absent number to 1.
            replicas_wanted: self.spec.replicas.unwrap_or(1),
            min_ready_seconds: self.spec.min_ready_seconds,
            keeps_off: self.spec.template.spec.affinity.and_then(|it| keeps_off(&it.pod_anti_affinity)),
            observed_generation: self.status.observed_generation,
            replicas: self.status.replicas,
            ready_replicas: self.status.ready_replicas,
            available_replicas: self.status.available_replicas,
            failure: failure
                .filter(|condition| condition.type_ == "ReplicaFailure" && condition.status == "True")
                .map(|condition| (condition.reason, condition.message))
                .next(),
        }
    }
}

impl TemplateItem {
    /// The ReplicaSet's name and its pod template.
    #[must_use]
    pub fn named_template(self) -> (String, Value) {
        (self.metadata.name.unwrap_or_default(), self.spec.template)
    }
}

impl ServiceItem {
    /// What a decision needs of it.
    #[must_use]
    pub fn seen(self) -> ServiceSeen {
        ServiceSeen {
            name: self.metadata.name.unwrap_or_default(),
            uid: self.metadata.uid.unwrap_or_default(),
            resource_version: self.metadata.resource_version.unwrap_or_default(),
            selector: self.spec.selector.unwrap_or_default(),
            managed_by: self.metadata.annotations.and_then(|mut all| all.remove(keys::MANAGED_BY)),
        }
    }
}

impl SliceItem {
    /// The name of the Service it belongs to, if it says so.
    #[must_use]
    pub fn service(&self) -> Option<&str> {
        self.metadata.labels.as_ref()?.get(SERVICE_NAME).map(String::as_str)
    }

    /// Its endpoints.
    #[must_use]
    pub fn seen(self) -> Vec<EndpointSeen> {
        let endpoints = self.endpoints.unwrap_or_default().into_iter();
        endpoints
            .map(|endpoint| {
                let target = endpoint.target_ref.unwrap_or_default();
                EndpointSeen {
                    pod_uid: target.uid,
                    pod_name: target.name,
                    ready: endpoint.conditions.and_then(|conditions| conditions.ready).unwrap_or(true),
                }
            })
            .collect()
    }

    /// The label selector for the slices of one Service.
    #[must_use]
    pub fn selector_for(service: &str) -> String {
        format!("{SERVICE_NAME}={service}")
    }
}

impl PodItem {
    /// What a decision needs of it.
    #[must_use]
    pub fn seen(self) -> PodSeen {
        let conditions = self.status.conditions.unwrap_or_default();
        let ready = conditions.into_iter().find(|condition| condition.type_ == "Ready");
        let deleting = self.metadata.deletion_timestamp.is_some();
        PodSeen {
            uid: self.metadata.uid.unwrap_or_default(),
            name: self.metadata.name.unwrap_or_default(),
            created: self.metadata.creation_timestamp.map_or(Timestamp::UNIX_EPOCH, |time| time.0),
            deleting,
            ready: ready.as_ref().is_some_and(|ready| ready.status == "True") && !deleting,
            ready_since: ready.and_then(|ready| ready.last_transition_time).map(|time| time.0),
            labels: self.metadata.labels.unwrap_or_default(),
            annotations: self.metadata.annotations.unwrap_or_default(),
        }
    }
}

resource!(ReplicaSetItem, NamespaceResourceScope, "apps", "v1", "ReplicaSet", "replicasets");
resource!(TemplateItem, NamespaceResourceScope, "apps", "v1", "ReplicaSet", "replicasets");
resource!(ServiceItem, NamespaceResourceScope, "", "v1", "Service", "services");
resource!(SliceItem, NamespaceResourceScope, "discovery.k8s.io", "v1", "EndpointSlice", "endpointslices");
resource!(PodItem, NamespaceResourceScope, "", "v1", "Pod", "pods");

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn of_a_replica_set_only_what_decides_is_kept() {
        let item: ReplicaSetItem = serde_json::from_value(json!({
            "apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": {"name": "shop-5c", "namespace": "default", "uid": "u", "resourceVersion": "7", "generation": 2,
                "creationTimestamp": "2026-11-21T08:00:00Z", "labels": {"app": "shop"}, "managedFields": [{"manager": "x"}],
                "annotations": {"a": "b", "kubectl.kubernetes.io/last-applied-configuration": "{}"},
                "ownerReferences": [{"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "shop", "uid": "r", "controller": true}]},
            "spec": {"minReadySeconds": 3, "template": {"spec": {"containers": []}}},
            "status": {"replicas": 2, "availableReplicas": 1, "observedGeneration": 2,
                "conditions": [{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "quota"}]},
        }))
        .unwrap();
        assert_eq!(item.metadata.managed_fields, None);
        let seen = item.seen();
        assert_eq!(seen.controller_uid.as_deref(), Some("r"));
        assert_eq!((seen.replicas_wanted, seen.min_ready_seconds, seen.available_replicas), (1, 3, 1));
        assert_eq!(seen.failure, Some(("FailedCreate".into(), "quota".into())));
        assert_eq!(seen.annotations.keys().collect::<Vec<_>>(), ["a"]);
    }

    #[test]
    fn an_endpoint_that_does_not_say_is_ready() {
        let slice: SliceItem = serde_json::from_value(json!({
            "metadata": {"name": "s-1", "labels": {"kubernetes.io/service-name": "s"}}, "addressType": "IPv4",
            "endpoints": [{"addresses": ["10.244.0.1"], "targetRef": {"kind": "Pod", "name": "p", "uid": "u"}},
                {"addresses": ["10.244.0.2"], "conditions": {"ready": false}}],
        }))
        .unwrap();
        assert_eq!(slice.service(), Some("s"));
        let named = EndpointSeen { pod_uid: Some("u".into()), pod_name: Some("p".into()), ready: true };
        assert_eq!(slice.seen(), [named, EndpointSeen::default()]);
    }
}
