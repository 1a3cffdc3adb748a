//! Small facts about any object: its key, its owner, its times, and the difference between two statuses.

use std::fmt;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use serde_json::{Map, Value, json};

/// Namespace and name; the namespace of a cluster-wide object is empty.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectKey {
    /// Empty for cluster-wide objects.
    pub namespace: String,
    /// The object's name.
    pub name: String,
}

impl ObjectKey {
    /// The key of `name` in `namespace`.
    #[must_use]
    pub fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.to_owned(), name: name.to_owned() }
    }

    /// The key that `meta` gives.
    #[must_use]
    pub fn of(meta: &ObjectMeta) -> Self {
        Self {
            namespace: meta.namespace.clone().unwrap_or_default(),
            name: meta.name.clone().unwrap_or_default(),
        }
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            f.write_str(&self.name)
        } else {
            write!(f, "{}/{}", self.namespace, self.name)
        }
    }
}

/// The owner that manages this object, if any.
#[must_use]
pub fn controller_of(meta: &ObjectMeta) -> Option<&OwnerReference> {
    meta.owner_references.iter().flatten().find(|owner| owner.controller == Some(true))
}

/// Whether the object with this `uid` manages this one.
#[must_use]
pub fn is_controlled_by(meta: &ObjectMeta, uid: &str) -> bool {
    controller_of(meta).is_some_and(|owner| owner.uid == uid)
}

/// The uid, empty if the object was never stored.
#[must_use]
pub fn uid_of(meta: &ObjectMeta) -> &str {
    meta.uid.as_deref().unwrap_or_default()
}

/// The value of a label.
#[must_use]
pub fn label_of<'a>(meta: &'a ObjectMeta, label: &str) -> Option<&'a str> {
    meta.labels.as_ref()?.get(label).map(String::as_str)
}

/// A time as the API writes it: whole seconds, UTC.
#[must_use]
pub fn stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A time as Leases and Events write it: with microseconds.
#[must_use]
pub fn stamp_micro(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

/// How long from `now` until `due`; nothing if that is past.
#[must_use]
pub fn until(due: Timestamp, now: Timestamp) -> std::time::Duration {
    std::time::Duration::try_from(due.duration_since(now)).unwrap_or_default()
}

/// The merge patch that brings `current` to `wanted`, as far as `wanted` speaks: a field that it does not name
/// stays, one that it gives as null goes. Nothing if nothing differs, so that no write changes nothing.
#[must_use]
pub fn difference(current: &Value, wanted: &Value) -> Option<Value> {
    match (current, wanted) {
        (_, Value::Object(want)) => {
            let nothing = Map::new();
            let have = current.as_object().unwrap_or(&nothing);
            let patch: Map<String, Value> = want
                .iter()
                .filter_map(|(field, wanted)| match have.get(field) {
                    None if wanted.is_null() => None,
                    None => Some((field.clone(), wanted.clone())),
                    Some(current) => Some((field.clone(), difference(current, wanted)?)),
                })
                .collect();
            (!patch.is_empty()).then_some(Value::Object(patch))
        }
        _ => (current != wanted).then(|| wanted.clone()),
    }
}

/// A patch of metadata that applies only to the very object with this uid.
#[must_use]
pub fn for_uid(uid: &str, mut patch: Value) -> Value {
    patch["metadata"]["uid"] = json!(uid);
    patch
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_difference_names_only_what_differs() {
        let current = json!({"replicas": 2, "phase": "Old", "conditions": [{"type": "A"}], "foreign": 1});
        let cases = [
            (json!({"replicas": 2}), None),
            (json!({"replicas": 3, "phase": "Old"}), Some(json!({"replicas": 3}))),
            (json!({"phase": null}), Some(json!({"phase": null}))),
            (json!({"absent": null}), None),
            (json!({"conditions": [{"type": "B"}]}), Some(json!({"conditions": [{"type": "B"}]}))),
            (json!({"new": {"a": 1}}), Some(json!({"new": {"a": 1}}))),
        ];
        for (wanted, expected) in cases {
            assert_eq!(difference(&current, &wanted), expected, "{wanted}");
        }
        assert_eq!(difference(&Value::Null, &json!({"a": 1})), Some(json!({"a": 1})));
    }

    #[test]
    fn times_are_written_as_the_api_writes_them() {
        let at: Timestamp = "2026-11-21T08:00:01.25Z".parse().unwrap();
        assert_eq!(stamp(at), "2026-11-21T08:00:01Z");
        assert_eq!(stamp_micro(at), "2026-11-21T08:00:01.250000Z");
    }
}
