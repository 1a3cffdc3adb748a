//! Which form of an answer a client asks for (`Accept`), and in which form a body comes (`Content-Type`).

use crate::{field_error::FieldError, request::Request, status::ApiError, table::IncludeObject};

/// The media types that objects are written in.
pub(crate) const SERVED: [&str; 2] = ["application/json", "application/yaml"];

/// The form of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// What is made of the object.
    pub shape: Shape,
    /// Written as YAML instead of JSON.
    pub yaml: bool,
}

/// What is made of an object before it is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// Nothing: the object itself.
    #[default]
    Whole,
    /// The object's metadata only.
    Metadata,
    /// A list of metadata only.
    MetadataList,
    /// A table of cells, with this much of each object beside them.
    Table(IncludeObject),
}

/// The form that a request asks for.
///
/// # Errors
/// 406 if nothing that it accepts can be served.
pub fn accepted(request: &Request) -> Result<Form, ApiError> {
    let header = request.header("accept");
    if header.trim().is_empty() {
        return Ok(Form::default());
    }
    let wanted = request.query.text("includeObject");
    let include = IncludeObject::parse(wanted);
    let mut clauses: Vec<(u32, Form)> =
        header.split(',').filter_map(|text| clause(text, include.unwrap_or_default())).collect();
    // Stable: among equal weights the first one named wins.
    clauses.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
    let form = clauses.first().map(|(_, form)| *form).ok_or_else(|| ApiError::not_acceptable(&SERVED))?;
    if matches!(form.shape, Shape::Table(_)) && include.is_none() {
        let why = "must be 'Metadata', 'Object', 'None', or empty";
        let fault = FieldError::invalid("includeObject", wanted, why);
        return Err(ApiError::bad_request(format!("Unable to convert to Table as requested: {fault}")));
    }
    Ok(form)
}

/// One alternative of an `Accept` header with its weight in thousandths, if it can be served.
fn clause(text: &str, include: IncludeObject) -> Option<(u32, Form)> {
    let mut parts = text.split(';').map(str::trim);
    let yaml = match parts.next()? {
        "application/json" | "application/*" | "*/*" => false,
        "application/yaml" => true,
        _ => return None,
    };
    let (mut target, mut group, mut version, mut weight) = ("", "", "", 1000);
    for (key, value) in parts.filter_map(|part| part.split_once('=')) {
        match key.trim() {
            "as" => target = value,
            "g" => group = value,
            "v" => version = value,
            "q" => weight = weight_of(value),
            _ => {}
        }
    }
    let shape = match (target, group, version) {
        ("", _, _) => Shape::Whole,
        ("PartialObjectMetadata", "meta.k8s.io", "v1" | "v1beta1") => Shape::Metadata,
        ("PartialObjectMetadataList", "meta.k8s.io", "v1" | "v1beta1") => Shape::MetadataList,
        ("Table", "meta.k8s.io", "v1" | "v1beta1") => Shape::Table(include),
        // Aggregated discovery is negotiated by its own rules; for objects the alternative is unknown.
        _ => return None,
    };
    (weight > 0).then_some((weight, Form { shape, yaml }))
}

fn weight_of(text: &str) -> u32 {
    let value: f32 = text.trim().parse().unwrap_or(1.0);
    // Bounded, so the cast keeps the value.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=1000")]
    let weight = (value.clamp(0.0, 1.0) * 1000.0) as u32;
    weight
}

/// The media type of the body without its parameters, JSON if none is named.
///
/// # Errors
/// 415 if it is not one of `taken`.
pub fn content_type<'a>(request: &'a Request, taken: &[&str]) -> Result<&'a str, ApiError> {
    let named = request.header("content-type").split(';').next().unwrap_or_default().trim();
    let named = if named.is_empty() { "application/json" } else { named };
    if taken.contains(&named) { Ok(named) } else { Err(ApiError::unsupported_media_type(taken)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Query;

    fn form(accept: &str) -> Result<Form, u16> {
        let mut headers = http::HeaderMap::new();
        headers.insert("accept", accept.parse().unwrap());
        let request = Request {
            method: http::Method::GET,
            path: "/".into(),
            query: Query::default(),
            headers,
            body: bytes::Bytes::new(),
        };
        accepted(&request).map_err(|error| error.code)
    }

    #[test]
    fn the_form_with_the_highest_weight_that_can_be_served_is_chosen() {
        let kubectl = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;\
                       g=meta.k8s.io,application/json";
        let table = Form { shape: Shape::Table(IncludeObject::Metadata), yaml: false };
        assert_eq!(form(kubectl), Ok(table));
        assert_eq!(form("application/vnd.kubernetes.protobuf, application/json"), Ok(Form::default()));
        assert_eq!(
            form("application/json;q=0.5, application/yaml"),
            Ok(Form { yaml: true, ..Form::default() })
        );
        assert_eq!(form("application/vnd.kubernetes.protobuf"), Err(406));
        assert_eq!(form("*/*"), Ok(Form::default()));
    }
}
