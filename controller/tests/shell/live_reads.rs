//! Dangerous writes are decided on live reads, and nothing else is.

use http::Method;
use serde_json::{Value, json};

use crate::{
    wire::Call,
    world::{World, listed},
};

/// What was read after the last write before the one that `is_dangerous`.
fn reads_before(calls: &[Call], is_dangerous: impl Fn(&Call) -> bool) -> Vec<String> {
    let at =
        calls.iter().rposition(is_dangerous).unwrap_or_else(|| panic!("no such write in\n{}", listed(calls)));
    let reads = calls[..at].iter().rev().take_while(|call| call.method == "GET");
    reads
        .map(|call| {
            call.path.split('?').next().unwrap_or_default().rsplit('/').next().unwrap_or_default().to_owned()
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn the_switch_and_the_scale_down_are_decided_on_what_was_read_just_before() {
    let world = World::new();
    let _controller = world.start();
    world.deploy_and_update("app").await;
    let calls: Vec<_> =
        world.wire.calls().into_iter().filter(|call| !call.path.contains("/events")).collect();
    let switch =
        reads_before(&calls, |call| call.method == "PATCH" && call.path.contains("/services/app-active"));
    let mut switch = switch;
    switch.sort();
    assert_eq!(
        switch,
        ["app", "replicasets"],
        "the Service's own version, which the write names, is proof enough"
    );
    let scale_down = reads_before(&calls, |call| call.body["spec"]["replicas"] == 0);
    for read in ["app", "app-active", "replicasets", "endpointslices", "pods"] {
        assert!(scale_down.iter().any(|path| path == read), "{read} not in {scale_down:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_rollout_at_rest_reads_nothing() {
    let world = World::new();
    let controller = world.start();
    world.deploy_and_update("app").await;
    let (calls, passes) = (world.wire.calls().len(), controller.counters.passes.get());
    world.pass(3600).await;
    assert_eq!(world.wire.calls().len(), calls, "{}", listed(&world.wire.calls()[calls..]));
    assert!(controller.counters.passes.get() <= passes + 13, "more than the resyncs");
}

#[tokio::test(start_paused = true)]
async fn the_same_template_with_the_servers_defaults_written_out_makes_no_second_replica_set() {
    let world = World::new();
    let _controller = world.start();
    world.deploy("app");
    world.until_phase("app", "Healthy").await;
    let mut template = world.replica_sets()[0]["spec"]["template"].clone();
    template["metadata"]["labels"] = json!({"app": "app"});
    assert_eq!(template["spec"]["restartPolicy"], "Always", "the server defaults templates");
    // As `undo` does: the whole template in the form that the server keeps.
    let path = "/apis/argoproj.io/v1alpha1/namespaces/default/rollouts/app";
    world.server.ask(Method::PATCH, path, &json!({"spec": {"template": template}})).unwrap();
    world.pass(60).await;
    assert_eq!(world.replica_sets().len(), 1);
    assert_eq!(world.phase("app"), "Healthy");
    let dry_runs = world.wire.calls().into_iter().filter(|call| call.path.contains("dryRun=All")).count();
    assert_eq!(dry_runs, 1);
    assert_ne!(world.rollout("app")["status"]["currentPodHash"], Value::Null);
}
