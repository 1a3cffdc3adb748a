//! `antiAffinity`: pods of a new version keep off the nodes of the stable one.
//!
//! A term that names the stable version's hash is put into the new ReplicaSet's template, behind the user's own. It
//! stays there after the promotion, and follows when another version becomes stable. Only pods to come heed it.

use serde_json::{Value, json};
use verdigris_crds::{AntiAffinity, keys};

use super::plan::{Change, Pass};

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

/// The version that the current one is to keep off.
fn keeps_off<'p>(pass: &'p Pass<'_>) -> Option<(&'p AntiAffinity, &'p str)> {
    let stable = pass.stable_hash.as_deref().filter(|stable| *stable != pass.hash);
    pass.strategy.anti_affinity.as_ref().zip(stable)
}

/// Both lists of `podAntiAffinity` as they are to be: the user's terms and then ours; null for one without any.
fn lists(pass: &Pass<'_>, configured: &AntiAffinity, stable: &str) -> Value {
    let term = json!({
        "labelSelector": {"matchExpressions": [
            {"key": keys::POD_TEMPLATE_HASH, "operator": "In", "values": [stable]},
        ]},
        "namespaces": [pass.observed.rollout.metadata.namespace.as_deref().unwrap_or_default()],
        "topologyKey": "kubernetes.io/hostname",
    });
    let preferred = configured.preferred_during_scheduling_ignored_during_execution.as_ref();
    let (list, term) = match preferred.and_then(|preferred| preferred.weight) {
        Some(weight) => (PREFERRED, json!({"weight": weight, "podAffinityTerm": term})),
        None => (REQUIRED, term),
    };
    let of_user = pass.template.pointer("/spec/affinity/podAntiAffinity");
    let all = [REQUIRED, PREFERRED].map(|name| {
        let found = of_user.and_then(|all| all.get(name)).and_then(Value::as_array);
        let mut terms = found.cloned().unwrap_or_default();
        terms.extend((name == list).then(|| term.clone()));
        (name.to_owned(), if terms.is_empty() { Value::Null } else { Value::Array(terms) })
    });
    Value::Object(all.into_iter().collect())
}

/// Puts the term into the template of a ReplicaSet that is to be created.
pub(crate) fn inject(pass: &Pass<'_>, template: &mut Value) {
    let Some((configured, stable)) = keeps_off(pass) else { return };
    let lists = lists(pass, configured, stable);
    let mut place = template;
    for key in ["spec", "affinity", "podAntiAffinity"] {
        let Some(fields) = place.as_object_mut() else { return };
        let inner = fields.entry(key).or_insert_with(|| json!({}));
        if inner.is_null() {
            *inner = json!({});
        }
        place = inner;
    }
    for (name, terms) in lists.as_object().into_iter().flatten().filter(|(_, terms)| !terms.is_null()) {
        if let Some(fields) = place.as_object_mut() {
            fields.insert(name.clone(), terms.clone());
        }
    }
}

/// Lets the current ReplicaSet name the version that is stable now. One without a term gets it with its first pods.
pub(crate) fn follow(pass: &Pass<'_>, change: &mut Change<'_>) {
    let Some((configured, stable)) = keeps_off(pass) else { return };
    let follows = match change.seen.keeps_off.as_deref() {
        Some(named) => named != stable,
        None => change.seen.replicas_wanted == 0 && change.replicas > 0,
    };
    if follows {
        change.template.pod_anti_affinity = Some(lists(pass, configured, stable));
    }
}
