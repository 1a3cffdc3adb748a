//! Broken Rollouts, Services and requests, each with the answer it must get: refused by the API server with the
//! field's name, or accepted and said to be invalid by the controller, or accepted and not acted on, in words.

mod requests;
mod rollouts;
mod services;

use serde_json::{Value, json};

fn rollout(change: Value) -> Value {
    let mut rollout = json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": "shop", "namespace": "default"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "shop"}},
            "template": {
                "metadata": {"labels": {"app": "shop"}},
                "spec": {"containers": [{"name": "shop", "image": "example/shop:1", "ports": [{"containerPort": 8080}]}]},
            },
            "strategy": {"blueGreen": {"activeService": "shop-active", "previewService": "shop-preview"}},
        },
    });
    json_patch::merge(&mut rollout, &change);
    rollout
}

fn service(name: &str, change: Value) -> Value {
    let mut service = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"selector": {"app": "shop"}, "ports": [{"port": 80, "targetPort": 8080}]},
    });
    json_patch::merge(&mut service, &change);
    service
}

/// The same object in another namespace.
fn within(namespace: &str, object: &Value) -> Value {
    let mut object = object.clone();
    object["metadata"]["namespace"] = namespace.into();
    object
}

fn condition<'a>(rollout: &'a Value, kind: &str) -> &'a Value {
    rollout["status"]["conditions"]
        .as_array()
        .and_then(|conditions| conditions.iter().find(|condition| condition["type"] == kind))
        .unwrap_or(&Value::Null)
}

fn says_all(message: &Value, says: &[&str]) -> Result<(), String> {
    let text = message.as_str().unwrap_or_default();
    match says.iter().find(|word| !text.contains(**word)) {
        Some(word) => Err(format!("{word:?} is not in {text:?}")),
        None => Ok(()),
    }
}

#[test]
fn there_are_at_least_forty_of_them() {
    let all = rollouts::cases().len() + services::cases().len() + requests::cases().len();
    assert!(all >= 40, "{all}");
}
