//! `spec.workloadRef`: watched where it is referenced, and only there.

use http::Method;
use serde_json::{Value, json};

use crate::{
    wire::Fate,
    world::{World, rollout},
};

const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";

fn create_deployment(world: &World, name: &str) {
    let template = rollout(name)["spec"]["template"].clone();
    let deployment = json!({"metadata": {"name": name},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": name}}, "template": template}});
    world.server.ask(Method::POST, DEPLOYMENTS, &deployment).unwrap();
}

fn referencing(name: &str) -> Value {
    let mut rollout = rollout(name);
    rollout["spec"]["template"] = Value::Null;
    rollout["spec"]["selector"] = Value::Null;
    rollout["spec"]["workloadRef"] =
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": name, "scaleDown": "onsuccess"});
    rollout
}

fn deployment(world: &World, name: &str) -> Value {
    world.server.ask(Method::GET, &format!("{DEPLOYMENTS}/{name}"), &Value::Null).unwrap()
}

fn message(world: &World, name: &str) -> String {
    world.rollout(name)["status"]["message"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_deployment_is_migrated_and_updates_come_through_it() {
    let world = World::new();
    let controller = world.start();
    create_deployment(&world, "app");
    world.create_services("app");
    world.create(&referencing("app"));
    world.until_phase("app", "Healthy").await;
    world.until("the Deployment is at 0", |world| deployment(world, "app")["spec"]["replicas"] == 0).await;
    let image = json!([{"name": "app", "image": "example/app:2"}]);
    let change = json!({"spec": {"template": {"spec": {"containers": image}}}});
    world.server.ask(Method::PATCH, &format!("{DEPLOYMENTS}/app"), &change).unwrap();
    world.until_phase("app", "Paused").await;
    world.promote("app");
    world.until_phase("app", "Healthy").await;
    world.pass(120).await;
    let seen = world.rollout("app");
    let generation = deployment(&world, "app")["metadata"]["generation"].to_string();
    assert_eq!(seen["metadata"]["annotations"]["rollout.argoproj.io/workload-generation"], json!(generation));
    assert_eq!(seen["status"]["workloadObservedGeneration"], json!(generation));
    assert!(seen["spec"].get("template").is_none() && seen["spec"].get("selector").is_none(), "{seen}");
    assert_eq!(controller.counters.writes.scale_workload.get(), 1);
    let passes = controller.counters.passes.get();
    let status = json!({"status": {"observedGeneration": 3}});
    world.server.ask(Method::PATCH, &format!("{DEPLOYMENTS}/app/status"), &status).unwrap();
    world.pass(5).await;
    assert_eq!(controller.counters.passes.get(), passes, "its status concerns nobody");
}

#[tokio::test(start_paused = true)]
async fn a_deployment_that_is_missing_is_waited_for_without_asking() {
    let world = World::new();
    let _controller = world.start();
    world.create_services("app");
    world.create(&referencing("app"));
    world.until_phase("app", "Degraded").await;
    assert!(
        message(&world, "app").contains("deployments.apps \"app\" not found"),
        "{}",
        message(&world, "app")
    );
    world.pass(5).await;
    let calls = world.wire.calls().len();
    world.pass(200).await;
    let later = world.wire.calls();
    let asked = later[calls..].iter().filter(|call| call.path.contains("/deployments/app")).count();
    assert_eq!(asked, 0, "nothing is polled");
    create_deployment(&world, "app");
    world.until_phase("app", "Healthy").await;
}

#[tokio::test(start_paused = true)]
async fn deployments_that_may_not_be_read_concern_only_who_references_them() {
    let world = World::new();
    world.wire.judge(|call| {
        if call.path.contains("/deployments") { Fate::Answer(403, "Forbidden") } else { Fate::Deliver }
    });
    let controller = world.start();
    create_deployment(&world, "app");
    world.create_services("app");
    world.create(&referencing("app"));
    world.deploy("other");
    world.until_phase("other", "Healthy").await;
    world.until_phase("app", "Degraded").await;
    assert!(message(&world, "app").contains("deployments.apps cannot be read"), "{}", message(&world, "app"));
    assert_eq!(controller.counters.panics.get(), 0);
    world.wire.judge(|_| Fate::Deliver);
    world.until_phase("app", "Healthy").await;
}

#[tokio::test(start_paused = true)]
async fn without_the_right_to_scale_everything_else_goes_on() {
    let world = World::new();
    world.wire.judge(|call| {
        if call.path.contains("/scale") { Fate::Answer(403, "Forbidden") } else { Fate::Deliver }
    });
    let _controller = world.start();
    create_deployment(&world, "app");
    world.create_services("app");
    world.create(&referencing("app"));
    world.until_phase("app", "Healthy").await;
    world.until("it is told", |world| world.condition("app", "verdigris.dev/WriteRefused").is_some()).await;
    let image = json!([{"name": "app", "image": "example/app:2"}]);
    let change = json!({"spec": {"template": {"spec": {"containers": image}}}});
    world.server.ask(Method::PATCH, &format!("{DEPLOYMENTS}/app"), &change).unwrap();
    world.until_phase("app", "Paused").await;
    assert_eq!(deployment(&world, "app")["spec"]["replicas"], 2);
}

#[tokio::test(start_paused = true)]
async fn nobody_references_anything_so_nothing_of_it_is_watched() {
    let world = World::new();
    let _controller = world.start();
    world.deploy("app");
    world.until_phase("app", "Healthy").await;
    let calls = world.wire.calls();
    assert!(!calls.iter().any(|call| call.path.contains("/deployments")));
}
