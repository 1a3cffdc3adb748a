//! Kubernetes' own error bodies: `kind: Status` with reason, message, details and code.

use std::{collections::BTreeSet, fmt};

use serde_json::{Map, Value, json};

use crate::field_error::{FieldError, quoted};

/// An answer that is not what was asked for, as the API words it. [`ApiError::body`] is what is sent.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiError {
    /// The HTTP status code.
    pub code: u16,
    /// The machine-readable reason, such as `NotFound`; may be empty.
    pub reason: &'static str,
    /// The sentence for people.
    pub message: String,
    /// What it is about; left out of the body when `None`.
    pub details: Option<Box<Details>>,
}

/// What an error is about.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Details {
    /// API group; empty for the core group.
    pub group: String,
    /// The plural resource, or the kind for `Invalid` (as the real server does).
    pub kind: String,
    /// The object's name.
    pub name: String,
    /// The object's uid.
    pub uid: String,
    /// Each single fault.
    pub causes: Vec<Cause>,
    /// Seconds after which to try again; 0 leaves it out.
    pub retry_after_secs: u32,
}

/// One fault among several.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cause {
    /// Machine-readable type, such as `FieldValueRequired`.
    pub reason: String,
    /// The sentence for people.
    pub message: String,
    /// Path of the field; empty when there is none.
    pub field: String,
}

/// A resource as error messages name it: `deployments.apps`, or `pods` in the core group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupResource<'a> {
    /// API group; empty for the core group.
    pub group: &'a str,
    /// The plural resource name (or a kind, where the real server says the kind).
    pub resource: &'a str,
}

impl fmt::Display for GroupResource<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.group.is_empty() {
            f.write_str(self.resource)
        } else {
            write!(f, "{}.{}", self.resource, self.group)
        }
    }
}

impl ApiError {
    fn plain(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: None }
    }

    fn about(code: u16, reason: &'static str, of: GroupResource<'_>, name: &str, message: String) -> Self {
        Self {
            code,
            reason,
            message,
            details: Some(Box::new(Details {
                group: of.group.to_owned(),
                kind: of.resource.to_owned(),
                name: name.to_owned(),
                ..Details::default()
            })),
        }
    }

    /// 404: there is no such object.
    pub fn not_found(of: GroupResource<'_>, name: &str) -> Self {
        let message = format!("{of} {} not found", quoted(name));
        Self::about(404, "NotFound", of, name, message)
    }

    /// 404 for a path that no resource answers. The details are empty but present, as in the real answer.
    pub fn no_such_path() -> Self {
        Self {
            code: 404,
            reason: "NotFound",
            message: "the server could not find the requested resource".to_owned(),
            details: Some(Box::default()),
        }
    }

    /// 409: an object of this name exists.
    pub fn already_exists(of: GroupResource<'_>, name: &str) -> Self {
        let message = format!("{of} {} already exists", quoted(name));
        Self::about(409, "AlreadyExists", of, name, message)
    }

    /// 409: the object is in another state than the request assumed.
    pub fn conflict(of: GroupResource<'_>, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {of} {}: {why}", quoted(name));
        Self::about(409, "Conflict", of, name, message)
    }

    /// 409: the object was changed since the resourceVersion that the request carries.
    pub fn modified(of: GroupResource<'_>, name: &str) -> Self {
        Self::conflict(
            of,
            name,
            "the object has been modified; please apply your changes to the latest version and try again",
        )
    }

    /// 409 of server-side apply: fields that other managers own.
    pub fn apply_conflict(message: String, causes: Vec<Cause>) -> Self {
        Self {
            code: 409,
            reason: "Conflict",
            message,
            details: Some(Box::new(Details { causes, ..Details::default() })),
        }
    }

    /// 422: these fields are wrong. `of.resource` is the *kind* here.
    pub fn invalid(of: GroupResource<'_>, name: &str, faults: &[FieldError]) -> Self {
        let mut message = format!("{of} {} is invalid", quoted(name));
        let mut seen = BTreeSet::new();
        let sentences: Vec<String> =
            faults.iter().map(ToString::to_string).filter(|sentence| seen.insert(sentence.clone())).collect();
        match sentences.as_slice() {
            [] => {}
            [one] => message += &format!(": {one}"),
            many => message += &format!(": [{}]", many.join(", ")),
        }
        let mut error = Self::about(422, "Invalid", of, name, message);
        error.set_causes(
            faults
                .iter()
                .map(|fault| Cause {
                    reason: fault.kind.reason().to_owned(),
                    message: fault.body(),
                    field: fault.path.clone(),
                })
                .collect(),
        );
        error
    }

    /// 400: the request makes no sense.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::plain(400, "BadRequest", message)
    }

    /// 401: the token is not ours.
    pub fn unauthorized() -> Self {
        Self::plain(401, "Unauthorized", "Unauthorized")
    }

    /// 403: `why` it may not be done.
    pub fn forbidden(of: GroupResource<'_>, name: &str, why: &str) -> Self {
        let message = if name.is_empty() {
            format!("{of} is forbidden: {why}")
        } else {
            format!("{of} {} is forbidden: {why}", quoted(name))
        };
        Self::about(403, "Forbidden", of, name, message)
    }

    /// 405: this resource does not know that verb.
    pub fn method_not_allowed() -> Self {
        Self {
            code: 405,
            reason: "MethodNotAllowed",
            message: "the server does not allow this method on the requested resource".to_owned(),
            details: Some(Box::default()),
        }
    }

    /// 406: none of the media types that were asked for can be served.
    pub fn not_acceptable(served: &[&str]) -> Self {
        let message = format!("406: Not Acceptable\n\nAvailable representations: {}", served.join(", "));
        let mut error = Self::plain(406, "NotAcceptable", message);
        error.details = Some(Box::default());
        error
    }

    /// 406 of custom resources, which words it in its own way.
    pub fn custom_not_acceptable(served: &[&str]) -> Self {
        let message = format!("only the following media types are accepted: {}", served.join(", "));
        Self::plain(406, "NotAcceptable", message)
    }

    /// 410: the event log no longer reaches back that far.
    pub fn expired(message: impl Into<String>) -> Self {
        Self::plain(410, "Expired", message)
    }

    /// 413: the body is larger than the server reads.
    pub fn too_large(message: impl Into<String>) -> Self {
        Self::plain(413, "RequestEntityTooLarge", message)
    }

    /// 415: the body has a media type that this request cannot have.
    pub fn unsupported_media_type(accepted: &[&str]) -> Self {
        Self::plain(
            415,
            "UnsupportedMediaType",
            format!(
                "the body of the request was in an unknown format - accepted media types include: {}",
                accepted.join(", ")
            ),
        )
    }

    /// 422 of a patch that does not fit the object. Like the real server's, it does not say why.
    pub fn unfit() -> Self {
        let mut error =
            Self::plain(422, "Invalid", "the server rejected our request due to an error in our request");
        error.details = Some(Box::default());
        error
    }

    /// 500 with no reason: what the real server answers where it lets a plain error through.
    pub fn unexplained(message: impl Into<String>) -> Self {
        Self::plain(500, "", message)
    }

    /// 415 of a patch that comes in none of the forms a patch can have.
    pub fn unknown_patch_type() -> Self {
        let mut error = Self::plain(415, "UnsupportedMediaType", "415: Unsupported Media Type");
        error.details = Some(Box::default());
        error
    }

    /// An error that a kubelet answered with, about a part of a pod.
    pub fn strange_answer(code: u16, of: GroupResource<'_>, name: &str) -> Self {
        let (reason, message) = match code {
            404 => ("NotFound", "the server could not find the requested resource".to_owned()),
            422 => ("Invalid", "the server rejected our request due to an error in our request".to_owned()),
            503 => ("ServiceUnavailable", "the server is currently unable to handle the request".to_owned()),
            _ => {
                let message = "but did not return more information";
                ("", format!("the server responded with the status code {code} {message}"))
            }
        };
        Self::about(code, reason, of, name, format!("{message} ( {of} {name})"))
    }

    /// 429: not now. `retry_after_secs` 0 leaves the hint out.
    pub fn too_many_requests(message: impl Into<String>, retry_after_secs: u32) -> Self {
        let mut error = Self::plain(429, "TooManyRequests", message);
        error.details = Some(Box::new(Details { retry_after_secs, ..Details::default() }));
        error
    }

    /// 500: the server itself failed.
    pub fn internal(message: &str) -> Self {
        let mut error = Self::plain(500, "InternalError", format!("Internal error occurred: {message}"));
        error.set_causes(vec![Cause { message: message.to_owned(), ..Cause::default() }]);
        error
    }

    /// 501: a part of Kubernetes that this server knowingly does not have.
    pub fn not_implemented(message: impl Into<String>) -> Self {
        Self::plain(501, "NotImplemented", message)
    }

    /// 504: `what` was not there in time, such as a resourceVersion from the future.
    pub fn timeout(what: &str, retry_after_secs: u32) -> Self {
        let mut error = Self::plain(504, "Timeout", format!("Timeout: {what}"));
        error.details = Some(Box::new(Details { retry_after_secs, ..Details::default() }));
        error
    }

    /// The same error with these causes.
    #[must_use]
    pub fn with_causes(mut self, causes: Vec<Cause>) -> Self {
        self.set_causes(causes);
        self
    }

    /// Adds a cause to those that are there.
    pub fn add_cause(&mut self, cause: Cause) {
        self.details.get_or_insert_default().causes.push(cause);
    }

    fn set_causes(&mut self, causes: Vec<Cause>) {
        self.details.get_or_insert_default().causes = causes;
    }

    /// The `Status` object that is sent.
    pub fn body(&self) -> Value {
        let mut body = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "code": self.code,
        });
        if !self.reason.is_empty() {
            body["reason"] = json!(self.reason);
        }
        if let Some(details) = &self.details {
            body["details"] = details.value();
        }
        body
    }
}

impl Details {
    /// The details as JSON, empty fields left out.
    pub fn value(&self) -> Value {
        let mut out = Map::new();
        for (key, text) in
            [("name", &self.name), ("group", &self.group), ("kind", &self.kind), ("uid", &self.uid)]
        {
            if !text.is_empty() {
                out.insert(key.to_owned(), json!(text));
            }
        }
        if !self.causes.is_empty() {
            out.insert("causes".to_owned(), self.causes.iter().map(Cause::value).collect());
        }
        if self.retry_after_secs > 0 {
            out.insert("retryAfterSeconds".to_owned(), json!(self.retry_after_secs));
        }
        Value::Object(out)
    }
}

impl Cause {
    fn value(&self) -> Value {
        let mut out = Map::new();
        for (key, text) in [("reason", &self.reason), ("message", &self.message), ("field", &self.field)] {
            if !text.is_empty() {
                out.insert(key.to_owned(), json!(text));
            }
        }
        Value::Object(out)
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ApiError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalid_object_names_every_fault_once_in_the_message_and_all_as_causes() {
        let of = GroupResource { group: "apps", resource: "Deployment" };
        let fault = FieldError::required("spec.selector", "");
        let other = FieldError::invalid("spec.replicas", -1, "no");
        let error = ApiError::invalid(of, "web", &[fault.clone(), fault, other]);
        assert_eq!(
            error.message,
            "Deployment.apps \"web\" is invalid: \
             [spec.selector: Required value, spec.replicas: Invalid value: -1: no]"
        );
        assert_eq!(error.body()["details"]["causes"].as_array().map(Vec::len), Some(3));
    }

    #[test]
    fn not_found_has_the_body_that_clients_parse() {
        let of = GroupResource { group: "", resource: "pods" };
        assert_eq!(
            ApiError::not_found(of, "web").body(),
            json!({
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                "message": "pods \"web\" not found", "reason": "NotFound",
                "details": {"name": "web", "kind": "pods"}, "code": 404,
            })
        );
    }
}
