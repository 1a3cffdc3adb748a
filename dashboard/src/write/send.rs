//! Sends patches to the API server, and puts its refusals into words.

use http::{Request, StatusCode, header};
use kube::Client;
use serde_json::Value;
use verdigris_core::action::{Patch, PatchKind, Target};

use super::Failure;
use crate::{state::Shared, store::Key};

/// Recorded by the API server as the author of the fields.
const FIELD_MANAGER: &str = "verdigris-dashboard";

/// Sends patches in order and stops at the first that fails.
pub(super) async fn all(app: &Shared, key: &Key, patches: &[Patch]) -> Result<(), Failure> {
    for patch in patches {
        let sent = match &patch.target {
            Target::Status => {
                let path = format!("{}/status", rollout_path(key));
                match one(&app.client, &path, patch).await {
                    // A CRD without the subresource: very old, but the peer's clients bear with it.
                    Err(kube::Error::Api(status)) if status.code == 404 => {
                        one(&app.client, &rollout_path(key), patch).await
                    }
                    sent => sent,
                }
            }
            Target::Rollout => one(&app.client, &rollout_path(key), patch).await,
            Target::Workload(workload) => {
                let group = match workload.api_version.as_str() {
                    "v1" => "/api/v1".to_owned(),
                    group_version => format!("/apis/{group_version}"),
                };
                let plural = format!("{}s", workload.kind.to_ascii_lowercase());
                let path = format!("{group}/namespaces/{}/{plural}/{}", key.0, workload.name);
                one(&app.client, &path, patch).await
            }
        };
        sent.map_err(|source| Failure::Api { what: "Nothing more was changed", source })?;
    }
    Ok(())
}

fn rollout_path(key: &Key) -> String {
    format!("/apis/argoproj.io/v1alpha1/namespaces/{}/rollouts/{}", key.0, key.1)
}

async fn one(client: &Client, path: &str, patch: &Patch) -> Result<Value, kube::Error> {
    let content_type = match patch.kind {
        PatchKind::Merge => "application/merge-patch+json",
        PatchKind::Json => "application/json-patch+json",
    };
    let body = serde_json::to_vec(&patch.body).map_err(kube::Error::SerdeError)?;
    let request = Request::patch(format!("{path}?fieldManager={FIELD_MANAGER}"))
        .header(header::CONTENT_TYPE, content_type)
        .body(body)
        .map_err(kube::Error::HttpError)?;
    client.request(request).await
}

/// What the API server says, or that it says nothing.
pub(super) fn words(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if status.code == 409 => {
            format!(
                "somebody else changed it at the same time; look at it again and repeat ({})",
                status.message
            )
        }
        kube::Error::Api(status) => status.message.clone(),
        other => format!("the API server did not answer ({other})"),
    }
}

/// The API server's refusals are passed on; anything else is a failure behind us.
pub(super) fn status(error: &kube::Error) -> StatusCode {
    match error {
        kube::Error::Api(status) => match StatusCode::from_u16(status.code) {
            Ok(code) if code.is_client_error() && code != StatusCode::UNAUTHORIZED => code,
            _ => StatusCode::BAD_GATEWAY,
        },
        _ => StatusCode::BAD_GATEWAY,
    }
}
