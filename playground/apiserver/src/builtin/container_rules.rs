//! What the containers of a pod must be like.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::place::Place;
use super::pod_rules::{descending_path, of_container};
use super::rules::port_name_faults;
use crate::field_error::FieldError;
use crate::names;

pub(super) mod environment;
mod handlers;
pub(super) mod resources;

/// The volumes of a pod by name.
type Volumes<'a> = BTreeMap<&'a str, &'a Value>;

/// Faults of all containers of a pod.
pub(super) fn containers(spec: &Place<'_>, volumes: &Volumes<'_>) -> Vec<FieldError> {
    let (main, first) = (spec.field("containers"), spec.field("initContainers"));
    let mut faults = Vec::new();
    if main.is_empty() {
        faults.push(main.required(""));
    }
    let mut seen = BTreeSet::new();
    for container in main.items() {
        faults.extend(common(&container, spec, volumes));
        faults.extend(container.field("name").unique(&mut seen));
        faults.extend(handlers::hooks(&container, spec));
        faults.extend(handlers::probes(&container, spec));
        faults.extend(restarts(&container));
    }
    let mut host_ports = BTreeSet::new();
    faults.extend(main.items().flat_map(|container| shared_host_ports(&container, &mut host_ports)));
    for container in first.items() {
        faults.extend(common(&container, spec, volumes));
        faults.extend(restarts(&container));
        faults.extend(container.field("name").unique(&mut seen));
        // The real server counts the one container that it looks at as the first.
        let named = container.named(format!("{}[0]", first.path));
        faults.extend(shared_host_ports(&named, &mut BTreeSet::new()));
        faults.extend(of_first(&container, spec));
    }
    faults
}

/// Containers that come first and end have nothing that is for those that stay.
fn of_first(container: &Place<'_>, spec: &Place<'_>) -> Vec<FieldError> {
    if container.field("restartPolicy").text() == "Always" {
        let mut faults = handlers::hooks(container, spec);
        faults.extend(handlers::probes(container, spec));
        return faults;
    }
    let fields = ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"];
    let given = fields.iter().map(|field| container.field(field)).filter(Place::is_set);
    let detail = "may not be set for init containers without restartPolicy=Always";
    let mut faults: Vec<FieldError> = given.map(|field| field.forbidden(detail)).collect();
    for policy in container.list("resizePolicy").map(|policy| policy.field("restartPolicy")) {
        if policy.text() == "RestartContainer" {
            let detail = "must not be set to 'RestartContainer' for non-sidecar initContainers";
            faults.push(policy.invalid(detail));
        }
    }
    faults
}

/// What all sorts of containers have in common.
fn common(container: &Place<'_>, spec: &Place<'_>, volumes: &Volumes<'_>) -> Vec<FieldError> {
    let mut faults = container.field("name").needed_worded(names::dns_label_faults);
    faults.extend(container.field("image").needed());
    faults.extend(container.field("terminationMessagePolicy").among(&["File", "FallbackToLogsOnError"]));
    faults.extend(ports(container));
    faults.extend(environment::variables(container));
    faults.extend(environment::sources(container));
    faults.extend(mounts(container, volumes));
    faults.extend(devices(container, volumes));
    faults.extend(container.field("imagePullPolicy").among(&["Always", "IfNotPresent", "Never"]));
    let resources = container.field("resources");
    faults.extend(resources::requirements(&resources, resources::container_name));
    faults.extend(claims(&resources, spec));
    faults.extend(resizing(container, spec));
    let own_users = *spec.field("hostUsers").value == false;
    faults.extend(of_container(&container.field("securityContext"), own_users));
    faults
}

fn ports(container: &Place<'_>) -> Vec<FieldError> {
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    for port in container.list("ports") {
        let name = port.field("name");
        if !name.is_empty() {
            let wrong = port_name_faults(name.text(), &name.path);
            if wrong.is_empty() {
                faults.extend(name.unique(&mut seen));
            }
            faults.extend(wrong);
        }
        for (field, needed) in [("containerPort", true), ("hostPort", false)] {
            let number = port.field(field);
            if number.number().unwrap_or(0) != 0 {
                faults.extend(number.port());
            } else if needed {
                faults.push(number.required(""));
            }
        }
        faults.extend(port.field("protocol").among(&["SCTP", "TCP", "UDP"]));
    }
    faults
}

/// Ports of the node that are asked for twice.
fn shared_host_ports(container: &Place<'_>, taken: &mut BTreeSet<String>) -> Vec<FieldError> {
    let mut faults = Vec::new();
    for port in container.list("ports") {
        let number = port.field("hostPort").number().unwrap_or_default();
        let wanted = format!("{}/{}/{number}", port.field("protocol").text(), port.field("hostIP").text());
        if number != 0 && !taken.insert(wanted.clone()) {
            faults.push(FieldError::duplicate(format!("{}.hostPort", port.path), wanted));
        }
    }
    faults
}

fn mounts(container: &Place<'_>, volumes: &Volumes<'_>) -> Vec<FieldError> {
    let all = container.field("volumeMounts");
    let in_devices = |field: &str, text: &str| {
        container.list("volumeDevices").any(|device| device.field(field).text() == text)
    };
    let privileged = container.field("securityContext.privileged").is_true();
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    for mount in all.items() {
        let (name, at) = (mount.field("name"), mount.field("mountPath"));
        faults.extend(name.needed());
        if !volumes.contains_key(name.text()) {
            faults.push(name.not_found());
        }
        faults.extend(at.needed());
        if !seen.insert(at.text()) {
            faults.push(at.invalid("must be unique"));
        }
        if in_devices("name", name.text()) {
            faults.push(name.invalid("must not already exist in volumeDevices"));
        }
        if in_devices("devicePath", at.text()) {
            faults.push(at.invalid("must not already exist as a path in volumeDevices"));
        }
        // What follows is said of the list, not of the item.
        let shared = |field: &str| mount.field(field).named(format!("{}.{field}", all.path));
        let (below, expression) = (shared("subPath"), shared("subPathExpr"));
        faults.extend(descending_path(&below));
        if !expression.is_empty() && !below.is_empty() {
            let detail = "subPathExpr and subPath are mutually exclusive";
            faults.push(mount.field("subPathExpr").invalid(detail));
        }
        faults.extend(descending_path(&expression));
        let propagation = shared("mountPropagation");
        faults.extend(propagation.among(&["Bidirectional", "HostToContainer", "None"]));
        if propagation.text() == "Bidirectional" && !privileged {
            let detail = "Bidirectional mount propagation is available only to privileged containers";
            faults.push(propagation.forbidden(detail));
        }
        faults.extend(read_only(&mount, &shared("recursiveReadOnly")));
    }
    faults
}

fn read_only(mount: &Place<'_>, recursive: &Place<'_>) -> Vec<FieldError> {
    let mut faults = Vec::new();
    if ["Enabled", "IfPossible"].contains(&recursive.text()) {
        if !mount.field("readOnly").is_true() {
            faults.push(recursive.forbidden("may only be specified when readOnly is true"));
        }
        if !["", "None"].contains(&mount.field("mountPropagation").text()) {
            let detail = "may only be specified when mountPropagation is None or not specified";
            faults.push(recursive.forbidden(detail));
        }
    }
    faults.extend(recursive.among(&["Disabled", "Enabled", "IfPossible"]));
    faults
}

fn devices(container: &Place<'_>, volumes: &Volumes<'_>) -> Vec<FieldError> {
    let in_mounts = |field: &str, text: &str| {
        container.list("volumeMounts").any(|mount| mount.field(field).text() == text)
    };
    let mut faults = Vec::new();
    let (mut names, mut paths) = (BTreeSet::new(), BTreeSet::new());
    for device in container.list("volumeDevices") {
        let (name, at) = (device.field("name"), device.field("devicePath"));
        faults.extend(name.needed());
        if names.contains(name.text()) {
            faults.push(name.invalid("must be unique"));
        }
        match volumes.get(name.text()) {
            None => faults.push(name.not_found()),
            Some(volume) if volume["persistentVolumeClaim"].is_null() && volume["ephemeral"].is_null() => {
                let detail =
                    "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode";
                faults.push(name.invalid(detail));
            }
            Some(_) => {}
        }
        faults.extend(at.needed());
        if paths.contains(at.text()) {
            faults.push(at.invalid("must be unique"));
        }
        if at.text().split('/').any(|part| part == "..") {
            faults.push(at.invalid("can not contain backsteps ('..')"));
        } else {
            paths.insert(at.text());
        }
        if in_mounts("name", name.text()) {
            faults.push(name.invalid("must not already exist in volumeMounts"));
        }
        if in_mounts("mountPath", at.text()) {
            faults.push(at.invalid("must not already exist as a path in volumeMounts"));
        }
        if !name.is_empty() {
            names.insert(name.text());
        }
    }
    faults
}

/// Claims of a container are some of its pod's.
fn claims(resources: &Place<'_>, spec: &Place<'_>) -> Vec<FieldError> {
    let known: BTreeSet<&str> = spec
        .list("resourceClaims")
        .map(|claim| claim.field("name").text())
        .filter(|name| !name.is_empty())
        .collect();
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    for claim in resources.list("claims") {
        let name = claim.field("name").named(&*claim.path);
        if name.is_empty() {
            faults.push(name.required(""));
            continue;
        }
        if claim.field("request").is_empty() {
            faults.extend(name.unique(&mut seen));
        }
        if !known.contains(name.text()) {
            let mut fault = name.not_found();
            let listed: Vec<&str> = known.iter().copied().collect();
            let which = if known.is_empty() {
                " which is empty".to_owned()
            } else {
                format!(": {}", listed.join(", "))
            };
            fault.detail = format!("must be one of the names in pod.spec.resourceClaims{which}");
            faults.push(fault);
        }
    }
    faults
}

fn resizing(container: &Place<'_>, spec: &Place<'_>) -> Vec<FieldError> {
    let all = container.field("resizePolicy");
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    for policy in all.items() {
        let shared = |field: &str| policy.field(field).named(&*all.path);
        let (resource, restart) = (shared("resourceName"), shared("restartPolicy"));
        if !seen.insert(resource.text()) {
            faults.push(resource.named(&*policy.path).duplicate());
        }
        for (field, allowed) in
            [(&resource, ["cpu", "memory"]), (&restart, ["NotRequired", "RestartContainer"])]
        {
            match field.needed() {
                Some(fault) => faults.push(fault),
                None => faults.extend(field.among(&allowed)),
            }
        }
        if spec.field("restartPolicy").text() == "Never" && restart.text() != "NotRequired" {
            faults.push(restart.invalid("must be 'NotRequired' when pod `restartPolicy` is 'Never'"));
        }
    }
    faults
}

/// Containers may have rules of their own for when they start again.
fn restarts(container: &Place<'_>) -> Vec<FieldError> {
    let (policy, rules) = (container.field("restartPolicy"), container.field("restartPolicyRules"));
    let mut faults: Vec<FieldError> = policy.among(&["Always", "Never", "OnFailure"]).into_iter().collect();
    if !policy.is_set() && !rules.is_empty() {
        faults.push(policy.required("must specify restartPolicy when restart rules are used"));
    }
    if rules.len() > 20 {
        faults.push(FieldError::too_many(&*rules.path, rules.len(), 20));
    }
    for rule in rules.items() {
        let (action, codes) = (rule.field("action"), rule.field("exitCodes"));
        if !["Restart", "RestartAllContainers"].contains(&action.text()) {
            faults.push(action.unsupported(&["Restart", "RestartAllContainers"]));
        }
        if !codes.is_set() {
            faults.push(codes.required("must be specified"));
        } else if !["In", "NotIn"].contains(&codes.field("operator").text()) {
            faults.push(codes.field("operator").unsupported(&["In", "NotIn"]));
        }
    }
    faults
}
