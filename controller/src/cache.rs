//! What the watches have shown: compact, ordered, and indexed by what has to be looked at again when it changes.
//!
//! A Rollout is kept whole as bytes and decoded when a pass begins; of everything else only what a decision reads is
//! kept. Measured on 1,000 Rollouts with all their objects, a store of this form takes about 10 MiB.

mod analysis;
mod index;
mod neighbours;
mod overlaps;
mod store;
mod workloads;

use std::{collections::BTreeSet, sync::Arc};

use jiff::Timestamp;
use kube::{Resource, ResourceExt};
use verdigris_core::{
    observed::{EndpointSeen, ReplicaSetSeen, ServiceSeen},
    selector,
    workload::{Reference, Workload, WorkloadKind, WorkloadSeen},
};

pub use self::analysis::AnalysisCache;
use self::{
    index::Index,
    overlaps::{Claims, Overlaps},
    store::{Store, Versioned},
    workloads::Workloads,
};
use neighbours::claims;
pub use neighbours::{selects, services_named};
use verdigris_crds::Selector;
pub use workloads::WorkloadKey;

use crate::{
    items::{
        ROLLOUT_KIND, ReplicaSetItem, RolloutItem, ServiceItem, SliceItem, WorkloadItem, controller_of,
        key_of,
    },
    key::{Key, Kind, ObjectId},
    metrics::{Metrics, facts::Facts, work::label_of},
};

/// All caches of one controller.
#[derive(Default)]
pub struct Cache {
    /// What metrics say of objects is told here.
    metrics: Arc<Metrics>,
    rollouts: Store<CachedRollout>,
    replica_sets: Store<CachedReplicaSet>,
    services: Store<ServiceSeen>,
    slices: Store<CachedSlice>,
    workloads: Workloads,
    /// AnalysisRuns and their templates.
    pub analysis: AnalysisCache,
    /// Service → the Rollouts that name it.
    rollouts_by_service: Index<Key>,
    /// Name that Services carry as their manager's → those Services.
    services_by_manager: Index<Key>,
    /// Whose selectors match whose pods.
    overlaps: Overlaps,
    /// UID of a controlling owner (none: orphans) within a namespace → its ReplicaSets.
    replica_sets_by_owner: Index<(String, Option<String>)>,
    /// Service → its EndpointSlices.
    slices_by_service: Index<Key>,
}

/// A Rollout as bytes, and the little that is needed without decoding it.
pub struct CachedRollout {
    /// The whole object, JSON.
    pub bytes: Box<[u8]>,
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.generation`.
    pub generation: i64,
    resource_version: String,
    services: BTreeSet<String>,
    created: Timestamp,
    /// Its own selector and template; what it takes from a workload is not among it.
    claims: Arc<Claims>,
    workload: Option<(WorkloadKind, String)>,
    analysed: bool,
    facts: Facts,
}

struct CachedReplicaSet {
    seen: ReplicaSetSeen,
    /// The Rollout that controls it, by name; none if it is an orphan or another kind's.
    rollout: Option<String>,
}

struct CachedSlice {
    resource_version: String,
    service: String,
    endpoints: Vec<EndpointSeen>,
}

/// One thing a watch has shown.
#[derive(Debug)]
pub enum Shown<T> {
    /// The object is there, in this version.
    There(T),
    /// The object is gone, or no longer matches what is watched; its last version.
    Gone(T),
    /// A live read says that there is no such object, or that it is none of ours.
    Absent(Key),
    /// A list begins.
    ListBegins,
    /// One object of the list.
    Listed(T),
    /// The list is complete: what was not in it is gone.
    ListEnds,
}

impl Cache {
    /// An empty one that tells what it shows.
    #[must_use]
    pub fn telling(metrics: &Arc<Metrics>) -> Self {
        let analysis = AnalysisCache::telling(Arc::clone(metrics));
        Self { metrics: Arc::clone(metrics), analysis, ..Self::default() }
    }

    /// How many objects of each kind it holds.
    #[must_use]
    pub fn sizes(&self) -> [(&'static str, usize); 8] {
        let [runs, templates, cluster_templates] = self.analysis.sizes();
        [
            (label_of(Kind::Rollout), self.rollouts.len()),
            (label_of(Kind::ReplicaSet), self.replica_sets.len()),
            (label_of(Kind::Service), self.services.len()),
            (label_of(Kind::EndpointSlice), self.slices.len()),
            (label_of(Kind::AnalysisRun), runs),
            (label_of(Kind::AnalysisTemplate), templates),
            (label_of(Kind::ClusterAnalysisTemplate), cluster_templates),
            (label_of(Kind::Workload(WorkloadKind::Deployment)), self.workloads.len()),
        ]
    }

    /// Whether it is known of a kind what there is; of analyses, or why that cannot be known.
    #[must_use]
    pub fn knows(&self, kind: Kind) -> bool {
        match kind {
            Kind::Rollout => self.rollouts.listed(),
            Kind::ReplicaSet => self.replica_sets.listed(),
            Kind::Service => self.services.listed(),
            Kind::EndpointSlice => self.slices.listed(),
            Kind::AnalysisRun | Kind::AnalysisTemplate | Kind::ClusterAnalysisTemplate => {
                self.analysis.is_settled(kind)
            }
            Kind::Workload(_) => true,
        }
    }

    /// One Rollout.
    #[must_use]
    pub fn rollout(&self, key: &Key) -> Option<&CachedRollout> {
        self.rollouts.get(key)
    }

    /// A Service, if there is one.
    #[must_use]
    pub fn service(&self, key: &Key) -> Option<&ServiceSeen> {
        self.services.get(key)
    }

    /// ReplicaSets of a namespace that the owner with this UID controls, or that nobody controls.
    pub fn replica_sets_of<'a>(
        &'a self,
        namespace: &str,
        owner_uid: Option<&str>,
    ) -> impl Iterator<Item = &'a ReplicaSetSeen> {
        let owner = (namespace.to_owned(), owner_uid.map(str::to_owned));
        let keys = self.replica_sets_by_owner.of(&owner);
        keys.filter_map(|key| self.replica_sets.get(key)).map(|cached| &cached.seen)
    }

    /// Endpoints of a Service; `None` until EndpointSlices were listed.
    #[must_use]
    pub fn endpoints(&self, service: &Key) -> Option<Vec<EndpointSeen>> {
        if !self.slices.listed() {
            return None;
        }
        let slices = self.slices_by_service.of(service);
        let mut endpoints: Vec<_> =
            slices.filter_map(|key| self.slices.get(key)).flat_map(|slice| slice.endpoints.clone()).collect();
        endpoints.sort();
        Some(endpoints)
    }

    /// The version of an object that the cache holds.
    #[must_use]
    pub fn version(&self, object: &ObjectId) -> Option<&str> {
        match object.kind {
            Kind::Rollout => self.rollouts.get(&object.key).map(Versioned::resource_version),
            Kind::ReplicaSet => self.replica_sets.get(&object.key).map(Versioned::resource_version),
            Kind::Service => self.services.get(&object.key).map(Versioned::resource_version),
            Kind::EndpointSlice => self.slices.get(&object.key).map(Versioned::resource_version),
            Kind::Workload(kind) => self.workloads.version(kind, &object.key),
            Kind::AnalysisRun => self.analysis.run_version(&object.key),
            // Never written.
            Kind::AnalysisTemplate | Kind::ClusterAnalysisTemplate => None,
        }
    }

    /// Takes in what the watch of Rollouts has shown; answers which Rollouts have to be looked at.
    pub fn rollout_shown(&mut self, shown: Shown<RolloutItem>) -> BTreeSet<Key> {
        let changes = self.rollouts.shown(shown, key_of_item, |item| cached_rollout(&item));
        let mut concerned: BTreeSet<Key> = changes.iter().map(|(key, _)| key.clone()).collect();
        for (key, old) in &changes {
            self.metrics.rollout_shown(key, self.rollouts.get(key).map(|new| new.facts));
            let analysed = self.rollouts.get(key).is_some_and(|new| new.analysed);
            self.analysis.rollout_shown(key, analysed);
            for service in self.renamed(key, old.as_ref()) {
                concerned.extend(self.naming(&Key::new(&key.namespace, &service)).cloned());
            }
            for service in old.iter().flat_map(|old| &old.services) {
                self.rollouts_by_service.unlink(Key::new(&key.namespace, service), key);
            }
            if let Some(workload) = old.as_ref().and_then(|old| old.workload_key(key)) {
                self.workloads.unlink(workload, key);
            }
            if let Some(workload) = self.rollouts.get(key).and_then(|new| new.workload_key(key)) {
                self.workloads.link(workload, key);
            }
            for service in self.rollouts.get(key).iter().flat_map(|new| &new.services) {
                self.rollouts_by_service.link(Key::new(&key.namespace, service), key);
            }
            concerned.extend(self.refile(key));
        }
        concerned
    }

    /// Takes in what the watch of ReplicaSets has shown; answers which Rollouts have to be looked at.
    pub fn replica_set_shown(&mut self, shown: Shown<ReplicaSetItem>) -> BTreeSet<Key> {
        let changes = self.replica_sets.shown(shown, key_of_item, |item| {
            let owner = controller_of(item.meta()).filter(|owner| owner.kind == ROLLOUT_KIND);
            let rollout = owner.map(|owner| owner.name.clone());
            CachedReplicaSet { rollout, seen: item.seen() }
        });
        let mut concerned = BTreeSet::new();
        for (key, old) in &changes {
            if let Some(old) = old {
                let owner = (key.namespace.clone(), old.seen.controller_uid.clone());
                self.replica_sets_by_owner.unlink(owner, key);
                self.concerned_by_replica_set(&key.namespace, old, &mut concerned);
            }
            if let Some(new) = self.replica_sets.get(key) {
                let owner = (key.namespace.clone(), new.seen.controller_uid.clone());
                self.replica_sets_by_owner.link(owner, key);
                self.concerned_by_replica_set(&key.namespace, new, &mut concerned);
            }
        }
        concerned
    }

    /// Takes in what the watch of Services has shown; answers which Rollouts have to be looked at.
    pub fn service_shown(&mut self, shown: Shown<ServiceItem>) -> BTreeSet<Key> {
        let changes = self.services.shown(shown, key_of_item, ServiceItem::seen);
        let mut concerned = BTreeSet::new();
        for (key, old) in &changes {
            concerned.extend(self.naming(key).cloned());
            let manager = |seen: &ServiceSeen| Some(Key::new(&key.namespace, seen.managed_by.as_deref()?));
            let new = self.services.get(key).and_then(manager);
            let old = old.as_ref().and_then(manager);
            if let Some(old) = old {
                self.services_by_manager.unlink(old, key);
            }
            if let Some(new) = new {
                self.services_by_manager.link(new.clone(), key);
                // Whether it is there and names it or not: in the latter case the mark has to go.
                concerned.insert(new);
            }
        }
        concerned
    }

    /// Takes in what the watch of EndpointSlices has shown; answers which Rollouts have to be looked at.
    pub fn slice_shown(&mut self, shown: Shown<SliceItem>) -> BTreeSet<Key> {
        let changes = self.slices.shown(shown, key_of_item, |item| CachedSlice {
            resource_version: item.resource_version().unwrap_or_default(),
            service: item.service().unwrap_or_default().to_owned(),
            endpoints: item.seen(),
        });
        let mut concerned = BTreeSet::new();
        for (key, old) in &changes {
            if let Some(old) = old {
                let service = Key::new(&key.namespace, &old.service);
                concerned.extend(self.naming(&service).cloned());
                self.slices_by_service.unlink(service, key);
            }
            if let Some(new) = self.slices.get(key) {
                let service = Key::new(&key.namespace, &new.service);
                concerned.extend(self.naming(&service).cloned());
                self.slices_by_service.link(service, key);
            }
        }
        concerned
    }

    /// EndpointSlices can no longer be read: what was known of them is not to be relied on.
    pub fn forget_slices(&mut self) {
        self.slices = Store::default();
        self.slices_by_service.clear();
    }

    /// What is known of the workload that a Rollout references; `None` where only a live read can tell.
    #[must_use]
    pub fn workload(&self, namespace: &str, reference: Reference<'_>) -> Option<Workload> {
        self.workloads.get(&(reference.kind, Key::new(namespace, reference.name)))
    }

    /// Kinds of workloads that Rollouts reference.
    #[must_use]
    pub fn workload_kinds(&self) -> BTreeSet<WorkloadKind> {
        self.workloads.kinds_referenced()
    }

    /// Takes in what a watch of workloads has shown; answers which Rollouts have to be looked at.
    pub fn workload_shown(&mut self, kind: WorkloadKind, shown: Shown<WorkloadItem>) -> BTreeSet<Key> {
        let referencing = self.workloads.shown(kind, shown);
        let overlapping: BTreeSet<Key> = referencing.iter().flat_map(|key| self.refile(key)).collect();
        referencing.into_iter().chain(overlapping).collect()
    }

    /// A pass has read the workload of its Rollout live; answers which other Rollouts have to be looked at.
    pub fn workload_read(&mut self, rollout: &Key, seen: &WorkloadSeen) -> BTreeSet<Key> {
        let workload = self.rollouts.get(rollout).and_then(|cached| cached.workload_key(rollout));
        let Some(workload) = workload else { return BTreeSet::new() };
        self.workloads.read(&workload, seen);
        self.refile(rollout)
    }

    /// Workloads of a kind cannot be read (why), or can again; answers which Rollouts have to be looked at.
    pub fn workload_trouble(&mut self, kind: WorkloadKind, why: Option<String>) -> BTreeSet<Key> {
        match why {
            Some(why) => self.workloads.has_trouble(kind, why),
            None => self.workloads.works(kind),
        }
    }

    fn naming(&self, service: &Key) -> impl Iterator<Item = &Key> {
        self.rollouts_by_service.of(service)
    }

    /// The selector of a Rollout, or else that of the workload it references.
    fn selector_of(&self, key: &Key, rollout: &CachedRollout) -> Option<Selector> {
        rollout.claims.selector.clone().or_else(|| match self.workloads.get(&rollout.workload_key(key)?)? {
            Workload::There(seen) => seen.selector,
            Workload::Missing | Workload::Unreadable(_) => None,
        })
    }

    /// Adds the Rollouts that a ReplicaSet concerns: its controller, or for an orphan those whose selector matches it.
    fn concerned_by_replica_set(
        &self,
        namespace: &str,
        replica_set: &CachedReplicaSet,
        concerned: &mut BTreeSet<Key>,
    ) {
        if let Some(name) = &replica_set.rollout {
            concerned.insert(Key::new(namespace, name));
        } else if replica_set.seen.controller_uid.is_none() {
            // Orphans are rare (a Rollout deleted with `--cascade=orphan`), so this may decode.
            let matching = self.rollouts.within(namespace).filter(|(key, rollout)| {
                self.selector_of(key, rollout)
                    .is_some_and(|selector| selector::matches(&selector, &replica_set.seen.labels))
            });
            concerned.extend(matching.map(|(key, _)| key.clone()));
        }
    }
}

impl CachedRollout {
    fn workload_key(&self, rollout: &Key) -> Option<WorkloadKey> {
        let (kind, name) = self.workload.as_ref()?;
        Some((*kind, Key::new(&rollout.namespace, name)))
    }
}

impl Versioned for CachedRollout {
    fn resource_version(&self) -> &str {
        &self.resource_version
    }
}

impl Versioned for CachedReplicaSet {
    fn resource_version(&self) -> &str {
        &self.seen.resource_version
    }
}

impl Versioned for ServiceSeen {
    fn resource_version(&self) -> &str {
        &self.resource_version
    }
}

impl Versioned for CachedSlice {
    fn resource_version(&self) -> &str {
        &self.resource_version
    }
}

fn asks_for_analysis(object: &serde_json::Value) -> bool {
    let strategy = &object["spec"]["strategy"]["blueGreen"];
    ["prePromotionAnalysis", "postPromotionAnalysis"].into_iter().any(|field| !strategy[field].is_null())
}

fn cached_rollout(item: &RolloutItem) -> CachedRollout {
    CachedRollout {
        bytes: item.to_bytes(),
        uid: item.uid().unwrap_or_default(),
        generation: item.meta().generation.unwrap_or_default(),
        resource_version: item.resource_version().unwrap_or_default(),
        services: services_named(item.object()),
        created: item.creation_timestamp().map_or(Timestamp::UNIX_EPOCH, |time| time.0),
        claims: Arc::new(claims(item.object())),
        workload: Reference::parse(&item.object()["spec"]["workloadRef"])
            .ok()
            .map(|reference| (reference.kind, reference.name.to_owned())),
        analysed: asks_for_analysis(item.object()),
        facts: Facts::of(item.object()),
    }
}

fn key_of_item<T: ResourceExt>(item: &T) -> Key {
    key_of(item.meta())
}

#[cfg(test)]
mod tests;
