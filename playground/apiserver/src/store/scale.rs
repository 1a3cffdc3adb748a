//! The `scale` subresource: one number of an object, seen and set alone.

use serde_json::{Map, Value, json};

use super::{Call, Store, body, commit::Author};
use crate::{
    answer::{Answer, Shown},
    field_error::{FieldError, quoted},
    fields, metadata,
    negotiation::content_type,
    options::WriteOptions,
    patch::{json as json_patch, merge},
    resource::ScalePaths,
    selector::LabelSelector,
    status::{ApiError, GroupResource},
    write_log::Verb,
};

const APPLY: &str = "application/apply-patch+yaml";

impl Store {
    pub(super) fn scale(&mut self, call: &mut Call<'_>, paths: &ScalePaths) -> Result<Answer, ApiError> {
        // What is asked is read before the object is looked for.
        let asked = match call.request.method {
            http::Method::GET => None,
            http::Method::PUT => {
                let options = WriteOptions::parse(&call.request.query, "UpdateOptions", false)?;
                content_type(call.request, &["application/json"])?;
                let read = read_body(call).and_then(|wanted| {
                    replicas_of(&wanted).map_err(|fault| unreadable(&fault))?;
                    Ok(wanted)
                });
                let wanted =
                    read.map_err(|error| if call.resource.custom { undescribed() } else { error })?;
                check_scale_name(call, &wanted)?;
                Some((wanted, options))
            }
            http::Method::PATCH => {
                let applies = call.request.header("content-type").starts_with(APPLY);
                let options = WriteOptions::parse(&call.request.query, "PatchOptions", applies)?;
                Some((Value::Null, options))
            }
            _ => return Err(ApiError::method_not_allowed()),
        };
        let kept = self
            .kept(&call.resource, &call.target.namespace, &call.target.name)
            .ok_or_else(|| ApiError::not_found(call.resource.group_resource(), &call.target.name))?;
        let object = kept.value(&call.resource);
        let current = scale_of(&object, paths);
        let Some((wanted, options)) = asked else {
            // Who sets the number need not find one.
            if call.resource.custom && at(&object, &paths.spec_replicas).is_null() {
                let why = format!("the spec replicas field {} does not exist", quoted(&paths.spec_replicas));
                return Err(ApiError::internal(&why));
            }
            return Ok(Answer::object(200, &Shown::Made(current), &call.resource, call.form, call.now));
        };
        let (wanted, verb) = match call.request.method {
            http::Method::PUT => (wanted, Verb::Update),
            _ if call.request.header("content-type").starts_with(APPLY) => {
                return self.apply_scale(call, paths, &object);
            }
            _ => (patched(call, &current, &options)?, Verb::Patch),
        };
        let replicas = wanted_replicas(call, &wanted)?;
        let author = Author::of(call, verb, &options.field_manager);
        let version = metadata::text(&wanted, "resourceVersion").to_owned();
        let shown = self.update(call, &options, &author, &mut |_, old| {
            let mut object = old.clone();
            set(&mut object, &paths.spec_replicas, json!(replicas));
            if !version.is_empty() {
                metadata::map_mut(&mut object).insert("resourceVersion".to_owned(), json!(version));
            }
            Ok(object)
        })?;
        Ok(scaled(call, paths, shown))
    }

    /// Server-side apply of a Scale: who wants so many replicas is noted with the object that is scaled.
    fn apply_scale(
        &mut self,
        call: &mut Call<'_>,
        paths: &ScalePaths,
        object: &Value,
    ) -> Result<Answer, ApiError> {
        let options = WriteOptions::parse(&call.request.query, "PatchOptions", true)?;
        let wanted = body::parse(&call.request.body, true)
            .map_err(|why| ApiError::bad_request(format!("error decoding YAML: {why}")))?
            .value;
        let kind = format!("{}, Kind={}", plain_text(&wanted["apiVersion"]), plain_text(&wanted["kind"]));
        if kind != "autoscaling/v1, Kind=Scale" {
            return Err(ApiError::bad_request(format!("invalid object type: {kind}")));
        }
        let mut applied = json!({"apiVersion": object["apiVersion"], "kind": object["kind"],
                                 "metadata": {"name": call.target.name}});
        if !wanted["spec"]["replicas"].is_null() {
            set(&mut applied, &paths.spec_replicas, json!(wanted_replicas(call, &wanted)?));
        }
        let author = Author::of(call, Verb::Apply, &options.field_manager);
        if call.resource.custom {
            // The real server looks for conflicts, and then does not know how to make an object of a Scale.
            fields::apply(author.write(call), object, &applied, options.force)?;
            let name =
                format!("{}/{}", metadata::text(&wanted, "namespace"), metadata::text(&wanted, "name"));
            return Err(ApiError::unexplained(format!(
                "failed to convert new object ({name}; {kind}) to proper version: request to convert CR to an invalid group/version: autoscaling/v1"
            )));
        }
        let shown = self.update(call, &options, &author, &mut |call, old| {
            fields::apply(author.write(call), old, &applied, options.force)
        })?;
        Ok(scaled(call, paths, shown))
    }
}

fn scaled(call: &Call<'_>, paths: &ScalePaths, shown: Shown) -> Answer {
    let object = match shown {
        Shown::Kept(kept) => kept.value(&call.resource),
        Shown::Made(object) | Shown::Plain(object) => object,
    };
    Answer::object(200, &Shown::Made(scale_of(&object, paths)), &call.resource, call.form, call.now)
}

fn plain_text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn read_body(call: &Call<'_>) -> Result<Value, ApiError> {
    let wanted: Value = serde_json::from_slice(&call.request.body).map_err(|error| {
        ApiError::bad_request(format!(
            "the object provided is unrecognized (must be of type Scale): couldn't get version/kind; json parse error: {error}"
        ))
    })?;
    let kind = wanted["kind"].as_str().unwrap_or("Scale");
    if kind != "Scale" {
        let of = GroupResource { group: "autoscaling", resource: "Scale" };
        return Err(ApiError::bad_request(body::wrong_kind(plain_text(&wanted["apiVersion"]), kind, of)));
    }
    Ok(wanted)
}

fn patched(call: &Call<'_>, current: &Value, options: &WriteOptions) -> Result<Value, ApiError> {
    let forms = [
        "application/json-patch+json",
        "application/merge-patch+json",
        "application/strategic-merge-patch+json",
    ];
    let form = content_type(call.request, &forms)?;
    let patch: Value = serde_json::from_slice(&call.request.body)
        .map_err(|error| ApiError::bad_request(format!("error decoding patch: {error}")))?;
    // A Scale has no lists that merge, so a strategic patch of it is a merge patch.
    let wanted = if form == forms[0] {
        json_patch::apply(current, &patch, options.unknown_fields)?
    } else {
        merge::apply(current, &patch)?
    };
    replicas_of(&wanted).map_err(|fault| {
        let fault = FieldError::invalid("patch", wanted.to_string(), fault);
        ApiError::invalid(GroupResource { group: "", resource: "" }, "", &[fault])
    })?;
    Ok(wanted)
}

fn check_scale_name(call: &Call<'_>, wanted: &Value) -> Result<(), ApiError> {
    let name = metadata::text(wanted, "name");
    if name == call.target.name {
        return Ok(());
    }
    Err(ApiError::bad_request(format!(
        "the name of the object ({name}) does not match the name on the URL ({})",
        call.target.name
    )))
}

/// The replicas that a Scale says, or what the decoder says of them.
fn replicas_of(wanted: &Value) -> Result<i64, String> {
    match &wanted["spec"]["replicas"] {
        Value::Null => Ok(0),
        found => found.as_i64().ok_or_else(|| {
            let found = crate::schema::type_name(found);
            format!(
                "json: cannot unmarshal {found} into Go struct field ScaleSpec.spec.replicas of type int32"
            )
        }),
    }
}

fn unreadable(fault: &str) -> ApiError {
    ApiError::bad_request(format!("Scale in version \"v1\" cannot be handled as a Scale: {fault}"))
}

/// Of a Scale of custom objects that it cannot read, the real server does not know what it should have been.
fn undescribed() -> ApiError {
    const SCHEME: &str = "pkg/runtime/scheme.go:111";
    ApiError::bad_request(format!("no kind is registered for the type v1.Scale in scheme {}", quoted(SCHEME)))
}

fn wanted_replicas(call: &Call<'_>, wanted: &Value) -> Result<i64, ApiError> {
    check_scale_name(call, wanted)?;
    let name = metadata::text(wanted, "name");
    let replicas = replicas_of(wanted).map_err(|fault| unreadable(&fault))?;
    // Of a custom object the whole is looked at, with the number in it.
    if replicas < 0 && !call.resource.custom {
        let fault = FieldError::invalid("spec.replicas", replicas, "must be greater than or equal to 0");
        let of = GroupResource { group: "autoscaling", resource: "Scale" };
        return Err(ApiError::invalid(of, name, &[fault]));
    }
    Ok(replicas)
}

/// The Scale of an object.
fn scale_of(object: &Value, paths: &ScalePaths) -> Value {
    let kept = ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"];
    let metadata: Map<String, Value> = kept
        .iter()
        .filter_map(|field| Some(((*field).to_owned(), object["metadata"].get(field)?.clone())))
        .collect();
    let number = |path: &str| at(object, path).as_i64().unwrap_or_default();
    let mut scale = json!({
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": metadata,
        "spec": {},
        "status": {"replicas": number(&paths.status_replicas)},
    });
    if number(&paths.spec_replicas) != 0 {
        scale["spec"]["replicas"] = json!(number(&paths.spec_replicas));
    }
    let selector = match paths.label_selector.as_deref().map(|path| at(object, path)) {
        Some(Value::String(text)) => text.clone(),
        Some(selector @ Value::Object(_)) => LabelSelector::of(selector).to_string(),
        _ => String::new(),
    };
    if !selector.is_empty() {
        scale["status"]["selector"] = json!(selector);
    }
    scale
}

/// The value at a dotted path such as `.spec.replicas`; null if there is none.
fn at<'a>(object: &'a Value, path: &str) -> &'a Value {
    path.split('.').filter(|part| !part.is_empty()).fold(object, |value, part| &value[part])
}

fn set(object: &mut Value, path: &str, value: Value) {
    let mut place = object;
    for part in path.split('.').filter(|part| !part.is_empty()) {
        if !place.is_object() {
            *place = json!({});
        }
        place = &mut place[part];
    }
    *place = value;
}
