//! The commands of `docs/migrate.md` and `docs/upgrade.md`, as they stand there, amid an update.

use std::{path::Path, process::Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tokio::process::Command;
use verdigris_control_plane::binaries;
use verdigris_tests::{
    acting::perform,
    any_world::AnyWorld,
    facts::Snapshot,
    programs::program,
    real_world::RealWorld,
    recording::{Act, SCENARIOS},
};

use crate::taking_over::{assert_unchanged, recreate};

const MIGRATE: &str = include_str!("../../../docs/migrate.md");
const UPGRADE: &str = include_str!("../../../docs/upgrade.md");
/// Amid an update: the new version is complete and waits at its gate.
const STEP: &str = "02-paused-r2";
/// Nobody looks longer than this here.
const LOOK_SECONDS: u64 = 4;
const NAMESPACE: &str = "shop";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pages_move_an_update_on_a_real_kubernetes_here_and_back() {
    let world = RealWorld::start(71).await.unwrap();
    the_peer_instead_of_us(&world).await.unwrap();
    let scenario = &SCENARIOS[0];
    let left = recreate(&world, NAMESPACE, &scenario.recorded(STEP).unwrap()).await;

    let [look, hand_over] = blocks(MIGRATE, "From Argo Rollouts");
    let watched = versions(&world).await;
    let seen = run(
        &world,
        &format!("timeout {LOOK_SECONDS} {look} --healthzPort 0 --metricsPort 0 || test $? = 124"),
    )
    .await
    .unwrap();
    assert!(seen.contains("verdigris-controller started") && !seen.contains("differs"), "{seen}");
    assert_eq!(versions(&world).await, watched, "looking wrote something");

    run(&world, &hand_over).await.unwrap();
    assert_eq!(replicas(&world, "argo-rollouts", "argo-rollouts").await, 0);
    let client = world.real().controller_anew().await.unwrap();
    let controller = world.start_controller_as(client, Default::default());
    world.wait_seconds(LOOK_SECONDS).await;
    assert_unchanged("handed over", &left, &snapshot(&world).await);

    let [upgrade] = blocks(UPGRADE, "Upgrade Verdigris");
    let [other, restart] = split(&blocks::<1>(UPGRADE, "Two controllers at once")[0]);
    run(&world, &upgrade).await.unwrap();
    assert_unchanged("upgraded", &left, &snapshot(&world).await);
    assert!(!run(&world, &other).await.unwrap().contains("SecondController"));
    run(&world, &restart).await.unwrap();

    perform(&world, scenario, NAMESPACE, Act::Promote).await;
    world.comes_to_phase(NAMESPACE, "Healthy").await;
    perform(&world, scenario, NAMESPACE, Act::Image(3)).await;
    world.comes_to_phase(NAMESPACE, "Paused").await;
    let ours = snapshot(&world).await;
    assert_eq!(ours.versions().len(), left.versions().len() + 1, "one version, one ReplicaSet");

    let [back] = blocks(MIGRATE, "Back to Argo Rollouts");
    controller.stop().await;
    run(&world, &back).await.unwrap();
    assert_eq!(replicas(&world, "argo-rollouts", "argo-rollouts").await, 1);
    assert_eq!(replicas(&world, "verdigris", "verdigris-controller").await, 0);
    assert_unchanged("handed back", &ours, &snapshot(&world).await);
}

/// Its CRDs and a Deployment of its name, and nothing of ours.
async fn the_peer_instead_of_us(world: &RealWorld) -> Result<()> {
    let real = world.real();
    real.kubectl(&["delete", "--wait", "-f", &root().join("charts/install.yaml").to_string_lossy()]).await?;
    let peers = root().join("tests/fixtures/peer/api");
    for kind in ["rollout", "experiment", "analysis-run", "analysis-template", "cluster-analysis-template"] {
        let file = peers.join(format!("{kind}-crd.json"));
        real.kubectl(&["apply", "--server-side", "-f", &file.to_string_lossy()]).await?;
    }
    real.kubectl(&["wait", "--for=condition=Established", "crd/rollouts.argoproj.io", "--timeout=30s"])
        .await?;
    let labels = json!({"app.kubernetes.io/name": "argo-rollouts"});
    let pod = json!({"metadata": {"labels": labels}, "spec": {"containers": [{"name": "argo-rollouts", "image": "x"}]}});
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "argo-rollouts", "namespace": "argo-rollouts"},
        "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": pod}});
    world.create_namespace("argo-rollouts").await;
    world.create(&deployment).await.map(drop).map_err(|answer| anyhow::anyhow!("{answer}"))
}

/// The blocks of commands under a heading.
fn blocks<const N: usize>(page: &str, heading: &str) -> [String; N] {
    let (_, section) = page.split_once(&format!("\n## {heading}\n")).expect("the heading");
    let section = section.split("\n## ").next().unwrap_or_default();
    let blocks = section.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let blocks: Vec<String> = blocks.map(|block| block.trim().to_owned()).collect();
    blocks.try_into().unwrap_or_else(|blocks| panic!("{heading}: other blocks than expected: {blocks:#?}"))
}

/// A block's two lines.
fn split(block: &str) -> [String; 2] {
    let lines: Vec<String> = block.lines().map(str::to_owned).collect();
    lines.try_into().expect("two lines")
}

/// Runs commands as a user does who stands in the repository, and gives what they said.
async fn run(world: &RealWorld, commands: &str) -> Result<String> {
    let mut path = vec![folder_of(&program("verdigris-controller")), folder_of(&binaries::find("kubectl")?)];
    path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", commands])
        .current_dir(root())
        .env("PATH", std::env::join_paths(path)?)
        .env("KUBECONFIG", world.real().plane().kubeconfig())
        .env("KUBECACHEDIR", world.real().folder().join("kubectl-cache"))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .context("starting bash")?;
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{commands}:\n{said}");
    Ok(said)
}

fn folder_of(program: &Path) -> std::path::PathBuf {
    program.parent().map(Path::to_path_buf).unwrap_or_default()
}

fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the repository")
}

async fn snapshot(world: &RealWorld) -> Snapshot {
    world.snapshot(NAMESPACE, "app").await
}

/// The resource versions of the Rollout, its ReplicaSets and its Services.
async fn versions(world: &RealWorld) -> Vec<Value> {
    let seen = snapshot(world).await;
    let objects = [&seen.rollout].into_iter().chain(&seen.replica_sets).chain(&seen.services);
    objects.map(|object| object["metadata"]["resourceVersion"].clone()).collect()
}

async fn replicas(world: &RealWorld, namespace: &str, name: &str) -> i64 {
    let path = format!("/apis/apps/v1/namespaces/{namespace}/deployments/{name}");
    world.get(&path).await["spec"]["replicas"].as_i64().unwrap_or(-1)
}
