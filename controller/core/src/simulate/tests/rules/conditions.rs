//! Sections 20, 21 and 23: the progress deadline, conditions, durations.

use super::*;

/// Version 2 is on its way, has 60 s, and none of its pods becomes ready.
fn failing(abort: bool) -> Cluster {
    let mut cluster = deployed(&plain());
    cluster.apply(&json!({"progressDeadlineSeconds": 60, "progressDeadlineAbort": abort}));
    cluster.settings.never_ready = "app:2".into();
    cluster.release();
    cluster.wait(0);
    cluster
}

fn duration(cluster: &Cluster) -> String {
    let duration = cluster.status().duration.unwrap_or_default();
    let paused = duration.total_manual_pause_duration_seconds.unwrap_or(0);
    let running = if duration.manual_pause_started_at.is_some() { ", paused" } else { "" };
    let took = duration.finished_at.zip(duration.rollout_started_at);
    let took = took.map(|(end, start)| end.0.as_second() - start.0.as_second());
    format!("{:?} {took:?} {paused}{running}", duration.completion_status.unwrap_or_default())
}

rules! {
    s20_without_progress_it_times_out: failing(false), |it| it.wait(60)
        => |it| it.says("Progressing"), "False ProgressDeadlineExceeded";
    s20_and_not_before: failing(false), |it| it.wait(59) => |it| it.says("Progressing"), "True ReplicaSetUpdated";
    s20_the_phase_names_the_replica_set: failing(false), |it| it.wait(60)
        => |it| (it.stage() == format!("Degraded: ProgressDeadlineExceeded: ReplicaSet \"app-{}\" has timed out progressing.", it.hash(2))).to_string(), "true";
    s20_it_goes_on_trying: failing(false), |it| {
        it.wait(100);
        it.settings.never_ready = String::new();
    } => Cluster::stage, "Paused: BlueGreenPause";
    s20_a_pause_is_not_measured: updated(&plain()), |it| it.wait(10_000) => Cluster::stage, "Paused: BlueGreenPause";
    s20_an_abort_is_not_measured: aborted(&plain()), |it| it.wait(10_000)
        => |it| it.says("Progressing"), "False RolloutAborted";
    s20_it_aborts_where_that_is_asked_for: failing(true), |it| it.wait(60)
        => |it| it.says("Progressing"), "False RolloutAborted";
    s20_and_says_why: failing(true), |it| it.wait(60)
        => |it| it.told("RolloutAborted Rollout aborted update to revision 2: ReplicaSet").to_string(), "1";
    s20_what_is_promoted_is_not_aborted: deployed(&plain()), |it| {
        it.apply(&json!({"progressDeadlineSeconds": 60, "progressDeadlineAbort": true}));
        it.break_revision(1, 1);
        it.wait(100);
    } => |it| it.says("Progressing"), "False ProgressDeadlineExceeded";
    s20_without_a_number_600_s: starting(&plain()), |it| {
        it.break_revision(2, 2);
        it.wait(599);
    } => |it| it.says("Progressing"), "True ReplicaSetUpdated";

    s21_healthy: deployed(&plain()), |_| {} => |it| it.says("Healthy"), "True RolloutHealthy";
    s21_healthy_is_not_said_before_it_was_so: shop(&plain()), |_| {} => |it| it.says("Healthy"), "-";
    s21_healthy_turns_false_with_an_update: starting(&plain()), |_| {} => |it| it.says("Healthy"), "False RolloutHealthy";
    s21_healthy_needs_the_preview_too: deployed(&plain()), |it| {
        it.pause(true);
        it.point_by_hand("app-preview", None);
    } => |it| it.says("Healthy"), "False RolloutHealthy";
    s21_progressing_when_new_pods_are_made: starting(&plain()), |_| {} => |it| it.says("Progressing"), "True ReplicaSetUpdated";
    s21_progressing_when_all_is_well: promoted(&plain()), |_| {} => |it| it.says("Progressing"), "True NewReplicaSetAvailable";
    s21_progressing_when_a_stable_version_fails: deployed(&plain()), |it| it.break_revision(1, 1)
        => |it| it.says("Progressing"), "True ReplicaSetNotAvailable";
    s21_available_is_about_the_active_version: updated(&plain()), |it| it.break_revision(2, 2)
        => |it| it.says("Available"), "True AvailableReason";
    s21_available_turns_false_with_it: updated(&plain()), |it| it.break_revision(1, 1)
        => |it| it.says("Available"), "False AvailableReason";
    s21_completed: deployed(&plain()), |_| {} => |it| it.says("Completed"), "True RolloutCompleted";
    s21_completed_turns_false_with_an_update: starting(&plain()), |_| {} => |it| it.says("Completed"), "False RolloutCompleted";
    s21_which_is_told: starting(&plain()), |_| {}
        => |it| it.told(&format!("RolloutNotCompleted Rollout not completed, started update to revision 2 ({})", it.hash(2))).to_string(), "1";
    s21_replica_failure_is_copied: starting(&plain()), |it| {
        let name = it.set(2).name.clone();
        let seen = it.replica_sets.get_mut(&name).expect("a ReplicaSet");
        seen.failure = Some(("FailedCreate".to_owned(), "quota".to_owned()));
    } => |it| it.says("ReplicaFailure"), "True FailedCreate";

    s23_it_begins_with_a_template: starting(&plain()), |it| it.wait(1) => duration, "\"\" None 0";
    s23_it_ends_with_the_promotion: updated(&auto()), |_| {} => duration, "\"Promoted\" Some(2) 0";
    s23_a_full_promotion_is_a_fast_one: updated(&plain()), |it| it.steer(|status| status.promote_full = Some(true))
        => duration, "\"FastPromoted\" Some(3) 1";
    s23_an_abort_ends_it: aborted(&plain()), |_| {} => duration, "\"Aborted\" Some(3) 1";
    s23_a_retry_begins_anew: aborted(&plain()), |it| {
        it.wait(10);
        it.retry();
    } => duration, "\"\" None 0, paused";
    s23_a_pause_that_only_people_end_is_counted: updated(&plain()), |it| {
        it.wait(99);
        it.promote();
    } => duration, "\"Promoted\" Some(102) 100";
    s23_one_that_ends_by_itself_is_not: updated(&seconds()), |it| it.wait(19) => duration, "\"Promoted\" Some(22) 0";
    s23_a_pause_by_hand_is: starting(&auto()), |it| {
        it.pause(true);
        it.wait(50);
        it.pause(false);
    } => duration, "\"Promoted\" Some(50) 50";
}
