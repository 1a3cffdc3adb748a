//! What a pod may say of the nodes that it runs on.

use serde_json::Value;

use crate::builtin::place::{Place, showing, structure};
use crate::builtin::rules::selector_faults;
use crate::field_error::FieldError;
use crate::names;

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

/// What a taint may do to pods.
const EFFECTS: [&str; 3] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];

/// Faults of `affinity`.
pub(super) fn affinity(spec: &Place<'_>) -> Vec<FieldError> {
    let affinity = spec.field("affinity");
    let nodes = affinity.field("nodeAffinity");
    let mut faults = Vec::new();
    let required = nodes.field(REQUIRED);
    if required.is_set() {
        faults.extend(node_selector(&required));
    }
    for term in nodes.list(PREFERRED) {
        faults.extend(weight_fault(&term));
        faults.extend(node_term(&term.field("preference"), false));
    }
    for kind in ["podAffinity", "podAntiAffinity"] {
        let pods = affinity.field(kind);
        faults.extend(pods.list(REQUIRED).flat_map(|term| pod_term(&term)));
        for term in pods.list(PREFERRED) {
            faults.extend(weight_fault(&term));
            faults.extend(pod_term(&term.field("podAffinityTerm")));
        }
    }
    faults
}

fn weight_fault(term: &Place<'_>) -> Option<FieldError> {
    let weight = term.field("weight");
    let outside = !(1..=100).contains(&weight.number().unwrap_or_default());
    outside.then(|| weight.invalid("must be in the range 1-100"))
}

/// Faults of a selector of nodes.
pub(in crate::builtin) fn node_selector(selector: &Place<'_>) -> Vec<FieldError> {
    let terms = selector.field("nodeSelectorTerms");
    if terms.is_empty() {
        return vec![terms.required("must have at least one node selector term")];
    }
    terms.items().flat_map(|term| node_term(&term, true)).collect()
}

fn node_term(term: &Place<'_>, check_values: bool) -> Vec<FieldError> {
    let mut faults = Vec::new();
    for requirement in term.list("matchExpressions") {
        let (operator, values) = (requirement.field("operator"), requirement.field("values"));
        match operator.text() {
            "In" | "NotIn" if values.is_empty() => {
                faults.push(values.required("must be specified when `operator` is 'In' or 'NotIn'"));
            }
            "Exists" | "DoesNotExist" if !values.is_empty() => {
                let detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
                faults.push(values.forbidden(detail));
            }
            "Gt" | "Lt" if values.len() != 1 => {
                faults
                    .push(values.required("must be specified single value when `operator` is 'Lt' or 'Gt'"));
            }
            "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt" => {}
            _ => faults.push(operator.invalid("not a valid selector operator")),
        }
        faults.extend(requirement.field("key").worded_always(names::qualified_name_faults));
        if check_values {
            faults.extend(values.items().flat_map(|value| value.worded(names::label_value_faults)));
        }
    }
    for requirement in term.list("matchFields") {
        let (operator, values) = (requirement.field("operator"), requirement.field("values"));
        match operator.text() {
            "In" | "NotIn" if values.len() == 1 => {}
            "In" | "NotIn" => faults.push(values.required(
                "must be only one value when `operator` is 'In' or 'NotIn' for node field selector",
            )),
            _ => faults.push(operator.invalid("not a valid selector operator")),
        }
        let key = requirement.field("key");
        if key.text() == "metadata.name" {
            faults.extend(values.items().flat_map(|name| name.worded_always(names::dns_subdomain_faults)));
        } else {
            faults.push(key.invalid("not a valid field selector key"));
        }
    }
    faults
}

fn pod_term(term: &Place<'_>) -> Vec<FieldError> {
    let mut faults = Vec::new();
    for selector in ["labelSelector", "namespaceSelector"].map(|field| term.field(field)) {
        faults.extend(selector_faults(selector.value, &selector.path));
    }
    for name in term.list("namespaces") {
        faults.extend(name.named(format!("{}.namespace", term.path)).worded_always(names::dns_label_faults));
    }
    faults.extend(label_keys(term, &["matchLabelKeys", "mismatchLabelKeys"]));
    let key = term.field("topologyKey");
    if key.is_empty() {
        faults.push(key.required("can not be empty"));
    }
    faults.extend(key.worded_always(names::qualified_name_faults));
    faults
}

/// Faults of lists of keys that add to a label selector.
fn label_keys(term: &Place<'_>, lists: &[&str]) -> Vec<FieldError> {
    let mut faults = Vec::new();
    for keys in lists.iter().map(|list| term.field(list)).filter(|keys| !keys.is_empty()) {
        if !term.field("labelSelector").is_set() {
            faults.push(keys.forbidden("must not be specified when labelSelector is not set"));
            continue;
        }
        faults.extend(keys.items().flat_map(|key| key.worded_always(names::qualified_name_faults)));
    }
    let unwanted: Vec<&str> = term.list("mismatchLabelKeys").map(|key| key.text()).collect();
    let twice = term.list("matchLabelKeys").filter(|key| unwanted.contains(&key.text()));
    faults.extend(twice.map(|key| key.invalid("exists in both matchLabelKeys and mismatchLabelKeys")));
    faults
}

/// Faults of `topologySpreadConstraints`.
pub(super) fn spread(spec: &Place<'_>) -> Vec<FieldError> {
    let mut faults = Vec::new();
    let all: Vec<Place<'_>> = spec.list("topologySpreadConstraints").collect();
    for (index, constraint) in all.iter().enumerate() {
        let (skew, key) = (constraint.field("maxSkew"), constraint.field("topologyKey"));
        if skew.number().unwrap_or_default() <= 0 {
            faults.push(skew.invalid("must be greater than zero"));
        }
        if key.is_empty() {
            faults.push(key.required("can not be empty"));
        }
        let action = constraint.field("whenUnsatisfiable");
        if !["DoNotSchedule", "ScheduleAnyway"].contains(&action.text()) {
            faults.push(action.unsupported(&["DoNotSchedule", "ScheduleAnyway"]));
        }
        let same = |other: &Place<'_>| {
            ["topologyKey", "whenUnsatisfiable"]
                .iter()
                .all(|field| other.field(field).text() == constraint.field(field).text())
        };
        if all[index + 1..].iter().any(same) {
            let path = format!("{}.{{topologyKey, whenUnsatisfiable}}", constraint.path);
            faults.push(FieldError::duplicate(path, format!("{{{}, {}}}", key.text(), action.text())));
        }
        let domains = constraint.field("minDomains");
        if domains.number().is_some_and(|least| least <= 0) {
            faults.push(domains.invalid("must be greater than zero"));
        }
        if domains.is_set() && action.text() != "DoNotSchedule" {
            faults.push(domains.invalid(format!(
                "can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {}",
                action.text()
            )));
        }
        for policy in ["nodeAffinityPolicy", "nodeTaintsPolicy"] {
            faults.extend(constraint.field(policy).among(&["Honor", "Ignore"]));
        }
        faults.extend(label_keys(constraint, &["matchLabelKeys"]));
        let selector = constraint.field("labelSelector");
        faults.extend(selector_faults(selector.value, &selector.path));
    }
    faults
}

/// Faults of `tolerations`.
pub(in crate::builtin) fn tolerations(spec: &Place<'_>) -> Vec<FieldError> {
    let mut faults = Vec::new();
    for toleration in spec.list("tolerations") {
        let [key, operator, value, effect] =
            ["key", "operator", "value", "effect"].map(|field| toleration.field(field));
        faults.extend(key.worded(names::qualified_name_faults));
        let shown = |found: &Place<'_>, detail: &str, path: &Place<'_>| {
            FieldError::invalid(&*path.path, found.text(), detail)
        };
        if key.is_empty() && operator.text() != "Exists" {
            let detail =
                "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
            faults.push(shown(&operator, detail, &operator));
        }
        if toleration.field("tolerationSeconds").is_set() && effect.text() != "NoExecute" {
            let detail = "effect must be 'NoExecute' when `tolerationSeconds` is set";
            faults.push(shown(&effect, detail, &effect));
        }
        match operator.text() {
            "" | "Equal" => {
                let found = names::label_value_faults(value.text());
                if !found.is_empty() {
                    faults.push(shown(&value, &found.join(";"), &operator));
                }
            }
            "Exists" if value.is_empty() => {}
            "Exists" => {
                faults.push(shown(&value, "value must be empty when `operator` is 'Exists'", &operator));
            }
            "Lt" | "Gt" => faults.push(operator.unsupported(&["Equal", "Exists", "Lt", "Gt"])),
            _ => faults.push(operator.unsupported(&["Equal", "Exists"])),
        }
        if !effect.is_empty() {
            faults.extend(effect.among(&EFFECTS));
        }
    }
    faults
}

/// Faults of the taints of a node.
pub(in crate::builtin) fn taints(taints: &Place<'_>) -> Vec<FieldError> {
    let mut faults = Vec::new();
    let mut seen: Vec<(&str, &str)> = Vec::new();
    for taint in taints.items() {
        let [key, value, effect] = ["key", "value", "effect"].map(|field| taint.field(field));
        faults.extend(key.worded_always(names::qualified_name_faults));
        let found = names::label_value_faults(value.text());
        if !found.is_empty() {
            faults.push(value.invalid(found.join(";")));
        }
        match effect.needed() {
            Some(fault) => faults.push(fault),
            None => faults.extend(effect.among(&EFFECTS)),
        }
        let pair = (effect.text(), key.text());
        if seen.contains(&pair) {
            let fields = ["effect", "key", "timeAdded", "value"];
            let unset = |field| (field, if field == "timeAdded" { Value::Null } else { Value::from("") });
            let mut fault = showing(taint.duplicate(), structure(taint.value, &fields.map(unset)));
            fault.detail = "taints must be unique by key and effect pair".to_owned();
            faults.push(fault);
        } else {
            seen.push(pair);
        }
    }
    faults
}
