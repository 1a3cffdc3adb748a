//! What controllers put into the pod template of a ReplicaSet, beside what the user wrote: labels and annotations of a
//! role, and a term of anti-affinity. None of it makes another version.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use verdigris_crds::{PodMetadata, keys};

/// The lists of `podAntiAffinity`, and where their terms select.
const LISTS: [(&str, &str); 2] = [
    ("requiredDuringSchedulingIgnoredDuringExecution", "/labelSelector/matchExpressions"),
    ("preferredDuringSchedulingIgnoredDuringExecution", "/podAffinityTerm/labelSelector/matchExpressions"),
];

/// Labels and annotations of a role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Worn {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Worn {
    /// What such an annotation of a ReplicaSet says. One that is no such JSON says nothing.
    pub fn recorded(annotations: &BTreeMap<String, String>, key: &str) -> Self {
        annotations.get(key).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }

    pub fn of(metadata: Option<&PodMetadata>) -> Self {
        let map = |map: Option<&BTreeMap<String, String>>| map.cloned().unwrap_or_default();
        Self {
            labels: map(metadata.and_then(|metadata| metadata.labels.as_ref())),
            annotations: map(metadata.and_then(|metadata| metadata.annotations.as_ref())),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.annotations.is_empty()
    }

    /// As the annotation says it.
    pub fn to_annotation(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// All of both; where they disagree, `other` wins.
    pub fn and(mut self, other: Self) -> Self {
        self.labels.extend(other.labels);
        self.annotations.extend(other.annotations);
        self
    }
}

/// The version whose nodes pods of this `podAntiAffinity` keep off, by an injected term: no user can know a hash
/// beforehand, so it is the one that selects by hash.
#[must_use]
pub fn keeps_off(pod_anti_affinity: &Value) -> Option<String> {
    let terms = LISTS.iter().flat_map(|(list, pointer)| {
        let terms = pod_anti_affinity.get(list).and_then(Value::as_array);
        terms.into_iter().flatten().filter_map(|term| hash_expression(term, pointer))
    });
    let mut named =
        terms.filter_map(|expression| Some(expression.pointer("/values/0")?.as_str()?.to_owned()));
    named.next()
}

fn hash_expression<'t>(term: &'t Value, pointer: &str) -> Option<&'t Value> {
    let expressions = term.pointer(pointer)?.as_array()?;
    let by_hash =
        |expression: &&Value| expression.get("key").and_then(Value::as_str) == Some(keys::POD_TEMPLATE_HASH);
    expressions.iter().find(by_hash)
}

/// Takes injected terms away, and what is empty without them.
pub(crate) fn remove_anti_affinity(template: &mut Value) {
    const PATH: [&str; 3] = ["spec", "affinity", "podAntiAffinity"];
    for (list, pointer) in LISTS {
        let terms = map_at(template, &PATH).and_then(|all| all.get_mut(list)).and_then(Value::as_array_mut);
        if let Some(terms) = terms {
            terms.retain(|term| hash_expression(term, pointer).is_none());
        }
        remove_if_empty(template, &PATH, list);
    }
    remove_if_empty(template, &["spec", "affinity"], "podAntiAffinity");
    remove_if_empty(template, &["spec"], "affinity");
}

/// The template without any label and annotation of these names, and without injected terms: what is left says whether
/// two templates are of one version.
pub(crate) fn without(template: &Value, worn: &Worn) -> Value {
    let mut template = template.clone();
    for (kind, names) in [("labels", &worn.labels), ("annotations", &worn.annotations)] {
        if let Some(found) = map_at(&mut template, &["metadata", kind]) {
            found.retain(|key, _| !names.contains_key(key));
        }
        remove_if_empty(&mut template, &["metadata"], kind);
    }
    remove_anti_affinity(&mut template);
    template
}

pub(crate) fn map_at<'a>(value: &'a mut Value, path: &[&str]) -> Option<&'a mut Map<String, Value>> {
    let mut place = value;
    for key in path {
        place = place.get_mut(*key)?;
    }
    place.as_object_mut()
}

pub(crate) fn remove_if_empty(value: &mut Value, path: &[&str], key: &str) {
    let Some(parent) = map_at(value, path) else { return };
    let empty = match parent.get(key) {
        Some(Value::Array(items)) => items.is_empty(),
        Some(Value::Object(fields)) => fields.is_empty(),
        _ => false,
    };
    if empty {
        parent.remove(key);
    }
}
