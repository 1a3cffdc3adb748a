//! The rules of Nodes.

use super::rules::keep_status;
use crate::field_error::FieldError;
use crate::resource::{SelectableField, Strategy};

pub(super) fn strategy() -> Strategy {
    const UNSCHEDULABLE: [SelectableField; 1] =
        [SelectableField { label: "spec.unschedulable", pointer: "/spec/unschedulable", absent: "false" }];
    Strategy {
        default: |node| {
            let capacity = node["status"]["capacity"].clone();
            if node["status"]["allocatable"].is_null() && capacity.is_object() {
                node["status"]["allocatable"] = capacity;
            }
        },
        prepare_update: |new, old, _| keep_status(new, old),
        validate_update: |new, old| {
            let fixed = |field: &str| {
                let (is, was) = (&new["spec"][field], &old["spec"][field]);
                (!was.is_null() && is != was).then(|| {
                    let detail = "node updates may only change labels, taints, or capacity";
                    FieldError::forbidden(format!("spec.{field}"), detail)
                })
            };
            ["podCIDR", "providerID"].iter().filter_map(|field| fixed(field)).collect::<Vec<FieldError>>()
        },
        selectable_fields: &UNSCHEDULABLE,
        status_on_create: true,
        ..Strategy::default()
    }
}
