//! The paths of a resource, as far as clients look at them: which kind, what can be done, which parameters.

use serde_json::{Map, Value, json};

use super::definition_name;
use crate::resource::Resource;

/// Adds the paths of a resource.
pub(super) fn add(paths: &mut Map<String, Value>, resource: &Resource) {
    let root = match resource.group.as_str() {
        "" => format!("/api/{}", resource.version),
        group => format!("/apis/{group}/{}", resource.version),
    };
    let scope = if resource.namespaced { "/namespaces/{namespace}" } else { "" };
    let collection = format!("{root}{scope}/{}", resource.plural);
    let object = format!("{collection}/{{name}}");
    let op = |action: &str| operation(resource, action);
    if resource.asked {
        let parameters = path_parameters(resource.namespaced, false);
        paths.insert(collection, json!({"post": op("post"), "parameters": parameters}));
        return;
    }
    paths.insert(
        collection.clone(),
        json!({"get": op("list"), "post": op("post"), "delete": op("deletecollection"),
               "parameters": path_parameters(resource.namespaced, false)}),
    );
    if resource.namespaced {
        paths.insert(format!("{root}/{}", resource.plural), json!({"get": op("list")}));
    }
    paths.insert(
        object.clone(),
        json!({"get": op("get"), "put": op("put"), "patch": op("patch"), "delete": op("delete"),
               "parameters": path_parameters(resource.namespaced, true)}),
    );
    let parts = [("status", resource.status_subresource), ("scale", resource.scale.is_some())];
    for (part, _) in parts.into_iter().filter(|(_, exists)| *exists) {
        let scale = json!({"group": "autoscaling", "version": "v1", "kind": "Scale"});
        let operation = |action: &str| {
            let mut operation = op(action);
            if part == "scale" {
                operation["x-kubernetes-group-version-kind"] = scale.clone();
            }
            operation
        };
        paths.insert(
            format!("{object}/{part}"),
            json!({"get": operation("get"), "put": operation("put"), "patch": operation("patch"),
                   "parameters": path_parameters(resource.namespaced, true)}),
        );
    }
}

fn operation(resource: &Resource, action: &str) -> Value {
    let reference = json!({"$ref": format!("#/components/schemas/{}", definition_name(resource))});
    let content = json!({"application/json": {"schema": reference}});
    let mut operation = json!({
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind":
            {"group": resource.group, "version": resource.version, "kind": resource.kind},
        "responses": {"200": {"description": "OK", "content": content}},
    });
    let write_parameters: &[&str] = match action {
        "post" | "put" => &["dryRun", "fieldManager", "fieldValidation"],
        "patch" => &["dryRun", "fieldManager", "fieldValidation", "force"],
        "delete" | "deletecollection" => &["dryRun", "gracePeriodSeconds", "propagationPolicy"],
        _ => &[],
    };
    if !write_parameters.is_empty() {
        let parameters: Vec<Value> = write_parameters.iter().map(|name| query_parameter(name)).collect();
        operation["parameters"] = Value::Array(parameters);
    }
    match action {
        "post" | "put" => operation["requestBody"] = json!({"required": true, "content": content}),
        "patch" => operation["requestBody"] = json!({"required": true, "content": patch_content(resource)}),
        _ => {}
    }
    operation
}

/// The media types of patches. Strategic merge is for built-in kinds only; kubectl looks for it here.
fn patch_content(resource: &Resource) -> Value {
    let mut types =
        vec!["application/apply-patch+yaml", "application/json-patch+json", "application/merge-patch+json"];
    if !resource.custom {
        types.push("application/strategic-merge-patch+json");
    }
    let content = types.into_iter().map(|media| (media.to_owned(), json!({"schema": {"type": "object"}})));
    Value::Object(content.collect())
}

fn query_parameter(name: &str) -> Value {
    let kind = match name {
        "force" => "boolean",
        "gracePeriodSeconds" => "integer",
        _ => "string",
    };
    json!({"name": name, "in": "query", "schema": {"type": kind, "uniqueItems": true}})
}

fn path_parameters(namespaced: bool, named: bool) -> Value {
    let names = [("name", named), ("namespace", namespaced)];
    let parameters: Vec<Value> = names
        .into_iter()
        .filter(|(_, present)| *present)
        .map(|(name, _)| {
            json!({"name": name, "in": "path", "required": true, "schema": {"type": "string", "uniqueItems": true}})
        })
        .collect();
    Value::Array(parameters)
}
