//! The playground as scenarios use it: the whole of it, in this process, with a Rollout `web` of two pods; around the
//! embedded API server, or around a real one.

use anyhow::Context as _;
use http::{Method, Request, header};
use serde_json::{Value, json};
use tokio::time::{Duration, Instant, sleep, timeout_at};
use verdigris_controller::rules::Rules;
use verdigris_playground::{
    home::Home,
    load::{Load, LoadOptions},
    world::{World, WorldOptions},
};

use crate::{programs::program, real::Real};

const ROLLOUTS: &str = "/apis/argoproj.io/v1alpha1/namespaces/default/rollouts";
const SERVICES: &str = "/api/v1/namespaces/default/services";
const WEB: &str = "/apis/argoproj.io/v1alpha1/namespaces/default/rollouts/web";
/// How long anything that has no delay of its own may take, on a machine that is busy with other tests.
const SOON: Duration = Duration::from_secs(60);
/// How long a request may wait for its answer: such a machine may stand still for seconds, which is no release's fault.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Which API server is in a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// The playground's own.
    Embedded,
    /// Kubernetes.
    Real,
}

/// A playground with the Services `active` and `preview` and, once deployed, the Rollout `web`.
pub struct Playing {
    /// The playground.
    pub world: World,
    /// Its folder.
    pub home: Home,
    real: Option<Real>,
}

impl Playing {
    /// Starts one. `name` keeps the folders of tests apart.
    ///
    /// # Errors
    /// If it does not come up.
    pub async fn start(name: &str, rules: Rules, server: Server) -> anyhow::Result<Self> {
        Self::start_with(name, &options(rules), server).await
    }

    /// The same of another playground.
    ///
    /// # Errors
    /// If it does not come up.
    pub async fn start_with(name: &str, options: &WorldOptions, server: Server) -> anyhow::Result<Self> {
        Self::bare(name, options, server).await?.with_services().await
    }

    /// Starts one around this Kubernetes.
    ///
    /// # Errors
    /// If it does not come up.
    pub async fn on(name: &str, rules: Rules, real: Real) -> anyhow::Result<Self> {
        Self::around(name, &options(rules), real).await?.with_services().await
    }

    async fn with_services(self) -> anyhow::Result<Self> {
        for service in ["active", "preview"] {
            let spec = json!({"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]});
            self.ask(Method::POST, SERVICES, &json!({"metadata": {"name": service}, "spec": spec})).await?;
        }
        Ok(self)
    }

    /// Starts one with nothing in it.
    ///
    /// # Errors
    /// If it does not come up.
    pub async fn bare(name: &str, options: &WorldOptions, server: Server) -> anyhow::Result<Self> {
        let program = program("verdigris-playground");
        match server {
            Server::Embedded => {
                let folder = std::env::temp_dir().join(format!("verdigris-{name}-{}", std::process::id()));
                let home = Home::new(Some(&folder), &program)?;
                Ok(Self { world: World::start(options, &home).await?, home, real: None })
            }
            Server::Real => Self::around(name, options, Real::start().await?).await,
        }
    }

    async fn around(name: &str, options: &WorldOptions, real: Real) -> anyhow::Result<Self> {
        let home = Home::new(Some(&real.folder().join(name)), &program("verdigris-playground"))?;
        let world = World::around(real.place()?, options, &home).await?;
        Ok(Self { world, home, real: Some(real) })
    }

    /// The Kubernetes in it, if it is a real one.
    pub fn real(&self) -> Option<&Real> {
        self.real.as_ref()
    }

    /// Where there are rights, our controller had the right to all that it asked for.
    ///
    /// # Errors
    /// What it had no right to.
    pub fn nothing_was_refused(&self) -> anyhow::Result<()> {
        self.real.as_ref().map_or(Ok(()), Real::nothing_was_refused)
    }

    /// Creates the Rollout at this version, and waits until it is Healthy.
    pub async fn deploy(&self, version: &str) -> anyhow::Result<()> {
        self.ask(Method::POST, ROLLOUTS, &rollout(version)).await?;
        self.phase("Healthy").await
    }

    /// Changes the version.
    ///
    /// # Errors
    /// If the API refuses it.
    pub async fn change(&self, version: &str) -> anyhow::Result<()> {
        let change = json!({"spec": {"template": template(version)}});
        self.ask(Method::PATCH, WEB, &change).await.map(drop)
    }

    /// Changes the version, and waits until it is in preview, complete, and the Rollout is Paused.
    pub async fn update(&self, version: &str) -> anyhow::Result<()> {
        self.change(version).await?;
        self.phase("Paused").await
    }

    /// Clears the pause, as any client does.
    pub async fn promote(&self) -> anyhow::Result<()> {
        let cleared = json!({"status": {"pauseConditions": null}});
        self.ask(Method::PATCH, &format!("{WEB}/status"), &cleared).await.map(drop)
    }

    /// Waits until the Rollout is in this phase.
    pub async fn phase(&self, wanted: &str) -> anyhow::Result<()> {
        until(wanted, async || {
            let rollout = self.ask(Method::GET, WEB, &Value::Null).await;
            rollout.is_ok_and(|rollout| rollout["status"]["phase"] == wanted)
        })
        .await
    }

    /// Load on the active Service.
    pub fn load(&self) -> anyhow::Result<Load> {
        let address = self.world.service("default", "active");
        let address = address.ok_or_else(|| anyhow::anyhow!("the proxy has no address for the Service"))?;
        Ok(Load::start(&LoadOptions { patience: PATIENCE, ..LoadOptions::new(address) }))
    }

    /// Load on the active Service from the first answer of this version on: Healthy is what the API says, and the proxies
    /// learn of it a moment later.
    ///
    /// # Errors
    /// If that version does not answer.
    pub async fn steady_load(&self, version: &str) -> anyhow::Result<Load> {
        until("an address", async || self.load().is_ok()).await?;
        let first = self.load()?;
        answers(&first, version).await?;
        first.stop().await;
        let load = self.load()?;
        answers(&load, version).await?;
        Ok(load)
    }

    /// Asks the API, past all caches.
    ///
    /// # Errors
    /// What it says to a question that it refuses.
    pub async fn ask(&self, method: Method, path: &str, body: &Value) -> anyhow::Result<Value> {
        let patch = method == Method::PATCH;
        let kind = if patch { "application/merge-patch+json" } else { "application/json" };
        let body = if body.is_null() { Vec::new() } else { serde_json::to_vec(body)? };
        let request =
            Request::builder().method(&method).uri(path).header(header::CONTENT_TYPE, kind).body(body)?;
        self.world.client().request(request).await.with_context(|| format!("{method} {path}"))
    }
}

/// Waits until the load's newest answers come from this version.
pub async fn answers(load: &Load, version: &str) -> anyhow::Result<()> {
    until(version, async || load.so_far().versions.last().is_some_and(|(seen, _)| seen == version)).await
}

/// Waits until something is so.
///
/// # Errors
/// What it waited for.
pub async fn until(what: &str, is_so: impl AsyncFnMut() -> bool) -> anyhow::Result<()> {
    until_within(SOON, what, is_so).await
}

/// The same of something that has a delay of its own.
///
/// # Errors
/// What it waited for.
pub async fn until_within(
    most: Duration,
    what: &str,
    mut is_so: impl AsyncFnMut() -> bool,
) -> anyhow::Result<()> {
    let end = Instant::now() + most;
    while !timeout_at(end, is_so()).await.with_context(|| format!("waited {most:?} for {what}: no answer"))? {
        anyhow::ensure!(Instant::now() < end, "waited {most:?} for {what}");
        sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

fn options(rules: Rules) -> WorldOptions {
    // Long enough that a proxy which still knows the old pods is met.
    let programming_delay = Duration::from_millis(200);
    WorldOptions { rules, programming_delay, ..WorldOptions::default() }
}

/// The Rollout `web` of two pods at this version, behind a manual gate.
pub fn rollout(version: &str) -> Value {
    let blue_green = json!({
        "activeService": "active",
        "previewService": "preview",
        "autoPromotionEnabled": false,
        "scaleDownDelaySeconds": 2,
    });
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": "web"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "web"}},
            "template": template(version),
            "strategy": {"blueGreen": blue_green},
        },
    })
}

/// Its pod template.
pub fn template(version: &str) -> Value {
    let env = json!([{"name": "WELCOME", "value": version}]);
    let container =
        json!({"name": "web", "image": "example/web:1", "env": env, "ports": [{"containerPort": 8080}]});
    json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}})
}
