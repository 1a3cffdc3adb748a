use serde_json::{Value, json};

use super::{ListType, Schema};

fn widget() -> Schema {
    Schema::parse(&json!({
        "type": "object",
        "required": ["spec"],
        "properties": {
            "spec": {
                "type": "object",
                "required": ["size"],
                "properties": {
                    "size": {"type": "integer", "minimum": 0, "maximum": 9},
                    "colour": {"type": "string", "enum": ["red", "blue"], "default": "red"},
                    "name": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 5},
                    "port": {"x-kubernetes-int-or-string": true},
                    "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                    "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true,
                             "properties": {"known": {"type": "boolean"}}},
                    "inner": {"type": "object", "default": {}, "properties": {
                        "replicas": {"type": "integer", "default": 1}}},
                    "maybe": {"type": "string", "nullable": true},
                    "steps": {"type": "array", "x-kubernetes-list-type": "map",
                              "x-kubernetes-list-map-keys": ["id"], "maxItems": 2,
                              "items": {"type": "object", "required": ["id"], "properties": {
                                  "id": {"type": "string"}, "weight": {"type": "integer", "default": 5}}}}
                }
            },
            "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}
        }
    }))
    .unwrap()
}

#[test]
fn pruning_keeps_what_the_schema_knows_and_names_the_rest() {
    let object = json!({
        "apiVersion": "v1", "kind": "Widget", "metadata": {"name": "a"}, "extra": 1,
        "spec": {"size": 1, "foo": 2, "labels": {"a": "b"}, "free": {"x": {"y": 1}},
                 "steps": [{"id": "a", "bar": {}}]},
        "status": {"anything": true}
    });
    let unknown = widget().unknown_fields(&object);
    assert_eq!(unknown, ["extra", "spec.foo", "spec.steps[0].bar"]);
    let mut pruned = object;
    widget().prune(&mut pruned);
    assert_eq!(
        pruned,
        json!({
            "apiVersion": "v1", "kind": "Widget", "metadata": {"name": "a"},
            "spec": {"size": 1, "labels": {"a": "b"}, "free": {"x": {"y": 1}}, "steps": [{"id": "a"}]},
            "status": {"anything": true}
        })
    );
}

#[test]
fn defaults_fill_in_top_down_and_null_counts_as_missing() {
    let mut object = json!({"spec": {"colour": null, "maybe": null, "name": null, "steps": [{"id": "a"}]}});
    widget().apply_defaults(&mut object);
    assert_eq!(
        object,
        json!({"spec": {"colour": "red", "inner": {"replicas": 1}, "maybe": null,
                        "steps": [{"id": "a", "weight": 5}]}})
    );
}

#[test]
fn faults_name_the_field_as_the_api_server_does() {
    let cases: &[(Value, &[&str])] = &[
        (json!({}), &["spec: Required value"]),
        (json!({"spec": {}}), &["spec.size: Required value"]),
        (
            json!({"spec": {"size": "x"}}),
            &["spec.size: Invalid value: \"string\": spec.size in body must be of type integer: \"string\""],
        ),
        (
            json!({"spec": {"size": -1}}),
            &["spec.size: Invalid value: -1: spec.size in body should be greater than or equal to 0"],
        ),
        (
            json!({"spec": {"size": 10}}),
            &["spec.size: Invalid value: 10: spec.size in body should be less than or equal to 9"],
        ),
        (
            json!({"spec": {"size": 1, "colour": "green"}}),
            &["spec.colour: Unsupported value: \"green\": supported values: \"red\", \"blue\""],
        ),
        (
            json!({"spec": {"size": 1, "name": "A"}}),
            &["spec.name: Invalid value: \"A\": spec.name in body should match '^[a-z]+$'"],
        ),
        (
            json!({"spec": {"size": 1, "name": "abcdef"}}),
            &["spec.name: Too long: may not be more than 5 bytes"],
        ),
        (
            json!({"spec": {"size": 1, "port": true}}),
            &[
                "spec.port: Invalid value: \"boolean\": spec.port in body must be of type integer,string: \"boolean\"",
            ],
        ),
        (
            json!({"spec": {"size": 1, "steps": [{"id": "a"}, {"id": "a"}]}}),
            &["spec.steps[1]: Duplicate value: {\"id\":\"a\"}"],
        ),
        (
            json!({"spec": {"size": 1, "steps": [{"id": "a"}, {"id": "b"}, {"id": "c"}]}}),
            &["spec.steps: Too many: 3: must have at most 2 items"],
        ),
        (json!({"spec": {"size": 3.0, "port": "http", "name": "abc"}}), &[]),
    ];
    for (object, expected) in cases {
        let faults: Vec<String> = widget().validate(object, None).iter().map(ToString::to_string).collect();
        assert_eq!(&faults, expected, "{object}");
    }
}

#[test]
fn what_did_not_change_is_not_held_against_the_writer() {
    let old = json!({"spec": {"size": -1, "name": "ok"}});
    let new = json!({"spec": {"size": -1, "name": "BAD"}});
    let faults = widget().validate(&new, Some(&old));
    let paths: Vec<&str> = faults.iter().map(|fault| fault.path.as_str()).collect();
    assert_eq!(paths, ["spec.name"]);
}

#[test]
fn merge_keys_are_read() {
    let schema = widget();
    let steps = schema.at(&["spec", "steps"]).unwrap();
    assert_eq!(steps.list_type, Some(ListType::Map));
    assert!(steps.is_map_list());
    assert_eq!(steps.list_map_keys, ["id"]);
    assert!(schema.at(&["spec", "steps", "weight"]).is_some());
}

#[test]
fn a_schema_that_cannot_be_read_says_where() {
    let error = Schema::parse(&json!({"type": "object", "properties": {"a": {"type": "text"}}})).unwrap_err();
    assert_eq!(
        error.to_string(),
        "openAPIV3Schema.properties[a].type: must be one of object, array, string, integer, number, boolean, found text"
    );
}

#[test]
fn rules_are_asked_of_what_changed_and_speak_of_the_old_value() {
    let schema = Schema::parse(&json!({"type": "object", "properties": {"spec": {
        "type": "object",
        "x-kubernetes-validations": [
            {"rule": "has(self.a) != has(self.b)", "message": "exactly one of a and b"},
            {"rule": "!has(self.size) || self.size < 5", "messageExpression": "'size is ' + string(self.size)", "fieldPath": ".size"}
        ],
        "properties": {
            "a": {"type": "integer"}, "b": {"type": "integer"}, "size": {"type": "integer"},
            "fixed": {"type": "string", "x-kubernetes-validations": [{"rule": "self == oldSelf", "reason": "FieldValueForbidden"}]}
        }
    }}}))
    .unwrap();
    let texts = |new: Value, old: Option<Value>| -> Vec<String> {
        let mut faults = schema.validate(&new, old.as_ref());
        schema.ask_rules(&new, old.as_ref(), &mut faults);
        faults.iter().map(ToString::to_string).collect()
    };
    let one = json!({"spec": {"a": 1, "fixed": "x"}});
    assert_eq!(texts(one.clone(), None), Vec::<String>::new());
    assert_eq!(texts(json!({"spec": {}}), None), ["spec: Invalid value: exactly one of a and b"]);
    assert_eq!(texts(json!({"spec": {"a": 1, "size": 7}}), None), ["spec.size: Invalid value: size is 7"]);
    let changed = json!({"spec": {"a": 1, "fixed": "y"}});
    assert_eq!(texts(changed, Some(one.clone())), ["spec.fixed: Forbidden: failed rule: self == oldSelf"]);
    let wrong = json!({"spec": {"a": "x", "fixed": "x"}});
    assert_eq!(
        texts(wrong, Some(one)),
        [
            "spec.a: Invalid value: \"string\": spec.a in body must be of type integer: \"string\"",
            "<nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation"
        ]
    );
}
