//! Going back: warm, inside the window, outside of it.

use serde_json::json;
use verdigris_crds::keys;

use super::{released, updated};
use crate::approval::Approval;
use crate::simulate::Cluster;

#[test]
fn inside_the_window_a_cold_version_is_promoted_without_its_gate() {
    let mut cluster = released(&json!({}), 3);
    cluster.apply(&json!({"rollbackWindow": {"revisions": 2}}));
    assert_eq!(cluster.sizes(), [(1, 0), (2, 0), (3, 2)].into());
    cluster.set_image("example/app:1");
    cluster.wait(2);
    assert_eq!(cluster.active(), cluster.hash(4));
    assert_eq!(cluster.phase(), ("Healthy", ""));
    assert_eq!(cluster.told("Rollback within window"), 1);
    assert_eq!(cluster.told("RolloutPaused"), 2, "only by the releases of 2 and 3");
}

#[test]
fn a9_a_rollback_inside_the_window_is_promoted_and_the_previous_version_goes() {
    let mut cluster = released(&json!({"previewReplicaCount": 1}), 2);
    cluster.apply(&json!({"rollbackWindow": {"revisions": 1}}));
    cluster.set_image("example/app:1");
    cluster.wait(2);
    assert_eq!(cluster.status().stable_rs, Some(cluster.hash(3)));
    cluster.wait(6);
    assert_eq!(cluster.sizes(), [(2, 0), (3, 2)].into());
    assert_eq!(cluster.told("from 0 to 1"), 1, "the preview of the release of 2 only");
}

#[test]
fn outside_the_window_a_cold_version_meets_its_gate() {
    let mut cluster = released(&json!({}), 3);
    cluster.apply(&json!({"rollbackWindow": {"revisions": 1}}));
    cluster.set_image("example/app:1");
    cluster.wait(10);
    assert_eq!(cluster.phase(), ("Paused", "BlueGreenPause"));
    assert_eq!(cluster.active(), cluster.hash(3));
}

#[test]
fn a_version_that_was_never_promoted_meets_its_gate_inside_the_window_too() {
    let mut cluster = updated(&json!({"scaleDownDelaySeconds": 0}));
    cluster.apply(&json!({"rollbackWindow": {"revisions": 5}}));
    cluster.set_image("example/app:3");
    cluster.wait(3);
    cluster.promote();
    cluster.wait(10);
    assert_eq!(cluster.active(), cluster.hash(3));
    cluster.set_image("example/app:2");
    cluster.wait(10);
    assert_eq!(cluster.phase(), ("Paused", "BlueGreenPause"));
    assert_eq!(cluster.active(), cluster.hash(3));
}

#[test]
fn forward_is_no_rollback_even_inside_the_window() {
    let mut cluster = released(&json!({}), 2);
    cluster.apply(&json!({"rollbackWindow": {"revisions": 5}}));
    cluster.set_image("example/app:1");
    cluster.wait(100);
    assert_eq!(cluster.active(), cluster.hash(3));
    cluster.set_image("example/app:2");
    cluster.wait(10);
    assert_eq!(cluster.phase(), ("Paused", "BlueGreenPause"), "2 is younger than 1");
}

#[test]
fn an_abort_of_a_rollback_inside_the_window_is_obeyed() {
    let mut cluster = released(&json!({}), 2);
    cluster.apply(&json!({"rollbackWindow": {"revisions": 1}}));
    cluster.set_image("example/app:1");
    cluster.wait(1);
    cluster.steer(|status| status.abort = Some(true));
    cluster.wait(10);
    assert_eq!(cluster.active(), cluster.hash(2));
    assert_eq!(cluster.phase().0, "Degraded");
}

/// `undo --now`: the template of an older revision, and the approval of the revision that it will be.
fn undo_now(cluster: &mut Cluster, revision: u64, next: u64) {
    let set = cluster.set(revision);
    let approval = Approval {
        hash: set.hash("app").unwrap_or_default().to_owned(),
        revision: Some(next),
        user: Some("anna".into()),
        at: Some(cluster.now),
        by: "kubectl-rollouts".into(),
    };
    let image = cluster.templates[&set.name].pointer("/spec/containers/0/image").cloned();
    cluster.annotate([(keys::APPROVAL.to_owned(), Some(approval.to_annotation()))].into());
    cluster.set_image(image.as_ref().and_then(serde_json::Value::as_str).expect("an image"));
}

#[test]
fn a8_undo_now_promotes_a_cold_version_when_it_is_ready_without_a_second_gate() {
    for strategy in [json!({}), json!({"previewReplicaCount": 1})] {
        let mut cluster = released(&strategy, 3);
        undo_now(&mut cluster, 1, 4);
        cluster.wait(4);
        assert_eq!(cluster.active(), cluster.hash(4), "{strategy}");
        assert_eq!(cluster.told("RolloutPaused"), 2, "{strategy}: the releases of 2 and 3");
        assert_eq!(cluster.phase(), ("Healthy", ""), "{strategy}");
    }
}

#[test]
fn a8_undo_now_in_the_middle_of_an_update_leaves_nothing_behind() {
    let mut cluster = released(&json!({}), 2);
    cluster.set_image("example/app:3");
    cluster.wait(4);
    undo_now(&mut cluster, 1, 4);
    cluster.wait(4);
    assert_eq!(cluster.active(), cluster.hash(4));
    cluster.wait(20);
    assert_eq!(cluster.sizes(), [(2, 0), (3, 0), (4, 2)].into());
}

#[test]
fn what_is_scaled_away_remembers_that_it_was_stable() {
    for delay in [0, 6] {
        let cluster = released(&json!({"scaleDownDelaySeconds": delay}), 2);
        let annotations = &cluster.set(1).annotations;
        assert!(annotations.contains_key(keys::ONCE_STABLE), "{delay}: {annotations:?}");
        assert!(!annotations.contains_key(keys::FORMERLY_STABLE), "{delay}: {annotations:?}");
    }
}
