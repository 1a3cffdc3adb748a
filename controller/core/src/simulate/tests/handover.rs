//! Services change hands: between Rollouts, between strategies, and when a Rollout goes.

use serde_json::json;
use verdigris_crds::keys;

use super::{deployed, shop, updated};
use crate::decision::{Outcome, Write};
use crate::observed::{Neighbour, Observed};
use crate::simulate::Cluster;

/// Another Rollout, so many seconds older (or younger).
fn neighbour(cluster: &Cluster, name: &str, older: i64, services: &[&str]) -> Neighbour {
    Neighbour {
        name: name.to_owned(),
        created: crate::seen::after(cluster.now, -older),
        services: services.iter().map(|&service| service.to_owned()).collect(),
        overlaps: false,
    }
}

fn meet(cluster: &mut Cluster, neighbour: Neighbour) {
    let now = k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(cluster.now);
    cluster.rollout.metadata.creation_timestamp.get_or_insert(now);
    cluster.neighbours.insert(neighbour.name.clone(), neighbour);
}

/// Hash and mark of a Service.
fn marks(cluster: &Cluster, service: &str) -> (Option<String>, Option<String>) {
    let service = &cluster.services[service];
    (service.hash().map(str::to_owned), service.managed_by.clone())
}

/// What is decided once the Rollout is gone.
fn decided_when_gone(cluster: &Cluster) -> Vec<Write> {
    let mut fresh = std::collections::BTreeSet::new();
    loop {
        let seen = cluster.observe(&fresh);
        let services = seen.services.into_iter().filter_map(|(name, service)| Some((name, service?)));
        let left_services = services.filter(|(_, it)| it.managed_by.is_some()).collect();
        let observed = Observed { gone: true, services: [].into(), left_services, ..seen };
        match crate::decide(&observed, cluster.now) {
            Outcome::NeedFresh(needs) => fresh.extend(needs),
            Outcome::Decided(decision) => {
                crate::guard(&observed, &decision, cluster.now).expect("safe");
                return decision.writes;
            }
        }
    }
}

#[test]
fn a_service_that_is_no_longer_named_loses_hash_and_mark_together() {
    let mut cluster = deployed(&json!({}));
    cluster.apply(&json!({"strategy": {"blueGreen": {"previewService": null}}}));
    let before = cluster.writes();
    cluster.wait(1);
    assert_eq!(marks(&cluster, "app-preview"), (None, None));
    assert_eq!(cluster.writes() - before, 1);
    assert_eq!(cluster.phase(), ("Healthy", ""));
}

#[test]
fn an_active_service_that_is_renamed_in_an_update_serves_stable_on_both_until_the_update_ends() {
    let mut cluster = updated(&json!({}));
    cluster.add_service("other-active");
    let stable = Some(cluster.hash(1));
    cluster.apply(&json!({"strategy": {"blueGreen": {"activeService": "other-active"}}}));
    cluster.wait(20);
    assert_eq!(marks(&cluster, "other-active"), (stable.clone(), Some("app".into())));
    assert_eq!(marks(&cluster, "app-active"), (stable, Some("app".into())), "new pods get no traffic");
    assert_eq!(cluster.phase(), ("Paused", "BlueGreenPause"));
    cluster.promote();
    cluster.wait(60);
    assert_eq!(marks(&cluster, "other-active").0, Some(cluster.hash(2)));
    assert_eq!(marks(&cluster, "app-active"), (None, None));
    assert_eq!(cluster.sizes()[&1], 0);
}

#[test]
fn a_rollout_that_is_gone_leaves_no_marks() {
    let cluster = deployed(&json!({}));
    let writes = decided_when_gone(&cluster);
    let mut released = writes.iter().map(|write| match write {
        Write::ReleaseService(at) => at.name.as_str(),
        other => panic!("{other:?}"),
    });
    assert_eq!((released.next(), released.next()), (Some("app-active"), Some("app-preview")));
}

#[test]
fn what_another_rollout_names_is_not_let_go() {
    let mut cluster = deployed(&json!({}));
    let till = neighbour(&cluster, "till", -5, &["app-active", "app-preview"]);
    meet(&mut cluster, till);
    assert_eq!(decided_when_gone(&cluster), []);
}

#[test]
fn of_two_rollouts_that_name_one_service_the_younger_is_told_and_the_older_works() {
    let mut younger = shop(&json!({}));
    let till = neighbour(&younger, "till", 5, &["app-active"]);
    meet(&mut younger, till);
    younger.wait(5);
    let message = younger.phase().1;
    assert!(
        message.contains("Service \"app-active\" is named by another Rollout; that one is \"till\""),
        "{message}"
    );
    assert_eq!(younger.writes(), 0);
    younger.neighbours.clear();
    younger.wait(5);
    assert_eq!(younger.phase(), ("Healthy", ""), "the moment the other one is gone");

    let mut older = shop(&json!({}));
    let till = neighbour(&older, "till", -5, &["app-active"]);
    meet(&mut older, till);
    older.wait(5);
    assert_eq!(older.phase(), ("Healthy", ""));
}

#[test]
fn who_has_a_service_keeps_it_even_from_an_older_one() {
    let mut cluster = deployed(&json!({}));
    let till = neighbour(&cluster, "till", 500, &["app-active"]);
    meet(&mut cluster, till);
    cluster.wait(5);
    assert_eq!(cluster.phase(), ("Healthy", ""));
}

#[test]
fn a_service_that_another_rollout_has_left_is_taken_over_after_a_live_look() {
    let mut cluster = shop(&json!({}));
    let service = cluster.services.get_mut("app-active").expect("a Service");
    service.managed_by = Some("till".into());
    service.selector.insert(keys::POD_TEMPLATE_HASH.into(), "of-till".into());
    cluster.wait(5);
    assert_eq!(marks(&cluster, "app-active"), (Some(cluster.hash(1)), Some("app".into())));
    assert_eq!(cluster.phase(), ("Healthy", ""));
}

#[test]
fn an_older_rollout_that_selects_the_same_pods_is_told_once_and_nothing_stops() {
    let mut cluster = deployed(&json!({}));
    let till = Neighbour { overlaps: true, ..neighbour(&cluster, "till", 5, &[]) };
    meet(&mut cluster, till);
    cluster.wait(5);
    let (status, _, message) = cluster.condition(keys::SELECTOR_OVERLAP).expect("a condition");
    assert!(status == "True" && message.contains("Rollout 'till', which is older"), "{message}");
    assert_eq!((cluster.told("SelectorOverlap"), cluster.phase().0), (1, "Healthy"));
    cluster.neighbours.clear();
    cluster.wait(1);
    assert_eq!(cluster.condition(keys::SELECTOR_OVERLAP), None);
}

/// A canary that stood at one of two pods when its strategy was changed.
fn in_the_middle_of_a_canary() -> Cluster {
    let mut cluster = updated(&json!({}));
    let (old, new) = (cluster.set(1).name.clone(), cluster.set(2).name.clone());
    for name in [&old, &new] {
        let seen = cluster.replica_sets.get_mut(name).expect("a ReplicaSet");
        seen.replicas_wanted = 1;
        seen.generation += 1;
    }
    cluster.act();
    for service in cluster.services.values_mut() {
        service.selector.remove(keys::POD_TEMPLATE_HASH);
        service.managed_by = None;
    }
    cluster.steer(|status| {
        status.blue_green = Some(verdigris_crds::BlueGreenStatus::default());
        let pauses = status.pause_conditions.iter_mut().flatten();
        pauses.for_each(|pause| pause.reason = "CanaryPauseStep".to_owned());
        status.other.insert("currentStepIndex".into(), json!(1));
        status.other.insert("currentStepHash".into(), json!("abc"));
    });
    cluster
}

#[test]
fn a3_from_canary_to_blue_green_the_stable_version_takes_all_traffic_and_the_gate_holds() {
    let mut cluster = in_the_middle_of_a_canary();
    let before = cluster.replica_sets.len();
    cluster.wait(30);
    assert_eq!(cluster.replica_sets.len(), before, "nothing is restarted");
    assert_eq!((cluster.active(), cluster.sizes()), (cluster.hash(1).as_str(), [(1, 2), (2, 2)].into()));
    assert_eq!(cluster.phase(), ("Paused", "BlueGreenPause"));
    assert!(!cluster.status().other.contains_key("currentStepIndex"));
    cluster.promote();
    cluster.wait(60);
    assert_eq!((cluster.active(), cluster.phase().0), (cluster.hash(2).as_str(), "Healthy"));
}
