//! What a cluster does besides: as many ready pods as a ReplicaSet wants, and EndpointSlices that follow Services.

use http::Method;
use serde_json::{Value, json};
use verdigris_playground_apiserver::server::ApiServer;

const PODS: &str = "/api/v1/namespaces/default/pods";

/// Keeps pods and endpoints in step with ReplicaSets and Services, for ever.
pub async fn run(server: ApiServer) {
    let mut sequence = 0;
    loop {
        let writes = server.writes_after(sequence).await;
        sequence = writes.last().map_or(sequence, |write| write.sequence);
        let relevant = |plural: &str| matches!(plural, "replicasets" | "services" | "pods");
        if writes.iter().any(|write| write.changed && write.subresource.is_empty() && relevant(&write.plural))
        {
            settle(&server);
        }
    }
}

fn settle(server: &ApiServer) {
    let pods = items(server, PODS);
    let there = |name: &str| pods.iter().any(|pod| pod["metadata"]["name"] == name);
    for replica_set in items(server, "/apis/apps/v1/namespaces/default/replicasets") {
        let name = text(&replica_set, "/metadata/name");
        let wanted = replica_set["spec"]["replicas"].as_i64().unwrap_or(1);
        let broken = text(&replica_set, "/spec/template/spec/containers/0/image").ends_with("-error");
        for at in 0..10 {
            let pod = format!("{name}-{at}");
            set_pod(server, &replica_set, &pod, there(&pod), at < wanted);
        }
        let ready = if broken { 0 } else { wanted };
        let is = replica_set["status"]["availableReplicas"].as_i64().unwrap_or_default();
        let observed = replica_set["status"]["observedGeneration"] == replica_set["metadata"]["generation"];
        if is == ready && observed {
            continue;
        }
        let status = json!({"replicas": wanted, "readyReplicas": ready, "availableReplicas": ready,
            "observedGeneration": replica_set["metadata"]["generation"]});
        let path = format!("/apis/apps/v1/namespaces/default/replicasets/{name}/status");
        server.ask(Method::PATCH, &path, &json!({"status": status})).unwrap();
    }
    let pods = items(server, PODS);
    for service in items(server, "/api/v1/namespaces/default/services") {
        set_slice(server, &service, &pods);
    }
}

fn set_pod(server: &ApiServer, replica_set: &Value, name: &str, there: bool, wanted: bool) {
    let path = format!("{PODS}/{name}");
    if there && !wanted {
        server.ask(Method::DELETE, &format!("{path}?gracePeriodSeconds=0"), &Value::Null).unwrap();
    }
    if wanted && !there {
        let mut pod = replica_set["spec"]["template"].clone();
        pod["metadata"]["name"] = json!(name);
        pod["metadata"]["ownerReferences"] = json!([{"apiVersion": "apps/v1", "kind": "ReplicaSet", "controller": true,
            "name": replica_set["metadata"]["name"], "uid": replica_set["metadata"]["uid"]}]);
        server.ask(Method::POST, PODS, &pod).unwrap();
        let status =
            json!({"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}});
        server.ask(Method::PATCH, &format!("{path}/status"), &status).unwrap();
    }
}

fn set_slice(server: &ApiServer, service: &Value, pods: &[Value]) {
    const SLICES: &str = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices";
    let name = text(service, "/metadata/name");
    let Some(selector) = service["spec"]["selector"].as_object() else { return };
    let selected = pods
        .iter()
        .filter(|pod| selector.iter().all(|(key, value)| pod["metadata"]["labels"][key] == *value));
    let endpoints: Vec<Value> = selected
        .map(|pod| {
            json!({"addresses": ["10.244.0.1"], "conditions": {"ready": true},
                "targetRef": {"kind": "Pod", "name": pod["metadata"]["name"], "uid": pod["metadata"]["uid"]}})
        })
        .collect();
    let slice = json!({"metadata": {"name": format!("{name}-x"), "labels": {"kubernetes.io/service-name": name}},
        "addressType": "IPv4", "endpoints": endpoints});
    if server.ask(Method::PATCH, &format!("{SLICES}/{name}-x"), &json!({"endpoints": endpoints})).is_err() {
        server.ask(Method::POST, SLICES, &slice).unwrap();
    }
}

fn items(server: &ApiServer, path: &str) -> Vec<Value> {
    let list = server.ask(Method::GET, path, &Value::Null).unwrap();
    list["items"].as_array().cloned().unwrap_or_default()
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}
