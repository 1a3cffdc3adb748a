//! Another controller had the Rollout in between: what was noted before is not what it left.

use serde_json::json;
use verdigris_crds::{PauseCondition, keys};

use super::{promoted, updated};
use crate::simulate::Cluster;

/// Another controller takes the old version's pods away, and brings it back at a user's wish: with all its pods, as the third
/// revision. So far its gate is not reached.
fn brought_back_by_another(cluster: &mut Cluster) {
    let name = cluster.set(1).name.clone();
    let set = |cluster: &mut Cluster, replicas: i32| {
        let seen = cluster.replica_sets.get_mut(&name).expect("a ReplicaSet");
        seen.annotations.remove(keys::SCALE_DOWN_DEADLINE);
        seen.replicas_wanted = replicas;
        seen.generation += 1;
        while cluster.act() {}
    };
    set(cluster, 0);
    cluster.set_image("example/app:1");
    set(cluster, 2);
    cluster.now = crate::seen::after(cluster.now, 5);
    while cluster.act() {}
    let seen = cluster.replica_sets.get_mut(&name).expect("a ReplicaSet");
    assert_eq!(seen.available_replicas, 2);
    seen.annotations.insert(keys::REVISION.into(), "3".into());
    seen.annotations.insert(keys::REVISION_HISTORY.into(), "1".into());
    cluster.annotate([(keys::REVISION.to_owned(), Some("3".to_owned()))].into());
    let (hash, generation) = (cluster.hash(3), cluster.rollout.metadata.generation.unwrap_or_default());
    cluster.steer(|status| {
        status.current_pod_hash = Some(hash);
        status.observed_generation = Some(generation.to_string());
        status.phase = Some("Progressing".into());
    });
}

/// The other controller holds the gate of what is current.
fn holds_the_gate(cluster: &mut Cluster) {
    let start_time = k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(cluster.now);
    cluster.steer(|status| {
        let reason = "BlueGreenPause".into();
        status.pause_conditions =
            Some(vec![PauseCondition { reason, start_time, other: Default::default() }]);
        status.controller_pause = Some(true);
        status.phase = Some("Paused".into());
    });
}

fn meets_the_gate(mut cluster: Cluster) {
    let serving = cluster.hash(2);
    cluster.wait(20);
    assert_eq!(cluster.active(), serving, "nobody promoted the other one again");
    assert_eq!(cluster.phase(), ("Paused", "BlueGreenPause"));
    cluster.promote();
    cluster.wait(20);
    assert_eq!((cluster.active(), cluster.phase().0), (cluster.hash(3).as_str(), "Healthy"));
}

#[test]
fn going_back_to_a_version_whose_pods_another_controller_took_away_meets_its_gate() {
    let mut cluster = promoted(&json!({"scaleDownDelaySeconds": 30}));
    assert!(cluster.set(1).formerly_stable());
    let name = cluster.set(1).name.clone();
    let seen = cluster.replica_sets.get_mut(&name).expect("a ReplicaSet");
    seen.replicas_wanted = 0;
    seen.annotations.remove(keys::SCALE_DOWN_DEADLINE);
    cluster.wait(2);
    cluster.set_image("example/app:1");
    cluster.wait(10);
    assert_eq!(cluster.active(), cluster.hash(2), "nobody promoted it again");
    assert_eq!(cluster.phase(), ("Paused", "BlueGreenPause"));
    assert!(cluster.replica_sets[&name].once_stable());
}

#[test]
fn a_gate_that_another_controller_holds_open_for_a_version_that_was_promoted_once_is_not_skipped() {
    let mut cluster = promoted(&json!({"scaleDownDelaySeconds": 30}));
    assert!(cluster.set(1).formerly_stable());
    brought_back_by_another(&mut cluster);
    holds_the_gate(&mut cluster);
    meets_the_gate(cluster);
}

#[test]
fn nor_is_one_that_it_had_not_come_to_yet() {
    let mut cluster = promoted(&json!({"scaleDownDelaySeconds": 30}));
    brought_back_by_another(&mut cluster);
    meets_the_gate(cluster);
}

#[test]
fn nor_is_one_where_we_were_gone_right_after_the_switch() {
    for holds in [false, true] {
        let mut cluster = updated(&json!({"scaleDownDelaySeconds": 30}));
        cluster.settings.endpoints_follow = false;
        cluster.promote();
        cluster.settle().expect("the switch");
        assert!(cluster.condition(keys::TRAFFIC_SWITCHED).is_some_and(|(status, ..)| status == "False"));
        assert!(!cluster.set(1).formerly_stable(), "nothing was written to it yet");
        cluster.settings.endpoints_follow = true;
        brought_back_by_another(&mut cluster);
        if holds {
            holds_the_gate(&mut cluster);
        }
        meets_the_gate(cluster);
    }
}

#[test]
fn what_we_bring_back_ourselves_needs_no_gate_at_any_moment() {
    for seconds in 0..25 {
        let mut cluster = promoted(&json!({"scaleDownDelaySeconds": 30}));
        cluster.wait(seconds);
        let old = cluster.hash(1);
        cluster.set_image("example/app:1");
        cluster.wait(5);
        assert_eq!(cluster.active(), old, "after {seconds} s");
        assert_eq!(cluster.phase(), ("Healthy", ""));
        let newer = cluster.hash(2);
        cluster.set_image("example/app:2");
        cluster.wait(5);
        assert_eq!(cluster.active(), newer, "after {seconds} s, and back");
    }
}
