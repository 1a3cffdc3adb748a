//! Nodes, as far as pods need some: each pod is bound to one, ready 50 ms later, and gone when it is told to go.

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Context, Result};
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::{
    Api, Client,
    api::{DeleteParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams},
};
use serde_json::json;
use tokio::task::JoinHandle;

const NODE: &str = "bench";
/// How long a pod takes to be ready.
const READY_AFTER: Duration = Duration::from_millis(50);

/// Ends with its owner.
pub struct Nodes(JoinHandle<()>);

impl Drop for Nodes {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Begins to look after pods.
pub async fn start(client: Client) -> Result<Nodes> {
    let node = serde_json::from_value(json!({"metadata": {"name": NODE}})).context("a Node")?;
    Api::<Node>::all(client.clone())
        .create(&PostParams::default(), &node)
        .await
        .context("creating a Node")?;
    Ok(Nodes(tokio::spawn(async move {
        loop {
            // A watch ends after some minutes; the next one begins with all that is there.
            let _ = watch(&client).await;
        }
    })))
}

async fn watch(client: &Client) -> Result<()> {
    let pods = Api::<Pod>::all(client.clone());
    let mut changes = pods.watch(&WatchParams::default(), "0").await.context("watching pods")?.boxed();
    let mut begun = BTreeSet::new();
    while let Some(change) = changes.try_next().await? {
        let (WatchEvent::Added(pod) | WatchEvent::Modified(pod)) = change else { continue };
        let going = pod.metadata.deletion_timestamp.is_some();
        let uid = pod.metadata.uid.clone().unwrap_or_default();
        let is_ready = pod.status.as_ref().is_some_and(|status| status.phase.as_deref() == Some("Running"));
        if (going || !is_ready) && begun.insert((uid, going)) {
            let number = begun.len();
            tokio::spawn(care(client.clone(), pod, going, number));
        }
    }
    Ok(())
}

async fn care(client: Client, pod: Pod, going: bool, number: usize) {
    let name = pod.metadata.name.clone().unwrap_or_default();
    let namespace = pod.metadata.namespace.clone().unwrap_or_default();
    let pods = Api::<Pod>::namespaced(client.clone(), &namespace);
    let outcome = if going {
        pods.delete(&name, &DeleteParams::default().grace_period(0)).await.map(drop)
    } else {
        run(&client, &pods, &namespace, &name, number).await
    };
    match outcome {
        Ok(()) => {}
        Err(kube::Error::Api(status)) if status.code == 404 || status.code == 409 => {}
        Err(error) => eprintln!("pod {name}: {error}"),
    }
}

async fn run(
    client: &Client,
    pods: &Api<Pod>,
    namespace: &str,
    name: &str,
    number: usize,
) -> kube::Result<()> {
    let binding = json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": name},
        "target": {"apiVersion": "v1", "kind": "Node", "name": NODE}});
    let request = http::Request::post(format!("/api/v1/namespaces/{namespace}/pods/{name}/binding"))
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(binding.to_string().into_bytes())
        .map_err(kube::Error::HttpError)?;
    client.request_text(request).await?;
    tokio::time::sleep(READY_AFTER).await;
    let ip = format!("10.{}.{}.{}", 1 + number / 62_500, number / 250 % 250, 1 + number % 250);
    let condition =
        |type_: &str| json!({"type": type_, "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"});
    let status = json!({"status": {"phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}],
        "conditions": [condition("PodScheduled"), condition("ContainersReady"), condition("Ready")]}});
    pods.patch_status(name, &PatchParams::default(), &Patch::Merge(&status)).await.map(drop)
}
