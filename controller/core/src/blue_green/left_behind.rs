//! Services that the Rollout, or one that had its name, has left behind: hash and mark go, in one write.
//!
//! Without the hash a Service selects the pods of every version. So it keeps serving what it serves until no version is
//! under way that was never promoted; and as long as it selects a version, that version keeps its pods.

use std::collections::BTreeSet;

use crate::decision::{Decision, Precondition, Write};
use crate::observed::{Fresh, Observed};

use super::plan::{Draft, Pass};
use super::promotion::Promotion;
use super::services::Services;

/// Lets go what the Rollout no longer names, once its newest version is the promoted one and serves.
pub(crate) fn let_go(pass: &Pass<'_>, services: &Services, promotion: &Promotion, draft: &mut Draft) {
    let serves = draft.active.is_none() && services.live_active.as_deref() == Some(pass.hash.as_str());
    if !serves || pass.halted() || promotion.stable_hash.as_deref() != Some(pass.hash.as_str()) {
        return;
    }
    let writes = releases(pass.observed);
    if !writes.is_empty() {
        draft.need([Fresh::Rollout, Fresh::Services, Fresh::Neighbours]);
        draft.delete.extend(writes);
    }
}

/// Lets go what a Rollout that is gone has left behind.
pub(crate) fn let_go_of_all(observed: &Observed) -> Result<Decision, BTreeSet<Fresh>> {
    let writes = releases(observed);
    let has = |part: &Fresh| observed.fresh.contains(part);
    if !writes.is_empty() && !has(&Fresh::Rollout) {
        return Err(BTreeSet::from([Fresh::Rollout]));
    }
    let needs = [Fresh::Services, Fresh::Neighbours];
    if !writes.is_empty() && !needs.iter().all(has) {
        return Err(BTreeSet::from(needs));
    }
    let status = observed.rollout.status.clone().unwrap_or_default();
    Ok(Decision { writes, status, ..Decision::default() })
}

/// Whether a Service that was left behind still selects this version.
pub(crate) fn selects(pass: &Pass<'_>, hash: &str) -> bool {
    pass.observed.left_services.values().any(|service| service.hash() == Some(hash))
}

/// One for each Service that nobody names any more.
fn releases(observed: &Observed) -> Vec<Write> {
    let is_ours = |owner: &Option<String>| owner.as_deref() == Some(observed.name());
    observed
        .left_services
        .values()
        .filter(|service| is_ours(&service.managed_by) && observed.naming(&service.name).next().is_none())
        .map(|service| {
            Write::ReleaseService(Precondition {
                name: service.name.clone(),
                uid: service.uid.clone(),
                resource_version: service.resource_version.clone(),
            })
        })
        .collect()
}
