//! Another controller on our Rollouts.

use http::Method;
use serde_json::{Value, json};
use verdigris_controller::{Options, rules::Rules};

use crate::world::World;

const STATUS: &str = "/apis/argoproj.io/v1alpha1/namespaces/default/rollouts/app/status";

/// Somebody writes the conditions as a controller would.
fn write_as(world: &World, manager: &str, message: &str) {
    let condition = json!({"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated", "message": message,
        "lastUpdateTime": "2026-11-21T08:00:00Z", "lastTransitionTime": "2026-11-21T08:00:00Z"});
    let body = json!({"status": {"conditions": [condition]}});
    world.server.ask(Method::PATCH, &format!("{STATUS}?fieldManager={manager}"), &body).unwrap();
}

fn warnings(world: &World) -> Vec<(String, i64)> {
    let events = world.events().into_iter().filter(|(reason, ..)| reason == "SecondController");
    events.map(|(_, message, count)| (message, count)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_second_controller_is_noticed_and_the_rollout_left_to_it() {
    let world = World::new();
    let ours = world.start();
    world.deploy("app");
    world.deploy("other");
    world.until_phase("app", "Healthy").await;
    for message in ["the peer's first", "the peer's second"] {
        world.pass(5).await;
        write_as(&world, "rollouts-controller", message);
    }
    world.until("it is said", |world| !warnings(world).is_empty()).await;
    assert_eq!(ours.counters.rivals.get(), 1);
    let before = world.wire.writes().len();
    world.set_image("app", "example/app:2");
    write_as(&world, "rollouts-controller", "the peer's third");
    world.pass(1200).await;
    assert_eq!(world.wire.writes().len(), before, "nothing is written for it any more");
    assert_eq!(warnings(&world).len(), 1);
    assert!(warnings(&world)[0].0.contains("'rollouts-controller'") && warnings(&world)[0].1 == 1);
    world.update("other", "example/app:2").await;
}

#[tokio::test(start_paused = true)]
async fn one_edit_by_hand_is_put_right_and_makes_no_controller() {
    let world = World::new();
    let ours = world.start();
    world.deploy("app");
    world.until_phase("app", "Healthy").await;
    world.pass(5).await;
    write_as(&world, "kubectl-edit", "by hand");
    world.pass(60).await;
    assert_eq!(ours.counters.rivals.get(), 0);
    world.update("app", "example/app:2").await;
}

#[tokio::test(start_paused = true)]
async fn whoever_wrote_before_we_came_is_whom_we_take_over_from() {
    let world = World::new();
    let before = world.start();
    world.deploy("app");
    world.until_phase("app", "Healthy").await;
    drop(before);
    for message in ["while nobody else was there", "and again"] {
        write_as(&world, "rollouts-controller", message);
        world.pass(5).await;
    }
    let ours = world.start();
    world.update("app", "example/app:2").await;
    assert_eq!((ours.counters.rivals.get(), warnings(&world)), (0, Vec::<(String, i64)>::new()));
    assert_ne!(
        world.condition("app", "Progressing").map(|it| it["message"].clone()),
        Some(Value::from("and again"))
    );
}

#[tokio::test(start_paused = true)]
async fn two_installations_of_ours_are_noticed_and_updates_go_on() {
    let world = World::new();
    let installed = |place: &str| Options { installed_in: Some(place.to_owned()), ..Options::default() };
    let one = world.start_with(installed("verdigris"), Rules::default());
    let two = world.start_with(installed("other"), Rules::default());
    world.deploy("app");
    world.until_phase("app", "Healthy").await;
    for version in 2..6 {
        world.pass(5).await;
        world.update("app", &format!("example/app:{version}")).await;
    }
    let told = warnings(&world);
    assert_eq!(one.counters.rivals.get() + two.counters.rivals.get(), told.len() as u64);
    assert!(
        !told.is_empty() && told.iter().all(|(text, _)| text.contains("Stop one of the two")),
        "{told:?}"
    );
}
