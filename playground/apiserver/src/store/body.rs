//! From the bytes of a body to an object that has the shape of its kind.

use serde_json::Value;

use super::Call;
use crate::{
    field_error::{FieldError, quoted},
    metadata,
    negotiation::{SERVED, content_type},
    options::UnknownFields,
    resource::Resource,
    status::{ApiError, GroupResource},
};

/// The media types that bodies of built-in kinds come in. Protocol buffers have been read by now.
const TAKEN: [&str; 3] = ["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"];

/// How to word what is wrong with an object's shape: a body is refused with 400, what a patch has made of
/// an object with 422.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Body,
    Patch,
}

/// The object in the body of a create or an update, pruned, defaulted and tidied.
pub(super) fn object(call: &mut Call<'_>, unknown: UnknownFields) -> Result<Value, ApiError> {
    let taken: &[&str] = if call.resource.custom { &SERVED } else { &TAKEN };
    let media = content_type(call.request, taken)?;
    let mut object = parsed(call, media == "application/yaml")?;
    check_kind(&call.resource, &object)?;
    shaped(call, &mut object, unknown, Source::Body)?;
    Ok(object)
}

fn parsed(call: &Call<'_>, yaml: bool) -> Result<Value, ApiError> {
    let body = &call.request.body;
    let fault = match parse(body, yaml) {
        Ok(value) if value.is_object() => return Ok(value),
        Ok(other) => {
            let found = match &other {
                Value::Number(_) => "number",
                Value::Bool(_) => "bool",
                other => crate::schema::type_name(other),
            };
            format!(
                "couldn't get version/kind; json parse error: json: cannot unmarshal {found} into Go value of type struct {{ APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" }}"
            )
        }
        Err(why) => format!("couldn't get version/kind; json parse error: {why}"),
    };
    let kind = &call.resource.kind;
    let seen = summary(body);
    Err(ApiError::bad_request(format!(
        "the object provided is unrecognized (must be of type {kind}): {fault} ({seen})"
    )))
}

/// The beginning of a body for a message: as text if it looks like JSON, else in hexadecimal.
fn summary(body: &[u8]) -> String {
    const BYTES_MAX: usize = 30;
    let more = if body.len() > BYTES_MAX { " ..." } else { "" };
    let start = &body[..body.len().min(BYTES_MAX)];
    match start.first() {
        None => "<empty>".to_owned(),
        Some(b'{') => format!("{}{more}", String::from_utf8_lossy(start)),
        Some(_) => format!("{}{more}", start.iter().map(|byte| format!("{byte:02x}")).collect::<String>()),
    }
}

/// Parses JSON or YAML. Nesting is bounded by the parsers.
pub(super) fn parse(body: &[u8], yaml: bool) -> Result<Value, String> {
    if !yaml {
        return serde_json::from_slice(body).map_err(|error| json_fault(body, &error));
    }
    let text = std::str::from_utf8(body).map_err(|error| error.to_string())?;
    // JSON is YAML; the JSON parser is faster and stricter about what it takes.
    serde_json::from_str(text).or_else(|_| serde_saphyr::from_str(text)).map_err(|error| error.to_string())
}

/// What is wrong with text that is no JSON, in the real server's words where they are simple to find.
pub(crate) fn json_fault(body: &[u8], error: &serde_json::Error) -> String {
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace()).copied();
    match first {
        None => "unexpected end of JSON input".to_owned(),
        Some(_) if error.is_eof() => "unexpected end of JSON input".to_owned(),
        Some(byte) if !(byte.is_ascii_digit() || b"{[\"-tfn".contains(&byte)) => {
            format!("invalid character {:?} looking for beginning of value", char::from(byte))
        }
        Some(_) => error.to_string(),
    }
}

fn check_kind(resource: &Resource, object: &Value) -> Result<(), ApiError> {
    let found = |field: &str| object[field].as_str().unwrap_or_default();
    let own = resource.api_version();
    let (api_version, kind) = match (found("apiVersion"), found("kind")) {
        ("", "") => return Ok(()),
        ("", kind) => (own.as_str(), kind),
        (api_version, "") => (api_version, resource.kind.as_str()),
        both => both,
    };
    if resource.custom && kind != resource.kind {
        let fault = FieldError::invalid("kind", kind, format!("must be {}", resource.kind));
        let of = GroupResource { group: &resource.group, resource: kind };
        return Err(ApiError::invalid(of, metadata::text(object, "name"), &[fault]));
    }
    if resource.custom && api_version != own {
        return Err(ApiError::bad_request(format!(
            "the API version in the data ({api_version}) does not match the expected API version ({own})"
        )));
    }
    if kind == resource.kind && api_version == own {
        return Ok(());
    }
    let version = quoted(api_version.rsplit('/').next().unwrap_or_default());
    Err(ApiError::bad_request(format!(
        "{kind} in version {version} cannot be handled as a {}: no kind {} is registered for version {} in scheme \"pkg/runtime/scheme.go:111\"",
        resource.kind,
        quoted(kind),
        quoted(api_version),
    )))
}

/// Brings an object into the shape of its kind: types checked, unknown fields dropped (or refused),
/// defaults filled in, metadata tidied.
pub(super) fn shaped(
    call: &mut Call<'_>,
    object: &mut Value,
    unknown: UnknownFields,
    source: Source,
) -> Result<(), ApiError> {
    let resource = std::sync::Arc::clone(&call.resource);
    if !object["metadata"].is_null() && !object["metadata"].is_object() {
        let found = crate::schema::type_name(&object["metadata"]);
        let fault = format!(
            "json: cannot unmarshal {found} into Go struct field {}.metadata of type v1.ObjectMeta",
            resource.kind
        );
        return Err(refusal(&resource, object, source, &fault));
    }
    if let Some(mismatch) = type_mismatch(&resource, object) {
        return Err(refusal(&resource, object, source, &mismatch));
    }
    if unknown != UnknownFields::Ignore {
        let fields: Vec<String> = resource
            .schema
            .unknown_fields(object)
            .into_iter()
            .map(|path| format!("unknown field {}", quoted(&path)))
            .collect();
        if !fields.is_empty() && unknown == UnknownFields::Refuse {
            let fault = format!("strict decoding error: {}", fields.join(", "));
            return Err(refusal(&resource, object, source, &fault));
        }
        call.warnings.extend(fields);
    }
    resource.schema.prune(object);
    resource.schema.apply_defaults(object);
    (resource.strategy.default)(object);
    metadata::tidy(object);
    Ok(())
}

/// Built-in kinds are decoded into types, so a wrong type anywhere is a fault of the request. Of a custom
/// resource only the metadata is; the rest is validated like any other rule of its schema.
fn type_mismatch(resource: &Resource, object: &Value) -> Option<String> {
    if !resource.custom {
        return resource.schema.type_mismatch(object).map(|mismatch| mismatch.to_string());
    }
    let schema = resource.schema.properties.get("metadata")?;
    schema.type_mismatch(&object["metadata"]).map(|mismatch| mismatch.to_string())
}

fn refusal(resource: &Resource, object: &Value, source: Source, fault: &str) -> ApiError {
    match source {
        Source::Body => ApiError::bad_request(format!(
            "{0} in version {1} cannot be handled as a {0}: {fault}",
            resource.kind,
            quoted(&resource.version)
        )),
        Source::Patch => ApiError::invalid(
            GroupResource { group: "", resource: "" },
            "",
            &[FieldError::invalid("patch", object.to_string(), fault)],
        ),
    }
}
