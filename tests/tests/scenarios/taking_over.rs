//! Our controller takes over from the peer at any step of its recordings: nothing changes by that alone.

use futures::{StreamExt, stream};
use jiff::Timestamp;
use serde_json::{Value, json};
use verdigris_crds::keys;
use verdigris_tests::{
    any_world::AnyWorld,
    facts::Snapshot,
    fuse::Fuse,
    real_world::RealWorld,
    recording::{SCENARIOS, last_time, moved},
    world::World,
};

/// In real time most of a step is waiting: so many at once.
const STEPS_AT_ONCE: usize = 10;
/// In real time a controller that wanted to change something has done so by then.
const LOOKS_SECONDS: u64 = 4;
/// What the peer promotes by the clock comes due while we look in real time.
const DUE_BY_THE_CLOCK: &str = "seconds/02-paused-r2";

#[tokio::test(start_paused = true)]
async fn taking_over_at_any_step_makes_no_replica_set_and_changes_no_selector() {
    for (namespace, place, recorded) in steps() {
        let mut world = World::restored(13, &recorded).await;
        let before = world.snapshot(&namespace, "app").await;
        world.start_controller();
        world.rest().await;
        assert_unchanged(&place, &before, &world.snapshot(&namespace, "app").await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn taking_over_at_any_step_on_a_real_kubernetes_changes_nothing_either() {
    let world = RealWorld::start(13).await.unwrap();
    let steps: Vec<_> = steps().into_iter().filter(|(_, place, _)| place != DUE_BY_THE_CLOCK).collect();
    let plays = steps.iter().enumerate().map(|(number, (_, place, recorded))| {
        let (world, namespace) = (&world, format!("step-{number}"));
        async move {
            let before = recreate(world, &namespace, recorded).await;
            let _controller = world.start_controller_in(&namespace, &Fuse::solid());
            world.comes_to(async || has_looked(world, &namespace)).await.expect(place);
            world.wait_seconds(LOOKS_SECONDS).await;
            assert_unchanged(place, &before, &world.snapshot(&namespace, "app").await);
        }
    });
    stream::iter(plays).buffer_unordered(STEPS_AT_ONCE).collect::<Vec<()>>().await;
    world.real().nothing_was_refused().unwrap();
}

/// Namespace, `scenario/step` and snapshot of every step.
fn steps() -> Vec<(String, String, Snapshot)> {
    let mut all = Vec::new();
    for scenario in SCENARIOS {
        for step in scenario.acts.iter().filter_map(|(_, step)| *step) {
            let recorded = scenario.recorded(step).expect("a recording");
            all.push((scenario.name.to_owned(), format!("{}/{step}", scenario.name), recorded));
        }
    }
    all
}

pub fn assert_unchanged(place: &str, before: &Snapshot, after: &Snapshot) {
    assert_eq!(after.versions(), before.versions(), "{place}: ReplicaSets");
    let selectors = |snapshot: &Snapshot| -> Vec<_> {
        snapshot.services.iter().map(|service| service["spec"]["selector"].clone()).collect()
    };
    assert_eq!(selectors(after), selectors(before), "{place}: selectors");
    let phase = |snapshot: &Snapshot| snapshot.rollout["status"]["phase"].clone();
    assert_eq!(phase(after), phase(before), "{place}: phase");
}

/// Makes the recorded objects anew, as if the peer had left them a moment ago; a real cluster gives uids and pods.
pub async fn recreate(world: &RealWorld, namespace: &str, recorded: &Snapshot) -> Snapshot {
    world.create_namespace(namespace).await;
    for service in &recorded.services {
        let spec = json!({"selector": service["spec"]["selector"], "ports": service["spec"]["ports"]});
        world.create(&bare(service, "Service", namespace, spec)).await.expect("a Service");
    }
    if let Some(deployment) = &recorded.deployment {
        let deployment = bare(deployment, "Deployment", namespace, deployment["spec"].clone());
        world.create(&deployment).await.expect("the Deployment");
    }
    let rollout = bare(&recorded.rollout, "Rollout", namespace, recorded.rollout["spec"].clone());
    let rollout = world.create(&rollout).await.expect("the Rollout");
    let recorded = up_to_date(recorded);
    let replica_sets = format!("/apis/apps/v1/namespaces/{namespace}/replicasets");
    for replica_set in &recorded.replica_sets {
        let mut made = bare(replica_set, "ReplicaSet", namespace, replica_set["spec"].clone());
        made["metadata"]["ownerReferences"] = replica_set["metadata"]["ownerReferences"].clone();
        made["metadata"]["ownerReferences"][0]["uid"] = rollout["metadata"]["uid"].clone();
        world.ask("POST", &replica_sets, "application/json", &made).await.expect("a ReplicaSet");
    }
    let pods_are_up = async || {
        let seen = world.snapshot(namespace, "app").await.replica_sets;
        let up =
            |set: &&Value| set["status"]["readyReplicas"].as_i64().unwrap_or(0) == set["spec"]["replicas"];
        let hashed = |set: &&Value| !set["metadata"]["labels"][keys::POD_TEMPLATE_HASH].is_null();
        if seen.iter().filter(hashed).filter(up).count() == recorded.replica_sets.len() {
            Ok(())
        } else {
            Err(format!("{seen:?}"))
        }
    };
    world.comes_to(pods_are_up).await.expect("the pods of the recording");
    // Once more: what ran meanwhile is time that the peer did not let pass.
    let mut status = up_to_date(&recorded).rollout["status"].clone();
    status["observedGeneration"] = rollout["metadata"]["generation"].to_string().into();
    let path = format!("/apis/argoproj.io/v1alpha1/namespaces/{namespace}/rollouts/app/status");
    world.merge(&path, &json!({"status": status})).await.expect("the Rollout's status");
    world.snapshot(namespace, "app").await
}

/// The object as its author applied it, with the annotations and labels that controllers gave it.
fn bare(object: &Value, kind: &str, namespace: &str, spec: Value) -> Value {
    let metadata = &object["metadata"];
    json!({
        "apiVersion": object["apiVersion"],
        "kind": kind,
        "metadata": {
            "name": metadata["name"],
            "namespace": namespace,
            "labels": metadata["labels"],
            "annotations": metadata["annotations"],
        },
        "spec": spec,
    })
}

#[expect(clippy::disallowed_methods, reason = "a real cluster lives in real time")]
fn up_to_date(recorded: &Snapshot) -> Snapshot {
    let last = last_time(recorded).expect("a recording speaks of times");
    moved(recorded, Timestamp::now().duration_since(last))
}

/// Whether the controller of this namespace has listed its Rollouts.
fn has_looked(world: &RealWorld, namespace: &str) -> Result<(), String> {
    let asked = world.real().asked_by_controller().map_err(|error| error.to_string())?;
    let listed = asked.iter().filter(|entry| entry.verb == "watch" && entry.resource() == "rollouts");
    let mut namespaces = listed.filter_map(|entry| entry.object_ref.as_ref()).map(|object| &object.namespace);
    if namespaces.any(|seen| seen == namespace) {
        Ok(())
    } else {
        Err("the controller does not watch yet".to_owned())
    }
}
