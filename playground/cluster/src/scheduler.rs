//! Binds pods to nodes, and removes those on their way out that no node has.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::DeleteParams;
use serde_json::json;

use crate::{
    events::{Note, Subject},
    hub::Hub,
    object::{ObjectKey, stamp, uid_of},
    pod::{condition, is_finished, node_of},
    queue::Queue,
    runner::{self, PassError, While, has_code},
    selector::contains,
    sync::lock,
};

const COMPONENT: &str = "default-scheduler";

/// Starts the scheduler: each pod goes to the node that has the fewest.
pub fn start(hub: &Arc<Hub>) {
    let queue = Arc::new(Queue::default());
    let keys = queue.clone();
    hub.pods().on_change(move |change| {
        if let Some(pod) = &change.after
            && (node_of(pod).is_none() || pod.metadata.deletion_timestamp.is_some())
        {
            keys.add(ObjectKey::of(&pod.metadata));
        }
    });
    let (keys, pods) = (queue.clone(), hub.pods().clone());
    hub.nodes().on_change(move |_| {
        for pod in pods.list().iter().filter(|pod| node_of(pod).is_none()) {
            keys.add(ObjectKey::of(&pod.metadata));
        }
    });
    let scheduler = Arc::new(Scheduler { hub: hub.clone(), assumed: Mutex::default() });
    let hub = hub.clone();
    hub.clone().spawn(async move {
        hub.nodes().synced().await;
        hub.pods().synced().await;
        runner::run(COMPONENT, queue, |key| {
            let scheduler = scheduler.clone();
            async move { scheduler.pass(&key).await }
        })
        .await;
    });
}

struct Scheduler {
    hub: Arc<Hub>,
    /// Pods that were bound but whose news has not come yet, by uid.
    assumed: Mutex<BTreeMap<String, String>>,
}

impl Scheduler {
    async fn pass(&self, key: &ObjectKey) -> Result<Option<Duration>, PassError> {
        let Some(pod) = self.hub.pods().get(key) else { return Ok(None) };
        let nodes = self.hub.nodes().list();
        let node_exists = |name| nodes.iter().any(|node| node.metadata.name.as_deref() == Some(name));
        let uid = uid_of(&pod.metadata);
        if pod.metadata.deletion_timestamp.is_some() && !node_of(&pod).is_some_and(node_exists) {
            // No node will ever report this pod's end.
            let now = DeleteParams { grace_period_seconds: Some(0), ..Default::default() };
            self.hub
                .pods()
                .delete(key, uid, &now)
                .await
                .during(|| format!("removing pod {key}, which no node runs"))?;
            return Ok(None);
        }
        if node_of(&pod).is_some() || is_finished(&pod) {
            return Ok(None);
        }
        let scheduler = pod.spec.as_ref().and_then(|spec| spec.scheduler_name.as_deref());
        if scheduler.is_some_and(|name| name != COMPONENT) || lock(&self.assumed).contains_key(uid) {
            return Ok(None);
        }
        // Who set up gates takes them away when the pod may go on.
        if pod
            .spec
            .as_ref()
            .and_then(|spec| spec.scheduling_gates.as_ref())
            .is_some_and(|gates| !gates.is_empty())
        {
            return Ok(None);
        }
        let Some(node) = choose(&pod, &nodes, &self.load()) else {
            return self.report_unschedulable(key, &pod, nodes.len()).await;
        };
        lock(&self.assumed).insert(uid.to_owned(), node.to_owned());
        let binding = json!({
            "apiVersion": "v1", "kind": "Binding",
            "metadata": {"name": key.name, "namespace": key.namespace, "uid": uid},
            "target": {"apiVersion": "v1", "kind": "Node", "name": node},
        });
        match self.hub.pods().create_subresource(key, "binding", &binding).await {
            Ok(()) => {
                let message = format!("Successfully assigned {key} to {node}");
                self.hub.events().tell(
                    Subject::of(pod.as_ref()),
                    COMPONENT,
                    Note::normal("Scheduled", message),
                );
                Ok(None)
            }
            // Somebody else bound it, or it is gone: the watch will tell.
            Err(error) if has_code(&error, 409) || has_code(&error, 404) => Ok(None),
            Err(error) => {
                lock(&self.assumed).remove(uid);
                Err(error).during(|| format!("binding pod {key} to {node}"))
            }
        }
    }

    /// How many pods each node has, those just bound among them.
    fn load(&self) -> BTreeMap<String, usize> {
        let mut load = BTreeMap::new();
        let mut assumed = lock(&self.assumed);
        let pods = self.hub.pods().list();
        let mut unbound = std::collections::BTreeSet::new();
        for pod in &pods {
            match node_of(pod) {
                Some(node) if !is_finished(pod) => *load.entry(node.to_owned()).or_default() += 1,
                Some(_) => {}
                None => {
                    unbound.insert(uid_of(&pod.metadata));
                }
            }
        }
        assumed.retain(|uid, _| unbound.contains(uid.as_str()));
        for node in assumed.values() {
            *load.entry(node.clone()).or_default() += 1;
        }
        load
    }

    async fn report_unschedulable(
        &self,
        key: &ObjectKey,
        pod: &Pod,
        nodes: usize,
    ) -> Result<Option<Duration>, PassError> {
        if condition(pod, "PodScheduled").is_some_and(|scheduled| scheduled.status == "False") {
            return Ok(None);
        }
        let message = format!("0/{nodes} nodes are available.");
        let note = Note::warning("FailedScheduling", message.clone());
        self.hub.events().tell(Subject::of(pod), COMPONENT, note);
        let status = json!({"conditions": [{
            "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message,
            "lastTransitionTime": stamp(self.hub.now()),
        }]});
        self.hub
            .pods()
            .patch_status(key, uid_of(&pod.metadata), status)
            .await
            .during(|| format!("reporting pod {key} as unschedulable"))?;
        Ok(None)
    }
}

/// The ready node with the fewest pods among those that the pod's node selector allows; the first by name where that
/// is equal.
fn choose<'a>(pod: &Pod, nodes: &'a [Arc<Node>], load: &BTreeMap<String, usize>) -> Option<&'a str> {
    let wanted = pod.spec.as_ref().and_then(|spec| spec.node_selector.as_ref());
    nodes
        .iter()
        .filter(|node| is_schedulable(node))
        .filter(|node| {
            wanted.is_none_or(|wanted| {
                wanted.is_empty()
                    || node.metadata.labels.as_ref().is_some_and(|labels| contains(labels, wanted))
            })
        })
        .filter_map(|node| node.metadata.name.as_deref())
        .min_by_key(|name| load.get(*name).copied().unwrap_or(0))
}

fn is_schedulable(node: &Node) -> bool {
    let ready = node
        .status
        .iter()
        .flat_map(|status| status.conditions.iter().flatten())
        .any(|condition| condition.type_ == "Ready" && condition.status == "True");
    let cordoned = node.spec.as_ref().and_then(|spec| spec.unschedulable).unwrap_or(false);
    ready && !cordoned && node.metadata.deletion_timestamp.is_none()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn node(name: &str, change: impl FnOnce(&mut Value)) -> Arc<Node> {
        let mut node = json!({
            "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]},
        });
        change(&mut node);
        Arc::new(serde_json::from_value(node).unwrap())
    }

    #[test]
    fn the_emptiest_node_that_will_have_it_is_chosen() {
        let nodes = [
            node("a", |_| {}),
            node("b", |_| {}),
            node("c", |node| node["spec"]["unschedulable"] = json!(true)),
            node("d", |node| node["status"]["conditions"][0]["status"] = json!("False")),
        ];
        let load = BTreeMap::from([("a".to_owned(), 2), ("b".to_owned(), 1)]);
        let anywhere = serde_json::from_value(json!({"metadata": {}, "spec": {"containers": []}})).unwrap();
        let only = |host: &str| {
            let spec = json!({"containers": [], "nodeSelector": {"kubernetes.io/hostname": host}});
            serde_json::from_value(json!({"metadata": {}, "spec": spec})).unwrap()
        };
        assert_eq!(choose(&anywhere, &nodes, &load), Some("b"));
        assert_eq!(choose(&anywhere, &nodes, &BTreeMap::new()), Some("a"));
        assert_eq!(choose(&only("a"), &nodes, &load), Some("a"));
        assert_eq!(choose(&only("c"), &nodes, &load), None);
    }
}
