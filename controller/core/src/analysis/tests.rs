use std::collections::BTreeMap;

use serde_json::{Value, json};
use verdigris_crds::Rollout;

use super::*;

fn rollout(analysis: &Value) -> Rollout {
    serde_json::from_value(json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
        "metadata": {"name": "shop", "namespace": "demo", "uid": "u-1", "labels": {"tier": "web"},
            "annotations": {"team": "a \"b\""}},
        "spec": {"replicas": 3, "paused": false, "template": {"spec": {"containers": [{"image": "shop:2"}]}},
            "strategy": {"blueGreen": {"activeService": "shop", "prePromotionAnalysis": analysis}}},
        "status": {"stableRS": "h1"},
    }))
    .expect("a Rollout")
}

/// A template: name, whether it is for the whole cluster, spec.
type Named = (&'static str, bool, Value);

/// The run's spec, or the error as `field: Invalid value: found: detail`.
fn built(analysis: &Value, templates: &[Named]) -> Result<Value, String> {
    let rollout = rollout(analysis);
    let strategy = rollout.spec.strategy.as_ref().and_then(|it| it.blue_green.as_ref()).expect("blue-green");
    let known: BTreeMap<TemplateName, Value> = templates
        .iter()
        .map(|(name, cluster_scope, spec)| {
            (TemplateName { cluster_scope: *cluster_scope, name: (*name).to_owned() }, spec.clone())
        })
        .collect();
    let templates = reachable(named(strategy), |name| known.get(name).cloned());
    let seen = AnalysisSeen { templates, ..AnalysisSeen::default() };
    let source = Source { rollout: &rollout, latest: "h2", stable: "h1" };
    wanted(Moment::PrePromotion, strategy, &seen, source)
        .map(|wanted| wanted.spec)
        .map_err(|wrong| format!("{}: Invalid value: {}: {}", wrong.field, wrong.found, wrong.detail))
}

fn metric(name: &str) -> Value {
    json!({"name": name, "provider": {"web": {"url": "http://x"}}})
}

#[test]
fn templates_are_joined_depth_first_each_once_cluster_ones_last_and_a_circle_ends() {
    let analysis = json!({"templates": [{"templateName": "a"}, {"templateName": "c", "clusterScope": true},
        {"templateName": "b"}], "dryRun": [{"metricName": "a"}]});
    let spec = built(
        &analysis,
        &[
            ("a", false, json!({"metrics": [metric("a")], "templates": [{"templateName": "n"}]})),
            ("b", false, json!({"metrics": [metric("b")], "templates": [{"templateName": "a"}]})),
            ("n", false, json!({"metrics": [metric("n")], "templates": [{"templateName": "b"}]})),
            (
                "c",
                true,
                json!({"metrics": [metric("c")], "dryRun": [{"metricName": "c"}],
                "measurementRetention": [{"metricName": "c", "limit": 3}]}),
            ),
        ],
    );
    assert_eq!(
        spec,
        Ok(json!({
            "metrics": [metric("a"), metric("n"), metric("b"), metric("c")],
            "dryRun": [{"metricName": "a"}, {"metricName": "c"}],
            "measurementRetention": [{"metricName": "c", "limit": 3}],
        }))
    );
}

#[test]
fn arguments_come_from_values_hashes_and_fields() {
    let analysis = json!({"templates": [{"templateName": "a"}], "args": [
        {"name": "plain", "value": "v"}, {"name": "unknown", "value": "v"}, {"name": "empty"},
        {"name": "new", "valueFrom": {"podTemplateHashValue": "Latest"}},
        {"name": "old", "valueFrom": {"podTemplateHashValue": "Stable"}},
        {"name": "tier", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['tier']"}}},
        {"name": "notes", "valueFrom": {"fieldRef": {"fieldPath": "metadata.annotations"}}},
        {"name": "image", "valueFrom": {"fieldRef": {"fieldPath": "spec.template.spec.containers[0].image"}}},
        {"name": "size", "valueFrom": {"fieldRef": {"fieldPath": "spec.replicas"}}},
    ]});
    let secret = json!({"secretKeyRef": {"name": "s", "key": "k"}});
    let names = ["plain", "empty", "new", "old", "tier", "notes", "image", "size"];
    let mut args: Vec<Value> = names.iter().map(|name| json!({"name": name})).collect();
    args.push(json!({"name": "default", "value": "d"}));
    args.push(json!({"name": "token", "valueFrom": secret}));
    let spec = built(&analysis, &[("a", false, json!({"metrics": [metric("m")], "args": args}))]);
    let spec = spec.expect("a spec");
    let values: Vec<&Value> =
        spec["args"].as_array().expect("args").iter().map(|argument| &argument["value"]).collect();
    let wanted = json!(["v", "", "h2", "h1", "web", "team=\"a \\\"b\\\"\"", "shop:2", "3", "d", null]);
    assert_eq!(json!(values), wanted);
    assert_eq!(spec["args"][9]["valueFrom"], secret);
}

/// The peer's words, and then what to write instead.
#[test]
fn each_mistake_has_its_words() {
    let field = "spec.strategy.blueGreen.prePromotionAnalysis";
    let one = |spec: Value| vec![("a", false, spec)];
    let named = json!({"templates": [{"templateName": "a"}]});
    let with = |path: &str| {
        json!({"templates": [{"templateName": "a"}],
            "args": [{"name": "x", "valueFrom": {"fieldRef": {"fieldPath": path}}}]})
    };
    let declared = json!({"metrics": [metric("m")], "args": [{"name": "x"}]});
    let table: Vec<(Value, Vec<Named>, String)> = vec![
        (json!([]), vec![], format!("{field}: Invalid value: \"[]\": cannot be read: expected an object")),
        (
            json!({}),
            vec![],
            format!("{field}.templates: Invalid value: []: names no template; write at least"),
        ),
        (
            named.clone(),
            vec![],
            format!(
                "{field}.templates: Invalid value: \"a\": AnalysisTemplate 'a' not found; create it, or write"
            ),
        ),
        (
            json!({"templates": [{"templateName": "a", "clusterScope": true}]}),
            one(json!({})),
            format!(
                "{field}.templates: Invalid value: \"a\": ClusterAnalysisTemplate 'a' not found; create it"
            ),
        ),
        (
            named.clone(),
            one(json!({"metrics": [metric("m")], "templates": [{"templateName": "b"}]})),
            format!("{field}.templates: Invalid value: \"b\": AnalysisTemplate 'b' not found"),
        ),
        (
            named.clone(),
            one(json!({"metrics": 5})),
            format!(
                "{field}.templates: Invalid value: \"a\": AnalysisTemplate 'a' cannot be read: invalid type"
            ),
        ),
        (
            named.clone(),
            one(json!({"metrics": [metric("m"), metric("m")]})),
            format!(
                "{field}.templates: Invalid value: \"templateNames: [a]\": two metrics have the same name 'm'; rename"
            ),
        ),
        (
            json!({"templates": [{"templateName": "a"}], "dryRun": [{"metricName": "m"}]}),
            one(json!({"metrics": [metric("m")], "dryRun": [{"metricName": "m"}]})),
            format!(
                "{field}.templates: Invalid value: \"templateNames: [a]\": two Dry-Run metric rules have the same \
                 name 'm'"
            ),
        ),
        (
            json!({"templates": [{"templateName": "a"}, {"templateName": "b"}]}),
            vec![
                ("a", false, json!({"metrics": [metric("m")], "args": [{"name": "x", "value": "1"}]})),
                ("b", false, json!({"metrics": [metric("n")], "args": [{"name": "x", "value": "2"}]})),
            ],
            format!(
                "{field}.templates: Invalid value: \"templateNames: [a b]\": Argument `x` specified multiple times \
                 with different values: '1', '2'; write one value"
            ),
        ),
        (
            named.clone(),
            one(declared.clone()),
            format!(
                "{field}.templates: Invalid value: \"templateNames: [a]\": args.x was not resolved; give it a value"
            ),
        ),
        (
            with("metadata.ownerReferences"),
            one(declared.clone()),
            format!(
                "{field}.args: Invalid value: \"templateNames: [a]\": unsupported fieldPath: metadata.owner"
            ),
        ),
        (
            with("spec.strategy"),
            one(declared.clone()),
            format!(
                "{field}.args: Invalid value: \"templateNames: [a]\": path spec.strategy in rollout must terminate in \
                 a primitive value"
            ),
        ),
        (
            with("spec.template.spec.containers[7].image"),
            one(declared.clone()),
            format!("{field}.args: Invalid value: \"templateNames: [a]\": index 7 out of range"),
        ),
        (
            named.clone(),
            one(json!({"metrics": [{"name": "m", "interval": "10s"}]})),
            format!(
                "{field}.templates: Invalid value: \"a\": AnalysisTemplate a has metric m which runs indefinitely. \
                 Invalid value for count: <nil>; write a count"
            ),
        ),
        (
            named.clone(),
            one(json!({"metrics": [{"name": "m", "interval": "10s", "count": 0}]})),
            format!(
                "{field}.templates: Invalid value: \"a\": AnalysisTemplate a has metric m which runs indefinitely. \
                 Invalid value for count: 0; write a count"
            ),
        ),
        (
            named,
            one(json!({"metrics": [{"name": "m", "count": "{{args.y}}"}]})),
            format!(
                "{field}.templates: Invalid value: \"a\": AnalysisTemplate a: failed to resolve {{{{args.y}}}}; declare"
            ),
        ),
    ];
    for (analysis, templates, words) in table {
        let found = built(&analysis, &templates).expect_err("a mistake");
        assert!(found.starts_with(&words), "{analysis}\n{found}\n{words}");
    }
}

#[test]
fn a_count_may_come_from_an_argument() {
    let named = json!({"templates": [{"templateName": "a"}], "args": [{"name": "n", "value": "3"}]});
    let metric = json!({"name": "m", "interval": "1s", "count": "{{ args.n }}"});
    let spec = json!({"metrics": [metric], "args": [{"name": "n", "value": "0"}]});
    assert!(built(&named, &[("a", false, spec.clone())]).is_ok());
    let unset = json!({"templates": [{"templateName": "a"}]});
    assert!(built(&unset, &[("a", false, spec)]).is_err_and(|text| text.contains("runs indefinitely")));
}
