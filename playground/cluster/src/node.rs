//! The simulated nodes: they register themselves and tell that they are alive.

use std::{sync::Arc, time::Duration};

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
/// Where a kubelet would listen; nothing does here.
const KUBELET_PORT: u16 = 10250;
const LEASE_NAMESPACE: &str = "kube-node-lease";
const REGISTER_RETRY: Duration = Duration::from_secs(1);

/// The names and addresses of `count` nodes: `node-1` at 10.20.0.1, and so on.
#[must_use]
pub fn names(count: usize) -> Vec<(String, String)> {
    (1..=count).map(|number| (format!("node-{number}"), format!("10.20.0.{number}"))).collect()
}

/// Registers the nodes and keeps their Leases alive. Without a `heartbeat` they are reported ready once and their
/// Leases are left alone, so that a simulation can come to rest.
pub fn start(hub: &Arc<Hub>, nodes: &[(String, String)], heartbeat: Option<Duration>) {
    for (index, (name, address)) in nodes.iter().enumerate() {
        let (hub, name, address) = (hub.clone(), name.clone(), address.clone());
        hub.clone().spawn(async move {
            hub.nodes().synced().await;
            while let Err(error) = register(&hub, &name, &address, index).await {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                warn!(%error, cause, "node not registered");
                tokio::time::sleep(REGISTER_RETRY).await;
            }
            if let Some(period) = heartbeat {
                beat(&hub, &name, &address, index, period).await;
            }
        });
    }
}

/// Creates the node if it is not there, and reports it ready if it is not.
async fn register(hub: &Hub, name: &str, address: &str, index: usize) -> Result<(), PassError> {
    let key = ObjectKey::new("", name);
    let doing = || format!("registering node {name}");
    if hub.nodes().get(&key).is_none() {
        match hub.nodes().create("", &node(name, index)).await {
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
    let wanted = status(name, address, &stamp(since), &stamp(hub.now()));
    if let Some(patch) = difference(&current, &wanted) {
        hub.nodes().patch_status(&key, uid_of(&node.metadata), patch).await.during(doing)?;
    }
    Ok(())
}

/// Renews the Lease every period, and the node's own report about every five minutes.
async fn beat(hub: &Hub, name: &str, address: &str, index: usize, period: Duration) {
    const REPORT_EVERY: Duration = Duration::from_secs(300);
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut reported = tokio::time::Instant::now();
    loop {
        ticks.tick().await;
        let mut beaten = renew(hub, name).await;
        if beaten.is_ok() && reported.elapsed() >= REPORT_EVERY {
            reported = tokio::time::Instant::now();
            beaten = register(hub, name, address, index).await;
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

fn node(name: &str, index: usize) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {
            "kubernetes.io/hostname": name,
            "kubernetes.io/os": "linux",
            "kubernetes.io/arch": architecture(),
        }},
        "spec": {"podCIDR": PodNetwork::block(index), "podCIDRs": [PodNetwork::block(index)]},
        "status": {"daemonEndpoints": {"kubeletEndpoint": {"Port": KUBELET_PORT}}},
    })
}

fn architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" }
}

fn status(name: &str, address: &str, since: &str, now: &str) -> Value {
    let condition = |kind: &str, status: &str, reason: &str, message: &str| {
        json!({"type": kind, "status": status, "reason": reason, "message": message,
               "lastTransitionTime": since, "lastHeartbeatTime": now})
    };
    let capacity = json!({"cpu": "16", "memory": "64Gi", "ephemeral-storage": "100Gi", "pods": "4094"});
    json!({
        "daemonEndpoints": {"kubeletEndpoint": {"Port": KUBELET_PORT}},
        "capacity": capacity,
        "allocatable": capacity,
        "addresses": [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": name}],
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
