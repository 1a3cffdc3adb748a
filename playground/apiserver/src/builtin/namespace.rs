//! The rules of Namespaces.

use serde_json::{Value, json};

use super::rules::{at, keep_status, object_at};
use crate::resource::{NameRule, SelectableField, Strategy};

pub(super) fn strategy() -> Strategy {
    const PHASE: [SelectableField; 1] =
        [SelectableField { label: "status.phase", pointer: "/status/phase", absent: "" }];
    Strategy {
        default: name_label,
        prepare_create: |namespace, _| {
            name_label(namespace);
            namespace["status"] = json!({"phase": "Active"});
            hold(namespace);
        },
        prepare_update: |new, old, _| {
            keep_status(new, old);
            // Only /finalize changes what holds a namespace back.
            if !old["spec"].is_null() {
                new["spec"] = old["spec"].clone();
            }
        },
        name_rule: NameRule::DnsLabel,
        selectable_fields: &PHASE,
        ..Strategy::default()
    }
}

/// A new namespace waits, when it is deleted, for its contents to go. Not a default of the schema: once `/finalize`
/// has emptied the list, it stays empty.
fn hold(namespace: &mut Value) {
    if let Some(spec) = object_at(namespace, "spec") {
        let finalizers = spec.entry("finalizers").or_insert_with(|| json!([]));
        if let Some(finalizers) = finalizers.as_array_mut()
            && !finalizers.contains(&json!("kubernetes"))
        {
            finalizers.push(json!("kubernetes"));
        }
    }
}

/// Every namespace carries its own name as a label, so that selectors can name it.
fn name_label(namespace: &mut Value) {
    let name = at(namespace, "metadata.name").clone();
    if name.is_string()
        && object_at(namespace, "metadata").is_some()
        && let Some(labels) = object_at(&mut namespace["metadata"], "labels")
    {
        labels.insert("kubernetes.io/metadata.name".to_owned(), name);
    }
}
