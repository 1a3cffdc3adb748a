//! Writes Kubernetes Events about Rollouts.
//!
//! An event is told at most once: it is written after the status that it goes with, and a controller that dies between
//! the two, or starts again later, finds that status and has nothing to tell. (Telling first would tell twice
//! whenever the status is then refused.) The same thing told again counts up the event that is there, as the peer's
//! does: its name is a function of what it says about which object.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event as CoreEvent;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use verdigris_core::decision::Event;

use crate::{
    items::{ROLLOUT_API_VERSION, ROLLOUT_KIND},
    key::Key,
    server::{CallError, FIELD_MANAGER, Server, Style, Verdict, Written},
};

/// Longest name of an event: of the 253 that an object's may have, some are left for a suffix.
const NAME_LENGTH_MAX: usize = 240;

/// Tells one event about a Rollout, or counts it up if it was told before.
pub async fn tell(
    server: &Server,
    rollout: &Key,
    uid: &str,
    event: &Event,
    now: Timestamp,
) -> Result<(), CallError> {
    let name = name(rollout, uid, event);
    match create(server, rollout, &body(rollout, uid, &name, event, now)).await {
        Err(error) if is_refused(&error, "AlreadyExists") => {}
        created => return created,
    }
    match count_up(server, rollout, &name, now).await {
        // The peer's role may write events but not read them: then each telling is an event of its own.
        Err(error) if is_refused(&error, "Forbidden") => {
            let name = format!("{name}-{:x}", now.as_second());
            create(server, rollout, &body(rollout, uid, &name, event, now)).await
        }
        counted => counted,
    }
}

async fn create(server: &Server, rollout: &Key, body: &Value) -> Result<(), CallError> {
    let what = format!("create Event {}", body["metadata"]["name"].as_str().unwrap_or_default());
    server.create::<CoreEvent, Written>(what, rollout.namespace(), false, body).await.map(drop)
}

fn is_refused(error: &CallError, reason: &str) -> bool {
    matches!(error.verdict(), Verdict::Refused(refusal) if refusal.reason == reason)
}

async fn count_up(server: &Server, rollout: &Key, name: &str, now: Timestamp) -> Result<(), CallError> {
    let Some(told) = server.get::<CoreEvent>(rollout.namespace(), name).await? else {
        return Ok(());
    };
    let patch = json!({
        "metadata": {"resourceVersion": told.metadata.resource_version},
        "count": told.count.unwrap_or(1).saturating_add(1),
        "lastTimestamp": seconds(now),
    });
    let what = format!("count up Event {name}");
    server.patch::<CoreEvent>(what, (rollout.namespace(), name, None), Style::Merge, &patch).await.map(drop)
}

fn body(rollout: &Key, uid: &str, name: &str, event: &Event, now: Timestamp) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": rollout.namespace()},
        "involvedObject": {"apiVersion": ROLLOUT_API_VERSION, "kind": ROLLOUT_KIND, "namespace": rollout.namespace(),
            "name": rollout.name(), "uid": uid},
        "type": if event.warning { "Warning" } else { "Normal" },
        "reason": event.reason,
        "message": event.message,
        "count": 1,
        "firstTimestamp": seconds(now),
        "lastTimestamp": seconds(now),
        "source": {"component": FIELD_MANAGER},
        "reportingComponent": FIELD_MANAGER,
    })
}

/// `shop.3f0c52…`: the Rollout's name and half a SHA-256 of what makes the event what it is.
fn name(rollout: &Key, uid: &str, event: &Event) -> String {
    let mut digest = Sha256::new();
    for part in [uid, if event.warning { "Warning" } else { "Normal" }, &event.reason, &event.message] {
        // The length before each part: ("ab", "c") is not ("a", "bc").
        digest.update(part.len().to_le_bytes());
        digest.update(part);
    }
    let digest: String = digest.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let prefix: String = rollout.name().chars().take(NAME_LENGTH_MAX - 1 - digest.len()).collect();
    format!("{prefix}.{digest}")
}

/// Whole seconds, as Kubernetes writes times.
pub fn seconds(time: Timestamp) -> String {
    Timestamp::from_second(time.as_second()).unwrap_or(time).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(reason: &str, message: &str) -> Event {
        Event { warning: false, reason: reason.into(), message: message.into() }
    }

    #[test]
    fn the_name_is_a_function_of_what_is_said_of_whom() {
        let shop = Key::new("default", "shop");
        let one = name(&shop, "uid-1", &event("SwitchService", "Switched"));
        assert_eq!(one, name(&shop, "uid-1", &event("SwitchService", "Switched")));
        assert_ne!(one, name(&shop, "uid-2", &event("SwitchService", "Switched")));
        assert_ne!(one, name(&shop, "uid-1", &event("SwitchServic", "eSwitched")));
        assert!(one.starts_with("shop."));
        let long = name(&Key::new("default", &"x".repeat(253)), "uid-1", &event("a", "b"));
        assert_eq!(long.len(), NAME_LENGTH_MAX);
    }

    #[test]
    fn times_have_whole_seconds() {
        assert_eq!(seconds("2026-11-21T08:00:00.987Z".parse().unwrap()), "2026-11-21T08:00:00Z");
    }
}
