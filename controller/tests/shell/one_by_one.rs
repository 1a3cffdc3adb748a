//! What is wrong with one Rollout is its own affair.

use std::sync::Arc;

use serde_json::{Value, json};
use verdigris_controller::{Options, rules::Rules};

use crate::world::{World, rollout};

/// A CRD that checks nothing.
fn lax_crd() -> Value {
    let anything =
        json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "rollouts.argoproj.io"},
        "spec": {
            "group": "argoproj.io",
            "scope": "Namespaced",
            "names": {"kind": "Rollout", "listKind": "RolloutList", "plural": "rollouts", "singular": "rollout"},
            "versions": [{"name": "v1alpha1", "served": true, "storage": true, "subresources": {"status": {}},
                "schema": anything}],
        },
    })
}

#[tokio::test(start_paused = true)]
async fn one_that_does_not_decode_is_told_which_field_and_the_others_go_on() {
    let world = World::with_crd(&lax_crd());
    let mut bad = rollout("bad");
    bad["spec"]["replicas"] = json!("2");
    world.create(&bad);
    let controller = world.start();
    world.deploy("good");
    world.until_phase("good", "Healthy").await;
    let condition = world.condition("bad", "InvalidSpec").unwrap();
    assert_eq!(
        condition["message"],
        "The Rollout \"bad\" is invalid: spec.replicas: found string \"2\", expected a whole number"
    );
    assert_eq!(world.phase("bad"), "Degraded");
    let writes = world.wire.writes().len();
    world.pass(1800).await;
    assert_eq!(world.wire.writes().len(), writes, "told once");
    assert!(controller.counters.undecodable.get() > 1);

    world.create_services("bad");
    world.patch("bad", &json!({"spec": {"replicas": 2}}));
    world.until_phase("bad", "Healthy").await;
    assert_eq!(world.condition("bad", "InvalidSpec"), None);
}

#[tokio::test(start_paused = true)]
async fn a_panic_ends_one_pass_and_backs_that_rollout_off() {
    let world = World::new();
    let rules = Rules {
        decide: Arc::new(|observed, now| {
            assert!(observed.name() != "cursed", "the curse");
            verdigris_core::decide(observed, now)
        }),
        ..Rules::default()
    };
    let controller = world.start_with(Options::default(), rules);
    world.deploy("cursed");
    world.deploy("app");
    world.until_phase("app", "Healthy").await;
    world.pass(600).await;
    let panics = controller.counters.panics.get();
    assert!((10..80).contains(&panics), "{panics} panics in ten minutes");
    world.update("app", "example/app:2").await;
}
