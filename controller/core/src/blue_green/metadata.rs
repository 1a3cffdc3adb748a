//! `activeMetadata` and `previewMetadata`: labels and annotations that pods have for as long as their version plays its
//! role, and not a moment longer. No pod is restarted for them, and no version is made.
//!
//! | what | where |
//! | --- | --- |
//! | a new ReplicaSet is born with those of its role | [`bake`] |
//! | a role changes: first the template, for pods to come | [`wear`] |
//! | then the pods that are there, from a live list | [`dress`] |
//!
//! Between the last two the ReplicaSet carries the annotation `verdigris.dev/former-pod-metadata`. Nobody lists pods
//! otherwise.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use verdigris_crds::keys;

use crate::decision::{PodAt, PodChange, Write};
use crate::injected::{Worn, map_at};
use crate::observed::{Fresh, PodSeen, ReplicaSetSeen};

use super::plan::{Change, Draft, Pass};

/// So many pods at most are changed by one pass, so that nothing else waits for long.
const PODS_PER_PASS: usize = 20;

type Changes = BTreeMap<String, Option<String>>;

/// What pods of this version are to have; `None` where no such field is set, and nothing is touched.
fn of_role(pass: &Pass<'_>, hash: &str) -> Option<Worn> {
    let (active, preview) = (&pass.strategy.active_metadata, &pass.strategy.preview_metadata);
    if active.is_none() && preview.is_none() {
        return None;
    }
    let serves_alone = pass.stable_hash.is_none() || pass.is_stable();
    let is_current = hash == pass.hash;
    let serves = if serves_alone { is_current } else { pass.stable_hash.as_deref() == Some(hash) };
    Some(match (serves, is_current) {
        (true, _) => Worn::of(active.as_ref()),
        (false, true) => Worn::of(preview.as_ref()),
        (false, false) => Worn::default(),
    })
}

/// Gives the template and the annotations of a new ReplicaSet what its role asks for.
pub(crate) fn bake(pass: &Pass<'_>, template: &mut Value, annotations: &mut BTreeMap<String, String>) {
    let Some(wanted) = of_role(pass, &pass.hash).filter(|wanted| !wanted.is_empty()) else { return };
    for (kind, values) in [("labels", &wanted.labels), ("annotations", &wanted.annotations)] {
        let Some(metadata) = map_at(template, &["metadata"]) else { continue };
        let found = metadata.entry(kind).or_insert_with(|| json!({}));
        if found.is_null() {
            *found = json!({});
        }
        let Some(found) = found.as_object_mut() else { continue };
        let values = values.iter().filter(|(key, _)| kind != "labels" || !selects(pass, key));
        found.extend(values.map(|(key, value)| (key.clone(), json!(value))));
    }
    annotations.insert(keys::EPHEMERAL_METADATA.to_owned(), wanted.to_annotation());
}

/// Changes the template of a ReplicaSet that has pods, or gets some, to what its role asks for.
pub(crate) fn wear(pass: &Pass<'_>, change: &mut Change<'_>) {
    let seen = change.seen;
    let Some(wanted) = of_role(pass, pass.hash_of(seen)).filter(|_| change.replicas > 0) else { return };
    let worn = Worn::recorded(&seen.annotations, keys::EPHEMERAL_METADATA);
    if worn == wanted {
        return;
    }
    change.template.labels = labels(pass, seen, &worn, &wanted);
    change.template.annotations = annotations(pass, seen, &worn, &wanted);
    if wanted.is_empty() {
        change.remove(keys::EPHEMERAL_METADATA);
    } else {
        change.annotate(keys::EPHEMERAL_METADATA, wanted.to_annotation());
    }
    if seen.replicas_wanted > 0 || seen.replicas > 0 {
        let former = Worn::recorded(&seen.annotations, keys::FORMER_METADATA).and(worn);
        change.annotate(keys::FORMER_METADATA, former.to_annotation());
    }
}

/// Brings the pods that are there to what their template says, once no pod can come from the template before.
pub(crate) fn dress(pass: &Pass<'_>, change: &mut Change<'_>, draft: &mut Draft) {
    let seen = change.seen;
    let is_next = seen.annotations.contains_key(keys::FORMER_METADATA) && !seen.deleting;
    if !is_next || change.is_due() || change.replicas == 0 || !seen.status_is_current() {
        return;
    }
    let pods = Fresh::Pods(seen.name.clone());
    if !pass.observed.fresh.contains(&pods) {
        draft.need([pods]);
        return;
    }
    let pods = pass.observed.pods.get(&seen.name).map(Vec::as_slice).unwrap_or_default();
    let worn = Worn::recorded(&seen.annotations, keys::EPHEMERAL_METADATA);
    let former = Worn::recorded(&seen.annotations, keys::FORMER_METADATA);
    let of = |pod: &PodSeen| {
        let labels = changed(&pod.labels, labels(pass, seen, &former, &worn));
        let annotations = changed(&pod.annotations, annotations(pass, seen, &former, &worn));
        let at = PodAt { replica_set: seen.name.clone(), name: pod.name.clone(), uid: pod.uid.clone() };
        (!labels.is_empty() || !annotations.is_empty()).then_some(PodChange { at, labels, annotations })
    };
    let mut changes: Vec<PodChange> = pods.iter().filter(|pod| !pod.deleting).filter_map(of).collect();
    if changes.len() > PODS_PER_PASS {
        changes.truncate(PODS_PER_PASS);
        draft.look_at(pass.stamp);
    } else {
        change.remove(keys::FORMER_METADATA);
        change.is_last = true;
    }
    draft.pods.extend(changes.into_iter().map(Write::LabelPod));
}

/// Labels that pods are selected by are nobody's to change; validation says so where it matters.
fn selects(pass: &Pass<'_>, key: &str) -> bool {
    let named = |labels: Option<&BTreeMap<String, String>>| labels.is_some_and(|it| it.contains_key(key));
    let expressions = pass.selector.match_expressions.iter().flatten();
    let services = [Some(pass.active), pass.preview].into_iter().flatten();
    key == keys::POD_TEMPLATE_HASH
        || named(pass.selector.match_labels.as_ref())
        || expressions.into_iter().any(|expression| expression.key == key)
        || services.into_iter().any(|service| service.selector.contains_key(key))
}

fn labels(pass: &Pass<'_>, seen: &ReplicaSetSeen, from: &Worn, to: &Worn) -> Changes {
    let mut changes = differences(pass, seen, "labels", &from.labels, &to.labels);
    changes.retain(|key, _| !selects(pass, key));
    changes
}

fn annotations(pass: &Pass<'_>, seen: &ReplicaSetSeen, from: &Worn, to: &Worn) -> Changes {
    differences(pass, seen, "annotations", &from.annotations, &to.annotations)
}

/// Sets what is to be there, and takes away what was. Of the current version it is known what the user wrote in its
/// place.
fn differences(
    pass: &Pass<'_>,
    seen: &ReplicaSetSeen,
    kind: &str,
    from: &BTreeMap<String, String>,
    to: &BTreeMap<String, String>,
) -> Changes {
    let written = |key: &str| {
        let template = pass.current.filter(|current| current.name == seen.name).map(|_| pass.template)?;
        Some(template.get("metadata")?.get(kind)?.get(key)?.as_str()?.to_owned())
    };
    let gone = from.keys().filter(|key| !to.contains_key(*key)).map(|key| (key.clone(), written(key)));
    let set = to.iter().map(|(key, value)| (key.clone(), Some(value.clone())));
    gone.chain(set).collect()
}

/// Only what is not so already.
fn changed(found: &BTreeMap<String, String>, mut changes: Changes) -> Changes {
    changes.retain(|key, value| found.get(key) != value.as_ref());
    changes
}
