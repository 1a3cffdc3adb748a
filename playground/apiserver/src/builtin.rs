//! The built-in kinds: a table of resources with their schemas, defaults and rules.

use std::sync::Arc;

use crate::resource::{Registry, Resource, ScalePaths};
use crate::schema::Schema;

mod autoscaling;
mod config;
mod container_rules;
mod custom_resources;
pub mod definitions;
mod endpoints;
mod event;
mod facts;
mod ingress_rules;
mod job_rules;
mod kinds;
mod namespace;
mod network_rules;
mod node;
mod place;
mod plain;
mod pod;
mod pod_changes;
mod pod_defaults;
mod pod_rules;
pub mod quantity;
mod quota_rules;
mod rules;
mod schedule;
mod service;
pub mod service_addresses;
mod service_changes;
mod service_families;
mod service_rules;
mod storage;
mod storage_rules;
mod webhook_rules;
mod workload;
mod workload_rules;

pub use kinds::Kind;

/// A registry of all built-in resources.
#[must_use]
pub fn registry() -> Registry {
    let mut registry = Registry::default();
    for kind in kinds::table() {
        registry.add(resource(kind));
    }
    registry
}

/// The schema node of a built-in definition, such as `io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta`.
#[must_use]
pub fn schema(definition: &str) -> Arc<Schema> {
    definitions::node(definition)
}

fn resource(kind: Kind) -> Resource {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Resource {
        group: kind.group.to_owned(),
        version: kind.version.to_owned(),
        kind: kind.kind.to_owned(),
        list_kind: format!("{}List", kind.kind),
        plural: kind.plural.to_owned(),
        singular: kind.kind.to_lowercase(),
        short_names: owned(kind.short_names),
        categories: owned(kind.categories),
        namespaced: kind.namespaced,
        status_subresource: kind.status,
        scale: kind.scale.then(|| ScalePaths {
            spec_replicas: ".spec.replicas".to_owned(),
            status_replicas: ".status.replicas".to_owned(),
            label_selector: Some(".spec.selector".to_owned()),
        }),
        subresources: kind.subresources.to_vec(),
        custom: false,
        schema: definitions::node(&definitions::definition_name(kind.group, kind.version, kind.kind)),
        columns: Vec::new(),
        described: None,
        strategy: kind.strategy,
        view: kind.view,
        asked: kind.asked,
        deprecation: kind.deprecation.map(str::to_owned),
    }
}
