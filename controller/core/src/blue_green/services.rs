//! What each Service is to select.
//!
//! A selector that is not what we recorded is drift: somebody stripped our hash, or pointed it elsewhere by hand, or we
//! crashed between the switch and the record of it. It is put back, never taken for an approval; unless the promotion
//! is due anyway, or `spec.paused` says that an operator has taken the wheel.

use crate::decision::{PointService, Precondition, Write};
use crate::observed::{Fresh, ServiceSeen};

use super::plan::{Draft, Pass, normal, warning};
use super::preview;
use super::promotion::{Steering, Verdict};

/// What the Services select once the writes of this pass have succeeded.
pub(crate) struct Services {
    /// In truth.
    pub live_active: Option<String>,
    /// As `status.blueGreen.activeSelector` is to say.
    pub recorded_active: Option<String>,
    pub preview: Option<String>,
    /// What the active Service was switched away from by this pass.
    pub switched_from: Option<String>,
    /// What it selected in truth, where this pass moves it.
    pub moved_from: Option<String>,
    /// Whether that switch takes traffic back from the current version.
    pub switched_back: bool,
    /// Why the active Service is left as it is although it is not as recorded.
    pub drift: Option<String>,
}

/// Points both Services where they belong.
pub(crate) fn point(pass: &Pass<'_>, steering: &Steering, verdict: &Verdict, draft: &mut Draft) -> Services {
    let preview = preview::point(pass, steering, draft);
    let live = pass.active.hash();
    let target = target(pass, steering, verdict);
    let recorded = pass.recorded_active.clone();
    let leave = |drift: Option<String>| Services {
        live_active: live.map(str::to_owned),
        recorded_active: recorded.clone(),
        preview: preview.clone(),
        switched_from: None,
        moved_from: None,
        switched_back: false,
        drift,
    };

    let Some(target) = target else {
        let drifted = recorded.as_deref().filter(|recorded| Some(*recorded) != live);
        return leave(drifted.map(|recorded| {
            let why = "no ReplicaSet with ready pods is left to restore it to";
            drift_text(pass, live, recorded, why)
        }));
    };
    // An abort is an order too, and its switch back is carried out once even while the Rollout is paused.
    let by_order = steering.aborted && recorded.as_deref() != Some(target.as_str());
    if pass.halted() && !by_order {
        let drifted = recorded.as_deref().filter(|recorded| Some(*recorded) != live);
        return leave(drifted.map(|recorded| drift_text(pass, live, recorded, "spec.paused is true")));
    }

    draft.active = write(pass.active, &target, pass.observed.name());
    let moves = live != Some(target.as_str());
    if moves {
        // Not the Service itself: the write names the version that this was decided on.
        draft.need([Fresh::Rollout, Fresh::ReplicaSets]);
    }
    let name = &pass.active.name;
    if recorded.as_deref() != Some(target.as_str()) {
        let from = recorded.as_deref().or(live).unwrap_or_default();
        let text = format!("Switched selector for service '{name}' from '{from}' to '{target}'");
        draft.active_events.push(normal("SwitchService", text));
    } else if moves {
        let found = live.unwrap_or_default();
        let text = format!(
            "The selector of service '{name}' said '{found}', which nobody asked this Rollout for; restored '{target}'"
        );
        draft.active_events.push(warning("ServiceDrift", text));
    }
    Services {
        live_active: Some(target.clone()),
        switched_back: steering.aborted,
        switched_from: recorded.filter(|recorded| *recorded != target),
        moved_from: live.filter(|_| moves).map(str::to_owned),
        recorded_active: Some(target),
        preview,
        drift: None,
    }
}

fn drift_text(pass: &Pass<'_>, live: Option<&str>, recorded: &str, why: &str) -> String {
    format!(
        "Service '{}' selects '{}' instead of '{recorded}', and is left so: {why}",
        pass.active.name,
        live.unwrap_or_default()
    )
}

/// The version that the active Service is to select: what is promoted now, else what is recorded, else what is stable.
fn target(pass: &Pass<'_>, steering: &Steering, verdict: &Verdict) -> Option<String> {
    if matches!(verdict, Verdict::Promote(_)) {
        return Some(pass.hash.clone());
    }
    let serves = |hash: &str| pass.with_hash(hash).is_some_and(|seen| seen.ready_replicas > 0);
    let is_selected = |hash: Option<&str>| pass.active.hash().is_none_or(|selected| hash == Some(selected));
    let selected_ready: i32 = pass
        .observed
        .owned()
        .filter(|seen| is_selected(seen.hash(pass.observed.name())))
        .fold(0, |ready, seen| ready.saturating_add(seen.ready_replicas));
    let stable = pass.stable_hash.as_deref().filter(|hash| serves(hash));
    if steering.aborted
        && let Some(stable) = stable
        && pass.with_hash(stable).is_some_and(|seen| seen.ready_replicas >= selected_ready)
    {
        return Some(stable.to_owned());
    }
    let recorded = pass.recorded_active.as_deref();
    let unchanged = recorded.filter(|recorded| pass.active.hash() == Some(recorded));
    let waiting =
        stable.filter(|_| pass.stable.is_some_and(|stable| stable.is_fully_available(pass.replicas)));
    // From nobody to nobody nothing is lost, and it is right when pods come.
    let is_lossless = |hash: &str| serves(hash) || (selected_ready == 0 && pass.with_hash(hash).is_some());
    unchanged.or(recorded.filter(|hash| is_lossless(hash))).or(waiting).map(str::to_owned)
}

/// Points a Service at a version, unless it is so already.
pub(crate) fn write(service: &ServiceSeen, hash: &str, rollout: &str) -> Option<Write> {
    let managed_by = (service.managed_by.as_deref() != Some(rollout)).then(|| rollout.to_owned());
    if service.hash() == Some(hash) && managed_by.is_none() {
        return None;
    }
    Some(Write::PointService(PointService {
        at: Precondition {
            name: service.name.clone(),
            uid: service.uid.clone(),
            resource_version: service.resource_version.clone(),
        },
        hash: hash.to_owned(),
        managed_by,
    }))
}
