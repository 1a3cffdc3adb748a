//! Sections 6, 13, 14 and 15: how many pods each version has, and for how long.

use super::*;

/// Version 3 came while version 2 waited; version 1 is active.
fn overtaken(strategy: &Value) -> Cluster {
    let mut cluster = updated(strategy);
    cluster.set_image("example/app:3");
    cluster.wait(0);
    cluster
}

rules! {
    s06_without_a_preview_size_it_is_full: updated(&plain()), |_| {} => Cluster::sized, "1:2 2:2";
    s06_where_nothing_else_is_active_it_is_full: shop(&small()), |_| {} => Cluster::sized, "1:2";
    s06_a_full_promotion_makes_it_full: updated(&small()), |it| it.steer(|status| status.promote_full = Some(true))
        => Cluster::sized, "1:2 2:2";
    s06_before_its_pause_it_has_its_preview_size: starting(&small()), |_| {} => Cluster::sized, "1:2 2:1";
    s06_in_its_pause_too: updated(&small()), |it| it.wait(500) => Cluster::sized, "1:2 2:1";
    s06_after_its_pause_it_is_full: updated(&small()), Cluster::promote => Cluster::sized, "1:2 2:2";
    s06_and_stays_so_once_promoted: grown(), |it| it.wait(60) => Cluster::sized, "1:0 2:2";
    s06_paused_by_hand_it_does_not_grow: updated(&small()), |it| {
        it.pause(true);
        it.promote();
    } => Cluster::sized, "1:2 2:1";

    s13_the_old_version_waits_for_its_delay: updated(&plain()), Cluster::promote => |it| it.ends_in(1), "6";
    s13_without_a_delay_in_the_spec_30_s: updated(&json!({"scaleDownDelaySeconds": null})), Cluster::promote
        => |it| it.ends_in(1), "30";
    s13_it_keeps_its_size_until_then: promoted(&plain()), |it| it.wait(4) => Cluster::sized, "1:2 2:2";
    s13_then_it_goes: promoted(&plain()), |it| it.wait(6) => Cluster::sized, "1:0 2:2";
    s13_and_its_deadline_with_it: promoted(&plain()), |it| it.wait(6) => |it| it.ends_in(1), "-";
    s13_which_is_told: promoted(&plain()), |it| it.wait(6)
        => |it| it.told("Scaled down ReplicaSet").to_string(), "1";
    s13_delay_0_is_at_once: promoted(&json!({"scaleDownDelaySeconds": 0})), |_| {} => Cluster::sized, "1:0 2:2";
    s13_beyond_the_limit_at_once: promoted(&json!({"scaleDownDelayRevisionLimit": 0})), |_| {}
        => Cluster::sized, "1:0 2:2";
    s13_a_deadline_that_is_no_time_is_replaced: promoted(&plain()), |it| {
        let name = it.set(1).name.clone();
        let version = it.next_version();
        let seen = it.replica_sets.get_mut(&name).expect("a ReplicaSet");
        seen.annotations.insert(keys::SCALE_DOWN_DEADLINE.to_owned(), "soon".to_owned());
        seen.resource_version = version;
    } => |it| format!("{} {}", it.sized(), it.ends_in(1)), "1:2 2:2 6";
    s13_a_version_that_was_overtaken_goes_the_same_way: overtaken(&plain()), |it| it.wait(6)
        => Cluster::sized, "1:2 2:0 3:2";
    s13_and_is_not_scaled_up_for_that: overtaken(&small()), |it| it.wait(2) => Cluster::sized, "1:2 2:1 3:1";
    s13_what_the_active_service_selects_stays: overtaken(&plain()), |it| it.wait(500)
        => |it| it.set(1).replicas_wanted.to_string(), "2";
    s13_what_waits_does_not_follow_the_replicas: promoted(&plain()), |it| it.apply(&json!({"replicas": 5}))
        => Cluster::sized, "1:2 2:5";

    s14_so_many_old_versions_are_kept: released(&plain(), 4), |it| it.apply(&json!({"revisionHistoryLimit": 1}))
        => Cluster::sized, "3:0 4:2";
    s14_current_and_stable_do_not_count: updated(&plain()), |it| it.apply(&json!({"revisionHistoryLimit": 0}))
        => Cluster::sized, "1:2 2:2";
    s14_what_has_pods_stays: promoted(&plain()), |it| it.apply(&json!({"revisionHistoryLimit": 0}))
        => Cluster::sized, "1:2 2:2";
    s14_and_goes_when_it_has_none: promoted(&plain()), |it| {
        it.apply(&json!({"revisionHistoryLimit": 0}));
        it.wait(6);
    } => Cluster::sized, "2:2";

    s15_a_scale_change_reaches_both: updated(&plain()), |it| it.apply(&json!({"replicas": 3}))
        => Cluster::sized, "1:3 2:3";
    s15_and_its_annotation: updated(&plain()), |it| it.apply(&json!({"replicas": 3}))
        => |it| format!("{} {}", it.has(1, keys::DESIRED_REPLICAS), it.has(2, keys::DESIRED_REPLICAS)), "3 3";
    s15_and_keeps_the_pause: updated(&plain()), |it| it.apply(&json!({"replicas": 3}))
        => Cluster::stage, "Paused: BlueGreenPause";
    s15_and_an_abort: aborted(&plain()), |it| it.apply(&json!({"replicas": 3}))
        => |it| it.says("Progressing"), "False RolloutAborted";
    s15_autoscalers_see_the_active_version: updated(&plain()), |it| it.wait(1)
        => |it| format!("{:?} {:?}", it.status().hpa_replicas, it.status().replicas), "Some(2) Some(4)";
    s15_by_its_selector: updated(&plain()), |it| it.wait(1)
        => |it| (it.status().selector == Some(format!("app=app,rollouts-pod-template-hash={}", it.hash(1)))).to_string(), "true";
}
