//! The embedded API server over TLS, for programs of ours that run as they are shipped.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
};

use anyhow::{Context, Result};
use base64::{Engine, engine::general_purpose::STANDARD};
use tokio::{
    net::TcpListener,
    process::{Child, Command},
};
use verdigris_controller::{Clock, SystemClock};
use verdigris_playground::tls::Identity;
use verdigris_playground_apiserver::{http_server::Listening, server::ApiServer};

use crate::world::CRD;

const TOKEN: &str = "served";

/// A server that listens on loopback, and the kubeconfig for it. Dropping it ends both.
pub struct Served {
    /// The server itself.
    pub server: ApiServer,
    kubeconfig: PathBuf,
    _listening: Listening,
}

impl Served {
    /// Serves our CRDs and nothing else, in the machine's time.
    ///
    /// # Errors
    /// If no port is free, or the kubeconfig cannot be written.
    pub async fn start() -> Result<Self> {
        let server = ApiServer::new(Arc::new(|| SystemClock.now()), 1);
        for definition in std::iter::once(CRD).chain(verdigris_crds::manifest::ANALYSIS_YAMLS) {
            server.apply_crd(definition).context("installing the CRDs")?;
        }
        let identity = Identity::new()?;
        let listener = TcpListener::bind("127.0.0.1:0").await.context("listening")?;
        let address = listener.local_addr().context("listening")?;
        let listening = server.serve(identity.listen(listener), TOKEN).context("serving")?;
        let authority = STANDARD.encode(&identity.authority_pem);
        let kubeconfig = std::env::temp_dir().join(format!("verdigris-served-{}.yaml", address.port()));
        let text = format!(
            "{{apiVersion: v1, kind: Config, current-context: x, clusters: [{{name: x, cluster: {{server: \"https://{address}\", \
             certificate-authority-data: {authority}}}}}], contexts: [{{name: x, context: {{cluster: x, user: x}}}}], \
             users: [{{name: x, user: {{token: {TOKEN}}}}}]}}"
        );
        std::fs::write(&kubeconfig, text).context("writing a kubeconfig")?;
        Ok(Self { server, kubeconfig, _listening: listening })
    }

    /// Starts a controller on it, alone.
    ///
    /// # Errors
    /// If the program cannot be started.
    pub fn start_controller(&self, program: &str, arguments: &[&str]) -> Result<Child> {
        Command::new(program)
            .arg("--kubeconfig")
            .arg(self.kubeconfig())
            .args(["--metricsPort=0", "--loglevel=warn"])
            .args(arguments)
            // Its Lease; not every cluster has the namespace that it is in where nothing says.
            .env("POD_NAMESPACE", "default")
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {program}"))
    }

    /// For clients.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.kubeconfig);
    }
}
