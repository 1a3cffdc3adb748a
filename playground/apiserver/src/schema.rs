//! What an object of a kind may look like: one tree of nodes for built-in kinds and custom resources alike.
//!
//! A [`Schema`] is read once, from the OpenAPI v3 JSON of a CustomResourceDefinition or of the built-in types,
//! and then answers everything the server asks about the shape of an object: which fields to drop
//! ([`Schema::prune`]), which to fill in ([`Schema::apply_defaults`]), what is wrong ([`Schema::validate`]),
//! and how lists and maps merge (`list_type`, `patch_strategy` and their keys).
//! Nodes are shared (`Arc`): the pod template of a Deployment and of a Job is one subtree in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

mod canonical;
mod decode;
mod defaults;
mod parse;
mod pattern;
mod prune;
mod rules;
mod uniqueness;
mod validate;

#[cfg(test)]
mod tests;

pub use decode::TypeMismatch;
pub use parse::{Definitions, SchemaError};
pub use pattern::Pattern;
pub use rules::Rules;

/// The JSON type that a node asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Type {
    /// A JSON object, with named fields or as a map.
    Object,
    /// A JSON array.
    Array,
    /// A JSON string.
    String,
    /// A JSON number without a fraction.
    Integer,
    /// Any JSON number.
    Number,
    /// `true` or `false`.
    Boolean,
}

/// How two owners' versions of a list meet in server-side apply (`x-kubernetes-list-type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ListType {
    /// The list is one value: the last writer owns it whole.
    #[default]
    Atomic,
    /// Scalars without duplicates; each owner adds its own.
    Set,
    /// Objects that are told apart by `list_map_keys`.
    Map,
}

/// How an object with fields meets another in server-side apply (`x-kubernetes-map-type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MapType {
    /// Each field has its own owner.
    #[default]
    Granular,
    /// The object is one value.
    Atomic,
}

/// What a strategic merge patch does with a field (`x-kubernetes-patch-strategy`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PatchStrategy {
    /// Items are merged by `patch_merge_key` (or as a set of scalars) instead of replaced.
    pub merge: bool,
    /// An object is replaced as a whole.
    pub replace: bool,
    /// Keys of the object that the patch's `$retainKeys` does not name are dropped.
    pub retain_keys: bool,
}

/// One node of the tree: an object, a list, or a scalar, and all that is known about it.
#[derive(Debug, Clone, Default)]
pub struct Schema {
    /// The name of the shared definition this node came from, such as `io.k8s.api.core.v1.Container`.
    pub definition: Option<Arc<str>>,
    /// The type that is asked for; none means anything goes.
    pub kind: Option<Type>,
    /// The named fields of an object.
    pub properties: BTreeMap<String, Arc<Schema>>,
    /// The schema of a list's items.
    pub items: Option<Arc<Schema>>,
    /// The schema of a map's values.
    pub additional_properties: Option<Arc<Schema>>,
    /// Fields that are not named are kept (`x-kubernetes-preserve-unknown-fields`).
    pub preserve_unknown: bool,
    /// The node is itself an object with `apiVersion`, `kind` and `metadata`.
    pub embedded_resource: bool,
    /// Filled in when the field is missing.
    pub default: Option<Value>,
    /// The values that are allowed; empty means all.
    pub enumeration: Vec<Value>,
    /// The smallest number allowed.
    pub minimum: Option<f64>,
    /// The largest number allowed.
    pub maximum: Option<f64>,
    /// `minimum` itself is not allowed.
    pub exclusive_minimum: bool,
    /// `maximum` itself is not allowed.
    pub exclusive_maximum: bool,
    /// A number must be a multiple of this.
    pub multiple_of: Option<f64>,
    /// The shortest string allowed, in characters.
    pub min_length: Option<u64>,
    /// The longest string allowed, in characters.
    pub max_length: Option<u64>,
    /// The shortest list allowed.
    pub min_items: Option<u64>,
    /// The longest list allowed.
    pub max_items: Option<u64>,
    /// The fewest fields an object may have.
    pub min_properties: Option<u64>,
    /// The most fields an object may have.
    pub max_properties: Option<u64>,
    /// The regular expression a string must match.
    pub pattern: Option<Arc<Pattern>>,
    /// `null` is a value, not an absence.
    pub nullable: bool,
    /// A number or a string (`x-kubernetes-int-or-string`).
    pub int_or_string: bool,
    /// The fields that must be there.
    pub required: BTreeSet<String>,
    /// A finer type, such as `int32` or `date-time`.
    pub format: Option<Arc<str>>,
    /// How lists meet in server-side apply; none is atomic.
    pub list_type: Option<ListType>,
    /// The fields that tell items of a list of type map apart.
    pub list_map_keys: Vec<String>,
    /// How objects meet in server-side apply; none is granular.
    pub map_type: Option<MapType>,
    /// What strategic merge does with this field.
    pub patch_strategy: PatchStrategy,
    /// The field that tells a list's items apart in a strategic merge.
    pub patch_merge_key: Option<String>,
    /// Left out when it is empty, 0 or false: how built-in types are written.
    pub omit_zero: bool,
    /// A struct of a built-in type that is there before anything is set in it.
    pub always_there: bool,
    /// Rules in the Common Expression Language.
    pub rules: Option<Arc<Rules>>,
    /// Every one of these must hold besides (they only restrict, they name no fields).
    pub all_of: Vec<Arc<Schema>>,
    /// At least one of these must hold.
    pub any_of: Vec<Arc<Schema>>,
    /// Exactly one of these must hold.
    pub one_of: Vec<Arc<Schema>>,
    /// This must not hold.
    pub not: Option<Arc<Schema>>,
}

impl Schema {
    /// A node that takes any value and keeps all of it: what a CRD version without structure amounts to.
    #[must_use]
    pub fn anything() -> Self {
        Schema { preserve_unknown: true, ..Schema::default() }
    }

    /// The node for field `name` of an object: its own, or that of every value of a map.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Arc<Schema>> {
        self.properties.get(name).or(self.additional_properties.as_ref())
    }

    /// The node at the end of a path of field names; list items are stepped into without being named.
    ///
    /// `["spec", "template", "spec", "containers", "image"]` is the image of any container.
    #[must_use]
    pub fn at(&self, path: &[&str]) -> Option<&Schema> {
        path.iter().try_fold(self, |node, name| {
            let node = node.items.as_deref().unwrap_or(node);
            node.field(name).map(Arc::as_ref)
        })
    }

    /// The list is merged item by item in server-side apply, told apart by `list_map_keys`.
    #[must_use]
    pub fn is_map_list(&self) -> bool {
        self.list_type == Some(ListType::Map) && !self.list_map_keys.is_empty()
    }
}

/// The name by which error texts call the type of a value.
#[must_use]
pub(crate) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if is_integer(number) => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// JSON has one kind of number: `3.0` is an integer too.
fn is_integer(number: &serde_json::Number) -> bool {
    number.is_i64() || number.is_u64() || number.as_f64().is_some_and(|float| float.fract() == 0.0)
}
