//! What the store keeps of each object: pages need little, and a cluster has much.

use k8s_openapi::api::{
    apps::v1::ReplicaSet,
    core::v1::{Event, Pod, Service},
};
use kube::api::DynamicObject;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use verdigris_core::view::AnalysisRun;
use verdigris_crds::{Rollout, keys};

/// A Rollout as far as it can be read.
#[derive(Clone, Debug)]
pub(crate) enum RolloutRead {
    /// It is what its types say.
    Whole(Box<Rollout>),
    /// It is not; the text says where.
    Broken(String),
}

/// Longest text of an Event that is kept, in characters; events carry whole error logs at times.
const EVENT_MESSAGE_CHARS_MAX: usize = 1_000;
/// Measurements that are kept of one metric: the newest.
const MEASUREMENTS_MAX: usize = 60;
/// Longest value or message of a measurement that is kept, in characters.
const MEASUREMENT_CHARS_MAX: usize = 300;

/// Decodes one object; a bad one must never take its neighbours along.
fn decode<T: DeserializeOwned>(object: &DynamicObject) -> Result<T, serde_json::Error> {
    serde_json::from_value(serde_json::to_value(object)?)
}

/// Metadata without what nobody looks at here.
fn prune_metadata(object: &mut DynamicObject) {
    object.metadata.managed_fields = None;
    if let Some(annotations) = &mut object.metadata.annotations {
        annotations.remove(keys::LAST_APPLIED);
        annotations.remove(keys::NOTIFIED);
    }
}

/// Keeps of a pod template its labels and each container's name and image.
fn prune_template(template: &Value) -> Value {
    let containers = |field: &str| -> Vec<Value> {
        let all = template.pointer(&format!("/spec/{field}")).and_then(Value::as_array);
        all.into_iter().flatten().map(|c| json!({"name": c["name"], "image": c["image"]})).collect()
    };
    json!({
        "metadata": {"labels": template.pointer("/metadata/labels").cloned().unwrap_or_else(|| json!({}))},
        "spec": {"containers": containers("containers"), "initContainers": containers("initContainers")},
    })
}

/// A Rollout keeps all but most of its template.
pub(crate) fn rollout(mut object: DynamicObject) -> RolloutRead {
    prune_metadata(&mut object);
    if let Some(template) = object.data.pointer_mut("/spec/template") {
        *template = prune_template(template);
    }
    match decode(&object) {
        Ok(rollout) => RolloutRead::Whole(Box::new(rollout)),
        Err(error) => RolloutRead::Broken(error.to_string()),
    }
}

/// A ReplicaSet keeps all but most of its template.
pub(crate) fn replica_set(mut object: DynamicObject) -> Result<ReplicaSet, serde_json::Error> {
    prune_metadata(&mut object);
    if let Some(template) = object.data.pointer_mut("/spec/template") {
        *template = prune_template(template);
    }
    decode(&object)
}

/// A Service keeps its selector, its type and its ports.
pub(crate) fn service(mut object: DynamicObject) -> Result<Service, serde_json::Error> {
    prune_metadata(&mut object);
    let spec = object.data.get("spec").cloned().unwrap_or_default();
    object.data = json!({"spec": {
        "selector": spec["selector"],
        "type": spec["type"],
        "ports": spec["ports"],
        "clusterIP": spec["clusterIP"],
    }});
    decode(&object)
}

/// A pod keeps its status, and of its spec what its status text is made of.
pub(crate) fn pod(mut object: DynamicObject) -> Result<Pod, serde_json::Error> {
    prune_metadata(&mut object);
    let containers = |field: &str| -> Vec<Value> {
        let all = object.data.pointer(&format!("/spec/{field}")).and_then(Value::as_array);
        all.into_iter().flatten().map(prune_container).collect()
    };
    let spec = json!({
        "containers": containers("containers"),
        "initContainers": containers("initContainers"),
        "nodeName": object.data.pointer("/spec/nodeName"),
        "readinessGates": object.data.pointer("/spec/readinessGates"),
    });
    object.data = json!({"spec": spec, "status": object.data["status"]});
    decode(&object)
}

fn prune_container(container: &Value) -> Value {
    let mut kept = Map::new();
    for field in ["name", "image", "restartPolicy"] {
        if let Some(value) = container.get(field) {
            kept.insert(field.to_owned(), value.clone());
        }
    }
    Value::Object(kept)
}

/// An Event keeps its words, cut where they run on for ever.
pub(crate) fn event(mut object: DynamicObject) -> Result<Event, serde_json::Error> {
    prune_metadata(&mut object);
    let mut event: Event = decode(&object)?;
    if let Some(message) = &mut event.message {
        cut(message, EVENT_MESSAGE_CHARS_MAX);
    }
    Ok(event)
}

/// An AnalysisRun keeps what its metrics are called and count as good, and of each the newest measurements.
pub(crate) fn analysis_run(mut object: DynamicObject) -> AnalysisRun {
    prune_metadata(&mut object);
    let metrics = object.data.pointer("/spec/metrics").and_then(Value::as_array);
    let metrics: Vec<Value> = metrics.into_iter().flatten().map(prune_metric).collect();
    object.data["spec"] = json!({"metrics": metrics});
    let results = object.data.pointer_mut("/status/metricResults").and_then(Value::as_array_mut);
    let measurements = |result: &mut Value| -> Option<()> {
        let measurements = result.get_mut("measurements")?.as_array_mut()?;
        measurements.drain(..measurements.len().saturating_sub(MEASUREMENTS_MAX));
        for text in measurements.iter_mut().filter_map(Value::as_object_mut).flat_map(Map::values_mut) {
            if let Value::String(text) = text {
                cut(text, MEASUREMENT_CHARS_MAX);
            }
        }
        Some(())
    };
    results.into_iter().flatten().for_each(|result| {
        measurements(result);
    });
    AnalysisRun::new(object.metadata, object.data)
}

/// Where it is measured may be a long story, and holds secrets at times.
fn prune_metric(metric: &Value) -> Value {
    let fields = ["name", "count", "successCondition", "failureCondition"].into_iter();
    let mut kept: Map<String, Value> =
        fields.filter_map(|field| Some((field.to_owned(), metric.get(field)?.clone()))).collect();
    kept.insert("provider".to_owned(), json!({}));
    Value::Object(kept)
}

/// Cuts a text where it runs on for ever.
fn cut(text: &mut String, chars_max: usize) {
    if let Some((end, _)) = text.char_indices().nth(chars_max) {
        text.truncate(end);
        text.push('…');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(value: Value) -> DynamicObject {
        serde_json::from_value(value).expect("an object with metadata")
    }

    #[test]
    fn a_rollout_of_the_wrong_type_is_kept_as_broken_and_says_where() {
        let read = rollout(object(json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
            "metadata": {"name": "a"}, "spec": {"replicas": "two"},
        })));
        let RolloutRead::Broken(why) = read else { panic!("it was read") };
        assert!(why.contains("two"), "{why}");
    }

    #[test]
    fn of_an_analysis_no_more_is_kept_than_is_shown() {
        let measurements: Vec<Value> = (0..100)
            .map(|number| json!({"value": number.to_string(), "message": "x".repeat(5_000)}))
            .collect();
        let run = analysis_run(object(json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisRun",
            "metadata": {"name": "a", "managedFields": [{}]},
            "spec": {"metrics": [{"name": "m", "successCondition": "result < 1",
                "provider": {"web": {"headers": [{"key": "Authorization", "value": "SECRET"}]}}}]},
            "status": {"phase": "Running", "metricResults": [{"name": "m", "measurements": measurements}, 7]},
        })));
        assert!(!run.spec.to_string().contains("SECRET") && run.spec.to_string().contains("result < 1"));
        let kept = run.status["metricResults"][0]["measurements"].as_array().expect("a list");
        assert_eq!((kept.len(), kept[0]["value"].as_str()), (MEASUREMENTS_MAX, Some("40")));
        assert!(kept[0]["message"].as_str().is_some_and(|text| text.chars().count() == 301));
        assert!(run.metadata.managed_fields.is_none());
    }

    #[test]
    fn templates_keep_names_and_images_only() {
        let set = replica_set(object(json!({
            "apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": {"name": "a", "managedFields": [{}]},
            "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {
                "metadata": {"labels": {"a": "b"}},
                "spec": {"containers": [{"name": "c", "image": "i:1", "env": [{"name": "SECRET", "value": "x"}]}]},
            }},
        })))
        .expect("a ReplicaSet");
        let text = serde_json::to_string(&set).expect("JSON");
        assert!(
            text.contains("i:1") && !text.contains("SECRET") && !text.contains("managedFields"),
            "{text}"
        );
    }
}
