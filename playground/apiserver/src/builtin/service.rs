//! The rules of Services, and how they get their addresses.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use serde_json::{Value, json};

use super::rules::{
    at, fill, items, items_mut, keep_status, label_faults, object_at, one_of, port_fault,
    port_or_name_faults, text,
};
use crate::field_error::FieldError;
use crate::names;
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
        validate_create: faults,
        validate_update: |new, old| {
            let mut all = Vec::new();
            let (is, was) = (text(&new["spec"], "clusterIP"), text(&old["spec"], "clusterIP"));
            let external = |service: &Value| text(&service["spec"], "type") == "ExternalName";
            if is != was && !external(new) && !external(old) && !was.is_empty() {
                let path = "spec.clusterIPs[0]";
                all.push(FieldError::invalid(path, json!([is]), "may not change once set"));
            }
            all.extend(faults(new));
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
    allocate_node_ports(service, others);
    Ok(())
}

fn allocate_node_ports<'a>(service: &mut Value, others: impl Iterator<Item = &'a Value>) {
    if !matches!(text(&service["spec"], "type"), "NodePort" | "LoadBalancer") {
        return;
    }
    let port_of = |port: &Value| port["nodePort"].as_i64();
    let mut taken: BTreeSet<i64> = others
        .flat_map(|other| other["spec"]["ports"].as_array())
        .chain(service["spec"]["ports"].as_array())
        .flatten()
        .filter_map(port_of)
        .collect();
    for port in items_mut(&mut service["spec"], "ports") {
        if port_of(port).unwrap_or(0) == 0
            && let Some(free) = NODE_PORTS.clone().find(|free| !taken.contains(free))
        {
            taken.insert(free);
            port["nodePort"] = json!(free);
        }
    }
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

fn faults(service: &Value) -> Vec<FieldError> {
    let spec = &service["spec"];
    let mut faults = Vec::new();
    let kind = text(spec, "type");
    let headless = text(spec, "clusterIP") == "None";
    let ports = spec["ports"].as_array().map_or(0, Vec::len);
    if ports == 0 && !headless && kind != "ExternalName" {
        faults.push(FieldError::required("spec.ports", ""));
    }
    if headless && matches!(kind, "LoadBalancer" | "NodePort") {
        let detail = format!("may not be set to 'None' for {kind} services");
        faults.push(FieldError::invalid("spec.clusterIPs[0]", "None", detail));
    }
    if kind == "ExternalName" {
        let name = text(spec, "externalName").trim_end_matches('.');
        if name.is_empty() {
            faults.push(FieldError::required("spec.externalName", ""));
        } else {
            let name_faults = names::dns_subdomain_faults(name);
            faults.extend(name_faults.into_iter().map(|f| FieldError::invalid("spec.externalName", name, f)));
        }
        if !text(spec, "clusterIP").is_empty() {
            faults.push(FieldError::forbidden("spec.clusterIPs", "may not be set for ExternalName services"));
        }
    }
    faults.extend(port_faults(spec, ports > 1));
    faults.extend(label_faults(&spec["selector"], "spec.selector"));
    faults.extend(one_of(spec, "sessionAffinity", "spec", &["ClientIP", "None"]));
    let kinds = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
    faults.extend(one_of(spec, "type", "spec", &kinds));
    faults.extend(one_of(spec, "internalTrafficPolicy", "spec", &["Cluster", "Local"]));
    faults
}

fn port_faults(spec: &Value, names_required: bool) -> Vec<FieldError> {
    let mut faults = Vec::new();
    let (mut seen_names, mut seen_ports) = (BTreeSet::new(), BTreeSet::new());
    let mut repeated = Vec::new();
    for (path, port) in items(spec, "ports", "spec") {
        let name = text(port, "name");
        let name_path = format!("{path}.name");
        if name.is_empty() {
            if names_required {
                faults.push(FieldError::required(name_path, ""));
            }
        } else {
            let name_faults = names::dns_label_faults(name);
            faults.extend(name_faults.into_iter().map(|fault| FieldError::invalid(&*name_path, name, fault)));
            if !seen_names.insert(name) {
                faults.push(FieldError::duplicate(name_path, name));
            }
        }
        faults.extend(port_fault(&port["port"], &format!("{path}.port")));
        faults.extend(one_of(port, "protocol", &path, &["SCTP", "TCP", "UDP"]));
        faults.extend(port_or_name_faults(&port["targetPort"], &format!("{path}.targetPort")));
        if port["nodePort"].as_i64().unwrap_or(0) != 0 && text(spec, "type") == "ClusterIP" {
            let detail = "may not be used when `type` is 'ClusterIP'";
            repeated.push(FieldError::forbidden(format!("{path}.nodePort"), detail));
        }
        let protocol = text(port, "protocol");
        if !seen_ports.insert((port["port"].as_i64(), protocol)) {
            let key = json!({"name": "", "protocol": protocol, "port": port["port"], "targetPort": 0});
            repeated.push(FieldError::duplicate(path, key));
        }
    }
    faults.extend(repeated);
    faults
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
