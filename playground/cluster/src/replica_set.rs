//! Keeps as many pods of a template as its ReplicaSet asks for, and counts them.

use std::{sync::Arc, time::Duration};

use futures::future::join_all;
use k8s_openapi::api::core::v1::Pod;
use kube::api::DeleteParams;
use serde_json::{Value, json};

use crate::{
    cache::Change,
    events::{Note, Subject},
    hub::Hub,
    object::{ObjectKey, controller_of, difference, is_controlled_by, uid_of},
    queue::Queue,
    runner::{self, PassError, While, has_code},
    selector,
    sync::Dice,
    workload::ReplicaSet,
};

mod decide;

use decide::Scaling;

const COMPONENT: &str = "replicaset-controller";
/// How many pods one pass makes or deletes at most, as in Kubernetes.
const BURST_MAX: usize = 500;
/// How often a generated name may be taken before the pass gives up.
const NAME_TRIES_MAX: usize = 5;

/// Starts the ReplicaSet controller.
pub fn start(hub: &Arc<Hub>) {
    let queue = Arc::new(Queue::default());
    let keys = queue.clone();
    hub.replica_sets().on_change(move |change| {
        if let Some(object) = change.after.as_ref().or(change.before.as_ref()) {
            keys.add(ObjectKey::of(&object.metadata));
        }
    });
    let (keys, sets) = (queue.clone(), hub.replica_sets().clone());
    hub.pods().on_change(move |change: &Change<Pod>| {
        for pod in change.before.iter().chain(&change.after) {
            let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
            match controller_of(&pod.metadata) {
                Some(owner) if owner.kind == "ReplicaSet" => {
                    keys.add(ObjectKey::new(namespace, &owner.name));
                }
                Some(_) => {}
                None => {
                    let labels = pod.metadata.labels.as_ref();
                    for set in sets.list_in(namespace, |set| selector::matches(&set.spec.selector, labels)) {
                        keys.add(ObjectKey::of(&set.metadata));
                    }
                }
            }
        }
    });
    let hub = hub.clone();
    let controller = Arc::new(Controller { dice: hub.dice(COMPONENT), hub: hub.clone() });
    hub.clone().spawn(async move {
        hub.pods().synced().await;
        hub.replica_sets().synced().await;
        runner::run(COMPONENT, queue, |key| {
            let controller = controller.clone();
            async move { controller.pass(&key).await }
        })
        .await;
    });
}

struct Controller {
    hub: Arc<Hub>,
    dice: Dice,
}

impl Controller {
    async fn pass(&self, key: &ObjectKey) -> Result<Option<Duration>, PassError> {
        let Some(set) = self.hub.replica_sets().get(key) else { return Ok(None) };
        if set.metadata.deletion_timestamp.is_none() {
            self.claim(&set).await?;
        }
        let failure = match decide::scaling(&set, &self.pods_of(&set)) {
            Scaling::Enough => None,
            Scaling::Create(count) => self.create(&set, count.min(BURST_MAX)).await,
            Scaling::Delete(keys) => {
                self.delete(&set, &keys[..keys.len().min(BURST_MAX)]).await?;
                None
            }
        };
        let message = failure.as_ref().map(ToString::to_string);
        let (wanted, look_again) =
            decide::status(&set, &self.pods_of(&set), message.as_deref(), self.hub.now());
        if let Some(status) = difference(&json!(set.status), &wanted) {
            self.hub
                .replica_sets()
                .patch_status(key, uid_of(&set.metadata), status)
                .await
                .during(|| format!("writing the status of ReplicaSet {key}"))?;
        }
        match failure {
            Some(error) => Err(error).during(|| format!("creating pods of ReplicaSet {key}")),
            None => Ok(look_again),
        }
    }

    fn pods_of(&self, set: &ReplicaSet) -> Vec<Arc<Pod>> {
        let namespace = set.metadata.namespace.as_deref().unwrap_or_default();
        let uid = uid_of(&set.metadata);
        self.hub.pods().list_in(namespace, |pod| is_controlled_by(&pod.metadata, uid))
    }

    /// Takes on pods that match and nobody manages; lets go of its own that no longer match.
    async fn claim(&self, set: &ReplicaSet) -> Result<(), PassError> {
        let namespace = set.metadata.namespace.as_deref().unwrap_or_default();
        let uid = uid_of(&set.metadata);
        let misplaced = self.hub.pods().list_in(namespace, |pod| {
            let matching = selector::matches(&set.spec.selector, pod.metadata.labels.as_ref());
            let going = pod.metadata.deletion_timestamp.is_some();
            match controller_of(&pod.metadata) {
                Some(owner) => owner.uid == uid && !matching && !going,
                None => matching && !going && !crate::pod::is_finished(pod),
            }
        });
        for pod in misplaced {
            let mut owners: Vec<Value> =
                pod.metadata.owner_references.iter().flatten().map(|owner| json!(owner)).collect();
            if is_controlled_by(&pod.metadata, uid) {
                owners.retain(|owner| owner["uid"] != uid);
            } else {
                owners.push(json!({
                    "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": set.metadata.name, "uid": uid,
                    "controller": true, "blockOwnerDeletion": true,
                }));
            }
            // With the version that was seen, so that two ReplicaSets never take on the same pod.
            let patch = json!({"metadata": {
                "ownerReferences": owners, "resourceVersion": pod.metadata.resource_version,
            }});
            let key = ObjectKey::of(&pod.metadata);
            self.hub
                .pods()
                .patch(&key, uid_of(&pod.metadata), patch)
                .await
                .during(|| format!("changing the owner of pod {key}"))?;
        }
        Ok(())
    }

    async fn create(&self, set: &ReplicaSet, count: usize) -> Option<kube::Error> {
        // The names are drawn before the first request, so that answers' order does not change them.
        let suffixes: Vec<String> = (0..count).map(|_| self.dice.name_suffix()).collect();
        let created = join_all(suffixes.into_iter().map(|suffix| self.create_one(set, suffix))).await;
        created.into_iter().find_map(Result::err)
    }

    async fn create_one(&self, set: &ReplicaSet, mut suffix: String) -> Result<(), kube::Error> {
        let namespace = set.metadata.namespace.as_deref().unwrap_or_default();
        let mut tries = 1;
        let created = loop {
            match self.hub.pods().create(namespace, &decide::pod(set, &suffix)).await {
                Err(error) if has_code(&error, 409) && tries < NAME_TRIES_MAX => {
                    tries += 1;
                    suffix = self.dice.name_suffix();
                }
                result => break result,
            }
        };
        let note = match &created {
            Ok(pod) => Note::normal(
                "SuccessfulCreate",
                format!("Created pod: {}", pod.metadata.name.as_deref().unwrap_or_default()),
            ),
            Err(error) => Note::warning("FailedCreate", format!("Error creating: {error}")),
        };
        self.hub.events().tell(Subject::of(set), COMPONENT, note);
        created.map(drop)
    }

    async fn delete(&self, set: &ReplicaSet, keys: &[ObjectKey]) -> Result<(), PassError> {
        let deleted = join_all(keys.iter().map(|key| async move {
            let Some(pod) = self.hub.pods().get(key) else { return Ok(()) };
            self.hub
                .pods()
                .delete(key, uid_of(&pod.metadata), &DeleteParams::default())
                .await
                .during(|| format!("deleting pod {key}"))?;
            let note = Note::normal("SuccessfulDelete", format!("Deleted pod: {}", key.name));
            self.hub.events().tell(Subject::of(set), COMPONENT, note);
            Ok(())
        }))
        .await;
        deleted.into_iter().collect()
    }
}
