//! Where an update stands, as far as it decides what can be done about it.

use verdigris_crds::Rollout;

use crate::view::{
    Strategy, Version,
    canary::{step_index, steps},
    phase,
};

/// Where an update stands.
#[derive(Clone, Debug)]
pub struct State {
    /// The status speaks of the newest spec.
    pub observed: bool,
    /// The newest version is the stable one, or the first ever: nothing is under way.
    pub settled: bool,
    /// Why the spec cannot be acted on, if it cannot.
    pub invalid: Option<String>,
    /// The update was aborted.
    pub aborted: bool,
    /// `spec.paused` is true.
    pub paused_by_spec: bool,
    /// The controller waits.
    pub waiting: bool,
    /// The strategy is canary, with steps that are still to do.
    pub steps_left: bool,
    /// The revision of the newest version, for texts.
    revision: String,
    strategy: Strategy,
}

impl State {
    /// Where this Rollout's update stands; `current` is the version that its newest spec asks for.
    #[must_use]
    pub fn of(rollout: &Rollout, current: Option<&Version>) -> Self {
        let status = rollout.status.clone().unwrap_or_default();
        let stable = status.stable_rs.as_deref().unwrap_or_default();
        let canary = rollout.spec.strategy.as_ref().and_then(|strategy| strategy.canary.as_ref());
        Self {
            observed: phase::is_seen(rollout),
            settled: stable.is_empty() || status.current_pod_hash.as_deref() == Some(stable),
            invalid: phase::why_invalid(&status),
            aborted: status.abort == Some(true),
            paused_by_spec: rollout.spec.paused == Some(true),
            waiting: phase::is_waiting(&status),
            steps_left: canary
                .is_some_and(|canary| step_index(&status).is_some_and(|index| index < steps(canary).len())),
            revision: current.map_or_else(|| "it".into(), |current| format!("revision {}", current.revision)),
            strategy: Strategy::of(rollout),
        }
    }

    /// Why a plain promote makes no sense now; `None` if it does.
    #[must_use]
    pub fn why_not_promote(&self) -> Option<String> {
        match () {
            () if !self.observed => Some(NOT_SEEN.into()),
            () if self.invalid.is_some() => self.invalid.clone(),
            () if self.paused_by_spec => None,
            () if self.settled => {
                Some(format!("{} is already stable: there is nothing to promote", self.revision))
            }
            () if self.aborted => Some("the update is aborted: retry it first".into()),
            () if self.waiting || self.steps_left || self.strategy == Strategy::BlueGreen => None,
            () => Some("it goes on by itself: there is nothing to promote".into()),
        }
    }

    /// Why promoting without pauses and analysis makes no sense now; `None` if it does.
    #[must_use]
    pub fn why_not_promote_full(&self) -> Option<String> {
        match () {
            () if !self.observed => Some(NOT_SEEN.into()),
            () if self.invalid.is_some() => self.invalid.clone(),
            () if self.settled => {
                Some(format!("{} is already stable: there is nothing to promote", self.revision))
            }
            () => None,
        }
    }

    /// Why aborting makes no sense now; `None` if it does.
    #[must_use]
    pub fn why_not_abort(&self) -> Option<String> {
        match () {
            () if !self.observed => None,
            () if self.aborted => Some("the update is aborted already".into()),
            () if self.settled => {
                Some(format!("{} is already stable: there is no update to abort", self.revision))
            }
            () => None,
        }
    }

    /// Why retrying makes no sense now; `None` if it does.
    #[must_use]
    pub fn why_not_retry(&self) -> Option<String> {
        (!self.aborted).then(|| "the update is not aborted: there is nothing to retry".into())
    }

    /// Why pausing makes no sense now; `None` if it does.
    #[must_use]
    pub fn why_not_pause(&self) -> Option<String> {
        self.paused_by_spec.then(|| "spec.paused is true already".into())
    }
}

const NOT_SEEN: &str = "the controller has not seen the newest spec yet";
