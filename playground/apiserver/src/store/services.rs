//! Services get their addresses when they are written.

use std::sync::Arc;

use serde_json::Value;

use super::Store;
use crate::{builtin, field_error::FieldError, metadata, resource::Resource};

impl Store {
    /// Gives a Service the addresses and node ports that its type calls for.
    ///
    /// The real server does so before it looks at anything else, and tells nothing else if it cannot.
    pub(super) fn allocate(
        &self,
        resource: &Arc<Resource>,
        object: &mut Value,
        old: Option<&Value>,
        dry_run: bool,
    ) -> Vec<FieldError> {
        if !resource.group.is_empty() || resource.plural != "services" {
            return Vec::new();
        }
        let own = (metadata::text(object, "namespace").to_owned(), metadata::text(object, "name").to_owned());
        let others: Vec<Value> = self
            .collection(resource)
            .map(|collection| {
                collection
                    .iter("", "")
                    .filter(|other| (&*other.namespace, &*other.name) != (own.0.as_str(), own.1.as_str()))
                    .map(|other| other.value(resource))
                    .collect()
            })
            .unwrap_or_default();
        builtin::service_addresses::allocate(object, old, others.iter(), dry_run).err().unwrap_or_default()
    }
}
