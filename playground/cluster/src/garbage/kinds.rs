//! The kinds that the server has, each followed for its objects' owners.

use std::{future::Future, pin::Pin};

use k8s_openapi::{
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{
    Client, Resource,
    api::DeleteParams,
    core::ApiResource,
    discovery::{Discovery, Scope, verbs},
};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::{
    cache::{Cache, Kind},
    object::ObjectKey,
};

/// An object of any kind, reduced to what the collector looks at.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct AnyObject {
    #[serde(deserialize_with = "reduced")]
    metadata: ObjectMeta,
}

fn reduced<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    let whole = ObjectMeta::deserialize(deserializer)?;
    Ok(ObjectMeta { labels: None, annotations: None, managed_fields: None, ..whole })
}

impl Resource for AnyObject {
    type DynamicType = ApiResource;
    type Scope = kube::core::DynamicResourceScope;

    fn kind(resource: &ApiResource) -> std::borrow::Cow<'_, str> {
        resource.kind.as_str().into()
    }

    fn group(resource: &ApiResource) -> std::borrow::Cow<'_, str> {
        resource.group.as_str().into()
    }

    fn version(resource: &ApiResource) -> std::borrow::Cow<'_, str> {
        resource.version.as_str().into()
    }

    fn plural(resource: &ApiResource) -> std::borrow::Cow<'_, str> {
        resource.plural.as_str().into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

/// A kind as the server names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Description {
    pub(super) resource: ApiResource,
    pub(super) namespaced: bool,
}

/// Asks the server for all kinds whose objects can be listed, watched and deleted. Events are left out: they own
/// nothing, are owned by nothing, and are many.
pub(super) async fn discover(client: &Client) -> kube::Result<Vec<Description>> {
    let discovery = Discovery::new(client.clone()).run().await?;
    let mut kinds = Vec::new();
    for group in discovery.groups_alphabetical() {
        for (resource, capabilities) in group.recommended_resources() {
            let usable = [verbs::LIST, verbs::WATCH, verbs::DELETE]
                .iter()
                .all(|verb| capabilities.supports_operation(verb));
            if usable && resource.kind != "Event" {
                kinds.push(Description { resource, namespaced: capabilities.scope == Scope::Namespaced });
            }
        }
    }
    kinds.sort_by(|a, b| (&a.resource.group, &a.resource.kind).cmp(&(&b.resource.group, &b.resource.kind)));
    Ok(kinds)
}

/// The kind that a definition makes the server serve; none while it does not.
pub(super) fn defined(definition: &CustomResourceDefinition) -> Option<Description> {
    let conditions = definition.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let established = conditions
        .into_iter()
        .any(|condition| condition.type_ == "Established" && condition.status == "True");
    if !established {
        return None;
    }
    let spec = &definition.spec;
    let version = spec.versions.iter().find(|version| version.served)?;
    Some(Description {
        resource: ApiResource {
            group: spec.group.clone(),
            version: version.name.clone(),
            api_version: format!("{}/{}", spec.group, version.name),
            kind: spec.names.kind.clone(),
            plural: spec.names.plural.clone(),
        },
        namespaced: spec.scope == "Namespaced",
    })
}

/// The result of a call, later.
pub(super) type Later<'a, T> = Pin<Box<dyn Future<Output = kube::Result<T>> + Send + 'a>>;

/// What can be done to objects of a kind, whatever type its cache holds.
pub(super) trait Keeper: Send + Sync {
    fn delete<'a>(&'a self, key: &'a ObjectKey, uid: &'a str, params: &'a DeleteParams) -> Later<'a, ()>;
    fn patch<'a>(&'a self, key: &'a ObjectKey, uid: &'a str, patch: Value) -> Later<'a, ()>;
    /// The uid of the object that has this name now.
    fn uid_now<'a>(&'a self, key: &'a ObjectKey) -> Later<'a, Option<String>>;
    /// Whether the namespace has objects of the kind now.
    fn any_now<'a>(&'a self, namespace: &'a str) -> Later<'a, bool>;
    fn synced(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

impl<K: Kind> Keeper for Cache<K>
where
    K::DynamicType: Sync,
{
    fn delete<'a>(&'a self, key: &'a ObjectKey, uid: &'a str, params: &'a DeleteParams) -> Later<'a, ()> {
        Box::pin(Cache::delete(self, key, uid, params))
    }

    fn patch<'a>(&'a self, key: &'a ObjectKey, uid: &'a str, patch: Value) -> Later<'a, ()> {
        Box::pin(async move { Cache::patch(self, key, uid, patch).await.map(drop) })
    }

    fn uid_now<'a>(&'a self, key: &'a ObjectKey) -> Later<'a, Option<String>> {
        Box::pin(self.read_uid(key))
    }

    fn any_now<'a>(&'a self, namespace: &'a str) -> Later<'a, bool> {
        Box::pin(self.read_any(namespace))
    }

    fn synced(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(Cache::synced(self))
    }
}
