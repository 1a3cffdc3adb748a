//! What every namespace has from the start: the ServiceAccount `default` and the ConfigMap `kube-root-ca.crt`.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use crate::{
    cache::{Cache, Kind},
    hub::Hub,
    object::ObjectKey,
    queue::Queue,
    runner::{self, PassError, While, has_code},
};

const COMPONENT: &str = "namespace-defaults";
const ACCOUNT: &str = "default";
const ROOT_CERTIFICATE: &str = "kube-root-ca.crt";

/// Starts the controller that gives every namespace its defaults. `root_certificate` is the PEM text by which pods
/// would know the API server; it may be empty, as the playground's pods never ask.
pub fn start(hub: &Arc<Hub>, root_certificate: &str) {
    let queue = Arc::new(Queue::default());
    let keys = queue.clone();
    hub.namespaces().on_change(move |change| {
        if let Some(namespace) = &change.after {
            keys.add(ObjectKey::of(&namespace.metadata));
        }
    });
    bring_back(hub.service_accounts(), ACCOUNT, &queue);
    bring_back(hub.config_maps(), ROOT_CERTIFICATE, &queue);
    let (hub, root_certificate) = (hub.clone(), root_certificate.to_owned());
    hub.clone().spawn(async move {
        hub.namespaces().synced().await;
        hub.service_accounts().synced().await;
        hub.config_maps().synced().await;
        runner::run(COMPONENT, queue, |key| {
            let (hub, root_certificate) = (hub.clone(), root_certificate.clone());
            async move { pass(&hub, &root_certificate, &key).await }
        })
        .await;
    });
}

/// Looks at a namespace again when its default of this name is deleted.
fn bring_back<K: Kind>(cache: &Cache<K>, name: &'static str, queue: &Arc<Queue<ObjectKey>>) {
    let keys = queue.clone();
    cache.on_change(move |change| {
        if let (Some(before), None) = (&change.before, &change.after)
            && before.meta().name.as_deref() == Some(name)
        {
            keys.add(ObjectKey::new("", before.meta().namespace.as_deref().unwrap_or_default()));
        }
    });
}

async fn pass(hub: &Hub, root_certificate: &str, key: &ObjectKey) -> Result<Option<Duration>, PassError> {
    let namespace = hub.namespaces().get(key);
    if namespace.is_none_or(|namespace| namespace.metadata.deletion_timestamp.is_some()) {
        return Ok(None);
    }
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT}});
    keep(hub.service_accounts(), &key.name, ACCOUNT, &account).await?;
    let certificate = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": ROOT_CERTIFICATE},
        "data": {"ca.crt": root_certificate},
    });
    keep(hub.config_maps(), &key.name, ROOT_CERTIFICATE, &certificate).await?;
    Ok(None)
}

async fn keep<K: Kind>(cache: &Cache<K>, namespace: &str, name: &str, body: &Value) -> Result<(), PassError> {
    if cache.get(&ObjectKey::new(namespace, name)).is_some() {
        return Ok(());
    }
    match cache.create(namespace, body).await {
        // It is there already, or the namespace is on its way out.
        Err(error) if has_code(&error, 409) || has_code(&error, 403) || has_code(&error, 404) => Ok(()),
        result => result.map(drop).during(|| format!("creating {name} in namespace {namespace}")),
    }
}
