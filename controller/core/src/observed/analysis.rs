//! What a decision needs of AnalysisRuns and their templates.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use verdigris_crds::keys;

/// AnalysisRuns and templates around one Rollout.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AnalysisSeen {
    /// AnalysisRuns that the Rollout controls, by name, and those its status names.
    pub runs: BTreeMap<String, AnalysisRunSeen>,
    /// The specs of the templates that the strategy names and of those that they name; `None` where there is none.
    pub templates: BTreeMap<TemplateName, Option<Value>>,
    /// Why neither can be read, where that is so: kinds that the server does not know, or no permission.
    pub unreadable: Option<String>,
}

/// Names an AnalysisTemplate of the Rollout's namespace, or a ClusterAnalysisTemplate.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TemplateName {
    /// Whether it is a ClusterAnalysisTemplate.
    pub cluster_scope: bool,
    /// `metadata.name`.
    #[serde(rename = "templateName")]
    pub name: String,
}

/// What a decision needs of an AnalysisRun; what it measures is not among it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AnalysisRunSeen {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion`.
    pub resource_version: String,
    /// `metadata.creationTimestamp`.
    pub created: Timestamp,
    /// Whether a deletionTimestamp is set.
    pub deleting: bool,
    /// UID of the controlling owner, if there is one.
    pub controller_uid: Option<String>,
    /// `metadata.labels`.
    pub labels: BTreeMap<String, String>,
    /// The revision that it is about: the annotation.
    pub revision: Option<String>,
    /// The annotation [`keys::ANALYSIS_SHA256`].
    pub sha256: Option<String>,
    /// `spec.terminate`.
    pub terminating: bool,
    /// `status.phase`; empty while nobody has measured anything.
    pub phase: String,
    /// `status.message`.
    pub message: String,
}

impl AnalysisRunSeen {
    /// The pod template hash that it is about.
    #[must_use]
    pub fn hash(&self) -> Option<&str> {
        self.labels.get(keys::POD_TEMPLATE_HASH).map(String::as_str)
    }

    /// Whether its phase is a last one.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        matches!(self.phase.as_str(), "Successful" | "Failed" | "Error" | "Inconclusive")
    }
}
