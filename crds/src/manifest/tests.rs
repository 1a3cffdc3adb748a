use std::collections::BTreeSet;

use super::*;

/// What ours demands beyond the peer's schema: the peer's controller calls its absence InvalidSpec afterwards.
const DEMANDED_BY_US_ONLY: [&str; 1] = ["spec: strategy"];

#[test]
fn the_committed_manifest_is_the_generated_one() {
    let committed = [ROLLOUT_YAML].into_iter().chain(ANALYSIS_YAMLS);
    for (committed, (name, generated)) in committed.zip(manifests()) {
        assert!(
            committed == generated,
            "crds/yaml/{name} is not what the types say: run `cargo run -p verdigris-crds --example generate`"
        );
    }
}

#[test]
fn the_yaml_reads_back_as_the_definition() {
    let read: Value = serde_saphyr::from_str(&rollout_yaml()).unwrap();
    assert_eq!(read, rollout());
}

#[test]
fn names_columns_and_subresources_are_the_peers() {
    for (ours, peers) in pairs() {
        for name in ["kind", "plural", "singular", "shortNames"] {
            assert_eq!(ours["spec"]["names"][name], peers["spec"]["names"][name]);
        }
        assert_eq!(ours["spec"]["scope"], peers["spec"]["scope"]);
        for part in ["name", "served", "storage", "subresources", "additionalPrinterColumns"] {
            assert_eq!(ours["spec"]["versions"][0][part], peers["spec"]["versions"][0][part], "{part}");
        }
    }
}

#[test]
fn what_the_peers_schema_accepts_has_the_same_types_here_and_nothing_more_is_demanded() {
    let mut found = Comparison::default();
    for (ours, peers) in pairs() {
        for part in ["spec", "status"] {
            found.walk(part, &schema(&ours)["properties"][part], &schema(&peers)["properties"][part]);
        }
    }
    assert_eq!(found.other_types, BTreeSet::new());
    assert_eq!(found.demanded, DEMANDED_BY_US_ONLY.map(str::to_owned).into());
}

#[test]
fn every_object_keeps_unknown_fields() {
    let mut closed = Vec::new();
    for (ours, _) in pairs() {
        for part in ["spec", "status"] {
            closed_objects(part, &schema(&ours)["properties"][part], &mut closed);
        }
    }
    assert_eq!(closed, Vec::<String>::new());
}

#[test]
fn every_field_of_blue_green_is_explained() {
    let definition = rollout();
    let blue_green =
        &schema(&definition)["properties"]["spec"]["properties"]["strategy"]["properties"]["blueGreen"];
    let fields = blue_green["properties"].as_object().unwrap();
    assert_eq!(fields.len(), 14);
    for (name, field) in fields {
        assert!(field["description"].as_str().is_some_and(|text| text.len() > 20), "{name}: {field}");
    }
}

#[derive(Default)]
struct Comparison {
    other_types: BTreeSet<String>,
    demanded: BTreeSet<String>,
}

impl Comparison {
    fn walk(&mut self, path: &str, ours: &Value, peers: &Value) {
        if ours["type"] != peers["type"] || ours["format"] != peers["format"] {
            self.other_types.insert(format!("{path}: ours {}, theirs {}", ours["type"], peers["type"]));
        }
        let names = |schema: &Value| -> BTreeSet<String> {
            let required = schema["required"].as_array().cloned().unwrap_or_default();
            required.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect()
        };
        self.demanded.extend(names(ours).difference(&names(peers)).map(|name| format!("{path}: {name}")));
        for (name, child) in ours["properties"].as_object().into_iter().flatten() {
            // Fields that the peer leaves untyped are compared no further.
            if let Some(theirs) = peers["properties"].get(name) {
                self.walk(&format!("{path}.{name}"), child, theirs);
            }
        }
        if ours["items"].is_object() && peers["items"].is_object() {
            self.walk(&format!("{path}[]"), &ours["items"], &peers["items"]);
        }
    }
}

fn closed_objects(path: &str, node: &Value, closed: &mut Vec<String>) {
    let open =
        node["x-kubernetes-preserve-unknown-fields"] == true || node.get("additionalProperties").is_some();
    if node["type"] == "object" && !open {
        closed.push(path.to_owned());
    }
    for (name, child) in node["properties"].as_object().into_iter().flatten() {
        closed_objects(&format!("{path}.{name}"), child, closed);
    }
    if let Some(items) = node.get("items") {
        closed_objects(&format!("{path}[]"), items, closed);
    }
}

fn schema(definition: &Value) -> &Value {
    &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
}

/// Our definitions and the peer's (their structure, recorded from Argo Rollouts 9f8d111, Apache-2.0).
fn pairs() -> [(Value, Value); 4] {
    [
        (rollout(), "rollout"),
        (analysis_run(), "analysis-run"),
        (analysis_template(), "analysis-template"),
        (cluster_analysis_template(), "cluster-analysis-template"),
    ]
    .map(|(ours, name)| {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/peer/api");
        let text = std::fs::read_to_string(format!("{folder}/{name}-crd.json")).unwrap();
        (ours, serde_json::from_str(&text).unwrap())
    })
}
