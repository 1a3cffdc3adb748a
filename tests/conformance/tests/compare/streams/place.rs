//! A server with simulated nodes and a few pods.

use std::{fs, path::Path, time::Duration};

use anyhow::Context as _;
use verdigris_conformance::server::{Controllers, Server};

use super::kubectl::{Kubectl, clients};

const PODS: &str = include_str!("pods.yaml");

/// What must be so before anything is looked at.
const READY: [&str; 6] = [
    "wait --timeout=60s --for=create serviceaccount/default",
    "apply -f -",
    "rollout status deployment/web --timeout=60s",
    "wait --timeout=60s --for=jsonpath={.status.containerStatuses[1].restartCount}=1 pod/two",
    "wait --timeout=60s --for=jsonpath={.status.containerStatuses[0].state.running} pod/two",
    "wait --timeout=60s --for=jsonpath={.status.containerStatuses[0].state.waiting.reason}=ImagePullBackOff pod/stuck",
];

pub struct Place {
    pub name: &'static str,
    server: Server,
}

impl Place {
    pub fn kubeconfig(&self) -> &Path {
        self.server.kubeconfig()
    }

    async fn furnish(self) -> anyhow::Result<Self> {
        let kubectl: Kubectl = clients().remove(0);
        kubectl.done(&self, "create namespace streams", "").await?;
        for line in READY {
            let manifests = if line.starts_with("apply") { PODS } else { "" };
            kubectl.done(&self, line, manifests).await?;
        }
        Ok(self)
    }
}

/// The embedded server and a real one.
pub async fn both() -> anyhow::Result<[Place; 2]> {
    let (embedded, real) = tokio::join!(embedded(), real());
    Ok([embedded.context("the embedded server")?, real.context("the real server")?])
}

async fn embedded() -> anyhow::Result<Place> {
    let server = Server::embedded(Controllers::Workloads).await?;
    Place { name: "embedded", server }.furnish().await
}

async fn real() -> anyhow::Result<Place> {
    let server = Server::real(Controllers::Workloads).await?;
    Place { name: "real", server }.furnish().await
}

/// How long one command may take.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// A folder for kubectl's caches, so that those of one server are not taken for the other's.
pub fn cache_of(kubeconfig: &Path) -> std::path::PathBuf {
    let cache = kubeconfig.with_extension("cache");
    // If it cannot be made, kubectl does without.
    let _ = fs::create_dir_all(&cache);
    cache
}
