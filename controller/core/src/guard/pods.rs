//! R2 and R6 for single pods.

use std::collections::BTreeMap;

use verdigris_crds::keys;

use super::{Refused, Rule, World, ensure, refuse};
use crate::decision::{Evictions, PodChange};
use crate::observed::{Fresh, PodSeen};

impl World<'_> {
    /// Only pods of our own that a due restart means; and of those that may serve no more than may be missing.
    pub(super) fn evict(&mut self, evictions: &Evictions) -> Result<(), Refused> {
        let what = format!("evict {} of {} pods", evictions.most, evictions.pods.len());
        self.needs(&[Fresh::Rollout, Fresh::ReplicaSets], &what)?;
        for set in self.owned.values().filter(|set| set.replicas_wanted > 0) {
            self.needs(&[Fresh::Pods(set.name.clone())], &what)?;
        }
        let spec = &self.observed.rollout.spec;
        let restart_at = spec.restart_at.as_ref().filter(|at| Some(*at) != self.seen.restarted_at.as_ref());
        let Some(restart_at) = restart_at.map(|at| at.0).filter(|at| *at <= self.now) else {
            return refuse(Rule::R2, format!("{what}: no restart is due"));
        };
        let mut serving = 0;
        for at in &evictions.pods {
            let pods = self.owned.get(&at.replica_set).and_then(|set| self.observed.pods.get(&set.name));
            let pod = pods.into_iter().flatten().find(|pod| pod.uid == at.uid && pod.name == at.name);
            let Some(pod) = pod else { return refuse(Rule::R6, format!("{what}: {} is not ours", at.name)) };
            ensure(pod.created < restart_at, Rule::R2, || format!("{what}: {} is younger", at.name))?;
            serving += usize::from(pod.ready);
        }
        self.evicted += serving.min(evictions.most);
        let (missing, most) = (self.missing().saturating_add(self.evicted), self.most_missing());
        ensure(self.evicted == 0 || missing <= most, Rule::R2, || {
            format!("{what}: {missing} pods would be missing, {most} may be")
        })
    }

    /// Only pods of our own.
    pub(super) fn label(&self, change: &PodChange) -> Result<(), Refused> {
        let at = &change.at;
        let pods = self.owned.get(&at.replica_set).and_then(|set| self.observed.pods.get(&set.name));
        let is_ours = pods.into_iter().flatten().any(|pod| pod.uid == at.uid && pod.name == at.name);
        ensure(is_ours, Rule::R6, || format!("label pod {}: it is not ours", at.name))?;
        self.keeps_selected(&change.labels, &at.name)
    }

    /// R2: no pod loses a label by which its ReplicaSet or its Services know it.
    pub(super) fn keeps_selected(
        &self,
        labels: &BTreeMap<String, Option<String>>,
        name: &str,
    ) -> Result<(), Refused> {
        let selector = self.observed.rollout.spec.selector.as_ref();
        let selects = |key: &String| {
            let labels = selector.and_then(|selector| selector.match_labels.as_ref());
            let expressions = selector.and_then(|selector| selector.match_expressions.as_ref());
            let services = self.observed.services.values().flatten();
            key == keys::POD_TEMPLATE_HASH
                || labels.is_some_and(|labels| labels.contains_key(key))
                || expressions.into_iter().flatten().any(|expression| expression.key == *key)
                || services.into_iter().any(|service| service.selector.contains_key(key))
        };
        let taken = labels.keys().find(|key| selects(key));
        ensure(taken.is_none(), Rule::R2, || format!("label {name}: pods are selected by {taken:?}"))
    }

    /// How many pods are not available of those that ReplicaSets are to have, or that are desired.
    fn missing(&self) -> usize {
        let sets = self.owned.values().filter(|set| set.replicas_wanted > 0);
        let (mut wanted, mut available) = (0, 0);
        for set in sets {
            let is_available = |pod: &&PodSeen| pod.is_available(set.min_ready_seconds, self.now);
            let count = self.observed.pods.get(&set.name).into_iter().flatten().filter(is_available).count();
            let most = usize::try_from(set.replicas_wanted).unwrap_or(0);
            wanted += most;
            available += count.min(most);
        }
        wanted.max(usize::try_from(self.desired).unwrap_or(0)).saturating_sub(available)
    }

    /// `maxUnavailable`, by default a quarter; at least one.
    fn most_missing(&self) -> usize {
        let strategy = self.observed.rollout.spec.strategy.as_ref();
        let most = strategy.and_then(|it| it.blue_green.as_ref()).and_then(|it| it.max_unavailable.as_ref());
        let most = most.map_or(self.desired / 4, |most| most.of(self.desired)).min(self.desired).max(1);
        usize::try_from(most).unwrap_or(1)
    }
}
