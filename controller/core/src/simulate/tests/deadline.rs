//! The progress deadline: measured by how far the new version came at best.

use serde_json::json;
use verdigris_crds::keys;

use super::{deployed, promoted, updated};
use crate::simulate::Cluster;

/// Version 2 is on its way, none of its pods becomes ready, and it has 60 s.
fn failing(abort: bool) -> Cluster {
    let mut cluster = deployed(&json!({}));
    cluster.apply(&json!({"progressDeadlineSeconds": 60, "progressDeadlineAbort": abort}));
    cluster.settings.never_ready = "app:2".into();
    cluster.set_image("example/app:2");
    cluster.wait(0);
    cluster
}

#[test]
fn a7_flapping_pods_do_not_reset_the_deadline() {
    let mut cluster = failing(false);
    cluster.settings.never_ready = String::new();
    let name = cluster.set(2).name.clone();
    cluster.break_pods(&name, 1);
    cluster.wait(10);
    for _ in 0..4 {
        cluster.break_pods(&name, 2);
        cluster.wait(6);
        cluster.break_pods(&name, 1);
        cluster.wait(6);
    }
    assert_eq!(cluster.phase().0, "Progressing", "a pod was ready for the first time after 2 s, it is 58 s");
    cluster.break_pods(&name, 2);
    cluster.wait(4);
    assert!(cluster.phase().1.starts_with("ProgressDeadlineExceeded"), "{}", cluster.phase().1);
    cluster.break_pods(&name, 1);
    cluster.wait(4);
    assert_eq!(cluster.phase().0, "Degraded", "one pod is no farther than it came before");
    cluster.break_pods(&name, 0);
    cluster.wait(0);
    assert_eq!(cluster.phase(), ("Paused", "BlueGreenPause"));
    assert_eq!(cluster.condition(keys::PROGRESS), None);
}

#[test]
fn a7_it_fires_for_a_second_bad_version_while_older_ones_wait_for_their_end() {
    let mut cluster = promoted(&json!({"scaleDownDelaySeconds": 86_400}));
    cluster.apply(&json!({"progressDeadlineSeconds": 60, "progressDeadlineAbort": true}));
    for number in [3, 4] {
        cluster.settings.never_ready = format!("app:{number}");
        cluster.set_image(&format!("example/app:{number}"));
        cluster.wait(59);
        assert_eq!(cluster.phase().0, "Progressing", "{number}");
        cluster.wait(1);
        assert!(cluster.phase().1.starts_with("RolloutAborted"), "{number}: {}", cluster.phase().1);
        assert_eq!(cluster.active(), cluster.hash(2));
    }
}

#[test]
fn a7_it_aborts_the_moment_it_is_over() {
    let mut cluster = failing(true);
    cluster.wait(59);
    assert_eq!(cluster.status().abort, None);
    cluster.wait(1);
    assert_eq!(cluster.status().abort, Some(true));
    let text = "has timed out progressing.";
    assert!(cluster.phase().1.ends_with(text), "{}", cluster.phase().1);
}

#[test]
fn each_pod_more_than_ever_moves_it() {
    let mut cluster = failing(false);
    cluster.settings.never_ready = String::new();
    let name = cluster.set(2).name.clone();
    cluster.break_pods(&name, 2);
    cluster.wait(50);
    cluster.break_pods(&name, 1);
    cluster.wait(50);
    assert_eq!(cluster.phase().0, "Progressing");
    let (_, _, message) = cluster.condition(keys::PROGRESS).expect("a condition");
    assert_eq!(message, "At best 2 created, 1 ready and 1 available of 2 pods");
    cluster.wait(9);
    assert_eq!(cluster.phase().0, "Progressing");
    cluster.wait(1);
    assert_eq!(cluster.phase().0, "Degraded");
}

#[test]
fn paused_time_does_not_count() {
    let mut cluster = failing(false);
    cluster.wait(50);
    cluster.apply(&json!({"paused": true}));
    cluster.wait(5000);
    assert_eq!(cluster.phase(), ("Paused", "manually paused"));
    cluster.apply(&json!({"paused": false}));
    cluster.wait(59);
    assert_eq!(cluster.phase().0, "Progressing");
    cluster.wait(1);
    assert_eq!(cluster.phase().0, "Degraded");

    let mut cluster = updated(&json!({}));
    cluster.apply(&json!({"progressDeadlineSeconds": 60, "progressDeadlineAbort": true}));
    cluster.wait(5000);
    assert_eq!(cluster.phase(), ("Paused", "BlueGreenPause"));
}

#[test]
fn a_version_that_grows_from_its_preview_size_has_its_time_for_that() {
    let mut cluster = updated(&json!({"previewReplicaCount": 1}));
    cluster.apply(&json!({"progressDeadlineSeconds": 60}));
    cluster.wait(1000);
    cluster.settings.ready_after_seconds = 1_000_000;
    let name = cluster.set(2).name.clone();
    cluster.promote();
    cluster.wait(59);
    assert_eq!(cluster.phase().0, "Progressing", "{name}");
    cluster.wait(1);
    assert_eq!(cluster.phase().0, "Degraded");
}

#[test]
fn more_pods_wanted_than_ever_have_their_time_too() {
    let mut cluster = failing(false);
    cluster.wait(50);
    cluster.apply(&json!({"replicas": 4}));
    cluster.wait(59);
    assert_eq!(cluster.phase().0, "Progressing");
    cluster.apply(&json!({"replicas": 2}));
    cluster.wait(0);
    cluster.apply(&json!({"replicas": 4}));
    cluster.wait(1);
    assert_eq!(cluster.phase().0, "Degraded", "an autoscaler that goes up and down gives no more of it");
}

#[test]
fn asking_for_the_abort_late_aborts_at_once() {
    let mut cluster = failing(false);
    cluster.wait(100);
    assert!(cluster.phase().1.starts_with("ProgressDeadlineExceeded"), "{}", cluster.phase().1);
    cluster.apply(&json!({"progressDeadlineAbort": true}));
    cluster.wait(0);
    assert!(cluster.phase().1.starts_with("RolloutAborted"), "{}", cluster.phase().1);
}

#[test]
fn a_retry_gives_it_its_time_anew() {
    let mut cluster = failing(true);
    cluster.wait(70);
    cluster.steer(|status| status.abort = Some(false));
    cluster.wait(59);
    assert_eq!(cluster.phase().0, "Progressing");
    cluster.wait(1);
    assert!(cluster.phase().1.starts_with("RolloutAborted"), "{}", cluster.phase().1);
}

#[test]
fn a_stable_version_that_loses_pods_degrades_and_recovers() {
    let mut cluster = deployed(&json!({}));
    cluster.apply(&json!({"progressDeadlineSeconds": 60}));
    let name = cluster.set(1).name.clone();
    cluster.break_pods(&name, 1);
    cluster.wait(59);
    assert_eq!(cluster.phase().0, "Progressing");
    cluster.wait(1);
    assert_eq!(cluster.phase().0, "Degraded");
    cluster.break_pods(&name, 0);
    cluster.wait(0);
    assert_eq!(cluster.phase(), ("Healthy", ""));
}
