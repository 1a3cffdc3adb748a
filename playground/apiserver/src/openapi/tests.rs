use serde_json::{Value, json};

use super::{document, index};
use crate::builtin;
use crate::crd;

#[test]
fn a_document_has_what_kubectl_looks_for() {
    let registry = builtin::registry();
    let document = document(&registry, "apps", "v1").unwrap();
    let schemas = &document["components"]["schemas"];
    let deployment = &schemas["io.k8s.api.apps.v1.Deployment"];
    assert_eq!(
        deployment["x-kubernetes-group-version-kind"],
        json!([{"group": "apps", "version": "v1", "kind": "Deployment"}])
    );
    assert!(deployment["properties"]["spec"]["description"].is_string());
    assert_eq!(
        deployment["properties"]["spec"]["allOf"][0]["$ref"],
        "#/components/schemas/io.k8s.api.apps.v1.DeploymentSpec"
    );
    let ports = &schemas["io.k8s.api.core.v1.Container"]["properties"]["ports"];
    assert_eq!(ports["x-kubernetes-patch-merge-key"], "containerPort");
    assert_eq!(ports["x-kubernetes-list-map-keys"], json!(["containerPort", "protocol"]));
    let patch = &document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"];
    assert!(patch["requestBody"]["content"]["application/strategic-merge-patch+json"].is_object());
    assert!(patch["parameters"].as_array().unwrap().iter().any(|p| p["name"] == "fieldValidation"));
}

#[test]
fn every_reference_leads_somewhere() {
    let registry = builtin::registry();
    for (group, versions) in registry.groups() {
        for version in versions {
            let document = document(&registry, group, version).unwrap();
            let mut missing = Vec::new();
            references(&document, &mut |reference| {
                let name = reference.rsplit('/').next().unwrap();
                if document["components"]["schemas"][name].is_null() {
                    missing.push(name.to_owned());
                }
            });
            assert_eq!(missing, Vec::<String>::new(), "{group}/{version}");
            for ours in ["x-omit-zero", "x-null-time", "x-always-there"] {
                assert!(!document.to_string().contains(ours));
            }
        }
    }
}

fn references(node: &Value, visit: &mut impl FnMut(&str)) {
    match node {
        Value::Object(fields) => {
            if let Some(Value::String(reference)) = fields.get("$ref") {
                visit(reference);
            }
            fields.values().for_each(|child| references(child, visit));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, visit)),
        _ => {}
    }
}

#[test]
fn a_custom_resource_is_described_by_its_definition_and_its_hash_follows_it() {
    let mut definition = json!({"spec": {
        "group": "example.com", "scope": "Namespaced",
        "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"},
        "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
            "type": "object", "properties": {"spec": {"type": "object", "description": "What is wanted."}}}}}]
    }});
    let mut registry = builtin::registry();
    crd::resources(&definition).into_iter().for_each(|resource| {
        registry.add(resource);
    });
    let before = index(&registry)["paths"]["apis/example.com/v1"]["serverRelativeURL"].clone();
    let document = document(&registry, "example.com", "v1").unwrap();
    let widget = &document["components"]["schemas"]["com.example.v1.Widget"];
    assert_eq!(widget["properties"]["spec"]["description"], "What is wanted.");
    assert_eq!(widget["x-kubernetes-group-version-kind"][0]["kind"], "Widget");
    definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["description"] = json!("New.");
    crd::resources(&definition).into_iter().for_each(|resource| {
        registry.add(resource);
    });
    let after = &index(&registry)["paths"]["apis/example.com/v1"]["serverRelativeURL"];
    assert!(before.is_string() && before != *after);
}
