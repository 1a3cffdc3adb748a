//! What a strategy says of an analysis, and what a template says, read for what matters here; metrics stay raw.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use verdigris_crds::Other;

use crate::observed::analysis::TemplateName;

/// `prePromotionAnalysis` and its like.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Asked {
    pub templates: Vec<TemplateName>,
    pub args: Vec<AskedArgument>,
    pub dry_run: Vec<Value>,
    pub measurement_retention: Vec<Value>,
    pub analysis_run_metadata: RunMetadata,
}

/// Labels and annotations of runs.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RunMetadata {
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
}

/// An argument as a Rollout gives it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct AskedArgument {
    pub name: String,
    pub value: String,
    pub value_from: Option<AskedFrom>,
}

/// Where the value comes from.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct AskedFrom {
    /// `Stable` or `Latest`.
    pub pod_template_hash_value: Option<String>,
    pub field_ref: Option<FieldRef>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct FieldRef {
    pub field_path: String,
}

/// The spec of an AnalysisTemplate or a ClusterAnalysisTemplate.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct TemplateSpec {
    pub metrics: Vec<Value>,
    pub args: Vec<Argument>,
    pub dry_run: Vec<Value>,
    pub measurement_retention: Vec<Value>,
    pub templates: Vec<TemplateName>,
}

/// An argument of a template, and of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Argument {
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_from: Option<Value>,
    #[serde(flatten)]
    pub other: Other,
}

impl Asked {
    pub fn parse(asked: &Value) -> Result<Self, serde_json::Error> {
        if !asked.is_object() {
            return Err(serde::de::Error::custom("expected an object"));
        }
        Self::deserialize(asked)
    }
}
