//! `previewReplicaCount`: a small preview, and full size before the switch.

use serde_json::json;
use verdigris_crds::keys;

use super::{deployed, updated};
use crate::observed::ReplicaSetSeen;
use crate::simulate::Cluster;

/// Version 1 is active with 4 pods; version 2 waits for its approval with 1.
fn previewed() -> Cluster {
    let mut cluster = deployed(&json!({"previewReplicaCount": 1}));
    cluster.apply(&json!({"replicas": 4}));
    cluster.wait(5);
    cluster.set_image("example/app:2");
    cluster.wait(3);
    assert_eq!(cluster.sizes(), [(1, 4), (2, 1)].into());
    assert_eq!(cluster.phase(), ("Paused", "BlueGreenPause"));
    cluster
}

fn checkpoint(cluster: &Cluster) -> Option<bool> {
    cluster.status().blue_green.and_then(|seen| seen.scale_up_preview_check_point)
}

#[test]
fn the_first_version_has_full_size_at_once() {
    let mut cluster = deployed(&json!({"previewReplicaCount": 1}));
    assert_eq!(cluster.sizes(), [(1, 2)].into());
    cluster.wait(100);
    assert_eq!(cluster.phase(), ("Healthy", ""));
}

#[test]
fn a_promotion_grows_to_full_size_first_and_says_so() {
    let mut cluster = previewed();
    cluster.promote();
    cluster.wait(0);
    assert_eq!(cluster.sizes(), [(1, 4), (2, 4)].into());
    assert_eq!(cluster.active(), cluster.hash(1));
    assert_eq!(checkpoint(&cluster), Some(true));
    assert_eq!(cluster.status().controller_pause, None);
    let name = cluster.set(2).name.clone();
    assert_eq!(cluster.told(&format!("Scaled up ReplicaSet {name} (revision 2) from 1 to 4")), 1);
    assert_eq!(cluster.phase(), ("Progressing", "active service cutover pending"));
    let (status, reason, _) = cluster.condition(keys::APPROVAL_CONDITION).expect("a record");
    assert_eq!((status.as_str(), reason.as_str()), ("True", "Approved"));

    cluster.wait(2);
    assert_eq!(cluster.active(), cluster.hash(2));
    assert_eq!(cluster.phase(), ("Healthy", ""));
    assert_eq!(checkpoint(&cluster), None);
    let (_, reason, _) = cluster.condition(keys::APPROVAL_CONDITION).expect("a record");
    assert_eq!(reason, "Spent");
    assert_eq!(cluster.told("RolloutPaused"), 1);
}

#[test]
fn without_a_gate_it_grows_when_the_preview_is_ready() {
    let mut cluster = deployed(&json!({"previewReplicaCount": 1, "autoPromotionEnabled": true}));
    cluster.set_image("example/app:2");
    cluster.wait(1);
    assert_eq!(cluster.sizes(), [(1, 2), (2, 1)].into());
    cluster.wait(1);
    assert_eq!(cluster.sizes(), [(1, 2), (2, 2)].into());
    cluster.wait(2);
    assert_eq!(cluster.active(), cluster.hash(2));
    assert_eq!(cluster.told("RolloutPaused"), 0);
}

#[test]
fn auto_promotion_seconds_run_once_and_then_it_grows() {
    let strategy =
        json!({"previewReplicaCount": 1, "autoPromotionEnabled": true, "autoPromotionSeconds": 20});
    let mut cluster = updated(&strategy);
    cluster.wait(18);
    assert_eq!(cluster.sizes(), [(1, 2), (2, 1)].into());
    cluster.wait(1);
    assert_eq!(cluster.sizes(), [(1, 2), (2, 2)].into());
    cluster.wait(2);
    assert_eq!(cluster.active(), cluster.hash(2));
    assert_eq!(cluster.told("RolloutResumed"), 1);
    assert_eq!(cluster.told("RolloutPaused"), 1);
}

#[test]
fn a_full_promotion_ignores_it() {
    let mut cluster = previewed();
    cluster.steer(|status| status.promote_full = Some(true));
    cluster.wait(0);
    assert_eq!(cluster.sizes(), [(1, 4), (2, 4)].into());
    cluster.wait(2);
    assert_eq!(cluster.active(), cluster.hash(2));
    assert_eq!(cluster.sizes()[&2], 4, "the preview size is not its final size");
}

#[test]
fn the_checkpoint_does_not_survive_a_new_template() {
    let mut cluster = previewed();
    cluster.promote();
    cluster.wait(0);
    cluster.set_image("example/app:3");
    cluster.wait(5);
    assert_eq!(checkpoint(&cluster), None);
    assert_eq!(cluster.set(3).replicas_wanted, 1);
    assert_eq!(cluster.phase(), ("Paused", "BlueGreenPause"));
    cluster.wait(1000);
    assert_eq!(cluster.active(), cluster.hash(1));

    cluster.set_image("example/app:2");
    cluster.wait(10);
    assert_eq!(cluster.phase(), ("Paused", "BlueGreenPause"), "the approval was for revision 2, not 4");
    assert_eq!(cluster.active(), cluster.hash(1));
}

#[test]
fn an_abort_takes_the_approval_of_a_growing_version_back() {
    let mut cluster = previewed();
    cluster.promote();
    cluster.wait(0);
    cluster.steer(|status| status.abort = Some(true));
    cluster.wait(5);
    let (_, reason, _) = cluster.condition(keys::APPROVAL_CONDITION).expect("a record");
    assert_eq!((reason.as_str(), checkpoint(&cluster)), ("Withdrawn", None));
    cluster.steer(|status| status.abort = Some(false));
    cluster.wait(5);
    assert_eq!(cluster.phase(), ("Paused", "BlueGreenPause"));
    assert_eq!(cluster.active(), cluster.hash(1));
}

#[test]
fn a_checkpoint_that_nobody_here_approved_is_no_approval() {
    let mut cluster = previewed();
    cluster.steer(|status| {
        status.pause_conditions = None;
        status.controller_pause = None;
        status.blue_green.get_or_insert_default().scale_up_preview_check_point = Some(true);
    });
    cluster.wait(100);
    assert_eq!(cluster.active(), cluster.hash(1));
    assert_eq!(cluster.sizes(), [(1, 4), (2, 4)].into());
    assert_eq!(cluster.phase(), ("Paused", "BlueGreenPause"));
    cluster.promote();
    cluster.wait(0);
    assert_eq!(cluster.active(), cluster.hash(2));
}

#[test]
fn a9_going_back_to_a_warm_version_does_not_shrink_it() {
    let mut cluster = previewed();
    cluster.apply(&json!({"strategy": {"blueGreen": {"scaleDownDelaySeconds": 60}}}));
    cluster.promote();
    cluster.wait(5);
    assert_eq!(cluster.active(), cluster.hash(2));
    cluster.set_image("example/app:1");
    cluster.wait(0);
    assert_eq!(cluster.active(), cluster.hash(3));
    assert_eq!(cluster.sizes(), [(2, 4), (3, 4)].into());
    assert_eq!(cluster.told("from 4 to 1"), 0);
}

#[test]
fn a_preview_of_nothing_waits_for_its_gate_and_then_grows() {
    let mut cluster = updated(&json!({"previewReplicaCount": 0}));
    assert_eq!(cluster.sizes(), [(1, 2), (2, 0)].into());
    assert_eq!(cluster.phase(), ("Paused", "BlueGreenPause"));
    cluster.promote();
    cluster.wait(1);
    assert_eq!(cluster.active(), cluster.hash(1));
    cluster.wait(1);
    assert_eq!(cluster.active(), cluster.hash(2));
}

#[test]
fn a_preview_is_never_larger_than_what_is_desired() {
    let mut cluster = updated(&json!({"previewReplicaCount": 5}));
    assert_eq!(cluster.sizes(), [(1, 2), (2, 2)].into());
    cluster.promote();
    cluster.wait(0);
    assert_eq!(cluster.active(), cluster.hash(2));
}

#[test]
fn an_abort_with_delay_0_keeps_the_preview_at_its_size() {
    let mut cluster = updated(&json!({"previewReplicaCount": 1, "abortScaleDownDelaySeconds": 0}));
    cluster.steer(|status| status.abort = Some(true));
    cluster.wait(1000);
    assert_eq!(cluster.sizes(), [(1, 2), (2, 1)].into());
}

#[test]
fn a12_a_replica_change_in_the_preview_scales_the_active_stack_and_disturbs_nothing() {
    let mut cluster = previewed();
    let pause = cluster.status().pause_conditions;
    for (replicas, preview) in [(6, 1), (3, 1), (1, 1), (4, 1)] {
        cluster.apply(&json!({"replicas": replicas}));
        cluster.wait(5);
        assert_eq!(cluster.sizes(), [(1, replicas), (2, preview)].into());
        assert_eq!(cluster.status().pause_conditions, pause);
        assert_eq!(cluster.phase(), ("Paused", "BlueGreenPause"));
    }
    let desired = cluster.replica_sets.values().map(ReplicaSetSeen::desired_replicas);
    assert_eq!(desired.collect::<Vec<_>>(), [Some(4), Some(4)]);
}

#[test]
fn a12_a_replica_change_while_it_grows_is_followed() {
    let mut cluster = previewed();
    cluster.promote();
    cluster.wait(1);
    cluster.apply(&json!({"replicas": 6}));
    cluster.wait(1);
    assert_eq!(cluster.active(), cluster.hash(1), "two of six pods are missing");
    cluster.wait(1);
    assert_eq!(cluster.active(), cluster.hash(2));
    assert_eq!(cluster.sizes()[&2], 6);
    assert_eq!(cluster.told("RolloutPaused"), 1);
}
