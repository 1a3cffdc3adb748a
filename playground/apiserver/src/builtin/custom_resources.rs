//! The rules of CustomResourceDefinitions themselves.

use serde_json::{Value, json};

use super::rules::{fill, keep_status, object_at, text};
use crate::crd;
use crate::field_error::FieldError;
use crate::resource::{GenerationRule, Strategy};

pub(super) fn strategy() -> Strategy {
    Strategy {
        default: defaults,
        prepare_create: |definition, _| {
            definition["status"] = crd::unsettled();
            crd::note_stored_version(definition);
        },
        prepare_update: |new, old, _| {
            keep_status(new, old);
            crd::note_stored_version(new);
        },
        validate_create: crd::faults,
        validate_update: |new, old| {
            let mut faults = crd::faults(new);
            // Its name was looked at when it was created.
            faults.retain(|fault| fault.path != "metadata.name");
            for field in ["group", "scope"] {
                if new["spec"][field] != old["spec"][field] {
                    let found = new["spec"][field].clone();
                    faults.push(FieldError::invalid(format!("spec.{field}"), found, "field is immutable"));
                }
            }
            let kind = |definition: &Value| definition["spec"]["names"]["kind"].clone();
            let conditions = old["status"]["conditions"].as_array();
            let established = conditions.is_some_and(|conditions| {
                conditions.iter().any(|found| found["type"] == "Established" && found["status"] == "True")
            });
            if established && kind(new) != kind(old) {
                faults.push(FieldError::invalid("spec.names.kind", kind(new), "field is immutable"));
            }
            faults
        },
        generation: GenerationRule::Spec,
        ..Strategy::default()
    }
}

fn defaults(definition: &mut Value) {
    let spec = &mut definition["spec"];
    if !spec.is_object() {
        return;
    }
    fill(spec, "conversion", json!({"strategy": "None"}));
    let kind = text(&spec["names"], "kind").to_owned();
    if object_at(spec, "names").is_some() {
        if text(&spec["names"], "singular").is_empty() {
            spec["names"]["singular"] = json!(kind.to_lowercase());
        }
        if text(&spec["names"], "listKind").is_empty() && !kind.is_empty() {
            spec["names"]["listKind"] = json!(format!("{kind}List"));
        }
    }
}
