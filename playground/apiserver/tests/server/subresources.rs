//! Parts of objects: scale, eviction, binding, finalize; and how pods and namespaces go.

use serde_json::{Value, json};

use crate::common::World;

const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";
const PODS: &str = "/api/v1/namespaces/default/pods";

fn deployment(name: &str, replicas: i64) -> Value {
    json!({
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "c", "image": "i"}]},
            },
        },
    })
}

fn pod(name: &str) -> Value {
    json!({
        "metadata": {"name": name, "labels": {"app": "web"}},
        "spec": {"containers": [{"name": "c", "image": "i"}], "terminationGracePeriodSeconds": 20},
    })
}

#[test]
fn scale_shows_and_sets_one_number() {
    let world = World::new();
    world.ok("POST", DEPLOYMENTS, deployment("d", 2));
    let path = format!("{DEPLOYMENTS}/d/scale");
    let mut scale = world.ok("GET", &path, Value::Null);
    assert_eq!((&scale["kind"], &scale["spec"]["replicas"]), (&json!("Scale"), &json!(2)));
    assert_eq!(scale["status"]["selector"], "app=d");
    scale["spec"]["replicas"] = json!(5);
    assert_eq!(world.ok("PUT", &path, scale.clone())["spec"]["replicas"], 5);
    let object = world.ok("GET", &format!("{DEPLOYMENTS}/d"), Value::Null);
    assert_eq!((&object["spec"]["replicas"], &object["metadata"]["generation"]), (&json!(5), &json!(2)));
    assert_eq!(world.refused("PUT", &path, scale).0, 409);
    assert_eq!(world.ok("PATCH", &path, json!({"spec": {"replicas": 3}}))["spec"]["replicas"], 3);
    let refused = world.refused("PATCH", &path, json!({"spec": {"replicas": -1}}));
    assert_eq!(
        refused.2,
        "Scale.autoscaling \"d\" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0"
    );
}

#[test]
fn a_pod_that_runs_goes_gracefully_and_one_that_never_ran_at_once() {
    let world = World::new();
    world.ok("POST", PODS, pod("waiting"));
    world.ok("DELETE", &format!("{PODS}/waiting"), Value::Null);
    assert_eq!(world.refused("GET", &format!("{PODS}/waiting"), Value::Null).0, 404);

    world.ok("POST", PODS, pod("p"));
    let path = format!("{PODS}/p");
    world.ok("POST", &format!("{path}/binding"), json!({"target": {"name": "node-1"}}));
    let marked = world.ok("DELETE", &path, Value::Null);
    assert_eq!(marked["metadata"]["deletionTimestamp"], "2026-01-02T03:04:25Z");
    assert_eq!(marked["metadata"]["deletionGracePeriodSeconds"], 20);
    let again = world.ok("DELETE", &path, Value::Null);
    assert_eq!(again["metadata"]["resourceVersion"], marked["metadata"]["resourceVersion"]);
    let sooner = world.ok("DELETE", &path, json!({"gracePeriodSeconds": 5}));
    assert_eq!(sooner["metadata"]["deletionTimestamp"], "2026-01-02T03:04:10Z");
    world.ok("DELETE", &path, json!({"gracePeriodSeconds": 0}));
    assert_eq!(world.refused("GET", &path, Value::Null).0, 404);
}

#[test]
fn a_pod_is_bound_once() {
    let world = World::new();
    world.ok("POST", PODS, pod("p"));
    let path = format!("{PODS}/p/binding");
    world.ok("POST", &path, json!({"target": {"name": "node-1"}}));
    let bound = world.ok("GET", &format!("{PODS}?fieldSelector=spec.nodeName%3Dnode-1"), Value::Null);
    assert_eq!(bound["items"].as_array().unwrap().len(), 1);
    let refused = world.refused("POST", &path, json!({"target": {"name": "node-2"}}));
    assert_eq!(
        refused.2,
        "Operation cannot be fulfilled on pods/binding \"p\": pod p is already assigned to node \"node-1\""
    );
}

#[test]
fn an_eviction_asks_the_disruption_budget() {
    let world = World::new();
    let budgets = "/apis/policy/v1/namespaces/default/poddisruptionbudgets";
    world.ok("POST", PODS, pod("p"));
    world.ok("POST", &format!("{PODS}/p/binding"), json!({"target": {"name": "node-1"}}));
    world.ok("PATCH", &format!("{PODS}/p/status"), json!({"status": {"phase": "Running"}}));
    let budget = json!({"metadata": {"name": "b"},
                        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}}});
    world.ok("POST", budgets, budget);
    let status = |allowed: i64| {
        json!({"status": {"observedGeneration": 1, "disruptionsAllowed": allowed, "currentHealthy": 1,
                          "desiredHealthy": 1, "expectedPods": 1}})
    };
    world.ok("PATCH", &format!("{budgets}/b/status"), status(0));
    let evict = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "p"}});
    let refused = world.refused("POST", &format!("{PODS}/p/eviction"), evict.clone());
    assert_eq!((refused.0, refused.1), (429, "TooManyRequests"));
    assert_eq!(refused.2, "Cannot evict pod as it would violate the pod's disruption budget.");
    world.ok("PATCH", &format!("{budgets}/b/status"), status(1));
    world.ok("POST", &format!("{PODS}/p/eviction"), evict);
    let marked = world.ok("GET", &format!("{PODS}/p"), Value::Null);
    assert!(marked["metadata"]["deletionTimestamp"].is_string());
    let budget = world.ok("GET", &format!("{budgets}/b"), Value::Null);
    assert_eq!(budget["status"]["disruptionsAllowed"], 0);
}

#[test]
fn a_namespace_goes_when_its_finalizer_is_taken_off() {
    let world = World::new();
    world.ok("POST", "/api/v1/namespaces", json!({"metadata": {"name": "x"}}));
    let marked = world.ok("DELETE", "/api/v1/namespaces/x", Value::Null);
    assert_eq!(marked["status"]["phase"], "Terminating");
    let refused =
        world.refused("POST", "/api/v1/namespaces/x/configmaps", json!({"metadata": {"name": "a"}}));
    assert_eq!(refused.0, 403);
    assert_eq!(
        refused.2,
        "configmaps \"a\" is forbidden: unable to create new content in namespace x because it is being terminated"
    );
    let mut namespace = marked;
    namespace["spec"]["finalizers"] = json!([]);
    world.ok("PUT", "/api/v1/namespaces/x/finalize", namespace);
    assert_eq!(world.refused("GET", "/api/v1/namespaces/x", Value::Null).0, 404);
    assert_eq!(world.refused("DELETE", "/api/v1/namespaces/default", Value::Null).0, 403);
}

#[test]
fn propagation_leaves_word_for_the_garbage_collector() {
    let world = World::new();
    for (policy, finalizer) in [("Foreground", "foregroundDeletion"), ("Orphan", "orphan")] {
        world.ok("POST", DEPLOYMENTS, deployment("d", 1));
        let path = format!("{DEPLOYMENTS}/d");
        let marked = world.ok("DELETE", &path, json!({"propagationPolicy": policy}));
        assert_eq!(marked["metadata"]["finalizers"], json!([finalizer]));
        assert_eq!(marked["metadata"]["generation"], 2);
        world.ok("PATCH", &path, json!({"metadata": {"finalizers": null}}));
        assert_eq!(world.refused("GET", &path, Value::Null).0, 404);
    }
}

#[test]
fn services_get_addresses_of_their_own() {
    let world = World::new();
    let services = "/api/v1/namespaces/default/services";
    let service = |name: &str| json!({"metadata": {"name": name}, "spec": {"ports": [{"port": 80}]}});
    let one = world.ok("POST", services, service("one"));
    let two = world.ok("POST", services, service("two"));
    assert_ne!(one["spec"]["clusterIP"], two["spec"]["clusterIP"]);
    let patched = world.ok("PATCH", &format!("{services}/one"), json!({"spec": {"selector": {"a": "b"}}}));
    assert_eq!(patched["spec"]["clusterIP"], one["spec"]["clusterIP"]);
}
