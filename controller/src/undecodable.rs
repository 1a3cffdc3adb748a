//! A Rollout whose JSON does not fit the API types: nothing is decided, and its owner is told which field and why.

use jiff::Timestamp;
use serde_json::{Value, json};
use verdigris_core::decision::Event;

use crate::{events::seconds, items::Undecodable, patch::difference};

/// What to write of such a Rollout; `None` if it says so already.
#[derive(Debug)]
pub struct Verdict {
    /// Merge patch of the status.
    pub status: Value,
    /// Told once the status is written.
    pub event: Event,
}

/// The condition InvalidSpec, beside what the status says already.
#[must_use]
pub fn tell(object: &Value, fault: &Undecodable, now: Timestamp) -> Option<Verdict> {
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    let message = format!("The Rollout \"{name}\" is invalid: {fault}");
    let status = &object["status"];
    let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
    let (invalid, mut conditions): (Vec<_>, Vec<_>) =
        conditions.into_iter().partition(|condition| condition["type"] == "InvalidSpec");
    let told = invalid.iter().find(|told| told["message"] == message.as_str() && told["status"] == "True");
    conditions.push(told.cloned().unwrap_or_else(|| {
        json!({"type": "InvalidSpec", "status": "True", "reason": "InvalidSpec", "message": message,
            "lastUpdateTime": seconds(now), "lastTransitionTime": seconds(now)})
    }));
    let mut wanted = status.as_object().cloned().unwrap_or_default();
    wanted.insert("conditions".to_owned(), conditions.into());
    wanted.insert("phase".to_owned(), "Degraded".into());
    wanted.insert("message".to_owned(), format!("InvalidSpec: {message}").into());
    let generation = object["metadata"]["generation"].as_i64().unwrap_or_default();
    wanted.insert("observedGeneration".to_owned(), generation.to_string().into());
    let seen = if status.is_object() { status.clone() } else { json!({}) };
    let status = difference(&seen, &wanted.into())?;
    Some(Verdict { status, event: Event { warning: true, reason: "InvalidSpec".to_owned(), message } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_it_once_and_keeps_what_else_the_status_says() {
        let now = "2026-11-21T08:00:00Z".parse().unwrap();
        let fault = Undecodable {
            field: "spec.paused".into(),
            mismatch: "found integer `1`, expected a boolean".into(),
        };
        let mut object = json!({"metadata": {"name": "shop", "generation": 3}, "spec": {"paused": 1},
            "status": {"stableRS": "a", "conditions": [{"type": "Available", "status": "True"}]}});
        let verdict = tell(&object, &fault, now).unwrap();
        let message = "The Rollout \"shop\" is invalid: spec.paused: found integer `1`, expected a boolean";
        assert_eq!(verdict.event.message, message);
        json_patch::merge(&mut object["status"], &verdict.status);
        assert_eq!(object["status"]["stableRS"], "a");
        assert_eq!(object["status"]["observedGeneration"], "3");
        assert_eq!(object["status"]["conditions"][0]["type"], "Available");
        assert_eq!(object["status"]["conditions"][1]["message"], message);
        assert!(tell(&object, &fault, "2026-11-21T09:00:00Z".parse().unwrap()).is_none());
    }
}
