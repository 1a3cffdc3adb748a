//! Other forms in which objects are shown: their metadata only, or a row of a table.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{negotiation::Shape, resource::Resource, table};

/// The metadata of an object, as `PartialObjectMetadata`.
pub fn metadata_only(object: &Value) -> Value {
    json!({
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": object["metadata"],
    })
}

/// One object in the form that was asked for. A table says its columns only if `with_columns`.
pub(crate) fn shown(
    object: Value,
    shape: Shape,
    resource: &Resource,
    with_columns: bool,
    now: Timestamp,
) -> Value {
    match shape {
        Shape::Whole => object,
        Shape::Metadata | Shape::MetadataList => metadata_only(&object),
        Shape::Table(include) => {
            table::table(resource, &[&object], &object["metadata"], include, with_columns, now)
        }
    }
}
