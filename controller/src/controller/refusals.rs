//! What the API server refused a Rollout, until it is worth asking again.

use std::time::Duration;

use tokio::time::Instant;
use verdigris_core::observed::Refusal;

/// How long a refused write is not tried again: doubled with each refusal in a row.
const HOLD_MIN: Duration = Duration::from_secs(1);
/// Longest such wait: permissions and quotas are mended by people.
pub(super) const HOLD_MAX: Duration = Duration::from_secs(60);
/// So many are known at once. Beyond that a Rollout is refused everything, and waits.
const HELD_MAX: usize = 8;

/// What the next passes of a Rollout are to know.
#[derive(Default)]
pub(super) struct Refusals {
    held: Vec<Held>,
    in_a_row: u32,
}

struct Held {
    refusal: Refusal,
    generation: i64,
    until: Instant,
}

impl Refusals {
    /// Those that still count; another generation or enough time makes it worth asking again.
    pub(super) fn known(&mut self, generation: i64, now: Instant) -> Vec<Refusal> {
        self.held.retain(|held| held.generation == generation && held.until > now);
        self.held.iter().map(|held| held.refusal.clone()).collect()
    }

    /// Holds one more. Gives how long the Rollout has to wait; nothing where the next pass can do without that write, and
    /// is to tell so at once.
    pub(super) fn hold(&mut self, refusal: Refusal, generation: i64, now: Instant) -> Option<Duration> {
        let wait = HOLD_MIN.saturating_mul(1 << self.in_a_row.min(6)).min(HOLD_MAX);
        self.in_a_row = self.in_a_row.saturating_add(1);
        let known = self.held.iter().position(|held| held.refusal.what == refusal.what);
        let is_news = known.is_none() && self.held.len() < HELD_MAX;
        if let Some(index) = known.or((!is_news).then_some(0)) {
            self.held.remove(index);
        }
        self.held.push(Held { refusal, generation, until: now + wait });
        (!is_news).then_some(wait)
    }

    /// When the first of them is worth asking again.
    pub(super) fn ask_again(&self) -> Option<Instant> {
        self.held.iter().map(|held| held.until).min()
    }

    /// Something was written while nothing was held: what comes next begins a new row.
    pub(super) fn ended_well(&mut self) {
        if self.held.is_empty() {
            self.in_a_row = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(what: &str) -> Refusal {
        Refusal { what: what.into(), code: 403, reason: "Forbidden".into(), message: "no".into() }
    }

    fn names(refusals: &[Refusal]) -> Vec<&str> {
        refusals.iter().map(|refusal| refusal.what.as_str()).collect()
    }

    #[test]
    fn each_is_held_for_its_own_time_and_for_its_generation() {
        let (mut refusals, now) = (Refusals::default(), Instant::now());
        assert_eq!(refusals.hold(refusal("a"), 1, now), None, "news");
        assert_eq!(refusals.hold(refusal("b"), 1, now), None, "news");
        assert_eq!(names(&refusals.known(1, now)), ["a", "b"]);
        assert_eq!(refusals.ask_again(), Some(now + HOLD_MIN));
        let later = now + HOLD_MIN;
        assert_eq!(names(&refusals.known(1, later)), ["b"]);
        assert_eq!(names(&refusals.known(2, later)), [""; 0]);
    }

    #[test]
    fn what_is_refused_though_it_was_known_waits_ever_longer() {
        let (mut refusals, now) = (Refusals::default(), Instant::now());
        let mut waits = Vec::new();
        for _ in 0..9 {
            waits.extend(refusals.hold(refusal("a"), 1, now));
        }
        let seconds: Vec<_> = waits.iter().map(Duration::as_secs).collect();
        assert_eq!(seconds, [2, 4, 8, 16, 32, 60, 60, 60]);
        refusals.known(2, now);
        refusals.ended_well();
        assert_eq!(refusals.hold(refusal("a"), 2, now), None);
        assert_eq!(refusals.ask_again(), Some(now + HOLD_MIN));
    }

    #[test]
    fn a_rollout_that_is_refused_ever_new_things_waits_as_well() {
        let (mut refusals, now) = (Refusals::default(), Instant::now());
        let waits: Vec<_> =
            (0..20).map(|number| refusals.hold(refusal(&number.to_string()), 1, now)).collect();
        assert!(
            waits[..HELD_MAX].iter().all(Option::is_none) && waits[HELD_MAX..].iter().all(Option::is_some)
        );
        assert_eq!(refusals.known(1, now).len(), HELD_MAX);
    }
}
