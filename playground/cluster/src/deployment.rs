//! Brings Deployments from one pod template to the next, by rolling update or by recreating.

use std::{sync::Arc, time::Duration};

use k8s_openapi::api::core::v1::Pod;
use kube::api::DeleteParams;
use serde_json::json;

use crate::{
    cache::Change,
    events::{Note, Subject},
    hub::Hub,
    object::{ObjectKey, controller_of, difference, is_controlled_by, uid_of},
    queue::Queue,
    runner::{self, PassError, While, has_code},
    workload::{Deployment, ReplicaSet},
};

mod revision;
mod rolling;
mod status;

use rolling::Size;

const COMPONENT: &str = "deployment-controller";
/// How many old ReplicaSets are kept if the Deployment does not say.
const HISTORY_DEFAULT: i32 = 10;

/// Starts the Deployment controller.
pub fn start(hub: &Arc<Hub>) {
    let queue = Arc::new(Queue::default());
    let keys = queue.clone();
    hub.deployments().on_change(move |change| {
        if let Some(deployment) = &change.after {
            keys.add(ObjectKey::of(&deployment.metadata));
        }
    });
    let keys = queue.clone();
    hub.replica_sets().on_change(move |change| {
        for set in change.before.iter().chain(&change.after) {
            keys_of(set).into_iter().for_each(|key| keys.add(key));
        }
    });
    // Recreating waits for the old pods to be gone altogether.
    let (keys, sets) = (queue.clone(), hub.replica_sets().clone());
    hub.pods().on_change(move |change: &Change<Pod>| {
        let Some(pod) = change.before.as_ref().filter(|_| change.after.is_none()) else { return };
        let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
        let owner = controller_of(&pod.metadata).map(|owner| ObjectKey::new(namespace, &owner.name));
        let set = owner.and_then(|owner| sets.get(&owner));
        set.iter().filter_map(|set| keys_of(set)).for_each(|key| keys.add(key));
    });
    let hub = hub.clone();
    let controller = Arc::new(Controller { hub: hub.clone() });
    hub.clone().spawn(async move {
        hub.deployments().synced().await;
        hub.replica_sets().synced().await;
        hub.pods().synced().await;
        runner::run(COMPONENT, queue, |key| {
            let controller = controller.clone();
            async move { controller.pass(&key).await }
        })
        .await;
    });
}

/// The Deployment that a ReplicaSet belongs to.
fn keys_of(set: &ReplicaSet) -> Option<ObjectKey> {
    let owner = controller_of(&set.metadata).filter(|owner| owner.kind == "Deployment")?;
    Some(ObjectKey::new(set.metadata.namespace.as_deref().unwrap_or_default(), &owner.name))
}

struct Controller {
    hub: Arc<Hub>,
}

/// A Deployment with its ReplicaSets and bounds.
struct Seen {
    deployment: Arc<Deployment>,
    key: ObjectKey,
    sets: Vec<Arc<ReplicaSet>>,
    new: Option<Arc<ReplicaSet>>,
    /// The oldest first.
    old: Vec<Arc<ReplicaSet>>,
    desired: i32,
    surge: i32,
    unavailable: i32,
}

impl Controller {
    async fn pass(&self, key: &ObjectKey) -> Result<Option<Duration>, PassError> {
        let Some(mut seen) = self.see(key) else { return Ok(None) };
        if seen.deployment.metadata.deletion_timestamp.is_some() {
            return Ok(None);
        }
        if seen.deployment.spec.paused == Some(true) {
            self.scale_paused(&seen).await?;
        } else if seen.recreates() {
            self.recreate(&seen).await?;
        } else {
            self.roll(&seen).await?;
        }
        seen = self.see(key).unwrap_or(seen);
        if let Some(new) = &seen.new {
            self.keep_annotations(&seen, new).await?;
        }
        self.forget_history(&seen).await?;
        seen = self.see(key).unwrap_or(seen);
        let (wanted, look_again) = status::status(
            &seen.deployment,
            &seen.sets,
            seen.new.as_deref(),
            seen.unavailable,
            self.hub.now(),
        );
        if let Some(patch) = difference(&json!(seen.deployment.status), &wanted) {
            self.hub
                .deployments()
                .patch_status(key, uid_of(&seen.deployment.metadata), patch)
                .await
                .during(|| format!("writing the status of Deployment {key}"))?;
        }
        Ok(look_again)
    }

    /// What the caches hold now.
    fn see(&self, key: &ObjectKey) -> Option<Seen> {
        let deployment = self.hub.deployments().get(key)?;
        let uid = uid_of(&deployment.metadata);
        let sets = self.hub.replica_sets().list_in(&key.namespace, |set| {
            is_controlled_by(&set.metadata, uid) && set.metadata.deletion_timestamp.is_none()
        });
        let new = revision::newest(&deployment, &sets);
        let mut old: Vec<Arc<ReplicaSet>> = sets
            .iter()
            .filter(|set| new.as_ref().is_none_or(|new| new.metadata.uid != set.metadata.uid))
            .cloned()
            .collect();
        old.sort_by_key(|set| revision::revision(set.metadata.annotations.as_ref()));
        let desired = deployment.spec.replicas.unwrap_or(1);
        let bounds = deployment.spec.strategy.rolling_update.as_ref();
        let (surge, unavailable) = match deployment.spec.strategy.type_.as_deref() {
            Some("Recreate") => (0, 0),
            _ => rolling::fenceposts(
                bounds.and_then(|bounds| bounds.max_surge.as_ref()),
                bounds.and_then(|bounds| bounds.max_unavailable.as_ref()),
                desired,
            ),
        };
        Some(Seen { deployment, key: key.clone(), sets, new, old, desired, surge, unavailable })
    }

    async fn roll(&self, seen: &Seen) -> Result<(), PassError> {
        let old_wanted: i32 = seen.old.iter().map(|set| wanted(set)).sum();
        let new_wanted = seen.new.as_ref().map_or(0, |new| wanted(new));
        let size = rolling::new_size(seen.desired, seen.surge, new_wanted, old_wanted);
        match &seen.new {
            None => self.create(seen, size).await?,
            Some(new) => self.scale(seen, new, size).await?,
        }
        let Some(seen) = self.see(&seen.key) else { return Ok(()) };
        let Some(new) = &seen.new else { return Ok(()) };
        let old: Vec<Size> = seen.old.iter().map(|set| size_of(set)).collect();
        let sizes = rolling::old_sizes(seen.desired, seen.unavailable, size_of(new), &old);
        for (set, size) in seen.old.iter().zip(sizes) {
            self.scale(&seen, set, size).await?;
        }
        Ok(())
    }

    async fn recreate(&self, seen: &Seen) -> Result<(), PassError> {
        for set in &seen.old {
            self.scale(seen, set, 0).await?;
        }
        let pods_left = !self
            .hub
            .pods()
            .list_in(&seen.key.namespace, |pod| {
                !crate::pod::is_finished(pod)
                    && seen.old.iter().any(|set| is_controlled_by(&pod.metadata, uid_of(&set.metadata)))
            })
            .is_empty();
        match &seen.new {
            _ if pods_left => Ok(()),
            None => self.create(seen, seen.desired).await,
            Some(new) => self.scale(seen, new, seen.desired).await,
        }
    }

    /// A paused Deployment still follows a change of its replicas, as long as only one ReplicaSet has pods.
    async fn scale_paused(&self, seen: &Seen) -> Result<(), PassError> {
        let mut active = seen.sets.iter().filter(|set| wanted(set) > 0);
        match (active.next(), active.next()) {
            (Some(only), None) => self.scale(seen, only, seen.desired).await,
            (None, None) => match &seen.new {
                Some(new) => self.scale(seen, new, seen.desired).await,
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    async fn create(&self, seen: &Seen, replicas: i32) -> Result<(), PassError> {
        let body = revision::replica_set(&seen.deployment, &seen.old, replicas, seen.desired + seen.surge);
        let name = body["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let sets = self.hub.replica_sets();
        match sets.create(&seen.key.namespace, &body).await {
            Ok(set) => {
                self.tell_scaled(seen, &set, 0, replicas);
                Ok(())
            }
            Err(error) if has_code(&error, 409) => {
                // Ours, whose news has not come yet, or somebody else's, which has taken the name.
                let key = ObjectKey::new(&seen.key.namespace, &name);
                sets.refresh(&key).await;
                let ours = sets
                    .get(&key)
                    .is_some_and(|set| is_controlled_by(&set.metadata, uid_of(&seen.deployment.metadata)));
                if ours {
                    return Ok(());
                }
                let collisions = seen.deployment.status.collision_count.unwrap_or(0) + 1;
                let status = json!({ "collisionCount": collisions });
                self.hub
                    .deployments()
                    .patch_status(&seen.key, uid_of(&seen.deployment.metadata), status)
                    .await
                    .during(|| format!("counting a name collision of Deployment {}", seen.key))?;
                Err(error).during(|| format!("creating ReplicaSet {key}"))
            }
            Err(error) => {
                Err(error).during(|| format!("creating ReplicaSet {name} of Deployment {}", seen.key))
            }
        }
    }

    async fn scale(&self, seen: &Seen, set: &ReplicaSet, replicas: i32) -> Result<(), PassError> {
        let before = wanted(set);
        if before == replicas {
            return Ok(());
        }
        let key = ObjectKey::of(&set.metadata);
        let patch = json!({
            "metadata": {"annotations": {
                revision::DESIRED: seen.desired.to_string(),
                revision::MAX: (seen.desired + seen.surge).to_string(),
            }},
            "spec": {"replicas": replicas},
        });
        self.hub
            .replica_sets()
            .patch(&key, uid_of(&set.metadata), patch)
            .await
            .during(|| format!("scaling ReplicaSet {key} to {replicas}"))?;
        self.tell_scaled(seen, set, before, replicas);
        Ok(())
    }

    fn tell_scaled(&self, seen: &Seen, set: &ReplicaSet, before: i32, after: i32) {
        let direction = if after > before { "up" } else { "down" };
        let name = set.metadata.name.as_deref().unwrap_or_default();
        let message = format!("Scaled {direction} replica set {name} from {before} to {after}");
        let note = Note::normal("ScalingReplicaSet", message);
        self.hub.events().tell(Subject::of(seen.deployment.as_ref()), COMPONENT, note);
    }

    /// Keeps the revision, the Deployment's annotations and `minReadySeconds` on the present ReplicaSet, and its
    /// revision on the Deployment.
    async fn keep_annotations(&self, seen: &Seen, new: &ReplicaSet) -> Result<(), PassError> {
        let annotations = revision::annotations(&seen.deployment, Some(new), &seen.old);
        let wanted = json!({
            "metadata": {"annotations": annotations},
            "spec": {"minReadySeconds": seen.deployment.spec.min_ready_seconds.unwrap_or(0)},
        });
        let current = json!({
            "metadata": {"annotations": new.metadata.annotations},
            "spec": {"minReadySeconds": new.spec.min_ready_seconds.unwrap_or(0)},
        });
        if let Some(patch) = difference(&current, &wanted) {
            let key = ObjectKey::of(&new.metadata);
            self.hub
                .replica_sets()
                .patch(&key, uid_of(&new.metadata), patch)
                .await
                .during(|| format!("annotating ReplicaSet {key}"))?;
        }
        let revision = annotations.get(revision::REVISION);
        let current = seen.deployment.metadata.annotations.as_ref();
        if current.and_then(|current| current.get(revision::REVISION)) != revision {
            // With the status, as the real controller does: so it is no new generation.
            let patch = json!({"metadata": {"annotations": {revision::REVISION: revision}}});
            self.hub
                .deployments()
                .patch_beside_status(&seen.key, uid_of(&seen.deployment.metadata), patch)
                .await
                .during(|| format!("annotating Deployment {}", seen.key))?;
        }
        Ok(())
    }

    /// Deletes the oldest ReplicaSets beyond what history is kept.
    async fn forget_history(&self, seen: &Seen) -> Result<(), PassError> {
        let kept = usize::try_from(seen.deployment.spec.revision_history_limit.unwrap_or(HISTORY_DEFAULT));
        let surplus = seen.old.len().saturating_sub(kept.unwrap_or(usize::MAX));
        let empty = |set: &&Arc<ReplicaSet>| {
            wanted(set) == 0
                && set.status.replicas == 0
                && set.status.observed_generation >= set.metadata.generation
        };
        for set in seen.old.iter().take(surplus).filter(empty) {
            let key = ObjectKey::of(&set.metadata);
            self.hub
                .replica_sets()
                .delete(&key, uid_of(&set.metadata), &DeleteParams::background())
                .await
                .during(|| format!("deleting old ReplicaSet {key}"))?;
        }
        Ok(())
    }
}

impl Seen {
    fn recreates(&self) -> bool {
        self.deployment.spec.strategy.type_.as_deref() == Some("Recreate")
    }
}

fn wanted(set: &ReplicaSet) -> i32 {
    set.spec.replicas.unwrap_or(1)
}

fn size_of(set: &ReplicaSet) -> Size {
    Size { wanted: wanted(set), available: set.status.available_replicas.unwrap_or(0) }
}
