//! Which old ReplicaSets are of no use any more.

use crate::decision::Write;
use crate::observed::{Fresh, ReplicaSetSeen};

use super::left_behind;
use super::plan::{Draft, Pass, at};
use super::promotion::Promotion;

const DEFAULT_LIMIT: i32 = 10;

/// Deletes the oldest ReplicaSets beyond `revisionHistoryLimit`. The current and the stable one do not count; one that
/// has pods, or is to have some, stays, and no younger one goes in its place.
pub(crate) fn prune(pass: &Pass<'_>, promotion: &Promotion, draft: &mut Draft) {
    let limit = usize::try_from(pass.spec.revision_history_limit.unwrap_or(DEFAULT_LIMIT)).unwrap_or(0);
    let selected = [pass.active.hash(), pass.preview.and_then(|preview| preview.hash())];
    let mut others: Vec<&ReplicaSetSeen> = pass
        .observed
        .owned()
        .filter(|seen| !seen.deleting)
        .filter(|seen| {
            let hash = seen.hash(pass.observed.name());
            hash.is_some()
                && hash != Some(pass.hash.as_str())
                && hash != promotion.stable_hash.as_deref()
                && hash != pass.stable_hash.as_deref()
        })
        .collect();
    others.sort_by(|left, right| (left.created, &left.name).cmp(&(right.created, &right.name)));
    let surplus = others.len().saturating_sub(limit);
    for seen in others.into_iter().take(surplus) {
        let is_empty = seen.replicas_wanted == 0 && seen.replicas == 0 && seen.status_is_current();
        let is_selected = selected.contains(&seen.hash(pass.observed.name()))
            || left_behind::selects(pass, pass.hash_of(seen));
        if is_empty && !is_selected {
            draft.need([Fresh::Rollout, Fresh::Services, Fresh::ReplicaSets]);
            draft.delete.push(Write::DeleteReplicaSet(at(seen)));
        }
    }
}
