//! Objects as they come from the API server, read for what a decision needs and no more.
//!
//! What the server itself validates (ReplicaSets, Services, EndpointSlices, Pods) is read into small structs that skip
//! everything else, pod templates and managedFields among it, without ever building it in memory. A Rollout is kept
//! as JSON: its schema may be anybody's, and one that does not fit our types must not stop the others.

/// Says under which kind the API knows an item that has `metadata`.
macro_rules! resource {
    ($item:ty, $scope:ty, $group:literal, $version:literal, $kind:literal, $plural:literal) => {
        impl Resource for $item {
            type DynamicType = ();
            type Scope = $scope;

            fn kind((): &()) -> Cow<'_, str> {
                $kind.into()
            }
            fn group((): &()) -> Cow<'_, str> {
                $group.into()
            }
            fn version((): &()) -> Cow<'_, str> {
                $version.into()
            }
            fn plural((): &()) -> Cow<'_, str> {
                $plural.into()
            }
            fn meta(&self) -> &ObjectMeta {
                &self.metadata
            }
            fn meta_mut(&mut self) -> &mut ObjectMeta {
                &mut self.metadata
            }
        }
    };
}

mod analysis;
mod built_in;
mod rollout;
mod workload;

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference, Time};
use serde::{Deserialize, Deserializer};

pub use analysis::{AnalysisRunItem, AnalysisTemplateItem, ClusterAnalysisTemplateItem};
pub use built_in::{PodItem, ReplicaSetItem, ServiceItem, SliceItem, TemplateItem};
pub use rollout::{RolloutItem, Undecodable};
pub use workload::WorkloadItem;

use crate::key::Key;

/// `kind` of Rollouts, in owner references.
pub const ROLLOUT_KIND: &str = "Rollout";
/// `apiVersion` of Rollouts.
pub const ROLLOUT_API_VERSION: &str = "argoproj.io/v1alpha1";

/// Metadata without `managedFields`, which are often longer than all the rest.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct LeanMeta {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    generation: Option<i64>,
    creation_timestamp: Option<Time>,
    deletion_timestamp: Option<Time>,
    labels: Option<BTreeMap<String, String>>,
    annotations: Option<BTreeMap<String, String>>,
    owner_references: Option<Vec<OwnerReference>>,
}

/// For `deserialize_with`: reads metadata without its `managedFields`.
fn lean_metadata<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    let lean = LeanMeta::deserialize(deserializer)?;
    Ok(ObjectMeta {
        name: lean.name,
        namespace: lean.namespace,
        uid: lean.uid,
        resource_version: lean.resource_version,
        generation: lean.generation,
        creation_timestamp: lean.creation_timestamp,
        deletion_timestamp: lean.deletion_timestamp,
        labels: lean.labels,
        annotations: lean.annotations,
        owner_references: lean.owner_references,
        ..ObjectMeta::default()
    })
}

/// The key of an object that has this metadata.
#[must_use]
pub fn key_of(metadata: &ObjectMeta) -> Key {
    Key::new(metadata.namespace.as_deref().unwrap_or_default(), metadata.name.as_deref().unwrap_or_default())
}

/// The reference to the object's controller, if it has one.
#[must_use]
pub fn controller_of(metadata: &ObjectMeta) -> Option<&OwnerReference> {
    metadata.owner_references.iter().flatten().find(|owner| owner.controller == Some(true))
}
