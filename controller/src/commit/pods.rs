//! Writes to single pods. A pod that is gone, or is kept by somebody, is skipped: the next look at the pods shows it.

use k8s_openapi::api::core::v1::Pod;
use serde_json::json;
use tracing::info;
use verdigris_core::decision::{Evictions, PodChange};

use super::Commit;
use crate::server::{CallError, Style};

impl Commit<'_> {
    /// Changes labels and annotations of a pod, whatever else became of it meanwhile.
    pub(super) async fn label(&mut self, change: &PodChange, why: &str) -> Result<(), CallError> {
        let (pod, what) = (&change.at, format!("label pod {}", change.at.name));
        let metadata = json!({"uid": pod.uid, "labels": change.labels, "annotations": change.annotations});
        let place = (self.rollout.namespace(), pod.name.as_str(), None);
        let body = json!({"metadata": metadata});
        match self.server.patch::<Pod>(what.clone(), place, Style::Merge, &body).await {
            Ok(_) => {
                self.touched_pods = true;
                self.counters.writes.label_pod.add_one();
                info!(rollout = %self.rollout, revision = self.revision, change = what, why, "written");
                Ok(())
            }
            Err(error) if matches!(error.code(), Some(404 | 409)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Asks pod after pod until enough of them leave.
    pub(super) async fn evict(&mut self, evictions: &Evictions, why: &str) -> Result<(), CallError> {
        let namespace = self.rollout.namespace();
        let mut gone = 0;
        for pod in &evictions.pods {
            if gone == evictions.most {
                break;
            }
            let what = format!("evict pod {}", pod.name);
            let body = json!({
                "apiVersion": "policy/v1", "kind": "Eviction",
                "metadata": {"name": pod.name, "namespace": namespace},
                "deleteOptions": {"preconditions": {"uid": pod.uid}},
            });
            match self.server.create_at::<Pod>(what.clone(), (namespace, &pod.name, "eviction"), &body).await
            {
                Ok(()) => {
                    gone += 1;
                    self.touched_pods = true;
                    self.counters.writes.evict_pod.add_one();
                    info!(rollout = %self.rollout, revision = self.revision, change = what, why, "written");
                }
                // Gone, or another one of that name; kept by a PodDisruptionBudget (429), or by two of them (500).
                Err(error) if matches!(error.code(), Some(404 | 409 | 429 | 500..)) => {
                    info!(rollout = %self.rollout, pod = pod.name, why = %error, "not evicted now");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
