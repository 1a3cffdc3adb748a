//! What claims and volumes of storage must be like, and their classes.

use serde_json::Value;

use super::place::Place;
use super::pod_rules::{descending_path, scheduling};
use super::rules::selector_faults;
use crate::field_error::FieldError;
use crate::names;

const MODES: [&str; 4] = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];

/// What a volume of a cluster may be, each with what it cannot do without.
const SOURCES: [(&str, &[&str]); 22] = [
    ("hostPath", &["path"]),
    ("gcePersistentDisk", &["pdName"]),
    ("awsElasticBlockStore", &["volumeID"]),
    ("glusterfs", &["endpoints", "path"]),
    ("flocker", &[]),
    ("nfs", &["server", "path"]),
    ("rbd", &["monitors", "image"]),
    ("quobyte", &["registry", "volume"]),
    ("cephfs", &["monitors"]),
    ("iscsi", &["targetPortal", "iqn"]),
    ("cinder", &["volumeID"]),
    ("fc", &[]),
    ("flexVolume", &["driver"]),
    ("azureFile", &["secretName", "shareName"]),
    ("vsphereVolume", &["volumePath"]),
    ("photonPersistentDisk", &["pdID"]),
    ("portworxVolume", &["volumeID"]),
    ("azureDisk", &["diskName", "diskURI"]),
    ("scaleIO", &["gateway", "system", "volumeName"]),
    ("local", &["path"]),
    ("storageos", &["volumeName"]),
    ("csi", &["driver", "volumeHandle"]),
];

/// Faults of the spec of a claim, wherever it stands.
pub(super) fn claim_spec(spec: &Place<'_>) -> Vec<FieldError> {
    let modes = spec.field("accessModes");
    let mut faults = Vec::new();
    if modes.is_empty() {
        faults.push(modes.required("at least 1 access mode is required"));
    }
    let selector = spec.field("selector");
    faults.extend(selector_faults(selector.value, &selector.path));
    faults.extend(access_modes(&modes));
    let named = format!("{}.resources[storage]", spec.path);
    let storage = spec.field("resources.requests.storage").named(named);
    match storage.quantity() {
        None if !storage.is_set() => faults.push(storage.required("")),
        Some(quantity) if quantity.is_negative() || quantity.as_f64() == 0.0 => {
            let detail = "must be greater than zero";
            faults.push(FieldError::invalid(&*storage.path, quantity.to_string(), detail));
        }
        _ => {}
    }
    faults.extend(spec.field("storageClassName").worded(names::dns_subdomain_faults));
    faults.extend(spec.field("volumeMode").among(&["Block", "Filesystem"]));
    for source in ["dataSource", "dataSourceRef"].map(|field| spec.field(field)) {
        if source.is_set() {
            faults.extend(data_source(&source));
        }
    }
    faults.extend(spec.field("volumeAttributesClassName").worded(names::dns_subdomain_faults));
    faults
}

fn access_modes(modes: &Place<'_>) -> Vec<FieldError> {
    let unknown = modes.items().map(|mode| mode.named(&*modes.path));
    let mut faults: Vec<FieldError> = unknown.filter_map(|mode| mode.among(&MODES)).collect();
    let alone = |mode: &Place<'_>| mode.text() == "ReadWriteOncePod";
    let other = |mode: &Place<'_>| MODES.contains(&mode.text()) && !alone(mode);
    if modes.items().any(|mode| alone(&mode)) && modes.items().any(|mode| other(&mode)) {
        faults.push(modes.forbidden("may not use ReadWriteOncePod with other access modes"));
    }
    faults
}

fn data_source(source: &Place<'_>) -> Vec<FieldError> {
    let mut faults: Vec<FieldError> =
        ["name", "kind"].iter().filter_map(|field| source.field(field).needed()).collect();
    let (group, kind) = (source.field("apiGroup"), source.field("kind").text());
    if group.is_empty() && kind != "PersistentVolumeClaim" {
        let detail = "must be 'PersistentVolumeClaim' when referencing the default apiGroup";
        faults.push(FieldError::invalid(&*source.path, kind, detail));
    }
    faults.extend(group.worded(names::dns_subdomain_faults));
    faults.extend(source.field("namespace").worded(names::dns_label_faults));
    faults
}

pub(super) fn volume(volume: &Value) -> Vec<FieldError> {
    let spec = Place::new("spec", &volume["spec"]);
    let (modes, capacity) = (spec.field("accessModes"), spec.field("capacity"));
    let mut faults: Vec<FieldError> = modes.needed().into_iter().collect();
    faults.extend(access_modes(&modes));
    faults.extend(capacity.needed());
    if capacity.len() > 1 || capacity.field("storage").quantity().is_none() {
        let found = if capacity.is_set() { capacity.value.clone() } else { Value::Null };
        faults.push(FieldError::not_supported(&*capacity.path, found, &["storage"]));
    }
    for (_, amount) in capacity.entries() {
        let Some(quantity) = amount.quantity() else { continue };
        if quantity.is_negative() {
            #[expect(clippy::cast_possible_truncation, reason = "shown as a whole number, whatever is lost")]
            let whole = quantity.as_f64().ceil() as i64;
            let detail = "must be a valid resource quantity";
            faults.push(FieldError::invalid(&*amount.path, whole, detail));
        }
        if quantity.is_negative() || quantity.as_f64() == 0.0 {
            let detail = "must be greater than zero";
            faults.push(FieldError::invalid(&*amount.path, quantity.to_string(), detail));
        }
    }
    let reclaim = spec.field("persistentVolumeReclaimPolicy");
    faults.extend(reclaim.among(&["Delete", "Recycle", "Retain"]));
    let affinity = spec.field("nodeAffinity");
    if affinity.is_set() {
        let required = affinity.field("required");
        match required.is_set() {
            true => faults.extend(scheduling::node_selector(&required)),
            false => faults.push(required.required("must specify required node constraints")),
        }
    }
    faults.extend(volume_source(&spec, &affinity));
    let path = spec.field("hostPath.path").text();
    if !path.is_empty() && path.trim_end_matches('/').is_empty() && reclaim.text() == "Recycle" {
        faults.push(reclaim.forbidden("may not be 'recycle' for a hostPath mount of '/'"));
    }
    faults.extend(spec.field("storageClassName").worded(names::dns_subdomain_faults));
    faults.extend(spec.field("volumeMode").among(&["Block", "Filesystem"]));
    faults
}

/// A volume has one source.
fn volume_source(spec: &Place<'_>, affinity: &Place<'_>) -> Vec<FieldError> {
    let mut given = SOURCES.iter().filter(|(field, _)| spec.field(field).is_set());
    let Some((field, needed)) = given.next() else {
        return vec![spec.required("must specify a volume type")];
    };
    let source = spec.field(field);
    let mut faults: Vec<FieldError> =
        needed.iter().filter_map(|field| source.field(field).needed()).collect();
    let path = source.field("path");
    match *field {
        "hostPath" | "local" => {
            faults.extend(descending_path(&path).into_iter().filter(|fault| fault.detail.contains("'..'")));
        }
        "nfs" if !path.text().starts_with('/') => faults.push(path.invalid("must be an absolute path")),
        _ => {}
    }
    if *field == "local" && !affinity.is_set() {
        faults.push(affinity.required("Local volume requires node affinity"));
    }
    let detail = "may not specify more than 1 volume type";
    faults.extend(given.map(|(field, _)| spec.field(field).forbidden(detail)));
    faults
}

pub(super) fn class(class: &Value) -> Vec<FieldError> {
    let class = Place::new("", class);
    let (provisioner, policy) = (class.field("provisioner"), class.field("reclaimPolicy"));
    let mut faults: Vec<FieldError> = provisioner.needed().into_iter().collect();
    let wrong = names::qualified_name_faults(&provisioner.text().to_lowercase()).into_iter();
    let shown = provisioner.text().to_lowercase();
    if !provisioner.is_empty() {
        faults.extend(wrong.map(|fault| FieldError::invalid("provisioner", &*shown, fault)));
    }
    if class.field("parameters").entries().any(|(key, _)| key.is_empty()) {
        faults.push(FieldError::invalid("parameters", "", "field can not be empty."));
    }
    if !policy.is_empty() {
        faults.extend(policy.among(&["Delete", "Retain"]));
    }
    faults.extend(class.field("volumeBindingMode").among(&["Immediate", "WaitForFirstConsumer"]));
    faults
}
