//! R7: what the referenced Deployment may lose.

use serde_json::Value;

use super::{Refused, Rule, World, ensure, refuse};
use crate::decision::ScaleWorkload;
use crate::observed::Fresh;
use crate::workload::Workload;

impl World<'_> {
    /// It never gains pods, and what serves keeps as many as are desired: those of the version that the active Service
    /// selects, or of the current one while it selects no version, and those that the Deployment keeps.
    pub(super) fn scale_workload(&self, scale: &ScaleWorkload) -> Result<(), Refused> {
        let what = format!("scale Deployment {} to {}", scale.at.name, scale.replicas);
        let reference = self.observed.rollout.spec.workload_ref.as_ref();
        let says = |field: &str| reference.and_then(|it| it.get(field)).and_then(Value::as_str);
        let is_named = says("kind") == Some("Deployment") && says("name") == Some(&scale.at.name);
        let is_wished = matches!(says("scaleDown"), Some("onsuccess" | "progressively"));
        let Some(Workload::There(seen)) = &self.observed.workload else {
            return refuse(Rule::R6, format!("{what}: it was not seen"));
        };
        ensure(is_named && is_wished && seen.uid == scale.at.uid, Rule::R6, || {
            format!("{what}: this Rollout does not ask for it")
        })?;
        self.needs(&[Fresh::Rollout, Fresh::Services, Fresh::ReplicaSets, Fresh::Workload], &what)?;
        let have = seen.replicas.unwrap_or(0);
        let serving = match self.selected.get(&self.active_service) {
            Some(hash) => self.with_hash(hash),
            None => self.decision.status.current_pod_hash.as_deref().and_then(|hash| self.with_hash(hash)),
        };
        let serving = serving.filter(|it| !it.deleting && it.status_is_current());
        let serve = serving.map_or(0, |it| it.available_replicas.min(it.replicas_wanted));
        let is_enough = self.desired > 0 && serve.saturating_add(scale.replicas) >= self.desired;
        ensure((0..have).contains(&scale.replicas) && is_enough, Rule::R7, || {
            format!("{what}: it has {have}, {serve} pods of the Rollout serve, {} are desired", self.desired)
        })
    }
}
