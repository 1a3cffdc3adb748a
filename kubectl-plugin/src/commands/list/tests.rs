//! The list, character by character.

use serde_json::json;

use super::*;

fn args(all_namespaces: bool, timestamps: bool) -> Args {
    Args { name: None, all_namespaces, watch: false, timestamps, output: None }
}

fn shop(ready: i32) -> Rollout {
    rollout(&json!({
        "metadata": {"name": "shop", "namespace": "prod"},
        "spec": {"replicas": 2, "strategy": {"blueGreen": {"activeService": "a"}}},
        "status": {
            "phase": "Paused", "observedGeneration": "1", "replicas": 4, "updatedReplicas": 2,
            "readyReplicas": ready, "availableReplicas": ready,
        },
    }))
}

fn web() -> Rollout {
    rollout(&json!({
        "metadata": {"name": "web", "namespace": "prod"},
        "spec": {
            "replicas": 5,
            "strategy": {"canary": {"steps": [{"setWeight": 20}, {"pause": {}}, {"setWeight": 60}, {"pause": {}}]}},
        },
        "status": {
            "phase": "Progressing", "observedGeneration": "1", "currentStepIndex": 1, "replicas": 5,
            "updatedReplicas": 1, "readyReplicas": 5, "availableReplicas": 5,
        },
    }))
}

fn rollout(fields: &serde_json::Value) -> Rollout {
    let mut object = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout"});
    for (key, value) in fields.as_object().unwrap() {
        object[key] = value.clone();
    }
    serde_json::from_value(object).unwrap()
}

fn now() -> Timestamp {
    "2026-11-21T08:00:00Z".parse().unwrap()
}

#[test]
fn columns_are_the_peers() {
    let expected = "\
NAME        STRATEGY   STATUS        STEP  SET-WEIGHT  READY  DESIRED  UP-TO-DATE  AVAILABLE
shop        BlueGreen  Paused        -     -           2/4    2        2           2        ~
web         Canary     Progressing   1/4   20          5/5    5        1           5        ~
";
    let text = Table::new(&args(false, false)).text([&shop(2), &web()].into_iter(), now());
    assert_eq!(text, expected.replace('~', ""));
}

#[test]
fn namespaces_and_times_go_in_front() {
    let expected = "\
NAMESPACE  TIMESTAMP             NAME        STRATEGY   STATUS        STEP  SET-WEIGHT  READY  DESIRED  UP-TO-DATE  AVAILABLE
prod       2026-11-21T08:00:00Z  shop        BlueGreen  Paused        -     -           2/4    2        2           2        ~
";
    let text = Table::new(&args(true, true)).text([&shop(2)].into_iter(), now());
    assert_eq!(text, expected.replace('~', ""));
}

#[test]
fn a_watch_prints_only_what_changed() {
    let mut table = Table::new(&args(false, false));
    assert_eq!(table.text([&shop(2), &web()].into_iter(), now()).lines().count(), 3);
    assert_eq!(table.text([&shop(2), &web()].into_iter(), now()), "");
    let text = table.text([&shop(1), &web()].into_iter(), now());
    assert_eq!(
        text.trim_end(),
        "shop        BlueGreen  Paused        -     -           1/4    2        2           1"
    );
}
