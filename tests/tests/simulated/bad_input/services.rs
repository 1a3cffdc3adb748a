//! Broken Services, beside a good Rollout that names them.

use serde_json::{Value, json};
use verdigris_tests::world::World;

use super::{condition, rollout, says_all, service};

/// What is broken, the change that breaks the Service, the one that mends it, and what the condition says.
pub(super) fn cases() -> Vec<(&'static str, Value, Value, &'static [&'static str])> {
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
        (
            "a Service that another Rollout manages",
            json!({"metadata": {"annotations": {"argo-rollouts.argoproj.io/managed-by-rollouts": "till"}}}),
            json!({"metadata": {"annotations": {"argo-rollouts.argoproj.io/managed-by-rollouts": null}}}),
            &["Service \"shop-active\"", "managed by another Rollout"],
        ),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_broken_service_is_named_and_the_rollout_goes_on_the_moment_it_is_mended() {
    for (name, broken, mended, says) in cases() {
        let mut world = World::with_cluster(8).await;
        world.create(&service("shop-active", broken)).await.expect(name);
        world.create(&service("shop-preview", json!({}))).await.expect(name);
        world.create(&rollout(json!({}))).await.expect(name);
        world.start_controller();
        world.rest().await;
        let rollout = world.get_rollout("default", "shop").await;
        says_all(&condition(&rollout, "InvalidSpec")["message"], says).expect(name);
        // Long enough for any back-off to have grown to its ceiling: recovery must not wait for one.
        world.wait_seconds(120).await;
        world.merge("/api/v1/namespaces/default/services/shop-active", &mended).await.expect(name);
        world.wait_milliseconds(900).await;
        let rollout = world.get_rollout("default", "shop").await;
        assert_eq!(condition(&rollout, "InvalidSpec"), &Value::Null, "{name}");
        assert_eq!(rollout["status"]["phase"], "Healthy", "{name}: {}", rollout["status"]);
    }
}
