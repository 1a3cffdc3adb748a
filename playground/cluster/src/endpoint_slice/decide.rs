//! Which EndpointSlices a Service should have, given the pods it selects and the slices there are.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use k8s_openapi::{
    api::{
        core::v1::{Pod, Service, ServicePort},
        discovery::v1::{Endpoint, EndpointConditions, EndpointPort, EndpointSlice},
    },
    apimachinery::pkg::util::intstr::IntOrString,
};
use serde_json::{Value, json};

use crate::{
    object::{ObjectKey, uid_of},
    pod::{address_of, is_finished, is_ready, node_of},
};

/// How many endpoints a slice holds at most, as in Kubernetes.
const ENDPOINTS_MAX: usize = 100;
const SERVICE_NAME: &str = "kubernetes.io/service-name";
const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";
const HEADLESS: &str = "service.kubernetes.io/headless";
/// Who manages the slices: the name that the real controller writes, because readers filter by it.
pub(super) const MANAGER: &str = "endpointslice-controller.k8s.io";

/// One step towards the slices that should be.
#[derive(Debug, PartialEq)]
pub(super) enum Change {
    Create(Value),
    Update { key: ObjectKey, uid: String, patch: Value },
    Delete { key: ObjectKey, uid: String },
}

/// Whether this controller looks after the Service: it selects pods.
pub(super) fn selects_pods(service: &Service) -> bool {
    service.spec.as_ref().is_some_and(|spec| {
        spec.type_.as_deref() != Some("ExternalName")
            && spec.selector.as_ref().is_some_and(|selector| !selector.is_empty())
    })
}

/// Whether the slice is one that this controller made for the Service.
pub(super) fn belongs_to(slice: &EndpointSlice, service_name: &str) -> bool {
    let label = |label| crate::object::label_of(&slice.metadata, label);
    label(SERVICE_NAME) == Some(service_name) && label(MANAGED_BY) == Some(MANAGER)
}

/// The Service that a slice of this controller belongs to.
pub(super) fn service_of(slice: &EndpointSlice) -> Option<&str> {
    crate::object::label_of(&slice.metadata, MANAGED_BY).filter(|manager| *manager == MANAGER)?;
    crate::object::label_of(&slice.metadata, SERVICE_NAME)
}

/// What is to be done. `pods` are those that the Service selects, in order of name; `slices` those it has. Pods whose
/// named ports have different numbers go to different slices. A Service without pods has one empty slice.
pub(super) fn changes(
    service: &Service,
    pods: &[Arc<Pod>],
    slices: &[Arc<EndpointSlice>],
    mut new_suffix: impl FnMut() -> String,
) -> Vec<Change> {
    let mut wanted: Vec<(Vec<EndpointPort>, Vec<Endpoint>)> = Vec::new();
    for (ports, endpoints) in grouped(service, pods) {
        let ports = ports.into_iter().map(|port| port.0).collect::<Vec<_>>();
        wanted.extend(endpoints.chunks(ENDPOINTS_MAX).map(|chunk| (ports.clone(), chunk.to_vec())));
    }
    if wanted.is_empty() {
        wanted.push((Vec::new(), Vec::new()));
    }
    let mut free: BTreeSet<usize> = (0..slices.len()).collect();
    let mut changes = Vec::new();
    let mut homeless = Vec::new();
    // A slice that has the wanted ports already is changed rather than replaced.
    for (ports, endpoints) in wanted {
        let same = free.iter().copied().find(|at| slices[*at].ports.as_deref().unwrap_or_default() == ports);
        match same {
            Some(at) => {
                free.remove(&at);
                changes.extend(update(service, &slices[at], &ports, &endpoints));
            }
            None => homeless.push((ports, endpoints)),
        }
    }
    for (ports, endpoints) in homeless {
        match free.pop_first() {
            Some(at) => changes.extend(update(service, &slices[at], &ports, &endpoints)),
            None => changes.push(Change::Create(slice(service, &ports, &endpoints, &new_suffix()))),
        }
    }
    changes.extend(free.into_iter().map(|at| Change::Delete {
        key: ObjectKey::of(&slices[at].metadata),
        uid: uid_of(&slices[at].metadata).to_owned(),
    }));
    changes
}

/// Ports in a form that can be ordered.
struct OrderedPort(EndpointPort);

impl OrderedPort {
    fn order(&self) -> impl Ord + '_ {
        (&self.0.name, self.0.port, &self.0.protocol, &self.0.app_protocol)
    }
}
impl PartialEq for OrderedPort {
    fn eq(&self, other: &Self) -> bool {
        self.order() == other.order()
    }
}
impl Eq for OrderedPort {}
impl PartialOrd for OrderedPort {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for OrderedPort {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.order().cmp(&other.order())
    }
}

fn grouped(service: &Service, pods: &[Arc<Pod>]) -> BTreeMap<Vec<OrderedPort>, Vec<Endpoint>> {
    let mut groups: BTreeMap<Vec<OrderedPort>, Vec<Endpoint>> = BTreeMap::new();
    for pod in pods {
        if let Some(endpoint) = endpoint(service, pod) {
            let ports: Vec<OrderedPort> = service_ports(service)
                .iter()
                .filter_map(|port| Some(OrderedPort(endpoint_port(port, pod)?)))
                .collect();
            groups.entry(ports).or_default().push(endpoint);
        }
    }
    groups
}

fn service_ports(service: &Service) -> &[ServicePort] {
    service.spec.as_ref().and_then(|spec| spec.ports.as_deref()).unwrap_or_default()
}

/// The Service's port on this pod; nothing if the pod has no port of the name it asks for.
fn endpoint_port(port: &ServicePort, pod: &Pod) -> Option<EndpointPort> {
    let protocol = port.protocol.as_deref().unwrap_or("TCP");
    let number = match &port.target_port {
        None | Some(IntOrString::Int(0)) => port.port,
        Some(IntOrString::Int(number)) => *number,
        Some(IntOrString::String(name)) => pod
            .spec
            .iter()
            .flat_map(|spec| &spec.containers)
            .flat_map(|container| container.ports.iter().flatten())
            .find(|one| {
                one.name.as_ref() == Some(name) && one.protocol.as_deref().unwrap_or("TCP") == protocol
            })
            .map(|one| one.container_port)?,
    };
    Some(EndpointPort {
        // A Service's only port may lack a name; in a slice that is an empty name.
        name: Some(port.name.clone().unwrap_or_default()),
        port: Some(number),
        protocol: Some(protocol.to_owned()),
        app_protocol: port.app_protocol.clone(),
    })
}

/// The pod as an endpoint; nothing if it has no address or has run to its end.
fn endpoint(service: &Service, pod: &Pod) -> Option<Endpoint> {
    let address = address_of(pod)?;
    if is_finished(pod) {
        return None;
    }
    let unready_too =
        service.spec.as_ref().and_then(|spec| spec.publish_not_ready_addresses).unwrap_or(false);
    let serving = is_ready(pod);
    let terminating = pod.metadata.deletion_timestamp.is_some();
    Some(Endpoint {
        addresses: vec![address.to_owned()],
        conditions: Some(EndpointConditions {
            ready: Some(unready_too || (serving && !terminating)),
            serving: Some(serving),
            terminating: Some(terminating),
        }),
        node_name: node_of(pod).map(str::to_owned),
        target_ref: Some(k8s_openapi::api::core::v1::ObjectReference {
            kind: Some("Pod".to_owned()),
            namespace: pod.metadata.namespace.clone(),
            name: pod.metadata.name.clone(),
            uid: pod.metadata.uid.clone(),
            ..Default::default()
        }),
        ..Default::default()
    })
}

/// The labels of a slice: the Service's own, and those that tell whose it is.
fn labels(service: &Service) -> BTreeMap<String, String> {
    let mut labels = service.metadata.labels.clone().unwrap_or_default();
    labels.insert(SERVICE_NAME.to_owned(), service.metadata.name.clone().unwrap_or_default());
    labels.insert(MANAGED_BY.to_owned(), MANAGER.to_owned());
    if service.spec.as_ref().is_some_and(|spec| spec.cluster_ip.as_deref() == Some("None")) {
        labels.insert(HEADLESS.to_owned(), String::new());
    }
    labels
}

fn slice(service: &Service, ports: &[EndpointPort], endpoints: &[Endpoint], suffix: &str) -> Value {
    let name = service.metadata.name.as_deref().unwrap_or_default();
    json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": format!("{name}-{suffix}"),
            "generateName": format!("{name}-"),
            "labels": labels(service),
            "ownerReferences": [{
                "apiVersion": "v1", "kind": "Service", "name": name, "uid": service.metadata.uid,
                "controller": true, "blockOwnerDeletion": true,
            }],
        },
        "addressType": "IPv4",
        "endpoints": endpoints,
        "ports": ports,
    })
}

/// The patch that brings a slice to what it should be; nothing if it is that already.
fn update(
    service: &Service,
    slice: &EndpointSlice,
    ports: &[EndpointPort],
    endpoints: &[Endpoint],
) -> Option<Change> {
    let mut patch = json!({});
    if slice.ports.as_deref().unwrap_or_default() != ports {
        patch["ports"] = json!(ports);
    }
    if slice.endpoints.as_deref().unwrap_or_default() != endpoints {
        patch["endpoints"] = json!(endpoints);
    }
    let labels = labels(service);
    let current = slice.metadata.labels.clone().unwrap_or_default();
    if current != labels {
        let gone = current.keys().filter(|label| !labels.contains_key(*label));
        let mut change = json!(labels);
        gone.for_each(|label| change[label] = Value::Null);
        patch["metadata"]["labels"] = change;
    }
    if patch == json!({}) {
        return None;
    }
    // With the version that was seen: endpoints are a list, which a patch replaces whole.
    patch["metadata"]["resourceVersion"] = json!(slice.metadata.resource_version);
    Some(Change::Update {
        key: ObjectKey::of(&slice.metadata),
        uid: uid_of(&slice.metadata).to_owned(),
        patch,
    })
}

#[cfg(test)]
mod tests;
