//! A work queue: ordered, without doubles, with due times and back-off.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

use crate::sync::lock;

/// How long a key rests after its first failed pass; doubles with each further one.
const BACK_OFF_MIN: Duration = Duration::from_millis(20);
/// The longest rest after a failed pass.
const BACK_OFF_MAX: Duration = Duration::from_secs(10);

/// Keys waiting for a pass. A key is there once at most, and never handed out while a pass over it runs.
#[derive(Debug)]
pub struct Queue<K> {
    state: Mutex<State<K>>,
    changed: Notify,
}

#[derive(Debug)]
struct State<K> {
    /// In order of due time, and of arrival where that is equal.
    line: BTreeMap<(Instant, u64), K>,
    place: BTreeMap<K, (Instant, u64)>,
    running: BTreeSet<K>,
    /// Keys added while a pass over them ran: they go back in line when it ends.
    again: BTreeMap<K, Instant>,
    failures: BTreeMap<K, u32>,
    arrivals: u64,
}

/// How a pass over a key ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Nothing to do until something changes.
    Settled,
    /// Look again after this long, even if nothing changes.
    LookAgain(Duration),
    /// It failed: look again after a back-off.
    Failed,
}

impl<K: Ord + Clone> Default for Queue<K> {
    fn default() -> Self {
        Self {
            state: Mutex::new(State {
                line: BTreeMap::new(),
                place: BTreeMap::new(),
                running: BTreeSet::new(),
                again: BTreeMap::new(),
                failures: BTreeMap::new(),
                arrivals: 0,
            }),
            changed: Notify::new(),
        }
    }
}

impl<K: Ord + Clone> Queue<K> {
    /// Asks for a pass over `key` at once.
    pub fn add(&self, key: K) {
        self.add_at(key, Instant::now());
    }

    /// Asks for a pass over `key` at `due`. An earlier due time already asked for stays.
    pub fn add_at(&self, key: K, due: Instant) {
        lock(&self.state).add_at(key, due);
        self.changed.notify_one();
    }

    /// Waits for the next key that is due and marks it as running.
    ///
    /// Safe to drop while it waits. Only one task may wait on a queue.
    pub async fn next(&self) -> K {
        loop {
            let due = {
                let mut state = lock(&self.state);
                match state.take_due(Instant::now()) {
                    Ok(key) => return key,
                    Err(due) => due,
                }
            };
            match due {
                None => self.changed.notified().await,
                Some(due) => {
                    tokio::select! { biased;
                        () = self.changed.notified() => {}
                        () = tokio::time::sleep_until(due) => {}
                    }
                }
            }
        }
    }

    /// Ends the pass over `key`.
    pub fn finish(&self, key: &K, ended: Ended) {
        lock(&self.state).finish(key, ended, Instant::now());
        self.changed.notify_one();
    }
}

impl<K: Ord + Clone> State<K> {
    fn add_at(&mut self, key: K, due: Instant) {
        if self.running.contains(&key) {
            let again = self.again.entry(key).or_insert(due);
            *again = (*again).min(due);
            return;
        }
        match self.place.get(&key) {
            Some(place) if place.0 <= due => return,
            Some(place) => {
                self.line.remove(place);
            }
            None => {}
        }
        self.arrivals += 1;
        let place = (due, self.arrivals);
        self.line.insert(place, key.clone());
        self.place.insert(key, place);
    }

    /// The first key that is due, or when the first will be.
    fn take_due(&mut self, now: Instant) -> Result<K, Option<Instant>> {
        let Some(first) = self.line.first_entry() else { return Err(None) };
        if first.key().0 > now {
            return Err(Some(first.key().0));
        }
        let key = first.remove();
        self.place.remove(&key);
        self.running.insert(key.clone());
        Ok(key)
    }

    fn finish(&mut self, key: &K, ended: Ended, now: Instant) {
        self.running.remove(key);
        let mut due = self.again.remove(key);
        let look_again = match ended {
            Ended::Failed => {
                let failures = self.failures.entry(key.clone()).or_insert(0);
                let rest = BACK_OFF_MIN.saturating_mul(1 << (*failures).min(16)).min(BACK_OFF_MAX);
                *failures += 1;
                // A change that came in meanwhile may be the cure, but must not turn the back-off into a spin.
                due = due.map(|due| due.max(now + BACK_OFF_MIN));
                Some(now + rest)
            }
            Ended::LookAgain(after) => {
                self.failures.remove(key);
                Some(now + after)
            }
            Ended::Settled => {
                self.failures.remove(key);
                None
            }
        };
        if let Some(due) = due.into_iter().chain(look_again).min() {
            self.add_at(key.clone(), due);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn hands_out_in_order_of_due_time_then_arrival() {
        let queue = Queue::default();
        queue.add_at("later", Instant::now() + Duration::from_secs(1));
        queue.add("b");
        queue.add("a");
        queue.add("b");
        assert_eq!([queue.next().await, queue.next().await, queue.next().await], ["b", "a", "later"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_added_during_its_pass_comes_again_after_it() {
        let queue = Queue::default();
        queue.add("a");
        assert_eq!(queue.next().await, "a");
        queue.add("a");
        assert!(tokio::time::timeout(Duration::from_secs(1), queue.next()).await.is_err());
        queue.finish(&"a", Ended::Settled);
        assert_eq!(queue.next().await, "a");
    }

    #[tokio::test(start_paused = true)]
    async fn failures_rest_ever_longer_until_a_pass_goes_well() {
        let queue = Queue::default();
        queue.add("a");
        let began = Instant::now();
        let mut waits = Vec::new();
        for _ in 0..3 {
            let key = queue.next().await;
            waits.push(began.elapsed().as_millis());
            queue.finish(&key, Ended::Failed);
        }
        assert_eq!(waits, [0, 20, 60]);
        let key = queue.next().await;
        queue.finish(&key, Ended::LookAgain(Duration::from_secs(5)));
        queue.next().await;
        assert_eq!(began.elapsed().as_millis(), 140 + 5000);
    }
}
