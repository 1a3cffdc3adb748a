//! What an Ingress must be like.

use serde_json::Value;

use super::rules::{items, port_fault, port_name_faults, text};
use crate::field_error::FieldError;
use crate::names;

/// Faults of an Ingress's spec.
pub(super) fn faults(ingress: &Value) -> Vec<FieldError> {
    let spec = &ingress["spec"];
    let mut faults = Vec::new();
    if spec["rules"].as_array().is_none_or(Vec::is_empty) && spec["defaultBackend"].is_null() {
        let detail = "either `defaultBackend` or `rules` must be specified";
        faults.push(FieldError::invalid("spec", Value::Null, detail));
    }
    if spec["defaultBackend"].is_object() {
        faults.extend(backend(&spec["defaultBackend"], "spec.defaultBackend"));
    }
    for (path, rule) in items(spec, "rules", "spec") {
        for (path, http_path) in items(&rule["http"], "paths", &format!("{path}.http")) {
            if text(http_path, "pathType").is_empty() {
                faults.push(FieldError::required(format!("{path}.pathType"), "pathType must be specified"));
            }
            faults.extend(backend(&http_path["backend"], &format!("{path}.backend")));
        }
    }
    let class = text(spec, "ingressClassName");
    if spec["ingressClassName"].is_string() {
        let class_faults = names::dns_subdomain_faults(class).into_iter();
        faults.extend(class_faults.map(|fault| FieldError::invalid("spec.ingressClassName", class, fault)));
    }
    faults
}

/// Traffic goes to a resource or to a Service, whose port has a name or a number.
fn backend(backend: &Value, path: &str) -> Vec<FieldError> {
    let service = &backend["service"];
    match (backend["resource"].is_object(), service.is_object()) {
        (true, true) => {
            return vec![FieldError::invalid(path, "", "cannot set both resource and service backends")];
        }
        (true, false) => return Vec::new(),
        (false, true) => {}
        (false, false) => {
            return vec![FieldError::invalid(path, "", "resource or service backend is required")];
        }
    }
    let mut faults = Vec::new();
    let name = text(service, "name");
    let name_path = format!("{path}.service.name");
    if name.is_empty() {
        faults.push(FieldError::required(name_path, ""));
    } else {
        let name_faults = names::dns_label_faults(name).into_iter();
        faults.extend(name_faults.map(|fault| FieldError::invalid(&*name_path, name, fault)));
    }
    let port = &service["port"];
    let (port_name, number) = (text(port, "name"), port["number"].as_i64().unwrap_or_default());
    match (port_name, number) {
        ("", 0) => faults.push(FieldError::required(path, "port name or number is required")),
        ("", _) => faults.extend(port_fault(&port["number"], &format!("{path}.service.port.number"))),
        (_, 0) => faults.extend(port_name_faults(port_name, &format!("{path}.service.port.name"))),
        _ => faults.push(FieldError::invalid(path, "", "cannot set both port name & port number")),
    }
    faults
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::faults;

    #[test]
    fn a_backend_has_a_port_of_one_kind() {
        let told = |spec: serde_json::Value| -> Vec<String> {
            faults(&json!({ "spec": spec })).iter().map(ToString::to_string).collect()
        };
        let backend =
            |port: serde_json::Value| json!({"defaultBackend": {"service": {"name": "s", "port": port}}});
        assert!(told(backend(json!({"number": 80}))).is_empty());
        assert_eq!(
            told(backend(json!({"number": 80, "name": "http"}))),
            ["spec.defaultBackend: Invalid value: \"\": cannot set both port name & port number"]
        );
        assert_eq!(
            told(json!({})),
            ["spec: Invalid value: null: either `defaultBackend` or `rules` must be specified"]
        );
    }
}
