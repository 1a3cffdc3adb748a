//! The rules of HorizontalPodAutoscalers.

use serde_json::{Value, json};

use super::rules::{fill, keep_status, text};
use crate::field_error::FieldError;
use crate::resource::Strategy;

pub(super) fn strategy() -> Strategy {
    Strategy {
        default: defaults,
        prepare_create: |autoscaler, _| {
            autoscaler["status"] = json!({"currentMetrics": null, "desiredReplicas": 0});
        },
        prepare_update: |new, old, _| keep_status(new, old),
        validate_create: faults,
        validate_update: |new, _| faults(new),
        ..Strategy::default()
    }
}

fn defaults(autoscaler: &mut Value) {
    let spec = &mut autoscaler["spec"];
    if !spec.is_object() {
        return;
    }
    if spec["metrics"].as_array().is_none_or(Vec::is_empty) {
        spec["metrics"] = json!([{"type": "Resource", "resource": {
            "name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}]);
    }
    if !spec["behavior"].is_object() {
        return;
    }
    let percent = json!({"type": "Percent", "value": 100, "periodSeconds": 15});
    // Scaling down has no window of its own: the controller's flag decides, 300 seconds unless changed.
    let rules = [
        (
            "scaleUp",
            json!({"stabilizationWindowSeconds": 0, "selectPolicy": "Max",
            "policies": [{"type": "Pods", "value": 4, "periodSeconds": 15}, percent]}),
        ),
        ("scaleDown", json!({"selectPolicy": "Max", "policies": [percent]})),
    ];
    for (direction, defaults) in rules {
        fill(&mut spec["behavior"], direction, json!({}));
        for (field, value) in defaults.as_object().into_iter().flatten() {
            fill(&mut spec["behavior"][direction], field, value.clone());
        }
    }
}

fn faults(autoscaler: &Value) -> Vec<FieldError> {
    let spec = &autoscaler["spec"];
    let mut faults = Vec::new();
    let (least, most) =
        (spec["minReplicas"].as_i64().unwrap_or(1), spec["maxReplicas"].as_i64().unwrap_or(0));
    if least < 1 {
        faults.push(FieldError::invalid("spec.minReplicas", least, "must be greater than or equal to 1"));
    }
    match most {
        0 => faults.push(FieldError::required("spec.maxReplicas", "must be set and greater than 0")),
        _ if most < 1 => {
            faults.push(FieldError::invalid("spec.maxReplicas", most, "must be greater than or equal to 1"));
        }
        _ => {}
    }
    if most < least {
        let detail = "must be greater than or equal to `minReplicas`";
        faults.push(FieldError::invalid("spec.maxReplicas", most, detail));
    }
    let target = &spec["scaleTargetRef"];
    for field in ["kind", "name"] {
        if text(target, field).is_empty() {
            faults.push(FieldError::required(format!("spec.scaleTargetRef.{field}"), ""));
        }
    }
    if text(target, "apiVersion").is_empty() {
        let detail = "apiVersion must specify API group";
        faults.push(FieldError::invalid("spec.scaleTargetRef.apiVersion", "", detail));
    }
    faults
}
