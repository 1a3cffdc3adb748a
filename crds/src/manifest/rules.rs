//! Rules that a type cannot say. Each answer of the API server names the field.

use serde_json::{Value, json};

/// Fields that count something: impossible below zero.
const COUNTS: [&str; 10] = [
    "spec.replicas",
    "spec.minReadySeconds",
    "spec.revisionHistoryLimit",
    "spec.progressDeadlineSeconds",
    "spec.strategy.blueGreen.previewReplicaCount",
    "spec.strategy.blueGreen.autoPromotionSeconds",
    "spec.strategy.blueGreen.scaleDownDelaySeconds",
    "spec.strategy.blueGreen.scaleDownDelayRevisionLimit",
    "spec.strategy.blueGreen.abortScaleDownDelaySeconds",
    "spec.rollbackWindow.revisions",
];

/// What to lay over the derived schema, by path.
pub(super) fn fragments() -> Vec<(&'static str, Value)> {
    // An upper bound besides the format, because the answer to a broken `format: int32` has no field path.
    let counts = COUNTS.into_iter().map(|path| (path, json!({"minimum": 0, "maximum": i32::MAX})));
    counts.chain(others()).collect()
}

fn others() -> [(&'static str, Value); 6] {
    [
        (
            "",
            json!({
                "type": "object",
                "required": ["spec"],
                "description": "A Deployment that releases new versions by blue-green or canary.",
            }),
        ),
        ("spec", json!({"required": ["strategy"]})),
        (
            "spec.selector",
            json!({
                "x-kubernetes-map-type": "atomic",
                "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": ".spec.selector is immutable"}],
            }),
        ),
        // An unknown strategy sets neither of the two, and so is refused by the same rule.
        (
            "spec.strategy",
            json!({
                "x-kubernetes-validations": [{
                    "rule": "has(self.blueGreen) != has(self.canary)",
                    "message": "spec.strategy must have exactly one of blueGreen and canary",
                }],
            }),
        ),
        ("spec.strategy.blueGreen.activeService", json!({"minLength": 1})),
        (
            "spec.strategy.blueGreen.maxUnavailable",
            json!({
                "x-kubernetes-int-or-string": true,
                "anyOf": [{"type": "integer"}, {"type": "string"}],
                "minimum": 0,
                "maximum": i32::MAX,
                "pattern": "^[0-9]+%?$",
            }),
        ),
    ]
}
