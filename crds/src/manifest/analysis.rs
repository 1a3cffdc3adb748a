//! The definitions of AnalysisRun, AnalysisTemplate and ClusterAnalysisTemplate. They have no types of ours: what they
//! hold is read raw, and the schemas are here for `kubectl explain`, for columns, and for typing mistakes.

use serde_json::{Value, json};

use super::{
    object, open,
    raw::{described, integer, list, string, string_map},
};

/// Names of a kind.
struct Names {
    kind: &'static str,
    plural: &'static str,
    short: &'static str,
    scope: &'static str,
}

/// The CustomResourceDefinition of `analysisruns.argoproj.io`.
pub fn analysis_run() -> Value {
    let mut spec = run_spec();
    spec["required"] = json!(["metrics"]);
    let names = Names { kind: "AnalysisRun", plural: "analysisruns", short: "ar", scope: "Namespaced" };
    let mut definition =
        definition(&names, "Measures metrics, and says whether a version is good.", spec, Some(run_status()));
    let columns = &mut definition["spec"]["versions"][0]["additionalPrinterColumns"];
    columns
        .as_array_mut()
        .unwrap_or(&mut Vec::new())
        .insert(0, json!({"name": "Status", "type": "string", "jsonPath": ".status.phase"}));
    definition
}

/// The CustomResourceDefinition of `analysistemplates.argoproj.io`.
pub fn analysis_template() -> Value {
    let names =
        Names { kind: "AnalysisTemplate", plural: "analysistemplates", short: "at", scope: "Namespaced" };
    definition(&names, "Metrics that AnalysisRuns of this namespace are made from.", template_spec(), None)
}

/// The CustomResourceDefinition of `clusteranalysistemplates.argoproj.io`.
pub fn cluster_analysis_template() -> Value {
    let names = Names {
        kind: "ClusterAnalysisTemplate",
        plural: "clusteranalysistemplates",
        short: "cat",
        scope: "Cluster",
    };
    definition(&names, "Metrics that AnalysisRuns of any namespace are made from.", template_spec(), None)
}

fn definition(names: &Names, text: &str, spec: Value, status: Option<Value>) -> Value {
    let Names { kind, plural, short, scope } = names;
    let mut schema = object([("spec", described(spec, "What is measured, and what counts as good."))]);
    if let Some(status) = status {
        schema["properties"]["status"] = described(status, "What was measured, and what it came to.");
    }
    for part in ["spec", "status"] {
        if let Some(schema) = schema["properties"].get_mut(part) {
            open(schema);
        }
    }
    schema["description"] = json!(text);
    schema["required"] = json!(["spec"]);
    let version = json!({
        "name": "v1alpha1",
        "served": true,
        "storage": true,
        // No subresources, as by the peer: whoever measures writes the status with the rest.
        "subresources": {},
        "additionalPrinterColumns": [{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}],
        "schema": {"openAPIV3Schema": schema},
    });
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.argoproj.io")},
        "spec": {
            "group": "argoproj.io",
            "names": {"kind": kind, "listKind": format!("{kind}List"), "plural": plural,
                "singular": kind.to_lowercase(), "shortNames": [short]},
            "scope": scope,
            "versions": [version],
        },
    })
}

fn template_spec() -> Value {
    let template = object([
        ("templateName", string("The template's name.")),
        (
            "clusterScope",
            json!({"type": "boolean", "description": "True for a ClusterAnalysisTemplate. Default false."}),
        ),
    ]);
    object([
        ("metrics", metrics()),
        ("args", arguments()),
        ("dryRun", dry_run()),
        ("measurementRetention", retention()),
        ("templates", list("Templates whose metrics are measured besides.", template)),
    ])
}

fn run_spec() -> Value {
    object([
        ("metrics", metrics()),
        ("args", arguments()),
        ("dryRun", dry_run()),
        ("measurementRetention", retention()),
        (
            "terminate",
            json!({"type": "boolean", "description": "Ends the run before its time. Default false."}),
        ),
        (
            "ttlStrategy",
            object([
                ("secondsAfterCompletion", integer("Seconds after its end at which the run is deleted.")),
                ("secondsAfterFailure", integer("The same where it failed.")),
                ("secondsAfterSuccess", integer("The same where it succeeded.")),
            ]),
        ),
    ])
}

fn metrics() -> Value {
    let mut metric = object([
        ("name", string("The metric's name, unique in the run.")),
        (
            "interval",
            string("Time between two measurements, such as 30s or 5m. Without one: one measurement."),
        ),
        ("initialDelay", string("Time before the first measurement.")),
        ("count", number("How many measurements.")),
        ("successCondition", string("Expression over `result` that is true of a good measurement.")),
        ("failureCondition", string("Expression over `result` that is true of a bad measurement.")),
        ("failureLimit", number("How many bad measurements are borne. Default 0; -1: any number.")),
        ("inconclusiveLimit", number("How many measurements that are neither are borne. Default 0.")),
        ("consecutiveErrorLimit", number("How many measurements in a row may not be possible. Default 4.")),
        ("consecutiveSuccessLimit", number("So many good ones in a row are enough. Default 0: off.")),
        ("provider", described(object([]), "Where the measurement comes from: exactly one of its fields.")),
    ]);
    metric["required"] = json!(["name", "provider"]);
    list("What is measured.", metric)
}

fn arguments() -> Value {
    let mut secret = object([
        ("name", string("The Secret's name, in the run's namespace.")),
        ("key", string("The key in the Secret.")),
    ]);
    secret["required"] = json!(["key", "name"]);
    let mut field = object([("fieldPath", string("Path of the field, for example metadata.name."))]);
    field["required"] = json!(["fieldPath"]);
    let mut argument = object([
        ("name", string("Metrics name it as {{args.NAME}}.")),
        ("value", string("Its value.")),
        ("valueFrom", object([("secretKeyRef", secret), ("fieldRef", field)])),
    ]);
    argument["required"] = json!(["name"]);
    list("Values that metrics name.", argument)
}

fn dry_run() -> Value {
    let mut rule = object([("metricName", string("Regular expression over names of metrics."))]);
    rule["required"] = json!(["metricName"]);
    list("Metrics that are measured and decide nothing.", rule)
}

fn retention() -> Value {
    let mut rule = object([
        ("metricName", string("Regular expression over names of metrics.")),
        ("limit", integer("How many measurements are kept. Default 10.")),
    ]);
    rule["required"] = json!(["limit", "metricName"]);
    list("How many measurements are kept.", rule)
}

fn run_status() -> Value {
    let mut measurement = object([
        ("phase", string("Successful, Failed, Error, Inconclusive or Running.")),
        ("value", string("What was measured.")),
        ("message", string("Why it is in that phase.")),
        ("startedAt", time("When it began.")),
        ("finishedAt", time("When it ended.")),
        ("resumeAt", time("When to look at it again.")),
        ("metadata", string_map("Notes of the provider.")),
    ]);
    measurement["required"] = json!(["phase"]);
    let mut result = object([
        ("name", string("The metric's name.")),
        ("phase", string("What the metric came to.")),
        ("message", string("Why.")),
        ("measurements", list("The last measurements.", measurement)),
        ("count", integer("Measurements without errors.")),
        ("successful", integer("Good ones.")),
        ("failed", integer("Bad ones.")),
        ("inconclusive", integer("Those that are neither.")),
        ("error", integer("Those that were not possible.")),
        ("consecutiveError", integer("Those that were not possible, in a row.")),
        ("consecutiveSuccess", integer("Good ones in a row.")),
        ("dryRun", json!({"type": "boolean", "description": "Whether it decides nothing."})),
        ("metadata", string_map("Notes of the provider.")),
    ]);
    result["required"] = json!(["name", "phase"]);
    let summary = |text: &str| {
        let counts = object([
            ("count", integer("All of them.")),
            ("successful", integer("Good ones.")),
            ("failed", integer("Bad ones.")),
            ("inconclusive", integer("Those that are neither.")),
            ("error", integer("Those that could not be measured.")),
        ]);
        described(counts, text)
    };
    object([
        ("phase", string("Pending, Running, Successful, Failed, Error or Inconclusive.")),
        ("message", string("Why it is in that phase.")),
        ("metricResults", list("What each metric came to.", result)),
        ("startedAt", time("When the run began.")),
        ("completedAt", time("When the run ended.")),
        ("runSummary", summary("Metrics by what they came to.")),
        ("dryRunSummary", summary("The same of those that decide nothing.")),
    ])
}

fn time(text: &str) -> Value {
    json!({"type": "string", "format": "date-time", "description": text})
}

/// A number, or a string that stands for one once arguments are filled in.
fn number(text: &str) -> Value {
    json!({"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}], "description": text})
}
