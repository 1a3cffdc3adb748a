//! A pod's status as its node reports it.

use jiff::Timestamp;
use k8s_openapi::{
    api::core::v1::{
        Container, ContainerState, ContainerStateRunning, ContainerStateTerminated, ContainerStateWaiting,
        ContainerStatus, HostIP, Pod, PodCondition, PodIP, PodStatus,
    },
    apimachinery::pkg::apis::meta::v1::Time,
};

use super::{
    PodRun,
    container::{ContainerRun, Finished, State},
    environment::milli_units,
};
use crate::{object::uid_of, sync::fnv1a};

/// The whole status. Conditions keep the time of their last change; those of others stay.
pub(super) fn status(pod: &Pod, run: &PodRun, now: Timestamp) -> PodStatus {
    let ip = run.lease.address().to_string();
    PodStatus {
        phase: Some(phase(pod, run).to_owned()),
        conditions: Some(conditions(pod, run, now)),
        host_ip: Some(run.host_ip.clone()),
        host_ips: Some(vec![HostIP { ip: run.host_ip.clone() }]),
        pod_ip: Some(ip.clone()),
        pod_ips: Some(vec![PodIP { ip }]),
        start_time: Some(Time(run.started)),
        qos_class: Some(quality_of_service(pod).to_owned()),
        init_container_statuses: init_container_statuses(pod, run),
        container_statuses: Some(
            run.containers.iter().map(|container| container_status(pod, container)).collect(),
        ),
        ..Default::default()
    }
}

/// Kubernetes' rule: pending while a container has never run, running while one runs or will be restarted.
fn phase(pod: &Pod, run: &PodRun) -> &'static str {
    let policy = pod.spec.as_ref().and_then(|spec| spec.restart_policy.as_deref()).unwrap_or("Always");
    let never_ran = |container: &ContainerRun| {
        container.last.is_none()
            && matches!(
                container.state,
                State::Creating { .. } | State::ConfigError { .. } | State::PullError { .. }
            )
    };
    if run.containers.iter().any(never_ran) {
        return "Pending";
    }
    let ended = run.containers.iter().all(|container| matches!(container.state, State::Ended));
    if ended && policy == "Never" {
        let failed =
            |container: &ContainerRun| container.last.as_ref().is_some_and(|last| last.exit_code != 0);
        return if run.containers.iter().any(failed) { "Failed" } else { "Succeeded" };
    }
    "Running"
}

fn conditions(pod: &Pod, run: &PodRun, now: Timestamp) -> Vec<PodCondition> {
    let unready: Vec<&str> = run
        .containers
        .iter()
        .filter(|container| !container.is_ready())
        .map(|container| container.name.as_str())
        .collect();
    let gates: Vec<&str> = pod
        .spec
        .iter()
        .flat_map(|spec| spec.readiness_gates.iter().flatten())
        .map(|gate| gate.condition_type.as_str())
        .filter(|gate| crate::pod::condition(pod, gate).is_none_or(|condition| condition.status != "True"))
        .collect();
    let containers_message = format!("containers with unready status: [{}]", unready.join(" "));
    let containers = (!unready.is_empty()).then_some(("ContainersNotReady", containers_message));
    let ready = containers.clone().or_else(|| {
        let message = format!("the status of pod readiness gates is not \"True\": {gates:?}");
        (!gates.is_empty()).then_some(("ReadinessGatesNotReady", message))
    });
    let ours = [
        ("PodReadyToStartContainers", None),
        ("Initialized", None),
        ("Ready", ready),
        ("ContainersReady", containers),
        ("PodScheduled", None),
    ];
    let current = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let foreign = current.filter(|condition| ours.iter().all(|(kind, _)| *kind != condition.type_));
    ours.iter()
        .map(|(kind, obstacle)| condition(pod, kind, obstacle.as_ref(), now))
        .chain(foreign.cloned())
        .collect()
}

/// A condition that is true unless there is an obstacle.
fn condition(
    pod: &Pod,
    kind: &str,
    obstacle: Option<&(&'static str, String)>,
    now: Timestamp,
) -> PodCondition {
    let status = if obstacle.is_none() { "True" } else { "False" };
    let since = crate::pod::condition(pod, kind)
        .filter(|current| current.status == status)
        .and_then(|current| current.last_transition_time.clone());
    PodCondition {
        type_: kind.to_owned(),
        status: status.to_owned(),
        reason: obstacle.map(|(reason, _)| (*reason).to_owned()),
        message: obstacle.map(|(_, message)| message.clone()),
        last_transition_time: Some(since.unwrap_or(Time(now))),
        ..Default::default()
    }
}

/// Init containers are taken for done as soon as the pod is on its node; those that restart always run beside the
/// others, and are ready.
fn init_container_statuses(pod: &Pod, run: &PodRun) -> Option<Vec<ContainerStatus>> {
    let containers =
        pod.spec.as_ref()?.init_containers.as_ref().filter(|containers| !containers.is_empty())?;
    let status = |container: &Container| {
        let stays = container.restart_policy.as_deref() == Some("Always");
        let done = Finished { started: run.started, ended: run.started, exit_code: 0, run: 0 };
        let running = ContainerState {
            running: Some(ContainerStateRunning { started_at: Some(Time(run.started)) }),
            ..Default::default()
        };
        let image = container.image.clone().unwrap_or_default();
        ContainerStatus {
            name: container.name.clone(),
            image_id: image_id(&image),
            image,
            container_id: Some(container_id(pod, &container.name, 0)),
            ready: true,
            started: Some(stays),
            state: Some(if stays { running } else { terminated(pod, &container.name, &done) }),
            last_state: Some(ContainerState::default()),
            ..Default::default()
        }
    };
    Some(containers.iter().map(status).collect())
}

fn container_status(pod: &Pod, container: &ContainerRun) -> ContainerStatus {
    let running = matches!(container.state, State::Running { .. });
    let has_run = running || container.last.is_some();
    ContainerStatus {
        name: container.name.clone(),
        image: container.image.clone(),
        image_id: if has_run { image_id(&container.image) } else { String::new() },
        container_id: has_run.then(|| container_id(pod, &container.name, container.restarts)),
        ready: container.is_ready(),
        started: Some(container.has_started()),
        restart_count: container.restarts,
        state: Some(state(pod, container)),
        // An empty one is written out, as the API does: left out, it would differ from what is stored for ever.
        last_state: Some(
            container
                .last
                .as_ref()
                .filter(|_| !matches!(container.state, State::Exited { .. } | State::Ended))
                .map(|last| terminated(pod, &container.name, last))
                .unwrap_or_default(),
        ),
        ..Default::default()
    }
}

fn state(pod: &Pod, container: &ContainerRun) -> ContainerState {
    match &container.state {
        State::Creating { .. } => waiting("ContainerCreating", None),
        State::ConfigError { message } => waiting("CreateContainerConfigError", Some(message.clone())),
        State::PullError { message, backing_off, .. } => {
            waiting(if *backing_off { "ImagePullBackOff" } else { "ErrImagePull" }, Some(message.clone()))
        }
        State::Running { since, .. } => ContainerState {
            running: Some(ContainerStateRunning { started_at: Some(Time(*since)) }),
            ..Default::default()
        },
        State::CrashLoop { rest, .. } => {
            let message = format!(
                "back-off {}s restarting failed container={} pod={}",
                rest.as_secs(),
                container.name,
                pod_id(pod)
            );
            waiting("CrashLoopBackOff", Some(message))
        }
        State::Exited { .. } | State::Ended => {
            container.last.as_ref().map(|last| terminated(pod, &container.name, last)).unwrap_or_default()
        }
    }
}

fn waiting(reason: &str, message: Option<String>) -> ContainerState {
    ContainerState {
        waiting: Some(ContainerStateWaiting { reason: Some(reason.to_owned()), message }),
        ..Default::default()
    }
}

fn terminated(pod: &Pod, name: &str, last: &Finished) -> ContainerState {
    ContainerState {
        terminated: Some(ContainerStateTerminated {
            exit_code: last.exit_code,
            reason: Some(if last.exit_code == 0 { "Completed" } else { "Error" }.to_owned()),
            started_at: Some(Time(last.started)),
            finished_at: Some(Time(last.ended)),
            container_id: Some(container_id(pod, name, last.run)),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// A pod as log messages name it.
pub(super) fn pod_id(pod: &Pod) -> String {
    let meta = &pod.metadata;
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    format!("{}_{}({})", text(&meta.name), text(&meta.namespace), text(&meta.uid))
}

fn container_id(pod: &Pod, name: &str, run: i32) -> String {
    format!("playground://{}", digest(&format!("{}/{name}/{run}", uid_of(&pod.metadata))))
}

fn image_id(image: &str) -> String {
    let name = image.split('@').next().unwrap_or_default();
    let tag_at = name.rfind(':').filter(|at| !name[*at..].contains('/')).unwrap_or(name.len());
    format!("{}@sha256:{}", &name[..tag_at], digest(image))
}

/// Sixty-four hexadecimal digits that stand for the text.
fn digest(text: &str) -> String {
    (0..4).map(|part| format!("{:016x}", fnv1a(format!("{part}{text}").as_bytes()))).collect()
}

/// Guaranteed if every container limits CPU and memory to what it requests, BestEffort if none says anything.
fn quality_of_service(pod: &Pod) -> &'static str {
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    let (mut guaranteed, mut said_something) = (true, false);
    for container in containers {
        for resource in ["cpu", "memory"] {
            let amount = |limits: bool| {
                let resources = container.resources.as_ref()?;
                let amounts = if limits { &resources.limits } else { &resources.requests };
                milli_units(&amounts.as_ref()?.get(resource)?.0).filter(|amount| *amount > 0)
            };
            let (limit, request) = (amount(true), amount(false));
            said_something |= limit.is_some() || request.is_some();
            guaranteed &= limit.is_some() && request.is_none_or(|request| Some(request) == limit);
        }
    }
    match (said_something, guaranteed) {
        (false, _) => "BestEffort",
        (true, true) => "Guaranteed",
        (true, false) => "Burstable",
    }
}
