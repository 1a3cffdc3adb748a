//! Section 22: phase and message, the first that fits.

use super::*;

rules! {
    s22_1_invalid_spec: deployed(&plain()), |it| it.apply(&json!({"replicas": -1}))
        => |it| it.stage().split_inclusive("spec.replicas").next().unwrap_or_default().to_owned(),
        "Degraded: InvalidSpec: The Rollout \"app\" is invalid: spec.replicas";
    s22_1_comes_before_a_pause_by_hand: aborted(&plain()), |it| it.pause(true)
        => Cluster::stage, "Degraded: RolloutAborted: Rollout aborted update to revision 2";
    s22_2_paused_by_hand: deployed(&plain()), |it| it.pause(true) => Cluster::stage, "Paused: manually paused";
    s22_2_comes_before_any_other_pause: updated(&plain()), |it| it.pause(true)
        => Cluster::stage, "Paused: manually paused";
    s22_3_the_first_pause: updated(&plain()), |_| {} => Cluster::stage, "Paused: BlueGreenPause";
    s22_5_pods_of_the_new_version_are_missing: starting(&small()), |it| it.wait(1)
        => Cluster::stage, "Progressing: more replicas need to be updated";
    s22_6_active_pods_are_not_available: deployed(&plain()), |it| it.break_revision(1, 1)
        => Cluster::stage, "Progressing: updated replicas are still becoming available";
    s22_6_at_the_first_deploy_too: shop(&plain()), |it| it.wait(1)
        => Cluster::stage, "Progressing: updated replicas are still becoming available";
    s22_7_the_switch_is_to_come: starting(&auto()), |it| it.wait(1)
        => Cluster::stage, "Progressing: active service cutover pending";
    s22_7_while_it_grows_to_full_size_too: updated(&small()), |it| {
        it.promote();
        it.wait(1);
    } => Cluster::stage, "Progressing: active service cutover pending";
    s22_9_healthy: promoted(&plain()), |_| {} => Cluster::stage, "Healthy: ";
    s22_9_with_no_pods_too: shop(&plain()), |it| it.apply(&json!({"replicas": 0})) => Cluster::stage, "Healthy: ";
}
