//! Everything one pass may look at, from the caches.

use std::collections::BTreeMap;

use verdigris_core::{
    observed::{Observed, Refusal, ReplicaSetSeen},
    selector::{self, labels_of},
    workload::Reference,
};
use verdigris_crds::{BlueGreenStrategy, Rollout, RolloutSpec, Selector};

use crate::{cache::Cache, key::Key};

/// What the caches show of a Rollout and all around it.
#[must_use]
pub fn gather(cache: &Cache, rollout: Rollout, refusals: Vec<Refusal>) -> Observed {
    let namespace = rollout.metadata.namespace.clone().unwrap_or_default();
    let own = Key::new(&namespace, rollout.metadata.name.as_deref().unwrap_or_default());
    let workload = Reference::of(&rollout.spec).and_then(|reference| cache.workload(&namespace, reference));
    // Selector and template, which all else depends on, may be the workload's.
    let mut observed = Observed { rollout, workload, refusals, ..Observed::default() };
    let rollout = &observed.rollout;

    let service = |name: &str| cache.service(&Key::new(&namespace, name));
    let services: BTreeMap<_, _> =
        service_names(rollout).map(|name| (name.to_owned(), service(name))).collect();
    let left_services: BTreeMap<_, _> = cache
        .services_managed_by(&own)
        .filter(|service| !services.contains_key(&service.name))
        .map(|service| (service.name.clone(), service))
        .collect();
    let concerned = services.keys().chain(left_services.keys()).cloned().collect();
    let neighbours = cache.neighbours(&own, &concerned, observed.selector(), &labels_of(observed.template()));
    let owned = cache.replica_sets_of(&namespace, Some(observed.uid()));
    let orphans = cache.replica_sets_of(&namespace, None).filter(|seen| adoptable(seen, observed.selector()));
    let replica_sets = owned.chain(orphans).map(|seen| (seen.name.clone(), seen)).collect();
    let active_endpoints =
        active_service(rollout).and_then(|name| cache.endpoints(&Key::new(&namespace, name)));
    let analysis = cache.analysis.seen(&own, blue_green(rollout), rollout.status.as_ref());

    observed.services = services;
    observed.left_services = left_services;
    observed.neighbours = neighbours;
    observed.replica_sets = replica_sets;
    observed.active_endpoints = active_endpoints;
    observed.analysis = analysis;
    observed
}

/// What the caches show of what a Rollout that is gone has left behind; `None` if that is nothing.
#[must_use]
pub fn gather_gone(cache: &Cache, rollout: &Key) -> Option<Observed> {
    let left = cache.services_managed_by(rollout);
    let left_services: BTreeMap<_, _> = left.map(|service| (service.name.clone(), service)).collect();
    if left_services.is_empty() {
        return None;
    }
    let mut named = Rollout::new(rollout.name(), RolloutSpec::default());
    named.metadata.namespace = Some(rollout.namespace().to_owned());
    let concerned = left_services.keys().cloned().collect();
    let neighbours = cache.neighbours(rollout, &concerned, None, &BTreeMap::new());
    Some(Observed { rollout: named, neighbours, left_services, gone: true, ..Observed::default() })
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
