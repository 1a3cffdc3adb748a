use super::*;

const NOW: &str = "2026-11-21T08:10:00Z";

#[expect(clippy::needless_pass_by_value, reason = "cases read better without borrows")]
fn deployment(status: Value) -> Deployment {
    serde_json::from_value(json!({
        "metadata": {"name": "web", "generation": 2},
        "spec": {"replicas": 4, "progressDeadlineSeconds": 60},
        "status": status,
    }))
    .unwrap()
}

fn set(name: &str, wanted: i32, available: i32) -> Arc<ReplicaSet> {
    Arc::new(
        serde_json::from_value(json!({
            "metadata": {"name": name},
            "spec": {"replicas": wanted},
            "status": {"replicas": wanted, "readyReplicas": available, "availableReplicas": available},
        }))
        .unwrap(),
    )
}

/// A status in which `web-2` has been progressing since `since`, with these numbers.
fn progressing_since(since: &str, updated: i32, available: i32) -> Value {
    json!({
        "replicas": 5, "updatedReplicas": updated, "readyReplicas": available, "availableReplicas": available,
        "conditions": [{
            "type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated",
            "message": "ReplicaSet \"web-2\" is progressing.", "lastUpdateTime": since, "lastTransitionTime": since,
        }],
    })
}

/// The Progressing condition's reason, and when to look again, in seconds.
#[expect(clippy::needless_pass_by_value, reason = "cases read better without borrows")]
fn seen(before: Value, old: Arc<ReplicaSet>, new: Arc<ReplicaSet>) -> (String, Option<u64>) {
    let sets = [old, new.clone()];
    let (status, look_again) = status(&deployment(before), &sets, Some(&new), 1, NOW.parse().unwrap());
    let conditions = status["conditions"].as_array().unwrap();
    let progressing = conditions.iter().find(|condition| condition["type"] == "Progressing").unwrap();
    (progressing["reason"].as_str().unwrap().to_owned(), look_again.map(|wait| wait.as_secs()))
}

#[test]
fn an_update_progresses_until_it_is_complete_or_late() {
    let early = "2026-11-21T08:09:50Z";
    let late = "2026-11-21T08:08:00Z";
    let (old, stuck) = (set("web-1", 4, 4), set("web-2", 1, 0));
    let reason =
        |before, old: &Arc<ReplicaSet>, new: &Arc<ReplicaSet>| seen(before, old.clone(), new.clone());
    assert_eq!(reason(json!({}), &old, &stuck), ("NewReplicaSetCreated".to_owned(), Some(60)));
    let waiting = reason(progressing_since(early, 1, 4), &old, &stuck);
    assert_eq!(waiting, ("ReplicaSetUpdated".to_owned(), Some(50)));
    let exceeded = reason(progressing_since(late, 1, 4), &old, &stuck);
    assert_eq!(exceeded, ("ProgressDeadlineExceeded".to_owned(), None));
    // One more pod is available than before: the clock starts anew.
    let moved = reason(progressing_since(late, 1, 4), &old, &set("web-2", 1, 1));
    assert_eq!(moved, ("ReplicaSetUpdated".to_owned(), Some(60)));
    let complete = reason(progressing_since(late, 1, 4), &set("web-1", 0, 0), &set("web-2", 4, 4));
    assert_eq!(complete, ("NewReplicaSetAvailable".to_owned(), None));
}

#[test]
fn once_late_it_stays_late_until_something_moves() {
    let mut before = progressing_since(NOW, 1, 4);
    before["conditions"][0]["reason"] = json!("ProgressDeadlineExceeded");
    let (reason, look_again) = seen(before, set("web-1", 4, 4), set("web-2", 1, 0));
    assert_eq!((reason.as_str(), look_again), ("ProgressDeadlineExceeded", None));
}

#[test]
fn it_is_available_while_no_more_are_missing_than_may_be() {
    let available = |count: i32| {
        let new = set("web-2", 4, count);
        let (status, _) =
            status(&deployment(json!({})), std::slice::from_ref(&new), Some(&new), 1, NOW.parse().unwrap());
        status["conditions"][0]["status"].clone()
    };
    assert_eq!([available(4), available(3), available(2)], ["True", "True", "False"]);
}
