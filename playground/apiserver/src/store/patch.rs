//! PATCH in its four forms.

use serde_json::Value;

use super::{Call, Store, body, body::Source, commit::Author, create::fit_namespace, update::check_name};
use crate::{
    answer::Answer,
    fields, metadata,
    negotiation::content_type,
    options::{UnknownFields, WriteOptions},
    patch::{json as json_patch, merge, strategic},
    resource::Resource,
    status::ApiError,
    write_log::Verb,
};

const JSON: &str = "application/json-patch+json";
const MERGE: &str = "application/merge-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";
const APPLY: &str = "application/apply-patch+yaml";

impl Store {
    pub(super) fn patch(&mut self, call: &mut Call<'_>) -> Result<Answer, ApiError> {
        let taken: &[&str] =
            if call.resource.custom { &[JSON, MERGE, APPLY] } else { &[JSON, MERGE, STRATEGIC, APPLY] };
        // For built-in kinds the real server refuses before it looks, and says less.
        let form = content_type(call.request, taken)
            .map_err(|error| if call.resource.custom { error } else { ApiError::unknown_patch_type() })?
            .to_owned();
        let options = WriteOptions::parse(&call.request.query, "PatchOptions", form == APPLY)?;
        let patch = patch_body(call, &form, options.unknown_fields)?;
        if form == APPLY {
            return self.apply(call, &options, &patch);
        }
        let author = Author::of(call, Verb::Patch, &options.field_manager);
        let shown = self.update(call, &options, &author, &mut |call, old| {
            let mut object = patched(&form, old, &patch, &call.resource, options.unknown_fields)?;
            if form == STRATEGIC {
                strategic::check_types(&object, &patch, &call.resource.schema)?;
            }
            body::check_patched_kind(&call.resource, &object)?;
            let source = if form == STRATEGIC { Source::Strategic(&patch) } else { Source::Patch };
            body::shaped(call, &mut object, options.unknown_fields, source)?;
            fit_namespace(call, &mut object)?;
            check_name(call, &object)?;
            Ok(object)
        })?;
        Ok(Answer::object(200, &shown, &call.resource, call.form, call.now))
    }
}

impl Store {
    fn apply(
        &mut self,
        call: &mut Call<'_>,
        options: &WriteOptions,
        wanted: &Value,
    ) -> Result<Answer, ApiError> {
        check_applied(call, wanted)?;
        if options.unknown_fields == UnknownFields::Refuse && !call.twice.is_empty() {
            return Err(ApiError::bad_request(format!(
                "error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n  {}",
                call.twice.join("\n  ")
            )));
        }
        let author = Author::of(call, Verb::Apply, &options.field_manager);
        let target = call.target.clone();
        if self.kept(&call.resource, &target.namespace, &target.name).is_none() {
            if !target.subresource.is_empty() && !call.resource.strategy.create_on_update {
                return Err(ApiError::not_found(call.resource.group_resource(), &target.name));
            }
            let mut object = fields::apply(author.write(call), &Value::Null, wanted, options.force)?;
            check_no_uid(call, wanted)?;
            fit_namespace(call, &mut object)?;
            check_name(call, wanted)?;
            body::shaped(call, &mut object, options.unknown_fields, Source::Merged)?;
            let shown = self.create(call, object, options, &author)?;
            return Ok(Answer::object(201, &shown, &call.resource, call.form, call.now));
        }
        let shown = self.update(call, options, &author, &mut |call, old| {
            let mut object = fields::apply(author.write(call), old, wanted, options.force)?;
            fit_namespace(call, &mut object)?;
            body::shaped(call, &mut object, options.unknown_fields, Source::Merged)?;
            check_name(call, &object)?;
            Ok(object)
        })?;
        Ok(Answer::object(200, &shown, &call.resource, call.form, call.now))
    }
}

/// What an applied configuration must say, and may not.
fn check_applied(call: &Call<'_>, wanted: &Value) -> Result<(), ApiError> {
    if !wanted.is_object() {
        let found = crate::schema::type_name(wanted);
        return Err(ApiError::bad_request(format!(
            "error decoding YAML: json: cannot unmarshal {found} into Go value of type map[string]interface {{}}"
        )));
    }
    let text = |field: &str| wanted[field].as_str().unwrap_or_default();
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    if api_version != call.resource.api_version() || kind != call.resource.kind {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        return Err(ApiError::bad_request(format!("invalid object type: {group}/{version}, Kind={kind}")));
    }
    if !wanted["metadata"].is_null() && !wanted["metadata"].is_object() {
        return Err(ApiError::bad_request("metadata must be an object"));
    }
    if !wanted["metadata"]["managedFields"].is_null() {
        return Err(ApiError::bad_request("metadata.managedFields must be nil"));
    }
    Ok(())
}

fn check_no_uid(call: &Call<'_>, wanted: &Value) -> Result<(), ApiError> {
    let uid = metadata::text(wanted, "uid");
    if uid.is_empty() {
        return Ok(());
    }
    let why =
        format!("uid mismatch: the provided object specified uid {uid}, and no existing object was found");
    Err(ApiError::conflict(call.resource.group_resource(), &call.target.name, &why))
}

fn patch_body(call: &mut Call<'_>, form: &str, unknown: UnknownFields) -> Result<Value, ApiError> {
    let parsed = body::parse(&call.request.body, form == APPLY).map_err(|why| {
        ApiError::bad_request(match form {
            APPLY => format!("error decoding YAML: {why}"),
            STRATEGIC => why,
            _ if unknown == UnknownFields::Ignore => why,
            _ => format!("error decoding patch: {why}"),
        })
    })?;
    call.twice = parsed.twice;
    Ok(parsed.value)
}

fn patched(
    form: &str,
    old: &Value,
    patch: &Value,
    resource: &Resource,
    unknown: UnknownFields,
) -> Result<Value, ApiError> {
    match form {
        JSON => json_patch::apply(old, patch, unknown),
        STRATEGIC => strategic::apply(old, patch, &resource.schema),
        _ => merge::apply(old, patch),
    }
}
