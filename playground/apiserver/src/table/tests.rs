use jiff::Timestamp;
use serde_json::{Value, json};

use super::{IncludeObject, table};
use crate::builtin;
use crate::resource::{Column, Resource};

fn resource(group: &str, plural: &str) -> Resource {
    let version = if group == "autoscaling" { "v2" } else { "v1" };
    builtin::registry().get(group, version, plural).unwrap().as_ref().clone()
}

/// The rows as kubectl prints them, columns of `-o wide` in brackets.
fn printed(resource: &Resource, object: &Value) -> (String, String) {
    let now: Timestamp = "2026-01-01T00:10:00Z".parse().unwrap();
    let table = table(resource, &[object], &json!({}), IncludeObject::None, true, now);
    let names = table["columnDefinitions"].as_array().unwrap().iter().map(|column| {
        let name = column["name"].as_str().unwrap().to_uppercase();
        if column["priority"] == 0 { name } else { format!("[{name}]") }
    });
    let names: Vec<String> = names.collect();
    let cells = table["rows"][0]["cells"].as_array().unwrap().iter();
    let cells: Vec<String> =
        cells.map(|cell| cell.as_str().map_or_else(|| cell.to_string(), str::to_owned)).collect();
    (names.join(" "), cells.join(" "))
}

fn metadata() -> Value {
    json!({"name": "web", "creationTimestamp": "2026-01-01T00:00:00Z"})
}

#[test]
fn kinds_have_the_columns_of_the_real_server() {
    let template =
        json!({"spec": {"containers": [{"name": "a", "image": "web:v1"}, {"name": "b", "image": "b"}]}});
    let selector = json!({"matchLabels": {"app": "web"}});
    let cases = [
        (
            ("", "pods"),
            json!({"spec": {"containers": [{}, {}], "nodeName": "n1"}, "status": {"phase": "Running", "podIP": "10.244.0.1",
                "containerStatuses": [
                    {"ready": true, "restartCount": 0, "state": {"running": {}}},
                    {"ready": false, "restartCount": 3, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                     "lastState": {"terminated": {"finishedAt": "2026-01-01T00:09:00Z"}}}]}}),
            "NAME READY STATUS RESTARTS AGE [IP] [NODE] [NOMINATED NODE] [READINESS GATES]",
            "web 1/2 CrashLoopBackOff 3 (60s ago) 10m 10.244.0.1 n1 <none> <none>",
        ),
        (
            ("", "services"),
            json!({"spec": {"type": "ClusterIP", "clusterIP": "10.96.0.10", "selector": {"app": "web"},
                "ports": [{"port": 80, "protocol": "TCP"}]}}),
            "NAME TYPE CLUSTER-IP EXTERNAL-IP PORT(S) AGE [SELECTOR]",
            "web ClusterIP 10.96.0.10 <none> 80/TCP 10m app=web",
        ),
        (
            ("apps", "deployments"),
            json!({"spec": {"replicas": 3, "template": template, "selector": selector},
                   "status": {"readyReplicas": 2, "updatedReplicas": 3, "availableReplicas": 1}}),
            "NAME READY UP-TO-DATE AVAILABLE AGE [CONTAINERS] [IMAGES] [SELECTOR]",
            "web 2/3 3 1 10m a,b web:v1,b app=web",
        ),
        (
            ("apps", "replicasets"),
            json!({"spec": {"replicas": 3, "template": template, "selector": selector}, "status": {"replicas": 2}}),
            "NAME DESIRED CURRENT READY AGE [CONTAINERS] [IMAGES] [SELECTOR]",
            "web 3 2 0 10m a,b web:v1,b app=web",
        ),
        (("", "configmaps"), json!({"data": {"a": "1", "b": "2"}}), "NAME DATA AGE", "web 2 10m"),
        (
            ("discovery.k8s.io", "endpointslices"),
            json!({"addressType": "IPv4", "ports": [{"port": 80}], "endpoints": [
                {"addresses": ["10.0.0.1"]}, {"addresses": ["10.0.0.2"]}, {"addresses": ["10.0.0.3"]}, {"addresses": ["10.0.0.4"]}]}),
            "NAME ADDRESSTYPE PORTS ENDPOINTS AGE",
            "web IPv4 80 10.0.0.1,10.0.0.2,10.0.0.3 + 1 more... 10m",
        ),
        (
            ("", "events"),
            json!({"type": "Normal", "reason": "Scaled", "message": "up ", "count": 2, "lastTimestamp": "2026-01-01T00:09:30Z",
                   "involvedObject": {"kind": "Rollout", "name": "web"}, "source": {"component": "c"}}),
            "LAST SEEN TYPE REASON OBJECT [SUBOBJECT] [SOURCE] MESSAGE [FIRST SEEN] [COUNT] [NAME]",
            "30s Normal Scaled rollout/web  c up <unknown> 2 web",
        ),
        (("", "namespaces"), json!({"status": {"phase": "Active"}}), "NAME STATUS AGE", "web Active 10m"),
        (
            ("", "nodes"),
            json!({"status": {"conditions": [{"type": "Ready", "status": "True"}], "nodeInfo": {"kubeletVersion": "v1.33.0"}},
                   "spec": {"unschedulable": true}}),
            "NAME STATUS ROLES AGE VERSION [INTERNAL-IP] [EXTERNAL-IP] [OS-IMAGE] [KERNEL-VERSION] [CONTAINER-RUNTIME]",
            "web Ready,SchedulingDisabled <none> 10m v1.33.0 <none> <none> <unknown> <unknown> <unknown>",
        ),
    ];
    for ((group, plural), mut object, names, cells) in cases {
        object["metadata"] = metadata();
        assert_eq!(
            printed(&resource(group, plural), &object),
            (names.to_owned(), cells.to_owned()),
            "{plural}"
        );
    }
}

#[test]
fn custom_resources_have_the_columns_of_their_definition() {
    let mut widget = resource("", "configmaps");
    widget.custom = true;
    let object = json!({"metadata": metadata(), "spec": {"size": 3}});
    assert_eq!(printed(&widget, &object), ("NAME AGE".to_owned(), "web 10m".to_owned()));
    let column = |name: &str, kind: &str, path: &str| Column {
        name: name.to_owned(),
        kind: kind.to_owned(),
        format: String::new(),
        description: String::new(),
        priority: 0,
        json_path: path.to_owned(),
    };
    widget.columns = vec![
        column("Size", "integer", ".spec.size"),
        column("Colour", "string", ".spec.colour"),
        column("Made", "date", ".metadata.creationTimestamp"),
    ];
    assert_eq!(printed(&widget, &object), ("NAME SIZE COLOUR MADE".to_owned(), "web 3 null 10m".to_owned()));
}

#[test]
fn a_deleted_pod_is_terminating_and_an_ended_one_is_marked() {
    let pods = resource("", "pods");
    let mut pod =
        json!({"metadata": metadata(), "status": {"phase": "Running"}, "spec": {"containers": [{}]}});
    pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:09:00Z");
    assert!(printed(&pods, &pod).1.starts_with("web 0/1 Terminating 0"));
    let done = json!({"metadata": metadata(), "status": {"phase": "Succeeded"}});
    let now = Timestamp::UNIX_EPOCH;
    let table = table(&pods, &[&done], &json!({"resourceVersion": "7"}), IncludeObject::Metadata, false, now);
    assert_eq!(table["rows"][0]["conditions"][0]["type"], "Completed");
    assert_eq!(table["rows"][0]["object"]["kind"], "PartialObjectMetadata");
    assert_eq!(table["metadata"], json!({"resourceVersion": "7"}));
    assert_eq!(table["columnDefinitions"], Value::Null);
}
