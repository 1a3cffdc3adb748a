//! What Services must be like.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::endpoints;
use super::network_rules::range_faults;
use super::place::Place;
use super::pod_rules::address_faults;
use super::rules::label_faults;
use crate::field_error::FieldError;
use crate::names;

/// The longest that a client is kept with its endpoint.
const AFFINITY_SECONDS_MAX: i64 = 86_400;

const ONLY_BALANCED: &str = "may only be used when `type` is 'LoadBalancer'";

/// What keeps a Service from getting addresses and ports, which comes before everything else.
pub(super) fn unallocatable(service: &Value) -> Vec<FieldError> {
    let spec = Place::new("spec", &service["spec"]);
    let faults = addresses(&spec);
    if !faults.is_empty() {
        return faults;
    }
    let mut taken = BTreeSet::new();
    let given = spec.list("ports").filter(|port| port.field("nodePort").number().unwrap_or(0) != 0);
    let again =
        given.filter(|port| !taken.insert((port.field("protocol").text(), port.field("nodePort").number())));
    let of_node = matches!(spec.field("type").text(), "NodePort" | "LoadBalancer");
    again
        .filter(|_| of_node)
        .map(|port| port.field("nodePort").invalid("provided port is already allocated"))
        .take(1)
        .collect()
}

pub(super) fn faults(service: &Value) -> Vec<FieldError> {
    let spec = Place::new("spec", &service["spec"]);
    let kind = spec.field("type").text();
    let headless = spec.field("clusterIP").text() == "None";
    let ports = spec.field("ports");
    let mut faults = Vec::new();
    if ports.is_empty() && !headless && kind != "ExternalName" {
        faults.push(ports.required(""));
    }
    if headless && matches!(kind, "LoadBalancer" | "NodePort") {
        let detail = format!("may not be set to 'None' for {kind} services");
        faults.push(FieldError::invalid("spec.clusterIPs[0]", "None", detail));
    }
    if kind == "ExternalName" {
        faults.extend(external(&spec));
    }
    let mut seen = BTreeSet::new();
    faults.extend(ports.items().flat_map(|port| port_faults(&port, ports.len() > 1, &mut seen)));
    let selector = spec.field("selector");
    faults.extend(label_faults(selector.value, &selector.path));
    faults.extend(affinity(&spec));
    if kind != "ExternalName" {
        faults.extend(addresses(&spec));
    }
    for address in spec.list("externalIPs") {
        let wrong = address.worded_always(address_faults);
        if wrong.is_empty() {
            faults.extend(endpoints::address_faults(address.text(), &address.path));
        }
        faults.extend(wrong);
    }
    faults.extend(spec.field("type").among(&["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"]));
    faults.extend(repeated_ports(&ports, kind));
    faults.extend(balanced(&spec, kind));
    faults.extend(traffic(&spec, kind));
    faults
}

fn external(spec: &Place<'_>) -> Vec<FieldError> {
    let mut faults = Vec::new();
    for field in ["clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
        if !spec.field(field).is_empty() {
            faults.push(spec.field(field).forbidden("may not be set for ExternalName services"));
        }
    }
    let name = spec.field("externalName");
    let text = name.text().strip_suffix('.').unwrap_or(name.text());
    if text.is_empty() {
        faults.push(name.required(""));
    } else {
        let wrong = names::dns_subdomain_faults(text).into_iter();
        faults.extend(wrong.map(|fault| FieldError::invalid(&*name.path, text, fault)));
    }
    faults
}

fn port_faults<'a>(port: &Place<'a>, named: bool, seen: &mut BTreeSet<&'a str>) -> Vec<FieldError> {
    let name = port.field("name");
    let mut faults = Vec::new();
    if !name.is_empty() {
        faults.extend(name.worded(names::dns_label_faults));
        faults.extend(name.unique(seen));
    } else if named {
        faults.push(name.required(""));
    }
    faults.extend(port.field("port").port());
    faults.extend(port.field("protocol").among(&["SCTP", "TCP", "UDP"]));
    faults.extend(port.field("targetPort").port_or_name());
    let protocol = port.field("appProtocol");
    if protocol.is_set() {
        faults.extend(protocol.worded_always(names::qualified_name_faults));
    }
    faults
}

fn affinity(spec: &Place<'_>) -> Vec<FieldError> {
    let config = spec.field("sessionAffinityConfig");
    let mut faults: Vec<FieldError> =
        spec.field("sessionAffinity").among(&["ClientIP", "None"]).into_iter().collect();
    let seconds = config.field("clientIP.timeoutSeconds");
    match spec.field("sessionAffinity").text() {
        "ClientIP" if seconds.number().is_some_and(|time| !(1..=AFFINITY_SECONDS_MAX).contains(&time)) => {
            let detail = format!("must be greater than 0 and less than {AFFINITY_SECONDS_MAX}");
            faults.push(seconds.invalid(detail));
        }
        "None" if config.is_set() => {
            faults.push(config.forbidden("must not be set when session affinity is None"));
        }
        _ => {}
    }
    faults
}

/// Faults of the addresses in the cluster, and of their families.
fn addresses(spec: &Place<'_>) -> Vec<FieldError> {
    let (one, all, families) = (spec.field("clusterIP"), spec.field("clusterIPs"), spec.field("ipFamilies"));
    let mut faults = Vec::new();
    let first = all.items().next().map_or("", |address| address.text());
    if one.is_empty() && !all.is_empty() {
        faults.push(all.invalid("must be empty when `clusterIP` is not specified"));
    } else if !one.is_empty() && all.is_empty() {
        faults.push(all.required(""));
    } else if !one.is_empty() && first != one.text() {
        faults.push(all.invalid("first value must match `clusterIP`"));
    }
    let mut seen = BTreeSet::new();
    for family in families.items() {
        faults.extend(family.among(&["IPv4", "IPv6"]));
        faults.extend(family.unique(&mut seen));
    }
    let policies = ["PreferDualStack", "RequireDualStack", "SingleStack"];
    faults.extend(spec.field("ipFamilyPolicy").among(&policies));
    if first == "None" && all.len() > 1 {
        faults.push(all.invalid("'None' must be the first and only value"));
    }
    let given = all.items().enumerate().filter(|(index, address)| *index > 0 || address.text() != "None");
    let malformed: Vec<FieldError> =
        given.flat_map(|(_, address)| address.worded_always(address_faults)).collect();
    let all_formed = malformed.is_empty();
    faults.extend(malformed);
    if all.len() > 2 {
        faults.push(all.invalid("may only hold up to 2 values"));
    }
    if all_formed
        && all.len() > 1
        && all.items().all(|address| !address.text().contains(':'))
        && first != "None"
    {
        faults.push(all.invalid("may specify no more than one IP for each IP family"));
    }
    faults
}

fn repeated_ports(ports: &Place<'_>, kind: &str) -> Vec<FieldError> {
    let of_node = |port: &Place<'_>| port.field("nodePort").number().unwrap_or(0);
    let mut faults = Vec::new();
    if kind == "ClusterIP" {
        let given = ports.items().filter(|port| of_node(port) != 0);
        let detail = "may not be used when `type` is 'ClusterIP'";
        faults.extend(given.map(|port| port.field("nodePort").forbidden(detail)));
    }
    let (mut of_nodes, mut own) = (BTreeSet::new(), BTreeSet::new());
    for port in ports.items() {
        let protocol = port.field("protocol").text();
        if of_node(&port) != 0 && !of_nodes.insert((protocol, of_node(&port))) {
            faults.push(port.field("nodePort").duplicate());
        }
    }
    for port in ports.items() {
        let (protocol, number) = (port.field("protocol").text(), port.field("port"));
        if !own.insert((protocol, number.number())) {
            let key = json!({
                "AppProtocol": null, "Name": "", "NodePort": 0, "Port": number.value, "Protocol": protocol,
                "TargetPort": 0,
            });
            faults.push(FieldError::duplicate(port.path, key));
        }
    }
    faults
}

/// What only Services have that a load balancer stands before.
fn balanced(spec: &Place<'_>, kind: &str) -> Vec<FieldError> {
    let is_balanced = kind == "LoadBalancer";
    let ranges = spec.field("loadBalancerSourceRanges").named("spec.LoadBalancerSourceRanges");
    let mut faults = Vec::new();
    if !ranges.is_empty() {
        if !is_balanced {
            faults.push(ranges.forbidden(ONLY_BALANCED));
        }
        for range in ranges.items() {
            let text = range.text().trim();
            let wrong = range_faults(text).into_iter();
            faults.extend(wrong.map(|fault| FieldError::invalid(&*range.path, text, fault)));
        }
    }
    let class = spec.field("loadBalancerClass");
    for field in [spec.field("allocateLoadBalancerNodePorts"), class.clone()] {
        if field.is_set() && !is_balanced {
            faults.push(field.forbidden(ONLY_BALANCED));
        }
    }
    if class.is_set() && is_balanced {
        faults.extend(class.worded_always(names::qualified_name_faults));
    }
    faults
}

fn traffic(spec: &Place<'_>, kind: &str) -> Vec<FieldError> {
    let (outer, health) = (spec.field("externalTrafficPolicy"), spec.field("healthCheckNodePort"));
    let addressed = kind == "ClusterIP" && !spec.field("externalIPs").is_empty();
    let mut faults = Vec::new();
    if matches!(kind, "LoadBalancer" | "NodePort") || addressed {
        match outer.needed() {
            Some(fault) => faults.push(fault),
            None => faults.extend(outer.among(&["Cluster", "Local"])),
        }
    } else if !outer.is_empty() {
        faults.push(outer.invalid("may only be set for externally-accessible services"));
    }
    if health.number().unwrap_or(0) != 0 && !(kind == "LoadBalancer" && outer.text() == "Local") {
        let detail = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
        faults.push(health.invalid(detail));
    }
    faults.extend(spec.field("internalTrafficPolicy").among(&["Cluster", "Local"]));
    let distribution = spec.field("trafficDistribution");
    faults.extend(distribution.among(&["PreferClose", "PreferSameZone", "PreferSameNode"]));
    faults
}
