//! A Deployment that the Rollout may reference: its template, its pods, and what users do to it.

use serde_json::{Value, json};

use super::Cluster;
use super::api::defaulted;
use crate::decision::ScaleWorkload;
use crate::observed::EndpointSeen;
use crate::workload::{Workload, WorkloadSeen};

impl Cluster {
    /// A user moves the Rollout's template into a Deployment of the same name with so many pods, and references it.
    pub fn reference_deployment(&mut self, pods: i32, scale_down: &str) {
        let template = self.rollout.spec.template.take();
        let selector = self.rollout.spec.selector.clone();
        if let Some(template) = template {
            let seen = WorkloadSeen {
                uid: "uid-of-deployment".to_owned(),
                resource_version: self.next_version(),
                generation: 1,
                replicas: Some(pods),
                selector,
                template: defaulted(&template),
            };
            self.workload = Some(Workload::There(Box::new(seen)));
        }
        let name = self.rollout.metadata.name.clone();
        let reference =
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": name, "scaleDown": scale_down});
        self.edit(|rollout| rollout.spec.workload_ref = Some(reference));
    }

    /// A user, or a GitOps tool, changes the Deployment.
    pub fn edit_workload(&mut self, edit: impl FnOnce(&mut WorkloadSeen)) {
        let version = self.next_version();
        if let Some(Workload::There(seen)) = &mut self.workload {
            let before = (**seen).clone();
            edit(seen);
            seen.generation += i64::from(**seen != before);
            seen.resource_version = version;
        }
    }

    /// The workload is deleted, or can no longer be read: what is found of it from now on.
    pub fn lose_workload(&mut self, found: Workload) {
        let lost = self.workload.replace(found);
        self.lost_workload = self.lost_workload.take().or(lost);
    }

    /// The workload that was lost is there again.
    pub fn find_workload(&mut self) {
        if let Some(lost) = self.lost_workload.take() {
            self.workload = Some(lost);
        }
    }

    /// The pod template, wherever it is.
    #[must_use]
    pub fn template(&self) -> Option<&Value> {
        match (&self.rollout.spec.workload_ref, &self.workload) {
            (Some(_), Some(Workload::There(seen))) => Some(&seen.template),
            _ => self.rollout.spec.template.as_ref(),
        }
    }

    pub(super) fn scale_workload(&mut self, scale: &ScaleWorkload) {
        let is_current = matches!(&self.workload, Some(Workload::There(seen))
            if seen.resource_version == scale.at.resource_version && seen.uid == scale.at.uid);
        if is_current {
            self.edit_workload(|seen| seen.replicas = Some(scale.replicas));
        }
    }

    /// The Deployment's pods: ready at once, and endpoints of every Service that selects no version.
    pub(super) fn endpoints_of_workload(&self) -> Vec<EndpointSeen> {
        let Some(Workload::There(seen)) = &self.workload else { return Vec::new() };
        let names = (0..seen.replicas.unwrap_or(0)).map(|number| format!("deployed-{number}"));
        let endpoint = |name: String| EndpointSeen {
            pod_uid: Some(format!("uid-of-{name}")),
            pod_name: Some(name),
            ready: true,
        };
        names.map(endpoint).collect()
    }
}
