#![allow(clippy::needless_pass_by_value, reason = "tests read better when they hand values over")]

use serde_json::{Value, json};

use super::apply;
use crate::builtin;

fn patched(old: Value, patch: Value) -> Value {
    let registry = builtin::registry();
    let deployments = registry.get("apps", "v1", "deployments").unwrap();
    apply(&old, &patch, &deployments.schema).unwrap()
}

fn pod(containers: Value) -> Value {
    json!({"spec": {"template": {"spec": {"containers": containers}}}})
}

#[test]
fn items_are_merged_by_their_key_and_new_ones_come_in_front() {
    let old = pod(
        json!([{"name": "a", "image": "1", "env": [{"name": "X", "value": "1"}]}, {"name": "b", "image": "1"}]),
    );
    let patch = pod(json!([{"name": "b", "image": "2"}, {"name": "c", "image": "3"}]));
    assert_eq!(
        patched(old, patch),
        pod(json!([
            {"name": "a", "image": "1", "env": [{"name": "X", "value": "1"}]},
            {"name": "b", "image": "2"},
            {"name": "c", "image": "3"},
        ]))
    );
}

#[test]
fn directives_delete_replace_and_order() {
    let old = pod(json!([{"name": "a"}, {"name": "b"}, {"name": "c"}]));
    assert_eq!(
        patched(old.clone(), pod(json!([{"name": "b", "$patch": "delete"}]))),
        pod(json!([{"name": "a"}, {"name": "c"}]))
    );
    assert_eq!(
        patched(old.clone(), pod(json!([{"name": "z"}, {"$patch": "replace"}]))),
        pod(json!([{"name": "z"}]))
    );
    let order = json!([{"name": "c"}, {"name": "a"}, {"name": "b"}]);
    let patch = json!({"spec": {"template": {"spec": {"$setElementOrder/containers": order}}}});
    assert_eq!(patched(old, patch), pod(json!([{"name": "c"}, {"name": "a"}, {"name": "b"}])));
}

#[test]
fn retained_keys_drop_what_they_do_not_name() {
    let old = json!({"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}});
    let patch = json!({"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}});
    assert_eq!(patched(old, patch), json!({"spec": {"strategy": {"type": "Recreate"}}}));
}

#[test]
fn scalars_are_added_once_and_deleted_by_name() {
    let old = json!({"metadata": {"finalizers": ["a/a", "b/b"]}});
    let patch =
        json!({"metadata": {"finalizers": ["b/b", "c/c"], "$deleteFromPrimitiveList/finalizers": ["a/a"]}});
    assert_eq!(patched(old, patch), json!({"metadata": {"finalizers": ["b/b", "c/c"]}}));
}

#[test]
fn nulls_remove_and_lists_without_a_key_are_replaced() {
    let old = pod(json!([{"name": "a", "args": ["x", "y"], "image": "i"}]));
    let patch = pod(json!([{"name": "a", "args": ["z"], "image": null}]));
    assert_eq!(patched(old, patch), pod(json!([{"name": "a", "args": ["z"]}])));
}

#[test]
fn an_item_without_its_key_is_refused() {
    let registry = builtin::registry();
    let deployments = registry.get("apps", "v1", "deployments").unwrap();
    let old = pod(json!([{"name": "a"}]));
    let error = apply(&old, &pod(json!([{"image": "x"}])), &deployments.schema).unwrap_err();
    assert_eq!(error.message, "map: map[image:x] does not contain declared merge key: name");
}

proptest::proptest! {
    /// What a patch sets is there afterwards, and patching twice changes nothing more.
    #[test]
    fn a_patch_takes_and_repeats(
        live in proptest::collection::btree_map("[a-e]", "[0-9]", 0..5),
        wanted in proptest::collection::btree_map("[a-e]", "[0-9]", 1..5),
    ) {
        let containers = |map: &std::collections::BTreeMap<String, String>| -> Value {
            map.iter().map(|(name, image)| json!({"name": name, "image": image})).collect()
        };
        let once = patched(pod(containers(&live)), pod(containers(&wanted)));
        let items = once["spec"]["template"]["spec"]["containers"].as_array().unwrap();
        for (name, image) in &wanted {
            let found = items.contains(&json!({"name": name, "image": image}));
            proptest::prop_assert!(found, "{} is missing", name);
        }
        let all: std::collections::BTreeSet<&String> = live.keys().chain(wanted.keys()).collect();
        proptest::prop_assert_eq!(items.len(), all.len());
        proptest::prop_assert_eq!(&patched(once.clone(), pod(containers(&wanted))), &once);
    }
}
