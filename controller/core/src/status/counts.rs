//! Pods counted, and what autoscalers read.

use verdigris_crds::RolloutStatus;

use crate::blue_green::plan::Pass;
use crate::blue_green::services::Services;
use crate::observed::ReplicaSetSeen;
use crate::selector;

/// Fills selectors and counts. Those of readiness are of the version that the active Service selects, or of all while
/// it selects none: an autoscaler must see the version that has the traffic.
pub(crate) fn fill(pass: &Pass<'_>, services: &Services, status: &mut RolloutStatus) {
    if let Some(blue_green) = &mut status.blue_green {
        blue_green.active_selector.clone_from(&services.recorded_active);
        blue_green.preview_selector.clone_from(&services.preview);
    }
    let all: Vec<&ReplicaSetSeen> =
        pass.observed.owned().filter(|seen| seen.hash(pass.observed.name()).is_some()).collect();
    let active = services.recorded_active.as_deref().and_then(|hash| pass.with_hash(hash));
    let serving: Vec<&ReplicaSetSeen> = active.map_or_else(|| all.clone(), |active| vec![active]);

    status.replicas = total(&all, |seen| seen.replicas);
    status.updated_replicas = positive(pass.current.map_or(0, |current| current.replicas));
    status.ready_replicas = total(&serving, |seen| seen.ready_replicas);
    status.available_replicas = total(&serving, |seen| seen.available_replicas);
    status.hpa_replicas = total(&serving, |seen| seen.replicas);
    let hash = active.and(services.recorded_active.as_deref());
    status.selector = Some(selector::to_text(pass.selector, hash));
}

fn total(seen: &[&ReplicaSetSeen], count: impl Fn(&ReplicaSetSeen) -> i32) -> Option<i32> {
    positive(seen.iter().fold(0_i32, |sum, seen| sum.saturating_add(count(seen))))
}

/// The peer leaves zeros out.
fn positive(count: i32) -> Option<i32> {
    (count != 0).then_some(count)
}
