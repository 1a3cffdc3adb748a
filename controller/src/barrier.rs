//! Read your own writes: a Rollout is not decided on until the cache shows what was written last.
//!
//! Without it, a pass that begins before the watch has delivered our own writes would do them again (scale up a
//! ReplicaSet that it has just scaled, say) and would be saved only by its preconditions. Each write leaves a *wait*
//! here: a Rollout, an object, and what the cache must have come to. Two things end a wait:
//!
//! * the watch shows the object in that version or a later one (or shows it go),
//! * or it does not within a bound: the object lost the label that the watch selects by, say, so that its change came
//!   as a deletion with an older version. Then a live read settles it.
//!
//! A refused precondition leaves a wait too: whatever changed the object must arrive before the next try.

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::Instant;

use crate::key::{Key, ObjectId, Version};

/// Waits of all Rollouts.
#[derive(Debug, Default)]
pub struct Barrier {
    waits: BTreeMap<(ObjectId, Key), Wait>,
    deadlines: BTreeSet<(Instant, ObjectId, Key)>,
    open: BTreeMap<Key, usize>,
}

/// What the cache must have come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Until {
    /// The object in this version or a later one: we wrote it.
    Version(Version),
    /// The object in a later version than this: our write was refused because it is outdated.
    After(Version),
    /// The object is gone: we deleted it.
    Gone,
}

/// What is known of an object now.
#[derive(Clone, Copy, Debug)]
pub enum Sight<'a> {
    /// It is there in this version.
    There(&'a Version),
    /// It is gone or no longer matches what is watched; the version it was last in, where that is known.
    Gone(&'a Version),
}

#[derive(Debug)]
struct Wait {
    until: Until,
    deadline: Instant,
}

impl Until {
    fn met(&self, sight: Sight<'_>) -> bool {
        match (self, sight) {
            (Self::Version(version), Sight::There(seen) | Sight::Gone(seen)) => seen.is_at_least(version),
            (Self::After(version), Sight::There(seen) | Sight::Gone(seen)) => {
                seen.is_at_least(version) && seen != version
            }
            (Self::Gone, Sight::Gone(_)) => true,
            (Self::Gone, Sight::There(_)) => false,
        }
    }
}

impl Barrier {
    /// From now on `rollout` waits for `object`, unless what the cache holds is enough already.
    /// A later wait for the same object replaces an earlier one.
    pub fn wait(
        &mut self,
        rollout: &Key,
        object: &ObjectId,
        until: Until,
        cached: Option<&Version>,
        deadline: Instant,
    ) {
        self.end(object, rollout);
        let met = match (&until, cached) {
            (Until::Gone, None) => true,
            (_, None) => false,
            (_, Some(version)) => until.met(Sight::There(version)),
        };
        if !met {
            self.waits.insert((object.clone(), rollout.clone()), Wait { until, deadline });
            self.deadlines.insert((deadline, object.clone(), rollout.clone()));
            *self.open.entry(rollout.clone()).or_default() += 1;
        }
    }

    /// The cache shows an object; answers which Rollouts need not wait any more.
    pub fn saw(&mut self, object: &ObjectId, sight: Sight<'_>) -> Vec<Key> {
        let met = self.waits_for(object).filter(|(_, wait)| wait.until.met(sight));
        let rollouts: Vec<Key> = met.map(|(rollout, _)| rollout.clone()).collect();
        rollouts.into_iter().filter(|rollout| self.end(object, rollout)).collect()
    }

    /// A live read of the object is in the cache now; answers which Rollouts need not wait any more.
    pub fn read_live(&mut self, object: &ObjectId) -> Vec<Key> {
        let rollouts: Vec<Key> = self.waits_for(object).map(|(rollout, _)| rollout.clone()).collect();
        rollouts.into_iter().filter(|rollout| self.end(object, rollout)).collect()
    }

    /// Whether a Rollout has to wait.
    #[must_use]
    pub fn blocks(&self, rollout: &Key) -> bool {
        self.open.contains_key(rollout)
    }

    /// When the next wait is over its bound.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(deadline, ..)| *deadline)
    }

    /// Objects whose waits are over their bound, to be read live. Each comes again at `next` if that read fails.
    pub fn overdue(&mut self, now: Instant, next: Instant) -> BTreeSet<ObjectId> {
        let mut objects = BTreeSet::new();
        while let Some((deadline, object, rollout)) = self.deadlines.first().cloned() {
            if deadline > now {
                break;
            }
            self.deadlines.pop_first();
            self.deadlines.insert((next, object.clone(), rollout.clone()));
            if let Some(wait) = self.waits.get_mut(&(object.clone(), rollout)) {
                wait.deadline = next;
            }
            objects.insert(object);
        }
        objects
    }

    /// The Rollout is gone: it waits for nothing.
    pub fn forget(&mut self, rollout: &Key) {
        let objects: Vec<ObjectId> = self
            .waits
            .keys()
            .filter(|(_, waiting)| waiting == rollout)
            .map(|(object, _)| object.clone())
            .collect();
        for object in objects {
            self.end(&object, rollout);
        }
    }

    fn waits_for<'a>(&'a self, object: &'a ObjectId) -> impl Iterator<Item = (&'a Key, &'a Wait)> {
        let from = (object.clone(), Key::new("", ""));
        let waits = self.waits.range(from..).take_while(move |((waited, _), _)| waited == object);
        waits.map(|((_, rollout), wait)| (rollout, wait))
    }

    /// Ends one wait; answers whether that was the Rollout's last.
    fn end(&mut self, object: &ObjectId, rollout: &Key) -> bool {
        let Some(wait) = self.waits.remove(&(object.clone(), rollout.clone())) else {
            return false;
        };
        self.deadlines.remove(&(wait.deadline, object.clone(), rollout.clone()));
        let open = self.open.get_mut(rollout).map_or(0, |open| {
            *open -= 1;
            *open
        });
        if open == 0 {
            self.open.remove(rollout);
        }
        open == 0
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::key::Kind;

    fn rollout() -> Key {
        Key::new("default", "shop")
    }

    fn object(kind: Kind, name: &str) -> ObjectId {
        ObjectId { kind, key: Key::new("default", name) }
    }

    #[test]
    fn a_rollout_waits_until_all_that_was_written_has_arrived() {
        let (mut barrier, soon) = (Barrier::default(), Instant::now());
        let (service, own) = (object(Kind::Service, "shop"), object(Kind::Rollout, "shop"));
        barrier.wait(&rollout(), &service, Until::Version("12".into()), Some(&"7".into()), soon);
        barrier.wait(&rollout(), &own, Until::Version("13".into()), Some(&"13".into()), soon);
        assert!(
            barrier.blocks(&rollout()),
            "the Service is behind; the Rollout had arrived before the answer"
        );
        assert!(barrier.saw(&service, Sight::There(&"11".into())).is_empty());
        assert_eq!(barrier.saw(&service, Sight::There(&"12".into())), [rollout()]);
        assert!(!barrier.blocks(&rollout()));
        assert_eq!(barrier.next_deadline(), None);
    }

    #[test]
    fn after_a_conflict_the_same_version_is_not_enough() {
        let (mut barrier, soon) = (Barrier::default(), Instant::now());
        let own = object(Kind::Rollout, "shop");
        barrier.wait(&rollout(), &own, Until::After("7".into()), Some(&"7".into()), soon);
        assert!(barrier.saw(&own, Sight::There(&"7".into())).is_empty());
        assert_eq!(barrier.saw(&own, Sight::There(&"8".into())), [rollout()]);
        barrier.wait(&rollout(), &own, Until::After("7".into()), Some(&"9".into()), soon);
        assert!(!barrier.blocks(&rollout()), "the change has arrived already");
    }

    #[test]
    fn what_left_the_watch_in_a_later_version_is_waited_for_no_more() {
        let (mut barrier, soon) = (Barrier::default(), Instant::now());
        let (kept, deleted) = (object(Kind::ReplicaSet, "shop-a"), object(Kind::ReplicaSet, "shop-b"));
        barrier.wait(&rollout(), &kept, Until::Version("12".into()), Some(&"7".into()), soon);
        barrier.wait(&rollout(), &deleted, Until::Gone, Some(&"8".into()), soon);
        assert!(barrier.saw(&kept, Sight::Gone(&"14".into())).is_empty(), "still waits for the other");
        assert!(barrier.saw(&deleted, Sight::There(&"9".into())).is_empty(), "it is on its way out");
        assert_eq!(barrier.saw(&deleted, Sight::Gone(&"10".into())), [rollout()]);
    }

    #[test]
    fn what_does_not_arrive_is_read_live() {
        let (mut barrier, now) = (Barrier::default(), Instant::now());
        let own = object(Kind::ReplicaSet, "shop-a");
        let (bound, next) = (now + Duration::from_secs(5), now + Duration::from_secs(10));
        barrier.wait(&rollout(), &own, Until::Version("12".into()), None, bound);
        assert_eq!(barrier.next_deadline(), Some(bound));
        assert!(barrier.overdue(now, next).is_empty());
        assert_eq!(barrier.overdue(bound, next), [own.clone()].into());
        assert_eq!(barrier.next_deadline(), Some(next), "again, should the read fail");
        assert_eq!(barrier.read_live(&own), [rollout()]);
        assert_eq!(barrier.next_deadline(), None);
    }

    #[test]
    fn a_rollout_that_is_gone_waits_for_nothing() {
        let (mut barrier, now) = (Barrier::default(), Instant::now());
        barrier.wait(&rollout(), &object(Kind::Rollout, "shop"), Until::Version("12".into()), None, now);
        barrier.forget(&rollout());
        assert!(!barrier.blocks(&rollout()));
        assert_eq!(barrier.next_deadline(), None);
    }
}
