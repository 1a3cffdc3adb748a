//! Pods come up, and tell what is wrong with them.

use std::time::Duration;

use serde_json::{Value, json};

use crate::world::{World, clock, workload};

#[tokio::test]
async fn a_replica_set_keeps_as_many_ready_pods_as_it_wants() {
    let world = World::with_sockets("scale").await;
    world.create(workload("ReplicaSet", "web", 3, json!({}))).await;
    world.pods_ready(3).await;
    counts(&world, 3).await;
    world.patch("apps/v1", "ReplicaSet", "web", json!({"spec": {"replicas": 1}})).await;
    world.pods_ready(1).await;
    counts(&world, 1).await;
}

async fn counts(world: &World, wanted: u64) {
    world
        .until("the counts", || async {
            let set = world.get("apps/v1", "ReplicaSet", "web").await.unwrap();
            let counts = ["replicas", "readyReplicas", "availableReplicas", "fullyLabeledReplicas"]
                .map(|count| set["status"][count].as_u64().unwrap_or(0));
            if counts == [wanted; 4] { Ok(()) } else { Err(format!("{set:#}")) }
        })
        .await;
}

#[tokio::test]
async fn a_pod_is_available_only_after_min_ready_seconds() {
    let world = World::with_sockets("min-ready").await;
    let mut set = workload("ReplicaSet", "web", 1, json!({}));
    set["spec"]["minReadySeconds"] = json!(2);
    world.create(set).await;
    let pods = world.pods_ready(1).await;
    world
        .until("an available pod", || async {
            let set = world.get("apps/v1", "ReplicaSet", "web").await.unwrap();
            if set["status"]["availableReplicas"] == 1 { Ok(()) } else { Err(format!("{set:#}")) }
        })
        .await;
    let conditions = pods[0]["status"]["conditions"].as_array().unwrap();
    let ready = conditions.iter().find(|condition| condition["type"] == "Ready").unwrap();
    let since: jiff::Timestamp = ready["lastTransitionTime"].as_str().unwrap().parse().unwrap();
    let waited = clock()().duration_since(since);
    assert!(waited >= jiff::SignedDuration::from_secs(2), "{waited:?}");
}

/// The state of the only container of the only pod, and how often it was restarted.
async fn container(world: &World) -> (Value, u64) {
    let pods = world.pods().await;
    let status = pods.first().map_or(Value::Null, |pod| pod["status"]["containerStatuses"][0].clone());
    (status["state"].clone(), status["restartCount"].as_u64().unwrap_or(0))
}

async fn waits_for(world: &World, reason: &str) -> Value {
    world
        .until(reason, || async {
            let (state, _) = container(world).await;
            if state["waiting"]["reason"] == reason { Ok(state) } else { Err(format!("{state}")) }
        })
        .await
}

#[tokio::test]
async fn a_missing_config_map_holds_the_container_back_until_it_appears() {
    let world = World::with_sockets("config").await;
    let from = |optional: bool| json!({"configMapKeyRef": {"name": "settings", "key": "WELCOME", "optional": optional}});
    world
        .create(workload(
            "ReplicaSet",
            "web",
            1,
            json!({"env": [{"name": "WELCOME", "valueFrom": from(false)}]}),
        ))
        .await;
    let state = waits_for(&world, "CreateContainerConfigError").await;
    assert_eq!(state["waiting"]["message"], "configmap \"settings\" not found");
    world
        .create(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"other": "x"}}))
        .await;
    let message = format!("couldn't find key WELCOME in ConfigMap {}/settings", world.namespace);
    world
        .until("the missing key", || async {
            let (state, _) = container(&world).await;
            if state["waiting"]["message"] == message { Ok(()) } else { Err(format!("{state}")) }
        })
        .await;
    world.patch("v1", "ConfigMap", "settings", json!({"data": {"WELCOME": "Hello from v1!"}})).await;
    world.pods_ready(1).await;
}

#[tokio::test]
async fn a_bad_image_crash_loops() {
    let world =
        World::with("crash", |options| options.timing.back_off_min = Duration::from_millis(200)).await;
    world.create(workload("ReplicaSet", "web", 1, json!({"image": "super:bad"}))).await;
    waits_for(&world, "CrashLoopBackOff").await;
    world
        .until("restarts", || async {
            let (state, restarts) = container(&world).await;
            if restarts >= 3 { Ok(()) } else { Err(format!("{state}")) }
        })
        .await;
    let pods = world.pods().await;
    let status = &pods[0]["status"];
    assert_eq!(
        (&status["phase"], &status["containerStatuses"][0]["ready"]),
        (&json!("Running"), &json!(false))
    );
    assert_eq!(status["containerStatuses"][0]["lastState"]["terminated"]["exitCode"], 1);
    let told = world
        .until("events", || async {
            let events = world.list("v1", "Event").await;
            let reasons: Vec<&str> = events.iter().filter_map(|event| event["reason"].as_str()).collect();
            let all = ["Scheduled", "SuccessfulCreate", "Pulled", "Created", "Started", "BackOff"];
            if all.iter().all(|reason| reasons.contains(reason)) {
                Ok(())
            } else {
                Err(format!("{reasons:?}"))
            }
        })
        .await;
    assert_eq!(told, ());
}

#[tokio::test]
async fn a_container_that_fails_its_liveness_probe_is_restarted() {
    let world = World::with_sockets("lively").await;
    let closed = json!({"tcpSocket": {"port": 9}, "periodSeconds": 1, "failureThreshold": 1});
    world
        .create(workload("ReplicaSet", "web", 1, json!({"image": "super:1", "livenessProbe": closed})))
        .await;
    world
        .until("restarts", || async {
            let (state, restarts) = container(&world).await;
            if restarts >= 1 { Ok(()) } else { Err(format!("{state}")) }
        })
        .await;
    let pods = world.pods().await;
    let last = &pods[0]["status"]["containerStatuses"][0]["lastState"]["terminated"];
    assert_eq!(last["exitCode"], 137);
    let told = |wanted: &'static str| {
        let world = &world;
        async move {
            let events = world.list("v1", "Event").await;
            let said = events
                .iter()
                .any(|event| event["message"].as_str().is_some_and(|text| text.contains(wanted)));
            if said { Ok(()) } else { Err(format!("no event says {wanted:?}")) }
        }
    };
    world.until("an event of the probe", || told("Liveness probe failed: ")).await;
    world.until("an event of the end", || told("failed liveness probe, will be restarted")).await;
}

#[tokio::test]
async fn an_image_that_does_not_exist_cannot_be_pulled() {
    let world = World::with_sockets("pull").await;
    world.create(workload("ReplicaSet", "web", 1, json!({"image": "registry.test/missing:1.0"}))).await;
    waits_for(&world, "ImagePullBackOff").await;
    assert_eq!(world.pods().await[0]["status"]["phase"], "Pending");
}

#[tokio::test]
async fn readiness_follows_the_probe() {
    let world = World::with_sockets("probe").await;
    let probe = |port: Value| json!({"readinessProbe": {"httpGet": {"path": "/readyz", "port": port}, "periodSeconds": 1}});
    world.create(workload("ReplicaSet", "well", 1, probe(json!("http")))).await;
    world.create(workload("ReplicaSet", "elsewhere", 1, probe(json!(9999)))).await;
    let mut failing = probe(json!("http"));
    failing["image"] = json!("super:2.0-error");
    world.create(workload("ReplicaSet", "failing", 1, failing)).await;
    world
        .until("one ready pod, and Unhealthy told of two", || async {
            let ready: Vec<String> = world
                .pods()
                .await
                .iter()
                .filter(|pod| crate::world::is_ready(pod))
                .map(|pod| pod["metadata"]["labels"]["app"].as_str().unwrap().to_owned())
                .collect();
            let events = world.list("v1", "Event").await;
            let unhealthy = events.iter().filter(|event| event["reason"] == "Unhealthy").count();
            if ready == ["well"] && unhealthy >= 2 { Ok(()) } else { Err(format!("{ready:?} {unhealthy}")) }
        })
        .await;
}

#[tokio::test]
async fn a_pod_that_no_node_has_can_be_deleted() {
    let world = World::with_sockets("stray").await;
    let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "stray"}});
    pod["spec"] = json!({"nodeName": "nowhere", "containers": [{"name": "app", "image": "super:1"}]});
    world.create(pod).await;
    world.delete("v1", "Pod", "stray", kube::api::DeleteParams::default()).await;
    world.pods_ready(0).await;
}

#[tokio::test]
async fn init_containers_are_done_and_sidecars_run() {
    let world = World::with_sockets("init").await;
    let mut set = workload("ReplicaSet", "web", 1, json!({}));
    set["spec"]["template"]["spec"]["initContainers"] = json!([
        {"name": "migrate", "image": "migrate:1"},
        {"name": "sidecar", "image": "sidecar:1", "restartPolicy": "Always"},
    ]);
    world.create(set).await;
    let pods = world.pods_ready(1).await;
    let statuses = &pods[0]["status"]["initContainerStatuses"];
    assert_eq!(statuses[0]["state"]["terminated"]["reason"], "Completed");
    assert!(statuses[1]["state"]["running"].is_object(), "{statuses}");
}
