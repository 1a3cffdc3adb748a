//! Whatever deserialises gets an answer: no panic, no endless questions, and a plan that the safety kernel accepts.

use proptest::prelude::*;
use serde_json::json;
use verdigris_crds::{Rollout, keys};

use super::tests::shop;
use super::*;

/// Words that mean something somewhere, and some that do not.
const WORDS: [&str; 25] = [
    "",
    "app",
    "h1",
    "app-active",
    "app-preview",
    "True",
    "False",
    "Unknown",
    "Progressing",
    "Completed",
    "Healthy",
    "InvalidSpec",
    "RolloutAborted",
    "RolloutPaused",
    "BlueGreenPause",
    "InconclusiveAnalysisRun",
    "Inconclusive",
    "Successful",
    "Switching",
    "In",
    "1970-01-01T00:00:00Z",
    "9999-12-30T22:00:00Z",
    "Service 'app-active' was switched from 'x' to 'y'",
    keys::TRAFFIC_SWITCHED,
    keys::RESTART,
];

/// Places in a Rollout that decisions read.
const PLACES: [&str; 64] = [
    "/metadata/generation",
    "/metadata/annotations",
    "/metadata/annotations/verdigris.dev~1approval",
    "/metadata/annotations/rollout.argoproj.io~1revision",
    "/spec/replicas",
    "/spec/selector",
    "/spec/selector/matchLabels",
    "/spec/selector/matchExpressions",
    "/spec/template",
    "/spec/template/metadata",
    "/spec/template/metadata/labels",
    "/spec/template/metadata/labels/app",
    "/spec/template/spec",
    "/spec/template/spec/containers",
    "/spec/minReadySeconds",
    "/spec/strategy",
    "/spec/strategy/blueGreen",
    "/spec/strategy/canary",
    "/spec/strategy/blueGreen/activeService",
    "/spec/strategy/blueGreen/previewService",
    "/spec/strategy/blueGreen/autoPromotionEnabled",
    "/spec/strategy/blueGreen/autoPromotionSeconds",
    "/spec/strategy/blueGreen/scaleDownDelaySeconds",
    "/spec/strategy/blueGreen/scaleDownDelayRevisionLimit",
    "/spec/strategy/blueGreen/abortScaleDownDelaySeconds",
    "/spec/strategy/blueGreen/prePromotionAnalysis",
    "/spec/strategy/blueGreen/postPromotionAnalysis",
    "/spec/strategy/blueGreen/postPromotionAnalysis/templates",
    "/spec/analysis",
    "/status/blueGreen/prePromotionAnalysisRunStatus",
    "/status/blueGreen/postPromotionAnalysisRunStatus",
    "/status/blueGreen/postPromotionAnalysisRunStatus/status",
    "/spec/strategy/blueGreen/previewReplicaCount",
    "/spec/strategy/blueGreen/maxUnavailable",
    "/spec/restartAt",
    "/spec/strategy/blueGreen/activeMetadata",
    "/spec/strategy/blueGreen/activeMetadata/labels",
    "/spec/strategy/blueGreen/previewMetadata",
    "/spec/strategy/blueGreen/antiAffinity",
    "/spec/template/spec/affinity",
    "/status/restartedAt",
    "/spec/rollbackWindow",
    "/spec/rollbackWindow/revisions",
    "/spec/revisionHistoryLimit",
    "/spec/paused",
    "/spec/progressDeadlineSeconds",
    "/spec/progressDeadlineAbort",
    "/spec/workloadRef",
    "/status",
    "/status/abort",
    "/status/abortedAt",
    "/status/pauseConditions",
    "/status/controllerPause",
    "/status/currentPodHash",
    "/status/replicas",
    "/status/collisionCount",
    "/status/observedGeneration",
    "/status/conditions",
    "/status/blueGreen",
    "/status/blueGreen/activeSelector",
    "/status/blueGreen/scaleUpPreviewCheckPoint",
    "/status/stableRS",
    "/status/promoteFull",
    "/status/duration",
];

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        (-2..4_i32).prop_map(Value::from),
        prop::sample::select(WORDS.to_vec()).prop_map(Value::from),
        pauses(),
        conditions(),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map(prop::sample::select(WORDS.to_vec()), inner, 0..3)
                .prop_map(|fields| json!(fields)),
        ]
    })
}

fn word() -> impl Strategy<Value = &'static str> {
    prop::sample::select(WORDS.to_vec())
}

fn time() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["1970-01-01T00:00:00Z", "2027-01-15T08:00:03.5Z", "9999-12-30T22:00:00Z"])
}

fn pauses() -> impl Strategy<Value = Value> {
    (word(), time()).prop_map(|(reason, time)| json!([{"reason": reason, "startTime": time}]))
}

fn conditions() -> impl Strategy<Value = Value> {
    let condition =
        (word(), word(), word(), word(), time()).prop_map(|(type_, status, reason, message, time)| {
            json!({"type": type_, "status": status, "reason": reason, "message": message,
            "lastUpdateTime": time, "lastTransitionTime": time})
        });
    prop::collection::vec(condition, 0..4).prop_map(Value::from)
}

/// Puts a value where the place leads, as far as the objects on the way exist.
fn put(rollout: &mut Value, place: &str, value: Value) {
    let Some((parent, field)) = place.rsplit_once('/') else { return };
    if let Some(parent) = rollout.pointer_mut(parent).and_then(Value::as_object_mut) {
        parent.insert(field.replace("~1", "/"), value);
    }
}

/// In the middle of an update that waits for its approval.
fn paused() -> Cluster {
    let analysis = json!({"templates": [{"templateName": "works"}]});
    let mut cluster = shop(&json!({"prePromotionAnalysis": analysis, "postPromotionAnalysis": analysis}));
    cluster.run(5).expect("deploy");
    cluster.set_image("example/app:2");
    cluster.run(5).expect("update");
    cluster.annotate(BTreeMap::from([("note".to_owned(), Some("mine".to_owned()))]));
    cluster
}

fn config() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(600);
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn anything_that_deserialises_gets_a_decision(
        edits in prop::collection::vec((prop::sample::select(PLACES.to_vec()), value()), 1..5),
        annotation in prop::option::of((prop::sample::select(vec![
            keys::REVISION, keys::REVISION_HISTORY, keys::SCALE_DOWN_DEADLINE, keys::DESIRED_REPLICAS,
            keys::EPHEMERAL_METADATA, keys::FORMER_METADATA,
        ]), word())),
        seconds in -10_i64..100_000,
    ) {
        let mut cluster = paused();
        let mut rollout = serde_json::to_value(&cluster.rollout).expect("JSON");
        for (place, value) in edits {
            put(&mut rollout, place, value);
        }
        if let Some((key, value)) = annotation {
            for seen in cluster.replica_sets.values_mut() {
                seen.annotations.insert(key.to_owned(), value.to_owned());
            }
        }
        let Ok(rollout) = serde_json::from_value::<Rollout>(rollout) else { return Ok(()) };
        cluster.rollout = rollout;
        cluster.now = after(cluster.now, seconds);
        if let Err(refused) = cluster.decide() {
            return Err(TestCaseError::fail(refused.to_string()));
        }
        cluster.settle().map_err(|stopped| TestCaseError::fail(stopped.to_string()))?;
    }
}
