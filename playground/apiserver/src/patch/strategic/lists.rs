//! Lists whose items are merged one by one, and the order they end up in.

use serde_json::{Map, Value};

use super::{DIRECTIVE, bad_directive, go_map, merge_fields, without_directives};
use crate::{schema::Schema, status::ApiError};

/// Merges a patch's list into the live one. Objects are told apart by `key`, scalars by themselves.
pub(super) fn merge(
    live: Vec<Value>,
    patch: &[Value],
    key: Option<&str>,
    schema: Option<&Schema>,
) -> Result<Vec<Value>, ApiError> {
    let of_objects = live.iter().chain(patch).any(Value::is_object);
    if !of_objects {
        return Ok(merge_scalars(&live, patch));
    }
    let Some(key) = key else {
        return Err(ApiError::unexplained("cannot merge lists without merge key"));
    };
    let (live, patch) = directed(live, patch, key)?;
    let mut merged = live.clone();
    let mut named = Vec::new();
    for item in patch {
        let id = id_of(item, key)?;
        named.push(Value::Object(Map::from_iter([(key.to_owned(), id.clone())])));
        match merged.iter_mut().find(|found| found.get(key) == Some(id)) {
            Some(found) => {
                let fields = found.as_object_mut().map(std::mem::take).unwrap_or_default();
                *found = Value::Object(merge_fields(fields, item, schema)?);
            }
            None => merged.extend(without_directives(&Value::Object(item.clone()))),
        }
    }
    Ok(ordered(merged, &named, &live, Some(key)))
}

fn merge_scalars(live: &[Value], patch: &[Value]) -> Vec<Value> {
    let mut merged: Vec<Value> = Vec::new();
    for item in live.iter().chain(patch) {
        if !merged.contains(item) {
            merged.push(item.clone());
        }
    }
    ordered(merged, patch, live, None)
}

/// The live items that are left, and the items to merge into them.
type Directed<'p> = (Vec<Value>, Vec<&'p Map<String, Value>>);

/// Carries out the items that are directives; gives the live items that are left and the items to merge.
fn directed<'p>(mut live: Vec<Value>, patch: &'p [Value], key: &str) -> Result<Directed<'p>, ApiError> {
    let mut rest = Vec::new();
    let mut replace = false;
    for item in patch {
        let Some(item) = item.as_object() else {
            return Err(ApiError::unexplained("expected a map[string]interface {}, but received a string"));
        };
        match item.get(DIRECTIVE).map(Value::as_str) {
            None => rest.push(item),
            Some(Some("delete")) => {
                let id = id_of(item, key)?;
                live.retain(|found| found.get(key) != Some(id));
            }
            Some(Some("replace")) => replace = true,
            Some(Some("merge")) => {
                return Err(ApiError::unexplained("merging lists cannot yet be specified in the patch"));
            }
            Some(_) => return Err(bad_directive(item)),
        }
    }
    if replace {
        live.clear();
    }
    Ok((live, rest))
}

fn id_of<'a>(item: &'a Map<String, Value>, key: &str) -> Result<&'a Value, ApiError> {
    item.get(key).ok_or_else(|| {
        let found = go_map(item);
        ApiError::unexplained(format!("map: {found} does not contain declared merge key: {key}"))
    })
}

/// Puts `merged` into the order that `wanted` gives; items that it does not name keep their place among the
/// `live` ones.
///
/// Worked example: live [a, b, c], wanted [c, x], merged [a, b, c, x]. The unnamed a and b stand before c in
/// the live list and so come before it; x follows c as wanted: [a, b, c, x].
pub(super) fn ordered(merged: Vec<Value>, wanted: &[Value], live: &[Value], key: Option<&str>) -> Vec<Value> {
    let same = |a: &Value, b: &Value| match key {
        Some(key) => a.get(key).is_some() && a.get(key) == b.get(key),
        None => a == b,
    };
    let place = |list: &[Value], item: &Value| list.iter().position(|found| same(found, item));
    let (mut named, mut unnamed): (Vec<Value>, Vec<Value>) =
        merged.into_iter().partition(|item| place(wanted, item).is_some());
    named.sort_by_key(|item| place(wanted, item));
    unnamed.sort_by_key(|item| place(live, item));
    let mut out = Vec::with_capacity(named.len() + unnamed.len());
    let (mut named, mut unnamed) = (named.into_iter().peekable(), unnamed.into_iter().peekable());
    while let (Some(right), Some(left)) = (named.peek(), unnamed.peek()) {
        let left_first =
            matches!((place(live, left), place(live, right)), (Some(left), Some(right)) if left < right);
        out.extend(if left_first { unnamed.next() } else { named.next() });
    }
    out.extend(named);
    out.extend(unnamed);
    out
}
