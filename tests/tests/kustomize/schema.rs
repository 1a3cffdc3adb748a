//! The OpenAPI schema says of Kubernetes' own kinds what the API reference says, and of ours what there is.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use verdigris_playground_apiserver::builtin::definitions::{definition_name, described};

const SCHEMA: &str = include_str!("../../../charts/kustomize/rollout-openapi.yaml");

/// The peer's definitions of the kinds, which say what can be written.
const CUSTOM_RESOURCES: [&str; 5] = [
    include_str!("../../fixtures/peer/api/rollout-crd.json"),
    include_str!("../../fixtures/peer/api/experiment-crd.json"),
    include_str!("../../fixtures/peer/api/analysis-run-crd.json"),
    include_str!("../../fixtures/peer/api/analysis-template-crd.json"),
    include_str!("../../fixtures/peer/api/cluster-analysis-template-crd.json"),
];

/// Group, version and kind.
type Kind = (String, String, String);

/// A list that is merged: its path with `[]` for an entry, and the fields that tell entries apart.
type Merged = (String, Vec<String>);

#[test]
fn kubernetes_own_kinds_merge_as_the_api_reference_says() {
    let reference: Map<String, Value> = described().into_iter().collect();
    let is_kind = |definition: &Value| {
        let has = |field: &str| definition["properties"].get(field).is_some();
        has("apiVersion") && has("kind") && has("metadata")
    };
    let kinds = reference.iter().filter(|(_, definition)| is_kind(definition));
    let expected: BTreeMap<String, BTreeSet<Merged>> = kinds
        .map(|(name, definition)| (name.clone(), merged(definition, &reference)))
        .filter(|(_, merged)| !merged.is_empty())
        .collect();
    let ours = of_our_schema();
    let found = ours.into_iter().filter(|((group, ..), _)| group != "argoproj.io");
    let found: BTreeMap<_, _> = found
        .map(|((group, version, kind), merged)| (definition_name(&group, &version, &kind), merged))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn every_list_of_a_custom_resource_is_one_whose_entries_have_the_key() {
    let ours = of_our_schema();
    for kind in ["Rollout", "Experiment", "AnalysisRun", "AnalysisTemplate", "ClusterAnalysisTemplate"] {
        let schema = custom_resource(kind);
        let key: Kind = ("argoproj.io".into(), "v1alpha1".into(), kind.into());
        let lists = &ours[&key];
        assert!(lists.len() > 4, "{kind}: {lists:?}");
        // Those of pods are compared with Kubernetes' own; the peer's definitions leave some of them open.
        let outside_pods = lists.iter().filter(|(path, _)| !path.contains("template/spec/"));
        for (path, keys) in outside_pods {
            // One definition serves all kinds of analyses, and a run is not made of other templates.
            if kind == "AnalysisRun" && path == "spec/templates" {
                continue;
            }
            let list = path.split('/').fold(&schema, |node, field| match field {
                "[]" => &node["items"],
                field => &node["properties"][field],
            });
            assert_eq!(list["type"], "array", "{kind} {path}");
            for key in keys {
                assert!(list["items"]["properties"].get(key).is_some(), "{kind} {path}: no {key}");
            }
        }
    }
}

/// What our schema merges.
fn of_our_schema() -> BTreeMap<Kind, BTreeSet<Merged>> {
    let schema: Value = serde_saphyr::from_str(SCHEMA).expect("YAML");
    let definitions = schema["definitions"].as_object().expect("definitions");
    let mut found = BTreeMap::new();
    for definition in definitions.values() {
        for kind in definition["x-kubernetes-group-version-kind"].as_array().into_iter().flatten() {
            let part = |name: &str| kind[name].as_str().expect("a text").to_owned();
            let key = (part("group"), part("version"), part("kind"));
            assert!(found.insert(key, merged(definition, definitions)).is_none(), "twice: {kind}");
        }
    }
    found
}

fn custom_resource(kind: &str) -> Value {
    let definitions = CUSTOM_RESOURCES.iter().map(|text| serde_json::from_str::<Value>(text).expect("JSON"));
    let mut found = definitions.filter(|definition| definition["spec"]["names"]["kind"] == kind);
    found.next().expect("the kind")["spec"]["versions"][0]["schema"]["openAPIV3Schema"].take()
}

/// Every merged list of what people write: neither status nor metadata.
fn merged(kind: &Value, definitions: &Map<String, Value>) -> BTreeSet<Merged> {
    let mut found = BTreeSet::new();
    look_into(kind, "", definitions, &mut Vec::new(), &mut found);
    found
}

fn look_into<'a>(
    node: &'a Value,
    path: &str,
    definitions: &'a Map<String, Value>,
    inside: &mut Vec<&'a str>,
    found: &mut BTreeSet<Merged>,
) {
    // What a list is may stand beside a reference or behind it.
    if let Some(keys) = merge_keys(node) {
        found.insert((path.to_owned(), keys));
    }
    if let Some(reference) = node["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap_or_default();
        // A definition that contains itself is looked into once.
        if !inside.contains(&name) {
            inside.push(name);
            look_into(&definitions[name], path, definitions, inside, found);
            inside.pop();
        }
    }
    let fields = node["properties"].as_object().into_iter().flatten();
    for (name, field) in fields.filter(|(name, _)| !["status", "metadata"].contains(&name.as_str())) {
        let path = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
        look_into(field, &path, definitions, inside, found);
    }
    if node["items"].is_object() {
        look_into(&node["items"], &format!("{path}/[]"), definitions, inside, found);
    }
}

fn merge_keys(node: &Value) -> Option<Vec<String>> {
    let strategy = node["x-kubernetes-patch-strategy"].as_str()?;
    let key = node["x-kubernetes-patch-merge-key"].as_str().filter(|_| strategy.starts_with("merge"))?;
    let keys = node["x-kubernetes-list-map-keys"].as_array();
    let keys = keys.map(|keys| keys.iter().filter_map(Value::as_str).map(str::to_owned).collect());
    Some(keys.unwrap_or_else(|| vec![key.to_owned()]))
}
