//! What the environment of a container must be like, and references to fields of a pod.

use crate::builtin::config;
use crate::builtin::place::Place;
use crate::field_error::FieldError;
use crate::names;

/// What an environment may say of its pod.
const ENVIRONMENT_FIELDS: [&str; 9] = [
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];

/// What a file may say of its pod.
pub(in crate::builtin) const FILE_FIELDS: [&str; 5] =
    ["metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"];

/// Fields that references may name at all.
const KNOWN_FIELDS: [&str; 15] = [
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.serviceAccountName",
    "spec.schedulerName",
    "status.phase",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
    // An old name of spec.nodeName.
    "spec.host",
];

const RESOURCES: [&str; 6] = [
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
];

const SOURCES: [&str; 5] = ["fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef"];

/// Faults of `env`.
pub(super) fn variables(container: &Place<'_>) -> Vec<FieldError> {
    let mut faults = Vec::new();
    for variable in container.list("env") {
        faults.extend(variable.field("name").needed_worded(names::variable_name_faults));
        if variable.field("valueFrom").is_set() {
            faults.extend(value_from(&variable));
        }
    }
    faults
}

fn value_from(variable: &Place<'_>) -> Vec<FieldError> {
    let from = variable.field("valueFrom");
    let mut faults = Vec::new();
    let mut given = 0;
    for (kind, source) in SOURCES.map(|kind| (kind, from.field(kind))) {
        if !source.is_set() {
            continue;
        }
        given += 1;
        faults.extend(match kind {
            "fieldRef" => field_ref(&source, &ENVIRONMENT_FIELDS),
            "resourceFieldRef" => resource_ref(&source, false),
            "fileKeyRef" => file_key_ref(&source),
            _ => key_ref(&source),
        });
    }
    let wrong = |detail: &str| FieldError::invalid(&*from.path, "", detail);
    if given == 0 {
        faults.push(wrong(
            "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`",
        ));
    } else if !variable.field("value").is_empty() {
        faults.push(wrong("may not be specified when `value` is not empty"));
    } else if given > 1 {
        faults.push(wrong("may not have more than one field specified at a time"));
    }
    faults
}

/// A key of a ConfigMap or Secret.
fn key_ref(source: &Place<'_>) -> Vec<FieldError> {
    let mut faults = source.field("name").worded_always(names::dns_subdomain_faults);
    faults.extend(source.field("key").needed_worded(config::key_faults_of));
    faults
}

fn file_key_ref(source: &Place<'_>) -> Vec<FieldError> {
    let mut faults = source.field("key").needed_worded(names::variable_name_faults);
    faults.extend(source.field("volumeName").needed_worded(names::dns_label_faults));
    faults.extend(source.field("path").needed());
    faults
}

/// A field of the pod, one of these.
pub(in crate::builtin) fn field_ref(source: &Place<'_>, allowed: &[&str]) -> Vec<FieldError> {
    if let Some(fault) = ["apiVersion", "fieldPath"].iter().find_map(|field| source.field(field).needed()) {
        return vec![fault];
    }
    let place = source.field("fieldPath");
    let path = place.text();
    let converted = |detail: String| vec![place.invalid(format!("error converting fieldPath: {detail}"))];
    let version = source.field("apiVersion").text();
    if version != "v1" {
        return converted(format!("unsupported pod version: {version}"));
    }
    if let Some((map, key)) = path.strip_suffix("']").and_then(|rest| rest.split_once("['")) {
        let wrong = |key: &str| {
            let faults = names::qualified_name_faults(key).into_iter();
            faults.map(|fault| FieldError::invalid(&*source.path, key, fault)).collect()
        };
        return match map {
            "metadata.annotations" => wrong(&key.to_lowercase()),
            "metadata.labels" => wrong(key),
            _ => converted(format!("field label does not support subscript: {path}")),
        };
    }
    if !KNOWN_FIELDS.contains(&path) {
        return converted(format!("field label not supported: {path}"));
    }
    let path = if path == "spec.host" { "spec.nodeName" } else { path };
    if allowed.contains(&path) { Vec::new() } else { vec![place.unsupported(allowed)] }
}

/// A resource of a container; in a volume the container must be named.
pub(in crate::builtin) fn resource_ref(source: &Place<'_>, in_volume: bool) -> Vec<FieldError> {
    let (container, resource) = (source.field("containerName"), source.field("resource"));
    let name = resource.text();
    let huge = name.starts_with("limits.hugepages-") || name.starts_with("requests.hugepages-");
    let mut faults = Vec::new();
    if in_volume && container.is_empty() {
        faults.push(container.required(""));
    } else if resource.is_empty() {
        faults.push(resource.required(""));
    } else if !RESOURCES.contains(&name) && !huge {
        faults.push(resource.unsupported(&RESOURCES));
    }
    faults.extend(divisor_fault(source, name));
    faults
}

fn divisor_fault(source: &Place<'_>, resource: &str) -> Option<FieldError> {
    const SIZES: [&str; 13] =
        ["1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"];
    let divisor = source.field("divisor").quantity()?.to_string();
    let (_, kind) = resource.split_once('.')?;
    let (allowed, listed, noun): (&[&str], String, &str) = match kind {
        "cpu" => (&["1m", "1"], "1m and 1".to_owned(), "cpu"),
        "memory" => (&SIZES, SIZES.join(", "), "memory"),
        "ephemeral-storage" => (&SIZES, SIZES.join(", "), "local ephemeral storage"),
        kind if kind.starts_with("hugepages-") => (&SIZES, SIZES.join(", "), "hugepages"),
        _ => return None,
    };
    let detail = format!("only divisor's values {listed} are supported with the {noun} resource");
    let wrong = divisor != "0" && !allowed.contains(&divisor.as_str());
    wrong.then(|| FieldError::invalid(format!("{}.divisor", source.path), resource, detail))
}

/// Faults of `envFrom`.
pub(super) fn sources(container: &Place<'_>) -> Vec<FieldError> {
    let all = container.field("envFrom");
    let mut faults = Vec::new();
    for source in all.items() {
        faults.extend(source.field("prefix").worded(names::variable_name_faults));
        let given: Vec<Place<'_>> = ["configMapRef", "secretRef"]
            .into_iter()
            .map(|kind| source.field(kind))
            .filter(Place::is_set)
            .collect();
        for reference in &given {
            let name = reference.field("name");
            // A prefix of a name is asked for here, which may end in a dash.
            faults.extend(name.needed_worded(|name| {
                names::name_prefix_faults(crate::resource::NameRule::DnsSubdomain, name)
            }));
        }
        let wrong = |detail: &str| FieldError::invalid(&*all.path, "", detail);
        match given.len() {
            0 => faults.push(wrong("must specify one of: `configMapRef` or `secretRef`")),
            1 => {}
            _ => faults.push(wrong("may not have more than one field specified at a time")),
        }
    }
    faults
}
