//! What the volumes of a pod must be like.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::super::container_rules::environment;
use super::super::place::Place;
use super::super::storage_rules;
use crate::field_error::FieldError;
use crate::names;

/// The sources that a volume may have, in the order in which they are looked at, each with what it cannot do without. The name
/// in faults is the second where it is not the field's.
const SOURCES: [(&str, &str, &[&str]); 30] = [
    ("emptyDir", "emptyDir", &[]),
    ("hostPath", "hostPath", &["path"]),
    ("gitRepo", "gitRepo", &["repository"]),
    ("gcePersistentDisk", "persistentDisk", &["pdName"]),
    ("awsElasticBlockStore", "awsElasticBlockStore", &["volumeID"]),
    ("secret", "secret", &["secretName"]),
    ("nfs", "nfs", &["server", "path"]),
    ("iscsi", "iscsi", &["targetPortal", "iqn"]),
    ("glusterfs", "glusterfs", &["endpoints", "path"]),
    ("flocker", "flocker", &[]),
    ("persistentVolumeClaim", "persistentVolumeClaim", &["claimName"]),
    ("rbd", "rbd", &["monitors", "image"]),
    ("cinder", "cinder", &["volumeID"]),
    ("cephfs", "cephfs", &["monitors"]),
    ("quobyte", "quobyte", &["registry", "volume"]),
    ("downwardAPI", "downwardAPI", &[]),
    ("fc", "fc", &[]),
    ("flexVolume", "flexVolume", &["driver"]),
    ("configMap", "configMap", &["name"]),
    ("azureFile", "azureFile", &["secretName", "shareName"]),
    ("vsphereVolume", "vsphereVolume", &["volumePath"]),
    ("photonPersistentDisk", "photonPersistentDisk", &["pdID"]),
    ("portworxVolume", "portworxVolume", &["volumeID"]),
    ("azureDisk", "azureDisk", &["diskName", "diskURI"]),
    ("storageos", "storageos", &["volumeName"]),
    ("projected", "projected", &[]),
    ("scaleIO", "scaleIO", &["gateway", "system", "volumeName"]),
    ("csi", "csi", &["driver"]),
    ("ephemeral", "ephemeral", &["volumeClaimTemplate"]),
    ("image", "image", &[]),
];

const MODE: &str = "must be a number between 0 and 0777 (octal), both inclusive";

/// The volumes that are as they should be, by name, and what is wrong with the others.
pub(super) fn volumes<'a>(spec: &Place<'a>) -> (BTreeMap<&'a str, &'a Value>, Vec<FieldError>) {
    let mut known = BTreeMap::new();
    let mut faults = Vec::new();
    for volume in spec.list("volumes") {
        let name = volume.field("name");
        let mut found = source(&volume);
        found.extend(name.needed_worded(names::dns_label_faults));
        if known.contains_key(name.text()) {
            found.push(name.duplicate());
        }
        if found.is_empty() {
            known.insert(name.text(), volume.value);
        }
        faults.extend(found);
    }
    (known, faults)
}

/// A volume has one source. The first counts, in the order of the table; the rest is too much.
fn source(volume: &Place<'_>) -> Vec<FieldError> {
    let mut faults = Vec::new();
    let mut given = SOURCES.iter().filter(|(field, ..)| volume.field(field).is_set());
    let Some((field, named, needed)) = given.next() else {
        return vec![volume.required("must specify a volume type")];
    };
    let source = volume.field(field).named(format!("{}.{named}", volume.path));
    faults.extend(needed.iter().filter_map(|field| source.field(field).needed()));
    match *field {
        "emptyDir" => {
            let limit = source.field("sizeLimit");
            if limit.quantity().is_some_and(|quantity| quantity.is_negative()) {
                faults.push(limit.forbidden("SizeLimit field must be a valid resource quantity"));
            }
        }
        "hostPath" if faults.is_empty() => faults.extend(host_path(&source)),
        "gitRepo" => faults.extend(descending_path(&source.field("directory"))),
        "secret" | "configMap" => {
            faults.extend(mode(&source.field("defaultMode")));
            faults.extend(source.list("items").flat_map(|item| key_to_path(&item)));
        }
        "nfs" => {
            let path = source.field("path");
            if !path.text().starts_with('/') {
                faults.push(path.invalid("must be an absolute path"));
            }
        }
        "downwardAPI" => {
            faults.extend(mode(&source.field("defaultMode")));
            faults.extend(source.list("items").flat_map(|item| downward_file(&item, &source.path)));
        }
        "projected" => faults.extend(projected(&source)),
        "ephemeral" => {
            let spec = source.field("volumeClaimTemplate.spec");
            if source.field("volumeClaimTemplate").is_set() {
                faults.extend(storage_rules::claim_spec(&spec));
            }
        }
        "image" => {
            faults.extend(source.field("pullPolicy").among(&["Always", "IfNotPresent", "Never"]));
        }
        _ => {}
    }
    faults.extend(given.map(|(field, ..)| {
        // A slip of the real server's in one name, which clients see.
        let field = match *field {
            "downwardAPI" => "downwarAPI",
            "cephfs" => "cephFS",
            field => field,
        };
        FieldError::forbidden(format!("{}.{field}", volume.path), "may not specify more than 1 volume type")
    }));
    faults
}

fn host_path(source: &Place<'_>) -> Vec<FieldError> {
    let kinds =
        ["", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"];
    let mut faults: Vec<FieldError> = no_backsteps(&source.field("path")).into_iter().collect();
    faults.extend(source.field("type").among(&kinds));
    faults
}

fn projected(source: &Place<'_>) -> Vec<FieldError> {
    let mut faults: Vec<FieldError> = mode(&source.field("defaultMode")).into_iter().collect();
    let mut paths = BTreeSet::new();
    for projection in source.list("sources") {
        let mut given = 0;
        for kind in ["secret", "configMap"].map(|kind| projection.field(kind)) {
            if !kind.is_set() {
                continue;
            }
            given += 1;
            faults.extend(kind.field("name").needed());
            for item in kind.list("items") {
                faults.extend(key_to_path(&item));
                let path = item.field("path").text();
                if !path.is_empty() && !paths.insert(path) {
                    let name = kind.field("name").value.clone();
                    faults.push(FieldError::invalid(&*source.path, name, "conflicting duplicate paths"));
                }
            }
        }
        let downward = projection.field("downwardAPI");
        if downward.is_set() {
            given += 1;
            for item in downward.list("items") {
                faults.extend(downward_file(&item, &downward.path));
                let path = item.field("path").text();
                if !path.is_empty() && !paths.insert(path) {
                    faults.push(FieldError::invalid(&*source.path, path, "conflicting duplicate paths"));
                }
            }
        }
        let token = projection.field("serviceAccountToken");
        if token.is_set() {
            given += 1;
            let lifetime = token.field("expirationSeconds");
            if lifetime.number().is_some_and(|seconds| seconds < 600) {
                faults.push(lifetime.invalid("may not specify a duration less than 10 minutes"));
            }
            let path = token.field("path").named(format!("{}.path", source.path));
            match path.needed() {
                Some(fault) => faults.push(fault),
                None => faults.extend(local_path(&path)),
            }
        }
        given += ["clusterTrustBundle", "podCertificate"]
            .iter()
            .filter(|kind| projection.field(kind).is_set())
            .count();
        if given > 1 {
            faults.push(projection.forbidden("may not specify more than 1 volume type per source"));
        }
    }
    faults
}

fn mode(mode: &Place<'_>) -> Option<FieldError> {
    let outside = mode.number().is_some_and(|bits| !(0..=0o777).contains(&bits));
    outside.then(|| mode.invalid(MODE))
}

fn key_to_path(item: &Place<'_>) -> Vec<FieldError> {
    let mut faults: Vec<FieldError> =
        ["key", "path"].iter().filter_map(|field| item.field(field).needed()).collect();
    faults.extend(local_path(&item.field("path")));
    faults.extend(mode(&item.field("mode")));
    faults
}

/// A file with a field of the pod; `path` is what faults name, which is not the file's place.
fn downward_file(file: &Place<'_>, path: &str) -> Vec<FieldError> {
    let file = file.named(path);
    let mut faults: Vec<FieldError> = file.field("path").needed().into_iter().collect();
    faults.extend(local_path(&file.field("path")));
    let (field, resource) = (file.field("fieldRef"), file.field("resourceFieldRef"));
    if field.is_set() {
        faults.extend(environment::field_ref(&field, &environment::FILE_FIELDS));
        if resource.is_set() {
            let detail = "fieldRef and resourceFieldRef can not be specified simultaneously";
            faults.push(FieldError::invalid(&*file.path, "resource", detail));
        }
    } else if resource.is_set() {
        faults.extend(environment::resource_ref(&resource, true));
    } else {
        faults.push(file.required("one of fieldRef and resourceFieldRef is required"));
    }
    faults.extend(mode(&file.field("mode")));
    faults
}

fn no_backsteps(path: &Place<'_>) -> Option<FieldError> {
    let back = path.text().split('/').any(|part| part == "..");
    back.then(|| path.invalid("must not contain '..'"))
}

/// A path below another one.
pub(in super::super) fn descending_path(path: &Place<'_>) -> Vec<FieldError> {
    let absolute = path.text().starts_with('/');
    absolute.then(|| path.invalid("must be a relative path")).into_iter().chain(no_backsteps(path)).collect()
}

/// The same, and its first name does not look like a step back.
fn local_path(path: &Place<'_>) -> Vec<FieldError> {
    let mut faults = descending_path(path);
    let text = path.text();
    if text.starts_with("..") && !text.starts_with("../") {
        faults.push(path.invalid("must not start with '..'"));
    }
    faults
}
