//! What the controller may do: exactly what `charts/` says. Every scenario on a real Kubernetes checks that it is enough; here
//! is the installation for one namespace, and the proof that the check bites.

use serde_json::{Value, json};
use verdigris_controller::Options;
use verdigris_tests::{
    any_world::AnyWorld,
    real_world::RealWorld,
    recording::{Act, SCENARIOS},
};

use crate::recordings::perform;

const ROLE: &str = "/apis/rbac.authorization.k8s.io/v1/clusterroles/verdigris-controller";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_namespace_is_enough_for_its_controller_on_a_real_kubernetes() {
    let world = RealWorld::start(29).await.unwrap();
    world.create_namespace("shop").await;
    let client = world.real().install_in("shop").await.unwrap();
    let options = Options { namespace: Some("shop".to_owned()), ..Options::default() };
    let _controller = world.start_controller_as(client, options);
    for (act, phase) in [(Act::Deploy, "Healthy"), (Act::Image(2), "Paused"), (Act::Promote, "Healthy")] {
        perform(&world, &SCENARIOS[0], "shop", act).await;
        comes_to_phase(&world, "shop", phase).await;
    }
    world.real().nothing_was_refused_from("shop").unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_right_that_is_missing_is_noticed_on_a_real_kubernetes_and_missed_only_until_it_is_given() {
    let world = RealWorld::start(31).await.unwrap();
    let rules = json!({"rules": world.get(ROLE).await["rules"]});
    let fewer: Vec<Value> =
        rules["rules"].as_array().unwrap().iter().map(without_patching_services).collect();
    world.merge(ROLE, &json!({"rules": fewer})).await.unwrap();
    let _controller = world.start_controller();
    world.create_namespace("shop").await;
    perform(&world, &SCENARIOS[0], "shop", Act::Deploy).await;
    let noticed = async || match world.real().nothing_was_refused() {
        Err(error) if error.to_string().contains("patch services") => Ok(()),
        Err(error) => Err(error.to_string()),
        Ok(()) => Err("nothing was refused".to_owned()),
    };
    world.comes_to(noticed).await.unwrap();
    world.merge(ROLE, &rules).await.unwrap();
    comes_to_phase(&world, "shop", "Healthy").await;
}

fn without_patching_services(rule: &Value) -> Value {
    let mut rule = rule.clone();
    if rule["resources"] == json!(["services"]) {
        let verbs = rule["verbs"].as_array_mut().expect("verbs");
        verbs.retain(|verb| verb != "patch");
    }
    rule
}

async fn comes_to_phase(world: &impl AnyWorld, namespace: &str, phase: &str) {
    let in_phase = async || {
        let rollout = world.get_rollout(namespace, "app").await;
        let status = &rollout["status"];
        let generation = rollout["metadata"]["generation"].to_string();
        let seen = status["observedGeneration"].as_str() == Some(&generation);
        if seen && status["phase"] == phase { Ok(()) } else { Err(status.to_string()) }
    };
    world.comes_to(in_phase).await.unwrap_or_else(|seen| panic!("{phase}: {seen}"));
}
