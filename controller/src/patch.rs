//! The difference between two JSON values as an RFC 7386 merge patch.

use serde_json::{Map, Value};

/// The merge patch that turns `from` into `to`; `None` if they are equal.
///
/// Objects are compared field by field, everything else (lists too) is replaced whole. A field that is null in `to`
/// counts as absent, since a merge patch cannot write null.
#[must_use]
pub fn difference(from: &Value, to: &Value) -> Option<Value> {
    let (Value::Object(from), Value::Object(to)) = (from, to) else {
        return (from != to).then(|| to.clone());
    };
    let mut patch = Map::new();
    for (field, wanted) in to.iter().filter(|(_, wanted)| !wanted.is_null()) {
        match from.get(field) {
            Some(seen) => patch.extend(difference(seen, wanted).map(|inner| (field.clone(), inner))),
            None => _ = patch.insert(field.clone(), wanted.clone()),
        }
    }
    for (field, seen) in from {
        if !seen.is_null() && to.get(field).is_none_or(Value::is_null) {
            patch.insert(field.clone(), Value::Null);
        }
    }
    (!patch.is_empty()).then_some(Value::Object(patch))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn names_only_what_differs_and_replaces_lists_whole() {
        let from = json!({"phase": "Paused", "message": "BlueGreenPause", "blueGreen": {"activeSelector": "a", "previewSelector": "b"},
            "conditions": [{"type": "Paused"}], "replicas": 2});
        let to = json!({"phase": "Healthy", "blueGreen": {"activeSelector": "b", "previewSelector": "b"},
            "conditions": [{"type": "Healthy"}, {"type": "Paused"}], "replicas": 2});
        let patch = json!({"phase": "Healthy", "message": null, "blueGreen": {"activeSelector": "b"},
            "conditions": [{"type": "Healthy"}, {"type": "Paused"}]});
        assert_eq!(difference(&from, &to), Some(patch));
        assert_eq!(difference(&to, &to), None);
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            (0..3i32).prop_map(Value::from),
            "[ab]{0,2}".prop_map(Value::from)
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map("[a-c]", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn applied_to_the_one_it_gives_the_other(from in any_json(), to in any_json()) {
            let mut patched = from.clone();
            if let Some(patch) = difference(&from, &to) {
                json_patch::merge(&mut patched, &patch);
            }
            prop_assert_eq!(patched, to);
        }
    }
}
