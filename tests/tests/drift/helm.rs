//! The charts, rendered by Helm: with their defaults they are what the kustomizations are, object by object.

use std::process::{Command, Output};

use serde_json::{Map, Value, json};
use verdigris_control_plane::binaries;

use super::{documents, kustomize, read, root};

/// What Helm adds to know its objects again.
const LABELS_OF_HELM: [&str; 4] = [
    "app.kubernetes.io/instance",
    "app.kubernetes.io/managed-by",
    "app.kubernetes.io/version",
    "helm.sh/chart",
];

#[test]
fn the_charts_files_are_copies() {
    let rules = |source: &str| documents(&read(source))[0]["rules"].clone();
    let files = "charts/helm/verdigris/files";
    for (source, copy) in [
        ("controller/cluster-role", "controller-rules"),
        ("controller/lease-role", "lease-rules"),
        ("dashboard/cluster-role", "dashboard-rules"),
    ] {
        let source = rules(&format!("charts/kustomize/{source}.yaml"));
        let copy = documents(&read(&format!("{files}/{copy}.yaml"))).remove(0);
        assert!(source == copy, "{files} is stale: run `bash charts/generate`");
    }
    let roles = ("charts/kustomize/cluster", "aggregate-roles.yaml".to_owned(), files);
    let alerts = ("charts/monitoring", "rules.yaml".to_owned(), files);
    let definitions = definitions().into_iter();
    let definitions = definitions.map(|name| ("crds/yaml", name, "charts/helm/verdigris-crds/files"));
    for (folder, name, copies) in [roles, alerts].into_iter().chain(definitions) {
        assert!(
            read(&format!("{folder}/{name}")) == read(&format!("{copies}/{name}")),
            "{copies}/{name} is stale: run `bash charts/generate`"
        );
    }
}

#[test]
fn the_chart_is_the_cluster_kustomization() {
    let rendered = template("verdigris", &[]);
    let wanted = documents(&kustomize("charts/kustomize/cluster"));
    // Namespaces are Helm's own business, and the definitions have a chart of their own.
    let elsewhere = ["Namespace", "CustomResourceDefinition"];
    let wanted = wanted.into_iter().filter(|object| !elsewhere.iter().any(|kind| object["kind"] == *kind));
    assert_same(rendered, wanted.collect());
}

#[test]
fn the_chart_for_one_namespace_is_the_namespaced_kustomization() {
    let rendered = template("verdigris", &["--set=namespaced=true"]);
    assert_same(rendered, documents(&kustomize("charts/kustomize/namespaced")));
}

#[test]
fn the_charts_dashboard_is_the_kustomizations() {
    let rendered = template("verdigris", &["--set=dashboard.create=true"]);
    let of_dashboard = |object: &Value| object["metadata"]["name"] == "verdigris-dashboard";
    let rendered = rendered.into_iter().filter(of_dashboard).collect();
    assert_same(rendered, documents(&kustomize("charts/kustomize/dashboard")));
}

#[test]
fn the_chart_of_definitions_has_them_all_and_helm_keeps_them() {
    let mut rendered = template("verdigris-crds", &[]);
    for definition in &mut rendered {
        let metadata = definition["metadata"].as_object_mut().unwrap();
        let annotations = metadata.remove("annotations");
        assert_eq!(annotations, Some(json!({"helm.sh/resource-policy": "keep"})), "{metadata:?}");
    }
    assert_same(rendered, documents(&kustomize("charts/kustomize/crds")));
}

#[test]
fn every_value_does_what_it_says() {
    for values in ["full", "bare"] {
        let file = format!("tests/fixtures/helm/{values}.values.yaml");
        let output =
            helm(&["template", "second", "charts/helm/verdigris", "--namespace=shop", "--values", &file]);
        let snapshot = format!("tests/fixtures/helm/{values}.yaml");
        let (rendered, expected) = (documents(&succeeded(&output)), documents(&read(&snapshot)));
        let difference = json_patch::diff(&Value::from(expected), &Value::from(rendered));
        let again = "helm template second charts/helm/verdigris --namespace=shop --values";
        assert!(difference.is_empty(), "if this is meant, run `{again} {file} > {snapshot}`: {difference}");
    }
}

#[test]
fn the_linter_finds_nothing() {
    for chart in ["verdigris", "verdigris-crds"] {
        succeeded(&helm(&["lint", "--strict", &format!("charts/helm/{chart}")]));
    }
}

#[test]
fn a_value_that_does_not_fit_gets_a_sentence() {
    for (set, sentence) in [
        ("replica=2", "additional properties 'replica' not allowed"),
        ("replicas=two", "at '/replicas': got string, want integer"),
        ("log.level=loud", "must be one of 'error', 'warn', 'info', 'debug', 'trace'"),
        ("resources.limit.memory=1Gi", "at '/resources': additional properties 'limit' not allowed"),
        ("extraArgs=--observe", "at '/extraArgs': got string, want array"),
        ("dashboard.enabled=true", "at '/dashboard': additional properties 'enabled' not allowed"),
        ("image.digest=abc", "a digest is sha256: and 64 hexadecimal digits"),
        ("instanceId=a=b", "instanceId is \"a=b\": it is a label value, at most 63 letters"),
        (
            "serviceAccount.create=false",
            "serviceAccount.name does not say which ServiceAccount to use instead",
        ),
        ("replicas=2,extraArgs={--leader-elect=false}", "all of them would act at the same time"),
    ] {
        let output = helm(&["template", "verdigris", "charts/helm/verdigris", "--set", set]);
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && complaint.contains(sentence), "{set}: {complaint}");
    }
}

/// The names of the files with definitions.
fn definitions() -> Vec<String> {
    let entries = std::fs::read_dir(root().join("crds/yaml")).expect("crds/yaml");
    let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    let names: Vec<String> = names.filter(|name| name != "kustomization.yaml").collect();
    assert!(names.len() > 3, "{names:?}");
    names
}

fn template(chart: &str, flags: &[&str]) -> Vec<Value> {
    let chart = format!("charts/helm/{chart}");
    let output = helm(&[&["template", "verdigris", &chart, "--namespace=verdigris"], flags].concat());
    documents(&succeeded(&output))
}

fn helm(arguments: &[&str]) -> Output {
    let program = binaries::find("helm").unwrap_or_else(|error| panic!("{error}"));
    Command::new(program).args(arguments).current_dir(root()).output().expect("helm starts")
}

fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).expect("helm writes UTF-8")
}

/// They are the same objects with the same content, but for the labels of Helm, and namespaces, which a kustomization may
/// leave to kubectl.
fn assert_same(rendered: Vec<Value>, wanted: Vec<Value>) {
    let (rendered, wanted) = (sorted(rendered), sorted(wanted));
    let names = |objects: &[Value]| objects.iter().map(name_of).collect::<Vec<_>>();
    assert_eq!(names(&rendered), names(&wanted), "the chart (left) has other objects than the kustomization");
    for (rendered, wanted) in rendered.iter().zip(&wanted) {
        let difference = json_patch::diff(wanted, rendered);
        let name = name_of(wanted);
        assert!(difference.is_empty(), "{name} in the chart differs from the kustomization: {difference}");
    }
}

fn sorted(objects: Vec<Value>) -> Vec<Value> {
    let mut objects: Vec<Value> = objects.into_iter().filter(|object| !object.is_null()).collect();
    objects.iter_mut().for_each(without_the_installers_own);
    objects.sort_by_key(name_of);
    objects
}

fn name_of(object: &Value) -> String {
    format!("{} {}", object["kind"].as_str().unwrap_or_default(), object["metadata"]["name"])
}

fn without_the_installers_own(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !LABELS_OF_HELM.contains(&name.as_str()));
            if names_an_object(fields) {
                fields.remove("namespace");
            }
            fields.values_mut().for_each(without_the_installers_own);
        }
        Value::Array(items) => items.iter_mut().for_each(without_the_installers_own),
        _ => {}
    }
}

/// Metadata, or the subject of a binding.
fn names_an_object(fields: &Map<String, Value>) -> bool {
    fields.contains_key("name") && (fields.contains_key("labels") || fields.contains_key("kind"))
}
