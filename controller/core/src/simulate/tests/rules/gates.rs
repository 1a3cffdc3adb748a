//! Sections 8 and 9: the pause before a promotion, and the active Service.

use super::*;

/// Version 2 is complete and one of its pods is not ready any more.
fn incomplete(strategy: &Value) -> Cluster {
    let mut cluster = updated(strategy);
    cluster.break_revision(2, 1);
    cluster.wait(0);
    cluster
}

rules! {
    s08_1_an_aborted_version_gets_no_pause: aborted(&plain()), |it| it.wait(3) => Cluster::pauses, "";
    s08_2_one_that_is_not_ready_gets_none: starting(&plain()), |it| it.wait(1) => Cluster::pauses, "";
    s08_3_paused_by_hand_none_is_added: starting(&plain()), |it| {
        it.pause(true);
        it.wait(5);
    } => Cluster::pauses, "";
    s08_4_where_none_is_needed_none_is_added: updated(&auto()), |_| {} => Cluster::pauses, "";
    s08_4_where_none_is_needed_any_more_it_goes: updated(&plain()), |it| it.strategy(&auto())
        => Cluster::traffic, "active 2, preview 2";
    s08_4_going_back_to_a_warm_version_needs_none: promoted(&plain()), |it| it.set_image("example/app:1")
        => |it| format!("{} {}", it.pauses(), it.traffic()), " active 1, preview 1";
    s08_4_a_full_promotion_needs_none: updated(&plain()), |it| it.steer(|status| status.promote_full = Some(true))
        => |it| format!("{} {}", it.pauses(), it.traffic()), " active 2, preview 2";
    s08_6_its_seconds_promote: updated(&seconds()), |it| it.wait(19) => Cluster::traffic, "active 2, preview 2";
    s08_6_and_not_sooner: updated(&seconds()), |it| it.wait(18) => Cluster::traffic, "active 1, preview 2";
    s08_6_seconds_do_not_matter_where_nothing_is_promoted_by_itself:
        updated(&json!({"autoPromotionSeconds": 20})), |it| it.wait(500) => Cluster::pauses, "BlueGreenPause";
    s08_7_a_complete_version_waits: updated(&plain()), |_| {} => Cluster::pauses, "BlueGreenPause";
    s08_7_and_the_controller_says_that_it_paused: updated(&plain()), |_| {}
        => |it| format!("{:?}", it.status().controller_pause), "Some(true)";
    s08_7_which_is_told: updated(&plain()), |_| {} => Cluster::last_event, "RolloutPaused Rollout is paused (BlueGreenPause)";
    s08_7_clearing_it_is_a_yes_that_is_kept: incomplete(&plain()), |it| {
        it.promote();
        it.wait(30);
        it.break_revision(2, 0);
    } => Cluster::traffic, "active 2, preview 2";
    s08_plain_promote_with_seconds_promotes: updated(&seconds()), Cluster::promote
        => Cluster::traffic, "active 2, preview 2";
    s08_both_are_gone_when_the_list_is_empty: promoted(&plain()), |_| {}
        => |it| format!("{:?} {:?}", it.status().pause_conditions, it.status().controller_pause), "None None";

    s09_not_while_paused_by_hand: updated(&auto()), |it| {
        it.pause(true);
        it.set_image("example/app:3");
        it.wait(30);
    } => |it| it.serves("app-active"), "2";
    s09_not_while_a_pod_is_missing: starting(&auto()), |it| {
        it.break_revision(2, 1);
        it.wait(30);
    } => Cluster::traffic, "active 1, preview 2";
    s09_not_below_full_size: updated(&small()), |it| {
        it.promote();
        it.wait(1);
    } => Cluster::traffic, "active 1, preview 2";
    s09_at_full_size: updated(&small()), |it| {
        it.promote();
        it.wait(2);
    } => Cluster::traffic, "active 2, preview 2";
    s09_when_complete_where_nothing_is_asked: starting(&auto()), |it| it.wait(2)
        => Cluster::traffic, "active 2, preview 2";
    s09_after_the_pause: updated(&plain()), Cluster::promote => Cluster::traffic, "active 2, preview 2";
    s09_an_abort_goes_back_to_stable: aborted_after_the_switch(), |_| {} => |it| it.serves("app-active"), "1";
    s09_an_abort_goes_back_also_from_pods_that_are_not_ready: aborted_after_the_switch(), |it| it.break_revision(2, 2)
        => |it| it.serves("app-active"), "1";
    s09_a_selector_without_a_hash_is_no_yes: updated(&plain()), |it| it.point_by_hand("app-active", None)
        => |it| format!("{}, {}", it.traffic(), it.stage()), "active 1, preview 2, Paused: BlueGreenPause";
    s09_the_pause_of_an_analysis_is_not_ours_to_end: updated(&auto()), |it| {
        it.set_image("example/app:3");
        it.wait(0);
        inconclusive(it);
        it.wait(30);
    } => |it| format!("{} {}", it.serves("app-active"), it.pauses()), "2 InconclusiveAnalysisRun";
}
