use serde_json::{Value, json};

use super::*;

fn item<T: serde::de::DeserializeOwned>(object: Value) -> T {
    serde_json::from_value(object).unwrap()
}

fn rollout(name: &str, version: u32, active: &str) -> RolloutItem {
    item(
        json!({"metadata": {"name": name, "namespace": "default", "uid": name, "resourceVersion": version.to_string()},
        "spec": {"selector": {"matchLabels": {"app": name}}, "strategy": {"blueGreen": {"activeService": active}}}}),
    )
}

fn replica_set(name: &str, version: u32, owner: Option<&str>) -> ReplicaSetItem {
    let owners: Vec<Value> = owner
        .map(|owner| json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": owner, "uid": owner, "controller": true}))
        .into_iter()
        .collect();
    item(
        json!({"metadata": {"name": name, "namespace": "default", "uid": name, "resourceVersion": version.to_string(),
        "labels": {"app": "shop"}, "ownerReferences": owners}}),
    )
}

fn service(name: &str, version: u32) -> ServiceItem {
    item(
        json!({"metadata": {"name": name, "namespace": "default", "uid": name, "resourceVersion": version.to_string()}}),
    )
}

fn slice(name: &str, service: &str, pods: &[&str]) -> SliceItem {
    let endpoints: Vec<Value> =
        pods.iter().map(|pod| json!({"targetRef": {"uid": pod, "name": pod}})).collect();
    item(json!({"metadata": {"name": name, "namespace": "default", "resourceVersion": "1",
        "labels": {"kubernetes.io/service-name": service}}, "endpoints": endpoints}))
}

fn key(name: &str) -> Key {
    Key::new("default", name)
}

fn names(concerned: &BTreeSet<Key>) -> Vec<&str> {
    concerned.iter().map(|key| key.name.as_str()).collect()
}

#[test]
fn a_service_concerns_the_rollouts_that_name_it_now() {
    let mut cache = Cache::default();
    cache.rollout_shown(Shown::There(rollout("shop", 1, "front")));
    cache.rollout_shown(Shown::There(rollout("cart", 2, "front")));
    assert_eq!(names(&cache.service_shown(Shown::There(service("front", 3)))), ["cart", "shop"]);
    cache.rollout_shown(Shown::There(rollout("shop", 4, "other")));
    assert_eq!(names(&cache.service_shown(Shown::Gone(service("front", 5)))), ["cart"]);
    assert_eq!(names(&cache.service_shown(Shown::There(service("other", 6)))), ["shop"]);
    cache.rollout_shown(Shown::Gone(rollout("shop", 7, "other")));
    assert!(cache.service_shown(Shown::There(service("other", 8))).is_empty());
}

#[test]
fn a_replica_set_concerns_its_controller_and_an_orphan_whoever_selects_it() {
    let mut cache = Cache::default();
    cache.rollout_shown(Shown::There(rollout("shop", 1, "front")));
    assert_eq!(names(&cache.replica_set_shown(Shown::There(replica_set("a", 2, Some("cart"))))), ["cart"]);
    assert_eq!(names(&cache.replica_set_shown(Shown::There(replica_set("a", 3, None)))), ["cart", "shop"]);
    assert_eq!(cache.replica_sets_of("default", None).count(), 1);
    assert_eq!(names(&cache.replica_set_shown(Shown::There(replica_set("a", 4, Some("shop"))))), ["shop"]);
    assert_eq!(cache.replica_sets_of("default", None).count(), 0);
    assert_eq!(cache.replica_sets_of("default", Some("shop")).count(), 1);
    assert_eq!(cache.replica_sets_of("other", Some("shop")).count(), 0);
}

#[test]
fn endpoints_are_those_of_all_slices_and_unknown_before_the_first_list() {
    let mut cache = Cache::default();
    cache.rollout_shown(Shown::There(rollout("shop", 1, "front")));
    cache.slice_shown(Shown::ListBegins);
    assert_eq!(names(&cache.slice_shown(Shown::Listed(slice("front-1", "front", &["p2"])))), ["shop"]);
    assert_eq!(cache.endpoints(&key("front")), None);
    cache.slice_shown(Shown::Listed(slice("front-2", "front", &["p1"])));
    cache.slice_shown(Shown::ListEnds);
    let pods =
        |endpoints: Vec<EndpointSeen>| endpoints.into_iter().filter_map(|it| it.pod_name).collect::<Vec<_>>();
    assert_eq!(cache.endpoints(&key("front")).map(pods), Some(vec!["p1".to_owned(), "p2".to_owned()]));
    assert_eq!(cache.endpoints(&key("empty")), Some(Vec::new()));
    cache.forget_slices();
    assert_eq!(cache.endpoints(&key("front")), None);
}

#[test]
fn what_a_new_list_does_not_hold_is_gone() {
    let mut cache = Cache::default();
    for shown in
        [Shown::ListBegins, Shown::Listed(service("a", 1)), Shown::Listed(service("b", 1)), Shown::ListEnds]
    {
        cache.service_shown(shown);
    }
    for shown in [Shown::ListBegins, Shown::Listed(service("b", 1))] {
        cache.service_shown(shown);
    }
    assert!(cache.service(&key("a")).is_some(), "until the list is complete, what was known counts");
    cache.service_shown(Shown::ListEnds);
    assert!(cache.service(&key("a")).is_none() && cache.service(&key("b")).is_some());
}

#[test]
fn a_watch_that_lags_behind_a_live_read_changes_nothing() {
    let mut cache = Cache::default();
    cache.service_shown(Shown::There(service("a", 9)));
    assert!(cache.service_shown(Shown::There(service("a", 8))).is_empty());
    let object = ObjectId { kind: Kind::Service, key: key("a") };
    assert_eq!(cache.version(&object), Some("9"));
    cache.service_shown(Shown::Absent(key("a")));
    assert_eq!(cache.version(&object), None);
}
