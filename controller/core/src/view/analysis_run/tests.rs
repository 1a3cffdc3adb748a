//! Views of the peer's runs, and of such as nobody should write.

use serde_json::json;

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn rollout(status: &Value) -> Rollout {
    serde_json::from_value(json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
        "metadata": {"name": "shop", "namespace": "prod", "uid": "u"},
        "spec": {"strategy": {"blueGreen": {"activeService": "a"}}}, "status": status,
    }))
    .unwrap()
}

/// A run of the Rollout.
fn run(name: &str, revision: u64, created: &str, spec: &Value, status: &Value) -> AnalysisRun {
    let metadata = json!({
        "name": name, "creationTimestamp": created,
        "labels": {"rollout-type": "PrePromotion", "rollouts-pod-template-hash": "abc"},
        "annotations": {"rollout.argoproj.io/revision": revision.to_string()},
        "ownerReferences": [{"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "shop", "uid": "u"}],
    });
    AnalysisRun::new(serde_json::from_value(metadata).unwrap(), json!({"spec": spec, "status": status}))
}

#[test]
fn runs_stand_in_the_peers_order_and_strangers_are_left_out() {
    let early = "2026-11-21T08:00:00Z";
    let mut stranger = run("stranger", 9, early, &json!({}), &json!({}));
    stranger.metadata.owner_references = None;
    let runs = [
        run("first", 1, early, &json!({}), &json!({})),
        stranger,
        run("late", 2, "2026-11-21T08:00:09Z", &json!({}), &json!({})),
        run("a", 2, early, &json!({}), &json!({})),
        run("b", 2, early, &json!({}), &json!({})),
    ];
    let views = of_rollout(&rollout(&json!({})), &runs, at("2026-11-21T08:01:00Z"));
    let names: Vec<&str> = views.iter().map(|view| view.name.as_str()).collect();
    assert_eq!(names, ["b", "a", "late", "first"]);
}

#[test]
fn measurements_of_all_metrics_add_up() {
    let spec = json!({"metrics": [
        {"name": "errors", "count": "5", "successCondition": "result < 0.05", "provider": {"web": {}}},
        {"name": "latency", "provider": {"web": {}}},
    ]});
    let status = json!({"phase": "Running", "metricResults": [
        {"name": "unasked", "phase": "Successful", "successful": 1, "count": 1},
        {"name": "errors", "phase": "Running", "count": 3, "successful": 2, "failed": 1, "error": 4, "measurements": [
            {"phase": "Failed", "value": "[0.25]", "finishedAt": "2026-11-21T08:00:10Z"},
            {"phase": "Successful", "value": "0.01", "startedAt": "2026-11-21T08:00:20Z"},
            {"phase": "Error", "message": "no answer"},
            {"phase": "Successful", "value": "[0.1,0.2]"},
        ]},
    ]});
    let runs = [run("r", 2, "2026-11-21T08:00:00Z", &spec, &status)];
    let view = of_rollout(&rollout(&json!({})), &runs, at("2026-11-21T08:01:00Z")).remove(0);
    assert_eq!(
        (view.phase.as_str(), view.icon, view.moment),
        ("Running", Icon::Progressing, "pre-promotion")
    );
    assert_eq!(view.counts.info(), "✔ 3,✖ 1,⚠ 4");
    assert_eq!(view.counts.words(), "3 successful, 1 failed, 4 errors");
    let metrics: Vec<_> =
        view.metrics.iter().map(|it| (it.name.as_str(), it.phase.as_str(), it.wanted)).collect();
    assert_eq!(
        metrics,
        [("errors", "Running", Some(5)), ("latency", "Pending", None), ("unasked", "Successful", None)]
    );
    let numbers: Vec<_> = view.metrics[0].measurements.iter().map(|it| it.number).collect();
    assert_eq!(numbers, [Some(0.25), Some(0.01), None, None]);
    assert_eq!(view.metrics[0].measurements[0].at(), Some(at("2026-11-21T08:00:10Z")));
}

#[test]
fn what_nobody_has_measured_yet_is_pending() {
    let view = of_rollout(
        &rollout(&json!({})),
        &[run("r", 2, "2026-11-21T08:00:00Z", &Value::Null, &Value::Null)],
        at("2026-11-21T08:00:30Z"),
    );
    assert_eq!(
        (view[0].phase.as_str(), view[0].icon, view[0].age.as_str()),
        ("Pending", Icon::Waiting, "30s")
    );
    assert_eq!(
        (view[0].counts.info(), view[0].counts.words()),
        (String::new(), "nothing measured yet".into())
    );
}

#[test]
fn a_status_of_the_wrong_types_is_borne() {
    let status = json!({"phase": 5, "message": [], "completedAt": "soon", "metricResults": [
        7, {"name": {}, "successful": -1, "failed": "x", "measurements": [null, {"value": 3, "metadata": "x"}]},
    ]});
    let spec = json!({"metrics": {"name": "no list"}});
    let runs = [run("r", 1, "2026-11-21T08:00:00Z", &spec, &status)];
    let view = of_rollout(&rollout(&json!({})), &runs, at("2026-11-21T08:00:30Z")).remove(0);
    assert_eq!((view.phase.as_str(), view.counts), ("Pending", MeasurementCounts::default()));
    assert_eq!(view.metrics.len(), 2);
}

#[test]
fn the_awaited_run_is_the_one_that_the_status_waits_for() {
    let named = |pre: &str, post: &str, active: &str, stable: &str| {
        awaited(&rollout(&json!({
            "currentPodHash": "new", "stableRS": stable,
            "blueGreen": {"activeSelector": active,
                "prePromotionAnalysisRunStatus": {"name": "pre", "status": pre},
                "postPromotionAnalysisRunStatus": {"name": "post", "status": post}},
        })))
        .map(|awaited| format!("{} {} {}", awaited.moment, awaited.name, awaited.phase))
    };
    assert_eq!(named("", "", "old", "old").as_deref(), Some("pre-promotion pre Pending"));
    assert_eq!(named("Successful", "Running", "new", "old").as_deref(), Some("post-promotion post Running"));
    assert_eq!(named("Successful", "", "old", "old"), None, "it has succeeded");
    assert_eq!(named("Running", "Running", "new", "new"), None, "promoted in full");
}
