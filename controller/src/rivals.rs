//! Other controllers that work on our Rollouts: the peer left running, in whatever namespace, or a second one of ours.
//!
//! Two controllers on one Rollout undo each other's writes, and each of their switches moves traffic. They show in the
//! Rollout's managedFields: somebody else became the manager of a status field that only a controller writes, later
//! than our own last write. Once may be a person with `kubectl edit --subresource=status`; whoever does it again, after
//! we have written anew, is a controller. From then on that Rollout is left alone, until this program is started again:
//! that the other one is silent for a while proves nothing.
//!
//! Two installations of ours have different names there, by their namespaces. Whoever notices says so; which of the two goes
//! on is known by the names alone.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, de::IgnoredAny};

use crate::{key::Key, server::is_field_manager};

/// So many times somebody else must have written a controller's part of the status after us.
const WRITES_MAX: u32 = 2;

/// Who wrote the controller's part of a status, and when they did last, by its managedFields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatusWriters(Vec<(String, Timestamp)>);

/// Another controller that works on a Rollout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rival {
    /// Its field manager.
    pub manager: String,
    /// Whether the Rollout is left to it.
    pub prevails: bool,
}

/// What was seen of others, by Rollout.
#[derive(Debug)]
pub struct Rivals {
    /// Our own name in managedFields.
    own: String,
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
        let entries = managed_fields.iter().filter(|entry| entry.is_of_a_controller());
        let writers = entries.filter_map(|entry| {
            let time = entry.time.as_ref().and_then(|text| text.parse::<Timestamp>().ok());
            Some((entry.manager.clone()?, time?))
        });
        Self(writers.collect())
    }

    /// When this one wrote last.
    fn last_of(&self, manager: &str) -> Option<Timestamp> {
        self.0.iter().filter(|(name, _)| name == manager).map(|(_, time)| *time).max()
    }

    /// Who else wrote last, and when.
    fn last_but(&self, manager: &str) -> Option<(&str, Timestamp)> {
        let others = self.0.iter().filter(|(name, _)| name != manager);
        others.max_by_key(|(_, time)| *time).map(|(name, time)| (name.as_str(), *time))
    }
}

impl Rivals {
    /// Nothing was seen yet. `own`: the name that we write under.
    #[must_use]
    pub fn new(own: &str) -> Self {
        Self { own: own.to_owned(), seen: BTreeMap::new() }
    }

    /// Takes in what a Rollout's managedFields say.
    pub fn saw(&mut self, rollout: &Key, writers: &StatusWriters) {
        let Some((manager, theirs)) = writers.last_but(&self.own) else { return };
        let sibling = is_field_manager(manager);
        let ours = writers.last_of(&self.own);
        // Times are whole seconds. Of two in the same second nobody knows the order: whom we took over from may have
        // written in the second in which we did.
        let after_us = ours.is_some_and(|ours| ours < theirs);
        if !sibling && !after_us {
            return;
        }
        let seen = self.seen.entry(rollout.clone()).or_insert_with(|| Seen {
            manager: manager.to_owned(),
            // What a sibling wrote before we looked is no sign that it still does.
            last: if sibling { theirs } else { Timestamp::MIN },
            writes: 0,
        });
        // A person may write twice, but not under a name of ours: a sibling need not have been answered in between.
        let anew = seen.writes == 0 || ours.is_some_and(|ours| ours >= seen.last);
        if theirs > seen.last && (sibling || anew) {
            seen.writes = seen.writes.saturating_add(1);
            seen.last = theirs;
            manager.clone_into(&mut seen.manager);
        }
    }

    /// The other controller on this Rollout, if there is one.
    #[must_use]
    pub fn of(&self, rollout: &Key) -> Option<Rival> {
        let seen = self.seen.get(rollout).filter(|seen| seen.writes >= WRITES_MAX)?;
        // Were two of ours both to stop, nobody would be left.
        let prevails = !is_field_manager(&seen.manager) || seen.manager < self.own;
        Some(Rival { manager: seen.manager.clone(), prevails })
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
    use crate::server::FIELD_MANAGER;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn written(writes: &[(&str, i64)]) -> StatusWriters {
        StatusWriters(writes.iter().map(|(manager, second)| ((*manager).to_owned(), at(*second))).collect())
    }

    fn writers(ours: i64, theirs: i64) -> StatusWriters {
        written(&[("rollouts-controller", theirs), (FIELD_MANAGER, ours)])
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
    }

    #[test]
    fn whoever_writes_again_after_we_wrote_anew_is_a_controller() {
        let (mut rivals, shop) = (Rivals::new(FIELD_MANAGER), Key::new("default", "shop"));
        rivals.saw(&shop, &writers(1, 2));
        rivals.saw(&shop, &writers(1, 2));
        rivals.saw(&shop, &writers(1, 3));
        assert_eq!(rivals.of(&shop), None, "one person, two edits in a row");
        rivals.saw(&shop, &writers(4, 5));
        let peer = Rival { manager: "rollouts-controller".to_owned(), prevails: true };
        assert_eq!(rivals.of(&shop), Some(peer));
        rivals.forget(&shop);
        assert_eq!(rivals.of(&shop), None);
    }

    #[test]
    fn whom_we_took_over_from_is_no_rival() {
        let (mut rivals, shop) = (Rivals::new(FIELD_MANAGER), Key::new("default", "shop"));
        for (ours, theirs) in [(5, 4), (5, 5), (9, 5)] {
            rivals.saw(&shop, &writers(ours, theirs));
        }
        rivals.saw(&shop, &written(&[("rollouts-controller", 7)]));
        rivals.saw(&shop, &written(&[(FIELD_MANAGER, 7)]));
        assert!(rivals.seen.is_empty());
    }

    #[test]
    fn of_two_installations_of_ours_whoever_notices_knows_which_goes_on() {
        let shop = Key::new("default", "shop");
        let names = [FIELD_MANAGER, "verdigris@other", "verdigris@shop"];
        for (one, two) in [(0, 1), (0, 2), (1, 2)] {
            // Each may be the only one that ever writes.
            for writer in [one, two] {
                let mut both = [Rivals::new(names[one]), Rivals::new(names[two])];
                for second in 1..5 {
                    let writes = written(&[(names[writer], second), (names[one + two - writer], 0)]);
                    both.iter_mut().for_each(|rivals| rivals.saw(&shop, &writes));
                }
                let left = both.map(|rivals| rivals.of(&shop).map(|rival| (rival.manager, rival.prevails)));
                let noticed = (names[writer].to_owned(), writer == one);
                assert_eq!(left, if writer == one { [None, Some(noticed)] } else { [Some(noticed), None] });
            }
        }
    }

    #[test]
    fn an_installation_that_wrote_before_we_came_is_none_any_more() {
        let (mut rivals, shop) = (Rivals::new("verdigris@new"), Key::new("default", "shop"));
        for second in [9, 9, 9] {
            rivals.saw(&shop, &written(&[(FIELD_MANAGER, second)]));
        }
        rivals.saw(&shop, &written(&[(FIELD_MANAGER, 9), ("verdigris@new", 11)]));
        assert_eq!(rivals.of(&shop), None);
    }
}
