//! PATCH in its four forms.

use serde_json::Value;

use super::{Call, Store, body, body::Source, commit::Author, create::fit_namespace, update::check_name};
use crate::{
    answer::Answer,
    negotiation::content_type,
    options::WriteOptions,
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
        let form = content_type(call.request, taken)?.to_owned();
        let options = WriteOptions::parse(&call.request.query, "PatchOptions", form == APPLY)?;
        let patch = patch_body(call, &form)?;
        let author = Author::of(call, Verb::Patch, &options.field_manager);
        let shown = self.update(call, &options, &author, &mut |call, old| {
            let mut object = patched(&form, old, &patch, &call.resource)?;
            body::shaped(call, &mut object, options.unknown_fields, Source::Patch)?;
            fit_namespace(call, &mut object)?;
            check_name(call, &object)?;
            Ok(object)
        })?;
        Ok(Answer::object(200, &shown, &call.resource, call.form, call.now))
    }
}

fn patch_body(call: &Call<'_>, form: &str) -> Result<Value, ApiError> {
    body::parse(&call.request.body, form == APPLY).map_err(|why| {
        ApiError::bad_request(match form {
            APPLY => format!("error decoding YAML: {why}"),
            _ => format!("error decoding patch: {why}"),
        })
    })
}

fn patched(form: &str, old: &Value, patch: &Value, resource: &Resource) -> Result<Value, ApiError> {
    match form {
        JSON => json_patch::apply(old, patch),
        STRATEGIC => strategic::apply(old, patch, &resource.schema),
        _ => merge::apply(old, patch),
    }
}
