//! What users do, and other hands than theirs.

use serde_json::Value;

use super::*;
use crate::workload::Workload;

/// What users do, and autoscalers and GitOps tools on their behalf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum User {
    /// The other template.
    Update,
    ClearPause,
    PromoteFull,
    Abort,
    Retry,
    /// The wheel is taken, or given back.
    TogglePaused,
    /// Somebody strips the hash off the active Service.
    Strip,
    /// Somebody points the active Service at the version that it does not select.
    Misdirect,
    /// Between no pods and the usual number.
    ToggleReplicas,
    /// `restartAt`: now.
    Restart,
    /// An autoscaler finds twice the load on the pods that the scale's selector names, or half of it.
    MoreLoad,
    LessLoad,
    /// A GitOps tool gives the referenced Deployment its pod back.
    ScaleWorkload,
    /// The referenced workload is deleted, or made again.
    LoseWorkload,
    FindWorkload,
    /// Somebody deletes an AnalysisRun.
    DeleteRun,
}

/// Most pods that the autoscaler of the models asks for.
const MOST_PODS: i32 = 2;

/// Does it, as far as there is anything to do.
pub(super) fn act_as(user: User, cluster: &mut Cluster, replicas: i32) {
    match user {
        User::Update => {
            let image = cluster.template();
            let image = image.and_then(|it| it.pointer("/spec/containers/0/image")).and_then(Value::as_str);
            let other = if image == Some("example/app:1") { "example/app:2" } else { "example/app:1" };
            cluster.set_image(other);
        }
        User::ClearPause => cluster.promote(),
        User::PromoteFull => cluster.steer(|status| status.promote_full = Some(true)),
        User::Abort => cluster.steer(|status| status.abort = Some(true)),
        User::Retry => cluster.steer(|status| status.abort = None),
        User::TogglePaused => cluster.edit(|rollout| {
            rollout.spec.paused = if rollout.spec.paused == Some(true) { None } else { Some(true) };
        }),
        User::Strip => cluster.point_by_hand("app-active", None),
        User::Misdirect => misdirect(cluster),
        User::ToggleReplicas => {
            let next = if number_of_pods(cluster) == 0 { replicas } else { 0 };
            cluster.edit(|rollout| rollout.spec.replicas = Some(next));
        }
        User::Restart => {
            let now = cluster.now.to_string();
            cluster.apply(&json!({"restartAt": now}));
        }
        User::MoreLoad => autoscale(cluster, |pods| pods * 2),
        User::LessLoad => autoscale(cluster, |pods| (pods + 1) / 2),
        User::ScaleWorkload => {
            let is_idle =
                matches!(&cluster.workload, Some(Workload::There(seen)) if seen.replicas == Some(0));
            if is_idle {
                cluster.edit_workload(|seen| seen.replicas = Some(1));
            }
        }
        User::LoseWorkload => cluster.lose_workload(Workload::Missing),
        User::FindWorkload => cluster.find_workload(),
        User::DeleteRun => drop(cluster.analysis_runs.pop_first()),
    }
}

fn misdirect(cluster: &mut Cluster) {
    let active = cluster.active().to_owned();
    let hashes = cluster.replica_sets.values().filter_map(|seen| seen.hash("app"));
    let other = hashes.map(str::to_owned).find(|hash| *hash != active);
    if let Some(other) = other {
        cluster.point_by_hand("app-active", Some(&other));
    }
}

/// As a HorizontalPodAutoscaler: by the ready pods of the scale's selector it knows the load, and so what is needed.
fn autoscale(cluster: &mut Cluster, needed: impl Fn(i32) -> i32) {
    let selector = cluster.status().selector.unwrap_or_default();
    let selected = cluster.replica_sets.values().filter(|seen| {
        seen.hash("app").is_some_and(|hash| selector.contains(&format!("{}={hash}", keys::POD_TEMPLATE_HASH)))
    });
    let ready: i32 = selected.map(|seen| seen.ready_replicas).sum();
    if ready > 0 {
        let wanted = needed(ready).clamp(1, MOST_PODS);
        cluster.edit(|rollout| rollout.spec.replicas = Some(wanted));
    }
}
