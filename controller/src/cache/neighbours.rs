//! Rollouts that want the same, and Services that Rollouts have left behind.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use verdigris_core::{
    observed::{Neighbour, ServiceSeen},
    selector::{self, labels_of},
    workload::Workload,
};
use verdigris_crds::Selector;

use super::{Cache, CachedRollout, overlaps::Claims};
use crate::key::Key;

impl Cache {
    /// Services that a Rollout names and did not before, or the other way round: who else names them is concerned.
    pub(super) fn renamed(&self, key: &Key, old: Option<&CachedRollout>) -> BTreeSet<String> {
        let old = old.map(CachedRollout::services).unwrap_or_default();
        let new = self.rollouts.get(key).map(CachedRollout::services).unwrap_or_default();
        old.symmetric_difference(&new).cloned().collect()
    }

    /// Files anew which pods a Rollout makes and selects; answers whose overlaps are others than before.
    pub(super) fn refile(&mut self, key: &Key) -> BTreeSet<Key> {
        let claims = self.rollouts.get(key).map(|cached| {
            let workload = cached.workload_key(key).and_then(|workload| self.workloads.get(&workload));
            match workload {
                Some(Workload::There(seen)) => {
                    let selector = cached.claims.selector().or(seen.selector);
                    Arc::new(Claims::new(selector.as_ref(), &labels_of(Some(&seen.template))))
                }
                Some(Workload::Missing | Workload::Unreadable(_)) | None => Arc::clone(&cached.claims),
            }
        });
        self.overlaps.file(key, claims)
    }

    /// Services that carry this Rollout's name as their manager's.
    pub fn services_managed_by(&self, rollout: &Key) -> impl Iterator<Item = ServiceSeen> {
        let keys = self.services_by_manager.of(rollout);
        keys.filter_map(|key| self.service(key))
    }

    /// Rollouts other than this one that name one of these Services, whose selector matches these labels, or whose pods
    /// this selector matches.
    #[must_use]
    pub fn neighbours(
        &self,
        rollout: &Key,
        services: &BTreeSet<String>,
        selector: Option<&Selector>,
        labels: &BTreeMap<String, String>,
    ) -> BTreeMap<String, Neighbour> {
        let namespace = rollout.namespace();
        let naming =
            services.iter().flat_map(|service| self.rollouts_by_service.of(&Key::new(namespace, service)));
        let overlapping = self.overlaps.with(rollout, selector, labels);
        let others: BTreeSet<&Key> = naming.chain(&overlapping).filter(|key| *key != rollout).collect();
        let seen = others.into_iter().filter_map(|key| {
            let cached = self.rollouts.get(key)?;
            let neighbour = Neighbour {
                name: key.name().to_owned(),
                created: cached.created,
                services: cached.services(),
                overlaps: overlapping.contains(key),
            };
            Some((key.name().to_owned(), neighbour))
        });
        seen.collect()
    }
}

/// The Services that a strategy names, whichever it is, read from JSON that may be anything.
#[must_use]
pub fn services_named(object: &serde_json::Value) -> BTreeSet<String> {
    let strategy = &object["spec"]["strategy"];
    let places = [
        "/blueGreen/activeService",
        "/blueGreen/previewService",
        "/canary/canaryService",
        "/canary/stableService",
        "/canary/pingPong/pingService",
        "/canary/pingPong/pongService",
        "/canary/trafficRouting/alb/rootService",
        "/canary/trafficRouting/smi/rootService",
    ];
    let names = places.into_iter().filter_map(|place| strategy.pointer(place)?.as_str());
    names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// Which pods a Rollout selects and makes, read from JSON that may be anything.
#[must_use]
pub(super) fn claims(object: &serde_json::Value) -> Claims {
    let spec = &object["spec"];
    let selector: Option<Selector> = serde_json::from_value(spec["selector"].clone()).ok();
    Claims::new(selector.as_ref(), &labels_of(spec.get("template")))
}

/// Whether a selector that asks for anything at all matches these labels.
#[must_use]
pub fn selects(selector: &Selector, labels: &BTreeMap<String, String>) -> bool {
    !selector::is_empty(selector) && selector::matches(selector, labels)
}
