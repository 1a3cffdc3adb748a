//! Whose Rollout, whose ReplicaSet.

use http::Method;
use serde_json::{Value, json};
use verdigris_controller::{Options, rules::Rules};

use crate::world::{World, rollout};

const REPLICA_SETS: &str = "/apis/apps/v1/namespaces/default/replicasets";

fn owners(replica_set: &Value) -> Vec<&str> {
    let owners = replica_set["metadata"]["ownerReferences"].as_array().into_iter().flatten();
    owners.filter_map(|owner| owner["uid"].as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn controllers_with_and_without_an_id_leave_each_others_rollouts_alone() {
    let world = World::new();
    let blue = Options { instance_id: Some("blue".into()), ..Options::default() };
    let blue = world.start_with(blue, Rules::default());
    world.create_services("theirs");
    let mut theirs = rollout("theirs");
    theirs["metadata"]["labels"] = json!({"argo-rollouts.argoproj.io/controller-instance-id": "blue"});
    world.create(&theirs);
    world.deploy("ours");
    world.until_phase("theirs", "Healthy").await;
    world.pass(60).await;
    assert_eq!(world.phase("ours"), "");
    drop(blue);
    let none = world.start();
    world.until_phase("ours", "Healthy").await;
    world.set_image("theirs", "example/app:2");
    world.pass(60).await;
    assert_eq!(world.replica_sets().len(), 2, "the one without an id touches nothing of the one with");
    assert_eq!(none.counters.writes.create_replica_set.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn orphans_of_a_deleted_rollout_are_adopted_by_one_that_selects_them_and_not_made_again() {
    let world = World::new();
    let _controller = world.start();
    world.deploy("app");
    world.until_phase("app", "Healthy").await;
    let name = world.replica_sets()[0]["metadata"]["name"].as_str().unwrap().to_owned();
    let rollouts = "/apis/argoproj.io/v1alpha1/namespaces/default/rollouts/app";
    world.server.ask(Method::DELETE, &format!("{rollouts}?propagationPolicy=Orphan"), &Value::Null).unwrap();
    // What the garbage collector does for that policy.
    let orphan = json!({"metadata": {"ownerReferences": null}});
    world.server.ask(Method::PATCH, &format!("{REPLICA_SETS}/{name}"), &orphan).unwrap();
    // The server keeps the Rollout until the collector says that it is done.
    let done = json!({"metadata": {"finalizers": null}});
    let _ = world.server.ask(Method::PATCH, rollouts, &done);
    world.create(&rollout("app"));
    world.until_phase("app", "Healthy").await;
    let replica_sets = world.replica_sets();
    assert_eq!(replica_sets.len(), 1);
    assert_eq!(owners(&replica_sets[0]), [world.rollout("app")["metadata"]["uid"].as_str().unwrap()]);
}

#[tokio::test(start_paused = true)]
async fn a_replica_set_that_the_selector_no_longer_matches_is_let_go() {
    let world = World::new();
    let _controller = world.start();
    world.deploy_and_update("app").await;
    let replica_sets = world.replica_sets();
    let old = replica_sets.iter().find(|seen| seen["spec"]["replicas"] == 0).unwrap();
    let path = format!("{REPLICA_SETS}/{}", old["metadata"]["name"].as_str().unwrap());
    let relabelled = json!({"metadata": {"labels": {"app": "another"}}});
    world.server.ask(Method::PATCH, &path, &relabelled).unwrap();
    world.pass(10).await;
    assert!(owners(&world.server.ask(Method::GET, &path, &Value::Null).unwrap()).is_empty());
    assert_eq!(world.phase("app"), "Healthy");
}
