//! Section 11: what a promotion is called, what it clears, and what the status carries.

use super::*;

rules! {
    s11_2_a_new_template_ends_pause_abort_and_checkpoint: aborted(&small()), |it| it.set_image("example/app:3")
        => |it| {
            let status = it.status();
            format!("{:?} {:?} {:?}", status.abort, status.aborted_at, status.pause_conditions)
        }, "None None None";
    s11_2_a_new_template_ends_a_full_promotion: starting(&plain()), |it| {
        it.steer(|status| status.promote_full = Some(true));
        it.set_image("example/app:3");
        it.wait(30);
    } => Cluster::traffic, "active 1, preview 3";
    s11_3_a_full_promotion_ends_pause_and_abort: aborted(&plain()), |it| it.steer(|status| status.promote_full = Some(true))
        => |it| format!("{:?} {}", it.status().abort, it.pauses()), "None ";
    s11_4_the_selectors_are_those_of_the_services: updated(&plain()), |_| {} => |it| {
        let seen = it.status().blue_green.unwrap_or_default();
        let image = |hash: Option<String>| it.image(&hash.unwrap_or_default());
        format!("{} {}", image(seen.active_selector), image(seen.preview_selector))
    }, "1 2";
    s11_5_initial_deploy: shop(&plain()), |it| it.wait(5) => |it| it.told(": Initial deploy").to_string(), "1";
    s11_5_initial_deploy_comes_before_the_pods: shop(&plain()), |_| {}
        => |it| (it.status().stable_rs == Some(it.hash(1))).to_string(), "true";
    s11_5_full_promotion_requested: updated(&plain()), |it| it.steer(|status| status.promote_full = Some(true))
        => |it| it.told(": Full promotion requested").to_string(), "1";
    s11_5_rollback_within_window: released(&plain(), 2), |it| {
        it.apply(&json!({"rollbackWindow": {"revisions": 1}}));
        it.set_image("example/app:1");
        it.wait(2);
    } => |it| it.told(": Rollback within window").to_string(), "1";
    s11_5_fast_rollback: promoted(&plain()), |it| it.set_image("example/app:1")
        => |it| it.told(": Fast rollback").to_string(), "1";
    s11_5_completed_blue_green_update: promoted(&plain()), |_| {}
        => |it| it.told(": Completed blue-green update").to_string(), "1";
    s11_5_nothing_while_aborted: aborted(&plain()), |it| {
        it.promote();
        it.wait(10);
    } => |it| format!("{} {}", it.told("RolloutCompleted"), it.traffic()), "1 active 1, preview 2";
    s11_5_a_promotion_clears_what_led_to_it: grown(), |_| {} => |it| {
        let status = it.status();
        let checkpoint = status.blue_green.and_then(|seen| seen.scale_up_preview_check_point);
        format!("{:?} {:?} {:?} {checkpoint:?}", status.pause_conditions, status.abort, status.promote_full)
    }, "None None None None";
    s11_5_and_names_revision_and_hash: promoted(&plain()), |_| {}
        => |it| it.told(&format!("Rollout completed update to revision 2 ({})", it.hash(2))).to_string(), "1";
    s11_5_the_checkpoint_is_set_by_the_end_of_the_pause: updated(&small()), Cluster::promote
        => |it| format!("{:?}", it.status().blue_green.and_then(|seen| seen.scale_up_preview_check_point)), "Some(true)";
    s11_5_it_does_not_reach_the_next_template: updated(&small()), |it| {
        it.promote();
        it.wait(0);
        it.set_image("example/app:3");
        it.wait(30);
    } => |it| format!("{} {}", it.set(3).replicas_wanted, it.stage()), "1 Paused: BlueGreenPause";
    s11_6_readiness_is_that_of_the_active_version: updated(&plain()), |it| it.break_revision(2, 2)
        => |it| format!("{:?} {:?}", it.status().ready_replicas, it.status().available_replicas), "Some(2) Some(2)";
    s11_6_or_of_all_while_none_is_active: shop(&plain()), |it| it.wait(2)
        => |it| format!("{:?}", it.status().ready_replicas), "Some(2)";
    s11_7_the_generation_is_observed: deployed(&plain()), |it| it.apply(&json!({"replicas": 3}))
        => |it| (it.status().observed_generation == it.rollout.metadata.generation.map(|it| it.to_string())).to_string(), "true";
    s11_8_a_pause_that_a_user_ends_is_not_told: promoted(&plain()), |_| {}
        => |it| it.told("RolloutResumed").to_string(), "0";
    s11_8_one_that_ends_by_itself_is: updated(&seconds()), |it| it.wait(19)
        => |it| it.told("RolloutResumed Rollout is resumed").to_string(), "1";
}
