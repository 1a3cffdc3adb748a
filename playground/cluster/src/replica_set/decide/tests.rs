use super::*;

const NOW: &str = "2026-11-21T08:00:00Z";

fn set(replicas: i32, min_ready_seconds: i32) -> ReplicaSet {
    serde_json::from_value(json!({
        "metadata": {"name": "web", "namespace": "here", "uid": "set", "generation": 3},
        "spec": {
            "replicas": replicas, "minReadySeconds": min_ready_seconds,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [], "newerThanUs": 1}},
        },
    }))
    .unwrap()
}

/// A running pod on a node, ready since this many seconds if so.
fn pod(name: &str, ready_seconds: Option<i64>) -> Arc<Pod> {
    let now: Timestamp = NOW.parse().unwrap();
    let since = now - jiff::SignedDuration::from_secs(ready_seconds.unwrap_or(0));
    let ready = if ready_seconds.is_some() { "True" } else { "False" };
    let pod = json!({
        "metadata": {"name": name, "namespace": "here", "labels": {"app": "web"}},
        "spec": {"nodeName": "node-1", "containers": []},
        "status": {"phase": "Running", "conditions": [
            {"type": "Ready", "status": ready, "lastTransitionTime": stamp(since)},
        ]},
    });
    Arc::new(serde_json::from_value(pod).unwrap())
}

fn with(pod: &Arc<Pod>, change: impl FnOnce(&mut Pod)) -> Arc<Pod> {
    let mut pod = pod.as_ref().clone();
    change(&mut pod);
    Arc::new(pod)
}

#[test]
fn scales_up_to_what_is_wanted_and_does_not_count_pods_that_leave() {
    let leaving = with(&pod("c", Some(1)), |pod| {
        pod.metadata.deletion_timestamp = Some(NOW.parse::<Timestamp>().unwrap().into());
    });
    let pods = [pod("a", Some(5)), leaving];
    assert_eq!(scaling(&set(3, 0), &pods), Scaling::Create(2));
    assert_eq!(scaling(&set(1, 0), &pods), Scaling::Enough);
}

#[test]
fn scales_down_what_is_least_missed_first() {
    let unscheduled = with(&pod("unscheduled", None), |pod| {
        pod.spec.as_mut().unwrap().node_name = None;
        pod.status.as_mut().unwrap().phase = Some("Pending".into());
    });
    let cheap = with(&pod("cheap", Some(100)), |pod| {
        pod.metadata.annotations =
            Some([("controller.kubernetes.io/pod-deletion-cost".to_owned(), "-1".to_owned())].into());
    });
    let pods = [pod("old", Some(90)), pod("new", Some(10)), pod("unready", None), unscheduled, cheap];
    let Scaling::Delete(keys) = scaling(&set(0, 0), &pods) else { panic!("must delete") };
    let names: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
    assert_eq!(names, ["unscheduled", "unready", "cheap", "new", "old"]);
}

#[test]
fn a_pod_is_available_once_it_was_ready_for_min_ready_seconds() {
    let now = NOW.parse().unwrap();
    let pods = [pod("a", Some(30)), pod("b", Some(8)), pod("c", None)];
    let (status, look_again) = status(&set(3, 10), &pods, None, now);
    assert_eq!(
        status,
        json!({"replicas": 3, "fullyLabeledReplicas": 3, "readyReplicas": 2, "availableReplicas": 1,
               "terminatingReplicas": 0, "observedGeneration": 3, "conditions": null})
    );
    assert_eq!(look_again, Some(Duration::from_secs(2)));
}

#[test]
fn pods_carry_the_template_with_fields_unknown_to_us_and_their_owner() {
    let pod = pod_of();
    assert_eq!(pod["metadata"]["name"], "web-abcde");
    assert_eq!(pod["metadata"]["ownerReferences"][0]["uid"], "set");
    assert_eq!(pod["spec"]["newerThanUs"], 1);
}

fn pod_of() -> Value {
    super::pod(&set(1, 0), "abcde")
}
