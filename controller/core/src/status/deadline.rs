//! The progress deadline: how long the new version may take to come any farther than it ever did.
//!
//! What counts is its best: most pods created, most ready, most available at once. Pods that come and go do not move the
//! clock, nor does anything that happens to other versions. The condition `verdigris.dev/Progress` keeps the best, and
//! its `lastUpdateTime` is when that was reached; it is absent while nothing is measured: in pauses, after an abort, and
//! while all is well.

use jiff::Timestamp;
use verdigris_crds::keys;

use super::conditions::Conditions;
use crate::blue_green::plan::Pass;
use crate::seen::after;

/// Seconds without progress after which an update counts as failed, where the spec does not say.
const DEFAULT_DEADLINE_SECONDS: i32 = 600;

/// Most pods of the current version so far, and how many were wanted at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Best {
    created: i32,
    ready: i32,
    available: i32,
    wanted: i32,
}

impl Best {
    fn seen(pass: &Pass<'_>, wanted: i32) -> Self {
        let count = |count: fn(&crate::observed::ReplicaSetSeen) -> i32| pass.current.map_or(0, count);
        Self {
            created: count(|seen| seen.replicas),
            ready: count(|seen| seen.ready_replicas),
            available: count(|seen| seen.available_replicas),
            wanted,
        }
    }

    /// Reads the numbers of the message, in their order.
    fn recorded(conditions: &Conditions) -> Option<Self> {
        let condition = conditions.get(keys::PROGRESS)?;
        let mut numbers = condition.message.split(' ').filter_map(|word| word.parse().ok());
        let mut next = || numbers.next();
        Some(Self { created: next()?, ready: next()?, available: next()?, wanted: next()? })
    }

    fn message(self) -> String {
        let Self { created, ready, available, wanted } = self;
        format!("At best {created} created, {ready} ready and {available} available of {wanted} pods")
    }

    fn or(self, other: Self) -> Self {
        Self {
            created: self.created.max(other.created),
            ready: self.ready.max(other.ready),
            available: self.available.max(other.available),
            wanted: self.wanted.max(other.wanted),
        }
    }
}

/// Starts the clock, or moves it if the new version came farther than ever or is to become larger. Whether it did.
pub(super) fn measure(pass: &Pass<'_>, wanted: i32, begins: bool, conditions: &mut Conditions) -> bool {
    let seen = Best::seen(pass, wanted);
    let recorded = Best::recorded(conditions).filter(|_| !begins);
    if recorded.is_none() && !begins && is_over(conditions) {
        // Somebody else found that it had failed: it is measured again once it is no longer so.
        return false;
    }
    let best = recorded.map_or(seen, |recorded| recorded.or(seen));
    let has_moved = recorded != Some(best);
    if has_moved {
        conditions.replace(keys::PROGRESS, "True", "Measured", &best.message(), pass.stamp);
    }
    has_moved
}

/// Nothing is measured for the time being.
pub(super) fn stop(conditions: &mut Conditions) {
    conditions.remove(keys::PROGRESS);
}

/// When the update counts as failed unless it comes farther; `None` while that is not measured, or is so already.
pub(super) fn due(pass: &Pass<'_>, conditions: &Conditions) -> Option<Timestamp> {
    let since = conditions.get(keys::PROGRESS).filter(|_| !is_over(conditions))?;
    let seconds = pass.spec.progress_deadline_seconds.unwrap_or(DEFAULT_DEADLINE_SECONDS);
    Some(after(since.last_update_time.0, i64::from(seconds)))
}

/// Whether it was found to have failed, and has not come any farther since.
pub(super) fn is_over(conditions: &Conditions) -> bool {
    conditions.reason("Progressing") == "ProgressDeadlineExceeded"
}
