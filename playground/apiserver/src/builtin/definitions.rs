//! The types of the built-in kinds as OpenAPI definitions, and as schema nodes that all kinds share.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use k8s_openapi::api;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1 as apiextensions;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::facts;
use crate::schema::{Definitions, Schema};

/// Definitions that the generated descriptions give the wrong type, or none: what they really take.
const FREE_FORM: [&str; 3] = [
    "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1",
    "io.k8s.apimachinery.pkg.runtime.RawExtension",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON",
];

/// A definition that contains itself: described field by field, but not read.
const RECURSIVE: &str = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps";

/// The nodes of all built-in types, read once.
static NODES: LazyLock<BTreeMap<String, Arc<Schema>>> = LazyLock::new(|| {
    let mut sources = described();
    sources.entry(RECURSIVE.to_owned()).and_modify(set_free);
    let names: Vec<String> = sources.keys().cloned().collect();
    let mut definitions = Definitions::new(sources);
    names.into_iter().filter_map(|name| Some((name.clone(), definitions.node(&name).ok()?))).collect()
});

/// The shared node of a definition; one that takes anything if there is none of that name.
pub(super) fn node(name: &str) -> Arc<Schema> {
    NODES.get(name).cloned().unwrap_or_else(|| Arc::new(Schema::anything()))
}

/// The name of a kind's definition: `io.k8s.api.apps.v1.Deployment`.
#[must_use]
pub fn definition_name(group: &str, version: &str, kind: &str) -> String {
    match group {
        "apiextensions.k8s.io" => {
            format!("io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.{version}.{kind}")
        }
        "" => format!("io.k8s.api.core.{version}.{kind}"),
        group => {
            let family = group.split('.').next().unwrap_or(group);
            format!("io.k8s.api.{family}.{version}.{kind}")
        }
    }
}

/// All definitions as JSON, with descriptions and facts. Large (megabytes): make it, use it, drop it.
#[must_use]
pub fn described() -> BTreeMap<String, Value> {
    let mut generator = SchemaSettings::openapi3().into_generator();
    register(&mut generator);
    let mut definitions: BTreeMap<String, Value> = generator.take_definitions(false).into_iter().collect();
    for name in FREE_FORM {
        definitions.entry(name.to_owned()).and_modify(set_free);
    }
    facts::add_to(&mut definitions);
    definitions
}

/// Lets a definition take anything.
fn set_free(definition: &mut Value) {
    if let Value::Object(definition) = definition {
        definition.retain(|key, _| key == "description");
        definition.insert("x-kubernetes-preserve-unknown-fields".to_owned(), Value::Bool(true));
    }
}

macro_rules! register {
    ($generator:ident, $($kind:ty),+ $(,)?) => { $( let _ = $generator.subschema_for::<$kind>(); )+ };
}

fn register(generator: &mut SchemaGenerator) {
    register!(
        generator,
        api::core::v1::ConfigMap,
        api::core::v1::Endpoints,
        api::core::v1::Event,
        api::core::v1::LimitRange,
        api::core::v1::Namespace,
        api::core::v1::Node,
        api::core::v1::PersistentVolume,
        api::core::v1::PersistentVolumeClaim,
        api::core::v1::Pod,
        api::core::v1::PodTemplate,
        api::core::v1::ReplicationController,
        api::core::v1::ResourceQuota,
        api::core::v1::Secret,
        api::core::v1::Service,
        api::core::v1::ServiceAccount,
        api::admissionregistration::v1::MutatingWebhookConfiguration,
        api::admissionregistration::v1::ValidatingWebhookConfiguration,
        apiextensions::CustomResourceDefinition,
        api::apps::v1::ControllerRevision,
        api::apps::v1::DaemonSet,
        api::apps::v1::Deployment,
        api::apps::v1::ReplicaSet,
        api::apps::v1::StatefulSet,
        api::authentication::v1::SelfSubjectReview,
        api::authorization::v1::LocalSubjectAccessReview,
        api::authorization::v1::SelfSubjectAccessReview,
        api::authorization::v1::SelfSubjectRulesReview,
        api::authorization::v1::SubjectAccessReview,
        api::autoscaling::v1::Scale,
        api::autoscaling::v2::HorizontalPodAutoscaler,
        api::batch::v1::CronJob,
        api::batch::v1::Job,
        api::coordination::v1::Lease,
        api::discovery::v1::EndpointSlice,
        api::events::v1::Event,
        api::networking::v1::Ingress,
        api::networking::v1::IngressClass,
        api::networking::v1::NetworkPolicy,
        api::node::v1::RuntimeClass,
        api::policy::v1::Eviction,
        api::policy::v1::PodDisruptionBudget,
        api::rbac::v1::ClusterRole,
        api::rbac::v1::ClusterRoleBinding,
        api::rbac::v1::Role,
        api::rbac::v1::RoleBinding,
        api::scheduling::v1::PriorityClass,
        api::storage::v1::StorageClass,
    );
}

#[cfg(test)]
mod tests {
    use super::node;
    use crate::schema::ListType;

    #[test]
    fn built_in_types_know_how_their_lists_merge() {
        let deployment = node("io.k8s.api.apps.v1.Deployment");
        let ports = ["spec", "template", "spec", "containers", "ports"];
        let ports = deployment.at(&ports).unwrap();
        assert_eq!(ports.list_type, Some(ListType::Map));
        assert_eq!(ports.list_map_keys, ["containerPort", "protocol"]);
        assert_eq!(ports.patch_merge_key.as_deref(), Some("containerPort"));
        assert!(ports.patch_strategy.merge);
        assert!(deployment.at(&["spec", "strategy"]).unwrap().patch_strategy.retain_keys);
        assert_eq!(deployment.at(&["metadata", "finalizers"]).unwrap().list_type, Some(ListType::Set));
    }

    #[test]
    fn pod_templates_are_one_subtree_in_memory() {
        let deployment = node("io.k8s.api.apps.v1.Deployment");
        let job = node("io.k8s.api.batch.v1.Job");
        let container = ["spec", "template", "spec", "containers"];
        let items = |kind: &crate::schema::Schema| kind.at(&container).unwrap().items.clone().unwrap();
        assert!(std::sync::Arc::ptr_eq(&items(&deployment), &items(&job)));
    }
}
