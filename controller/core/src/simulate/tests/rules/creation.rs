//! Sections 4, 5 and 7: ReplicaSets and their numbers, resuming, the preview Service.

use super::*;

rules! {
    s04_1_a_replica_set_is_named_by_rollout_and_hash: deployed(&plain()), Cluster::release
        => |it| (it.set(2).name == format!("app-{}", it.hash(2))).to_string(), "true";
    s04_1_it_has_the_labels_of_the_template_and_the_hash: deployed(&plain()), Cluster::release
        => |it| it.set(2).labels.keys().cloned().collect::<Vec<_>>().join(" "), "app rollouts-pod-template-hash";
    s04_1_its_revision_is_one_more_than_the_highest_other: released(&plain(), 3), |it| it.set_image("example/app:4")
        => Cluster::sized, "1:0 2:0 3:2 4:2";
    s04_1_it_says_how_many_pods_were_desired: deployed(&plain()), Cluster::release
        => |it| it.has(2, keys::DESIRED_REPLICAS), "2";
    s04_1_it_is_told_with_its_revision: deployed(&plain()), Cluster::release
        => |it| format!("{} {}", it.told("Rollout updated to revision 2"), it.told("(revision 2)")), "1 2";
    s04_2_an_old_template_gets_a_new_higher_number: released(&plain(), 2), |it| it.set_image("example/app:1")
        => Cluster::sized, "2:2 3:2";
    s04_2_and_its_old_number_goes_to_its_history: released(&plain(), 2), |it| it.set_image("example/app:1")
        => |it| it.has(3, keys::REVISION_HISTORY), "1";
    s04_2_any_other_change_leaves_the_number: deployed(&plain()), |it| it.apply(&json!({"minReadySeconds": 1}))
        => |it| format!("{} {}", it.sized(), it.has(1, keys::REVISION_HISTORY)), "1:2 -";
    s04_2_min_ready_seconds_follow_the_spec: deployed(&plain()), |it| it.apply(&json!({"minReadySeconds": 7}))
        => |it| it.set(1).min_ready_seconds.to_string(), "7";
    s04_2_annotations_follow_the_rollout: deployed(&plain()), |it| it.annotate(annotated("team", "till"))
        => |it| it.has(1, "team"), "till";
    s04_2_the_rollout_carries_the_revision: deployed(&plain()), Cluster::release
        => |it| it.rollout.metadata.annotations.as_ref().map_or(String::new(), |all| all[REVISION].clone()), "2";
    s04_numbers_are_never_used_again: released(&json!({"scaleDownDelaySeconds": 0}), 3), |it| {
        it.apply(&json!({"revisionHistoryLimit": 0}));
        it.wait(1);
        it.set_image("example/app:2");
    } => Cluster::sized, "3:2 4:2";

    s05_a_pause_by_hand_is_a_condition: updated(&plain()), |it| it.pause(true)
        => |it| it.says("Paused"), "True RolloutPaused";
    s05_and_its_end_too: updated(&auto()), |it| {
        it.pause(true);
        it.wait(0);
        it.pause(false);
    } => |it| it.says("Paused"), "False RolloutPaused";
    s05_in_an_update_progressing_says_so: starting(&plain()), |it| it.pause(true)
        => |it| it.says("Progressing"), "Unknown RolloutPaused";
    s05_and_resumes: starting(&plain()), |it| {
        it.pause(true);
        it.wait(0);
        it.pause(false);
    } => |it| it.says("Progressing"), "Unknown RolloutResumed";
    s05_what_is_complete_does_not_stop_being_so: deployed(&plain()), |it| it.pause(true)
        => |it| it.says("Progressing"), "True NewReplicaSetAvailable";
    s05_an_abort_taken_back_is_a_retry: aborted(&json!({"abortScaleDownDelaySeconds": 0})), |it| {
        it.break_revision(2, 2);
        it.wait(0);
        it.retry();
    } => |it| it.says("Progressing"), "Unknown RolloutRetry";
    s05_resuming_by_hand_promotes: updated(&plain()), Cluster::promote => Cluster::stage, "Healthy: ";

    s07_preview_is_pointed_before_there_are_pods: deployed(&plain()), Cluster::release
        => Cluster::traffic, "active 1, preview 2";
    s07_at_the_first_deploy_too: shop(&plain()), |_| {} => Cluster::traffic, "active -, preview 1";
    s07_it_stays_after_an_abort: aborted(&json!({"abortScaleDownDelaySeconds": 1})), |it| it.wait(5)
        => |it| format!("{}, {}", it.traffic(), it.sized()), "active 1, preview 2, 1:2 2:0";
    s07_it_is_not_switched_back_after_the_promotion: promoted(&plain()), |it| it.wait(60)
        => Cluster::traffic, "active 2, preview 2";
    s07_while_paused_by_hand_it_is_left_alone: deployed(&plain()), |it| {
        it.pause(true);
        it.release();
    } => Cluster::traffic, "active 1, preview 1";
    s07_the_switch_is_told_from_and_to: deployed(&plain()), Cluster::release
        => |it| it.told(&format!("Switched selector for service 'app-preview' from '{}' to '{}'", it.hash(1), it.hash(2))).to_string(), "1";
    s07_a_service_gets_the_mark_of_its_rollout: deployed(&plain()), |it| {
        it.services.get_mut("app-preview").expect("a Service").managed_by = None;
    } => |it| it.services["app-preview"].managed_by.clone().unwrap_or_default(), "app";
    s07_what_is_as_it_should_be_is_not_written: deployed(&plain()), |it| it.log.clear()
        => |it| it.writes().to_string(), "0";
}
