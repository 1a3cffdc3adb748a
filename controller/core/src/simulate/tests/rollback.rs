//! Going back: warm, inside the window, outside of it.

use serde_json::json;
use verdigris_crds::keys;

use super::{released, updated};

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

#[test]
fn what_is_scaled_away_remembers_that_it_was_stable() {
    for delay in [0, 6] {
        let cluster = released(&json!({"scaleDownDelaySeconds": delay}), 2);
        let annotations = &cluster.set(1).annotations;
        assert!(annotations.contains_key(keys::ONCE_STABLE), "{delay}: {annotations:?}");
        assert!(!annotations.contains_key(keys::FORMERLY_STABLE), "{delay}: {annotations:?}");
    }
}
