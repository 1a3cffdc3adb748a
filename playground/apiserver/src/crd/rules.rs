//! What a CustomResourceDefinition must be like.

use std::collections::BTreeSet;

use serde_json::Value;

use super::structural;
use crate::field_error::FieldError;
use crate::names;

/// Faults of a definition, in the order of its fields.
pub(super) fn faults(definition: &Value) -> Vec<FieldError> {
    let spec = &definition["spec"];
    let mut faults = name_faults(definition);
    let group = field(spec, "group");
    if group.is_empty() {
        faults.push(FieldError::required("spec.group", ""));
    } else if group.split('.').count() < 2 {
        faults.push(FieldError::invalid("spec.group", group, "should be a domain with at least one dot"));
    }
    match field(spec, "scope") {
        "" => faults.push(FieldError::required("spec.scope", "")),
        "Cluster" | "Namespaced" => {}
        other => faults.push(FieldError::not_supported("spec.scope", other, &["Cluster", "Namespaced"])),
    }
    let versions = spec["versions"].as_array().map_or(&[][..], Vec::as_slice);
    let stored = versions.iter().filter(|version| version["storage"] == true).count();
    if stored != 1 {
        let detail = "must have exactly one version marked as storage version";
        faults.push(FieldError::invalid("spec.versions", spec["versions"].clone(), detail));
    }
    let mut seen = BTreeSet::new();
    for (index, version) in versions.iter().enumerate() {
        let path = format!("spec.versions[{index}]");
        let name = field(version, "name");
        if !seen.insert(name) {
            let detail = "must contain unique version names";
            faults.push(FieldError::invalid("spec.versions", spec["versions"].clone(), detail));
        }
        let fault = |fault| FieldError::invalid(format!("{path}.name"), name, fault);
        faults.extend(names::dns_1035_label_faults(name).into_iter().map(fault));
        // The schema of an only version is named as it was before there were versions.
        let only = versions.len() == 1;
        let schema_path = if only { "spec.validation".to_owned() } else { format!("{path}.schema") };
        faults.extend(schema_faults(version, &path, &schema_path));
        faults.extend(version_faults(version, &path));
    }
    faults
}

fn name_faults(definition: &Value) -> Vec<FieldError> {
    let spec = &definition["spec"];
    let (name, plural) = (field(&definition["metadata"], "name"), field(&spec["names"], "plural"));
    let mut faults = Vec::new();
    if name != format!("{plural}.{}", field(spec, "group")) {
        let detail = "must be spec.names.plural+\".\"+spec.group";
        faults.push(FieldError::invalid("metadata.name", name, detail));
    }
    for (part, needed) in [("plural", true), ("singular", false), ("kind", true), ("listKind", true)] {
        let path = format!("spec.names.{part}");
        let name = field(&spec["names"], part);
        if name.is_empty() {
            if needed {
                faults.push(FieldError::required(path, ""));
            }
            continue;
        }
        let lower = name.to_lowercase();
        let candidate = if matches!(part, "kind" | "listKind") { lower.as_str() } else { name };
        let name_faults = names::dns_1035_label_faults(candidate);
        faults.extend(name_faults.into_iter().map(|fault| FieldError::invalid(&*path, name, fault)));
    }
    if !field(&spec["names"], "kind").is_empty() && spec["names"]["kind"] == spec["names"]["listKind"] {
        let detail = "kind and listKind may not be the same";
        faults.push(FieldError::invalid("spec.names.listKind", spec["names"]["listKind"].clone(), detail));
    }
    faults
}

fn schema_faults(version: &Value, path: &str, schema_path: &str) -> Vec<FieldError> {
    let schema = &version["schema"]["openAPIV3Schema"];
    if schema.is_object() {
        return structural::faults(schema, &format!("{schema_path}.openAPIV3Schema"));
    }
    vec![FieldError::required(format!("{path}.schema.openAPIV3Schema"), "")]
}

fn version_faults(version: &Value, path: &str) -> Vec<FieldError> {
    let mut faults = Vec::new();
    let columns = version["additionalPrinterColumns"].as_array();
    for (index, column) in columns.into_iter().flatten().enumerate() {
        let path = format!("{path}.additionalPrinterColumns[{index}]");
        for part in ["name", "type", "jsonPath"] {
            if field(column, part).is_empty() {
                faults.push(FieldError::required(format!("{path}.{part}"), ""));
            }
        }
        let json_path = field(column, "jsonPath");
        if !json_path.is_empty() && !json_path.starts_with('.') {
            let detail = "must be a simple json path starting with .";
            faults.push(FieldError::invalid(format!("{path}.jsonPath"), json_path, detail));
        }
        let kinds = ["boolean", "date", "integer", "number", "string"];
        let kind = field(column, "type");
        if !kind.is_empty() && !kinds.contains(&kind) {
            let detail = format!("must be one of {}", kinds.join(","));
            faults.push(FieldError::invalid(format!("{path}.type"), kind, detail));
        }
    }
    let scale = &version["subresources"]["scale"];
    if scale.is_object() {
        let path = format!("{path}.subresources.scale");
        for (part, root) in [("specReplicasPath", ".spec"), ("statusReplicasPath", ".status")] {
            let json_path = field(scale, part);
            if json_path.is_empty() {
                faults.push(FieldError::required(format!("{path}.{part}"), ""));
            } else if !json_path.starts_with(&format!("{root}.")) {
                let detail = format!("should be a json path under {root}");
                faults.push(FieldError::invalid(format!("{path}.{part}"), json_path, detail));
            }
        }
    }
    faults
}

fn field<'a>(source: &'a Value, name: &str) -> &'a str {
    source[name].as_str().unwrap_or_default()
}
