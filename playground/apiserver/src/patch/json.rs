//! JSON patch (RFC 6902).

use serde_json::Value;

use crate::{options::UnknownFields, status::ApiError};

const OPERATIONS_MAX: usize = 10_000;

/// The object that `patch` makes of `old`.
///
/// # Errors
/// 400 if the patch is none, 413 if it is too long, 422 if it does not fit the object.
pub fn apply(old: &Value, patch: &Value, unknown: UnknownFields) -> Result<Value, ApiError> {
    let Some(operations) = patch.as_array() else {
        let found = crate::schema::type_name(patch);
        // Whoever wants to hear of unknown fields has the patch read once more, by another reader.
        let (before, wanted) = match unknown {
            UnknownFields::Ignore => ("", "jsonpatch.Patch"),
            UnknownFields::Warn | UnknownFields::Refuse => {
                ("error decoding patch: ", "[]handlers.jsonPatchOp")
            }
        };
        return Err(ApiError::bad_request(format!(
            "{before}json: cannot unmarshal {found} into Go value of type {wanted}"
        )));
    };
    if operations.len() > OPERATIONS_MAX {
        return Err(ApiError::too_large(format!(
            "Request entity too large: The allowed maximum operations in a JSON patch is {OPERATIONS_MAX}, got {}",
            operations.len()
        )));
    }
    let mut object = old.clone();
    for operation in operations {
        step(&mut object, operation).ok_or_else(ApiError::unfit)?;
    }
    Ok(object)
}

/// One operation, or nothing if it does not fit. The real server's own reading of the RFC: a field that is not there is
/// `null`, so it can be replaced, copied and tested; negative indices count from the end.
fn step(object: &mut Value, operation: &Value) -> Option<()> {
    let text = |field: &str| operation.get(field)?.as_str();
    let value = || operation.get("value").cloned().unwrap_or_default();
    let path = text("path")?;
    match text("op")? {
        "add" => add(object, path, value()),
        "remove" => remove(object, path).map(drop),
        "replace" if path.is_empty() => {
            *object = Some(value()).filter(|value| value.is_object() || value.is_array())?;
            Some(())
        }
        "replace" => {
            let (place, key) = parent(object, path)?;
            match place {
                Value::Array(items) => {
                    let index = index(&key, items.len())?;
                    *items.get_mut(index)? = value();
                }
                Value::Object(fields) => drop(fields.insert(key, value())),
                _ => return None,
            }
            Some(())
        }
        "move" => {
            let from = text("from")?;
            let moved = found(object, from)?;
            remove(object, from)?;
            add(object, path, moved)
        }
        "copy" => {
            let copied = found(object, text("from")?)?;
            add(object, path, copied)
        }
        "test" if path.is_empty() => (*object == value()).then_some(()),
        "test" => (found(object, path)? == value()).then_some(()),
        _ => None,
    }
}

fn add(object: &mut Value, path: &str, value: Value) -> Option<()> {
    let (place, key) = parent(object, path)?;
    match place {
        Value::Array(items) if key == "-" => items.push(value),
        Value::Array(items) => {
            let index = index(&key, items.len() + 1).filter(|index| *index <= items.len())?;
            items.insert(index, value);
        }
        Value::Object(fields) => drop(fields.insert(key, value)),
        _ => return None,
    }
    Some(())
}

fn remove(object: &mut Value, path: &str) -> Option<Value> {
    let (place, key) = parent(object, path)?;
    match place {
        Value::Array(items) => {
            let index = index(&key, items.len()).filter(|index| *index < items.len())?;
            Some(items.remove(index))
        }
        Value::Object(fields) => fields.remove(&key),
        _ => None,
    }
}

/// What stands at a path; `null` if its parent has no such field.
fn found(object: &mut Value, path: &str) -> Option<Value> {
    let (place, key) = parent(object, path)?;
    match place {
        Value::Array(items) => items.get(index(&key, items.len())?).cloned(),
        Value::Object(fields) => Some(fields.get(&key).cloned().unwrap_or_default()),
        _ => None,
    }
}

/// The object or list that the last step of a path leads out of, and that step.
fn parent<'v>(object: &'v mut Value, path: &str) -> Option<(&'v mut Value, String)> {
    let (way, last) = path.rsplit_once('/')?;
    let mut place = object;
    for part in way.split('/').skip(1) {
        place = match place {
            Value::Array(items) => {
                let index = index(&decoded(part), items.len())?;
                items.get_mut(index)?
            }
            Value::Object(fields) => fields.get_mut(&decoded(part))?,
            _ => return None,
        };
    }
    Some((place, decoded(last)))
}

fn decoded(part: &str) -> String {
    part.replace("~1", "/").replace("~0", "~")
}

fn index(key: &str, length: usize) -> Option<usize> {
    let index: i64 = key.parse().ok()?;
    if index < 0 { length.checked_sub(usize::try_from(-index).ok()?) } else { usize::try_from(index).ok() }
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
            prop_assert_eq!(apply(&old, &difference, UnknownFields::Warn).unwrap(), new);
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
        assert_eq!(apply(&json!({}), &patch, UnknownFields::Warn).unwrap_err().code, 422);
    }
}
