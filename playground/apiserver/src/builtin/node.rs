//! The rules of Nodes.

use serde_json::Value;

use super::container_rules::resources;
use super::network_rules::range_faults;
use super::place::Place;
use super::pod_rules::scheduling;
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
        validate_create: faults,
        validate_update: |new, old| {
            let fixed = |field: &str| {
                let (is, was) = (&new["spec"][field], &old["spec"][field]);
                (!was.is_null() && is != was).then(|| {
                    let detail = "node updates may only change labels, taints, or capacity";
                    FieldError::forbidden(format!("spec.{field}"), detail)
                })
            };
            let mut all: Vec<FieldError> =
                ["podCIDR", "providerID"].iter().filter_map(|field| fixed(field)).collect();
            all.extend(faults(new));
            all
        },
        selectable_fields: &UNSCHEDULABLE,
        status_on_create: true,
        ..Strategy::default()
    }
}

/// Faults of a node's taints, amounts and ranges of addresses.
fn faults(node: &Value) -> Vec<FieldError> {
    let node = Place::new("", node);
    let mut faults = scheduling::taints(&node.field("spec.taints").named("metadata.taints"));
    for list in ["capacity", "allocatable"] {
        for (resource, amount) in node.field("status").field(list).entries() {
            let named = amount.named(format!("status.{list}.{resource}"));
            faults.extend(resources::amount(resource, &named));
        }
    }
    let ranges = node.field("spec.podCIDRs");
    faults.extend(ranges.items().flat_map(|range| range.worded_always(range_faults)));
    faults
}
