//! kubectl's words for pods. Each case is what a kubelet reports, and what `kubectl get pods` prints for it.

use serde_json::{Value, json};

use super::*;

/// A pod with one container `app`, unless the patch says otherwise.
fn pod(patch: &Value) -> Pod {
    let mut pod = json!({
        "metadata": {"name": "shop-1"},
        "spec": {"containers": [{"name": "app", "image": "shop:1"}]},
        "status": {"phase": "Running"},
    });
    merge(&mut pod, patch);
    serde_json::from_value(pod).unwrap()
}

fn merge(into: &mut Value, patch: &Value) {
    match (into, patch) {
        (Value::Object(into), Value::Object(patch)) => {
            for (key, value) in patch {
                merge(into.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (into, patch) => *into = patch.clone(),
    }
}

fn container(name: &str, ready: bool, restarts: i32, state: Value) -> Value {
    let mut status =
        json!({"name": name, "ready": ready, "restartCount": restarts, "image": "", "imageID": ""});
    status["state"] = state;
    status
}

fn running() -> Value {
    json!({"running": {}})
}

fn waiting(reason: &str) -> Value {
    json!({"waiting": {"reason": reason}})
}

fn ended(code: i32, reason: &str) -> Value {
    json!({"terminated": {"exitCode": code, "reason": reason}})
}

fn statuses(containers: &[Value]) -> Value {
    json!({"status": {"containerStatuses": containers}})
}

/// Two init containers, the second as given, and the sum so far.
fn initializing(second: &Value) -> Value {
    json!({
        "spec": {"initContainers": [{"name": "one"}, {"name": "two"}]},
        "status": {"phase": "Pending", "initContainerStatuses": [container("one", true, 0, ended(0, "Completed")), second]},
    })
}

#[test]
fn pods_read_as_kubectl_prints_them() {
    let deleted = |patch: Value| {
        let mut deleted = json!({"metadata": {"deletionTimestamp": "2026-11-21T07:00:00Z"}});
        merge(&mut deleted, &patch);
        deleted
    };
    let one = |state: Value| statuses(&[container("app", false, 0, state)]);
    let conditions = |type_: &str, reason: &str| json!({"status": {"phase": "Pending", "conditions": [{"type": type_, "status": "False", "reason": reason}]}});
    for (patch, status, icon) in [
        (json!({"status": {"phase": "Pending"}}), "Pending", Icon::Progressing),
        (statuses(&[container("app", true, 0, running())]), "Running", Icon::Ok),
        (one(waiting("ContainerCreating")), "ContainerCreating", Icon::Progressing),
        (one(waiting("CrashLoopBackOff")), "CrashLoopBackOff", Icon::Bad),
        (one(waiting("ImagePullBackOff")), "ImagePullBackOff", Icon::Warning),
        (one(waiting("ErrImagePull")), "ErrImagePull", Icon::Warning),
        (one(waiting("CreateContainerConfigError")), "CreateContainerConfigError", Icon::Warning),
        (one(waiting("InvalidImageName")), "InvalidImageName", Icon::Bad),
        (one(ended(1, "Error")), "Error", Icon::Warning),
        (one(ended(137, "OOMKilled")), "OOMKilled", Icon::Blank),
        (one(ended(3, "")), "ExitCode:3", Icon::Bad),
        (one(json!({"terminated": {"exitCode": 137, "signal": 9}})), "Signal:9", Icon::Bad),
        (one(ended(0, "Completed")), "Completed", Icon::Ok),
        (json!({"status": {"phase": "Failed", "reason": "Evicted"}}), "Evicted", Icon::Blank),
        (conditions("PodScheduled", "SchedulingGated"), "SchedulingGated", Icon::Blank),
        (deleted(one(running())), "Terminating", Icon::Progressing),
        (deleted(json!({"status": {"phase": "Succeeded"}})), "Succeeded", Icon::Blank),
        (deleted(json!({"status": {"reason": "NodeLost"}})), "Unknown", Icon::Unknown),
        (initializing(&container("two", false, 0, running())), "Init:1/2", Icon::Progressing),
        (
            initializing(&container("two", false, 0, waiting("PodInitializing"))),
            "Init:1/2",
            Icon::Progressing,
        ),
        (
            initializing(&container("two", false, 4, waiting("CrashLoopBackOff"))),
            "Init:CrashLoopBackOff",
            Icon::Progressing,
        ),
        (initializing(&container("two", false, 1, ended(2, "Error"))), "Init:Error", Icon::Progressing),
        (initializing(&container("two", false, 1, ended(2, ""))), "Init:ExitCode:2", Icon::Progressing),
    ] {
        let view = PodView::of(&pod(&patch), Timestamp::UNIX_EPOCH);
        assert_eq!((view.status.as_str(), view.icon), (status, icon), "{patch}");
    }
}

#[test]
fn a_job_beside_a_server_does_not_hide_that_the_server_runs() {
    let two = |ready: &str| {
        json!({
            "spec": {"containers": [{"name": "app"}, {"name": "job"}]},
            "status": {
                "conditions": [{"type": "Ready", "status": ready}],
                "containerStatuses": [
                    container("app", true, 0, running()),
                    container("job", false, 0, ended(0, "Completed")),
                ],
            },
        })
    };
    assert_eq!(PodView::of(&pod(&two("True")), Timestamp::UNIX_EPOCH).status, "Running");
    let unready = PodView::of(&pod(&two("False")), Timestamp::UNIX_EPOCH);
    assert_eq!((unready.status.as_str(), unready.info().as_str()), ("NotReady", "ready:1/2"));
}

#[test]
fn a_sidecar_counts_as_a_container() {
    let sidecar = |started: bool, ready: bool| {
        let mut status = container("proxy", ready, 2, running());
        status["started"] = started.into();
        json!({
            "spec": {"initContainers": [{"name": "proxy", "restartPolicy": "Always"}]},
            "status": {
                "initContainerStatuses": [status],
                "containerStatuses": [container("app", true, 1, running())],
            },
        })
    };
    let view = PodView::of(&pod(&sidecar(true, true)), Timestamp::UNIX_EPOCH);
    assert_eq!((view.status.as_str(), view.info().as_str()), ("Running", "ready:2/2,restarts:3"));
    let starting = PodView::of(&pod(&sidecar(false, false)), Timestamp::UNIX_EPOCH);
    assert_eq!((starting.status.as_str(), starting.containers), ("Init:0/1", 2));
}

#[test]
fn a_pod_that_is_going_takes_no_traffic() {
    let ready = json!({"status": {"conditions": [{"type": "Ready", "status": "True"}]}});
    assert!(is_ready(&pod(&ready)));
    let mut going = ready;
    merge(&mut going, &json!({"metadata": {"deletionTimestamp": "2026-11-21T07:00:00Z"}}));
    assert!(!is_ready(&pod(&going)));
}
