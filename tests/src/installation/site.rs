//! A real Kubernetes on which nothing of ours is installed yet, and the tools of somebody who installs.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use tokio::{
    process::Command,
    time::{Duration, Instant, sleep},
};
use verdigris_control_plane::{ControlPlane, Options, binaries};
use verdigris_playground::{
    home::Home,
    kubectl::Kubectl,
    load::LoadReport,
    tour::Stage,
    world::{Clients, Place, World, WorldOptions},
};

use super::{
    container::{Container, Surroundings},
    image::Image,
    registry::Registry,
    release::release,
    run::run,
};
use crate::programs::program;

/// How long anything may take that has no delay of its own, on a machine that is busy with other tests.
const SOON: Duration = Duration::from_secs(90);
/// All containers share this machine's network: each gets a port of its own for these.
const PORTS_OF_CONTROLLER: [&str; 2] = ["--healthzPort=0", "--metricsPort=0"];

/// Kubernetes, a registry with our images, and nodes once the kinds of ours exist. Dropping it ends everything.
pub struct Site {
    world: Option<(World, Kubectl, Home)>,
    controller: Image,
    plugin: Image,
    registry: Registry,
    plane: ControlPlane,
}

impl Site {
    /// Starts it, with the images in the registry.
    ///
    /// # Errors
    /// If something does not come up.
    pub async fn start() -> Result<Self> {
        let (plane, registry) = tokio::join!(
            ControlPlane::start(Options::default().audited().with_strict_owners()),
            Registry::start()
        );
        let (plane, registry) = (plane?, registry?);
        let (controller, plugin) = tokio::join!(
            Image::publish("verdigris-controller", &registry, plane.folder()),
            Image::publish("kubectl-rollouts", &registry, plane.folder()),
        );
        Ok(Self { world: None, controller: controller?, plugin: plugin?, registry, plane })
    }

    /// The image of the controller.
    pub fn controller(&self) -> &Image {
        &self.controller
    }

    /// The registry.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// A folder that is removed with it.
    pub fn folder(&self) -> &Path {
        self.plane.folder()
    }

    /// Starts nodes, whose proxies follow a change of endpoints after this delay; no controller of ours is among what runs
    /// then. The kinds of ours must exist.
    ///
    /// # Errors
    /// If they do not come up.
    pub async fn start_nodes(&mut self, programming_delay: Duration) -> Result<()> {
        let kubeconfig =
            std::fs::read_to_string(self.plane.kubeconfig()).context("reading the kubeconfig")?;
        let all = self.plane.client().await?;
        let clients =
            Clients { user: all.clone(), cluster: all.clone(), controller: all.clone(), dashboard: all };
        let place = Place::elsewhere(self.plane.url().to_owned(), kubeconfig, clients);
        let home = Home::new(Some(&self.folder().join("home")), &program("verdigris-playground"))?;
        let options = WorldOptions { controller: false, programming_delay, ..WorldOptions::default() };
        let world = World::around(place, &options, &home).await?;
        let kubectl = Kubectl::find(&home).await?;
        self.world = Some((world, kubectl, home));
        Ok(())
    }

    /// Runs `kubectl ARGUMENTS` with all rights.
    ///
    /// # Errors
    /// What it complains of.
    pub async fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new(binaries::find("kubectl")?);
        command.env("KUBECONFIG", self.plane.kubeconfig()).env("KUBECACHEDIR", self.folder().join("cache"));
        run(command.current_dir(root()).args(arguments)).await
    }

    /// Runs `helm ARGUMENTS` with all rights.
    ///
    /// # Errors
    /// What it complains of.
    pub async fn helm(&self, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new(binaries::find("helm")?);
        for folder in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"] {
            command.env(folder, self.folder().join("helm"));
        }
        run(command.env("KUBECONFIG", self.plane.kubeconfig()).current_dir(root()).args(arguments)).await
    }

    /// What is at this path of the API; nothing if there is nothing.
    ///
    /// # Errors
    /// If the API does not answer.
    pub async fn get(&self, path: &str) -> Result<Option<Value>> {
        let request = http::Request::get(path).body(Vec::new())?;
        match self.plane.client().await?.request(request).await {
            Ok(found) => Ok(Some(found)),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
            Err(error) => Err(error).with_context(|| format!("reading {path}")),
        }
    }

    /// Runs what this Deployment installs: the container of a pod that Kubernetes has made from it and that its nodes have
    /// taken.
    ///
    /// # Errors
    /// If no such pod comes, or its container does not start.
    pub async fn run(&self, namespace: &str, deployment: &str) -> Result<Container> {
        let pod = self.pod_of(namespace, deployment).await?;
        let account = pod["spec"]["serviceAccountName"].as_str().unwrap_or("default");
        let authority =
            self.get(&format!("/api/v1/namespaces/{namespace}/configmaps/kube-root-ca.crt")).await?;
        let authority = authority.as_ref().and_then(|map| map["data"]["ca.crt"].as_str());
        let dashboard = deployment.ends_with("dashboard");
        let ports: &[&str] = if dashboard { &["--port=0"] } else { &PORTS_OF_CONTROLLER };
        let given = Surroundings {
            api: self.plane.url().trim_start_matches("https://").to_owned(),
            authority: authority
                .context("the namespace has no certificate of the API's authority")?
                .to_owned(),
            token: self.plane.service_account_token(namespace, account).await?,
            ports: ports.iter().map(|port| (*port).to_owned()).collect(),
        };
        let image = if dashboard { &self.plugin } else { &self.controller };
        Container::start(&pod, image, &given, self.folder()).await
    }

    /// What the tour needs.
    ///
    /// # Errors
    /// If there are no nodes yet.
    pub fn stage(&self, patience: u32) -> Result<Stage<'_>> {
        let (world, kubectl, home) = self.world.as_ref().context("there are no nodes yet")?;
        Ok(Stage { world, home, kubectl, patience })
    }

    /// Applies a version of an app with kubectl, then another under load, and promotes it.
    ///
    /// # Errors
    /// What did not happen.
    pub async fn release(&self, namespace: &str, versions: (&str, &str)) -> Result<LoadReport> {
        let (world, kubectl, _) = self.world.as_ref().context("there are no nodes yet")?;
        release(world, kubectl, self.folder(), namespace, versions).await
    }

    /// This account asked for things, and had the right to each.
    ///
    /// # Errors
    /// What it had no right to.
    pub fn nothing_was_refused_to(&self, namespace: &str, account: &str) -> Result<()> {
        let user = format!("system:serviceaccount:{namespace}:{account}");
        let asked: Vec<_> =
            self.plane.audit()?.into_iter().filter(|entry| entry.user.username == user).collect();
        ensure!(!asked.is_empty(), "{user} asked for nothing: was it the one that ran?");
        let refused = asked.iter().filter(|entry| matches!(entry.code(), 401 | 403));
        let refused: Vec<String> =
            refused.map(|entry| format!("{} {} ({})", entry.verb, entry.resource(), entry.uri)).collect();
        ensure!(refused.is_empty(), "{user} has no right to: {refused:#?}");
        Ok(())
    }

    /// Looks until something is there.
    ///
    /// # Errors
    /// What was seen last.
    pub async fn comes_to<T>(
        &self,
        what: &str,
        mut look: impl AsyncFnMut() -> Result<T, String>,
    ) -> Result<T> {
        let end = Instant::now() + SOON;
        loop {
            self.plane.still_runs(what)?;
            match look().await {
                Ok(found) => return Ok(found),
                Err(seen) if Instant::now() >= end => bail!("waited {SOON:?} for {what}; last: {seen}"),
                Err(_) => sleep(Duration::from_millis(50)).await,
            }
        }
    }

    async fn pod_of(&self, namespace: &str, deployment: &str) -> Result<Value> {
        let path = format!("/api/v1/namespaces/{namespace}/pods");
        let what = format!("a pod of {namespace}/{deployment} on a node");
        let look = async || {
            let pods = self.get(&path).await.map_err(|error| error.to_string())?.unwrap_or_default();
            let pods = pods["items"].as_array().cloned().unwrap_or_default();
            let ours = |pod: &&Value| {
                let name = pod["metadata"]["name"].as_str().unwrap_or_default();
                name.starts_with(deployment) && pod["metadata"]["deletionTimestamp"].is_null()
            };
            let found = pods.iter().find(ours).ok_or_else(|| format!("{} pods, none of them", pods.len()))?;
            if found["spec"]["nodeName"].is_null() {
                Err("it is on no node".to_owned())
            } else {
                Ok(found.clone())
            }
        };
        self.comes_to(&what, look).await
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}
