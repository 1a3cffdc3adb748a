//! Readiness: when to probe, what to ask, and how many answers it takes.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::{
    api::core::v1::{Container, Probe},
    apimachinery::pkg::util::intstr::IntOrString,
};

use super::{container::after, host::Check};

/// A container's readiness, which its probe decides; without a probe it is ready as soon as it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Readiness {
    ready: bool,
    next: Option<Timestamp>,
    period: Duration,
    timeout: Duration,
    successes: i32,
    successes_needed: i32,
    failures: i32,
    failures_needed: i32,
}

impl Readiness {
    /// Of a container that has just started. The first probe comes after the initial delay.
    pub(super) fn new(probe: Option<&Probe>, now: Timestamp) -> Self {
        let seconds = |value: Option<i32>, default: i32| {
            Duration::from_secs(u64::try_from(value.unwrap_or(default)).unwrap_or(0))
        };
        let at_least_one = |value: Option<i32>, default: i32| value.unwrap_or(default).max(1);
        Self {
            ready: probe.is_none(),
            next: probe.map(|probe| after(now, seconds(probe.initial_delay_seconds, 0))),
            period: seconds(probe.and_then(|probe| probe.period_seconds), 10).max(Duration::from_secs(1)),
            timeout: seconds(probe.and_then(|probe| probe.timeout_seconds), 1).max(Duration::from_secs(1)),
            successes: 0,
            successes_needed: at_least_one(probe.and_then(|probe| probe.success_threshold), 1),
            failures: 0,
            failures_needed: at_least_one(probe.and_then(|probe| probe.failure_threshold), 3),
        }
    }

    pub(super) fn is_ready(&self) -> bool {
        self.ready
    }

    /// When the next probe is due.
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.next
    }

    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Takes a probe's answer in.
    pub(super) fn answered(&mut self, well: bool, now: Timestamp) {
        self.next = Some(after(now, self.period));
        if well {
            self.failures = 0;
            self.successes += 1;
            self.ready |= self.successes >= self.successes_needed;
        } else {
            self.successes = 0;
            self.failures += 1;
            self.ready &= self.failures < self.failures_needed;
        }
    }
}

/// What the probe asks of this container.
pub(super) fn check(probe: &Probe, container: &Container) -> Check {
    let number = |port: &IntOrString| match port {
        IntOrString::Int(number) => u16::try_from(*number).unwrap_or(0),
        IntOrString::String(name) => container
            .ports
            .iter()
            .flatten()
            .find(|port| port.name.as_ref() == Some(name))
            .map(|port| u16::try_from(port.container_port).unwrap_or(0))
            .or_else(|| name.parse().ok())
            .unwrap_or(0),
    };
    if let Some(get) = &probe.http_get {
        let path = get.path.as_deref().unwrap_or("/");
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        return Check::Http { port: number(&get.port), path };
    }
    match &probe.tcp_socket {
        Some(socket) => Check::Tcp { port: number(&socket.port) },
        None => Check::Health,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    #[test]
    fn without_a_probe_it_is_ready_at_once() {
        let readiness = Readiness::new(None, at(0));
        assert!(readiness.is_ready());
        assert_eq!(readiness.due(), None);
    }

    #[test]
    fn thresholds_decide_when_it_turns() {
        let probe = serde_json::from_value(json!({
            "initialDelaySeconds": 5, "periodSeconds": 2, "successThreshold": 2, "failureThreshold": 2,
        }))
        .unwrap();
        let mut readiness = Readiness::new(Some(&probe), at(0));
        assert_eq!((readiness.is_ready(), readiness.due()), (false, Some(at(5))));
        let mut seen = Vec::new();
        for (step, well) in [true, true, false, true, false, false, true].into_iter().enumerate() {
            readiness.answered(well, at(5 + 2 * i64::try_from(step).unwrap()));
            seen.push(readiness.is_ready());
        }
        assert_eq!(seen, [false, true, true, true, true, false, false]);
        assert_eq!(readiness.due(), Some(at(5 + 2 * 6 + 2)));
    }

    #[test]
    fn a_probe_may_name_its_port() {
        let container =
            serde_json::from_value(json!({"name": "c", "ports": [{"name": "http", "containerPort": 8080}]}))
                .unwrap();
        let probe = serde_json::from_value(json!({"httpGet": {"path": "readyz", "port": "http"}})).unwrap();
        assert_eq!(check(&probe, &container), Check::Http { port: 8080, path: "/readyz".into() });
    }
}
