//! What a container must be like.

use std::collections::BTreeSet;

use serde_json::Value;

use super::quantity;
use super::rules::{items, not_negative, one_of, port_fault, port_name_faults, port_or_name_faults, text};
use crate::field_error::FieldError;
use crate::names;

/// Faults of the container at `path`; `volumes` are the names it may mount, `seen` the containers before it.
pub(super) fn container<'a>(
    container: &'a Value,
    path: &str,
    volumes: &BTreeSet<&str>,
    seen: &mut BTreeSet<&'a str>,
) -> Vec<FieldError> {
    let mut faults = label_name_faults(container, path, seen);
    let image = text(container, "image");
    if image.is_empty() {
        faults.push(FieldError::required(format!("{path}.image"), ""));
    } else if image.trim() != image {
        let detail = "must not have leading or trailing whitespace";
        faults.push(FieldError::invalid(format!("{path}.image"), image, detail));
    }
    faults.extend(one_of(container, "imagePullPolicy", path, &["Always", "IfNotPresent", "Never"]));
    faults.extend(one_of(container, "terminationMessagePolicy", path, &["FallbackToLogsOnError", "File"]));
    faults.extend(ports(container, path));
    faults.extend(environment(container, path));
    faults.extend(mounts(container, path, volumes));
    for probe_name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if container[probe_name].is_object() {
            faults.extend(probe(&container[probe_name], &format!("{path}.{probe_name}")));
        }
    }
    for hook in ["postStart", "preStop"] {
        let handler = &container["lifecycle"][hook];
        if handler.is_object() {
            faults.extend(handler_faults(handler, &format!("{path}.lifecycle.{hook}")));
        }
    }
    faults.extend(resources(&container["resources"], &format!("{path}.resources")));
    faults
}

fn ports(container: &Value, path: &str) -> Vec<FieldError> {
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    for (path, port) in items(container, "ports", path) {
        let name = text(port, "name");
        if !name.is_empty() {
            faults.extend(port_name_faults(name, &format!("{path}.name")));
            if !seen.insert(name) {
                faults.push(FieldError::duplicate(format!("{path}.name"), name));
            }
        }
        if port["containerPort"].as_i64().unwrap_or(0) == 0 {
            faults.push(FieldError::required(format!("{path}.containerPort"), ""));
        } else {
            faults.extend(port_fault(&port["containerPort"], &format!("{path}.containerPort")));
        }
        if port["hostPort"].as_i64().unwrap_or(0) != 0 {
            faults.extend(port_fault(&port["hostPort"], &format!("{path}.hostPort")));
        }
        faults.extend(one_of(port, "protocol", &path, &["SCTP", "TCP", "UDP"]));
    }
    faults
}

fn environment(container: &Value, path: &str) -> Vec<FieldError> {
    let mut faults = Vec::new();
    for (path, variable) in items(container, "env", path) {
        let name = text(variable, "name");
        if name.is_empty() {
            faults.push(FieldError::required(format!("{path}.name"), ""));
        } else if !name.bytes().all(|byte| (0x20..0x7f).contains(&byte) && byte != b'=') {
            let detail = "a valid environment variable name must consist only of printable ASCII characters other than '='";
            faults.push(FieldError::invalid(format!("{path}.name"), name, detail));
        }
        let Some(source) = variable.get("valueFrom").and_then(Value::as_object) else { continue };
        let path = format!("{path}.valueFrom");
        if !text(variable, "value").is_empty() {
            faults.push(FieldError::invalid(&*path, "", "may not be specified when `value` is not empty"));
        }
        match source.len() {
            1 => {}
            0 => faults.push(FieldError::invalid(
                &*path,
                "",
                "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`",
            )),
            _ => {
                let detail = "may not have more than one field specified at a time";
                faults.push(FieldError::invalid(&*path, "", detail));
            }
        }
        for key_ref in ["configMapKeyRef", "secretKeyRef"] {
            if let Some(reference) = source.get(key_ref)
                && text(reference, "key").is_empty()
            {
                faults.push(FieldError::required(format!("{path}.{key_ref}.key"), ""));
            }
        }
    }
    faults
}

fn mounts(container: &Value, path: &str, volumes: &BTreeSet<&str>) -> Vec<FieldError> {
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    for (path, mount) in items(container, "volumeMounts", path) {
        let name = text(mount, "name");
        if name.is_empty() {
            faults.push(FieldError::required(format!("{path}.name"), ""));
        }
        if !volumes.contains(name) {
            faults.push(FieldError::new(
                crate::field_error::FieldErrorKind::NotFound,
                format!("{path}.name"),
                Some(name.into()),
                "",
            ));
        }
        let at = text(mount, "mountPath");
        if at.is_empty() {
            faults.push(FieldError::required(format!("{path}.mountPath"), ""));
        } else if !seen.insert(at) {
            faults.push(FieldError::invalid(format!("{path}.mountPath"), at, "must be unique"));
        }
    }
    faults
}

fn probe(probe: &Value, path: &str) -> Vec<FieldError> {
    let mut faults = handler_faults(probe, path);
    for field in
        ["initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"]
    {
        faults.extend(not_negative(probe, field, path));
    }
    faults
}

/// A probe or hook does exactly one thing.
fn handler_faults(handler: &Value, path: &str) -> Vec<FieldError> {
    let mut faults = Vec::new();
    let kinds = ["exec", "httpGet", "tcpSocket", "grpc", "sleep"];
    let given: Vec<&str> = kinds.into_iter().filter(|kind| handler[kind].is_object()).collect();
    for more in given.iter().skip(1) {
        let detail = "may not specify more than 1 handler type";
        faults.push(FieldError::forbidden(format!("{path}.{more}"), detail));
    }
    let Some(first) = given.first() else {
        return vec![FieldError::required(path, "must specify a handler type")];
    };
    let path = format!("{path}.{first}");
    let action = &handler[first];
    match *first {
        "exec" if action["command"].as_array().is_none_or(Vec::is_empty) => {
            faults.push(FieldError::required(format!("{path}.command"), ""));
        }
        "httpGet" | "tcpSocket" => {
            faults.extend(port_or_name_faults(&action["port"], &format!("{path}.port")));
            faults.extend(one_of(action, "scheme", &path, &["HTTP", "HTTPS"]));
        }
        "grpc" => faults.extend(port_fault(&action["port"], &format!("{path}.port"))),
        _ => {}
    }
    faults
}

fn resources(resources: &Value, path: &str) -> Vec<FieldError> {
    let mut faults = Vec::new();
    let limits = resources["limits"].as_object();
    for list in ["limits", "requests"] {
        for (resource, amount) in resources[list].as_object().into_iter().flatten() {
            let Some(quantity) = read(amount) else { continue };
            if quantity.is_negative() {
                let detail = "must be greater than or equal to 0";
                faults.push(FieldError::invalid(
                    format!("{path}.{list}[{resource}]"),
                    amount.clone(),
                    detail,
                ));
                continue;
            }
            let limit = limits.and_then(|limits| limits.get(resource)).and_then(read);
            if let Some(limit) =
                limit.filter(|limit| list == "requests" && quantity.as_f64() > limit.as_f64())
            {
                let detail = format!("must be less than or equal to {resource} limit of {limit}");
                faults.push(FieldError::invalid(format!("{path}.{list}"), amount.clone(), detail));
            }
        }
    }
    faults
}

fn read(amount: &Value) -> Option<quantity::Quantity> {
    match amount {
        Value::String(text) => quantity::parse(text).ok(),
        Value::Number(number) => quantity::parse(&number.to_string()).ok(),
        _ => None,
    }
}

/// What is wrong with the `name` of an item (a container, a volume), which must be a label that no item before it has.
pub(super) fn label_name_faults<'a>(
    item: &'a Value,
    path: &str,
    seen: &mut BTreeSet<&'a str>,
) -> Vec<FieldError> {
    let name = text(item, "name");
    let name_path = format!("{path}.name");
    if name.is_empty() {
        return vec![FieldError::required(name_path, "")];
    }
    let faults = names::dns_label_faults(name).into_iter();
    let mut faults: Vec<_> = faults.map(|fault| FieldError::invalid(&*name_path, name, fault)).collect();
    if !seen.insert(name) {
        faults.push(FieldError::duplicate(name_path, name));
    }
    faults
}
