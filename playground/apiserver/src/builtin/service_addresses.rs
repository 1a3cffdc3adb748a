//! How Services get their addresses and ports.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use serde_json::{Value, json};

use super::rules::{fill, items, items_mut, text};
use super::service::{has_health_port, has_node_ports, is_external};
use super::service_changes::hands_out_ports;
use super::{service_families, service_rules};
use crate::field_error::{FieldError, FieldErrorKind};
use crate::names;

/// The first address that is handed out, 10.96.0.10; those below are for the cluster's own Services.
const FIRST_ADDRESS: u32 = u32::from_be_bytes([10, 96, 0, 10]);

/// The last address of 10.96.0.0/16, which is kept for broadcasts.
const LAST_ADDRESS: u32 = u32::from_be_bytes([10, 96, 255, 254]);

/// The node ports that are handed out.
const NODE_PORTS: std::ops::RangeInclusive<i64> = 30_000..=32_767;

/// Gives a new Service, or one that was `old`, the addresses and node ports that its type calls for.
///
/// `others` are all other Services of the cluster; the lowest free address is taken, so the same history gives
/// the same addresses. A dry run takes nothing, and so is not told what is taken.
///
/// # Errors
/// If addresses and ports contradict each other, if a wanted one is taken or malformed, or none is left.
pub fn allocate<'a>(
    service: &mut Value,
    old: Option<&Value>,
    others: impl Iterator<Item = &'a Value> + Clone,
    dry_run: bool,
) -> Result<(), Vec<FieldError>> {
    if !service["spec"].is_object() {
        return Ok(());
    }
    list_address(&mut service["spec"]);
    if is_external(service) {
        return Ok(());
    }
    let faults = service_rules::unallocatable(service);
    if !faults.is_empty() {
        return Err(faults);
    }
    let faults = service_families::settle(service, old);
    if !faults.is_empty() {
        return Err(faults);
    }
    // What was handed out once stays: whether a change means another address is for the rules to see.
    if old.is_none_or(is_external) || text(&service["spec"], "clusterIP").is_empty() {
        let address = address_for(service, others.clone(), dry_run).map_err(|fault| vec![fault])?;
        service["spec"]["clusterIP"] = json!(address);
        service["spec"]["clusterIPs"] = json!([address]);
    }
    allocate_ports(service, old, others).map_err(|fault| vec![fault])
}

/// The address that a Service wants, or the lowest free one.
fn address_for<'a>(
    service: &Value,
    others: impl Iterator<Item = &'a Value>,
    dry_run: bool,
) -> Result<String, FieldError> {
    let taken: BTreeSet<&str> = others.map(|other| text(&other["spec"], "clusterIP")).collect();
    let wanted = text(&service["spec"], "clusterIP").to_owned();
    if wanted == "None" {
        return Ok(wanted);
    }
    let refused = |detail: String| FieldError::invalid("spec.clusterIPs", json!([wanted]), detail);
    // Each address that is handed out is noted with the name of its Service.
    let unnamed = |address: &str| -> Option<String> {
        let fault = owner_fault(text(&service["metadata"], "name")).filter(|_| !dry_run)?;
        Some(format!("IPAddress.networking.k8s.io \"{address}\" is invalid: {fault}"))
    };
    if wanted.is_empty() {
        let free = (FIRST_ADDRESS..=LAST_ADDRESS)
            .map(|address| Ipv4Addr::from(address).to_string())
            .find(|address| !taken.contains(address.as_str()))
            .ok_or_else(|| {
                let detail = "failed to allocate IP: range is full";
                FieldError::new(FieldErrorKind::Internal, "spec.clusterIPs", None, detail)
            })?;
        return match unnamed(&free) {
            Some(why) => Err(refused(format!("failed to allocate IP: {why}"))),
            None => Ok(free),
        };
    }
    let within = |address: Ipv4Addr| (address.octets()[0], address.octets()[1]) == (10, 96);
    let why = if !wanted.parse::<Ipv4Addr>().is_ok_and(within) {
        Some("the provided network does not match the current range".to_owned())
    } else if let Some(why) = unnamed(&wanted) {
        Some(why)
    } else {
        (taken.contains(wanted.as_str()) && !dry_run).then(|| "provided IP is already allocated".to_owned())
    };
    match why {
        Some(why) => Err(refused(format!("failed to allocate IP {wanted}: {why}"))),
        None => Ok(wanted),
    }
}

/// What keeps an address from being noted as this Service's.
fn owner_fault(name: &str) -> Option<FieldError> {
    const PATH: &str = "spec.parentRef.name";
    if name.is_empty() {
        return Some(FieldError::required(PATH, ""));
    }
    let fault = names::path_segment_faults(name).into_iter().next()?;
    Some(FieldError::invalid(PATH, name, fault))
}

fn allocate_ports<'a>(
    service: &mut Value,
    old: Option<&Value>,
    others: impl Iterator<Item = &'a Value>,
) -> Result<(), FieldError> {
    if !has_node_ports(service) {
        return Ok(());
    }
    let theirs: BTreeSet<(String, i64)> = others.flat_map(ports_of).collect();
    let had: BTreeSet<i64> = old.map(ports_of).into_iter().flatten().map(|(_, port)| port).collect();
    for (path, port) in items(&service["spec"], "ports", "spec") {
        let Some(wanted) = number(&port["nodePort"]).filter(|port| !had.contains(port)) else { continue };
        let fault = |detail: &str| FieldError::invalid(format!("{path}.nodePort"), wanted, detail);
        if !NODE_PORTS.contains(&wanted) {
            let detail = "provided port is not in the valid range. The range of valid ports is 30000-32767";
            return Err(fault(detail));
        }
        if theirs.contains(&(text(port, "protocol").to_owned(), wanted)) {
            return Err(fault("provided port is already allocated"));
        }
    }
    let mut taken: BTreeSet<i64> =
        theirs.into_iter().chain(ports_of(service)).map(|(_, port)| port).collect();
    let mut draw = || {
        let free = NODE_PORTS.clone().find(|free| !taken.contains(free))?;
        taken.insert(free);
        Some(json!(free))
    };
    if hands_out_ports(service) {
        for port in items_mut(&mut service["spec"], "ports") {
            if number(&port["nodePort"]).is_none()
                && let Some(free) = draw()
            {
                port["nodePort"] = free;
            }
        }
    }
    if has_health_port(service)
        && number(&service["spec"]["healthCheckNodePort"]).is_none()
        && let Some(free) = draw()
    {
        service["spec"]["healthCheckNodePort"] = free;
    }
    Ok(())
}

/// The ports that a Service has of every node: each may be had once for each protocol.
fn ports_of(service: &Value) -> Vec<(String, i64)> {
    let spec = &service["spec"];
    let ports = spec["ports"].as_array().into_iter().flatten();
    let health = number(&spec["healthCheckNodePort"]).map(|port| ("TCP".to_owned(), port));
    ports
        .filter_map(|port| Some((text(port, "protocol").to_owned(), number(&port["nodePort"])?)))
        .chain(health)
        .collect()
}

fn number(value: &Value) -> Option<i64> {
    value.as_i64().filter(|number| *number != 0)
}

/// The one address is also the first of the list.
fn list_address(spec: &mut Value) {
    let address = text(spec, "clusterIP").to_owned();
    if !address.is_empty() {
        fill(spec, "clusterIPs", json!([address]));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::allocate;

    #[test]
    fn a_service_gets_the_lowest_free_address() {
        let first = json!({"spec": {"clusterIP": "10.96.0.10"}});
        let mut service = json!({"metadata": {"name": "s"}, "spec": {"type": "ClusterIP"}});
        allocate(&mut service, None, [&first].into_iter(), false).unwrap();
        assert_eq!(
            service["spec"],
            json!({"type": "ClusterIP", "clusterIP": "10.96.0.11", "clusterIPs": ["10.96.0.11"],
                   "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack"})
        );
    }

    #[test]
    fn a_taken_address_is_refused_and_a_headless_service_needs_none() {
        let first = json!({"spec": {"clusterIP": "10.96.0.10"}});
        let wanted =
            json!({"metadata": {"name": "s"}, "spec": {"type": "ClusterIP", "clusterIP": "10.96.0.10"}});
        let faults = allocate(&mut wanted.clone(), None, [&first].into_iter(), false).unwrap_err();
        assert_eq!(
            faults[0].to_string(),
            "spec.clusterIPs: Invalid value: [\"10.96.0.10\"]: failed to allocate IP 10.96.0.10: provided IP is already allocated"
        );
        // A dry run takes nothing.
        allocate(&mut wanted.clone(), None, [&first].into_iter(), true).unwrap();
        let mut headless = json!({"spec": {"type": "ClusterIP", "clusterIP": "None"}});
        allocate(&mut headless, None, [&first].into_iter(), false).unwrap();
        assert_eq!(headless["spec"]["clusterIPs"], json!(["None"]));
    }

    #[test]
    fn a_change_of_the_address_is_left_for_the_rules_to_refuse() {
        let old =
            json!({"metadata": {"name": "s"}, "spec": {"type": "ClusterIP", "clusterIP": "10.96.0.10"}});
        let mut new =
            json!({"metadata": {"name": "s"}, "spec": {"type": "ClusterIP", "clusterIP": "1.2.3.4"}});
        allocate(&mut new, Some(&old), std::iter::empty(), false).unwrap();
        assert_eq!(new["spec"]["clusterIP"], "1.2.3.4");
    }
}
