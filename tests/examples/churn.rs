//! `bash tests/bench churn`: whether the controller's memory grows while it works for hours.
//!
//! 200 Rollouts on the embedded API server over TLS, with simulated nodes. All the time one after the other gets another
//! image and is promoted; old versions go. Once all have as many old versions as they keep, the resident memory is read each
//! second: the last quarter must not lie above the first.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result, ensure};
use http::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};
use verdigris_control_plane::usage::Usage;
use verdigris_controller::{Clock, SystemClock};
use verdigris_playground_apiserver::server::ApiServer;
use verdigris_playground_cluster::{Cluster, Options};
use verdigris_tests::{
    recording::{SCENARIOS, services},
    served::Served,
};

const ROLLOUTS: usize = 200;
/// How many of them get a new version in a second; a promotion follows ten seconds later.
const UPDATES_PER_SECOND: usize = 2;
const PROMOTED_AFTER_SECONDS: usize = 10;
/// How many old versions a Rollout keeps.
const HISTORY: usize = 3;
/// So long it takes until all have these, one of them on its way, and a stable one.
const FILLED_AFTER_SECONDS: usize = (HISTORY + 2) * ROLLOUTS / UPDATES_PER_SECOND;
/// How much more the last quarter may hold than the first: pages that the allocator has not met before.
const GROWTH_MAX: f64 = 1.05;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let program = arguments.next().context("usage: churn PATH-OF-verdigris-controller [MINUTES]")?;
    let minutes: usize =
        arguments.next().map_or(Ok(60), |text| text.parse()).context("MINUTES is a number")?;
    let served = Served::start().await?;
    let options = Options::pretended(Arc::new(|| SystemClock.now()), 1);
    let _cluster = Cluster::start(served.server.client_named("cluster"), options);
    let mut controller = served.start_controller(&program, &["--leader-elect=false", "--healthzPort=0"])?;
    let usage = Usage::of("controller", controller.id().context("the controller ended")?);
    let rollouts = Rollouts::create(&served.server)?;

    let (began, mut resident) = (Instant::now(), Vec::new());
    for second in 0..FILLED_AFTER_SECONDS + minutes * 60 {
        for turn in 0..UPDATES_PER_SECOND {
            let number = second * UPDATES_PER_SECOND + turn;
            rollouts.update(number)?;
            if let Some(earlier) = number.checked_sub(PROMOTED_AFTER_SECONDS * UPDATES_PER_SECOND) {
                rollouts.promote(earlier)?;
            }
        }
        sleep_until(began + Duration::from_secs(second as u64 + 1)).await;
        if second < FILLED_AFTER_SECONDS {
            continue;
        }
        resident.push(usage.resident_mib()?);
        if resident.len().is_multiple_of(minutes * 6) {
            println!(
                "{:>3} min  {:.1} MiB",
                resident.len() / 60,
                resident.last().copied().unwrap_or_default()
            );
        }
    }
    ensure!(controller.try_wait()?.is_none(), "the controller ended");
    let quarter = resident.len() / 4;
    let (first, last) = (mean(&resident[..quarter]), mean(&resident[resident.len() - quarter..]));
    println!(
        "{ROLLOUTS} Rollouts, {UPDATES_PER_SECOND} updates a second, {minutes} min: first quarter {first:.1} MiB, last {last:.1} MiB, {:.2}x; \
         controller's CPU {:.1} s",
        last / first,
        usage.cpu_seconds()?
    );
    ensure!(last <= first * GROWTH_MAX, "its memory grows");
    Ok(())
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The Rollouts, each in a namespace of its own.
struct Rollouts<'a> {
    server: &'a ApiServer,
    template: Value,
}

impl<'a> Rollouts<'a> {
    fn create(server: &'a ApiServer) -> Result<Self> {
        let mut rollout = SCENARIOS[0].rollout()?;
        rollout["spec"]["strategy"]["blueGreen"]["scaleDownDelaySeconds"] = 5.into();
        rollout["spec"]["revisionHistoryLimit"] = HISTORY.into();
        let rollouts = Self { server, template: rollout["spec"]["template"].clone() };
        for number in 0..ROLLOUTS {
            let namespace = namespace(number);
            let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
            rollouts.ask(Method::POST, "/api/v1/namespaces", &object)?;
            for service in services(&namespace) {
                rollouts.ask(Method::POST, &format!("/api/v1/namespaces/{namespace}/services"), &service)?;
            }
            rollout["metadata"]["namespace"] = namespace.clone().into();
            let path = format!("/apis/argoproj.io/v1alpha1/namespaces/{namespace}/rollouts");
            rollouts.ask(Method::POST, &path, &rollout)?;
        }
        Ok(rollouts)
    }

    /// Another image for the one whose turn it is.
    fn update(&self, number: usize) -> Result<()> {
        let mut template = self.template.clone();
        template["spec"]["containers"][0]["image"] = format!("example/app:{number}").into();
        self.ask(Method::PATCH, &rollout(number), &json!({"spec": {"template": template}}))
    }

    fn promote(&self, number: usize) -> Result<()> {
        let change = json!({"status": {"pauseConditions": null}});
        self.ask(Method::PATCH, &format!("{}/status", rollout(number)), &change)
    }

    fn ask(&self, method: Method, path: &str, body: &Value) -> Result<()> {
        let answer = self.server.ask(method, path, body);
        answer.map(drop).map_err(|error| anyhow::anyhow!("{path}: {error}"))
    }
}

fn namespace(number: usize) -> String {
    format!("churn-{}", number % ROLLOUTS)
}

fn rollout(number: usize) -> String {
    format!("/apis/argoproj.io/v1alpha1/namespaces/{}/rollouts/app", namespace(number))
}
