//! The API types of `argoproj.io/v1alpha1` that Verdigris reads and writes.
//!
//! What blue-green needs is typed; everything else in `spec` and `status` (canary, analysis, traffic routing, fields
//! newer than us) is kept as it came, in each struct's `other`, so that a read-modify-write loses nothing. The pod
//! template is raw JSON from end to end: we hash, store and create exactly what the user wrote.

pub mod blue_green;
pub mod keys;
pub mod manifest;
pub mod rollout;
pub mod status;

pub use blue_green::{AntiAffinity, BlueGreenStrategy, IntOrPercent, PodMetadata};
pub use rollout::{RollbackWindow, Rollout, RolloutSpec, RolloutStrategy, Selector, SelectorExpression};
pub use status::{
    AnalysisRunStatus, BlueGreenStatus, Condition, PauseCondition, RolloutDuration, RolloutStatus,
};

/// Fields that a struct does not type, kept as they came.
pub type Other = std::collections::BTreeMap<String, serde_json::Value>;
