//! The world: API server, cluster, controller and dashboard, all in this process; or around an API server elsewhere.

mod place;

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use anyhow::Context as _;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Node;
use kube::{Api, Client, api::ListParams};
use tokio::{
    task::JoinSet,
    time::{Duration, Instant, sleep},
};
use verdigris_controller::{Controller, Ports, SystemClock, rules::Rules};
use verdigris_dashboard::Secret;
use verdigris_playground_cluster::{Cluster, object::ObjectKey, proxy};

use crate::{
    home::Home,
    options::Options,
    tour::{ACTIVE, NAMESPACE, PREVIEW},
};

pub use place::{Clients, Place};

/// Whose name the kubeconfig carries; approvals record it.
const USER: &str = "playground";
/// How long the nodes may take to come up, on a machine that is busy with other things.
const UP_MAX: Duration = Duration::from_secs(30);

/// How the world is set up.
#[derive(Clone)]
pub struct WorldOptions {
    /// Port of the API; 0 takes a free one.
    pub port: u16,
    /// Port of the dashboard; 0 takes a free one.
    pub dashboard_port: u16,
    /// Nodes of the cluster.
    pub nodes: usize,
    /// How long the service proxy takes to follow a change of endpoints.
    pub programming_delay: Duration,
    /// What the controller goes by. Tests put mutants here, to see that the load notices them.
    pub rules: Rules,
    /// Whether our controller runs in the world. Without it Rollouts are whoever's who takes care of them.
    pub controller: bool,
}

impl Default for WorldOptions {
    fn default() -> Self {
        Self {
            port: 0,
            dashboard_port: 0,
            nodes: 3,
            programming_delay: Duration::from_millis(20),
            rules: Rules::default(),
            controller: true,
        }
    }
}

impl From<&Options> for WorldOptions {
    fn from(options: &Options) -> Self {
        Self {
            port: options.port,
            dashboard_port: options.dashboard_port,
            nodes: usize::from(options.nodes),
            programming_delay: Duration::from_millis(options.programming_delay),
            ..Self::default()
        }
    }
}

/// Where the dashboard is.
#[derive(Clone, Debug)]
pub struct DashboardPlace {
    /// Where it listens.
    pub address: SocketAddr,
    /// The path of its first page.
    pub path: String,
}

impl DashboardPlace {
    /// What to open in a browser.
    pub fn url(&self) -> String {
        format!("http://{}{}", self.address, self.path)
    }

    /// The path of a Rollout's page.
    pub fn rollout(&self, namespace: &str, name: &str) -> String {
        format!("{}/rollout/{namespace}/{name}", self.path.trim_end_matches('/'))
    }
}

/// A running world. Dropping it ends everything in it.
pub struct World {
    place: Place,
    cluster: Cluster,
    dashboard: DashboardPlace,
    started: Duration,
    _tasks: JoinSet<()>,
}

impl World {
    /// Starts everything, and writes the kubeconfig into `home`.
    ///
    /// # Errors
    /// If a port is taken, or the cluster does not come up.
    pub async fn start(options: &WorldOptions, home: &Home) -> anyhow::Result<Self> {
        let began = Instant::now();
        let mut secret = [0; 72];
        getrandom::fill(&mut secret).map_err(|error| anyhow::anyhow!("drawing secrets: {error}"))?;
        let (tokens, seed) = secret.split_at(64);
        let [token, kubelet_token] = [&tokens[..32], &tokens[32..]]
            .map(|token| token.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
        let seed = u64::from_le_bytes(seed.try_into().unwrap_or_default());
        let place = Place::embedded(options.port, &token, &kubelet_token, seed).await?;
        let mut nodes = cluster_options(options, seed)?;
        nodes.kubelet_token = Some(kubelet_token);
        let cluster = Cluster::start(place.clients.cluster.clone(), nodes);
        Self::raise(place, cluster, options, home, seed, began).await
    }

    /// The same around an API server that runs already and has controllers of its own: nodes, service proxy, our
    /// controller and dashboard. The CRD of Rollouts must be there.
    ///
    /// # Errors
    /// If a port is taken, or the nodes do not come up.
    pub async fn around(place: Place, options: &WorldOptions, home: &Home) -> anyhow::Result<Self> {
        let began = Instant::now();
        let mut seed = [0; 8];
        getrandom::fill(&mut seed).map_err(|error| anyhow::anyhow!("drawing a seed: {error}"))?;
        let seed = u64::from_le_bytes(seed);
        let cluster = Cluster::start_nodes(place.clients.cluster.clone(), cluster_options(options, seed)?);
        Self::raise(place, cluster, options, home, seed, began).await
    }

    async fn raise(
        place: Place,
        cluster: Cluster,
        options: &WorldOptions,
        home: &Home,
        seed: u64,
        began: Instant,
    ) -> anyhow::Result<Self> {
        home.write_kubeconfig(&place.kubeconfig)?;
        let mut tasks = JoinSet::new();
        if options.controller {
            tasks.spawn(controller(&place, options.rules.clone(), seed).run(std::future::pending()));
        }
        let dashboard = start_dashboard(place.clients.dashboard.clone(), options.dashboard_port).await?;
        let mut world = Self { place, cluster, dashboard, started: Duration::ZERO, _tasks: tasks };
        world.nodes_ready(options.nodes).await?;
        world.started = began.elapsed();
        Ok(world)
    }

    /// A client of the API with all rights.
    pub fn client(&self) -> Client {
        self.place.clients.user.clone()
    }

    /// Where the API listens, for example `https://127.0.0.1:6443`.
    pub fn api(&self) -> &str {
        &self.place.url
    }

    /// Where the dashboard is.
    pub fn dashboard(&self) -> &DashboardPlace {
        &self.dashboard
    }

    /// How long it took until all nodes were ready.
    pub fn started(&self) -> Duration {
        self.started
    }

    /// Where port 80 of a Service is reached on loopback.
    pub fn service(&self, namespace: &str, name: &str) -> Option<SocketAddr> {
        self.cluster.proxy()?.address_of(namespace, name, 80)
    }

    /// The addresses of all Services.
    pub fn proxy(&self) -> Option<&proxy::ServiceProxy> {
        self.cluster.proxy()
    }

    async fn nodes_ready(&self, count: usize) -> anyhow::Result<()> {
        let nodes: Api<Node> = Api::all(self.client());
        let until = Instant::now() + UP_MAX;
        while Instant::now() < until {
            let listed = nodes.list(&ListParams::default()).await.context("listing nodes")?.items;
            if listed.iter().filter(|node| is_ready(node)).count() >= count {
                return Ok(());
            }
            sleep(Duration::from_millis(2)).await;
        }
        anyhow::bail!("the nodes were not ready within {UP_MAX:?}")
    }
}

#[expect(clippy::disallowed_methods, reason = "the playground runs in real time: this is where it enters")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

fn cluster_options(
    options: &WorldOptions,
    seed: u64,
) -> anyhow::Result<verdigris_playground_cluster::Options> {
    let mut fixed_ports = BTreeMap::new();
    for service in [ACTIVE, PREVIEW] {
        fixed_ports.insert((ObjectKey::new(NAMESPACE, service), 80), free_port()?);
    }
    let proxy = proxy::Options { programming_delay: options.programming_delay, fixed_ports };
    let mut cluster = verdigris_playground_cluster::Options::with_sockets(Arc::new(now), seed);
    cluster.nodes = options.nodes;
    cluster.proxy = Some(proxy);
    Ok(cluster)
}

fn controller(place: &Place, rules: Rules, seed: u64) -> Controller {
    let ports = Ports {
        client: place.clients.controller.clone(),
        clock: Arc::new(SystemClock),
        dice: fastrand::Rng::with_seed(seed),
    };
    Controller::with_rules(ports, verdigris_controller::Options::default(), rules)
}

async fn start_dashboard(client: Client, port: u16) -> anyhow::Result<DashboardPlace> {
    let options = verdigris_dashboard::Options {
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        user: Some(USER.to_owned()),
        ..verdigris_dashboard::Options::default()
    };
    let path = format!("/{}/", options.root_path);
    let secret = Secret::from_system()?;
    let running = verdigris_dashboard::serve(client, options, Arc::new(now), secret, std::future::pending());
    let running = running.await.context("starting the dashboard")?;
    Ok(DashboardPlace { address: running.address(), path })
}

/// A port that nobody listens on now. If somebody takes it in between, the proxy takes another and says so.
fn free_port() -> anyhow::Result<u16> {
    let listener =
        std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("looking for a free port")?;
    Ok(listener.local_addr()?.port())
}

fn is_ready(node: &Node) -> bool {
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.is_some_and(|all| all.iter().any(|one| one.type_ == "Ready" && one.status == "True"))
}
