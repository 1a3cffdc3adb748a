//! Other forms in which objects are shown: their metadata only, or a row of a table.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{negotiation::Shape, resource::Resource, table};

/// The metadata of an object, as `PartialObjectMetadata`.
pub fn metadata_only(object: &Value) -> Value {
    let mut metadata = object["metadata"].clone();
    if object["kind"] == "DaemonSet" {
        hide_template_generation(&mut metadata);
    }
    json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata})
}

/// In this annotation the whole of a DaemonSet tells a field that only older versions had; it is no metadata.
fn hide_template_generation(metadata: &mut Value) {
    let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) else { return };
    annotations.remove("deprecated.daemonset.template.generation");
    if annotations.is_empty()
        && let Some(fields) = metadata.as_object_mut()
    {
        fields.remove("annotations");
    }
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
