//! Everything that is not about objects: health, version, discovery, and questions about oneself.

use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Store;
use crate::{
    answer::Answer,
    path::{Path, Target},
    request::Request,
    status::ApiError,
};

/// The Kubernetes version whose behaviour is followed.
const MINOR: &str = "36";

impl Store {
    pub(super) fn other_step(&mut self, request: &Request, path: &Path, _now: Timestamp) -> Answer {
        if request.method != Method::GET {
            return Answer::error(&ApiError::method_not_allowed());
        }
        match path {
            Path::Other(path) => match path.as_str() {
                "/version" | "/version/" => Answer::json(200, &version()),
                path if is_health(path) => Answer::bytes(200, "text/plain; charset=utf-8", "ok"),
                _ => Answer::no_such_path(),
            },
            _ => Answer::no_such_path(),
        }
    }
}

/// Questions that a client asks about itself: everything is allowed to whoever has the token.
pub(super) fn review(request: &Request, target: &Target) -> Option<Result<Answer, ApiError>> {
    let status = match (target.group.as_str(), target.plural.as_str()) {
        (
            "authorization.k8s.io",
            "selfsubjectaccessreviews" | "subjectaccessreviews" | "localsubjectaccessreviews",
        ) => {
            json!({"allowed": true, "reason": "everything is allowed here"})
        }
        ("authorization.k8s.io", "selfsubjectrulesreviews") => json!({
            "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
            "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
            "incomplete": false,
        }),
        ("authentication.k8s.io", "selfsubjectreviews") => {
            json!({"userInfo": {"username": "admin", "groups": ["system:masters", "system:authenticated"]}})
        }
        _ => return None,
    };
    if request.method != Method::POST {
        return Some(Err(ApiError::method_not_allowed()));
    }
    let body: Result<Value, _> = serde_json::from_slice(&request.body);
    Some(match body {
        Ok(mut review) if review.is_object() => {
            review["status"] = status;
            Ok(Answer::json(201, &review))
        }
        _ => Err(ApiError::bad_request("the object provided is unrecognized")),
    })
}

fn is_health(path: &str) -> bool {
    ["/healthz", "/livez", "/readyz"]
        .iter()
        .any(|base| path.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

fn version() -> Value {
    json!({
        "major": "1",
        "minor": MINOR,
        "gitVersion": format!("v1.{MINOR}.3+verdigris"),
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": "rustc",
        "platform": "memory",
    })
}
