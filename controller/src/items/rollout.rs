//! A Rollout as JSON, and its way into our types.

use std::{borrow::Cow, fmt, marker::PhantomData};

use k8s_openapi::{NamespaceResourceScope, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::Resource;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::{Map, Value};
use verdigris_crds::{Rollout, keys};

use super::lean_metadata;
use crate::rivals::{Managed, StatusWriters};

/// A Rollout, any JSON that has metadata, without what no decision looks at.
#[derive(Clone, Debug)]
pub struct RolloutItem {
    metadata: ObjectMeta,
    object: Value,
    status_writers: StatusWriters,
}

/// Why a Rollout's JSON does not fit our types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undecodable {
    /// Path of the field, for example `spec.strategy.blueGreen.activeService`.
    pub field: String,
    /// What was found and what was expected.
    pub mismatch: String,
}

impl RolloutItem {
    /// The whole object as JSON.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.object.to_string().into_bytes()
    }

    /// Who wrote the controller's part of its status last.
    #[must_use]
    pub fn status_writers(&self) -> &StatusWriters {
        &self.status_writers
    }

    /// The whole object.
    #[must_use]
    pub fn object(&self) -> &Value {
        &self.object
    }

    /// The typed Rollout, or which field does not fit.
    ///
    /// # Errors
    /// Names the first field that does not fit, what was found there and what was expected.
    pub fn decode(bytes: &[u8]) -> Result<Rollout, Undecodable> {
        if let Ok(rollout) = serde_json::from_slice(bytes) {
            return Ok(rollout);
        }
        // Once more, and slower, to know where it does not fit.
        let json = &mut serde_json::Deserializer::from_slice(bytes);
        serde_path_to_error::deserialize(json).map_err(|error| Undecodable {
            field: error.path().to_string(),
            mismatch: in_terms_of_the_api(&error.inner().to_string()),
        })
    }
}

impl<'de> Deserialize<'de> for RolloutItem {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Apart { part, mut other } = Apart::<Apart<Vec<Managed>>>::deserialize(deserializer)?;
        let mut status_writers = StatusWriters::default();
        if let Some(Apart { part, other: mut metadata }) = part {
            status_writers = StatusWriters::of(&part.unwrap_or_default());
            if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
                annotations.remove(keys::LAST_APPLIED);
            }
            other.insert(Apart::<Vec<Managed>>::FIELD.to_owned(), Value::Object(metadata));
        }
        let object = Value::Object(other);
        let metadata = lean_metadata(&object["metadata"]).map_err(serde::de::Error::custom)?;
        Ok(Self { metadata, object, status_writers })
    }
}

/// An object of which one field is read as something of its own. So managedFields, which are often longer than all the
/// rest, are never built.
struct Apart<T> {
    part: Option<T>,
    other: Map<String, Value>,
}

/// What is read apart, and which field it is.
trait Part<'de>: Deserialize<'de> {
    const FIELD: &'static str;
}

impl<'de> Part<'de> for Apart<Vec<Managed>> {
    const FIELD: &'static str = "metadata";
}

impl<'de> Part<'de> for Vec<Managed> {
    const FIELD: &'static str = "managedFields";
}

impl<'de, T: Part<'de>> Deserialize<'de> for Apart<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ApartVisitor(PhantomData))
    }
}

struct ApartVisitor<T>(PhantomData<T>);

impl<'de, T: Part<'de>> Visitor<'de> for ApartVisitor<T> {
    type Value = Apart<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Apart<T>, A::Error> {
        let mut apart = Apart { part: None, other: Map::new() };
        while let Some(field) = fields.next_key::<String>()? {
            if field == T::FIELD {
                apart.part = fields.next_value()?;
            } else {
                apart.other.insert(field, fields.next_value()?);
            }
        }
        Ok(apart)
    }
}

resource!(RolloutItem, NamespaceResourceScope, "argoproj.io", "v1alpha1", "Rollout", "rollouts");

impl fmt::Display for Undecodable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.mismatch)
    }
}

/// Turns serde's words into those of the API: `invalid type: string "2", expected i32 at line 1 column 9` becomes
/// `found string "2", expected a whole number`.
fn in_terms_of_the_api(message: &str) -> String {
    let message = message.rsplit_once(" at line ").map_or(message, |(message, _)| message);
    let message = message
        .strip_prefix("invalid type: ")
        .or_else(|| message.strip_prefix("invalid value: "))
        .unwrap_or(message);
    let Some((found, expected)) = message.split_once(", expected ") else {
        return message.to_owned();
    };
    let found = match found {
        "map" => "an object",
        "sequence" => "a list",
        "unit value" => "null",
        other => other,
    };
    let expected = match expected {
        "i32" | "i64" | "u32" | "u64" => "a whole number",
        "a map" => "an object",
        "a sequence" => "a list",
        "a string" | "a boolean" => expected,
        other if other.starts_with("struct ") => "an object",
        other => other,
    };
    format!("found {found}, expected {expected}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn faults_of(spec: &Value) -> String {
        let object = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": "shop"}, "spec": spec});
        RolloutItem::decode(object.to_string().as_bytes())
            .map_or_else(|fault| fault.to_string(), |_| String::new())
    }

    #[test]
    fn a_misfit_names_field_found_and_expected() {
        for (spec, fault) in [
            (json!({"replicas": 2}), ""),
            (json!({"replicas": "2"}), r#"spec.replicas: found string "2", expected a whole number"#),
            (json!({"paused": 1}), "spec.paused: found integer `1`, expected a boolean"),
            (
                json!({"strategy": {"blueGreen": {"activeService": 5}}}),
                "spec.strategy.blueGreen.activeService: found integer `5`, expected a string",
            ),
            (
                json!({"strategy": {"blueGreen": []}}),
                "spec.strategy.blueGreen: found a list, expected an object",
            ),
            (
                json!({"strategy": {"blueGreen": {}}}),
                "spec.strategy.blueGreen: missing field `activeService`",
            ),
            (
                json!({"selector": {"matchLabels": {"app": {}}}}),
                "spec.selector.matchLabels.app: found an object, expected a string",
            ),
        ] {
            assert_eq!(faults_of(&spec), fault, "{spec}");
        }
    }

    #[test]
    fn what_no_decision_looks_at_is_dropped_and_the_template_is_kept() {
        let item: RolloutItem = serde_json::from_value(json!({
            "metadata": {"name": "shop", "managedFields": [{"manager": "kubectl"}],
                "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}", "a": "b"}},
            "spec": {"template": {"spec": {"fieldOfTomorrow": [1, null]}}},
        }))
        .unwrap();
        let rollout = RolloutItem::decode(&item.to_bytes()).unwrap();
        assert_eq!(rollout.metadata.annotations.unwrap().into_keys().collect::<Vec<_>>(), ["a"]);
        assert_eq!(rollout.metadata.managed_fields, None);
        assert_eq!(rollout.spec.template, Some(json!({"spec": {"fieldOfTomorrow": [1, null]}})));
    }
}
