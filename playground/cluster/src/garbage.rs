//! Garbage collection: objects go when their owners have gone, in the background, in the foreground, or not at all if
//! the owner's deletion says to orphan them. Also empties namespaces that are being deleted.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{Resource, api::DeleteParams};
use serde_json::json;
use tokio::task::AbortHandle;
use tracing::{debug, warn};

use crate::{
    cache::{Cache, Change, Kind},
    hub::Hub,
    object::ObjectKey,
    queue::Queue,
    runner::{self, PassError, While},
    sync::{Gate, lock},
};

mod graph;
mod kinds;
mod namespace;

use graph::{FOREGROUND, Graph, Node, ORPHAN, Owner, Verdict};
use kinds::{AnyObject, Description, Keeper};

const COMPONENT: &str = "garbage-collector";
const DISCOVERY_RETRY: Duration = Duration::from_secs(1);
/// An owner of a kind that the server does not have may get its kind later.
const UNKNOWN_KIND_RETRY: Duration = Duration::from_secs(30);

/// A kind that is followed.
struct Followed {
    description: Description,
    keeper: Box<dyn Keeper>,
    /// Ends the watch, if it is the collector's own.
    task: Option<AbortHandle>,
}

impl fmt::Debug for Followed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.description.resource.kind)
    }
}

struct Collector {
    hub: Arc<Hub>,
    graph: Mutex<Graph<Arc<Followed>>>,
    /// By group and kind.
    kinds: Mutex<BTreeMap<(String, String), Arc<Followed>>>,
    objects: Arc<Queue<String>>,
    namespaces: Arc<Queue<ObjectKey>>,
    /// Whether all kinds that the server had at the start have been listed.
    ready: Gate,
}

/// Starts the garbage collector.
pub fn start(hub: &Arc<Hub>) {
    let collector = Arc::new(Collector {
        hub: hub.clone(),
        graph: Mutex::default(),
        kinds: Mutex::default(),
        objects: Arc::default(),
        namespaces: Arc::default(),
        ready: Gate::default(),
    });
    let keys = collector.namespaces.clone();
    hub.namespaces().on_change(move |change| {
        if let Some(namespace) = &change.after {
            keys.add(ObjectKey::of(&namespace.metadata));
        }
    });
    let following = collector.clone();
    hub.spawn(async move { following.follow_all().await });
    let collecting = collector.clone();
    hub.spawn(async move {
        collecting.ready.passed().await;
        runner::run(COMPONENT, collecting.objects.clone(), |uid| {
            let collector = collecting.clone();
            async move { collector.pass(&uid).await }
        })
        .await;
    });
    hub.spawn(async move {
        collector.ready.passed().await;
        runner::run("namespace-controller", collector.namespaces.clone(), |key| {
            let collector = collector.clone();
            async move { namespace::pass(&collector, &key).await }
        })
        .await;
    });
}

impl Collector {
    /// Follows every kind the server has, then those that definitions add.
    async fn follow_all(self: &Arc<Self>) {
        let kinds = loop {
            match kinds::discover(self.hub.client()).await {
                Ok(kinds) => break kinds,
                Err(error) => {
                    warn!(%error, "discovery failed");
                    tokio::time::sleep(DISCOVERY_RETRY).await;
                }
            }
        };
        for kind in kinds {
            self.follow(kind);
        }
        let followed: Vec<Arc<Followed>> = lock(&self.kinds).values().cloned().collect();
        for kind in followed {
            kind.keeper.synced().await;
        }
        let collector = Arc::downgrade(self);
        self.hub.definitions().on_change(move |change| {
            let Some(collector) = collector.upgrade() else { return };
            let [before, after] = [&change.before, &change.after]
                .map(|definition| definition.as_deref().and_then(kinds::defined));
            match (before, after) {
                (before, Some(after)) if before.as_ref() != Some(&after) => collector.follow(after),
                (Some(before), None) => collector.unfollow(&before),
                _ => {}
            }
        });
        self.ready.open();
    }

    /// Follows a kind: through the cache that other controllers share, where there is one.
    fn follow(self: &Arc<Self>, description: Description) {
        let resource = &description.resource;
        let place = (resource.group.clone(), resource.kind.clone());
        if lock(&self.kinds).contains_key(&place) {
            return;
        }
        let hub = &self.hub;
        match (resource.group.as_str(), resource.kind.as_str()) {
            ("", "Pod") => self.follow_cache(place, description, hub.pods(), None),
            ("", "Service") => self.follow_cache(place, description, hub.services(), None),
            ("", "ConfigMap") => self.follow_cache(place, description, hub.config_maps(), None),
            ("", "Secret") => self.follow_cache(place, description, hub.secrets(), None),
            ("", "Node") => self.follow_cache(place, description, hub.nodes(), None),
            ("", "Namespace") => self.follow_cache(place, description, hub.namespaces(), None),
            ("", "ServiceAccount") => {
                self.follow_cache(place, description, hub.service_accounts(), None);
            }
            ("apps", "ReplicaSet") => self.follow_cache(place, description, hub.replica_sets(), None),
            ("apps", "Deployment") => self.follow_cache(place, description, hub.deployments(), None),
            ("discovery.k8s.io", "EndpointSlice") => {
                self.follow_cache(place, description, hub.endpoint_slices(), None);
            }
            ("apiextensions.k8s.io", "CustomResourceDefinition") => {
                self.follow_cache(place, description, hub.definitions(), None);
            }
            _ => {
                let cache = Cache::<AnyObject>::new(hub.client().clone(), resource.clone());
                let task = hub.spawn(cache.clone().follow_unguarded());
                self.follow_cache(place, description, &cache, Some(task));
            }
        }
    }

    fn follow_cache<K: Kind>(
        self: &Arc<Self>,
        place: (String, String),
        description: Description,
        cache: &Cache<K>,
        task: Option<AbortHandle>,
    ) where
        K::DynamicType: Sync,
    {
        let kind = Arc::new(Followed { description, keeper: Box::new(cache.clone()), task });
        lock(&self.kinds).insert(place, kind.clone());
        // Weak, because the cache may outlive the collector, and because the kind holds the cache.
        let (collector, kind) = (Arc::downgrade(self), Arc::downgrade(&kind));
        cache.on_change(move |change: &Change<K>| {
            if let (Some(collector), Some(kind)) = (collector.upgrade(), kind.upgrade()) {
                collector.note(&kind, change);
            }
        });
    }

    /// The server no longer has the kind, nor any object of it.
    fn unfollow(&self, description: &Description) {
        let resource = &description.resource;
        let place = (resource.group.clone(), resource.kind.clone());
        let Some(kind) = lock(&self.kinds).remove(&place) else { return };
        if let Some(task) = &kind.task {
            task.abort();
        }
        let mut graph = lock(&self.graph);
        for uid in graph.of_kind(|one| Arc::ptr_eq(one, &kind)) {
            for uid in graph.remove(&uid) {
                self.objects.add(uid);
            }
        }
    }

    fn note<K: Resource>(&self, kind: &Arc<Followed>, change: &Change<K>) {
        let uid = |object: &Arc<K>| object.meta().uid.clone().unwrap_or_default();
        let mut look = Vec::new();
        let mut graph = lock(&self.graph);
        if let Some(before) = &change.before
            && change.after.as_ref().is_none_or(|after| uid(after) != uid(before))
        {
            look.extend(graph.remove(&uid(before)));
            if let Some(namespace) = before.meta().namespace.as_deref() {
                self.namespaces.add(ObjectKey::new("", namespace));
            }
        }
        if let Some(after) = &change.after {
            look.extend(graph.put(Node::new(kind.clone(), after.meta())));
        }
        // Most objects have neither owners nor a say in anybody's deletion: no pass for them.
        for uid in look {
            let matters = graph.get(&uid).is_some_and(|node| node.deleting || !node.owners.is_empty());
            if matters {
                self.objects.add(uid);
            }
        }
    }

    async fn pass(&self, uid: &str) -> Result<Option<Duration>, PassError> {
        let Some(node) = lock(&self.graph).get(uid).cloned() else { return Ok(None) };
        if node.deleting {
            if node.has(ORPHAN) {
                self.orphan(&node).await?;
            } else if node.has(FOREGROUND) && !lock(&self.graph).is_held_up(uid) {
                self.drop_finalizer(&node, FOREGROUND).await?;
            }
            return Ok(None);
        }
        let mut owners = Vec::new();
        let mut unknown_kind = false;
        for owner in &node.owners {
            let known = lock(&self.graph).owner(&node, owner);
            let found = if known == Owner::Unknown { self.ask(&node, owner).await? } else { known };
            unknown_kind |= found == Owner::Unknown;
            owners.push((owner.uid.clone(), found));
        }
        let verdict = lock(&self.graph).judge(&node, &owners);
        match verdict {
            Verdict::Stay => {}
            Verdict::Release(lost) => self.release(&node, |owner| !lost.contains(&owner.uid)).await?,
            Verdict::Delete { foreground } => {
                debug!(kind = ?node.kind, key = %node.key, "owners are gone");
                let params = match () {
                    () if node.has(ORPHAN) => DeleteParams::orphan(),
                    () if foreground => DeleteParams::foreground(),
                    () => DeleteParams::background(),
                };
                node.kind
                    .keeper
                    .delete(&node.key, uid, &params)
                    .await
                    .during(|| format!("deleting {:?} {}, whose owners are gone", node.kind, node.key))?;
            }
        }
        Ok(unknown_kind.then_some(UNKNOWN_KIND_RETRY))
    }

    /// Asks the API about an owner that was never seen.
    async fn ask(&self, node: &Node<Arc<Followed>>, owner: &OwnerReference) -> Result<Owner, PassError> {
        let group = owner.api_version.split_once('/').map_or("", |(group, _)| group);
        let place = (group.to_owned(), owner.kind.clone());
        let Some(kind) = lock(&self.kinds).get(&place).cloned() else { return Ok(Owner::Unknown) };
        let namespace = if kind.description.namespaced { node.key.namespace.as_str() } else { "" };
        if kind.description.namespaced && namespace.is_empty() {
            return Ok(Owner::Absent);
        }
        let found = kind
            .keeper
            .uid_now(&ObjectKey::new(namespace, &owner.name))
            .await
            .during(|| format!("looking for the owner {} of {:?} {}", owner.name, node.kind, node.key))?;
        Ok(if found.as_ref() == Some(&owner.uid) { Owner::Solid } else { Owner::Absent })
    }

    /// Cuts the dependents loose, then lets the owner go.
    async fn orphan(&self, node: &Node<Arc<Followed>>) -> Result<(), PassError> {
        let dependents: Vec<Node<Arc<Followed>>> =
            lock(&self.graph).dependents_of(&node.uid).cloned().collect();
        for dependent in dependents {
            self.release(&dependent, |owner| owner.uid != node.uid).await?;
        }
        self.drop_finalizer(node, ORPHAN).await
    }

    /// Keeps only the owner references that `keep` takes.
    async fn release(
        &self,
        node: &Node<Arc<Followed>>,
        keep: impl Fn(&OwnerReference) -> bool,
    ) -> Result<(), PassError> {
        let owners: Vec<&OwnerReference> = node.owners.iter().filter(|owner| keep(owner)).collect();
        let patch = json!({"metadata": {
            "ownerReferences": owners, "resourceVersion": node.resource_version,
        }});
        node.kind
            .keeper
            .patch(&node.key, &node.uid, patch)
            .await
            .during(|| format!("changing the owners of {:?} {}", node.kind, node.key))
    }

    async fn drop_finalizer(&self, node: &Node<Arc<Followed>>, finalizer: &str) -> Result<(), PassError> {
        let rest: Vec<&String> = node.finalizers.iter().filter(|one| *one != finalizer).collect();
        let patch = json!({"metadata": {"finalizers": rest, "resourceVersion": node.resource_version}});
        node.kind
            .keeper
            .patch(&node.key, &node.uid, patch)
            .await
            .during(|| format!("removing the finalizer {finalizer} of {:?} {}", node.kind, node.key))
    }
}
