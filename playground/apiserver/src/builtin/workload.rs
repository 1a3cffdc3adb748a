//! The rules of the kinds that make pods from a template.

use serde_json::{Value, json};

use super::rules::{
    at, fill, fresh_status, immutable, items_mut, keep_status, not_negative, object_at, text,
};
use super::{job_rules, pod_defaults, pod_rules, workload_rules};
use crate::field_error::FieldError;
use crate::resource::{GenerationRule, NameRule, Strategy};

/// What all of them have in common: a spec with a generation, and a status that only `/status` changes.
fn workload() -> Strategy {
    Strategy {
        default: |object| template_defaults(object, "spec"),
        prepare_update: |new, old, _| keep_status(new, old),
        generation: GenerationRule::Spec,
        ..Strategy::default()
    }
}

pub(super) fn deployment() -> Strategy {
    Strategy {
        default: |object| {
            template_defaults(object, "spec");
            let strategy = &mut object["spec"]["strategy"];
            if text(strategy, "type") == "RollingUpdate" {
                object_at(strategy, "rollingUpdate");
                fill(&mut strategy["rollingUpdate"], "maxUnavailable", "25%");
                fill(&mut strategy["rollingUpdate"], "maxSurge", "25%");
            }
        },
        prepare_create: |object, _| fresh_status(object, "io.k8s.api.apps.v1.DeploymentStatus"),
        validate_create: workload_rules::deployment,
        validate_update: |new, old| {
            let mut faults = workload_rules::deployment(new);
            faults.extend(immutable(new, old, "spec.selector"));
            faults
        },
        validate_status_update: |new, _| {
            count_faults(new, &["updatedReplicas", "readyReplicas", "availableReplicas"], "readyReplicas")
        },
        status_keeps: &["labels"],
        generation: GenerationRule::SpecAndAnnotations,
        ..workload()
    }
}

pub(super) fn replica_set() -> Strategy {
    Strategy {
        prepare_create: |object, _| fresh_status(object, "io.k8s.api.apps.v1.ReplicaSetStatus"),
        validate_create: workload_rules::replica_set,
        validate_update: |new, old| {
            let mut faults = workload_rules::replica_set(new);
            faults.extend(immutable(new, old, "spec.selector"));
            faults
        },
        validate_status_update: |new, _| {
            let counts = ["fullyLabeledReplicas", "readyReplicas", "availableReplicas"];
            count_faults(new, &counts, "readyReplicas")
        },
        ..workload()
    }
}

pub(super) fn replication_controller() -> Strategy {
    Strategy {
        default: |object| {
            template_defaults(object, "spec");
            let labels = at(object, "spec.template.metadata.labels").clone();
            if labels.is_object() {
                fill(&mut object["spec"], "selector", labels.clone());
                fill(&mut object["metadata"], "labels", labels);
            }
        },
        prepare_create: |object, _| fresh_status(object, "io.k8s.api.core.v1.ReplicationControllerStatus"),
        validate_create: workload_rules::replication_controller,
        validate_update: |new, _| workload_rules::replication_controller(new),
        validate_status_update: |new, _| {
            let counts = ["fullyLabeledReplicas", "readyReplicas", "availableReplicas"];
            count_faults(new, &counts, "readyReplicas")
        },
        ..workload()
    }
}

pub(super) fn stateful_set() -> Strategy {
    Strategy {
        default: |object| {
            template_defaults(object, "spec");
            let strategy = &mut object["spec"]["updateStrategy"];
            if text(strategy, "type").is_empty() && strategy.is_object() {
                strategy["type"] = json!("RollingUpdate");
                object_at(strategy, "rollingUpdate");
            }
            if let Some(rolling) = strategy.get_mut("rollingUpdate").and_then(Value::as_object_mut) {
                rolling.entry("partition").or_insert(json!(0));
                // A feature that is not served yet.
                rolling.remove("maxUnavailable");
            }
            for claim in items_mut(&mut object["spec"], "volumeClaimTemplates") {
                fill(claim, "apiVersion", "v1");
                fill(claim, "kind", "PersistentVolumeClaim");
            }
        },
        prepare_create: |object, _| fresh_status(object, "io.k8s.api.apps.v1.StatefulSetStatus"),
        validate_status_update: |new, _| {
            let counts = ["readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas"];
            count_faults(new, &counts, "status.readyReplicas")
        },
        validate_create: |object| workload_rules::stateful_set(object, true),
        validate_update: |new, old| {
            let mut faults = workload_rules::stateful_set(new, false);
            faults.extend(workload_rules::stateful_set_kept(new, old));
            faults
        },
        name_rule: NameRule::DnsLabel,
        ..workload()
    }
}

/// Where a DaemonSet counts the changes of its template.
const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

fn set_template_generation(object: &mut Value, generation: i64) {
    if let Some(metadata) = object_at(object, "metadata")
        && !metadata.get("annotations").is_some_and(Value::is_object)
    {
        metadata.insert("annotations".to_owned(), json!({}));
    }
    object["metadata"]["annotations"][TEMPLATE_GENERATION] = json!(generation.to_string());
}

pub(super) fn daemon_set() -> Strategy {
    Strategy {
        default: |object| {
            if object["metadata"]["annotations"][TEMPLATE_GENERATION].is_null() {
                set_template_generation(object, 0);
            }
            template_defaults(object, "spec");
            let strategy = &mut object["spec"]["updateStrategy"];
            if text(strategy, "type") == "RollingUpdate" {
                object_at(strategy, "rollingUpdate");
                fill(&mut strategy["rollingUpdate"], "maxUnavailable", 1);
                fill(&mut strategy["rollingUpdate"], "maxSurge", 0);
            }
        },
        prepare_create: |object, _| {
            fresh_status(object, "io.k8s.api.apps.v1.DaemonSetStatus");
            set_template_generation(object, 1);
        },
        prepare_update: |new, old, now| {
            (workload().prepare_update)(new, old, now);
            let before = old["metadata"]["annotations"][TEMPLATE_GENERATION].as_str();
            let before: i64 = before.and_then(|text| text.parse().ok()).unwrap_or_default();
            let changed = new["spec"]["template"] != old["spec"]["template"];
            set_template_generation(new, before + i64::from(changed));
        },
        prepare_status_update: |new, old| {
            let before = old["metadata"]["annotations"][TEMPLATE_GENERATION].as_str();
            set_template_generation(new, before.and_then(|text| text.parse().ok()).unwrap_or_default());
        },
        validate_create: workload_rules::daemon_set,
        validate_update: |new, old| {
            let mut faults: Vec<FieldError> = immutable(new, old, "spec.selector").into_iter().collect();
            faults.extend(workload_rules::daemon_set(new));
            faults
        },
        validate_status_update: |new, _| {
            let counts = [
                "currentNumberScheduled",
                "numberMisscheduled",
                "desiredNumberScheduled",
                "numberReady",
                "observedGeneration",
                "updatedNumberScheduled",
                "numberAvailable",
                "numberUnavailable",
            ];
            counts.iter().filter_map(|field| not_negative(&new["status"], field, "status")).collect()
        },
        ..workload()
    }
}

pub(super) fn pod_template() -> Strategy {
    Strategy {
        default: |object| {
            if let Some(spec) = object.pointer_mut("/template/spec") {
                pod_defaults::pod_spec(spec);
            }
        },
        validate_create: |object| pod_rules::template(&object["template"], "template"),
        validate_update: |new, _| pod_rules::template(&new["template"], "template"),
        generation: GenerationRule::AllButMetadataAndStatus,
        prepare_update: |_, _, _| {},
        ..workload()
    }
}

pub(super) fn job() -> Strategy {
    Strategy {
        default: |object| {
            job_defaults(&mut object["spec"]);
            label_like_template(object);
        },
        prepare_create: |job, _| {
            fresh_status(job, "io.k8s.api.batch.v1.JobStatus");
            select_own_pods(job);
            label_like_template(job);
        },
        validate_create: job_rules::job,
        validate_update: |new, old| {
            let mut faults = job_rules::job(new);
            faults.extend(job_rules::kept(new, old));
            faults
        },
        ..workload()
    }
}

pub(super) fn cron_job() -> Strategy {
    Strategy {
        // The template of the jobs gets a job's defaults when a job is made of it, the pods' theirs now.
        default: |object| {
            if let Some(spec) = object.pointer_mut("/spec/jobTemplate/spec/template/spec") {
                pod_defaults::pod_spec(spec);
            }
        },
        prepare_create: |object, _| fresh_status(object, "io.k8s.api.batch.v1.CronJobStatus"),
        validate_create: |object| job_rules::cron_job(object, true),
        validate_update: |new, _| job_rules::cron_job(new, false),
        ..workload()
    }
}

fn template_defaults(object: &mut Value, owner: &str) {
    if let Some(spec) = object.get_mut(owner).and_then(|owner| owner.pointer_mut("/template/spec")) {
        pod_defaults::pod_spec(spec);
    }
}

fn job_defaults(spec: &mut Value) {
    if !spec.is_object() {
        return;
    }
    fill(spec, "completionMode", "NonIndexed");
    fill(spec, "manualSelector", false);
    fill(spec, "suspend", false);
    if spec["completions"].is_null() && spec["parallelism"].is_null() {
        spec["completions"] = json!(1);
    }
    if spec["parallelism"].is_null() {
        spec["parallelism"] = json!(1);
    }
    let limit = if spec["backoffLimitPerIndex"].is_null() { 6 } else { i32::MAX };
    if spec["backoffLimit"].is_null() {
        spec["backoffLimit"] = json!(limit);
    }
    let replacement = if spec["podFailurePolicy"].is_null() { "TerminatingOrFailed" } else { "Failed" };
    if spec["podReplacementPolicy"].is_null() {
        spec["podReplacementPolicy"] = json!(replacement);
    }
    if let Some(spec) = spec.pointer_mut("/template/spec") {
        pod_defaults::pod_spec(spec);
    }
}

/// A job without labels has those of its pods.
fn label_like_template(job: &mut Value) {
    let labels = at(job, "spec.template.metadata.labels").clone();
    let has_own = at(job, "metadata.labels").as_object().is_some_and(|labels| !labels.is_empty());
    if labels.is_object() && !has_own && object_at(job, "metadata").is_some() {
        job["metadata"]["labels"] = labels;
    }
}

/// A job that is not told how finds its pods by its own uid.
fn select_own_pods(job: &mut Value) {
    if job["spec"]["manualSelector"] == true {
        return;
    }
    let (name, uid) = (at(job, "metadata.name").clone(), at(job, "metadata.uid").clone());
    if let Some(spec) = job.get_mut("spec")
        && object_at(spec, "template").is_some()
        && object_at(&mut spec["template"], "metadata").is_some()
        && let Some(labels) = object_at(&mut spec["template"]["metadata"], "labels")
    {
        for (label, value) in [
            ("job-name", &name),
            ("batch.kubernetes.io/job-name", &name),
            ("controller-uid", &uid),
            ("batch.kubernetes.io/controller-uid", &uid),
        ] {
            labels.entry(label).or_insert_with(|| value.clone());
        }
    }
    if let Some(spec) = job.get_mut("spec")
        && object_at(spec, "selector").is_some()
        && let Some(labels) = object_at(&mut spec["selector"], "matchLabels")
    {
        labels.entry("batch.kubernetes.io/controller-uid").or_insert(uid);
    }
}

/// Counts in a status are not negative, and count some of the replicas.
fn count_faults(object: &Value, counts: &[&str], ready: &str) -> Vec<FieldError> {
    let status = &object["status"];
    let number = |field: &str| status[field].as_i64().unwrap_or_default();
    let fault =
        |field: &str, detail: String| FieldError::invalid(format!("status.{field}"), number(field), detail);
    let all = ["replicas", "observedGeneration", "unavailableReplicas"].iter().chain(counts);
    let mut faults: Vec<FieldError> = all.filter_map(|field| not_negative(status, field, "status")).collect();
    let many = counts.iter().filter(|field| number(field) > number("replicas"));
    faults.extend(many.map(|field| fault(field, "cannot be greater than status.replicas".to_owned())));
    if number("availableReplicas") > number("readyReplicas") {
        faults.push(fault("availableReplicas", format!("cannot be greater than {ready}")));
    }
    faults
}
