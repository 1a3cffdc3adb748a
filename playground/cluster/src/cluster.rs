//! Everything together.

use std::{sync::Arc, time::Duration};

use kube::Client;
use tracing::warn;

use crate::{
    deployment, endpoint_slice, garbage,
    hub::Hub,
    kubelet::{
        self, PodNetwork, Timing,
        host::{PodHost, Pretence},
        server::Door,
        sockets::Sockets,
    },
    namespace_defaults, node,
    proxy::{self, ServiceProxy},
    replica_set, scheduler, storage,
    sync::Clock,
};

/// How a cluster behaves.
#[derive(Clone)]
pub struct Options {
    /// Tells the wall time.
    pub clock: Clock,
    /// Decides all chances: the same seed under the same paused clock gives the same run.
    pub seed: u64,
    /// What runs the pods' processes.
    pub pod_host: Arc<dyn PodHost>,
    /// How many nodes there are, 16 at most.
    pub nodes: usize,
    /// How often nodes renew their Leases; never, if not given.
    pub heartbeat: Option<Duration>,
    /// How long things take on the nodes.
    pub timing: Timing,
    /// The PEM text that namespaces get as `kube-root-ca.crt`; it may be empty.
    pub root_certificate: String,
    /// The service proxy, if there is to be one. It opens sockets.
    pub proxy: Option<proxy::Options>,
    /// Whether the nodes serve the API of a kubelet (logs, exec, port-forward). It opens a socket.
    pub kubelet_api: bool,
    /// What an API server has to say to the nodes. Without it, whoever reaches the socket may ask, which a real API server
    /// does that was given no certificate for kubelets.
    pub kubelet_token: Option<String>,
}

impl Options {
    /// A cluster that answers real HTTP on loopback.
    #[must_use]
    pub fn with_sockets(clock: Clock, seed: u64) -> Self {
        Self {
            clock,
            seed,
            pod_host: Arc::new(Sockets),
            nodes: 3,
            heartbeat: Some(Duration::from_secs(10)),
            timing: Timing::default(),
            root_certificate: String::new(),
            proxy: Some(proxy::Options::default()),
            kubelet_api: true,
            kubelet_token: None,
        }
    }

    /// A cluster without sockets and heartbeats, for simulations under a paused clock.
    #[must_use]
    pub fn pretended(clock: Clock, seed: u64) -> Self {
        Self {
            pod_host: Arc::new(Pretence),
            heartbeat: None,
            proxy: None,
            kubelet_api: false,
            ..Self::with_sockets(clock, seed)
        }
    }
}

/// A running cluster; dropping it ends all its tasks and processes.
pub struct Cluster {
    hub: Arc<Hub>,
    network: PodNetwork,
    proxy: Option<ServiceProxy>,
}

impl Cluster {
    /// Starts all controllers, the nodes and, if asked for, the service proxy. Needs a tokio runtime.
    #[must_use]
    pub fn start(client: Client, options: Options) -> Self {
        let hub = Hub::new(client, options.clock.clone(), options.seed);
        replica_set::start(&hub);
        deployment::start(&hub);
        endpoint_slice::start(&hub);
        garbage::start(&hub);
        namespace_defaults::start(&hub, &options.root_certificate);
        storage::start(&hub);
        Self::start_on(hub, options)
    }

    /// Starts the nodes with their scheduler and, if asked for, the service proxy, for an API server whose own
    /// controllers do the rest.
    #[must_use]
    pub fn start_nodes(client: Client, options: Options) -> Self {
        Self::start_on(Hub::new(client, options.clock.clone(), options.seed), options)
    }

    fn start_on(hub: Arc<Hub>, options: Options) -> Self {
        scheduler::start(&hub);
        let door = if options.kubelet_api { open_door(options.kubelet_token) } else { None };
        let kubelet_api = door.as_ref().map(Door::address);
        let nodes = node::places(options.nodes.clamp(1, kubelet::NODES_MAX), kubelet_api);
        node::start(&hub, &nodes, options.heartbeat);
        let network = PodNetwork::default();
        kubelet::start(
            &hub,
            kubelet::Options {
                nodes: nodes.into_iter().map(|node| (node.name, node.address)).collect(),
                host: options.pod_host,
                timing: options.timing,
                network: network.clone(),
                door,
            },
        );
        let proxy = options.proxy.map(|proxy| proxy::start(&hub, network.clone(), proxy));
        Self { hub, network, proxy }
    }

    /// Where Services are reachable on loopback; nothing if the cluster runs without a proxy.
    #[must_use]
    pub fn proxy(&self) -> Option<&ServiceProxy> {
        self.proxy.as_ref()
    }

    /// Where pods' virtual addresses lead.
    #[must_use]
    pub fn network(&self) -> &PodNetwork {
        &self.network
    }

    /// What the controllers share, to start further ones on it.
    #[must_use]
    pub fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }
}

/// A cluster without it is still worth having.
fn open_door(token: Option<String>) -> Option<Door> {
    Door::open(token)
        .inspect_err(|error| warn!(%error, "the nodes will not answer logs, exec and port-forward"))
        .ok()
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.hub.shut_down();
    }
}
