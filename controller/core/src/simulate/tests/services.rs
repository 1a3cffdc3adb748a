//! Selectors: preview at once, drift restored, traffic proven.

use serde_json::json;
use verdigris_crds::keys;

use super::{deployed, promoted, updated};
use crate::simulate::Cluster;

#[test]
fn preview_is_pointed_in_the_pass_that_creates_the_replica_set() {
    let mut cluster = deployed(&json!({}));
    cluster.set_image("example/app:2");
    cluster.pass().expect("safe");
    assert_eq!(cluster.services["app-preview"].hash(), Some(cluster.hash(2).as_str()));
    assert_eq!(cluster.active(), cluster.hash(1));
}

#[test]
fn services_are_marked_as_managed() {
    let cluster = deployed(&json!({}));
    assert_eq!(cluster.services["app-active"].managed_by.as_deref(), Some("app"));
    assert_eq!(cluster.services["app-preview"].managed_by.as_deref(), Some("app"));
}

#[test]
fn a4_a_stripped_selector_is_restored_and_is_no_approval() {
    let mut cluster = updated(&json!({}));
    cluster.point_by_hand("app-active", None);
    cluster.wait(0);
    assert_eq!(cluster.active(), cluster.hash(1));
    assert_eq!(cluster.phase(), ("Paused", "BlueGreenPause"));
    assert_eq!(cluster.told("ServiceDrift"), 1);
}

#[test]
fn a5_a_selector_pointed_past_the_gate_by_hand_is_restored() {
    let mut cluster = updated(&json!({}));
    let hash = cluster.hash(2);
    cluster.point_by_hand("app-active", Some(&hash));
    cluster.wait(0);
    assert_eq!(cluster.active(), cluster.hash(1));
    assert_eq!(cluster.phase(), ("Paused", "BlueGreenPause"));
}

#[test]
fn what_the_active_service_was_restored_from_keeps_its_pods_in_that_pass() {
    let mut cluster = updated(&json!({"scaleDownDelayRevisionLimit": 0}));
    let hash = cluster.hash(2);
    cluster.point_by_hand("app-active", Some(&hash));
    cluster.set_image("example/app:1");
    cluster.pass().expect("safe");
    assert_eq!(cluster.active(), cluster.hash(3));
    assert_eq!(cluster.set(2).replicas_wanted, 2);
    cluster.wait(0);
    assert_eq!(cluster.set(2).replicas_wanted, 0);
}

#[test]
fn drift_is_only_reported_while_the_operator_has_the_wheel() {
    let mut cluster = updated(&json!({}));
    cluster.edit(|rollout| rollout.spec.paused = Some(true));
    cluster.point_by_hand("app-active", None);
    cluster.wait(60);
    assert_eq!(cluster.active(), "");
    assert_eq!(cluster.told("ServiceDrift"), 1);
    let (_, _, message) = cluster.condition(keys::SERVICE_DRIFT).expect("a condition");
    assert!(message.contains("spec.paused"), "{message}");
    assert_eq!(cluster.status().blue_green.and_then(|it| it.active_selector), Some(cluster.hash(1)));
    cluster.edit(|rollout| rollout.spec.paused = None);
    cluster.wait(0);
    assert_eq!(cluster.active(), cluster.hash(1));
    assert_eq!(cluster.condition(keys::SERVICE_DRIFT), None);
}

#[test]
fn drift_is_not_restored_to_a_version_without_ready_pods() {
    let mut cluster = updated(&json!({}));
    let name = cluster.set(1).name.clone();
    cluster.break_pods(&name, 2);
    cluster.wait(0);
    let hash = cluster.hash(2);
    cluster.point_by_hand("app-active", Some(&hash));
    cluster.wait(60);
    assert_eq!(cluster.active(), hash, "better the wrong version than none");
    assert!(cluster.condition(keys::SERVICE_DRIFT).is_some());
}

/// Ways to be in the middle of an update, with version 1 active and stable.
fn in_the_middle() -> Vec<(&'static str, Cluster)> {
    let mut growing = updated(&json!({"previewReplicaCount": 1}));
    growing.promote();
    growing.wait(0);
    let mut failing = deployed(&json!({"autoPromotionEnabled": true}));
    failing.set_image("example/app:bad");
    failing.wait(5);
    let mut aborted = updated(&json!({}));
    aborted.steer(|status| status.abort = Some(true));
    aborted.wait(1);
    let seconds = json!({"autoPromotionEnabled": true, "autoPromotionSeconds": 60});
    vec![
        ("waiting for somebody", updated(&json!({}))),
        ("waiting for its time", updated(&seconds)),
        ("growing after its approval", growing),
        ("failing without a gate", failing),
        ("aborted", aborted),
    ]
}

fn rename_active(cluster: &mut Cluster, name: &str) {
    cluster.apply(&json!({"strategy": {"blueGreen": {"activeService": name}}}));
}

#[test]
fn a_service_made_again_in_an_update_serves_stable() {
    for (name, mut cluster) in in_the_middle() {
        cluster.services.remove("app-active");
        cluster.settle().expect("safe");
        assert!(cluster.phase().1.starts_with("InvalidSpec"), "{name}: {}", cluster.phase().1);
        cluster.add_service("app-active");
        cluster.settle().expect("safe");
        assert_eq!(cluster.active(), cluster.hash(1), "{name}");
        assert_eq!(cluster.told("Initial deploy"), 1, "{name}");
    }
}

#[test]
fn an_active_service_renamed_in_an_update_serves_stable() {
    for (name, mut cluster) in in_the_middle() {
        cluster.add_service("app-front");
        rename_active(&mut cluster, "app-front");
        cluster.settle().expect("safe");
        assert_eq!(cluster.services["app-front"].hash(), Some(cluster.hash(1).as_str()), "{name}");
        assert_eq!(cluster.told("Initial deploy"), 1, "{name}");
    }
}

#[test]
fn services_that_change_places_in_an_update_serve_what_each_is_for() {
    for (name, mut cluster) in in_the_middle() {
        let names = json!({"activeService": "app-preview", "previewService": "app-active"});
        cluster.apply(&json!({"strategy": {"blueGreen": names}}));
        cluster.settle().expect("safe");
        assert_eq!(cluster.services["app-preview"].hash(), Some(cluster.hash(1).as_str()), "{name}");
        assert_eq!(cluster.services["app-active"].hash(), Some(cluster.hash(2).as_str()), "{name}");
    }
}

#[test]
fn a_service_named_in_the_very_edit_that_begins_an_update_serves_stable() {
    let mut cluster = deployed(&json!({}));
    cluster.add_service("app-front");
    rename_active(&mut cluster, "app-front");
    cluster.set_image("example/app:2");
    cluster.wait(30);
    assert_eq!(cluster.services["app-front"].hash(), Some(cluster.hash(1).as_str()));
    assert_eq!(cluster.phase(), ("Paused", "BlueGreenPause"));
}

#[test]
fn a_lost_status_promotes_nobody() {
    let mut cluster = updated(&json!({}));
    cluster.rollout.status = None;
    cluster.wait(5);
    assert_eq!(cluster.active(), cluster.hash(1));
    assert_eq!(cluster.phase(), ("Paused", "BlueGreenPause"));
    assert_eq!(cluster.status().stable_rs, Some(cluster.hash(1)));
}

#[test]
fn a1_the_delay_of_the_old_version_begins_when_the_endpoints_show_the_switch() {
    let mut cluster = updated(&json!({}));
    cluster.settings.endpoints_follow = false;
    cluster.promote();
    cluster.wait(20);
    assert_eq!(cluster.set(1).scale_down_deadline(), None, "traffic may still come");
    let (status, ..) = cluster.condition(keys::TRAFFIC_SWITCHED).expect("a condition");
    assert_eq!(status, "False");
    cluster.settings.endpoints_follow = true;
    cluster.wait(0);
    let (status, reason, _) = cluster.condition(keys::TRAFFIC_SWITCHED).expect("a condition");
    assert_eq!((status.as_str(), reason.as_str()), ("True", "EndpointsFollowed"));
    cluster.wait(5);
    assert_eq!(cluster.set(1).replicas_wanted, 2);
    cluster.wait(1);
    assert_eq!(cluster.set(1).replicas_wanted, 0);
}

#[test]
fn a2_endpoints_that_may_not_be_read_cost_a_minute_and_the_condition_says_so() {
    let mut cluster = updated(&json!({}));
    cluster.settings.endpoints_readable = false;
    cluster.promote();
    cluster.wait(59);
    assert_eq!(cluster.set(1).scale_down_deadline(), None);
    cluster.wait(1);
    let (status, reason, _) = cluster.condition(keys::TRAFFIC_SWITCHED).expect("a condition");
    assert_eq!((status.as_str(), reason.as_str()), ("Unknown", "EndpointsNotReadable"));
    cluster.wait(6);
    assert_eq!(cluster.set(1).replicas_wanted, 0);
}

#[test]
fn what_still_is_an_endpoint_stays_beyond_its_deadline() {
    let mut cluster = promoted(&json!({}));
    let hash = cluster.hash(1);
    cluster.followed.insert(keys::POD_TEMPLATE_HASH.into(), hash);
    cluster.settings.endpoints_follow = false;
    cluster.wait(60);
    assert_eq!(cluster.set(1).replicas_wanted, 2);
    cluster.settings.endpoints_follow = true;
    cluster.wait(0);
    assert_eq!(cluster.set(1).replicas_wanted, 0);
}
