use super::*;

#[expect(clippy::needless_pass_by_value, reason = "cases read better without borrows")]
fn service(change: Value) -> Service {
    let mut service = json!({
        "metadata": {"name": "web", "namespace": "here", "uid": "svc", "labels": {"team": "a"}},
        "spec": {"clusterIP": "10.0.0.9", "selector": {"app": "web"},
                 "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
    });
    for (field, value) in change.as_object().unwrap() {
        service["spec"][field] = value.clone();
    }
    serde_json::from_value(service).unwrap()
}

fn pod(name: &str, change: impl FnOnce(&mut Value)) -> Arc<Pod> {
    let mut pod = json!({
        "metadata": {"name": name, "namespace": "here", "uid": format!("uid-{name}")},
        "spec": {"nodeName": "node-1",
                 "containers": [{"name": "c", "ports": [{"name": "web", "containerPort": 8080}]}]},
        "status": {"phase": "Running", "podIP": format!("10.244.0.{}", name.len()),
                   "conditions": [{"type": "Ready", "status": "True"}]},
    });
    change(&mut pod);
    Arc::new(serde_json::from_value(pod).unwrap())
}

fn only_slice(changes: &[Change]) -> EndpointSlice {
    match changes {
        [Change::Create(slice)] => serde_json::from_value(slice.clone()).unwrap(),
        other => panic!("one slice to create expected, not {other:?}"),
    }
}

fn conditions(endpoint: &Endpoint) -> [bool; 3] {
    let conditions = endpoint.conditions.as_ref().unwrap();
    [conditions.ready, conditions.serving, conditions.terminating].map(Option::unwrap)
}

#[test]
fn endpoints_say_ready_serving_and_terminating() {
    let pods = [
        pod("a", |_| {}),
        pod("bb", |pod| pod["status"]["conditions"][0]["status"] = json!("False")),
        pod("ccc", |pod| pod["metadata"]["deletionTimestamp"] = json!("2026-11-21T08:00:00Z")),
        pod("dddd", |pod| pod["status"]["phase"] = json!("Succeeded")),
        pod("eeeee", |pod| pod["status"]["podIP"] = Value::Null),
    ];
    let slice = only_slice(&changes(&service(json!({})), &pods, &[], || "x".into()));
    let seen: Vec<[bool; 3]> = slice.endpoints.iter().flatten().map(conditions).collect();
    assert_eq!(seen, [[true, true, false], [false, false, false], [false, true, true]]);
    assert_eq!(
        slice.endpoints.as_ref().unwrap()[0].target_ref.as_ref().unwrap().uid.as_deref(),
        Some("uid-a")
    );
    assert_eq!(slice.metadata.labels.as_ref().unwrap()[SERVICE_NAME], "web");
    assert_eq!(slice.metadata.labels.as_ref().unwrap()["team"], "a");

    let all = service(json!({"publishNotReadyAddresses": true}));
    let slice = only_slice(&changes(&all, &pods, &[], || "x".into()));
    assert!(slice.endpoints.iter().flatten().all(|endpoint| conditions(endpoint)[0]));
}

#[test]
fn named_ports_are_looked_up_pod_by_pod() {
    let named = service(json!({"ports": [{"port": 80, "targetPort": "web"}]}));
    let pods = [
        pod("a", |_| {}),
        pod("bb", |pod| pod["spec"]["containers"][0]["ports"][0]["containerPort"] = json!(9090)),
    ];
    let ports: Vec<i32> = changes(&named, &pods, &[], || "x".into())
        .iter()
        .map(|change| match change {
            Change::Create(slice) => i32::try_from(slice["ports"][0]["port"].as_i64().unwrap()).unwrap(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(ports, [8080, 9090]);
}

#[test]
fn a_slice_that_is_right_is_left_alone_and_one_that_is_not_is_changed_in_place() {
    let service = service(json!({}));
    let pods = [pod("a", |_| {}), pod("bb", |_| {})];
    let slice = Arc::new(only_slice(&changes(&service, &pods, &[], || "x".into())));
    assert_eq!(changes(&service, &pods, std::slice::from_ref(&slice), || "y".into()), []);
    let fewer = changes(&service, &pods[..1], std::slice::from_ref(&slice), || "y".into());
    let [Change::Update { patch, .. }] = fewer.as_slice() else { panic!("{fewer:?}") };
    assert_eq!(patch["endpoints"].as_array().unwrap().len(), 1);
    assert!(patch.get("ports").is_none());
    let none = changes(&service, &[], &[slice], || "y".into());
    let [Change::Update { patch, .. }] = none.as_slice() else { panic!("{none:?}") };
    assert_eq!(patch["endpoints"], json!([]));
}

#[test]
fn more_than_a_hundred_endpoints_take_another_slice() {
    let pods: Vec<Arc<Pod>> = (0..150).map(|at| pod(&format!("p{at:03}"), |_| {})).collect();
    assert_eq!(changes(&service(json!({})), &pods, &[], || "x".into()).len(), 2);
}
