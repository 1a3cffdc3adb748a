//! What seen objects say of themselves, in the words that decisions are made in.

use jiff::{SignedDuration, Timestamp};
use verdigris_crds::keys;

use crate::formerly_stable;
use crate::observed::{Observed, PodSeen, ReplicaSetSeen, ServiceSeen};

/// `seconds` after `time`; the far future where that has no name.
pub(crate) fn after(time: Timestamp, seconds: i64) -> Timestamp {
    time.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}

/// Whole seconds: the API's times have no fractions, and what is written must read back the same.
pub(crate) fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

impl ReplicaSetSeen {
    /// The pod template hash of its pods: the label, or what follows the Rollout's name if somebody took the label off.
    #[must_use]
    pub fn hash(&self, rollout: &str) -> Option<&str> {
        let label = self.labels.get(keys::POD_TEMPLATE_HASH).map(String::as_str);
        label.or_else(|| self.name.strip_prefix(rollout)?.strip_prefix('-')).filter(|hash| !hash.is_empty())
    }

    /// The revision annotation; 0 where it is absent or no number.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.annotations.get(keys::REVISION).and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    /// The `desired-replicas` annotation.
    #[must_use]
    pub fn desired_replicas(&self) -> Option<i32> {
        self.annotations.get(keys::DESIRED_REPLICAS)?.parse().ok()
    }

    /// When it is to be scaled to zero. `None` also where the annotation is no time.
    #[must_use]
    pub fn scale_down_deadline(&self) -> Option<Timestamp> {
        self.annotations.get(keys::SCALE_DOWN_DEADLINE)?.parse().ok()
    }

    /// Whether it was promoted once and has kept its pods since.
    #[must_use]
    pub fn formerly_stable(&self) -> bool {
        let note = self.annotations.get(keys::FORMERLY_STABLE);
        note.is_some_and(|note| formerly_stable::holds(note, self.revision()))
    }

    /// The note that it is formerly stable: with the time of the one it has, else with this.
    #[must_use]
    pub(crate) fn note_of_former_stability(&self, revision: u64, now: Timestamp) -> String {
        let note = self.annotations.get(keys::FORMERLY_STABLE).filter(|_| self.formerly_stable());
        match note {
            Some(note) => formerly_stable::note(formerly_stable::since(note), revision),
            None => formerly_stable::note(&now.to_string(), revision),
        }
    }

    /// Whether it was promoted once and scaled to zero since.
    #[must_use]
    pub fn once_stable(&self) -> bool {
        self.annotations.contains_key(keys::ONCE_STABLE)
    }

    /// Whether its status speaks of its latest spec.
    #[must_use]
    pub fn status_is_current(&self) -> bool {
        self.observed_generation >= self.generation
    }

    /// Whether all `wanted` pods are there and available, as its own controller last said.
    #[must_use]
    pub fn is_fully_available(&self, wanted: i32) -> bool {
        !self.deleting
            && self.replicas_wanted == wanted
            && self.available_replicas == wanted
            && self.status_is_current()
    }
}

impl PodSeen {
    /// Whether it has been ready for so many seconds.
    #[must_use]
    pub fn is_available(&self, min_ready_seconds: i32, now: Timestamp) -> bool {
        let waits = |since: Timestamp| after(since, i64::from(min_ready_seconds)) > now;
        self.ready && (min_ready_seconds <= 0 || !self.ready_since.is_none_or(waits))
    }
}

impl ServiceSeen {
    /// The pod template hash in its selector, if it has one.
    #[must_use]
    pub fn hash(&self) -> Option<&str> {
        self.selector.get(keys::POD_TEMPLATE_HASH).map(String::as_str)
    }
}

impl Observed {
    /// `metadata.name` of the Rollout.
    #[must_use]
    pub fn name(&self) -> &str {
        self.rollout.metadata.name.as_deref().unwrap_or_default()
    }

    /// `metadata.uid` of the Rollout.
    #[must_use]
    pub fn uid(&self) -> &str {
        self.rollout.metadata.uid.as_deref().unwrap_or_default()
    }

    /// The ReplicaSets that this Rollout controls.
    pub fn owned(&self) -> impl Iterator<Item = &ReplicaSetSeen> {
        self.replica_sets.values().filter(|seen| seen.controller_uid.as_deref() == Some(self.uid()))
    }

    /// The owned ReplicaSet of this pod template hash.
    #[must_use]
    pub fn owned_with_hash(&self, hash: &str) -> Option<&ReplicaSetSeen> {
        self.owned().find(|seen| seen.hash(self.name()) == Some(hash))
    }

    /// The Service of this name, if there is one.
    #[must_use]
    pub fn service(&self, name: &str) -> Option<&ServiceSeen> {
        self.services.get(name).and_then(Option::as_ref)
    }
}
