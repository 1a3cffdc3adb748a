//! The kind Service.

use serde_json::{Value, json};

use super::rules::{at, fill, items_mut, keep_status, object_at, text};
use super::{service_changes, service_rules};
use crate::field_error::FieldError;
use crate::resource::{NameRule, SelectableField, Strategy};

const SELECTABLE_FIELDS: [SelectableField; 2] = [
    SelectableField { label: "spec.clusterIP", pointer: "/spec/clusterIP", absent: "" },
    SelectableField { label: "spec.type", pointer: "/spec/type", absent: "" },
];

pub(super) fn strategy() -> Strategy {
    Strategy {
        default: defaults,
        create_on_update: true,
        prepare_create: |service, _| service["status"] = json!({"loadBalancer": {}}),
        prepare_update: |new, old, _| {
            keep_status(new, old);
            service_changes::keep(new, old);
            service_changes::drop_needless(new, old);
        },
        validate_create: service_rules::faults,
        validate_update: |new, old| {
            let mut all = Vec::new();
            let (is, was) = (text(&new["spec"], "clusterIP"), text(&old["spec"], "clusterIP"));
            if is != was && !is_external(new) && !is_external(old) && !was.is_empty() {
                let path = "spec.clusterIPs[0]";
                all.push(FieldError::invalid(path, json!([is]), "may not change once set"));
            }
            let class = |service: &Value| service["spec"]["loadBalancerClass"].clone();
            if is_balanced(new) && is_balanced(old) && class(new) != class(old) {
                let detail = "may not change once set";
                all.push(FieldError::invalid("spec.loadBalancerClass", class(new), detail));
            }
            all.extend(service_rules::faults(new));
            all
        },
        validate_status_update: |new, _| {
            let ingress =
                new["status"]["loadBalancer"]["ingress"].as_array().is_some_and(|list| !list.is_empty());
            let fault = || {
                let detail = "may only be used when `spec.type` is 'LoadBalancer'";
                FieldError::forbidden("status.loadBalancer.ingress", detail)
            };
            (ingress && !is_balanced(new)).then(fault).into_iter().collect()
        },
        warnings: service_changes::warnings,
        name_rule: NameRule::DnsLabel,
        selectable_fields: &SELECTABLE_FIELDS,
        ..Strategy::default()
    }
}

pub(super) fn is_external(service: &Value) -> bool {
    text(&service["spec"], "type") == "ExternalName"
}

/// Whether it can be reached from outside of the cluster.
pub(super) fn is_open(service: &Value) -> bool {
    let spec = &service["spec"];
    let addressed = spec["externalIPs"].as_array().is_some_and(|addresses| !addresses.is_empty());
    has_node_ports(service) || (text(spec, "type") == "ClusterIP" && addressed)
}

pub(super) fn is_balanced(service: &Value) -> bool {
    text(&service["spec"], "type") == "LoadBalancer"
}

pub(super) fn has_node_ports(service: &Value) -> bool {
    matches!(text(&service["spec"], "type"), "NodePort" | "LoadBalancer")
}

/// Whether a balancer asks each node on a port of its own if it has endpoints.
pub(super) fn has_health_port(service: &Value) -> bool {
    is_balanced(service) && text(&service["spec"], "externalTrafficPolicy") == "Local"
}

fn defaults(service: &mut Value) {
    let spec = &mut service["spec"];
    if !spec.is_object() {
        return;
    }
    let kind = text(spec, "type").to_owned();
    match text(spec, "sessionAffinity") {
        "None" => {
            spec.as_object_mut().map(|fields| fields.remove("sessionAffinityConfig"));
        }
        "ClientIP" if at(spec, "sessionAffinityConfig.clientIP.timeoutSeconds").is_null() => {
            spec["sessionAffinityConfig"] = json!({"clientIP": {"timeoutSeconds": 10_800}});
        }
        _ => {}
    }
    for port in items_mut(spec, "ports") {
        let target = &port["targetPort"];
        if target.is_null() || target == 0 || target == "" {
            let same = port["port"].clone();
            if port.is_object() {
                port["targetPort"] = same;
            }
        }
    }
    if is_open(service) {
        fill(&mut service["spec"], "externalTrafficPolicy", "Cluster");
    }
    let spec = &mut service["spec"];
    if kind != "ExternalName" {
        fill(spec, "internalTrafficPolicy", "Cluster");
    }
    if kind == "LoadBalancer" {
        fill(spec, "allocateLoadBalancerNodePorts", true);
    }
    object_at(service, "status").map(|status| status.entry("loadBalancer").or_insert_with(|| json!({})));
    if kind == "LoadBalancer"
        && let Some(state) = service.pointer_mut("/status/loadBalancer")
    {
        for ingress in items_mut(state, "ingress") {
            if !text(ingress, "ip").is_empty() {
                fill(ingress, "ipMode", "VIP");
            }
        }
    }
}
