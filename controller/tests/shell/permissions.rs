//! Without a permission it does what it can.

use crate::{wire::Fate, world::World};

#[tokio::test(start_paused = true)]
async fn without_endpoint_slices_a_timer_decides_when_traffic_has_left() {
    let world = World::new();
    world.wire.judge(|call| {
        if call.path.contains("/endpointslices") { Fate::Answer(403, "Forbidden") } else { Fate::Deliver }
    });
    let _controller = world.start();
    world.deploy_and_update("app").await;
    let condition = world.condition("app", "verdigris.dev/TrafficSwitched").unwrap();
    assert_eq!(condition["reason"], "EndpointsNotReadable", "{condition}");
    let running = world.replica_sets().into_iter().filter(|seen| seen["spec"]["replicas"] == 2).count();
    assert_eq!(running, 1, "the old version was scaled down all the same");
}

#[tokio::test(start_paused = true)]
async fn with_them_the_slices_prove_it() {
    let world = World::new();
    let _controller = world.start();
    world.deploy_and_update("app").await;
    let condition = world.condition("app", "verdigris.dev/TrafficSwitched").unwrap();
    assert_eq!(condition["reason"], "EndpointsFollowed", "{condition}");
}

#[tokio::test(start_paused = true)]
async fn it_waits_for_the_crd() {
    let world = World::without_crd();
    let controller = world.start();
    world.pass(120).await;
    assert_eq!(controller.counters.passes.get(), 0);
    world.create_peers_crd();
    world.deploy("app");
    world.until_phase("app", "Healthy").await;
}
