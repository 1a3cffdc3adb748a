//! What namespaces mean for the objects in them, and how a namespace goes: it is marked, a controller (a
//! client like any other) empties it and takes its finalizer off, and then it is deleted.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    Call, Store, body,
    commit::Author,
    update::{check_name, check_version, keep_system_fields},
};
use crate::{
    answer::{Answer, Shown},
    fields, metadata,
    options::WriteOptions,
    resource::Resource,
    status::{ApiError, Cause, GroupResource},
    write_log::Verb,
};

/// The namespaces that every cluster has.
pub(crate) const INITIAL: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];

/// Those of them that may not be deleted.
const LASTING: [&str; 3] = ["default", "kube-public", "kube-system"];

/// Whether `resource` is that of the namespaces themselves.
pub(super) fn is_namespace(resource: &Resource) -> bool {
    resource.group.is_empty() && resource.plural == "namespaces"
}

impl Store {
    /// Whether an object may be created in its namespace: there must be one, and it must not be on its way
    /// out.
    pub(super) fn admit_into_namespace(&self, resource: &Resource, object: &Value) -> Result<(), ApiError> {
        let name = metadata::text(object, "namespace");
        if !resource.namespaced || name.is_empty() {
            return Ok(());
        }
        let of = GroupResource { group: "", resource: "namespaces" };
        let Some(namespaces) = self.namespaces() else { return Ok(()) };
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
        let mut refusal = ApiError::forbidden(resource.group_resource(), own_name, &why);
        refusal.add_cause(cause);
        Err(refusal)
    }

    /// Whether a namespace may be deleted.
    pub(super) fn admit_deletion(&self, resource: &Resource, name: &str) -> Result<(), ApiError> {
        if is_namespace(resource) && LASTING.contains(&name) {
            return Err(ApiError::forbidden(
                resource.group_resource(),
                name,
                "this namespace may not be deleted",
            ));
        }
        Ok(())
    }

    /// Deletes a namespace that is marked and that nothing holds back any more.
    pub(super) fn release_namespace(&mut self, call: &Call<'_>, author: &Author, name: &str) {
        let Some(namespaces) = self.namespaces() else { return };
        let Some(kept) = self.kept(&namespaces, "", name) else { return };
        let object = kept.value(&namespaces);
        if is_released(&object) {
            self.commit_deletion(call, author, &namespaces, &kept, object);
        }
    }

    fn namespaces(&self) -> Option<Arc<Resource>> {
        self.registry().get("", "v1", "namespaces").cloned()
    }
}

/// Whether a namespace is marked, and nothing holds it back any more.
fn is_released(namespace: &Value) -> bool {
    let held = namespace["spec"]["finalizers"].as_array().is_some_and(|holders| !holders.is_empty());
    metadata::is_deleting(namespace) && !held && metadata::finalizers(namespace).is_empty()
}

/// Marks a namespace as on its way out.
pub(super) fn terminate(namespace: &mut Value) {
    namespace["status"]["phase"] = json!("Terminating");
}

impl Store {
    /// PUT of what holds a namespace back.
    pub(super) fn finalize(&mut self, call: &mut Call<'_>) -> Result<Answer, ApiError> {
        if call.request.method != http::Method::PUT {
            return Err(ApiError::method_not_allowed());
        }
        let options = WriteOptions::parse(&call.request.query, "UpdateOptions", false)?;
        let wanted = body::object(call, options.unknown_fields)?;
        check_name(call, &wanted)?;
        let resource = Arc::clone(&call.resource);
        let kept = self
            .kept(&resource, "", &call.target.name)
            .ok_or_else(|| ApiError::not_found(resource.group_resource(), &call.target.name))?;
        let mut object = kept.value(&resource);
        let author = Author::of(call, Verb::Update, &options.field_manager);
        check_version(&resource, &call.target.name, &wanted, &object)?;
        // What is sent takes the place of what there was, but for what the server keeps.
        let old = std::mem::replace(&mut object, wanted);
        object["status"] = old["status"].clone();
        keep_system_fields(&mut object, &old);
        fields::note_update(author.write(call), &old, &mut object, true);
        if options.dry_run {
            return Ok(Answer::object(200, &Shown::Made(object), &resource, call.form, call.now));
        }
        let shown = if is_released(&object) {
            self.commit_deletion(call, &author, &resource, &kept, object.clone());
            Shown::Made(object)
        } else {
            Shown::Kept(self.commit(call, &author, &resource, object, Some(kept)))
        };
        Ok(Answer::object(200, &shown, &resource, call.form, call.now))
    }
}
