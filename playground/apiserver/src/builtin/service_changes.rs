//! What changes of a Service leave as it was, what goes along with its type, and what it says in vain.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::rules::{items_mut, text};
use super::service::{has_health_port, has_node_ports, is_balanced, is_external, is_open};

/// What a change does not mention of what was handed out stays.
pub(super) fn keep(new: &mut Value, old: &Value) {
    keep_address(new, old);
    if hands_out_ports(new) && hands_out_ports(old) {
        keep_node_ports(new, old);
    }
    if has_health_port(new) && has_health_port(old) && number(&new["spec"]["healthCheckNodePort"]) == 0 {
        copy(new, old, "healthCheckNodePort");
    }
}

fn keep_address(new: &mut Value, old: &Value) {
    let addressed = !is_external(new) && !is_external(old);
    if addressed && text(&new["spec"], "clusterIP").is_empty() {
        copy(new, old, "clusterIP");
    }
    let same = new["spec"]["clusterIP"] == old["spec"]["clusterIP"];
    if (addressed || same) && count(&new["spec"]["clusterIPs"]) == 0 {
        copy(new, old, "clusterIPs");
    }
    // Who changes the one address means the list as well.
    let (is, was) = (&new["spec"], &old["spec"]);
    let given = !text(is, "clusterIP").is_empty();
    if given && is["clusterIP"] != was["clusterIP"] && is["clusterIPs"] == was["clusterIPs"] {
        new["spec"]["clusterIPs"] = json!([is["clusterIP"]]);
    }
}

/// Ports are the same if they have the same name.
fn keep_node_ports(new: &mut Value, old: &Value) {
    let (is, was) = (node_ports(new), node_ports(old));
    let before: BTreeMap<String, i64> = ports(old)
        .map(|port| (text(port, "name").to_owned(), number(&port["nodePort"])))
        .filter(|(_, port)| *port != 0 && !(is.contains(port) && was.contains(port)))
        .collect();
    for port in items_mut(&mut new["spec"], "ports").filter(|port| number(&port["nodePort"]) == 0) {
        if let Some(kept) = before.get(text(port, "name")) {
            port["nodePort"] = json!(kept);
        }
    }
}

/// What another type has no use for goes, unless the change says something else about it.
pub(super) fn drop_needless(new: &mut Value, old: &Value) {
    let same = |new: &Value, field: &str| new["spec"][field] == old["spec"][field];
    let mut needless = Vec::new();
    if is_external(new) {
        // A real server stores it and shows it to nobody.
        needless.push("internalTrafficPolicy");
    }
    if is_external(new) && !is_external(old) {
        if same(new, "clusterIP") && same(new, "clusterIPs") {
            needless.extend(["clusterIP", "clusterIPs"]);
        }
        needless.extend(["ipFamilies", "ipFamilyPolicy"].iter().filter(|field| same(new, field)));
    }
    if has_node_ports(old) && !has_node_ports(new) && node_ports(new).is_subset(&node_ports(old)) {
        for port in items_mut(&mut new["spec"], "ports").filter_map(Value::as_object_mut) {
            port.remove("nodePort");
        }
    }
    if has_health_port(old) && !has_health_port(new) && same(new, "healthCheckNodePort") {
        needless.push("healthCheckNodePort");
    }
    if is_balanced(old) && !is_balanced(new) {
        let fields = ["allocateLoadBalancerNodePorts", "loadBalancerClass"];
        needless.extend(fields.iter().filter(|field| same(new, field)));
    }
    if is_open(old) && !is_open(new) && same(new, "externalTrafficPolicy") {
        needless.push("externalTrafficPolicy");
    }
    if let Some(fields) = new["spec"].as_object_mut() {
        for field in needless {
            fields.remove(field);
        }
    }
    if !is_balanced(new) && new["status"]["loadBalancer"].is_object() {
        new["status"]["loadBalancer"] = json!({});
    }
}

/// What a Service says in vain, or in words that are given up.
pub(super) fn warnings(service: &Value) -> Vec<String> {
    const HINTS: &str = "service.kubernetes.io/topology-aware-hints";
    let spec = &service["spec"];
    let headless = text(spec, "type") == "ClusterIP" && text(spec, "clusterIP") == "None";
    let outer = count(&spec["externalIPs"]) > 0;
    let mut found = Vec::new();
    if service["metadata"]["annotations"][HINTS].is_string() {
        found.push(format!(
            "annotation {HINTS} is deprecated, please use service.kubernetes.io/topology-mode instead"
        ));
    }
    let vain = [
        (!text(spec, "loadBalancerIP").is_empty(), "spec.loadBalancerIP"),
        (outer, "spec.externalIPs"),
        (text(spec, "sessionAffinity") != "None", "spec.SessionAffinity"),
    ];
    let ignored = vain.iter().filter(|(said, _)| *said && headless);
    found.extend(ignored.map(|(_, field)| format!("{field} is ignored for headless services")));
    if outer && is_external(service) {
        found.push("spec.externalIPs is ignored when spec.type is \"ExternalName\"".to_owned());
    } else if outer && !headless {
        found.push(
            "spec.externalIPs is deprecated and may no longer be implemented in some clusters".to_owned(),
        );
    }
    if !is_external(service) && !text(spec, "externalName").is_empty() {
        found.push("spec.externalName is ignored when spec.type is not \"ExternalName\"".to_owned());
    }
    if spec["trafficDistribution"] == "PreferClose" {
        found.push(
            "spec.trafficDistribution: \"PreferClose\" is deprecated; use \"PreferSameZone\"".to_owned(),
        );
    }
    found
}

/// Whether each of its ports gets one of every node.
pub(super) fn hands_out_ports(service: &Value) -> bool {
    let refused = is_balanced(service) && service["spec"]["allocateLoadBalancerNodePorts"] == false;
    has_node_ports(service) && !refused
}

fn node_ports(service: &Value) -> BTreeSet<i64> {
    ports(service).map(|port| number(&port["nodePort"])).filter(|port| *port != 0).collect()
}

fn ports(service: &Value) -> impl Iterator<Item = &Value> {
    service["spec"]["ports"].as_array().into_iter().flatten()
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or(0)
}

fn count(list: &Value) -> usize {
    list.as_array().map_or(0, Vec::len)
}

fn copy(new: &mut Value, old: &Value, field: &str) {
    if let Some(value) = old["spec"].get(field) {
        new["spec"][field] = value.clone();
    }
}
