//! Keeps the EndpointSlices of each Service in step with the pods that it selects.

use std::{sync::Arc, time::Duration};

use k8s_openapi::api::{
    core::v1::{Pod, Service},
    discovery::v1::EndpointSlice,
};
use kube::api::DeleteParams;

use crate::{
    cache::Change,
    hub::Hub,
    object::ObjectKey,
    queue::Queue,
    runner::{self, PassError, While},
    selector,
    sync::Dice,
};

mod decide;

const COMPONENT: &str = "endpointslice-controller";

/// Starts the EndpointSlice controller. It writes EndpointSlices only, not the older Endpoints.
pub fn start(hub: &Arc<Hub>) {
    let queue = Arc::new(Queue::default());
    let keys = queue.clone();
    hub.services().on_change(move |change| {
        if let Some(service) = change.after.as_ref().or(change.before.as_ref()) {
            keys.add(ObjectKey::of(&service.metadata));
        }
    });
    let keys = queue.clone();
    hub.endpoint_slices().on_change(move |change| {
        for slice in change.before.iter().chain(&change.after) {
            if let Some(service) = decide::service_of(slice) {
                keys.add(ObjectKey::new(slice.metadata.namespace.as_deref().unwrap_or_default(), service));
            }
        }
    });
    let (keys, services) = (queue.clone(), hub.services().clone());
    hub.pods().on_change(move |change: &Change<Pod>| {
        for pod in change.before.iter().chain(&change.after) {
            let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
            for service in services.list_in(namespace, |service| selects(service, pod)) {
                keys.add(ObjectKey::of(&service.metadata));
            }
        }
    });
    let hub = hub.clone();
    let controller = Arc::new(Controller { dice: hub.dice(COMPONENT), hub: hub.clone() });
    hub.clone().spawn(async move {
        hub.services().synced().await;
        hub.pods().synced().await;
        hub.endpoint_slices().synced().await;
        runner::run(COMPONENT, queue, |key| {
            let controller = controller.clone();
            async move { controller.pass(&key).await }
        })
        .await;
    });
}

fn selects(service: &Service, pod: &Pod) -> bool {
    let selector = service.spec.as_ref().and_then(|spec| spec.selector.as_ref());
    decide::selects_pods(service)
        && selector.is_some_and(|selector| {
            pod.metadata.labels.as_ref().is_some_and(|labels| selector::contains(labels, selector))
        })
}

struct Controller {
    hub: Arc<Hub>,
    dice: Dice,
}

impl Controller {
    async fn pass(&self, key: &ObjectKey) -> Result<Option<Duration>, PassError> {
        let Some(service) = self.hub.services().get(key) else { return Ok(None) };
        if service.metadata.deletion_timestamp.is_some() {
            return Ok(None);
        }
        let slices: Vec<Arc<EndpointSlice>> = self
            .hub
            .endpoint_slices()
            .list_in(&key.namespace, |slice| decide::belongs_to(slice, &key.name))
            .into_iter()
            .filter(|slice| slice.metadata.deletion_timestamp.is_none())
            .collect();
        if !decide::selects_pods(&service) {
            return Ok(None);
        }
        let pods = self.hub.pods().list_in(&key.namespace, |pod| selects(&service, pod));
        for change in decide::changes(&service, &pods, &slices, || self.dice.name_suffix()) {
            self.commit(key, change)
                .await
                .during(|| format!("writing the EndpointSlices of Service {key}"))?;
        }
        Ok(None)
    }

    async fn commit(&self, service: &ObjectKey, change: decide::Change) -> Result<(), kube::Error> {
        let slices = self.hub.endpoint_slices();
        match change {
            decide::Change::Create(slice) => slices.create(&service.namespace, &slice).await.map(drop),
            decide::Change::Update { key, uid, patch } => slices.patch(&key, &uid, patch).await.map(drop),
            decide::Change::Delete { key, uid } => slices.delete(&key, &uid, &DeleteParams::default()).await,
        }
    }
}
