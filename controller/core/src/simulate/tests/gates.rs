//! Pauses, approvals, promotion, abort, retry, rollback.

use std::collections::BTreeMap;

use serde_json::json;
use verdigris_crds::keys;

use super::{aborted_after_the_switch, deployed, promoted, shop, updated};
use crate::approval::Approval;
use crate::seen::after;
use crate::simulate::Cluster;

fn approve(cluster: &mut Cluster, hash: &str, revision: u64) {
    let approval = Approval {
        hash: hash.to_owned(),
        revision: Some(revision),
        user: Some("anna".into()),
        at: Some(cluster.now),
        by: "kubectl-rollouts".into(),
    };
    cluster.annotate(BTreeMap::from([(keys::APPROVAL.to_owned(), Some(approval.to_annotation()))]));
}

#[test]
fn the_first_deploy_has_no_gate() {
    let cluster = deployed(&json!({}));
    assert_eq!(cluster.told("Initial deploy"), 1);
    assert_eq!(cluster.told("RolloutPaused"), 0);
}

#[test]
fn a_first_version_that_is_ready_just_as_the_second_comes_takes_the_traffic() {
    let mut cluster = shop(&json!({}));
    cluster.settle().expect("deploy");
    cluster.now = after(cluster.now, 2);
    cluster.act();
    cluster.set_image("example/app:2");
    cluster.wait(5);
    assert_eq!(cluster.active(), cluster.hash(1));
    assert_eq!(cluster.phase(), ("Paused", "BlueGreenPause"));
}

#[test]
fn a_first_version_that_never_was_ready_is_replaced_without_a_gate() {
    let mut cluster = shop(&json!({}));
    cluster.set_image("example/app:bad");
    cluster.wait(60);
    cluster.set_image("example/app:2");
    cluster.wait(10);
    assert_eq!(cluster.active(), cluster.hash(2));
    assert_eq!(cluster.phase(), ("Healthy", ""));
}

#[test]
fn nothing_is_promoted_while_the_operator_has_the_wheel() {
    let mut cluster = updated(&json!({}));
    cluster.edit(|rollout| rollout.spec.paused = Some(true));
    let hash = cluster.hash(2);
    approve(&mut cluster, &hash, 2);
    cluster.wait(60);
    assert_eq!(cluster.active(), cluster.hash(1));
    assert_eq!(cluster.phase(), ("Paused", "manually paused"));
    cluster.edit(|rollout| rollout.spec.paused = Some(false));
    cluster.wait(0);
    assert_eq!(cluster.active(), hash);
}

#[test]
fn an_approval_of_this_hash_and_revision_promotes() {
    let mut cluster = updated(&json!({}));
    assert_eq!(cluster.phase(), ("Paused", "BlueGreenPause"));
    let hash = cluster.hash(2);
    approve(&mut cluster, &hash, 2);
    cluster.wait(0);
    assert_eq!(cluster.active(), hash);
    let (_, reason, message) = cluster.condition(keys::APPROVAL_CONDITION).expect("a record");
    assert_eq!(reason, "Spent");
    assert!(message.contains("revision 2") && message.contains("anna"), "{message}");
}

#[test]
fn an_approval_of_another_version_is_refused_once_in_words() {
    let mut cluster = updated(&json!({}));
    let old = cluster.hash(1);
    approve(&mut cluster, &old, 1);
    cluster.wait(60);
    assert_eq!(cluster.active(), old);
    assert_eq!(cluster.told("ApprovalRefused"), 1);
    assert!(cluster.events().iter().any(|text| text.contains("the update in progress is")));
    assert_eq!(cluster.phase(), ("Paused", "BlueGreenPause"));
}

#[test]
fn an_approval_that_a_new_template_overtakes_is_refused() {
    let mut cluster = updated(&json!({}));
    let second = cluster.hash(2);
    approve(&mut cluster, &second, 2);
    cluster.set_image("example/app:3");
    cluster.wait(5);
    assert_eq!(cluster.active(), cluster.hash(1));
    assert_eq!(cluster.told("ApprovalRefused"), 1);
}

#[test]
fn the_same_version_needs_a_new_approval_when_it_comes_again() {
    let mut cluster = updated(&json!({"scaleDownDelaySeconds": 0}));
    let second = cluster.hash(2);
    approve(&mut cluster, &second, 2);
    cluster.wait(1);
    cluster.set_image("example/app:1");
    cluster.wait(5);
    cluster.promote();
    cluster.wait(5);
    cluster.set_image("example/app:2");
    cluster.wait(5);
    assert_eq!(cluster.set(4).hash("app"), Some(second.as_str()));
    assert_eq!(cluster.phase(), ("Paused", "BlueGreenPause"));
}

#[test]
fn an_approval_is_not_lost_because_a_pod_is_unready_just_then() {
    let mut cluster = updated(&json!({}));
    let name = cluster.set(2).name.clone();
    cluster.break_pods(&name, 1);
    cluster.promote();
    cluster.wait(30);
    assert_eq!(cluster.active(), cluster.hash(1), "one pod is missing");
    cluster.break_pods(&name, 0);
    cluster.wait(0);
    assert_eq!(cluster.active(), cluster.hash(2));
}

#[test]
fn an_approval_may_come_before_the_pods_are_ready() {
    let mut cluster = deployed(&json!({}));
    cluster.set_image("example/app:2");
    cluster.wait(0);
    let hash = cluster.hash(2);
    approve(&mut cluster, &hash, 2);
    cluster.wait(5);
    assert_eq!(cluster.active(), hash);
    assert_eq!(cluster.told("RolloutPaused"), 0);
}

#[test]
fn a15_plain_promote_with_auto_promotion_seconds_promotes() {
    let mut cluster = updated(&json!({"autoPromotionEnabled": true, "autoPromotionSeconds": 600}));
    assert_eq!(cluster.phase(), ("Paused", "BlueGreenPause"));
    cluster.promote();
    cluster.wait(0);
    assert_eq!(cluster.active(), cluster.hash(2));
}

#[test]
fn auto_promotion_seconds_promote_when_they_are_over_and_not_before() {
    let mut cluster = updated(&json!({"autoPromotionEnabled": true, "autoPromotionSeconds": 20}));
    cluster.wait(18);
    assert_eq!(cluster.active(), cluster.hash(1));
    cluster.wait(2);
    assert_eq!(cluster.active(), cluster.hash(2));
    assert_eq!(cluster.told("RolloutResumed"), 1);
}

#[test]
fn without_a_gate_the_switch_needs_all_pods() {
    let mut cluster = updated(&json!({"autoPromotionEnabled": true}));
    assert_eq!(cluster.active(), cluster.hash(2));
    cluster.set_image("example/app:bad");
    cluster.wait(300);
    assert_eq!(cluster.active(), cluster.hash(2));
    assert_eq!(cluster.phase().0, "Progressing");
}

#[test]
fn min_ready_seconds_are_waited_for() {
    let mut cluster = deployed(&json!({"autoPromotionEnabled": true}));
    cluster.edit(|rollout| rollout.spec.min_ready_seconds = Some(30));
    cluster.set_image("example/app:2");
    cluster.wait(31);
    assert_eq!(cluster.active(), cluster.hash(1));
    cluster.wait(1);
    assert_eq!(cluster.active(), cluster.hash(2));
}

#[test]
fn a_full_promotion_skips_the_gate_and_not_the_pods() {
    let mut cluster = deployed(&json!({}));
    cluster.set_image("example/app:2");
    cluster.wait(0);
    cluster.steer(|status| status.promote_full = Some(true));
    cluster.wait(1);
    assert_eq!(cluster.active(), cluster.hash(1));
    cluster.wait(1);
    assert_eq!(cluster.active(), cluster.hash(2));
    assert_eq!(cluster.status().promote_full, None);
    assert_eq!(cluster.told("Full promotion requested"), 1);
}

#[test]
fn an_abort_before_the_switch_keeps_the_new_version_for_its_delay() {
    let mut cluster = updated(&json!({"abortScaleDownDelaySeconds": 5}));
    cluster.steer(|status| status.abort = Some(true));
    cluster.wait(4);
    assert_eq!(cluster.phase(), ("Degraded", "RolloutAborted: Rollout aborted update to revision 2"));
    assert_eq!(cluster.set(2).replicas_wanted, 2);
    cluster.wait(1);
    assert_eq!(cluster.set(2).replicas_wanted, 0);
    assert_eq!(cluster.told("RolloutAborted"), 1);
    cluster.wait(1000);
    assert_eq!(cluster.told("RolloutAborted"), 1);
}

#[test]
fn abort_scale_down_delay_0_keeps_the_new_version() {
    let mut cluster = updated(&json!({"abortScaleDownDelaySeconds": 0}));
    cluster.steer(|status| status.abort = Some(true));
    cluster.wait(100_000);
    assert_eq!(cluster.set(2).replicas_wanted, 2);
}

#[test]
fn a30_an_abort_after_the_switch_goes_back_to_stable_while_the_new_pods_are_unhealthy() {
    let mut cluster = aborted_after_the_switch();
    let name = cluster.set(2).name.clone();
    cluster.break_pods(&name, 2);
    cluster.wait(0);
    assert_eq!(cluster.active(), cluster.hash(1));
    cluster.wait(120);
    assert_eq!(cluster.sizes(), BTreeMap::from([(1, 2), (2, 0)]));
}

#[test]
fn a30_what_is_selected_is_never_scaled_to_zero() {
    let mut cluster = aborted_after_the_switch();
    let stable = cluster.set(1).name.clone();
    cluster.break_pods(&stable, 2);
    cluster.wait(600);
    assert_eq!(cluster.active(), cluster.hash(2), "stable has nobody to serve");
    assert_eq!(cluster.set(2).replicas_wanted, 2);
    cluster.break_pods(&stable, 0);
    cluster.wait(0);
    assert_eq!(cluster.active(), cluster.hash(1));
}

#[test]
fn a_retry_begins_the_update_anew_and_needs_a_new_approval() {
    let mut cluster = updated(&json!({"abortScaleDownDelaySeconds": 5}));
    let hash = cluster.hash(2);
    let name = cluster.set(2).name.clone();
    cluster.break_pods(&name, 1);
    approve(&mut cluster, &hash, 2);
    cluster.wait(1);
    cluster.steer(|status| status.abort = Some(true));
    cluster.wait(8);
    cluster.steer(|status| status.abort = Some(false));
    cluster.wait(5);
    assert_eq!(cluster.phase(), ("Paused", "BlueGreenPause"));
    assert_eq!(cluster.status().aborted_at, None);
    cluster.promote();
    cluster.wait(1);
    assert_eq!(cluster.active(), hash);
}

#[test]
fn a_new_template_ends_an_abort() {
    let mut cluster = updated(&json!({}));
    cluster.steer(|status| status.abort = Some(true));
    cluster.wait(1);
    cluster.set_image("example/app:3");
    cluster.wait(5);
    assert_eq!(cluster.phase(), ("Paused", "BlueGreenPause"));
    assert_eq!(cluster.status().abort, None);
}

#[test]
fn a_promoted_version_cannot_be_aborted() {
    let mut cluster = promoted(&json!({}));
    cluster.steer(|status| status.abort = Some(true));
    cluster.wait(1);
    assert_eq!(cluster.phase(), ("Healthy", ""));
    assert_eq!(cluster.status().abort, None);
}

#[test]
fn going_back_to_a_warm_stable_version_switches_at_once() {
    let mut cluster = promoted(&json!({}));
    cluster.set_image("example/app:1");
    let before = cluster.now;
    cluster.wait(0);
    assert_eq!(cluster.now, before);
    assert_eq!(cluster.active(), cluster.hash(3));
    assert_eq!(cluster.set(3).annotations.get(keys::REVISION_HISTORY).map(String::as_str), Some("1"));
    assert_eq!(cluster.told("Fast rollback"), 1);
}

#[test]
fn a_warm_version_that_lost_a_pod_switches_when_it_has_it_again() {
    let mut cluster = promoted(&json!({"scaleDownDelaySeconds": 60}));
    let name = cluster.set(1).name.clone();
    cluster.break_pods(&name, 1);
    cluster.wait(1);
    cluster.set_image("example/app:1");
    cluster.wait(100);
    assert_eq!(cluster.active(), cluster.hash(2));
    cluster.break_pods(&name, 0);
    cluster.wait(0);
    assert_eq!(cluster.active(), cluster.hash(3));
}

#[test]
fn warm_is_not_approved_a_version_that_was_never_promoted_meets_its_gate() {
    let mut cluster = updated(&json!({"scaleDownDelaySeconds": 600}));
    cluster.set_image("example/app:3");
    cluster.wait(3);
    cluster.promote();
    cluster.wait(1);
    assert_eq!(cluster.active(), cluster.hash(3));
    cluster.set_image("example/app:2");
    cluster.wait(5);
    assert_eq!(cluster.phase(), ("Paused", "BlueGreenPause"));
    assert_eq!(cluster.active(), cluster.hash(3));
}

#[test]
fn going_back_to_a_cold_version_is_an_update_as_any_other() {
    let mut cluster = promoted(&json!({"scaleDownDelaySeconds": 0}));
    assert_eq!(cluster.set(1).replicas_wanted, 0);
    cluster.set_image("example/app:1");
    cluster.wait(5);
    assert_eq!(cluster.phase(), ("Paused", "BlueGreenPause"));
}

#[test]
fn going_back_to_stable_before_the_switch_is_done_at_once_without_an_event() {
    let mut cluster = updated(&json!({}));
    cluster.set_image("example/app:1");
    cluster.wait(0);
    assert_eq!(cluster.phase(), ("Healthy", ""));
    assert_eq!(cluster.told("RolloutCompleted"), 1, "the initial deploy only");
    cluster.wait(10);
    assert_eq!(cluster.sizes(), BTreeMap::from([(2, 0), (3, 2)]));
}

#[test]
fn the_progress_deadline_degrades_and_recovers() {
    let mut cluster = deployed(&json!({}));
    cluster.edit(|rollout| rollout.spec.progress_deadline_seconds = Some(60));
    cluster.set_image("example/app:2");
    cluster.settings.never_ready = "app:2".into();
    cluster.wait(59);
    assert_eq!(cluster.phase().0, "Progressing");
    cluster.wait(3);
    assert_eq!(cluster.phase().0, "Degraded");
    assert!(cluster.phase().1.starts_with("ProgressDeadlineExceeded: ReplicaSet \"app-"));
    cluster.settings.never_ready = String::new();
    cluster.wait(1);
    assert_eq!(cluster.phase(), ("Paused", "BlueGreenPause"));
}

#[test]
fn the_progress_deadline_aborts_where_asked_to() {
    let mut cluster = deployed(&json!({}));
    cluster.edit(|rollout| {
        rollout.spec.progress_deadline_seconds = Some(60);
        rollout.spec.progress_deadline_abort = Some(true);
    });
    cluster.set_image("example/app:bad");
    cluster.wait(70);
    assert!(cluster.phase().1.contains("has timed out progressing"), "{}", cluster.phase().1);
    assert_eq!(cluster.told("RolloutAborted"), 1);
    cluster.wait(60);
    assert_eq!(cluster.sizes(), BTreeMap::from([(1, 2), (2, 0)]));
}
