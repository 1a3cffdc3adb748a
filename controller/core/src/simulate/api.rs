//! The API server of the simulation: what is seen, what writes do, and what users do.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use verdigris_crds::{RolloutStatus, keys};

use super::{Cluster, Entry, Pod};
use crate::decision::{
    Decision, Evictions, NewReplicaSet, PodChange, PointService, Precondition, ReplicaSetChange, Write,
};
use crate::injected::keeps_off;
use crate::observed::{Fresh, Observed, PodSeen, ReplicaSetSeen, ServiceSeen, TemplatesSeen};
use crate::seen::after;

impl Cluster {
    /// What one pass may look at. All of it is true; `fresh` only says what counts as read live.
    #[must_use]
    pub fn observe(&self, fresh: &BTreeSet<Fresh>) -> Observed {
        let pods = self
            .pods
            .iter()
            .filter(|(name, _)| fresh.contains(&Fresh::Pods((*name).clone())))
            .map(|(name, pods)| {
                let seen = pods.iter().map(|pod| PodSeen {
                    uid: pod.uid.clone(),
                    name: pod.name.clone(),
                    created: crate::seen::whole_seconds(pod.created),
                    deleting: false,
                    ready: self.is_ready(name, pod),
                    ready_since: Some(after(pod.created, self.settings.ready_after_seconds)),
                    labels: pod.labels.clone(),
                    annotations: pod.annotations.clone(),
                });
                (name.clone(), seen.collect())
            })
            .collect();
        Observed {
            rollout: self.rollout.clone(),
            replica_sets: self.replica_sets.clone(),
            services: self.named_services(),
            left_services: self.left_services(),
            neighbours: self.neighbours.clone(),
            gone: false,
            active_endpoints: self.settings.endpoints_readable.then(|| self.endpoints()),
            pods,
            templates: fresh.contains(&Fresh::Templates).then(|| self.templates_seen()),
            workload: self.rollout.spec.workload_ref.as_ref().and(self.workload.clone()),
            analysis: self.analysis_seen(),
            fresh: fresh.clone(),
            refusals: Vec::new(),
        }
    }

    fn named_services(&self) -> BTreeMap<String, Option<ServiceSeen>> {
        let strategy = self.rollout.spec.strategy.as_ref();
        let blue_green = strategy.and_then(|strategy| strategy.blue_green.as_ref());
        let names = blue_green
            .into_iter()
            .flat_map(|strategy| [Some(strategy.active_service.clone()), strategy.preview_service.clone()]);
        names.flatten().map(|name| (name.clone(), self.services.get(&name).cloned())).collect()
    }

    /// Those that carry the Rollout's name though it does not name them.
    fn left_services(&self) -> BTreeMap<String, ServiceSeen> {
        let named = self.named_services();
        let is_left = |service: &ServiceSeen| {
            service.managed_by == self.rollout.metadata.name && !named.contains_key(&service.name)
        };
        let left = self.services.values().filter(|service| is_left(service));
        left.map(|service| (service.name.clone(), service.clone())).collect()
    }

    fn templates_seen(&self) -> TemplatesSeen {
        let templates = self.templates.iter().map(|(name, template)| (name.clone(), defaulted(template)));
        TemplatesSeen {
            wanted: Ok(defaulted(self.template().unwrap_or(&Value::Null))),
            replica_sets: templates.collect(),
        }
    }

    /// Adds a Service that selects the pods of the Rollout's template labels.
    pub fn add_service(&mut self, name: &str) {
        let labels = self.template().and_then(|it| it.pointer("/metadata/labels"));
        let selector = labels
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
            .collect();
        let version = self.next_version();
        let service = ServiceSeen {
            name: name.to_owned(),
            uid: format!("uid-of-{name}-{version}"),
            resource_version: version,
            selector,
            managed_by: None,
        };
        self.services.insert(name.to_owned(), service);
    }

    /// Carries a decision out: writes, status, events. Whether anything changed.
    pub fn carry_out(&mut self, decision: Decision) -> bool {
        let all = decision.writes.len();
        self.carry_out_some(decision, all)
    }

    /// Carries out so many writes, and status and events only if those were all: as if the controller died.
    pub fn carry_out_some(&mut self, decision: Decision, writes: usize) -> bool {
        let complete = writes >= decision.writes.len();
        let mut changed = false;
        for write in decision.writes.into_iter().take(writes) {
            changed = true;
            self.log.push((self.now, Entry::Write(write.clone())));
            self.write(write);
        }
        if !complete {
            return changed;
        }
        if self.rollout.status.as_ref() != Some(&decision.status) {
            changed = true;
            let before = self.rollout.status.replace(decision.status);
            self.note_phase(before.as_ref());
            self.rollout.metadata.resource_version = Some(self.next_version());
        }
        for event in decision.events {
            self.log.push((self.now, Entry::Event(event)));
        }
        changed
    }

    fn note_phase(&mut self, before: Option<&RolloutStatus>) {
        let of = |status: Option<&RolloutStatus>| {
            let phase = status.and_then(|status| status.phase.clone()).unwrap_or_default();
            (phase, status.and_then(|status| status.message.clone()).unwrap_or_default())
        };
        let now = of(self.rollout.status.as_ref());
        if of(before) != now {
            self.log.push((self.now, Entry::Phase(now.0, now.1)));
        }
    }

    fn write(&mut self, write: Write) {
        match write {
            Write::CreateReplicaSet(new) => self.create(*new),
            Write::UpdateReplicaSet(change) => self.update(change),
            Write::DeleteReplicaSet(at) => {
                self.replica_sets.remove(&at.name);
                self.templates.remove(&at.name);
                self.pods.remove(&at.name);
            }
            Write::AdoptReplicaSet(at) => {
                let owner = self.rollout.metadata.uid.clone();
                self.change(&at, |seen| seen.controller_uid = owner);
            }
            Write::ReleaseReplicaSet(at) => self.change(&at, |seen| seen.controller_uid = None),
            Write::PointService(point) => self.point(point),
            Write::AnnotateRollout(annotations) => self.annotate(annotations),
            Write::ReleaseService(at) => {
                let version = self.next_version();
                if let Some(service) = self.services.get_mut(&at.name)
                    && service.resource_version == at.resource_version
                {
                    service.selector.remove(keys::POD_TEMPLATE_HASH);
                    service.managed_by = None;
                    service.resource_version = version;
                }
            }
            Write::ScaleWorkload(scale) => self.scale_workload(&scale),
            Write::DefaultReplicas => self.edit(|rollout| rollout.spec.replicas = Some(1)),
            Write::EvictPods(evictions) => self.evict(&evictions),
            Write::CreateAnalysisRun(new) => self.create_run(*new),
            Write::TerminateAnalysisRun(at) => self.end_run(&at),
            Write::DeleteAnalysisRun(at) => {
                self.analysis_runs.remove(&at.name);
            }
            Write::LabelPod(change) => self.label(change),
        }
    }

    fn create(&mut self, new: NewReplicaSet) {
        let version = self.next_version();
        let seen = ReplicaSetSeen {
            keeps_off: kept_off(&new.template),
            uid: format!("uid-of-{}-{version}", new.name),
            name: new.name,
            resource_version: version,
            generation: 1,
            created: crate::seen::whole_seconds(self.now),
            controller_uid: self.rollout.metadata.uid.clone(),
            labels: new.labels,
            annotations: new.annotations,
            replicas_wanted: new.replicas,
            min_ready_seconds: new.min_ready_seconds,
            ..ReplicaSetSeen::default()
        };
        self.templates.insert(seen.name.clone(), new.template);
        self.replica_sets.insert(seen.name.clone(), seen);
    }

    fn label(&mut self, change: PodChange) {
        let pods = self.pods.entry(change.at.replica_set).or_default();
        if let Some(pod) = pods.iter_mut().find(|pod| pod.uid == change.at.uid) {
            merge(&mut pod.labels, change.labels);
            merge(&mut pod.annotations, change.annotations);
        }
    }

    fn update(&mut self, change: ReplicaSetChange) {
        let mut template = self.templates.get(&change.at.name).cloned().unwrap_or_default();
        merge_json(&mut template, &change.template.to_patch());
        let unchanged = change.template.is_empty();
        let current = self.replica_sets.get(&change.at.name);
        if !unchanged && current.is_some_and(|seen| seen.resource_version == change.at.resource_version) {
            self.templates.insert(change.at.name.clone(), template.clone());
        }
        self.change(&change.at.clone(), |seen| {
            if change.replicas.is_some() || change.min_ready_seconds.is_some() || !unchanged {
                seen.generation += 1;
            }
            if !unchanged {
                seen.keeps_off = kept_off(&template);
            }
            seen.replicas_wanted = change.replicas.unwrap_or(seen.replicas_wanted);
            seen.min_ready_seconds = change.min_ready_seconds.unwrap_or(seen.min_ready_seconds);
            merge(&mut seen.annotations, change.annotations);
        });
    }

    fn change(&mut self, at: &Precondition, change: impl FnOnce(&mut ReplicaSetSeen)) {
        let version = self.next_version();
        if let Some(seen) = self.replica_sets.get_mut(&at.name)
            && seen.resource_version == at.resource_version
        {
            change(seen);
            seen.resource_version = version;
        }
    }

    fn point(&mut self, point: PointService) {
        let version = self.next_version();
        if let Some(service) = self.services.get_mut(&point.at.name)
            && service.resource_version == point.at.resource_version
        {
            service.selector.insert(keys::POD_TEMPLATE_HASH.to_owned(), point.hash);
            if point.managed_by.is_some() {
                service.managed_by = point.managed_by;
            }
            service.resource_version = version;
        }
    }

    /// An evicted pod is gone at once; one that is not ready, and one more than the budget needs, may go.
    fn evict(&mut self, evictions: &Evictions) {
        let mut gone = 0;
        for at in &evictions.pods {
            let ready = |(name, pods): (&String, &Vec<Pod>)| {
                pods.iter().filter(|pod| self.is_ready(name, pod)).count()
            };
            let all: usize = self.pods.iter().map(ready).sum();
            let Some(pods) = self.pods.get(&at.replica_set) else { continue };
            let Some(place) = pods.iter().position(|pod| pod.uid == at.uid) else { continue };
            let serves = pods.get(place).is_some_and(|pod| self.is_ready(&at.replica_set, pod));
            if gone < evictions.most && (!serves || all > self.settings.min_available) {
                gone += 1;
                self.pods.entry(at.replica_set.clone()).and_modify(|pods| drop(pods.remove(place)));
            }
        }
    }

    /// Changes annotations of the Rollout, as a user or as the controller; `None` removes one.
    pub fn annotate(&mut self, annotations: BTreeMap<String, Option<String>>) {
        merge(self.rollout.metadata.annotations.get_or_insert_default(), annotations);
        self.rollout.metadata.resource_version = Some(self.next_version());
    }

    /// A user edits the spec.
    pub fn edit(&mut self, edit: impl FnOnce(&mut verdigris_crds::Rollout)) {
        let before = self.rollout.spec.clone();
        edit(&mut self.rollout);
        if self.rollout.spec != before {
            let generation = self.rollout.metadata.generation.unwrap_or_default();
            self.rollout.metadata.generation = Some(generation + 1);
        }
        self.rollout.metadata.resource_version = Some(self.next_version());
    }

    /// A user patches the status: promote, abort, retry.
    pub fn steer(&mut self, patch: impl FnOnce(&mut RolloutStatus)) {
        patch(self.rollout.status.get_or_insert_default());
        self.rollout.metadata.resource_version = Some(self.next_version());
    }

    /// A user sets the image of the first container.
    pub fn set_image(&mut self, image: &str) {
        let set = |template: &mut Value| {
            if let Some(container) = template.pointer_mut("/spec/containers/0") {
                container["image"] = Value::from(image);
            }
        };
        if self.rollout.spec.workload_ref.is_some() {
            self.edit_workload(|workload| set(&mut workload.template));
        } else {
            self.edit(|rollout| set(rollout.spec.template.get_or_insert_default()));
        }
    }

    pub(super) fn next_version(&mut self) -> String {
        self.version += 1;
        self.version.to_string()
    }
}

/// A pod template with the defaults that an API server gives to the fields which most templates leave out.
pub(super) fn defaulted(template: &Value) -> Value {
    fn fill(object: &mut Value, defaults: &Value) {
        for (key, value) in defaults.as_object().into_iter().flatten() {
            if let Some(fields) = object.as_object_mut() {
                fields.entry(key.clone()).or_insert_with(|| value.clone());
            }
        }
    }
    let mut template = template.clone();
    let Some(spec) = template.get_mut("spec") else { return template };
    fill(
        spec,
        &json!({"dnsPolicy": "ClusterFirst", "restartPolicy": "Always", "schedulerName": "default-scheduler",
            "securityContext": {}, "terminationGracePeriodSeconds": 30}),
    );
    for container in spec.get_mut("containers").and_then(Value::as_array_mut).into_iter().flatten() {
        fill(
            container,
            &json!({"imagePullPolicy": "IfNotPresent", "resources": {}, "terminationMessagePath":
                "/dev/termination-log", "terminationMessagePolicy": "File"}),
        );
        for port in container.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
            fill(port, &json!({"protocol": "TCP"}));
        }
    }
    template
}

fn kept_off(template: &Value) -> Option<String> {
    keeps_off(template.pointer("/spec/affinity/podAntiAffinity")?)
}

/// RFC 7386.
fn merge_json(into: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *into = patch.clone();
        return;
    };
    if !into.is_object() {
        *into = json!({});
    }
    for (key, change) in changes {
        let Some(fields) = into.as_object_mut() else { return };
        if change.is_null() {
            fields.remove(key);
        } else {
            merge_json(fields.entry(key.clone()).or_insert(Value::Null), change);
        }
    }
}

fn merge(annotations: &mut BTreeMap<String, String>, changes: BTreeMap<String, Option<String>>) {
    for (key, value) in changes {
        match value {
            Some(value) => annotations.insert(key, value),
            None => annotations.remove(&key),
        };
    }
}
