//! Writes: only what differs, in the version that was seen, and never for nothing.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::{
    wire::{Call, Fate},
    world::{World, listed},
};

fn status_patches(calls: &[Call]) -> Vec<&Call> {
    calls.iter().filter(|call| call.method == "PATCH" && call.path.contains("/rollouts/app/status")).collect()
}

#[tokio::test(start_paused = true)]
async fn one_update_by_hand_ends_healthy_and_is_quiet_after_that() {
    let world = World::new();
    let _controller = world.start();
    world.deploy_and_update("app").await;
    let (writes, status) = (world.wire.writes().len(), world.rollout("app")["status"].clone());
    world.pass(3600).await;
    assert_eq!(world.wire.writes().len(), writes, "{}", listed(&world.wire.writes()[writes..]));
    assert_eq!(world.rollout("app")["status"], status);
    assert_eq!(world.selected("app-active"), world.rollout("app")["status"]["stableRS"]);
    let sizes: Vec<_> = world.replica_sets().iter().map(|seen| seen["spec"]["replicas"].clone()).collect();
    assert_eq!(sizes.iter().filter(|size| **size == 2).count(), 1, "{sizes:?}");
    assert_eq!(sizes.iter().filter(|size| **size == 0).count(), 1, "{sizes:?}");
}

#[tokio::test(start_paused = true)]
async fn no_write_changes_nothing() {
    let world = World::new();
    let _controller = world.start();
    world.deploy_and_update("app").await;
    let idle: Vec<_> = world
        .server
        .writes_since(0)
        .into_iter()
        .filter(|write| write.manager == "verdigris" && !write.changed)
        .collect();
    assert!(idle.is_empty(), "{idle:?}");
}

#[tokio::test(start_paused = true)]
async fn the_status_is_patched_in_the_version_seen_and_with_the_difference_only() {
    let world = World::new();
    let _controller = world.start();
    world.deploy_and_update("app").await;
    let calls = world.wire.writes();
    for patch in status_patches(&calls) {
        assert!(patch.body["metadata"]["resourceVersion"].is_string(), "{}", patch.body);
    }
    let last = status_patches(&calls).last().copied().cloned().unwrap();
    // The old version's pods are gone from the count, and its end is awaited no more.
    assert_eq!(
        last.body["status"].as_object().unwrap().keys().collect::<Vec<_>>(),
        ["conditions", "replicas"],
        "{}",
        last.body
    );
}

#[tokio::test(start_paused = true)]
async fn an_abort_that_comes_between_seeing_and_writing_is_never_overwritten() {
    let world = World::new();
    let controller = world.start();
    world.deploy("app");
    world.until_phase("app", "Healthy").await;
    let (server, aborted) = (world.server.clone(), AtomicBool::new(false));
    world.wire.judge(move |call| {
        let pauses = call.path.contains("/rollouts/app/status") && call.body["status"]["phase"] == "Paused";
        if pauses && !aborted.swap(true, Ordering::Relaxed) {
            let path = "/apis/argoproj.io/v1alpha1/namespaces/default/rollouts/app/status";
            server.ask(http::Method::PATCH, path, &json!({"status": {"abort": true}})).unwrap();
        }
        Fate::Deliver
    });
    world.set_image("app", "example/app:2");
    world.until_phase("app", "Degraded").await;
    let status = world.rollout("app")["status"].clone();
    assert_eq!(status["abort"], true);
    assert!(status["message"].as_str().unwrap().starts_with("RolloutAborted"), "{status}");
    assert_eq!(status["pauseConditions"], Value::Null);
    assert_eq!(controller.counters.conflicts.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_rollout_before_its_services_goes_on_the_moment_they_exist() {
    let world = World::new();
    let _controller = world.start();
    world.create(&crate::world::rollout("app"));
    world.until_phase("app", "Degraded").await;
    assert!(world.condition("app", "InvalidSpec").is_some());
    world.pass(300).await;
    let created = world.now();
    world.create_services("app");
    world.until("a ReplicaSet", |world| !world.replica_sets().is_empty()).await;
    assert!(world.now().duration_since(created).as_millis() < 10);
    world.until_phase("app", "Healthy").await;
}
