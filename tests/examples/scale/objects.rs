//! What is in the cluster: one Rollout that has come to rest, and copies of it.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use verdigris_tests::{
    any_world::AnyWorld,
    recording::{SCENARIOS, services},
    world::World,
};

/// How many versions it was, one after the other.
const VERSIONS: usize = 11;
/// Its name, and that of its namespace: long enough to be nothing else.
const NAME: &str = "app";
const ROLLOUT: &str = "/apis/argoproj.io/v1alpha1/namespaces/scale/rollouts/app";

/// A Rollout and all that belongs to it, as JSON.
pub struct AtRest(Vec<String>);

/// Makes it: a first version, ten updates, each promoted, and the rest after the last.
pub fn one_at_rest() -> Result<AtRest> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build()?;
    runtime.block_on(async {
        let mut world = World::with_cluster(1).await;
        world.start_controller();
        world.create_namespace("scale").await;
        let mut rollout = SCENARIOS[0].rollout()?;
        rollout["metadata"]["namespace"] = "scale".into();
        for object in services("scale").iter().chain([&rollout]) {
            world.create(object).await.map_err(|answer| anyhow::anyhow!("{answer}"))?;
        }
        world.rest().await;
        for version in 2..=VERSIONS {
            let mut template = rollout["spec"]["template"].clone();
            template["spec"]["containers"][0]["image"] = format!("example/app:{version}").into();
            let steps = [
                (ROLLOUT.to_owned(), json!({"spec": {"template": template}})),
                (format!("{ROLLOUT}/status"), json!({"status": {"pauseConditions": null}})),
            ];
            for (path, change) in steps {
                world.merge(&path, &change).await.map_err(|answer| anyhow::anyhow!("{answer}"))?;
                world.rest().await;
            }
            // The old version is kept for a while, and then goes.
            world.wait_seconds(60).await;
            world.rest().await;
        }
        let lists = [
            ("argoproj.io/v1alpha1", "Rollout", "/apis/argoproj.io/v1alpha1/namespaces/scale/rollouts"),
            ("apps/v1", "ReplicaSet", "/apis/apps/v1/namespaces/scale/replicasets"),
            ("v1", "Service", "/api/v1/namespaces/scale/services"),
            (
                "discovery.k8s.io/v1",
                "EndpointSlice",
                "/apis/discovery.k8s.io/v1/namespaces/scale/endpointslices",
            ),
        ];
        let mut objects = Vec::new();
        for (version, kind, path) in lists {
            let listed = world.get(path).await;
            for mut object in listed["items"].as_array().context("a list")?.iter().cloned() {
                object["apiVersion"] = version.into();
                object["kind"] = kind.into();
                objects.push(object.to_string());
            }
        }
        Ok(AtRest(objects))
    })
}

impl AtRest {
    /// How many objects it is.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// It once more, in a namespace of its own, with UIDs of its own.
    pub fn copy(&self, number: usize) -> Vec<Value> {
        let namespace = format!("\"namespace\":\"{NAME}-{number}\"");
        let copies = self.0.iter().map(|text| {
            let mut copy: Value = serde_json::from_str(&text.replace("\"namespace\":\"scale\"", &namespace))
                .unwrap_or_default();
            renumber(&mut copy, number);
            copy
        });
        copies.collect()
    }
}

/// Gives every UID in it another one, the same for the same.
fn renumber(value: &mut Value, number: usize) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match value {
                    Value::String(text) if key == "uid" => *text = format!("{text}-{number}"),
                    other => renumber(other, number),
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|value| renumber(value, number)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A ReplicaSet of somebody's Deployment.
pub fn foreign(number: usize) -> Value {
    let labels = json!({"app": format!("other-{number}"), "pod-template-hash": "5d4f8c7b9"});
    json!({
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {"name": format!("other-{number}-5d4f8c7b9"), "namespace": "default", "uid": format!("foreign-{number}"),
            "generation": 1, "creationTimestamp": "2026-11-21T08:00:00Z", "labels": labels},
        "spec": {"replicas": 1, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": "example/other:1"}]}}},
        "status": {"replicas": 1, "readyReplicas": 1, "availableReplicas": 1, "observedGeneration": 1},
    })
}

/// The Lease of a leader that is silent for an hour: who takes part in the election stands by.
pub fn lease_of_another() -> Value {
    json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "argo-rollouts-controller-lock", "namespace": "default", "uid": "lease",
            "creationTimestamp": "2026-11-21T08:00:00Z"},
        "spec": {"holderIdentity": "another", "leaseDurationSeconds": 3600, "leaseTransitions": 0,
            "acquireTime": "2026-11-21T08:00:00.000000Z", "renewTime": "2026-11-21T08:00:00.000000Z"},
    })
}
