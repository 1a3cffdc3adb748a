//! A control plane that breaks under a release, or under a test: what can be survived is, the rest fails in words.

use tokio::time::{Duration, Instant};
use verdigris_controller::rules::Rules;
use verdigris_tests::{
    any_world::AnyWorld,
    playing::{Playing, Server, answers},
    real_world::RealWorld,
};

/// Far less than any wait of a scenario.
const SOON: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_survives_restarts_of_the_api_of_a_real_kubernetes() {
    release_through_restarts().await.unwrap();
}

/// The API server is killed and started again while the new version comes up, and again while the promotion is under way.
async fn release_through_restarts() -> anyhow::Result<()> {
    let playing = Playing::start("restarts", Rules::default(), Server::Real).await?;
    let plane = playing.real().map(|real| real.plane()).expect("a real Kubernetes");
    playing.deploy("v1").await?;
    let load = playing.steady_load("v1").await?;
    playing.change("v2").await?;
    plane.restart_apiserver().await?;
    playing.phase("Paused").await?;
    playing.promote().await?;
    plane.restart_apiserver().await?;
    answers(&load, "v2").await?;
    playing.phase("Healthy").await?;
    // The store goes as well, and comes back with what it held.
    plane.stop_etcd();
    plane.start_etcd().await?;
    playing.change("v3").await?;
    playing.phase("Paused").await?;
    let report = load.stop().await;
    // That nothing was refused is not asked here: an API server that has just started refuses what it has not read the
    // roles for yet. The controller has to survive that as well.
    anyhow::ensure!(report.failed == 0, "{report}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scenario_whose_store_dies_on_a_real_kubernetes_fails_soon_and_says_why() {
    let world = RealWorld::start(3).await.unwrap();
    world.create_namespace("dying").await;
    world.real().plane().stop_etcd();
    let began = Instant::now();
    let waited = world.comes_to(async || Err::<(), _>("there is no Rollout yet".to_owned())).await;
    let error = waited.unwrap_err();
    assert!(error.contains("etcd was stopped"), "{error}");
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
}
