//! JSON patch (RFC 6902).

use serde_json::Value;

use crate::status::ApiError;

const OPERATIONS_MAX: usize = 10_000;

/// The object that `patch` makes of `old`.
///
/// # Errors
/// 400 if the patch is none, 413 if it is too long, 422 if it does not fit the object.
pub fn apply(old: &Value, patch: &Value) -> Result<Value, ApiError> {
    let Some(operations) = patch.as_array() else {
        let found = crate::schema::type_name(patch);
        return Err(ApiError::bad_request(format!(
            "error decoding patch: json: cannot unmarshal {found} into Go value of type []handlers.jsonPatchOp"
        )));
    };
    if operations.len() > OPERATIONS_MAX {
        return Err(ApiError::too_large(format!(
            "Request entity too large: The allowed maximum operations in a JSON patch is {OPERATIONS_MAX}, got {}",
            operations.len()
        )));
    }
    let operations: json_patch::Patch =
        serde_json::from_value(patch.clone()).map_err(|_| ApiError::unfit())?;
    let mut object = old.clone();
    json_patch::patch(&mut object, &operations).map_err(|_| ApiError::unfit())?;
    Ok(object)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// Small objects that often share fields.
    fn object() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![any::<bool>().prop_map(Value::from), (0..3i64).prop_map(Value::from)];
        let node = leaf.prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
                proptest::collection::btree_map("[a-c]", inner, 0..3)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        });
        proptest::collection::btree_map("[a-c]", node, 0..3)
            .prop_map(|fields| Value::Object(fields.into_iter().collect()))
    }

    proptest! {
        #[test]
        fn the_difference_of_two_objects_turns_one_into_the_other(old in object(), new in object()) {
            let difference = serde_json::to_value(json_patch::diff(&old, &new)).unwrap();
            prop_assert_eq!(apply(&old, &difference).unwrap(), new);
        }

        #[test]
        fn a_merge_patch_leaves_what_it_does_not_name(old in object(), patch in object()) {
            let merged = crate::patch::merge::apply(&old, &patch).unwrap();
            for (name, value) in old.as_object().unwrap() {
                if patch.get(name).is_none() {
                    prop_assert_eq!(merged.get(name), Some(value));
                }
            }
            prop_assert_eq!(crate::patch::merge::apply(&merged, &patch).unwrap(), merged);
        }
    }

    #[test]
    fn an_operation_that_fails_leaves_nothing_done() {
        let patch =
            json!([{"op": "add", "path": "/a", "value": 1}, {"op": "test", "path": "/a", "value": 2}]);
        assert_eq!(apply(&json!({}), &patch).unwrap_err().code, 422);
    }
}
