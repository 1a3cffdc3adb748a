//! What the preview Service is to select: the new version, at once. Where the annotation `verdigris.dev/preview-switch`
//! says `whenReady`, only when it has all its pods; until then what was shown before, and after an abort what is stable,
//! so that whoever uses the preview never finds nobody there.

use verdigris_crds::keys;

use crate::observed::ServiceSeen;

use super::plan::{Draft, Pass, normal};
use super::promotion::{self, Steering};
use super::services;

/// Points the preview Service where it belongs. What it selects then.
pub(crate) fn point(pass: &Pass<'_>, steering: &Steering, draft: &mut Draft) -> Option<String> {
    let service = pass.preview?;
    let live = || service.hash().map(str::to_owned);
    if pass.halted() {
        return live();
    }
    let Some(target) = target(pass, steering, service) else { return live() };
    draft.preview = services::write(service, &target, pass.observed.name());
    if let Some(refusal) = draft.preview.as_ref().and_then(|write| pass.refusal_of(write)) {
        draft.preview = None;
        draft.leave_out(refusal);
        return live();
    }
    let recorded = recorded(pass);
    let from = if recorded == Some(target.as_str()) { service.hash() } else { recorded };
    if from != Some(target.as_str()) {
        let (name, from) = (&service.name, from.unwrap_or_default());
        let text = format!("Switched selector for service '{name}' from '{from}' to '{target}'");
        draft.preview_events.push(normal("SwitchService", text));
    }
    Some(target)
}

fn recorded<'p>(pass: &Pass<'p>) -> Option<&'p str> {
    pass.seen.blue_green.as_ref()?.preview_selector.as_deref()
}

fn target(pass: &Pass<'_>, steering: &Steering, service: &ServiceSeen) -> Option<String> {
    let annotations = pass.observed.rollout.metadata.annotations.as_ref();
    let waits = annotations.and_then(|annotations| annotations.get(keys::PREVIEW_SWITCH));
    if waits.is_none_or(|waits| waits != "whenReady") {
        return Some(pass.hash.clone());
    }
    let shown = recorded(pass).or(service.hash());
    // Once shown it stays, whatever its pods do: nobody must test the old version and believe it to be the new one.
    let is_shown = shown == Some(pass.hash.as_str()) && !pass.transition;
    let has_pods = pass.replicas == 0 || pass.current.is_some_and(|current| current.ready_replicas > 0);
    if !steering.aborted && (is_shown || (has_pods && promotion::is_ready(pass, steering))) {
        return Some(pass.hash.clone());
    }
    let serves =
        |hash: &&str| pass.with_hash(hash).is_some_and(|seen| seen.ready_replicas > 0 && !seen.deleting);
    let stable = pass.stable_hash.as_deref().filter(serves);
    let shown = shown.filter(serves);
    let next = if steering.aborted { stable.or(shown) } else { shown.or(stable) };
    next.map(str::to_owned)
}
