//! Rollouts that want the same, and Services that Rollouts have left behind.

use std::collections::{BTreeMap, BTreeSet};

use verdigris_core::{
    observed::{Neighbour, ServiceSeen},
    selector,
};
use verdigris_crds::Selector;

use super::{Cache, CachedRollout, unlink};
use crate::key::Key;

impl Cache {
    /// Services that a Rollout names and did not before, or the other way round: who else names them is concerned.
    pub(super) fn renamed(&self, key: &Key, old: Option<&CachedRollout>) -> BTreeSet<String> {
        let none = BTreeSet::new();
        let old = old.map_or(&none, |old| &old.services);
        let new = self.rollouts.get(key).map_or(&none, |new| &new.services);
        old.symmetric_difference(new).cloned().collect()
    }

    pub(super) fn link_selector(&mut self, key: &Key, old: Option<&CachedRollout>) {
        let place = |cached: &CachedRollout| {
            let labels = cached.selector.as_ref()?.match_labels.as_ref()?;
            let (label, value) = labels.first_key_value()?;
            Some((key.namespace.clone(), format!("{label}={value}")))
        };
        let new = self.rollouts.get(key).and_then(place);
        let old = old.and_then(place);
        if old != new {
            if let Some(old) = old {
                unlink(&mut self.rollouts_by_label, &old, key);
            }
            if let Some(new) = new {
                self.rollouts_by_label.entry(new).or_default().insert(key.clone());
            }
        }
    }

    /// Services that carry this Rollout's name as their manager's.
    pub fn services_managed_by(&self, rollout: &Key) -> impl Iterator<Item = &ServiceSeen> {
        let keys = self.services_by_manager.get(rollout).into_iter().flatten();
        keys.filter_map(|key| self.services.get(key))
    }

    /// Rollouts other than this one that name one of these Services, or whose selector matches these labels.
    #[must_use]
    pub fn neighbours(
        &self,
        rollout: &Key,
        services: &BTreeSet<String>,
        labels: &BTreeMap<String, String>,
    ) -> BTreeMap<String, Neighbour> {
        let namespace = &rollout.namespace;
        let naming = services.iter().flat_map(|service| {
            self.rollouts_by_service.get(&Key::new(namespace, service)).into_iter().flatten()
        });
        let places = labels.iter().map(|(label, value)| (namespace.clone(), format!("{label}={value}")));
        let alike = places.flat_map(|place| self.rollouts_by_label.get(&place).into_iter().flatten());
        let others: BTreeSet<&Key> = naming.chain(alike).filter(|key| *key != rollout).collect();
        let seen = others.into_iter().filter_map(|key| {
            let cached = self.rollouts.get(key)?;
            let overlaps = cached.selector.as_ref().is_some_and(|it| selects(it, labels));
            let neighbour = Neighbour {
                name: key.name.clone(),
                created: cached.created,
                services: cached.services.clone(),
                overlaps,
            };
            let concerns = overlaps || !cached.services.is_disjoint(services);
            concerns.then(|| (key.name.clone(), neighbour))
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

/// Whether a selector that asks for anything at all matches these labels.
#[must_use]
pub fn selects(selector: &Selector, labels: &BTreeMap<String, String>) -> bool {
    !selector::is_empty(selector) && selector::matches(selector, labels)
}
