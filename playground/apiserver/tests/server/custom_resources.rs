//! Kinds that are defined while the server runs.

use serde_json::{Value, json};

use crate::common::World;

const WIDGETS: &str = "/apis/example.com/v1/namespaces/default/widgets";
const DEFINITION: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.example.com";

const CRD: &str = "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: widgets, singular: widget, kind: Widget, listKind: WidgetList}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties:
              size: {type: integer, minimum: 1, default: 3}
              colour: {type: string}
          status: {type: object, x-kubernetes-preserve-unknown-fields: true}
";

fn world() -> World {
    let world = World::new();
    world.server.apply_crd(CRD).unwrap();
    world
}

#[test]
fn a_defined_kind_is_served_with_defaults_pruning_and_validation() {
    let world = world();
    let made = world.ok("POST", WIDGETS, json!({"metadata": {"name": "w"}, "spec": {"unknown": 1}}));
    assert_eq!(made["spec"], json!({"size": 3}));
    assert_eq!(made["apiVersion"], "example.com/v1");
    assert_eq!(made["metadata"]["generation"], 1);
    let refused = world.refused("PATCH", &format!("{WIDGETS}/w"), json!({"spec": {"size": 0}}));
    assert_eq!(
        refused.2,
        "Widget.example.com \"w\" is invalid: spec.size: Invalid value: 0: spec.size in body should be greater \
         than or equal to 1"
    );
}

#[test]
fn generation_counts_changes_of_the_spec_only() {
    let world = world();
    world.ok("POST", WIDGETS, json!({"metadata": {"name": "w"}, "spec": {}}));
    let path = format!("{WIDGETS}/w");
    let generation = |object: Value| object["metadata"]["generation"].as_i64().unwrap();
    assert_eq!(generation(world.ok("PATCH", &path, json!({"metadata": {"labels": {"a": "b"}}}))), 1);
    assert_eq!(generation(world.ok("PATCH", &format!("{path}/status"), json!({"status": {"x": 1}}))), 1);
    assert_eq!(generation(world.ok("PATCH", &path, json!({"spec": {"size": 5}}))), 2);
}

#[test]
fn the_status_is_written_through_its_subresource_only() {
    let world = world();
    let path = format!("{WIDGETS}/w");
    world.ok("POST", WIDGETS, json!({"metadata": {"name": "w"}, "spec": {}, "status": {"x": 1}}));
    let patched = world.ok("PATCH", &path, json!({"status": {"x": 1}}));
    assert_eq!(patched["status"], Value::Null);
    let both = json!({"spec": {"size": 9}, "status": {"x": 2}});
    let patched = world.ok("PATCH", &format!("{path}/status"), both);
    assert_eq!((&patched["status"]["x"], &patched["spec"]["size"]), (&json!(2), &json!(3)));
}

#[test]
fn a_definition_goes_with_its_objects_and_waits_for_their_finalizers() {
    let world = world();
    let path = format!("{WIDGETS}/w");
    world.ok("POST", WIDGETS, json!({"metadata": {"name": "w", "finalizers": ["example.com/f"]}}));
    world.ok("POST", WIDGETS, json!({"metadata": {"name": "x"}}));
    world.ok("DELETE", DEFINITION, Value::Null);
    assert_eq!(world.refused("GET", &format!("{WIDGETS}/x"), Value::Null).0, 404);
    assert_eq!(world.refused("POST", WIDGETS, json!({"metadata": {"name": "y"}})).0, 403);
    world.ok("PATCH", &path, json!({"metadata": {"finalizers": null}}));
    assert_eq!(world.refused("GET", DEFINITION, Value::Null).0, 404);
    world.server.apply_crd(CRD).unwrap();
    assert_eq!(world.ok("GET", WIDGETS, Value::Null)["items"], json!([]));
}
