//! `bash tests/bench wave`: how fast our controller brings N Rollouts through their lives on a real Kubernetes, and what
//! that costs.
//!
//! N Rollouts of one replica with an active and a preview Service and a manual gate; pods are ready 50 ms after they are
//! bound. Three waves: all are created (until all are Healthy), all get another image (until all are Paused), all are
//! promoted (until all active Services select the new version). Then one at a time, on a cluster that is idle else.
//! Beside our figures stand those of Argo Rollouts (master 9f8d111), measured in the same way on 2 cores.

mod figures;
mod nodes;
mod seen;
mod waves;

use std::{path::PathBuf, process::Stdio, time::Duration};

use anyhow::{Context, Result, ensure};
use tokio::process::{Child, Command};
use verdigris_control_plane::{ControlPlane, Options, binaries, usage::Usage};

/// Where `charts/install.yaml` puts the controller.
const NAMESPACE: &str = "verdigris";
const ACCOUNT: &str = "verdigris-controller";
/// So many are measured one at a time.
const SINGLES: usize = 50;
/// Who has asked nothing for so long is at rest.
const REST: Duration = Duration::from_secs(3);
/// So often that is looked at after the waves: old versions go half a minute after each promotion, which is not measured.
const LOOKS_MAX: usize = 8;
/// And before single ones are measured: the old versions are to be gone.
const IDLE_LOOKS_MAX: usize = 60;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let program = arguments.next().context("usage: wave PATH-OF-verdigris-controller [ROLLOUTS]")?;
    let count: usize =
        arguments.next().map_or(Ok(1000), |text| text.parse()).context("ROLLOUTS is a number")?;
    let plane = start().await?;
    let mut controller = start_controller(&plane, &program).await?;
    let process = Usage::of("controller", controller.id().context("the controller ended")?);
    let client = plane.client().await?;
    let _nodes = nodes::start(client.clone()).await?;
    let waves = waves::Waves::new(client, count).await?;

    let one = waves.one().await?;
    tokio::time::sleep(REST).await;
    let resident_with_one = process.resident_mib()?;
    println!("one Rollout: Healthy after {one:.1?}, controller {resident_with_one:.1} MiB");

    let server = Usage::named_in("kube-apiserver", plane.folder())?;
    let manager = Usage::named_in("kube-controller-manager", plane.folder())?;
    let etcd = Usage::named_in("etcd", plane.folder())?;
    let all = [&process, &server, &manager, &etcd];
    let before: Vec<f64> = all.iter().map(|process| process.cpu_seconds()).collect::<std::io::Result<_>>()?;
    let asked_before = figures::asked_by(&plane, NAMESPACE, ACCOUNT)?;
    let waves_seconds = waves.all().await?;
    let asked = asked_at_rest(&plane, LOOKS_MAX).await?.since(&asked_before);
    let used: Vec<f64> = all
        .iter()
        .zip(&before)
        .map(|(process, before)| Ok(process.cpu_seconds()? - before))
        .collect::<Result<_>>()?;
    let resident = process.resident_mib()?;
    let peak = process.peak_mib()?;
    asked_at_rest(&plane, IDLE_LOOKS_MAX).await?;
    let singles = waves.singles(SINGLES.min(count)).await?;
    ensure!(controller.try_wait()?.is_none(), "the controller ended");
    let kept = figures::tell(&figures::Found {
        count,
        resident_with_one,
        waves: waves_seconds,
        cpu_seconds: all.iter().map(|process| process.name()).zip(used).collect(),
        resident,
        peak,
        asked,
        singles,
    });
    controller.kill().await.context("ending the controller")?;
    ensure!(kept, "a figure was missed");
    Ok(())
}

/// What the controller asked, once it has told its events too: those come after all else.
async fn asked_at_rest(plane: &ControlPlane, looks_max: usize) -> Result<figures::Asked> {
    let mut asked = figures::asked_by(plane, NAMESPACE, ACCOUNT)?;
    for _ in 0..looks_max {
        tokio::time::sleep(REST).await;
        let before = std::mem::replace(&mut asked, figures::asked_by(plane, NAMESPACE, ACCOUNT)?);
        if before.all() == asked.all() {
            break;
        }
    }
    Ok(asked)
}

async fn start() -> Result<ControlPlane> {
    let mut options = Options::default().audited();
    // Nodes are simulated: nobody renews their leases.
    options.controllers.push("-node-lifecycle-controller".into());
    for argument in ["--max-requests-inflight=3000", "--max-mutating-requests-inflight=1000"] {
        options.api_arguments.push(argument.into());
    }
    let plane = ControlPlane::start(options).await?;
    let install = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../charts/install.yaml");
    kubectl(&plane, &["apply", "-f", &install.to_string_lossy()]).await?;
    kubectl(&plane, &["wait", "--for=condition=Established", "crd/rollouts.argoproj.io", "--timeout=30s"])
        .await?;
    Ok(plane)
}

async fn kubectl(plane: &ControlPlane, arguments: &[&str]) -> Result<()> {
    let mut kubectl = Command::new(binaries::find("kubectl")?);
    kubectl.args(arguments).env("KUBECONFIG", plane.kubeconfig()).stdin(Stdio::null()).stdout(Stdio::null());
    let status = kubectl.status().await.context("starting kubectl")?;
    ensure!(status.success(), "kubectl {} failed", arguments.join(" "));
    Ok(())
}

/// The program as it is shipped, under the ServiceAccount that is shipped.
async fn start_controller(plane: &ControlPlane, program: &str) -> Result<Child> {
    let token = plane.service_account_token(NAMESPACE, ACCOUNT).await?;
    let kubeconfig = plane.folder().join("controller.kubeconfig");
    std::fs::write(&kubeconfig, plane.kubeconfig_as("controller", &token)).context("writing a kubeconfig")?;
    let log = std::fs::File::create(plane.folder().join("controller.log")).context("making a log")?;
    Command::new(program)
        .arg("--kubeconfig")
        .arg(kubeconfig)
        // Alone, and what a rest costs is to be nothing.
        .args(["--leader-elect=false", "--healthzPort=0", "--metricsPort=0"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("starting {program}"))
}
