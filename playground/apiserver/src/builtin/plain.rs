//! The rules of kinds that are little more than data.

use serde_json::{Value, json};

use super::rules::{
    fill, fresh_status, immutable, items, items_mut, keep_status, not_negative, object_at, text,
};
use crate::field_error::FieldError;
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

pub(super) fn persistent_volume() -> Strategy {
    Strategy {
        prepare_create: |volume, _| {
            fresh_status(volume, "io.k8s.api.core.v1.PersistentVolumeStatus");
            protect(volume, "kubernetes.io/pv-protection");
        },
        prepare_update: |new, old, _| keep_status(new, old),
        ..Strategy::default()
    }
}

pub(super) fn persistent_volume_claim() -> Strategy {
    Strategy {
        prepare_create: |claim, _| {
            fresh_status(claim, "io.k8s.api.core.v1.PersistentVolumeClaimStatus");
            protect(claim, "kubernetes.io/pvc-protection");
        },
        validate_create: |claim| {
            let mut faults = Vec::new();
            if claim["spec"]["accessModes"].as_array().is_none_or(Vec::is_empty) {
                let detail = "at least 1 access mode is required";
                faults.push(FieldError::required("spec.accessModes", detail));
            }
            if claim["spec"]["resources"]["requests"]["storage"].is_null() {
                faults.push(FieldError::required("spec.resources[storage]", ""));
            }
            faults
        },
        validate_update: |new, old| {
            let fixed = |claim: &Value| {
                let mut spec = claim["spec"].clone();
                for field in ["resources", "volumeAttributesClassName"] {
                    spec[field] = Value::Null;
                }
                spec
            };
            let detail = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";
            (fixed(new) != fixed(old)).then(|| FieldError::forbidden("spec", detail)).into_iter().collect()
        },
        ..persistent_volume()
    }
}

/// Keeps storage from going while it is used: what takes the finalizer off is a controller.
fn protect(object: &mut Value, finalizer: &str) {
    let Some(metadata) = object_at(object, "metadata") else { return };
    match metadata.entry("finalizers").or_insert_with(|| json!([])) {
        Value::Array(finalizers) if !finalizers.iter().any(|found| found == finalizer) => {
            finalizers.push(json!(finalizer));
        }
        _ => {}
    }
}

pub(super) fn disruption_budget() -> Strategy {
    Strategy {
        prepare_create: |budget, _| fresh_status(budget, "io.k8s.api.policy.v1.PodDisruptionBudgetStatus"),
        name_rule: NameRule::PathSegment,
        unconditional_update: false,
        ..with_generation()
    }
}

pub(super) fn resource_quota() -> Strategy {
    Strategy {
        prepare_create: |quota, _| fresh_status(quota, "io.k8s.api.core.v1.ResourceQuotaStatus"),
        prepare_update: |new, old, _| keep_status(new, old),
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
        ..Strategy::default()
    }
}

pub(super) fn controller_revision() -> Strategy {
    Strategy {
        validate_update: |new, old| immutable(new, old, "data").into_iter().collect(),
        ..Strategy::default()
    }
}

pub(super) fn ingress() -> Strategy {
    Strategy {
        prepare_create: |ingress, _| ingress["status"] = json!({"loadBalancer": {}}),
        validate_create: |ingress| {
            let mut faults = Vec::new();
            if ingress["spec"]["rules"].is_null() && ingress["spec"]["defaultBackend"].is_null() {
                let detail = "either `defaultBackend` or `rules` must be specified";
                faults.push(FieldError::invalid("spec", json!({}), detail));
            }
            for (path, rule) in items(&ingress["spec"], "rules", "spec") {
                for (path, http_path) in items(&rule["http"], "paths", &format!("{path}.http")) {
                    if text(http_path, "pathType").is_empty() {
                        faults.push(FieldError::required(
                            format!("{path}.pathType"),
                            "pathType must be specified",
                        ));
                    }
                }
            }
            faults
        },
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
        validate_create: policy_type_faults,
        validate_update: |new, _| policy_type_faults(new),
        ..with_generation()
    }
}

fn policy_type_faults(policy: &Value) -> Vec<FieldError> {
    let types: Vec<(String, &Value)> = items(&policy["spec"], "policyTypes", "spec").collect();
    if types.len() > 2 {
        let detail = "may not specify more than two policyTypes";
        return vec![FieldError::invalid("spec.policyTypes", policy["spec"]["policyTypes"].clone(), detail)];
    }
    let odd = types.into_iter().filter(|(_, found)| *found != "Ingress" && *found != "Egress");
    odd.map(|(path, found)| FieldError::not_supported(path, found.clone(), &["Ingress", "Egress"])).collect()
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
                    if role["kind"] == "Role" {
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
            faults
        },
        validate_update: |new, _| (rbac().validate_create)(new),
        name_rule: NameRule::PathSegment,
        create_on_update: true,
        ..Strategy::default()
    }
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

pub(super) fn webhooks() -> Strategy {
    Strategy {
        generation: GenerationRule::AllButMetadataAndStatus,
        unconditional_update: false,
        ..Strategy::default()
    }
}

pub(super) fn lease() -> Strategy {
    Strategy {
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

pub(super) fn storage_class() -> Strategy {
    Strategy {
        validate_update: |new, old| {
            let fixed = |field: &str, fault: &str| {
                (new[field] != old[field]).then(|| FieldError::forbidden(field, fault))
            };
            [
                ("parameters", "updates to parameters are forbidden."),
                ("provisioner", "updates to provisioner are forbidden."),
                ("reclaimPolicy", "updates to reclaimPolicy are forbidden."),
            ]
            .into_iter()
            .filter_map(|(field, fault)| fixed(field, fault))
            .collect()
        },
        ..Strategy::default()
    }
}
