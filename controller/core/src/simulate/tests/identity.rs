//! Which ReplicaSet is meant: through undo, upgrades, collisions, adoption.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::json;
use verdigris_crds::keys;

use super::{deployed, promoted, shop, updated};
use crate::decision::{Decision, Outcome, Write};
use crate::observed::{Fresh, Refusal};
use crate::simulate::Cluster;

#[test]
fn undo_with_a_defaulted_template_finds_the_old_replica_set() {
    let mut cluster = promoted(&json!({}));
    cluster.set_image("example/app:1");
    cluster.edit(|rollout| {
        let template = rollout.spec.template.as_mut().expect("a template");
        template["spec"]["dnsPolicy"] = json!("ClusterFirst");
    });
    cluster.wait(5);
    assert_eq!(cluster.replica_sets.len(), 2);
    assert_eq!(cluster.active(), cluster.hash(3));
}

#[test]
fn a_template_once_compared_is_known_by_its_annotation() {
    let mut cluster = promoted(&json!({}));
    cluster.edit(|rollout| {
        let template = rollout.spec.template.as_mut().expect("a template");
        template["spec"]["dnsPolicy"] = json!("ClusterFirst");
    });
    cluster.wait(5);
    assert_eq!(cluster.replica_sets.len(), 2);
    let asks = crate::decide(&cluster.observe(&BTreeSet::new()), cluster.now);
    assert!(matches!(asks, Outcome::Decided(_)), "{asks:?}");
}

#[test]
fn another_image_makes_another_version_without_asking_the_server() {
    let mut cluster = promoted(&json!({}));
    cluster.set_image("example/app:3");
    let decision = decided(&cluster, None, &BTreeSet::new());
    assert!(matches!(decision.writes.first(), Some(Write::CreateReplicaSet(_))), "{decision:?}");

    // One whose images nobody noted, as a controller before us left it, may be the same after defaulting.
    let name = cluster.set(1).name.clone();
    cluster.replica_sets.get_mut(&name).expect("it").annotations.remove(keys::IMAGES_SHA256);
    let asks = crate::decide(&cluster.observe(&BTreeSet::new()), cluster.now);
    assert_eq!(asks, Outcome::NeedFresh(BTreeSet::from([Fresh::Templates])));
}

#[test]
fn a_replica_set_without_our_annotation_is_known_by_the_record_or_by_comparison() {
    let mut cluster = updated(&json!({}));
    for seen in cluster.replica_sets.values_mut() {
        seen.annotations.remove(keys::TEMPLATE_SHA256);
        seen.annotations.remove(keys::IMAGES_SHA256);
    }
    cluster.wait(1);
    cluster.edit(|rollout| rollout.spec.replicas = Some(3));
    cluster.wait(5);
    assert_eq!(cluster.replica_sets.len(), 2);
}

#[test]
fn revisions_grow_and_are_never_used_twice() {
    let mut cluster = promoted(&json!({"autoPromotionEnabled": true}));
    for image in [1, 2, 3, 1] {
        cluster.set_image(&format!("example/app:{image}"));
        cluster.wait(5);
    }
    let revisions: Vec<u64> = cluster.replica_sets.values().map(|seen| seen.revision()).collect();
    assert_eq!(BTreeSet::from_iter(revisions), BTreeSet::from([4, 5, 6]));
    assert_eq!(cluster.set(6).annotations[keys::REVISION_HISTORY], "1,3");
    let annotations = cluster.rollout.metadata.annotations.clone().unwrap_or_default();
    assert_eq!(annotations[keys::REVISION], "6");
}

fn refusal(cluster: &Cluster, code: u16, reason: &str) -> Refusal {
    let decision = decided(cluster, None, &BTreeSet::new());
    let Some(Write::CreateReplicaSet(new)) = decision.writes.first() else { panic!("{decision:?}") };
    Refusal {
        what: format!("create ReplicaSet {}", new.name),
        code,
        reason: reason.into(),
        message: "said the server".into(),
    }
}

fn decided(
    cluster: &Cluster,
    refusals: impl IntoIterator<Item = Refusal>,
    fresh: &BTreeSet<Fresh>,
) -> Decision {
    let mut observed = cluster.observe(fresh);
    observed.refusals.extend(refusals);
    match crate::decide(&observed, cluster.now) {
        Outcome::Decided(decision) => *decision,
        Outcome::NeedFresh(needs) => panic!("needs {needs:?}"),
    }
}

#[test]
fn a_name_that_a_stranger_has_taken_leads_to_another() {
    let cluster = shop(&json!({}));
    let refusal = refusal(&cluster, 409, "AlreadyExists");
    let mut observed = cluster.observe(&BTreeSet::new());
    observed.refusals = vec![refusal.clone()];
    let asks = crate::decide(&observed, cluster.now);
    assert_eq!(
        asks,
        Outcome::NeedFresh(BTreeSet::from([Fresh::ReplicaSets])),
        "is it ours, and the cache late?"
    );

    let decision = decided(&cluster, Some(refusal.clone()), &BTreeSet::from([Fresh::ReplicaSets]));
    let Some(Write::CreateReplicaSet(new)) = decision.writes.first() else { panic!("{decision:?}") };
    assert!(!refusal.what.ends_with(&new.name));
    assert_eq!(decision.status.collision_count, Some(1));
}

#[test]
fn a_template_that_the_server_refuses_is_invalid_in_the_servers_words() {
    let cluster = shop(&json!({}));
    let mut refusal = refusal(&cluster, 422, "Invalid");
    refusal.message =
        "ReplicaSet.apps \"app-1\" is invalid: spec.template.spec.containers[0].image: Required value".into();
    let decision = decided(&cluster, Some(refusal), &BTreeSet::new());
    assert_eq!(decision.writes, []);
    assert_eq!(
        decision.status.message.as_deref(),
        Some(
            "InvalidSpec: The Rollout \"app\" is invalid: spec.template.spec.containers[0].image: Required value"
        )
    );
}

#[test]
fn a_dry_run_that_is_refused_under_a_new_name_each_time_is_written_once() {
    let mut cluster = promoted(&json!({}));
    cluster.set_image("no image at all");
    let refused = |cluster: &Cluster, code: u16, text: &str| {
        let mut observed = cluster.observe(&BTreeSet::from([Fresh::Templates]));
        let what = "create a ReplicaSet of Rollout app (dry run)".to_owned();
        let refusal = Refusal { what, code, reason: "Invalid".into(), message: text.into() };
        observed.templates.as_mut().expect("templates").wanted = Err(refusal);
        match crate::decide(&observed, cluster.now) {
            Outcome::Decided(decision) => *decision,
            Outcome::NeedFresh(needs) => panic!("needs {needs:?}"),
        }
    };
    for (code, kind) in [(422, "is invalid: spec.template.x: no"), (403, "is forbidden: exceeded quota: q")] {
        let first = refused(&cluster, code, &format!("ReplicaSet.apps \"app-9xflr\" {kind}"));
        cluster.carry_out(first);
        let second = refused(&cluster, code, &format!("ReplicaSet.apps \"app-2755k\" {kind}"));
        assert_eq!(second.events, []);
        assert!(!cluster.carry_out(second), "nothing is written again");
    }
}

#[test]
fn a_quota_is_told_and_tried_again() {
    let cluster = shop(&json!({}));
    let decision = decided(&cluster, Some(refusal(&cluster, 403, "Forbidden")), &BTreeSet::new());
    assert_eq!(decision.writes, []);
    assert_eq!(decision.events[0].reason, "ReplicaSetCreateError");
    assert!(decision.look_again.is_some_and(|at| at > cluster.now));
}

#[test]
fn another_refused_write_is_told_once_and_not_repeated_at_once() {
    let mut cluster = updated(&json!({}));
    cluster.point_by_hand("app-preview", None);
    let what = format!("point Service app-preview at {}", cluster.hash(2));
    let refusal = Refusal {
        what: what.clone(),
        code: 403,
        reason: "Forbidden".into(),
        message: "may not patch".into(),
    };
    let first = decided(&cluster, Some(refusal.clone()), &BTreeSet::new());
    assert_eq!((first.writes.len(), first.events.len()), (0, 1), "{:?}", first.events);
    cluster.carry_out(first);
    let (.., message) = cluster.condition(keys::WRITE_REFUSED).expect("a condition");
    assert_eq!(message, format!("The API server refused to {what} (403 Forbidden): may not patch"));
    let second = decided(&cluster, Some(refusal), &BTreeSet::new());
    assert_eq!((second.writes.len(), second.events.len()), (0, 0));
    cluster.wait(1);
    assert_eq!(cluster.condition(keys::WRITE_REFUSED), None);
}

#[test]
fn what_is_refused_holds_up_nothing_else() {
    let mut cluster = updated(&json!({}));
    for service in ["app-preview", "app-active"] {
        cluster.point_by_hand(service, None);
    }
    let refused = |what: String| Refusal {
        what,
        code: 403,
        reason: "Forbidden".into(),
        message: "may not patch".into(),
    };
    let fresh = BTreeSet::from([Fresh::Rollout, Fresh::ReplicaSets]);
    let (old, new) = (cluster.hash(1), cluster.hash(2));
    let words = |decision: &Decision| decision.writes.iter().map(Write::describe).collect::<Vec<_>>();
    let decision = decided(&cluster, Some(refused(format!("point Service app-preview at {new}"))), &fresh);
    assert_eq!(words(&decision), [format!("point Service app-active at {old}")]);
    let status = decision.status.blue_green.as_ref().expect("a status");
    assert_eq!(status.preview_selector, None, "the status says what is so");
    assert!(decision.status.conditions.iter().flatten().any(|it| it.type_ == keys::WRITE_REFUSED));
    // Of two, each is left out.
    let mut scaled = cluster.observe(&fresh);
    scaled.rollout.spec.replicas = Some(5);
    scaled.refusals = vec![refused(format!("point Service app-preview at {new}"))];
    let Outcome::Decided(decision) = crate::decide(&scaled, cluster.now) else { panic!("all is there") };
    let scales = words(&decision).into_iter().filter(|write| write.contains("ReplicaSet"));
    scaled.refusals.extend(scales.map(refused));
    assert!(scaled.refusals.len() > 1, "{:?}", decision.writes);
    let Outcome::Decided(decision) = crate::decide(&scaled, cluster.now) else { panic!("all is there") };
    assert_eq!(words(&decision), [format!("point Service app-active at {old}")]);
    // All else depends on the active Service.
    let decision = decided(&cluster, Some(refused(format!("point Service app-active at {old}"))), &fresh);
    assert_eq!(words(&decision), [""; 0]);
    // What is not wanted any more is no obstacle.
    let decision = decided(&cluster, Some(refused("delete ReplicaSet app-h0".into())), &fresh);
    assert_eq!(decision.writes.len(), 2);
}

#[test]
fn orphans_that_match_are_adopted_and_what_no_longer_matches_is_released() {
    let mut cluster = deployed(&json!({}));
    let name = cluster.set(1).name.clone();
    cluster.replica_sets.get_mut(&name).expect("a ReplicaSet").controller_uid = None;
    cluster.wait(1);
    assert_eq!(cluster.replica_sets.len(), 1, "adopted, not made again");
    assert_eq!(cluster.set(1).controller_uid, cluster.rollout.metadata.uid);

    let mut cluster = updated(&json!({}));
    let name = cluster.set(2).name.clone();
    let seen = cluster.replica_sets.get_mut(&name).expect("a ReplicaSet");
    seen.labels.insert("app".into(), "other".into());
    cluster.pass().expect("safe");
    assert_eq!(cluster.replica_sets[&name].controller_uid, None);
}

#[test]
fn a_rollout_that_is_being_deleted_is_left_alone() {
    let mut cluster = deployed(&json!({}));
    cluster.set_image("example/app:2");
    let now = k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(Timestamp::UNIX_EPOCH);
    cluster.rollout.metadata.deletion_timestamp = Some(now);
    cluster.wait(5);
    assert_eq!(cluster.replica_sets.len(), 1);
}
