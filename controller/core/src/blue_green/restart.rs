//! `spec.restartAt`: pods that are older are evicted, as many at once as `maxUnavailable` allows and no more.
//!
//! Every look at it rests on live lists of the pods. What is evicted is made anew by its ReplicaSet, and its becoming
//! available brings the next look. Pods that are not ready get no traffic, so they may go at once.
//!
//! A PodDisruptionBudget may keep a pod: then the others are asked, and all of them again after a second, two, four, at
//! most half a minute. The condition `verdigris.dev/Restart` remembers how often.

use std::collections::BTreeSet;

use jiff::Timestamp;
use verdigris_crds::{RolloutSpec, RolloutStatus, keys};

use crate::decision::{Evictions, PodAt, Write};
use crate::observed::{Fresh, PodSeen, ReplicaSetSeen};
use crate::seen::after;
use crate::status::conditions::Conditions;

use super::plan::{Draft, Pass};

/// The longest that pods which may not go are left alone before they are asked again; and how long to wait for news of
/// pods where none come.
const LONGEST_WAIT_SECONDS: i64 = 30;
/// `maxUnavailable` where the spec does not say, in percent.
const DEFAULT_PERCENT: i32 = 25;

/// What comes of `spec.restartAt` in this pass.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum Restart {
    /// There is nothing to restart, or not yet.
    #[default]
    None,
    /// So many pods are older, and were asked to leave so often since one of them did; by this very pass too?
    UnderWay { left: usize, asked: u32, now: bool },
    /// No pod is older.
    Done,
}

/// Whether `spec.restartAt` was not carried out yet.
pub(crate) fn is_pending(spec: &RolloutSpec, status: &RolloutStatus) -> bool {
    spec.restart_at.is_some() && status.restarted_at != spec.restart_at
}

/// What is awaited while it is not carried out.
pub(crate) fn awaited(spec: &RolloutSpec, status: &RolloutStatus) -> Option<(&'static str, String)> {
    let at = spec.restart_at.as_ref().filter(|_| is_pending(spec, status))?;
    Some(("Restart", format!("Waits until all pods that are older than {} were restarted", at.0)))
}

/// How many pods may be missing at once.
pub(crate) fn most_missing(pass: &Pass<'_>) -> i32 {
    let quarter = i64::from(pass.replicas) * i64::from(DEFAULT_PERCENT) / 100;
    let most = match &pass.strategy.max_unavailable {
        Some(most) => most.of(pass.replicas),
        None => i32::try_from(quarter).unwrap_or(i32::MAX),
    };
    most.min(pass.replicas).max(1)
}

/// Evicts what is older than `spec.restartAt` and may go now.
pub(crate) fn evict(pass: &Pass<'_>, draft: &mut Draft) {
    let Some(restart_at) = pass.spec.restart_at.as_ref().map(|time| time.0) else { return };
    if pass.transition || !is_pending(pass.spec, pass.seen) {
        return;
    }
    if pass.now < restart_at {
        draft.look_at(restart_at);
        return;
    }
    // Sizes first: what they come to decides how many pods may go.
    if draft.changes_replica_sets() {
        return;
    }
    let sets = in_order(pass);
    let mut needs = BTreeSet::from([Fresh::Rollout, Fresh::ReplicaSets]);
    needs.extend(sets.iter().map(|set| Fresh::Pods(set.name.clone())));
    if !needs.is_subset(&pass.observed.fresh) {
        draft.need(needs);
        return;
    }

    let old: Vec<(&ReplicaSetSeen, &PodSeen)> = sets
        .iter()
        .flat_map(|set| pods_of(pass, set).iter().map(move |pod| (*set, pod)))
        .filter(|(_, pod)| pod.created < restart_at && !pod.deleting)
        .collect();
    if old.is_empty() {
        draft.restart = Restart::Done;
        return;
    }
    let (asked, last) = recorded(pass, old.len());
    let wait = (1_i64 << asked.saturating_sub(1).min(5)).min(LONGEST_WAIT_SECONDS);
    let again = after(last, wait);
    if asked > 0 && pass.now < again {
        draft.look_at(again);
        draft.restart = Restart::UnderWay { left: old.len(), asked, now: false };
        return;
    }
    let (ready, idle): (Vec<_>, Vec<_>) = old.iter().copied().partition(|(_, pod)| pod.ready);
    let budget = usize::try_from(budget(pass, &sets)).unwrap_or(0).min(ready.len());
    let asks = budget > 0 || !idle.is_empty();
    draft.pods.extend(evictions(&idle, idle.len()));
    draft.pods.extend(evictions(&ready, budget));
    let next = if asks { asked.saturating_add(1) } else { asked };
    draft.restart = Restart::UnderWay { left: old.len(), asked: next, now: asks };
    draft.look_at(after(pass.stamp, LONGEST_WAIT_SECONDS));
}

/// Those that keep pods: the stable one, the current one, and then the others by their age.
fn in_order<'p>(pass: &Pass<'p>) -> Vec<&'p ReplicaSetSeen> {
    let mut sets: Vec<&ReplicaSetSeen> =
        pass.observed.owned().filter(|set| set.replicas_wanted > 0).collect();
    let rank = |set: &ReplicaSetSeen| {
        let is = |other: Option<&ReplicaSetSeen>| other.is_some_and(|other| other.name == set.name);
        if is(pass.stable) { 0 } else { 2 - i32::from(is(pass.current)) }
    };
    sets.sort_by(|left, right| {
        (rank(left), left.created, &left.name).cmp(&(rank(right), right.created, &right.name))
    });
    sets
}

fn pods_of<'p>(pass: &Pass<'p>, set: &ReplicaSetSeen) -> &'p [PodSeen] {
    pass.observed.pods.get(&set.name).map(Vec::as_slice).unwrap_or_default()
}

/// How many pods may go on top of those that are missing. Of each ReplicaSet no more pods count than it is to have:
/// what a shrinking one has beyond that would go anyway, and replaces nothing.
fn budget(pass: &Pass<'_>, sets: &[&ReplicaSetSeen]) -> i32 {
    let available = |set: &ReplicaSetSeen| {
        let pods = pods_of(pass, set).iter();
        let count = pods.filter(|pod| pod.is_available(set.min_ready_seconds, pass.now)).count();
        i32::try_from(count).unwrap_or(i32::MAX).min(set.replicas_wanted)
    };
    let total = |count: &dyn Fn(&ReplicaSetSeen) -> i32| {
        sets.iter().fold(0_i32, |sum, set| sum.saturating_add(count(set)))
    };
    let wanted = total(&|set| set.replicas_wanted).max(pass.replicas);
    total(&available).saturating_sub(wanted.saturating_sub(most_missing(pass)))
}

fn evictions(pods: &[(&ReplicaSetSeen, &PodSeen)], most: usize) -> Option<Write> {
    let at = |(set, pod): &(&ReplicaSetSeen, &PodSeen)| PodAt {
        replica_set: set.name.clone(),
        name: pod.name.clone(),
        uid: pod.uid.clone(),
    };
    (most > 0).then(|| Write::EvictPods(Evictions { pods: pods.iter().map(at).collect(), most }))
}

/// How often the pods that are left were asked since one of them left, and when for the last time.
fn recorded(pass: &Pass<'_>, left: usize) -> (u32, Timestamp) {
    let conditions = Conditions::of(pass.seen);
    let found = conditions.get(keys::RESTART).and_then(|condition| {
        let mut numbers = condition.message.split(' ').filter_map(|word| word.parse::<u32>().ok());
        let same = usize::try_from(numbers.next()?).ok()? == left;
        Some((numbers.next().filter(|_| same)?, condition.last_update_time.0))
    });
    found.unwrap_or((0, pass.stamp))
}

/// Writes down what came of it.
pub(crate) fn record(
    pass: &Pass<'_>,
    draft: &Draft,
    status: &mut RolloutStatus,
    conditions: &mut Conditions,
) {
    match draft.restart {
        Restart::UnderWay { left, asked, now } => {
            let text =
                format!("{left} pods are older than spec.restartAt; asked {asked} times since one left");
            if now {
                conditions.replace(keys::RESTART, "True", "Restarting", &text, pass.stamp);
            } else {
                conditions.put(keys::RESTART, "True", "Restarting", &text, pass.stamp);
            }
        }
        Restart::Done => status.restarted_at.clone_from(&pass.spec.restart_at),
        Restart::None => {}
    }
    if !is_pending(pass.spec, status) {
        conditions.remove(keys::RESTART);
    }
}
