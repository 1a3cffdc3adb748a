use serde_json::{Value, json};

use super::{faults, resources};

#[expect(clippy::needless_pass_by_value, reason = "cases read better without borrows")]
fn definition(schema: Value) -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced",
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList",
                      "shortNames": ["wd"]},
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": schema},
                "subresources": {"status": {}, "scale": {"specReplicasPath": ".spec.replicas",
                    "statusReplicasPath": ".status.replicas", "labelSelectorPath": ".status.selector"}},
                "additionalPrinterColumns": [{"name": "Size", "type": "integer", "jsonPath": ".spec.size"}]
            }]
        }
    })
}

fn texts(definition: &Value) -> Vec<String> {
    faults(definition).iter().map(ToString::to_string).collect()
}

#[test]
fn a_definition_becomes_a_resource() {
    let definition = definition(json!({"type": "object", "properties": {"spec": {"type": "object"}}}));
    assert_eq!(texts(&definition), Vec::<String>::new());
    let resources = resources(&definition);
    let widget = &resources[0];
    assert_eq!((widget.kind.as_str(), widget.plural.as_str()), ("Widget", "widgets"));
    assert!(widget.namespaced && widget.status_subresource && widget.custom);
    assert_eq!(widget.scale.as_ref().unwrap().label_selector.as_deref(), Some(".status.selector"));
    assert_eq!(widget.columns[0].name, "Size");
    let mut object = json!({"apiVersion": "example.com/v1", "kind": "Widget", "junk": 1,
                            "metadata": {"name": "a", "labels": {"a": "b"}, "junk": 2}, "spec": {"junk": 3}});
    assert_eq!(widget.schema.unknown_fields(&object), ["junk", "metadata.junk", "spec.junk"]);
    widget.schema.prune(&mut object);
    assert_eq!(
        object,
        json!({"apiVersion": "example.com/v1", "kind": "Widget",
               "metadata": {"name": "a", "labels": {"a": "b"}}, "spec": {}})
    );
}

#[test]
fn an_embedded_pod_template_keeps_its_metadata() {
    let definition = definition(json!({"type": "object", "properties": {"spec": {
        "type": "object", "properties": {"pod": {
            "type": "object", "x-kubernetes-embedded-resource": true, "properties": {}}}}}}));
    let widget = &resources(&definition)[0];
    let mut object =
        json!({"spec": {"pod": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "x": 1}}});
    widget.schema.prune(&mut object);
    assert_eq!(
        object,
        json!({"spec": {"pod": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}}})
    );
}

#[test]
fn a_definition_that_cannot_work_is_refused_by_name() {
    let ok = || json!({"type": "object"});
    let mut misnamed = definition(ok());
    misnamed["metadata"]["name"] = json!("gadgets.example.com");
    let mut unscoped = definition(ok());
    unscoped["spec"]["scope"] = json!("World");
    let mut bare = definition(ok());
    bare["spec"]["versions"][0]["schema"] = Value::Null;
    let cases = [
        (
            misnamed,
            "metadata.name: Invalid value: \"gadgets.example.com\": must be spec.names.plural+\".\"+spec.group",
        ),
        (unscoped, "spec.scope: Unsupported value: \"World\": supported values: \"Cluster\", \"Namespaced\""),
        (bare, "spec.versions[0].schema.openAPIV3Schema: Required value"),
        (
            definition(json!({"properties": {}})),
            "spec.validation.openAPIV3Schema.type: Required value: must not be empty at the root",
        ),
        (
            definition(json!({"type": "object", "properties": {"a": {"type": "array"}}})),
            "spec.validation.openAPIV3Schema.properties[a].items: Required value: must be specified",
        ),
    ];
    for (definition, expected) in cases {
        assert_eq!(texts(&definition), [expected]);
    }
}

#[test]
fn replicas_that_cannot_be_are_found_where_the_definition_says_they_are() {
    let definition = definition(json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true}));
    let widget = &resources(&definition)[0];
    let texts = |object: Value| -> Vec<String> {
        super::scale_faults(widget, &object).iter().map(ToString::to_string).collect()
    };
    assert_eq!(texts(json!({"spec": {"replicas": 0}})), Vec::<String>::new());
    assert_eq!(
        texts(json!({"spec": {"replicas": -1}, "status": {"replicas": "x"}})),
        [
            ".spec.replicas: Invalid value: -1: should be a non-negative integer",
            ".status.replicas: Invalid value: 0: .status.replicas accessor error: x is of the type string, expected int64"
        ]
    );
}
