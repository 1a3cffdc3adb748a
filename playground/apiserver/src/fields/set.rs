//! Sets of fields, as `managedFields` writes them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::schema::Schema;

/// A set of fields: a tree of path steps, each written as in `fieldsV1`: `f:NAME` for a field, `k:{...}` for
/// the item of a list with these keys, `v:VALUE` for a member of a set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSet {
    /// Whether the place itself is in the set, besides what is below it.
    pub member: bool,
    /// What is below it.
    pub children: BTreeMap<String, FieldSet>,
}

impl FieldSet {
    /// A set that is this place alone.
    pub fn leaf() -> Self {
        Self { member: true, children: BTreeMap::new() }
    }

    /// A set of the one place that these steps lead to.
    pub fn of(steps: &[String]) -> Self {
        steps.iter().rev().fold(Self::leaf(), |below, step| Self {
            member: false,
            children: BTreeMap::from([(step.clone(), below)]),
        })
    }

    /// Whether the place that these steps lead to is in it.
    pub fn has(&self, steps: &[String]) -> bool {
        steps.iter().try_fold(self, |set, step| set.children.get(step)).is_some_and(|set| set.member)
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        !self.member && self.children.values().all(Self::is_empty)
    }

    /// What is in either.
    #[must_use]
    pub fn union(mut self, other: &Self) -> Self {
        self.member |= other.member;
        for (step, theirs) in &other.children {
            let ours = self.children.remove(step).unwrap_or_default();
            self.children.insert(step.clone(), ours.union(theirs));
        }
        self
    }

    /// What is in this one and not in the other.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        self.combined(other, |ours, theirs| ours && !theirs)
    }

    /// What is in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        self.combined(other, |ours, theirs| ours && theirs)
    }

    /// Only what is below the named fields of the root.
    #[must_use]
    pub fn below(&self, steps: &[&str]) -> Self {
        let kept = self.children.iter().filter(|(step, _)| steps.contains(&step.as_str()));
        Self { member: false, children: kept.map(|(step, set)| (step.clone(), set.clone())).collect() }
    }

    /// Only what is not below the named fields of the root.
    #[must_use]
    pub fn without(&self, steps: &[&str]) -> Self {
        let mut kept = self.clone();
        kept.children.retain(|step, _| !steps.contains(&step.as_str()));
        kept
    }

    /// The same set with every named field in it that something below it is in: whoever owns a part of a
    /// struct's field holds the field itself in place.
    #[must_use]
    pub fn with_named_fields(&self, schema: Option<&Schema>) -> Self {
        let children = self.children.iter().map(|(step, set)| {
            let field = step.strip_prefix("f:");
            let below = below(schema, step);
            let mut set = set.with_named_fields(below);
            let named = field.is_some_and(|field| schema.is_some_and(|s| s.properties.contains_key(field)));
            set.member |= named && !set.is_empty();
            (step.clone(), set)
        });
        Self { member: self.member, children: children.collect() }
    }

    /// The paths in it, in order, as conflicts name them.
    pub fn paths(&self) -> Vec<String> {
        let mut found = Vec::new();
        self.collect_paths("", &mut found);
        found
    }

    fn collect_paths(&self, path: &str, found: &mut Vec<String>) {
        // Whatever is in it here comes before what is in it further below.
        let members = self.children.iter().filter(|(_, set)| set.member);
        found.extend(members.map(|(step, _)| format!("{path}{}", shown(step))));
        for (step, set) in &self.children {
            set.collect_paths(&format!("{path}{}", shown(step)), found);
        }
    }

    fn combined(&self, other: &Self, keep: fn(bool, bool) -> bool) -> Self {
        let nothing = Self::default();
        let children = self.children.iter().filter_map(|(step, ours)| {
            let set = ours.combined(other.children.get(step).unwrap_or(&nothing), keep);
            (!set.is_empty()).then(|| (step.clone(), set))
        });
        Self { member: keep(self.member, other.member), children: children.collect() }
    }

    /// Reads `fieldsV1`.
    pub fn decode(fields: &Value) -> Self {
        let mut set = Self::default();
        for (step, below) in fields.as_object().into_iter().flatten() {
            if step == "." {
                set.member = true;
                continue;
            }
            let mut below_set = Self::decode(below);
            below_set.member |= below.as_object().is_none_or(Map::is_empty);
            set.children.insert(step.clone(), below_set);
        }
        set
    }

    /// Writes `fieldsV1`.
    pub fn encode(&self) -> Value {
        let mut fields = Map::new();
        if self.member && !self.children.is_empty() {
            fields.insert(".".to_owned(), json!({}));
        }
        for (step, set) in &self.children {
            fields.insert(step.clone(), set.encode());
        }
        Value::Object(fields)
    }
}

/// The schema of what a step leads to.
pub(super) fn below<'s>(schema: Option<&'s Schema>, step: &str) -> Option<&'s Schema> {
    match step.strip_prefix("f:") {
        Some(field) => schema?.field(field).map(|node| &**node),
        None => schema?.items.as_deref(),
    }
}

fn shown(step: &str) -> String {
    match step.split_once(':') {
        Some(("f", name)) => format!(".{name}"),
        Some(("k", keys)) => {
            let keys: Map<String, Value> = serde_json::from_str(keys).unwrap_or_default();
            let pairs: Vec<String> = keys.iter().map(|(key, value)| format!("{key}={value}")).collect();
            format!("[{}]", pairs.join(","))
        }
        Some(("v", value)) => format!("[={value}]"),
        _ => format!("[{}]", step.trim_start_matches("i:")),
    }
}
