//! What network policies, ingress classes and their like must be like.

use std::net::IpAddr;

use serde_json::Value;

use super::job_rules::domain_path;
use super::place::Place;
use super::pod_rules::address_faults;
use super::rules::selector_faults;
use crate::field_error::FieldError;
use crate::names;

const TYPES: [&str; 2] = ["Ingress", "Egress"];

pub(super) fn policy(policy: &Value) -> Vec<FieldError> {
    let spec = Place::new("spec", &policy["spec"]);
    let selector = spec.field("podSelector");
    let mut faults = selector_faults(selector.value, &selector.path);
    for (direction, peers) in [("ingress", "from"), ("egress", "to")] {
        for rule in spec.list(direction) {
            faults.extend(rule.list("ports").flat_map(|port| port_faults(&port)));
            faults.extend(rule.list(peers).flat_map(|peer| peer_faults(&peer)));
        }
    }
    let types = spec.field("policyTypes");
    if types.len() > TYPES.len() {
        faults.push(types.invalid("may not specify more than two policyTypes"));
        return faults;
    }
    faults.extend(types.items().filter_map(|kind| kind.among(&TYPES)));
    faults
}

fn port_faults(port: &Place<'_>) -> Vec<FieldError> {
    let (number, end) = (port.field("port"), port.field("endPort"));
    let mut faults: Vec<FieldError> =
        port.field("protocol").among(&["TCP", "UDP", "SCTP"]).into_iter().collect();
    if number.value.is_number() {
        faults.extend(number.port());
        if end.is_set() {
            if end.number() < number.number() {
                faults.push(number.named(&*end.path).invalid("must be greater than or equal to `port`"));
            }
            faults.extend(end.port());
        }
    } else if end.is_set() {
        let why = if number.is_set() { "non-numeric" } else { "not specified" };
        faults.push(end.invalid(format!("may not be specified when `port` is {why}")));
    }
    if number.value.is_string() {
        faults.extend(number.port_or_name());
    }
    faults
}

fn peer_faults(peer: &Place<'_>) -> Vec<FieldError> {
    let mut faults = Vec::new();
    let selectors = ["podSelector", "namespaceSelector"].map(|field| peer.field(field));
    for selector in &selectors {
        faults.extend(selector_faults(selector.value, &selector.path));
    }
    let selected = selectors.iter().any(Place::is_set);
    let block = peer.field("ipBlock");
    if block.is_set() {
        faults.extend(block_faults(&block));
        if selected {
            faults.push(peer.forbidden("may not specify both ipBlock and another peer"));
        }
    } else if !selected {
        faults.push(peer.required("must specify a peer"));
    }
    faults
}

fn block_faults(block: &Place<'_>) -> Vec<FieldError> {
    let whole = block.field("cidr");
    if whole.is_empty() {
        return vec![whole.required("")];
    }
    let mut faults = whole.worded_always(range_faults);
    let Some((address, bits)) = range(whole.text()) else { return faults };
    for part in block.list("except") {
        faults.extend(part.worded_always(range_faults));
        let Some((inner, inner_bits)) = range(part.text()) else { continue };
        if inner_bits <= bits || masked(inner, bits) != masked(address, bits) {
            faults.push(part.invalid("must be a strict subset of `cidr`"));
        }
    }
    faults
}

/// What is wrong with a range of IP addresses.
pub(super) fn range_faults(text: &str) -> Vec<String> {
    let fault = |detail: &str| vec![detail.to_owned()];
    let Some((address, bits)) = range(text) else {
        let zeros = |(address, _): (&str, &str)| address_faults(address) == ["must not have leading 0s"];
        return if text.split_once('/').is_some_and(zeros) {
            fault("must not have leading 0s in IP or prefix length")
        } else {
            fault("must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)")
        };
    };
    let length = text.rsplit('/').next().unwrap_or_default();
    if length.len() > 1 && length.starts_with('0') {
        fault("must not have leading 0s in IP or prefix length")
    } else if matches!(address, IpAddr::V6(address) if address.to_ipv4_mapped().is_some()) {
        fault("must not have an IPv4-mapped IPv6 address")
    } else if masked(address, bits) != bits_of(address) {
        fault("must not have bits set beyond the prefix length")
    } else {
        Vec::new()
    }
}

fn range(text: &str) -> Option<(IpAddr, u32)> {
    let (address, length) = text.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let digits = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
    let bits: u32 = length.parse().ok().filter(|_| digits)?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    (bits <= most).then_some((address, bits))
}

/// The address as a number whose first bit is its first.
fn bits_of(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address)) << 96,
        IpAddr::V6(address) => u128::from(address),
    }
}

fn masked(address: IpAddr, bits: u32) -> u128 {
    let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
    bits_of(address) & mask
}

pub(super) fn ingress_class(class: &Value) -> Vec<FieldError> {
    let spec = Place::new("spec", &class["spec"]);
    let (controller, parameters) = (spec.field("controller"), spec.field("parameters"));
    let mut faults = Vec::new();
    if controller.text().len() > 250 {
        faults.push(FieldError::too_long(&*controller.path, 250));
    }
    faults.extend(domain_path(&controller));
    if !parameters.is_set() {
        return faults;
    }
    faults.extend(parameters.field("apiGroup").worded(names::dns_subdomain_faults));
    for field in ["kind", "name"] {
        faults.extend(parameters.field(field).needed_worded(names::path_segment_faults));
    }
    let (scope, namespace) = (parameters.field("scope"), parameters.field("namespace"));
    match scope.text() {
        "" if !scope.is_set() => faults.push(scope.required("")),
        "Namespace" if !namespace.is_set() => {
            faults.push(namespace.required("`parameters.scope` is set to 'Namespace'"));
        }
        "Namespace" => faults.extend(namespace.worded_always(names::dns_label_faults)),
        "Cluster" if namespace.is_set() => {
            faults.push(namespace.forbidden("`parameters.scope` is set to 'Cluster'"));
        }
        _ => faults.extend(scope.among(&["Cluster", "Namespace"])),
    }
    faults
}
