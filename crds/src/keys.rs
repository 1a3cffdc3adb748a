//! Labels, annotations, condition types and reasons: the words that Verdigris and its users exchange through objects.
//!
//! The peer's keys come first: they are the compatible surface. Ours all live under `verdigris.dev/`.

/// Label on ReplicaSets and pods, and key in Service selectors: the hash of the pod template.
pub const POD_TEMPLATE_HASH: &str = "rollouts-pod-template-hash";
/// Annotation on Rollouts and ReplicaSets: the revision, a decimal number.
pub const REVISION: &str = "rollout.argoproj.io/revision";
/// Annotation on a ReplicaSet that was used again: its earlier revisions, comma separated.
pub const REVISION_HISTORY: &str = "rollout.argoproj.io/revision-history";
/// Annotation on ReplicaSets: the Rollout's `spec.replicas` when the ReplicaSet was last scaled.
pub const DESIRED_REPLICAS: &str = "rollout.argoproj.io/desired-replicas";
/// Annotation on ReplicaSets: when to scale it to zero, RFC 3339 in UTC.
pub const SCALE_DOWN_DEADLINE: &str = "scale-down-deadline";
/// Annotation on Rollouts that reference a workload, and on their ReplicaSets: the workload's generation.
pub const WORKLOAD_GENERATION: &str = "rollout.argoproj.io/workload-generation";
/// Annotation on Services: the name of the Rollout that switches the selector.
pub const MANAGED_BY: &str = "argo-rollouts.argoproj.io/managed-by-rollouts";
/// Label on Rollouts: the controller instance that is responsible.
pub const INSTANCE_ID: &str = "argo-rollouts.argoproj.io/controller-instance-id";
/// Label on AnalysisRuns that a Rollout owns: `PrePromotion`, `PostPromotion`, and for canary `Step` or `Background`.
pub const ROLLOUT_TYPE: &str = "rollout-type";
/// Annotation on ReplicaSets: labels and annotations that its pods have for as long as their version plays its role, JSON.
pub const EPHEMERAL_METADATA: &str = "rollout.argoproj.io/ephemeral-metadata";
/// Annotation of notifications state; never copied to ReplicaSets.
pub const NOTIFIED: &str = "notified.notifications.argoproj.io";
/// Annotation of client-side apply; never copied to ReplicaSets.
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Prefix of every annotation of ours. None of them is ever copied from a Rollout to its ReplicaSets.
pub const OWN_PREFIX: &str = "verdigris.dev/";
/// Annotation on ReplicaSets: SHA-256 (lower-case hex) of the canonical JSON of the Rollout's raw pod template.
pub const TEMPLATE_SHA256: &str = "verdigris.dev/template-sha256";
/// Annotation on ReplicaSets: SHA-256 (lower-case hex) of the names and images of the containers in that raw template.
pub const IMAGES_SHA256: &str = "verdigris.dev/images-sha256";
/// Annotation on Rollouts: the approval that a client of ours wrote, JSON (`verdigris_core::approval::Approval`).
pub const APPROVAL: &str = "verdigris.dev/approval";
/// Annotation on ReplicaSets: since when it has been out of use after having been promoted. It goes when the ReplicaSet
/// is scaled to zero, so whoever carries it is warm: going back to it needs no second approval. It names the revision that it
/// was written for, or will have by the same write, and counts for no other: whoever else brings the version back changes that.
pub const FORMERLY_STABLE: &str = "verdigris.dev/formerly-stable";
/// Annotation on ReplicaSets: since when it has been out of use after having been promoted, kept when it is scaled to
/// zero. Going back to it needs no second approval while it is inside the rollback window.
pub const ONCE_STABLE: &str = "verdigris.dev/once-stable";
/// Annotation on ReplicaSets: labels and annotations that pods of it may still have from an earlier role, JSON. It is
/// there for as long as its pods are yet to be given those of their role.
pub const FORMER_METADATA: &str = "verdigris.dev/former-pod-metadata";
/// Annotation on Rollouts: when the preview Service is pointed at a new version. `whenReady` waits for its pods; without
/// it, at once.
pub const PREVIEW_SWITCH: &str = "verdigris.dev/preview-switch";
/// Annotation on AnalysisRuns: SHA-256 (lower-case hex) of the canonical JSON of the spec that was asked for. By it a run
/// is known again whose creation was never recorded.
pub const ANALYSIS_SHA256: &str = "verdigris.dev/analysis-sha256";

/// Condition of ours: fields of the spec that this version does not honour yet.
pub const NOT_HONOURED: &str = "verdigris.dev/NotHonoured";
/// Condition of ours: False from the moment the active Service was switched until its endpoints show it, then True;
/// Unknown where they could not be read or did not follow in time and a timer decided.
pub const TRAFFIC_SWITCHED: &str = "verdigris.dev/TrafficSwitched";
/// Condition of ours: how far the new version has come at best, and (`lastUpdateTime`) since when no farther. The
/// progress deadline is measured from there. Absent while nothing is measured.
pub const PROGRESS: &str = "verdigris.dev/Progress";
/// Condition of ours: what became of the last approval; reason `Approved`, `Spent`, `Withdrawn` or `Refused`.
pub const APPROVAL_CONDITION: &str = "verdigris.dev/Approval";
/// Condition of ours: the active Service selects something else than recorded, and it is left alone for a reason.
pub const SERVICE_DRIFT: &str = "verdigris.dev/ServiceDrift";
/// Condition of ours: what is awaited, and until when; absent while nothing is.
pub const AWAITED: &str = "verdigris.dev/Awaited";
/// Condition of ours: `spec.restartAt` is being carried out; how many pods are older, and how often they were asked to
/// leave since one did (`lastUpdateTime`: for the last time). Absent otherwise.
pub const RESTART: &str = "verdigris.dev/Restart";
/// Condition of ours: an older Rollout's selector matches the pods of this one too, or the other way round.
pub const SELECTOR_OVERLAP: &str = "verdigris.dev/SelectorOverlap";
/// Condition of ours: the API server refuses a write, for a reason that trying again does not mend at once.
pub const WRITE_REFUSED: &str = "verdigris.dev/WriteRefused";
/// Condition of ours: why an analysis does not get on: nobody measures its run, it cannot be made, or AnalysisRuns cannot
/// be read at all.
pub const ANALYSIS_STALLED: &str = "verdigris.dev/AnalysisStalled";
