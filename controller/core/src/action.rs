//! What people do to a Rollout, as patches: the terminal and the dashboard write the same.
//!
//! Each function looks at the objects as they were read and answers with a [`Plan`]: patches in order, the text that
//! says what was done, and notes where that text alone would promise too much. The patches are the peer's, so that
//! either controller understands them; beside them goes our approval ([`crate::approval`]), which names the version
//! that is meant. A [`Refusal`] means that nothing is to be written.

pub mod image;
pub mod promote;
pub mod state;
pub mod template;
pub mod undo;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use verdigris_crds::Rollout;

use crate::{
    approval::Approval,
    view::{Around, RolloutView, Version},
};

pub use image::{ImageError, set_image};
pub use promote::{Promote, promote};
pub use undo::{Past, Undo, undo};

/// What to write, and what to say once it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// In order; stop at the first that fails. May be empty: then there is nothing to do.
    pub patches: Vec<Patch>,
    /// What was done: the peer's text.
    pub done: String,
    /// What the reader should know besides, a sentence each.
    pub notes: Vec<String>,
}

/// One PATCH request.
///
/// It is refused if what it was planned on is no longer so: with 409 (Conflict) where it names a resourceVersion, and
/// with 422 where a JSON patch's `test` fails. Then read again and plan again, for the same version.
#[derive(Clone, Debug, PartialEq)]
pub struct Patch {
    /// Which kind of patch the body is.
    pub kind: PatchKind,
    /// What it patches.
    pub target: Target,
    /// The body.
    pub body: Value,
}

/// Which kind of patch a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchKind {
    /// `application/merge-patch+json`.
    Merge,
    /// `application/json-patch+json`.
    Json,
}

/// What a patch is sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The Rollout.
    Rollout,
    /// The Rollout's subresource `status`. Where there is none (404), the same body goes to the Rollout itself.
    Status,
    /// The object that `spec.workloadRef` names.
    Workload(WorkloadRef),
}

/// The object that holds the pod template in the Rollout's stead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkloadRef {
    /// For example `apps/v1`.
    pub api_version: String,
    /// `Deployment`, `ReplicaSet` or `PodTemplate`.
    pub kind: String,
    /// `metadata.name`.
    pub name: String,
}

/// Who acts, with what, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// The user, as far as the client knows.
    pub user: Option<String>,
    /// The client: `kubectl-rollouts` or `dashboard`.
    pub by: String,
    /// The time now.
    pub now: Timestamp,
}

/// Why nothing is written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The status speaks of an older spec, so nobody knows yet which version is meant.
    #[error(
        "the controller has not seen the newest spec of rollout '{name}' yet; wait a moment and try again"
    )]
    NotObserved {
        /// The Rollout.
        name: String,
    },
    /// The controller cannot act on the newest spec: what is stable is not what was applied.
    #[error("{message}")]
    Invalid {
        /// The controller's words.
        message: String,
    },
    /// Another version has taken the place of the one that is meant.
    #[error("rollout '{name}': {meant} is superseded by revision {} ({}); look at that one before promoting it", .current.revision, .current.hash)]
    Superseded {
        /// The Rollout.
        name: String,
        /// What was asked for.
        meant: String,
        /// What is there.
        current: Version,
    },
    /// The update was aborted.
    #[error(
        "rollout '{name}' is aborted; retry it first (`retry rollout {name}`), or promote it with --full"
    )]
    Aborted {
        /// The Rollout.
        name: String,
    },
    /// Both flags at once. The peer's text.
    #[error("Cannot use skip-current-step and skip-all-steps flags at the same time")]
    SkipBoth,
    /// Steps of a blue-green. The peer's text.
    #[error("Cannot skip steps of a bluegreen rollout. Run without a flags")]
    SkipBlueGreen,
    /// Steps where there are none. The peer's text.
    #[error("Cannot skip steps of a rollout without steps")]
    SkipNothing,
    /// There is nothing to go back to. The peer's text.
    #[error("no revision found for rollout \"{name}\"")]
    NoHistory {
        /// The Rollout.
        name: String,
    },
    /// There is no such revision. The peer's text, and which there are.
    #[error("unable to find specified revision {revision} in history (there are {})", list(.known))]
    NoSuchRevision {
        /// What was asked for.
        revision: u64,
        /// What there is.
        known: Vec<u64>,
    },
    /// Going back in one step is a matter of two stacks.
    #[error("--now needs strategy blueGreen; rollout '{name}' has another")]
    NowNeedsBlueGreen {
        /// The Rollout.
        name: String,
    },
    /// An approval cannot be written together with a template that another object holds.
    #[error(
        "--now does not work with workloadRef: the template of rollout '{name}' is another object's; run undo, then promote"
    )]
    NowNeedsTemplate {
        /// The Rollout.
        name: String,
    },
    /// `spec.workloadRef` names no object.
    #[error("spec.workloadRef of rollout '{name}' lacks apiVersion, kind or name")]
    BadWorkloadRef {
        /// The Rollout.
        name: String,
    },
}

/// Goes back to the stable version.
#[must_use]
pub fn abort(rollout: &Rollout, current: Option<&Version>) -> Plan {
    let done = format!("rollout '{}' aborted", name(rollout));
    let why_not = state::State::of(rollout, current).why_not_abort();
    // Written all the same: the status may be older than the update that is meant, and where there is nothing to abort
    // the controller takes the field away.
    Plan::one(Patch::merge(Target::Status, json!({"status": {"abort": true}})), done).note(why_not)
}

/// Tries an aborted update again.
#[must_use]
pub fn retry(rollout: &Rollout, current: Option<&Version>) -> Plan {
    let done = format!("rollout '{}' retried", name(rollout));
    let why_not = state::State::of(rollout, current).why_not_retry();
    Plan::one(Patch::merge(Target::Status, json!({"status": {"abort": false}})), done).note(why_not)
}

/// Stops all progress.
#[must_use]
pub fn pause(rollout: &Rollout) -> Plan {
    let done = format!("rollout '{}' paused", name(rollout));
    Plan::one(Patch::merge(Target::Rollout, json!({"spec": {"paused": true}})), done)
}

/// Restarts all pods that are older than `delay` from now.
#[must_use]
pub fn restart(rollout: &Rollout, delay: SignedDuration, now: Timestamp) -> Plan {
    let at = Timestamp::from_second(now.checked_add(delay).unwrap_or(now).as_second()).unwrap_or(now);
    let done = format!("rollout '{}' restarts in {}", name(rollout), go_text(delay.as_secs()));
    Plan::one(Patch::merge(Target::Rollout, json!({"spec": {"restartAt": at.to_string()}})), done)
}

/// The version that the newest spec asks for, from the objects as they were read.
#[must_use]
pub fn current_version(
    rollout: &Rollout,
    replica_sets: &[k8s_openapi::api::apps::v1::ReplicaSet],
) -> Option<Version> {
    let around = Around { replica_sets, ..Around::default() };
    RolloutView::new(rollout, &around, Timestamp::UNIX_EPOCH).current
}

impl Plan {
    fn one(patch: Patch, done: String) -> Self {
        Self { patches: vec![patch], done, notes: Vec::new() }
    }

    fn note(mut self, note: Option<String>) -> Self {
        self.notes.extend(note);
        self
    }
}

impl Patch {
    fn merge(target: Target, body: Value) -> Self {
        Self { kind: PatchKind::Merge, target, body }
    }
}

impl Who {
    fn approves(&self, version: &Version) -> Approval {
        Approval {
            hash: version.hash.clone(),
            revision: Some(version.revision),
            user: self.user.clone(),
            // Whole seconds, as every time that the API writes.
            at: Some(Timestamp::from_second(self.now.as_second()).unwrap_or(self.now)),
            by: self.by.clone(),
        }
    }
}

fn name(rollout: &Rollout) -> String {
    rollout.metadata.name.clone().unwrap_or_default()
}

/// Seconds as Go writes a duration: `0s`, `90s` is `1m30s`, an hour is `1h0m0s`.
fn go_text(secs: i64) -> String {
    let (hours, minutes, secs) = (secs / 3600, secs / 60 % 60, secs % 60);
    match (hours, minutes) {
        (0, 0) => format!("{secs}s"),
        (0, _) => format!("{minutes}m{secs}s"),
        _ => format!("{hours}h{minutes}m{secs}s"),
    }
}

fn list(revisions: &[u64]) -> String {
    if revisions.is_empty() {
        return "none".into();
    }
    revisions.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
