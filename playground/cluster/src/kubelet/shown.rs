//! What the kubelet's server may see of the pods: a picture of each, taken whenever the kubelet has looked at it.

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    sync::{Arc, Mutex},
};

use super::{
    PodRun,
    container::{ContainerRun, State},
    environment::Environment,
    log::Log,
};
use crate::{object::ObjectKey, sync::lock};

/// The pods of all nodes.
#[derive(Debug, Clone, Default)]
pub(super) struct Shown(Arc<Mutex<BTreeMap<ObjectKey, Arc<ShownPod>>>>);

/// One pod.
#[derive(Debug)]
pub(super) struct ShownPod {
    pub(super) uid: String,
    pub(super) address: Ipv4Addr,
    pub(super) host_ip: String,
    pub(super) containers: BTreeMap<String, ShownContainer>,
}

/// One container.
#[derive(Debug)]
pub(super) struct ShownContainer {
    /// Whether its process runs.
    pub(super) running: bool,
    /// Why there is no log yet, in the kubelet's words.
    waiting: &'static str,
    /// Of the last run.
    log: Option<Arc<Log>>,
    /// Of the run that the status tells of as the last one.
    previous: Option<Arc<Log>>,
    /// Of the last run.
    pub(super) environment: Arc<Environment>,
}

impl Shown {
    pub(super) fn get(&self, namespace: &str, name: &str) -> Option<Arc<ShownPod>> {
        lock(&self.0).get(&ObjectKey::new(namespace, name)).cloned()
    }

    /// Takes a new picture.
    pub(super) fn show(&self, key: &ObjectKey, run: &PodRun) {
        let init = run.init_logs.iter().map(|(name, log)| (name.clone(), ShownContainer::done(log.clone())));
        let containers = run.containers.iter().map(|one| (one.name.clone(), ShownContainer::of(one)));
        let pod = ShownPod {
            uid: run.uid.clone(),
            address: run.lease.address(),
            host_ip: run.host_ip.clone(),
            containers: init.chain(containers).collect(),
        };
        lock(&self.0).insert(key.clone(), Arc::new(pod));
    }

    /// The pod is gone.
    pub(super) fn forget(&self, key: &ObjectKey) {
        lock(&self.0).remove(key);
    }
}

impl ShownContainer {
    /// An init container.
    fn done(log: Arc<Log>) -> Self {
        Self { running: false, waiting: "", log: Some(log), previous: None, environment: Arc::default() }
    }

    fn of(run: &ContainerRun) -> Self {
        let running = matches!(run.state, State::Running { .. });
        let waiting = match &run.state {
            State::PullError { backing_off: false, .. } => "image can't be pulled",
            State::PullError { backing_off: true, .. } => "trying and failing to pull image",
            State::ConfigError { .. } => "CreateContainerConfigError",
            State::CrashLoop { .. } => "CrashLoopBackOff",
            State::Creating { .. } | State::Running { .. } | State::Exited { .. } | State::Ended => {
                "ContainerCreating"
            }
        };
        // While the status shows the last run as such, it is the previous one as well.
        let previous = match &run.state {
            State::Exited { .. } | State::Ended => None,
            State::Running { .. } => run.previous_log.clone(),
            _ => run.log.clone(),
        };
        let (log, environment) = (run.log.clone(), run.environment.clone());
        Self { running, waiting, log, previous, environment }
    }

    /// The log to show.
    ///
    /// # Errors
    /// Why there is none, in the kubelet's words.
    pub(super) fn log(&self, pod: &str, container: &str, previous: bool) -> Result<&Arc<Log>, String> {
        if previous {
            let missing =
                || format!("previous terminated container \"{container}\" in pod \"{pod}\" not found");
            return self.previous.as_ref().ok_or_else(missing);
        }
        let waiting =
            || format!("container \"{container}\" in pod \"{pod}\" is waiting to start: {}", self.waiting);
        self.log.as_ref().ok_or_else(waiting)
    }
}
