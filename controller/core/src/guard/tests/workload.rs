//! R7, on decisions that no decider made.

use super::*;
use crate::decision::ScaleWorkload;
use crate::workload::{Workload, WorkloadSeen};

/// The same, migrated from a Deployment that has 2 pods (again).
fn referencing(mode: &str) -> Observed {
    let mut seen = world();
    let reference = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop", "scaleDown": mode});
    seen.rollout.spec.workload_ref = Some(reference);
    seen.workload = Some(Workload::There(Box::new(WorkloadSeen {
        uid: "uid-shop".into(),
        replicas: Some(2),
        ..WorkloadSeen::default()
    })));
    seen.fresh.insert(Fresh::Workload);
    seen
}

fn scale_deployment(replicas: i32) -> Write {
    Write::ScaleWorkload(ScaleWorkload { at: at("shop"), replicas })
}

#[test]
fn r7_a_referenced_deployment_goes_once_the_version_that_serves_has_all_pods() {
    for mode in ["onsuccess", "progressively"] {
        assert_eq!(verdict(&referencing(mode), "h1", vec![scale_deployment(0)]), None);
    }
    for mode in ["never", ""] {
        assert_eq!(verdict(&referencing(mode), "h1", vec![scale_deployment(0)]), Some(Rule::R6), "{mode}");
    }
    let mut another = referencing("onsuccess");
    another.rollout.spec.workload_ref.as_mut().expect("a reference")["name"] = json!("cart");
    assert_eq!(verdict(&another, "h1", vec![scale_deployment(0)]), Some(Rule::R6));
    let mut stale = referencing("onsuccess");
    stale.fresh.remove(&Fresh::Workload);
    assert_eq!(verdict(&stale, "h1", vec![scale_deployment(0)]), Some(Rule::Fresh));
}

#[test]
fn r7_what_serves_keeps_as_many_pods_as_are_desired() {
    let mut seen = referencing("progressively");
    seen.set("h1").available_replicas = 1;
    assert_eq!(verdict(&seen, "h1", vec![scale_deployment(0)]), Some(Rule::R7), "one of two is there");
    assert_eq!(verdict(&seen, "h1", vec![scale_deployment(1)]), None, "one here, one there");
    assert_eq!(verdict(&seen, "h1", vec![scale_deployment(3)]), Some(Rule::R7), "it never grows");
    seen.set("h1").deleting = true;
    assert_eq!(verdict(&seen, "h1", vec![scale_deployment(1)]), Some(Rule::R7), "its pods are going");
}
