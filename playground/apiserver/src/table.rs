//! Tables: how `kubectl get` has the server lay out objects in columns.
//!
//! Every kind has the columns of the real server; custom resources have those of their definition.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{resource::Resource, shape};

mod age;
mod cells;
mod cluster_cells;
mod columns;
mod json_path;
mod pod_cells;

#[cfg(test)]
mod tests;

pub use age::human_duration;
pub use json_path::JsonPath;

/// How much of each object a table carries beside its cells (`?includeObject=`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IncludeObject {
    /// Nothing.
    None,
    /// Its metadata, as `PartialObjectMetadata`.
    #[default]
    Metadata,
    /// All of it.
    Object,
}

impl IncludeObject {
    /// Reads the query parameter; none if it is something else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "None" => Some(Self::None),
            "" | "Metadata" => Some(Self::Metadata),
            "Object" => Some(Self::Object),
            _ => None,
        }
    }
}

/// A table of objects of one resource.
///
/// `metadata` is that of the list (resourceVersion, continue), or of the object if it stands alone.
/// In a watch only the first table carries the columns (`with_columns`); kubectl prints the heading when it sees
/// them.
#[must_use]
pub fn table(
    resource: &Resource,
    objects: &[&Value],
    metadata: &Value,
    include: IncludeObject,
    with_columns: bool,
    now: Timestamp,
) -> Value {
    let scale = |object: &&Value| object["kind"] == "Scale" && object["apiVersion"] == "autoscaling/v1";
    let columns =
        if objects.first().is_some_and(scale) { columns::of_scale() } else { columns::of(resource) };
    let rows: Vec<Value> = objects
        .iter()
        .map(|object| {
            let kept = resource.view.as_ref().map(|view| {
                let mut kept = (*object).clone();
                view.to_kept(&mut kept);
                kept
            });
            let (whole, object) = (*object, kept.as_ref().unwrap_or(object));
            let cells: Vec<Value> = columns.iter().map(|column| column.cell(object, now)).collect();
            let mut row = json!({"cells": cells});
            row["object"] = shown(whole, include).unwrap_or_default();
            if resource.kind == "Pod" && resource.group.is_empty() {
                pod_cells::add_conditions(&mut row, object);
            }
            row
        })
        .collect();
    let plain = columns::are_plain(resource, &columns);
    let definitions: Vec<Value> = columns.iter().map(columns::TableColumn::definition).collect();
    json!({
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": list_metadata(metadata),
        "columnDefinitions": if with_columns { Value::Array(definitions) } else { Value::Null },
        // The printer of kinds that have none of their own makes no list of nothing.
        "rows": if rows.is_empty() && plain { Value::Null } else { json!(rows) },
    })
}

/// Of an object's metadata only what a list has too.
fn list_metadata(metadata: &Value) -> Value {
    let fields = ["resourceVersion", "continue", "remainingItemCount"];
    let kept = fields.iter().filter_map(|field| Some(((*field).to_owned(), metadata.get(field)?.clone())));
    let kept = kept.filter(|(_, value)| *value != "");
    Value::Object(kept.collect())
}

fn shown(object: &Value, include: IncludeObject) -> Option<Value> {
    match include {
        IncludeObject::None => None,
        IncludeObject::Metadata => Some(shape::metadata_only(object)),
        IncludeObject::Object => Some(object.clone()),
    }
}
