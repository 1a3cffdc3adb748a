//! Where all of the outside world enters: the API server, the wall clock and the dice.
//!
//! Waiting is `tokio::time`, which a simulation pauses; everything else that could make two runs differ is in here.

use std::sync::Arc;

use jiff::Timestamp;

/// The wall clock.
pub trait Clock: Send + Sync {
    /// The time that statuses and events are stamped with.
    fn now(&self) -> Timestamp;
}

/// The clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this adapter is where the time of the machine enters")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A clock that starts at `epoch` and runs with tokio's: in a simulation hours pass as fast as nothing happens.
#[derive(Clone, Copy, Debug)]
pub struct TokioClock {
    epoch: Timestamp,
    started: tokio::time::Instant,
}

impl TokioClock {
    /// A clock that shows `epoch` now.
    #[must_use]
    pub fn starting_at(epoch: Timestamp) -> Self {
        Self { epoch, started: tokio::time::Instant::now() }
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        let elapsed =
            jiff::SignedDuration::try_from(self.started.elapsed()).unwrap_or(jiff::SignedDuration::MAX);
        self.epoch.saturating_add(elapsed).unwrap_or(Timestamp::MAX)
    }
}

/// The outside world of one controller.
///
/// A simulated crash drops the controller's future *and* every clone of `client`: `kube::Client` keeps a task (its
/// request buffer) for as long as a clone lives. That task sends nothing whose asker is gone, so requests that were
/// queued at the crash never leave.
#[derive(Clone)]
pub struct Ports {
    /// Talks to the API server. Its own retries should be off, see [`crate::connect`].
    pub client: kube::Client,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness: spreads the reconnects of watches. Nothing else in the controller is random.
    pub dice: fastrand::Rng,
}
