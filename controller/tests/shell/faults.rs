//! Answers that are lost or late, and servers that are busy.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::{wire::Fate, world::World};

#[tokio::test(start_paused = true)]
async fn a_create_whose_answer_is_lost_makes_no_twin() {
    let world = World::new();
    let lost = AtomicBool::new(false);
    world.wire.judge(move |call| {
        let creates = call.method == "POST" && call.path.contains("/replicasets");
        if creates && !lost.swap(true, Ordering::Relaxed) { Fate::LoseAnswer } else { Fate::Deliver }
    });
    let _controller = world.start();
    world.deploy("app");
    world.until_phase("app", "Healthy").await;
    assert_eq!(world.replica_sets().len(), 1);
    assert!(world.rollout("app")["status"]["collisionCount"].is_null());
}

#[tokio::test(start_paused = true)]
async fn events_are_told_though_the_answer_to_their_status_was_lost() {
    let world = World::new();
    let lost = AtomicBool::new(false);
    world.wire.judge(move |call| {
        let completes = call.path.contains("/status") && call.body["status"]["stableRS"].is_string();
        if completes && !lost.swap(true, Ordering::Relaxed) { Fate::LoseAnswer } else { Fate::Deliver }
    });
    let _controller = world.start();
    world.deploy("app");
    world.until_phase("app", "Healthy").await;
    world.pass(10).await;
    let told: Vec<_> =
        world.events().into_iter().filter(|(reason, ..)| reason == "NewReplicaSetCreated").collect();
    assert_eq!(told.len(), 1, "{:?}", world.events());
    assert_eq!(told[0].2, 1);
}

#[tokio::test(start_paused = true)]
async fn a_busy_server_gets_rarer_requests_and_then_all_of_them() {
    let world = World::new();
    world.wire.judge(|_| Fate::Answer(503, "ServiceUnavailable"));
    let _controller = world.start();
    world.deploy("app");
    world.pass(600).await;
    let requests = world.wire.calls().len();
    // Seven watches, each backing off by itself.
    assert!((100..210).contains(&requests), "{requests} requests in ten minutes");
    world.wire.judge(|_| Fate::Deliver);
    world.until_phase("app", "Healthy").await;
}
