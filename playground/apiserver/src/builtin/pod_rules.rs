//! What a pod's spec must be like, in a pod and in a template.

use std::collections::BTreeSet;

use serde_json::Value;

use super::container_rules;
use super::rules::{items, label_faults, one_of, text};
use super::tolerations;
use crate::field_error::FieldError;
use crate::names;

/// The sources that a volume is likely to have.
const SOURCES: [&str; 12] = [
    "emptyDir",
    "hostPath",
    "gitRepo",
    "secret",
    "nfs",
    "iscsi",
    "persistentVolumeClaim",
    "downwardAPI",
    "configMap",
    "projected",
    "csi",
    "ephemeral",
];

/// Faults of the spec of a pod that is at `path`.
pub(super) fn pod_spec(spec: &Value, path: &str) -> Vec<FieldError> {
    let (volumes, mut faults) = volumes(spec, path);
    if spec["containers"].as_array().is_none_or(Vec::is_empty) {
        faults.push(FieldError::required(format!("{path}.containers"), ""));
    }
    let mut container_names = BTreeSet::new();
    for list in ["containers", "initContainers"] {
        for (path, container) in items(spec, list, path) {
            faults.extend(container_rules::container(container, &path, &volumes, &mut container_names));
        }
    }
    faults.extend(one_of(spec, "restartPolicy", path, &["Always", "OnFailure", "Never"]));
    let dns_policies = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];
    faults.extend(one_of(spec, "dnsPolicy", path, &dns_policies));
    faults.extend(label_faults(&spec["nodeSelector"], &format!("{path}.nodeSelector")));
    for field in ["serviceAccountName", "nodeName"] {
        let name = text(spec, field);
        if !name.is_empty() {
            let path = format!("{path}.{field}");
            let name_faults = names::dns_subdomain_faults(name);
            faults.extend(name_faults.into_iter().map(|fault| FieldError::invalid(&*path, name, fault)));
        }
    }
    if let Some(seconds) = spec["activeDeadlineSeconds"].as_i64().filter(|seconds| *seconds < 1) {
        let detail = "must be between 1 and 2147483647, inclusive";
        faults.push(FieldError::invalid(format!("{path}.activeDeadlineSeconds"), seconds, detail));
    }
    faults.extend(tolerations::faults(spec, path));
    faults
}

/// Faults of a pod template that is at `path`.
pub(super) fn template(template: &Value, path: &str) -> Vec<FieldError> {
    let metadata = &template["metadata"];
    let mut faults = label_faults(&metadata["labels"], &format!("{path}.labels"));
    for (key, _) in metadata["annotations"].as_object().into_iter().flatten() {
        let key_faults = names::qualified_name_faults(&key.to_lowercase());
        let path = format!("{path}.annotations");
        faults.extend(key_faults.into_iter().map(|fault| FieldError::invalid(&*path, key.as_str(), fault)));
    }
    faults.extend(pod_spec(&template["spec"], &format!("{path}.spec")));
    faults
}

/// The names of the volumes, and what is wrong with the volumes.
fn volumes<'a>(spec: &'a Value, path: &str) -> (BTreeSet<&'a str>, Vec<FieldError>) {
    let mut seen = BTreeSet::new();
    let mut faults = Vec::new();
    for (path, volume) in items(spec, "volumes", path) {
        faults.extend(container_rules::label_name_faults(volume, &path, &mut seen));
        // The first source counts, in the order in which the API declares them; the rest is too much.
        let sources = SOURCES.iter().filter(|source| !volume[**source].is_null());
        faults.extend(sources.skip(1).map(|source| {
            FieldError::forbidden(format!("{path}.{source}"), "may not specify more than 1 volume type")
        }));
    }
    (seen, faults)
}
