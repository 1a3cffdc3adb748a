//! The rules of kinds that are little more than data.

use serde_json::{Value, json};

use super::container_rules::resources;
use super::place::Place;
use super::pod_rules::scheduling;
use super::rules::{
    fill, fresh_status, immutable, items, items_mut, keep_status, label_faults, not_negative, object_at,
    selector_faults, text,
};
use super::{ingress_rules, network_rules, quota_rules, webhook_rules};
use crate::field_error::FieldError;
use crate::names;
use crate::resource::{GenerationRule, NameRule, Strategy};

const RBAC_GROUP: &str = "rbac.authorization.k8s.io";

/// A spec with a generation and nothing else.
pub(super) fn with_generation() -> Strategy {
    Strategy {
        generation: GenerationRule::Spec,
        prepare_update: |new, old, _| {
            if new.get("status").is_some() || old.get("status").is_some() {
                keep_status(new, old);
            }
        },
        ..Strategy::default()
    }
}

/// What people must not believe: that something takes effect which this server only keeps.
fn in_vain(what: &str) -> Vec<String> {
    vec![format!("this API server keeps {what} but does not enforce it")]
}

pub(super) fn disruption_budget() -> Strategy {
    Strategy {
        prepare_create: |budget, _| fresh_status(budget, "io.k8s.api.policy.v1.PodDisruptionBudgetStatus"),
        validate_create: quota_rules::disruption_budget,
        validate_update: |new, _| quota_rules::disruption_budget(new),
        name_rule: NameRule::PathSegment,
        unconditional_update: false,
        ..with_generation()
    }
}

pub(super) fn resource_quota() -> Strategy {
    Strategy {
        prepare_create: |quota, _| fresh_status(quota, "io.k8s.api.core.v1.ResourceQuotaStatus"),
        prepare_update: |new, old, _| keep_status(new, old),
        validate_create: quota_rules::quota,
        validate_update: |new, _| quota_rules::quota(new),
        warnings: |_| in_vain("a ResourceQuota"),
        ..Strategy::default()
    }
}

/// A container's limit is at most what is allowed, and it requests what it is limited to, unless the range says
/// otherwise.
pub(super) fn limit_range() -> Strategy {
    Strategy {
        default: |range| {
            for item in
                items_mut(&mut range["spec"], "limits").filter(|item| text(item, "type") == "Container")
            {
                for (from, to) in
                    [("max", "default"), ("default", "defaultRequest"), ("min", "defaultRequest")]
                {
                    let Some(amounts) = item[from].as_object().cloned() else { continue };
                    let Some(target) = object_at(item, to) else { continue };
                    for (resource, amount) in amounts {
                        target.entry(resource).or_insert(amount);
                    }
                }
            }
        },
        validate_create: quota_rules::limit_range,
        validate_update: |new, _| quota_rules::limit_range(new),
        warnings: |_| in_vain("a LimitRange"),
        ..Strategy::default()
    }
}

pub(super) fn controller_revision() -> Strategy {
    Strategy {
        validate_create: |revision| {
            let revision = Place::new("", revision);
            let (number, data) = (revision.field("revision"), revision.field("data"));
            let mut faults: Vec<FieldError> = number.not_negative().into_iter().collect();
            if !data.is_set() {
                faults.push(data.required("data is mandatory"));
            } else if !data.value.is_object() {
                faults.push(data.required("data must be a valid JSON object"));
            }
            faults
        },
        validate_update: |new, old| {
            let revision = Place::new("revision", &new["revision"]);
            let mut faults: Vec<FieldError> = revision.not_negative().into_iter().collect();
            faults.extend(immutable(new, old, "data"));
            faults
        },
        ..Strategy::default()
    }
}

pub(super) fn ingress() -> Strategy {
    Strategy {
        prepare_create: |ingress, _| ingress["status"] = json!({"loadBalancer": {}}),
        validate_create: ingress_rules::faults,
        validate_update: |new, _| ingress_rules::faults(new),
        ..with_generation()
    }
}

pub(super) fn network_policy() -> Strategy {
    Strategy {
        default: |policy| {
            let spec = &mut policy["spec"];
            if spec["policyTypes"].as_array().is_none_or(Vec::is_empty) && spec.is_object() {
                let egress = spec["egress"].as_array().is_some_and(|rules| !rules.is_empty());
                spec["policyTypes"] = if egress { json!(["Ingress", "Egress"]) } else { json!(["Ingress"]) };
            }
        },
        validate_create: network_rules::policy,
        validate_update: |new, _| network_rules::policy(new),
        ..with_generation()
    }
}

pub(super) fn ingress_class() -> Strategy {
    Strategy {
        validate_create: network_rules::ingress_class,
        validate_update: |new, old| {
            let mut faults: Vec<FieldError> = immutable(new, old, "spec.controller").into_iter().collect();
            faults.extend(network_rules::ingress_class(new));
            faults
        },
        ..with_generation()
    }
}

pub(super) fn runtime_class() -> Strategy {
    Strategy {
        validate_create: runtime_faults,
        validate_update: |new, old| immutable(new, old, "handler").into_iter().collect(),
        ..Strategy::default()
    }
}

fn runtime_faults(class: &Value) -> Vec<FieldError> {
    let class = Place::new("", class);
    let mut faults = class.field("handler").needed_worded(names::dns_label_faults);
    let overhead = class.field("overhead");
    for (resource, amount) in overhead.field("podFixed").entries() {
        let named = amount.named(format!("overhead.limits[{resource}]"));
        faults.extend(resources::container_name(resource, &named));
        faults.extend(resources::amount(resource, &named));
    }
    let selector = class.field("scheduling.nodeSelector");
    faults.extend(label_faults(selector.value, &selector.path));
    faults.extend(scheduling::tolerations(&class.field("scheduling")));
    faults
}

pub(super) fn rbac() -> Strategy {
    Strategy {
        default: |role| fill(role, "rules", Value::Null),
        validate_create: |role| {
            let mut faults = Vec::new();
            let empty = |list: &Value| list.as_array().is_none_or(Vec::is_empty);
            for (index, rule) in role["rules"].as_array().into_iter().flatten().enumerate() {
                let missing = |field: &str, detail: &str| {
                    FieldError::required(format!("rules[{index}].{field}"), detail)
                };
                if empty(&rule["verbs"]) {
                    faults.push(missing("verbs", "verbs must contain at least one value"));
                }
                if !empty(&rule["nonResourceURLs"]) {
                    let refused = |detail: &str| {
                        let found = rule["nonResourceURLs"].clone();
                        FieldError::invalid(format!("rules[{index}].nonResourceURLs"), found, detail)
                    };
                    if !text(&role["metadata"], "namespace").is_empty() {
                        faults.push(refused("namespaced rules cannot apply to non-resource URLs"));
                    }
                    if ["apiGroups", "resources", "resourceNames"].iter().any(|field| !empty(&rule[field])) {
                        let detail = "rules cannot apply to both regular resources and non-resource URLs";
                        faults.push(refused(detail));
                    }
                    continue;
                }
                if empty(&rule["apiGroups"]) {
                    faults.push(missing("apiGroups", "resource rules must supply at least one api group"));
                }
                if empty(&rule["resources"]) {
                    faults.push(missing("resources", "resource rules must supply at least one resource"));
                }
            }
            faults.extend(aggregation_faults(role));
            faults
        },
        validate_update: |new, _| (rbac().validate_create)(new),
        name_rule: NameRule::PathSegment,
        create_on_update: true,
        ..Strategy::default()
    }
}

/// A role that is made of others names which.
fn aggregation_faults(role: &Value) -> Vec<FieldError> {
    let aggregation = Place::new("aggregationRule", &role["aggregationRule"]);
    let selectors = aggregation.field("clusterRoleSelectors");
    let mut faults = Vec::new();
    if aggregation.is_set() && selectors.is_empty() {
        let detail = "at least one clusterRoleSelector required if aggregationRule is non-nil";
        faults.push(selectors.required(detail));
    }
    faults.extend(selectors.items().flat_map(|selector| selector_faults(selector.value, &selector.path)));
    faults
}

pub(super) fn rbac_binding() -> Strategy {
    Strategy {
        default: |binding| {
            for subject in items_mut(binding, "subjects") {
                if matches!(text(subject, "kind"), "User" | "Group") {
                    fill(subject, "apiGroup", RBAC_GROUP);
                }
            }
        },
        validate_create: binding_faults,
        validate_update: |new, old| {
            let mut faults = binding_faults(new);
            if new["roleRef"] != old["roleRef"] {
                let role = |field: &str| new["roleRef"][field].clone();
                let shown = json!({"APIGroup": role("apiGroup"), "Kind": role("kind"), "Name": role("name")});
                faults.push(FieldError::invalid("roleRef", shown, "cannot change roleRef"));
            }
            faults
        },
        ..rbac()
    }
}

/// What is wrong with a binding, apart from what may not change.
fn binding_faults(binding: &Value) -> Vec<FieldError> {
    let kind = text(&binding["roleRef"], "kind");
    let mut faults = Vec::new();
    let group = text(&binding["roleRef"], "apiGroup");
    if group != RBAC_GROUP {
        faults.push(FieldError::not_supported("roleRef.apiGroup", group, &[RBAC_GROUP]));
    }
    // What holds in all namespaces names roles and subjects of all namespaces.
    let everywhere = text(&binding["metadata"], "namespace").is_empty();
    let kinds: &[&str] = if everywhere { &["ClusterRole"] } else { &["Role", "ClusterRole"] };
    if !kinds.contains(&kind) {
        faults.push(FieldError::not_supported("roleRef.kind", kind, kinds));
    }
    if text(&binding["roleRef"], "name").is_empty() {
        faults.push(FieldError::required("roleRef.name", ""));
    }
    for (path, subject) in items(binding, "subjects", "") {
        subject_faults(subject, path.trim_start_matches('.'), everywhere, &mut faults);
    }
    faults
}

/// What is wrong with one of those whom a binding names.
fn subject_faults(subject: &Value, path: &str, everywhere: bool, faults: &mut Vec<FieldError>) {
    if text(subject, "name").is_empty() {
        faults.push(FieldError::required(format!("{path}.name"), ""));
    }
    let (kind, group) = (text(subject, "kind"), text(subject, "apiGroup"));
    let of_group = |wanted: &str| {
        let fault = || FieldError::not_supported(format!("{path}.apiGroup"), group, &[wanted]);
        (group != wanted).then(fault)
    };
    match kind {
        "ServiceAccount" => {
            faults.extend(of_group(""));
            if everywhere && text(subject, "namespace").is_empty() {
                faults.push(FieldError::required(format!("{path}.namespace"), ""));
            }
        }
        "User" | "Group" => faults.extend(of_group(RBAC_GROUP)),
        _ => {
            let kinds = ["ServiceAccount", "User", "Group"];
            faults.push(FieldError::not_supported(format!("{path}.kind"), kind, &kinds));
        }
    }
}

pub(super) fn priority_class() -> Strategy {
    Strategy {
        validate_create: priority_faults,
        validate_update: |new, old| {
            let fixed = |field: &str| {
                (new[field] != old[field])
                    .then(|| FieldError::forbidden(field, "may not be changed in an update."))
            };
            let mut faults: Vec<FieldError> = fixed("value").into_iter().collect();
            faults.extend(immutable(new, old, "preemptionPolicy"));
            faults
        },
        generation: GenerationRule::One,
        ..Strategy::default()
    }
}

/// The highest priority that users may give.
const PRIORITY_MAX: i64 = 1_000_000_000;

fn priority_faults(class: &Value) -> Vec<FieldError> {
    let class = Place::new("", class);
    let (name, value) = (class.field("metadata.name"), class.field("value"));
    let mut faults = Vec::new();
    if name.text().starts_with("system-") {
        let reserved = [("system-node-critical", 2_000_001_000), ("system-cluster-critical", 2_000_000_000)];
        let wrong = match reserved.iter().find(|(known, _)| *known == name.text()) {
            Some((known, number)) if value.number() != Some(*number) => {
                Some(format!("value of {known} PriorityClass must be {number}"))
            }
            Some((known, _)) if class.field("globalDefault").is_true() => {
                Some(format!("globalDefault of {known} PriorityClass must be false"))
            }
            Some(_) => None,
            None => Some(format!("{} is not a known system priority class", name.text())),
        };
        faults.extend(wrong.map(|why| {
            name.forbidden(format!(
                "priority class names with 'system-' prefix are reserved for system use only. error: {why}"
            ))
        }));
    } else if value.number().is_some_and(|value| value > PRIORITY_MAX) {
        let detail = format!("maximum allowed value of a user defined priority is {PRIORITY_MAX}");
        faults.push(value.forbidden(detail));
    }
    faults.extend(class.field("preemptionPolicy").among(&["PreemptLowerPriority", "Never"]));
    faults
}

pub(super) fn webhooks() -> Strategy {
    Strategy {
        validate_create: webhook_rules::configuration,
        validate_update: |new, _| webhook_rules::configuration(new),
        warnings: |webhooks| {
            if items(webhooks, "webhooks", "").next().is_none() { Vec::new() } else { in_vain("a webhook") }
        },
        generation: GenerationRule::AllButMetadataAndStatus,
        unconditional_update: false,
        ..Strategy::default()
    }
}

pub(super) fn lease() -> Strategy {
    Strategy {
        // Fields for an election that is not served yet.
        default: |lease| {
            for field in ["strategy", "preferredHolder"] {
                lease["spec"].as_object_mut().map(|fields| fields.remove(field));
            }
        },
        validate_create: lease_faults,
        validate_update: |new, _| lease_faults(new),
        unconditional_update: false,
        create_on_update: true,
        ..Strategy::default()
    }
}

fn lease_faults(lease: &Value) -> Vec<FieldError> {
    ["leaseDurationSeconds"]
        .iter()
        .filter_map(|field| Some((field, lease["spec"][field].as_i64()?)))
        .filter(|(_, seconds)| *seconds <= 0)
        .map(|(field, seconds)| {
            FieldError::invalid(format!("spec.{field}"), seconds, "must be greater than 0")
        })
        .chain(not_negative(&lease["spec"], "leaseTransitions", "spec"))
        .collect()
}
