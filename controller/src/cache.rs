//! What the watches have shown: compact, ordered, and indexed by what has to be looked at again when it changes.
//!
//! A Rollout is kept whole, compressed, and decoded when a pass begins; of everything else only what a decision reads is
//! kept, packed.

mod analysis;
mod index;
mod kept;
mod neighbours;
mod overlaps;
mod store;
mod workloads;

use std::{collections::BTreeSet, sync::Arc};

use verdigris_core::{
    observed::{EndpointSeen, ReplicaSetSeen, ServiceSeen},
    selector,
    workload::{Reference, Workload, WorkloadKind, WorkloadSeen},
};
use verdigris_crds::Selector;

pub use self::{
    analysis::AnalysisCache,
    kept::CachedRollout,
    neighbours::{selects, services_named},
    workloads::WorkloadKey,
};
use self::{
    index::Index,
    kept::{CachedReplicaSet, CachedService, CachedSlice, KeptReplicaSet},
    overlaps::Overlaps,
    store::Store,
    workloads::Workloads,
};
use crate::{
    items::{ReplicaSetItem, RolloutItem, ServiceItem, SliceItem, WorkloadItem},
    key::{Key, Kind, ObjectId, Version},
    metrics::{Metrics, work::label_of},
};

/// All caches of one controller.
#[derive(Default)]
pub struct Cache {
    /// What metrics say of objects is told here.
    metrics: Arc<Metrics>,
    rollouts: Store<CachedRollout>,
    replica_sets: Store<CachedReplicaSet>,
    services: Store<CachedService>,
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
    replica_sets_by_owner: Index<Key>,
    /// Service → its EndpointSlices.
    slices_by_service: Index<Key>,
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
    pub fn service(&self, key: &Key) -> Option<ServiceSeen> {
        self.services.get(key).map(CachedService::seen)
    }

    /// ReplicaSets of a namespace that the owner with this UID controls, or that nobody controls.
    pub fn replica_sets_of(
        &self,
        namespace: &str,
        owner_uid: Option<&str>,
    ) -> impl Iterator<Item = ReplicaSetSeen> {
        let owner = Key::new(namespace, owner_uid.unwrap_or_default());
        let keys = self.replica_sets_by_owner.of(&owner);
        keys.filter_map(|key| self.replica_sets.get(key)).map(|cached| cached.open().seen)
    }

    /// Endpoints of a Service; `None` until EndpointSlices were listed.
    #[must_use]
    pub fn endpoints(&self, service: &Key) -> Option<Vec<EndpointSeen>> {
        if !self.slices.listed() {
            return None;
        }
        let slices = self.slices_by_service.of(service);
        let mut endpoints: Vec<_> =
            slices.filter_map(|key| self.slices.get(key)).flat_map(CachedSlice::endpoints).collect();
        endpoints.sort();
        Some(endpoints)
    }

    /// The version of an object that the cache holds.
    #[must_use]
    pub fn version(&self, object: &ObjectId) -> Option<&Version> {
        match object.kind {
            Kind::Rollout => self.rollouts.version(&object.key),
            Kind::ReplicaSet => self.replica_sets.version(&object.key),
            Kind::Service => self.services.version(&object.key),
            Kind::EndpointSlice => self.slices.version(&object.key),
            Kind::Workload(kind) => self.workloads.version(kind, &object.key),
            Kind::AnalysisRun => self.analysis.run_version(&object.key),
            // Never written.
            Kind::AnalysisTemplate | Kind::ClusterAnalysisTemplate => None,
        }
    }

    /// Takes in what the watch of Rollouts has shown; answers which Rollouts have to be looked at.
    pub fn rollout_shown(&mut self, shown: Shown<RolloutItem>) -> BTreeSet<Key> {
        let changes = self.rollouts.shown(shown, |item| CachedRollout::of(&item));
        let mut concerned: BTreeSet<Key> = changes.iter().map(|(key, _)| key.clone()).collect();
        for (key, old) in &changes {
            self.metrics.rollout_shown(key, self.rollouts.get(key).map(|new| new.facts));
            let analysed = self.rollouts.get(key).is_some_and(|new| new.analysed);
            self.analysis.rollout_shown(key, analysed);
            for service in self.renamed(key, old.as_ref()) {
                concerned.extend(self.naming(&Key::new(key.namespace(), &service)).cloned());
            }
            for service in old.iter().flat_map(CachedRollout::services) {
                self.rollouts_by_service.unlink(Key::new(key.namespace(), &service), key);
            }
            if let Some(workload) = old.as_ref().and_then(|old| old.workload_key(key)) {
                self.workloads.unlink(workload, key);
            }
            if let Some(workload) = self.rollouts.get(key).and_then(|new| new.workload_key(key)) {
                self.workloads.link(workload, key);
            }
            for service in self.rollouts.get(key).into_iter().flat_map(CachedRollout::services) {
                self.rollouts_by_service.link(Key::new(key.namespace(), &service), key);
            }
            concerned.extend(self.refile(key));
        }
        concerned
    }

    /// Takes in what the watch of ReplicaSets has shown; answers which Rollouts have to be looked at.
    pub fn replica_set_shown(&mut self, shown: Shown<ReplicaSetItem>) -> BTreeSet<Key> {
        let changes = self.replica_sets.shown(shown, CachedReplicaSet::of);
        let mut concerned = BTreeSet::new();
        for (key, old) in &changes {
            if let Some(old) = old.as_ref().map(CachedReplicaSet::open) {
                self.concerned_by_replica_set(key.namespace(), &old, &mut concerned);
                self.replica_sets_by_owner.unlink(owner_of(key, &old), key);
            }
            if let Some(new) = self.replica_sets.get(key).map(CachedReplicaSet::open) {
                self.concerned_by_replica_set(key.namespace(), &new, &mut concerned);
                self.replica_sets_by_owner.link(owner_of(key, &new), key);
            }
        }
        concerned
    }

    /// Takes in what the watch of Services has shown; answers which Rollouts have to be looked at.
    pub fn service_shown(&mut self, shown: Shown<ServiceItem>) -> BTreeSet<Key> {
        let changes = self.services.shown(shown, CachedService::of);
        let mut concerned = BTreeSet::new();
        for (key, old) in &changes {
            concerned.extend(self.naming(key).cloned());
            let manager =
                |cached: &CachedService| Some(Key::new(key.namespace(), &cached.seen().managed_by?));
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
        let changes = self.slices.shown(shown, CachedSlice::of);
        let mut concerned = BTreeSet::new();
        for (key, old) in &changes {
            if let Some(old) = old {
                let service = Key::new(key.namespace(), &old.service);
                concerned.extend(self.naming(&service).cloned());
                self.slices_by_service.unlink(service, key);
            }
            if let Some(new) = self.slices.get(key) {
                let service = Key::new(key.namespace(), &new.service);
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
        rollout.claims.selector().or_else(|| match self.workloads.get(&rollout.workload_key(key)?)? {
            Workload::There(seen) => seen.selector,
            Workload::Missing | Workload::Unreadable(_) => None,
        })
    }

    /// Adds the Rollouts that a ReplicaSet concerns: its controller, or for an orphan those whose selector matches it.
    fn concerned_by_replica_set(
        &self,
        namespace: &str,
        replica_set: &KeptReplicaSet,
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

/// Under what a ReplicaSet is filed: its namespace, and the UID of who controls it, if anybody does.
fn owner_of(key: &Key, replica_set: &KeptReplicaSet) -> Key {
    Key::new(key.namespace(), replica_set.seen.controller_uid.as_deref().unwrap_or_default())
}

#[cfg(test)]
mod tests;
