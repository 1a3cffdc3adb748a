//! The worlds that are searched: `cargo test -p verdigris-core search -- --nocapture` says how much there was to find.

use super::*;

/// So many actions, whenever all is at rest; pods break and get well then too.
const fn calm(actions: usize) -> Reach {
    Reach { actions, races: false, pods: Pods::AtRest }
}

/// So many actions, whenever all is at rest; pods are well.
const fn well(actions: usize) -> Reach {
    Reach { actions, races: false, pods: Pods::Never }
}

/// So many actions between any two steps; pods are well.
const fn racing(actions: usize) -> Reach {
    Reach { actions, races: true, pods: Pods::Never }
}

/// So many actions between any two steps, and pods break between any two steps too.
const fn wild(actions: usize) -> Reach {
    Reach { actions, races: true, pods: Pods::Anywhere }
}

/// Delays short enough for a path to see their end.
fn strategy(more: &Value) -> Value {
    let mut strategy = json!({"scaleDownDelaySeconds": 2, "abortScaleDownDelaySeconds": 2});
    for (key, value) in more.as_object().into_iter().flatten() {
        strategy[key] = value.clone();
    }
    strategy
}

/// A healthy shop.
fn healthy(strategy: &Value, spec: &Value) -> Cluster {
    let mut cluster = deployed(strategy);
    cluster.settings.ready_after_seconds = 1;
    cluster.settings.measured = Measured::Never;
    cluster.apply(spec);
    cluster.wait(100);
    cluster
}

/// Searches, and says how much there was to find.
fn search(model: &Model) {
    for reach in &model.reaches {
        let graph = Graph::search(model, *reach);
        let phases = graph.none_is_stuck(model);
        let depth = graph.nodes.iter().map(|node| node.depth).max().unwrap_or(0);
        let (states, transitions) = (graph.nodes.len(), graph.transitions);
        let Model { name, .. } = model;
        println!(
            "{name}, {reach:?}: {states} states, {transitions} transitions, depth {depth}; ends: {phases:?}"
        );
        assert!(phases.keys().any(|found| found.starts_with("Healthy")), "{phases:?}");
    }
}

#[test]
fn every_reachable_state_under_a_manual_gate_is_safe_and_none_is_stuck() {
    search(&Model {
        name: "a manual gate",
        start: healthy(&strategy(&json!({})), &json!({"replicas": 1})),
        users: &[
            User::Update,
            User::ClearPause,
            User::PromoteFull,
            User::Abort,
            User::Retry,
            User::Misdirect,
        ],
        measured: &[],
        reaches: vec![well(6), calm(3), wild(2)],
    });
}

#[test]
fn every_reachable_state_with_a_small_preview_is_safe_and_none_is_stuck() {
    let preview = json!({"previewReplicaCount": 1, "previewService": null});
    search(&Model {
        name: "a small preview",
        start: healthy(&strategy(&preview), &json!({"replicas": 2})),
        users: &[User::Update, User::ClearPause, User::Abort, User::Retry],
        measured: &[],
        reaches: vec![well(6), calm(4), racing(4), wild(2)],
    });
}

#[test]
fn every_reachable_state_with_a_deadline_that_aborts_is_safe_and_none_is_stuck() {
    let spec = json!({"replicas": 1, "progressDeadlineSeconds": 3, "progressDeadlineAbort": true,
        "rollbackWindow": {"revisions": 1}});
    search(&Model {
        name: "no gate, a deadline that aborts, a rollback window",
        start: healthy(&strategy(&json!({"autoPromotionEnabled": true, "previewService": null})), &spec),
        users: &[User::Update, User::Abort, User::Retry, User::Strip],
        measured: &[],
        reaches: vec![well(6), calm(5), wild(1)],
    });
}

#[test]
fn every_reachable_state_with_a_wheel_and_no_pods_is_safe_and_none_is_stuck() {
    search(&Model {
        name: "a manual gate, paused by hand, with and without pods",
        start: healthy(&strategy(&json!({"previewService": null})), &json!({"replicas": 1})),
        users: &[User::Update, User::ClearPause, User::TogglePaused, User::ToggleReplicas],
        measured: &[],
        reaches: vec![well(6), calm(4), wild(2)],
    });
}

#[test]
fn every_state_that_six_racing_users_can_reach_is_safe_and_none_is_stuck() {
    search(&Model {
        name: "a manual gate, whatever users do at whatever moment",
        start: healthy(&strategy(&json!({"previewService": null})), &json!({"replicas": 1})),
        users: &[User::Update, User::ClearPause, User::Abort, User::Retry],
        measured: &[],
        reaches: vec![racing(6)],
    });
}

/// Nothing is kept of runs that are over.
const NO_HISTORY: &str =
    r#"{"replicas": 1, "analysis": {"successfulRunHistoryLimit": 0, "unsuccessfulRunHistoryLimit": 0}}"#;

fn analysed(more: &Value) -> Cluster {
    let spec = serde_json::from_str(NO_HISTORY).expect("JSON");
    let mut cluster = healthy(&strategy(more), &spec);
    let spec = json!({"metrics": [{"name": "m", "provider": {"job": {"spec": {}}}}]});
    cluster.add_analysis_template("works", spec);
    cluster
}

#[test]
fn every_reachable_state_with_an_analysis_before_promotion_is_safe_and_none_is_stuck() {
    let works = json!({"templates": [{"templateName": "works"}]});
    search(&Model {
        name: "a manual gate after an analysis",
        start: analysed(&json!({"prePromotionAnalysis": works, "previewService": null})),
        users: &[User::Update, User::ClearPause, User::Abort, User::Retry, User::DeleteRun],
        measured: &["Successful", "Failed", "Inconclusive"],
        reaches: vec![well(5), calm(1), racing(3)],
    });
}

#[test]
fn every_reachable_state_with_an_analysis_after_promotion_is_safe_and_none_is_stuck() {
    let works = json!({"templates": [{"templateName": "works"}]});
    let after = json!({"autoPromotionEnabled": true, "postPromotionAnalysis": works, "previewService": null});
    search(&Model {
        name: "an analysis after promotion",
        start: analysed(&after),
        users: &[User::Update, User::ClearPause, User::Abort, User::Retry],
        measured: &["Successful", "Error", "Inconclusive"],
        reaches: vec![well(4), calm(1), racing(3)],
    });
}

#[test]
fn every_reachable_state_with_restarts_is_safe_and_none_is_stuck() {
    search(&Model {
        name: "restarts",
        start: healthy(&strategy(&json!({"previewService": null})), &json!({"replicas": 2})),
        users: &[User::Update, User::ClearPause, User::Abort, User::Restart],
        measured: &[],
        reaches: vec![well(6), calm(1), racing(3)],
    });
}

#[test]
fn every_reachable_state_with_a_referenced_workload_is_safe_and_none_is_stuck() {
    let mut start = shop(&strategy(&json!({"previewService": null})));
    start.settings.ready_after_seconds = 1;
    start.apply(&json!({"replicas": 1}));
    start.reference_deployment(1, "progressively");
    search(&Model {
        name: "a referenced Deployment that goes progressively",
        start,
        users: &[User::Update, User::ClearPause, User::ScaleWorkload, User::LoseWorkload, User::FindWorkload],
        measured: &[],
        reaches: vec![well(5), calm(1), racing(3)],
    });
}

#[test]
fn every_reachable_state_with_an_autoscaler_is_safe_and_none_is_stuck() {
    let preview = json!({"previewReplicaCount": 1, "previewService": null});
    search(&Model {
        name: "an autoscaler and a small preview",
        start: healthy(&strategy(&preview), &json!({"replicas": 1})),
        users: &[User::Update, User::ClearPause, User::Abort, User::MoreLoad, User::LessLoad],
        measured: &[],
        reaches: vec![well(6), calm(2), racing(4)],
    });
}
