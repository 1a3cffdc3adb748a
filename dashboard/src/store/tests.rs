//! The store follows its watches: who is touched by what.

use kube::{api::DynamicObject, runtime::watcher::Event};
use serde_json::{Value, json};

use super::*;

fn object(value: Value) -> DynamicObject {
    serde_json::from_value(value).expect("an object with metadata")
}

fn rollout(name: &str, version: &str) -> DynamicObject {
    object(json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
        "metadata": {"namespace": "shop", "name": name, "uid": format!("uid-{name}"), "resourceVersion": version},
        "spec": {"strategy": {"blueGreen": {"activeService": format!("{name}-active")}}},
    }))
}

fn owned(kind: &str, name: &str, owner: &str) -> DynamicObject {
    object(json!({
        "apiVersion": if kind == "Pod" { "v1" } else { "apps/v1" }, "kind": kind,
        "metadata": {
            "namespace": "shop", "name": name, "uid": format!("uid-{name}"), "resourceVersion": "1",
            "ownerReferences": [{
                "apiVersion": "x", "kind": "x", "name": owner, "uid": format!("uid-{owner}"), "controller": true,
            }],
        },
        "spec": {"selector": {}, "containers": []},
    }))
}

fn key(name: &str) -> Key {
    ("shop".to_owned(), name.to_owned())
}

/// Two Rollouts, the first with a ReplicaSet and a pod.
fn shop() -> Store {
    let store = Store::new();
    for name in ["web", "cart"] {
        store.apply(Kind::Rollouts, Event::Apply(rollout(name, "1")));
    }
    store.apply(Kind::ReplicaSets, Event::Apply(owned("ReplicaSet", "web-1", "web")));
    store.apply(Kind::Pods, Event::Apply(owned("Pod", "web-1-a", "web-1")));
    store
}

#[test]
fn a_pod_that_goes_touches_its_rollout_and_no_other() {
    let store = shop();
    assert_eq!(store.scene(&key("web")).expect("web").pods.len(), 1);
    let before = store.rollouts(None);
    store.apply(Kind::Pods, Event::Delete(owned("Pod", "web-1-a", "web-1")));
    let after = store.rollouts(None);
    assert!(after[&key("web")] > before[&key("web")]);
    assert_eq!(after[&key("cart")], before[&key("cart")]);
    assert!(store.scene(&key("web")).expect("web").pods.is_empty());
}

#[test]
fn a_service_touches_the_rollout_that_names_it() {
    let store = shop();
    let before = store.rollouts(None);
    let service = object(json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"namespace": "shop", "name": "cart-active", "uid": "s", "resourceVersion": "9"},
        "spec": {"selector": {"app": "cart"}},
    }));
    store.apply(Kind::Services, Event::Apply(service));
    let after = store.rollouts(None);
    assert!(after[&key("cart")] > before[&key("cart")]);
    assert_eq!(after[&key("web")], before[&key("web")]);
    assert_eq!(store.scene(&key("cart")).expect("cart").services.len(), 1);
}

#[test]
fn a_rollout_that_a_new_listing_lacks_is_gone() {
    let store = shop();
    store.apply(Kind::Rollouts, Event::Init);
    store.apply(Kind::Rollouts, Event::InitApply(rollout("cart", "1")));
    let version = store.version();
    store.apply(Kind::Rollouts, Event::InitDone);
    assert!(store.version() > version);
    assert_eq!(store.rollouts(None).keys().cloned().collect::<Vec<_>>(), [key("cart")]);
}

#[test]
fn a_trouble_stays_until_the_kind_can_be_read_again() {
    let store = shop();
    store.set_trouble(Kind::Pods, "pods cannot be read".to_owned());
    assert_eq!(store.troubles(), ["pods cannot be read"]);
    store.apply(Kind::Pods, Event::Init);
    assert_eq!(store.troubles().len(), 1, "a listing that begins has not been answered yet");
    store.apply(Kind::Pods, Event::InitDone);
    assert!(store.troubles().is_empty());
}

#[test]
fn of_many_events_the_newest_stay() {
    let store = shop();
    for second in 0..70 {
        store.apply(
            Kind::Events,
            Event::Apply(object(json!({
                "apiVersion": "v1", "kind": "Event",
                "metadata": {"namespace": "shop", "name": format!("e{second}"), "uid": format!("e{second}")},
                "involvedObject": {"uid": "uid-web"}, "reason": format!("R{second}"),
                "lastTimestamp": format!("2026-11-21T07:{:02}:{:02}Z", second / 60, second % 60),
            }))),
        );
    }
    let events = store.scene(&key("web")).expect("web").events;
    assert_eq!(events.len(), EVENTS_MAX);
    assert_eq!(events.last().and_then(|event| event.reason.clone()).as_deref(), Some("R69"));
}
