//! The rules of Endpoints and EndpointSlices.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde_json::Value;

use super::place::Place;
use super::pod_rules;
use super::rules::{fill, items, one_of, text};
use crate::field_error::FieldError;
use crate::names;
use crate::resource::{GenerationRule, Strategy};

/// The most endpoints of one slice.
const ENDPOINTS_MAX: usize = 1000;

pub(super) fn endpoints() -> Strategy {
    Strategy {
        validate_create: subset_faults,
        validate_update: |new, _| subset_faults(new),
        ..Strategy::default()
    }
}

pub(super) fn slice() -> Strategy {
    Strategy {
        default: |slice| {
            fill(slice, "endpoints", Value::Null);
            fill(slice, "ports", Value::Null);
        },
        prepare_create: |slice, _| null_if_none(slice),
        prepare_update: |new, _, _| null_if_none(new),
        validate_create: |slice| [slice_faults(slice), endpoint_faults(slice)].concat(),
        validate_update: |new, old| {
            let mut faults = slice_faults(new);
            // What was taken once is not held against a slice.
            if new["endpoints"] != old["endpoints"] {
                faults.extend(endpoint_faults(new));
            }
            let (is, was) = (text(new, "addressType"), text(old, "addressType"));
            if is != was {
                faults.push(FieldError::invalid("addressType", is, "field is immutable"));
            }
            faults
        },
        generation: GenerationRule::AllButMetadataAndStatusWithLabels,
        ..Strategy::default()
    }
}

fn subset_faults(object: &Value) -> Vec<FieldError> {
    let mut faults = Vec::new();
    for subset in Place::new("subsets", &object["subsets"]).items() {
        let lists = ["addresses", "notReadyAddresses"].map(|list| subset.field(list));
        if lists.iter().all(Place::is_empty) {
            faults.push(subset.required("must specify `addresses` or `notReadyAddresses`"));
        }
        for address in lists.iter().flat_map(Place::items) {
            let ip = address.field("ip");
            let wrong = ip.worded_always(pod_rules::address_faults);
            let unreadable = ip.text().parse::<IpAddr>().is_err();
            faults.extend(wrong);
            faults.extend(address.field("hostname").worded(names::dns_label_faults));
            faults.extend(address.field("nodeName").worded(names::dns_subdomain_faults));
            if unreadable {
                faults.push(ip.invalid("must be a valid IP address"));
            } else {
                faults.extend(address_faults(ip.text(), &ip.path));
            }
        }
        let ports = subset.field("ports");
        for port in ports.items() {
            let name = port.field("name");
            if ports.len() > 1 {
                faults.extend(name.needed());
            }
            faults.extend(name.worded(names::dns_label_faults));
            faults.extend(port.field("port").port());
            faults.extend(port.field("protocol").among(&["SCTP", "TCP", "UDP"]));
            let protocol = port.field("appProtocol");
            if protocol.is_set() {
                faults.extend(protocol.worded_always(names::qualified_name_faults));
            }
        }
    }
    faults
}

/// No endpoints and no ports are stored as `null`, whoever said so.
fn null_if_none(slice: &mut Value) {
    for field in ["endpoints", "ports"] {
        if slice[field].as_array().is_some_and(Vec::is_empty) {
            slice[field] = Value::Null;
        }
    }
}

/// Faults of a slice but for those of its endpoints.
fn slice_faults(object: &Value) -> Vec<FieldError> {
    let mut faults = Vec::new();
    let kind = text(object, "addressType");
    let kinds = ["FQDN", "IPv4", "IPv6"];
    if kind.is_empty() {
        faults.push(FieldError::required("addressType", ""));
    } else if !kinds.contains(&kind) {
        faults.push(FieldError::not_supported("addressType", kind, &kinds));
    }
    let mut port_names = BTreeSet::new();
    for (index, port) in object["ports"].as_array().into_iter().flatten().enumerate() {
        let (name, path) = (text(port, "name"), format!("ports[{index}].name"));
        if !name.is_empty() {
            let name_faults = names::dns_label_faults(name);
            faults.extend(name_faults.into_iter().map(|fault| FieldError::invalid(&*path, name, fault)));
        }
        if !port_names.insert(name) {
            faults.push(FieldError::duplicate(path, name));
        }
        faults.extend(one_of(port, "protocol", &format!("ports[{index}]"), &["SCTP", "TCP", "UDP"]));
    }
    faults
}

/// Addresses of no known type are not looked at.
fn endpoint_faults(object: &Value) -> Vec<FieldError> {
    let endpoints = object["endpoints"].as_array().map_or(0, Vec::len);
    if endpoints > ENDPOINTS_MAX {
        return vec![FieldError::too_many("endpoints", endpoints, ENDPOINTS_MAX)];
    }
    let mut faults = Vec::new();
    for (index, endpoint) in object["endpoints"].as_array().into_iter().flatten().enumerate() {
        let path = format!("endpoints[{index}]");
        if endpoint["addresses"].as_array().is_none_or(Vec::is_empty) {
            let detail = "must contain at least 1 address";
            faults.push(FieldError::required(format!("{path}.addresses"), detail));
        }
        for (item_path, address) in items(endpoint, "addresses", &path) {
            let address = address.as_str().unwrap_or_default();
            // Of an address of the other family the real server names the list, not the item.
            let other = |detail: &str| FieldError::invalid(format!("{path}.addresses"), address, detail);
            match (text(object, "addressType"), address.parse::<IpAddr>()) {
                ("FQDN", _) => {
                    let name_faults = names::dns_subdomain_faults(address).into_iter();
                    faults.extend(name_faults.map(|f| FieldError::invalid(&*item_path, address, f)));
                }
                ("IPv4" | "IPv6", parsed) => {
                    match (text(object, "addressType"), parsed) {
                        ("IPv4", Ok(IpAddr::V6(_))) => faults.push(other("must be an IPv4 address")),
                        ("IPv6", Ok(IpAddr::V4(_))) => faults.push(other("must be an IPv6 address")),
                        _ => {}
                    }
                    faults.extend(address_faults(address, &item_path));
                }
                _ => {}
            }
        }
    }
    faults
}

/// Traffic to an endpoint leaves the client's node, so addresses that mean "here" cannot be one.
pub(super) fn address_faults(address: &str, path: &str) -> Vec<FieldError> {
    let fault = |detail: &str| vec![FieldError::invalid(path, address, detail)];
    let Ok(ip) = address.parse::<IpAddr>() else {
        return fault("must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)");
    };
    let link_local = match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    let link_local_multicast = match ip {
        IpAddr::V4(ip) => ip.octets()[..3] == [224, 0, 0],
        IpAddr::V6(ip) => ip.segments()[0] == 0xff02,
    };
    if ip.is_unspecified() {
        fault(&format!("may not be unspecified ({address})"))
    } else if ip.is_loopback() {
        fault("may not be in the loopback range (127.0.0.0/8, ::1/128)")
    } else if link_local {
        fault("may not be in the link-local range (169.254.0.0/16, fe80::/10)")
    } else if link_local_multicast {
        fault("may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)")
    } else {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::endpoint_faults;

    #[test]
    fn a_slice_refuses_loopback_addresses() {
        let slice = json!({"addressType": "IPv4", "endpoints": [{"addresses": ["127.0.0.1"]}, {"addresses": ["10.244.0.1"]}]});
        let texts: Vec<String> = endpoint_faults(&slice).iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                "endpoints[0].addresses[0]: Invalid value: \"127.0.0.1\": may not be in the loopback range (127.0.0.0/8, ::1/128)"
            ]
        );
    }
}
