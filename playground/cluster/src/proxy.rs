//! Makes each Service reachable on loopback, one TCP listener per port, the way kube-proxy makes its cluster address
//! reachable on a node: each new connection goes to a ready endpoint chosen by chance, and stays there until it is
//! closed. Nothing is retried or queued: without an endpoint the connection is reset.

use std::{
    collections::BTreeMap,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use k8s_openapi::api::{core::v1::Service, discovery::v1::EndpointSlice};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::Instant,
};
use tracing::{debug, warn};

use crate::{
    cache::Change,
    hub::Hub,
    kubelet::PodNetwork,
    object::{ObjectKey, label_of},
    queue::Queue,
    runner::{self, PassError},
    sync::{Dice, lock},
};

mod backends;

use backends::Backend;

const COMPONENT: &str = "service-proxy";
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// How the proxy works.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// How long after a change of endpoints new connections follow it. A real node takes from milliseconds to a second.
    pub programming_delay: Duration,
    /// Loopback ports that are asked for, by Service and Service port; any other gets a free one.
    pub fixed_ports: BTreeMap<(ObjectKey, u16), u16>,
}

/// The addresses of Services on loopback. Cheap to clone.
#[derive(Clone)]
pub struct ServiceProxy(Arc<Proxy>);

struct Proxy {
    hub: Arc<Hub>,
    options: Options,
    network: PodNetwork,
    dice: Dice,
    listeners: Mutex<BTreeMap<(ObjectKey, u16), Listener>>,
    changed: watch::Sender<u64>,
}

/// One Service port on loopback. It keeps its address for as long as the Service has the port.
struct Listener {
    address: SocketAddr,
    backends: Arc<Mutex<Vec<Backend>>>,
    task: tokio::task::AbortHandle,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl ServiceProxy {
    /// Where a Service's port is reachable now.
    #[must_use]
    pub fn address_of(&self, namespace: &str, service: &str, port: u16) -> Option<SocketAddr> {
        let key = (ObjectKey::new(namespace, service), port);
        lock(&self.0.listeners).get(&key).map(|listener| listener.address)
    }

    /// All addresses, by Service and Service port.
    #[must_use]
    pub fn addresses(&self) -> BTreeMap<(ObjectKey, u16), SocketAddr> {
        lock(&self.0.listeners).iter().map(|(key, listener)| (key.clone(), listener.address)).collect()
    }

    /// Changes whenever an address comes or goes.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.changed.subscribe()
    }

    /// Waits until a Service's port is reachable. Wrap it into a time limit: the Service may never come.
    pub async fn wait_for(&self, namespace: &str, service: &str, port: u16) -> SocketAddr {
        let mut changes = self.changes();
        loop {
            changes.mark_unchanged();
            if let Some(address) = self.address_of(namespace, service, port) {
                return address;
            }
            // The sender lives in `self`, so the wait cannot fail.
            let _ = changes.changed().await;
        }
    }
}

/// Starts the service proxy over the pods of `network`. It opens sockets, so it must not run under a paused clock.
#[must_use]
pub fn start(hub: &Arc<Hub>, network: PodNetwork, options: Options) -> ServiceProxy {
    let queue = Arc::new(Queue::default());
    let (keys, delay) = (queue.clone(), options.programming_delay);
    hub.services().on_change(move |change| {
        let ports = |service: &Service| backends::ports(service).into_iter().cloned().collect::<Vec<_>>();
        let [before, after] = [&change.before, &change.after].map(|service| service.as_deref().map(ports));
        if let Some(service) = change.after.as_ref().or(change.before.as_ref()) {
            // An address comes and goes at once; only where it leads follows with a delay.
            let wait = if before == after { delay } else { Duration::ZERO };
            keys.add_at(ObjectKey::of(&service.metadata), Instant::now() + wait);
        }
    });
    let (keys, delay) = (queue.clone(), options.programming_delay);
    hub.endpoint_slices().on_change(move |change: &Change<EndpointSlice>| {
        for slice in change.before.iter().chain(&change.after) {
            if let Some(service) = label_of(&slice.metadata, SERVICE_NAME) {
                let namespace = slice.metadata.namespace.as_deref().unwrap_or_default();
                keys.add_at(ObjectKey::new(namespace, service), Instant::now() + delay);
            }
        }
    });
    let proxy = Arc::new(Proxy {
        hub: hub.clone(),
        options,
        network,
        dice: hub.dice(COMPONENT),
        listeners: Mutex::default(),
        changed: watch::Sender::new(0),
    });
    let passing = proxy.clone();
    hub.spawn(async move {
        passing.hub.services().synced().await;
        passing.hub.endpoint_slices().synced().await;
        runner::run(COMPONENT, queue, |key| {
            let proxy = passing.clone();
            async move { proxy.pass(&key) }
        })
        .await;
    });
    ServiceProxy(proxy)
}

impl Proxy {
    fn pass(&self, key: &ObjectKey) -> Result<Option<Duration>, PassError> {
        let service = self.hub.services().get(key);
        let slices = self
            .hub
            .endpoint_slices()
            .list_in(&key.namespace, |slice| label_of(&slice.metadata, SERVICE_NAME) == Some(&key.name));
        let mut wanted = BTreeMap::new();
        for port in service.iter().flat_map(|service| backends::ports(service)) {
            if let Ok(number) = u16::try_from(port.port) {
                wanted.insert(number, backends::backends(port, &slices));
            }
        }
        let mut listeners = lock(&self.listeners);
        let before = listeners.len();
        listeners.retain(|(service, port), _| service != key || wanted.contains_key(port));
        let mut changed = listeners.len() != before;
        for (port, backends) in wanted {
            let place = (key.clone(), port);
            if let Some(listener) = listeners.get(&place) {
                *lock(&listener.backends) = backends;
                continue;
            }
            let listener = self.listen(&place, backends).map_err(|source| PassError::Local {
                doing: format!("opening port {port} of Service {key}"),
                source,
            })?;
            listeners.insert(place, listener);
            changed = true;
        }
        drop(listeners);
        if changed {
            self.changed.send_modify(|count| *count += 1);
        }
        Ok(None)
    }

    fn listen(&self, place: &(ObjectKey, u16), backends: Vec<Backend>) -> io::Result<Listener> {
        let bind = |port: u16| std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port));
        let fixed = self.options.fixed_ports.get(place).copied().unwrap_or(0);
        let listener = bind(fixed).or_else(|error| {
            if fixed == 0 {
                return Err(error);
            }
            warn!(service = %place.0, port = fixed, %error, "the asked-for port is taken, another is used");
            bind(0)
        })?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let backends = Arc::new(Mutex::new(backends));
        let task = tokio::spawn(accept(
            TcpListener::from_std(listener)?,
            backends.clone(),
            self.network.clone(),
            self.dice.clone(),
        ));
        Ok(Listener { address, backends, task: task.abort_handle() })
    }
}

/// Accepts for ever. Connections end with the task: a Service that is gone leads nowhere.
async fn accept(listener: TcpListener, backends: Arc<Mutex<Vec<Backend>>>, network: PodNetwork, dice: Dice) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! { biased;
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept() => match accepted {
                Ok((client, _)) => {
                    let target = choose(&backends, &dice)
                        .and_then(|(address, port)| network.resolve(address, port));
                    connections.spawn(splice(client, target));
                }
                // Out of file descriptors, most likely: give the others a chance to close theirs.
                Err(error) => {
                    debug!(%error, "accept failed");
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            },
        }
    }
}

fn choose(backends: &Mutex<Vec<Backend>>, dice: &Dice) -> Option<Backend> {
    let backends = lock(backends);
    (!backends.is_empty()).then(|| backends[dice.below(backends.len())])
}

/// Carries bytes both ways until both sides have closed.
async fn splice(mut client: TcpStream, target: Option<SocketAddr>) {
    let pod = match target {
        Some(target) => TcpStream::connect(target).await,
        None => Err(io::Error::from(io::ErrorKind::ConnectionRefused)),
    };
    let Ok(mut pod) = pod else {
        // A plain close would look like an empty answer; a reset is what a refused connection looks like from here.
        let _ = client.set_zero_linger();
        return;
    };
    let _ = client.set_nodelay(true);
    let _ = pod.set_nodelay(true);
    if let Err(error) = tokio::io::copy_bidirectional(&mut client, &mut pod).await {
        debug!(%error, "connection broke");
    }
}
