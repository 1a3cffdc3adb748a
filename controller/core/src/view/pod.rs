//! A pod in one line, as `kubectl get pods` sums it up.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, ContainerState, ContainerStateTerminated, Pod, PodStatus};
use serde::Serialize;

use super::{Icon, human};

/// A pod in one line.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PodView {
    /// `metadata.name`.
    pub name: String,
    /// kubectl's word for how it is: `Running`, `Init:0/1`, `CrashLoopBackOff`, `Terminating` and so on.
    pub status: String,
    /// The icon for that word.
    pub icon: Icon,
    /// Containers that are ready.
    pub containers_ready: usize,
    /// Containers, sidecars (restartable init containers) among them.
    pub containers: usize,
    /// Restarts of all containers.
    pub restarts: i32,
    /// Whether the condition Ready is True and the pod is not being deleted: whether it takes traffic.
    pub ready: bool,
    /// `metadata.creationTimestamp`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// Its age, as kubectl writes it.
    pub age: String,
    /// Images of its containers.
    pub images: Vec<String>,
    /// What the kubelet says of the container that is in trouble, if one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

impl PodView {
    /// Sums up a pod.
    #[must_use]
    pub fn of(pod: &Pod, now: Timestamp) -> Self {
        let sum = Summary::of(pod);
        let created = pod.metadata.creation_timestamp.as_ref().map(|time| time.0);
        let containers = pod.spec.as_ref().map(|spec| spec.containers.as_slice()).unwrap_or_default();
        Self {
            name: pod.metadata.name.clone().unwrap_or_default(),
            icon: icon(&sum.reason),
            status: sum.reason,
            containers_ready: sum.ready,
            containers: sum.total,
            restarts: sum.restarts,
            ready: is_ready(pod),
            created,
            age: human::age(created, now),
            images: containers.iter().filter_map(|container| container.image.clone()).collect(),
            trouble: trouble(pod),
        }
    }

    /// The peer's INFO column: `ready:1/2,restarts:3`.
    #[must_use]
    pub fn info(&self) -> String {
        let ready = format!("ready:{}/{}", self.containers_ready, self.containers);
        if self.restarts > 0 { format!("{ready},restarts:{}", self.restarts) } else { ready }
    }
}

/// Whether the pod takes traffic: its condition Ready is True and it is not being deleted.
#[must_use]
pub fn is_ready(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_none()
        && pod.status.as_ref().is_some_and(|status| condition(status, "Ready"))
}

/// The peer's icon for kubectl's word.
fn icon(status: &str) -> Icon {
    match status {
        "Pending" | "Terminating" | "ContainerCreating" => Icon::Progressing,
        "Running" | "Completed" => Icon::Ok,
        "Failed" | "InvalidImageName" | "CrashLoopBackOff" => Icon::Bad,
        "ImagePullBackOff" | "RegistryUnavailable" => Icon::Warning,
        "Unknown" => Icon::Unknown,
        _ if status.starts_with("Init:") => Icon::Progressing,
        _ if status.starts_with("Signal:") || status.starts_with("ExitCode:") => Icon::Bad,
        _ if status.ends_with("Error") || status.starts_with("Err") => Icon::Warning,
        _ => Icon::Blank,
    }
}

struct Summary {
    reason: String,
    ready: usize,
    total: usize,
    restarts: i32,
}

impl Summary {
    /// Source of the rules: kubectl's printer for pods, `k8s.io/kubernetes/pkg/printers/internalversion`, `printPod`.
    fn of(pod: &Pod) -> Self {
        let none = PodStatus::default();
        let status = pod.status.as_ref().unwrap_or(&none);
        let init_containers =
            pod.spec.as_ref().and_then(|spec| spec.init_containers.as_deref()).unwrap_or_default();
        let phase = status.phase.clone().unwrap_or_default();
        let gated = status.conditions.iter().flatten().any(|condition| {
            condition.type_ == "PodScheduled" && condition.reason.as_deref() == Some("SchedulingGated")
        });
        let stated = status.reason.clone().filter(|reason| !reason.is_empty());
        let mut sum = Self {
            reason: if gated { "SchedulingGated".into() } else { stated.unwrap_or_else(|| phase.clone()) },
            ready: 0,
            total: pod.spec.as_ref().map_or(0, |spec| spec.containers.len())
                + init_containers.iter().filter(|container| is_sidecar(container)).count(),
            restarts: 0,
        };
        let sidecar_restarts = sum.add_init_containers(status, init_containers);
        if let Some(restarts) = sidecar_restarts {
            sum.restarts = restarts;
            sum.add_containers(status);
        }
        if pod.metadata.deletion_timestamp.is_some() {
            if status.reason.as_deref() == Some("NodeLost") {
                sum.reason = "Unknown".into();
            } else if phase != "Succeeded" && phase != "Failed" {
                sum.reason = "Terminating".into();
            }
        }
        sum
    }

    /// Returns the restarts of sidecars if initialisation is over, so that the containers count.
    fn add_init_containers(&mut self, status: &PodStatus, init_containers: &[Container]) -> Option<i32> {
        let sidecar =
            |name: &str| init_containers.iter().any(|known| known.name == name && is_sidecar(known));
        let mut sidecar_restarts = 0;
        let mut initializing = false;
        for (index, container) in status.init_container_statuses.iter().flatten().enumerate() {
            let state = container.state.clone().unwrap_or_default();
            let is_sidecar = sidecar(&container.name);
            self.restarts += container.restart_count;
            if is_sidecar {
                sidecar_restarts += container.restart_count;
            }
            match (state.terminated, waiting_reason(state.waiting.and_then(|waiting| waiting.reason))) {
                (Some(ended), _) if ended.exit_code == 0 => continue,
                _ if is_sidecar && container.started == Some(true) => {
                    self.ready += usize::from(container.ready);
                    continue;
                }
                (Some(ended), _) => self.reason = format!("Init:{}", how_it_ended(&ended)),
                (None, Some(reason)) if reason != "PodInitializing" => self.reason = format!("Init:{reason}"),
                (None, _) => self.reason = format!("Init:{index}/{}", init_containers.len()),
            }
            initializing = true;
            break;
        }
        (!initializing || condition(status, "Initialized")).then_some(sidecar_restarts)
    }

    fn add_containers(&mut self, status: &PodStatus) {
        let mut has_running = false;
        // From the last to the first, so that the first container in trouble gives the word.
        for container in status.container_statuses.iter().flatten().rev() {
            self.restarts += container.restart_count;
            let ContainerState { running, terminated, waiting } = container.state.clone().unwrap_or_default();
            if let Some(reason) = waiting_reason(waiting.and_then(|waiting| waiting.reason)) {
                self.reason = reason;
            } else if let Some(ended) = terminated {
                self.reason = how_it_ended(&ended);
            } else if container.ready && running.is_some() {
                has_running = true;
                self.ready += 1;
            }
        }
        if self.reason == "Completed" && has_running {
            self.reason = if condition(status, "Ready") { "Running".into() } else { "NotReady".into() };
        }
    }
}

/// What the kubelet says of the first container that waits or has failed.
fn trouble(pod: &Pod) -> Option<String> {
    let status = pod.status.as_ref()?;
    let containers = status.init_container_statuses.iter().chain(&status.container_statuses).flatten();
    containers.filter_map(|container| container.state.as_ref()).find_map(|state| {
        let waiting = state.waiting.as_ref().and_then(|waiting| waiting.message.clone());
        let failed = state.terminated.as_ref().filter(|ended| ended.exit_code != 0);
        waiting
            .or_else(|| failed.and_then(|ended| ended.message.clone()))
            .filter(|message| !message.is_empty())
    })
}

fn waiting_reason(reason: Option<String>) -> Option<String> {
    reason.filter(|reason| !reason.is_empty())
}

fn how_it_ended(ended: &ContainerStateTerminated) -> String {
    match (&ended.reason, ended.signal) {
        (Some(reason), _) if !reason.is_empty() => reason.clone(),
        (_, Some(signal)) if signal != 0 => format!("Signal:{signal}"),
        _ => format!("ExitCode:{}", ended.exit_code),
    }
}

fn is_sidecar(container: &Container) -> bool {
    container.restart_policy.as_deref() == Some("Always")
}

fn condition(status: &PodStatus, type_: &str) -> bool {
    status.conditions.iter().flatten().any(|condition| condition.type_ == type_ && condition.status == "True")
}

#[cfg(test)]
mod tests;
