//! Answers about the server itself: discovery, OpenAPI, version and health.

use http::Method;

use crate::{
    answer::Answer,
    discovery,
    openapi::{self, protobuf},
    path::Path,
    request::Request,
    resource::Registry,
    status::ApiError,
};

/// The answer for a path that is not about objects.
pub(crate) fn answer(registry: &Registry, request: &Request, path: &Path) -> Answer {
    if !matches!(request.method, Method::GET | Method::HEAD) {
        return Answer::error(&ApiError::method_not_allowed());
    }
    let aggregated = discovery::takes_aggregated(request.header("accept"));
    let found = match path {
        Path::CoreVersions | Path::Groups => {
            let core = *path == Path::CoreVersions;
            return match (aggregated, core) {
                (true, _) => {
                    let body = discovery::aggregated(registry, core);
                    Answer::bytes(200, discovery::AGGREGATED, body.to_string().into_bytes())
                }
                (false, true) => Answer::json(200, &discovery::core_versions(request.header("host"))),
                (false, false) => Answer::json(200, &discovery::groups(registry)),
            };
        }
        Path::Group(group) => discovery::group(registry, group),
        Path::GroupVersion(group, version) => discovery::resources(registry, group, version),
        Path::Other(path) => return other(registry, request, path),
        Path::Resource(_) => None,
    };
    let known = |group: &str| registry.iter().any(|resource| resource.group == group && !resource.custom);
    match (found, path) {
        (Some(body), _) => Answer::json(200, &body),
        // Of a group that is known, another version is what is not found.
        (None, Path::GroupVersion(group, _)) if known(group) => Answer::error(&ApiError::no_such_path()),
        (None, _) => Answer::no_such_path(),
    }
}

fn other(registry: &Registry, request: &Request, path: &str) -> Answer {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let found = match parts.as_slice() {
        ["version"] => {
            let text = format!("{:#}", discovery::version());
            return Answer::bytes(200, "application/json", text);
        }
        ["healthz" | "livez" | "readyz", ..] => {
            return Answer::bytes(200, "text/plain; charset=utf-8", "ok");
        }
        ["openapi", "v2"] => {
            let accept = request.header("accept");
            if accept.contains(protobuf::ASKED) {
                return Answer::bytes(200, protobuf::SENT, openapi::document_v2_protobuf(registry));
            }
            let takes_json =
                accept.is_empty() || ["application/json", "*/*"].iter().any(|m| accept.contains(m));
            if !takes_json {
                return Answer::error(&ApiError::not_acceptable(&["application/json"]));
            }
            Some(openapi::document_v2(registry))
        }
        ["openapi", "v3"] => {
            let body = openapi::index(registry).to_string().into_bytes();
            return Answer::bytes(200, "text/plain; charset=utf-8", body);
        }
        ["openapi", "v3", "api", version] => openapi::document(registry, "", version),
        ["openapi", "v3", "apis", group, version] => openapi::document(registry, group, version),
        _ => None,
    };
    found.map_or_else(Answer::no_such_path, |body| Answer::json(200, &body))
}
