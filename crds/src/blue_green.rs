//! `spec.strategy.blueGreen`: two full stacks, one switch.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Other;

/// A whole number, or a percentage such as `25%`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum IntOrPercent {
    /// So many.
    Int(i32),
    /// So many of a hundred. The peer reads a string without `%` as a percentage too.
    Percent(String),
}

impl IntOrPercent {
    /// So many of `whole`, rounded down. A text that is no number counts as none of them.
    #[must_use]
    pub fn of(&self, whole: i32) -> i32 {
        match self {
            Self::Int(count) => *count,
            Self::Percent(text) => {
                let percent = text.strip_suffix('%').unwrap_or(text).parse::<i32>().unwrap_or(0);
                let count = i64::from(whole) * i64::from(percent);
                i32::try_from(count.div_euclid(100)).unwrap_or(i32::MAX)
            }
        }
    }
}

/// Labels and annotations of pods.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PodMetadata {
    /// Labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
    /// Annotations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
    /// Fields that this version of Verdigris does not know.
    #[serde(flatten)]
    pub other: Other,
}

/// How pods of a new version keep off the nodes of the stable one. Exactly one of the two.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AntiAffinity {
    /// A wish.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preferred_during_scheduling_ignored_during_execution: Option<PreferredAntiAffinity>,
    /// A must. It has no fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required_during_scheduling_ignored_during_execution: Option<Other>,
    /// Fields that this version of Verdigris does not know.
    #[serde(flatten)]
    pub other: Other,
}

/// A wish to keep off nodes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PreferredAntiAffinity {
    /// From 1 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<i32>,
    /// Fields that this version of Verdigris does not know.
    #[serde(flatten)]
    pub other: Other,
}

/// How a new version is previewed and promoted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BlueGreenStrategy {
    /// The Service that production traffic uses. Its selector is switched at promotion.
    pub active_service: String,
    /// The Service that selects the newest version before it is promoted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview_service: Option<String>,
    /// Pods of the new version before promotion. Default: as many as `spec.replicas`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview_replica_count: Option<i32>,
    /// Whether a version that is fully available is promoted without being asked. Default true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_promotion_enabled: Option<bool>,
    /// Seconds between full availability and automatic promotion. Default 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_promotion_seconds: Option<i32>,
    /// How many pods a restart may take away at once. Default 25 %.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Value>")]
    pub max_unavailable: Option<IntOrPercent>,
    /// Seconds the old version stays after traffic has left it. Default 30. 0 means at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_down_delay_seconds: Option<i32>,
    /// How many old versions may wait for their delay at once. Default: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_down_delay_revision_limit: Option<i32>,
    /// Seconds the new version stays after an abort. Default 30. 0 means it is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abort_scale_down_delay_seconds: Option<i32>,
    /// Analysis that must succeed before promotion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pre_promotion_analysis: Option<Value>,
    /// Analysis after promotion; if it fails, traffic goes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post_promotion_analysis: Option<Value>,
    /// Keeps pods of the new version off nodes of the old one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Value>")]
    pub anti_affinity: Option<AntiAffinity>,
    /// Labels and annotations on pods while their version is in preview.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Value>")]
    pub preview_metadata: Option<PodMetadata>,
    /// Labels and annotations on pods while their version is active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Value>")]
    pub active_metadata: Option<PodMetadata>,
    /// Fields that this version of Verdigris does not know.
    #[serde(flatten)]
    #[schemars(skip)]
    pub other: Other,
}
