//! Empties a namespace that is being deleted, then lets it go.

use std::{sync::Arc, time::Duration};

use kube::{
    api::{DeleteParams, ListParams, PostParams},
    core::Request,
};
use serde_json::{Value, json};
use tracing::debug;

use super::{Collector, Followed, graph::Node};
use crate::{
    object::ObjectKey,
    runner::{PassError, While},
    sync::lock,
};

const FINALIZER: &str = "kubernetes";

pub(super) async fn pass(collector: &Collector, key: &ObjectKey) -> Result<Option<Duration>, PassError> {
    let Some(namespace) = collector.hub.namespaces().get(key) else { return Ok(None) };
    if namespace.metadata.deletion_timestamp.is_none() {
        return Ok(None);
    }
    let contents: Vec<Node<Arc<Followed>>> =
        lock(&collector.graph).in_namespace(&key.name).cloned().collect();
    for node in contents.iter().filter(|node| !node.deleting) {
        node.kind
            .keeper
            .delete(&node.key, &node.uid, &DeleteParams::background())
            .await
            .during(|| format!("deleting {:?} {} with its namespace", node.kind, node.key))?;
    }
    if !contents.is_empty() {
        debug!(namespace = key.name, left = contents.len(), first = ?contents.first(), "still emptying");
        // Each object that goes brings us back here.
        return Ok(None);
    }
    let kinds: Vec<Arc<Followed>> =
        lock(&collector.kinds).values().filter(|kind| kind.description.namespaced).cloned().collect();
    for kind in kinds {
        let any = kind.keeper.any_now(&key.name);
        if any.await.during(|| format!("looking for {kind:?} in namespace {}", key.name))? {
            debug!(namespace = key.name, ?kind, "not empty yet");
            // Its news is on the way.
            return Ok(None);
        }
    }
    delete_events(collector, &key.name).await?;
    let rest: Vec<&String> = namespace
        .spec
        .iter()
        .flat_map(|spec| spec.finalizers.iter().flatten())
        .filter(|finalizer| *finalizer != FINALIZER)
        .collect();
    let mut wanted = json!(*namespace);
    wanted["spec"]["finalizers"] = json!(rest);
    let finalize = Request::new("/api/v1/namespaces")
        .replace_subresource("finalize", &key.name, &PostParams::default(), wanted.to_string().into_bytes())
        .map_err(kube::Error::BuildRequest);
    let doing = || format!("finalizing namespace {}", key.name);
    collector.hub.client().request::<Value>(finalize.during(doing)?).await.during(doing)?;
    Ok(None)
}

/// Events are not followed, so they go all at once.
async fn delete_events(collector: &Collector, namespace: &str) -> Result<(), PassError> {
    let doing = || format!("deleting the events of namespace {namespace}");
    let request = Request::new(format!("/api/v1/namespaces/{namespace}/events"))
        .delete_collection(&DeleteParams::default(), &ListParams::default())
        .map_err(kube::Error::BuildRequest)
        .during(doing)?;
    collector.hub.client().request::<Value>(request).await.map(drop).during(doing)
}
