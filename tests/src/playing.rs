//! The playground as scenarios use it: the whole of it, in this process, with a Rollout `web` of two pods.

use http::Method;
use serde_json::{Value, json};
use tokio::time::{Duration, Instant, sleep};
use verdigris_controller::rules::Rules;
use verdigris_playground::{
    home::Home,
    load::{Load, LoadOptions},
    world::{World, WorldOptions},
};

use crate::programs::program;

const ROLLOUTS: &str = "/apis/argoproj.io/v1alpha1/namespaces/default/rollouts";
const SERVICES: &str = "/api/v1/namespaces/default/services";
const WEB: &str = "/apis/argoproj.io/v1alpha1/namespaces/default/rollouts/web";
/// How long anything that has no delay of its own may take, on a machine that is busy with other tests.
const SOON: Duration = Duration::from_secs(30);

/// A playground with the Services `active` and `preview` and, once deployed, the Rollout `web`.
pub struct Playing {
    /// The playground.
    pub world: World,
    _home: Home,
}

impl Playing {
    /// Starts one. `name` keeps the folders of tests apart.
    pub async fn start(name: &str, rules: Rules) -> anyhow::Result<Self> {
        let folder = std::env::temp_dir().join(format!("verdigris-{name}-{}", std::process::id()));
        let home = Home::new(Some(&folder), &program("verdigris-playground"))?;
        // Long enough that a proxy which still knows the old pods is met for certain.
        let programming_delay = Duration::from_millis(200);
        let options = WorldOptions { rules, programming_delay, ..WorldOptions::default() };
        let playing = Self { world: World::start(&options, &home).await?, _home: home };
        for service in ["active", "preview"] {
            let spec = json!({"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]});
            playing.ask(Method::POST, SERVICES, &json!({"metadata": {"name": service}, "spec": spec}))?;
        }
        Ok(playing)
    }

    /// Creates the Rollout at this version, and waits until it is Healthy.
    pub async fn deploy(&self, version: &str) -> anyhow::Result<()> {
        self.ask(Method::POST, ROLLOUTS, &rollout(version))?;
        self.phase("Healthy").await
    }

    /// Changes the version, and waits until it is in preview, complete, and the Rollout is Paused.
    pub async fn update(&self, version: &str) -> anyhow::Result<()> {
        self.ask(Method::PATCH, WEB, &json!({"spec": {"template": template(version)}}))?;
        self.phase("Paused").await
    }

    /// Clears the pause, as any client does.
    pub fn promote(&self) -> anyhow::Result<()> {
        let cleared = json!({"status": {"pauseConditions": null}});
        self.ask(Method::PATCH, &format!("{WEB}/status"), &cleared).map(drop)
    }

    /// Waits until the Rollout is in this phase.
    pub async fn phase(&self, wanted: &str) -> anyhow::Result<()> {
        let in_phase = || {
            let rollout = self.ask(Method::GET, WEB, &Value::Null);
            rollout.is_ok_and(|rollout| rollout["status"]["phase"] == wanted)
        };
        until(wanted, in_phase).await
    }

    /// Load on the active Service.
    pub fn load(&self) -> anyhow::Result<Load> {
        let address = self.world.service("default", "active");
        let address = address.ok_or_else(|| anyhow::anyhow!("the proxy has no address for the Service"))?;
        Ok(Load::start(&LoadOptions::new(address)))
    }

    /// Asks the API, past all caches.
    pub fn ask(&self, method: Method, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.world.server().ask(method, path, body).map_err(|error| anyhow::anyhow!("{path}: {error:?}"))
    }
}

/// Waits until the load's newest answers come from this version.
pub async fn answers(load: &Load, version: &str) -> anyhow::Result<()> {
    until(version, || load.so_far().versions.last().is_some_and(|(seen, _)| seen == version)).await
}

/// Waits until something is so.
pub async fn until(what: &str, mut is_so: impl FnMut() -> bool) -> anyhow::Result<()> {
    let end = Instant::now() + SOON;
    while !is_so() {
        anyhow::ensure!(Instant::now() < end, "waited {SOON:?} for {what}");
        sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

fn rollout(version: &str) -> Value {
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

fn template(version: &str) -> Value {
    let env = json!([{"name": "WELCOME", "value": version}]);
    let container =
        json!({"name": "web", "image": "example/web:1", "env": env, "ports": [{"containerPort": 8080}]});
    json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}})
}
