//! The work queue: which key is due when. A plain struct, told the time; the controller's loop drives it.
//!
//! A key is in it at most once, is never handed out while a pass on it is under way, and comes back no sooner than its
//! back-off or its budget allows:
//!
//! * **back-off**: after a pass that failed the key is due after 100 ms, doubled with each failure in a row, at most
//!   10 s. An event brings it back at once: whatever has changed may be what was wanting.
//! * **budget**: a pass that changed nothing takes one of ten tokens, one comes back each second. Whatever the cause
//!   (a flood of events, a `look_again` that is always now, a plan that is always refused), such passes run at no more
//!   than one a second and key in the long run, while ten in a row need not wait.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tokio::time::Instant;

/// First wait after a failure.
pub const BACKOFF_MIN: Duration = Duration::from_millis(100);
/// Longest wait after failures in a row: a promotion that waits for an API server to recover should not wait much longer.
pub const BACKOFF_MAX: Duration = Duration::from_secs(10);
/// How many passes that change nothing may follow each other without waiting.
pub const IDLE_PASSES_MAX: u32 = 10;
/// After this long one more of them is allowed.
pub const IDLE_PASS_EVERY: Duration = Duration::from_secs(1);

/// Keys with due times.
#[derive(Debug)]
pub struct Queue<K> {
    /// Ordered by due time, then by when they were put in: first come, first served.
    due: BTreeSet<(Instant, u64, K)>,
    at: BTreeMap<K, (Instant, u64)>,
    underway: BTreeMap<K, Option<Instant>>,
    history: BTreeMap<K, History>,
    added: u64,
}

/// How a pass ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Something was written.
    Changed,
    /// Nothing was written, and nothing went wrong.
    Unchanged,
    /// It could not be done. Where the server said when to come back, not before that.
    Failed {
        /// Come back no sooner than this, whatever the back-off says.
        wait_min: Duration,
    },
}

/// What is remembered of a key's passes.
#[derive(Clone, Copy, Debug, Default)]
struct History {
    failures: u32,
    /// Idle passes that are not yet paid for, at `counted`.
    idle: u32,
    counted: Option<Instant>,
}

impl<K> Default for Queue<K> {
    fn default() -> Self {
        Self {
            due: BTreeSet::new(),
            at: BTreeMap::new(),
            underway: BTreeMap::new(),
            history: BTreeMap::new(),
            added: 0,
        }
    }
}

impl<K: Clone + Ord> Queue<K> {
    /// The key is to be looked at, no later than `at` unless its budget is spent.
    pub fn add(&mut self, key: &K, at: Instant) {
        if let Some(again) = self.underway.get_mut(key) {
            *again = Some(again.map_or(at, |again| again.min(at)));
            return;
        }
        let at = at.max(self.affordable(key, at));
        if let Some((earlier, order)) = self.at.get(key) {
            if *earlier <= at {
                return;
            }
            self.due.remove(&(*earlier, *order, key.clone()));
        }
        self.added += 1;
        self.due.insert((at, self.added, key.clone()));
        self.at.insert(key.clone(), (at, self.added));
    }

    /// Hands out the key that has been due longest, if one is due. Its pass is under way until [`Queue::ended`].
    pub fn take(&mut self, now: Instant) -> Option<K> {
        let (at, _, _) = self.due.first()?;
        if *at > now {
            return None;
        }
        let (_, _, key) = self.due.pop_first()?;
        self.at.remove(&key);
        self.underway.insert(key.clone(), None);
        Some(key)
    }

    /// A key that was handed out was not looked at after all: it waits for something else, which will add it.
    pub fn put_aside(&mut self, key: &K) {
        self.underway.remove(key);
    }

    /// Passes under way were given up where they stood: their keys are due again.
    pub fn give_up(&mut self, now: Instant) {
        for key in std::mem::take(&mut self.underway).into_keys() {
            self.add(&key, now);
        }
    }

    /// The pass on a key has ended. `look_again` is when it is due even if nothing happens.
    pub fn ended(&mut self, key: &K, how: Ended, look_again: Option<Instant>, now: Instant) {
        let again = self.underway.remove(key).flatten();
        let history = self.history.entry(key.clone()).or_default();
        history.refill(now);
        let mut due: Vec<Instant> = again.into_iter().chain(look_again).collect();
        match how {
            Ended::Changed => history.failures = 0,
            Ended::Unchanged => {
                history.failures = 0;
                history.idle += 1;
            }
            Ended::Failed { wait_min } => {
                due.push(now + backoff(history.failures).max(wait_min));
                history.failures = history.failures.saturating_add(1);
                history.idle += 1;
            }
        }
        if let Some(at) = due.into_iter().min() {
            self.add(key, at);
        }
    }

    /// When the next key is due.
    #[must_use]
    pub fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(at, _, _)| *at)
    }

    /// How many keys are in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.due.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.due.is_empty()
    }

    /// How many of them are due.
    #[must_use]
    pub fn due_count(&self, now: Instant) -> usize {
        self.due.iter().take_while(|(at, ..)| *at <= now).count()
    }

    /// How often a key was put in, or came to be due earlier.
    #[must_use]
    pub fn added(&self) -> u64 {
        self.added
    }

    /// How many failures in a row the key has behind it.
    #[must_use]
    pub fn failures(&self, key: &K) -> u32 {
        self.history.get(key).map_or(0, |history| history.failures)
    }

    /// The object is gone: forget what is remembered of it.
    pub fn forget(&mut self, key: &K) {
        self.history.remove(key);
        if let Some((at, order)) = self.at.remove(key) {
            self.due.remove(&(at, order, key.clone()));
        }
    }

    /// The earliest moment from `at` on at which the budget allows a pass.
    fn affordable(&self, key: &K, at: Instant) -> Instant {
        let Some(History { idle, counted: Some(counted), .. }) = self.history.get(key).copied() else {
            return at;
        };
        // With ten unpaid passes the next may begin when one is paid off, one second after the count was taken.
        let unpaid = idle.saturating_sub(IDLE_PASSES_MAX - 1);
        counted + IDLE_PASS_EVERY * unpaid
    }
}

impl History {
    /// Pays off one idle pass for each second since the last count, and keeps the rest of a second.
    fn refill(&mut self, now: Instant) {
        let counted = *self.counted.get_or_insert(now);
        let paid = u32::try_from(now.duration_since(counted).as_secs()).unwrap_or(u32::MAX);
        if paid >= self.idle {
            (self.idle, self.counted) = (0, Some(now));
        } else {
            self.idle -= paid;
            self.counted = Some(counted + IDLE_PASS_EVERY * paid);
        }
    }
}

/// The wait after so many failures before this one: 100 ms, 200 ms, 400 ms, … 10 s.
#[must_use]
pub fn backoff(failures_before: u32) -> Duration {
    BACKOFF_MIN.saturating_mul(1 << failures_before.min(16)).min(BACKOFF_MAX)
}

#[cfg(test)]
mod tests;
