//! Services that change hands: when a Rollout goes, and when two want the same.

use http::Method;
use serde_json::{Value, json};
use verdigris_controller::{Options, rules::Rules};

use crate::{
    wire::Fate,
    world::{World, rollout},
};

const ROLLOUTS: &str = "/apis/argoproj.io/v1alpha1/namespaces/default/rollouts";
const SERVICES: &str = "/api/v1/namespaces/default/services";

/// Hash and mark of a Service.
fn marks(world: &World, service: &str) -> (Value, Value) {
    let seen = world.server.ask(Method::GET, &format!("{SERVICES}/{service}"), &Value::Null).unwrap();
    let mark = &seen["metadata"]["annotations"]["argo-rollouts.argoproj.io/managed-by-rollouts"];
    (seen["spec"]["selector"]["rollouts-pod-template-hash"].clone(), mark.clone())
}

fn delete(world: &World, name: &str) {
    world.server.ask(Method::DELETE, &format!("{ROLLOUTS}/{name}"), &Value::Null).unwrap();
}

async fn let_go(world: &World, service: &str) {
    let what = format!("{service} is let go");
    world.until(&what, |world| marks(world, service) == (Value::Null, Value::Null)).await;
}

#[tokio::test(start_paused = true)]
async fn a_rollout_that_is_deleted_leaves_no_marks() {
    let world = World::new();
    let controller = world.start();
    world.deploy("app");
    world.deploy("other");
    world.until_phase("app", "Healthy").await;
    world.until_phase("other", "Healthy").await;
    delete(&world, "app");
    let_go(&world, "app-active").await;
    let_go(&world, "app-preview").await;
    assert!(marks(&world, "other-active").0.is_string());
    assert_eq!(controller.counters.writes.release_service.get(), 2);
    world.pass(5).await;
    let calls = world.wire.calls().len();
    world.pass(200).await;
    let later = world.wire.calls();
    let asked = later[calls..].iter().filter(|call| !call.path.contains("watch=true")).count();
    assert_eq!(asked, 0, "and then there is nothing to do");
}

#[tokio::test(start_paused = true)]
async fn a_rollout_that_was_deleted_while_nobody_looked_leaves_no_marks_either() {
    let world = World::new();
    let controller = world.start();
    world.deploy("app");
    world.until_phase("app", "Healthy").await;
    drop(controller);
    delete(&world, "app");
    let _controller = world.start();
    let_go(&world, "app-active").await;
}

#[tokio::test(start_paused = true)]
async fn a_failure_in_between_is_made_good() {
    let world = World::new();
    let _controller = world.start();
    world.deploy("app");
    world.until_phase("app", "Healthy").await;
    let mut failures = 3;
    world.wire.judge(move |call| {
        let fails = call.method == "PATCH" && call.path.contains("/services/") && failures > 0;
        failures -= i32::from(fails);
        if fails { Fate::Answer(503, "ServiceUnavailable") } else { Fate::Deliver }
    });
    delete(&world, "app");
    let_go(&world, "app-active").await;
    let_go(&world, "app-preview").await;
}

#[tokio::test(start_paused = true)]
async fn what_belongs_to_another_instance_is_left_alone() {
    let world = World::new();
    let blue = Options { instance_id: Some("blue".into()), ..Options::default() };
    let blue = world.start_with(blue, Rules::default());
    world.create_services("app");
    let mut theirs = rollout("app");
    theirs["metadata"]["labels"] = json!({"argo-rollouts.argoproj.io/controller-instance-id": "blue"});
    world.create(&theirs);
    world.until_phase("app", "Healthy").await;
    drop(blue);
    let none = world.start();
    world.pass(100).await;
    assert!(marks(&world, "app-active").0.is_string(), "its Rollout is there, though not in our cache");
    assert_eq!(none.counters.writes.release_service.get(), 0);
    assert!(none.counters.passes.get() < 5, "{} passes", none.counters.passes.get());
}

#[tokio::test(start_paused = true)]
async fn of_two_rollouts_with_one_service_the_first_works_and_the_second_follows_it() {
    let world = World::new();
    let _controller = world.start();
    world.deploy("app");
    world.until_phase("app", "Healthy").await;
    let mut second = rollout("till");
    second["spec"]["strategy"]["blueGreen"]["activeService"] = "app-active".into();
    second["spec"]["strategy"]["blueGreen"]["previewService"] = Value::Null;
    second["spec"]["selector"]["matchLabels"]["app"] = "app".into();
    second["spec"]["template"]["metadata"]["labels"]["app"] = "app".into();
    world.create(&second);
    world.until_phase("till", "Degraded").await;
    let message = world.rollout("till")["status"]["message"].as_str().unwrap_or_default().to_owned();
    assert!(message.contains("managed by another Rollout; that one is \"app\""), "{message}");
    world.update("app", "example/app:2").await;
    delete(&world, "app");
    world.until_phase("till", "Healthy").await;
    assert_eq!(marks(&world, "app-active").1, "till");
}
