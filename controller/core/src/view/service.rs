//! Which Service sends traffic to which version and to which pods.

use k8s_openapi::api::core::v1::{Pod, Service};
use serde::Serialize;
use serde_json::Value;
use verdigris_crds::{Rollout, keys};

use super::{ReplicaSetView, pod};

/// A Service that the strategy names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceView {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// Whether there is such a Service (or whether it may be read).
    pub found: bool,
    /// The pod template hash in its selector; where the Service was not found, the one in the status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    /// The ReplicaSet with that hash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replica_set: Option<String>,
    /// The revision of that ReplicaSet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// Pods that its selector matches.
    pub pods: Vec<ServicePodView>,
    /// `spec.clusterIP`, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_ip: Option<String>,
    /// Its ports, `80/TCP`.
    pub ports: Vec<String>,
}

/// A pod that a Service selects.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServicePodView {
    /// The pod's name.
    pub name: String,
    /// The ReplicaSet that owns it, if it is one of this Rollout's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replica_set: Option<String>,
    /// Whether it is ready, so that traffic reaches it.
    pub ready: bool,
}

/// What a Service is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Blue-green: production traffic.
    Active,
    /// Blue-green: the newest version, before it is promoted.
    Preview,
    /// Canary: the stable version.
    Stable,
    /// Canary: the newest version.
    Canary,
}

impl Role {
    /// In one word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Preview => "preview",
            Self::Stable => "stable",
            Self::Canary => "canary",
        }
    }
}

/// The Services that the strategy names, the one with production traffic first.
#[must_use]
pub fn named_by(rollout: &Rollout) -> Vec<(Role, String)> {
    let Some(strategy) = &rollout.spec.strategy else { return Vec::new() };
    let mut named = Vec::new();
    if let Some(blue_green) = &strategy.blue_green {
        named.push((Role::Active, blue_green.active_service.clone()));
        named.extend(blue_green.preview_service.clone().map(|name| (Role::Preview, name)));
    }
    if let Some(canary) = &strategy.canary {
        let service = |key: &str| canary.get(key).and_then(Value::as_str).map(str::to_owned);
        named.extend(service("stableService").map(|name| (Role::Stable, name)));
        named.extend(service("canaryService").map(|name| (Role::Canary, name)));
    }
    named.retain(|(_, name)| !name.is_empty());
    named
}

pub(super) fn of_rollout(
    rollout: &Rollout,
    replica_sets: &[ReplicaSetView],
    pods: &[Pod],
    services: &[Service],
) -> Vec<ServiceView> {
    let namespace = rollout.metadata.namespace.as_deref();
    let is = |service: &&Service, name: &str| {
        service.metadata.name.as_deref() == Some(name)
            && (service.metadata.namespace.is_none() || service.metadata.namespace.as_deref() == namespace)
    };
    named_by(rollout)
        .into_iter()
        .map(|(role, name)| {
            let service = services.iter().find(|service| is(service, &name));
            let hash = match service {
                Some(service) => selector_hash(service),
                None => stored_hash(rollout, role),
            };
            let target = replica_sets.iter().find(|set| Some(&set.hash) == hash.as_ref());
            ServiceView {
                role,
                found: service.is_some(),
                replica_set: target.map(|set| set.name.clone()),
                revision: target.map(|set| set.revision),
                pods: service
                    .map(|service| selected(service, namespace, replica_sets, pods))
                    .unwrap_or_default(),
                cluster_ip: service.and_then(|service| service.spec.as_ref()?.cluster_ip.clone()),
                ports: service.map(ports).unwrap_or_default(),
                name,
                hash,
            }
        })
        .collect()
}

fn selector_hash(service: &Service) -> Option<String> {
    service.spec.as_ref()?.selector.as_ref()?.get(keys::POD_TEMPLATE_HASH).cloned()
}

fn stored_hash(rollout: &Rollout, role: Role) -> Option<String> {
    let status = rollout.status.as_ref()?;
    match role {
        Role::Active => status.blue_green.as_ref()?.active_selector.clone(),
        Role::Preview => status.blue_green.as_ref()?.preview_selector.clone(),
        Role::Stable | Role::Canary => None,
    }
}

fn selected(
    service: &Service,
    namespace: Option<&str>,
    replica_sets: &[ReplicaSetView],
    pods: &[Pod],
) -> Vec<ServicePodView> {
    let selector = service.spec.as_ref().and_then(|spec| spec.selector.clone()).unwrap_or_default();
    let matches = |pod: &&Pod| {
        let labels = pod.metadata.labels.as_ref();
        !selector.is_empty()
            && (pod.metadata.namespace.is_none() || pod.metadata.namespace.as_deref() == namespace)
            && selector.iter().all(|(key, value)| labels.and_then(|labels| labels.get(key)) == Some(value))
    };
    let mut found: Vec<ServicePodView> = pods
        .iter()
        .filter(matches)
        .map(|pod| {
            let name = pod.metadata.name.clone().unwrap_or_default();
            let owner = replica_sets.iter().find(|set| set.pods.iter().any(|own| own.name == name));
            ServicePodView { ready: pod::is_ready(pod), replica_set: owner.map(|set| set.name.clone()), name }
        })
        .collect();
    found.sort();
    found
}

fn ports(service: &Service) -> Vec<String> {
    let ports = service.spec.iter().filter_map(|spec| spec.ports.as_ref()).flatten();
    ports.map(|port| format!("{}/{}", port.port, port.protocol.as_deref().unwrap_or("TCP"))).collect()
}
