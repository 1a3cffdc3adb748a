//! How large each ReplicaSet is to be, and its annotations.

use std::collections::BTreeMap;

use verdigris_crds::keys;

use crate::decision::NewReplicaSet;
use crate::formerly_stable;
use crate::identity;
use crate::observed::{Fresh, ReplicaSetSeen};
use crate::seen::after;

use super::analysis::INCONCLUSIVE;
use super::drain::{self, Traffic};
use super::left_behind;
use super::plan::{Change, Draft, Pass, normal};
use super::promotion::{Promotion, Steering};
use super::services::Services;
use super::{anti_affinity, metadata, rollback};

/// Seconds that an old version, or an aborted new one, stays where the spec does not say.
pub(super) const DEFAULT_DELAY_SECONDS: i32 = 30;

/// Rollout annotations that must not reach ReplicaSets, besides all of our own.
const NEVER_COPIED: [&str; 6] = [
    keys::LAST_APPLIED,
    keys::REVISION,
    keys::REVISION_HISTORY,
    keys::DESIRED_REPLICAS,
    keys::NOTIFIED,
    keys::SCALE_DOWN_DEADLINE,
];

/// The Rollout's annotations that its current ReplicaSet gets too.
pub(crate) fn copied_annotations(
    annotations: Option<&BTreeMap<String, String>>,
) -> impl Iterator<Item = (&String, &String)> {
    annotations
        .into_iter()
        .flatten()
        .filter(|(key, _)| !NEVER_COPIED.contains(&key.as_str()) && !key.starts_with(keys::OWN_PREFIX))
}

/// Sizes and annotates all ReplicaSets: the stable one, the current one, and those that are neither.
pub(crate) fn all(
    pass: &Pass<'_>,
    steering: &Steering,
    services: &Services,
    promotion: &Promotion,
    traffic: &Traffic,
    draft: &mut Draft,
) {
    rollout_annotations(pass, draft);
    if let Some(stable) = pass.stable.filter(|_| !pass.is_stable() && promotion.reason.is_none()) {
        let mut change = Change::of(stable);
        resize(pass, pass.replicas, &mut change);
        metadata::wear(pass, &mut change);
        metadata::dress(pass, &mut change, draft);
        apply(pass, change, stable.revision(), draft);
    }
    match pass.current {
        Some(current) => {
            let mut change = Change::of(current);
            if steering.aborted {
                aborted_size(pass, steering, services, traffic, &mut change, draft);
            } else {
                resize(pass, promotion.size, &mut change);
            }
            // What is promoted now plays its new role from the next pass on.
            if promotion.reason.is_none() {
                metadata::wear(pass, &mut change);
                anti_affinity::follow(pass, &mut change);
            }
            describe(pass, &mut change);
            metadata::dress(pass, &mut change, draft);
            apply(pass, change, pass.revision, draft);
        }
        None => {
            let create = pass.create.clone();
            draft.create = create.map(|create| NewReplicaSet { replicas: promotion.size, ..create });
        }
    }
    if !keeps_others(pass, steering) {
        others(pass, services, promotion, traffic, draft);
    }
}

/// Nothing old goes while an analysis did not know, nor, where no delay is written, before one after promotion has
/// succeeded: it may be needed again.
fn keeps_others(pass: &Pass<'_>, steering: &Steering) -> bool {
    let analyses = &steering.analyses;
    let awaits = pass.is_switched() && !analyses.post_passed();
    let pauses = pass.seen.pause_conditions.iter().flatten();
    let did_not_know = pauses.into_iter().any(|pause| pause.reason == INCONCLUSIVE) && !pass.transition;
    did_not_know || analyses.is_inconclusive() || (awaits && pass.strategy.scale_down_delay_seconds.is_none())
}

fn rollout_annotations(pass: &Pass<'_>, draft: &mut Draft) {
    let generation = pass.generation_due.clone().map(|due| (keys::WORKLOAD_GENERATION.to_owned(), Some(due)));
    let mut changes: BTreeMap<_, _> = generation.into_iter().collect();
    let revision = pass.revision.to_string();
    let annotations = pass.observed.rollout.metadata.annotations.as_ref();
    let seen = annotations.and_then(|annotations| annotations.get(keys::REVISION));
    if seen != Some(&revision) {
        changes.insert(keys::REVISION.to_owned(), Some(revision));
    }
    draft.annotate = (!changes.is_empty()).then_some(changes);
}

/// Gives it so many pods, for as long as it is of use.
fn resize(pass: &Pass<'_>, pods: i32, change: &mut Change<'_>) {
    change.replicas = pods;
    change.annotate(keys::DESIRED_REPLICAS, pass.replicas.to_string());
    change.remove(keys::SCALE_DOWN_DEADLINE);
}

/// What the current ReplicaSet says of itself.
fn describe(pass: &Pass<'_>, change: &mut Change<'_>) {
    let current = change.seen;
    if current.revision() < pass.revision {
        change.annotate(keys::REVISION, pass.revision.to_string());
        if let Some(old) = current.annotations.get(keys::REVISION) {
            let history = current.annotations.get(keys::REVISION_HISTORY).filter(|text| !text.is_empty());
            let history = history.map_or_else(|| old.clone(), |history| format!("{history},{old}"));
            change.annotate(keys::REVISION_HISTORY, history);
        }
        if current.replicas_wanted > 0 && rollback::was_promoted_lately(pass, current) {
            change
                .annotate(keys::FORMERLY_STABLE, current.note_of_former_stability(pass.revision, pass.stamp));
        }
    }
    for (key, value) in copied_annotations(pass.observed.rollout.metadata.annotations.as_ref()) {
        change.annotate(key, value);
    }
    change.min_ready_seconds(pass.spec.min_ready_seconds.unwrap_or(0));
    // One extra write, once, after the API server was asked; otherwise the annotation comes along with other writes.
    if change.is_due() || pass.found_by_comparison {
        change.annotate(keys::TEMPLATE_SHA256, pass.template_sha256.clone());
        change.annotate(keys::IMAGES_SHA256, identity::images_sha256(pass.template));
    }
}

/// After an abort the new version stays for its delay, once the stable one has all its pods and traffic has left.
fn aborted_size(
    pass: &Pass<'_>,
    steering: &Steering,
    services: &Services,
    traffic: &Traffic,
    change: &mut Change<'_>,
    draft: &mut Draft,
) {
    let current = change.seen;
    let delay = pass.strategy.abort_scale_down_delay_seconds.unwrap_or(DEFAULT_DELAY_SECONDS);
    let selects_it = |hash: &Option<String>| hash.as_deref() == Some(pass.hash.as_str());
    let is_selected = selects_it(&services.live_active)
        || selects_it(&services.recorded_active)
        || left_behind::selects(pass, &pass.hash);
    if is_selected || pass.stable.is_none() || delay == 0 {
        resize(pass, if is_selected { pass.replicas } else { steering.wanted }, change);
        return;
    }
    let Some(deadline) = current.scale_down_deadline() else {
        let replaced = pass.stable.is_some_and(|stable| stable.available_replicas >= pass.replicas);
        if replaced && traffic.has_left(&pass.hash) && current.replicas_wanted > 0 {
            let deadline = after(pass.stamp, i64::from(delay));
            change.annotate(keys::SCALE_DOWN_DEADLINE, deadline.to_string());
            draft.look_at(deadline);
        }
        return;
    };
    if current.replicas_wanted > 0 && drain::is_past(pass, deadline, draft) && traffic.has_left(&pass.hash) {
        scale_away(pass, change, draft);
    }
}

/// Scales to zero what nobody selects, after a last live look at who gets traffic.
fn scale_away(pass: &Pass<'_>, change: &mut Change<'_>, draft: &mut Draft) {
    draft.need(drain::reads_before_scaling_away(change.seen));
    if !drain::still_gets_traffic(pass, change.seen) {
        change.replicas = 0;
        if rollback::was_promoted_lately(pass, change.seen) {
            let note = change.seen.note_of_former_stability(change.seen.revision(), pass.stamp);
            change.annotate(keys::ONCE_STABLE, formerly_stable::since(&note));
        }
        change.remove(keys::FORMERLY_STABLE);
    }
}

/// Somebody else took its pods away, another controller perhaps: now that it gets some, it is not one that kept them.
fn was_not_kept(change: &mut Change<'_>) {
    if change.seen.replicas_wanted > 0 || change.replicas == 0 {
        return;
    }
    if let Some(note) = change.seen.annotations.get(keys::FORMERLY_STABLE) {
        change.remove(keys::FORMERLY_STABLE);
        change.annotate(keys::ONCE_STABLE, formerly_stable::since(note));
    }
}

/// ReplicaSets that are neither current nor stable: each waits for its deadline, then goes to zero.
fn others(pass: &Pass<'_>, services: &Services, promotion: &Promotion, traffic: &Traffic, draft: &mut Draft) {
    let is_referenced = |hash: &str| {
        [&services.live_active, &services.recorded_active, &services.preview, &promotion.stable_hash]
            .into_iter()
            .any(|reference| reference.as_deref() == Some(hash))
            || hash == pass.hash
            || left_behind::selects(pass, hash)
    };
    let mut others: Vec<&ReplicaSetSeen> = pass
        .observed
        .owned()
        .filter(|seen| seen.hash(pass.observed.name()).is_some_and(|hash| !is_referenced(hash)))
        .filter(|seen| seen.replicas_wanted > 0)
        .collect();
    others.sort_by(|left, right| (right.revision(), &right.name).cmp(&(left.revision(), &left.name)));
    let limit = pass.strategy.scale_down_delay_revision_limit.unwrap_or(i32::MAX);
    let mut waiting = 0;
    for seen in others {
        let hash = pass.hash_of(seen);
        if !traffic.has_left(hash) {
            waiting += 1;
            continue;
        }
        let mut change = Change::of(seen);
        // What is stable until this very pass goes once the status says that something else is.
        let limit = if pass.stable_hash.as_deref() == Some(hash) { None } else { Some(limit) };
        other_size(pass, &mut change, (waiting, limit), draft);
        waiting += 1;
        if change.replicas > 0 && rollback::was_promoted_lately(pass, seen) {
            change
                .annotate(keys::FORMERLY_STABLE, seen.note_of_former_stability(seen.revision(), pass.stamp));
        }
        metadata::wear(pass, &mut change);
        metadata::dress(pass, &mut change, draft);
        apply(pass, change, seen.revision(), draft);
    }
}

/// Without a limit it stays for this pass in any case.
fn other_size(
    pass: &Pass<'_>,
    change: &mut Change<'_>,
    (waiting, limit): (i32, Option<i32>),
    draft: &mut Draft,
) {
    let delay = pass.strategy.scale_down_delay_seconds.unwrap_or(DEFAULT_DELAY_SECONDS);
    let goes = match change.seen.scale_down_deadline() {
        _ if limit.is_some_and(|limit| waiting >= limit) => true,
        Some(deadline) => drain::is_past(pass, deadline, draft) && limit.is_some(),
        None if delay == 0 && limit.is_some() => true,
        None => {
            let deadline = after(pass.stamp, i64::from(delay));
            change.annotate(keys::SCALE_DOWN_DEADLINE, deadline.to_string());
            draft.look_at(deadline);
            false
        }
    };
    if goes {
        scale_away(pass, change, draft);
        if change.replicas == 0 {
            change.remove(keys::SCALE_DOWN_DEADLINE);
        }
    }
}

/// Puts the change where it belongs in the order of writes, tells it, and asks for the live reads it depends on.
fn apply(pass: &Pass<'_>, mut change: Change<'_>, revision: u64, draft: &mut Draft) {
    was_not_kept(&mut change);
    let (from, to) = (change.seen.replicas_wanted, change.replicas);
    let (shrinks, is_last) = (change.shrinks(), change.is_last);
    let name = change.seen.name.clone();
    let Some(write) = change.into_write() else { return };
    if let Some(refusal) = pass.refusal_of(&write) {
        draft.leave_out(refusal);
        return;
    }
    if from != to {
        let direction = if to > from { "up" } else { "down" };
        let text = format!("Scaled {direction} ReplicaSet {name} (revision {revision}) from {from} to {to}");
        draft.scale_events.push(normal("ScalingReplicaSet", text));
    }
    if is_last {
        draft.pods.push(write);
    } else if shrinks {
        draft.need([Fresh::Rollout, Fresh::Services, Fresh::ReplicaSets]);
        draft.shrink.push(write);
    } else {
        draft.grow.push(write);
    }
}
