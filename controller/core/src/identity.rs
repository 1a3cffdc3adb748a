//! Which ReplicaSet is the one of the Rollout's template: the names and hashes of new ones, and how to know old ones.
//!
//! The hash only names *new* ReplicaSets. Knowing one again never depends on computing the same hash, so that upgrades
//! of Verdigris, of its libraries, or from Argo Rollouts never create a ReplicaSet and never restart a pod.

use std::fmt::Write as _;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use verdigris_crds::{RolloutStatus, keys};

use crate::injected::{Worn, without};
use crate::observed::{Fresh, Observed, Refusal, ReplicaSetSeen};
use crate::workload;

/// The peer's alphabet for hashes: no vowels, so no words.
const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
/// 27^10 is about 2^47: a collision within one Rollout's history is out of reach.
const HASH_LENGTH: usize = 10;

/// Which ReplicaSet carries the Rollout's template.
pub(crate) enum Identity<'a> {
    /// This one.
    Known(&'a ReplicaSetSeen),
    /// None does: one is to be created.
    New,
    /// Only the API server can tell: it must default the template first.
    Ask(Fresh),
    /// The API server refuses the template.
    Refused(&'a Refusal),
}

/// SHA-256 of the template's canonical JSON, lower-case hex.
///
/// Canonical is: keys sorted, no white space, as `serde_json` writes its (sorted) maps.
#[must_use]
pub fn template_sha256(template: &Value) -> String {
    sha256(template)
}

/// SHA-256 of the names and images of all containers, lower-case hex: no default of the API ever changes one of them.
pub(crate) fn images_sha256(template: &Value) -> String {
    let containers = ["initContainers", "containers"].map(|list| {
        let containers = template["spec"][list].as_array().into_iter().flatten();
        containers
            .map(|container| [container["name"].clone(), container["image"].clone()])
            .collect::<Vec<_>>()
    });
    sha256(&json!(containers))
}

fn sha256(value: &Value) -> String {
    let digest = Sha256::digest(value.to_string().as_bytes());
    digest.iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The pod template hash of a new ReplicaSet: ten letters that depend on the template and on how many names were taken.
#[must_use]
pub fn pod_template_hash(template: &Value, collision_count: i32) -> String {
    let mut hasher = Sha256::new();
    hasher.update(template.to_string().as_bytes());
    if collision_count > 0 {
        hasher.update(collision_count.to_le_bytes());
    }
    let digest = hasher.finalize();
    let mut number = digest.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let letters = ALPHABET.len() as u64;
    (0..HASH_LENGTH)
        .map(|_| {
            let letter = ALPHABET[(number % letters) as usize];
            number /= letters;
            char::from(letter)
        })
        .collect()
}

/// Finds the current ReplicaSet, by what is certain first:
/// our annotation; then what the status recorded for this very generation; then equality after API defaulting, which is
/// out of the question where the user wrote other images.
pub(crate) fn find<'a>(observed: &'a Observed, status: &RolloutStatus, template: &Value) -> Identity<'a> {
    let name = observed.name();
    let mut owned: Vec<&ReplicaSetSeen> = observed.owned().filter(|seen| seen.hash(name).is_some()).collect();
    owned.sort_by(|left, right| (left.created, &left.name).cmp(&(right.created, &right.name)));
    if owned.is_empty() {
        return Identity::New;
    }

    let recorded = status.current_pod_hash.as_deref();
    let is_recorded = |seen: &ReplicaSetSeen| recorded.is_some() && seen.hash(name) == recorded;
    let sha256 = template_sha256(template);
    let carriers: Vec<_> =
        owned.iter().filter(|seen| seen.annotations.get(keys::TEMPLATE_SHA256) == Some(&sha256)).collect();
    if let Some(known) = carriers.iter().find(|seen| is_recorded(seen)).or_else(|| carriers.first()) {
        return Identity::Known(known);
    }
    let ours = pod_template_hash(template, status.collision_count.unwrap_or(0));
    if let Some(known) = owned.iter().find(|seen| seen.hash(name) == Some(&ours)) {
        return Identity::Known(known);
    }
    if template_is_observed(observed, status)
        && let Some(known) = owned.iter().find(|seen| is_recorded(seen))
    {
        return Identity::Known(known);
    }

    let images = images_sha256(template);
    let may_equal = |seen: &&&ReplicaSetSeen| {
        seen.annotations.get(keys::IMAGES_SHA256).is_none_or(|recorded| *recorded == images)
    };
    if !owned.iter().any(|seen| may_equal(&seen)) {
        return Identity::New;
    }
    let Some(templates) = &observed.templates else { return Identity::Ask(Fresh::Templates) };
    let wanted = match &templates.wanted {
        Ok(wanted) => wanted,
        Err(refusal) => return Identity::Refused(refusal),
    };
    let equal = |seen: &&&ReplicaSetSeen| {
        let worn = Worn::recorded(&seen.annotations, keys::EPHEMERAL_METADATA);
        let bare = |template: &Value| comparable(&without(template, &worn));
        templates.replica_sets.get(&seen.name).is_some_and(|template| bare(template) == bare(wanted))
    };
    owned.iter().filter(may_equal).find(equal).map_or(Identity::New, |known| Identity::Known(known))
}

/// Whether `status.currentPodHash` was computed for the template that the Rollout has now: its generation is the
/// observed one, and was accepted.
fn template_is_observed(observed: &Observed, status: &RolloutStatus) -> bool {
    let generation = observed.rollout.metadata.generation.unwrap_or_default().to_string();
    let refused = status.conditions.iter().flatten().any(|condition| condition.type_ == "InvalidSpec");
    status.observed_generation.as_deref() == Some(generation.as_str())
        && workload::is_observed(observed, status)
        && !refused
}

/// A defaulted template without what every ReplicaSet adds to it: the hash label, and fields that are null or deprecated
/// copies of others.
fn comparable(template: &Value) -> Value {
    let mut template = template.clone();
    if let Some(labels) = template.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
        labels.remove(keys::POD_TEMPLATE_HASH);
    }
    if let Some(spec) = template.pointer_mut("/spec").and_then(Value::as_object_mut) {
        spec.remove("serviceAccount");
    }
    drop_nulls(&mut template);
    template
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, field| !field.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_of_all_containers_and_of_nothing_else() {
        let template = |image: &str, port: i32| {
            images_sha256(&json!({"spec": {"initContainers": [{"name": "a", "image": "a:1"}],
                "containers": [{"name": "b", "image": image, "ports": [{"containerPort": port}]}]}}))
        };
        assert_eq!(template("b:1", 80), template("b:1", 81));
        assert_ne!(template("b:1", 80), template("b:2", 80));
        let moved =
            json!({"spec": {"containers": [{"name": "a", "image": "a:1"}, {"name": "b", "image": "b:1"}]}});
        assert_ne!(template("b:1", 80), images_sha256(&moved));
        assert_eq!(images_sha256(&Value::Null), images_sha256(&json!({"spec": 5})));
    }

    #[test]
    fn the_hash_is_ten_letters_of_the_peers_alphabet_and_depends_on_all_it_is_given() {
        let (one, two) = (json!({"spec": {"a": 1}}), json!({"spec": {"a": 2}}));
        let hash = pod_template_hash(&one, 0);
        assert_eq!(hash.len(), 10);
        assert!(hash.bytes().all(|letter| ALPHABET.contains(&letter)));
        assert_eq!(hash, pod_template_hash(&one, 0));
        assert_ne!(hash, pod_template_hash(&two, 0));
        assert_ne!(hash, pod_template_hash(&one, 1));
    }

    #[test]
    fn the_hash_never_changes_between_versions_of_verdigris() {
        assert_eq!(pod_template_hash(&json!({"spec": {"a": 1}}), 0), "2t9s59rtwr");
    }

    #[test]
    fn what_controllers_add_to_a_template_does_not_make_another_one() {
        let wanted = json!({"metadata": {"labels": {"app": "shop"}, "creationTimestamp": null},
            "spec": {"serviceAccountName": "shop"}});
        let found = json!({"metadata": {"labels": {"app": "shop", "rollouts-pod-template-hash": "h1"}},
            "spec": {"serviceAccountName": "shop", "serviceAccount": "shop"}});
        assert_eq!(comparable(&wanted), comparable(&found));
    }
}
