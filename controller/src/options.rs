//! What can be set from outside.

use std::time::Duration;

/// So many calls may be under way whatever the number of passes, as one pass may read five things at once.
const CALLS_MIN: usize = 8;

/// How one controller runs.
#[derive(Clone, Debug)]
pub struct Options {
    /// Only Rollouts that carry this instance id are ours; without one, only those that carry none.
    pub instance_id: Option<String>,
    /// Only this namespace is ours; without one, all of them.
    pub namespace: Option<String>,
    /// The namespace that this program is installed in, if it runs in a cluster: so two installations know each other.
    pub installed_in: Option<String>,
    /// Nothing is written: what would be is told in the log, and where somebody else acts otherwise.
    pub observe: bool,
    /// How many passes may be under way at once, each for another Rollout. As many calls may be: sixteen, of ten milliseconds
    /// each, are 1,600 a second, which is more than an API server gives one client. Each more costs a connection of 70 kB.
    pub passes_max: usize,
    /// Each Rollout is looked at again at least this often, though nothing has changed: a wall clock that was set
    /// or a laptop that slept may have moved a deadline.
    pub resync: Duration,
    /// How long the cache may take to show what we wrote, before a live read settles it.
    pub barrier_wait: Duration,
    /// How long one call to the API server may take.
    pub call_timeout: Duration,
    /// How long passes under way may take to end once the controller was told to stop.
    pub stop_wait: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            instance_id: None,
            namespace: None,
            installed_in: None,
            observe: false,
            passes_max: 16,
            resync: Duration::from_secs(300),
            barrier_wait: Duration::from_secs(5),
            call_timeout: Duration::from_secs(30),
            stop_wait: Duration::from_secs(10),
        }
    }
}

impl Options {
    /// How many calls to the API server may be under way at once.
    #[must_use]
    pub fn calls_max(&self) -> usize {
        self.passes_max.max(CALLS_MIN)
    }
}
