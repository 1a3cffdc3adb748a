//! Volumes and claims that are being deleted are held by a finalizer for as long as they are used; this lets go of them.

use std::{sync::Arc, time::Duration};

use k8s_openapi::api::core::v1::Pod;
use kube::Resource;
use serde_json::json;

use crate::{
    cache::{Cache, Kind},
    hub::Hub,
    object::{ObjectKey, uid_of},
    pod::is_finished,
    queue::Queue,
    runner::{self, PassError, While},
};

const COMPONENT: &str = "storage";
const CLAIM: &str = "kubernetes.io/pvc-protection";
const VOLUME: &str = "kubernetes.io/pv-protection";
/// Between two looks at a claim that pods still use.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Starts the controller.
pub fn start(hub: &Arc<Hub>) {
    start_for(hub, Hub::persistent_volume_claims, CLAIM, |hub, key: &ObjectKey| {
        let uses = |pod: &Pod| !is_finished(pod) && mentions(pod, &key.name);
        !hub.pods().list_in(&key.namespace, uses).is_empty()
    });
    // Nothing here binds volumes to claims, so none is in use.
    start_for(hub, Hub::persistent_volumes, VOLUME, |_, _| false);
}

fn start_for<K: Kind + Resource>(
    hub: &Arc<Hub>,
    cache: fn(&Hub) -> &Cache<K>,
    finalizer: &'static str,
    in_use: fn(&Hub, &ObjectKey) -> bool,
) {
    let queue = Arc::new(Queue::default());
    let keys = queue.clone();
    cache(hub).on_change(move |change| {
        if let Some(object) = &change.after
            && held(object.as_ref(), finalizer)
        {
            keys.add(ObjectKey::of(object.meta()));
        }
    });
    let hub = hub.clone();
    hub.clone().spawn(async move {
        hub.pods().synced().await;
        cache(&hub).synced().await;
        runner::run(COMPONENT, queue, |key| {
            let hub = hub.clone();
            async move { pass(&hub, cache(&hub), &key, finalizer, in_use).await }
        })
        .await;
    });
}

async fn pass<K: Kind + Resource>(
    hub: &Hub,
    cache: &Cache<K>,
    key: &ObjectKey,
    finalizer: &str,
    in_use: fn(&Hub, &ObjectKey) -> bool,
) -> Result<Option<Duration>, PassError> {
    let Some(object) = cache.get(key).filter(|object| held(object.as_ref(), finalizer)) else {
        return Ok(None);
    };
    if in_use(hub, key) {
        return Ok(Some(LOOK_AGAIN));
    }
    let left: Vec<&String> =
        object.meta().finalizers.iter().flatten().filter(|found| *found != finalizer).collect();
    let patch = json!({"metadata": {"finalizers": left}});
    let patched = cache.patch(key, uid_of(object.meta()), patch).await;
    patched.map(drop).during(|| format!("letting go of {}", key.name))?;
    Ok(None)
}

fn held<K: Resource>(object: &K, finalizer: &str) -> bool {
    let metadata = object.meta();
    metadata.deletion_timestamp.is_some()
        && metadata.finalizers.iter().flatten().any(|found| found == finalizer)
}

fn mentions(pod: &Pod, claim: &str) -> bool {
    let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
    volumes
        .filter_map(|volume| volume.persistent_volume_claim.as_ref())
        .any(|source| source.claim_name == claim)
}
