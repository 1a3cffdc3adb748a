//! The states of a Rollout, one after the other, and what Argo CD and Flux are to say of each.

use serde_json::{Value, json};

/// What Argo CD says of a spec that the controller has not looked at.
pub const UNSEEN: &str = "Waiting for rollout spec update to be observed";

/// What somebody does.
pub enum Act {
    /// Merges this into the Rollout.
    Change(&'static str),
    /// Sets the image to `example/app:TAG`. A tag that ends in `-error` never becomes ready.
    Image(&'static str),
    /// Sets the image of the Deployment that is referenced.
    Workload(&'static str),
    /// Runs this action of Argo CD, which is to send this to the status subresource and this to the object.
    Action(&'static str, &'static str, &'static str),
    /// Gives the open AnalysisRun this phase.
    Measure(&'static str),
    /// Lets so many seconds pass.
    Wait(u64),
}

/// A state, and what is said of it: a row of the page.
#[derive(Clone, Copy)]
pub struct Moment {
    state: &'static str,
    health: &'static str,
    enabled: &'static str,
    flux: &'static str,
}

/// A Rollout of two pods under a manual gate, and what is done to it.
pub struct Story {
    /// Its name, and its namespace.
    pub name: &'static str,
    /// What is created before it.
    pub beside: &'static [&'static str],
    /// What is different of the Rollout.
    pub rollout: &'static str,
    /// Its state once the controller has done what it can.
    pub first: Moment,
    /// Acts in order, each with the state after it.
    pub acts: &'static [(Act, Moment)],
}

pub const APPLIED: Moment = Moment {
    state: "applied, not looked at yet",
    health: "Progressing: Waiting for rollout spec update to be observed",
    enabled: "restart",
    flux: "Unknown",
};
const STARTING: Moment = Moment {
    state: "the first version comes up",
    health: "Progressing: updated replicas are still becoming available",
    enabled: "restart",
    flux: "InProgress",
};
const HEALTHY: Moment =
    Moment { state: "nothing to do", health: "Healthy", enabled: "restart", flux: "Current" };
const UPDATING: Moment = Moment {
    state: "a new version comes up",
    health: "Progressing: active service cutover pending",
    enabled: "abort, pause, promote-full, restart",
    flux: "InProgress",
};
const GATE: Moment = Moment {
    state: "the gate waits for a promotion",
    health: "Suspended: BlueGreenPause",
    enabled: "abort, pause, promote-full, restart, resume",
    flux: "InProgress",
};
const HALTED: Moment = Moment {
    state: "`spec.paused` during an update",
    health: "Suspended: manually paused",
    enabled: "abort, promote-full, restart, resume",
    flux: "InProgress",
};
const RESTING: Moment = Moment {
    state: "`spec.paused` with nothing to do",
    health: "Suspended: manually paused",
    enabled: "restart, resume",
    flux: "InProgress",
};
const ABORTED: Moment = Moment {
    state: "aborted",
    health: "Degraded: RolloutAborted",
    enabled: "promote-full, restart, retry",
    flux: "Failed",
};
const LATE: Moment = Moment {
    state: "`progressDeadlineSeconds` are over",
    health: "Degraded: ProgressDeadlineExceeded",
    enabled: "abort, pause, promote-full, restart",
    flux: "Failed",
};
const INVALID: Moment = Moment {
    state: "the spec is invalid",
    health: "Degraded: InvalidSpec",
    enabled: "restart",
    flux: "Failed",
};
const MEASURED: Moment = Moment {
    state: "an analysis decides",
    health: "Progressing: active service cutover pending",
    enabled: "abort, pause, promote-full, restart",
    flux: "InProgress",
};
const INCONCLUSIVE: Moment = Moment {
    state: "an analysis was inconclusive",
    health: "Suspended: InconclusiveAnalysisRun",
    enabled: "abort, pause, promote-full, restart, resume",
    flux: "InProgress",
};

const CLEARED: &str = r#"{"status":{"pauseConditions":null}}"#;

pub const STORIES: &[Story] = &[
    Story {
        name: "gate",
        beside: &[],
        rollout: r#"{"spec": {"strategy": {"blueGreen": {"scaleDownDelaySeconds": 1}}}}"#,
        first: HEALTHY,
        acts: &[
            (Act::Image("2-error"), UPDATING),
            (Act::Image("2"), GATE),
            (Act::Action("resume", CLEARED, ""), HEALTHY),
            (Act::Image("3"), GATE),
            (Act::Action("abort", r#"{"status":{"abort":true}}"#, ""), ABORTED),
            (Act::Action("retry", r#"{"status":{"abort":null}}"#, ""), GATE),
            (Act::Action("promote-full", r#"{"status":{"promoteFull":true}}"#, ""), HEALTHY),
            (Act::Action("restart", "", r#"{"spec":{"restartAt":"TIME"}}"#), HEALTHY),
            (Act::Image("4-error"), UPDATING),
            (Act::Action("pause", "", r#"{"spec":{"paused":true}}"#), HALTED),
            (Act::Action("resume", "", r#"{"spec":{"paused":false}}"#), UPDATING),
            (Act::Image("4"), GATE),
            (Act::Image("3"), HEALTHY),
            (Act::Change(r#"{"spec": {"paused": true}}"#), RESTING),
            (Act::Action("resume", "", r#"{"spec":{"paused":false}}"#), HEALTHY),
        ],
    },
    Story {
        name: "first",
        beside: &[],
        rollout: r#"{"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "example/app:1-error"}]}}}}"#,
        first: STARTING,
        acts: &[(Act::Image("1"), HEALTHY)],
    },
    Story {
        name: "late",
        beside: &[],
        rollout: r#"{"spec": {"progressDeadlineSeconds": 6}}"#,
        first: HEALTHY,
        acts: &[
            (Act::Image("2-error"), UPDATING),
            (Act::Wait(7), LATE),
            (Act::Action("abort", r#"{"status":{"abort":true}}"#, ""), ABORTED),
            (Act::Image("1"), HEALTHY),
        ],
    },
    Story {
        name: "mistake",
        beside: &[],
        rollout: r#"{"spec": {"strategy": {"blueGreen": {"activeService": "app-other"}}}}"#,
        first: INVALID,
        acts: &[(
            Act::Change(r#"{"spec": {"strategy": {"blueGreen": {"activeService": "app-active"}}}}"#),
            HEALTHY,
        )],
    },
    Story {
        name: "measured",
        beside: &[
            r#"{"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisTemplate", "metadata": {"name": "check"},
            "spec": {"metrics": [{"name": "job", "count": 1, "provider": {"job": {"spec": {"backoffLimit": 0, "template":
            {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "x"}]}}}}}}]}}"#,
        ],
        rollout: r#"{"spec": {"strategy": {"blueGreen": {"autoPromotionEnabled": true,
            "prePromotionAnalysis": {"templates": [{"templateName": "check"}]}}}}}"#,
        first: HEALTHY,
        acts: &[
            (Act::Image("2"), MEASURED),
            (Act::Measure("Inconclusive"), INCONCLUSIVE),
            (Act::Action("resume", CLEARED, ""), MEASURED),
            (Act::Measure("Successful"), HEALTHY),
            (Act::Image("3"), MEASURED),
            (Act::Measure("Failed"), ABORTED),
        ],
    },
    Story {
        name: "reference",
        beside: &[
            r#"{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "app"}, "spec": {"replicas": 0,
            "selector": {"matchLabels": {"app": "app"}}, "template": {"metadata": {"labels": {"app": "app"}},
            "spec": {"containers": [{"name": "app", "image": "example/app:1"}]}}}}"#,
        ],
        rollout: r#"{"spec": {"template": null, "selector": null,
            "workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "app"}}}"#,
        first: HEALTHY,
        acts: &[
            (Act::Workload("2"), GATE),
            (Act::Action("resume", CLEARED, ""), HEALTHY),
            (Act::Action("restart", "", r#"{"spec":{"restartAt":"TIME"}}"#), HEALTHY),
        ],
    },
    Story {
        name: "no-pods",
        beside: &[],
        rollout: r#"{"spec": {"replicas": 0}}"#,
        first: HEALTHY,
        acts: &[(Act::Image("2"), GATE), (Act::Action("resume", CLEARED, ""), HEALTHY)],
    },
];

impl Moment {
    /// Its row of the page.
    pub fn expected(&self) -> String {
        self.row(self.health, self.enabled, self.flux)
    }

    /// The row if this is what is said.
    pub fn row(&self, health: &str, enabled: &str, flux: &str) -> String {
        format!("| {} | {health} | {enabled} | {flux} |", self.state)
    }
}

/// The Rollout of every story, but for what is different.
pub fn rollout(namespace: &str) -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": "app", "namespace": namespace},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "app"}},
            "template": template("example/app:1"),
            "strategy": {"blueGreen": {"activeService": "app-active", "previewService": "app-preview",
                "autoPromotionEnabled": false}},
        },
    })
}

/// Its pods. The null is what many a generated manifest has, and what the rules of Argo CD drop.
pub fn template(image: &str) -> Value {
    json!({
        "metadata": {"creationTimestamp": null, "labels": {"app": "app"}},
        "spec": {"containers": [{"name": "app", "image": image, "resources": {}}]},
    })
}

/// Where the Rollout of the story is.
pub fn path(namespace: &str) -> String {
    format!("/apis/argoproj.io/v1alpha1/namespaces/{namespace}/rollouts/app")
}
