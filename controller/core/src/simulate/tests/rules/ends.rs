//! Section 12: abort, retry, rollback, full promotion, an update in an update.

use super::*;

rules! {
    s12_1_an_abort_is_recorded: aborted(&plain()), |_| {}
        => |it| (it.status().aborted_at.map(|at| at.0) == Some(it.now)).to_string(), "true";
    s12_1_it_ends_the_pause: aborted(&plain()), |_| {} => Cluster::pauses, "";
    s12_1_it_degrades: aborted(&plain()), |_| {}
        => Cluster::stage, "Degraded: RolloutAborted: Rollout aborted update to revision 2";
    s12_1_it_is_told_once: aborted(&plain()), |it| it.wait(500)
        => |it| it.told("RolloutAborted Rollout aborted update to revision 2").to_string(), "1";
    s12_1_before_the_switch_the_active_service_stays: aborted(&plain()), |it| it.wait(500)
        => |it| it.serves("app-active"), "1";
    s12_1_after_the_switch_it_goes_back: aborted_after_the_switch(), |it| it.wait(500)
        => |it| it.serves("app-active"), "1";
    s12_1_the_stable_version_is_kept_at_full_size: aborted(&plain()), |it| it.wait(500)
        => |it| it.set(1).replicas_wanted.to_string(), "2";
    s12_1_the_new_version_stays_30_s: aborted(&plain()), |_| {} => |it| it.ends_in(2), "30";
    s12_1_or_as_long_as_the_spec_says: aborted(&json!({"abortScaleDownDelaySeconds": 5})), |_| {}
        => |it| it.ends_in(2), "5";
    s12_1_then_it_goes: aborted(&json!({"abortScaleDownDelaySeconds": 5})), |it| it.wait(5)
        => Cluster::sized, "1:2 2:0";
    s12_1_not_before_stable_has_its_pods: updated(&json!({"abortScaleDownDelaySeconds": 5})), |it| {
        it.break_revision(1, 1);
        it.wait(0);
        it.abort();
        it.wait(60);
    } => |it| format!("{} {}", it.sized(), it.ends_in(2)), "1:2 2:2 -";
    s12_1_delay_0_keeps_it: aborted(&json!({"abortScaleDownDelaySeconds": 0})), |it| it.wait(500)
        => Cluster::sized, "1:2 2:2";
    s12_1_paused_stays_true_in_an_abort: aborted(&plain()), |_| {} => |it| it.says("Paused"), "True RolloutPaused";
    s12_1_what_is_stable_cannot_be_aborted: deployed(&plain()), Cluster::abort
        => |it| format!("{:?} {}", it.status().abort, it.stage()), "None Healthy: ";
    s12_1_a_new_template_ends_it: aborted(&plain()), |it| {
        it.set_image("example/app:3");
        it.wait(2);
    } => Cluster::stage, "Paused: BlueGreenPause";

    s12_2_a_retry_removes_the_deadline: aborted(&plain()), Cluster::retry => |it| it.ends_in(2), "-";
    s12_2_brings_the_pods_back: aborted(&json!({"abortScaleDownDelaySeconds": 1})), |it| {
        it.wait(5);
        it.retry();
    } => Cluster::sized, "1:2 2:2";
    s12_2_forgets_when_it_was_aborted: aborted(&plain()), Cluster::retry
        => |it| format!("{:?}", it.status().aborted_at), "None";
    s12_2_and_pauses_again: aborted(&plain()), Cluster::retry => Cluster::stage, "Paused: BlueGreenPause";

    s12_3_warm_it_is_fast: promoted(&plain()), |it| it.set_image("example/app:1")
        => |it| format!("{}, {}", it.traffic(), it.stage()), "active 1, preview 1, Healthy: ";
    s12_3_the_version_that_was_left_waits_for_its_delay: promoted(&plain()), |it| it.set_image("example/app:1")
        => |it| format!("{} {}", it.sized(), it.ends_in(2)), "2:2 3:2 6";
    s12_3_with_a_preview_size_it_is_not_shrunk_first: grown(), |it| it.set_image("example/app:1")
        => |it| format!("{}, {}", it.traffic(), it.sized()), "active 1, preview 1, 2:2 3:2";
    s12_3_back_to_stable_before_the_switch_is_done_at_once: updated(&plain()), |it| it.set_image("example/app:1")
        => |it| format!("{}, {}", it.stage(), it.told("RolloutCompleted")), "Healthy: , 1";
    s12_3_and_the_version_that_was_left_goes: updated(&plain()), |it| {
        it.set_image("example/app:1");
        it.wait(6);
    } => Cluster::sized, "2:0 3:2";
    s12_3_inside_the_window_cold_it_needs_no_gate: released(&plain(), 3), |it| {
        it.apply(&json!({"rollbackWindow": {"revisions": 2}}));
        it.set_image("example/app:1");
        it.wait(2);
    } => Cluster::traffic, "active 1, preview 1";
    s12_3_outside_of_it_it_is_an_update_as_any_other: released(&plain(), 3), |it| {
        it.apply(&json!({"rollbackWindow": {"revisions": 1}}));
        it.set_image("example/app:1");
        it.wait(2);
    } => |it| format!("{}, {}", it.traffic(), it.stage()), "active 3, preview 1, Paused: BlueGreenPause";

    s12_4_a_full_promotion_waits_for_the_pods: starting(&plain()), |it| {
        it.steer(|status| status.promote_full = Some(true));
        it.wait(1);
    } => Cluster::traffic, "active 1, preview 2";
    s12_4_ignores_the_preview_size: updated(&small()), |it| {
        it.steer(|status| status.promote_full = Some(true));
        it.wait(2);
    } => Cluster::traffic, "active 2, preview 2";
    s12_4_ends_an_abort: aborted(&plain()), |it| it.steer(|status| status.promote_full = Some(true))
        => Cluster::stage, "Healthy: ";
    s12_4_is_dropped_where_there_is_nothing_to_promote: deployed(&plain()), |it| it.steer(|status| status.promote_full = Some(true))
        => |it| format!("{:?}", it.status().promote_full), "None";

    s12_5_the_newest_version_is_previewed: updated(&plain()), |it| it.set_image("example/app:3")
        => Cluster::traffic, "active 1, preview 3";
    s12_5_the_one_in_between_gets_a_deadline: updated(&plain()), |it| it.set_image("example/app:3")
        => |it| it.ends_in(2), "6";
    s12_5_and_is_never_scaled_up: updated(&small()), |it| {
        it.set_image("example/app:3");
        it.wait(3);
    } => Cluster::sized, "1:2 2:1 3:1";
    s12_5_the_promotion_is_of_the_newest: updated(&plain()), |it| {
        it.set_image("example/app:3");
        it.wait(3);
        it.promote();
    } => Cluster::traffic, "active 3, preview 3";
}
