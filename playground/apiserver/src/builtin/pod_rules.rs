//! What a pod's spec must be like, in a pod and in a template.

use std::net::{IpAddr, Ipv4Addr};

use serde_json::Value;

use super::container_rules::{self, resources};
use super::place::Place;
use super::rules::label_faults;
use crate::field_error::FieldError;
use crate::metadata;
use crate::names;

pub(super) mod scheduling;
mod security;
mod volumes;

pub(super) use security::of_container;
pub(super) use volumes::descending_path;

/// Faults of a pod's spec.
pub(super) fn pod(spec: &Value) -> Vec<FieldError> {
    let mut faults = pod_spec(spec, "spec");
    let spec = Place::new("spec", spec);
    for list in ["containers", "initContainers"] {
        for image in spec.list(list).map(|container| container.field("image")) {
            if image.text().trim() != image.text() {
                faults.push(image.invalid("must not have leading or trailing whitespace"));
            }
        }
    }
    faults
}

/// Faults of a new pod.
pub(super) fn create(new: &Value) -> Vec<FieldError> {
    let mut faults = pod(&new["spec"]);
    let spec = Place::new("spec", &new["spec"]);
    if !spec.field("ephemeralContainers").is_empty() {
        faults.push(spec.field("ephemeralContainers").forbidden("cannot be set on create"));
    }
    if !spec.field("nodeName").is_empty() && !spec.field("schedulingGates").is_empty() {
        let detail = "cannot be set until all schedulingGates have been cleared";
        faults.push(spec.field("nodeName").forbidden(detail));
    }
    faults
}

/// Faults of the spec of a pod that is at `path`.
fn pod_spec(spec: &Value, path: &str) -> Vec<FieldError> {
    let spec = &Place::new(path, spec);
    let (volumes, mut faults) = volumes::volumes(spec);
    faults.extend(container_rules::containers(spec, &volumes));
    faults.extend(resources::requirements(&spec.field("resources"), resources::pod_name));
    if spec.field("hostNetwork").is_true() {
        faults.extend(host_port_faults(spec));
    }
    faults.extend(spec.field("restartPolicy").among(&["Always", "OnFailure", "Never"]));
    let dns_policies = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];
    faults.extend(spec.field("dnsPolicy").among(&dns_policies));
    let wanted_node = spec.field("nodeSelector");
    faults.extend(label_faults(wanted_node.value, &wanted_node.path));
    faults.extend(security::of_pod(spec));
    faults.extend(scheduling::affinity(spec));
    faults.extend(dns_faults(spec));
    for gate in spec.list("readinessGates") {
        faults.extend(gate.field("conditionType").worded_always(names::qualified_name_faults));
    }
    let mut gates = std::collections::BTreeSet::new();
    for gate in spec.list("schedulingGates") {
        let name = gate.field("name").named(&*gate.path);
        faults.extend(name.worded_always(names::qualified_name_faults));
        faults.extend(name.unique(&mut gates));
    }
    faults.extend(scheduling::spread(spec));
    faults.extend(user_faults(spec));
    faults.extend(name_faults(spec));
    faults
}

/// Containers of a pod in its node's network have the ports of the node.
fn host_port_faults(spec: &Place<'_>) -> Vec<FieldError> {
    let ports = spec.list("containers").flat_map(|container| container.list("ports"));
    let differs = |port: &Place<'_>| {
        let (host, own) = (port.field("hostPort"), port.field("containerPort"));
        host.number().unwrap_or(0) != 0 && host.value != own.value
    };
    let detail = "must match `containerPort` when `hostNetwork` is true";
    ports.filter(differs).map(|port| port.field("hostPort").invalid(detail)).collect()
}

/// What those cannot have who have users of their own.
fn user_faults(spec: &Place<'_>) -> Vec<FieldError> {
    if *spec.field("hostUsers").value != false {
        return Vec::new();
    }
    let shared = [("hostNetwork", "hostNetwork"), ("hostPID", "HostPID"), ("hostIPC", "HostIPC")];
    let given = shared.into_iter().filter(|(field, _)| spec.field(field).is_true());
    given
        .map(|(_, named)| {
            FieldError::forbidden(format!("{}.{named}", spec.path), "when `hostUsers` is false")
        })
        .collect()
}

fn dns_faults(spec: &Place<'_>) -> Vec<FieldError> {
    let config = spec.field("dnsConfig");
    let (servers, searches) = (config.field("nameservers"), config.field("searches"));
    let mut faults = Vec::new();
    if spec.field("dnsPolicy").text() == "None" {
        if !config.is_set() {
            return vec![config.required("must provide `dnsConfig` when `dnsPolicy` is None")];
        }
        if servers.is_empty() {
            let detail = "must provide at least one DNS nameserver when `dnsPolicy` is None";
            return vec![servers.required(detail)];
        }
    }
    if servers.len() > 3 {
        faults.push(servers.invalid("must not have more than 3 nameservers"));
    }
    faults.extend(servers.items().flat_map(|server| server.worded_always(address_faults)));
    if searches.len() > 32 {
        faults.push(searches.invalid("must not have more than 32 search paths"));
    }
    let chars: usize = searches.items().map(|search| search.text().len() + 1).sum();
    if chars > 2049 {
        let detail = "must not have more than 2048 characters (including spaces) in the search list";
        faults.push(searches.invalid(detail));
    }
    for search in searches.items().filter(|search| search.text() != ".") {
        let name = search.text().trim_end_matches('.');
        let wrong = names::loose_subdomain_faults(name).into_iter();
        faults.extend(wrong.map(|fault| FieldError::invalid(&*search.path, name, fault)));
    }
    for option in config.list("options").filter(|option| option.field("name").is_empty()) {
        faults.push(option.required("must not be empty"));
    }
    faults
}

/// Faults of single fields that are mostly names.
fn name_faults(spec: &Place<'_>) -> Vec<FieldError> {
    let mut faults = Vec::new();
    let hostname = spec.field("hostnameOverride");
    if hostname.is_set() {
        for (field, given) in [("setHostnameAsFQDN", "setHostnameAsFQDN"), ("hostNetwork", "hostNetwork")] {
            if spec.field(field).is_true() {
                faults.push(hostname.forbidden(format!("may not be specified when {given} is true")));
            }
        }
        if hostname.text().len() > 64 {
            faults.push(FieldError::too_long(&*hostname.path, 64));
        }
        faults.extend(hostname.worded_always(names::dns_subdomain_faults));
    }
    for name in ["serviceAccountName", "nodeName"] {
        faults.extend(spec.field(name).worded(names::dns_subdomain_faults));
    }
    faults.extend(spec.field("activeDeadlineSeconds").within(1, i64::from(i32::MAX)));
    for name in ["hostname", "subdomain"] {
        faults.extend(spec.field(name).worded(names::dns_label_faults));
    }
    faults.extend(scheduling::tolerations(spec));
    for alias in spec.list("hostAliases") {
        faults.extend(alias.field("ip").worded_always(address_faults));
        let hosts = alias.list("hostnames");
        faults.extend(hosts.flat_map(|host| host.worded_always(names::dns_subdomain_faults)));
    }
    for name in ["priorityClassName", "runtimeClassName"] {
        faults.extend(spec.field(name).worded(names::dns_subdomain_faults));
    }
    faults.extend(spec.field("preemptionPolicy").among(&["PreemptLowerPriority", "Never"]));
    for (resource, amount) in spec.field("overhead").entries() {
        // The real server names the place as it does those of a container.
        let named = amount.named(format!("{}.overhead.limits[{resource}]", spec.path));
        faults.extend(resources::container_name(resource, &named));
        faults.extend(resources::amount(resource, &named));
    }
    let os = spec.field("os");
    let name = os.field("name");
    if os.is_set() && name.is_empty() {
        faults.push(name.required(""));
    } else {
        faults.extend(name.named(&*os.path).among(&["linux", "windows"]));
    }
    faults
}

/// What is wrong with an IP address.
pub(super) fn address_faults(text: &str) -> Vec<String> {
    let fault = |detail: &str| vec![detail.to_owned()];
    match text.parse::<IpAddr>() {
        Ok(IpAddr::V6(address)) if address.to_ipv4_mapped().is_some() => {
            fault("must not be an IPv4-mapped IPv6 address")
        }
        Ok(_) => Vec::new(),
        Err(_) if has_leading_zeros(text) => fault("must not have leading 0s"),
        Err(_) => fault("must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"),
    }
}

/// Whether it is an IPv4 address but for zeros before its numbers.
fn has_leading_zeros(text: &str) -> bool {
    let numbers: Vec<&str> = text.split('.').map(|part| part.trim_start_matches('0')).collect();
    let numbers: Vec<&str> =
        numbers.into_iter().map(|part| if part.is_empty() { "0" } else { part }).collect();
    let digits =
        text.split('.').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    digits && numbers.join(".").parse::<Ipv4Addr>().is_ok()
}

/// Faults of a pod template that is at `path`.
pub(super) fn template(template: &Value, path: &str) -> Vec<FieldError> {
    let metadata = &template["metadata"];
    let mut faults = label_faults(&metadata["labels"], &format!("{path}.labels"));
    faults.extend(metadata::annotation_faults(&metadata["annotations"], &format!("{path}.annotations")));
    faults.extend(pod_spec(&template["spec"], &format!("{path}.spec")));
    let others =
        Place::new(format!("{path}.spec.ephemeralContainers"), &template["spec"]["ephemeralContainers"]);
    if !others.is_empty() {
        faults.push(others.forbidden("ephemeral containers not allowed in pod template"));
    }
    faults
}
