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
    concerned.iter().map(|key| key.name()).collect()
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
    assert_eq!(cache.version(&object), Some(&"9".into()));
    cache.service_shown(Shown::Absent(key("a")));
    assert_eq!(cache.version(&object), None);
}

fn selecting(name: &str, version: u32, selector: &Value, labels: &Value) -> RolloutItem {
    item(
        json!({"metadata": {"name": name, "namespace": "default", "uid": name, "resourceVersion": version.to_string()},
        "spec": {"selector": selector, "template": {"metadata": {"labels": labels}}}}),
    )
}

/// Those that overlap with this one, by name.
fn overlapping(cache: &Cache, name: &str, selector: &Value, labels: &Value) -> Vec<String> {
    let selector = serde_json::from_value(selector.clone()).unwrap();
    let labels = serde_json::from_value(labels.clone()).unwrap();
    let found = cache.neighbours(&key(name), &BTreeSet::new(), Some(&selector), &labels);
    found.into_values().filter(|it| it.overlaps).map(|it| it.name).collect()
}

#[test]
fn selectors_overlap_by_what_they_say_of_pods_in_either_direction() {
    let expression =
        |operator: &str, values: &[&str]| json!({"key": "tier", "operator": operator, "values": values});
    let both = json!({"app": "shop", "tier": "front"});
    for (selector, labels, other, made, overlaps) in [
        // The first labels differ, and the others say the same pods.
        (
            json!({"matchLabels": {"tier": "front"}}),
            both.clone(),
            json!({"matchLabels": {"app": "shop"}}),
            both.clone(),
            true,
        ),
        (
            json!({"matchExpressions": [expression("In", &["back", "front"])]}),
            json!({"tier": "back"}),
            json!({"matchLabels": {"app": "shop"}}),
            both.clone(),
            true,
        ),
        (
            json!({"matchExpressions": [expression("Exists", &[])]}),
            json!({"tier": "back"}),
            json!({"matchLabels": {"app": "shop"}}),
            both.clone(),
            true,
        ),
        (
            json!({"matchLabels": {"app": "shop"}, "matchExpressions": [expression("NotIn", &["front"])]}),
            json!({"app": "shop", "tier": "back"}),
            json!({"matchLabels": both.clone()}),
            both.clone(),
            false,
        ),
        (
            json!({"matchLabels": {"app": "shop", "tier": "back"}}),
            json!({"app": "shop", "tier": "back"}),
            json!({"matchLabels": both.clone()}),
            both.clone(),
            false,
        ),
        (json!({}), json!({"app": "till"}), json!({"matchLabels": {"app": "shop"}}), both.clone(), false),
    ] {
        let mut cache = Cache::default();
        cache.rollout_shown(Shown::There(selecting("one", 1, &selector, &labels)));
        let concerned = cache.rollout_shown(Shown::There(selecting("two", 2, &other, &made)));
        let found =
            (overlapping(&cache, "one", &selector, &labels), overlapping(&cache, "two", &other, &made));
        let wanted =
            if overlaps { (vec!["two".to_owned()], vec!["one".to_owned()]) } else { (vec![], vec![]) };
        assert_eq!(found, wanted, "{selector} of {labels}, {other} of {made}");
        assert_eq!(names(&concerned), if overlaps { vec!["one", "two"] } else { vec!["two"] });
        let concerned = cache.rollout_shown(Shown::Gone(selecting("two", 3, &other, &made)));
        assert_eq!(names(&concerned), if overlaps { vec!["one", "two"] } else { vec!["two"] });
        assert!(overlapping(&cache, "one", &selector, &labels).is_empty(), "{selector}");
    }
}

#[test]
fn a_label_that_all_share_does_not_bring_all_together() {
    let mut cache = Cache::default();
    let labels = |number: u32| json!({"a-team": "shop", "name": format!("shop-{number}")});
    for number in 0..100 {
        let labels = labels(number);
        let selector = json!({"matchLabels": labels});
        let name = format!("shop-{number}");
        let concerned = cache.rollout_shown(Shown::There(selecting(&name, number + 1, &selector, &labels)));
        assert_eq!(names(&concerned), [name.as_str()]);
    }
    let shared = cache.overlaps.filed_under("default", "a-team=shop");
    assert!(shared <= 1, "{shared} selectors are found by the label that all share");
}

#[test]
fn what_a_rollout_takes_from_a_workload_overlaps_too() {
    let mut cache = Cache::default();
    cache.rollout_shown(Shown::There(selecting(
        "plain",
        1,
        &json!({"matchLabels": {"app": "shop"}}),
        &json!({"app": "shop"}),
    )));
    cache.rollout_shown(Shown::There(item(json!({
        "metadata": {"name": "moved", "namespace": "default", "uid": "moved", "resourceVersion": "2"},
        "spec": {"workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"}},
    }))));
    let deployment = item(json!({
        "metadata": {"name": "shop", "namespace": "default", "uid": "d", "resourceVersion": "3", "generation": 1},
        "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "shop"}},
            "template": {"metadata": {"labels": {"app": "shop"}}, "spec": {}}},
    }));
    let concerned = cache.workload_shown(WorkloadKind::Deployment, Shown::There(deployment));
    assert_eq!(names(&concerned), ["moved", "plain"]);
    let claims = json!({"matchLabels": {"app": "shop"}});
    assert_eq!(overlapping(&cache, "plain", &claims, &json!({"app": "shop"})), ["moved"]);
}
