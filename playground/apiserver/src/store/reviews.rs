//! Questions that a client asks about itself.

use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::create::seconds_text;
use crate::{answer::Answer, path::Target, request::Request, status::ApiError};

/// Questions that a client asks about itself: everything is allowed to whoever has the token.
pub(super) fn answer(request: &Request, target: &Target, now: Timestamp) -> Option<Result<Answer, ApiError>> {
    let status = match (target.group.as_str(), target.plural.as_str()) {
        (
            "authorization.k8s.io",
            "selfsubjectaccessreviews" | "subjectaccessreviews" | "localsubjectaccessreviews",
        ) => {
            json!({"allowed": true})
        }
        ("authorization.k8s.io", "selfsubjectrulesreviews") => json!({
            "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
            "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
            "incomplete": false,
        }),
        ("authentication.k8s.io", "selfsubjectreviews") => {
            json!({"userInfo": {
                "username": "admin", "uid": "admin", "groups": ["system:masters", "system:authenticated"],
            }})
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
            if target.plural == "selfsubjectreviews" {
                review["metadata"]["creationTimestamp"] = json!(seconds_text(now));
            }
            Ok(Answer::json(201, &review))
        }
        _ => Err(ApiError::bad_request("the object provided is unrecognized")),
    })
}
