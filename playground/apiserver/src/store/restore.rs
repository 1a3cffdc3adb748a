//! Objects as they were, from a backup: with their uids, generations, times and status.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Store;
use crate::{
    collection::{Event, EventKind},
    metadata,
    status::ApiError,
    stored::Stored,
};

impl Store {
    /// Puts `object` in as it is, in place of one of the same name; only its resourceVersion is new. Nothing is
    /// defaulted, checked or recorded as a write: it is not a request, it is what was there before.
    ///
    /// # Errors
    /// 400 if it does not say what it is, or if nothing of its kind is served.
    pub fn restore(&mut self, mut object: Value) -> Result<(), ApiError> {
        let text = |key: &str| object[key].as_str().unwrap_or_default().to_owned();
        let (api_version, kind) = (text("apiVersion"), text("kind"));
        let (group, version) = api_version.rsplit_once('/').unwrap_or(("", &api_version));
        let resource = self.registry.by_kind(group, version, &kind).map(Arc::clone).ok_or_else(|| {
            ApiError::bad_request(format!(
                "no resource is served for kind {kind:?} in version {api_version:?}"
            ))
        })?;
        if metadata::text(&object, "name").is_empty() {
            return Err(ApiError::bad_request(format!("a {kind} without metadata.name")));
        }
        self.version += 1;
        let version = self.version;
        metadata::map_mut(&mut object).insert("resourceVersion".to_owned(), json!(version.to_string()));
        let kept = Arc::new(Stored::new(&resource, &object, version));
        let before = self.kept(&resource, &kept.namespace, &kept.name);
        let kind = if before.is_some() { EventKind::Modified } else { EventKind::Added };
        let limits = self.limits;
        let event = Event { version, kind, object: kept, before };
        self.collection_mut(&resource).commit(event, limits);
        Ok(())
    }
}
