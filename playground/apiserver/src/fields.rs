//! Who owns which fields, and server-side apply.
//!
//! An apply says which fields its manager wants, and with that which it owns. It is refused where it would
//! change what another manager owns, unless it is forced; fields that it wanted last time and no longer does
//! go, unless somebody else owns them. Creates, updates and other patches own what they change.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    metadata,
    resource::Resource,
    status::{ApiError, Cause},
};

pub mod managers;
mod scale;
pub mod set;
pub mod typed;

use managers::{Manager, Managers, Owned};
use set::FieldSet;

/// Metadata that the server keeps and nobody owns.
const UNOWNED_METADATA: [&str; 8] = [
    "f:name",
    "f:namespace",
    "f:creationTimestamp",
    "f:selfLink",
    "f:uid",
    "f:generation",
    "f:managedFields",
    "f:resourceVersion",
];

/// Where and by whom an object is written.
#[derive(Clone, Copy, Debug)]
pub struct Write<'a> {
    /// The resource in the version that is written.
    pub resource: &'a Resource,
    /// The subresource; empty for the object itself.
    pub subresource: &'a str,
    /// The manager's name.
    pub manager: &'a str,
    /// The time.
    pub now: Timestamp,
}

impl Write<'_> {
    /// The time that is noted with what is owned; none where a Scale was written, which has no record of its own.
    fn time(&self) -> String {
        if self.subresource == "scale" { String::new() } else { managers::time_text(self.now) }
    }
}

/// The annotation in which client-side apply keeps what it applied.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Whether the fields of an object can be told apart at all: a custom object may still have other types than its schema says.
pub fn can_be_owned(resource: &Resource, object: &Value) -> bool {
    if !resource.custom {
        return true;
    }
    let mut faults = Vec::new();
    typed::shape_faults(object, Some(&resource.schema), "", &mut faults);
    // Items that stand twice are let pass where nothing is applied.
    faults.iter().all(|fault| fault.contains(": duplicate entries for key "))
}

/// Notes in `new` that `write` changed it from `old` (`Null` when it is created); with fields that cannot be `owned`, nobody
/// owns any.
pub fn note_update(write: Write<'_>, old: &Value, new: &mut Value, owned: bool) {
    if let (Some(paths), "scale") = (&write.resource.scale, write.subresource) {
        scale::note(write, old, new, &paths.spec_replicas);
        return;
    }
    let created = old.is_null();
    // A subresource is no way to change the record itself.
    let from = if write.subresource.is_empty() { &*new } else { old };
    let given = &from["metadata"]["managedFields"];
    // A list with one empty entry is how a client asks for the record to be dropped.
    let dropped = given
        .as_array()
        .is_some_and(|entries| matches!(entries.as_slice(), [Value::Object(entry)] if entry.is_empty()));
    let mut managers = managers::decode(given);
    if managers.is_empty() && !dropped {
        managers = managers::decode(&old["metadata"]["managedFields"]);
    }
    // An object that nobody's fields are known of stays that way until it is applied.
    if dropped || !owned || (managers.is_empty() && !created) {
        metadata::map_mut(new).remove("managedFields");
        return;
    }
    let change = Change::between(write, old, new);
    for owned in managers.values_mut() {
        owned.fields = owned.fields.difference(&change.touched).difference(&change.removed);
    }
    let manager = Manager::new(write.manager, false, &write.resource.api_version(), write.subresource);
    if !change.touched.is_empty() {
        let owned = managers.entry(manager).or_default();
        owned.fields = std::mem::take(&mut owned.fields).union(&change.touched);
        owned.time = write.time();
        owned.api_version = write.resource.api_version();
    }
    managers::cap(&mut managers);
    set_managed(new, &managers);
}

/// The object that an apply of `wanted` makes of `live` (`Null` when there is none yet), with its owners.
///
/// # Errors
/// 409 naming the managers that own what would change, if it is not forced; 500 if `wanted` has fields that
/// the schema does not know.
pub fn apply(write: Write<'_>, live: &Value, wanted: &Value, force: bool) -> Result<Value, ApiError> {
    check_shape(write, wanted)?;
    let schema = Some(&*write.resource.schema);
    let mut managers = managers::decode(&live["metadata"]["managedFields"]);
    if managers.is_empty() && !live.is_null() {
        // What is there was written before anybody kept a record. A list that is always written, if only as `null`, is nobody's.
        let there = if write.resource.custom { live.clone() } else { without_nulls(live) };
        let before = Owned {
            fields: Change::between(write, &Value::Null, &there).touched,
            time: managers::time_text(write.now),
            api_version: write.resource.api_version(),
        };
        managers.insert(Manager::new("before-first-apply", false, &before.api_version, ""), before);
    }
    let manager = Manager::new(write.manager, true, "", write.subresource);
    let all_wanted = typed::fields_of(wanted, schema);
    let wanted_fields = ownable(write, all_wanted.clone());
    let last = managers.remove(&manager);
    let merged = if live.is_null() { wanted.clone() } else { typed::merged(live, wanted, schema) };
    let mut object = match &last {
        Some(last) => pruned(&merged, &last.fields, &all_wanted, &managers, write),
        None => merged,
    };
    let change = Change::between(write, live, &object);
    let conflicts = without_client_side_apply(write, live, conflicts(&managers, &change.touched));
    if !force && !conflicts.is_empty() {
        return Err(conflict_error(&conflicts));
    }
    for owned in managers.values_mut() {
        owned.fields = owned.fields.difference(&change.touched).difference(&change.removed);
    }
    // Whoever applies what is there already comes to own it, but at no time.
    let same = !live.is_null() && change.nothing;
    let time = if same { last.map(|last| last.time).unwrap_or_default() } else { write.time() };
    let owned = Owned { fields: wanted_fields, time, api_version: write.resource.api_version() };
    managers.insert(manager, owned);
    set_managed(&mut object, &managers);
    follow_client_side_apply(write, live, wanted, &mut object);
    check_values(write, wanted, &object)?;
    Ok(object)
}

/// Texts of a built-in type that stand for something finer, as quantities and times, must be readable as that.
fn check_values(write: Write<'_>, wanted: &Value, object: &Value) -> Result<(), ApiError> {
    let mismatch = if write.resource.custom { None } else { write.resource.schema.type_mismatch(object) };
    let Some(mismatch) = mismatch else { return Ok(()) };
    let kind = type_name(write);
    let of = object_name(write, wanted);
    Err(ApiError::unexplained(format!(
        "failed to convert new object ({of}) to proper version: unable to convert unstructured object to {kind}: {mismatch}"
    )))
}

fn type_name(write: Write<'_>) -> String {
    let Resource { group, version, kind, .. } = write.resource;
    format!("{group}/{version}, Kind={kind}")
}

/// What the wanted object is, and is called.
fn object_name(write: Write<'_>, wanted: &Value) -> String {
    let (namespace, name) = (metadata::text(wanted, "namespace"), metadata::text(wanted, "name"));
    format!("{namespace}/{name}; {}", type_name(write))
}

fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let said = fields.iter().filter(|(_, field)| !field.is_null());
            said.map(|(name, field)| (name.clone(), without_nulls(field))).collect()
        }
        other => other.clone(),
    }
}

/// Where kubectl has applied from the client's side before, its annotation goes on telling what it applied last.
fn follow_client_side_apply(write: Write<'_>, live: &Value, wanted: &Value, object: &mut Value) {
    if write.manager != "kubectl" || !live["metadata"]["annotations"][LAST_APPLIED].is_string() {
        return;
    }
    let mut applied = wanted.clone();
    if let Some(annotations) = applied["metadata"].get_mut("annotations").and_then(Value::as_object_mut) {
        annotations.remove(LAST_APPLIED);
    }
    object["metadata"]["annotations"][LAST_APPLIED] = json!(format!("{applied}\n"));
}

/// What a write did to the fields that can be owned.
struct Change {
    /// Added or modified.
    touched: FieldSet,
    removed: FieldSet,
    /// Nothing differs, not even what nobody can own.
    nothing: bool,
}

impl Change {
    fn between(write: Write<'_>, old: &Value, new: &Value) -> Self {
        let schema = &*write.resource.schema;
        let empty;
        let created = old.is_null();
        let old = if created {
            // An object of a built-in type has its structs before anything is in them.
            empty = if write.resource.custom { json!({}) } else { schema.zero() };
            &empty
        } else {
            old
        };
        let found = typed::compare(Some(old), Some(new), Some(schema));
        let nothing = found.touched.is_empty() && found.removed.is_empty();
        let removed = if created { FieldSet::default() } else { found.removed };
        Self { touched: ownable(write, found.touched), removed: ownable(write, removed), nothing }
    }
}

/// The part of a set that this way of writing can own.
fn ownable(write: Write<'_>, set: FieldSet) -> FieldSet {
    let mut set = match write.subresource {
        "status" if write.resource.custom => set.below(&["f:status"]),
        "status" => {
            let mut set = set.below(&["f:status", "f:metadata"]);
            if let Some(metadata) = set.children.get_mut("f:metadata") {
                let kept = write.resource.strategy.status_keeps;
                metadata
                    .children
                    .retain(|step, _| !kept.iter().any(|field| step.strip_prefix("f:") == Some(field)));
            }
            set
        }
        _ if write.resource.status_subresource => set.without(&["f:status"]),
        _ => set,
    };
    set.children.remove("f:apiVersion");
    set.children.remove("f:kind");
    if let Some(fields) = set.children.get_mut("f:metadata") {
        fields.member = false;
        fields.children.retain(|step, _| !UNOWNED_METADATA.contains(&step.as_str()));
    }
    set.children.retain(|_, below| !below.is_empty());
    set
}

/// Takes out what the manager wanted last time, no longer wants, and nobody else owns.
fn pruned(merged: &Value, last: &FieldSet, wanted: &FieldSet, others: &Managers, write: Write<'_>) -> Value {
    let schema = Some(&*write.resource.schema);
    let owned = others.values().fold(wanted.clone(), |all, other| all.union(&other.fields));
    let doomed = last.with_named_fields(schema).difference(&owned.with_named_fields(schema));
    typed::removed(merged, &doomed, schema).unwrap_or_else(|| merged.clone())
}

/// What of each manager's fields a change touches.
fn conflicts(managers: &Managers, touched: &FieldSet) -> Vec<(Manager, FieldSet)> {
    managers
        .iter()
        .map(|(manager, owned)| (manager.clone(), owned.fields.intersection(touched)))
        .filter(|(_, fields)| !fields.is_empty())
        .collect()
}

/// kubectl takes over what it applied from the client's side, as far as it still is as an annotation says that it was
/// applied.
fn without_client_side_apply(
    write: Write<'_>,
    live: &Value,
    conflicts: Vec<(Manager, FieldSet)>,
) -> Vec<(Manager, FieldSet)> {
    let applied = live["metadata"]["annotations"][LAST_APPLIED].as_str();
    let applied = applied.and_then(|text| serde_json::from_str::<Value>(text).ok());
    let Some(applied) = applied.filter(|_| write.manager == "kubectl") else { return conflicts };
    let schema = Some(&*write.resource.schema);
    let differs = typed::compare(Some(&applied), Some(live), schema);
    let unchanged =
        typed::fields_of(&applied, schema).difference(&differs.touched).difference(&differs.removed);
    let left = conflicts.into_iter().map(|(manager, fields)| (manager, fields.difference(&unchanged)));
    left.filter(|(_, fields)| !fields.is_empty()).collect()
}

fn conflict_error(conflicts: &[(Manager, FieldSet)]) -> ApiError {
    let mut causes = Vec::new();
    for (manager, fields) in conflicts {
        for path in fields.paths() {
            causes.push(Cause {
                reason: "FieldManagerConflict".to_owned(),
                message: format!("conflict with {}", manager.shown()),
                field: path,
            });
        }
    }
    let message = match causes.as_slice() {
        [one] => format!("Apply failed with 1 conflict: {}: {}", one.message, one.field),
        many => {
            let mut lines = Vec::new();
            for (manager, fields) in conflicts {
                lines.push(format!("conflicts with {}:", manager.shown()));
                lines.extend(fields.paths().into_iter().map(|path| format!("- {path}")));
            }
            format!("Apply failed with {} conflicts: {}", many.len(), lines.join("\n"))
        }
    };
    ApiError::apply_conflict(message, causes)
}

fn check_shape(write: Write<'_>, wanted: &Value) -> Result<(), ApiError> {
    let mut faults = Vec::new();
    typed::shape_faults(wanted, Some(&write.resource.schema), "", &mut faults);
    if faults.is_empty() {
        return Ok(());
    }
    let listed = match faults.as_slice() {
        [one] => one.clone(),
        many => format!("errors:\n  {}", many.join("\n  ")),
    };
    let of = object_name(write, wanted);
    Err(ApiError::unexplained(format!("failed to create typed patch object ({of}): {listed}")))
}

fn set_managed(object: &mut Value, managers: &Managers) {
    let fields = metadata::map_mut(object);
    match managers::encode(managers) {
        Some(entries) => fields.insert("managedFields".to_owned(), entries),
        None => fields.remove("managedFields"),
    };
}

#[cfg(test)]
mod tests;
