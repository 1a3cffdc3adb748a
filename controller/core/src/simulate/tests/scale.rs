//! Sizes, delays, history, autoscalers.

use std::collections::BTreeMap;

use serde_json::json;
use verdigris_crds::keys;

use super::{deployed, promoted, shop, updated};
use crate::seen::after;
use crate::simulate::Entry;

#[test]
fn a10_scale_down_delay_0_is_immediate() {
    let cluster = promoted(&json!({"scaleDownDelaySeconds": 0}));
    assert_eq!(cluster.sizes(), BTreeMap::from([(1, 0), (2, 2)]));
}

#[test]
fn a10_deadlines_are_absolute() {
    let mut cluster = promoted(&json!({"scaleDownDelaySeconds": 30}));
    let deadline = cluster.set(1).scale_down_deadline().expect("a deadline");
    cluster.set_image("example/app:3");
    cluster.wait(10);
    cluster.steer(|status| status.abort = Some(true));
    cluster.wait(10);
    assert_eq!(cluster.set(1).scale_down_deadline(), Some(deadline));
    cluster.now = after(deadline, -1);
    cluster.wait(0);
    assert_eq!(cluster.set(1).replicas_wanted, 2);
    cluster.wait(1);
    assert_eq!(cluster.set(1).replicas_wanted, 0);
}

#[test]
fn only_so_many_old_versions_wait_as_the_limit_says() {
    let mut cluster = promoted(&json!({"scaleDownDelaySeconds": 600, "scaleDownDelayRevisionLimit": 1}));
    cluster.set_image("example/app:3");
    cluster.wait(3);
    cluster.promote();
    cluster.wait(1);
    assert_eq!(cluster.sizes(), BTreeMap::from([(1, 0), (2, 2), (3, 2)]));
}

#[test]
fn an_update_in_an_update_retires_the_version_in_between() {
    let mut cluster = updated(&json!({}));
    cluster.set_image("example/app:3");
    cluster.wait(7);
    assert_eq!(cluster.sizes(), BTreeMap::from([(1, 2), (2, 0), (3, 2)]));
    assert_eq!(cluster.active(), cluster.hash(1));
}

#[test]
fn a11_a_replica_change_in_an_update_scales_both_and_disturbs_nothing() {
    let mut cluster = updated(&json!({}));
    let pause = cluster.status().pause_conditions;
    cluster.edit(|rollout| rollout.spec.replicas = Some(4));
    cluster.wait(5);
    assert_eq!(cluster.sizes(), BTreeMap::from([(1, 4), (2, 4)]));
    assert_eq!(cluster.status().pause_conditions, pause);
    assert!(
        !cluster.log.iter().any(|(_, entry)| matches!(entry, Entry::Phase(phase, _) if phase == "Degraded"))
    );
    cluster.edit(|rollout| rollout.spec.replicas = Some(1));
    cluster.wait(5);
    assert_eq!(cluster.sizes(), BTreeMap::from([(1, 1), (2, 1)]));
    assert_eq!(cluster.phase(), ("Paused", "BlueGreenPause"));
}

#[test]
fn replicas_0_before_during_and_after_an_update() {
    let mut cluster = shop(&json!({"autoPromotionEnabled": true}));
    cluster.edit(|rollout| rollout.spec.replicas = Some(0));
    cluster.wait(5);
    assert_eq!(cluster.phase(), ("Healthy", ""));
    cluster.set_image("example/app:2");
    cluster.wait(5);
    assert_eq!(cluster.active(), cluster.hash(2));
    cluster.edit(|rollout| rollout.spec.replicas = Some(2));
    cluster.wait(5);
    assert_eq!(cluster.phase(), ("Healthy", ""));
    assert_eq!(cluster.set(2).replicas_wanted, 2);
}

#[test]
fn absent_replicas_are_written_as_1() {
    let mut cluster = shop(&json!({}));
    cluster.edit(|rollout| rollout.spec.replicas = None);
    cluster.wait(5);
    assert_eq!(cluster.rollout.spec.replicas, Some(1));
    assert_eq!(cluster.phase(), ("Healthy", ""));
}

#[test]
fn history_keeps_so_many_old_versions_besides_current_and_stable() {
    let mut cluster = deployed(&json!({"autoPromotionEnabled": true, "scaleDownDelaySeconds": 1}));
    cluster.edit(|rollout| rollout.spec.revision_history_limit = Some(1));
    for image in 2..6 {
        cluster.set_image(&format!("example/app:{image}"));
        cluster.wait(10);
    }
    assert_eq!(cluster.sizes(), BTreeMap::from([(4, 0), (5, 2)]));
}

#[test]
fn history_deletes_nothing_that_has_pods() {
    let mut cluster = promoted(&json!({"scaleDownDelaySeconds": 600}));
    cluster.edit(|rollout| rollout.spec.revision_history_limit = Some(0));
    cluster.wait(30);
    assert_eq!(cluster.sizes(), BTreeMap::from([(1, 2), (2, 2)]));
}

#[test]
fn autoscalers_see_the_active_version() {
    let cluster = updated(&json!({}));
    let status = cluster.status();
    assert_eq!((status.hpa_replicas, status.replicas), (Some(2), Some(4)));
    assert_eq!(status.selector, Some(format!("app=app,rollouts-pod-template-hash={}", cluster.hash(1))));
}

#[test]
fn annotations_are_copied_but_never_ours_nor_those_that_steer() {
    let mut cluster = deployed(&json!({}));
    let annotation = |key: &str| (key.to_owned(), Some("x".to_owned()));
    cluster.annotate(BTreeMap::from([
        annotation("team"),
        annotation("verdigris.dev/note"),
        annotation(keys::SCALE_DOWN_DEADLINE),
        annotation(keys::LAST_APPLIED),
    ]));
    cluster.wait(1);
    let copied: Vec<_> =
        cluster.set(1).annotations.iter().filter(|(_, value)| *value == "x").map(|(key, _)| key).collect();
    assert_eq!(copied, ["team"]);
}

#[test]
fn a_quiet_rollout_writes_nothing_at_all() {
    let mut cluster = promoted(&json!({}));
    cluster.wait(100);
    let (writes, status) = (cluster.writes(), cluster.status());
    cluster.wait(100_000);
    assert_eq!(cluster.writes(), writes);
    assert_eq!(cluster.status(), status);
}

#[test]
fn an_update_costs_few_writes() {
    let mut cluster = deployed(&json!({}));
    let before = cluster.writes();
    cluster.set_image("example/app:2");
    cluster.wait(5);
    cluster.promote();
    cluster.wait(60);
    // The ReplicaSet, the Rollout's revision, preview, active, the deadline of the old ReplicaSet, its end.
    assert_eq!(cluster.writes() - before, 6);
}
