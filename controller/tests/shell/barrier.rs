//! Nothing is decided on a cache that does not show our own last writes.

use std::time::Duration;

use serde_json::json;

use crate::world::{World, listed};

#[tokio::test(start_paused = true)]
async fn late_watches_make_it_wait_not_write_twice() {
    let world = World::new();
    let controller = world.start();
    world.wire.delay_watches(Duration::from_secs(2));
    world.deploy_and_update("app").await;
    assert!(controller.counters.waits_for_cache.get() > 0);
    assert_eq!(controller.counters.releases_by_live_read.get(), 0);
    assert_eq!(world.replica_sets().len(), 2);
    let creates = world.wire.writes().into_iter().filter(|call| call.method == "POST").count();
    assert_eq!(creates, 2, "{}", listed(&world.wire.writes()));
}

#[tokio::test(start_paused = true)]
async fn what_the_watch_swallows_is_read_live_after_a_bound() {
    let world = World::new();
    let controller = world.start();
    world.wire.censor(|event| event["object"]["kind"] != "ReplicaSet");
    world.deploy("app");
    world.until("a ReplicaSet", |world| !world.replica_sets().is_empty()).await;
    let created = world.now();
    world
        .until("a live read", |_| {
            controller.counters.releases_by_live_read.get() > 0 || controller.counters.passes.get() > 1
        })
        .await;
    let waited = world.now().duration_since(created).as_secs_f64();
    assert!((4.9..6.0).contains(&waited), "waited {waited} s");
    let gets = world
        .wire
        .calls()
        .into_iter()
        .filter(|call| call.method == "GET" && call.path.contains("/replicasets/app-"))
        .count();
    assert_eq!(gets, 1, "{}", listed(&world.wire.calls()));
    assert_eq!(world.replica_sets().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_replica_set_that_loses_its_label_just_after_a_write_stops_nothing() {
    let world = World::new();
    let controller = world.start();
    world.deploy("app");
    world.until_phase("app", "Healthy").await;
    // Somebody takes the label that the watch selects by off the ReplicaSet, and the deletion that the watch shows for it is
    // lost on the way.
    world.wire.censor(|event| !(event["type"] == "DELETED" && event["object"]["kind"] == "ReplicaSet"));
    let name = world.replica_sets()[0]["metadata"]["name"].as_str().unwrap().to_owned();
    let path = format!("/apis/apps/v1/namespaces/default/replicasets/{name}");
    let label_off = json!({"metadata": {"labels": {"rollouts-pod-template-hash": null}}});
    world.server.ask(http::Method::PATCH, &path, &label_off).unwrap();
    world.patch("app", &json!({"spec": {"replicas": 3}}));
    world.pass(60).await;
    assert!(controller.counters.releases_by_live_read.get() >= 1, "{}", listed(&world.wire.calls()));
    assert!(controller.counters.panics.get() == 0);
    assert_ne!(world.selected("app-active"), "");
}
