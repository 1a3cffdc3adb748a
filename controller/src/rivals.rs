//! Other controllers that work on our Rollouts: the peer left running, in whatever namespace, or a second one of ours.
//!
//! Two controllers on one Rollout undo each other's writes, and each of their switches moves traffic. They show in the
//! Rollout's managedFields: somebody else became the manager of a status field that only a controller writes, later
//! than our own last write. Once may be a person with `kubectl edit --subresource=status`; whoever does it again, after
//! we have written anew, is a controller. From then on that Rollout is left alone, until this program is started again:
//! that the other one is silent for a while proves nothing.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, de::IgnoredAny};

use crate::{key::Key, server::FIELD_MANAGER};

/// So many times somebody else must have written a controller's part of the status after us.
const WRITES_MAX: u32 = 2;

/// Who wrote the controller's part of a status last, by its managedFields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatusWriters {
    /// When we did.
    pub ours: Option<Timestamp>,
    /// Who else did, and when: the latest of them.
    pub other: Option<(String, Timestamp)>,
}

/// What was seen of others, by Rollout.
#[derive(Debug, Default)]
pub struct Rivals {
    seen: BTreeMap<Key, Seen>,
}

#[derive(Debug)]
struct Seen {
    manager: String,
    /// Their last write that came after one of ours.
    last: Timestamp,
    writes: u32,
}

/// One entry of `metadata.managedFields`, as far as it is of interest here.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Managed {
    manager: Option<String>,
    time: Option<String>,
    #[serde(rename = "fieldsV1")]
    fields: Option<ManagedFields>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ManagedFields {
    #[serde(rename = "f:status")]
    status: Option<ManagedStatus>,
}

/// Fields of the status that users and clients never write: those they do write are `abort`, `promoteFull`,
/// `pauseConditions`, `controllerPause` and the like.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ManagedStatus {
    #[serde(rename = "f:conditions")]
    conditions: Option<IgnoredAny>,
    #[serde(rename = "f:observedGeneration")]
    observed_generation: Option<IgnoredAny>,
    #[serde(rename = "f:phase")]
    phase: Option<IgnoredAny>,
}

impl Managed {
    fn is_of_a_controller(&self) -> bool {
        let status = self.fields.as_ref().and_then(|fields| fields.status.as_ref());
        status.is_some_and(|it| it.conditions.or(it.observed_generation).or(it.phase).is_some())
    }
}

impl StatusWriters {
    /// Reads `metadata.managedFields`.
    #[must_use]
    pub fn of(managed_fields: &[Managed]) -> Self {
        let mut writers = Self::default();
        for entry in managed_fields.iter().filter(|entry| entry.is_of_a_controller()) {
            let time = entry.time.as_ref().and_then(|text| text.parse::<Timestamp>().ok());
            let (Some(manager), Some(time)) = (entry.manager.as_deref(), time) else { continue };
            if manager == FIELD_MANAGER {
                writers.ours = writers.ours.max(Some(time));
            } else if writers.other.as_ref().is_none_or(|(_, latest)| *latest < time) {
                writers.other = Some((manager.to_owned(), time));
            }
        }
        writers
    }
}

impl Rivals {
    /// Takes in what a Rollout's managedFields say.
    pub fn saw(&mut self, rollout: &Key, writers: &StatusWriters) {
        // Times are whole seconds. Of two in the same second nobody knows the order: whom we took over from may have
        // written in the second in which we did.
        let (Some(ours), Some((manager, theirs))) = (writers.ours, &writers.other) else { return };
        if *theirs <= ours {
            return;
        }
        let seen = self.seen.entry(rollout.clone()).or_insert_with(|| Seen {
            manager: manager.clone(),
            last: Timestamp::MIN,
            writes: 0,
        });
        if *theirs > seen.last && (seen.writes == 0 || ours >= seen.last) {
            seen.writes = seen.writes.saturating_add(1);
            seen.last = *theirs;
            seen.manager.clone_from(manager);
        }
    }

    /// The field manager of the other controller, if the Rollout is to be left to it.
    #[must_use]
    pub fn of(&self, rollout: &Key) -> Option<&str> {
        self.seen.get(rollout).filter(|seen| seen.writes >= WRITES_MAX).map(|seen| seen.manager.as_str())
    }

    /// The Rollout is gone.
    pub fn forget(&mut self, rollout: &Key) {
        self.seen.remove(rollout);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn writers(ours: i64, theirs: i64) -> StatusWriters {
        StatusWriters { ours: Some(at(ours)), other: Some(("rollouts-controller".into(), at(theirs))) }
    }

    #[test]
    fn only_fields_that_controllers_write_tell_of_a_controller() {
        let entry = |manager: &str, second: i64, field: &str| {
            json!({"manager": manager, "subresource": "status", "time": at(second).to_string(),
                "fieldsV1": {"f:status": {field: {}}}})
        };
        let fields = json!([
            entry("kubectl-argo-rollouts", 9, "f:pauseConditions"),
            entry("rollouts-controller", 5, "f:conditions"),
            entry("verdigris", 7, "f:phase"),
            {"manager": "kubectl", "time": at(8).to_string(), "fieldsV1": {"f:spec": {"f:paused": {}}}},
        ]);
        let fields: Vec<Managed> = serde_json::from_value(fields).unwrap();
        assert_eq!(StatusWriters::of(&fields), writers(7, 5));
        assert_eq!(StatusWriters::of(&[]), StatusWriters::default());
    }

    #[test]
    fn whoever_writes_again_after_we_wrote_anew_is_a_controller() {
        let (mut rivals, shop) = (Rivals::default(), Key::new("default", "shop"));
        rivals.saw(&shop, &writers(1, 2));
        rivals.saw(&shop, &writers(1, 2));
        rivals.saw(&shop, &writers(1, 3));
        assert_eq!(rivals.of(&shop), None, "one person, two edits in a row");
        rivals.saw(&shop, &writers(4, 5));
        assert_eq!(rivals.of(&shop), Some("rollouts-controller"));
        rivals.forget(&shop);
        assert_eq!(rivals.of(&shop), None);
    }

    #[test]
    fn whom_we_took_over_from_is_no_rival() {
        let (mut rivals, shop) = (Rivals::default(), Key::new("default", "shop"));
        for (ours, theirs) in [(5, 4), (5, 5), (9, 5)] {
            rivals.saw(&shop, &writers(ours, theirs));
        }
        rivals.saw(&shop, &StatusWriters { ours: None, ..writers(0, 7) });
        assert!(rivals.seen.is_empty());
    }
}
