//! Runs the pods of the simulated nodes and reports on them, as the kubelets of real nodes do.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, Pod};
use kube::api::DeleteParams;
use serde_json::json;

use crate::{
    cache::{Cache, Kind},
    events::{Note, Subject},
    hub::Hub,
    object::{ObjectKey, difference, uid_of, until},
    pod::{address_of, is_finished, node_of},
    queue::Queue,
    runner::{self, PassError, While},
    sync::lock,
};

mod app;
mod container;
mod environment;
pub mod host;
mod image;
mod inside;
mod log;
mod network;
mod probe;
pub mod server;
mod shell;
mod shown;
pub mod sockets;
mod status;
mod stop;

pub use container::Timing;
pub use log::Output;
pub use network::{NODES_MAX, PodNetwork};

use app::app;
use container::{ContainerRun, State, Surroundings};
use environment::{Environment, Sources};
use host::PodHost;
use log::Log;
use network::Lease;
use server::Door;
use shown::Shown;
use stop::Termination;

const COMPONENT: &str = "kubelet";

/// What the nodes need.
pub struct Options {
    /// The nodes' names and their own addresses, in order.
    pub nodes: Vec<(String, String)>,
    /// What runs the processes.
    pub host: Arc<dyn PodHost>,
    /// How long things take.
    pub timing: Timing,
    /// The pods' network, to be shared with the service proxy.
    pub network: PodNetwork,
    /// Where the kubelets' API is to be served, if it is.
    pub door: Option<Door>,
}

/// One pod on its node.
#[derive(Debug)]
struct PodRun {
    uid: String,
    lease: Lease,
    host_ip: String,
    started: Timestamp,
    /// What init containers have written. They are taken for done as soon as the pod is on its node.
    init_logs: BTreeMap<String, Arc<Log>>,
    containers: Vec<ContainerRun>,
    termination: Option<Termination>,
}

struct Kubelet {
    hub: Arc<Hub>,
    options: Options,
    queue: Arc<Queue<ObjectKey>>,
    runs: Mutex<BTreeMap<ObjectKey, PodRun>>,
    /// What the server may see of the pods.
    shown: Shown,
    /// Pods that wait for a ConfigMap or a Secret.
    waiting: Mutex<BTreeSet<ObjectKey>>,
}

/// Starts the kubelets of the nodes in `options`.
pub fn start(hub: &Arc<Hub>, mut options: Options) {
    let door = options.door.take();
    let kubelet = Arc::new(Kubelet {
        hub: hub.clone(),
        options,
        queue: Arc::new(Queue::default()),
        runs: Mutex::default(),
        shown: Shown::default(),
        waiting: Mutex::default(),
    });
    // Weak, because the caches live as long as the hub, and the processes must end before.
    let listening = Arc::downgrade(&kubelet);
    hub.pods().on_change(move |change| {
        if let Some(pod) = change.after.as_ref().or(change.before.as_ref())
            && let Some(kubelet) = listening.upgrade()
            && kubelet.node_index(pod).is_some()
        {
            kubelet.queue.add(ObjectKey::of(&pod.metadata));
        }
    });
    kubelet.retry_on_change(hub.config_maps());
    kubelet.retry_on_change(hub.secrets());
    if let Some(door) = door {
        hub.spawn(server::serve(kubelet.clone(), door));
    }
    let hub = hub.clone();
    hub.clone().spawn(async move {
        hub.pods().synced().await;
        hub.config_maps().synced().await;
        hub.secrets().synced().await;
        runner::run(COMPONENT, kubelet.queue.clone(), |key| {
            let kubelet = kubelet.clone();
            async move { kubelet.pass(&key).await }
        })
        .await;
    });
}

impl Kubelet {
    fn retry_on_change<K: Kind>(self: &Arc<Self>, cache: &Cache<K>) {
        let kubelet = Arc::downgrade(self);
        cache.on_change(move |change| {
            if let Some(object) = &change.after
                && let Some(kubelet) = kubelet.upgrade()
            {
                let namespace = object.meta().namespace.as_deref().unwrap_or_default();
                for key in lock(&kubelet.waiting).iter().filter(|key| key.namespace == namespace) {
                    kubelet.queue.add(key.clone());
                }
            }
        });
    }

    fn node_index(&self, pod: &Pod) -> Option<usize> {
        let node = node_of(pod)?;
        self.options.nodes.iter().position(|(name, _)| name == node)
    }

    async fn pass(&self, key: &ObjectKey) -> Result<Option<Duration>, PassError> {
        let run = lock(&self.runs).remove(key);
        let Some(pod) = self.hub.pods().get(key) else {
            lock(&self.waiting).remove(key);
            self.shown.forget(key);
            return Ok(None);
        };
        // A pod of the same name but another uid is another pod: the old one's run ends by being dropped.
        let run = run.filter(|run| run.uid == uid_of(&pod.metadata));
        let Some(node) = self.node_index(&pod) else { return Ok(None) };
        if is_finished(&pod) {
            return if pod.metadata.deletion_timestamp.is_some() {
                self.remove(key, &pod).await
            } else {
                Ok(None)
            };
        }
        let now = self.hub.now();
        let Some(mut run) = run.or_else(|| self.admit(&pod, node, now)) else {
            return Ok(Some(Duration::from_secs(1)));
        };
        let outcome = if pod.metadata.deletion_timestamp.is_some() {
            self.terminate(key, &pod, &mut run, now).await
        } else {
            self.advance(key, &pod, &mut run).await.map(Some)
        };
        // A run that is not put back is over: its processes are killed and its address is free.
        match outcome {
            Ok(None) => Ok(None),
            Ok(Some(look_again)) => {
                self.shown.show(key, &run);
                lock(&self.runs).insert(key.clone(), run);
                Ok(look_again)
            }
            Err(error) => {
                lock(&self.runs).insert(key.clone(), run);
                Err(error)
            }
        }
    }

    /// Gives a pod that is new on the node an address; none if the node has no more.
    fn admit(&self, pod: &Pod, node: usize, now: Timestamp) -> Option<PodRun> {
        let wanted: Option<Ipv4Addr> = address_of(pod).and_then(|address| address.parse().ok());
        let lease = self.options.network.lease(node, wanted)?;
        let spec = pod.spec.as_ref()?;
        let policy = spec.restart_policy.as_deref().unwrap_or("Always");
        let timing = self.options.timing;
        Some(PodRun {
            uid: uid_of(&pod.metadata).to_owned(),
            lease,
            host_ip: self.options.nodes[node].1.clone(),
            started: now,
            init_logs: spec.init_containers.iter().flatten().map(|one| init_log(one, now)).collect(),
            containers: spec
                .containers
                .iter()
                .map(|container| ContainerRun::new(container, policy, now, timing))
                .collect(),
            termination: None,
        })
    }

    /// Takes a pod that is to run as far as it can go, reports on it, and says when to look again.
    async fn advance(
        &self,
        key: &ObjectKey,
        pod: &Pod,
        run: &mut PodRun,
    ) -> Result<Option<Duration>, PassError> {
        let Some(spec) = &pod.spec else { return Ok(None) };
        for (at, container) in spec.containers.iter().enumerate() {
            self.advance_container(key, pod, run, at, container).await?;
            self.probe(pod, run, at, container).await;
        }
        // Before the status says so, since whoever reads it may ask at once.
        self.shown.show(key, run);
        let current = pod.status.as_ref().map_or(json!({}), |status| json!(status));
        let wanted = json!(status::status(pod, run, self.hub.now()));
        if let Some(patch) = difference(&current, &wanted) {
            let pods = self.hub.pods();
            pods.patch_status(key, &run.uid, patch)
                .await
                .during(|| format!("writing the status of pod {key}"))?;
        }
        if !run.containers.iter().any(|container| matches!(container.state, State::ConfigError { .. })) {
            lock(&self.waiting).remove(key);
        }
        let due = run.containers.iter().filter_map(ContainerRun::due).min();
        Ok(due.map(|due| until(due, self.hub.now())))
    }

    async fn advance_container(
        &self,
        key: &ObjectKey,
        pod: &Pod,
        run: &mut PodRun,
        at: usize,
        container: &Container,
    ) -> Result<(), PassError> {
        let now = self.hub.now();
        let Some(state) = run.containers.get(at) else { return Ok(()) };
        let due = state.due().is_none_or(|due| due <= now);
        if !state.needs_environment() || !due {
            return Ok(());
        }
        // Before looking, so that what appears while we look is not missed.
        lock(&self.waiting).insert(key.clone());
        let environment = self.environment(pod, run, container).await;
        let healthy = state.healthy();
        let start = |environment: &Environment, output: Output| {
            let app = app(pod, container, environment, healthy);
            let (queue, key) = (self.queue.clone(), key.clone());
            self.options.host.start(app, output, Arc::new(move || queue.add(key.clone())))
        };
        let output = |log| Output::new(log, self.hub.clock());
        let surroundings = Surroundings {
            timing: self.options.timing,
            pod_id: &status::pod_id(pod),
            environment: &environment,
            output: &output,
            start: &start,
        };
        let mut notes = Vec::new();
        let container_run = &mut run.containers[at];
        container_run.advance(container, now, &surroundings, &mut notes).map_err(|source| {
            PassError::Local { doing: format!("starting a container of pod {key}"), source }
        })?;
        if let Some(process) = container_run.process() {
            for (port, target) in process.listeners() {
                run.lease.route(port, Some(target));
            }
        }
        self.tell(pod, &container.name, notes);
        Ok(())
    }

    /// Asks all probes that are due.
    async fn probe(&self, pod: &Pod, run: &mut PodRun, at: usize, container: &Container) {
        while let Some(ContainerRun { state: State::Running { process, probes, .. }, .. }) =
            run.containers.get_mut(at)
            && let Some((kind, timeout)) = probes.due_now(self.hub.now())
            && let Some(probe) = kind.of(container)
        {
            let answer = process.probe(probe::check(probe, container), timeout).await;
            let now = self.hub.now();
            let must_end = probes.answered(kind, answer.is_ok(), now);
            let mut notes = Vec::new();
            if let Err(reason) = answer {
                let failed = format!("{} probe failed: {reason}", kind.name());
                notes.push(Note::warning("Unhealthy", failed));
            }
            if must_end {
                process.listeners().keys().for_each(|port| run.lease.route(*port, None));
                let (timing, pod_id) = (self.options.timing, status::pod_id(pod));
                run.containers[at].fail(kind, now, timing, &pod_id, &mut notes);
            }
            self.tell(pod, &container.name, notes);
        }
    }

    /// Resolves a container's environment; what the caches lack is read afresh before it counts as missing, because
    /// a pod may arrive before the news of its ConfigMap.
    async fn environment(
        &self,
        pod: &Pod,
        run: &PodRun,
        container: &Container,
    ) -> Result<Environment, String> {
        let namespace = pod.metadata.namespace.clone().unwrap_or_default();
        let resolve = || {
            let key = |name: &str| ObjectKey::new(&namespace, name);
            environment::resolve(
                container,
                &Sources {
                    pod,
                    pod_ip: run.lease.address().to_string(),
                    host_ip: run.host_ip.clone(),
                    config_map: &|name| self.hub.config_maps().get(&key(name)),
                    secret: &|name| self.hub.secrets().get(&key(name)),
                },
            )
        };
        let cached = resolve();
        if cached.is_ok() {
            return cached;
        }
        let (config_maps, secrets) = environment::references(container);
        for name in config_maps {
            self.hub.config_maps().refresh(&ObjectKey::new(&namespace, name)).await;
        }
        for name in secrets {
            self.hub.secrets().refresh(&ObjectKey::new(&namespace, name)).await;
        }
        resolve()
    }

    /// Brings a pod to its end. Nothing is returned when it is over.
    async fn terminate(
        &self,
        key: &ObjectKey,
        pod: &Pod,
        run: &mut PodRun,
        now: Timestamp,
    ) -> Result<Option<Option<Duration>>, PassError> {
        if run.termination.is_none() {
            for container in run.containers.iter().filter(|container| container.process().is_some()) {
                let note = Note::normal("Killing", format!("Stopping container {}", container.name));
                self.tell(pod, &container.name, vec![note]);
            }
        }
        // The grace period may have been shortened since.
        let fresh = Termination::new(pod, now);
        let termination = run.termination.get_or_insert_with(|| fresh.clone());
        if fresh.kill < termination.kill {
            *termination = Termination { signalled: termination.signalled, ..fresh };
        }
        let processes = || run.containers.iter().filter_map(ContainerRun::process);
        if termination.signal <= now && !termination.signalled {
            termination.signalled = true;
            processes().for_each(|process| {
                process.listeners().keys().for_each(|port| run.lease.route(*port, None));
                process.stop();
            });
        }
        if termination.close_idle <= now {
            processes().for_each(|process| process.close_idle());
        }
        let none_left = processes().next().is_none();
        let drained = termination.signalled && processes().all(|process| process.is_drained());
        if none_left || drained || termination.kill <= now {
            run.containers.iter_mut().for_each(ContainerRun::end);
            return self.remove(key, pod).await.map(|_| None);
        }
        Ok(Some(Some(until(termination.due(now), now))))
    }

    /// The pod has come to its end: the API may forget it.
    async fn remove(&self, key: &ObjectKey, pod: &Pod) -> Result<Option<Duration>, PassError> {
        let now = DeleteParams { grace_period_seconds: Some(0), ..Default::default() };
        self.hub
            .pods()
            .delete(key, uid_of(&pod.metadata), &now)
            .await
            .during(|| format!("removing pod {key}"))?;
        Ok(None)
    }

    fn tell(&self, pod: &Pod, container: &str, notes: Vec<Note>) {
        for note in notes {
            self.hub.events().tell(Subject::container(&pod.metadata, container), COMPONENT, note);
        }
    }
}

fn init_log(container: &Container, now: Timestamp) -> (String, Arc<Log>) {
    let log = Arc::new(Log::default());
    let done = format!("{now:.3} {} has nothing to do here", container.image.as_deref().unwrap_or_default());
    log.write(now, &done);
    log.end();
    (container.name.clone(), log)
}
