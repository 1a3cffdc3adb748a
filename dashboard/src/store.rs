//! One pruned store for all viewers. Watchers fill it; pages and live streams read it and never ask the API.

mod prune;
mod shelf;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use k8s_openapi::api::{
    apps::v1::ReplicaSet,
    core::v1::{Event, Pod, Service},
};
use kube::{ResourceExt, api::DynamicObject, runtime::watcher};
use tokio::sync::watch;
use verdigris_core::view::{AnalysisRun, Around, RolloutView};
use verdigris_crds::Rollout;

pub(crate) use prune::RolloutRead;
pub(crate) use shelf::Key;
use shelf::{Kept, Shelf};

/// Newest Events kept of one Rollout.
const EVENTS_MAX: usize = 60;

/// What the dashboard watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Rollouts,
    ReplicaSets,
    Services,
    Pods,
    AnalysisRuns,
    Events,
}

impl Kind {
    /// As people say it.
    pub(crate) fn plural(self) -> &'static str {
        match self {
            Self::Rollouts => "Rollouts",
            Self::ReplicaSets => "ReplicaSets",
            Self::Services => "Services",
            Self::Pods => "pods",
            Self::AnalysisRuns => "AnalysisRuns",
            Self::Events => "events",
        }
    }
}

/// One Rollout and what belongs to it, as last seen.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub(crate) rollout: Arc<RolloutRead>,
    pub(crate) replica_sets: Vec<Arc<ReplicaSet>>,
    /// The Services that the strategy names and that exist.
    pub(crate) services: Vec<Arc<Service>>,
    pub(crate) pods: Vec<Arc<Pod>>,
    pub(crate) analysis_runs: Vec<Arc<AnalysisRun>>,
    /// Oldest first.
    pub(crate) events: Vec<Arc<Event>>,
}

impl Scene {
    /// What people see of it; `None` if the Rollout cannot be read.
    pub(crate) fn view(&self, now: Timestamp) -> Option<RolloutView> {
        let RolloutRead::Whole(rollout) = &*self.rollout else { return None };
        let around = Around {
            replica_sets: &owned(&self.replica_sets),
            pods: &owned(&self.pods),
            services: &owned(&self.services),
            analysis_runs: &owned(&self.analysis_runs),
        };
        Some(RolloutView::new(rollout, &around, now))
    }
}

/// The view takes slices of objects; those of one Rollout are few and pruned.
fn owned<T: Clone>(shared: &[Arc<T>]) -> Vec<T> {
    shared.iter().map(|object| T::clone(object)).collect()
}

/// The shared store.
#[derive(Debug)]
pub(crate) struct Store {
    world: Mutex<World>,
    version: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct World {
    version: u64,
    rollouts: Shelf<RolloutRead>,
    replica_sets: Shelf<ReplicaSet>,
    services: Shelf<Service>,
    pods: Shelf<Pod>,
    analysis_runs: Shelf<AnalysisRun>,
    events: Shelf<Event>,
    /// At which version each Rollout, or something that belongs to it, last changed.
    changed: BTreeMap<Key, u64>,
    /// Why a kind cannot be read at present.
    troubles: BTreeMap<Kind, String>,
}

impl Store {
    pub(crate) fn new() -> Self {
        Self { world: Mutex::default(), version: watch::Sender::new(0) }
    }

    /// A poisoned lock is taken all the same: each change leaves the world whole.
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells of each new version.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// The version of what can be read now.
    pub(crate) fn version(&self) -> u64 {
        self.world().version
    }

    /// Whether Rollouts and all that is drawn of them have been listed once.
    pub(crate) fn complete(&self) -> bool {
        let world = self.world();
        world.rollouts.complete()
            && (world.replica_sets.complete() || world.troubles.contains_key(&Kind::ReplicaSets))
            && (world.services.complete() || world.troubles.contains_key(&Kind::Services))
    }

    /// Why something cannot be read at present, in sentences.
    pub(crate) fn troubles(&self) -> Vec<String> {
        self.world().troubles.values().cloned().collect()
    }

    /// Keys of all Rollouts, and at which version each last changed.
    pub(crate) fn rollouts(&self, namespace: Option<&str>) -> BTreeMap<Key, u64> {
        let world = self.world();
        let wanted = |key: &Key| namespace.is_none_or(|namespace| key.0 == namespace);
        world.changed.iter().filter(|(key, _)| wanted(key)).map(|(key, at)| (key.clone(), *at)).collect()
    }

    /// At which version this Rollout, or something that belongs to it, last changed.
    pub(crate) fn changed(&self, key: &Key) -> Option<u64> {
        self.world().changed.get(key).copied()
    }

    /// Namespaces that contain Rollouts.
    pub(crate) fn namespaces(&self) -> Vec<String> {
        let mut names: Vec<String> = self.world().changed.keys().map(|key| key.0.clone()).collect();
        names.dedup();
        names
    }

    /// One Rollout with what belongs to it.
    pub(crate) fn scene(&self, key: &Key) -> Option<Scene> {
        self.world().scene(key)
    }

    /// Takes in one event of a watch.
    pub(crate) fn apply(&self, kind: Kind, event: watcher::Event<DynamicObject>) {
        let mut world = self.world();
        let before = world.version;
        // A listing begins before anything was asked; all else is an answer.
        if !matches!(event, watcher::Event::Init) && world.troubles.remove(&kind).is_some() {
            world.version += 1;
        }
        match kind {
            Kind::Rollouts => world.apply_rollout(event),
            Kind::ReplicaSets => {
                let touched =
                    take(&mut world.replica_sets, event, controller, |o| prune::replica_set(o).ok());
                world.touch_owners(&touched.owners, touched.listed);
            }
            Kind::Services => {
                let touched = take(&mut world.services, event, |_| None, |o| prune::service(o).ok());
                world.touch_users_of(&touched.keys, touched.listed);
            }
            Kind::Pods => {
                let touched = take(&mut world.pods, event, controller, |o| prune::pod(o).ok());
                world.touch_owners_of_sets(&touched.owners, touched.listed);
            }
            Kind::AnalysisRuns => {
                let touched =
                    take(&mut world.analysis_runs, event, controller, |o| Some(prune::analysis_run(o)));
                world.touch_owners(&touched.owners, touched.listed);
            }
            Kind::Events => {
                let touched = take(&mut world.events, event, about, |o| prune::event(o).ok());
                touched.owners.iter().for_each(|owner| world.forget_old_events(owner));
                world.touch_owners(&touched.owners, touched.listed);
            }
        }
        if world.version != before {
            self.version.send_replace(world.version);
        }
    }

    /// A kind cannot be read; pages say so until it can be again.
    pub(crate) fn set_trouble(&self, kind: Kind, sentence: String) {
        let mut world = self.world();
        if world.troubles.get(&kind) != Some(&sentence) {
            world.troubles.insert(kind, sentence);
            world.version += 1;
            self.version.send_replace(world.version);
        }
    }
}

impl World {
    fn scene(&self, key: &Key) -> Option<Scene> {
        let kept = self.rollouts.get(key)?;
        let (rollout, uid) = (Arc::clone(&kept.value), kept.uid.as_str());
        let sets: Vec<Arc<ReplicaSet>> =
            self.replica_sets.owned_by(uid).map(|(_, k)| k.value.clone()).collect();
        let pods = sets.iter().filter_map(|set| set.metadata.uid.as_deref());
        let pods = pods.flat_map(|uid| self.pods.owned_by(uid)).map(|(_, kept)| kept.value.clone()).collect();
        let services = match &*rollout {
            RolloutRead::Whole(rollout) => service_names(rollout),
            RolloutRead::Broken(_) => Vec::new(),
        };
        let services = services.into_iter().filter_map(|name| {
            self.services.get(&(key.0.clone(), name.to_owned())).map(|kept| kept.value.clone())
        });
        let services = services.collect();
        let runs = self.analysis_runs.owned_by(uid).map(|(_, kept)| kept.value.clone()).collect();
        let mut events: Vec<Arc<Event>> = self.events.owned_by(uid).map(|(_, k)| k.value.clone()).collect();
        events.sort_by_key(|event| event_time(event));
        Some(Scene { rollout, replica_sets: sets, services, pods, analysis_runs: runs, events })
    }

    fn apply_rollout(&mut self, event: watcher::Event<DynamicObject>) {
        let touched = take(&mut self.rollouts, event, |_| None, |object| Some(prune::rollout(object)));
        for key in &touched.keys {
            self.touch(key);
            if self.rollouts.get(key).is_none() {
                self.changed.remove(key);
            }
        }
        self.version += u64::from(touched.listed);
    }

    /// Marks a Rollout as changed.
    fn touch(&mut self, key: &Key) {
        self.version += 1;
        self.changed.insert(key.clone(), self.version);
    }

    fn touch_owners(&mut self, uids: &[String], listed: bool) {
        let keys = uids.iter().filter_map(|uid| self.rollouts.by_uid(uid)).map(|(key, _)| key.clone());
        let keys: BTreeSet<Key> = keys.collect();
        keys.iter().for_each(|key| self.touch(key));
        self.version += u64::from(listed);
    }

    fn touch_owners_of_sets(&mut self, set_uids: &[String], listed: bool) {
        let sets = set_uids.iter().filter_map(|uid| self.replica_sets.by_uid(uid));
        let owners: Vec<String> = sets.filter_map(|(_, kept)| kept.owner.clone()).collect();
        self.touch_owners(&owners, listed);
    }

    fn touch_users_of(&mut self, services: &[Key], listed: bool) {
        let uses = |key: &Key, rollout: &RolloutRead| match rollout {
            RolloutRead::Whole(rollout) => services
                .iter()
                .any(|(ns, name)| *ns == key.0 && service_names(rollout).contains(&name.as_str())),
            RolloutRead::Broken(_) => false,
        };
        let users = self.rollouts.iter().filter(|(key, kept)| uses(key, &kept.value));
        let users: Vec<Key> = users.map(|(key, _)| key.clone()).collect();
        users.iter().for_each(|key| self.touch(key));
        self.version += u64::from(listed);
    }

    fn forget_old_events(&mut self, rollout_uid: &str) {
        let mut keys: Vec<(Option<Timestamp>, Key)> =
            self.events.owned_by(rollout_uid).map(|(key, k)| (event_time(&k.value), key.clone())).collect();
        keys.sort();
        let surplus = keys.len().saturating_sub(EVENTS_MAX);
        keys.into_iter().take(surplus).for_each(|(_, key)| {
            self.events.remove(&key);
        });
    }
}

/// What one event of a watch has changed.
#[derive(Debug, Default)]
struct Touched {
    keys: Vec<Key>,
    /// Owners before and after.
    owners: Vec<String>,
    /// Whether this was the end of a listing.
    listed: bool,
}

/// Puts one event of a watch on its shelf.
fn take<T>(
    shelf: &mut Shelf<T>,
    event: watcher::Event<DynamicObject>,
    owner: impl Fn(&DynamicObject) -> Option<String>,
    read: impl Fn(DynamicObject) -> Option<T>,
) -> Touched {
    let mut touched = Touched::default();
    match event {
        watcher::Event::Init => shelf.begin_listing(),
        watcher::Event::InitDone => {
            touched.listed = true;
            for (key, kept) in shelf.end_listing() {
                touched.keys.push(key);
                touched.owners.extend(kept.owner);
            }
        }
        watcher::Event::Delete(object) => {
            let key = key_of(&object);
            touched.owners.extend(shelf.remove(&key).and_then(|kept| kept.owner));
            touched.keys.push(key);
        }
        watcher::Event::Apply(object) | watcher::Event::InitApply(object) => {
            let (key, owner) = (key_of(&object), owner(&object));
            let uid = object.metadata.uid.clone().unwrap_or_default();
            let resource_version = object.metadata.resource_version.clone().unwrap_or_default();
            // What cannot be read is as if it were not there; only for Rollouts there is a page that can say so.
            let Some(value) = read(object) else {
                tracing::warn!(namespace = key.0, name = key.1, "an object cannot be read and is not shown");
                shelf.remove(&key);
                return touched;
            };
            let old_owner = shelf.get(&key).and_then(|kept| kept.owner.clone());
            if shelf.put(&key, Kept { value: Arc::new(value), uid, owner: owner.clone(), resource_version }) {
                touched.owners.extend(owner.into_iter().chain(old_owner));
                touched.keys.push(key);
            }
        }
    }
    touched
}

fn key_of(object: &DynamicObject) -> Key {
    (object.namespace().unwrap_or_default(), object.name_any())
}

/// UID of the controlling owner.
fn controller(object: &DynamicObject) -> Option<String> {
    let owners = object.metadata.owner_references.iter().flatten();
    owners.filter(|owner| owner.controller == Some(true)).map(|owner| owner.uid.clone()).next()
}

/// UID of the object that an Event is about.
fn about(object: &DynamicObject) -> Option<String> {
    object.data.pointer("/involvedObject/uid").and_then(|uid| uid.as_str()).map(str::to_owned)
}

/// The Services that a Rollout names, active first.
pub(crate) fn service_names(rollout: &Rollout) -> Vec<&str> {
    let strategy = rollout.spec.strategy.as_ref();
    let Some(blue_green) = strategy.and_then(|strategy| strategy.blue_green.as_ref()) else {
        return Vec::new();
    };
    let names =
        std::iter::once(blue_green.active_service.as_str()).chain(blue_green.preview_service.as_deref());
    names.filter(|name| !name.is_empty()).collect()
}

/// When an Event last happened.
pub(crate) fn event_time(event: &Event) -> Option<Timestamp> {
    let micro = event.series.as_ref().and_then(|series| series.last_observed_time.as_ref());
    let last = event.last_timestamp.as_ref().map(|time| time.0);
    last.or(micro.map(|time| time.0)).or(event.event_time.as_ref().map(|time| time.0)).or(event
        .metadata
        .creation_timestamp
        .as_ref()
        .map(|time| time.0))
}

#[cfg(test)]
mod tests;
