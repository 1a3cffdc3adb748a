//! What the watches show: into the caches, past the barrier, and on to whom it concerns.

use std::collections::BTreeSet;

use futures::{FutureExt, StreamExt};
use kube::Resource;
use tokio::time::Instant;
use tracing::{info, warn};

use super::Controller;
use crate::{
    barrier::Sight,
    cache::Shown,
    items::key_of,
    key::{Key, Kind, ObjectId, Version},
    watches::{Change, Trouble, Watches, watch_workloads},
};

impl Controller {
    /// Takes in one change and all that have arrived with it, so that a pass sees them together.
    pub(super) fn take_in_all(&mut self, change: Change, watches: &mut Watches) {
        /// Then it is the passes' turn.
        const CHANGES_MAX: usize = 1000;
        self.take_in(change);
        for _ in 0..CHANGES_MAX {
            match watches.next().now_or_never() {
                Some(Some(change)) => self.take_in(change),
                Some(None) | None => break,
            }
        }
        for kind in self.cache.workload_kinds() {
            if self.workloads_watched.insert(kind) {
                watches.push(watch_workloads(&mut self.ports, &self.options, kind));
            }
        }
    }

    fn take_in(&mut self, change: Change) {
        let now = Instant::now();
        let concerned = match change {
            Change::Rollout(shown) => {
                self.compare(Kind::Rollout, &shown);
                if let Shown::There(item) | Shown::Listed(item) = &shown {
                    self.rivals.saw(&key_of(item.meta()), item.status_writers());
                }
                self.cache.rollout_shown(shown)
            }
            Change::ReplicaSet(shown) => {
                self.compare(Kind::ReplicaSet, &shown);
                self.cache.replica_set_shown(shown)
            }
            Change::Service(shown) => {
                self.compare(Kind::Service, &shown);
                self.cache.service_shown(shown)
            }
            Change::Slice(shown) => {
                self.compare(Kind::EndpointSlice, &shown);
                self.cache.slice_shown(shown)
            }
            Change::Workload(kind, shown) => {
                self.compare(Kind::Workload(kind), &shown);
                self.cache.workload_shown(kind, shown)
            }
            Change::AnalysisRun(shown) => {
                self.compare(Kind::AnalysisRun, &shown);
                self.cache.analysis.run_shown(shown)
            }
            Change::AnalysisTemplate(shown) => {
                self.compare(Kind::AnalysisTemplate, &shown);
                self.cache.analysis.template_shown(shown)
            }
            Change::ClusterAnalysisTemplate(shown) => {
                self.compare(Kind::ClusterAnalysisTemplate, &shown);
                self.cache.analysis.cluster_template_shown(shown)
            }
            Change::Trouble(kind, trouble) => self.has_trouble(kind, trouble),
            Change::Calm(kind) => {
                self.works(kind);
                BTreeSet::new()
            }
        };
        for rollout in concerned {
            self.look_at(&rollout, now);
        }
    }

    /// Ends waits that what was shown fulfils, and troubles that are over.
    fn compare<T: Resource>(&mut self, kind: Kind, shown: &Shown<T>) {
        let item = match shown {
            Shown::There(item) | Shown::Listed(item) | Shown::Gone(item) => item,
            Shown::ListEnds => return self.works(kind),
            // That a list is begun does not mean that it will be answered.
            Shown::ListBegins | Shown::Absent(_) => return,
        };
        self.works(kind);
        let object = ObjectId { kind, key: key_of(item.meta()) };
        let version = Version::of(item);
        let is_gone = matches!(shown, Shown::Gone(_));
        let sight = if is_gone { Sight::Gone(&version) } else { Sight::There(&version) };
        let free = self.barrier.saw(&object, sight);
        self.free(free);
    }

    fn works(&mut self, kind: Kind) {
        if !self.troubles.is_empty() && self.troubles.remove(&kind).is_some() {
            info!(?kind, "can be watched again");
            let concerned = match kind {
                Kind::Workload(kind) => self.cache.workload_trouble(kind, None),
                kind => self.cache.analysis.works(kind),
            };
            for rollout in concerned {
                self.look_at(&rollout, Instant::now());
            }
        }
    }

    /// Says once what cannot be watched, and why; answers which Rollouts have to be looked at for it.
    fn has_trouble(&mut self, kind: Kind, trouble: Trouble) -> BTreeSet<Key> {
        if self.troubles.get(&kind) == Some(&trouble) {
            return BTreeSet::new();
        }
        let concerned = match (kind, &trouble) {
            (Kind::Workload(kind), Trouble::Forbidden(why)) => {
                self.cache.workload_trouble(kind, Some(why.clone()))
            }
            (Kind::Workload(kind), Trouble::Unknown) => {
                let why = "the API server does not know this kind".to_owned();
                self.cache.workload_trouble(kind, Some(why))
            }
            (Kind::AnalysisRun | Kind::AnalysisTemplate | Kind::ClusterAnalysisTemplate, trouble) => {
                let for_good = !matches!(trouble, Trouble::Other(_));
                self.cache.analysis.has_trouble(kind, unreadable(kind, trouble), for_good)
            }
            _ => BTreeSet::new(),
        };
        match (kind, &trouble) {
            (Kind::EndpointSlice, Trouble::Forbidden(why)) => {
                self.cache.forget_slices();
                warn!(
                    why,
                    "may not read EndpointSlices: when traffic has left an old version is guessed from the clock. \
                     Allow `list` and `watch` of endpointslices in discovery.k8s.io"
                );
            }
            (_, Trouble::Forbidden(why)) => warn!(?kind, why, "may not list or watch; waits for permission"),
            (Kind::Rollout, Trouble::Unknown) => {
                warn!(
                    "the API server does not know Rollouts yet: install the CRD rollouts.argoproj.io; waits for it"
                );
            }
            (
                Kind::AnalysisRun | Kind::AnalysisTemplate | Kind::ClusterAnalysisTemplate,
                Trouble::Unknown,
            ) => {
                info!(
                    ?kind,
                    "the API server does not know this kind; Rollouts without analyses do not need it"
                );
            }
            (_, Trouble::Unknown) => warn!(?kind, "the API server does not know this kind; waits for it"),
            (_, Trouble::Other(why)) => warn!(?kind, why, "watch interrupted; goes on"),
        }
        self.troubles.insert(kind, trouble);
        concerned
    }
}

/// For the condition of a Rollout that would need the kind.
fn unreadable(kind: Kind, trouble: &Trouble) -> String {
    match trouble {
        Trouble::Unknown => format!(
            "the API server does not know {kind:?}s: install the CRD {}s.argoproj.io",
            format!("{kind:?}").to_lowercase()
        ),
        Trouble::Forbidden(why) => format!("{kind:?}s may not be read: {why}"),
        Trouble::Other(why) => format!("{kind:?}s cannot be read just now: {why}"),
    }
}
