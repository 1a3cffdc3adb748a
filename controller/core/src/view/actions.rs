//! What can be done about a Rollout now, so that a page can offer it and a terminal can name it.

use serde::Serialize;
use verdigris_crds::Rollout;

use super::Version;
use crate::action::state::State;

/// What makes sense now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ActionsView {
    /// Let the newest version go on: pass the pause it is in, or approve it before it gets there.
    pub promote: ActionView,
    /// Promote it without pauses and analysis.
    pub promote_full: ActionView,
    /// Go back to the stable version.
    pub abort: ActionView,
    /// Try an aborted update again.
    pub retry: ActionView,
    /// Stop all progress by `spec.paused`.
    pub pause: ActionView,
}

/// Whether one thing makes sense now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ActionView {
    /// Whether it does.
    pub possible: bool,
    /// Why not, if it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why_not: Option<String>,
}

impl ActionsView {
    /// What makes sense for this Rollout.
    #[must_use]
    pub fn of(rollout: &Rollout, current: Option<&Version>) -> Self {
        let state = State::of(rollout, current);
        Self {
            promote: state.why_not_promote().into(),
            promote_full: state.why_not_promote_full().into(),
            abort: state.why_not_abort().into(),
            retry: state.why_not_retry().into(),
            pause: state.why_not_pause().into(),
        }
    }
}

impl From<Option<String>> for ActionView {
    fn from(why_not: Option<String>) -> Self {
        Self { possible: why_not.is_none(), why_not }
    }
}
