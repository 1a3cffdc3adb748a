//! AnalysisRuns and their templates, through a real API.

use serde_json::json;

use crate::{
    wire::Fate,
    world::{Running, World},
};

async fn deployed() -> (World, Running) {
    let world = World::new();
    let controller = world.start();
    world.create_template("works");
    world.deploy_analysed("app");
    world.until_phase("app", "Healthy").await;
    (world, controller)
}

/// The name of the only run.
async fn run_of(world: &World) -> String {
    world.until("a run", |world| !world.analysis_runs().is_empty()).await;
    let runs = world.analysis_runs();
    assert_eq!(runs.len(), 1, "{runs:?}");
    runs[0]["metadata"]["name"].as_str().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_run_is_made_as_the_peer_makes_it_and_its_phase_is_obeyed() {
    let (world, _controller) = deployed().await;
    world.set_image("app", "example/app:2");
    let run = run_of(&world).await;
    let hash = world.selected("app-preview");
    assert_eq!(run, format!("app-{hash}-2-pre"));
    let made = &world.analysis_runs()[0];
    assert_eq!(
        made["metadata"]["labels"],
        json!({"app": "app", "rollout-type": "PrePromotion", "rollouts-pod-template-hash": hash})
    );
    assert_eq!(made["metadata"]["annotations"]["rollout.argoproj.io/revision"], "2");
    let owner = &made["metadata"]["ownerReferences"][0];
    assert_eq!(owner["uid"], world.rollout("app")["metadata"]["uid"]);
    assert_eq!((&owner["controller"], &owner["kind"]), (&json!(true), &json!("Rollout")));
    assert_eq!(made["spec"], json!({"metrics": [{"name": "m", "provider": {"web": {"url": "http://x"}}}]}));

    world.pass(60).await;
    assert_ne!(world.selected("app-active"), hash);
    let stalled = world.condition("app", "verdigris.dev/AnalysisStalled").unwrap();
    assert_eq!(stalled["reason"], "NotMeasured", "{stalled}");

    world.set_run_phase(&run, "Running");
    world.set_run_phase(&run, "Successful");
    world.until_phase("app", "Healthy").await;
    assert_eq!(world.selected("app-active"), hash);
    assert_eq!(world.condition("app", "verdigris.dev/AnalysisStalled"), None);
}

#[tokio::test(start_paused = true)]
async fn a_promotion_reads_the_run_live() {
    let (world, _controller) = deployed().await;
    world.set_image("app", "example/app:2");
    let run = run_of(&world).await;
    let before = world.wire.calls().len();
    world.set_run_phase(&run, "Successful");
    world.until_phase("app", "Healthy").await;
    let calls = world.wire.calls();
    let reads = calls[before..].iter().filter(|call| call.method == "GET" && call.path.ends_with(&run));
    assert_eq!(reads.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_failed_run_aborts() {
    let (world, _controller) = deployed().await;
    world.set_image("app", "example/app:2");
    let run = run_of(&world).await;
    world.set_run_phase(&run, "Failed");
    world.until_phase("app", "Degraded").await;
    let message = world.rollout("app")["status"]["message"].as_str().unwrap().to_owned();
    assert!(
        message.ends_with("Blue/green pre-promotion analysis phase error/failed: as written"),
        "{message}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_abort_ends_the_run() {
    let (world, _controller) = deployed().await;
    world.set_image("app", "example/app:2");
    run_of(&world).await;
    world.patch_status("app", &json!({"abort": true}));
    world.until("the end of the run", |world| world.analysis_runs()[0]["spec"]["terminate"] == true).await;
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_deleted_is_made_again() {
    let (world, _controller) = deployed().await;
    world.set_image("app", "example/app:2");
    let run = run_of(&world).await;
    let uid = world.analysis_runs()[0]["metadata"]["uid"].clone();
    world.delete_run(&run);
    world
        .until("another run", |world| {
            world.analysis_runs().first().is_some_and(|made| made["metadata"]["uid"] != uid)
        })
        .await;
    assert_eq!(run_of(&world).await, run);
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_creation_was_not_answered_has_no_twin() {
    let (world, _controller) = deployed().await;
    let lost = std::sync::atomic::AtomicBool::new(false);
    world.wire.judge(move |call| {
        let creates = call.method == "POST" && call.path.contains("/analysisruns");
        let first = creates && !lost.swap(true, std::sync::atomic::Ordering::Relaxed);
        if first { Fate::LoseAnswer } else { Fate::Deliver }
    });
    world.set_image("app", "example/app:2");
    let run = run_of(&world).await;
    world.pass(30).await;
    assert_eq!(run_of(&world).await, run);
    world.set_run_phase(&run, "Successful");
    world.until_phase("app", "Healthy").await;
}

#[tokio::test(start_paused = true)]
async fn a_name_that_a_stranger_took_is_passed_by() {
    let (world, _controller) = deployed().await;
    let hash_of_next = {
        world.set_image("app", "example/app:2");
        let run = run_of(&world).await;
        world.patch_status("app", &json!({"abort": true}));
        world.pass(1).await;
        run
    };
    world.delete_run(&hash_of_next);
    world.create_strangers_run(&hash_of_next);
    world.patch_status("app", &json!({"abort": false}));
    let second = format!("{hash_of_next}.1");
    world
        .until("another name", |world| {
            world.analysis_runs().iter().any(|run| run["metadata"]["name"] == second.as_str())
        })
        .await;
    assert_eq!(world.analysis_runs().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_template_that_comes_ends_the_mistake_at_once() {
    let world = World::new();
    let _controller = world.start();
    world.deploy_analysed("app");
    world.until_phase("app", "Degraded").await;
    world.pass(600).await;
    let calls = world.wire.calls().len();
    world.pass(600).await;
    assert_eq!(world.wire.calls().len(), calls, "no polling");
    let before = world.now();
    world.create_template("works");
    world.until_phase("app", "Healthy").await;
    assert!(world.now().duration_since(before).as_secs() < 30);
}

#[tokio::test(start_paused = true)]
async fn without_the_kinds_plain_rollouts_work_and_others_say_what_to_install() {
    let world = World::without_crd();
    world.create_peers_crd();
    let _controller = world.start();
    world.deploy("plain");
    world.until_phase("plain", "Healthy").await;
    world.update("plain", "example/app:2").await;
    world.deploy_analysed("app");
    world.until_phase("app", "Healthy").await;
    world.set_image("app", "example/app:2");
    world.pass(60).await;
    let stalled = world.condition("app", "verdigris.dev/AnalysisStalled").unwrap();
    let message = stalled["message"].as_str().unwrap();
    assert!(message.contains("install the CRD analysisruns.argoproj.io"), "{message}");
    assert_ne!(world.selected("app-active"), world.selected("app-preview"));

    world.create_analysis_crds();
    world.create_template("works");
    let run = run_of(&world).await;
    world.set_run_phase(&run, "Successful");
    world.until_phase("app", "Healthy").await;
}

#[tokio::test(start_paused = true)]
async fn without_permission_it_says_so() {
    let world = World::new();
    world.wire.judge(|call| {
        if call.path.contains("/analysisruns") { Fate::Answer(403, "Forbidden") } else { Fate::Deliver }
    });
    let _controller = world.start();
    world.create_template("works");
    world.deploy_analysed("app");
    world.until_phase("app", "Healthy").await;
    world.set_image("app", "example/app:2");
    world.pass(60).await;
    let stalled = world.condition("app", "verdigris.dev/AnalysisStalled").unwrap();
    assert_eq!(stalled["reason"], "Unreadable", "{stalled}");
    assert!(stalled["message"].as_str().unwrap().starts_with("AnalysisRuns may not be read"), "{stalled}");
}
