//! Generated files are what their sources say, and the example says what the tour needs.

mod helm;

use std::{path::PathBuf, process::Command};

use serde_json::Value;

#[test]
fn the_install_manifests_are_the_kustomizations() {
    for (manifest, kustomization) in
        [("install", "cluster"), ("namespace-install", "namespaced"), ("dashboard-install", "dashboard")]
    {
        let built = kustomize(&format!("charts/kustomize/{kustomization}"));
        let committed = read(&format!("charts/{manifest}.yaml"));
        assert!(
            documents(&built) == documents(&committed),
            "charts/{manifest}.yaml is stale: run `bash charts/generate`"
        );
    }
}

#[test]
fn the_examples_transformer_is_a_copy_of_ours() {
    assert!(
        read("charts/kustomize/rollout-transformer.yaml")
            == read("examples/superapi/rollout-transformer.yaml"),
        "copy charts/kustomize/rollout-transformer.yaml to examples/superapi/"
    );
}

#[test]
fn the_transformer_rewrites_all_that_the_peers_does() {
    let ours: Value = serde_saphyr::from_str(&read("charts/kustomize/rollout-transformer.yaml")).unwrap();
    let peers: Value =
        serde_json::from_str(&read("tests/fixtures/peer/api/kustomize-transformer-v5.json")).unwrap();
    let ours = field_paths(&ours);
    // An entry of ours that names no kind is for all kinds.
    let has = |theirs: &FieldPath| {
        let there = |one: &&FieldPath| one.place == theirs.place;
        ours.iter().filter(there).any(|one| one.kind.is_null() || one.kind == theirs.kind)
    };
    let missing: Vec<FieldPath> = field_paths(&peers).into_iter().filter(|theirs| !has(theirs)).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn kustomize_reaches_every_reference_of_the_tours_rollout() {
    let objects = documents(&kustomize("examples/superapi"));
    let named = |kind: &str| objects.iter().find(|object| object["kind"] == kind).unwrap();
    let rollout = named("Rollout");
    let config = named("ConfigMap")["metadata"]["name"].as_str().unwrap();
    assert!(config.starts_with("dev-superapi-config-geba-"), "{config}");
    assert_eq!(rollout["metadata"]["name"], "dev-superapi-geba");
    let blue_green = &rollout["spec"]["strategy"]["blueGreen"];
    assert_eq!(blue_green["activeService"], "dev-superapi-svc-active-geba");
    assert_eq!(blue_green["previewService"], "dev-superapi-svc-preview-geba");
    let template = &rollout["spec"]["template"];
    assert_eq!(template["spec"]["containers"][0]["env"][0]["valueFrom"]["configMapKeyRef"]["name"], config);
    for labels in [&rollout["spec"]["selector"]["matchLabels"], &template["metadata"]["labels"]] {
        assert_eq!(*labels, serde_json::json!({"app": "superapi", "version": "v1", "env": "dev"}));
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).expect(path)
}

fn kustomize(folder: &str) -> String {
    let output = Command::new("kubectl").args(["kustomize", folder]).current_dir(root()).output();
    let output = output.expect("kubectl is on the PATH (`bash tests/run drift` sees to it)");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("kubectl writes UTF-8")
}

fn documents(yaml: &str) -> Vec<Value> {
    serde_saphyr::from_str_multiple::<Value, Vec<Value>>(yaml).expect("YAML")
}

/// What a transformer rewrites.
#[derive(Debug, PartialEq)]
struct FieldPath {
    /// The section, the kind that is named there if names are rewritten, and the path.
    place: (String, Value, String),
    /// The kind that has the field.
    kind: Value,
}

fn field_paths(transformer: &Value) -> Vec<FieldPath> {
    let mut found = Vec::new();
    for (section, entries) in transformer.as_object().expect("sections") {
        for entry in entries.as_array().expect("entries") {
            let specs = entry["fieldSpecs"].as_array().cloned().unwrap_or_else(|| vec![entry.clone()]);
            let target = entry.get("fieldSpecs").map(|_| entry["kind"].clone()).unwrap_or_default();
            found.extend(specs.iter().map(|spec| {
                // The brackets say what is not to be created.
                let path = spec["path"].as_str().expect("a path").replace("[]", "");
                FieldPath { place: (section.clone(), target.clone(), path), kind: spec["kind"].clone() }
            }));
        }
    }
    found
}
