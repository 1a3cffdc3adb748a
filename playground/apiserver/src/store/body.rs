//! From the bytes of a body to an object that has the shape of its kind.

use serde_json::Value;
use serde_saphyr::DuplicateKeyPolicy;

use super::Call;
use crate::{
    builtin,
    field_error::{FieldError, quoted},
    go_text, json_syntax, json_text, metadata,
    negotiation::{SERVED, content_type},
    options::UnknownFields,
    protobuf,
    resource::Resource,
    status::{ApiError, GroupResource},
};

/// The media types that bodies of built-in kinds come in. Protocol buffers have been read by now.
const TAKEN: [&str; 3] = ["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"];

/// How to word what is wrong with an object's shape: a body is refused with 400, what a patch has made of
/// an object with 422.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source<'p> {
    Body,
    /// What server-side apply has made of an object: refused as a body is.
    Merged,
    Patch,
    /// A strategic patch is itself what is shown.
    Strategic(&'p Value),
}

/// The object in the body of a create or an update, pruned, defaulted and tidied.
pub(super) fn object(call: &mut Call<'_>, unknown: UnknownFields) -> Result<Value, ApiError> {
    let taken: &[&str] = if call.resource.custom { &SERVED } else { &TAKEN };
    let media = content_type(call.request, taken)?;
    if media == protobuf::MEDIA_TYPE && !call.request.body.is_empty() {
        // What could be read of such bodies is JSON by now.
        let fault = protobuf::decode(&call.request.body).err().map(|error| error.to_string());
        return Err(unrecognized(call, &fault.unwrap_or_default()));
    }
    let mut object = parsed(call, media == "application/yaml")?;
    if call.resource.custom {
        check_kind_is_there(call, &object, unknown)?;
    }
    check_kind(&call.resource, &object)?;
    shaped(call, &mut object, unknown, Source::Body)?;
    Ok(object)
}

fn parsed(call: &mut Call<'_>, yaml: bool) -> Result<Value, ApiError> {
    let body = &call.request.body;
    let fault = match parse(body, yaml) {
        Ok(parsed) if parsed.value.is_object() => {
            call.twice = parsed.twice;
            return Ok(parsed.value);
        }
        // Nothing was said of anything.
        Ok(parsed) if parsed.value.is_null() && !yaml => return Ok(Value::Object(serde_json::Map::new())),
        Ok(other) => {
            let found = match &other.value {
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
    Err(unrecognized(call, &fault))
}

fn unrecognized(call: &Call<'_>, fault: &str) -> ApiError {
    let kind = &call.resource.kind;
    let seen = summary(&call.request.body);
    ApiError::bad_request(format!(
        "the object provided is unrecognized (must be of type {kind}): {fault} ({seen})"
    ))
}

/// A custom object must say what it is; one of a built-in kind need not.
fn check_kind_is_there(call: &Call<'_>, object: &Value, unknown: UnknownFields) -> Result<(), ApiError> {
    if object["kind"].as_str().is_some_and(|kind| !kind.is_empty()) {
        return Ok(());
    }
    let body = String::from_utf8_lossy(&call.request.body);
    let fault = format!("Object 'Kind' is missing in '{body}'");
    if unknown == UnknownFields::Ignore {
        // Then it is read by another reader.
        return Err(refusal(&call.resource, object, Source::Body, &fault));
    }
    Err(unrecognized(call, &fault))
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

/// What a body says, and what stood in it twice.
pub(super) struct Parsed {
    pub value: Value,
    pub twice: Vec<String>,
}

/// Parses JSON or YAML. Nesting is bounded by the parsers.
pub(super) fn parse(body: &[u8], yaml: bool) -> Result<Parsed, String> {
    let named = |paths: Vec<String>| {
        paths.into_iter().map(|path| format!("duplicate field {}", quoted(&path))).collect()
    };
    match json_text::read(body) {
        // JSON that is read as YAML says so where it repeats itself.
        Ok((_, paths)) if yaml && !paths.is_empty() => {}
        Ok((value, paths)) => return Ok(Parsed { value, twice: named(paths) }),
        Err(error) if !yaml => return Err(json_syntax::fault(body).unwrap_or_else(|| error.to_string())),
        // JSON is YAML; the JSON parser is faster and stricter about what it takes.
        Err(_) => {}
    }
    let text = std::str::from_utf8(body).map_err(|error| error.to_string())?;
    match serde_saphyr::from_str(text) {
        Ok(value) => Ok(Parsed { value, twice: Vec::new() }),
        Err(error) => {
            let lenient = serde_saphyr::options! { duplicate_keys: DuplicateKeyPolicy::LastWins };
            let value = serde_saphyr::from_str_with_options(text, lenient)
                .map_err(|_| yaml_fault(&error.to_string()))?;
            Ok(Parsed { value, twice: duplicate_key(&error.to_string()).into_iter().collect() })
        }
    }
}

/// `line 6: key "k" already set in map`, from what our parser says of it.
fn duplicate_key(fault: &str) -> Option<String> {
    let (_, rest) = fault.split_once("line ")?;
    let (line, rest) = rest.split_once(' ')?;
    let (_, rest) = rest.split_once("duplicate mapping key: ")?;
    let key: String = rest.chars().take_while(|c| *c != ',' && !c.is_whitespace()).collect();
    Some(format!("line {line}: key {} already set in map", quoted(&key)))
}

/// What is wrong with text that is no YAML. The real server words faults in its own parser's way; common to both is the line.
fn yaml_fault(fault: &str) -> String {
    if fault.contains("unclosed") {
        return "error converting YAML to JSON: yaml: found unexpected end of stream".to_owned();
    }
    let fault = fault.lines().next().unwrap_or_default().trim_start_matches("error: ");
    format!("error converting YAML to JSON: yaml: {fault}")
}

fn check_kind(resource: &Resource, object: &Value) -> Result<(), ApiError> {
    let found = |field: &str| object[field].as_str().unwrap_or_default();
    let own = resource.api_version();
    let (api_version, kind) = match (found("apiVersion"), found("kind")) {
        ("", "") => return Ok(()),
        ("", _) if resource.custom => return Err(other_version("", &own)),
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
        return Err(other_version(api_version, &own));
    }
    if kind == resource.kind && api_version == own {
        return Ok(());
    }
    let own = GroupResource { group: &resource.group, resource: &resource.kind };
    Err(ApiError::bad_request(wrong_kind(api_version, kind, own)))
}

fn other_version(found: &str, own: &str) -> ApiError {
    ApiError::bad_request(format!(
        "the API version in the data ({found}) does not match the expected API version ({own})"
    ))
}

/// That a body is of another kind than the `wanted` one.
pub(super) fn wrong_kind(api_version: &str, kind: &str, wanted: GroupResource<'_>) -> String {
    const OTHERS: [&str; 6] = ["Binding", "DeleteOptions", "List", "PodExecOptions", "Scale", "Status"];
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let known = OTHERS.contains(&kind) || builtin::registry().by_kind(group, version, kind).is_some();
    let why = if known {
        let family = match wanted.group.split('.').next() {
            None | Some("") => "core",
            Some(family) => family,
        };
        format!("converting ({version}.{kind}) to ({family}.{}): unknown conversion", wanted.resource)
    } else {
        let (kind, api_version) = (quoted(kind), quoted(api_version));
        format!(
            "no kind {kind} is registered for version {api_version} in scheme \"pkg/runtime/scheme.go:111\""
        )
    };
    format!("{kind} in version {} cannot be handled as a {}: {why}", quoted(version), wanted.resource)
}

/// A patch must leave an object of a built-in kind what it is.
pub(super) fn check_patched_kind(resource: &Resource, object: &Value) -> Result<(), ApiError> {
    let text = |field: &str| object[field].as_str().unwrap_or_default();
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    if resource.custom || (kind == resource.kind && api_version == resource.api_version()) {
        return Ok(());
    }
    let fault = format!(
        "no kind {} is registered for version {} in scheme \"pkg/runtime/scheme.go:111\"",
        quoted(kind),
        quoted(api_version)
    );
    Err(refusal(resource, object, Source::Patch, &fault))
}

/// Brings an object into the shape of its kind: types checked, unknown fields dropped (or refused),
/// defaults filled in, metadata tidied.
pub(super) fn shaped(
    call: &mut Call<'_>,
    object: &mut Value,
    unknown: UnknownFields,
    source: Source<'_>,
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
        let mut fields = std::mem::take(&mut call.twice);
        let mut found = resource.schema.unknown_fields(object);
        if resource.custom {
            found.sort();
        } else {
            in_order_of_text(&mut found, &call.request.body);
        }
        let found = found.into_iter();
        fields.extend(found.map(|path| format!("unknown field {}", quoted(&path))));
        if !fields.is_empty() && unknown == UnknownFields::Refuse {
            let yaml = fields.iter().any(|field| field.starts_with("line "));
            let sentences = fields.join(if yaml { "\n  " } else { ", " });
            let yaml = if yaml { "yaml: unmarshal errors:\n  " } else { "" };
            let fault = format!("strict decoding error: {yaml}{sentences}");
            return Err(refusal(&resource, object, source, &fault));
        }
        call.warnings.extend(fields);
    }
    resource.schema.prune(object);
    if resource.custom && matches!(source, Source::Merged) {
        resource.schema.apply_defaults_to_merged(object);
    } else {
        resource.schema.apply_defaults(object);
    }
    (resource.strategy.default)(object);
    metadata::tidy(object);
    Ok(())
}

/// Puts paths into the order in which their last steps stand in a body.
fn in_order_of_text(paths: &mut [String], body: &[u8]) {
    if paths.len() > 1 {
        let text = String::from_utf8_lossy(body);
        paths.sort_by_key(|path| {
            let name = path.rsplit('.').next().unwrap_or_default();
            text.find(&quoted(name)).unwrap_or(usize::MAX)
        });
    }
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

fn refusal(resource: &Resource, object: &Value, source: Source<'_>, fault: &str) -> ApiError {
    match source {
        Source::Body | Source::Merged => ApiError::bad_request(format!(
            "{0} in version {1} cannot be handled as a {0}: {fault}",
            resource.kind,
            quoted(&resource.version)
        )),
        Source::Patch => ApiError::invalid(
            GroupResource { group: "", resource: "" },
            "",
            &[FieldError::invalid("patch", object.to_string(), fault)],
        ),
        Source::Strategic(patch) => ApiError::invalid(
            GroupResource { group: "", resource: "" },
            "",
            &[FieldError::invalid("patch", go_text::plain(patch), fault)],
        ),
    }
}
