//! AnalysisRuns and their templates. Of a run only what the Rollout's side needs is read: what it measures, and what it
//! has measured, may be long and is never built in memory. Fields are read as any JSON, for the schema may be anybody's.

use std::borrow::Cow;

use jiff::Timestamp;
use k8s_openapi::{
    ClusterResourceScope, NamespaceResourceScope, apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::Resource;
use serde::Deserialize;
use serde_json::Value;
use verdigris_core::observed::analysis::AnalysisRunSeen;
use verdigris_crds::keys;

use super::{controller_of, lean_metadata};

/// An AnalysisRun without its metrics and measurements.
#[derive(Clone, Debug, Deserialize)]
pub struct AnalysisRunItem {
    #[serde(deserialize_with = "lean_metadata")]
    metadata: ObjectMeta,
    #[serde(default)]
    spec: RunSpec,
    #[serde(default)]
    status: RunStatus,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct RunSpec {
    terminate: Value,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct RunStatus {
    phase: Value,
    message: Value,
}

/// An AnalysisTemplate.
#[derive(Clone, Debug, Deserialize)]
pub struct AnalysisTemplateItem {
    #[serde(deserialize_with = "lean_metadata")]
    metadata: ObjectMeta,
    #[serde(default)]
    spec: Value,
}

/// A ClusterAnalysisTemplate.
#[derive(Clone, Debug, Deserialize)]
pub struct ClusterAnalysisTemplateItem {
    #[serde(deserialize_with = "lean_metadata")]
    metadata: ObjectMeta,
    #[serde(default)]
    spec: Value,
}

impl AnalysisRunItem {
    /// What a decision needs of it.
    #[must_use]
    pub fn seen(self) -> AnalysisRunSeen {
        let controller_uid = controller_of(&self.metadata).map(|owner| owner.uid.clone());
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut annotations = self.metadata.annotations.unwrap_or_default();
        AnalysisRunSeen {
            name: self.metadata.name.unwrap_or_default(),
            uid: self.metadata.uid.unwrap_or_default(),
            resource_version: self.metadata.resource_version.unwrap_or_default(),
            created: self.metadata.creation_timestamp.map_or(Timestamp::UNIX_EPOCH, |time| time.0),
            deleting: self.metadata.deletion_timestamp.is_some(),
            controller_uid,
            labels: self.metadata.labels.unwrap_or_default(),
            revision: annotations.remove(keys::REVISION),
            sha256: annotations.remove(keys::ANALYSIS_SHA256),
            terminating: self.spec.terminate == true,
            phase: text(&self.status.phase),
            message: text(&self.status.message),
        }
    }
}

impl AnalysisTemplateItem {
    /// Its spec, raw.
    #[must_use]
    pub fn spec(&self) -> &Value {
        &self.spec
    }
}

impl ClusterAnalysisTemplateItem {
    /// Its spec, raw.
    #[must_use]
    pub fn spec(&self) -> &Value {
        &self.spec
    }
}

resource!(AnalysisRunItem, NamespaceResourceScope, "argoproj.io", "v1alpha1", "AnalysisRun", "analysisruns");
resource!(
    AnalysisTemplateItem,
    NamespaceResourceScope,
    "argoproj.io",
    "v1alpha1",
    "AnalysisTemplate",
    "analysistemplates"
);
resource!(
    ClusterAnalysisTemplateItem,
    ClusterResourceScope,
    "argoproj.io",
    "v1alpha1",
    "ClusterAnalysisTemplate",
    "clusteranalysistemplates"
);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn of_a_run_only_what_the_rollout_needs_is_kept_whatever_its_status_holds() {
        let run = |status: Value| -> AnalysisRunSeen {
            let item: AnalysisRunItem = serde_json::from_value(json!({
                "metadata": {"name": "r", "namespace": "n", "uid": "u", "resourceVersion": "7",
                    "annotations": {"rollout.argoproj.io/revision": "2"},
                    "ownerReferences": [{"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "shop",
                        "uid": "o", "controller": true}]},
                "spec": {"metrics": [{"name": "m"}], "terminate": true}, "status": status,
            }))
            .unwrap();
            item.seen()
        };
        let seen = run(json!({"phase": "Failed", "message": "why", "metricResults": [{"measurements": []}]}));
        assert_eq!((seen.phase.as_str(), seen.message.as_str(), seen.terminating), ("Failed", "why", true));
        assert_eq!((seen.revision.as_deref(), seen.controller_uid.as_deref()), (Some("2"), Some("o")));
        assert_eq!(run(json!({"phase": 5})).phase, "");
    }
}
