//! The cells of pods: what the containers' states amount to.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::age;

/// What the states of all containers amount to.
struct Summary {
    ready: usize,
    total: usize,
    restarts: i64,
    last_restart: Option<Timestamp>,
    status: String,
}

pub(super) fn ready(pod: &Value, _: Timestamp) -> Value {
    let summary = summary(pod);
    json!(format!("{}/{}", summary.ready, summary.total))
}

pub(super) fn status(pod: &Value, _: Timestamp) -> Value {
    json!(summary(pod).status)
}

pub(super) fn restarts(pod: &Value, now: Timestamp) -> Value {
    let summary = summary(pod);
    match summary.last_restart.filter(|_| summary.restarts != 0) {
        Some(last) => {
            let ago = age::human_duration(now.as_second() - last.as_second());
            json!(format!("{} ({ago} ago)", summary.restarts))
        }
        None => json!(summary.restarts.to_string()),
    }
}

pub(super) fn readiness_gates(pod: &Value, _: Timestamp) -> Value {
    let gates = list(&pod["spec"]["readinessGates"]);
    if gates.is_empty() {
        return json!("<none>");
    }
    let open = gates.iter().filter(|gate| condition_is_true(pod, gate["conditionType"].as_str())).count();
    json!(format!("{open}/{}", gates.len()))
}

/// Marks the row of a pod that has ended, so that `kubectl get` can hide or show it.
pub(super) fn add_conditions(row: &mut Value, pod: &Value) {
    let (reason, message) = match pod["status"]["phase"].as_str() {
        Some("Succeeded") => ("Succeeded", "The pod has completed successfully."),
        Some("Failed") => ("Failed", "The pod failed."),
        _ => return,
    };
    row["conditions"] =
        json!([{"type": "Completed", "status": "True", "reason": reason, "message": message}]);
}

fn summary(pod: &Value) -> Summary {
    let status = &pod["status"];
    let phase = text(status, "phase");
    let mut summary = Summary {
        ready: 0,
        total: list(&pod["spec"]["containers"]).len(),
        restarts: 0,
        last_restart: None,
        status: if text(status, "reason").is_empty() { phase } else { text(status, "reason") }.to_owned(),
    };
    summary.total += list(&pod["spec"]["initContainers"])
        .iter()
        .filter(|container| container["restartPolicy"] == "Always")
        .count();
    let initializing = init_containers(pod, &mut summary);
    if !initializing || condition_is_true(pod, Some("Initialized")) {
        main_containers(pod, &mut summary);
    }
    let deleted = !pod["metadata"]["deletionTimestamp"].is_null();
    if deleted && text(status, "reason") == "NodeLost" {
        summary.status = "Unknown".to_owned();
    } else if deleted && !matches!(phase, "Succeeded" | "Failed") {
        summary.status = "Terminating".to_owned();
    }
    summary
}

/// Whether an init container is still in the way; it then says what the status is.
fn init_containers(pod: &Value, summary: &mut Summary) -> bool {
    let specs = list(&pod["spec"]["initContainers"]);
    for (index, container) in list(&pod["status"]["initContainerStatuses"]).iter().enumerate() {
        let sidecar =
            specs.iter().any(|spec| spec["name"] == container["name"] && spec["restartPolicy"] == "Always");
        let terminated = &container["state"]["terminated"];
        if terminated["exitCode"] == 0 {
            continue;
        }
        if sidecar && container["started"] == true {
            summary.ready += usize::from(container["ready"] == true);
            continue;
        }
        note_restarts(container, summary);
        let waiting = text(&container["state"]["waiting"], "reason");
        summary.status = if terminated.is_object() {
            format!("Init:{}", ending(terminated))
        } else if !waiting.is_empty() && waiting != "PodInitializing" {
            format!("Init:{waiting}")
        } else {
            format!("Init:{index}/{}", specs.len())
        };
        return true;
    }
    false
}

fn main_containers(pod: &Value, summary: &mut Summary) {
    let (mut running, mut error) = (false, None);
    summary.restarts = 0;
    for container in list(&pod["status"]["containerStatuses"]).iter().rev() {
        note_restarts(container, summary);
        let state = &container["state"];
        let waiting = text(&state["waiting"], "reason");
        if !waiting.is_empty() {
            waiting.clone_into(&mut summary.status);
        } else if state["terminated"].is_object() {
            summary.status = ending(&state["terminated"]);
            if state["terminated"]["exitCode"].as_i64().unwrap_or(0) != 0 {
                error = Some(summary.status.clone());
            }
        } else if container["ready"] == true && state["running"].is_object() {
            running = true;
            summary.ready += 1;
        }
    }
    // One container that has ended does not end the pod while another still runs.
    if summary.status == "Completed" {
        if running && condition_is_true(pod, Some("Ready")) {
            summary.status = "Running".to_owned();
        } else if let Some(error) = error {
            summary.status = error;
        } else if running {
            summary.status = "NotReady".to_owned();
        }
    }
}

fn note_restarts(container: &Value, summary: &mut Summary) {
    summary.restarts += container["restartCount"].as_i64().unwrap_or(0);
    let last = container["lastState"]["terminated"]["finishedAt"].as_str();
    let last = last.and_then(|text| text.parse::<Timestamp>().ok());
    summary.last_restart = summary.last_restart.max(last);
}

fn ending(terminated: &Value) -> String {
    let reason = text(terminated, "reason");
    match terminated["signal"].as_i64().unwrap_or(0) {
        _ if !reason.is_empty() => reason.to_owned(),
        0 => format!("ExitCode:{}", terminated["exitCode"].as_i64().unwrap_or(0)),
        signal => format!("Signal:{signal}"),
    }
}

fn condition_is_true(pod: &Value, kind: Option<&str>) -> bool {
    list(&pod["status"]["conditions"])
        .iter()
        .any(|condition| condition["type"].as_str() == kind && condition["status"] == "True")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}
