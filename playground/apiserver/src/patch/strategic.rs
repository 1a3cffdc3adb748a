//! Strategic merge patch: a merge patch that knows which lists are merged item by item.
//!
//! Directives: `$patch: replace|delete` on objects and list items, `$deleteFromPrimitiveList/FIELD`,
//! `$setElementOrder/FIELD` and `$retainKeys`.

use serde_json::{Map, Value};

use crate::{
    go_text::{go_map, plain},
    schema::Schema,
    status::ApiError,
};

mod lists;
mod types;

pub use types::check_types;

const DIRECTIVE: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const SET_ORDER: &str = "$setElementOrder/";
const DELETE_FROM: &str = "$deleteFromPrimitiveList/";

/// The object that `patch` makes of `old`.
///
/// # Errors
/// 400 or 500 with the sentence of the real server, if the patch is malformed.
pub fn apply(old: &Value, patch: &Value, schema: &Schema) -> Result<Value, ApiError> {
    let (Value::Object(old), Value::Object(patch)) = (old, patch) else {
        let found = crate::schema::type_name(patch);
        return Err(ApiError::bad_request(format!(
            "json: cannot unmarshal {found} into Go value of type map[string]interface {{}}"
        )));
    };
    merge_fields(old.clone(), patch, Some(schema)).map(Value::Object)
}

/// Merges the fields of one object.
fn merge_fields(
    mut old: Map<String, Value>,
    patch: &Map<String, Value>,
    schema: Option<&Schema>,
) -> Result<Map<String, Value>, ApiError> {
    match patch.get(DIRECTIVE).map(Value::as_str) {
        None => {}
        Some(Some("replace")) => {
            let mut whole = patch.clone();
            whole.remove(DIRECTIVE);
            return Ok(whole);
        }
        Some(Some("delete")) => return Ok(Map::new()),
        Some(_) => return Err(bad_directive(patch)),
    }
    retain_keys(&mut old, patch)?;
    for (key, value) in patch {
        if key == RETAIN_KEYS || key.starts_with(SET_ORDER) {
            continue;
        }
        if let Some(field) = key.strip_prefix(DELETE_FROM) {
            delete_from(&mut old, field, value)?;
            continue;
        }
        if value.is_null() {
            old.remove(key);
            continue;
        }
        let node = schema.and_then(|schema| schema.field(key)).map(|node| &**node);
        let order = patch.get(&format!("{SET_ORDER}{key}"));
        match merged(old.remove(key), value, node, order)? {
            Some(value) => old.insert(key.clone(), value),
            None => None,
        };
    }
    // Lists that are only put in order.
    for (key, order) in patch {
        let Some(field) = key.strip_prefix(SET_ORDER).filter(|field| !patch.contains_key(*field)) else {
            continue;
        };
        let node = schema.and_then(|schema| schema.field(field)).map(|node| &**node);
        if let Some(Value::Array(items)) = old.get_mut(field) {
            let live = items.clone();
            *items = lists::ordered(std::mem::take(items), order_items(order)?, &live, merge_key(node));
        }
    }
    Ok(old)
}

/// One field's new value, or `None` if the patch says that it goes.
fn merged(
    old: Option<Value>,
    patch: &Value,
    node: Option<&Schema>,
    order: Option<&Value>,
) -> Result<Option<Value>, ApiError> {
    match (old, patch) {
        (Some(Value::Object(old)), Value::Object(patch))
            if !node.is_some_and(|node| node.patch_strategy.replace) =>
        {
            merge_fields(old, patch, node).map(|fields| Some(Value::Object(fields)))
        }
        (Some(Value::Array(old)), Value::Array(patch))
            if node.is_some_and(|node| node.patch_strategy.merge) =>
        {
            let live = old.clone();
            let items = node.and_then(|node| node.items.as_deref());
            let merged = lists::merge(old, patch, merge_key(node), items)?;
            Ok(Some(Value::Array(match order {
                Some(order) => lists::ordered(merged, order_items(order)?, &live, merge_key(node)),
                None => merged,
            })))
        }
        // Nothing to merge with, or another type: the patch's value as it stands, without its directives.
        (_, patch) => Ok(without_directives(patch)),
    }
}

fn merge_key(node: Option<&Schema>) -> Option<&str> {
    node.and_then(|node| node.patch_merge_key.as_deref())
}

fn order_items(order: &Value) -> Result<&[Value], ApiError> {
    order
        .as_array()
        .map(Vec::as_slice)
        .ok_or_else(|| ApiError::bad_request("invalid patch format of setElementOrder list"))
}

/// `$retainKeys` names all fields that may stay.
fn retain_keys(old: &mut Map<String, Value>, patch: &Map<String, Value>) -> Result<(), ApiError> {
    let Some(retained) = patch.get(RETAIN_KEYS) else { return Ok(()) };
    let Some(retained) = retained.as_array() else {
        return Err(ApiError::bad_request("invalid patch format of retainKeys"));
    };
    let named = |key: &String| retained.iter().any(|name| name == key);
    let unnamed = patch.iter().any(|(key, value)| !value.is_null() && !key.starts_with('$') && !named(key));
    if unnamed {
        return Err(ApiError::unfit());
    }
    old.retain(|key, _| named(key));
    Ok(())
}

fn delete_from(old: &mut Map<String, Value>, field: &str, doomed: &Value) -> Result<(), ApiError> {
    let Some(doomed) = doomed.as_array() else {
        return Err(ApiError::bad_request("invalid patch format of primitive list"));
    };
    if let Some(Value::Array(items)) = old.get_mut(field) {
        items.retain(|item| !doomed.contains(item));
    }
    Ok(())
}

/// A value that comes in new: without directives, and without nulls, which have nothing to remove.
fn without_directives(value: &Value) -> Option<Value> {
    match value {
        Value::Object(fields) => {
            if fields.contains_key(DIRECTIVE) {
                return None;
            }
            let kept = fields
                .iter()
                .filter(|(key, value)| {
                    let directive =
                        *key == RETAIN_KEYS || key.starts_with(SET_ORDER) || key.starts_with(DELETE_FROM);
                    !value.is_null() && !directive
                })
                .filter_map(|(key, value)| Some((key.clone(), without_directives(value)?)));
            Some(Value::Object(kept.collect()))
        }
        Value::Array(items) => Some(Value::Array(items.iter().filter_map(without_directives).collect())),
        scalar => Some(scalar.clone()),
    }
}

fn bad_directive(patch: &Map<String, Value>) -> ApiError {
    let directive = patch.get(DIRECTIVE).map(plain).unwrap_or_default();
    ApiError::unexplained(format!("unknown patch type: {directive} in map: {}", go_map(patch)))
}

#[cfg(test)]
mod tests;
