//! How a pod comes to its end: preStop hooks, then the signal, then patience, then the kill.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, Pod};

use super::container::after;

/// How long before the kill idle connections are closed, at most.
const CLOSE_IDLE_BEFORE: Duration = Duration::from_secs(1);

/// The moments of one pod's termination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Termination {
    /// When the process is told to stop: after the longest preStop hook, but not after the grace period.
    pub(super) signal: Timestamp,
    /// When connections kept alive without a request are closed.
    pub(super) close_idle: Timestamp,
    /// When it is killed, whatever is under way.
    pub(super) kill: Timestamp,
    pub(super) signalled: bool,
}

impl Termination {
    /// For a pod that is asked to go at `now`.
    ///
    /// With 30 s of grace and a preStop sleep of 5 s: told to stop at 5 s, idle connections close at 29 s, killed at
    /// 30 s. A pod whose last connection closes earlier ends then.
    pub(super) fn new(pod: &Pod, now: Timestamp) -> Self {
        let spec = pod.spec.as_ref();
        let grace_seconds = pod
            .metadata
            .deletion_grace_period_seconds
            .or_else(|| spec.and_then(|spec| spec.termination_grace_period_seconds))
            .unwrap_or(30);
        let grace = Duration::from_secs(u64::try_from(grace_seconds).unwrap_or(0));
        let hook = spec.iter().flat_map(|spec| &spec.containers).map(pre_stop).max().unwrap_or_default();
        let patience = grace - CLOSE_IDLE_BEFORE.min(grace / 2);
        Self {
            signal: after(now, hook.min(grace)),
            close_idle: after(now, patience.max(hook.min(grace))),
            kill: after(now, grace),
            signalled: false,
        }
    }

    /// The next moment after `now` at which something is to be done.
    pub(super) fn due(&self, now: Timestamp) -> Timestamp {
        [self.signal, self.close_idle].into_iter().filter(|at| *at > now).min().unwrap_or(self.kill)
    }
}

/// How long the container's preStop hook takes: a `sleep` action, or a command that is `sleep N`, directly or through a
/// shell. Any other hook returns at once.
fn pre_stop(container: &Container) -> Duration {
    let hook = container.lifecycle.as_ref().and_then(|lifecycle| lifecycle.pre_stop.as_ref());
    let Some(hook) = hook else { return Duration::ZERO };
    if let Some(sleep) = &hook.sleep {
        return Duration::from_secs(u64::try_from(sleep.seconds).unwrap_or(0));
    }
    let command: Vec<&str> = hook
        .exec
        .iter()
        .flat_map(|exec| exec.command.iter().flatten())
        .flat_map(|word| word.split([' ', ';', '&', '\n']))
        .filter(|word| !word.is_empty())
        .collect();
    let seconds = command
        .iter()
        .zip(command.iter().skip(1))
        .find(|(word, _)| **word == "sleep" || word.ends_with("/sleep"))
        .and_then(|(_, seconds)| seconds.trim_end_matches('s').parse::<f64>().ok());
    seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn pre_stop_hooks_that_sleep_are_understood() {
        let cases = [
            (json!({"sleep": {"seconds": 7}}), 7_000),
            (json!({"exec": {"command": ["sleep", "5"]}}), 5_000),
            (json!({"exec": {"command": ["/bin/sleep", "0.5"]}}), 500),
            (json!({"exec": {"command": ["sh", "-c", "sleep 3"]}}), 3_000),
            (json!({"exec": {"command": ["/bin/sh", "-c", "echo bye; sleep 2s && true"]}}), 2_000),
            (json!({"exec": {"command": ["nginx", "-s", "quit"]}}), 0),
            (json!({"httpGet": {"port": 80}}), 0),
        ];
        for (hook, milliseconds) in cases {
            let container = json!({"name": "c", "lifecycle": {"preStop": hook}});
            let container = serde_json::from_value(container).unwrap();
            assert_eq!(pre_stop(&container).as_millis(), milliseconds, "{hook}");
        }
    }

    #[test]
    fn the_hook_comes_first_and_grace_bounds_everything() {
        let at = |milliseconds: i64| Timestamp::from_millisecond(1_800_000_000_000 + milliseconds).unwrap();
        let moments = |grace: i64, hook: Value| {
            let pod = serde_json::from_value(json!({
                "metadata": {"deletionGracePeriodSeconds": grace},
                "spec": {"containers": [{"name": "c", "lifecycle": {"preStop": hook}}]},
            }))
            .unwrap();
            let termination = Termination::new(&pod, at(0));
            [termination.signal, termination.close_idle, termination.kill]
        };
        assert_eq!(moments(30, json!({"sleep": {"seconds": 5}})), [at(5_000), at(29_000), at(30_000)]);
        assert_eq!(moments(1, json!({})), [at(0), at(500), at(1_000)]);
        assert_eq!(moments(3, json!({"sleep": {"seconds": 9}})), [at(3_000), at(3_000), at(3_000)]);
        assert_eq!(moments(0, json!({})), [at(0), at(0), at(0)]);
    }
}
