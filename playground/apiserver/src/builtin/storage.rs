//! The rules of volumes of a cluster, claims to them, and their classes.

use serde_json::{Value, json};

use super::place::Place;
use super::rules::{fresh_status, keep_status, object_at, text};
use super::storage_rules;
use crate::field_error::FieldError;
use crate::resource::Strategy;

pub(super) fn persistent_volume() -> Strategy {
    Strategy {
        prepare_create: |volume, _| {
            fresh_status(volume, "io.k8s.api.core.v1.PersistentVolumeStatus");
            protect(volume, "kubernetes.io/pv-protection");
        },
        prepare_update: |new, old, _| keep_status(new, old),
        validate_create: storage_rules::volume,
        validate_update: |new, _| storage_rules::volume(new),
        ..Strategy::default()
    }
}

pub(super) fn persistent_volume_claim() -> Strategy {
    Strategy {
        prepare_create: |claim, _| {
            fresh_status(claim, "io.k8s.api.core.v1.PersistentVolumeClaimStatus");
            name_data_twice(&mut claim["spec"]);
            protect(claim, "kubernetes.io/pvc-protection");
        },
        validate_create: |claim| storage_rules::claim_spec(&Place::new("spec", &claim["spec"])),
        validate_update: |new, old| {
            let fixed = |claim: &Value| {
                let mut spec = claim["spec"].clone();
                for field in ["resources", "volumeAttributesClassName"] {
                    spec[field] = Value::Null;
                }
                spec
            };
            let detail = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";
            (fixed(new) != fixed(old)).then(|| FieldError::forbidden("spec", detail)).into_iter().collect()
        },
        ..persistent_volume()
    }
}

/// What a claim is filled with stands in an older field as well, which takes claims and snapshots only.
fn name_data_twice(spec: &mut Value) {
    let Some(fields) = spec.as_object_mut() else { return };
    let elsewhere = |reference: &Value| !text(reference, "namespace").is_empty();
    let old_sort = |reference: &Value| {
        let sort = (text(reference, "apiGroup"), text(reference, "kind"));
        [("", "PersistentVolumeClaim"), ("snapshot.storage.k8s.io", "VolumeSnapshot")].contains(&sort)
    };
    // References into other namespaces are not served yet, and dropped.
    fields.retain(|name, value| name != "dataSourceRef" || !elsewhere(value));
    if !fields.contains_key("dataSourceRef") {
        fields.retain(|name, value| name != "dataSource" || old_sort(value));
    }
    for (from, to) in [("dataSource", "dataSourceRef"), ("dataSourceRef", "dataSource")] {
        if let Some(reference) = fields.get(from).cloned() {
            fields.entry(to).or_insert(reference);
        }
    }
}

/// Keeps storage from going while it is used: what takes the finalizer off is a controller.
fn protect(object: &mut Value, finalizer: &str) {
    let Some(metadata) = object_at(object, "metadata") else { return };
    match metadata.entry("finalizers").or_insert_with(|| json!([])) {
        Value::Array(finalizers) if !finalizers.iter().any(|found| found == finalizer) => {
            finalizers.push(json!(finalizer));
        }
        _ => {}
    }
}

pub(super) fn storage_class() -> Strategy {
    Strategy {
        validate_create: storage_rules::class,
        validate_update: |new, old| {
            let fixed = |field: &str, fault: &str| {
                (new[field] != old[field]).then(|| FieldError::forbidden(field, fault))
            };
            [
                ("parameters", "updates to parameters are forbidden."),
                ("provisioner", "updates to provisioner are forbidden."),
                ("reclaimPolicy", "updates to reclaimPolicy are forbidden."),
            ]
            .into_iter()
            .filter_map(|(field, fault)| fixed(field, fault))
            .collect()
        },
        ..Strategy::default()
    }
}
