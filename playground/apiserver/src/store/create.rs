//! POST of a new object.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Call, Store, body, commit::Author};
use crate::{
    answer::{Answer, Shown},
    crd,
    field_error::FieldError,
    fields, metadata,
    options::WriteOptions,
    resource::{GenerationRule, Resource},
    status::ApiError,
    write_log::Verb,
};

/// Suffixes of generated names have no vowels and no look-alikes.
const SUFFIX_LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
const SUFFIX_CHARS: usize = 5;
const NAME_CHARS_MAX: usize = 63;
/// How often a generated name that is taken is drawn anew.
const NAME_DRAWS_MAX: usize = 8;

impl Store {
    pub(super) fn create_from_body(&mut self, call: &mut Call<'_>) -> Result<Answer, ApiError> {
        let options = WriteOptions::parse(&call.request.query, "CreateOptions", false)?;
        let object = body::object(call, options.unknown_fields)?;
        let author = Author::of(call, Verb::Create, &options.field_manager);
        let shown = self.create(call, object, &options, &author)?;
        Ok(Answer::object(201, &shown, &call.resource, call.form, call.now))
    }

    /// Creates an object that has the shape of its kind already.
    pub(super) fn create(
        &mut self,
        call: &mut Call<'_>,
        mut object: Value,
        options: &WriteOptions,
        author: &Author,
    ) -> Result<Shown, ApiError> {
        let resource = Arc::clone(&call.resource);
        let fields = metadata::map_mut(&mut object);
        for field in ["uid", "creationTimestamp"] {
            fields.remove(field);
        }
        // A kind that counts no generations keeps what it is given.
        if resource.strategy.generation != GenerationRule::None {
            fields.remove("generation");
        }
        if author.verb == Verb::Create {
            for field in ["deletionTimestamp", "deletionGracePeriodSeconds"] {
                fields.remove(field);
            }
        }
        fit_namespace(call, &mut object)?;
        self.admit_of_definition(&resource, metadata::text(&object, "name"))?;
        self.admit_into_namespace(&resource, &object)?;
        // A PUT that creates may carry any: there is nothing to hold it against.
        let carried = metadata::text(&object, "resourceVersion");
        if author.verb != Verb::Update && !matches!(carried, "" | "0") {
            return Err(ApiError::unexplained("resourceVersion should not be set on objects to be created"));
        }
        if author.verb != Verb::Apply {
            let owned = fields::can_be_owned(&resource, &object);
            fields::note_update(author.write(call), &Value::Null, &mut object, owned);
        }
        let generated =
            metadata::text(&object, "name").is_empty() && !metadata::text(&object, "generateName").is_empty();
        if generated {
            self.generate_name(call, &mut object)?;
        }
        let uid = self.draw_uid();
        let fields = metadata::map_mut(&mut object);
        fields.insert("uid".to_owned(), json!(uid));
        fields.insert("creationTimestamp".to_owned(), json!(seconds_text(call.now)));
        if resource.strategy.generation != GenerationRule::None {
            fields.insert("generation".to_owned(), json!(1));
        }
        if resource.status_subresource
            && !resource.strategy.status_on_create
            && let Some(fields) = object.as_object_mut()
        {
            fields.remove("status");
        }
        self.admit_by_classes(&resource, &mut object)?;
        // Through a subresource an object comes as it is: nothing is filled in from elsewhere, no addresses are handed out.
        let through_part = !author.subresource.is_empty();
        (resource.strategy.prepare_create)(&mut object, call.now);
        let mut faults = Vec::new();
        if !through_part {
            faults = self.allocate(&resource, &mut object, None, options.dry_run);
        }
        if faults.is_empty() {
            faults = new_faults(&resource, &object);
        }
        let name = metadata::text(&object, "name").to_owned();
        if !faults.is_empty() {
            return Err(ApiError::invalid(resource.group_kind(), &name, &faults));
        }
        call.warnings.extend(metadata::finalizer_warnings(&resource, &object, &Value::Null));
        call.warnings.extend((resource.strategy.warnings)(&object));
        call.warnings.extend(metadata::name_warning(&resource, &object));
        if let Some(kept) = self.kept(&resource, metadata::text(&object, "namespace"), &name) {
            let mut refusal = ApiError::already_exists(resource.group_resource(), &name);
            if metadata::is_deleting(&kept.value(&resource)) {
                refusal.message = format!("object is being deleted: {}", refusal.message);
            }
            return Err(refusal);
        }
        if options.dry_run {
            return Ok(Shown::Made(object));
        }
        Ok(Shown::Kept(self.commit(call, author, &resource, object, None)))
    }

    fn generate_name(&mut self, call: &Call<'_>, object: &mut Value) -> Result<(), ApiError> {
        let prefix: String =
            metadata::text(object, "generateName").chars().take(NAME_CHARS_MAX - SUFFIX_CHARS).collect();
        let namespace = metadata::text(object, "namespace").to_owned();
        let mut name = String::new();
        for _ in 0..NAME_DRAWS_MAX {
            name.clone_from(&prefix);
            for _ in 0..SUFFIX_CHARS {
                let letter = self.dice.usize(..SUFFIX_LETTERS.len());
                name.push(char::from(SUFFIX_LETTERS[letter]));
            }
            if self.kept(&call.resource, &namespace, &name).is_none() {
                metadata::map_mut(object).insert("name".to_owned(), json!(name));
                return Ok(());
            }
        }
        let mut error = ApiError::already_exists(call.resource.group_resource(), &name);
        error.message += ", the server was not able to generate a unique name for the object";
        if let Some(details) = &mut error.details {
            details.retry_after_secs = 1;
        }
        Err(error)
    }

    fn draw_uid(&mut self) -> String {
        let bits = self.dice.u128(..);
        // Version 4, variant 1, as random uids say of themselves.
        let bits = (bits & !(0xf << 76) | (0x4 << 76)) & !(0x3 << 62) | (0x2 << 62);
        let hex = format!("{bits:032x}");
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }
}

fn new_faults(resource: &Resource, object: &Value) -> Vec<FieldError> {
    let own = (resource.strategy.validate_create)(object);
    let looks = resource.strategy.checks_metadata || own.is_empty();
    let mut faults = if looks { metadata::faults(resource, object) } else { Vec::new() };
    faults.extend(own);
    faults.extend(resource.schema.validate(object, None));
    faults.extend(crd::scale_faults(resource, object));
    resource.schema.ask_rules(object, None, &mut faults);
    faults
}

/// A time as metadata writes it: whole seconds.
pub(super) fn seconds_text(now: jiff::Timestamp) -> String {
    now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Sets the namespace that the path names, unless the object names another one.
pub(super) fn fit_namespace(call: &Call<'_>, object: &mut Value) -> Result<(), ApiError> {
    let found = metadata::text(object, "namespace");
    let wanted = call.target.namespace.as_str();
    if found == wanted {
        return Ok(());
    }
    if !found.is_empty() && !wanted.is_empty() {
        return Err(ApiError::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        ));
    }
    let fields = metadata::map_mut(object);
    if wanted.is_empty() {
        fields.remove("namespace");
    } else {
        fields.insert("namespace".to_owned(), json!(wanted));
    }
    Ok(())
}
