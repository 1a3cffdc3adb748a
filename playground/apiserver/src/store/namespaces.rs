//! What namespaces mean for the objects in them.

use std::sync::Arc;

use serde_json::Value;

use super::Store;
use crate::{
    metadata,
    resource::Resource,
    status::{ApiError, Cause, GroupResource},
};

/// The namespaces that every cluster has.
pub(crate) const INITIAL: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];

impl Store {
    /// Whether an object may be created in its namespace: there must be one, and it must not be on its way
    /// out.
    pub(super) fn admit_into_namespace(&self, resource: &Resource, object: &Value) -> Result<(), ApiError> {
        let name = metadata::text(object, "namespace");
        if !resource.namespaced || name.is_empty() {
            return Ok(());
        }
        let of = GroupResource { group: "", resource: "namespaces" };
        let Some(namespaces) = self.registry.get("", "v1", "namespaces").map(Arc::clone) else {
            return Ok(());
        };
        let namespace = self.kept(&namespaces, "", name).ok_or_else(|| ApiError::not_found(of, name))?;
        if !metadata::is_deleting(&namespace.value(&namespaces)) {
            return Ok(());
        }
        let why = format!("unable to create new content in namespace {name} because it is being terminated");
        let cause = Cause {
            reason: "NamespaceTerminating".to_owned(),
            message: format!("namespace {name} is being terminated"),
            field: "metadata.namespace".to_owned(),
        };
        let own_name = metadata::text(object, "name");
        Err(ApiError::forbidden(resource.group_resource(), own_name, &why).with_causes(vec![cause]))
    }
}
