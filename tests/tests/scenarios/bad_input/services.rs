//! Broken Services, beside a good Rollout that names them.

use futures::future::join_all;
use serde_json::{Value, json};
use verdigris_tests::{any_world::AnyWorld, real_world::RealWorld, world::World};

use super::{condition, rollout, says_all, service, within};

/// What is broken, the change that breaks the Service, the one that mends it, and what the condition says.
type Case = (&'static str, Value, Value, &'static [&'static str]);

/// All of them.
pub(super) fn cases() -> Vec<Case> {
    vec![
        (
            "a label that the template lacks",
            json!({"spec": {"selector": {"app": "shop", "tier": "web"}}}),
            json!({"spec": {"selector": {"tier": null}}}),
            &["Service \"shop-active\"", "unmatch label \"tier\""],
        ),
        (
            "a label with another value",
            json!({"spec": {"selector": {"app": "shoop"}}}),
            json!({"spec": {"selector": {"app": "shop"}}}),
            &["Service \"shop-active\"", "unmatch label \"app\""],
        ),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_broken_service_is_named_and_the_rollout_goes_on_the_moment_it_is_mended() {
    for case in cases() {
        let mut world = World::with_cluster(8).await;
        world.start_controller();
        breaks(&world, "default", &case).await;
        // Long enough for any back-off to have grown to its ceiling: recovery must not wait for one.
        world.wait_seconds(120).await;
        mends(&world, "default", &case).await;
        world.wait_milliseconds(900).await;
        is_mended(&world, "default").await.expect(case.0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_service_is_named_and_mended_on_a_real_kubernetes() {
    let world = RealWorld::start(8).await.unwrap();
    let _controller = world.start_controller();
    let cases = cases();
    let play = async |(number, case)| {
        let namespace = format!("service-{number}");
        world.create_namespace(&namespace).await;
        breaks(&world, &namespace, case).await;
        mends(&world, &namespace, case).await;
        world.comes_to(async || is_mended(&world, &namespace).await).await.expect(case.0);
    };
    join_all(cases.iter().enumerate().map(play)).await;
    world.real().nothing_was_refused().unwrap();
}

async fn breaks(world: &impl AnyWorld, namespace: &str, (name, broken, _, says): &Case) {
    for object in
        [service("shop-active", broken.clone()), service("shop-preview", json!({})), rollout(json!({}))]
    {
        world.create(&within(namespace, &object)).await.expect(name);
    }
    let named = async || {
        let rollout = world.get_rollout(namespace, "shop").await;
        says_all(&condition(&rollout, "InvalidSpec")["message"], says)
    };
    world.comes_to(named).await.expect(name);
}

async fn mends(world: &impl AnyWorld, namespace: &str, (name, _, mended, _): &Case) {
    let path = format!("/api/v1/namespaces/{namespace}/services/shop-active");
    world.merge(&path, mended).await.expect(name);
}

async fn is_mended(world: &impl AnyWorld, namespace: &str) -> Result<(), String> {
    let rollout = world.get_rollout(namespace, "shop").await;
    let good = condition(&rollout, "InvalidSpec").is_null() && rollout["status"]["phase"] == "Healthy";
    if good { Ok(()) } else { Err(rollout["status"].to_string()) }
}
