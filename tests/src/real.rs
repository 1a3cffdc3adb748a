//! A real Kubernetes on which our manifests were applied as a user applies them, so that our controller has exactly the
//! rights that we ship.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use kube::Client;
use verdigris_connection::ConnectionArgs;
use verdigris_control_plane::{ControlPlane, Options, audit, binaries};
use verdigris_controller::connect::connect;
use verdigris_playground::world::{Clients, Place};

use crate::rights;

/// Namespace of the installation for all namespaces.
pub const NAMESPACE: &str = "verdigris";
/// The controller's ServiceAccount, wherever it is installed.
const ACCOUNT: &str = "verdigris-controller";

/// The control plane, with us installed. Dropping it ends it.
pub struct Real {
    plane: ControlPlane,
    user: Client,
    controller: Client,
}

impl Real {
    /// Starts one, and installs `charts/install.yaml` with its own kubectl.
    ///
    /// # Errors
    /// If it does not come up, or refuses a manifest.
    pub async fn start() -> Result<Self> {
        Self::start_with(Options::default()).await
    }

    /// The same, set up like this.
    ///
    /// # Errors
    /// If it does not come up, or refuses a manifest.
    pub async fn start_with(options: Options) -> Result<Self> {
        let plane = ControlPlane::start(options.audited().with_strict_owners()).await?;
        kubectl(&plane, &["apply", "-f", &manifests().join("install.yaml").to_string_lossy()]).await?;
        let definition = "crd/rollouts.argoproj.io";
        kubectl(&plane, &["wait", "--for=condition=Established", definition, "--timeout=30s"]).await?;
        let user = plane.client().await?;
        let controller = controller_client(&plane, NAMESPACE).await?;
        Ok(Self { plane, user, controller })
    }

    /// The control plane itself.
    pub fn plane(&self) -> &ControlPlane {
        &self.plane
    }

    /// A folder that is removed with the control plane.
    pub fn folder(&self) -> &Path {
        self.plane.folder()
    }

    /// A client with all rights.
    pub fn user(&self) -> Client {
        self.user.clone()
    }

    /// A client with our controller's rights, made as the controller makes it.
    pub fn controller(&self) -> Client {
        self.controller.clone()
    }

    /// A client with our controller's rights after the manifests were applied anew.
    ///
    /// # Errors
    /// If the account is not there.
    pub async fn controller_anew(&self) -> Result<Client> {
        controller_client(&self.plane, NAMESPACE).await
    }

    /// The playground's view of it.
    ///
    /// # Errors
    /// If its kubeconfig cannot be read.
    pub fn place(&self) -> Result<Place> {
        let kubeconfig =
            std::fs::read_to_string(self.plane.kubeconfig()).context("reading the kubeconfig")?;
        let clients = Clients {
            user: self.user(),
            cluster: self.user(),
            controller: self.controller(),
            dashboard: self.user(),
        };
        Ok(Place::elsewhere(self.plane.url().to_owned(), kubeconfig, clients))
    }

    /// Installs the controller for this namespace alone, which must exist; gives a client with its rights.
    ///
    /// # Errors
    /// If a manifest is refused.
    pub async fn install_in(&self, namespace: &str) -> Result<Client> {
        let folder = self.folder().join(format!("install-{namespace}"));
        std::fs::create_dir(&folder).context("making a folder for a kustomization")?;
        // kustomize takes relative paths only.
        let up: PathBuf = folder.components().skip(1).map(|_| "..").collect();
        let manifests = manifests().canonicalize().context("finding charts/")?.join("kustomize/namespaced");
        let manifests = up.join(manifests.strip_prefix("/").unwrap_or(&manifests));
        let text = format!("namespace: {namespace}\nresources: [{}]\n", manifests.display());
        std::fs::write(folder.join("kustomization.yaml"), text).context("writing a kustomization")?;
        kubectl(&self.plane, &["apply", "-k", &folder.to_string_lossy()]).await?;
        controller_client(&self.plane, namespace).await
    }

    /// A kubeconfig for our controller as a process, which finds the API on this port.
    ///
    /// # Errors
    /// If there is no token, or no place for the file.
    pub async fn kubeconfig_at(&self, port: u16) -> Result<PathBuf> {
        let token = self.plane.service_account_token(NAMESPACE, ACCOUNT).await?;
        let path = self.folder().join(format!("{port}.kubeconfig"));
        let own = self.plane.kubeconfig_as("controller", &token);
        let text = own.replace(self.plane.url(), &format!("https://127.0.0.1:{port}"));
        std::fs::write(&path, text).context("writing the controller's kubeconfig")?;
        Ok(path)
    }

    /// The port of the API.
    ///
    /// # Errors
    /// If its address has none.
    pub fn port(&self) -> Result<u16> {
        let port = self.plane.url().rsplit(':').next().unwrap_or_default();
        port.parse().with_context(|| format!("the port of {}", self.plane.url()))
    }

    /// Runs kubectl with all rights, and gives what it said.
    ///
    /// # Errors
    /// What it complains of.
    pub async fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        kubectl(&self.plane, arguments).await
    }

    /// What the controller that is installed for all namespaces asked so far, oldest first.
    ///
    /// # Errors
    /// If the audit log cannot be read.
    pub fn asked_by_controller(&self) -> Result<Vec<audit::Entry>> {
        self.asked_from(NAMESPACE)
    }

    /// That controller asked for things, and had the right to each.
    ///
    /// # Errors
    /// What it had no right to.
    pub fn nothing_was_refused(&self) -> Result<()> {
        self.nothing_was_refused_from(NAMESPACE)
    }

    /// The same of the controller that is installed in this namespace.
    ///
    /// # Errors
    /// What it had no right to.
    pub fn nothing_was_refused_from(&self, namespace: &str) -> Result<()> {
        let asked = self.asked_from(namespace)?;
        ensure!(
            asked.iter().any(audit::Entry::writes),
            "the controller wrote nothing: was it the one that ran?"
        );
        let refused: Vec<String> = asked
            .iter()
            .filter(|entry| matches!(entry.code(), 401 | 403))
            .map(|entry| format!("{} {} ({})", entry.verb, entry.resource(), entry.uri))
            .collect();
        ensure!(refused.is_empty(), "charts/ gives the controller no right to: {refused:#?}");
        Ok(())
    }

    fn asked_from(&self, namespace: &str) -> Result<Vec<audit::Entry>> {
        let user = format!("system:serviceaccount:{namespace}:{ACCOUNT}");
        Ok(self.plane.audit()?.into_iter().filter(|entry| entry.user.username == user).collect())
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        let account = format!(":{ACCOUNT}");
        let ours = |entry: &audit::Entry| entry.user.username.ends_with(&account);
        let asked = self.plane.audit().map(|asked| asked.into_iter().filter(ours).collect::<Vec<_>>());
        let left = asked.map_err(anyhow::Error::from).and_then(|asked| Ok(rights::leave(&asked)?));
        if let Err(error) = left {
            eprintln!("what the controller asked for could not be kept: {error:#}");
        }
    }
}

async fn controller_client(plane: &ControlPlane, namespace: &str) -> Result<Client> {
    let token = plane.service_account_token(namespace, ACCOUNT).await?;
    let kubeconfig = plane.folder().join(format!("{namespace}.kubeconfig"));
    let text = plane.kubeconfig_as("controller", &token);
    std::fs::write(&kubeconfig, text).context("writing the controller's kubeconfig")?;
    let flags = ConnectionArgs { kubeconfig: Some(kubeconfig), ..ConnectionArgs::default() };
    Ok(connect(&flags).await?.0)
}

async fn kubectl(plane: &ControlPlane, arguments: &[&str]) -> Result<String> {
    let output = tokio::process::Command::new(binaries::find("kubectl")?)
        .args(arguments)
        .env("KUBECONFIG", plane.kubeconfig())
        .env("KUBECACHEDIR", plane.folder().join("kubectl-cache"))
        .stdin(std::process::Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .context("starting kubectl")?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "kubectl {}: {}", arguments.join(" "), complaint.trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn manifests() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../charts")
}
