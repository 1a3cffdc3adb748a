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
