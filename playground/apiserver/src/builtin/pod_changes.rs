//! What may change in a pod: hardly anything of its spec.

use serde_json::Value;

use super::place::Place;
use super::pod_rules::{self, scheduling};
use super::rules::{items, text};
use crate::field_error::FieldError;

/// What is wrong with a change of a pod: almost everything of its spec stays as it was.
pub(super) fn faults(new: &Value, old: &Value) -> Vec<FieldError> {
    let (is, was) = (&new["spec"], &old["spec"]);
    if is == was {
        return Vec::new();
    }
    let mut faults = pod_rules::pod(is);
    let count = |spec: &Value, list: &str| spec[list].as_array().map_or(0, Vec::len);
    for list in ["containers", "initContainers"] {
        if count(is, list) != count(was, list) {
            let detail = "pod updates may not add or remove containers";
            faults.push(FieldError::forbidden(format!("spec.{list}"), detail));
            return faults;
        }
    }
    let (deadline, stops) = deadline_fault(is, was);
    faults.extend(deadline);
    if stops {
        return faults;
    }
    faults.extend(toleration_faults(is, was));
    faults.extend(gate_faults(is, was));
    let gated = count(was, "schedulingGates") > 0;
    if gated {
        faults.extend(node_selector_fault(is, was));
    }
    if fixed_part(is, gated) != fixed_part(was, gated) {
        let detail = "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";
        faults.push(FieldError::forbidden("spec", detail));
    }
    faults
}

/// A deadline may be set and made shorter; whether what comes after it is looked at too.
fn deadline_fault(is: &Value, was: &Value) -> (Option<FieldError>, bool) {
    const PATH: &str = "spec.activeDeadlineSeconds";
    let seconds = |spec: &Value| spec["activeDeadlineSeconds"].as_i64();
    match (seconds(is), seconds(was)) {
        (Some(now), _) if now < 0 => {
            let detail = "must be between 0 and 2147483647, inclusive";
            (Some(FieldError::invalid(PATH, now, detail)), true)
        }
        (Some(now), Some(before)) if before < now => {
            (Some(FieldError::invalid(PATH, now, "must be less than or equal to previous value")), true)
        }
        (None, Some(_)) => {
            let detail = "must not update from a positive integer to nil value";
            (Some(FieldError::invalid(PATH, Value::Null, detail)), false)
        }
        _ => (None, false),
    }
}

/// Tolerations may be added, and last for another time.
fn toleration_faults(is: &Value, was: &Value) -> Vec<FieldError> {
    let timeless = |toleration: &Value| {
        let mut toleration = toleration.clone();
        if let Some(fields) = toleration.as_object_mut() {
            fields.remove("tolerationSeconds");
        }
        toleration
    };
    let now: Vec<Value> = items(is, "tolerations", "").map(|(_, item)| timeless(item)).collect();
    if items(was, "tolerations", "").any(|(_, item)| !now.contains(&timeless(item))) {
        let detail = "existing toleration can not be modified except its tolerationSeconds";
        return vec![FieldError::forbidden("spec.tolerations", detail)];
    }
    scheduling::tolerations(&Place::new("spec", is))
}

/// Gates are taken away and never added.
fn gate_faults(is: &Value, was: &Value) -> Vec<FieldError> {
    let known: Vec<&str> = items(was, "schedulingGates", "").map(|(_, gate)| text(gate, "name")).collect();
    items(is, "schedulingGates", "spec")
        .map(|(path, gate)| (path, text(gate, "name")))
        .filter(|(_, name)| !known.contains(name))
        .map(|(path, name)| {
            let detail = format!("only deletion is allowed, but found new scheduling gate '{name}'");
            FieldError::forbidden(format!("{path}.name"), detail)
        })
        .collect()
}

/// A gated pod may be sent to fewer nodes.
fn node_selector_fault(is: &Value, was: &Value) -> Option<FieldError> {
    let (now, before) = (&is["nodeSelector"], &was["nodeSelector"]);
    let kept = before.as_object().into_iter().flatten().all(|(key, value)| now.get(key) == Some(value));
    let detail = "only additions to spec.nodeSelector are allowed (no mutations or deletions)";
    (!kept).then(|| FieldError::invalid("spec.nodeSelector", now.clone(), detail))
}

/// The spec without what may change, or is looked at on its own.
fn fixed_part(spec: &Value, gated: bool) -> Value {
    let mut spec = spec.clone();
    for list in ["containers", "initContainers"] {
        for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            if let Value::Object(fields) = container {
                fields.remove("image");
                // The resize subresource changes these; through the main path they are compared as a whole.
                fields.remove("resizePolicy");
            }
        }
    }
    if let Value::Object(fields) = &mut spec {
        let fields_apart = ["activeDeadlineSeconds", "tolerations", "ephemeralContainers", "schedulingGates"];
        for field in fields_apart {
            fields.remove(field);
        }
        if gated {
            fields.remove("nodeSelector");
        }
    }
    spec
}
