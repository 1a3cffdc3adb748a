//! Our controller and a real Argo Rollouts take over from each other at every step of the recorded scenarios:
//! `cargo run -p verdigris-tests --example hand_over -- PATH-OF-ROLLOUTS-CONTROLLER`. With `beside` as a second argument both run
//! at once instead. No part of `tests/run`, as building that program takes minutes.

use std::{
    any::Any,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result, bail, ensure};
use futures::{StreamExt as _, stream};
use serde_json::Value;
use verdigris_tests::{
    acting::perform,
    any_world::AnyWorld,
    facts::Snapshot,
    fuse::Fuse,
    real_world::RealWorld,
    recording::{Act, SCENARIOS, Scenario},
};

/// Whoever wants to change something after it started has done so by then.
const LOOKS_SECONDS: u64 = 6;
/// So many scenarios side by side.
const AT_ONCE: usize = 6;
/// What the peer promotes by the clock comes due while the other one looks.
const BY_THE_CLOCK: &str = "seconds";

/// Whoever works now. Dropping it ends it.
type Working = Box<dyn Any>;

struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let peer = PathBuf::from(arguments.next().context("the path of a rollouts-controller is needed")?);
    let world = RealWorld::start(73).await?;
    let experiments = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/peer/api/experiment-crd.json");
    world.real().kubectl(&["apply", "--server-side", "-f", &experiments.to_string_lossy()]).await?;
    if arguments.next().is_some() {
        return beside(&world, &peer).await;
    }
    let plays = SCENARIOS
        .iter()
        .filter(|scenario| scenario.name != BY_THE_CLOCK)
        .flat_map(|scenario| [true, false].map(|ours_first| hand_over(&world, &peer, scenario, ours_first)));
    let outcomes: Vec<Result<u32>> = stream::iter(plays).buffer_unordered(AT_ONCE).collect().await;
    let (mut hands, mut wrong) = (0, 0);
    for outcome in outcomes {
        match outcome {
            Ok(changed) => hands += changed,
            Err(error) => {
                wrong += 1;
                println!("{error:#}");
            }
        }
    }
    println!("changed hands {hands} times with nothing changed; {wrong} scenarios went wrong");
    ensure!(wrong == 0, "not as it must be");
    Ok(())
}

/// Each act is for the one who works, and after each the other one takes over.
async fn hand_over(world: &RealWorld, peer: &Path, scenario: &Scenario, ours_first: bool) -> Result<u32> {
    let namespace = format!("{}-{}", scenario.name, if ours_first { "ours" } else { "peers" });
    world.create_namespace(&namespace).await;
    let (mut ours, mut hands) = (ours_first, 0);
    let mut working = start(world, peer, &namespace, ours)?;
    for (act, step) in scenario.acts {
        perform(world, scenario, &namespace, *act).await;
        let place = format!("{namespace}/{}", step.unwrap_or("-"));
        match step {
            Some(step) => settles(world, scenario, &namespace, step).await.context(place.clone())?,
            None => world.wait_seconds(LOOKS_SECONDS).await,
        }
        if *act == Act::DeployWithoutServices {
            continue;
        }
        let before = world.snapshot(&namespace, "app").await;
        drop(working);
        ours = !ours;
        working = start(world, peer, &namespace, ours)?;
        world.wait_seconds(LOOKS_SECONDS).await;
        let after = world.snapshot(&namespace, "app").await;
        unchanged(&before, &after).with_context(|| format!("{place}, taken over by {}", who(ours)))?;
        hands += 1;
    }
    drop(working);
    Ok(hands)
}

fn who(ours: bool) -> &'static str {
    if ours { "ours" } else { "the peer" }
}

fn start(world: &RealWorld, peer: &Path, namespace: &str, ours: bool) -> Result<Working> {
    if ours {
        return Ok(Box::new(world.start_controller_in(namespace, &Fuse::solid())));
    }
    let mut command = Command::new(peer);
    command.arg("--kubeconfig").arg(world.real().plane().kubeconfig());
    command.args(["--namespaced", "--namespace", namespace, "--leader-elect=false", "--loglevel", "warn"]);
    // A port that is not used serves them all.
    command.args(["--metricsPort", "0", "--healthzPort", "0"]);
    command.env("POD_NAMESPACE", namespace).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(Box::new(Program(command.spawn().context("starting the peer's program")?)))
}

/// Waits until the phase and what serves are those of the recording.
async fn settles(world: &RealWorld, scenario: &Scenario, namespace: &str, step: &str) -> Result<()> {
    let recorded = scenario.recorded(step)?.facts();
    let names = [
        "status.phase",
        "status.currentPodHash",
        "status.activeSelector",
        "status.stableRS",
        "service.app-active.selects",
    ];
    let look = async || {
        let snapshot = world.snapshot(namespace, "app").await;
        let generation = snapshot.rollout["metadata"]["generation"].to_string();
        if snapshot.rollout["status"]["observedGeneration"] != generation {
            return Err(format!("generation {generation} is not observed"));
        }
        let seen = snapshot.facts();
        let differs = names.iter().find(|name| seen.get(**name) != recorded.get(**name));
        differs.map_or(Ok(()), |name| {
            Err(format!("{name}: {:?}, recorded {:?}", seen.get(*name), recorded.get(*name)))
        })
    };
    world.comes_to(look).await.map_err(anyhow::Error::msg)
}

fn unchanged(before: &Snapshot, after: &Snapshot) -> Result<()> {
    ensure!(
        before.versions() == after.versions(),
        "ReplicaSets: {:?}, then {:?}",
        before.versions(),
        after.versions()
    );
    let seen = |snapshot: &Snapshot| {
        let selectors: Vec<Value> =
            snapshot.services.iter().map(|it| it["spec"]["selector"].clone()).collect();
        let status = &snapshot.rollout["status"];
        (selectors, ["phase", "currentPodHash", "stableRS"].map(|field| status[field].clone()))
    };
    ensure!(seen(before) == seen(after), "{:?}, then {:?}", seen(before), seen(after));
    Ok(())
}

/// Both work on one Rollout: ours lets go of it and says so, and the other one's update goes through.
async fn beside(world: &RealWorld, peer: &Path) -> Result<()> {
    let (scenario, namespace) = (&SCENARIOS[0], "beside");
    world.create_namespace(namespace).await;
    let _peer = start(world, peer, namespace, false)?;
    let _ours = world.start_controller();
    perform(world, scenario, namespace, Act::Deploy).await;
    for number in 2..8 {
        world.wait_seconds(LOOKS_SECONDS).await;
        perform(world, scenario, namespace, Act::Image(number)).await;
        world.wait_seconds(LOOKS_SECONDS).await;
        perform(world, scenario, namespace, Act::Promote).await;
        let facts = world.snapshot(namespace, "app").await.facts();
        println!("{number}: {:?} {:?}", facts.get("status.phase"), facts.get("status.activeSelector"));
        let events = world.events(namespace).await;
        if let Some(event) = events.iter().find(|event| event.contains("SecondController")) {
            println!("{event}");
            return Ok(());
        }
    }
    bail!("ours never noticed")
}
