//! One kind's objects, kept by one watch and shared by all controllers; writes go through it too.

use std::{
    fmt::Debug,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::{StreamExt, pin_mut};
use kube::{
    Api, Client, Resource,
    api::{DeleteParams, Patch, PatchParams, PostParams},
    core::{ApiResource, Request},
    runtime::{WatchStreamExt, utils::Backoff, watcher},
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tracing::warn;

use crate::{
    object::{ObjectKey, for_uid, uid_of},
    sync::{Gate, lock},
};

mod raw;
mod store;

use raw::Raw;
pub use store::Change;
use store::Store;

/// A kind that can be cached.
pub trait Kind: Resource + Clone + DeserializeOwned + Debug + Send + Sync + 'static {}
impl<K: Resource + Clone + DeserializeOwned + Debug + Send + Sync + 'static> Kind for K {}

type Listener<K> = Box<dyn Fn(&Change<K>) + Send + Sync>;

/// The objects of one kind in the whole cluster. Cheap to clone; all clones share the objects.
///
/// Each write's answer is taken in at once, so a controller never decides on a state older than its own writes.
pub struct Cache<K: Resource> {
    inner: Arc<Inner<K>>,
}

impl<K: Resource> Clone for Cache<K> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone() }
    }
}

struct Inner<K: Resource> {
    client: Client,
    resource: K::DynamicType,
    store: Mutex<Store<K>>,
    /// Held while a change is made and told, so that all listeners hear changes in the order they happened.
    listeners: Mutex<Vec<Listener<K>>>,
    synced: Gate,
}

impl<K: Kind> Cache<K> {
    /// An empty cache; [`Cache::follow`] fills it.
    pub(crate) fn new(client: Client, resource: K::DynamicType) -> Self {
        Self {
            inner: Arc::new(Inner {
                client,
                resource,
                store: Mutex::default(),
                listeners: Mutex::default(),
                synced: Gate::default(),
            }),
        }
    }

    /// Calls `listener` for every object held and then for every change, in order. It must be quick and must not
    /// write: it puts keys into queues.
    pub fn on_change(&self, listener: impl Fn(&Change<K>) + Send + Sync + 'static) {
        let mut listeners = lock(&self.inner.listeners);
        for object in self.list() {
            listener(&Change { before: None, after: Some(object) });
        }
        listeners.push(Box::new(listener));
    }

    /// Waits until the kind has been listed once.
    pub async fn synced(&self) {
        self.inner.synced.passed().await;
    }

    /// One object.
    #[must_use]
    pub fn get(&self, key: &ObjectKey) -> Option<Arc<K>> {
        lock(&self.inner.store).objects().get(key).cloned()
    }

    /// All objects, in order of namespace and name.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<K>> {
        lock(&self.inner.store).objects().values().cloned().collect()
    }

    /// The objects of one namespace that `choose` takes, in order of name.
    #[must_use]
    pub fn list_in(&self, namespace: &str, choose: impl Fn(&K) -> bool) -> Vec<Arc<K>> {
        lock(&self.inner.store)
            .objects()
            .range(ObjectKey::new(namespace, "")..)
            .take_while(|(key, _)| key.namespace == namespace)
            .filter(|(_, object)| choose(object))
            .map(|(_, object)| object.clone())
            .collect()
    }

    /// Creates an object from JSON, so that fields unknown to us go through.
    ///
    /// # Errors
    /// The API's refusal.
    pub async fn create(&self, namespace: &str, body: &Value) -> kube::Result<Arc<K>> {
        let request = self
            .request(namespace)
            .create(&PostParams::default(), body.to_string().into_bytes())
            .map_err(kube::Error::BuildRequest)?;
        Ok(self.take_in(self.ask(request).await?))
    }

    /// Creates a subresource of one object, such as a pod's binding; its answer is not an object of this kind.
    ///
    /// # Errors
    /// The API's refusal.
    pub async fn create_subresource(&self, key: &ObjectKey, name: &str, body: &Value) -> kube::Result<()> {
        let request = self
            .request(&key.namespace)
            .create_subresource(name, &key.name, &PostParams::default(), body.to_string().into_bytes())
            .map_err(kube::Error::BuildRequest)?;
        self.inner.client.request::<Value>(request).await.map(drop)
    }

    /// Merge-patches the very object with this uid.
    ///
    /// # Errors
    /// The API's refusal.
    pub async fn patch(&self, key: &ObjectKey, uid: &str, patch: Value) -> kube::Result<Arc<K>> {
        let patch = Patch::Merge(for_uid(uid, patch));
        let request = self
            .request(&key.namespace)
            .patch(&key.name, &PatchParams::default(), &patch)
            .map_err(kube::Error::BuildRequest)?;
        Ok(self.take_in(self.ask(request).await?))
    }

    /// Merge-patches a subresource (`status`, `scale`) of the very object with this uid.
    ///
    /// # Errors
    /// The API's refusal.
    pub async fn patch_status(&self, key: &ObjectKey, uid: &str, status: Value) -> kube::Result<Arc<K>> {
        self.patch_beside_status(key, uid, serde_json::json!({ "status": status })).await
    }

    /// Merges `patch` into the object through its `status`, so that what it brings along counts as no new generation.
    ///
    /// # Errors
    /// The API's refusal.
    pub async fn patch_beside_status(
        &self,
        key: &ObjectKey,
        uid: &str,
        patch: Value,
    ) -> kube::Result<Arc<K>> {
        let patch = Patch::Merge(for_uid(uid, patch));
        let request = self
            .request(&key.namespace)
            .patch_subresource("status", &key.name, &PatchParams::default(), &patch)
            .map_err(kube::Error::BuildRequest)?;
        Ok(self.take_in(self.ask(request).await?))
    }

    /// Deletes the object if it is still the one that `params` names in its preconditions. One that is already gone
    /// counts as deleted.
    ///
    /// # Errors
    /// The API's refusal.
    pub async fn delete(&self, key: &ObjectKey, uid: &str, params: &DeleteParams) -> kube::Result<()> {
        let params = DeleteParams {
            preconditions: Some(kube::api::Preconditions {
                uid: Some(uid.to_owned()),
                ..params.preconditions.clone().unwrap_or_default()
            }),
            ..params.clone()
        };
        let request =
            self.request(&key.namespace).delete(&key.name, &params).map_err(kube::Error::BuildRequest)?;
        match self.inner.client.request_status::<Value>(request).await {
            Ok(answer) => match answer.left().map(decoded::<K>).transpose()? {
                Some(object) if still_there(&object) => drop(self.take_in(object)),
                Some(_) => self.change(|store| store.remove(key, uid)),
                // A bare success does not say whether finalizers hold the object; the watch will.
                None => {}
            },
            Err(error) if crate::runner::has_code(&error, 404) => {
                self.change(|store| store.remove(key, uid));
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Reads one object afresh and takes it in. An object that is not there stays absent; any other failure leaves
    /// things as they are, and the watch will tell.
    pub async fn refresh(&self, key: &ObjectKey) {
        let built = self.request(&key.namespace).get(&key.name, &kube::api::GetParams::default());
        if let Ok(request) = built
            && let Ok(object) = self.ask(request).await
        {
            self.take_in(object);
        }
    }

    /// The uid of the object that has this name now, read afresh.
    pub(crate) async fn read_uid(&self, key: &ObjectKey) -> kube::Result<Option<String>> {
        let request = self
            .request(&key.namespace)
            .get(&key.name, &kube::api::GetParams::default())
            .map_err(kube::Error::BuildRequest)?;
        match self.inner.client.request::<Value>(request).await {
            Ok(object) => Ok(object.pointer("/metadata/uid").and_then(Value::as_str).map(str::to_owned)),
            Err(error) if crate::runner::has_code(&error, 404) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether a namespace has objects of this kind now, read afresh.
    pub(crate) async fn read_any(&self, namespace: &str) -> kube::Result<bool> {
        let request = self
            .request(namespace)
            .list(&kube::api::ListParams::default().limit(1))
            .map_err(kube::Error::BuildRequest)?;
        match self.inner.client.request::<Value>(request).await {
            Ok(list) => Ok(list["items"].as_array().is_some_and(|items| !items.is_empty())),
            Err(error) if crate::runner::has_code(&error, 404) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Takes in an object that came as an answer.
    pub(crate) fn take_in(&self, mut object: K) -> Arc<K> {
        prune(&mut object);
        let answer = Arc::new(object.clone());
        self.change(|store| store.apply(object));
        answer
    }

    async fn ask(&self, request: http::Request<Vec<u8>>) -> kube::Result<K> {
        decoded(self.inner.client.request(request).await?)
    }

    fn request(&self, namespace: &str) -> Request {
        let namespace = (!namespace.is_empty()).then_some(namespace);
        Request::new(K::url_path(&self.inner.resource, namespace))
    }

    fn change(&self, change: impl FnOnce(&mut Store<K>) -> Option<Change<K>>) {
        let listeners = lock(&self.inner.listeners);
        let change = change(&mut lock(&self.inner.store));
        if let Some(change) = change {
            for listener in listeners.iter() {
                listener(&change);
            }
        }
    }

    /// Follows the kind for ever. An object that does not decode is logged and left out; the others go on.
    pub(crate) async fn follow(self) {
        let kind = ApiResource::erase::<K>(&self.inner.resource);
        let api: Api<Raw> = Api::all_with(self.inner.client.clone(), &kind);
        self.follow_through(api, |raw| {
            let decoded = serde_json::from_value(raw.object);
            let warn = |error: &serde_json::Error| {
                warn!(kind = kind.kind, key = %ObjectKey::of(&raw.metadata), %error, "object does not decode");
            };
            decoded.inspect_err(warn).ok()
        })
        .await;
    }

    /// Follows the kind for ever, for types that decode from anything.
    pub(crate) async fn follow_unguarded(self) {
        let api: Api<K> = Api::all_with(self.inner.client.clone(), &self.inner.resource);
        self.follow_through(api, Some).await;
    }

    async fn follow_through<W: Kind>(&self, api: Api<W>, open: impl Fn(W) -> Option<K>) {
        let watch = watcher(api, watcher::Config::default()).backoff(SteadyBackoff::default());
        pin_mut!(watch);
        while let Some(event) = watch.next().await {
            match event {
                Ok(watcher::Event::Init) => lock(&self.inner.store).begin_list(),
                Ok(watcher::Event::InitApply(object) | watcher::Event::Apply(object)) => {
                    if let Some(object) = open(object) {
                        self.take_in(object);
                    }
                }
                Ok(watcher::Event::Delete(object)) => {
                    let key = ObjectKey::of(object.meta());
                    self.change(|store| store.remove(&key, uid_of(object.meta())));
                }
                Ok(watcher::Event::InitDone) => {
                    let listeners = lock(&self.inner.listeners);
                    let changes = lock(&self.inner.store).end_list();
                    for change in &changes {
                        listeners.iter().for_each(|listener| listener(change));
                    }
                    drop(listeners);
                    self.inner.synced.open();
                }
                Err(error) => {
                    warn!(kind = %K::kind(&self.inner.resource), %error, "watch broke, starting it again");
                }
            }
        }
    }
}

fn decoded<K: DeserializeOwned>(object: Value) -> kube::Result<K> {
    serde_json::from_value(object).map_err(kube::Error::SerdeError)
}

/// What no reader of a cache looks at.
fn prune<K: Resource>(object: &mut K) {
    object.meta_mut().managed_fields = None;
}

/// Whether the answer to a deletion is an object that stays for a while: its grace period runs, or finalizers hold it.
fn still_there<K: Resource>(object: &K) -> bool {
    let meta = object.meta();
    meta.deletion_timestamp.is_some()
        && (meta.deletion_grace_period_seconds.is_some_and(|grace| grace > 0)
            || meta.finalizers.as_ref().is_some_and(|finalizers| !finalizers.is_empty()))
}

/// The watch's rest after an error: it doubles and takes no chance, so that a simulation can be replayed.
#[derive(Debug, Default)]
struct SteadyBackoff {
    failures: u32,
}

impl Iterator for SteadyBackoff {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let rest = Duration::from_millis(50).saturating_mul(1 << self.failures.min(10));
        self.failures += 1;
        Some(rest.min(Duration::from_secs(5)))
    }
}

impl Backoff for SteadyBackoff {
    fn reset(&mut self) {
        self.failures = 0;
    }
}
