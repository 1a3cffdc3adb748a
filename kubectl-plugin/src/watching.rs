//! Watching a Rollout and what belongs to it.

use std::{collections::BTreeMap, pin::Pin, time::Duration};

use futures::{Stream, StreamExt};
use k8s_openapi::api::{
    apps::v1::ReplicaSet,
    core::v1::{Pod, Service},
};
use kube::{
    Resource,
    api::DynamicObject,
    runtime::{
        WatchStreamExt,
        watcher::{self, Event, watcher},
    },
};
use serde::de::DeserializeOwned;
use verdigris_core::view::AnalysisRun;
use verdigris_crds::{Rollout, keys};

use crate::{
    cluster::{self, Cluster, watch_config},
    error::{is_missing_kind, root},
};

/// A picture is drawn at most so often.
pub const REDRAW_AT_MOST_EVERY: Duration = Duration::from_millis(200);
/// Ages go on, so a picture is drawn at least so often.
pub const REDRAW_AT_LEAST_EVERY: Duration = Duration::from_secs(1);

/// The objects of one kind, as a watch has told of them.
#[derive(Clone, Debug)]
pub struct Objects<K> {
    known: BTreeMap<(String, String), K>,
    relisted: Option<BTreeMap<(String, String), K>>,
    complete: bool,
}

impl<K> Default for Objects<K> {
    fn default() -> Self {
        Self { known: BTreeMap::new(), relisted: None, complete: false }
    }
}

impl<K: Resource + Clone> Objects<K> {
    /// Takes an event in. Returns whether anything may look different now.
    pub fn apply(&mut self, event: Event<K>) -> bool {
        match event {
            Event::Init => {
                self.relisted = Some(BTreeMap::new());
                return false;
            }
            Event::InitApply(object) => {
                self.relisted.get_or_insert_default().insert(key(&object), object);
                return false;
            }
            Event::InitDone => {
                self.known = self.relisted.take().unwrap_or_default();
                self.complete = true;
            }
            Event::Apply(object) => {
                self.known.insert(key(&object), object);
            }
            Event::Delete(object) => {
                self.known.remove(&key(&object));
            }
        }
        true
    }

    /// Whether a whole list has been seen.
    pub const fn complete(&self) -> bool {
        self.complete
    }

    /// The objects, by namespace and name.
    pub fn iter(&self) -> impl Iterator<Item = &K> {
        self.known.values()
    }

    /// The objects, by namespace and name.
    pub fn to_vec(&self) -> Vec<K> {
        self.known.values().cloned().collect()
    }
}

fn key<K: Resource>(object: &K) -> (String, String) {
    let metadata = object.meta();
    (metadata.namespace.clone().unwrap_or_default(), metadata.name.clone().unwrap_or_default())
}

/// A Rollout and what belongs to it, as watches have told of them.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// The Rollout: none or one.
    pub rollouts: Objects<Rollout>,
    /// ReplicaSets of its selector.
    pub replica_sets: Objects<ReplicaSet>,
    /// Pods of its selector.
    pub pods: Objects<Pod>,
    /// Services of its namespace.
    pub services: Objects<Service>,
    /// AnalysisRuns that Rollouts of its namespace have made.
    pub analysis_runs: Objects<DynamicObject>,
    /// Whether the cluster has no such kind as AnalysisRun: nobody analyses, and that is no trouble.
    no_analysis: bool,
    /// Kinds that cannot be watched just now, and why.
    pub trouble: BTreeMap<&'static str, String>,
}

/// Something that a watch told.
pub enum Told {
    /// Of the Rollout.
    Rollout(watcher::Result<Event<Rollout>>),
    /// Of a ReplicaSet.
    ReplicaSet(watcher::Result<Event<ReplicaSet>>),
    /// Of a pod.
    Pod(watcher::Result<Event<Pod>>),
    /// Of a Service.
    Service(watcher::Result<Event<Service>>),
    /// Of an AnalysisRun.
    AnalysisRun(watcher::Result<Event<DynamicObject>>),
}

/// What watches tell, in the order it arrives.
pub type Tellings = Pin<Box<dyn Stream<Item = Told> + Send>>;

impl World {
    /// Takes in what a watch told. Returns whether anything may look different now.
    pub fn take(&mut self, told: Told) -> bool {
        let trouble = &mut self.trouble;
        match told {
            Told::Rollout(told) => take("rollouts", told, &mut self.rollouts, trouble),
            Told::ReplicaSet(told) => take("replicasets", told, &mut self.replica_sets, trouble),
            Told::Pod(told) => take("pods", told, &mut self.pods, trouble),
            Told::Service(told) => take("services", told, &mut self.services, trouble),
            Told::AnalysisRun(Err(error)) if is_unknown_kind(&error) => {
                !std::mem::replace(&mut self.no_analysis, true)
            }
            Told::AnalysisRun(told) => take("analysisruns", told, &mut self.analysis_runs, trouble),
        }
    }

    /// The AnalysisRuns.
    pub fn runs(&self) -> Vec<AnalysisRun> {
        self.analysis_runs.iter().cloned().map(cluster::run).collect()
    }

    /// Whether all kinds have been seen once, or cannot be.
    pub fn complete(&self) -> bool {
        self.rollouts.complete()
            && (self.replica_sets.complete() || self.trouble.contains_key("replicasets"))
            && (self.pods.complete() || self.trouble.contains_key("pods"))
            && (self.services.complete() || self.trouble.contains_key("services"))
            && (self.analysis_runs.complete()
                || self.no_analysis
                || self.trouble.contains_key("analysisruns"))
    }
}

/// Whether a watch failed because the cluster has no such kind.
fn is_unknown_kind(error: &watcher::Error) -> bool {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => is_missing_kind(error),
        _ => false,
    }
}

fn take<K: Resource + Clone>(
    kind: &'static str,
    told: watcher::Result<Event<K>>,
    objects: &mut Objects<K>,
    trouble: &mut BTreeMap<&'static str, String>,
) -> bool {
    match told {
        Ok(event) => trouble.remove(kind).is_some() | objects.apply(event),
        Err(error) => trouble.insert(kind, root(&error)).is_none(),
    }
}

/// Watches one Rollout, and nothing else.
pub fn rollout(cluster: &Cluster, name: &str) -> Tellings {
    let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
    Box::pin(tellings(cluster, config, Told::Rollout))
}

/// Watches all Rollouts of this API.
pub fn rollouts(api: kube::Api<Rollout>, config: watcher::Config) -> Tellings {
    Box::pin(watcher(api, config).default_backoff().map(Told::Rollout))
}

/// Watches a Rollout and what belongs to it.
pub fn surroundings(cluster: &Cluster, rollout_read: &Rollout, name: &str) -> Tellings {
    let of_selector = || watch_config(rollout_read.spec.selector.as_ref());
    let of_rollouts = watcher::Config::default().labels(keys::POD_TEMPLATE_HASH);
    let runs = watcher(cluster.dynamic(&cluster::analysis_runs()), of_rollouts);
    let all: [Tellings; 5] = [
        rollout(cluster, name),
        Box::pin(tellings(cluster, of_selector(), Told::ReplicaSet)),
        Box::pin(tellings(cluster, of_selector(), Told::Pod)),
        Box::pin(tellings(cluster, watcher::Config::default(), Told::Service)),
        Box::pin(runs.default_backoff().map(Told::AnalysisRun)),
    ];
    Box::pin(futures::stream::select_all(all))
}

fn tellings<K>(
    cluster: &Cluster,
    config: watcher::Config,
    told: fn(watcher::Result<Event<K>>) -> Told,
) -> impl Stream<Item = Told> + Send + 'static
where
    K: Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned
        + Send
        + 'static,
{
    watcher(cluster.api::<K>(), config).default_backoff().map(told)
}
