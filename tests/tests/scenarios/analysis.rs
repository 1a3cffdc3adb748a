//! Analyses before and after promotion, as the peer was recorded. Whoever measures them writes their phase: here the test.

use serde_json::{Value, json};
use verdigris_tests::{
    acting::perform,
    any_world::AnyWorld,
    real_world::RealWorld,
    recording::{Act, Scenario},
    world::World,
};

use crate::recordings::{same_events, same_facts};

/// An analysis before promotion that succeeds, one after it that fails.
const ANALYSIS: Scenario = Scenario {
    name: "analysis",
    acts: &[(Act::Deploy, Some("01-healthy-r1")), (Act::Wait(5), Some("05-scaled-down"))],
};

const RUNS: &str = "/apis/argoproj.io/v1alpha1/namespaces/analysis/analysisruns";

#[tokio::test(start_paused = true)]
async fn a_rollout_obeys_its_analyses_as_by_the_peer() {
    let mut world = World::with_cluster(41).await;
    world.start_controller();
    obeys(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollout_obeys_its_analyses_as_by_the_peer_on_a_real_kubernetes() {
    let world = RealWorld::start(41).await.unwrap();
    let _controller = world.start_controller();
    obeys(&world).await;
    world.real().nothing_was_refused().unwrap();
}

async fn obeys(world: &impl AnyWorld) {
    world.create_namespace("analysis").await;
    for name in ["good", "bad"] {
        let pod = json!({"restartPolicy": "Never", "containers": [{"name": "c", "image": "x"}]});
        let job = json!({"spec": {"backoffLimit": 0, "template": {"spec": pod}}});
        let metric = json!({"name": "job", "count": 1, "provider": {"job": job}});
        let template = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisTemplate",
            "metadata": {"name": name, "namespace": "analysis"}, "spec": {"metrics": [metric]}});
        world.create(&template).await.expect("a template");
    }
    perform(world, &ANALYSIS, "analysis", Act::Deploy).await;
    comes_to(world, "01-healthy-r1").await;

    perform(world, &ANALYSIS, "analysis", Act::Image(2)).await;
    let pre = run(world, "PrePromotion").await;
    write(world, &pre, &json!({"phase": "Running"})).await;
    comes_to(world, "02-pre-running").await;

    write(world, &pre, &json!({"phase": "Successful"})).await;
    let post = run(world, "PostPromotion").await;
    write(world, &post, &json!({"phase": "Running"})).await;
    comes_to(world, "03-switched-post-running").await;

    let why = "Metric \"job\" assessed Failed due to failed (1) > failureLimit (0)";
    write(world, &post, &json!({"phase": "Failed", "message": why})).await;
    comes_to(world, "04-post-failed-switched-back").await;
    perform(world, &ANALYSIS, "analysis", Act::Wait(5)).await;
    comes_to(world, "05-scaled-down").await;
    world.comes_to(async || same_events(world, &ANALYSIS).await).await.expect("the same events");
}

async fn comes_to(world: &impl AnyWorld, step: &str) {
    world.comes_to(async || same_facts(world, &ANALYSIS, step).await).await.expect("the same facts");
}

/// The name of the run of this type, once it is there.
async fn run(world: &impl AnyWorld, rollout_type: &str) -> String {
    let look = async || {
        let runs = world.get(RUNS).await["items"].as_array().cloned().unwrap_or_default();
        let found = runs.iter().find(|run| run["metadata"]["labels"]["rollout-type"] == rollout_type);
        let name = found.and_then(|run| run["metadata"]["name"].as_str());
        name.map(str::to_owned).ok_or_else(|| format!("no {rollout_type} run"))
    };
    world.comes_to(look).await.expect("the run")
}

async fn write(world: &impl AnyWorld, run: &str, status: &Value) {
    world.merge(&format!("{RUNS}/{run}"), &json!({"status": status})).await.expect("a run");
}
