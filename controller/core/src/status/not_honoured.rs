//! Fields that this version does not honour yet: a condition names each, so that nothing is silently ignored.

use jiff::Timestamp;
use verdigris_crds::{Rollout, keys};

use super::conditions::Conditions;

/// The fields of this spec that have no effect yet, as a user would write them; those that are unknown to us too.
pub(crate) fn fields(rollout: &Rollout) -> Vec<String> {
    let spec = &rollout.spec;
    let strategy = spec.strategy.as_ref();
    let blue_green = strategy.and_then(|strategy| strategy.blue_green.as_ref());
    let canary = strategy.and_then(|strategy| strategy.canary.as_ref());
    let known = canary.map(|_| "spec.strategy.canary".to_owned());
    let anti_affinity = blue_green.and_then(|strategy| strategy.anti_affinity.as_ref());
    let unknown = [
        ("spec", Some(&spec.other)),
        ("spec.rollbackWindow", spec.rollback_window.as_ref().map(|window| &window.other)),
        ("spec.strategy", strategy.map(|strategy| &strategy.other)),
        ("spec.strategy.blueGreen", blue_green.map(|strategy| &strategy.other)),
        ("spec.strategy.blueGreen.antiAffinity", anti_affinity.map(|it| &it.other)),
    ];
    let unknown = unknown.into_iter().flat_map(|(path, other)| {
        other.into_iter().flatten().map(move |(field, _)| format!("{path}.{field}"))
    });
    known.into_iter().chain(unknown).chain(mistaken_annotation(rollout)).collect()
}

fn mistaken_annotation(rollout: &Rollout) -> Option<String> {
    let key = keys::PREVIEW_SWITCH;
    let value = rollout.metadata.annotations.as_ref()?.get(key)?;
    (value != "whenReady").then(|| format!("metadata.annotations[{key}]: \"{value}\" (write whenReady)"))
}

/// The sentence of the condition and of the phase.
pub(crate) fn sentence(fields: &[String]) -> String {
    format!("not honoured by this version of Verdigris: {}", fields.join(", "))
}

/// Sets or removes the condition.
pub(crate) fn fill(rollout: &Rollout, conditions: &mut Conditions, now: Timestamp) {
    let fields = fields(rollout);
    if fields.is_empty() {
        conditions.remove(keys::NOT_HONOURED);
    } else {
        conditions.put(keys::NOT_HONOURED, "True", "NotHonoured", &sentence(&fields), now);
    }
}
