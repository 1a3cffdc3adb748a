//! The rules of pods.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::rules::{fill, items, items_mut, keep_status, text};
use super::{pod_changes, pod_defaults, pod_rules};
use crate::field_error::FieldError;
use crate::resource::{GenerationRule, SelectableField, Strategy};

const fn selectable(label: &'static str, pointer: &'static str) -> SelectableField {
    SelectableField { label, pointer, absent: "" }
}

const SELECTABLE_FIELDS: [SelectableField; 8] = [
    selectable("spec.nodeName", "/spec/nodeName"),
    selectable("spec.restartPolicy", "/spec/restartPolicy"),
    selectable("spec.schedulerName", "/spec/schedulerName"),
    selectable("spec.serviceAccountName", "/spec/serviceAccountName"),
    selectable("status.phase", "/status/phase"),
    selectable("status.podIP", "/status/podIP"),
    selectable("status.nominatedNodeName", "/status/nominatedNodeName"),
    SelectableField { label: "spec.hostNetwork", pointer: "/spec/hostNetwork", absent: "false" },
];

pub(super) fn strategy() -> Strategy {
    Strategy {
        default: pod_defaults::pod,
        prepare_create: |pod, now| {
            pod["status"] = json!({"phase": "Pending", "qosClass": qos_class(pod)});
            if items(&pod["spec"], "schedulingGates", "").next().is_some() {
                pod["status"]["conditions"] = json!([gated(now)]);
            }
            admit(&mut pod["spec"]);
        },
        prepare_update: |new, old, _| {
            keep_status(new, old);
            for field in ["priority", "preemptionPolicy"] {
                if new["spec"].is_object() && !old["spec"][field].is_null() {
                    fill(&mut new["spec"], field, old["spec"][field].clone());
                }
            }
            admit(&mut new["spec"]);
        },
        prepare_status_update: keep_of_status,
        validate_create: pod_rules::create,
        validate_update: pod_changes::faults,
        validate_status_update: |new, old| {
            let class = |pod: &Value| text(&pod["status"], "qosClass").to_owned();
            let fault = || FieldError::invalid("status.qosClass", class(new), "field is immutable");
            (class(new) != class(old)).then(fault).into_iter().collect()
        },
        generation: GenerationRule::Spec,
        selectable_fields: &SELECTABLE_FIELDS,
        status_keeps: &["deletionTimestamp", "ownerReferences"],
        graceful_delete: true,
        ..Strategy::default()
    }
}

/// What a report that leaves it out does not take away: the class that the pod was given, and which generation was seen.
fn keep_of_status(new: &mut Value, old: &Value) {
    if !new["status"].is_object() {
        new["status"] = json!({});
    }
    let said = |value: &Value| !value.is_null() && *value != "" && *value != 0;
    for field in ["qosClass", "observedGeneration"] {
        let before = &old["status"][field];
        if !said(&new["status"][field]) && said(before) {
            new["status"][field] = before.clone();
        }
    }
    let mut seen: Vec<&Value> = items(&old["status"], "conditions", "").map(|(_, item)| item).collect();
    for condition in items_mut(&mut new["status"], "conditions") {
        let Some(at) = seen.iter().position(|before| before["type"] == condition["type"]) else { continue };
        let before = &seen.remove(at)["observedGeneration"];
        if !said(&condition["observedGeneration"]) && said(before) {
            condition["observedGeneration"] = before.clone();
        }
    }
}

/// Says that nobody may give the pod a node yet.
fn gated(now: Timestamp) -> Value {
    json!({
        "type": "PodScheduled", "status": "False", "reason": "SchedulingGated",
        "message": "Scheduling is blocked due to non-empty scheduling gates",
        "lastProbeTime": null, "lastTransitionTime": now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    })
}

/// What a cluster's usual admission plugins add: a priority, and patience with nodes that fail.
fn admit(spec: &mut Value) {
    if !spec.is_object() {
        return;
    }
    fill(spec, "priority", 0);
    fill(spec, "preemptionPolicy", "PreemptLowerPriority");
    fill(spec, "tolerations", json!([]));
    for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
        let Some(tolerations) = spec["tolerations"].as_array_mut() else { return };
        let tolerated = tolerations.iter().any(|toleration| {
            let covers = |field: &str, value: &str| toleration[field].is_null() || toleration[field] == value;
            covers("key", key) && covers("effect", "NoExecute")
        });
        if !tolerated {
            let toleration =
                json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300});
            tolerations.push(toleration);
        }
    }
}

/// `Guaranteed` if every container limits CPU and memory and requests just that, `BestEffort` if none says
/// anything of either, else `Burstable`.
fn qos_class(pod: &Value) -> &'static str {
    let spec = &pod["spec"];
    let containers: Vec<&Value> = ["containers", "initContainers"]
        .into_iter()
        .flat_map(|list| items(spec, list, ""))
        .map(|(_, container)| &container["resources"])
        .collect();
    let amount = |resources: &Value, list: &str, resource: &str| resources[list][resource].clone();
    let says_nothing = |resources: &&Value| {
        ["cpu", "memory"].iter().all(|resource| {
            amount(resources, "limits", resource).is_null()
                && amount(resources, "requests", resource).is_null()
        })
    };
    let is_fixed = |resources: &&Value| {
        ["cpu", "memory"].iter().all(|resource| {
            let limit = amount(resources, "limits", resource);
            !limit.is_null() && limit == amount(resources, "requests", resource)
        })
    };
    if containers.iter().all(says_nothing) {
        "BestEffort"
    } else if containers.iter().all(is_fixed) {
        "Guaranteed"
    } else {
        "Burstable"
    }
}
