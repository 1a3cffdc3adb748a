//! The condition that says what is awaited, and until when.

use serde_json::json;
use verdigris_crds::keys;

use super::{deployed, promoted, shop, updated};
use crate::simulate::Cluster;

/// Reason and message of the condition, hashes as `H1`, `H2` by revision.
fn awaited(cluster: &Cluster) -> Option<(String, String)> {
    let conditions = cluster.rollout.status.as_ref()?.conditions.as_ref()?;
    let condition = conditions.iter().find(|condition| condition.type_ == keys::AWAITED)?;
    let sets = cluster.replica_sets.values();
    let message = sets.fold(condition.message.clone(), |text, set| {
        text.replace(set.hash("app").unwrap_or_default(), &format!("H{}", set.revision()))
    });
    Some((condition.reason.clone(), message))
}

fn reason(cluster: &Cluster) -> String {
    awaited(cluster).map_or_else(String::new, |(reason, _)| reason)
}

#[test]
fn an_update_awaits_pods_then_a_promotion_then_traffic_then_the_end_of_the_delay() {
    let mut cluster = deployed(&json!({"scaleDownDelaySeconds": 20}));
    assert_eq!(awaited(&cluster), None, "all is well");
    cluster.set_image("example/app:2");
    cluster.settle().expect("every plan passes the guard");
    let (reason, text) = awaited(&cluster).expect("something to wait for");
    assert_eq!(reason, "Pods");
    assert!(
        text.starts_with("Waits until all pods of revision 2 (H2) are available (2 are wanted); unless"),
        "{text}"
    );
    cluster.wait(10);
    let promotion = ("Promotion".to_owned(), "revision 2 (H2) waits for somebody to promote it".to_owned());
    assert_eq!(awaited(&cluster), Some(promotion));
    cluster.settings.endpoints_follow = false;
    cluster.promote();
    cluster.settle().expect("every plan passes the guard");
    let (reason, text) = awaited(&cluster).expect("something to wait for");
    assert_eq!(reason, "Traffic");
    assert!(
        text.starts_with("Waits until no endpoint of service 'app-active' is a pod of H1, until "),
        "{text}"
    );
    cluster.settings.endpoints_follow = true;
    cluster.wait(5);
    let (reason, text) = awaited(&cluster).expect("something to wait for");
    assert_eq!(reason, "ScaleDown");
    assert!(
        text.starts_with("Revision 1 (H1) is kept until ") && text.ends_with(", then scaled down"),
        "{text}"
    );
    cluster.wait(40);
    assert_eq!(awaited(&cluster), None);
}

#[test]
fn a_timed_gate_names_the_moment() {
    let mut cluster = deployed(&json!({"autoPromotionEnabled": true, "autoPromotionSeconds": 30}));
    cluster.set_image("example/app:2");
    cluster.wait(10);
    let (reason, text) = awaited(&cluster).expect("something to wait for");
    assert_eq!(reason, "PromotionTime");
    assert!(text.contains(" is promoted at 20") && text.ends_with("or when somebody promotes it"), "{text}");
}

#[test]
fn an_abort_awaits_a_retry_and_a_pause_its_end() {
    let mut cluster = updated(&json!({}));
    cluster.edit(|rollout| rollout.spec.paused = Some(true));
    cluster.wait(5);
    assert_eq!(reason(&cluster), "Resume");
    cluster.edit(|rollout| rollout.spec.paused = None);
    cluster.steer(|status| status.abort = Some(true));
    cluster.wait(5);
    assert_eq!(reason(&cluster), "Retry");
}

#[test]
fn a_first_deploy_awaits_its_pods_only() {
    let mut cluster = shop(&json!({}));
    cluster.settle().expect("every plan passes the guard");
    assert_eq!(reason(&cluster), "Pods");
    cluster.wait(10);
    assert_eq!(awaited(&cluster), None);
}

#[test]
fn a_preview_of_fewer_pods_awaits_no_more_than_those() {
    let mut cluster = deployed(&json!({"previewReplicaCount": 1}));
    cluster.set_image("example/app:2");
    cluster.wait(1);
    let (_, text) = awaited(&cluster).expect("something to wait for");
    assert!(text.contains("(1 are wanted)"), "{text}");
    cluster.wait(1);
    assert_eq!(reason(&cluster), "Promotion");
    cluster.promote();
    cluster.wait(1);
    let (_, text) = awaited(&cluster).expect("something to wait for");
    assert!(text.contains("(2 are wanted)"), "{text}");
}

#[test]
fn the_end_of_an_old_version_costs_one_status() {
    let mut cluster = promoted(&json!({"scaleDownDelaySeconds": 6}));
    cluster.now = crate::seen::after(cluster.now, 6);
    let mut statuses = 0;
    for _ in 0..6 {
        let before = cluster.rollout.status.clone();
        cluster.pass().expect("safe");
        statuses += usize::from(cluster.rollout.status != before);
        cluster.act();
    }
    assert_eq!((statuses, awaited(&cluster)), (1, None));
}
