//! Whether a status says anything but how many pods there are by now.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use verdigris_crds::{Condition, RolloutStatus, keys};

/// Whether two statuses differ, and only in counts of pods and in what follows from those. A phase, a pause, a condition
/// that turns: all that people and programs wait for is more than that.
pub(crate) fn is_all_that_differs(seen: &RolloutStatus, next: &RolloutStatus) -> bool {
    seen != next && seen.phase == next.phase && bare(seen) == bare(next)
}

fn bare(status: &RolloutStatus) -> RolloutStatus {
    let mut bare = status.clone();
    let counts = [
        &mut bare.replicas,
        &mut bare.updated_replicas,
        &mut bare.ready_replicas,
        &mut bare.available_replicas,
        &mut bare.hpa_replicas,
    ];
    for count in counts {
        *count = None;
    }
    if bare.phase.as_deref() == Some("Progressing") {
        bare.message = None;
    }
    let conditions = bare.conditions.get_or_insert_default();
    conditions.iter_mut().filter(|it| follows_counts(it)).for_each(|condition| {
        condition.reason.clear();
        condition.message.clear();
        condition.last_update_time = Time(Timestamp::UNIX_EPOCH);
    });
    // One that changes moves to the end.
    conditions.sort_by(|left, right| left.type_.cmp(&right.type_));
    bare
}

/// Conditions whose text tells how far the new version has come.
fn follows_counts(condition: &Condition) -> bool {
    match condition.type_.as_str() {
        "Progressing" => ["NewReplicaSetCreated", "ReplicaSetUpdated"].contains(&condition.reason.as_str()),
        keys::AWAITED => condition.reason == "Pods",
        type_ => type_ == keys::PROGRESS,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn status(fields: &Value) -> RolloutStatus {
        let mut status = json!({"phase": "Progressing", "message": "more replicas need to be updated", "replicas": 2,
            "conditions": [{"type": "Progressing", "status": "True", "reason": "NewReplicaSetCreated", "message": "Created",
                "lastUpdateTime": "2026-11-21T08:00:00Z", "lastTransitionTime": "2026-11-21T08:00:00Z"}]});
        for (field, value) in fields.as_object().into_iter().flatten() {
            status[field] = value.clone();
        }
        serde_json::from_value(status).expect("a status")
    }

    fn progressing(status: &str, reason: &str) -> Value {
        json!([{"type": "Progressing", "status": status, "reason": reason, "message": "Updated",
            "lastUpdateTime": "2026-11-21T08:00:01Z", "lastTransitionTime": "2026-11-21T08:00:00Z"}])
    }

    #[test]
    fn counts_are_no_news_but_whatever_somebody_waits_for_is() {
        let seen = status(&json!({}));
        let differs = |fields: Value| is_all_that_differs(&seen, &status(&fields));
        assert!(!differs(json!({})), "nothing differs");
        let message = "updated replicas are still becoming available";
        let conditions = progressing("True", "ReplicaSetUpdated");
        assert!(differs(
            json!({"replicas": 4, "updatedReplicas": 2, "message": message, "conditions": conditions})
        ));
        for news in [
            json!({"replicas": 4, "phase": "Healthy"}),
            json!({"replicas": 4, "conditions": progressing("True", "NewReplicaSetAvailable")}),
            json!({"replicas": 4, "conditions": progressing("False", "ReplicaSetUpdated")}),
            json!({"replicas": 4, "conditions": []}),
            json!({"replicas": 4, "observedGeneration": "2"}),
            json!({"replicas": 4, "currentPodHash": "h2"}),
            json!({"replicas": 4, "pauseConditions": [{"reason": "BlueGreenPause", "startTime": "2026-11-21T08:00:00Z"}]}),
        ] {
            assert!(!differs(news.clone()), "{news}");
        }
    }
}
