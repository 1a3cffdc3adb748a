//! The rules of Services, and how they get their addresses.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use serde_json::{Value, json};

use super::rules::{at, fill, items, items_mut, keep_status, object_at, text};
use super::service_rules;
use crate::field_error::FieldError;
use crate::resource::{NameRule, SelectableField, Strategy};

/// The first address that is handed out, 10.96.0.10; those below are for the cluster's own Services.
const FIRST_ADDRESS: u32 = u32::from_be_bytes([10, 96, 0, 10]);

/// The last address of 10.96.0.0/16, which is kept for broadcasts.
const LAST_ADDRESS: u32 = u32::from_be_bytes([10, 96, 255, 254]);

/// The node ports that are handed out.
const NODE_PORTS: std::ops::RangeInclusive<i64> = 30_000..=32_767;

const SELECTABLE_FIELDS: [SelectableField; 2] = [
    SelectableField { label: "spec.clusterIP", pointer: "/spec/clusterIP", absent: "" },
    SelectableField { label: "spec.type", pointer: "/spec/type", absent: "" },
];

pub(super) fn strategy() -> Strategy {
    Strategy {
        default: defaults,
        create_on_update: true,
        prepare_create: |service, _| {
            service["status"] = json!({"loadBalancer": {}});
            list_address(&mut service["spec"]);
        },
        prepare_update: |new, old, _| {
            keep_status(new, old);
            keep_addresses(new, old);
            list_address(&mut new["spec"]);
        },
        validate_create: service_rules::faults,
        validate_update: |new, old| {
            let mut all = Vec::new();
            let (is, was) = (text(&new["spec"], "clusterIP"), text(&old["spec"], "clusterIP"));
            let external = |service: &Value| text(&service["spec"], "type") == "ExternalName";
            if is != was && !external(new) && !external(old) && !was.is_empty() {
                let path = "spec.clusterIPs[0]";
                all.push(FieldError::invalid(path, json!([is]), "may not change once set"));
            }
            let class = |service: &Value| service["spec"]["loadBalancerClass"].clone();
            let balanced = |service: &Value| text(&service["spec"], "type") == "LoadBalancer";
            if balanced(new) && balanced(old) && class(new) != class(old) {
                let detail = "may not change once set";
                all.push(FieldError::invalid("spec.loadBalancerClass", class(new), detail));
            }
            all.extend(service_rules::faults(new));
            all
        },
        validate_status_update: |new, _| {
            let ingress =
                new["status"]["loadBalancer"]["ingress"].as_array().is_some_and(|list| !list.is_empty());
            let balanced = text(&new["spec"], "type") == "LoadBalancer";
            let fault = || {
                let detail = "may only be used when `spec.type` is 'LoadBalancer'";
                FieldError::forbidden("status.loadBalancer.ingress", detail)
            };
            (ingress && !balanced).then(fault).into_iter().collect()
        },
        name_rule: NameRule::DnsLabel,
        selectable_fields: &SELECTABLE_FIELDS,
        ..Strategy::default()
    }
}

/// Gives a new (or changed) Service the addresses and node ports that its type calls for.
///
/// `others` are all other Services of the cluster; the lowest free address is taken, so the same history gives
/// the same addresses.
///
/// # Errors
/// If a wanted address is taken or malformed, or none is left.
pub fn allocate<'a>(
    service: &mut Value,
    others: impl Iterator<Item = &'a Value> + Clone,
) -> Result<(), FieldError> {
    if !service["spec"].is_object() || text(&service["spec"], "type") == "ExternalName" {
        return Ok(());
    }
    let taken: BTreeSet<&str> = others.clone().map(|other| text(&other["spec"], "clusterIP")).collect();
    let wanted = text(&service["spec"], "clusterIP").to_owned();
    let address = match wanted.as_str() {
        "None" => wanted,
        "" => (FIRST_ADDRESS..=LAST_ADDRESS)
            .map(|address| Ipv4Addr::from(address).to_string())
            .find(|address| !taken.contains(address.as_str()))
            .ok_or_else(|| {
                FieldError::new(
                    crate::field_error::FieldErrorKind::Internal,
                    "spec.clusterIPs",
                    None,
                    "failed to allocate IP: range is full",
                )
            })?,
        _ if taken.contains(wanted.as_str()) => {
            let detail = "failed to allocate IP ".to_owned() + &wanted + ": provided IP is already allocated";
            return Err(FieldError::invalid("spec.clusterIPs", json!([wanted]), detail));
        }
        _ => match wanted.parse::<Ipv4Addr>() {
            Ok(address) if (address.octets()[0], address.octets()[1]) == (10, 96) => wanted,
            Ok(_) => {
                let detail = format!(
                    "failed to allocate IP {wanted}: the provided IP ({wanted}) is not in the valid range. The range of valid IPs is 10.96.0.0/16"
                );
                return Err(FieldError::invalid("spec.clusterIPs", json!([wanted]), detail));
            }
            Err(_) => {
                let detail = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
                return Err(FieldError::invalid("spec.clusterIPs[0]", wanted, detail));
            }
        },
    };
    let spec = &mut service["spec"];
    spec["clusterIP"] = json!(address);
    spec["clusterIPs"] = json!([address]);
    let selects = spec["selector"].as_object().is_some_and(|selector| !selector.is_empty());
    if address == "None" && !selects && spec["ipFamilies"].is_null() && spec["ipFamilyPolicy"].is_null() {
        // Endpoints that others write may be of either family.
        spec["ipFamilies"] = json!(["IPv4", "IPv6"]);
        spec["ipFamilyPolicy"] = json!("RequireDualStack");
    }
    fill(spec, "ipFamilies", json!(["IPv4"]));
    fill(spec, "ipFamilyPolicy", "SingleStack");
    allocate_node_ports(service, others)
}

fn allocate_node_ports<'a>(
    service: &mut Value,
    others: impl Iterator<Item = &'a Value>,
) -> Result<(), FieldError> {
    if !matches!(text(&service["spec"], "type"), "NodePort" | "LoadBalancer") {
        return Ok(());
    }
    let port_of = |port: &Value| port["nodePort"].as_i64().filter(|port| *port != 0);
    // A port may be had once for each protocol.
    let of_service = |service: &Value| {
        let ports = service["spec"]["ports"].as_array().cloned().unwrap_or_default();
        ports
            .iter()
            .filter_map(|port| Some((text(port, "protocol").to_owned(), port_of(port)?)))
            .collect::<Vec<_>>()
    };
    let theirs: BTreeSet<(String, i64)> = others.flat_map(of_service).collect();
    for (path, port) in items(&service["spec"], "ports", "spec") {
        let Some(wanted) = port_of(port) else { continue };
        let fault = |detail: &str| FieldError::invalid(format!("{path}.nodePort"), wanted, detail);
        if !NODE_PORTS.contains(&wanted) {
            let detail = "provided port is not in the valid range. The range of valid ports is 30000-32767";
            return Err(fault(detail));
        }
        if theirs.contains(&(text(port, "protocol").to_owned(), wanted)) {
            return Err(fault("provided port is already allocated"));
        }
    }
    let own = of_service(service);
    let mut taken: BTreeSet<i64> = theirs.into_iter().chain(own).map(|(_, port)| port).collect();
    for port in items_mut(&mut service["spec"], "ports") {
        if port_of(port).unwrap_or(0) == 0
            && let Some(free) = NODE_PORTS.clone().find(|free| !taken.contains(free))
        {
            taken.insert(free);
            port["nodePort"] = json!(free);
        }
    }
    Ok(())
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
    if matches!(kind.as_str(), "NodePort" | "LoadBalancer") {
        fill(spec, "externalTrafficPolicy", "Cluster");
    }
    if kind != "ExternalName" {
        fill(spec, "internalTrafficPolicy", "Cluster");
    }
    if kind == "LoadBalancer" {
        fill(spec, "allocateLoadBalancerNodePorts", true);
    }
    object_at(service, "status").map(|status| status.entry("loadBalancer").or_insert_with(|| json!({})));
}

/// That an address stands alone, and not in the list too.
pub fn unlisted(service: &Value) -> Option<FieldError> {
    let alone = !text(&service["spec"], "clusterIP").is_empty() && service["spec"]["clusterIPs"].is_null();
    alone.then(|| FieldError::required("spec.clusterIPs", ""))
}

/// The one address is also the first of the list.
fn list_address(spec: &mut Value) {
    let address = text(spec, "clusterIP").to_owned();
    if !address.is_empty() {
        fill(spec, "clusterIPs", json!([address]));
    }
}

/// What a change does not mention of what was handed out stays.
fn keep_addresses(new: &mut Value, old: &Value) {
    let external = |service: &Value| text(&service["spec"], "type") == "ExternalName";
    if external(new) || external(old) {
        return;
    }
    // Who changes the one address means the first of the list as well.
    let (one, all) = (&new["spec"]["clusterIP"], &new["spec"]["clusterIPs"]);
    if one.is_string()
        && *one != old["spec"]["clusterIP"]
        && *all == old["spec"]["clusterIPs"]
        && all.is_array()
    {
        new["spec"]["clusterIPs"][0] = one.clone();
    }
    for field in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
        let before = &old["spec"][field];
        if new["spec"][field].is_null() && !before.is_null() {
            new["spec"][field] = before.clone();
        }
    }
    if matches!(text(&new["spec"], "type"), "NodePort" | "LoadBalancer") {
        let before: Vec<Value> = old["spec"]["ports"].as_array().cloned().unwrap_or_default();
        for port in items_mut(&mut new["spec"], "ports") {
            let same =
                |other: &&Value| other["port"] == port["port"] && other["protocol"] == port["protocol"];
            if let Some(node_port) = before.iter().find(same).map(|other| other["nodePort"].clone())
                && port["nodePort"].is_null()
                && node_port.is_number()
            {
                port["nodePort"] = node_port;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::allocate;

    #[test]
    fn a_service_gets_the_lowest_free_address() {
        let first = json!({"spec": {"clusterIP": "10.96.0.10"}});
        let mut service = json!({"spec": {"type": "ClusterIP"}});
        allocate(&mut service, [&first].into_iter()).unwrap();
        assert_eq!(
            service["spec"],
            json!({"type": "ClusterIP", "clusterIP": "10.96.0.11", "clusterIPs": ["10.96.0.11"],
                   "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack"})
        );
    }

    #[test]
    fn a_taken_address_is_refused_and_a_headless_service_needs_none() {
        let first = json!({"spec": {"clusterIP": "10.96.0.10"}});
        let mut taken = json!({"spec": {"type": "ClusterIP", "clusterIP": "10.96.0.10"}});
        let fault = allocate(&mut taken, [&first].into_iter()).unwrap_err();
        assert_eq!(
            fault.to_string(),
            "spec.clusterIPs: Invalid value: [\"10.96.0.10\"]: failed to allocate IP 10.96.0.10: provided IP is already allocated"
        );
        let mut headless = json!({"spec": {"type": "ClusterIP", "clusterIP": "None"}});
        allocate(&mut headless, [&first].into_iter()).unwrap();
        assert_eq!(headless["spec"]["clusterIPs"], json!(["None"]));
    }
}
