//! A GitOps tool heals itself: what is in Git is applied every second, through whole updates. Nothing is undone by that, and
//! nothing written because of it.

use std::{cell::Cell, path::PathBuf, process::Stdio, time::Duration};

use anyhow::{Context as _, Result, anyhow, ensure};
use futures::future::join_all;
use jiff::Timestamp;
use kube::Client;
use serde_json::{Value, json};
use tokio::{process::Command, time::sleep};
use verdigris_control_plane::binaries;
use verdigris_controller::{Clock as _, SystemClock};
use verdigris_crds::keys;
use verdigris_playground::world::WorldOptions;
use verdigris_tests::{
    any_world::AnyWorld,
    playing::{self, Playing, Server, until},
    real_world::RealWorld,
};

/// How often Git is applied.
const EVERY: Duration = Duration::from_secs(1);
/// What we write of Services in the whole story: each of the two gets the first version; then preview and active the second; then
/// preview the third, which is aborted, and the second again.
const SERVICE_PATCHES: usize = 6;

/// How a tool applies, and what Git says of Services.
#[derive(Clone, Copy, Debug)]
struct Way {
    name: &'static str,
    server_side: bool,
    /// Whether the Services in Git have a selector.
    selectors: bool,
}

const CLIENT_SIDE: Way = Way { name: "client-side", server_side: false, selectors: true };
const WITHOUT_SELECTORS: Way = Way { name: "server-side", server_side: true, selectors: false };
/// Needs the policy of `charts/kustomize/gitops`.
const KEPT_SELECTORS: Way = Way { name: "kept", server_side: true, selectors: true };

/// What is in Git, and the tool that applies it.
struct Tool<'a, W> {
    world: &'a W,
    namespace: &'static str,
    way: Way,
    kubectl: PathBuf,
    kubeconfig: PathBuf,
    folder: PathBuf,
    /// How often Git was applied.
    applied: Cell<u32>,
    /// Whether the Services have been given a version: from then on they keep one.
    serves: Cell<bool>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_git_applies_every_second_undoes_nothing_and_no_request_fails() {
    for way in [CLIENT_SIDE, WITHOUT_SELECTORS] {
        let options = WorldOptions::default();
        let playing =
            Playing::bare(&format!("healed-{}", way.name), &options, Server::Embedded).await.unwrap();
        let world = Played(&playing);
        let folder = playing.home.cache();
        let tool = Tool::new(&world, "default", way, "kubectl".into(), playing.home.kubeconfig(), folder);
        let story = async {
            tool.deploys().await?;
            let load = playing.steady_load("v1").await?;
            tool.updates().await?;
            let report = load.stop().await;
            ensure!(report.failed == 0, "{report}");
            Ok(())
        };
        tool.heals_while(story).await.expect(way.name);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_git_applies_every_second_undoes_nothing_on_a_real_kubernetes_and_nothing_more_is_written() {
    let world = RealWorld::start(53).await.unwrap();
    let policy = concat!(env!("CARGO_MANIFEST_DIR"), "/../charts/kustomize/gitops");
    world.real().kubectl(&["apply", "-k", policy]).await.unwrap();
    let _controller = world.start_controller();
    let plays = [CLIENT_SIDE, WITHOUT_SELECTORS, KEPT_SELECTORS].map(|way| {
        let world = &world;
        async move {
            world.create_namespace(way.name).await;
            let kubectl = binaries::find("kubectl").unwrap();
            let kubeconfig = world.real().plane().kubeconfig().to_owned();
            let folder = world.real().folder().join(way.name);
            let tool = Tool::new(world, way.name, way, kubectl, kubeconfig, folder);
            let story = async {
                tool.deploys().await?;
                tool.updates().await
            };
            tool.heals_while(story).await.expect(way.name);
            assert_eq!(service_patches(world, way.name), SERVICE_PATCHES, "{}", way.name);
        }
    });
    join_all(plays).await;
    world.real().nothing_was_refused().unwrap();
}

impl<'a, W: AnyWorld> Tool<'a, W> {
    fn new(
        world: &'a W,
        namespace: &'static str,
        way: Way,
        kubectl: PathBuf,
        kubeconfig: PathBuf,
        folder: PathBuf,
    ) -> Self {
        std::fs::create_dir_all(&folder).expect("a folder");
        let (applied, serves) = (Cell::new(0), Cell::new(false));
        Self { world, namespace, way, kubectl, kubeconfig, folder, applied, serves }
    }

    /// Applies Git again and again while the story is told.
    async fn heals_while(&self, story: impl Future<Output = Result<()>>) -> Result<()> {
        self.commit("v1");
        self.apply().await?;
        let heals = async {
            loop {
                if let Err(error) = self.apply().await {
                    return error;
                }
                sleep(EVERY).await;
            }
        };
        tokio::select! { biased;
            told = story => told?,
            broken = heals => return Err(broken),
        }
        let events = self.world.events(self.namespace).await;
        let fought = events.iter().find(|event| event.contains("ServiceDrift"));
        fought.map_or(Ok(()), |event| Err(anyhow!("somebody fights: {event}")))
    }

    async fn deploys(&self) -> Result<()> {
        self.phase("Healthy", "v1").await?;
        self.serves.set(true);
        self.is_at_rest().await
    }

    async fn updates(&self) -> Result<()> {
        let status = format!("{}/status", self.rollout());
        let patch = async |body: Value| {
            self.world.merge(&status, &body).await.map_err(|answer| anyhow!("{answer}")).map(drop)
        };
        self.commit("v2");
        self.phase("Paused", "v1").await?;
        self.is_at_rest().await?;
        patch(json!({"status": {"pauseConditions": null}})).await?;
        self.phase("Healthy", "v2").await?;
        self.is_at_rest().await?;
        self.commit("v3");
        self.phase("Paused", "v2").await?;
        patch(json!({"status": {"abort": true}})).await?;
        self.phase("Degraded", "v2").await?;
        self.is_at_rest().await?;
        self.commit("v2");
        self.phase("Healthy", "v2").await?;
        self.is_at_rest().await
    }

    /// Puts this version into Git: whole, or not at all.
    fn commit(&self, version: &str) {
        let mut rollout = playing::rollout(version);
        rollout["metadata"]["namespace"] = self.namespace.into();
        let services = ["active", "preview"].map(|name| {
            let mut spec = json!({"ports": [{"port": 80, "targetPort": 8080}]});
            if self.way.selectors {
                spec["selector"] = json!({"app": "web"});
            }
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": self.namespace}, "spec": spec})
        });
        let list = json!({"apiVersion": "v1", "kind": "List", "items": [services[0], services[1], rollout]});
        let (new, file) = (self.folder.join("new"), self.folder.join("git.json"));
        std::fs::write(&new, list.to_string()).and_then(|()| std::fs::rename(&new, &file)).expect("a commit");
    }

    /// Applies what is in Git once. No Service that serves a version loses it.
    async fn apply(&self) -> Result<()> {
        // What is told may have been read at the very beginning.
        let serves = self.serves.get();
        let mut command = Command::new(&self.kubectl);
        command.arg("apply").arg("--output=json").arg("--filename").arg(self.folder.join("git.json"));
        if self.way.server_side {
            command.args(["--server-side", "--force-conflicts", "--field-manager=gitops"]);
        }
        command.env("KUBECONFIG", &self.kubeconfig).env("KUBECACHEDIR", self.folder.join("kubectl"));
        let output =
            command.stdin(Stdio::null()).kill_on_drop(true).output().await.context("starting kubectl")?;
        ensure!(output.status.success(), "kubectl apply: {}", String::from_utf8_lossy(&output.stderr).trim());
        let applied: Value = serde_json::from_slice(&output.stdout).context("reading what was applied")?;
        for service in
            applied["items"].as_array().into_iter().flatten().filter(|item| item["kind"] == "Service")
        {
            let selector = &service["spec"]["selector"];
            let lost = serves && selector[keys::POD_TEMPLATE_HASH].is_null();
            ensure!(!lost, "{} selects {selector}", service["metadata"]["name"]);
        }
        self.applied.set(self.applied.get() + 1);
        Ok(())
    }

    /// Waits until the Rollout is in this phase and this version serves.
    async fn phase(&self, phase: &str, version: &str) -> Result<()> {
        let look = async || {
            let rollout = self.world.get_rollout(self.namespace, "web").await;
            let status = &rollout["status"];
            let generation = rollout["metadata"]["generation"].to_string();
            let active =
                self.world.get(&format!("/api/v1/namespaces/{}/services/active", self.namespace)).await;
            let hash =
                active["spec"]["selector"][keys::POD_TEMPLATE_HASH].as_str().unwrap_or_default().to_owned();
            let sets = self.world.get(&self.replica_sets()).await;
            let of_hash = |set: &&Value| set["metadata"]["labels"][keys::POD_TEMPLATE_HASH] == hash;
            let set = sets["items"]
                .as_array()
                .and_then(|sets| sets.iter().find(of_hash))
                .cloned()
                .unwrap_or_default();
            let serving = &set["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"];
            let seen = status["observedGeneration"] == generation;
            let is_so = seen && status["phase"] == phase && serving == version;
            if is_so { Ok(()) } else { Err(format!("{serving} serves; {status}")) }
        };
        self.world.comes_to(look).await.map_err(|seen| anyhow!("no {phase} with {version}: {seen}"))
    }

    /// Waits until Git was applied twice and nothing was written by anybody meanwhile.
    async fn is_at_rest(&self) -> Result<()> {
        let look = async || {
            let (before, applied) = (self.versions().await, self.applied.get());
            // The first of them may have begun before.
            until("Git to be applied", async || self.applied.get() >= applied + 3)
                .await
                .map_err(|error| error.to_string())?;
            let after = self.versions().await;
            if before == after { Ok(()) } else { Err(format!("written: {before:?}, then {after:?}")) }
        };
        self.world.comes_to(look).await.map_err(|seen| anyhow!("never at rest: {seen}"))
    }

    /// The resource versions of all that Git or we write.
    async fn versions(&self) -> Vec<(Value, Value)> {
        let mut versions = Vec::new();
        for path in [format!("/api/v1/namespaces/{}/services", self.namespace), self.replica_sets()] {
            let list = self.world.get(&path).await;
            versions.extend(list["items"].as_array().into_iter().flatten().map(version));
        }
        versions.push(version(&self.world.get(&self.rollout()).await));
        versions
    }

    fn rollout(&self) -> String {
        format!("/apis/argoproj.io/v1alpha1/namespaces/{}/rollouts/web", self.namespace)
    }

    fn replica_sets(&self) -> String {
        format!("/apis/apps/v1/namespaces/{}/replicasets", self.namespace)
    }
}

fn version(object: &Value) -> (Value, Value) {
    (object["metadata"]["name"].clone(), object["metadata"]["resourceVersion"].clone())
}

/// How often we patched a Service of this namespace.
fn service_patches(world: &RealWorld, namespace: &str) -> usize {
    let asked = world.real().asked_by_controller().expect("an audit log");
    let of_services =
        asked.iter().filter(|entry| entry.writes() && entry.resource() == "services" && entry.code() < 300);
    of_services
        .filter(|entry| entry.object_ref.as_ref().is_some_and(|object| object.namespace == namespace))
        .count()
}

/// A playground as a world.
struct Played<'a>(&'a Playing);

impl AnyWorld for Played<'_> {
    fn client(&self) -> Client {
        self.0.world.client()
    }

    async fn comes_to<T>(&self, mut look: impl AsyncFnMut() -> Result<T, String>) -> Result<T, String> {
        let (mut seen, mut last) = (None, String::new());
        let found = until("what a scenario looks for", async || {
            match look().await {
                Ok(found) => seen = Some(found),
                Err(error) => last = error,
            }
            seen.is_some()
        });
        let waited = found.await;
        seen.ok_or_else(|| waited.err().map_or(last.clone(), |error| format!("{error}; {last}")))
    }

    fn now(&self) -> Timestamp {
        SystemClock.now()
    }
}
