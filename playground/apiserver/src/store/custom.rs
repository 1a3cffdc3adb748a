//! What writes of CustomResourceDefinitions do besides: their resources are served, or no longer.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Call, Store, all_of, commit::Author, create::seconds_text, delete::mark_at_once};
use crate::{
    collection::{Collection, EventKind},
    crd, fields, metadata,
    resource::Resource,
    status::ApiError,
    stored::Stored,
    write_log::Verb,
};

/// Keeps a definition while there are objects of its kind.
const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";

/// In whose name the status of definitions is written.
const SETTLER: &str = "kube-apiserver";

const GROUP: &str = "apiextensions.k8s.io";
const PLURAL: &str = "customresourcedefinitions";

/// Whether `resource` is that of the definitions themselves.
pub(super) fn is_definition(resource: &Resource) -> bool {
    resource.group == GROUP && resource.plural == PLURAL
}

impl Store {
    /// Serves what a definition says from now on, or nothing of it.
    pub(super) fn follow_definition(&mut self, kind: EventKind, definition: &Value) {
        let (group, plural) = names(definition);
        let stale: Vec<String> = self
            .registry
            .iter()
            .filter(|resource| resource.custom && resource.group == group && resource.plural == plural)
            .map(|resource| resource.version.clone())
            .collect();
        for version in stale {
            self.registry.remove(&group, &version, &plural);
        }
        let key = (group, plural);
        if kind == EventKind::Deleted {
            self.collections.entry(key).and_modify(Collection::retire);
            self.free_retired();
            return;
        }
        if !crd::is_established(definition) {
            return;
        }
        if self.collections.get(&key).is_none_or(Collection::is_retired) {
            self.collections.insert(key, Collection::served_from(self.version));
        }
        for resource in crd::resources(definition) {
            self.registry.add(resource);
        }
    }

    /// After a write: if it was one of a definition, the names of its whole group are looked at again.
    pub(super) fn settle_after(
        &mut self,
        call: &Call<'_>,
        author: &Author,
        resource: &Resource,
        object: &Value,
    ) {
        if is_definition(resource) && author.manager != SETTLER {
            self.settle_definitions(call, &names(object).0);
        }
    }

    /// Looks at the names of the definitions of a group, as the real server does right after each write of one.
    fn settle_definitions(&mut self, call: &Call<'_>, group: &str) {
        let Some(definitions) = self.registry.get(GROUP, "v1", PLURAL).cloned() else { return };
        let all: Vec<Arc<Stored>> = all_of(self.collection(&definitions), "").into();
        let mut settled: Vec<Value> = all.iter().map(|kept| kept.value(&definitions)).collect();
        settled.retain(|definition| definition["spec"]["group"] == group);
        let author = Author {
            verb: Verb::Update,
            manager: SETTLER.to_owned(),
            user_agent: SETTLER.to_owned(),
            subresource: "status".to_owned(),
        };
        for index in 0..settled.len() {
            let mut definition = settled.remove(index);
            let old = definition.clone();
            crd::names::settle(&mut definition, &settled, &seconds_text(call.now));
            let kept = self.kept(&definitions, "", metadata::text(&old, "name"));
            if let Some(kept) = kept.filter(|_| definition["status"] != old["status"]) {
                let write = fields::Write {
                    resource: &definitions,
                    subresource: "status",
                    manager: &author.manager,
                    now: call.now,
                };
                fields::note_update(write, &old, &mut definition, true);
                self.commit(call, &author, &definitions, definition.clone(), Some(kept));
            }
            settled.insert(index, definition);
        }
    }

    /// No objects of a kind are created while its definition is on the way out.
    pub(super) fn admit_of_definition(&self, resource: &Resource, name: &str) -> Result<(), ApiError> {
        let definition = resource.custom.then(|| self.definition_of(resource)).flatten();
        if !definition.is_some_and(|(_, definition)| metadata::is_deleting(&definition)) {
            return Ok(());
        }
        let why = "create not allowed while custom resource definition is terminating";
        Err(ApiError::forbidden(resource.group_resource(), name, why))
    }

    /// Deletes all objects of a definition that is being deleted. Gives whether some stay, because of their
    /// finalizers; then the definition has to wait for them.
    pub(super) fn delete_instances(
        &mut self,
        call: &Call<'_>,
        author: &Author,
        definition: &mut Value,
    ) -> bool {
        let (group, plural) = names(definition);
        let Some(resource) = self
            .registry
            .iter()
            .find(|resource| resource.group == group && resource.plural == plural)
            .cloned()
        else {
            return false;
        };
        let instances: Vec<Arc<Stored>> = self
            .collection(&resource)
            .map(|collection| collection.iter("", "").cloned().collect())
            .unwrap_or_default();
        let mut some_stay = false;
        for kept in instances {
            let mut object = kept.value(&resource);
            if metadata::finalizers(&object).is_empty() {
                self.commit_deletion(call, author, &resource, &kept, object);
                continue;
            }
            some_stay = true;
            if !metadata::is_deleting(&object) {
                mark_at_once(&mut object, call.now);
                self.commit(call, author, &resource, object, Some(kept));
            }
        }
        if some_stay {
            await_instances(definition, &seconds_text(call.now));
        }
        some_stay
    }

    /// After an object has gone: its definition follows if it only waited for this one.
    pub(super) fn release_definition(&mut self, call: &Call<'_>, author: &Author, resource: &Resource) {
        if !resource.custom || self.collection(resource).is_some_and(|collection| !collection.is_empty()) {
            return;
        }
        let Some((kept, mut definition)) = self.definition_of(resource) else { return };
        if !metadata::is_deleting(&definition) || !metadata::finalizers(&definition).contains(&CLEANUP) {
            return;
        }
        let Some(definitions) = self.registry.get(GROUP, "v1", PLURAL).cloned() else { return };
        let rest: Vec<Value> = metadata::finalizers(&definition)
            .into_iter()
            .filter(|name| *name != CLEANUP)
            .map(Value::from)
            .collect();
        let last = rest.is_empty();
        metadata::map_mut(&mut definition).insert("finalizers".to_owned(), Value::Array(rest));
        metadata::tidy(&mut definition);
        if last {
            self.commit_deletion(call, author, &definitions, &kept, definition);
        } else {
            self.commit(call, author, &definitions, definition, Some(kept));
        }
    }

    fn definition_of(&self, resource: &Resource) -> Option<(Arc<Stored>, Value)> {
        let definitions = self.registry.get(GROUP, "v1", PLURAL)?;
        let kept = self.kept(definitions, "", &format!("{}.{}", resource.plural, resource.group))?;
        let definition = kept.value(definitions);
        Some((kept, definition))
    }
}

fn names(definition: &Value) -> (String, String) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&definition["spec"]["group"]), text(&definition["spec"]["names"]["plural"]))
}

fn await_instances(definition: &mut Value, now: &str) {
    let mut finalizers: Vec<Value> = metadata::finalizers(definition)
        .into_iter()
        .filter(|name| *name != CLEANUP)
        .map(Value::from)
        .collect();
    finalizers.push(json!(CLEANUP));
    metadata::map_mut(definition).insert("finalizers".to_owned(), Value::Array(finalizers));
    let terminating = json!({
        "type": "Terminating", "status": "True", "reason": "InstanceDeletionInProgress",
        "message": "CustomResource deletion is in progress", "lastTransitionTime": now,
    });
    if let Some(Value::Array(conditions)) = definition.pointer_mut("/status/conditions") {
        conditions.retain(|condition| condition["type"] != "Terminating");
        conditions.push(terminating);
    }
}

#[cfg(test)]
mod tests {
    use http::Method;
    use jiff::Timestamp;

    use super::*;
    use crate::server::ApiServer;

    #[test]
    fn a_kind_that_is_no_longer_served_leaves_nothing_behind() {
        let server = ApiServer::new(Arc::new(|| Timestamp::UNIX_EPOCH), 1);
        let definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
        let definition = json!({
            "metadata": {"name": "cups.example.com"},
            "spec": {"group": "example.com", "scope": "Cluster", "names": {"plural": "cups", "kind": "Cup"},
                     "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                         "type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]},
        });
        let key = ("example.com".to_owned(), "cups".to_owned());
        server.ask(Method::POST, definitions, &definition).unwrap();
        let cup = json!({"apiVersion": "example.com/v1", "kind": "Cup", "metadata": {"name": "a"}});
        server.ask(Method::POST, "/apis/example.com/v1/cups", &cup).unwrap();
        let watching = Arc::clone(&server.store().collections[&key].changed);
        let path = format!("{definitions}/cups.example.com");
        server.ask(Method::DELETE, &path, &Value::Null).unwrap();
        assert_eq!(server.store().collections[&key].len(), 0, "kept while somebody watches");
        drop(watching);
        server.store().free_retired();
        assert!(!server.store().collections.contains_key(&key));
        // Served again, it begins anew.
        server.ask(Method::POST, definitions, &definition).unwrap();
        let store = server.store();
        assert!(!store.collections[&key].is_retired() && store.collections[&key].since(1).is_none());
    }
}
