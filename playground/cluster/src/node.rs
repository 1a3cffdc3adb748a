//! The simulated nodes: they register themselves and tell that they are alive.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use kube::{
    api::{Patch, PatchParams, PostParams},
    core::Request,
};
use serde_json::{Value, json};
use tokio::time::MissedTickBehavior;
use tracing::warn;

use crate::{
    hub::Hub,
    kubelet::PodNetwork,
    object::{ObjectKey, difference, stamp, stamp_micro, uid_of},
    runner::{PassError, While, has_code},
};

/// How many seconds a Lease stands without being renewed, as kubelets set it.
const LEASE_SECONDS: u32 = 40;
/// Where a kubelet would listen, if none of ours does.
const KUBELET_PORT: u16 = 10250;
/// What API servers must know of a kubelet: that it takes WebSockets as kubectl sends them.
const FEATURES: [&str; 1] = ["ExtendWebSocketsToKubelet"];
const LEASE_NAMESPACE: &str = "kube-node-lease";
const REGISTER_RETRY: Duration = Duration::from_secs(1);

/// A node's name, and where it is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its name, `node-1` and so on.
    pub name: String,
    /// Its own address.
    pub address: String,
    /// The name that the address goes by. API servers take it before the address.
    pub hostname: String,
    /// Where its kubelet listens.
    pub port: u16,
}

/// The places of `count` nodes. Where the kubelets' API is served, all of them are there; else they are at 10.20.0.1
/// and so on, where nothing is.
#[must_use]
pub fn places(count: usize, kubelet_api: Option<SocketAddr>) -> Vec<Place> {
    let place = |number| {
        let name = format!("node-{number}");
        match kubelet_api {
            Some(api) => Place {
                name,
                address: api.ip().to_string(),
                hostname: "localhost".to_owned(),
                port: api.port(),
            },
            None => Place {
                hostname: name.clone(),
                name,
                address: format!("10.20.0.{number}"),
                port: KUBELET_PORT,
            },
        }
    };
    (1..=count).map(place).collect()
}

/// Registers the nodes and keeps their Leases alive. Without a `heartbeat` they are reported ready once and their
/// Leases are left alone, so that a simulation can come to rest.
pub fn start(hub: &Arc<Hub>, nodes: &[Place], heartbeat: Option<Duration>) {
    for (index, place) in nodes.iter().enumerate() {
        let (hub, place) = (hub.clone(), place.clone());
        hub.clone().spawn(async move {
            hub.nodes().synced().await;
            while let Err(error) = register(&hub, &place, index).await {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                warn!(%error, cause, "node not registered");
                tokio::time::sleep(REGISTER_RETRY).await;
            }
            if let Some(period) = heartbeat {
                beat(&hub, &place, index, period).await;
            }
        });
    }
}

/// Creates the node if it is not there, and reports it ready if it is not.
async fn register(hub: &Hub, place: &Place, index: usize) -> Result<(), PassError> {
    let name = place.name.as_str();
    let key = ObjectKey::new("", name);
    let doing = || format!("registering node {name}");
    if hub.nodes().get(&key).is_none() {
        match hub.nodes().create("", &node(place, index)).await {
            Err(error) if has_code(&error, 409) => hub.nodes().refresh(&key).await,
            result => drop(result.during(doing)?),
        }
    }
    let Some(node) = hub.nodes().get(&key) else { return Ok(()) };
    let current = node.status.as_ref().map_or(json!({}), |status| json!(status));
    let was_ready = node
        .status
        .iter()
        .flat_map(|status| status.conditions.iter().flatten())
        .find(|condition| condition.type_ == "Ready" && condition.status == "True")
        .and_then(|condition| condition.last_transition_time.clone());
    let since = was_ready.map_or(hub.now(), |since| since.0);
    let wanted = status(place, &stamp(since), &stamp(hub.now()));
    if let Some(patch) = difference(&current, &wanted) {
        hub.nodes().patch_status(&key, uid_of(&node.metadata), patch).await.during(doing)?;
    }
    Ok(())
}

/// Renews the Lease every period, and the node's own report about every five minutes.
async fn beat(hub: &Hub, place: &Place, index: usize, period: Duration) {
    const REPORT_EVERY: Duration = Duration::from_secs(300);
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut reported = tokio::time::Instant::now();
    loop {
        ticks.tick().await;
        let mut beaten = renew(hub, &place.name).await;
        if beaten.is_ok() && reported.elapsed() >= REPORT_EVERY {
            reported = tokio::time::Instant::now();
            beaten = register(hub, place, index).await;
        }
        if let Err(error) = beaten {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            warn!(%error, cause, "heartbeat missed");
        }
    }
}

async fn renew(hub: &Hub, name: &str) -> Result<(), PassError> {
    let doing = || format!("renewing the lease of node {name}");
    let leases = Request::new(format!("/apis/coordination.k8s.io/v1/namespaces/{LEASE_NAMESPACE}/leases"));
    let now = stamp_micro(hub.now());
    let renewal = json!({"spec": {"renewTime": now}});
    let patch = leases
        .patch(name, &PatchParams::default(), &Patch::Merge(&renewal))
        .map_err(kube::Error::BuildRequest)
        .during(doing)?;
    match hub.client().request::<Value>(patch).await {
        Err(error) if has_code(&error, 404) => {}
        result => return result.map(drop).during(doing),
    }
    let owner = hub.nodes().get(&ObjectKey::new("", name));
    let lease = json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": name, "namespace": LEASE_NAMESPACE, "ownerReferences": owner.map(|node| json!([{
            "apiVersion": "v1", "kind": "Node", "name": name, "uid": node.metadata.uid,
        }]))},
        "spec": {"holderIdentity": name, "leaseDurationSeconds": LEASE_SECONDS, "renewTime": now},
    });
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": LEASE_NAMESPACE}});
    // A server that has just started may lack the namespace yet; that it exists already is as well.
    let create = |request: Request, body: &Value| {
        request.create(&PostParams::default(), body.to_string().into_bytes())
    };
    for (request, body) in [(Request::new("/api/v1/namespaces"), &namespace), (leases, &lease)] {
        let request = create(request, body).map_err(kube::Error::BuildRequest).during(doing)?;
        match hub.client().request::<Value>(request).await {
            Err(error) if has_code(&error, 409) => {}
            result => drop(result.during(doing)?),
        }
    }
    Ok(())
}

fn node(place: &Place, index: usize) -> Value {
    let name = &place.name;
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            // What a cluster's controllers add, added at once, so that nodes are the same whether these run or not.
            "annotations": {"node.alpha.kubernetes.io/ttl": "0"},
            "labels": {
                "beta.kubernetes.io/arch": architecture(),
                "beta.kubernetes.io/os": "linux",
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": architecture(),
            },
        },
        "spec": {"podCIDR": PodNetwork::block(index), "podCIDRs": [PodNetwork::block(index)]},
        "status": {"daemonEndpoints": {"kubeletEndpoint": {"Port": place.port}}},
    })
}

fn architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" }
}

fn status(place: &Place, since: &str, now: &str) -> Value {
    let Place { name, address, hostname, port } = place;
    let condition = |kind: &str, status: &str, reason: &str, message: &str| {
        json!({"type": kind, "status": status, "reason": reason, "message": message,
               "lastTransitionTime": since, "lastHeartbeatTime": now})
    };
    let capacity = json!({"cpu": "16", "memory": "64Gi", "ephemeral-storage": "100Gi", "pods": "4094"});
    json!({
        "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
        "declaredFeatures": FEATURES,
        "capacity": capacity,
        "allocatable": capacity,
        "addresses": [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": hostname}],
        "conditions": [
            condition("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
            condition("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
            condition("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
            condition("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
        ],
        "nodeInfo": {
            "architecture": architecture(), "operatingSystem": "linux", "osImage": "Verdigris playground",
            "kernelVersion": "simulated", "containerRuntimeVersion": "playground://1",
            "kubeletVersion": "v1.36.0", "kubeProxyVersion": "", "machineID": name, "systemUUID": name,
            "bootID": name,
        },
    })
}
