//! What a cluster does besides: pods for ReplicaSets, readiness, endpoints.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;
use verdigris_crds::keys;

use super::{Cluster, Pod};
use crate::observed::EndpointSeen;
use crate::seen::after;

/// The nodes of the simulation are full with so many pods of one ReplicaSet.
const MOST_PODS: usize = 5_000;

impl Cluster {
    /// ReplicaSets get their pods and their counts, the active Service its endpoints. Whether anything changed.
    pub fn act(&mut self) -> bool {
        let mut moved = false;
        let names: Vec<String> = self.replica_sets.keys().cloned().collect();
        for name in names {
            moved |= self.replace_pods(&name);
            moved |= self.count_pods(&name);
        }
        moved |= self.measure();
        let selector = self.active_selector();
        if self.settings.endpoints_follow && self.followed != selector {
            self.followed = selector;
            moved = true;
        }
        moved
    }

    /// The next moment at which the cluster moves by itself: a pod becomes ready, or available.
    #[must_use]
    pub fn next_move(&self) -> Option<Timestamp> {
        let moments = self.pods.iter().flat_map(|(name, pods)| {
            let available = self.replica_sets.get(name).map_or(0, |seen| i64::from(seen.min_ready_seconds));
            pods.iter().filter(|pod| !pod.broken && !self.is_bad(name)).flat_map(move |pod| {
                let ready = after(pod.created, self.settings.ready_after_seconds);
                [ready, after(ready, available)]
            })
        });
        moments.chain(self.next_measurement()).filter(|moment| *moment > self.now).min()
    }

    /// Breaks or mends the pods of a ReplicaSet, the newest last; `broken` of them are kept from being ready.
    pub fn break_pods(&mut self, replica_set: &str, broken: usize) {
        for (at, pod) in self.pods.entry(replica_set.to_owned()).or_default().iter_mut().enumerate() {
            pod.broken = at < broken;
        }
    }

    pub(super) fn is_ready(&self, replica_set: &str, pod: &Pod) -> bool {
        !pod.broken
            && !self.is_bad(replica_set)
            && after(pod.created, self.settings.ready_after_seconds) <= self.now
    }

    fn is_bad(&self, replica_set: &str) -> bool {
        let image = self
            .templates
            .get(replica_set)
            .and_then(|template| template.pointer("/spec/containers/0/image"))
            .and_then(Value::as_str);
        let word = &self.settings.never_ready;
        image.is_some_and(|image| !word.is_empty() && image.contains(word.as_str()))
    }

    fn replace_pods(&mut self, name: &str) -> bool {
        let Some(wanted) = self.replica_sets.get(name).map(|seen| seen.replicas_wanted) else { return false };
        let wanted = usize::try_from(wanted).unwrap_or(0).min(MOST_PODS);
        let have = self.pods.get(name).map_or(0, Vec::len);
        let metadata = |kind: &str| self.metadata_of_template(name, kind);
        let (labels, annotations) = (metadata("labels"), metadata("annotations"));
        for _ in have..wanted {
            let version = self.next_version();
            let pod = Pod {
                uid: format!("uid-of-pod-{version}"),
                name: format!("{name}-{version}"),
                created: self.now,
                broken: false,
                labels: labels.clone(),
                annotations: annotations.clone(),
            };
            self.pods.entry(name.to_owned()).or_default().push(pod);
        }
        if have > wanted
            && let Some(pods) = self.pods.get_mut(name)
        {
            pods.truncate(wanted);
        }
        have != wanted
    }

    fn metadata_of_template(&self, replica_set: &str, kind: &str) -> BTreeMap<String, String> {
        let template =
            self.templates.get(replica_set).and_then(|template| template.get("metadata")?.get(kind));
        let fields = template.and_then(Value::as_object).into_iter().flatten();
        fields.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
    }

    fn count_pods(&mut self, name: &str) -> bool {
        let (Some(seen), pods) = (self.replica_sets.get(name), self.pods.get(name)) else { return false };
        let mut counted = seen.clone();
        let pods: Vec<&Pod> = pods.into_iter().flatten().collect();
        let number = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
        let is_available = |pod: &&&Pod| {
            let settled = self.settings.ready_after_seconds.saturating_add(i64::from(seen.min_ready_seconds));
            self.is_ready(name, pod) && after(pod.created, settled) <= self.now
        };
        counted.replicas = number(pods.len());
        counted.ready_replicas = number(pods.iter().filter(|pod| self.is_ready(name, pod)).count());
        counted.available_replicas = number(pods.iter().filter(is_available).count());
        counted.observed_generation = counted.generation;
        if counted == *seen {
            return false;
        }
        counted.resource_version = self.next_version();
        self.replica_sets.insert(name.to_owned(), counted);
        true
    }

    fn active_selector(&self) -> BTreeMap<String, String> {
        let strategy = self.rollout.spec.strategy.as_ref();
        let name = strategy.and_then(|strategy| strategy.blue_green.as_ref()).map(|it| &it.active_service);
        name.and_then(|name| self.services.get(name))
            .map(|service| service.selector.clone())
            .unwrap_or_default()
    }

    /// Endpoints of the active Service, by the selector that they follow.
    pub(super) fn endpoints(&self) -> Vec<EndpointSeen> {
        let selects_no_version = !self.followed.contains_key(keys::POD_TEMPLATE_HASH);
        let mut endpoints = if selects_no_version { self.endpoints_of_workload() } else { Vec::new() };
        for (name, pods) in &self.pods {
            let Some(seen) = self.replica_sets.get(name) else { continue };
            let selected = !self.followed.is_empty()
                && self.followed.iter().all(|(key, value)| seen.labels.get(key) == Some(value));
            endpoints.extend(pods.iter().filter(|_| selected).map(|pod| EndpointSeen {
                pod_uid: Some(pod.uid.clone()),
                pod_name: Some(pod.name.clone()),
                ready: self.is_ready(name, pod),
            }));
        }
        endpoints
    }
}
