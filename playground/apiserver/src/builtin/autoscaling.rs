//! The rules of HorizontalPodAutoscalers.

use serde_json::{Value, json};

use super::container_rules::resources;
use super::place::Place;
use super::rules::{fill, keep_status};
use crate::field_error::FieldError;
use crate::names;
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

/// The sorts of metrics, each with the field that says more of it, in the order in which they are looked at.
const METRICS: [(&str, &str); 5] = [
    ("Object", "object"),
    ("External", "external"),
    ("Pods", "pods"),
    ("Resource", "resource"),
    ("ContainerResource", "containerResource"),
];

fn faults(autoscaler: &Value) -> Vec<FieldError> {
    let spec = Place::new("spec", &autoscaler["spec"]);
    let (least, most) = (spec.field("minReplicas"), spec.field("maxReplicas"));
    let mut faults: Vec<FieldError> = least.at_least(1).into_iter().collect();
    let replicas = most.number().unwrap_or(0);
    if replicas == 0 {
        faults.push(most.required("must be set and greater than 0"));
    }
    if replicas < 0 {
        faults.push(most.invalid("must be greater than or equal to 1"));
    }
    if replicas < least.number().unwrap_or(1) {
        let detail = "must be greater than or equal to `minReplicas`";
        faults.push(FieldError::invalid(&*most.path, replicas, detail));
    }
    faults.extend(reference(&spec.field("scaleTargetRef"), true));
    faults.extend(spec.list("metrics").flat_map(|metric| metric_faults(&metric)));
    for direction in ["scaleUp", "scaleDown"] {
        let rules = spec.field("behavior").field(direction);
        if rules.is_set() {
            faults.extend(behavior(&rules));
        }
    }
    faults
}

/// A reference to an object, of a group where only such can be scaled.
fn reference(reference: &Place<'_>, grouped: bool) -> Vec<FieldError> {
    let mut faults = Vec::new();
    for field in ["kind", "name"] {
        faults.extend(reference.field(field).needed_worded(names::path_segment_faults));
    }
    let version = reference.field("apiVersion");
    let text = version.text();
    let wrong = match text.split('/').count() {
        1 if grouped => Some("apiVersion must specify API group".to_owned()),
        1 | 2 => None,
        _ => Some(format!("unexpected GroupVersion string: {text}")),
    };
    faults.extend(wrong.map(|detail| FieldError::invalid(&*version.path, text, detail)));
    faults
}

fn metric_faults(metric: &Place<'_>) -> Vec<FieldError> {
    let kind = metric.field("type");
    let mut known = METRICS.map(|(kind, _)| kind);
    known.sort_unstable();
    let mut faults = Vec::new();
    if kind.is_empty() {
        faults.push(kind.required("must specify a metric source type"));
    }
    let is_known = known.contains(&kind.text());
    if !is_known {
        faults.push(kind.unsupported(&known));
    }
    let given: Vec<(&str, Place<'_>)> = METRICS
        .iter()
        .map(|(_, field)| (*field, metric.field(field)))
        .filter(|(_, source)| source.is_set())
        .collect();
    if let Some((field, source)) = given.first() {
        faults.extend(source_faults(field, source));
    }
    let expected = METRICS.iter().find(|(name, _)| *name == kind.text()).map(|(_, field)| *field);
    match expected {
        Some(field) if !given.iter().any(|(given, _)| *given == field) => {
            let detail = "must populate information for the given metric source";
            faults.push(metric.field(field).required(detail));
        }
        Some(_) => {}
        None => faults.push(kind.unsupported(&known)),
    }
    if given.len() != 1 {
        let others = given.iter().filter(|(field, _)| Some(*field) != expected);
        faults.extend(others.map(|(_, place)| place.forbidden("must populate the given metric source only")));
    }
    faults
}

fn source_faults(kind: &str, source: &Place<'_>) -> Vec<FieldError> {
    let target = source.field("target");
    let mut faults = Vec::new();
    if kind == "object" {
        faults.extend(reference(&source.field("describedObject"), false));
    }
    match kind {
        "resource" | "containerResource" => {
            let name = source.field("name");
            if name.is_empty() {
                faults.push(name.required("must specify a resource name"));
            } else if kind == "containerResource" {
                faults.extend(resources::container_name(name.text(), &name));
            }
        }
        _ => {
            let name = source.field("metric.name");
            if name.is_empty() {
                faults.push(name.required("must specify a metric name"));
            }
            faults.extend(name.worded(names::path_segment_faults));
        }
    }
    if kind == "containerResource" {
        let container = source.field("container");
        if container.is_empty() {
            faults.push(container.required("must specify a container"));
        }
        faults.extend(container.worded(names::dns_label_faults));
    }
    faults.extend(target_faults(&target));
    let [value, average, utilization] =
        ["value", "averageValue", "averageUtilization"].map(|field| target.field(field));
    match kind {
        "object" if !value.is_set() && !average.is_set() => {
            faults.push(average.required("must set either a target value or averageValue"));
        }
        "external" if !value.is_set() && !average.is_set() => {
            faults.push(average.required("must set either a target value for metric or a per-pod target"));
        }
        "external" if value.is_set() && average.is_set() => {
            faults.push(value.forbidden("may not set both a target value for metric and a per-pod target"));
        }
        "pods" if !average.is_set() => {
            faults.push(average.required("must specify a positive target averageValue"));
        }
        "resource" | "containerResource" if !utilization.is_set() && !average.is_set() => {
            faults.push(utilization.required("must set either a target raw value or a target utilization"));
        }
        "resource" | "containerResource" if utilization.is_set() && average.is_set() => {
            faults.push(average.forbidden("may not set both a target raw value and a target utilization"));
        }
        _ => {}
    }
    faults
}

fn target_faults(target: &Place<'_>) -> Vec<FieldError> {
    let kind = target.field("type");
    let mut faults = Vec::new();
    if kind.is_empty() {
        faults.push(kind.required("must specify a metric target type"));
    }
    if !["Utilization", "Value", "AverageValue"].contains(&kind.text()) {
        let detail = "must be either Utilization, Value, or AverageValue";
        faults.push(FieldError::invalid(&*kind.path, kind.text(), detail));
    }
    for amount in ["value", "averageValue"].map(|field| target.field(field)) {
        if let Some(quantity) = amount.quantity().filter(|quantity| quantity.as_f64() <= 0.0) {
            faults.push(FieldError::invalid(&*amount.path, quantity.to_string(), "must be positive"));
        }
    }
    let utilization = target.field("averageUtilization");
    if utilization.number().is_some_and(|percent| percent < 1) {
        faults.push(utilization.invalid("must be greater than 0"));
    }
    faults
}

/// Faults of how fast it may go in one direction.
fn behavior(rules: &Place<'_>) -> Vec<FieldError> {
    let mut faults = Vec::new();
    let (window, policies) = (rules.field("stabilizationWindowSeconds"), rules.field("policies"));
    match window.number() {
        Some(seconds) if seconds < 0 => {
            faults.push(window.invalid("must be greater than or equal to zero"));
        }
        Some(seconds) if seconds > 3600 => {
            faults.push(window.invalid("must be less than or equal to 3600"));
        }
        _ => {}
    }
    faults.extend(rules.field("selectPolicy").among(&["Disabled", "Max", "Min"]));
    if policies.is_empty() {
        faults.push(policies.required("must specify at least one Policy"));
    }
    for policy in policies.items() {
        let [kind, value, period] = ["type", "value", "periodSeconds"].map(|field| policy.field(field));
        if !["Percent", "Pods"].contains(&kind.text()) {
            faults.push(kind.unsupported(&["Percent", "Pods"]));
        }
        for number in [&value, &period] {
            if number.number().unwrap_or_default() <= 0 {
                let found = number.number().unwrap_or_default();
                faults.push(FieldError::invalid(&*number.path, found, "must be greater than zero"));
            }
        }
        if period.number().is_some_and(|seconds| seconds > 1800) {
            faults.push(period.invalid("must be less than or equal to 1800"));
        }
    }
    faults
}
