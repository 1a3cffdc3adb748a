//! Events that wait to be told. No pass waits for them, and few are under way at once: what people ask for comes first,
//! and the story of it after. Those of one Rollout are told in their order.
//!
//! A plain struct; the controller's loop drives it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use verdigris_core::decision::Event;

use crate::{key::Key, packed::Packed};

/// So many are told at once.
const UNDERWAY_MAX: usize = 4;
/// So many of one Rollout may wait. Where the API server takes none for so long, the oldest are given up.
const WAITING_MAX: usize = 100;

/// An event, whom it is about, and when it happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// The Rollout's UID.
    pub uid: String,
    /// What is told.
    pub event: Event,
    /// When it happened.
    pub at: Timestamp,
}

/// All that wait.
#[derive(Debug, Default)]
pub struct Outbox {
    /// Where a thousand Rollouts change at once, ten thousand wait.
    waiting: BTreeMap<Key, VecDeque<Packed<Letter>>>,
    /// Rollouts of which some wait and none is under way: first come, first served.
    turns: VecDeque<Key>,
    underway: BTreeSet<Key>,
}

impl Outbox {
    /// These are to be told, after those of the same Rollout that wait already. Answers how many are given up for it.
    pub fn put(&mut self, rollout: &Key, letters: &[Letter]) -> usize {
        if letters.is_empty() {
            return 0;
        }
        let waiting = self.waiting.entry(rollout.clone()).or_default();
        if waiting.is_empty() && !self.underway.contains(rollout) {
            self.turns.push_back(rollout.clone());
        }
        waiting.extend(letters.iter().map(Packed::new));
        let surplus = waiting.len().saturating_sub(WAITING_MAX);
        waiting.drain(..surplus).count()
    }

    /// The next to be told, if one may be now. It is under way until [`Outbox::told`].
    pub fn take(&mut self) -> Option<(Key, Letter)> {
        if self.underway.len() >= UNDERWAY_MAX {
            return None;
        }
        let rollout = self.turns.pop_front()?;
        let letter = self.waiting.get_mut(&rollout)?.pop_front()?.open();
        self.underway.insert(rollout.clone());
        Some((rollout, letter))
    }

    /// The one of this Rollout that was under way is told, or will never be.
    pub fn told(&mut self, rollout: &Key) {
        self.underway.remove(rollout);
        if self.waiting.get(rollout).is_some_and(|waiting| !waiting.is_empty()) {
            self.turns.push_back(rollout.clone());
        } else {
            self.waiting.remove(rollout);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letters(words: &[&str]) -> Vec<Letter> {
        let letter = |word: &&str| Letter {
            uid: "uid".into(),
            event: Event { warning: false, reason: "Said".into(), message: (*word).to_owned() },
            at: Timestamp::UNIX_EPOCH,
        };
        words.iter().map(letter).collect()
    }

    fn take(outbox: &mut Outbox) -> Option<String> {
        outbox.take().map(|(rollout, letter)| format!("{} {}", rollout.name(), letter.event.message))
    }

    #[test]
    fn those_of_one_rollout_are_told_in_order_one_at_a_time_and_no_rollout_waits_for_all_of_another() {
        let mut outbox = Outbox::default();
        let [shop, till] = ["shop", "till"].map(|name| Key::new("default", name));
        outbox.put(&shop, &letters(&["one", "two"]));
        outbox.put(&till, &letters(&["one"]));
        assert_eq!(take(&mut outbox).as_deref(), Some("shop one"));
        assert_eq!(take(&mut outbox).as_deref(), Some("till one"));
        assert_eq!(take(&mut outbox), None, "the first of shop is under way");
        outbox.put(&shop, &letters(&["three"]));
        assert_eq!(take(&mut outbox), None);
        for next in ["shop two", "shop three"] {
            outbox.told(&shop);
            assert_eq!(take(&mut outbox).as_deref(), Some(next));
        }
        outbox.told(&till);
        outbox.told(&shop);
        assert!(outbox.waiting.is_empty() && outbox.turns.is_empty() && outbox.underway.is_empty());
    }

    #[test]
    fn few_are_under_way_at_once_and_not_without_end_may_wait() {
        let mut outbox = Outbox::default();
        for number in 0..9 {
            outbox.put(&Key::new("default", &number.to_string()), &letters(&["one"]));
        }
        while outbox.take().is_some() {}
        assert_eq!((outbox.underway.len(), outbox.turns.len()), (UNDERWAY_MAX, 9 - UNDERWAY_MAX));
        let mut outbox = Outbox::default();
        let shop = Key::new("default", "shop");
        outbox.put(&shop, &letters(&["first"]));
        assert_eq!(outbox.put(&shop, &letters(&["later"; WAITING_MAX])), 1);
        assert_eq!(take(&mut outbox).as_deref(), Some("shop later"));
    }
}
