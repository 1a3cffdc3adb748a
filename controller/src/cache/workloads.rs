//! The workloads that Rollouts reference, and of all others of their kinds that they are there.

use std::collections::{BTreeMap, BTreeSet};

use verdigris_core::workload::{Workload, WorkloadKind, WorkloadSeen};

use super::{Shown, index::Index, store::Store};
use crate::{
    items::WorkloadItem,
    key::{Key, Version},
};

/// Kind, namespace and name of a workload.
pub type WorkloadKey = (WorkloadKind, Key);

/// Workloads of the kinds that are watched.
#[derive(Default)]
pub(super) struct Workloads {
    kinds: BTreeMap<WorkloadKind, Store<CachedWorkload>>,
    /// Kinds that cannot be read just now, and why.
    troubles: BTreeMap<WorkloadKind, String>,
    /// Workload → the Rollouts that reference it.
    rollouts: Index<WorkloadKey>,
}

/// Of a workload that nobody references only the version is kept.
type CachedWorkload = Option<Box<WorkloadSeen>>;

impl Workloads {
    /// Kinds that some Rollout references. It is asked at each change that a watch shows, so it walks no references.
    pub fn kinds_referenced(&self) -> BTreeSet<WorkloadKind> {
        let kinds = [WorkloadKind::Deployment, WorkloadKind::ReplicaSet, WorkloadKind::PodTemplate];
        let is_referenced = |kind: &WorkloadKind| {
            let first = self.rollouts.from((*kind, Key::new("", ""))).next();
            first.is_some_and(|((found, _), _)| found == kind)
        };
        kinds.into_iter().filter(is_referenced).collect()
    }

    /// How many workloads of the kinds that are watched there are.
    pub fn len(&self) -> usize {
        self.kinds.values().map(Store::len).sum()
    }

    pub fn link(&mut self, workload: WorkloadKey, rollout: &Key) {
        self.rollouts.link(workload, rollout);
    }

    pub fn unlink(&mut self, workload: WorkloadKey, rollout: &Key) {
        self.rollouts.unlink(workload, rollout);
    }

    /// What is known of it. That it is missing, the cache never says: it may be late, and a live read settles it.
    pub fn get(&self, (kind, key): &WorkloadKey) -> Option<Workload> {
        if let Some(why) = self.troubles.get(kind) {
            return Some(Workload::Unreadable(why.clone()));
        }
        let seen = self.kinds.get(kind)?.get(key)?.clone()?;
        Some(Workload::There(seen))
    }

    pub fn version(&self, kind: WorkloadKind, key: &Key) -> Option<&Version> {
        self.kinds.get(&kind)?.version(key)
    }

    /// Takes in what the watch of one kind has shown; answers which Rollouts have to be looked at.
    pub fn shown(&mut self, kind: WorkloadKind, shown: Shown<WorkloadItem>) -> BTreeSet<Key> {
        let referenced = &self.rollouts;
        let store = self.kinds.entry(kind).or_default();
        let changes =
            store.shown(shown, |item| item.seen_if(|key| referenced.of(&(kind, key)).next().is_some()));
        let mut concerned = BTreeSet::new();
        for (key, old) in changes {
            let new = store.get(&key);
            let is_same = old.is_some_and(|old| new.is_some_and(|new| says_the_same(&old, new)));
            if !is_same {
                concerned.extend(referenced.of(&(kind, key)).cloned());
            }
        }
        concerned
    }

    /// A live read has shown a workload that is referenced since a moment ago. If the watch has not shown it yet, it will.
    pub fn read(&mut self, (kind, key): &WorkloadKey, seen: &WorkloadSeen) {
        let Some(store) = self.kinds.get_mut(kind) else { return };
        if store.get(key).is_some_and(Option::is_none) {
            store.replace(key, seen.resource_version.as_str().into(), Some(Box::new(seen.clone())));
        }
    }

    /// The kind cannot be read; answers which Rollouts have to be looked at.
    pub fn has_trouble(&mut self, kind: WorkloadKind, why: String) -> BTreeSet<Key> {
        self.kinds.remove(&kind);
        self.troubles.insert(kind, why);
        self.referencing(kind)
    }

    /// The kind can be read; answers which Rollouts have to be looked at.
    pub fn works(&mut self, kind: WorkloadKind) -> BTreeSet<Key> {
        if self.troubles.remove(&kind).is_some() { self.referencing(kind) } else { BTreeSet::new() }
    }

    fn referencing(&self, kind: WorkloadKind) -> BTreeSet<Key> {
        let from = self.rollouts.from((kind, Key::new("", "")));
        from.take_while(|((it, _), _)| *it == kind).map(|(_, rollout)| rollout.clone()).collect()
    }
}

/// Whether nothing has changed but the version, as when only the status did.
fn says_the_same(old: &CachedWorkload, new: &CachedWorkload) -> bool {
    let (Some(old), Some(new)) = (old, new) else { return old.is_none() && new.is_none() };
    WorkloadSeen { resource_version: new.resource_version.clone(), ..(**old).clone() } == **new
}
