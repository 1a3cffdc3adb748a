//! The rules of blue-green, played: a world in a sentence, one action, one look.

mod analysis;
mod anti_affinity;
mod awaited;
mod deadline;
mod delays;
mod gates;
mod handover;
mod identity;
mod metadata;
mod mistakes;
mod preview;
mod preview_size;
mod restart;
mod rollback;
mod rules;
mod scale;
mod services;
mod taken_over;
mod workload;

use serde_json::json;
use verdigris_crds::{Rollout, keys};

use super::*;

/// A shop with an active and a preview Service and the manual gate, 2 pods; `strategy` says what is different.
pub(crate) fn shop(strategy: &Value) -> Cluster {
    let mut blue_green = json!({
        "activeService": "app-active", "previewService": "app-preview",
        "autoPromotionEnabled": false, "scaleDownDelaySeconds": 6,
    });
    for (key, value) in strategy.as_object().into_iter().flatten() {
        blue_green[key] = value.clone();
    }
    let rollout: Rollout = serde_json::from_value(json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
        "metadata": {"name": "app", "namespace": "demo", "generation": 1},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "app"}},
            "template": {"metadata": {"labels": {"app": "app"}},
                "spec": {"containers": [{"name": "app", "image": "example/app:1"}]}},
            "strategy": {"blueGreen": blue_green}},
    }))
    .expect("a Rollout");
    let mut cluster =
        Cluster::new(rollout, Timestamp::from_second(1_800_000_000).expect("a time"), Settings::default());
    cluster.add_service("app-active");
    cluster.add_service("app-preview");
    let metric = json!({"name": "m", "provider": {"job": {"spec": {}}}});
    cluster.add_analysis_template("works", json!({"metrics": [metric]}));
    cluster
}

impl Cluster {
    pub(crate) fn promote(&mut self) {
        self.steer(|status| status.pause_conditions = None);
    }

    pub(crate) fn events(&self) -> Vec<String> {
        let text = |entry: &Entry| match entry {
            Entry::Event(event) => Some(format!("{} {}", event.reason, event.message)),
            Entry::Write(_) | Entry::Phase(..) => None,
        };
        self.log.iter().filter_map(|(_, entry)| text(entry)).collect()
    }

    pub(crate) fn active(&self) -> &str {
        let strategy = self.rollout.spec.strategy.as_ref();
        let name = strategy.and_then(|it| it.blue_green.as_ref()).map(|it| it.active_service.as_str());
        self.services.get(name.unwrap_or("app-active")).and_then(ServiceSeen::hash).unwrap_or_default()
    }

    pub(crate) fn current(&self) -> String {
        self.rollout.status.as_ref().and_then(|status| status.current_pod_hash.clone()).unwrap_or_default()
    }

    pub(crate) fn set(&self, revision: u64) -> &ReplicaSetSeen {
        let mut sets = self.replica_sets.values();
        sets.find(|seen| seen.revision() == revision).expect("a ReplicaSet of that revision")
    }

    pub(crate) fn hash(&self, revision: u64) -> String {
        self.set(revision).hash("app").unwrap_or_default().to_owned()
    }

    pub(crate) fn status(&self) -> verdigris_crds::RolloutStatus {
        self.rollout.status.clone().unwrap_or_default()
    }

    pub(crate) fn condition(&self, type_: &str) -> Option<(String, String, String)> {
        let conditions = self.status().conditions.unwrap_or_default();
        let found = conditions.into_iter().find(|condition| condition.type_ == type_)?;
        Some((found.status, found.reason, found.message))
    }

    pub(crate) fn told(&self, words: &str) -> usize {
        self.events().iter().filter(|text| text.contains(words)).count()
    }

    pub(crate) fn writes(&self) -> usize {
        self.log.iter().filter(|(_, entry)| matches!(entry, Entry::Write(_))).count()
    }

    /// Somebody edits the selector of a Service by hand.
    pub(crate) fn point_by_hand(&mut self, service: &str, hash: Option<&str>) {
        let version = self.next_version();
        let service = self.services.get_mut(service).expect("a Service");
        service.selector.remove(keys::POD_TEMPLATE_HASH);
        service.selector.extend(hash.map(|hash| (keys::POD_TEMPLATE_HASH.to_owned(), hash.to_owned())));
        service.resource_version = version;
    }

    /// A user merges fields into the spec.
    pub(crate) fn apply(&mut self, patch: &Value) {
        let mut spec = serde_json::to_value(&self.rollout.spec).expect("JSON");
        merge(&mut spec, patch);
        self.edit(|rollout| rollout.spec = serde_json::from_value(spec).expect("a spec"));
    }

    pub(crate) fn wait(&mut self, seconds: i64) {
        self.run(seconds).expect("safe and at rest");
    }

    pub(crate) fn sizes(&self) -> BTreeMap<u64, i32> {
        self.replica_sets.values().map(|seen| (seen.revision(), seen.replicas_wanted)).collect()
    }
}

fn merge(into: &mut Value, patch: &Value) {
    match (into.as_object_mut(), patch) {
        (Some(fields), Value::Object(changes)) => {
            for (key, change) in changes {
                if change.is_null() {
                    fields.remove(key);
                } else {
                    merge(fields.entry(key.clone()).or_insert(Value::Null), change);
                }
            }
        }
        _ => *into = patch.clone(),
    }
}

/// A healthy shop, version 1.
pub(crate) fn deployed(strategy: &Value) -> Cluster {
    let mut cluster = shop(strategy);
    cluster.wait(5);
    assert_eq!(cluster.phase(), ("Healthy", ""));
    cluster
}

/// Version 1 is active, version 2 has its pods and waits for what its gate asks.
pub(crate) fn updated(strategy: &Value) -> Cluster {
    let mut cluster = deployed(strategy);
    cluster.set_image("example/app:2");
    cluster.wait(3);
    cluster
}

/// Versions 1 to `newest` were promoted one after the other, and all but the newest are cold.
pub(crate) fn released(strategy: &Value, newest: u32) -> Cluster {
    let mut cluster = deployed(strategy);
    for number in 2..=newest {
        cluster.set_image(&format!("example/app:{number}"));
        cluster.wait(6);
        cluster.promote();
        cluster.wait(6);
        cluster.wait(100);
    }
    assert_eq!(cluster.active(), cluster.hash(u64::from(newest)));
    cluster
}

/// Version 2 was promoted just now, version 1 is still warm.
pub(crate) fn promoted(strategy: &Value) -> Cluster {
    let mut cluster = updated(strategy);
    cluster.promote();
    cluster.wait(1);
    assert_eq!(cluster.active(), cluster.hash(2));
    cluster
}

/// Version 2 has the traffic but is not promoted, as the peer leaves it while a post-promotion analysis runs, and
/// somebody aborts it.
pub(crate) fn aborted_after_the_switch() -> Cluster {
    let mut cluster = updated(&json!({"abortScaleDownDelaySeconds": 5}));
    let hash = cluster.hash(2);
    cluster.point_by_hand("app-active", Some(&hash));
    cluster.steer(|status| {
        status.pause_conditions = None;
        status.controller_pause = None;
        status.blue_green.get_or_insert_default().active_selector = Some(hash);
        status.abort = Some(true);
    });
    cluster
}

#[test]
fn manual_from_deploy_to_rollback() {
    let mut cluster = shop(&json!({}));
    cluster.run(5).expect("deploy");
    assert_eq!(cluster.phase(), ("Healthy", ""));
    cluster.set_image("example/app:2");
    cluster.run(5).expect("update");
    assert_eq!(cluster.phase(), ("Paused", "BlueGreenPause"));
    cluster.promote();
    cluster.run(1).expect("promote");
    assert_eq!(cluster.phase(), ("Healthy", ""));
    assert_eq!(cluster.active(), cluster.current());
    assert_eq!(cluster.sizes(), BTreeMap::from([(1, 2), (2, 2)]));
    cluster.run(10).expect("wait");
    assert_eq!(cluster.sizes(), BTreeMap::from([(1, 0), (2, 2)]));
    assert_eq!(
        cluster.events()[5..]
            .iter()
            .map(|text| text.split(' ').next().unwrap_or_default())
            .collect::<Vec<_>>(),
        [
            "SwitchService",
            "RolloutUpdated",
            "NewReplicaSetCreated",
            "ScalingReplicaSet",
            "SwitchService",
            "RolloutNotCompleted",
            "RolloutPaused",
            "SwitchService",
            "RolloutCompleted",
            "ScalingReplicaSet",
        ]
    );
}
