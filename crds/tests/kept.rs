//! A read-modify-write of a Rollout loses nothing: whatever the API server can hand us, typed or not, comes back.

use proptest::{collection, option, prelude::*};
use serde_json::{Map, Value, json};
use verdigris_crds::Rollout;

/// A JSON value of a field that we do not know. No `null`: the API server stores none.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[ -~]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            collection::btree_map("[a-z]{1,5}", inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// An object with some of the known fields, and sometimes one that we do not know.
fn object(fields: Vec<(&'static str, BoxedStrategy<Value>)>) -> BoxedStrategy<Value> {
    let known: Vec<_> = fields
        .into_iter()
        .map(|(name, value)| {
            option::weighted(0.6, value).prop_map(move |value| value.map(|value| (name.to_owned(), value)))
        })
        .collect();
    let unknown = option::of(("x[A-Z][a-z]{2,6}", anything()));
    (known, unknown)
        .prop_map(|(known, unknown)| {
            Value::Object(known.into_iter().flatten().chain(unknown).collect::<Map<String, Value>>())
        })
        .boxed()
}

fn with(
    base: BoxedStrategy<Value>,
    required: Vec<(&'static str, BoxedStrategy<Value>)>,
) -> BoxedStrategy<Value> {
    let required: Vec<_> =
        required.into_iter().map(|(name, value)| value.prop_map(move |value| (name, value))).collect();
    (base, required)
        .prop_map(|(mut base, required)| {
            for (name, value) in required {
                base[name] = value;
            }
            base
        })
        .boxed()
}

fn count() -> BoxedStrategy<Value> {
    any::<i32>().prop_map(Value::from).boxed()
}

fn text() -> BoxedStrategy<Value> {
    "[ -~]{0,12}".prop_map(Value::from).boxed()
}

fn yes_no() -> BoxedStrategy<Value> {
    any::<bool>().prop_map(Value::from).boxed()
}

fn time() -> BoxedStrategy<Value> {
    (2000..2100, 1..=12, 1..=28, 0..24, 0..60, 0..60)
        .prop_map(|(y, mo, d, h, mi, s)| json!(format!("{y}-{mo:02}-{d:02}T{h:02}:{mi:02}:{s:02}Z")))
        .boxed()
}

fn labels() -> BoxedStrategy<Value> {
    collection::btree_map("[a-z./-]{1,8}", "[a-z0-9]{0,8}", 0..3).prop_map(|map| json!(map)).boxed()
}

fn list(item: BoxedStrategy<Value>) -> BoxedStrategy<Value> {
    collection::vec(item, 0..3).prop_map(Value::from).boxed()
}

fn raw() -> BoxedStrategy<Value> {
    collection::btree_map("[a-z]{1,5}", anything(), 0..3).prop_map(|map| json!(map)).boxed()
}

fn selector() -> BoxedStrategy<Value> {
    let expression =
        with(object(vec![("values", list(text()))]), vec![("key", text()), ("operator", text())]);
    object(vec![("matchLabels", labels()), ("matchExpressions", list(expression))])
}

fn anti_affinity() -> BoxedStrategy<Value> {
    object(vec![
        ("preferredDuringSchedulingIgnoredDuringExecution", object(vec![("weight", count())])),
        ("requiredDuringSchedulingIgnoredDuringExecution", raw()),
    ])
}

fn strategy() -> BoxedStrategy<Value> {
    let blue_green = with(
        object(vec![
            ("previewService", text()),
            ("previewReplicaCount", count()),
            ("autoPromotionEnabled", yes_no()),
            ("autoPromotionSeconds", count()),
            ("maxUnavailable", prop_oneof![count(), text()].boxed()),
            ("scaleDownDelaySeconds", count()),
            ("scaleDownDelayRevisionLimit", count()),
            ("abortScaleDownDelaySeconds", count()),
            ("prePromotionAnalysis", raw()),
            ("postPromotionAnalysis", raw()),
            ("antiAffinity", anti_affinity()),
            ("previewMetadata", object(vec![("labels", labels()), ("annotations", labels())])),
            ("activeMetadata", object(vec![("labels", labels()), ("annotations", labels())])),
        ]),
        vec![("activeService", text())],
    );
    object(vec![("blueGreen", blue_green), ("canary", raw())])
}

fn spec() -> BoxedStrategy<Value> {
    object(vec![
        ("replicas", count()),
        ("selector", selector()),
        ("template", raw()),
        ("workloadRef", raw()),
        ("minReadySeconds", count()),
        ("strategy", strategy()),
        ("revisionHistoryLimit", count()),
        ("paused", yes_no()),
        ("progressDeadlineSeconds", count()),
        ("progressDeadlineAbort", yes_no()),
        ("restartAt", time()),
        ("rollbackWindow", object(vec![("revisions", count())])),
        ("analysis", raw()),
    ])
}

fn status() -> BoxedStrategy<Value> {
    let pause = with(object(vec![]), vec![("reason", text()), ("startTime", time())]);
    let condition = with(
        object(vec![]),
        vec![
            ("type", text()),
            ("status", text()),
            ("reason", text()),
            ("message", text()),
            ("lastUpdateTime", time()),
            ("lastTransitionTime", time()),
        ],
    );
    let run = || with(object(vec![("message", text())]), vec![("name", text()), ("status", text())]);
    let blue_green = object(vec![
        ("activeSelector", text()),
        ("previewSelector", text()),
        ("scaleUpPreviewCheckPoint", yes_no()),
        ("prePromotionAnalysisRunStatus", run()),
        ("postPromotionAnalysisRunStatus", run()),
    ]);
    let duration = object(vec![
        ("rolloutStartedAt", time()),
        ("totalManualPauseDurationSeconds", any::<i64>().prop_map(Value::from).boxed()),
        ("completionStatus", text()),
    ]);
    object(vec![
        ("abort", yes_no()),
        ("abortedAt", time()),
        ("pauseConditions", list(pause)),
        ("controllerPause", yes_no()),
        ("currentPodHash", text()),
        ("replicas", count()),
        ("HPAReplicas", count()),
        ("stableRS", text()),
        ("collisionCount", count()),
        ("observedGeneration", text()),
        ("conditions", list(condition)),
        ("blueGreen", blue_green),
        ("canary", raw()),
        ("promoteFull", yes_no()),
        ("duration", duration),
    ])
}

proptest! {
    #[test]
    fn nothing_is_lost(spec in spec(), status in option::of(status())) {
        let mut rollout = json!({
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Rollout",
            "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}},
            "spec": spec,
        });
        if let Some(status) = status {
            rollout["status"] = status;
        }
        let typed: Rollout = serde_json::from_value(rollout.clone()).map_err(|error| TestCaseError::fail(format!("{error}: {rollout}")))?;
        prop_assert_eq!(serde_json::to_value(&typed).unwrap_or_default(), rollout);
    }
}
