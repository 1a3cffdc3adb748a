//! Everything one pass may look at, from the caches.

use std::collections::{BTreeMap, BTreeSet};

use verdigris_core::{
    observed::{Observed, Refusal, ReplicaSetSeen},
    selector,
    workload::{Reference, Workload},
};
use verdigris_crds::{BlueGreenStrategy, Rollout, Selector};

use crate::{cache::Cache, key::Key};

/// What the caches show of a Rollout and all around it.
#[must_use]
pub fn gather(cache: &Cache, rollout: Rollout, refusal: Option<Refusal>) -> Observed {
    let namespace = rollout.metadata.namespace.clone().unwrap_or_default();
    let uid = rollout.metadata.uid.clone().unwrap_or_default();
    let workload = Reference::of(&rollout.spec).and_then(|reference| cache.workload(&namespace, reference));
    let referenced = match &workload {
        Some(Workload::There(seen)) => seen.selector.as_ref(),
        _ => None,
    };
    let wanted = rollout.spec.selector.as_ref().or(referenced);
    let owned = cache.replica_sets_of(&namespace, Some(&uid));
    let orphans = cache.replica_sets_of(&namespace, None).filter(|seen| adoptable(seen, wanted));
    let replica_sets: BTreeMap<_, _> =
        owned.chain(orphans).map(|seen| (seen.name.clone(), seen.clone())).collect();
    let services = service_names(&rollout)
        .map(|name| (name.to_owned(), cache.service(&Key::new(&namespace, name)).cloned()))
        .collect();
    let active_endpoints =
        active_service(&rollout).and_then(|name| cache.endpoints(&Key::new(&namespace, name)));
    let own = Key::new(&namespace, rollout.metadata.name.as_deref().unwrap_or_default());
    let analysis = cache.analysis.seen(&own, blue_green(&rollout), rollout.status.as_ref());
    Observed {
        rollout,
        replica_sets,
        services,
        active_endpoints,
        pods: BTreeMap::new(),
        templates: None,
        workload,
        analysis,
        fresh: BTreeSet::new(),
        refusal,
    }
}

/// Whether nobody controls the ReplicaSet and the Rollout's selector matches it.
#[must_use]
pub fn adoptable(seen: &ReplicaSetSeen, wanted: Option<&Selector>) -> bool {
    seen.controller_uid.is_none()
        && wanted.is_some_and(|wanted| {
            // An empty selector matches everything; it is invalid, and adopts nothing.
            !selector::is_empty(wanted) && selector::matches(wanted, &seen.labels)
        })
}

/// The Services that the strategy names.
pub fn service_names(rollout: &Rollout) -> impl Iterator<Item = &str> {
    let preview = blue_green(rollout).and_then(|strategy| strategy.preview_service.as_deref());
    active_service(rollout).into_iter().chain(preview).filter(|name| !name.is_empty())
}

/// The Service that production traffic uses.
#[must_use]
pub fn active_service(rollout: &Rollout) -> Option<&str> {
    blue_green(rollout).map(|strategy| strategy.active_service.as_str())
}

/// The strategy, if it is this one.
pub fn blue_green(rollout: &Rollout) -> Option<&BlueGreenStrategy> {
    rollout.spec.strategy.as_ref()?.blue_green.as_ref()
}
