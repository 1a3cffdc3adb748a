#![allow(clippy::needless_pass_by_value, reason = "tests read better when they hand values over")]

use serde_json::{Value, json};

use super::*;
use crate::{builtin, resource::Registry};

struct World {
    registry: Registry,
}

impl World {
    fn new() -> Self {
        Self { registry: builtin::registry() }
    }

    fn write<'a>(&'a self, manager: &'a str) -> Write<'a> {
        let resource = self.registry.get("apps", "v1", "deployments").unwrap();
        Write { resource, subresource: "", manager, now: Timestamp::UNIX_EPOCH }
    }

    fn apply(&self, manager: &str, live: &Value, spec: Value, force: bool) -> Result<Value, ApiError> {
        apply(self.write(manager), live, &deployment(spec), force)
    }

    fn updated(&self, manager: &str, old: &Value, spec: Value) -> Value {
        let mut new = old.clone();
        new["spec"] = spec;
        note_update(self.write(manager), old, &mut new, true);
        new
    }
}

fn deployment(spec: Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": spec})
}

fn containers(items: Value) -> Value {
    json!({"template": {"spec": {"containers": items}}})
}

fn owned(object: &Value, manager: &str) -> Vec<String> {
    managers::decode(&object["metadata"]["managedFields"])
        .into_iter()
        .filter(|(found, _)| found.name == manager)
        .flat_map(|(_, owned)| owned.fields.paths())
        .collect()
}

#[test]
fn what_is_applied_is_owned_by_who_applies_it() {
    let world = World::new();
    let live = world.apply("a", &Value::Null, json!({"replicas": 1}), false).unwrap();
    assert_eq!(owned(&live, "a"), [".spec.replicas"]);
    let with_pods =
        json!({"replicas": 1, "template": {"spec": {"containers": [{"name": "c", "image": "i"}]}}});
    let live = world.apply("a", &live, with_pods, false).unwrap();
    assert_eq!(
        owned(&live, "a"),
        [
            ".spec.replicas",
            ".spec.template.spec.containers[name=\"c\"]",
            ".spec.template.spec.containers[name=\"c\"].image",
            ".spec.template.spec.containers[name=\"c\"].name",
        ]
    );
}

#[test]
fn a_field_of_another_manager_is_a_conflict_that_names_it() {
    let world = World::new();
    let live = world.apply("a", &Value::Null, json!({"replicas": 1}), false).unwrap();
    let error = world.apply("b", &live, json!({"replicas": 2}), false).unwrap_err();
    assert_eq!(error.code, 409);
    assert_eq!(error.message, "Apply failed with 1 conflict: conflict with \"a\": .spec.replicas");
    let updated = world.updated("u", &live, json!({"replicas": 3, "paused": true}));
    assert_eq!(owned(&updated, "a"), Vec::<String>::new());
    let error = world.apply("a", &updated, json!({"replicas": 1, "paused": false}), false).unwrap_err();
    assert_eq!(
        error.message,
        "Apply failed with 2 conflicts: conflicts with \"u\" using apps/v1:\n\
         - .spec.paused\n- .spec.replicas"
    );
}

#[test]
fn force_takes_fields_over_and_equal_values_are_shared() {
    let world = World::new();
    let live = world.apply("a", &Value::Null, json!({"replicas": 1}), false).unwrap();
    let shared = world.apply("b", &live, json!({"replicas": 1}), false).unwrap();
    assert_eq!((owned(&shared, "a").len(), owned(&shared, "b").len()), (1, 1));
    let taken = world.apply("b", &live, json!({"replicas": 2}), true).unwrap();
    assert_eq!((owned(&taken, "a").len(), owned(&taken, "b").len()), (0, 1));
}

#[test]
fn what_is_no_longer_applied_goes_unless_somebody_else_owns_it() {
    let world = World::new();
    let two = containers(json!([{"name": "x", "image": "1"}, {"name": "y", "image": "1"}]));
    let live = world.apply("a", &Value::Null, two, false).unwrap();
    let one = containers(json!([{"name": "x", "image": "1"}]));
    let live = world.apply("a", &live, one.clone(), false).unwrap();
    assert_eq!(live["spec"], one);

    let live = world.apply("b", &live, containers(json!([{"name": "x", "image": "1"}])), false).unwrap();
    let live = world.apply("a", &live, json!({"replicas": 1}), false).unwrap();
    assert_eq!(live["spec"]["template"], one["template"]);
    let live = world.apply("b", &live, json!({"replicas": 1}), false).unwrap();
    assert_eq!(live["spec"], json!({"replicas": 1}));
}

#[test]
fn applying_the_same_again_changes_nothing() {
    let world = World::new();
    let spec = json!({"replicas": 1, "selector": {"matchLabels": {"a": "b"}}});
    let live = world.apply("a", &Value::Null, spec.clone(), false).unwrap();
    assert_eq!(world.apply("a", &live, spec, false).unwrap(), live);
}

#[test]
fn unknown_fields_and_repeated_items_are_refused() {
    let world = World::new();
    let error = world.apply("a", &Value::Null, json!({"no": 1}), false).unwrap_err();
    assert_eq!(
        error.message,
        "failed to create typed patch object (/d; apps/v1, Kind=Deployment): .spec.no: field not declared in schema"
    );
    let twice = containers(json!([{"name": "x"}, {"name": "x"}]));
    let error = world.apply("a", &Value::Null, twice, false).unwrap_err();
    assert!(error.message.contains("duplicate entries for key [name=\"x\"]"), "{}", error.message);
}

#[test]
fn field_sets_are_written_as_they_are_read() {
    let fields = json!({"f:metadata": {"f:labels": {".": {}, "f:a": {}}},
                        "f:spec": {"f:ports": {"k:{\"port\":80}": {".": {}, "f:port": {}}}}});
    assert_eq!(FieldSet::decode(&fields).encode(), fields);
}

proptest::proptest! {
    /// Whatever two appliers and an updater do, an applier that forces gets what it wants, and the record
    /// names only fields that the object has.
    #[test]
    fn a_forced_apply_always_gets_what_it_wants(
        steps in proptest::collection::vec((0u8..3, proptest::collection::btree_map("[a-c]", "[0-2]", 0..3)), 1..12),
    ) {
        let world = World::new();
        let mut live = Value::Null;
        for (who, wanted) in steps {
            let items: Vec<Value> =
                wanted.iter().map(|(name, image)| json!({"name": name, "image": image})).collect();
            let spec = containers(json!(items));
            live = match who {
                2 if !live.is_null() => world.updated("u", &live, spec),
                2 => continue,
                who => world.apply(["one", "two"][usize::from(who)], &live, spec, true).unwrap(),
            };
            let found = live["spec"]["template"]["spec"]["containers"].as_array().cloned().unwrap_or_default();
            for (name, image) in &wanted {
                let there = found.iter().any(|item| item["name"] == **name && item["image"] == **image);
                proptest::prop_assert!(there, "{} is missing in {}", name, live);
            }
            let all = typed::fields_of(&live, Some(&world.write("x").resource.schema));
            for owned in managers::decode(&live["metadata"]["managedFields"]).values() {
                let mut leaves = owned.fields.difference(&all);
                // Containers that an update made are in its set themselves, which `fields_of` does not say.
                leaves = leaves.without(&["f:spec"]);
                proptest::prop_assert!(leaves.is_empty());
            }
        }
    }
}
