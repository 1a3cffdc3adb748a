//! One of the two servers that are compared, behind TLS on loopback.

use std::{
    fs,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use anyhow::Context as _;
use jiff::Timestamp;
use kube::config::{KubeConfigOptions, Kubeconfig};
use tokio::net::TcpListener;
use verdigris_control_plane::{ControlPlane, Options as PlaneOptions};
use verdigris_playground::tls::Identity;
use verdigris_playground_apiserver::{http_server::Listening, server::ApiServer};
use verdigris_playground_cluster::{Cluster, Options as ClusterOptions};

use crate::wire::Wire;

/// Names a kubeconfig of a real API server that runs already; it is used instead of starting one. It gets what the tests
/// send, so it must be one to throw away.
pub const RUNNING: &str = "VERDIGRIS_REAL_KUBECONFIG";

/// The token of the embedded server. It listens on loopback for as long as a test.
const TOKEN: &str = "conformance";

/// Uids and name suffixes of the embedded server come from here.
const SEED: u64 = 7;

/// What runs around a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Controllers {
    /// Nothing: only requests change anything, so that both servers hold the same at any time.
    #[default]
    None,
    /// kube-controller-manager beside the real server, `playground/cluster`'s beside the embedded one.
    Workloads,
}

/// One of the two servers. Dropping it ends it.
pub struct Server {
    /// `embedded` or `real`.
    pub name: &'static str,
    url: String,
    token: String,
    kubeconfig: PathBuf,
    client: kube::Client,
    wire: Wire,
    _running: Running,
}

/// What must live as long as the server does.
enum Running {
    Embedded { _api: Listening, _cluster: Option<Cluster>, _folder: Folder },
    Real { _nodes: Option<Cluster>, _plane: Box<ControlPlane> },
    Elsewhere,
}

impl Server {
    /// The embedded server.
    ///
    /// # Errors
    /// If it cannot listen on loopback, or its kubeconfig cannot be written.
    pub async fn embedded(controllers: Controllers) -> anyhow::Result<Self> {
        let server = ApiServer::new(Arc::new(now), SEED);
        let identity = Identity::new()?;
        let listener = TcpListener::bind("127.0.0.1:0").await.context("listening for the embedded server")?;
        let api = server.serve(identity.listen(listener), TOKEN)?;
        let url = format!("https://{}", api.address());
        let folder = Folder::new()?;
        let kubeconfig = folder.write_kubeconfig(&url, &identity.authority_pem)?;
        let cluster = match controllers {
            Controllers::None => None,
            Controllers::Workloads => {
                let mut options = ClusterOptions::with_sockets(Arc::new(now), SEED);
                options.root_certificate = identity.authority_pem.clone();
                Some(Cluster::start(server.client(), options))
            }
        };
        let running = Running::Embedded { _api: api, _cluster: cluster, _folder: folder };
        Self::over("embedded", &kubeconfig, TOKEN, running).await
    }

    /// A real Kubernetes.
    ///
    /// # Errors
    /// If it cannot be started.
    pub async fn real(controllers: Controllers) -> anyhow::Result<Self> {
        if let Some(kubeconfig) = std::env::var_os(RUNNING) {
            let kubeconfig = PathBuf::from(kubeconfig);
            let token = token_in(&kubeconfig)?;
            return Self::over("real", &kubeconfig, &token, Running::Elsewhere).await;
        }
        let plane = ControlPlane::start(options(controllers)).await?;
        let (kubeconfig, token) = (plane.kubeconfig().to_owned(), plane.admin_token().to_owned());
        let mut server = Self::over("real", &kubeconfig, &token, Running::Elsewhere).await?;
        let nodes = (controllers == Controllers::Workloads).then(|| {
            Cluster::start_nodes(server.client(), ClusterOptions::with_sockets(Arc::new(now), SEED))
        });
        server._running = Running::Real { _nodes: nodes, _plane: Box::new(plane) };
        Ok(server)
    }

    /// Where it listens: `https://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The bearer token of one who may do everything.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// For kubectl and other programs.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// A client over TLS, as programs have it.
    pub fn client(&self) -> kube::Client {
        self.client.clone()
    }

    /// Plain HTTP to it.
    pub fn wire(&self) -> &Wire {
        &self.wire
    }

    async fn over(
        name: &'static str,
        kubeconfig: &Path,
        token: &str,
        running: Running,
    ) -> anyhow::Result<Self> {
        let read = Kubeconfig::read_from(kubeconfig)
            .with_context(|| format!("reading the kubeconfig {}", kubeconfig.display()))?;
        let config = kube::Config::from_custom_kubeconfig(read, &KubeConfigOptions::default())
            .await
            .with_context(|| format!("understanding the kubeconfig {}", kubeconfig.display()))?;
        Ok(Self {
            name,
            url: config.cluster_url.to_string().trim_end_matches('/').to_owned(),
            token: token.to_owned(),
            kubeconfig: kubeconfig.to_owned(),
            wire: Wire::new(&config)?,
            client: kube::Client::try_from(config).context("making a client")?,
            _running: running,
        })
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the servers are compared in real time: this is where it enters"
)]
fn now() -> Timestamp {
    Timestamp::now()
}

/// Where there are pods, the real server is as the embedded one is: they get no token of their ServiceAccount.
fn options(controllers: Controllers) -> PlaneOptions {
    match controllers {
        Controllers::None => PlaneOptions::without_controllers(),
        Controllers::Workloads => PlaneOptions {
            api_arguments: vec!["--disable-admission-plugins=ServiceAccount".to_owned()],
            ..PlaneOptions::default()
        },
    }
}

/// The token of a kubeconfig's first user.
fn token_in(kubeconfig: &Path) -> anyhow::Result<String> {
    let text = fs::read_to_string(kubeconfig).with_context(|| format!("reading {}", kubeconfig.display()))?;
    let read: serde_json::Value = serde_saphyr::from_str(&text).context("the kubeconfig is no YAML")?;
    let token = read.pointer("/users/0/user/token").and_then(serde_json::Value::as_str);
    Ok(token.with_context(|| format!("{} has no token", kubeconfig.display()))?.to_owned())
}

/// A folder that only this user can enter; gone when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> anyhow::Result<Self> {
        // Servers of one process need names of their own.
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("verdigris-conformance-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let made = fs::DirBuilder::new().mode(0o700).create(&path);
        made.with_context(|| format!("making the folder {}", path.display()))?;
        Ok(Self(path))
    }

    fn write_kubeconfig(&self, url: &str, authority_pem: &str) -> anyhow::Result<PathBuf> {
        let authority = self.0.join("authority.pem");
        fs::write(&authority, authority_pem).context("writing the authority's certificate")?;
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: conformance\n\
             clusters: [{{name: conformance, cluster: {{server: \"{url}\", certificate-authority: \"{}\"}}}}]\n\
             users: [{{name: conformance, user: {{token: {TOKEN}}}}}]\n\
             contexts: [{{name: conformance, context: {{cluster: conformance, user: conformance}}}}]\n",
            authority.display()
        );
        let path = self.0.join("kubeconfig");
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let written =
            options.open(&path).and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()));
        written.with_context(|| format!("writing {}", path.display()))?;
        Ok(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
