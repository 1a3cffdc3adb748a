//! Whether going back to a version needs a gate. One that was promoted before has passed it, and need not do so again
//! while it is warm (it has kept its pods since) or inside `rollbackWindow`.

use verdigris_crds::{Condition, keys};

use crate::observed::ReplicaSetSeen;

use super::drain;
use super::plan::Pass;

/// Whether the current version was promoted before and has kept its pods since: it says so itself, or the switch away
/// from it is so young that nothing was written to it yet.
pub(crate) fn is_warm(pass: &Pass<'_>) -> bool {
    pass.current.is_some_and(|current| current.replicas_wanted > 0 && was_promoted_lately(pass, current))
}

/// Whether the current version was promoted before, is older than the stable one, and so few versions came between them
/// that the window reaches it.
pub(crate) fn is_within_window(pass: &Pass<'_>) -> bool {
    let revisions = pass.spec.rollback_window.as_ref().and_then(|window| window.revisions).unwrap_or(0);
    let (Some(current), Some(stable)) = (pass.current, pass.stable) else { return false };
    let between = pass
        .observed
        .owned()
        .filter(|seen| seen.created > current.created && seen.created < stable.created)
        .count();
    let was_promoted = current.once_stable() || was_promoted_lately(pass, current);
    was_promoted
        && current.created < stable.created
        && usize::try_from(revisions).is_ok_and(|revisions| between < revisions)
}

/// Whether this ReplicaSet was promoted and has not been scaled to zero since, as far as this pass can know. What is
/// stable until this very pass was.
pub(crate) fn was_promoted_lately(pass: &Pass<'_>, seen: &ReplicaSetSeen) -> bool {
    // Whoever brought it back since has made it the newer revision of the two, and may have taken its pods away before.
    let is_older = |hash: &str| pass.with_hash(hash).is_some_and(|next| seen.revision() < next.revision());
    let is_left = |condition: &Condition| {
        condition.type_ == keys::TRAFFIC_SWITCHED
            && drain::is_switching_from(condition, pass.hash_of(seen))
            && drain::arriving(condition).is_some_and(is_older)
    };
    let was_stable = pass.stable_hash.as_deref() == Some(pass.hash_of(seen)) && !pass.is_stable();
    was_stable || seen.formerly_stable() || pass.seen.conditions.iter().flatten().any(is_left)
}
