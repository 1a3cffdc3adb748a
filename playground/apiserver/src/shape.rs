//! Other forms in which objects are shown: their metadata only.

use serde_json::{Value, json};

/// The metadata of an object, as `PartialObjectMetadata`.
pub fn metadata_only(object: &Value) -> Value {
    json!({
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": object["metadata"],
    })
}
