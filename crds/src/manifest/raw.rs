//! Schemas of the parts that our types keep as raw JSON.
//!
//! They are here for `kubectl explain` and for typing mistakes. Nothing is pruned by them and nothing defaulted: a pod
//! template comes back exactly as it was written, fields newer than us included.

use serde_json::{Value, json};

use super::object;

const VOLUMES: &str = "Volumes that containers may mount: a list.";

/// What to lay over the derived schema, by path.
pub(super) fn fragments() -> Vec<(&'static str, Value)> {
    vec![
        ("spec.template", pod_template()),
        ("spec.workloadRef", workload_ref()),
        (
            "spec.analysis",
            object([
                (
                    "successfulRunHistoryLimit",
                    integer("Successful AnalysisRuns and Experiments to keep. Default 5."),
                ),
                (
                    "unsuccessfulRunHistoryLimit",
                    integer("Failed and inconclusive AnalysisRuns to keep. Default 5."),
                ),
            ]),
        ),
        ("spec.strategy.canary", object([])),
        ("spec.strategy.blueGreen.prePromotionAnalysis", analysis()),
        ("spec.strategy.blueGreen.postPromotionAnalysis", analysis()),
        ("spec.strategy.blueGreen.antiAffinity", anti_affinity()),
        ("spec.strategy.blueGreen.previewMetadata", metadata()),
        ("spec.strategy.blueGreen.activeMetadata", metadata()),
    ]
}

fn pod_template() -> Value {
    let mut spec = object([
        ("containers", containers("Containers of the pod; at least one.")),
        ("initContainers", containers("Containers that run, one after the other, before the others start.")),
        ("volumes", json!({"description": VOLUMES, "x-kubernetes-preserve-unknown-fields": true})),
        ("serviceAccountName", string("The ServiceAccount that the pod runs as.")),
        (
            "terminationGracePeriodSeconds",
            seconds("Seconds a pod has to end after it was asked to. Default 30."),
        ),
        ("nodeSelector", string_map("Labels that a node must have for the pod to run there.")),
        ("affinity", described(object([]), "Scheduling constraints of the pod.")),
        ("securityContext", described(object([]), "Security settings of the whole pod.")),
    ]);
    spec["required"] = json!(["containers"]);
    let spec = described(spec, "What runs in the pod: a PodSpec, every field of which is kept as written.");
    object([
        ("metadata", described(metadata(), "Labels and annotations that every pod gets.")),
        ("spec", spec),
    ])
}

fn containers(text: &str) -> Value {
    let mut variable = object([
        ("name", string("The variable's name.")),
        ("value", string("Its value. Numbers and booleans need quotes.")),
        (
            "valueFrom",
            described(object([]), "Takes the value from a ConfigMap, a Secret or a field of the pod."),
        ),
    ]);
    variable["required"] = json!(["name"]);
    let mut port = object([
        ("containerPort", integer("The port's number.")),
        ("name", string("A name that Services can use for it.")),
        ("protocol", string("TCP, UDP or SCTP. Default TCP.")),
    ]);
    port["required"] = json!(["containerPort"]);
    let mut container = object([
        ("name", string("The container's name, unique in the pod.")),
        ("image", string("The image to run.")),
        ("command", list("Replaces the image's entry point.", json!({"type": "string"}))),
        ("args", list("Arguments of the entry point.", json!({"type": "string"}))),
        ("env", list("Environment variables.", variable)),
        ("ports", list("Ports that the container listens on.", port)),
        ("resources", described(object([]), "Requests and limits of CPU, memory and others.")),
        ("readinessProbe", described(object([]), "Says when the container can take traffic.")),
        ("livenessProbe", described(object([]), "Says when the container must be restarted.")),
        ("securityContext", described(object([]), "Security settings of the container.")),
        ("volumeMounts", list("Where volumes appear in the container.", object([]))),
    ]);
    container["required"] = json!(["name"]);
    list(text, container)
}

fn workload_ref() -> Value {
    object([
        ("apiVersion", string("apps/v1 for Deployments and ReplicaSets, v1 for PodTemplates.")),
        ("kind", string("Deployment, ReplicaSet or PodTemplate.")),
        ("name", string("The object's name, in the Rollout's namespace.")),
        (
            "scaleDown",
            string("When the Deployment goes to zero: never (default), onsuccess or progressively."),
        ),
    ])
}

fn analysis() -> Value {
    let template = object([
        ("templateName", string("The AnalysisTemplate's name.")),
        (
            "clusterScope",
            json!({"type": "boolean", "description": "True for a ClusterAnalysisTemplate. Default false."}),
        ),
    ]);
    let mut argument = object([
        ("name", string("The argument's name in the template.")),
        ("value", string("Its value.")),
        ("valueFrom", described(object([]), "Takes the value from the Rollout: a pod hash or a field.")),
    ]);
    argument["required"] = json!(["name"]);
    object([
        ("templates", list("The templates whose metrics are measured.", template)),
        ("args", list("Values for the templates' arguments.", argument)),
    ])
}

fn anti_affinity() -> Value {
    let mut preferred =
        object([("weight", json!({"type": "integer", "format": "int32", "description": "From 1 to 100."}))]);
    preferred["required"] = json!(["weight"]);
    object([
        ("preferredDuringSchedulingIgnoredDuringExecution", described(preferred, "A wish, with a weight.")),
        ("requiredDuringSchedulingIgnoredDuringExecution", described(object([]), "A must.")),
    ])
}

fn metadata() -> Value {
    object([
        ("labels", string_map("Labels of the pods.")),
        ("annotations", string_map("Annotations of the pods.")),
    ])
}

pub(super) fn string(text: &str) -> Value {
    json!({"type": "string", "description": text})
}

pub(super) fn integer(text: &str) -> Value {
    json!({"type": "integer", "format": "int32", "description": text})
}

fn seconds(text: &str) -> Value {
    json!({"type": "integer", "format": "int64", "description": text})
}

pub(super) fn list(text: &str, items: Value) -> Value {
    let mut list = json!({"type": "array", "description": text});
    list["items"] = items;
    list
}

pub(super) fn string_map(text: &str) -> Value {
    json!({"type": "object", "description": text, "additionalProperties": {"type": "string"}})
}

pub(super) fn described(mut schema: Value, text: &str) -> Value {
    schema["description"] = text.into();
    schema
}
