//! How large the new version is to be before it is promoted: `previewReplicaCount`.
//!
//! It begins with so many pods, and its gate is asked with those. Once the gate is open it grows to full size, a phase of
//! its own: the latch `status.blueGreen.scaleUpPreviewCheckPoint` says so. The switch comes when all pods are available.
//!
//! A version is never shrunk to that size: pods that are there, because it was larger before or is still warm from an
//! earlier life, are kept.

use super::plan::Pass;
use super::promotion::Steering;

/// How many pods the current version is to have before this pass decides whether its gate is open.
pub(crate) fn wanted(pass: &Pass<'_>, steering: &Steering) -> i32 {
    let full = pass.replicas;
    let Some(preview) = pass.strategy.preview_replica_count else { return full };
    let another_serves = pass
        .recorded_active
        .as_deref()
        .is_some_and(|active| active != pass.hash && pass.with_hash(active).is_some());
    let is_exempt =
        steering.initial || steering.promote_full || steering.fast_rollback || steering.checkpoint;
    if !another_serves || pass.is_stable() || is_exempt {
        return full;
    }
    let has = pass.current.map_or(0, |current| current.replicas_wanted);
    preview.max(has).min(full)
}

/// Whether the gate of this very version was found open already, and it is on its way to full size. The latch does not
/// survive a new template or an abort.
pub(crate) fn is_past_checkpoint(pass: &Pass<'_>, in_update: bool) -> bool {
    let seen = pass.seen.blue_green.as_ref().and_then(|seen| seen.scale_up_preview_check_point);
    in_update && seen == Some(true) && pass.strategy.preview_replica_count.is_some()
}
