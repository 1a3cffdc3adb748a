//! PUT, and the part of PATCH that is the same.

use std::sync::Arc;

use serde_json::Value;

use super::{
    Call, Store, body,
    commit::Author,
    create::{fit_namespace, seconds_text},
    namespaces,
};
use crate::{
    answer::{Answer, Shown},
    crd,
    field_error::{FieldError, quoted},
    fields, metadata,
    options::WriteOptions,
    resource::{GenerationRule, Resource},
    status::{ApiError, GroupResource},
    write_log::Verb,
};

/// Makes the new object from the old one.
pub(super) type Change<'c> = dyn FnMut(&mut Call<'_>, &Value) -> Result<Value, ApiError> + 'c;

impl Store {
    pub(super) fn update_from_body(&mut self, call: &mut Call<'_>) -> Result<Answer, ApiError> {
        let options = WriteOptions::parse(&call.request.query, "UpdateOptions", false)?;
        let mut object = body::object(call, options.unknown_fields)?;
        fit_namespace(call, &mut object)?;
        check_name(call, &object)?;
        let author = Author::of(call, Verb::Update, &options.field_manager);
        let target = &call.target;
        let Some(kept) = self.kept(&call.resource, &target.namespace, &target.name) else {
            return if call.resource.strategy.create_on_update {
                // What is not there has no uid: a client that means a certain object does not get another one.
                check_uid_precondition(call, &object, &Value::Null, options.dry_run)?;
                let shown = self.create(call, object, &options, &author)?;
                Ok(Answer::object(201, &shown, &call.resource, call.form, call.now))
            } else {
                Err(ApiError::not_found(call.resource.group_resource(), &target.name))
            };
        };
        check_uid_precondition(call, &object, &kept.value(&call.resource), options.dry_run)?;
        let mut object = Some(object);
        let shown =
            self.update(call, &options, &author, &mut |_, _| Ok(object.take().unwrap_or_default()))?;
        Ok(Answer::object(200, &shown, &call.resource, call.form, call.now))
    }

    /// Changes the object that the call names.
    pub(super) fn update(
        &mut self,
        call: &mut Call<'_>,
        options: &WriteOptions,
        author: &Author,
        change: &mut Change<'_>,
    ) -> Result<Shown, ApiError> {
        let resource = Arc::clone(&call.resource);
        let Some(kept) = self.kept(&resource, &call.target.namespace, &call.target.name) else {
            return Err(ApiError::not_found(resource.group_resource(), &call.target.name));
        };
        let old = kept.value(&resource);
        let mut object = change(call, &old)?;
        check_version(&resource, &call.target.name, &object, &old)?;
        let owned = fields::can_be_owned(&resource, &object);
        isolate(&resource, &call.target.subresource, &mut object, &old);
        if author.verb != Verb::Apply {
            fields::note_update(author.write(call), &old, &mut object, owned);
        }
        keep_system_fields(&mut object, &old);
        if call.target.subresource == "status" {
            (resource.strategy.prepare_status_update)(&mut object, &old);
        } else {
            (resource.strategy.prepare_update)(&mut object, &old, call.now);
            // A status may bring annotations along, as a Deployment's revision: they count only where the whole object is written.
            count_generation(&resource, &mut object, &old);
        }
        let mut wrong = Vec::new();
        if call.target.subresource.is_empty() {
            wrong = self.allocate(&resource, &mut object, Some(&old), options.dry_run);
        }
        if wrong.is_empty() {
            wrong = faults(&resource, &call.target.subresource, &object, &old);
        }
        if !wrong.is_empty() {
            return Err(ApiError::invalid(resource.group_kind(), &call.target.name, &wrong));
        }
        call.warnings.extend(metadata::finalizer_warnings(&resource, &object, &old));
        if call.target.subresource.is_empty() {
            call.warnings.extend((resource.strategy.warnings)(&object));
        }
        if !options.dry_run && ends(&resource, &object, &old) {
            // The last finalizer of an object that is being deleted has gone, whether in this change or before.
            // The answer shows the change, in the version that it had: it was never stored.
            self.commit_deletion(call, author, &resource, &kept, old);
            return Ok(Shown::Made(object));
        }
        if unchanged(&object, &old) {
            if !options.dry_run {
                self.record_unchanged(call, author, &resource, &kept);
            }
            return Ok(Shown::Kept(kept));
        }
        if options.dry_run {
            return Ok(Shown::Made(object));
        }
        Ok(Shown::Kept(self.commit(call, author, &resource, object, Some(kept))))
    }
}

/// The name in the body must be the one in the path.
pub(super) fn check_name(call: &Call<'_>, object: &Value) -> Result<(), ApiError> {
    let (found, wanted) = (metadata::text(object, "name"), call.target.name.as_str());
    if found == wanted {
        return Ok(());
    }
    Err(ApiError::bad_request(if found.is_empty() {
        format!("the name of the object ({wanted} based on URL) was undeterminable: name must be provided")
    } else {
        format!("the name of the object ({found}) does not match the name on the URL ({wanted})")
    }))
}

fn check_uid_precondition(
    call: &Call<'_>,
    object: &Value,
    old: &Value,
    dry_run: bool,
) -> Result<(), ApiError> {
    let (wanted, found) = (metadata::text(object, "uid"), metadata::text(old, "uid"));
    if wanted.is_empty() || wanted == found {
        return Ok(());
    }
    let target = &call.target;
    // Where nothing is written in the end, the real server leaves out where its storage begins.
    let root = if dry_run { "" } else { "/registry" };
    let why = format!(
        "StorageError: invalid object, Code: 4, Key: {root}/{}/{}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: {wanted}, UID in object meta: {found}",
        storage_prefix(&call.resource),
        crate::collection::key(&target.namespace, &target.name),
    );
    Err(ApiError::conflict(call.resource.group_resource(), &target.name, &why))
}

/// Where the real server keeps the objects of a resource; some names are older than the API.
fn storage_prefix(resource: &Resource) -> String {
    match (resource.group.as_str(), resource.plural.as_str()) {
        (group, plural) if resource.custom => format!("{group}/{plural}"),
        ("apiextensions.k8s.io", plural) => format!("apiextensions.k8s.io/{plural}"),
        ("", "endpoints") => "services/endpoints".to_owned(),
        ("", "nodes") => "minions".to_owned(),
        ("", "replicationcontrollers") => "controllers".to_owned(),
        ("", "services") => "services/specs".to_owned(),
        ("networking.k8s.io", "ingresses") => "ingress".to_owned(),
        (_, plural) => plural.to_owned(),
    }
}

/// The resourceVersion in the object is a precondition; without one, kinds that allow it are overwritten.
pub(super) fn check_version(
    resource: &Resource,
    name: &str,
    object: &Value,
    old: &Value,
) -> Result<(), ApiError> {
    let found = metadata::text(object, "resourceVersion");
    if found.is_empty() || found == "0" {
        if resource.strategy.unconditional_update {
            return Ok(());
        }
        // The real server says the resource where it means the kind, and the number where it means none.
        let fault = FieldError::invalid("metadata.resourceVersion", 0, "must be specified for an update");
        let of = GroupResource { group: &resource.group, resource: &resource.plural };
        return Err(ApiError::invalid(of, name, &[fault]));
    }
    if found.parse::<u64>().is_err() {
        let found = quoted(found);
        return Err(ApiError::unexplained(format!("strconv.ParseUint: parsing {found}: invalid syntax")));
    }
    if found == metadata::text(old, "resourceVersion") {
        Ok(())
    } else {
        Err(ApiError::modified(resource.group_resource(), name))
    }
}

/// `/status` changes the status only, and the main path everything but it. With built-in kinds metadata may
/// come along with the status (a deployment's revision does), but for what the kind keeps.
fn isolate(resource: &Resource, subresource: &str, object: &mut Value, old: &Value) {
    if !resource.status_subresource {
        return;
    }
    if subresource != "status" {
        set(object, "status", old.get("status").cloned());
        return;
    }
    let status = object.get("status").cloned();
    let mut metadata = object["metadata"].take();
    *object = old.clone();
    set(object, "status", status);
    if resource.custom {
        set(&mut object["metadata"], "managedFields", metadata.get("managedFields").cloned());
    } else {
        for field in resource.strategy.status_keeps {
            set(&mut metadata, field, old["metadata"].get(field).cloned());
        }
        object["metadata"] = metadata;
    }
}

fn set(object: &mut Value, field: &str, value: Option<Value>) {
    let Some(fields) = object.as_object_mut() else { return };
    match value {
        Some(value) => fields.insert(field.to_owned(), value),
        None => fields.remove(field),
    };
}

/// What no client can change, or not this way.
pub(super) fn keep_system_fields(object: &mut Value, old: &Value) {
    let from_old = |field: &str| old["metadata"].get(field).filter(|value| !value.is_null()).cloned();
    let fields = metadata::map_mut(object);
    for field in ["generation", "resourceVersion", "creationTimestamp"] {
        match from_old(field) {
            Some(value) => fields.insert(field.to_owned(), value),
            None => fields.remove(field),
        };
    }
    if let Some(value) = from_old("deletionTimestamp") {
        fields.insert("deletionTimestamp".to_owned(), value);
    }
    for field in ["uid", "deletionGracePeriodSeconds"] {
        if let Some(value) = from_old(field) {
            fields.entry(field).or_insert(value);
        }
    }
}

fn count_generation(resource: &Resource, object: &mut Value, old: &Value) {
    let changed = match resource.strategy.generation {
        GenerationRule::None | GenerationRule::One => false,
        GenerationRule::Spec => object.get("spec") != old.get("spec"),
        GenerationRule::SpecAndAnnotations => {
            object.get("spec") != old.get("spec")
                || object["metadata"]["annotations"] != old["metadata"]["annotations"]
        }
        GenerationRule::AllButMetadataAndStatusWithLabels | GenerationRule::AllButMetadataAndStatus => {
            let labelled = resource.strategy.generation == GenerationRule::AllButMetadataAndStatusWithLabels;
            let labels = |value: &Value| value["metadata"].get("labels").filter(|_| labelled).cloned();
            let rest = |value: &Value| -> Vec<(String, Value)> {
                let kept = |key: &str| key != "metadata" && !(key == "status" && resource.status_subresource);
                value
                    .as_object()
                    .into_iter()
                    .flatten()
                    .filter(|(key, _)| kept(key))
                    .map(|(key, value)| (key.clone(), value.clone()))
                    .collect()
            };
            rest(object) != rest(old) || labels(object) != labels(old)
        }
    };
    if changed {
        let next = metadata::number(old, "generation") + 1;
        metadata::map_mut(object).insert("generation".to_owned(), next.into());
    }
}

fn faults(resource: &Resource, subresource: &str, object: &Value, old: &Value) -> Vec<FieldError> {
    let mut faults = metadata::faults(resource, object);
    // The real server looks twice, once for all kinds and once for each, and so names each fault twice.
    for _ in 0..2 {
        faults.extend(metadata::change_faults(object, old));
    }
    if subresource == "status" {
        faults.extend((resource.strategy.validate_status_update)(object, old));
    } else {
        faults.extend((resource.strategy.validate_update)(object, old));
    }
    if resource.custom && subresource == "status" {
        faults.extend(resource.schema.validate_status(object, old));
    } else {
        faults.extend(resource.schema.validate(object, Some(old)));
    }
    faults.extend(crd::scale_faults(resource, object));
    resource.schema.ask_rules(object, Some(old), &mut faults);
    faults
}

/// Whether an update has changed nothing that counts: only the times at which fields were owned do not.
fn unchanged(object: &Value, old: &Value) -> bool {
    if object == old {
        return true;
    }
    let timeless = |entries: &Value| -> Vec<Value> {
        let mut entries = entries.as_array().cloned().unwrap_or_default();
        for entry in &mut entries {
            entry["time"] = Value::Null;
        }
        // Their order depends on the times.
        entries.sort_by_key(ToString::to_string);
        entries
    };
    let managed = |object: &Value| timeless(&object["metadata"]["managedFields"]);
    same_but(object, old, "metadata")
        && same_but(&object["metadata"], &old["metadata"], "managedFields")
        && managed(object) == managed(old)
}

/// Whether two objects have the same fields but for this one.
fn same_but(one: &Value, other: &Value, field: &str) -> bool {
    let (Some(one), Some(other)) = (one.as_object(), other.as_object()) else { return one == other };
    one.iter().filter(|(key, _)| *key != field).eq(other.iter().filter(|(key, _)| *key != field))
}

/// Whether this change is the last of an object that is being deleted.
fn ends(resource: &Resource, object: &Value, old: &Value) -> bool {
    let held = namespaces::is_namespace(resource)
        && object["spec"]["finalizers"].as_array().is_some_and(|holders| !holders.is_empty());
    metadata::is_deleting(old)
        && !held
        && metadata::finalizers(object).is_empty()
        && metadata::number(old, "deletionGracePeriodSeconds") == 0
}

/// Marks an object as being deleted at `at`, with `grace_secs` to go.
pub(super) fn mark_deleting(object: &mut Value, at: jiff::Timestamp, grace_secs: i64) {
    let fields = metadata::map_mut(object);
    fields.insert("deletionTimestamp".to_owned(), seconds_text(at).into());
    fields.insert("deletionGracePeriodSeconds".to_owned(), grace_secs.into());
}
